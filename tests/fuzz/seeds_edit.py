#!/usr/bin/env python3
"""Makes the fuzz seeds of edits under tests/fuzz/corpus/edit/: each edit on models of tests/data and on small ones that
the program fused (INLAY_PROGRAM, else build/release/inlay). Usage: seeds_edit.py"""

import pathlib
import tempfile

from seeds_verify import DATA, MOST, fused, pack

CORPUS = pathlib.Path(__file__).parent / "corpus/edit"
EDITS = 13  # of fuzz_edit.c


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        models = [DATA / "saved_models" / name for name in ("tf1", "keras", "metagraphs", "stateless")]
        models += [fused(folder, metric, i) for i, metric in enumerate(("cosine", "dot", "l2"))]
        for i, model in enumerate(models):
            packed = pack(model, 0)
            if len(packed) > MOST:
                continue
            for edit in range(EDITS):
                # every edit on fused models, those of any model on all
                if model.parent == folder or edit in (0, 1, 2, 7, 8, 10, 11, 12):
                    (CORPUS / f"{model.name}_{edit}").write_bytes(bytes([edit, 7 * i + edit]) + packed)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the fuzz seeds of verify under tests/fuzz/corpus/verify/: models of tests/data, and small ones that the program
fused (INLAY_PROGRAM, else build/release/inlay), whole and damaged. Usage: seeds_verify.py"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
import damage

DATA = ROOT / "tests/data"
CORPUS = pathlib.Path(__file__).parent / "corpus/verify"
PROGRAM = os.environ.get("INLAY_PROGRAM", ROOT / "build/release/inlay")
NAMES = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00002",
         "variables/variables.data-00001-of-00002", "assets.extra/inlay.json", "assets.extra/inlay_search.labels",
         "fingerprint.pb", "assets/words.txt", "variables/variables.data-00000-of-00001", "saved_model.pbtxt",
         "assets.extra/inlay.sums"]
MOST = 60_000  # bytes
FAST, REPAIR, SALVAGE, ALONE, UNSEALED = 1, 2, 4, 8, 16


def pack(model, options):
    out = bytes([options])
    for i, name in enumerate(NAMES):
        if (model / name).exists():
            data = (model / name).read_bytes()
            if name.endswith("inlay.json"):
                data = data[: data.rindex(b'"crc32c"')]
            out += bytes([i]) + len(data).to_bytes(3, "little") + data
    return out


def cut(model, step=240):
    """Gives the rows, one chunk of 960 bytes behind their header, sums of blocks of STEP bytes."""
    path = model / "assets.extra/inlay.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    rows = (model / "variables/variables.data-00001-of-00002").read_bytes()[128:]
    sums = b"".join(damage.crc32c(rows[at: at + step]).to_bytes(4, "little") for at in range(0, len(rows), step))
    manifest["collections"]["search"]["chunks"][0] |= {"block_bytes": step, "first_block": 0, "blocks": len(sums) // 4}
    manifest["files"].append({"path": "assets.extra/inlay.sums", "bytes": len(sums), "crc32c": damage.crc32c(sums)})
    manifest["crc32c"] = manifest.pop("crc32c")  # the last
    (model / "assets.extra/inlay.sums").write_bytes(sums)
    path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def fused(folder, metric, seed):
    rows = np.random.default_rng(seed).standard_normal((40, 6)).astype(np.float32)
    np.save(folder / "rows.npy", rows)
    (folder / "labels.txt").write_text("".join(f"row {i}\n" for i in range(40)))
    model = folder / f"fused_{metric}"
    subprocess.run([PROGRAM, "fuse", "--embeddings", folder / "rows.npy", "--shards", "copy", "--metric", metric, "--labels",
                    folder / "labels.txt", "-o", model], check=True, stdout=subprocess.DEVNULL)
    cut(model)
    return model


def damaged(folder, model, rng):
    """(name, model) for a few kinds of damage."""
    rows = "variables/variables.data-00001-of-00002"
    for name, hit in (("noise", lambda p: damage.noise(p / rows, rng, 128, 1088)), ("flip", lambda p: damage.flip(p / rows, rng, 128, 1088)),
                      ("swap", lambda p: damage.swap(p / rows, 128, 1088, 4)), ("shift", lambda p: damage.insert(p / rows, 0, 5, rng)),
                      ("cut", lambda p: damage.rewrite(p / rows, lambda data: data[:-40])),
                      ("zero", lambda p: damage.zero(p / rows, 128, 1088)),
                      ("index", lambda p: damage.flip(p / "variables/variables.index", rng, 10, 60))):
        other = damage.copy(model, folder / name)
        hit(other)
        yield name, other


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = [(m.name, m) for m in sorted((DATA / "saved_models").iterdir())]
        models += [(metric, fused(folder, metric, i)) for i, metric in enumerate(("cosine", "dot"))]
        models += list(damaged(folder, folder / "fused_cosine", rng))
        for what, model in models:
            for options in (REPAIR, SALVAGE | ALONE):
                data = pack(model, options)
                if len(data) <= MOST:
                    (CORPUS / f"{what}-{options:x}").write_bytes(data)


if __name__ == "__main__":
    main()

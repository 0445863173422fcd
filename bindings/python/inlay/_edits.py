"""What makes and changes models on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from . import _core
from ._arrays import METRICS, NUMBERS, PathLike, number_of, path_of, paths_of
from ._index import Metric, Progress

LINKS = {"auto": 0, "reflink": 1, "hard": 2, "move": 3, "copy": 4}
PATHS = ("extractor", "labels", "ids")
TEXTS = ("tag_set", "signature", "feature", "graph_output", "name")


def fuse(output: PathLike, embeddings: PathLike | Iterable[PathLike], *, extractor: PathLike | None = None,
         labels: PathLike | None = None, ids: PathLike | None = None, metric: Metric = "cosine", k: int = 10,
         name: str = "search", index: bool = False, similar: bool = False, lookup: bool = False,
         signature: str | None = None, feature: str | None = None, tag_set: str | None = None,
         graph_inputs: Iterable[str] = (), graph_output: str | None = None, make_default: bool = False,
         link: Literal["auto", "reflink", "hard", "move", "copy"] = "auto", as_listed: bool = False, dim: int = 0,
         dtype: str | None = None, chunk_bytes: int = 0, check_rows: int = 0, allow_non_finite: bool = False,
         force: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """Makes one SavedModel, the folder `output`, of stored vectors and an extractor.

    embeddings: files (.npy, .npz, .fvecs, …), folders, or CHECKPOINT#KEY.
    extractor: a SavedModel folder or a frozen graph; None: the search takes vectors.
    labels: a text file, a line a row, or .npy of strings. ids: .npy of integers.
    k: the default for k. name: of the signature. index: make an index of the rows too.
    similar, lookup: signatures that are asked with row numbers.
    force: replace an existing model.

    The others are the flags of `inlay fuse`. The model is there whole or not at all. Returns what was done: rows, dim,
    files, chunks, bytes, …
    """
    given = dict(locals())
    options: dict[str, Any] = {key: given[key] for key in (
        "k", "index", "similar", "lookup", "make_default", "as_listed", "dim", "chunk_bytes", "check_rows",
        "allow_non_finite", "force")}
    options.update({key: path_of(given[key]) for key in PATHS if given[key] is not None})
    options.update({key: given[key].encode() for key in TEXTS if given[key] is not None})
    options.update(output=path_of(output), embeddings=paths_of(embeddings), link=number_of(link, LINKS, "link"),
                   metric=number_of(metric, METRICS, "the metric"), graph_inputs=[text.encode() for text in graph_inputs])
    if dtype is not None:
        options["dtype"] = number_of(dtype, NUMBERS, "the dtype")
    return _core.fuse(options, progress)


def index(model: PathLike, *, name: str | None = None, remove: bool = False, progress: Progress | None = None) -> dict[str, int]:
    """Makes indexes of the rows of a fused model's searches, by which it answers the same several times faster.

    name: of the search; None: all. remove: take all of the model's indexes away.
    Returns what was done: made, kept, rows, bytes.
    """
    options: dict[str, Any] = {"remove": remove}
    if name is not None:
        options["name"] = name.encode()
    return _core.index(path_of(model), options, progress)

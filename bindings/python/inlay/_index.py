"""Search over arrays and files, with no model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from . import _core
from ._arrays import METRICS, NUMBERS, PathLike, Rows, as_queries, array_of, buffer_of, dtype_number, limits_of, number_of, path_of, paths_of

Metric = Literal["cosine", "dot", "l2"]
Progress = Callable[[str, int, int], Any]


def _matrix(array: np.ndarray, place: int) -> tuple[str, int, tuple[int, ...], np.ndarray]:
    if array.ndim != 2:
        raise ValueError(f"array {place} has the shape {array.shape}, not [rows, dim]")
    if not array.flags.c_contiguous:
        raise ValueError(f"array {place} is not C-contiguous; np.ascontiguousarray makes a copy that is")
    return "", dtype_number(array.dtype), array.shape, buffer_of(array)


class Index:
    """Exact search over rows: the k that score highest, by a scan or, faster, by an index of eight-bit codes.

    rows: an array [n, dim] of float32, float64, float16, bfloat16 (of ml_dtypes) or int8 in C order, or a list of such;
        or a path, or a list of paths, of .npy and other files of vectors, and of folders of them. Arrays are not copied:
        they are kept alive and must not be changed. Files are mapped where they hold rows as they are.
    metric: "cosine", "dot", or "l2", whose scores are minus the squared distance.
    index: make an index, a byte a number; answers are the same without, bit for bit.
    index_folder: where the index is kept between runs; one that was made from the very same numbers is used as it is.
    dtype, dim: of files that cannot say it: "bfloat16" in .npy, raw float32.
    copy: read files into memory instead of mapping them.
    progress: called now and then with a stage's name, what is done and what there is in all; False stops.

    An Index may be searched from many threads at once; the interpreter runs meanwhile.
    """

    def __init__(self, rows: np.ndarray | Sequence[np.ndarray] | PathLike | Sequence[PathLike], metric: Metric = "cosine",
                 *, index: bool = True, index_folder: PathLike | None = None, dtype: str | None = None,
                 dim: int | None = None, copy: bool = False, progress: Progress | None = None):
        options: dict[str, Any] = {"metric": number_of(metric, METRICS, "the metric"), "index": index, "copy": copy}
        if index_folder is not None:
            options["index_folder"] = path_of(index_folder)
        if dtype is not None:
            options["dtype"] = number_of(dtype, NUMBERS, "the dtype")
        if dim is not None:
            options["dim"] = dim
        self.metric = metric
        listed = [rows] if isinstance(rows, (np.ndarray, str, bytes, os.PathLike)) else list(rows)
        arrays = [one for one in listed if isinstance(one, np.ndarray)]
        paths = [one for one in listed if isinstance(one, (str, bytes, os.PathLike))]
        if arrays and len(arrays) == len(listed):
            matrices = [_matrix(array, place) for place, array in enumerate(arrays)]
            self._vectors = _core.open_rows(matrices, options, progress)
        elif paths and len(paths) == len(listed):
            self._vectors = _core.open_files({"files": paths_of(paths)}, options, progress)
        else:
            raise TypeError("rows are an array [n, dim] or a path, or a list of either")
        self.dim: int = self._vectors.dim()
        self._rows: int = self._vectors.rows()

    def __len__(self) -> int:
        return self._rows

    def __repr__(self) -> str:
        return f"<inlay.Index of {self._rows} rows x {self.dim}, {self.metric}>"

    def search(self, queries: Any, k: int = 10, *, rows: Rows | None = None, exclude: Rows | None = None,
               min_score: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The best k rows for each query, best first; of equal scores the lower row.

        queries: float32 [n, dim], or one query [dim]; others are converted.
        rows, exclude: only these rows, and not those: a slice or range, row numbers, ranges [n, 2], or a mask [len].
        min_score: rows that score less are not answered.

        Returns ids int64 and scores float32, each [n, k], or [k] for one query. Where fewer rows are found the id is -1
        and the score minus infinity.
        """
        asked = as_queries(queries, self.dim)
        if k < 0:
            raise ValueError(f"k is {k}, below 0")
        n = asked.shape[0] if asked.ndim == 2 else 1
        ids, scores = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
        limits = limits_of(k, rows, exclude, min_score, self._rows)
        self._vectors.search(asked, n, self.dim, k, ids, scores, limits)
        return (ids, scores) if asked.ndim == 2 else (ids[0], scores[0])

    def search_all(self, queries: Any, min_score: float, *, rows: Rows | None = None, exclude: Rows | None = None,
                   most: int = 1_000_000) -> list[tuple[np.ndarray, np.ndarray]]:
        """All rows that score min_score or more, however many, for each query: (ids int64 [m], scores float32 [m]).

        More than `most` of one query are an error.
        """
        asked = np.atleast_2d(as_queries(queries, self.dim))
        limits = limits_of(0, rows, exclude, min_score, self._rows, True, most)
        n, k, scores, ids, counts, _, _ = self._vectors.search_all(asked, len(asked), self.dim, limits)
        found, scored = array_of(ids, np.int64, (n, k)), array_of(scores, np.float32, (n, k))
        return [(found[q, :m], scored[q, :m]) for q, m in enumerate(array_of(counts, np.int64, (n,)))]

"""NumPy arrays as the library takes them, and what it gives as NumPy arrays; nothing is copied that need not be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np

from . import _core

PathLike = Union[str, bytes, "os.PathLike[Any]"]
Rows = Union[slice, range, Sequence[int], np.ndarray]

STRING = 7
NUMBERS = {_core.dtype_name(number): number for number in range(1, 33)}
METRICS = {"cosine": 0, "dot": 1, "l2": 2}


def number_of(name: str, table: dict[str, int], what: str) -> int:
    if name not in table:
        raise ValueError(f"{what} is {name!r}, not one of {', '.join(table)}")
    return table[name]


def numpy_dtype(number: int) -> np.dtype:
    """NumPy's dtype for the library's; what NumPy has not got comes from ml_dtypes."""
    name = _core.dtype_name(number)
    try:
        found = np.dtype(name)
    except TypeError:
        import ml_dtypes

        found = np.dtype(getattr(ml_dtypes, name))
    return found


def dtype_number(dtype: np.dtype) -> int:
    if dtype.name not in NUMBERS or not dtype.isnative:
        raise ValueError(f"arrays of dtype {dtype.str if dtype.kind == 'V' else dtype} cannot be taken")
    return NUMBERS[dtype.name]


def buffer_of(array: np.ndarray) -> np.ndarray:
    """ARRAY as one that has a buffer, which dtypes of ml_dtypes have not."""
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def as_queries(queries: Any, dim: int | None = None) -> np.ndarray:
    """QUERIES as float32 [n, dim] in C order, copied when they are not."""
    array = np.asarray(queries)
    if array.dtype.kind not in "fiuV":
        raise TypeError(f"queries are numbers, not {array.dtype}")
    array = np.ascontiguousarray(array, np.float32)
    if array.ndim not in (1, 2):
        raise ValueError(f"queries have the shape {array.shape}, not [n, dim] or [dim]")
    if dim is not None and array.shape[-1] != dim:
        raise ValueError(f"queries of {array.shape[-1]} numbers for rows of {dim}")
    return array


def array_of(view: Any, dtype: Any, shape: Iterable[int]) -> np.ndarray:
    """A read-only array over VIEW, a buffer of the library's."""
    return np.ndarray(tuple(shape), dtype, view)


def strings_of(items: list[bytes], shape: Iterable[int], decoded: bool = False) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = [item.decode(errors="surrogateescape") for item in items] if decoded else items
    return array.reshape(tuple(shape))


def path_of(path: PathLike) -> bytes:
    return os.fsencode(path)


def paths_of(paths: PathLike | Iterable[PathLike]) -> list[bytes]:
    return [path_of(paths)] if isinstance(paths, (str, bytes, os.PathLike)) else list(map(path_of, paths))


def row_set(rows: Rows | None, count: int | None) -> tuple[Any, Any, int]:
    """(ranges, bitmap, its rows) for ROWS: a slice or range, row numbers, ranges [n, 2], or a mask of all rows."""
    if rows is None:
        return None, None, 0
    if isinstance(rows, slice):
        if count is None and (rows.stop is None or rows.stop < 0 or (rows.start or 0) < 0):
            raise ValueError("a slice of a model's rows needs a stop, and no negative ends")
        rows = range(*rows.indices(count if count is not None else rows.stop))
    if isinstance(rows, range) and rows.step == 1:
        rows = np.array([[rows.start, max(rows.start, rows.stop)]])
    array = np.asarray(rows)
    if array.dtype == bool and array.ndim == 1:
        return None, np.packbits(array, bitorder="little"), array.size
    if array.size == 0:
        return np.empty((0, 2), np.int64), None, 0
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 2):
        raise TypeError("rows are a slice, a range, row numbers, ranges [n, 2], or a mask of bools, one for each row")
    array = array.astype(np.int64)
    if array.ndim == 1:
        array = np.stack([array, array + 1], axis=1)
    return np.ascontiguousarray(array), None, 0


def limits_of(k: int, rows: Rows | None, exclude: Rows | None, min_score: float | None, count: int | None,
              all_rows: bool = False, most: int = 1_000_000) -> tuple[Any, ...] | None:
    """What _core takes as limits; None when there are none."""
    if rows is None and exclude is None and min_score is None and not all_rows:
        return None
    least = -np.inf if min_score is None else float(min_score)
    return (k, least, all_rows, most, *row_set(rows, count), *row_set(exclude, count))

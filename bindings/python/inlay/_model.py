"""SavedModels and frozen graphs, run without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _core
from ._arrays import NUMBERS, STRING, PathLike, Rows, array_of, buffer_of, limits_of, numpy_dtype, path_of, strings_of


class Endpoint(NamedTuple):
    """An input or output of a signature."""

    name: str
    dtype: str  # "float32", "string", …
    shape: tuple[int | None, ...] | None  # None where any size is taken; None: of unknown rank
    optional: bool  # an input with a default


class Signature(NamedTuple):
    name: str
    method: str
    inputs: dict[str, Endpoint]
    outputs: dict[str, Endpoint]


class Hits(NamedTuple):
    """The answer of a search, best first: arrays [n, k], or [k] when one thing was asked."""

    scores: np.ndarray  # float32
    indices: np.ndarray  # int64, numbers of rows
    labels: np.ndarray | None  # str, where the model has labels
    ids: np.ndarray | None  # int64, where it has ids
    counts: np.ndarray  # int64 [n], or one number: what stands behind so many hits is none


def _strings(value: Any, name: str) -> tuple[list[bytes], tuple[int, ...]]:
    array = np.asarray(value) if isinstance(value, np.ndarray) else np.array(value, object)
    items = [item.encode(errors="surrogateescape") if isinstance(item, str) else item for item in array.ravel().tolist()]
    if not all(isinstance(item, bytes) for item in items):
        raise TypeError(f"input {name} is text: str or bytes")
    return items, array.shape


def _input(endpoint: Endpoint, value: Any) -> tuple[str, int, tuple[int, ...], Any]:
    """VALUE as _core takes it. Numbers become the input's dtype where that loses no kind: no fractions, no signs."""
    number = NUMBERS[endpoint.dtype]
    if number == STRING:
        items, shape = _strings(value, endpoint.name)
        return endpoint.name, number, shape, items
    wanted = numpy_dtype(number)
    array = np.asarray(value) if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value, wanted)
    if array.dtype != wanted and not np.can_cast(array.dtype, wanted, "same_kind"):
        raise TypeError(f"input {endpoint.name} is {endpoint.dtype}, not {array.dtype}")
    array = np.asarray(array, wanted, order="C")
    return endpoint.name, number, array.shape, buffer_of(array)


class Model:
    """An open model; inlay.load makes one. May be run and searched from many threads at once."""

    def __init__(self, path: PathLike, **options: Any):
        self._model = _core.open_model(path_of(path), options)
        self._path = path
        self._signatures = {name: Signature(name, method or "", *map(self._endpoints, (inputs, outputs)))
                            for name, method, inputs, outputs in self._model.signatures()}

    @staticmethod
    def _endpoints(listed: list[tuple[Any, ...]]) -> dict[str, Endpoint]:
        return {name: Endpoint(name, _core.dtype_name(dtype), shape, optional) for name, dtype, shape, optional in listed}

    def __repr__(self) -> str:
        return f"<inlay.Model {self._path!r}: {', '.join(self._signatures)}>"

    @property
    def signatures(self) -> dict[str, Signature]:
        """What the model can be asked, by name."""
        return dict(self._signatures)

    def _inputs(self, signature: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found = self._signatures.get(signature)
        if found is None:
            raise KeyError(f"the model has no signature {signature!r}; it has {', '.join(self._signatures)}")
        for name in values:
            if name not in found.inputs:
                raise TypeError(f"signature {signature!r} has no input {name!r}; it has {', '.join(found.inputs)}")
        return [_input(found.inputs[name], value) for name, value in values.items()]

    def run(self, signature: str, /, **inputs: Any) -> dict[str, np.ndarray]:
        """Runs a signature: its outputs by name.

        Inputs are arrays, numbers, or str and bytes; those with a default may be left out. Outputs are read-only arrays
        over the library's memory; strings are arrays of bytes objects.
        """
        outputs = self._model.run(signature, self._inputs(signature, inputs))
        return {name: strings_of(data, shape) if dtype == STRING else array_of(data, numpy_dtype(dtype), shape)
                for name, (dtype, shape, data) in outputs.items()}

    def search(self, queries: Any, k: int | None = None, *, signature: str = "search", rows: Rows | None = None,
               exclude: Rows | None = None, min_score: float | None = None, all_rows: bool = False,
               most: int = 1_000_000) -> Hits:
        """Asks a fused model for the rows that are most similar to each query.

        queries: what the search's one input takes: a str or a list of them, vectors [n, dim] or one [dim], images, row
            numbers (signature "similar"); or a dict of all inputs by name, batch first.
        k: rows of each query; None: the model's default.
        rows, exclude: only these rows, and not those: a slice or range, row numbers, ranges [n, 2], or a mask of all rows.
        min_score: rows that score less are not answered.
        all_rows: every row within these limits, not the best k; more than `most` of one query are an error.
        """
        single = False
        if not isinstance(queries, Mapping):
            endpoint = self._only_input(signature)
            array = np.array(queries, object) if endpoint.dtype == "string" else np.asarray(queries)
            single = endpoint.shape is not None and array.ndim == len(endpoint.shape) - 1
            queries = {endpoint.name: array[None] if single else array}
        if k is not None and k < 0:
            raise ValueError(f"k is {k}, below 0")
        count = -1 if k is None else k
        limits = limits_of(count, rows, exclude, min_score, None, all_rows, most)
        n, k, scores, indices, counts, labels, ids = self._model.search(signature, self._inputs(signature, queries), count, limits)
        parts = (array_of(scores, np.float32, (n, k)), array_of(indices, np.int64, (n, k)),
                 None if labels is None else strings_of(labels, (n, k), decoded=True),
                 None if ids is None else array_of(ids, np.int64, (n, k)), array_of(counts, np.int64, (n,)))
        if not single:
            return Hits(*parts)
        first: Any = (None if part is None else part[0] for part in parts)
        return Hits(*first)

    def _only_input(self, signature: str) -> Endpoint:
        found = self._signatures.get(signature)
        if found is None:
            raise KeyError(f"the model has no signature {signature!r}; it has {', '.join(self._signatures)}")
        inputs = [endpoint for name, endpoint in found.inputs.items() if name != "k" and not endpoint.optional]
        if len(inputs) != 1:
            raise TypeError(f"signature {signature!r} has the inputs {', '.join(found.inputs)}: give a dict")
        return inputs[0]


def load(path: PathLike, *, tag_set: str | None = None, copy: bool = False, memory_budget: int = 0,
         allow_files_in: PathLike | None = None) -> Model:
    """Opens a SavedModel folder or a frozen graph (.pb).

    tag_set: comma-separated tags of the metagraph; None: the only one, else "serve".
    copy: read variables into memory instead of mapping them.
    memory_budget: bytes that tensors of one run may hold at a time; 0: three quarters of the machine's.
    allow_files_in: a folder that ops which read files may use; None: none but the model's own assets.
    """
    return Model(path, tag_set=None if tag_set is None else tag_set.encode(), copy=copy, memory_budget=memory_budget,
                 allow_files_in=None if allow_files_in is None else path_of(allow_files_in))

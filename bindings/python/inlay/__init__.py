"""Stored embeddings inside the model that queries them: exact search over arrays, files and fused SavedModels."""

from . import _core
from ._edits import fuse, index
from ._errors import (AlreadyExistsError, DataLossError, Error, InvalidArgumentError, NotFoundError, PermissionDeniedError,
                      ResourceExhaustedError, UnsupportedError)
from ._index import Index
from ._model import Endpoint, Hits, Model, Signature, load

__version__: str = _core.version()
__all__ = ["AlreadyExistsError", "DataLossError", "Endpoint", "Error", "Hits", "Index", "InvalidArgumentError", "Model", "NotFoundError",
           "PermissionDeniedError", "ResourceExhaustedError", "Signature", "UnsupportedError", "build_info", "fuse", "index", "load",
           "set_threads"]


def build_info() -> str:
    """One line: version, compiler, the instruction set that the kernels use."""
    return _core.build_info()


def set_threads(threads: int) -> None:
    """How many threads the library uses, the calling one included; 0: one a core. While no call is under way."""
    _core.set_threads(threads)

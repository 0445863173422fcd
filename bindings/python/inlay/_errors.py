"""Errors of the library as exceptions: one class for each code that natural Python has a name for."""


class Error(Exception):
    """What the library answers when it cannot do what it is asked.

    code: one of the names that TensorFlow and gRPC share, for example "NOT_FOUND".
    file, offset: the file that is concerned, "" for none, and the byte in it, -1 for no one place.
    node, op: the graph node that met the error and its op, "" for none.
    """

    def __init__(self, message: str, code: str = "UNKNOWN", file: str = "", offset: int = -1, node: str = "", op: str = ""):
        super().__init__(message)
        self.code, self.file, self.offset, self.node, self.op = code, file, offset, node, op


class InvalidArgumentError(Error, ValueError):
    """INVALID_ARGUMENT, OUT_OF_RANGE: what was given does not fit."""


class NotFoundError(Error, FileNotFoundError):
    """NOT_FOUND: a file, a signature, a tensor."""

    __str__ = Exception.__str__


class AlreadyExistsError(Error, FileExistsError):
    """ALREADY_EXISTS: what would be made is there."""

    __str__ = Exception.__str__


class PermissionDeniedError(Error, PermissionError):
    """PERMISSION_DENIED."""

    __str__ = Exception.__str__


class ResourceExhaustedError(Error, MemoryError):
    """RESOURCE_EXHAUSTED: memory, disk, or a budget."""


class DataLossError(Error):
    """DATA_LOSS: a file is damaged."""


class UnsupportedError(Error, NotImplementedError):
    """UNIMPLEMENTED: what Inlay cannot do."""


CLASSES = {
    "INVALID_ARGUMENT": InvalidArgumentError,
    "OUT_OF_RANGE": InvalidArgumentError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "RESOURCE_EXHAUSTED": ResourceExhaustedError,
    "DATA_LOSS": DataLossError,
    "UNIMPLEMENTED": UnsupportedError,
}


def error_of(code: str, message: str, file: str, offset: int, node: str, op: str) -> Error:
    """The exception for an error of the library; called by _core."""
    return CLASSES.get(code, Error)(message, code, file, offset, node, op)

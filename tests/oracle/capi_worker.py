"""TensorFlow's C library as a C program uses it: TF_LoadSessionFromSavedModel and TF_SessionRun, no Python TensorFlow.

A process of its own. Standard input holds pickled jobs (model folder, tags, {tensor name: value}, [tensor name]) one
after another; for each, standard output gets a pickled list of arrays or a string that tells what went wrong.
"""

import ctypes
import importlib.util
import os
import pickle
import sys

import numpy as np
import numpy.random  # must come before the libraries, which bring a symbol it needs otherwise

STRING = 7
DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
STRING_BYTES = 24  # sizeof(TF_TString)
POINTER = ctypes.c_void_p


class Output(ctypes.Structure):
    _fields_ = [("operation", POINTER), ("index", ctypes.c_int)]


def load_library():
    folder = importlib.util.find_spec("tensorflow").submodule_search_locations[0]
    ctypes.CDLL(os.path.join(folder, "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(os.path.join(folder, "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name in ("NewStatus", "NewGraph", "NewSessionOptions", "LoadSessionFromSavedModel", "GraphOperationByName",
                 "AllocateTensor", "TensorData", "StringGetDataPointer"):
        getattr(library, "TF_" + name).restype = POINTER
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_TensorByteSize.restype = library.TF_StringGetSize.restype = ctypes.c_size_t
    return library


class Failed(Exception):
    pass


class Session:
    def __init__(self, library, folder, tags):
        self.tf = library
        self.status = POINTER(library.TF_NewStatus())
        self.graph = POINTER(library.TF_NewGraph())
        options = POINTER(library.TF_NewSessionOptions())
        names = (ctypes.c_char_p * len(tags))(*[tag.encode() for tag in tags])
        self.session = POINTER(library.TF_LoadSessionFromSavedModel(
            options, None, folder.encode(), names, len(tags), self.graph, None, self.status))
        library.TF_DeleteSessionOptions(options)
        self.check()

    def check(self):
        code = self.tf.TF_GetCode(self.status)
        if code:
            raise Failed(f"code {code}: {self.tf.TF_Message(self.status).decode(errors='replace')}")

    def close(self):
        self.tf.TF_CloseSession(self.session, self.status)
        self.tf.TF_DeleteSession(self.session, self.status)
        self.tf.TF_DeleteGraph(self.graph)

    def output(self, name):
        node, _, index = name.partition(":")
        operation = self.tf.TF_GraphOperationByName(self.graph, node.encode())
        if not operation:
            raise Failed(f"no operation {node}")
        return Output(operation, int(index or 0))

    def to_tensor(self, value):
        dims = (ctypes.c_int64 * max(1, value.ndim))(*value.shape)
        if value.dtype == object:
            tensor = POINTER(self.tf.TF_AllocateTensor(STRING, dims, value.ndim, ctypes.c_size_t(STRING_BYTES * value.size)))
            start = self.tf.TF_TensorData(tensor)
            for i, text in enumerate(value.ravel().tolist()):
                place = POINTER(start + STRING_BYTES * i)
                self.tf.TF_StringInit(place)
                self.tf.TF_StringCopy(place, text, ctypes.c_size_t(len(text)))
            return tensor
        data = value.tobytes()
        tensor = POINTER(self.tf.TF_AllocateTensor(CODES[value.dtype], dims, value.ndim, ctypes.c_size_t(len(data))))
        ctypes.memmove(self.tf.TF_TensorData(tensor), data, len(data))
        return tensor

    def to_array(self, tensor):
        library = self.tf
        shape = [library.TF_Dim(tensor, i) for i in range(library.TF_NumDims(tensor))]
        code, start = library.TF_TensorType(tensor), library.TF_TensorData(tensor)
        if code != STRING:
            size = library.TF_TensorByteSize(tensor)
            return np.frombuffer(ctypes.string_at(start, size) if size else b"", DTYPES[code]).reshape(shape)
        out = np.empty(int(np.prod(shape)), object)
        for i in range(len(out)):
            place = POINTER(start + STRING_BYTES * i)
            out[i] = ctypes.string_at(library.TF_StringGetDataPointer(place), library.TF_StringGetSize(place))
        return out.reshape(shape)

    def run(self, feeds, fetches):
        library = self.tf
        inputs = (Output * len(feeds))(*map(self.output, feeds))
        values = (POINTER * len(feeds))(*map(self.to_tensor, feeds.values()))
        outputs = (Output * len(fetches))(*map(self.output, fetches))
        results = (POINTER * len(fetches))()
        library.TF_SessionRun(self.session, None, inputs, values, len(feeds), outputs, results, len(fetches), None, 0,
                              None, self.status)
        for value in values:
            library.TF_DeleteTensor(POINTER(value))
        self.check()
        arrays = [self.to_array(POINTER(result)) for result in results]
        for result in results:
            library.TF_DeleteTensor(POINTER(result))
        return arrays


def main():
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not come among the answers
    library = load_library()
    while True:
        try:
            folder, tags, runs = pickle.load(jobs)
        except EOFError:
            return
        try:
            session = Session(library, folder, tags)
            answer = [session.run(feeds, fetches) for feeds, fetches in runs]
            session.close()
        except Failed as error:
            answer = str(error)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    sys.exit(main())

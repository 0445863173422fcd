"""What a fixture holds, in a form that a C test reads with fgets and memcmp.

Beside each fixture lie expected.tsv, one line a tensor, and expected.bin with their values; README.md tells the layout.
"""
import os
import struct

import numpy as np
import tensorflow as tf


def tensor_bytes(tensor):
    """Numbers: little endian, C order, as a tensor in memory. Strings: for each its uint32 length, then its bytes."""
    if tensor.dtype == tf.string:
        flat = np.asarray(tensor.numpy(), object).ravel().tolist()
        return b"".join(struct.pack("<I", len(value)) + value for value in flat)
    return tensor.numpy().tobytes()


class Expected:
    """Collects tensors and writes expected.tsv and expected.bin into FOLDER."""

    def __init__(self, folder):
        self.folder, self.lines, self.values = folder, [], bytearray()

    def add(self, tensor, *columns):
        """COLUMNS come first in the line: a key, or signature, direction and key."""
        tensor = tf.convert_to_tensor(tensor)
        data = tensor_bytes(tensor)
        shape = "[" + ",".join(map(str, tensor.shape)) + "]"
        self.lines.append("\t".join([*columns, tensor.dtype.name, shape, str(len(self.values)), str(len(data))]))
        self.values += data

    def write(self):
        with open(os.path.join(self.folder, "expected.tsv"), "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")
        with open(os.path.join(self.folder, "expected.bin"), "wb") as file:
            file.write(self.values)

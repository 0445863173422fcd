"""Runs small graphs in TensorFlow and in our runtime (tests/tools/graph_server.c) and compares them."""

import atexit
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", ROOT / "build/release"))

CODES = {tf.errors.InvalidArgumentError: 3, tf.errors.OutOfRangeError: 11, tf.errors.FailedPreconditionError: 9,
         tf.errors.NotFoundError: 5, tf.errors.UnimplementedError: 12, tf.errors.InternalError: 13,
         tf.errors.ResourceExhaustedError: 8, tf.errors.AlreadyExistsError: 6, tf.errors.DataLossError: 15}


class Refused(Exception):
    """Our runtime said no."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Server:
    """One process of the tool; a graph at a time."""

    process = None

    def start(self):
        if Server.process is None or Server.process.poll() is not None:
            Server.process = subprocess.Popen([BUILD / "tests/graph_server"], stdin=subprocess.PIPE,
                                              stdout=subprocess.PIPE)
            atexit.register(Server.process.stdin.close)
        return Server.process

    def number(self):
        raw = self.start().stdout.read(4)
        assert len(raw) == 4, "the tool died"
        return struct.unpack("<I", raw)[0]

    def text(self):
        size = self.number()
        return self.start().stdout.read(size)

    def send(self, *parts):
        out = b"".join(struct.pack("<I", p) if isinstance(p, int) else
                       struct.pack("<I", len(p)) + p if isinstance(p, bytes) else p.encode() for p in parts)
        self.start().stdin.write(out)
        self.start().stdin.flush()
        code, message = self.number(), self.text().decode(errors="replace")
        if code:
            raise Refused(code, message)

    def open(self, graph_def):
        self.send("G", graph_def.SerializeToString())

    def run(self, feeds, fetches, passes=False):
        """FEEDS {name: array}; the fetched as arrays. PASSES: the graph goes through all of ours before."""
        parts = ["P" if passes else "R", len(feeds)]
        for name, value in feeds.items():
            proto = value if isinstance(value, TensorProto) else tf.make_tensor_proto(value)
            parts += [name.encode(), proto.SerializeToString()]
        self.send(*parts, len(fetches), *[f.encode() for f in fetches])
        found = []
        for name in fetches:
            if name.startswith("^"):
                continue
            proto = TensorProto()
            proto.ParseFromString(self.text())
            found.append(tf.make_ndarray(proto))
        return found


def as_feed(value):
    """Arrays as they are; lists of bytes without NumPy's taste for cutting NULs."""
    if isinstance(value, (np.ndarray, TensorProto)):
        return value
    return tf.make_ndarray(tf.make_tensor_proto(value))


def same(ours, theirs, tolerance):
    assert ours.dtype == theirs.dtype or {ours.dtype.kind, theirs.dtype.kind} <= set("OSU")
    assert ours.shape == theirs.shape
    if theirs.dtype.kind in "OSU":
        assert ours.tolist() == theirs.tolist()
    elif tolerance and theirs.dtype.kind not in "iub":
        wide = np.complex128 if theirs.dtype.kind == "c" else np.float64
        np.testing.assert_allclose(ours.astype(wide), theirs.astype(wide), rtol=tolerance, atol=tolerance)
    elif theirs.dtype.itemsize == 2 and theirs.dtype.kind not in "iub":  # NumPy does not know bfloat16's NaN
        np.testing.assert_array_equal(ours.astype(np.float32), theirs.astype(np.float32))
    else:
        np.testing.assert_array_equal(ours, theirs)


def build(function, feeds, ranks=False):
    """A graph of FUNCTION over placeholders like FEEDS, of known rank with RANKS: (graph, placeholders, outputs)."""
    with tf.Graph().as_default() as graph:
        inputs = [tf.compat.v1.placeholder(tf.as_dtype(f.dtype) if f.dtype.kind not in "OSU" else tf.string,
                                           [None] * f.ndim if ranks else None) for f in feeds]
        outputs = function(*inputs)
        flat = [t for t in tf.nest.flatten(outputs, expand_composites=True)]
    return graph, inputs, flat


def check(function, *feeds, tolerance=0, init=(), stricter=False, laxer=False,
          ranks=False, passes=False):
    """FUNCTION(*FEEDS) must be the same in both, errors included. INIT: names of ops to run first. STRICTER: we may
    refuse what TensorFlow lets pass; LAXER: the other way. RANKS: of inputs are known to the graph.
    PASSES: our passes go over the graph before."""
    feeds = [as_feed(f) for f in feeds]
    graph, inputs, flat = build(function, feeds, ranks)
    with tf.compat.v1.Session(graph=graph) as session:
        if init:
            session.run(list(init))
        try:
            theirs = session.run(flat, dict(zip(inputs, feeds)))
            failed = None
        except (tf.errors.OpError, UnicodeDecodeError) as e:  # the second: an error whose text is not UTF-8
            failed = e
    server = Server()
    server.open(graph.as_graph_def())
    if init:
        server.run({}, ["^" + name for name in init])
    try:
        ours = server.run({i.name: f for i, f in zip(inputs, feeds)}, [t.name for t in flat], passes)
    except Refused as e:
        if stricter and failed is None:
            return None
        assert failed is not None, f"only we refuse: {e}"
        assert e.code == CODES.get(type(failed), 3), f"{e} but TensorFlow: {str(failed)[:500]}"
        return None
    if failed is not None and laxer:
        return None
    if failed is not None:
        pytest.fail(f"only TensorFlow refuses: {failed.message[-300:]}")
    for a, b in zip(ours, theirs):
        same(a, np.asarray(b, object) if isinstance(b, bytes) else np.asarray(b), tolerance)
    return ours

"""Arrays, archives, vector files, labels and JSON against NumPy and Python: what they write we read, and the other way round."""

import base64
import io
import itertools
import json
import math
import os
import pathlib
import struct
import subprocess

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", ROOT / "build/release"))
rng = np.random.default_rng(3)

NAMES = {"bool": "?", "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "uint8": "u1", "uint16": "u2", "uint32": "u4",
         "uint64": "u8", "float16": "f2", "float32": "f4", "float64": "f8", "complex64": "c8", "complex128": "c16"}
SHAPES = [(), (0,), (5,), (1, 1), (7, 3), (3, 70), (130, 65), (0, 4), (4, 0), (1, 6), (6, 1), (2, 3, 4), (3, 1, 2, 5), (2,) * 10]


class Tool:
    """The dump tool, one process for all tests: most of them are many small files."""

    def __init__(self):
        self.process = None

    def __call__(self, *args, fails=None):
        """What the tool prints; with FAILS, expects an error that says that."""
        if not self.process or self.process.poll() is not None:
            self.process = subprocess.Popen([BUILD / "tests/npy_dump"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write("\t".join(map(str, args)) + "\n")
        self.process.stdin.flush()
        lines = []
        while not lines or not (lines[-1] == "ok\n" or lines[-1].startswith("failed ")):
            lines.append(self.process.stdout.readline())
            assert lines[-1], f"the tool ended with {self.process.wait()}"
        if fails is None:
            assert lines[-1] == "ok\n", lines[-1]
        else:
            assert lines[-1].startswith("failed ") and fails in lines[-1], lines[-1]
        return "".join(lines[:-1])


tool = Tool()


def strings(data):
    """The strings that the tool saved."""
    texts = []
    while data:
        size = int.from_bytes(data[:8], "little")
        texts.append(data[8:8 + size])
        data = data[8 + size:]
    return texts


def random_array(dtype, shape):
    count = math.prod(shape)
    bits = rng.integers(0, 256, (count + 1) * dtype.itemsize, np.uint8)
    if dtype == np.dtype(bool):
        bits %= 2
    return np.frombuffer(bits.tobytes(), dtype, count).reshape(shape)


def numpy_of(name):
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)


def check_read(path, told, wanted, out):
    name, dims = tool("read", path, told, out).split()
    got = out.read_bytes()
    assert [int(n) for n in dims.split(",") if n != "-"] == list(wanted.shape), path
    assert name == (told if told != "-" else wanted.dtype.name)
    assert got == wanted.tobytes(), (path, wanted.dtype, wanted.shape)


@pytest.mark.parametrize("name", NAMES)
def test_every_dtype_shape_and_order_is_read_as_numpy_wrote_it(name, tmp_path):
    path, out = tmp_path / "a.npy", tmp_path / "out"
    orders = "<>" if np.dtype(name).itemsize > 1 else "<"
    for shape, order, fortran in itertools.product(SHAPES, orders, (False, True)):
        wanted = random_array(np.dtype(name), shape)
        stored = wanted.astype(np.dtype(name).newbyteorder(order), copy=True)
        stored = np.array(stored, order="F" if fortran else "C")
        np.save(path, stored)
        check_read(path, "-", wanted, out)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_is_read(version, tmp_path):
    for shape in SHAPES:
        wanted = random_array(np.dtype("f4"), shape)
        with open(tmp_path / "a.npy", "wb") as f:
            np.lib.format.write_array(f, wanted, version=version)
        check_read(tmp_path / "a.npy", "-", wanted, tmp_path / "out")


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "int4", "uint4"])
def test_dtypes_that_numpy_cannot_say_are_told(name, tmp_path):
    wanted = random_array(numpy_of(name), (3, 5))
    np.save(tmp_path / "a.npy", wanted)
    check_read(tmp_path / "a.npy", name, wanted, tmp_path / "out")
    tool("copy", tmp_path / "a.npy", name, tmp_path / "b.npy")
    assert np.load(tmp_path / "b.npy").view(wanted.dtype).tobytes() == wanted.tobytes()
    if name != "float8_e5m2":  # numpy writes it so that it cannot read it
        assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_we_write_is_the_bytes_of_numpy(name, tmp_path):
    for shape in [*SHAPES, (12345678901, 0), (1,) * 16, (999999, 0, 88888, 777, 66)]:
        np.save(tmp_path / "a.npy", random_array(np.dtype(name), shape))
        tool("copy", tmp_path / "a.npy", "-", tmp_path / "b.npy")
        assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes(), shape


def test_strings_are_read(tmp_path):
    texts = ["", "a", "caf\u00e9", "\u20ac\U0001f600", "in\0side", "long " * 40]
    for dtype, order, shape in itertools.product("US", "<>", [(6,), (2, 3), (3, 2), (1, 6, 1)]):
        wanted = [t.encode() for t in texts]
        array = np.array(texts if dtype == "U" else wanted).reshape(shape)
        array = array.astype(array.dtype.newbyteorder(order))
        for a in (array, np.asfortranarray(array)):
            np.save(tmp_path / "a.npy", a)
            name, dims = tool("read", tmp_path / "a.npy", "-", tmp_path / "out").split()
            assert name == "string" and dims == ",".join(map(str, shape))
            assert strings((tmp_path / "out").read_bytes()) == wanted
    np.save(tmp_path / "a.npy", np.array("alone"))
    assert tool("read", tmp_path / "a.npy", "-", tmp_path / "out") == "string -\n"
    assert strings((tmp_path / "out").read_bytes()) == [b"alone"]


@pytest.mark.parametrize("array,message", [
    (np.array([1, "x", None], object), "pickled"),
    (np.zeros(2, "f4,i4"), "structured"),
    (np.zeros(2, "M8[s]"), "'<M8[s]'"),
    (np.zeros(2, "longdouble"), "'<f16'"),
    (np.zeros(2, "V3"), "V3"),
    (np.array(["\ud800"]), "U+D800"),
])
def test_what_has_no_equal_is_refused(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    tool("read", tmp_path / "a.npy", "-", tmp_path / "out", fails=message)


@pytest.mark.filterwarnings("ignore:Reading")  # headers of Python 2
def test_headers_are_taken_as_numpy_takes_them(tmp_path):
    """Both read a header, to the same array, or both refuse it."""
    data = bytes(range(48))
    texts = [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
        "{'shape':(3,4),'fortran_order':True,'descr':'>i4'}",
        '{"descr": "<u2", "fortran_order": False, "shape": (12,)}',
        " {'descr':'|u1','fortran_order':False,'shape':()}  \n\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (12)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [3, 4]}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'extra': 1}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5)}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<x4', 'fortran_order': False, 'shape': (3,)}",
        "'descr': '<f4', 'fortran_order': False, 'shape': (3,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 04)}",
        "{'descr':\n'<f4',\t'fortran_order':False,\r\n'shape':(3,\n)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3.0,)}",
        "{}",
        "",
    ]
    read = 0
    for text, version in itertools.product(texts, (1, 2, 3)):
        length = struct.pack("<H" if version == 1 else "<I", len(text))
        raw = b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + data
        (tmp_path / "a.npy").write_bytes(raw)
        try:
            wanted = np.load(io.BytesIO(raw))
        except (ValueError, TypeError, SyntaxError, OSError, EOFError):
            tool("read", tmp_path / "a.npy", "-", tmp_path / "out", fails="a.npy")
            continue
        read += 1
        check_read(tmp_path / "a.npy", "-", wanted.astype(wanted.dtype.newbyteorder("=")), tmp_path / "out")
    assert read == 17


# ---- shards

def rows_of(out, dtype, dim):
    return np.frombuffer(out.read_bytes(), dtype).reshape(-1, dim)


def test_archives_are_read(tmp_path):
    arrays = {f"arr_{i}": rng.random((n, 6)).astype(np.float32) for i, n in enumerate([3, 500, 0, 1, 250, 7, 2, 9, 4, 8, 5])}
    arrays["arr_4"] = np.asfortranarray(arrays["arr_4"])
    arrays["arr_5"] = arrays["arr_5"].astype(">f4")
    others = {"ids": np.arange(5), "names": np.array(["a"]), "objects": np.array([None])}
    wanted = np.concatenate([arrays[f"arr_{i}"] for i in range(11)])
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays, **others)
        lines = tool("shards", tmp_path / "out", 0, "-", tmp_path / "a.npz").splitlines()
        assert [line.split()[0] for line in lines] == [f"a.npz#arr_{i}" for i in range(11)]
        assert (rows_of(tmp_path / "out", "f4", 6) == wanted).all()
        line = tool("shards", tmp_path / "out", 0, "-", f"{tmp_path}/a.npz#ids.npy")
        assert line == "a.npz#ids 5 1 float32 0 0 128\n"
        assert (rows_of(tmp_path / "out", "f4", 1)[:, 0] == np.arange(5)).all()


def test_shards_of_all_kinds_go_together(tmp_path):
    dim = 9
    parts = [rng.integers(0, 100, (n, dim)).astype(np.float32) for n in (5, 301, 0, 40, 17, 1, 33, 8, 12, 6)]
    folder = tmp_path / "d"
    folder.mkdir()
    names = [f"{i}.npy" for i in (1, 2, 3, 10)] + ["11.fvecs", "12.bvecs", "13.fbin", "14.u8bin", "15.i8bin", "16.f32"]
    np.save(folder / names[0], parts[0])
    np.save(folder / names[1], np.asfortranarray(parts[1]))
    np.save(folder / names[2], np.zeros((0, dim)))  # float64, but empty
    np.save(folder / names[3], parts[3].astype(">f4"))
    heads = np.full((17, 1), dim, "<i4")
    (folder / names[4]).write_bytes(np.hstack([heads.view("<f4"), parts[4]]).tobytes())
    (folder / names[5]).write_bytes(struct.pack("<i", dim) + parts[5].astype("u1").tobytes())
    for at, dtype in ((6, "f4"), (7, "u1"), (8, "i1")):
        (folder / names[at]).write_bytes(struct.pack("<II", *parts[at].shape) + parts[at].astype(dtype).tobytes())
    (folder / names[9]).write_bytes(parts[9].tobytes())
    lines = [line.split() for line in tool("shards", tmp_path / "out", dim, "-", folder).splitlines()]
    assert [line[0] for line in lines] == names
    assert [line[4] for line in lines] == list("1110001001")
    assert [line[5] for line in lines] == list("0100000000")
    assert (rows_of(tmp_path / "out", "f4", dim) == np.concatenate(parts)).all()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "bfloat16", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_are_converted_as_numpy_does(dtype, order, tmp_path):
    stored = numpy_of(dtype)
    wanted = random_array(stored, (523, 7))
    if stored.kind in "fV":
        wanted = rng.normal(size=(523, 7)).astype(stored)
    as_float = wanted if stored.kind in "fV" else wanted.astype(np.float32)
    told = dtype if dtype == "bfloat16" else "-"
    for byte_order, packed in itertools.product("<>" if stored.itemsize > 1 and told == "-" else "<", (False, True)):
        array = np.array(wanted.astype(stored.newbyteorder(byte_order)), order=order)
        if packed:
            np.savez_compressed(tmp_path / "a.npz", x=array)
        else:
            np.save(tmp_path / "a.npy", array)
        tool("shards", tmp_path / "out", 0, told, tmp_path / ("a.npz#x" if packed else "a.npy"))
        assert rows_of(tmp_path / "out", as_float.dtype, 7).tobytes() == as_float.tobytes()


# ---- labels and ids

def test_labels_are_the_lines(tmp_path):
    alphabet = ["a", "b", " ", "\t", "\u00e9", "\u20ac", "\U0001f600", "\0", "\r", "\n", "\r\n", "\n"]
    for _ in range(60):
        text = "".join(rng.choice(alphabet, int(rng.integers(0, 60))))
        (tmp_path / "a.txt").write_bytes(text.encode())
        lines = text.encode().split(b"\n")
        wanted = [line.removesuffix(b"\r") for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
        count, size = map(int, tool("labels", tmp_path / "a.txt", tmp_path / "out").split())
        assert strings((tmp_path / "out").read_bytes()) == wanted
        assert (count, size) == (len(wanted), sum(map(len, wanted)))
    np.save(tmp_path / "a.npy", np.array(["x", "caf\u00e9", ""]))
    tool("labels", tmp_path / "a.npy", tmp_path / "out")
    assert strings((tmp_path / "out").read_bytes()) == [b"x", "caf\u00e9".encode(), b""]


def test_text_that_python_cannot_decode_is_refused(tmp_path):
    refused = 0
    for _ in range(200):
        text = b"good\n" * 3 + rng.choice(np.frombuffer(b"a\n\xc3\xa9\xf0\x9f\x98\x80\xed\xa0", "u1"), 12).tobytes()
        (tmp_path / "a.txt").write_bytes(text)
        try:
            text.decode()
            tool("labels", tmp_path / "a.txt", tmp_path / "out")
        except UnicodeDecodeError as e:
            line = text[:e.start].count(b"\n") + 1
            tool("labels", tmp_path / "a.txt", tmp_path / "out", fails=f"line {line} is not UTF-8 (at byte {e.start})")
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">u2", "<i4", ">i4", "<u4", "<i8", ">i8", "<u8"])
def test_ids_are_integers(dtype, tmp_path):
    limits = np.iinfo(dtype)
    wanted = [0, 1, limits.min, min(int(limits.max), 2**63 - 1), 100]
    np.save(tmp_path / "a.npy", np.array(wanted, dtype))
    assert list(map(int, tool("ids", tmp_path / "a.npy").split())) == wanted


# ---- JSON

def python_value(x):
    """What Python's json makes of what we print."""
    if isinstance(x, list):
        return [python_value(i) for i in x]
    return base64.b64decode(x["b64"]) if isinstance(x, dict) else x.encode() if isinstance(x, str) else x


@pytest.mark.parametrize("name", [*(n for n in NAMES if n[:7] != "complex"), "bfloat16"])
def test_json_goes_both_ways(name, tmp_path):
    dtype = numpy_of(name)
    for shape in [(), (3,), (2, 3), (2, 1, 4), (2, 0)]:
        wanted = random_array(dtype, shape)
        values = (wanted.astype(np.float64) if dtype.kind in "fV" else wanted).tolist()
        (tmp_path / "a.json").write_text(json.dumps(values))
        told, dims = tool("json", tmp_path / "a.json", name, tmp_path / "out", tmp_path / "b.json").split()
        assert told == name and [int(n) for n in dims.split(",") if n != "-"] == list(shape)
        got = np.frombuffer((tmp_path / "out").read_bytes(), dtype).reshape(shape)
        np.testing.assert_array_equal(got.astype(np.float64) if dtype.kind in "fV" else got, np.array(values, ndmin=len(shape)))
        printed = json.loads((tmp_path / "b.json").read_text())
        np.testing.assert_array_equal(np.array(printed).astype(dtype).astype(np.float64), wanted.astype(np.float64))


def test_json_strings_go_both_ways(tmp_path):
    wanted = [["a", "\u20ac\"\\\n\0\x1f\x7f"], ["", "\U0001f600/"]]
    for ascii_only in (True, False):
        (tmp_path / "a.json").write_text(json.dumps(wanted, ensure_ascii=ascii_only))
        assert tool("json", tmp_path / "a.json", "-", tmp_path / "out", tmp_path / "b.json") == "string 2,2\n"
        assert strings((tmp_path / "out").read_bytes()) == [s.encode() for row in wanted for s in row]
        assert json.loads((tmp_path / "b.json").read_text()) == wanted
    values = [bytes(rng.integers(0, 256, n, np.uint8)) for n in range(40)]
    (tmp_path / "a.json").write_text(json.dumps([{"b64": base64.b64encode(v).decode()} for v in values]))
    tool("json", tmp_path / "a.json", "string", tmp_path / "out", tmp_path / "b.json")
    assert strings((tmp_path / "out").read_bytes()) == values
    assert python_value(json.loads((tmp_path / "b.json").read_text())) == values

#!/usr/bin/env python3
"""Makes the fuzz seeds of arrays, archives, vector files, labels and JSON under tests/fuzz/corpus/. Needs NumPy."""

import io
import pathlib
import shutil
import struct
import zipfile

import numpy as np

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(target, seeds):
    folder = CORPUS / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def npy(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version, allow_pickle=True)
    return out.getvalue()


def plain(header, data=b"", version=1):
    """A .npy file without padding, so that mutations meet what matters."""
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header.encode() + data


def npz(compression, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: the same bytes each time
            info.compress_type = compression
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(data)
    return out.getvalue()


def arrays():
    """Name and file of small arrays of every kind."""
    numbers = np.arange(6).reshape(2, 3)
    kinds = ["?", "i1", "<i2", ">i2", "<i4", ">i8", "u1", "<u2", "<u4", ">u8", "<f2", ">f4", "<f4", ">f8", "<c8", ">c16"]
    out = {f"{'be' if kind[0] == '>' else 'le'}-{kind.strip('<>?') or 'bool'}": npy(numbers.astype(kind)) for kind in kinds}
    out["fortran"] = npy(np.asfortranarray(numbers.astype("<f4")))
    out["fortran-3d-be"] = npy(np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype(">i2")))
    out["u"] = npy(np.array(["", "a", "caf\u00e9\U0001f600"]))
    out["u-be"] = npy(np.array([["x", "yy"]]).astype(">U2"))
    out["s-fortran"] = npy(np.asfortranarray(np.array([[b"a", b"bc"], [b"", b"\xff"]])))
    out["v2"] = npy(np.zeros(3, "V2"))
    out["object"] = npy(np.array([None]))
    out["record"] = npy(np.zeros(1, "f4,i4"))
    out["scalar"] = npy(np.float32(1.5).reshape(()))
    out["none"] = npy(np.zeros((0, 4), "<f4"))
    out["version-2"] = npy(numbers.astype("<f4"), (2, 0))
    out["version-3"] = npy(numbers.astype("<f4"), (3, 0))
    out["short"] = plain('{"shape":(2L,),"descr":"<f4","fortran_order":True,}', b"\0" * 8)
    out["deep"] = plain("{'descr':'|u1','fortran_order':False,'shape':(1,1,1,1,1,1,1,1)}", b"\0", 3)
    out["cut"] = plain("{'descr':'<f8','fortran_order':False,'shape':(9,9)}", b"\0" * 8)
    out["empty"] = b""
    return out


def archives():
    rows = np.arange(40, dtype="<f4").reshape(10, 4)
    members = {"a": npy(rows), "b": npy(np.asfortranarray(rows)), "ids": npy(np.arange(4)), "o": npy(np.array([None]))}
    out = {"stored": npz(zipfile.ZIP_STORED, **members), "deflated": npz(zipfile.ZIP_DEFLATED, **members),
           "zeros": npz(zipfile.ZIP_DEFLATED, x=npy(np.zeros((100, 100), "<f4"))), "short": npz(zipfile.ZIP_STORED, x=b"short"),
           "none": npz(zipfile.ZIP_STORED), "cut": npz(zipfile.ZIP_STORED, x=npy(rows)[:-8])}
    damaged = bytearray(out["deflated"])
    damaged[120] ^= 1
    out["damaged"] = bytes(damaged)
    return out


def sources():
    """The first byte picks the name of fuzz_vectors.c's table, the second says what is told."""
    rows = np.arange(12, dtype="<f4").reshape(4, 3)
    heads = np.full((4, 1), 3, "<i4")
    fvecs = np.hstack([heads.view("<f4"), rows]).tobytes()
    bvecs = b"".join(struct.pack("<i", 3) + bytes(row) for row in rows.astype("u1"))
    stored, deflated = archives()["stored"], archives()["deflated"]
    files = {
        "npy": (0, npy(rows)), "npy-fortran": (0, npy(np.asfortranarray(rows))), "npy-be": (0, npy(rows.astype(">f8"))),
        "npy-ints": (15, npy(rows.astype(">i2"))), "npy-column": (0, npy(rows[:, 0])), "npy-v2": (0, npy(np.zeros((2, 3), "V2"))),
        "npz": (1, stored), "npz-deflated": (1, deflated), "fvecs": (2, fvecs), "bvecs": (3, bvecs),
        "fbin": (4, struct.pack("<II", 4, 3) + rows.tobytes()), "u8bin": (5, struct.pack("<II", 4, 3) + bytes(range(12))),
        "i8bin": (6, struct.pack("<II", 4, 3) + bytes(range(250, 256)) + bytes(6)), "raw": (7, rows.tobytes()),
        "other": (8, rows.tobytes()), "npz-hash": (9, stored), "npz-member": (10, npz(zipfile.ZIP_DEFLATED, x=npy(rows))),
        "folder": (11, npy(rows)), "no-member": (12, stored), "no-checkpoint": (13, b""), "hidden": (14, npy(rows)),
    }
    out = {}
    for name, (which, data) in files.items():
        for told in (0, 3 | 1 << 3 | 64 | 128):
            out[f"{name}-{told}"] = bytes([which, told]) + data
    return out


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def labels():
    offsets = struct.pack("<4Q", 0, 3, 6, 11)
    head = b"INLAYOFS" + struct.pack("<IIQQQII", 1, 0, 3, 3, 11, 0, masked(offsets)).ljust(52, b"\0")
    table = head + struct.pack("<I", masked(head)) + offsets
    out = {"lines": b"one\ntwo\nthree\n", "crlf": b"a\r\n\r\nb", "bom": b"\xef\xbb\xbfx\n", "empty": b"", "newline": b"\n",
           "utf8": "caf\u00e9\n\U0001f600\n\n".encode(), "bad": b"a\n\xff\n", "long": b"x" * 3000 + b"\n" + b"y" * 300,
           "table": table,
           "table-cut": table[:-8], "table-falls": table[:72] + struct.pack("<2Q", 9, 6) + table[88:],
           "u": npy(np.array(["a", "\u00e9", ""])), "u-be": npy(np.array(["a", "bc"]).astype(">U2")),
           "s": npy(np.array([b"a", b"\xff"])),
           "column": npy(np.array([["a"], ["b"]])), "row": npy(np.array([["a", "b"]]))}
    for kind in ("i1", "u1", "<i2", ">u2", "<i4", ">u4", "<i8", ">u8"):
        out["ids-" + ("be-" if kind[0] == ">" else "") + kind[-2:]] = npy(np.arange(70).astype(kind))
    return out


def texts():
    """The first byte is the dtype that is wanted, 0 for none."""
    out = {}
    cases = [
        (0, "ints", "[[1,2],[3,-4]]"), (0, "wide", "[9223372036854775807]"), (0, "reals", "[1,2.5,-1e-7,NaN,-Infinity]"),
        (0, "strings", '["a","\\u00e9\\n\\"",{"b64":"AP8="}]'), (0, "bools", "[true,false]"), (0, "scalar", "7"),
        (0, "none", "[[],[]]"), (0, "ragged", "[[1],[2,3]]"), (0, "mixed", '[1,"a"]'), (0, "deep", "[" * 17 + "]" * 17),
        (1, "floats", '[1,2.5,"NaN"]'), (2, "doubles", "[1e300]"), (19, "halves", "[0.1,65504]"),
        (14, "bfloats", "[0.1,-3e38]"), (4, "bytes", "[255]"), (23, "uint64", "[18446744073709551615]"),
        (6, "int8", "[-128,127]"), (7, "coded", '[{"b64":"_-8"},{"b64":""},{"c":1}]'), (10, "flags", "[[true]]"),
        (9, "int64", " [ 1 ,\n2 ] "), (0, "open", "[1"), (0, "object", '{"b64":"aGk="}'), (0, "huge", "1e999"),
    ]
    for wanted, name, text in cases:
        out[name] = bytes([wanted]) + text.encode()
    return out


write("npy", arrays())
write("npz", archives())
write("vectors", sources())
write("labels", labels())
write("tensor_json", texts())

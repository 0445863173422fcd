"""What fusing does not touch keeps its bytes; what it touches keeps the fields that nobody here knows."""

import shutil

import numpy as np
import pytest

from conftest import ROOT, needs

pytestmark = needs("fuse", "query")
EXTRACTOR = ROOT / "examples/reverse-dictionary/extractor"
TF1 = ROOT / "tests/data/saved_models/tf1"


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def fields(message):
    """[(number, whole field, its data when it has a length)]"""
    out, at = [], 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        start, tag, data = at, number(), None
        if tag & 7 == 2:
            size = number()
            data = message[at:at + size]
            at += size
        elif tag & 7 == 0:
            number()
        else:
            at += {1: 8, 5: 4}[tag & 7]
        out.append((tag >> 3, message[start:at], data))
    return out


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def mark(message, path, marker):
    """MESSAGE with an unknown field, MARKER, in the first message at PATH of field numbers."""
    if not path:
        return message + field(9999, marker)
    out, done = b"", False
    for number, whole, data in fields(message):
        if number == path[0] and not done:
            whole, done = field(number, mark(data, path[1:], marker)), True
        out += whole
    assert done, path
    return out


def at(message, path):
    """All messages at PATH."""
    found = [message]
    for wanted in path:
        found = [data for one in found for number, _, data in fields(one) if number == wanted]
    return found


META, GRAPH, NODE, LIBRARY, FUNCTION, OBJECTS = 2, 2, 1, 2, 1, 7
TOUCHED = {"model": [], "metagraph": [META], "meta info": [META, 1], "graph": [META, GRAPH], "versions": [META, GRAPH, 4],
           "library": [META, GRAPH, LIBRARY], "objects": [META, OBJECTS], "root object": [META, OBJECTS, 1]}
UNTOUCHED = {"a node": [META, GRAPH, NODE], "a function": [META, GRAPH, LIBRARY, FUNCTION], "a signature": [META, 5, 2]}


@pytest.mark.parametrize("extractor", ["tf2", "tf1"])
def test_unknown_fields_and_untouched_bytes_are_kept(inlay, tmp_path, extractor):
    shutil.copytree(EXTRACTOR if extractor == "tf2" else TF1, tmp_path / "extractor")
    path = tmp_path / "extractor/saved_model.pb"
    model, marked = path.read_bytes(), []
    for name, where in (TOUCHED | UNTOUCHED).items():
        if at(model, where):
            model = mark(model, where, f"marker of {name}".encode())
            marked.append(name)
    assert {"model", "metagraph", "graph", "a node", "a signature"} <= set(marked)
    assert extractor == "tf1" or len(marked) == len(TOUCHED | UNTOUCHED)
    path.write_bytes(model)
    np.save(tmp_path / "rows.npy", np.eye(5, 128 if extractor == "tf2" else 16, dtype=np.float32))
    inlay.ok("fuse", tmp_path / "extractor", "--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "model")
    fused = (tmp_path / "model/saved_model.pb").read_bytes()
    lost = [name for name in marked if not any(f"marker of {name}".encode() in one for one in at(fused, (TOUCHED | UNTOUCHED)[name]))]
    assert not lost, lost
    for where in UNTOUCHED.values():
        before, after = at(model, where), at(fused, where)
        kept = [one for one in after if one in set(before)]
        assert kept == before or where == UNTOUCHED["a signature"] and set(kept) == set(before)

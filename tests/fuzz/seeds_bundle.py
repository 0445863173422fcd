#!/usr/bin/env python3
"""Makes the seeds of fuzz_sstable, fuzz_bundle and fuzz_checkpoint_v1 from files that TensorFlow writes.

Run it in the oracle's environment: `$(tools/venv.sh) tests/fuzz/seeds_bundle.py`. It fills the folders sstable, bundle and
checkpoint_v1 of tests/fuzz/corpus."""

import pathlib
import struct
import tempfile

import numpy as np
import tensorflow as tf

CORPUS = pathlib.Path(__file__).parent / "corpus"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def entries_of(block):
    at, key = 0, b""
    end = len(block) - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    while at < end:
        shared, at = varint(block, at)
        unshared, at = varint(block, at)
        size, at = varint(block, at)
        key = key[:shared] + block[at:at + unshared]
        at += unshared
        yield key, block[at:at + size]
        at += size


def blocks_of(table):
    """The data blocks of an uncompressed table, and its index block."""
    footer, handle = table[-48:], []
    at = 0
    for _ in range(4):
        value, at = varint(footer, at)
        handle.append(value)
    index = table[handle[2]:handle[2] + handle[3]]
    blocks = []
    for _, value in entries_of(index):
        offset, at = varint(value, 0)
        size, at = varint(value, at)
        blocks.append(table[offset:offset + size])
    return blocks, index


def as_entries(table):
    pairs = [pair for block in blocks_of(table)[0] for pair in entries_of(block)]
    return bytes([len(pairs)]) + b"".join(
        bytes([len(key)]) + key + struct.pack("<H", len(value)) + value for key, value in pairs)


def as_blocks(table):
    blocks, index = blocks_of(table)
    return b"".join(struct.pack("<HB", len(block), 0) + block for block in [*blocks, index])


def put(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def tensors():
    bits = np.arange(256, dtype=np.uint8).tobytes()
    out = {d.name: tf.constant(np.frombuffer(bits, d.as_numpy_dtype)[:6].reshape(2, 3), d)
           for d in (tf.float32, tf.float64, tf.int32, tf.uint8, tf.int8, tf.complex64, tf.int64, tf.half)}
    out.update({"scalar": tf.constant(1.5), "none": tf.zeros((0, 3)), "bool": tf.constant([True, False, True, True]),
                "strings": tf.constant([b"", b"one", b"two three", b"\xff" * 130])})
    return out


def sliced(cuts):
    whole = np.arange(70, dtype=np.float32).reshape(10, 7)
    specs = ["10 7 " + ":".join("-" if c is None else f"{c[0]},{c[1]}" for c in cut) for cut in cuts]
    parts = [tf.constant(whole[tuple(slice(None) if c is None else slice(c[0], c[0] + c[1]) for c in cut)]) for cut in cuts]
    return specs, parts


CUTS = [((0, 4), None), ((4, 6), (0, 3)), ((4, 6), (3, 4))]


def bundles(folder):
    values = tensors()
    tf.raw_ops.SaveV2(prefix=f"{folder}/all", tensor_names=list(values), shape_and_slices=[""] * len(values),
                      tensors=list(values.values()))
    specs, parts = sliced(CUTS)
    tf.raw_ops.SaveV2(prefix=f"{folder}/sliced", tensor_names=["v"] * 3 + ["w"], shape_and_slices=specs + [""],
                      tensors=parts + [tf.constant([1, 2])])
    for i, count in enumerate((2, 1)):
        tf.raw_ops.SaveV2(prefix=f"{folder}/part{i}", tensor_names=["v"] * count, shape_and_slices=specs[2 * i:2 * i + count],
                          tensors=parts[2 * i:2 * i + count])
    for name in ("all", "sliced", "part0"):
        index = pathlib.Path(f"{folder}/{name}.index").read_bytes()
        data = pathlib.Path(f"{folder}/{name}.data-00000-of-00001").read_bytes()
        for options in (0x00, 0x17, 0xE0, 0xC1):
            put("bundle", f"{name}-{options:02x}", bytes([options]) + as_entries(index) + data)
        put("sstable", f"{name}-blocks", b"\1" + as_blocks(index))
        put("sstable", f"{name}-entries", b"\2" + as_entries(index))
    swapped = bytearray(as_entries(pathlib.Path(f"{folder}/all.index").read_bytes()))
    header = b"\x08\x01\x1a\x02\x08\x01"
    at = swapped.index(header)
    swapped[at - 2:at + 6] = struct.pack("<H", 8) + b"\x08\x01\x10\x01\x1a\x02\x08\x01"
    put("bundle", "big-endian", b"\0" + bytes(swapped) + pathlib.Path(f"{folder}/all.data-00000-of-00001").read_bytes())
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=[f"{folder}/part0", f"{folder}/part1"],
                                  destination_prefix=f"{folder}/merged", delete_old_dirs=False)
    index = pathlib.Path(f"{folder}/merged.index").read_bytes()
    put("bundle", "two-shards", b"\0" + as_entries(index) + bytes(400))
    put("sstable", "file", b"\0" + index)
    put("sstable", "cut-file", b"\0" + index[len(index) // 2:])


def several_blocks(folder):
    """Entries of 60 KB keep the file small enough for a seed; the block sizes of real files need none in a fuzzer."""
    block = b"\0\1\1ax" + b"\1\2\1bcy" + struct.pack("<II", 0, 1)
    packed = b"\x13\x48" + block  # snappy: 19 bytes, all of them literal
    first, second = len(block) + 5, len(packed) + 5
    index = (b"\0\2\2ad" + bytes([0, len(block)]) + b"\0\1\2z" + bytes([first, len(packed)]) + struct.pack("<III", 0, 7, 2))
    put("sstable", "two-blocks", b"\1" + struct.pack("<HB", len(block), 0) + block +
        struct.pack("<HB", len(packed), 1) + packed + struct.pack("<HB", len(index), 0) + index)
    assert second < 256


def old_checkpoints(folder):
    values = tensors()
    tf.raw_ops.Save(filename=f"{folder}/old", tensor_names=list(values), data=list(values.values()))
    specs, parts = sliced(CUTS)
    for name, chosen in (("whole", slice(0, 3)), ("first", slice(0, 1)), ("second", slice(1, 3))):
        count = len(specs[chosen])
        tf.raw_ops.SaveSlices(filename=f"{folder}/{name}", tensor_names=["v"] * count, shapes_and_slices=specs[chosen],
                              data=parts[chosen])
    read = {name: as_entries(pathlib.Path(f"{folder}/{name}").read_bytes()) for name in ("old", "whole", "first", "second")}
    put("checkpoint_v1", "every-dtype", b"\0" + read["old"])
    for options in (0x04, 0x85):
        put("checkpoint_v1", f"sliced-{options:02x}", bytes([options]) + read["whole"])
    put("checkpoint_v1", "two-files", b"\x44" + read["first"] + read["second"])


with tempfile.TemporaryDirectory() as scratch:
    bundles(scratch)
    several_blocks(scratch)
    old_checkpoints(scratch)

"""Damaged copies of models, a kind of damage for each cause that verify names, and others that have none."""

import os
import pathlib
import random
import shutil
import struct

import numpy as np

TABLE = []
for i in range(256):
    c = i
    for _ in range(8):
        c = (c >> 1) ^ (0x82F63B78 if c & 1 else 0)
    TABLE.append(c)


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def mask(crc):
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def copy(model, to):
    """A copy of MODEL that shares no bytes with it."""
    if os.path.isdir(model):
        shutil.copytree(model, to)
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        for path in pathlib.Path(model).parent.glob(pathlib.Path(model).name + ".*"):
            shutil.copy2(path, to.parent / (to.name + path.name[len(pathlib.Path(model).name):]))
    return to


def rewrite(path, change):
    """Has CHANGE make other bytes of those of PATH; the file keeps its times, as damage does."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    path.write_bytes(change(data) or data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def flip(path, rng, begin, end, bits=1):
    """Flips BITS different bits in [BEGIN, END) of PATH; -> the byte of the last."""
    places = rng.sample(range(begin * 8, end * 8), bits)

    def change(data):
        for place in places:
            data[place // 8] ^= 1 << place % 8

    rewrite(path, change)
    return places[-1] // 8, places[-1] % 8


def noise(path, rng, begin, end):
    """3 to 40 other bytes at 2 to 5 places of [BEGIN, END)."""

    def change(data):
        for _ in range(rng.randint(2, 5)):
            n = min(rng.randint(3, 40), end - begin)
            at = rng.randint(begin, end - n)
            for k in range(n):
                data[at + k] ^= rng.randint(1, 255)

    rewrite(path, change)


def zero(path, begin, end):
    def change(data):
        data[begin:end] = bytes(end - begin)

    rewrite(path, change)


def swap(path, begin, end, width):
    def change(data):
        part = np.frombuffer(bytes(data[begin:end]), np.uint8).reshape(-1, width)[:, ::-1]
        data[begin:end] = part.tobytes()

    rewrite(path, change)


def insert(path, at, n, rng):
    """Puts N bytes in at AT, or takes -N out."""

    def change(data):
        if n > 0:
            data[at:at] = bytes(rng.randrange(1, 256) for _ in range(n))
        else:
            del data[at : at - n]

    rewrite(path, change)


def set_entry_crc(index, key_crc, new_crc):
    """Replaces the stored (masked) sum of a tensor without mending its block's."""

    def change(data):
        at = data.index(struct.pack("<I", mask(key_crc)))
        data[at : at + 4] = struct.pack("<I", mask(new_crc))

    rewrite(index, change)

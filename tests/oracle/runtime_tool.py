"""Runs graphs and models through tests/tools/graph_run, and compares with what TensorFlow answered."""

import base64
import json
import os
import pathlib
import shutil
import struct
import subprocess

import numpy as np

from bundle_tool import BUILD


def put_strings(path, values):
    values = np.asarray(values, dtype=object)
    with open(path, "wb") as file:
        file.write(struct.pack("<QQ", values.size, values.ndim))
        file.write(struct.pack(f"<{values.ndim}Q", *values.shape))
        for value in values.reshape(-1):
            file.write(struct.pack("<I", len(value)) + value)


def get_strings(path):
    data = pathlib.Path(path).read_bytes()
    count, rank = struct.unpack_from("<QQ", data)
    dims = struct.unpack_from(f"<{rank}Q", data, 16)
    at, values = 16 + 8 * rank, np.empty(count, dtype=object)
    for i in range(count):
        size, = struct.unpack_from("<I", data, at)
        values[i] = data[at + 4:at + 4 + size]
        at += 4 + size
    return values.reshape(dims)


class Case:
    """A folder with inputs.txt and expected.txt."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.inputs = self.read("inputs.txt")
        self.expected = self.read("expected.txt")

    def read(self, name):
        path = self.folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split(" ") for line in lines if line]

    def value(self, fields):
        """The tensor of a line; bfloat16 as its bits."""
        name, dtype, dims, file = fields[:4]
        dims = dims.strip("[]")
        shape = [int(d) for d in dims.split(",")] if dims and dims not in ("scalar", "-") else []
        if file.endswith(".strs"):
            flat = [base64.b64decode(text) for text in json.loads((self.folder / file).read_text())]
            values = np.empty(len(flat), dtype=object)
            values[:] = flat
        else:
            values = np.load(self.folder / file)
        return values if any(f.startswith("flat=") for f in fields[4:]) else values.reshape(shape)


class Runner:
    """One process for many runs: started again when it ends."""

    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch)
        self.process = None

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(60)
            self.process = None

    def ask(self, text):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen([BUILD / "tests/graph_run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, text=True)
        self.process.stdin.write(text)
        self.process.stdin.flush()
        self.lines, answer = [], self.process.stdout.readline().strip()
        while text.startswith("describe") and answer and not answer.startswith("ok") and " = " in answer:
            self.lines.append(answer)
            answer = self.process.stdout.readline().strip()
        if answer.startswith("ok "):
            self.peak, answer = int(answer[3:]), "ok"
        if not answer:
            code = self.process.wait(60)
            answer = f"CRASHED: exit code {code}: {self.process.stderr.read()[-2000:]}"
            self.process = None
        return answer

    def open(self, path, plain=False):
        return self.ask(f"open {path} {'plain' if plain else ''}\n")

    def describe(self, signature):
        """The nodes that SIGNATURE runs after all passes."""
        answer = self.ask(f"describe {signature}\n")
        assert answer == "ok", answer
        return self.lines

    def run(self, inputs, fetches, signature=None, targets=()):
        """(answer, values by name). INPUTS: name -> array, or path of a .npy."""
        text = f"signature {signature}\n" if signature else ""
        for i, (name, value) in enumerate(inputs.items()):
            if isinstance(value, (str, pathlib.Path)):
                path = value
            elif value.dtype == object or value.dtype.kind in "SU":
                path = self.scratch / f"in{i}.strs"
                put_strings(path, value)
            else:
                path = self.scratch / f"in{i}.npy"
                np.save(path, value)
            text += f"feed {name} {path}\n"
        for i, name in enumerate(fetches):
            text += f"fetch {name} {self.scratch}/out{i}\n"
        for name in targets:
            text += f"target {name}\n"
        answer = self.ask(text + "run\n")
        values = {}
        if answer == "ok":
            for i, name in enumerate(fetches):
                path = self.scratch / f"out{i}"
                with open(path, "rb") as file:
                    is_npy = file.read(6) == b"\x93NUMPY"
                values[name] = np.load(path) if is_npy else get_strings(path)
        return answer, values


def flat_range(fields):
    for field in fields[4:]:
        if field.startswith("flat="):
            first, end = field[5:].split(":")
            return int(first), int(end)
    return None


def difference(ours, case, fields):
    """None when OURS is what the line FIELDS of expected.txt says, else a text."""
    name, dtype = fields[:2]
    wanted = case.value(fields)
    part = flat_range(fields)
    if part:
        ours = ours.reshape(-1)[part[0]:part[1]]
        wanted = wanted.reshape(-1)
    if ours.shape != wanted.shape:
        return f"{name}: shape {ours.shape}, not {wanted.shape}"
    if dtype == "bfloat16":
        ours, wanted = (np.asarray(v).view(np.uint16).astype(np.uint32) << 16 for v in (ours, wanted))
        ours, wanted = ours.view(np.float32), wanted.view(np.float32)
    elif ours.dtype != wanted.dtype and dtype != "string":
        return f"{name}: dtype {ours.dtype}, not {wanted.dtype}"
    if ours.size == 0 or np.array_equal(ours, wanted):
        return None
    if ours.dtype.kind not in "fc":
        bad = np.flatnonzero((ours != wanted).reshape(-1))
        return f"{name}: {bad.size} differ, first at {bad[0]}: {ours.reshape(-1)[bad[0]]!r}, not {wanted.reshape(-1)[bad[0]]!r}"
    ours, wanted = ours.astype(np.float64), wanted.astype(np.float64)
    plain = np.isfinite(wanted)
    if not np.array_equal(ours[~plain], wanted[~plain], equal_nan=True) or not np.isfinite(ours[plain]).all():
        return f"{name}: not finite elsewhere"
    scale = max(np.abs(wanted[plain]).max(initial=0), 1e-6)
    tolerance = {"float16": 2e-3, "bfloat16": 1.6e-2}.get(dtype, 1e-4)
    error = np.abs(ours[plain] - wanted[plain]).max(initial=0)
    return None if error <= tolerance * scale else f"{name}: off by {error:g} of {scale:g}"

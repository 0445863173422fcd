"""Every kind of edit on every kind of model, as the tests of faults, of crashes and of readers go through them."""

import json
import pathlib
import shutil
from dataclasses import dataclass, field

import numpy as np
from conftest import ROOT

DATA = ROOT / "tests/data"
TF1 = DATA / "saved_models/tf1"
TF2 = DATA / "saved_models/tf2_text"
KERAS = DATA / "saved_models/keras"
FROZEN = DATA / "graphs/frozen/graph.pb"
OBJECTS = DATA / "checkpoints/object_graph"
PARTITIONED = DATA / "bundles/partitioned"
SLOT = "model/inner/kernel/.OPTIMIZER_SLOT/optimizer/momentum/.ATTRIBUTES/VARIABLE_VALUE"


@dataclass
class Edit:
    """`inlay COMMAND MODEL *ARGUMENTS`. MAKE(program, folder) puts the model there and returns its path; FILES are made
    beside it, {name: array}, and named in ARGUMENTS."""

    name: str
    make: object
    command: str
    arguments: tuple
    files: dict = field(default_factory=dict)

    def prepare(self, program, folder):
        """-> the model's path and the command line"""
        folder.mkdir(parents=True)
        (folder.parent / "given").mkdir(exist_ok=True)
        arguments = []
        for argument in self.arguments:
            if argument in self.files:
                path = folder.parent / "given" / argument
                value = self.files[argument]
                if isinstance(value, str):
                    path.write_text(value, encoding="utf-8")
                else:
                    np.save(path, value)
                argument = str(path)
            arguments.append(argument)
        model = self.make(program, folder)
        return model, (self.command, model, *arguments)


def copy_folder(source):
    def make(program, folder):
        del program
        shutil.copytree(source, folder / "model")
        return folder / "model"
    return make


def copy_files(source, name):
    """What is in folder SOURCE; the model is NAME in it."""
    def make(program, folder):
        del program
        for path in source.iterdir():
            shutil.copy(path, folder / path.name)
        return folder / name
    return make


def fused(extractor, labels, *flags):
    """Two shards, 9 and 5 rows of 16, in chunks of 4 rows."""
    def make(program, folder):
        shards = folder.parent / "given/shards"
        shards.mkdir(parents=True, exist_ok=True)
        rows = np.random.default_rng(3).standard_normal((14, 16)).astype(np.float32)
        np.save(shards / "0.npy", rows[:9])
        np.save(shards / "1.npy", rows[9:])
        (folder.parent / "given/labels.txt").write_text("".join(f"row {i}\n" for i in range(14)), encoding="utf-8")
        more = ["--labels", folder.parent / "given/labels.txt"] if labels else []
        program.ok("fuse", *([extractor] if extractor else []), "--embeddings", shards, "--chunk", 256,
                   "--shards", "copy", *more, *flags, "-o", folder / "model")
        return folder / "model"
    return make


def edited(make, key="kernel"):
    """With what two edits leave behind."""
    def again(program, folder):
        model = make(program, folder)
        shape = next(tensor["shape"] for tensor in json.loads(program.ok("tensors", model, key, "--json")))
        for i in range(2):
            np.save(folder.parent / "given/value.npy", numbers(*shape) + i)
            program.ok("swap", model, key, folder.parent / "given/value.npy")
        return model
    return again


def spoilt(make):
    """With a byte of a variable that is not what it was."""
    def again(program, folder):
        model = make(program, folder)
        path = model / "variables/variables.data-00000-of-00004"
        data = bytearray(path.read_bytes())
        data[5] ^= 1
        path.write_bytes(data)
        return model
    return again


def numbers(*shape):
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
EDITS = [
    Edit("rename in tf1", copy_folder(TF1), "rename", ("kernel", "dense/kernel")),
    Edit("rename in tf2", copy_folder(TF2), "rename", ("bias" + VALUE, "offset" + VALUE)),
    Edit("rename in a checkpoint", copy_files(OBJECTS, "ckpt-4"), "rename", (SLOT, "slot" + VALUE)),
    Edit("rename of a partitioned tensor", copy_files(PARTITIONED, "bundle"), "rename", ("rows", "parts")),
    Edit("rename in a frozen graph", copy_files(FROZEN.parent, "graph.pb"), "rename", ("kernel", "dense/kernel")),
    Edit("drop from a checkpoint", copy_files(OBJECTS, "ckpt-4"), "drop", (SLOT,)),
    Edit("swap in tf1", copy_folder(TF1), "swap", ("kernel", "kernel.npy"), {"kernel.npy": numbers(8, 16)}),
    Edit("swap in keras", copy_folder(KERAS), "swap", ("_all_variables/2" + VALUE, "bias.npy"),
         {"bias.npy": numbers(12)}),
    Edit("swap in a checkpoint", copy_files(OBJECTS, "ckpt-4"), "swap", (SLOT, "slot.npy"), {"slot.npy": numbers(2, 5)}),
    Edit("swap in a frozen graph", copy_files(FROZEN.parent, "graph.pb"), "swap", ("kernel", "kernel.npy"),
         {"kernel.npy": numbers(8, 16)}),
    Edit("swap in a fused model", fused(TF1, True), "swap", ("kernel", "kernel.npy"), {"kernel.npy": numbers(8, 16)}),
    Edit("set rows", fused(TF2, True), "rows", ("--set", "3", "rows.npy"), {"rows.npy": numbers(3, 16)}),
    Edit("append rows", fused(TF1, True, "--with", "similar"), "rows", ("--append", "rows.npy", "--labels", "more.txt"),
         {"rows.npy": numbers(3, 16), "more.txt": "a\nb\n\n"}),
    Edit("delete rows", fused(None, True, "--metric", "l2", "--with", "similar,lookup"), "rows", ("--delete", "0:2,5:6,13:14")),
    Edit("bury rows", fused(KERAS, False, "--metric", "dot", "--with", "similar,lookup"), "rows", ("--tombstone", "1:2,8:10")),
    Edit("index rows", fused(TF1, True), "index", ()),
    Edit("set indexed rows", fused(TF2, True, "--index"), "rows", ("--set", "3", "rows.npy"), {"rows.npy": numbers(3, 16)}),
    Edit("rename a signature", copy_folder(TF2), "signature", ("--rename", "both=two", "--tags", "serve,new")),
    Edit("cast in tf1", copy_folder(TF1), "cast", ("kernel", "--to", "float16")),
    Edit("cast in a checkpoint", copy_files(OBJECTS, "ckpt-4"), "cast", (SLOT, "--to", "bfloat16")),
    Edit("compact a model", edited(fused(TF1, True)), "convert", ("--compact",)),
    Edit("compact a checkpoint", edited(copy_files(OBJECTS, "ckpt-4"), SLOT), "convert", ("--compact",)),
    Edit("repair a model", spoilt(fused(TF1, True)), "repair", ("--yes",)),
    Edit("rename in a fused model", fused(TF2, True), "rename", ("bias" + VALUE, "offset" + VALUE)),
]


def files_of(folder):
    """{relative path: bytes} of what is in FOLDER, but for what a kill leaves under hidden names."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(pathlib.Path(folder).rglob("*"))
            if p.is_file() and not any(part.startswith(".") for part in p.relative_to(folder).parts)}


def leftovers(folder):
    return sorted(str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob(".*"))

"""Makes bundles/ and checkpoints/: tensor bundles and checkpoints written by TensorFlow. README.md tells more.

    python make_bundles.py [--out DIR]       needs TensorFlow (tools/venv.sh); writes the same bytes each time
"""
import argparse
import contextlib
import os
import re
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

import sstable
from expected import Expected, tensor_bytes

HERE = os.path.dirname(os.path.abspath(__file__))
tf1 = tf.compat.v1

INTEGERS = (tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32, tf.int64, tf.uint64)
FLOATS = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
FLOAT8S = (tf.dtypes.experimental.float8_e5m2, tf.dtypes.experimental.float8_e4m3fn)
NIBBLES = (tf.dtypes.experimental.int4, tf.dtypes.experimental.uint4)


def values(dtype, shape):
    """The same numbers whenever it is asked for the same dtype and shape; the extremes of integers among them."""
    random = np.random.default_rng([dtype.as_datatype_enum, *shape])
    if dtype == tf.string:
        pieces = [b"", b"a", b"nul\0inside", "Grüße".encode(), b"\xff\xfe not UTF-8", b"x" * 300]
        flat = [pieces[i % len(pieces)] for i in range(int(np.prod(shape)))]
        return tf.constant(flat, tf.string, shape) if flat else tf.zeros(shape, tf.string)
    if dtype == tf.bool:
        return tf.constant(random.integers(0, 2, shape).astype(bool))
    if dtype.is_complex:
        return tf.cast(tf.complex(random.standard_normal(shape), random.standard_normal(shape)), dtype)
    if dtype.is_integer:
        low, high = (-8, 7) if dtype.name == "int4" else (0, 15) if dtype.name == "uint4" else (dtype.min, dtype.max)
        host = np.int8 if dtype.size == 1 and "4" in dtype.name else dtype.as_numpy_dtype
        array = random.integers(low, high, shape, dtype=host, endpoint=True)
        if array.size > 1:
            array.flat[0], array.flat[1] = low, high
        return tf.cast(array, dtype)
    return tf.cast(tf.constant(random.standard_normal(shape), tf.float32), dtype)


def save(prefix, tensors, slices=None):
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    names = list(tensors)
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=names, shape_and_slices=slices or [""] * len(names), tensors=list(tensors.values())
    )


def expect(folder, tensors):
    record = Expected(folder)
    for key in sorted(tensors, key=str.encode):
        record.add(tensors[key], key)
    record.write()


def same_bits(a, b):
    """Equal in dtype, shape and bytes; NaN patterns and -0 count."""
    return a.dtype == b.dtype and a.shape == b.shape and tensor_bytes(a) == tensor_bytes(b)


def confirm(prefix, tensors):
    """TensorFlow itself reads back what is expected."""
    for key, value in tensors.items():
        read = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[key], shape_and_slices=[""], dtypes=[value.dtype])[0]
        if not same_bits(read, value):
            raise AssertionError(f"{prefix}: {key}: TensorFlow reads another value")


def every_dtype():
    """Names carry dtype and rank. Sizes are odd, so most tensors lie at odd offsets."""
    tensors = {}
    for dtype in (*INTEGERS, *FLOATS, *FLOAT8S, *NIBBLES, tf.complex64, tf.complex128, tf.bool, tf.string):
        tensors[f"{dtype.name}/matrix"] = values(dtype, [3, 5])
        tensors[f"{dtype.name}/scalar"] = values(dtype, [])
        tensors[f"{dtype.name}/empty"] = values(dtype, [0, 4])
    tensors["float32/special"] = tf.constant(
        np.array([0x7F800000, 0xFF800000, 0x7FC00001, 0x80000000, 1, 0x7F7FFFFF], np.uint32).view(np.float32)
    )
    tensors["deep"] = values(tf.int16, [2, 1, 3, 1, 2])
    return tensors


def make_one_shard(folder):
    tensors = every_dtype()
    save(f"{folder}/bundle", tensors)
    confirm(f"{folder}/bundle", tensors)
    expect(folder, tensors)


def make_sharded(folder):
    """Three shards, merged by TensorFlow from three bundles of one."""
    tensors = {f"layer_{i}/w": values(tf.float32, [4, i + 1]) for i in range(5)}
    tensors |= {f"layer_{i}/b": values(tf.float32, [i + 1]) for i in range(5)}
    tensors["words"] = values(tf.string, [7])
    names = sorted(tensors)
    parts = [f"{folder}/part-{i}" for i in range(3)]
    for i, part in enumerate(parts):
        save(part, {name: tensors[name] for name in names[i::3]})
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=f"{folder}/bundle", delete_old_dirs=False)
    confirm(f"{folder}/bundle", tensors)
    expect(folder, tensors)


def make_merge(folder):
    """Two bundles and what TensorFlow's merge makes of them."""
    first = {"a/x": values(tf.float32, [3]), "shared_prefix/one": values(tf.int64, [2, 2])}
    second = {"b/y": values(tf.string, [4]), "shared_prefix/two": values(tf.float16, [5])}
    for name, tensors in (("first", first), ("second", second)):
        save(f"{folder}/{name}", tensors)
        save(f"{folder}/scratch_{name}", tensors)
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[f"{folder}/scratch_first", f"{folder}/scratch_second"],
        destination_prefix=f"{folder}/merged",
        delete_old_dirs=False,
    )
    confirm(f"{folder}/merged", first | second)
    expect(folder, first | second)


def cut(tensor, *boundaries):
    """Cuts a tensor into a grid. BOUNDARIES: for each dimension the places of its cuts. -> [(slice spec, part)]"""
    axes = []
    for size, places in zip(tensor.shape, boundaries):
        ends = [0, *places, size]
        axes.append(list(zip(ends, ends[1:])) if places else [None])
    out = []
    for cell in np.ndindex(*map(len, axes)):
        extents = [axis[i] for axis, i in zip(axes, cell)]
        spec = ":".join("-" if e is None else f"{e[0]},{e[1] - e[0]}" for e in extents)
        index = tuple(slice(None) if e is None else slice(*e) for e in extents)
        out.append((" ".join(map(str, tensor.shape)) + " " + spec, tensor[index]))
    return out


def make_partitioned(folder):
    """Variables stored in slices: by rows, by columns, in a grid, with starts and lengths of one, two and three bytes."""
    tensors = {
        "rows": values(tf.float32, [10, 4]),
        "columns": values(tf.int32, [3, 9]),
        "grid": values(tf.float64, [5, 7]),
        "long": values(tf.int8, [20000]),
        "cube": values(tf.bfloat16, [4, 3, 2]),
        "far_rows": values(tf.uint8, [300, 2]),
        "name/with.dots": values(tf.bool, [6]),
    }
    cuts = {
        "rows": ([5],),
        "columns": ([1, 6],),
        "grid": ([2], [3, 4]),
        "long": ([63, 64, 128, 8191, 8192, 9000],),
        "cube": ([1, 2, 3],),
        "far_rows": ([64, 129],),
        "name/with.dots": ([2],),
    }
    cuts["columns"] = ([], *cuts["columns"])
    parts = [([], [], []), ([], [], [])]
    for name, tensor in tensors.items():
        places = (*cuts[name], *([] for _ in range(len(tensor.shape) - len(cuts[name]))))
        for i, (spec, part) in enumerate(cut(tensor, *places)):
            for column, value in zip(parts[i % 2], (name, spec, part)):
                column.append(value)
    plain = {"whole": values(tf.float32, [2, 3])}
    os.makedirs(folder, exist_ok=True)
    prefixes = []
    for i, (names, specs, pieces) in enumerate(parts):
        extra = list(plain.items()) if i == 0 else []
        prefixes.append(f"{folder}/part-{i}")
        tf.raw_ops.SaveV2(
            prefix=prefixes[-1],
            tensor_names=names + [name for name, _ in extra],
            shape_and_slices=specs + [""] * len(extra),
            tensors=pieces + [tensor for _, tensor in extra],
        )
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=f"{folder}/bundle", delete_old_dirs=False)
    confirm(f"{folder}/bundle", tensors | plain)
    expect(folder, tensors | plain)


def make_many_blocks(folder):
    """An index of several data blocks: long keys that differ at their beginning, so none shares a prefix."""
    tensors = {f"{i:05d}/{'a long way down/' * 14}": tf.constant(i, tf.int32) for i in range(1250)}
    save(f"{folder}/bundle", tensors)
    expect(folder, dict(list(tensors.items())[::25]))


def make_by_hand(folder, tensors, endianness, compression):
    """A bundle whose index this script writes: what TensorFlow reads, but does not write on today's machines."""
    os.makedirs(folder, exist_ok=True)
    big = endianness == tensor_bundle_pb2.BundleHeaderProto.BIG
    header = tensor_bundle_pb2.BundleHeaderProto(num_shards=1, endianness=endianness)
    header.version.producer = 1
    entries, data = [(b"", header.SerializeToString())], bytearray()
    for name in sorted(tensors):
        tensor = tensors[name]
        unit = {tf.complex64: 4, tf.complex128: 8}.get(tensor.dtype, tensor.dtype.size)
        raw = tensor_bytes(tensor)
        if big:
            raw = b"".join(raw[i : i + unit][::-1] for i in range(0, len(raw), unit))
        entry = tensor_bundle_pb2.BundleEntryProto(
            dtype=tensor.dtype.as_datatype_enum, offset=len(data), size=len(raw), crc32c=sstable.mask(sstable.crc32c(raw))
        )
        entry.shape.CopyFrom(tensor.shape.as_proto())
        entries.append((name.encode(), entry.SerializeToString()))
        data += raw
    sstable.write(f"{folder}/bundle.index", entries, compression, entries_per_block=40)
    with open(f"{folder}/bundle.data-00000-of-00001", "wb") as file:
        file.write(data)
    confirm(f"{folder}/bundle", tensors)
    expect(folder, tensors)


def make_big_endian(folder):
    tensors = {f"{dtype.name}": values(dtype, [3, 4]) for dtype in (*INTEGERS, *FLOATS, tf.complex64, tf.complex128, tf.bool)}
    make_by_hand(folder, tensors, tensor_bundle_pb2.BundleHeaderProto.BIG, sstable.PLAIN)


def make_snappy(folder):
    tensors = {f"model/layer_{i:03d}/kernel": values(tf.float32, [i % 4]) for i in range(120)}
    make_by_hand(folder, tensors, tensor_bundle_pb2.BundleHeaderProto.LITTLE, sstable.SNAPPY)


def settle_state_file(path):
    """Times in a `checkpoint` file are the clock's; make them one round number."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(timestamps?: )[0-9.e+]+", r"\g<1>1700000000.5", text))


def graph_checkpoint(folder, version):
    """A V1 or V2 checkpoint of Saver: plain and partitioned variables, .meta and the state file."""
    os.makedirs(folder)
    dtypes = (*FLOATS[:3], tf.int32, tf.int64, tf.uint8, tf.int8, tf.int16, tf.bool, tf.complex64, tf.string)
    tensors = {dtype.name: values(dtype, [2, 3]) for dtype in dtypes} | {"scalar": values(tf.float32, [])}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    tensors["split"] = values(tf.float32, [9, 4])
    split = tensors["split"].numpy()
    with tf.Graph().as_default(), tf1.Session() as session, contextlib.chdir(folder):
        for name, array in arrays.items():
            tf1.get_variable(name, initializer=array, use_resource=False)
        tf1.get_variable(
            "split",
            split.shape,
            initializer=lambda shape, dtype, partition_info: split[partition_info.var_offset[0] :][: shape[0]],
            partitioner=tf1.fixed_size_partitioner(3),
            use_resource=False,
        )
        session.run(tf1.global_variables_initializer())
        saver = tf1.train.Saver(write_version=version)
        saver.save(session, "model.ckpt", global_step=7)
        saver.save(session, "model.ckpt", global_step=11)
        settle_state_file("checkpoint")
    confirm(f"{folder}/model.ckpt-11", tensors)
    expect(folder, tensors)


def make_object_graph(folder):
    """A TF2 checkpoint: nested objects, a list, names that need escaping, slot variables of an optimizer, a manager's state."""
    root = tf.Module()
    root.inner = tf.Module()
    root.inner.kernel = tf.Variable(values(tf.float32, [4, 3]), name="kernel")
    root.layers = [tf.Module(), tf.Module()]
    for i, layer in enumerate(root.layers):
        layer.bias = tf.Variable(values(tf.float32, [i + 2]), name="bias")
    setattr(root, "a.b/c", tf.Variable(values(tf.int64, [2]), name="odd"))
    optimizer = tf1.train.MomentumOptimizer(0.1, 0.9)
    variables = [root.inner.kernel, root.layers[0].bias]
    optimizer.apply_gradients([(tf.ones_like(v), v) for v in variables])
    checkpoint = tf.train.Checkpoint(model=root, optimizer=optimizer, step=tf.Variable(3, dtype=tf.int64))
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    for number in (3, 4):
        manager.save(checkpoint_number=number)
    settle_state_file(f"{folder}/checkpoint")
    prefix = f"{folder}/ckpt-4"
    reader = tf.train.load_checkpoint(prefix)
    kinds = reader.get_variable_to_dtype_map()
    expect(folder, {key: tf.constant(reader.get_tensor(key), kinds[key]) for key in kinds})


FIXTURES = {
    "bundles/one_shard": make_one_shard,
    "bundles/sharded": make_sharded,
    "bundles/merge": make_merge,
    "bundles/partitioned": make_partitioned,
    "bundles/many_blocks": make_many_blocks,
    "bundles/big_endian": make_big_endian,
    "bundles/snappy": make_snappy,
    "checkpoints/v1": lambda folder: graph_checkpoint(folder, tf1.train.SaverDef.V1),
    "checkpoints/v2": lambda folder: graph_checkpoint(folder, tf1.train.SaverDef.V2),
    "checkpoints/object_graph": make_object_graph,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=HERE)
    out = os.path.abspath(parser.parse_args().out)
    for name, make in FIXTURES.items():
        folder = os.path.join(out, name)
        shutil.rmtree(folder, ignore_errors=True)
        make(folder)


if __name__ == "__main__":
    main()

"""Bundles and tables against TensorFlow: what it writes we read, what we write it reads, index files byte for byte."""

import numpy as np
import pytest
import tensorflow as tf

from bundle_tool import EXPERIMENTAL, SHARED, dump, equal, load, tool

def save(prefix, tensors, specs=None):
    names = list(tensors)
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=specs or [""] * len(names),
                      tensors=[tensors[name] for name in names])


def restore(prefix, names, dtypes, specs=None):
    return tf.raw_ops.RestoreV2(prefix=str(prefix), tensor_names=names, shape_and_slices=specs or [""] * len(names),
                                dtypes=dtypes)


def assert_same_as_tensorflow(prefix, ours):
    """OURS is all that PREFIX holds, and what TensorFlow restores from it."""
    reader = tf.train.load_checkpoint(str(prefix))
    assert set(ours) == set(reader.get_variable_to_shape_map())
    for key, (dtype, values, _) in ours.items():
        wanted = restore(prefix, [key], [tf.as_dtype(dtype)])[0]
        assert wanted.dtype.name == dtype
        assert equal(wanted.numpy(), values), key


rng = np.random.default_rng(7)


def every_dtype():
    """A tensor of each dtype that TensorFlow saves, and shapes at their edges."""
    tensors = {}
    bits = rng.integers(0, 256, 4096, np.uint8).tobytes()
    for dtype in (tf.float32, tf.float64, tf.int32, tf.uint8, tf.int16, tf.int8, tf.complex64, tf.int64, tf.uint16,
                  tf.complex128, tf.half, tf.uint32, tf.uint64, tf.bfloat16, EXPERIMENTAL.float8_e5m2,
                  EXPERIMENTAL.float8_e4m3fn):
        values = np.frombuffer(bits, dtype.as_numpy_dtype)[:60]
        tensors[f"t/{dtype.name}"] = tf.constant(values.reshape(3, 4, 5), dtype)
    for dtype in (tf.qint8, tf.quint8, tf.qint16, tf.quint16, tf.qint32):
        wide = tf.constant(np.linspace(-1, 1, 24).reshape(4, 6).astype(np.float32))
        tensors[f"q/{dtype.name}"] = tf.quantization.quantize(wide, -1.0, 1.0, dtype).output
    tensors["t/bool"] = tf.constant(rng.integers(0, 2, (7, 3)).astype(bool))
    tensors["t/int4"] = tf.cast(tf.constant(rng.integers(-8, 8, 9)), EXPERIMENTAL.int4)
    tensors["t/uint4"] = tf.cast(tf.constant(rng.integers(0, 16, 9)), EXPERIMENTAL.uint4)
    tensors["scalar"] = tf.constant(np.float32(1.5))
    tensors["none"] = tf.zeros((0, 3), tf.int64)
    tensors["deep"] = tf.constant(rng.random((1, 2, 1, 3, 1, 2)).astype(np.float32))
    tensors["strings"] = tf.constant([[b"", b"one"], [b"\xff\0two", b"x" * 300]])
    tensors["a string"] = tf.constant(b"alone")
    tensors["no strings"] = tf.zeros((2, 0), tf.string)
    tensors["key of \t bytes \N{SNOWMAN}"] = tf.constant([3], tf.int32)
    return tensors


def test_every_dtype_is_read_as_tensorflow_reads_it(tmp_path):
    tensors = every_dtype()
    save(tmp_path / "all", tensors)
    ours = dump(tmp_path / "all", tmp_path / "out")
    assert set(ours) == set(tensors)
    for key, wanted in tensors.items():
        assert ours[key][0] == wanted.dtype.name
        assert equal(wanted.numpy(), ours[key][1]), key
    tool("check", tmp_path / "all")


def test_tensorflow_reads_what_we_write_and_the_bytes_are_its_own(tmp_path):
    save(tmp_path / "all", dict(sorted(every_dtype().items())))
    tool("copy", tmp_path / "all", tmp_path / "ours")
    assert_same_as_tensorflow(tmp_path / "ours", dump(tmp_path / "ours", tmp_path / "out"))
    for name in ("index", "data-00000-of-00001"):
        assert (tmp_path / f"ours.{name}").read_bytes() == (tmp_path / f"all.{name}").read_bytes(), name


@pytest.mark.parametrize("keys,length", [(1, 1), (17, 40), (9000, 20), (9000, 200), (300, 3000), (3, 300_000), (5, 600_000)])
def test_an_index_written_again_is_the_same_file(tmp_path, keys, length):
    """Several blocks, restarts, separators: for keys that share prefixes and keys longer than two blocks."""
    names = sorted({"/".join(f"{n:x}" for n in rng.integers(0, 40, 4)) + f"/{i % 7}" + "k" * int(rng.integers(0, length))
                    for i in range(keys)})
    save(tmp_path / "many", {name: tf.constant(np.int16(i)) for i, name in enumerate(names)})
    tool("table", tmp_path / "many.index", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "many.index").read_bytes()
    ours = dump(tmp_path / "many", tmp_path / "out")
    assert [int(values) for _, values, _ in ours.values()] == list(range(len(names)))


DTYPES_IN_SLICES = [tf.float32, tf.float64, tf.int32, tf.uint8, tf.int16, tf.int8, tf.complex64, tf.complex128, tf.int64,
                    tf.bfloat16, tf.half]


def sliced(prefix, key, whole, cuts):
    """Saves WHOLE as slices: CUTS is a list of (start, length) or None a dimension."""
    names, specs, parts = [], [], []
    for cut in cuts:
        text = ":".join("-" if c is None else f"{c[0]},{c[1]}" for c in cut)
        index = tuple(slice(None) if c is None else slice(c[0], c[0] + c[1]) for c in cut)
        names.append(key)
        specs.append(" ".join(map(str, whole.shape)) + " " + text)
        parts.append(tf.constant(whole.numpy()[index], whole.dtype))
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=specs, tensors=parts)


@pytest.mark.parametrize("dtype", DTYPES_IN_SLICES, ids=lambda d: d.name)
def test_partitioned_tensors_are_put_together(tmp_path, dtype):
    whole = tf.cast(tf.constant(np.arange(10 * 7 * 2).reshape(10, 7, 2)), dtype)
    sliced(tmp_path / "p", "part/v", whole, [((0, 4), None, None), ((4, 6), (0, 3), None), ((4, 6), (3, 4), None)])
    ours = dump(tmp_path / "p", tmp_path / "out")
    assert list(ours) == ["part/v"] and ours["part/v"][2] == 3
    assert equal(whole.numpy(), ours["part/v"][1])
    tool("check", tmp_path / "p")
    for spec, index in (("2,5:-:-", np.s_[2:7]), ("0,4:-:-", np.s_[0:4]), ("5,3:2,3:1,1", np.s_[5:8, 2:5, 1:2]),
                        ("9,1:6,1:-", np.s_[9:10, 6:7])):
        name = tmp_path / f"slice-{spec}"
        dims = tool("slice", tmp_path / "p", "part/v", f"10 7 2 {spec}", name).strip()
        assert equal(whole.numpy()[index], load(dtype.name, dims, name)), spec
        if dtype != tf.half:
            assert equal(restore(tmp_path / "p", ["part/v"], [dtype], [f"10 7 2 {spec}"])[0].numpy(),
                         load(dtype.name, dims, name)), spec


def test_a_missing_slice_is_an_error(tmp_path):
    whole = tf.constant(np.arange(12.0).reshape(6, 2))
    sliced(tmp_path / "p", "v", whole, [((0, 2), None), ((4, 2), None)])
    tool("dump", tmp_path / "p", tmp_path, fails="do not cover")
    tool("slice", tmp_path / "p", "v", "6 2 1,2:-", tmp_path / "x", fails="do not cover")
    tool("slice", tmp_path / "p", "v", "6 2 4,2:0,1", tmp_path / "y")


def test_large_starts_in_slice_keys(tmp_path):
    """Starts and lengths of one, two, three and more bytes in the key's code."""
    whole = tf.constant(rng.integers(0, 255, (300_000,)).astype(np.uint8))
    edges = [0, 63, 64, 65, 8191, 8192, 8193, 100_000, 299_999, 300_000]
    sliced(tmp_path / "p", "v\xff\0w", whole, [((a, b - a),) for a, b in zip(edges, edges[1:])])
    ours = dump(tmp_path / "p", tmp_path / "out")
    assert equal(whole.numpy(), ours["v\xff\0w"][1])


def test_slices_of_tensors_stored_whole(tmp_path):
    whole = tf.constant(rng.random((6, 5, 4)).astype(np.float32))
    save(tmp_path / "w", {"v": whole, "s": tf.constant([[b"a", b"b"], [b"c", b""], [b"e", b"f"]])})
    for spec, index in (("1,3:-:-", np.s_[1:4]), ("-:1,2:-", np.s_[:, 1:3]), ("5,1:4,1:3,1", np.s_[5:6, 4:5, 3:4])):
        dims = tool("slice", tmp_path / "w", "v", f"6 5 4 {spec}", tmp_path / spec).strip()
        assert equal(whole.numpy()[index], load("float32", dims, tmp_path / spec))
    dims = tool("slice", tmp_path / "w", "s", "3 2 1,2:-", tmp_path / "s").strip()
    assert load("string", dims, tmp_path / "s").tolist() == [[b"c", b""], [b"e", b"f"]]
    tool("slice", tmp_path / "w", "v", "6 5 5 -:-:-", tmp_path / "x", fails="[6, 5, 4]")
    tool("slice", tmp_path / "w", "v", "6 5 4 4,3:-:-", tmp_path / "x", fails="beyond the shape")
    tool("slice", tmp_path / "w", "v", "6 5", tmp_path / "x", fails="no shape_and_slice")


def merge_parts(folder, empty):
    """Parts of one bundle; with EMPTY one of them holds no tensor."""
    folder.mkdir()
    whole = tf.constant(np.arange(20.0).reshape(10, 2))
    sliced(folder / "a", "v", whole, [((0, 5), None)])
    sliced(folder / "b", "v", whole, [((5, 5), None)])
    save(folder / "c", {"x": tf.constant(1), "y": tf.constant([b"s", b"t"]), "none": tf.zeros((0,))})
    if empty:
        tool("empty", folder / "d")  # a thing that SaveV2 refuses, and savers that use it directly do not
    return [folder / name for name in ("abcd" if empty else "abc")]


@pytest.mark.parametrize("how", ["keep", "move"])
def test_merged_bundles_equal_those_that_tensorflow_merges(tmp_path, how):
    theirs = merge_parts(tmp_path / "theirs", False)
    ours = merge_parts(tmp_path / "ours", False)
    tool("merge", tmp_path / "ours/all", how, *ours)
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=list(map(str, theirs)), destination_prefix=str(tmp_path / "theirs/all"),
                                  delete_old_dirs=False)
    for name in ["index"] + [f"data-{i:05}-of-00003" for i in range(3)]:
        assert (tmp_path / f"ours/all.{name}").read_bytes() == (tmp_path / f"theirs/all.{name}").read_bytes(), name
    assert_same_as_tensorflow(tmp_path / "ours/all", dump(tmp_path / "ours/all", tmp_path / "out"))
    left = [path for path in (tmp_path / "ours").iterdir() if not path.name.startswith("all.")]
    assert len(left) == (6 if how == "keep" else 0)
    if how == "move":
        ours = [tmp_path / "ours/all"] * 2
    tool("merge", tmp_path / "ours/all", how, *ours, fails="all.index: is there already" if how == "keep" else "earlier part")


def test_a_part_without_tensors_merges_to_what_is_readable(tmp_path):
    tool("merge", tmp_path / "all", "move", *merge_parts(tmp_path / "ours", True))
    ours = dump(tmp_path / "all", tmp_path / "out")
    assert set(ours) == {"v", "x", "y", "none"}
    assert_same_as_tensorflow(tmp_path / "all", ours)


def test_what_cannot_be_merged(tmp_path):
    for name in "ab":
        save(tmp_path / name, {"x": tf.constant(1)})
    tool("merge", tmp_path / "all", "move", tmp_path / "a", tmp_path / "b", fails="is in an earlier part too")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.{end}" for name in "ab" for end in ("data-00000-of-00001", "index")]


def test_bundles_of_the_other_byte_order(tmp_path):
    """TensorFlow writes none here, but reads them: ours must be to its taste, and be read back."""
    tensors = {key: value for key, value in every_dtype().items() if not key.startswith(("q/", "t/float8", "t/int4", "t/uint4"))}
    save(tmp_path / "little", tensors)
    tool("swap", tmp_path / "little", tmp_path / "big")
    ours = dump(tmp_path / "big", tmp_path / "out")
    tool("check", tmp_path / "big")
    for key, wanted in tensors.items():
        assert equal(wanted.numpy(), ours[key][1]), key
        if wanted.dtype not in (tf.half, tf.bfloat16):  # what TensorFlow can swap
            assert equal(restore(tmp_path / "big", [key], [wanted.dtype])[0].numpy(), ours[key][1]), key


def test_changed_data_is_found(tmp_path):
    save(tmp_path / "all", {"a": tf.constant([1.0, 2.0]), "s": tf.constant([b"one", b"two"])})
    data = tmp_path / "all.data-00000-of-00001"
    sound = data.read_bytes()
    for at in range(len(sound)):
        data.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1:])
        key = "a: its checksum" if at < 8 else "s"
        assert str(data) in tool("check", tmp_path / "all", fails=key if at not in (8, 9) else "")
    data.write_bytes(sound[:-1])
    tool("check", tmp_path / "all", fails="too short: s ends at byte")


CORPUS = SHARED / "corpus/bundle-index"


@pytest.mark.skipif(not CORPUS.exists(), reason="no ../shared/corpus/bundle-index")
@pytest.mark.parametrize("name,rows,crc", [("valid-a", 5_000_000, 3679165185), ("valid-b", 5_000_000, 2701445103)])
def test_real_indexes_of_large_tables(tmp_path, name, rows, crc):
    (tmp_path / f"{name}.index").write_bytes((CORPUS / f"{name}.index").read_bytes())
    tool("list", tmp_path / name, fails="the data file is missing")
    with open(tmp_path / f"{name}.data-00000-of-00001", "wb") as data:
        data.truncate(rows * 400 + 1_000_000)  # sparse
    lines = [line.split(" ") for line in tool("list", tmp_path / name).splitlines()]
    table = lines[-1]
    assert bytes.fromhex(table[0]) == b"v/.ATTRIBUTES/VARIABLE_VALUE"
    assert table[1:3] == ["float32", f"{rows},100"]
    assert int(table[5]) == rows * 400 and int(table[6]) == crc
    tool("table", tmp_path / f"{name}.index", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / f"{name}.index").read_bytes()


@pytest.mark.skipif(not CORPUS.exists(), reason="no ../shared/corpus/bundle-index")
def test_a_stale_block_checksum_is_refused():
    message = tool("list", CORPUS / "stale-block-crc", fails="block checksum mismatch: stored 745873449, calculated 1481914134")
    assert "stale-block-crc.index" in message and "at byte 0" in message


MODELS = [path for path in sorted(SHARED.glob("models/**/*.index"))
          if list(path.parent.glob(f"{path.stem}.data-*"))]  # of one the index alone is there


@pytest.mark.skipif(not MODELS, reason="no ../shared/models")
def test_checkpoints_of_real_models(tmp_path):
    for i, index in enumerate(MODELS):
        prefix = index.with_suffix("")
        ours = dump(prefix, tmp_path / str(i))
        assert ours
        assert_same_as_tensorflow(prefix, ours)
        tool("check", prefix)
        tool("table", index, tmp_path / f"{i}.again")
        if index.read_bytes().startswith(b"\0\0"):  # else compressed by snappy, as some early writers did
            assert (tmp_path / f"{i}.again").read_bytes() == index.read_bytes(), index

"""Lookup tables against TensorFlow: from tensors and text files, immutable and mutable."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
S, I = tf.string, tf.int64


def table(key, value, kind=RAW.HashTableV2):
    return kind(key_dtype=key, value_dtype=value, shared_name="t")


PAIRS = [(S, I), (S, S), (S, tf.int32), (S, tf.float32), (S, tf.float64), (S, tf.bool), (I, S), (I, I), (I, tf.int32),
         (I, tf.float32), (I, tf.float64), (tf.int32, S), (tf.int32, tf.int32), (tf.int32, tf.float32)]
VALUES = {S: [b"x", b"", b"z\0z"], tf.bool: [True, False, True], I: [7, -1, 2**60], tf.int32: [7, -1, 2**30],
          tf.float32: [0.5, -0.0, 1e30], tf.float64: [0.5, -0.0, 1e300]}
KEYS = {S: [b"a", b"b\0", b""], I: [0, -5, 2**62], tf.int32: [0, -5, 2**30]}
OTHERS = {S: [[b"a", b"q"], [b"b", b""]], I: [[0, 1], [5, 2**62]], tf.int32: [[0, 1], [5, 2**30]]}


def array(values, dtype):
    return values if dtype == S else np.array(values, dtype.as_numpy_dtype)


@pytest.mark.parametrize("key, value", PAIRS)
def test_from_tensors(key, value):
    def find(keys, values, asked, fallback):
        t = table(key, value)
        with tf.control_dependencies([RAW.InitializeTableV2(table_handle=t, keys=keys, values=values)]):
            return [RAW.LookupTableFindV2(table_handle=t, keys=asked, default_value=fallback),
                    RAW.LookupTableSizeV2(table_handle=t)]
    keys, values = array(KEYS[key], key), array(VALUES[value], value)
    fallback = array(VALUES[value][0], value)
    check(find, keys, values, array(OTHERS[key], key), fallback)
    check(find, keys, values, array(OTHERS[key][0][0], key), fallback)
    check(find, keys, values, array([], key) if key != S else np.zeros([0], object), fallback)


@pytest.mark.parametrize("keys, values, asked, fallback", [
    ([b"a", b"a"], [1, 2], [b"a"], -1), ([b"a", b"a"], [1, 1], [b"a"], -1), ([[b"a"]], [[1]], [b"a"], -1),
    ([b"a", b"b"], [1], [b"a"], -1), ([b"a"], [1], [b"a", b"z"], [-1, -2]), ([b"a"], [1], [b"a", b"z"], [-1]),
    ([b"a"], [1], [b"a", b"z"], [-1, -2, -3]), (b"a", 1, [b"a"], -1)])
def test_odd_tensors(keys, values, asked, fallback):
    def find(k, v, a, f):
        t = table(S, I)
        with tf.control_dependencies([RAW.InitializeTableV2(table_handle=t, keys=k, values=v)]):
            return RAW.LookupTableFindV2(table_handle=t, keys=a, default_value=f)
    check(find, keys, np.array(values, np.int64), asked, np.array(fallback, np.int64))


def test_not_initialized():
    check(lambda a: RAW.LookupTableFindV2(table_handle=table(S, I), keys=a, default_value=tf.constant(0, I)), [b"a"])
    check(lambda: RAW.LookupTableSizeV2(table_handle=table(S, I)))


def test_the_first_content_stays():
    def find(asked):
        t = table(S, I)
        with tf.control_dependencies([RAW.InitializeTableV2(table_handle=t, keys=["a"], values=tf.constant([1], I))]):
            again = RAW.InitializeTableV2(table_handle=t, keys=["b"], values=tf.constant([2], I))
        with tf.control_dependencies([again]):
            return RAW.LookupTableFindV2(table_handle=t, keys=asked, default_value=tf.constant(0, I))
    check(find, [b"a", b"b"])


FILES = [  # content, key dtype, key index, value dtype, value index, vocab size, delimiter
    (b"a\nb\nc\n", S, -2, I, -1), (b"a\nb\nc", S, -2, I, -1), (b"a\r\nb\rx\r\nc", S, -2, I, -1),
    (b"a\n\nc\n", S, -2, I, -1), (b"a\nb\n\n", S, -2, I, -1), (b"", S, -2, I, -1), (b"a\na\n", S, -2, I, -1),
    (b"a\t1\na\t1\n", S, 0, I, 1), (b"a\nb\nc\n", S, -2, I, -1, 2), (b"a\nb\nc\n", S, -2, I, -1, 5),
    (b"a\nb\nc\n", S, -2, I, -1, 0), (b"a\t1\nb\t2\n", S, 0, I, 1), (b"a\t1.5\nb\t2\n", S, 0, tf.float32, 1),
    (b"a\t1\nb\n", S, 0, I, 1), (b"a\t1\tz\nb\t2\n", S, 0, I, 1), (b"a\tq\n", S, 0, I, 1),
    (b"a\t 7 \n", S, 0, I, 1), (b"a,1\nb,2\n", S, 0, I, 1, -1, ","), (b"a,1\nb,2\n", S, 0, I, 1, -1, ",,"),
    (b"a,1\nb,2\n", S, 0, I, 1, -1, ""), (b"a\nb\n", S, -2, S, -2), (b"a\nb\n", I, -1, S, -2),
    (b"5\n7\n", I, -2, I, -1), (b"5\n7\n", S, -1, I, -2), (b"5\n7\n", I, -1, I, -1),
    (b"5\n7\n", S, -2, tf.int32, -1), (b"5\ta\n7\tb\n", I, 0, S, 1), (b"a\t\n\t2\n", S, 0, S, 1),
    (b"a\0b\nc\n", S, -2, I, -1), (b"\xff\xfe\n \n", S, -2, I, -1), (b"a\r\r\nb\n", S, -2, I, -1),
    (b"x y 1\nz y 2\n", S, 0, I, 2, -1, " "), (b"\r\n", S, -2, I, -1), (b"a\t1e2\n", S, 0, tf.float64, 1),
    (b"a\t9999999999\n", S, 0, tf.int32, 1)]


@pytest.mark.parametrize("case", FILES, ids=str)
@pytest.mark.parametrize("offset", [0, 5])
def test_from_file(case, offset, tmp_path):
    content, key, key_index, value, value_index, size, delimiter = [*case, -1, "\t"][:5] + [*case[5:], -1, "\t"][:1] + \
        [*case[6:], "\t"][:1]
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)

    def find(filename, asked):
        t = table(key, value)
        filled = RAW.InitializeTableFromTextFileV2(table_handle=t, filename=filename, key_index=key_index,
                                                   value_index=value_index, vocab_size=size, delimiter=delimiter,
                                                   offset=offset)
        with tf.control_dependencies([filled]):
            return [RAW.LookupTableFindV2(table_handle=t, keys=asked, default_value=tf.constant(VALUES[value][1], value)),
                    RAW.LookupTableSizeV2(table_handle=t)]
    asked = [b"a", b"b", b"c", b"a\0b", b"", b"b\rx", b"x", b"\xff\xfe", b" "] if key == S else np.array([0, 1, 5, 7, 9])
    check(find, str(path).encode(), asked)


def test_old_handles():
    def find(asked):
        t = RAW.HashTable(key_dtype=S, value_dtype=I, shared_name="t")
        with tf.control_dependencies([RAW.InitializeTable(table_handle=t, keys=["a", "b"],
                                                          values=tf.constant([1, 2], I))]):
            return [RAW.LookupTableFind(table_handle=t, keys=asked, default_value=tf.constant(-1, I)),
                    RAW.LookupTableSize(table_handle=t)]
    check(find, [b"a", b"z"])


def test_mutable():
    def steps(more, asked, fallback):
        t = table(S, I, RAW.MutableHashTableV2)
        found = []

        def look():
            found.append(RAW.LookupTableFindV2(table_handle=t, keys=asked, default_value=fallback))
            found.append(RAW.LookupTableSizeV2(table_handle=t))
            return found[-2:]
        last = look()
        for step in (lambda: RAW.LookupTableInsertV2(table_handle=t, keys=more, values=tf.constant([1, 2, 3], I)),
                     lambda: RAW.LookupTableRemoveV2(table_handle=t, keys=["a", "q"]),
                     lambda: RAW.LookupTableInsertV2(table_handle=t, keys=["b", "n"], values=tf.constant([8, 9], I)),
                     lambda: RAW.LookupTableImportV2(table_handle=t, keys=["x"], values=tf.constant([5], I))):
            with tf.control_dependencies(last):
                done = step()
            with tf.control_dependencies([done]):
                last = look()
        with tf.control_dependencies(last):
            return found + list(RAW.LookupTableExportV2(table_handle=t, Tkeys=S, Tvalues=I))
    check(steps, [b"a", b"b", b"a"], [b"a", b"b", b"x", b"z"], np.array([-1, -2, -3, -4]))
    check(steps, [b"a", b"b", b"a"], [b"a", b"b", b"x", b"z"], np.array(-1))


def grown(keys, values, asked, gone, make):
    """A table that is filled, made smaller and asked."""
    t = make()
    with tf.control_dependencies([RAW.LookupTableInsertV2(table_handle=t, keys=keys, values=values)]):
        gone_too = RAW.LookupTableRemoveV2(table_handle=t, keys=gone)
    with tf.control_dependencies([gone_too]):
        return [RAW.LookupTableFindV2(table_handle=t, keys=asked, default_value=tf.zeros([], values.dtype)),
                RAW.LookupTableSizeV2(table_handle=t)]


DENSE_KEYS = [([1, 2, 3], [2]), ([1, 1], []), ([1, -1], []), ([1, -2], []), ([1], [-1]), ([1], [-2]), ([1], [7]), ([], [])]


@pytest.mark.parametrize("keys,gone", DENSE_KEYS)
@pytest.mark.parametrize("asked", [[1, 2, 9], [[3], [1]], [-1], [-2]], ids=str)
def test_dense_tables(keys, gone, asked):
    for kind, shared in ((RAW.MutableDenseHashTableV2, {"shared_name": "d"}), (RAW.AnonymousMutableDenseHashTable, {})):
        def make(kind=kind, shared=shared):
            return kind(empty_key=tf.constant(-1, I), deleted_key=tf.constant(-2, I), value_dtype=tf.float32, **shared)
        check(lambda k, v, a, g: grown(k, v, a, g, make), np.array(keys, np.int64), np.arange(len(keys), dtype=np.float32) + .5,
              np.array(asked, np.int64), np.array(gone, np.int64))


@pytest.mark.parametrize("empty,deleted", [(5, 5), (5, 6)])
def test_keys_set_aside(empty, deleted):
    check(lambda a: RAW.LookupTableFindV2(
        table_handle=RAW.MutableDenseHashTableV2(empty_key=tf.constant(empty, I), deleted_key=tf.constant(deleted, I),
                                                 value_dtype=I, shared_name="e"),
        keys=a, default_value=tf.constant(0, I)), np.array([1], np.int64))

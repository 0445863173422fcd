"""Ragged tensors, counting and buckets against TensorFlow, op by op and as tf.ragged and tf.strings put them together."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
FIVE = np.arange(1, 6, dtype=np.int32)
PAIRS = np.arange(10, dtype=np.float32).reshape(5, 2)
LETTERS = [b"a", b"b\0", b"", b"d", b"e"]

LAYOUTS = [  # row partition tensors and their types
    ([[0, 2, 2, 5]], ["ROW_SPLITS"]), ([4, [0, 0, 2, 2, 2]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]),
    ([2, [0, 0, 2, 2, 2]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]), ([4, [-1, 2, 2, 2, 2]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]),
    ([4, [0, 2, 2]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]), ([[0, 1, 3], [0, 2, 3, 5]], ["ROW_SPLITS", "ROW_SPLITS"]),
    ([2, [0, 1, 1], [0, 0, 1, 2, 2]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS", "VALUE_ROWIDS"]),
    ([2, [0, 0, 1], [0, 0, 0, 2, 2]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS", "VALUE_ROWIDS"]),
    ([2, [0, 1, 1], [0, 2, 3, 5]], ["FIRST_DIM_SIZE", "VALUE_ROWIDS", "ROW_SPLITS"]), ([[0, 3, 2, 5]], ["ROW_SPLITS"]),
    ([[1, 3, 5]], ["ROW_SPLITS"]), ([[0, 3, 4]], ["ROW_SPLITS"]), ([[]], ["ROW_SPLITS"]), ([[0, 0, 0]], ["ROW_SPLITS"]),
    ([[0]], ["ROW_SPLITS"]),
    ([0, []], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"])]
SOUND = [LAYOUTS[i] for i in (0, 1, 4, 5, 6, 7, 8, 11, 13, 14, 15)]


@pytest.mark.parametrize("parts, types", LAYOUTS, ids=str)
def test_to_tensor(parts, types):
    levels = len(types) - (types[0] == "FIRST_DIM_SIZE")
    for values, fallbacks, inner in ((FIVE, [np.int32(9), np.array([9], np.int32)], []),
                                     (PAIRS, [np.float32(9), np.array([7, 8], np.float32), np.array([7], np.float32),
                                              np.array([7, 8, 9], np.float32), np.array([[7, 8]], np.float32)], [2]),
                                     (LETTERS, [b"-"], [])):
        for fallback in fallbacks:
            shapes = (-1, [-1] * (levels + 1) + inner, [2] * (levels + 1) + inner, [5, 4, 3][:levels + 1] + inner,
                          [-1] * levels + [1] + inner, [0] * (levels + 1) + inner, [-1] * (levels + 1) + [3], 3)
            for shape in shapes if values is FIVE else shapes[:4:2]:
                check(lambda v, f, s, *p: RAW.RaggedTensorToTensor(shape=s, values=v, default_value=f,
                                                                   row_partition_tensors=p, row_partition_types=types),
                      values, fallback, np.array(shape), *[np.array(p, np.int64) for p in parts],
                      stricter=(parts, types) not in SOUND)


SPLITS = [[[0, 2, 2, 5]], [[0, 1, 3], [0, 2, 3, 5]], [[0, 2, 2, 4]], [[1, 2, 2, 5]], [[0, 3, 2, 5]], [[0, 1, 4], [0, 2, 3, 5]],
          [[0, 2, 2], [0, 0, 5], [0, 1, 2, 3, 4, 5]], [[0, 5]], [[0, 9]]]


@pytest.mark.parametrize("splits", SPLITS, ids=str)
@pytest.mark.parametrize("kind", [tf.int32, tf.int64])
def test_to_sparse_and_gather(splits, kind):
    levels = len(splits)
    for values in (FIVE, PAIRS, LETTERS, np.zeros([5, 2, 0], np.float32), np.ones([5, 2, 3], np.int64)):
        check(lambda v: RAW.RaggedTensorToSparse(rt_nested_splits=[tf.constant(s, kind) for s in splits],
                                                 rt_dense_values=v), values)
        for indices in ([0, 0], [[0, 1], [1, 0]], 1, [], np.zeros([3, 0]), [-1], [7], [[[0]], [[1]]]):
            indices = np.array(indices, np.int32)
            # TensorFlow aborts where a scalar index meets one level, or broken splits
            if indices.ndim == 0 and levels == 1 or splits in (SPLITS[2:6] + SPLITS[8:]):
                continue
            check(lambda v, i: RAW.RaggedGather(params_nested_splits=[tf.constant(s, kind) for s in splits],
                                                params_dense_values=v, indices=i,
                                                OUTPUT_RAGGED_RANK=levels + indices.ndim - 1), values, indices)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_range(dtype):
    for start, limit, delta in (([0, 3, 8], [5, 3, 12], 1), ([0, 3, 8], [5, 3, 12], [1, 2, 3]), ([5], [0], -2), ([5], [0], 0),
                                (0, 5, 1), ([0, 1], 5, [1, 2]), ([0, 1], [5], [1, 2]), ([[0]], [[5]], [[1]]), ([], [], 1),
                                ([5], [0], 2), ([0], [1], 3), ([-7, 7], [7, -7], [3, -3])):
        check(lambda a, b, c: RAW.RaggedRange(starts=a, limits=b, deltas=c), np.array(start, dtype), np.array(limit, dtype),
              np.array(delta, dtype))
    if dtype in (np.float32, np.float64):
        check(lambda a, b, c: RAW.RaggedRange(starts=a, limits=b, deltas=c), dtype(0), dtype(7), dtype(0.1))


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("weight", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("binary", [False, True])
def test_bincount(kind, weight, binary):
    for values, size, weights in (([1, 1, 3, 9], 5, []), ([1, 1, 3, 9], 5, [1, 2, 3, 4]), ([1, -1], 5, []), ([1], -5, []),
                                  (1, 5, []), ([[1, 1], [2, 0]], 3, []), ([[1, 1], [2, 0]], 3, [[1, 2], [3, 4]]),
                                  ([1, 1], 3, [1]), ([], 3, []), (np.zeros([2, 0]), 3, []), ([[1, -1]], 3, []),
                                  ([0, 0], 0, [])):
        check(lambda v, n, w: RAW.DenseBincount(input=v, size=n, weights=w, binary_output=binary),
              np.array(values, kind), np.array(size, kind), np.array(weights, weight))
        if kind == np.int32:
            check(lambda v, n, w: RAW.Bincount(arr=v, size=n, weights=w), np.array(values, kind), np.array(size, kind),
                  np.array(weights, weight))
    for splits, size, weights in (([0, 2, 2, 4], 4, []), ([0, 2, 2, 4], 2, [1, 2, 3, 4]), ([1, 2, 4], 4, []),
                                  ([0, 2, 3], 4, []), ([], 4, []), ([0, 4], 4, [])):
        check(lambda v, w: RAW.RaggedBincount(splits=tf.constant(splits, tf.int64), values=v, size=tf.constant(size, v.dtype),
                                              weights=w, binary_output=binary),
              np.array([1, 1, 0, 3], kind), np.array(weights, weight))
    for indices, dense in (([[0, 0], [0, 1], [2, 0]], [3, 2]), ([[0], [1], [2]], [3]), ([[5, 0], [0, 0], [1, 0]], [3, 2])):
        check(lambda v, w: RAW.SparseBincount(indices=tf.constant(indices, tf.int64), values=v,
                                              dense_shape=tf.constant(dense, tf.int64), size=tf.constant(4, v.dtype),
                                              weights=w, binary_output=binary),
              np.array([1, 1, 2], kind), np.array([], weight))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_places(dtype):
    values = np.array([[0, 1, 2, 3, -7, 100, 2], [0.5, 1.5, 2.5, 0, 1, 2, 3]]).astype(dtype)
    for boundaries in ([1.0, 2.0], [], [3.0, 2.0], [0.1, 0.1, 2.5]):
        check(lambda x: RAW.Bucketize(input=x, boundaries=boundaries), values)
    for op in (RAW.LowerBound, RAW.UpperBound):
        for kind in (tf.int32, tf.int64):
            check(lambda s, v: op(sorted_inputs=s, values=v, out_type=kind),
                  np.array([[0, 1, 1, 2, 9], [-1, 0, 0, 0, 3]], dtype), values)
    check(lambda x: RAW.UniqueWithCounts(x=x), np.array([3, 1, 3, 3, 2], dtype))


def test_unique_texts():
    check(lambda x: RAW.UniqueWithCounts(x=x, out_idx=tf.int64), [b"b", b"a\0", b"b", b"a"])
    check(lambda x: RAW.UniqueWithCountsV2(x=x, axis=tf.constant([], tf.int32)), [b"b", b"a", b"b"])


LINES = [b"the quick  brown fox", b"", b"jumps", b" over the lazy dog ", b"\xff x \0"]
TABLE = np.arange(40, dtype=np.float32).reshape(10, 4)

WHOLE = {
    "split to tensor": lambda x, e: tf.strings.split(x).to_tensor(default_value="-"),
    "split to shape": lambda x, e: tf.strings.split(x).to_tensor(default_value="-", shape=[None, 3]),
    "split to sparse": lambda x, e: tf.strings.split(x).to_sparse(),
    "lengths": lambda x, e: tf.strings.length(tf.strings.split(x)),
    "hash and mean": lambda x, e: tf.reduce_mean(tf.gather(e, tf.strings.to_hash_bucket_fast(tf.strings.split(x), 10)), axis=1),
    "hash and sum": lambda x, e: tf.reduce_sum(tf.gather(e, tf.strings.to_hash_bucket_fast(tf.strings.split(x), 10)), axis=1),
    "hash and max": lambda x, e: tf.reduce_max(tf.gather(e, tf.strings.to_hash_bucket_fast(tf.strings.split(x), 10)), axis=1),
    "embedding": lambda x, e: tf.nn.embedding_lookup_sparse(
        e, tf.strings.to_hash_bucket_fast(tf.strings.split(x), 10).to_sparse(), None, combiner="sqrtn"),
    "ngrams": lambda x, e: tf.strings.ngrams(tf.strings.split(x), [1, 2]),
    "joined": lambda x, e: tf.strings.reduce_join(tf.strings.split(x), axis=1, separator="_"),
    "first two": lambda x, e: tf.strings.split(x)[:, :2],
    "last": lambda x, e: tf.strings.split(x)[:, -1:],
    "bytes": lambda x, e: tf.strings.bytes_split(x).to_tensor(),
    "long ones": lambda x, e: tf.ragged.boolean_mask(tf.strings.split(x), tf.strings.length(tf.strings.split(x)) > 3),
    "sizes": lambda x, e: tf.strings.split(x).row_lengths(),
    "row ids": lambda x, e: tf.strings.split(x).value_rowids(),
    "concatenated": lambda x, e: tf.concat([tf.strings.split(x), tf.strings.split(x, "o")], axis=1),
    "ranges": lambda x, e: tf.ragged.range(tf.strings.length(x)),
    "expanded": lambda x, e: tf.expand_dims(tf.strings.split(x), 1),
    "column sum": lambda x, e: tf.reduce_sum(tf.strings.length(tf.strings.split(x)), axis=0),
    "counted": lambda x, e: tf.math.bincount(tf.strings.to_hash_bucket_fast(tf.strings.split(x), 10), minlength=10,
                                             maxlength=10, axis=-1, dtype=tf.int64),
    "masked": lambda x, e: tf.sequence_mask(tf.strings.split(x).row_lengths()),
    "added": lambda x, e: tf.strings.length(tf.strings.split(x)) + 1,
    "added ragged": lambda x, e: tf.strings.length(tf.strings.split(x)) * tf.strings.length(tf.strings.split(x)),
    "reversed": lambda x, e: tf.reverse(tf.strings.split(x), [1]),
    "stacked": lambda x, e: tf.stack([tf.strings.split(x), tf.strings.split(x)]),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole(name):
    try:
        check(WHOLE[name], LINES, TABLE, tolerance=1e-6, ranks=True)
        check(WHOLE[name], [b"one line"], TABLE, tolerance=1e-6, ranks=True)
    except AssertionError as e:
        if "cannot run op If" in str(e) or "cannot run op StatelessIf" in str(e):
            pytest.skip("the runtime has no If")
        raise

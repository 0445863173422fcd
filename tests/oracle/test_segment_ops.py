"""Reductions by segment against TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
SORTED = [RAW.SegmentSum, RAW.SegmentMean, RAW.SegmentMax, RAW.SegmentMin, RAW.SegmentProd]
UNSORTED = [RAW.UnsortedSegmentSum, RAW.UnsortedSegmentMax, RAW.UnsortedSegmentMin, RAW.UnsortedSegmentProd]
SPARSE = [RAW.SparseSegmentSum, RAW.SparseSegmentMean, RAW.SparseSegmentSqrtN]
SPARSE_TO = [RAW.SparseSegmentSumWithNumSegments, RAW.SparseSegmentMeanWithNumSegments,
             RAW.SparseSegmentSqrtNWithNumSegments]
TYPES = [tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32,
         tf.int64, tf.uint64]


def values(dtype, *shape):
    """Small whole numbers: sums are exact in any order."""
    rng = np.random.default_rng(1)
    return rng.integers(1, 5, shape).astype(dtype.as_numpy_dtype)


@pytest.mark.parametrize("op", SORTED)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.name)
def test_sorted(op, dtype):
    for ids in ([0, 0, 3, 3], [1, 1, 1, 5], [0, 1, 2, 3], [0, 0, 0, 0]):
        for shape in ((4,), (4, 3), (4, 2, 2), (4, 0)) if dtype == tf.float32 else ((4, 3),):
            for kind in (np.int32, np.int64) if dtype == tf.float32 else (np.int64,):
                check(lambda d, i: op(data=d, segment_ids=i), values(dtype, *shape), np.array(ids, kind),
                      tolerance=1e-2 if dtype.size == 2 else 1e-6)


@pytest.mark.parametrize("op", SORTED)
def test_odd_ids(op):
    for ids in ([1, 0, 0, 0], [-1, 0, 0, 0], [0, 0, 0], [0, 1, 2, 3, 4], [[0, 1], [1, 1]], 0, [0, -1, -1, 3]):
        check(lambda d, i: op(data=d, segment_ids=i), values(tf.float32, 4), np.array(ids, np.int32))
    check(lambda d, i: op(data=d, segment_ids=i), np.zeros([0, 2], np.float32), np.zeros([0], np.int32))
    check(lambda d, i: op(data=d, segment_ids=i), np.zeros([], np.float32), np.zeros([0], np.int32))


@pytest.mark.parametrize("op", UNSORTED)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.name)
def test_unsorted(op, dtype):
    for ids in ([0, 0, 3, 3], [3, 1, -1, 0], [0, 5, 0, 0], [0, 0], [-1, -1, -7, -1], 1):
        for segments in (0, 4, 5) if dtype == tf.float32 else (4,):
            check(lambda d, i: op(data=d, segment_ids=i, num_segments=segments), values(dtype, 4, 3),
                  np.array(ids, np.int32))
    check(lambda d, i: op(data=d, segment_ids=i, num_segments=3), values(dtype, 2, 2, 2), np.array([[0, 1], [1, 1]]))
    check(lambda d, i: op(data=d, segment_ids=i, num_segments=-1), values(dtype, 4), np.array([0, 0, 0, 0]))


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.float16, tf.bfloat16], ids=lambda t: t.name)
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_sparse(dtype, kind):
    tolerance = 1e-2 if dtype.size == 2 else 1e-6
    for rows, ids in (([0, 1, 3], [0, 0, 2]), ([0, 1, 3], [1, 0, 2]), ([0, 1, 4], [0, 0, 2]), ([0, -1], [0, 0]),
                      ([0, 1], [0, 0, 1]), ([0], [-1]), ([2] * 9, [0] * 4 + [3] * 5), ([], [])):
        feeds = [values(dtype, 4, 5), np.array(rows, kind), np.array(ids, kind)]
        for op in SPARSE:
            check(lambda d, r, i: op(data=d, indices=r, segment_ids=i), *feeds, tolerance=tolerance)
        for op in SPARSE_TO:
            for segments in (0, 2, 7):
                check(lambda d, r, i: op(data=d, indices=r, segment_ids=i, num_segments=segments), *feeds,
                      tolerance=tolerance)

"""Rows dealt out by number and put back, against TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
VALUES = {"float32": np.arange(24, dtype=np.float32).reshape(4, 3, 2), "float16": np.arange(4, dtype=np.float16),
          "int64": np.arange(8).reshape(4, 2), "text": [b"a", b"b\0", b"", b"d"], "empty": np.zeros([4, 0], np.float32)}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("partitions", ([0, 2, 2, 0], [1, 1, 1, 1], [2, 1, 0, 1], [0, 3, 0, 0], [0, -1, 0, 0], [0, 0, 0], 1), ids=str)
def test_partition(name, partitions):
    check(lambda d, p: RAW.DynamicPartition(data=d, partitions=p, num_partitions=3), VALUES[name],
          np.array(partitions, np.int32))


def test_partition_of_more_dimensions():
    rows = VALUES["float32"]
    for partitions in (np.arange(12).reshape(4, 3) % 3, np.zeros([4, 3, 2]), np.zeros([3, 4]), np.zeros([4, 3, 2, 1])):
        check(lambda d, p: RAW.DynamicPartition(data=d, partitions=p, num_partitions=3), rows, partitions.astype(np.int32))
    check(lambda d, p: RAW.DynamicPartition(data=d, partitions=p, num_partitions=2), np.zeros([0, 5]), np.zeros([0], np.int32))


STITCHED = [([[0, 2], [1, 3]], (2,)), ([[3, 1, 0], [2]], ()), ([[0, 1], [1, 0]], (3,)), ([[], [0, 1]], (2,)), ([[], []], (2,)),
            ([[[0, 1], [2, 3]], [4]], (2, 2)), ([0, 1], (3,)), ([[0, -1], [1, 2]], (2,))]


@pytest.mark.parametrize("op", (RAW.DynamicStitch, RAW.ParallelDynamicStitch))
@pytest.mark.parametrize("indices, width", STITCHED, ids=str)
def test_stitch(op, indices, width):
    if op is RAW.ParallelDynamicStitch and indices == [[0, 1], [1, 0]]:
        pytest.skip("either may win")
    indices = [np.array(i, np.int32) for i in indices]
    for dtype in (np.float32, np.int64, np.float16):
        data = [np.arange(i.size * int(np.prod(width)), dtype=dtype).reshape(*i.shape, *width) + 100 * n
                for n, i in enumerate(indices)]
        check(lambda a, b, x, y: op(indices=[a, b], data=[x, y]), *indices, *data)


def test_stitch_of_texts_and_of_shapes_that_do_not_fit():
    two = np.array([1, 0], np.int32)
    check(lambda a, x: RAW.DynamicStitch(indices=[a], data=[x]), two, [b"a", b"b"])
    for x in (np.ones([3]), np.ones([])):
        check(lambda a, x: RAW.DynamicStitch(indices=[a], data=[x]), two, x)
    check(lambda a, x, y: RAW.DynamicStitch(indices=[a, a], data=[x, y]), two, np.ones([2, 2]), np.ones([2, 3]))


def test_there_and_back():
    """As embedding lookups in partitioned tables do it."""
    def function(table, ids):
        return tf.compat.v1.nn.embedding_lookup([table, table + 100], ids, partition_strategy="div")

    table = np.arange(20, dtype=np.float32).reshape(10, 2)
    for ids in ([3, 19, 0, 12, 3], [[1, 11], [10, 9]], []):
        check(function, table, np.array(ids, np.int64), ranks=True)

"""Ops on sparse tensors against TensorFlow: random tensors, odd shapes, what must be refused."""

import os

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
ROUNDS = int(os.environ.get("INLAY_ROUNDS", "12"))  # by hand: 500
NUMBERS = [np.float32, np.float64, np.int32, np.int64, np.int8, np.uint8, np.int16, np.uint16]


def rng_of(*key):
    """The same numbers each time."""
    return np.random.default_rng(list("".join(map(str, key)).encode()))


def numbers(rng, n, dtype):
    """Small whole numbers, which every order of adding gives exactly."""
    return rng.integers(1 if np.dtype(dtype).kind == "u" else -5, 9, n).astype(dtype)


def texts(rng, n):
    return np.array([bytes(rng.integers(97, 100, rng.integers(0, 4)).tolist()) for _ in range(n)] + [b""], object)[:n]


def values_of(rng, n, dtype):
    return texts(rng, n) if dtype is object else numbers(rng, n, dtype)


def sparse(rng, shape, dtype, ordered=True):
    """Indices, values and dense shape; without repetitions."""
    size = int(np.prod(shape))
    flat = rng.choice(size, int(rng.integers(0, min(size, 12) + 1)), replace=False) if size else np.zeros(0, int)
    if ordered:
        flat.sort()
    indices = np.stack(np.unravel_index(flat, shape), 1) if len(shape) else np.zeros([len(flat), 0])
    return indices.astype(np.int64).reshape(len(flat), len(shape)), values_of(rng, len(flat), dtype), np.array(shape, np.int64)


def shape_of(rng, least=1, most=3):
    return [int(d) for d in rng.integers(0 if rng.random() < .15 else 1, 5, rng.integers(least, most + 1))]


@pytest.mark.parametrize("dtype", NUMBERS + [object, bool], ids=str)
def test_to_dense(dtype):
    rng = rng_of("to dense", dtype)
    for kind in (np.int32, np.int64):
        for i in range(ROUNDS):
            shape = shape_of(rng)
            indices, values, dims = sparse(rng, shape, dtype, i % 3 > 0)
            if i % 5 == 4 and len(values):
                indices[rng.integers(len(values)), 0] += rng.integers(-2, 4)
            if i % 7 == 6 and len(values) > 1:
                indices[0] = indices[1]
            validate = i % 2 == 1
            check(lambda i, d, v, f: RAW.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=f,
                                                       validate_indices=validate),
                  indices.astype(kind), dims.astype(kind), values, values_of(rng, 1, dtype).reshape([]))


@pytest.mark.parametrize("indices,values", [([1, 3], [7., 8.]), ([1, 3], 5.), (2, 6.), ([[1], [3]], [7., 8.]), ([3, 1], [1., 2.]),
                                            ([1, 1], [1., 2.]), ([1, 3], [1.]), ([[[1]]], [1.]), ([[1, 2]], [1.]), ([], [])])
@pytest.mark.parametrize("shape", [[5], [2, 3], [3], [-1], [[5]]])
def test_to_dense_takes_lists_and_scalars(indices, values, shape):
    check(lambda i, d, v: RAW.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=1.),
          np.array(indices, np.int32), np.array(shape, np.int32), np.array(values, np.float32))


def test_reshape():
    rng = rng_of("reshape")
    for i in range(4 * ROUNDS):
        shape = shape_of(rng, 1, 4)
        indices, _, dims = sparse(rng, shape, np.float32)
        new = [int(np.prod(shape))] if i % 4 == 0 else list(rng.permutation(shape))
        if i % 2:
            new[rng.integers(len(new))] = -1
        if i % 9 == 8:
            new.append(2)
        if i % 11 == 10:
            new[0] = -1
        check(lambda i, d, n: RAW.SparseReshape(input_indices=i, input_shape=d, new_shape=n), indices, dims,
              np.array(new, np.int64))


@pytest.mark.parametrize("dtype", NUMBERS + [object], ids=str)
def test_reorder(dtype):
    rng = rng_of("reorder", dtype)
    for _ in range(ROUNDS):
        check(lambda i, v, d: RAW.SparseReorder(input_indices=i, input_values=v, input_shape=d),
              *sparse(rng, shape_of(rng), dtype, False))


@pytest.mark.parametrize("dtype", NUMBERS + [object], ids=str)
def test_fill_empty_rows(dtype):
    rng = rng_of("fill", dtype)
    for i in range(ROUNDS):
        indices, values, dims = sparse(rng, shape_of(rng), dtype, i % 2 == 0)
        if i % 6 == 5 and len(values):
            indices[0, 0] = rng.choice([-1, dims[0]])
        fill = values_of(rng, 1, dtype).reshape([])
        check(lambda i, v, d, f: RAW.SparseFillEmptyRows(indices=i, values=v, dense_shape=d, default_value=f), indices, values,
              dims, fill)
        check(lambda i, v, d, f: RAW.RaggedFillEmptyRows(value_rowids=i, values=v, nrows=d, default_value=f), indices[:, 0],
              values, dims[0], fill)


@pytest.mark.parametrize("dtype", NUMBERS + [object], ids=str)
def test_slice(dtype):
    rng = rng_of("slice", dtype)
    for i in range(ROUNDS):
        indices, values, dims = sparse(rng, shape_of(rng), dtype)
        start, size = rng.integers(0, 4, len(dims)), rng.integers(0, 5, len(dims))
        check(lambda i, v, d, s, n: RAW.SparseSlice(indices=i, values=v, shape=d, start=s, size=n), indices, values, dims, start,
              size, stricter=bool((start > dims).any()))


@pytest.mark.parametrize("dtype", NUMBERS + [object], ids=str)
def test_split(dtype):
    rng = rng_of("split", dtype)
    for i in range(ROUNDS):
        indices, values, dims = sparse(rng, shape_of(rng), dtype)
        axis, parts = int(rng.integers(0, len(dims) + (i % 8 == 7))), int(rng.integers(1, 4))
        check(lambda i, v, d: [list(part) for part in RAW.SparseSplit(split_dim=tf.constant(axis, tf.int64), indices=i, values=v,
                                                                      shape=d, num_split=parts)], indices, values, dims)


@pytest.mark.parametrize("dtype", NUMBERS + [object], ids=str)
def test_concat(dtype):
    rng = rng_of("concat", dtype)
    for i in range(ROUNDS):
        shape = shape_of(rng)
        axis = int(rng.integers(0, len(shape)))
        parts = []
        for _ in range(rng.integers(1, 4) + 1):
            own = list(shape)
            own[axis] = int(rng.integers(1, 4))
            if i % 9 == 8:
                own[0] += int(rng.integers(0, 2))
            parts += sparse(rng, own, dtype)
        n = len(parts) // 3

        def concat(*feeds):
            return RAW.SparseConcat(indices=list(feeds[0::3]), values=list(feeds[1::3]), shapes=list(feeds[2::3]),
                                    concat_dim=axis - (len(shape) if i % 2 else 0))
        assert n > 1
        check(concat, *parts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.complex64, np.complex128], ids=str)
def test_product(dtype):
    rng = rng_of("product", dtype)
    for i in range(4 * ROUNDS):
        a, b = bool(i & 1), bool(i & 2)
        m, k, n = rng.integers(1, 5, 3)
        indices, values, dims = sparse(rng, [k, m] if a else [m, k], dtype, i % 3 > 0)
        dense = numbers(rng, n * k, dtype).reshape([n, k] if b else [k, n])
        if np.dtype(dtype).kind == "c":
            values, dense = values + 2j * values[::-1], dense - 1j
        if i % 7 == 6 and len(values):
            indices[0, rng.integers(2)] = rng.choice([-1, 5])
        kind = np.int32 if i % 5 == 0 else np.int64
        check(lambda i, v, d, x: RAW.SparseTensorDenseMatMul(a_indices=i, a_values=v, a_shape=d, b=x, adjoint_a=a, adjoint_b=b),
              indices.astype(kind), values.astype(dtype), dims, dense.astype(dtype), tolerance=1e-6)


@pytest.mark.parametrize("name", ["SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"])
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_with_dense(name, dtype):
    rng = rng_of(name, dtype)
    for i in range(ROUNDS):
        shape = shape_of(rng, 1, 4)
        indices, values, dims = sparse(rng, shape, dtype)
        dense_shape = [1 if rng.random() < .3 else d for d in shape][rng.integers(0, len(shape) + 1):]
        if i % 9 == 8:
            dense_shape = [2] + shape
        dense = numbers(rng, int(np.prod(dense_shape)), dtype).reshape(dense_shape)
        if name.endswith("Div"):
            dense[dense == 0] = 3
        check(lambda i, v, d, x: getattr(RAW, name)(sp_indices=i, sp_values=v, sp_shape=d, dense=x), indices, values, dims, dense,
              tolerance=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.complex64], ids=str)
def test_into_dense(dtype):
    rng = rng_of("into", dtype)
    for i in range(ROUNDS):
        shape = shape_of(rng)
        indices, values, dims = sparse(rng, shape, dtype)
        if i % 6 == 5 and len(values):
            indices[0, 0] = rng.choice([-1, 9])
        kind = np.int32 if i % 2 else np.int64
        check(lambda i, v, d, x: RAW.SparseTensorDenseAdd(a_indices=i, a_values=v, a_shape=d, b=x), indices.astype(kind), values,
              dims.astype(kind), numbers(rng, int(np.prod(shape)), dtype).reshape(shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.complex64], ids=str)
def test_add(dtype):
    rng = rng_of("add", dtype)
    for i in range(ROUNDS):
        shape = shape_of(rng)
        a, b = sparse(rng, shape, dtype), sparse(rng, shape if i % 8 else shape + [1], dtype)
        real = np.zeros(0, dtype).real.dtype
        check(lambda ai, av, ad, bi, bv, bd, t: RAW.SparseAdd(a_indices=ai, a_values=av, a_shape=ad, b_indices=bi, b_values=bv,
                                                              b_shape=bd, thresh=t), *a, *b,
              np.array([0, 3, -1, 20][i % 4], real))


@pytest.mark.parametrize("name", ["SparseSparseMaximum", "SparseSparseMinimum"])
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_extremes(name, dtype):
    rng = rng_of(name, dtype)
    for i in range(ROUNDS):
        shape = shape_of(rng)
        check(lambda ai, av, ad, bi, bv, bd: getattr(RAW, name)(a_indices=ai, a_values=av, a_shape=ad, b_indices=bi, b_values=bv,
                                                                b_shape=bd),
              *sparse(rng, shape, dtype), *sparse(rng, shape if i % 8 else shape + [1], dtype))


@pytest.mark.parametrize("name", ["SparseReduceSum", "SparseReduceMax", "SparseReduceSumSparse", "SparseReduceMaxSparse"])
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_reductions(name, dtype):
    rng = rng_of(name, dtype)
    for i in range(ROUNDS):
        indices, values, dims = sparse(rng, shape_of(rng), dtype)
        axes = rng.choice(len(dims), rng.integers(0, len(dims) + 1), replace=False)
        if i % 3 == 2:
            axes = axes - len(dims)
        if i % 10 == 9:
            axes = np.append(axes, [len(dims)])
        check(lambda i, v, d, a: getattr(RAW, name)(input_indices=i, input_values=v, input_shape=d, reduction_axes=a,
                                                    keep_dims=bool(len(axes) & 1)), indices, values, dims, axes.astype(np.int32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16], ids=str)
def test_softmax(dtype):
    rng = rng_of("softmax", dtype)
    for i in range(ROUNDS):
        indices, values, dims = sparse(rng, shape_of(rng, 1 if i % 8 == 7 else 2, 3), np.float32)
        check(lambda i, v, d: RAW.SparseSoftmax(sp_indices=i, sp_values=v, sp_shape=d), indices, values.astype(dtype), dims,
              tolerance=1e-6 if np.dtype(dtype).itemsize > 2 else 1e-2)


@pytest.mark.parametrize("hashed", [True, False])
def test_crosses(hashed):
    rng = rng_of("cross", hashed)
    for i in range(2 * ROUNDS):
        rows, feeds, n = int(rng.integers(1, 4)), [], int(rng.integers(0, 3))
        for _ in range(n):
            feeds += sparse(rng, [rows, int(rng.integers(1, 4))], object if rng.random() < .5 else np.int64)
        for _ in range(int(rng.integers(0 if n else 1, 3))):
            shape = [rows + (i % 11 == 10), int(rng.integers(0, 3))]
            feeds.append(values_of(rng, shape[0] * shape[1], object if rng.random() < .5 else np.int64).reshape(shape))

        def cross(*given):
            parts = dict(indices=list(given[0:3 * n:3]), values=list(given[1:3 * n:3]), shapes=list(given[2:3 * n:3]),
                         dense_inputs=list(given[3 * n:]))
            if i % 2 and not hashed:
                return RAW.SparseCrossV2(sep="_Y_", **parts)
            return RAW.SparseCross(hashed_output=hashed, num_buckets=[0, 100][i % 2], hash_key=956888297470 + i,
                                   out_type=tf.int64 if hashed else tf.string, internal_type=tf.int64 if hashed else tf.string,
                                   **parts)
        check(cross, *feeds, laxer=not hashed)  # as texts, TensorFlow takes numbers in its second form only

"""Linear algebra against TensorFlow. Vectors that are only determined up to a factor of size 1 (of eigenvalues, of singular
values) are compared by what they must do, everything else by value."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import Refused, Server, build, check

RAW = tf.raw_ops
TYPES = [np.float32, np.float64, np.complex64, np.complex128]
TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-11, "complex128": 1e-11}
SQUARES = [[1, 1], [2, 2], [3, 3], [7, 7], [20, 20], [2, 3, 3], [2, 1, 4, 4], [0, 3, 3], [0, 0], [2, 0, 0]]
SHAPES = [[1, 1], [3, 3], [5, 3], [3, 5], [1, 6], [6, 1], [2, 4, 3], [2, 3, 4], [17, 9], [0, 3], [3, 0]]


def values(rng, shape, dtype):
    made = rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        made = made + 1j * rng.normal(size=shape)
    return made.astype(dtype)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def sound(rng, shape, dtype):
    """Matrices far from singular."""
    return (values(rng, shape, dtype) + 3 * np.eye(shape[-1])).astype(dtype)


def positive(rng, shape, dtype):
    a = values(rng, shape, dtype)
    return (a @ adjoint(a) + np.eye(shape[-1])).astype(dtype)


def compare(function, *feeds):
    return check(function, *feeds, tolerance=TOLERANCE[feeds[0].dtype.name])


def ours(function, *feeds):
    graph, inputs, flat = build(function, feeds)
    server = Server()
    server.open(graph.as_graph_def())
    return server.run({i.name: f for i, f in zip(inputs, feeds)}, [t.name for t in flat])


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", SQUARES, ids=str)
def test_square_matrices(shape, dtype):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        a = sound(rng, shape, dtype)
        for flag in (False, True):
            compare(lambda x: RAW.MatrixInverse(input=x, adjoint=flag), a)
            for columns in (1, 4, 0):
                b = values(rng, shape[:-1] + [columns], dtype)
                compare(lambda x, y: RAW.MatrixSolve(matrix=x, rhs=y, adjoint=flag), a, b)
                for lower in (False, True):
                    compare(lambda x, y: RAW.MatrixTriangularSolve(matrix=x, rhs=y, lower=lower, adjoint=flag), a, b)
        scaled = (a / 3).astype(dtype)
        compare(lambda x: RAW.MatrixDeterminant(input=x), scaled)
        compare(lambda x: RAW.LogMatrixDeterminant(input=x), a)
        compare(lambda x: RAW.Cholesky(input=x), positive(rng, shape, dtype))
        for index in (tf.int32, tf.int64):
            compare(lambda x: RAW.Lu(input=x, output_idx_type=index), values(rng, shape, dtype))


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
def test_singular_matrices(dtype):
    for a in (np.zeros([2, 2]), np.ones([3, 3]), np.array([[[1, 0], [0, 1]], [[1, 2], [2, 4]]])):
        a, b = a.astype(dtype), np.ones(a.shape[:-1] + (1,), dtype)
        compare(lambda x: RAW.MatrixInverse(input=x), a)
        compare(lambda x, y: RAW.MatrixSolve(matrix=x, rhs=y), a, b)
        compare(lambda x: RAW.MatrixDeterminant(input=x), a)
        compare(lambda x: RAW.LogMatrixDeterminant(input=x), a)
        compare(lambda x: RAW.Lu(input=x), a)


@pytest.mark.parametrize("name", ["MatrixInverse", "MatrixDeterminant", "LogMatrixDeterminant", "Cholesky", "Lu"])
def test_what_is_not_square_is_refused(name):
    for shape in ([2, 3], [3], [], [2, 3, 4]):
        compare(lambda x: getattr(RAW, name)(input=x), np.ones(shape, np.float32))


@pytest.mark.parametrize("name", ["MatrixSolve", "MatrixTriangularSolve"])
def test_sides_that_do_not_fit_are_refused(name):
    for a, b in (([2, 3], [2, 1]), ([3, 3], [2, 1]), ([2, 2], [2]), ([2], [2, 1])):
        compare(lambda x, y: getattr(RAW, name)(matrix=x, rhs=y), np.ones(a, np.float32), np.ones(b, np.float32))
    compare(lambda x, y: RAW.MatrixSolve(matrix=x, rhs=y), np.ones([2, 2, 2], np.float32), np.ones([3, 2, 1], np.float32))


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
def test_triangles_are_broadcast(dtype):
    rng = np.random.default_rng(9)
    for a, b in (([3, 3], [4, 3, 2]), ([4, 3, 3], [3, 2]), ([2, 1, 3, 3], [5, 3, 1]), ([1, 2, 2], [3, 2, 2]), ([0, 2, 2], [2, 2])):
        compare(lambda x, y: RAW.MatrixTriangularSolve(matrix=x, rhs=y), sound(rng, a, dtype), values(rng, b, dtype))
    compare(lambda x, y: RAW.MatrixTriangularSolve(matrix=x, rhs=y), sound(rng, [2, 2, 2], dtype), values(rng, [3, 2, 2], dtype))


def test_what_is_not_positive_definite_gives_no_numbers():
    for a in (-np.eye(2), np.array([[1.0, 2], [2, 1]])):
        factor, = ours(lambda x: RAW.Cholesky(input=x), a)
        assert np.isnan(factor[np.tril_indices(2)]).all() and factor[0, 1] == 0


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_qr(shape, dtype):
    for seed in range(3):
        a = values(np.random.default_rng(seed), shape, dtype)
        for full in (False, True):
            compare(lambda x: RAW.Qr(input=x, full_matrices=full), a)


def test_qr_of_columns_of_zeros():
    for a in (np.zeros([3, 2]), np.array([[0.0, 1], [0, 2], [0, 3]]), np.array([[-2.0, 1], [0, 0]])):
        compare(lambda x: RAW.Qr(input=x), a)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", SQUARES, ids=str)
def test_eigenvalues(shape, dtype):
    for seed in range(3):
        a = values(np.random.default_rng(seed), shape, dtype)
        a = (a + adjoint(a)).astype(dtype)
        compare(lambda x: RAW.SelfAdjointEigV2(input=x, compute_v=False)[0], a)
        e, v = ours(lambda x: RAW.SelfAdjointEigV2(input=x), a)
        near(a @ v, v * e[..., None, :], dtype)
        near(adjoint(v) @ v, np.broadcast_to(np.eye(shape[-1]), shape), dtype)
        lower = np.tril(a) + np.triu(np.full_like(a, 7), 1)  # the upper triangle does not count
        compare(lambda x: RAW.SelfAdjointEigV2(input=x)[0], lower)


def near(a, b, dtype):
    np.testing.assert_allclose(a, b, atol=TOLERANCE[np.dtype(dtype).name] * 5)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_values(shape, dtype):
    for seed in range(3):
        a = values(np.random.default_rng(seed), shape, dtype)
        if seed == 2 and a.size:
            a[..., -1, :] = 0
            a[..., :, -1] = 0
        compare(lambda x: RAW.Svd(input=x, compute_uv=False)[0], a)
        for full in (False, True):
            s, u, v = ours(lambda x: RAW.Svd(input=x, full_matrices=full), a)
            theirs = RAW.Svd(input=a, full_matrices=full)
            assert [t.shape for t in (s, u, v)] == [tuple(t.shape) for t in theirs]
            k = s.shape[-1]
            near((u[..., :k] * s[..., None, :]) @ adjoint(v[..., :k]), a, dtype)
            for q in (u, v):
                near(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), adjoint(q).shape[:-1] + (q.shape[-1],)), dtype)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", [[3, 3], [6, 3], [3, 6], [2, 5, 2], [1, 4], [4, 1], [0, 3, 2]], ids=str)
def test_least_squares(shape, dtype):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        a, b = values(rng, shape, dtype), values(rng, shape[:-1] + [2], dtype)
        for fast, added in ((True, 0.0), (True, 0.5), (False, 0.0)):
            compare(lambda x, y, l: RAW.MatrixSolveLs(matrix=x, rhs=y, l2_regularizer=l, fast=fast), a, b, np.float64(added))
    compare(lambda x, y, l: RAW.MatrixSolveLs(matrix=x, rhs=y, l2_regularizer=l, fast=True), np.zeros(shape, dtype), b,
            np.float64(0))


def test_numbers_that_are_none_end():
    for bad in (np.nan, np.inf):
        a = np.full([4, 4], bad)
        for function in (lambda x: RAW.Svd(input=x), lambda x: RAW.SelfAdjointEigV2(input=x), lambda x: RAW.Qr(input=x)):
            try:
                ours(function, a)
            except Refused:
                pass

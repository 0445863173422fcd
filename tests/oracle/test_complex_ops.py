"""Complex numbers through the ops that real ones go through, against TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
TYPES = [np.complex64, np.complex128]
TOLERANCE = {"complex64": 5e-6, "complex128": 1e-12}
ONE = ["Neg", "Sign", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Exp", "Expm1", "Log", "Log1p", "Tanh", "Sigmoid", "Sin", "Cos", "Tan",
       "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"]
TWO = ["AddV2", "Sub", "Mul", "MulNoNan", "RealDiv", "Div", "DivNoNan", "Pow", "SquaredDifference", "Xdivy", "Xlogy", "Xlog1py",
       "Equal", "NotEqual"]


def numbers(seed, shape, dtype):
    rng = np.random.default_rng(seed)
    return (rng.uniform(-2, 2, shape) + 1j * rng.uniform(-2, 2, shape)).astype(dtype)


def same(function, *feeds):
    """Parts apart, so that the tolerance sees both."""
    def parts(*inputs):
        out = function(*inputs)
        if not out.dtype.is_complex:
            return [out]
        return RAW.Real(input=out, Tout=out.dtype.real_dtype), RAW.Imag(input=out, Tout=out.dtype.real_dtype)

    return check(parts, *feeds, tolerance=TOLERANCE[feeds[0].dtype.name] * 4)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one(name, dtype):
    feed = numbers(1, [600], dtype)
    if name == "Acosh":
        feed = feed[feed.real > 0]  # beyond it TensorFlow takes another branch of the root
    same(lambda x: getattr(RAW, name)(x=x), feed)
    same(lambda x: getattr(RAW, name)(x=x), np.zeros([2, 0], dtype))


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", TWO)
def test_functions_of_two(name, dtype):
    x, y = numbers(2, [500], dtype), numbers(3, [500], dtype)
    y[::7] = x[::7]
    same(lambda a, b: getattr(RAW, name)(x=a, y=b), x, y)
    zeros = x.copy()
    zeros[::2] = 0
    if name in ("MulNoNan", "DivNoNan", "Equal"):
        same(lambda a, b: getattr(RAW, name)(x=a, y=b), x, zeros)
    same(lambda a, b: getattr(RAW, name)(x=a, y=b), numbers(4, [3, 1], dtype), numbers(5, [4], dtype))


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
def test_products(dtype):
    for a, b in (([2, 3], [3, 4]), ([1, 1], [1, 1]), ([5, 7], [7, 2])):
        same(lambda x, y: RAW.MatMul(a=x, b=y), numbers(6, a, dtype), numbers(7, b, dtype))
        same(lambda x, y: RAW.Einsum(inputs=[x, y], equation="ab,bc->ac"), numbers(6, a, dtype), numbers(7, b, dtype))
    for left in (False, True):
        for right in (False, True):
            a, b = numbers(8, [2, 4, 3] if left else [2, 3, 4], dtype), numbers(9, [5, 4] if right else [4, 5], dtype)
            same(lambda x, y: RAW.BatchMatMulV2(x=x, y=y, adj_x=left, adj_y=right), a, b)


@pytest.mark.parametrize("source", TYPES + [np.float32, np.float64, np.int32, np.int64, np.bool_], ids=lambda t: t.__name__)
def test_casts(source):
    feed = (numbers(10, [300], np.complex128) * 20)
    feed = (feed if np.dtype(source).kind == "c" else feed.real).astype(source)
    for target in TYPES + ([np.float32, np.float64, np.int32, np.float16] if np.dtype(source).kind == "c" else []):
        check(lambda x: RAW.Cast(x=x, DstT=tf.as_dtype(target)), feed)

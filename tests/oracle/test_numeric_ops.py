"""The numeric ops against TensorFlow: dtypes, odd values, odd shapes, refusals."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
FLOATS = [tf.float32, tf.float64, tf.float16, tf.bfloat16]
INTS = [tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64]
TOLERANCE = {tf.float32: 2e-6, tf.float64: 1e-12, tf.float16: 2e-3, tf.bfloat16: 1.6e-2}
ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -3.2, 7.0, 1e-3, -1e-3, np.inf, -np.inf, np.nan, 20.0, -20.0]


def odd(dtype):
    """Values at their edges."""
    if dtype.is_floating:
        return np.array(ODD).astype(dtype.as_numpy_dtype)
    info = np.iinfo(dtype.as_numpy_dtype)
    wanted = [0, 1, 2, 3, 7, 8, 100, -1, -2, -7, info.min, info.min + 1, info.max, info.max - 1]
    return np.array([v for v in wanted if info.min <= v <= info.max], dtype.as_numpy_dtype)


def pairs(dtype):
    values = odd(dtype)
    a, b = np.meshgrid(values, values)
    return a.ravel(), b.ravel()


def compare(function, *feeds, tolerance=0):
    with np.errstate(all="ignore"):
        return check(function, *feeds, tolerance=tolerance)


UNARY = {"Neg": FLOATS + INTS[:4], "Abs": FLOATS + INTS[:4], "Sign": FLOATS + INTS[:4], "Square": FLOATS + INTS[1:4],
         "Sqrt": FLOATS, "Rsqrt": FLOATS, "Reciprocal": FLOATS, "Exp": FLOATS, "Expm1": FLOATS, "Log": FLOATS,
         "Log1p": FLOATS, "Tanh": FLOATS, "Sigmoid": FLOATS, "Erf": FLOATS, "Erfc": FLOATS, "Floor": FLOATS, "Ceil": FLOATS,
         "Round": FLOATS, "Rint": FLOATS[:2], "Sin": FLOATS, "Cos": FLOATS, "Tan": FLOATS, "Asin": FLOATS, "Acos": FLOATS,
         "Atan": FLOATS, "Sinh": FLOATS, "Cosh": FLOATS, "Asinh": FLOATS, "Acosh": FLOATS, "Atanh": FLOATS, "Lgamma": FLOATS[:3],
         "IsNan": FLOATS, "IsInf": FLOATS, "IsFinite": FLOATS, "Invert": INTS}
FEATURES = {"Relu": FLOATS + INTS[:4], "Relu6": FLOATS + INTS[:4], "Elu": FLOATS, "Selu": FLOATS, "Softplus": FLOATS,
            "Softsign": FLOATS, "LeakyRelu": FLOATS}


@pytest.mark.parametrize("name,dtype", [(n, t) for n, types in UNARY.items() for t in types], ids=str)
def test_unary(name, dtype):
    values = odd(dtype)
    if name in ("Sin", "Cos", "Tan"):
        values = values[~np.isinf(values.astype(np.float64))]
    if name == "Erf" and dtype == tf.float64:
        values = values[~np.isinf(values)]  # TensorFlow gives NaN there
    op = getattr(RAW, name)
    compare(lambda x: op(x=x), values, tolerance=TOLERANCE.get(dtype, 0) * 2)
    compare(lambda x: op(x=x), np.zeros([3, 0], dtype.as_numpy_dtype))


@pytest.mark.parametrize("name,dtype", [(n, t) for n, types in FEATURES.items() for t in types], ids=str)
def test_activations(name, dtype):
    op = getattr(RAW, name)
    compare(lambda x: op(features=x), odd(dtype), tolerance=TOLERANCE.get(dtype, 0) * 2)


def test_logical_not():
    compare(lambda x: RAW.LogicalNot(x=x), np.array([[True, False]]))


ARITHMETIC = ["AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"]
BINARY = {name: FLOATS + INTS[2:4] for name in ARITHMETIC}
BINARY.update({"RealDiv": FLOATS, "Div": FLOATS + INTS[2:4], "DivNoNan": FLOATS[:2], "MulNoNan": FLOATS[:2],
               "FloorDiv": FLOATS[:2] + INTS, "FloorMod": FLOATS[:2] + INTS, "TruncateDiv": INTS[2:4], "TruncateMod": INTS[2:4],
               "Pow": FLOATS[:2] + INTS[2:4], "Atan2": FLOATS[:2], "Xdivy": FLOATS[:2], "Xlogy": FLOATS[:2],
               "BitwiseAnd": INTS, "BitwiseOr": INTS, "BitwiseXor": INTS, "Less": FLOATS + INTS,
               "LessEqual": FLOATS[:2] + INTS[:4], "Greater": FLOATS[:2] + INTS[:4], "GreaterEqual": FLOATS[:2] + INTS[:4],
               "Equal": FLOATS + INTS, "NotEqual": FLOATS + INTS})
DIVIDES = {"Div", "FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod"}


@pytest.mark.parametrize("name,dtype", [(n, t) for n, types in BINARY.items() for t in types], ids=str)
def test_binary(name, dtype):
    a, b = pairs(dtype)
    if name in DIVIDES and dtype.is_integer:
        lowest = np.iinfo(dtype.as_numpy_dtype).min
        keep = (b != 0) & ~((a == lowest) & (b.astype(np.int64) == -1) & (lowest < 0))
        a, b = a[keep], b[keep]
    if name == "Pow" and dtype.is_integer:
        a, b = a[(b >= 0) & (b < 20)], b[(b >= 0) & (b < 20)]
    if name in ("FloorDiv", "FloorMod") and dtype.is_floating:
        keep = np.isfinite(a) & np.isfinite(b)
        a, b = a[keep], b[keep]
    op = getattr(RAW, name)
    compare(lambda x, y: op(x=x, y=y), a, b, tolerance=TOLERANCE.get(dtype, 0) * 2)


@pytest.mark.parametrize("name", ["LeftShift", "RightShift"])
@pytest.mark.parametrize("dtype", INTS, ids=lambda t: t.name)
def test_shifts(name, dtype):
    values, amounts = np.meshgrid(odd(dtype), np.array([0, 1, 3, 7], dtype.as_numpy_dtype))
    compare(lambda x, y: getattr(RAW, name)(x=x, y=y), values, amounts)


@pytest.mark.parametrize("name", ["LogicalAnd", "LogicalOr"])
def test_logic(name):
    compare(lambda x, y: getattr(RAW, name)(x=x, y=y), np.array([True, True, False, False]), np.array([True, False] * 2))


@pytest.mark.parametrize("op", [RAW.Equal, RAW.NotEqual])
def test_equal_strings(op):
    a = np.array([b"a", b"", b"b\0c"], dtype=object)
    compare(lambda x, y: op(x=x, y=y), a, np.array([b"a", b"x", b"b\0c"], dtype=object))
    compare(lambda x, y: op(x=x, y=y), a, np.array(b"a", dtype=object))


SHAPES = [[], [1], [3], [1, 3], [2, 1], [2, 3], [4, 1, 3], [4, 2, 1], [1, 1, 1], [0], [2, 0], [5, 4, 2, 3], [1, 4, 1, 1], [2]]


@pytest.mark.parametrize("a", SHAPES, ids=str)
def test_broadcasts(a):
    rng = np.random.default_rng(3)
    for b in SHAPES:
        x, y = rng.integers(-9, 9, a), rng.integers(1, 9, b)
        compare(lambda x, y: RAW.Sub(x=x, y=y), x.astype(np.float32), y.astype(np.float32))
        compare(lambda x, y: RAW.FloorMod(x=x, y=y), x.astype(np.int32), y.astype(np.int32))
        compare(lambda x, y: RAW.Less(x=x, y=y), x.astype(np.int64), y.astype(np.int64))


def test_shapes_that_differ_are_unequal_when_allowed():
    a, b = np.arange(3, dtype=np.float32), np.arange(4, dtype=np.float32)
    for op in (RAW.Equal, RAW.NotEqual):
        compare(lambda x, y: op(x=x, y=y, incompatible_shape_error=False), a, b)
        compare(lambda x, y: op(x=x, y=y, incompatible_shape_error=True), a, b)


@pytest.mark.parametrize("name", ["Div", "FloorDiv", "FloorMod"])
def test_division_by_zero_is_refused(name):
    compare(lambda x, y: getattr(RAW, name)(x=x, y=y), np.array([1, 2], np.int32), np.array([1, 0], np.int32))


def test_negative_powers_of_integers_are_refused():
    compare(lambda x, y: RAW.Pow(x=x, y=y), np.array([2, 3], np.int32), np.array([1, -1], np.int32))


@pytest.mark.parametrize("source", FLOATS + INTS + [tf.bool], ids=lambda t: t.name)
def test_casts(source):
    values = np.array([True, False]) if source == tf.bool else odd(source)
    for target in FLOATS + INTS + [tf.bool]:
        given = values
        if source.is_floating and target.is_integer:
            low, high = max(target.min, -2**31 + 1), min(target.max, 2**31 - 1)
            wide = values.astype(np.float64)
            given = values[np.isfinite(wide) & (wide >= low) & (wide <= high)]
        compare(lambda x: tf.cast(x, target), given)


@pytest.mark.parametrize("source,target", [(tf.float32, tf.int32), (tf.int64, tf.int32), (tf.int32, tf.uint8),
                                           (tf.uint8, tf.int32), (tf.float64, tf.uint16), (tf.float32, tf.float32)])
def test_bitcasts(source, target):
    values = np.arange(8 * 8, dtype=np.uint8).view(source.as_numpy_dtype)
    if target.size > source.size:
        values = values.reshape(-1, target.size // source.size)
    compare(lambda x: RAW.Bitcast(input=x, type=target), values)


REDUCTIONS = ["Sum", "Mean", "Prod", "Max", "Min"]
AXES = [[], [0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], [-1], [-3, 1]]


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", FLOATS + [tf.int32, tf.int64, tf.uint8], ids=lambda t: t.name)
def test_reductions(name, dtype):
    op = getattr(RAW, name)
    rng = np.random.default_rng(5)
    for shape in ([3, 4, 5], [3, 1, 5], [2, 0, 3], [1, 1, 1], [7, 9, 300]):
        values = rng.integers(1, 4, shape).astype(dtype.as_numpy_dtype)
        for axes, keep in itertools.product(AXES, (False, True)):
            if name == "Mean" and dtype.is_integer and 0 in shape or name == "Prod" and shape[2] == 300:
                continue
            if dtype.size == 2 and shape[2] == 300 or dtype == tf.uint8 and shape[2] == 300:
                continue
            compare(lambda x: op(input=x, axis=axes, keep_dims=keep), values, tolerance=TOLERANCE.get(dtype, 0) * 4)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_odd_values(name):
    op = getattr(RAW, name)
    for values in itertools.product([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5], repeat=2):
        compare(lambda x: op(input=x, axis=[0]), np.array(values, np.float32))


@pytest.mark.parametrize("name", ["All", "Any"])
def test_logical_reductions(name):
    values = np.random.default_rng(1).integers(0, 4, [3, 4, 5]) > 0
    for axes, keep in itertools.product(AXES, (False, True)):
        compare(lambda x: getattr(RAW, name)(input=x, axis=axes, keep_dims=keep), values)
    compare(lambda x: getattr(RAW, name)(input=x, axis=[1]), np.zeros([2, 0], bool))


def test_axes_out_of_range_are_refused():
    for axes in ([3], [-4]):
        compare(lambda x: RAW.Sum(input=x, axis=dyn(axes)), np.zeros([2, 2, 2], np.float32))


@pytest.mark.parametrize("name", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("dtype", FLOATS + INTS, ids=lambda t: t.name)
def test_arg_extremes(name, dtype):
    values = np.random.default_rng(2).integers(0, 5, [4, 6, 3]).astype(dtype.as_numpy_dtype)
    for axis, out in itertools.product((0, 1, 2, -1), (tf.int32, tf.int64)):
        compare(lambda x: getattr(RAW, name)(input=x, dimension=axis, output_type=out), values)


@pytest.mark.parametrize("name", ["Cumsum", "Cumprod"])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.int32, tf.int64], ids=lambda t: t.name)
def test_running(name, dtype):
    values = np.random.default_rng(2).integers(1, 4, [3, 4, 2]).astype(dtype.as_numpy_dtype)
    for axis, exclusive, reverse in itertools.product((0, 1, -1), (False, True), (False, True)):
        compare(lambda x: getattr(RAW, name)(x=x, axis=axis, exclusive=exclusive, reverse=reverse), values)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.float16, tf.int32, tf.int64, tf.uint8], ids=lambda t: t.name)
def test_top_k(dtype):
    values = np.random.default_rng(4).integers(0, 9, [3, 2, 17]).astype(dtype.as_numpy_dtype)
    for k in (0, 1, 2, 5, 16, 17):
        compare(lambda x: RAW.TopKV2(input=x, k=k), values)
    compare(lambda x: RAW.TopKV2(input=x, k=dyn(18)), values)
    compare(lambda x: RAW.TopKV2(input=x, k=dyn(-1)), values)
    compare(lambda x: RAW.TopKV2(input=x, k=0), np.zeros([2, 0], dtype.as_numpy_dtype))


def test_top_k_of_infinities_and_zeros():
    compare(lambda x: RAW.TopKV2(input=x, k=6), np.array([0.0, -np.inf, np.inf, -0.0, 0.0, np.inf], np.float32))


@pytest.mark.parametrize("dtype", [tf.float32, tf.int32, tf.int64, tf.string], ids=lambda t: t.name)
def test_unique(dtype):
    values = np.array([4, 2, 4, 4, 0, 2, 9])
    values = np.array([b"%d" % v for v in values], object) if dtype == tf.string else values.astype(dtype.as_numpy_dtype)
    for out in (tf.int32, tf.int64):
        compare(lambda x: RAW.Unique(x=x, out_idx=out), values)
    compare(lambda x: RAW.Unique(x=x), values[:0])
    compare(lambda x: RAW.Unique(x=x), values.reshape(1, 7))


def test_products():
    rng = np.random.default_rng(9)
    for m, k, n in ((1, 1, 1), (3, 4, 5), (1, 7, 9), (9, 7, 1), (0, 3, 2), (3, 0, 2), (3, 2, 0), (17, 33, 65)):
        for ta, tb in itertools.product((False, True), repeat=2):
            for dtype in (np.float32, np.float64, np.int32):
                a = rng.integers(-4, 5, [k, m] if ta else [m, k]).astype(dtype)
                b = rng.integers(-4, 5, [n, k] if tb else [k, n]).astype(dtype)
                compare(lambda a, b: RAW.MatMul(a=a, b=b, transpose_a=ta, transpose_b=tb), a, b)
                compare(lambda a, b: RAW.BatchMatMulV2(x=a, y=b, adj_x=ta, adj_y=tb), a, b)
    compare(lambda a, b: RAW.MatMul(a=a, b=b), np.zeros([2, 3], np.float32), np.zeros([4, 2], np.float32))


def test_batches_of_products():
    rng = np.random.default_rng(9)
    for a, b in (([2, 3, 4], [2, 4, 5]), ([3, 4], [2, 4, 5]), ([2, 1, 3, 4], [5, 4, 2]), ([2, 3, 4], [4, 5]), ([0, 3, 4], [4, 5])):
        x, y = rng.integers(-4, 5, a).astype(np.float32), rng.integers(-4, 5, b).astype(np.float32)
        compare(lambda x, y: RAW.BatchMatMulV2(x=x, y=y), x, y)
        if len(a) == len(b):
            compare(lambda x, y: RAW.BatchMatMul(x=x, y=y), x, y)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda t: t.name)
def test_softmax(dtype):
    values = (np.random.default_rng(1).standard_normal([5, 7]) * 5).astype(dtype.as_numpy_dtype)
    values[1] = 100
    compare(lambda x: RAW.Softmax(logits=x), values, tolerance=TOLERANCE[dtype] * 2)
    compare(lambda x: RAW.LogSoftmax(logits=x), values, tolerance=TOLERANCE[dtype] * 4)
    compare(lambda x: RAW.Softmax(logits=x), values[:0])


def test_biases():
    rng = np.random.default_rng(1)
    for shape in ([2, 3], [2, 4, 3], [2, 4, 5, 3], [0, 3]):
        value = rng.standard_normal(shape).astype(np.float32)
        compare(lambda v, b: RAW.BiasAdd(value=v, bias=b), value, rng.standard_normal(3).astype(np.float32))
    compare(lambda v, b: RAW.BiasAdd(value=v, bias=b), np.zeros([2, 3], np.float32), np.zeros(4, np.float32))


def test_sums_of_many():
    values = [np.arange(6, dtype=np.float32).reshape(2, 3) * i for i in range(1, 12)]
    for n in (1, 2, 3, 11):
        compare(lambda *v: RAW.AddN(inputs=v), *values[:n])


def test_clipping():
    values = odd(tf.float32)
    compare(lambda x: RAW.ClipByValue(t=x, clip_value_min=-1.0, clip_value_max=2.0), values[~np.isnan(values)])


STRINGS = np.array([f"s{i}".encode() for i in range(24)], object).reshape(2, 3, 4)
NUMBERS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
BOTH = [NUMBERS, STRINGS, NUMBERS.astype(np.int8), NUMBERS.astype(np.complex128)]


def dyn(value, dtype=tf.int32):
    """A constant that shape inference does not see through, so that a refusal comes from the kernel."""
    return tf.raw_ops.Identity(input=tf.compat.v1.placeholder_with_default(tf.constant(value, dtype), None))


@pytest.mark.parametrize("values", BOTH, ids=lambda v: str(v.dtype))
def test_moving_elements(values):
    for shape in ([24], [-1], [4, 6], [2, -1, 4], [1, 24, 1], [5, 5], [-1, -1], [0, -1]):
        compare(lambda x: RAW.Reshape(tensor=x, shape=dyn(shape)), values)
    for axis in (-4, -1, 0, 1, 3, 4):
        compare(lambda x: RAW.ExpandDims(input=x, axis=dyn(axis)), values)
    for perm in itertools.permutations(range(3)):
        compare(lambda x: RAW.Transpose(x=x, perm=list(perm)), values)
    compare(lambda x: RAW.Transpose(x=x, perm=dyn([0, 0, 1])), values)
    for multiples in ([1, 1, 1], [2, 1, 3], [0, 1, 1], [1, 2, 1]):
        compare(lambda x: RAW.Tile(input=x, multiples=multiples), values)
    for axis in ([], [0], [1, 2], [-1], [0, 1, 2]):
        compare(lambda x: RAW.ReverseV2(tensor=x, axis=axis), values)
    for axis in (0, 1, 2, -1, 3):
        compare(lambda x, y: RAW.ConcatV2(values=[x, y, x], axis=dyn(axis)), values, values)
        compare(lambda x, y: RAW.Pack(values=[x, y], axis=axis if axis < 3 else -4), values, values)
    for axis, n in ((0, 2), (1, 3), (2, 4), (-1, 4)):
        compare(lambda x: RAW.Unpack(value=x, num=n, axis=axis), values)
        compare(lambda x: RAW.Split(axis=dyn(axis), value=x, num_split=n), values)
    compare(lambda x: RAW.SplitV(value=x, size_splits=[1, -1, 2], axis=2, num_split=3), values)
    compare(lambda x: RAW.SplitV(value=x, size_splits=dyn([1, 1], tf.int64), axis=dyn(2), num_split=2), values)
    compare(lambda x: RAW.Split(axis=dyn(1), value=x, num_split=2), values)


@pytest.mark.parametrize("values", BOTH[:3], ids=lambda v: str(v.dtype))
def test_gathering(values):
    for axis in (0, 1, 2, -1):
        for indices in ([0, 1, 1], [[1], [0]], 1, [], [0, 2]):
            compare(lambda x: RAW.GatherV2(params=x, indices=dyn(np.array(indices, np.int32)), axis=dyn(axis)), values)
    compare(lambda x: RAW.GatherV2(params=x, indices=[[0, 2], [1, 1]], axis=1, batch_dims=1), values)
    compare(lambda x: RAW.GatherV2(params=x, indices=[[0, 2], [1, 1]], axis=2, batch_dims=1), values)
    compare(lambda x: RAW.Gather(params=x, indices=[1, 0, 1]), values)
    for indices in ([[0, 1], [1, 2]], [[1]], [0, 1, 3], [[[0, 1, 2]]], [[]], [[0, 5]]):
        compare(lambda x: RAW.GatherNd(params=x, indices=dyn(np.array(indices, np.int32))), values)


@pytest.mark.parametrize("values", BOTH[:3], ids=lambda v: str(v.dtype))
def test_slices(values):
    for begin, size in (([0, 0, 0], [-1, -1, -1]), ([1, 1, 1], [1, 2, 2]), ([0, 3, 0], [2, 0, -1]), ([0, 0, 2], [2, 3, 3])):
        compare(lambda x: RAW.Slice(input=x, begin=dyn(begin), size=dyn(size)), values)
    rng = np.random.default_rng(8)
    for _ in range(80):
        n = int(rng.integers(0, 5))
        begin, end = rng.integers(-5, 6, n), rng.integers(-5, 6, n)
        strides = rng.choice([-3, -2, -1, 1, 2, 3], n)
        masks = dict(begin_mask=int(rng.integers(0, 16)), end_mask=int(rng.integers(0, 16)),
                     shrink_axis_mask=int(rng.choice([0, 0, 1, 2, 4, 5])), new_axis_mask=int(rng.choice([0, 0, 1, 2, 4])),
                     ellipsis_mask=int(rng.choice([0, 0, 1, 2, 4])))
        strides = np.where((masks["shrink_axis_mask"] >> np.arange(n)) & 1, 1, strides)
        compare(lambda x: RAW.StridedSlice(input=x, begin=dyn(begin), end=dyn(end), strides=dyn(strides), **masks), values)


def test_margins():
    for paddings in ([[0, 0], [1, 2], [0, 1]], [[1, 0], [0, 0], [2, 2]], [[0, 0], [0, 0], [0, 0]], [[0, 0], [-1, 0], [0, 0]]):
        compare(lambda x: RAW.Pad(input=x, paddings=dyn(paddings)), NUMBERS)
        compare(lambda x: RAW.PadV2(input=x, paddings=dyn(paddings), constant_values=7.0), NUMBERS)
        for mode in ("REFLECT", "SYMMETRIC"):
            compare(lambda x: RAW.MirrorPad(input=x, paddings=dyn(paddings), mode=mode), NUMBERS)


def test_choosing():
    condition = NUMBERS % 3 == 0
    for values in BOTH[:2]:
        compare(lambda c, x, y: RAW.SelectV2(condition=c, t=x, e=y), condition, values, values[::-1])
        compare(lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), condition, values, values[::-1])
        compare(lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), np.array([True, False]), values, values[::-1])
        compare(lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), np.array(True), values, values[::-1])
        compare(lambda c, x, y: RAW.SelectV2(condition=c, t=x, e=y), condition[:, :1], values[:1], values[0, 0, 0:1])
    for values in (NUMBERS % 2, condition, odd(tf.float32), NUMBERS[:0], (NUMBERS % 3).astype(np.int8)):
        compare(lambda x: RAW.Where(condition=x), values)


def test_making():
    for dims in ([], [3], [2, 0], [2, 3]):
        for value in (np.float32(2.5), np.array(b"ab", object), np.array(True), np.int64(-1)):
            compare(lambda v: RAW.Fill(dims=dyn(np.array(dims, np.int32)), value=v), np.asarray(value))
    compare(lambda v: RAW.Fill(dims=dyn([-1]), value=v), np.array(1.0, np.float32))
    for start, limit, delta in ((0, 5, 1), (5, 0, -2), (0, 0, 1), (1, 9, 3), (0, 5, -1), (0, 5, 0)):
        compare(lambda a, b, c: RAW.Range(start=a, limit=b, delta=c), *np.array([start, limit, delta], np.int32))
        compare(lambda a, b, c: RAW.Range(start=a, limit=b, delta=c), *np.array([start, limit, delta], np.float32))
    compare(lambda a, b, c: RAW.Range(start=a, limit=b, delta=c), *np.array([0, 1, 0.1], np.float32), tolerance=1e-6)
    for n in (1, 2, 5):
        compare(lambda a, b: RAW.LinSpace(start=a, stop=b, num=n), *np.array([1, 4], np.float32), tolerance=1e-6)
    for axis in (-1, 0, 1):
        compare(lambda i: RAW.OneHot(indices=i, depth=3, on_value=2.0, off_value=-1.0, axis=axis), np.array([[0, 2], [5, -1]]))
    for values in (NUMBERS, NUMBERS.astype(np.int32), NUMBERS > 3):
        compare(lambda x: (RAW.ZerosLike(x=x), RAW.OnesLike(x=x)), values)


def test_shapes():
    for values in (NUMBERS, np.zeros([2, 0]), np.float32(1), STRINGS):
        values = np.asarray(values)
        for out in (tf.int32, tf.int64):
            compare(lambda x: (RAW.Shape(input=x, out_type=out), RAW.Size(input=x, out_type=out)), values)
        compare(lambda x: RAW.Rank(input=x), values)
    compare(lambda x: RAW.Squeeze(input=x), np.zeros([1, 2, 1, 3], np.float32))
    compare(lambda x: RAW.Squeeze(input=x, axis=[-2]), np.zeros([1, 2, 1, 3], np.float32))
    compare(lambda x: RAW.Squeeze(input=x, axis=[1]), np.zeros([1, 2, 1, 3], np.float32))
    compare(lambda x: RAW.InvertPermutation(x=x), np.array([2, 0, 1, 3], np.int32))
    compare(lambda x: RAW.InvertPermutation(x=x), np.array([2, 0, 0], np.int32))
    for shape in ([2, 3, 4], [5, 2, 3, 4], [3, 4]):
        compare(lambda x: RAW.BroadcastTo(input=x, shape=dyn(shape)), NUMBERS)
    compare(lambda x: RAW.BroadcastTo(input=x, shape=dyn([4, 5])), np.zeros([4, 1], np.float32))
    compare(lambda x: RAW.EnsureShape(input=x, shape=[2, None, 4]), NUMBERS)
    compare(lambda x: RAW.EnsureShape(input=x, shape=[2, None, 5]), NUMBERS)

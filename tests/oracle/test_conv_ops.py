"""Convolutions, pools, normalisation, blocks, diagonals and losses against TensorFlow, on random cases.

INLAY_CASES=500 makes as many cases of each op; without it there are some tens."""

import os

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
CASES = int(os.environ.get("INLAY_CASES", 30))
FLOATS = [tf.float32, tf.float64, tf.float16, tf.bfloat16]
INTS = [tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16]
TOLERANCE = {tf.float32: 1e-5, tf.float64: 1e-12, tf.float16: 1e-2, tf.bfloat16: 5e-2}


class Draw:
    """One random case; its seed is the test's parameter."""

    def __init__(self, op, seed):
        self.rng = np.random.default_rng([seed, *op.encode()])

    def of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def whole(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def chance(self, share):
        return self.rng.random() < share

    def values(self, shape, dtype=tf.float32):
        """Numbers of both signs; whole ones for integers."""
        if dtype == tf.bool:
            return self.rng.random(shape) < 0.5
        if dtype == tf.string:
            return np.array([b"s%d" % v for v in self.rng.integers(0, 9, int(np.prod(shape)))], object).reshape(shape)
        if dtype.is_integer:
            return self.rng.integers(0 if dtype.is_unsigned else -9, 10, shape).astype(dtype.as_numpy_dtype)
        return self.rng.standard_normal(shape).astype(dtype.as_numpy_dtype)

    def dims(self, rank, low=1, high=9, empty=0.03):
        return [0 if self.chance(empty) else self.whole(low, high) for _ in range(rank)]


def cases(names):
    return pytest.mark.parametrize("op,seed", [(name, seed) for name in names for seed in range(CASES)])


def const(value, dtype=tf.int32):
    """A constant that shape inference does not see through, so that a refusal comes from the kernel."""
    return RAW.Identity(input=tf.compat.v1.placeholder_with_default(tf.constant(value, dtype), None))


def around(values, channels_first):
    """Channels last as asked."""
    return np.ascontiguousarray(np.moveaxis(values, -1, 1)) if channels_first else values


def listed(spatial, channels_first=False):
    return [1, 1, *spatial] if channels_first else [1, *spatial, 1]


def explicit(draw, dims):
    pads = [[0, 0], *[[draw.whole(0, 2), draw.whole(0, 2)] for _ in range(dims)], [0, 0]]
    return [p for pair in pads for p in pair]


@cases(["Conv2D"])
def test_conv2d(op, seed):
    draw = Draw(op, seed)
    dtype = draw.of(tf.float32, tf.float32, tf.float32, *FLOATS)
    groups = draw.of(1, 1, 1, 2, 3) if dtype == tf.float32 else 1
    per, filters = draw.whole(1, 17), groups * draw.whole(1, 17)
    window = [draw.whole(1, 4), draw.whole(1, 4)]
    stride = draw.of(1, 1, 2, 3)
    dilation = [draw.of(1, 1, 1, 2), draw.of(1, 1, 1, 2)] if groups == 1 and stride == 1 else [1, 1]
    padding = draw.of("SAME", "VALID", "EXPLICIT")
    value = draw.values([draw.whole(0, 3), draw.whole(1, 14), draw.whole(1, 14), per * groups], dtype)
    extra = {"explicit_paddings": explicit(draw, 2)} if padding == "EXPLICIT" else {}
    check(lambda x, f: RAW.Conv2D(input=x, filter=f, strides=listed([stride, stride]), padding=padding,
                                  dilations=listed(dilation), **extra),
          value, draw.values([*window, per, filters], dtype), tolerance=TOLERANCE[dtype] * 4)


@cases(["DepthwiseConv2dNative"])
def test_depthwise(op, seed):
    draw = Draw(op, seed)
    dtype = draw.of(tf.float32, tf.float32, *FLOATS)
    channels, times, stride = draw.whole(1, 19), draw.of(1, 1, 2, 3), draw.of(1, 2)
    padding = draw.of("SAME", "VALID", "EXPLICIT")
    extra = {"explicit_paddings": explicit(draw, 2)} if padding == "EXPLICIT" else {}
    check(lambda x, f: RAW.DepthwiseConv2dNative(input=x, filter=f, strides=listed([stride, stride]), padding=padding,
                                                 **extra),
          draw.values([draw.whole(0, 3), draw.whole(1, 14), draw.whole(1, 14), channels], dtype),
          draw.values([draw.whole(1, 5), draw.whole(1, 5), channels, times], dtype), tolerance=TOLERANCE[dtype] * 4)


@cases(["Conv3D"])
def test_conv3d(op, seed):
    draw = Draw(op, seed)
    dtype = draw.of(tf.float32, tf.float32, tf.float64)
    channels, filters = draw.whole(1, 9), draw.whole(1, 9)
    stride = [draw.of(1, 1, 2) for _ in range(3)]
    check(lambda x, f: RAW.Conv3D(input=x, filter=f, strides=listed(stride), padding=draw.of("SAME", "VALID")),
          draw.values([draw.whole(0, 2), *[draw.whole(1, 7) for _ in range(3)], channels], dtype),
          draw.values([*[draw.whole(1, 3) for _ in range(3)], channels, filters], dtype),
          tolerance=TOLERANCE[dtype] * 4)


def out_size(size, window, stride, padding):
    return -(-size // stride) if padding == "SAME" else max(0, (size - window + stride) // stride)


BACK = {"Conv2DBackpropInput": 2, "Conv3DBackpropInputV2": 3, "DepthwiseConv2dNativeBackpropInput": 2,
        "Conv2DBackpropFilter": 2, "Conv3DBackpropFilterV2": 3, "DepthwiseConv2dNativeBackpropFilter": 2}


@cases(BACK)
def test_convolutions_back(op, seed):
    draw, dims = Draw(op, seed), BACK[op]
    dtype = draw.of(tf.float32, tf.float32, tf.float64)
    depthwise, padding, stride = op.startswith("Depth"), draw.of("SAME", "VALID"), draw.of(1, 2)
    channels, last = draw.whole(1, 9), draw.of(1, 2) if depthwise else draw.whole(1, 9)
    window = [draw.whole(1, 4) for _ in range(dims)]
    space = [draw.whole(w, 9) for w in window]
    batch = draw.whole(1, 3)
    out = [out_size(s, w, stride, padding) for s, w in zip(space, window)]
    gradient = draw.values([batch, *out, channels * last if depthwise else last], dtype)
    filters, image = [*window, channels, last], [batch, *space, channels]
    options = {"strides": listed([stride] * dims), "padding": padding}
    run = getattr(RAW, op)
    if "Filter" in op:
        check(lambda x, g: run(input=x, filter_sizes=filters, out_backprop=g, **options), draw.values(image, dtype),
              gradient, tolerance=TOLERANCE[dtype] * 10)
    else:
        check(lambda f, g: run(input_sizes=image, filter=f, out_backprop=g, **options), draw.values(filters, dtype),
              gradient, tolerance=TOLERANCE[dtype] * 10)


POOLS = {"MaxPool": 2, "MaxPoolV2": 2, "AvgPool": 2, "MaxPool3D": 3, "AvgPool3D": 3, "MaxPoolWithArgmax": 2}


@cases(POOLS)
def test_pools(op, seed):
    draw, dims = Draw(op, seed), POOLS[op]
    dtype = tf.float32
    if dims == 2 and op != "AvgPool":
        dtype = draw.of(*FLOATS, *INTS) if op != "MaxPoolWithArgmax" else draw.of(*FLOATS, *INTS[:4])
    elif dims == 2:
        dtype = draw.of(*FLOATS)
    window, stride = [draw.whole(1, 4) for _ in range(dims)], [draw.whole(1, 3) for _ in range(dims)]
    value = draw.values([draw.whole(0, 3), *[draw.whole(1, 9) for _ in range(dims)], draw.whole(1, 9)], dtype)
    options = {"ksize": listed(window), "strides": listed(stride), "padding": draw.of("SAME", "VALID")}
    if op == "MaxPoolWithArgmax":
        options.update(include_batch_in_index=draw.chance(0.5), Targmax=draw.of(tf.int32, tf.int64))
    name = "value" if op == "AvgPool" else "input"
    check(lambda x: getattr(RAW, op)(**{name: x}, **options), value, tolerance=TOLERANCE.get(dtype, 0))


@cases(["Dilation2D"])
def test_dilation(op, seed):
    draw = Draw(op, seed)
    dtype, channels = draw.of(tf.float32, tf.float64, tf.int32, tf.uint8), draw.whole(1, 5)
    options = {"strides": listed([draw.whole(1, 2)] * 2), "rates": listed([draw.whole(1, 2)] * 2),
               "padding": draw.of("SAME", "VALID")}
    check(lambda x, f: RAW.Dilation2D(input=x, filter=f, **options),
          draw.values([draw.whole(0, 2), draw.whole(1, 9), draw.whole(1, 9), channels], dtype),
          draw.values([draw.whole(1, 3), draw.whole(1, 3), channels], dtype), tolerance=TOLERANCE.get(dtype, 0))


@cases(["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_norm(op, seed):
    draw = Draw(op, seed)
    v1, training = op == "FusedBatchNorm", draw.chance(0.5)
    dtype = tf.float32 if v1 else draw.of(tf.float32, tf.float16, tf.bfloat16)
    dims = 3 if op == "FusedBatchNormV3" and draw.chance(0.3) else 2
    shape = [draw.whole(0, 3), *[draw.whole(1, 6) for _ in range(dims)], draw.whole(1, 9)]
    first = draw.chance(0.4) and 0 not in shape
    layout = ("NC" if first else "N") + "DHW"[3 - dims:] + ("" if first else "C")
    factor = draw.of(1.0, 1.0, 0.25)
    channels = shape[-1]
    given = [draw.values([channels]) for _ in range(3)] + [np.abs(draw.values([channels])) + np.float32(0.1)]
    if training and factor == 1.0:
        given[2:] = [np.zeros([0], np.float32)] * 2
    check(lambda x, s, o, m, v: getattr(RAW, op)(x=x, scale=s, offset=o, mean=m, variance=v, epsilon=0.01,
                                                 data_format=layout, is_training=training,
                                                 exponential_avg_factor=factor)[:5 if training and 0 not in shape else 3],
          around(draw.values(shape, dtype), first), *given, tolerance=max(TOLERANCE[dtype], 2e-5) * 2)


@cases(["LRN"])
def test_other_norms(op, seed):
    draw = Draw(op, seed)
    value = draw.values(draw.dims(4))
    radius, beta = draw.whole(0, 6), float(draw.of(0.5, 0.75, 1.0))
    check(lambda x: RAW.LRN(input=x, depth_radius=radius, bias=1.5, alpha=0.5, beta=beta), value, tolerance=1e-5)


@cases(["ExtractImagePatches", "ExtractVolumePatches"])
def test_patches(op, seed):
    draw = Draw(op, seed)
    dims = 2 if op == "ExtractImagePatches" else 3
    value = draw.values([draw.whole(0, 2), *[draw.whole(1, 7) for _ in range(dims)], draw.whole(1, 4)],
                        draw.of(tf.float32, tf.int32, tf.uint8, tf.float64))
    options = {"ksizes": listed([draw.whole(1, 3) for _ in range(dims)]), "padding": draw.of("SAME", "VALID"),
               "strides": listed([draw.whole(1, 3) for _ in range(dims)])}
    if dims == 2:
        options["rates"] = listed([draw.whole(1, 2) for _ in range(2)])
    name = "images" if dims == 2 else "input"
    check(lambda x: getattr(RAW, op)(**{name: x}, **options), value)


@cases(["SpaceToBatchND", "BatchToSpaceND", "SpaceToBatch", "BatchToSpace"])
def test_batch_blocks(op, seed):
    draw = Draw(op, seed)
    nd = op.endswith("ND")
    rank = draw.whole(1, 3) if nd else 2
    block = [draw.whole(1, 3) for _ in range(rank)] if nd else [draw.whole(2, 3)] * 2
    margins = [[draw.whole(0, 2), draw.whole(0, 2)] for _ in range(rank)]
    space = []
    for size, margin in zip(block, margins):
        inside = draw.whole(1, 4) * size - sum(margin) if op.startswith("Space") else draw.whole(1, 4)
        space.append(max(inside, 0) if draw.chance(0.9) else draw.whole(0, 5))
    batch = draw.whole(0, 3) * (1 if op.startswith("Space") else int(np.prod(block)))
    rest = [draw.whole(1, 3) for _ in range(draw.whole(0, 2) if nd else 1)]
    value = draw.values([batch, *space, *rest], draw.of(tf.float32, tf.int32, tf.int64))
    margin_name, run = "paddings" if op.startswith("Space") else "crops", getattr(RAW, op)
    margins = np.array(margins, np.int32).reshape(-1, 2)
    if nd:
        check(lambda x, m: run(input=x, block_shape=tf.constant(block), **{margin_name: m}), value, margins, ranks=True)
    else:
        check(lambda x, m: run(input=x, block_size=block[0], **{margin_name: m}), value, margins, ranks=True)


@cases(["SpaceToDepth", "DepthToSpace"])
def test_depth_blocks(op, seed):
    draw = Draw(op, seed)
    block = draw.whole(2, 3)
    shape = [draw.whole(0, 3), draw.whole(1, 4), draw.whole(1, 4), draw.whole(1, 4)]
    if op == "SpaceToDepth":
        shape[1:3] = [s * block for s in shape[1:3]]
    else:
        shape[3] *= block * block
    if draw.chance(0.1):
        shape[draw.whole(1, 3)] += 1
    check(lambda x: getattr(RAW, op)(input=x, block_size=block), draw.values(shape, draw.of(tf.float32, tf.uint8, tf.int64)))


def band(draw, rows, columns):
    low = draw.whole(-rows + 1, columns - 1) if rows and columns else 0
    high = draw.whole(low, columns - 1) if rows and columns else 0
    return draw.of([low, high], low, [low])


ALIGN = ["LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"]
ANY = [tf.float32, tf.int32, tf.bool, tf.float64, tf.float16]


@cases(["MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3", "MatrixBandPart", "DiagPart"])
def test_diagonals_out(op, seed):
    draw = Draw(op, seed)
    dtype = draw.of(*ANY) if op != "DiagPart" else draw.of(tf.float32, tf.int32, tf.int64)
    shape = draw.dims(draw.whole(2, 4), 1, 6, 0.02)
    value = draw.values(shape * 2 if op == "DiagPart" and len(shape) < 4 else shape, dtype)
    rows, columns = value.shape[-2:]
    if op == "MatrixBandPart":
        limits = draw.whole(-1, rows), draw.whole(-1, columns)
        check(lambda x: RAW.MatrixBandPart(input=x, num_lower=limits[0], num_upper=limits[1]), value)
    elif op in ("MatrixDiagPart", "DiagPart"):
        check(lambda x: getattr(RAW, op)(input=x), value)
    else:
        extra = {"align": draw.of(*ALIGN)} if op.endswith("V3") else {}
        k, fill = band(draw, rows, columns), draw.values([], dtype)
        check(lambda x: getattr(RAW, op)(input=x, k=const(k), padding_value=fill, **extra), value)


@cases(["MatrixDiag", "MatrixDiagV2", "MatrixDiagV3", "Diag"])
def test_diagonals_in(op, seed):
    draw = Draw(op, seed)
    dtype = draw.of(*ANY) if op != "Diag" else draw.of(tf.float32, tf.int32, tf.int64)
    outer = [draw.whole(1, 3) for _ in range(draw.whole(0, 2))]
    if op in ("MatrixDiag", "Diag"):
        check(lambda d: getattr(RAW, op)(diagonal=d), draw.values([*outer, draw.whole(1, 5)], dtype))
        return
    rows, columns = draw.whole(1, 6), draw.whole(1, 6)
    k = band(draw, rows, columns)
    low, high = (k if len(k) == 2 else k * 2) if isinstance(k, list) else (k, k)
    longest = min(rows + min(high, 0), columns - max(low, 0))
    packed = [*outer, high - low + 1, longest] if high > low else [*outer, longest]
    sizes = (rows if draw.chance(0.7) else -1), (columns if draw.chance(0.7) else -1)
    extra = {"align": draw.of(*ALIGN)} if op.endswith("V3") else {}
    fill = draw.values([], dtype)
    check(lambda d: getattr(RAW, op)(diagonal=d, k=const(k), num_rows=const(sizes[0]), num_cols=const(sizes[1]),
                                     padding_value=fill, **extra), draw.values(packed, dtype))


@cases(["MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3"])
def test_diagonals_set(op, seed):
    draw = Draw(op, seed)
    dtype = draw.of(*ANY)
    outer = [draw.whole(1, 3) for _ in range(draw.whole(0, 2))]
    rows, columns = draw.whole(1, 6), draw.whole(1, 6)
    k = 0 if op == "MatrixSetDiag" else band(draw, rows, columns)
    low, high = (k if len(k) == 2 else k * 2) if isinstance(k, list) else (k, k)
    longest = min(rows + min(high, 0), columns - max(low, 0))
    packed = [*outer, high - low + 1, longest] if high > low else [*outer, longest]
    extra = {"align": draw.of(*ALIGN)} if op.endswith("V3") else {}
    run = lambda x, d: getattr(RAW, op)(input=x, diagonal=d, k=const(k), **extra)
    if op == "MatrixSetDiag":
        run = lambda x, d: RAW.MatrixSetDiag(input=x, diagonal=d)
    check(run, draw.values([*outer, rows, columns], dtype), draw.values(packed, dtype))


@cases(["Roll", "ReverseSequence", "ListDiff", "Cross", "ScatterNd", "ParallelConcat", "HistogramFixedWidth", "NthElement"])
def test_arranging(op, seed):
    draw = Draw(op, seed)
    rank = draw.whole(1, 4)
    if op == "Roll":
        n = draw.whole(0, 3)
        shifts, axes = [draw.whole(-20, 20) for _ in range(n)], [draw.whole(-rank, rank - 1) for _ in range(n)]
        value = draw.values(draw.dims(rank), draw.of(tf.float32, tf.int32, tf.string, tf.float64))
        check(lambda x: RAW.Roll(input=x, shift=const(shifts), axis=const(axes)), value)
    elif op == "ReverseSequence":
        value = draw.values(draw.dims(rank + 1, 1, 5, 0), draw.of(tf.float32, tf.int32, tf.string, tf.uint8))
        s, b = draw.rng.permutation(rank + 1)[:2].tolist()
        lengths = draw.rng.integers(0, value.shape[s] + 1, value.shape[b])
        check(lambda x, n: RAW.ReverseSequence(input=x, seq_lengths=n, seq_dim=s, batch_dim=b), value, lengths)
    elif op == "ListDiff":
        dtype = draw.of(tf.int32, tf.int64, tf.string, tf.float32, tf.uint8)
        a, b = (draw.values([draw.whole(0, 12)], dtype) for _ in range(2))
        a, b = (v.astype(np.int32).astype(v.dtype) if dtype.is_floating else v for v in (a, b))
        check(lambda x, y: RAW.ListDiff(x=x, y=y, out_idx=draw.of(tf.int32, tf.int64)), a, b)
    elif op == "Cross":
        dtype, shape = draw.of(tf.float32, tf.float64, tf.int32, tf.int8, tf.float16), [*draw.dims(rank - 1), 3]
        check(lambda a, b: RAW.Cross(a=a, b=b), draw.values(shape, dtype), draw.values(shape, dtype),
              tolerance=TOLERANCE.get(dtype, 0))
    elif op == "ScatterNd":
        dims, depth = draw.dims(rank, 1, 4, 0), draw.whole(1, rank)
        outer, dtype = draw.dims(draw.whole(0, 2), 1, 4), draw.of(tf.float32, tf.int32, tf.float64, tf.int64)
        indices = np.stack([draw.rng.integers(-(draw.chance(0.02)), d, outer) for d in dims[:depth]], -1)
        check(lambda i, u: RAW.ScatterNd(indices=i, updates=u, shape=const(dims)), indices.astype(np.int32),
              draw.values([*outer, *dims[depth:]], dtype), tolerance=TOLERANCE.get(dtype, 0),
              laxer=not outer)  # TensorFlow wants a list of indices
    elif op == "ParallelConcat":
        shape = draw.dims(rank - 1, empty=0)
        values = [draw.values([1, *shape], tf.float32) for _ in range(draw.whole(1, 4))]
        check(lambda *v: RAW.ParallelConcat(values=[tf.ensure_shape(x, [1, *shape]) for x in v], shape=[len(v), *shape]),
              *values)
    elif op == "HistogramFixedWidth":
        bins, dtype = draw.whole(1, 9), draw.of(tf.float32, tf.float64, tf.int32)
        span = np.array([-draw.whole(0, 4), draw.whole(1, 4)], dtype.as_numpy_dtype)
        check(lambda x, r: RAW.HistogramFixedWidth(values=x, value_range=r, nbins=bins, dtype=draw.of(tf.int32, tf.int64)),
              draw.values(draw.dims(rank), dtype), span)
    else:
        value = draw.values(draw.dims(rank, empty=0), draw.of(tf.float32, tf.float64, tf.int32, tf.float16, tf.uint8))
        n = draw.whole(0, value.shape[-1] - (not draw.chance(0.1)))
        check(lambda x: RAW.NthElement(input=x, n=const(n), reverse=draw.chance(0.5)), value)


@cases(["SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits", "InTopK", "InTopKV2"])
def test_losses(op, seed):
    draw = Draw(op, seed)
    batch, classes = draw.whole(0, 5), draw.whole(1, 9)
    dtype = draw.of(*FLOATS)
    logits = draw.values([batch, classes], dtype)
    if op == "SoftmaxCrossEntropyWithLogits":
        labels = np.abs(draw.values([draw.of(1, batch), classes], dtype))
        check(lambda x, y: RAW.SoftmaxCrossEntropyWithLogits(features=x, labels=y), logits, labels,
              tolerance=TOLERANCE[dtype])
    elif op == "SparseSoftmaxCrossEntropyWithLogits":
        labels = draw.rng.integers(0, classes, batch).astype(draw.of(np.int32, np.int64))
        check(lambda x, y: RAW.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y), logits, labels,
              tolerance=TOLERANCE[dtype])
    else:
        rows = np.round(draw.values([batch, classes]) * 2)
        if draw.chance(0.2) and rows.size:
            rows[0, 0] = draw.of(np.inf, -np.inf, np.nan)
        targets, k = draw.rng.integers(-1, classes + 1, batch).astype(np.int32), draw.whole(0, classes + 1)
        check(lambda p, t: getattr(RAW, op)(predictions=p, targets=t, k=k), rows, targets)


@pytest.mark.parametrize("op", ["CheckNumerics", "CheckNumericsV2"])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda t: t.name)
def test_checks_of_numbers(op, dtype):
    for odd in ([], [np.nan], [np.inf], [-np.inf], [np.nan, np.inf], [np.inf, -np.inf], [np.nan, np.inf, -np.inf]):
        check(lambda x: getattr(RAW, op)(tensor=x, message="here"), np.array([1.0, *odd]).astype(dtype.as_numpy_dtype))


@cases(["BiasAdd"])
def test_biases_of_images(op, seed):
    draw = Draw(op, seed)
    value = draw.values(draw.dims(draw.whole(2, 5), empty=0), draw.of(tf.float32, tf.int32, tf.float64))
    layout = draw.of("NHWC", "NCHW") if value.ndim > 2 else "NHWC"
    bias = draw.values([value.shape[1 if layout == "NCHW" else -1]], tf.as_dtype(value.dtype))
    check(lambda v, b: RAW.BiasAdd(value=v, bias=b, data_format=layout), value, bias, tolerance=1e-6)

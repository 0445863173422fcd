"""Ops on images against TensorFlow: each row of OPS makes a case by chance."""

import os

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from graphs import Server, check

RAW = tf.raw_ops
CASES = 600 if os.environ.get("INLAY_FULL") else 30
FLOATS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64]
HALF = {np.float16: 2e-3, ml_dtypes.bfloat16: 1.6e-2}


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def pixels(rng, dtype, shape):
    """Numbers of an image: floats around 0 and 1, integers of the whole width up to 16 bits."""
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -40000), min(info.max, 40000), shape, endpoint=True).astype(dtype)
    values = rng.normal(0.5, 0.7, shape)
    if rng.random() < 0.1 and values.size:
        values.flat[rng.integers(values.size)] = pick(rng, [np.nan, np.inf, -np.inf, -0.0, 1e30])
    return values.astype(dtype)


def image(rng, dtypes, channels=(1, 2, 3, 4, 5), least=1):
    """[batch, rows, columns, channels]; now and then without images."""
    shape = [rng.integers(0 if rng.random() < 0.1 else 1, 3), rng.integers(least, 9), rng.integers(least, 9),
             pick(rng, channels)]
    return pixels(rng, pick(rng, dtypes), shape)


def size(rng):
    return np.array(rng.integers(0 if rng.random() < 0.03 else 1, 14, 2), np.int32)


def resize(op, types=INTEGERS + FLOATS, half=True):
    def make(rng):
        align, centers = pick(rng, [(False, False), (True, False), (False, True)] + [(True, True)] * (rng.random() < 0.05))
        options = {"align_corners": align}
        if half:
            options["half_pixel_centers"] = centers
        return lambda x, s: op(images=x, size=s, **options), [image(rng, types, least=0 if rng.random() < 0.02 else 1), size(rng)], 1e-6
    return make


def scale_and_translate(rng):
    kernel = pick(rng, ["lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"])
    scale = np.exp(rng.normal(0, 0.8, 2)).astype(np.float32) * (0 if rng.random() < 0.02 else 1)
    return (lambda x, s, a, b: RAW.ScaleAndTranslate(images=x, size=s, scale=a, translation=b, kernel_type=kernel,
                                                     antialias=pick(rng, [True, False])),
            [finite(image(rng, INTEGERS + FLOATS)), size(rng), scale, rng.normal(0, 3, 2).astype(np.float32)], 2e-5)


def finite(values):
    return values if values.dtype.kind in "iu" else np.where(np.abs(values.astype(np.float64)) < 1e3, values, 1).astype(values.dtype)


def crop_and_resize(rng):
    types = INTEGERS + [np.float32, np.float64, np.float16]
    images, n = image(rng, types), rng.integers(0, 4)
    boxes = rng.uniform(-0.3, 1.3, [n, 4]).astype(np.float32)
    if n and rng.random() < 0.03:
        boxes[0, 0] = np.nan
    indices = rng.integers(0, len(images) + (rng.random() < 0.05), n) if len(images) else np.zeros(n)
    method = pick(rng, ["bilinear", "nearest"])
    return (lambda x, b, i, s: RAW.CropAndResize(image=x, boxes=b, box_ind=i, crop_size=s, method=method,
                                                 extrapolation_value=-0.25),
            [images, boxes, indices.astype(np.int32), size(rng)], 1e-6)


def transform(rng):
    types = [np.uint8, np.int32, np.int64, *FLOATS]
    images = finite(np.abs(image(rng, types)))
    matrix = np.eye(3) + rng.normal(0, 0.4, [3, 3]) * [[1, 1, 5], [1, 1, 5], [0.1, 0.1, 0]]
    flat = matrix.reshape(-1)[:8].astype(np.float32)
    rows = pick(rng, [1, len(images), len(images) + (rng.random() < 0.05)])
    options = dict(interpolation=pick(rng, ["NEAREST", "BILINEAR"]), fill_mode=pick(rng, ["CONSTANT", "NEAREST", "REFLECT", "WRAP"]))
    feeds = [images, np.tile(flat, [rows, 1]), size(rng)]
    tolerance = HALF.get(images.dtype.type, 1e-5)
    if rng.random() < 0.5:
        return lambda x, t, s: RAW.ImageProjectiveTransformV2(images=x, transforms=t, output_shape=s, **options), feeds, tolerance
    return (lambda x, t, s, f: RAW.ImageProjectiveTransformV3(images=x, transforms=t, output_shape=s, fill_value=f, **options),
            [*feeds, np.float32(pick(rng, [0.0, 3.7, 200.0]))], tolerance)


def colors(rng, types, least=1):
    shape = [int(n) for n in rng.integers(0 if rng.random() < 0.05 else 1, 6, rng.integers(least, 4))]
    values = rng.uniform(-0.1, 1.3, [*shape, 3])
    if rng.random() < 0.3:
        values = np.round(values * 3) / 3  # channels that are equal
    if rng.random() < 0.03:
        values = values[..., :2]
    return values.astype(pick(rng, types))


def convert(op, types=FLOATS):
    def make(rng):
        images = colors(rng, types)
        return lambda x: op(images=x), [images], HALF.get(images.dtype.type, 2e-6) * (5 if images.dtype.itemsize == 2 else 1)
    return make


def adjust(op, name, low, high):
    def make(rng):
        amount = np.float32(rng.uniform(low, high))
        return lambda x, a: op(images=x, **{name: a}), [colors(rng, [np.float32], 2), amount], 5e-6
    return make


def draw(rng):
    images = image(rng, [np.float32, np.float16], channels=(1, 3, 4, 2) if rng.random() < 0.05 else (1, 3, 4))
    n = rng.integers(0, 4)
    boxes = rng.uniform(-0.4, 1.4, [len(images), n, 4]).astype(np.float32)
    if rng.random() < 0.7:
        boxes = np.concatenate([np.minimum(boxes[..., :2], boxes[..., 2:]), np.maximum(boxes[..., :2], boxes[..., 2:])], -1)
    if rng.random() < 0.5:
        return lambda x, b: RAW.DrawBoundingBoxes(images=x, boxes=b), [images, boxes], 0
    table = rng.uniform(0, 1, [rng.integers(0, 4), 4]).astype(np.float32)
    return lambda x, b, c: RAW.DrawBoundingBoxesV2(images=x, boxes=b, colors=c), [images, boxes, table], 0


def glimpse(op):
    def make(rng):
        images = image(rng, [np.float32])
        centered, normalized = bool(rng.integers(2)), bool(rng.integers(2))
        window = np.array([rng.integers(1, n + 2) for n in images.shape[1:3]], np.int32)
        spread = 0.8 if normalized else 6
        return (lambda x, s, o: op(input=x, size=s, offsets=o, centered=centered, normalized=normalized,
                                   uniform_noise=False, noise="zero"),
                [images, window, rng.uniform(-spread, spread, [len(images), 2]).astype(np.float32)], 0)
    return make


def some_boxes(rng, n):
    centers, extents = rng.uniform(0, 1, [n, 2]), rng.uniform(-0.05, 0.5, [n, 2])
    boxes = np.concatenate([centers - extents / 2, centers + extents / 2], 1)
    if rng.random() < 0.2:
        boxes = np.round(boxes * 4) / 4
    return boxes


def suppress(version):
    def make(rng):
        half = version in (2, 3, 4, 5) and rng.random() < 0.4
        dtype, n = np.float16 if half else np.float32, rng.integers(0, 14)
        scores = rng.uniform(-0.2, 1, n)
        if rng.random() < 0.3:
            scores = np.round(scores * 4) / 4  # some are equal
        number = np.float16 if half and version == 5 else pick(rng, [np.float32, dtype])
        overlap = number(rng.uniform(0, 1) if rng.random() < 0.97 else 1.5)
        least, sigma = number(pick(rng, [-1, 0, 0.25, 0.6])), number(pick(rng, [0, 0, 0.1, 0.5, 1]))
        feeds = [some_boxes(rng, n).astype(dtype), scores.astype(dtype), np.int32(rng.integers(-1 if rng.random() < 0.03 else 0, n + 3))]
        names = ["boxes", "scores", "max_output_size", "iou_threshold", "score_threshold", "soft_nms_sigma"]
        if version == 1:
            return lambda b, s, m: RAW.NonMaxSuppression(boxes=b, scores=s, max_output_size=m, iou_threshold=float(np.float32(overlap))), feeds, 0
        feeds += [[], [overlap], [overlap, least], [overlap, least], [np.float32(overlap).astype(number), least, sigma]][version - 1]
        options = {"pad_to_max_output_size": bool(rng.integers(2))} if version >= 4 else {}
        op = getattr(RAW, f"NonMaxSuppressionV{version}")
        return lambda *x: op(**dict(zip(names, x)), **options), feeds, 2e-3 if half else 1e-6
    return make


def suppress_overlaps(rng):
    n = rng.integers(0, 10)
    feeds = [rng.uniform(0, 1, [n, n + (rng.random() < 0.03)]).astype(np.float32), rng.uniform(0, 1, n).astype(np.float32),
             np.int32(rng.integers(0, n + 2)), np.float32(rng.uniform(0, 1.2)), np.float32(pick(rng, [-1, 0.3]))]
    return (lambda o, s, m, t, l: RAW.NonMaxSuppressionWithOverlaps(overlaps=o, scores=s, max_output_size=m,
                                                                    overlap_threshold=t, score_threshold=l), feeds, 0)


def combined(rng):
    batch, n, classes = rng.integers(0 if rng.random() < 0.05 else 1, 3), rng.integers(1, 9), rng.integers(1, 4)
    sets = pick(rng, [1, classes])
    boxes = np.stack([np.stack([some_boxes(rng, n) for _ in range(sets)], 1) for _ in range(batch)]) if batch else np.zeros([0, n, sets, 4])
    options = dict(pad_per_class=bool(rng.integers(2)), clip_boxes=bool(rng.integers(2)))
    feeds = [boxes.astype(np.float32), rng.uniform(0, 1, [batch, n, classes]).astype(np.float32), np.int32(rng.integers(1, n + 3)),
             np.int32(rng.integers(1, 12)), np.float32(rng.uniform(0, 1)), np.float32(pick(rng, [-1, 0.2, 0.5]))]
    return (lambda b, s, m, t, i, l: RAW.CombinedNonMaxSuppression(boxes=b, scores=s, max_output_size_per_class=m,
                                                                   max_total_size=t, iou_threshold=i, score_threshold=l, **options),
            feeds, 0)


OPS = {
    "ResizeNearestNeighbor": resize(RAW.ResizeNearestNeighbor),
    "ResizeBilinear": resize(RAW.ResizeBilinear),
    "ResizeBicubic": resize(RAW.ResizeBicubic),
    "ResizeArea": resize(RAW.ResizeArea, half=False),
    "ScaleAndTranslate": scale_and_translate,
    "CropAndResize": crop_and_resize,
    "ImageProjectiveTransform": transform,
    "RGBToHSV": convert(RAW.RGBToHSV),
    "HSVToRGB": convert(RAW.HSVToRGB),
    "AdjustHue": adjust(RAW.AdjustHue, "delta", -2, 2),
    "AdjustSaturation": adjust(RAW.AdjustSaturation, "scale", -0.5, 3),
    "AdjustContrastv2": adjust(RAW.AdjustContrastv2, "contrast_factor", -1, 3),
    "DrawBoundingBoxes": draw,
    "ExtractGlimpse": glimpse(RAW.ExtractGlimpse),
    "ExtractGlimpseV2": glimpse(RAW.ExtractGlimpseV2),
    **{f"NonMaxSuppressionV{v}": suppress(v) for v in (1, 2, 3, 4, 5)},
    "NonMaxSuppressionWithOverlaps": suppress_overlaps,
    "CombinedNonMaxSuppression": combined,
}


@pytest.mark.parametrize("name", OPS)
def test_op(name):
    for seed in range(CASES):
        function, feeds, tolerance = OPS[name](np.random.default_rng(seed))
        try:
            check(function, *feeds, tolerance=tolerance)
        except BaseException:
            print("seed", seed, [(f.dtype, f.shape) for f in feeds])
            raise


def test_adjust_contrast():
    """An op that TensorFlow takes only in graphs older than all others: by what it is."""
    for dtype in (np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64):
        images = pixels(np.random.default_rng(1), dtype, [2, 5, 4, 3])
        graph = tf.compat.v1.GraphDef()
        for i, name in enumerate(["images", "contrast_factor", "min_value", "max_value"]):
            node = graph.node.add(name=name, op="Placeholder")
            node.attr["dtype"].type = tf.as_dtype(dtype if i == 0 else np.float32).as_datatype_enum
        node = graph.node.add(name="out", op="AdjustContrast", input=[n.name for n in graph.node])
        node.attr["T"].type = tf.as_dtype(dtype).as_datatype_enum
        server = Server()
        server.open(graph)
        found, = server.run({"images:0": images, "contrast_factor:0": np.float32(1.5), "min_value:0": np.float32(-300),
                             "max_value:0": np.float32(200)}, ["out:0"])
        wide = images.astype(np.float64)
        mean = wide.mean((1, 2), keepdims=True)
        np.testing.assert_allclose(found, np.clip((wide - mean) * 1.5 + mean, -300, 200), rtol=1e-4, atol=1e-4)

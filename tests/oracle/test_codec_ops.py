"""Encoded images against TensorFlow: each row of OPS makes a case by chance, bytes that are damaged among them."""

import io
import os
import struct

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
CASES = 600 if os.environ.get("INLAY_FULL") else 30


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def pixels(rng, channels, wide=False):
    """Smooth with some noise, as photographs are."""
    rows, cols = rng.integers(1, 40, 2)
    y, x = np.mgrid[:rows, :cols, ] / 7
    smooth = np.stack([np.sin(x * rng.normal() + y * rng.normal() + rng.normal()) for _ in range(channels)], -1)
    values = np.clip((smooth + 1) * 120 + rng.normal(0, 12, smooth.shape), 0, 255)
    return (values * 257).astype(np.uint16) if wide else values.astype(np.uint8)


def damaged(rng, data, often=0.08):
    """DATA, now and then cut or with some bytes changed. (bytes, whether)"""
    if rng.random() > often:
        return data, False
    if rng.random() < 0.5:
        return data[:rng.integers(0, len(data) + 1)], True
    values = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        values[rng.integers(0, len(values))] = rng.integers(256)
    return bytes(values), True


def jpeg(rng):
    image = pixels(rng, pick(rng, [1, 3]))
    return tf.io.encode_jpeg(image, quality=int(rng.integers(5, 101)), progressive=bool(rng.random() < 0.3),
                             optimize_size=bool(rng.integers(2)), chroma_downsampling=bool(rng.integers(2))).numpy(), image.shape


def png(rng):
    wide = bool(rng.integers(2))
    return tf.io.encode_png(pixels(rng, rng.integers(1, 5), wide)).numpy()


def chunk(kind, data):
    import zlib
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def odd_png(rng):
    """Palettes, few bits, transparency, interlacing: what TensorFlow does not write."""
    import zlib
    color = pick(rng, [0, 2, 3, 4, 6])
    depth = pick(rng, {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}[color])
    rows, cols = (int(n) for n in rng.integers(1, 12, 2))
    interlace = int(rng.integers(2))
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    raw = b""
    for y0, dy, x0, dx in [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)] \
            if interlace else [(0, 1, 0, 1)]:
        width = len(range(x0, cols, dx))
        for _ in range(y0, rows, dy):
            if width:
                raw += bytes([rng.integers(0, 5)]) + rng.integers(0, 256, (width * bits + 7) // 8).astype(np.uint8).tobytes()
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, depth, color, 0, 0, interlace))
    if color == 3:
        out += chunk(b"PLTE", rng.integers(0, 256, 3 << depth).astype(np.uint8).tobytes())
    if rng.random() < 0.4 and color in (0, 2, 3):
        size = {0: 2, 2: 6, 3: int(rng.integers(1, 1 << depth, endpoint=True))}[color]
        values = rng.integers(0, 256, size).astype(np.uint8)
        out += chunk(b"tRNS", (values if color == 3 else values.view(">u2") & ((1 << depth) - 1)).tobytes())
    return out + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def lzw(values, bits):
    """GIF's codes with a clear before the table grows: large, but right."""
    codes, width = [1 << bits], bits + 1
    for i, v in enumerate(values):
        if i and i % ((1 << bits) - 2) == 0:
            codes.append(1 << bits)
        codes.append(int(v))
    codes.append((1 << bits) + 1)
    number = 0
    for i, code in enumerate(codes):
        number |= code << (i * width)
    data = number.to_bytes((len(codes) * width + 7) // 8, "little")
    return bytes([bits]) + b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif(rng, frames=None):
    bits = int(rng.integers(2, 6))
    rows, cols = (int(n) for n in rng.integers(1, 14, 2))
    out = b"GIF89a" + struct.pack("<HHBBB", cols, rows, 0x80 | bits - 1, 0, 0) + rng.integers(0, 256, 3 << bits).astype(np.uint8).tobytes()
    for _ in range(frames or rng.integers(1, 4)):
        height, width = (int(rng.integers(1, n, endpoint=True)) for n in (rows, cols)) if rng.random() < 0.4 else (rows, cols)
        top, left = (int(rng.integers(0, n, endpoint=True)) for n in (rows - height, cols - width))
        if rng.random() < 0.4:
            out += b"!\xf9\x04" + bytes([int(rng.integers(2)), 3, 0, int(rng.integers(1 << bits))]) + b"\0"
        if rng.random() < 0.2:
            out += b"!\xfe\x05hello\0"
        own = rng.random() < 0.3
        out += b"," + struct.pack("<HHHHB", left, top, width, height, (0x80 | bits - 1 if own else 0) | (0x40 if rng.random() < 0.3 else 0))
        if own:
            out += rng.integers(0, 256, 3 << bits).astype(np.uint8).tobytes()
        out += lzw(rng.integers(0, 1 << bits, height * width), bits)
    return out + b";"


def bmp(rng):
    channels = int(pick(rng, [1, 3, 4]))
    rows, cols = (int(n) for n in rng.integers(1, 9, 2))
    row = rng.integers(0, 256, [rows, (cols * channels + 3) // 4 * 4]).astype(np.uint8).tobytes()
    head = struct.pack("<2sIHHIIiiHHIIIIII", b"BM", 54 + len(row), 0, 0, 54, 40, cols, rows * pick(rng, [1, -1]), 1, channels * 8, 0, 0, 0, 0, 0, 0)
    return head + row


def any_image(rng):
    return pick(rng, [lambda: jpeg(rng)[0], lambda: png(rng), lambda: odd_png(rng), lambda: gif(rng), lambda: bmp(rng)])()


def decode_jpeg(rng):
    data, broken = damaged(rng, jpeg(rng)[0])
    options = dict(channels=pick(rng, [0, 0, 1, 3, 4] if rng.random() < 0.1 else [0, 1, 3]), ratio=pick(rng, [1, 1, 2, 4, 8]),
                   fancy_upscaling=bool(rng.integers(2)), try_recover_truncated=bool(rng.random() < 0.2),
                   dct_method=pick(rng, ["", "INTEGER_FAST", "INTEGER_ACCURATE"]))
    if broken:  # what is made of codes that cannot be is each version's own
        return lambda x: RAW.Shape(input=RAW.DecodeJpeg(contents=x, **options)), [data], broken
    return lambda x: RAW.DecodeJpeg(contents=x, **options), [data], broken


def crop_jpeg(rng):
    data, shape = jpeg(rng)
    rows, cols = shape[:2]
    top, left = rng.integers(0, rows), rng.integers(0, cols)
    window = [top, left, rng.integers(1, rows - top + 1), rng.integers(1, cols - left + 1)]
    if rng.random() < 0.05:
        window[rng.integers(4)] = pick(rng, [-1, 0, 100])
    options = dict(channels=pick(rng, [0, 1, 3]), fancy_upscaling=bool(rng.integers(2)), dct_method=pick(rng, ["", "INTEGER_ACCURATE"]))
    return lambda x, w: RAW.DecodeAndCropJpeg(contents=x, crop_window=w, **options), [data, np.array(window, np.int32)], False


def jpeg_shape(rng):
    data, broken = damaged(rng, jpeg(rng)[0])
    out = pick(rng, [tf.int32, tf.int64])
    return lambda x: RAW.ExtractJpegShape(contents=x, output_type=out), [data], broken


def decode_png(rng):
    data, broken = damaged(rng, png(rng) if rng.random() < 0.4 else odd_png(rng))
    options = dict(channels=pick(rng, [0, 1, 3, 4]), dtype=pick(rng, [tf.uint8, tf.uint16]))
    return lambda x: RAW.DecodePng(contents=x, **options), [data], broken


def decode_gif(rng):
    data, broken = damaged(rng, gif(rng))
    return lambda x: RAW.DecodeGif(contents=x), [data], broken


def decode_bmp(rng):
    data, broken = damaged(rng, bmp(rng))
    return lambda x: RAW.DecodeBmp(contents=x, channels=pick(rng, [0, 3, 4])), [data], broken


def decode_image(rng):
    data, options = any_image(rng), dict(channels=pick(rng, [0, 3]), dtype=pick(rng, [tf.uint8, tf.uint16, tf.float32]),
                                         expand_animations=bool(rng.integers(2)))
    if data[:2] == b"BM" and options["dtype"] != tf.uint8:  # TensorFlow's buffer has a negative size when rows go upwards
        data = data[:22] + struct.pack("<i", abs(struct.unpack("<i", data[22:26])[0])) + data[26:]
    return lambda x: RAW.DecodeImage(contents=x, **options), [data], False


def decode_other(rng):
    """Any op on any format."""
    data = any_image(rng)
    name = pick(rng, ["DecodeJpeg", "DecodePng", "DecodeGif", "DecodeBmp", "DecodeAndCropJpeg"])
    if name == "DecodeAndCropJpeg":
        return lambda x: RAW.DecodeAndCropJpeg(contents=x, crop_window=[0, 0, 1, 1]), [data], False
    return lambda x: getattr(RAW, name)(contents=x), [data if rng.random() < 0.9 else b"none"], False


def encode_jpeg(rng):
    options = dict(quality=int(rng.integers(0, 101)), progressive=bool(rng.integers(2)), optimize_size=bool(rng.integers(2)),
                   chroma_downsampling=bool(rng.integers(2)), density_unit=pick(rng, ["in", "cm"]), x_density=int(rng.integers(1, 500)),
                   xmp_metadata=pick(rng, ["", "some words"]), format=pick(rng, ["", "", "rgb", "grayscale"]))
    return lambda x: RAW.EncodeJpeg(image=x, **options), [pixels(rng, pick(rng, [1, 3, 3, 2] if rng.random() < 0.1 else [1, 3]))], False


def encode_quality(rng):
    return (lambda x, q: RAW.EncodeJpegVariableQuality(images=x, quality=q),
            [pixels(rng, pick(rng, [1, 3])), np.int32(rng.integers(-1, 102))], False)


def encode_png(rng):
    image = pixels(rng, rng.integers(1, 5), bool(rng.integers(2)))
    if rng.random() < 0.3:
        image = np.stack([image, image[::-1]])
    return lambda x: RAW.EncodePng(image=x, compression=pick(rng, [-1, 0, 3, 9])), [image], False


OPS = {"DecodeJpeg": decode_jpeg, "DecodeAndCropJpeg": crop_jpeg, "ExtractJpegShape": jpeg_shape, "DecodePng": decode_png,
       "DecodeGif": decode_gif, "DecodeBmp": decode_bmp, "DecodeImage": decode_image, "other formats": decode_other,
       "EncodeJpeg": encode_jpeg, "EncodeJpegVariableQuality": encode_quality, "EncodePng": encode_png}


@pytest.mark.parametrize("name", OPS)
def test_op(name):
    for seed in range(CASES):
        function, feeds, broken = OPS[name](np.random.default_rng(seed))
        try:
            check(function, *feeds, laxer=broken and name == "DecodeGif")  # frames before a broken one may be enough
        except BaseException:
            print("seed", seed, broken, [f if isinstance(f, bytes) else f.shape for f in feeds])
            raise


def test_webp_is_refused():
    from graphs import Refused, Server, build
    graph, inputs, flat = build(lambda x: RAW.DecodeImage(contents=x), [np.array(b"")])
    server = Server()
    server.open(graph.as_graph_def())
    with pytest.raises(Refused, match="WebP") as e:
        server.run({inputs[0].name: np.array(b"RIFF\x10\0\0\0WEBPVP8 ")}, [flat[0].name])
    assert e.value.code == 12

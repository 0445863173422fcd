"""Fourier transforms, parts of complex numbers and sound, against TensorFlow."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
TOLERANCE = {"float32": 1e-6, "float64": 1e-13, "complex64": 1e-6, "complex128": 1e-13}
SUFFIX = {1: "", 2: "2D", 3: "3D"}
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 19, 30, 31, 32, 34, 49, 60, 64, 97, 100, 121, 128, 169, 210, 251,
           256, 289, 343, 512, 1000, 1009, 2048]


def values(rng, shape, dtype):
    made = rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        made = made + 1j * rng.normal(size=shape)
    return made.astype(dtype)


def compare(name, feed, lengths=None, tolerance=None):
    op = getattr(RAW, name)
    scaled = feed / max(np.abs(feed).max(initial=0), 1e-30).astype(feed.dtype) if feed.size else feed
    spread = np.sqrt(max(np.prod(feed.shape), 1)) if "I" not in name else 1.0
    tolerance = tolerance or TOLERANCE[feed.dtype.name] * max(spread, 1)
    wide = {"float32": {}, "complex64": {}, "float64": {"Tcomplex": tf.complex128}, "complex128": {"Treal": tf.float64}}
    if lengths is None:
        return check(lambda x: op(input=x), scaled, tolerance=tolerance)
    extra = wide[feed.dtype.name] if name.startswith("IR") or feed.dtype.kind == "f" else {}
    return check(lambda x, n: op(input=x, fft_length=n, **extra), scaled, np.array(lengths, np.int32), tolerance=tolerance)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["FFT", "IFFT"])
def test_lines(name, dtype):
    rng = np.random.default_rng(1)
    for n in LENGTHS:
        compare(name, values(rng, [n], dtype))
        compare(name, values(rng, [3, n], dtype))
    for shape in ([0, 3], [3, 0], []):
        compare(name, values(rng, shape, dtype))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["FFT2D", "IFFT2D", "FFT3D", "IFFT3D"])
def test_planes_and_boxes(name, dtype):
    rng = np.random.default_rng(2)
    for shape in ([2, 2], [3, 5], [1, 7], [16, 17], [2, 3, 4], [1, 1, 1], [5, 6, 19], [2, 3, 4, 5], [2, 0, 3], [4], [2, 2, 1, 3, 2]):
        compare(name, values(rng, shape, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_lines(dtype):
    rng = np.random.default_rng(3)
    for n in LENGTHS:
        compare("RFFT", values(rng, [2, n], dtype), [n])
        compare("RFFT", values(rng, [2, n + 3], dtype), [n])
    compare("RFFT", values(rng, [2, 4], dtype), [5])
    compare("RFFT", values(rng, [0, 4], dtype), [4])
    for lengths in ([-1], [2, 2], []):
        compare("RFFT", values(rng, [2, 4], dtype), lengths)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_back_to_real_lines(dtype):
    rng = np.random.default_rng(4)
    for n in LENGTHS:
        compare("IRFFT", values(rng, [2, n // 2 + 1], dtype), [n])
        compare("IRFFT", values(rng, [2, n // 2 + 4], dtype), [n])
    compare("IRFFT", values(rng, [2, 3], dtype), [9])


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("wide", [False, True])
def test_real_planes_and_boxes(axes, wide):
    rng = np.random.default_rng(5)
    real, pairs = (np.float64, np.complex128) if wide else (np.float32, np.complex64)
    for lengths in ([2, 2, 2], [3, 4, 5], [1, 6, 1], [4, 4, 17], [5, 3, 8]):
        lengths = lengths[-axes:]
        for more in (0, 2):
            full = [2] + [n + more for n in lengths]
            compare("RFFT" + SUFFIX[axes], values(rng, full, real), lengths)
            half = full[:-1] + [lengths[-1] // 2 + 1 + more]
            compare("IRFFT" + SUFFIX[axes], values(rng, half, pairs), lengths)
        short = [lengths[0] - 1] + lengths[1:]
        if short[0]:
            compare("RFFT" + SUFFIX[axes], values(rng, short, real), lengths)


def test_lengths_of_none_are_refused():  # TensorFlow ends the process
    from graphs import Refused, Server, build
    for name, feed in (("RFFT", np.zeros([2, 3], np.float32)), ("IRFFT", np.zeros([2, 3], np.complex64))):
        graph, inputs, flat = build(lambda x, n: getattr(RAW, name)(input=x, fft_length=n), [feed, np.array([0], np.int32)])
        server = Server()
        server.open(graph.as_graph_def())
        with pytest.raises(Refused, match="must be > 0"):
            server.run({inputs[0].name: feed, inputs[1].name: np.array([0], np.int32)}, [flat[0].name])


@pytest.mark.parametrize("shape", [[], [3], [2, 0], [4, 5]], ids=str)
@pytest.mark.parametrize("wide", [False, True])
def test_parts_of_complex_numbers(shape, wide):
    rng = np.random.default_rng(6)
    real, pairs = (np.float64, np.complex128) if wide else (np.float32, np.complex64)
    out = tf.as_dtype(real)
    x = values(rng, shape, pairs)
    odd = np.array([complex(a, b) for a in ODD for b in ODD], pairs)
    for feed in (x, odd):
        for name in ("Real", "Imag"):
            check(lambda v: getattr(RAW, name)(input=v, Tout=out), feed)
        check(lambda v: RAW.ComplexAbs(x=v, Tout=out), feed, tolerance=TOLERANCE[x.dtype.name])
        check(lambda v: RAW.Angle(input=v, Tout=out), feed, tolerance=TOLERANCE[x.dtype.name])
        check(lambda v: RAW.Conj(input=v), feed)
    for other in (shape, [1], [5]):
        check(lambda a, b: RAW.Complex(real=a, imag=b, Tout=tf.as_dtype(pairs)), values(rng, shape, real), values(rng, other, real))


ODD = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan]


def wav(samples, channels=1, rate=16000, before=b"", after=b"", **change):
    head = dict(size=16, coding=1, channels=channels, rate=rate, speed=rate * channels * 2, frame=channels * 2, bits=16,
                data=2 * len(samples))
    head.update(change)
    body = b"WAVE" + before + b"fmt " + struct.pack("<IHHIIHH", *list(head.values())[:7]) + b"\0" * (head["size"] - 16)
    body += after + b"data" + struct.pack("<I", head["data"]) + np.array(samples, "<i2").tobytes()
    return b"RIFF" + struct.pack("<I", len(body)) + body


SOUND = [0, 1, -1, 32767, -32768, 100, -200, 3000]
FILES = [wav(SOUND), wav(SOUND, channels=2), wav([]), wav(SOUND, size=18), wav(SOUND, before=b"JUNK\4\0\0\0abcd"),
         wav(SOUND, after=b"LIST\3\0\0\0abc"), wav(SOUND, before=b"what\0\0\0\0"), wav(SOUND, coding=3), wav(SOUND, bits=8),
         wav(SOUND, channels=0), wav(SOUND, speed=1), wav(SOUND, frame=7), wav(SOUND, data=18), wav(SOUND, data=2**31),
         wav(SOUND, size=20), wav(SOUND)[:30], wav(SOUND)[:50], wav(SOUND) + b"abc", wav(SOUND) + b"data\2\0\0\0ab", b"", b"RIFF",
         wav(SOUND) + b"LIST\0\0\0\0", wav(SOUND, before=b"JUNK\xff\xff\xff\x7f"), wav(SOUND, data=15), wav(SOUND, channels=3),
         wav(SOUND) + b"LIST\xff\xff\xff\x7f", b"RIFF....WAVEdata\0\0\0\0"]


@pytest.mark.parametrize("file", FILES, ids=range(len(FILES)))
def test_decode_wav(file):
    feed = np.array(file, object)
    for channels, samples in ((-1, -1), (1, 3), (3, 12), (0, 0), (2, -1)):
        check(lambda x: RAW.DecodeWav(contents=x, desired_channels=channels, desired_samples=samples), feed)


@pytest.mark.parametrize("shape", [[4, 1], [3, 2], [0, 1], [5], [2, 0]], ids=str)
def test_encode_wav(shape):
    rng = np.random.default_rng(7)
    sound = values(rng, shape, np.float32)
    for rate in (1, 16000, 2**31 - 1, 0):
        check(lambda x, r: RAW.EncodeWav(audio=x, sample_rate=r), sound, np.int32(rate))
    check(lambda x, r: RAW.EncodeWav(audio=x, sample_rate=r), np.array([[0.5 / 32768], [1.5 / 32768], [1], [-1], [np.inf]], np.float32),
          np.int32(5))


def voice(n, channels=1):
    rng = np.random.default_rng(8)
    t = np.arange(n)[:, None] / 16000
    return (np.sin(2 * np.pi * 440 * t) * 0.3 + rng.normal(size=[n, channels]) * 0.05).astype(np.float32)


@pytest.mark.parametrize("window,stride", [(2, 1), (3, 2), (16, 20), (100, 30), (480, 320), (640, 640)])
@pytest.mark.parametrize("squared", [False, True])
def test_spectrogram(window, stride, squared):
    for samples, channels in ((1000, 1), (777, 2), (1, 1), (0, 1), (640, 0)):
        check(lambda x: RAW.AudioSpectrogram(input=x, window_size=window, stride=stride, magnitude_squared=squared),
              voice(samples, channels), tolerance=1e-6)
    check(lambda x: RAW.AudioSpectrogram(input=x, window_size=4, stride=1), np.zeros(5, np.float32))


@pytest.mark.parametrize("settings", [dict(), dict(dct_coefficient_count=10), dict(filterbank_channel_count=5, dct_coefficient_count=5),
                                      dict(upper_frequency_limit=9000.0), dict(lower_frequency_limit=0.0), dict(lower_frequency_limit=-1.0),
                                      dict(lower_frequency_limit=5000.0), dict(filterbank_channel_count=0), dict(dct_coefficient_count=41),
                                      dict(dct_coefficient_count=0), dict(filterbank_channel_count=200)], ids=str)
def test_mfcc(settings):
    for rate, window in ((16000, 640), (8000, 256), (44100, 30), (0, 64)):
        def function(x, r):
            power = RAW.AudioSpectrogram(input=x, window_size=window, stride=320, magnitude_squared=True)
            return RAW.Mfcc(spectrogram=power, sample_rate=r, **settings)

        check(function, voice(2000, 2), np.int32(rate), tolerance=3e-6)
    check(lambda x, r: RAW.Mfcc(spectrogram=x, sample_rate=r, **settings), np.zeros([1, 2, 1], np.float32), np.int32(16000))

"""Quantised ops against TensorFlow without oneDNN, whose own kernels round differently: a process of its own runs each row
of OPS, which makes cases by chance."""

import os
import subprocess
import sys

import numpy as np

CASES = 600 if os.environ.get("INLAY_FULL") else 30


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def some_range(rng):
    low, high = sorted(rng.normal(0, 1, 2) * 10.0 ** rng.integers(-2, 3))
    if rng.random() < 0.3:
        low = 0.0
    if rng.random() < 0.3:
        low, high = -abs(high), abs(high)
    return np.float32(low), np.float32(max(high, low + 1e-3))


def shape(rng, least=0, most=4):
    return [int(n) for n in rng.integers(0 if rng.random() < 0.05 else 1, 6, rng.integers(least, most + 1))]


def numbers(rng, dims, dtype=np.float32):
    return (rng.normal(0, 1, dims) * 10.0 ** rng.integers(-2, 3)).astype(dtype)


def codes(rng, dims, kind):
    """Feeds are plain integers: graphs bitcast them."""
    plain = {"quint8": np.uint8, "qint8": np.int8, "quint16": np.uint16, "qint16": np.int16, "qint32": np.int32}[kind]
    info = np.iinfo(plain)
    if kind == "qint32" and rng.random() < 0.7:
        return rng.integers(-100000, 100000, dims).astype(plain)
    return rng.integers(info.min, info.max, dims, endpoint=True).astype(plain)


def main(name, cases):
    import tensorflow as tf
    from graphs import check
    raw = tf.raw_ops
    types = {n: getattr(tf, n) for n in ("quint8", "qint8", "quint16", "qint16", "qint32")}
    plain = {tf.quint8: tf.uint8, tf.qint8: tf.int8, tf.quint16: tf.uint16, tf.qint16: tf.int16, tf.qint32: tf.int32}

    def q(x, kind):
        return raw.Bitcast(input=x, type=types[kind])

    def p(result):
        """Quantised results as plain integers."""
        return [raw.Bitcast(input=t, type=plain[t.dtype]) if t.dtype in plain else t for t in tf.nest.flatten(result)]

    def dequantize(rng):
        kind, mode = pick(rng, list(types)), pick(rng, ["MIN_COMBINED", "MIN_FIRST", "SCALED"])
        values = codes(rng, shape(rng), kind)
        axis = int(rng.integers(-1, values.ndim)) if mode != "MIN_FIRST" or rng.random() < 0.05 else -1
        n = values.shape[axis] if axis >= 0 else ()
        low, high = (np.array([some_range(rng)[k] for _ in range(n)], np.float32) if axis >= 0 else some_range(rng)[k] for k in (0, 1))
        options = dict(mode=mode, narrow_range=bool(rng.integers(2)), axis=axis,
                       dtype=tf.bfloat16 if mode == "MIN_COMBINED" and rng.random() < 0.2 else tf.float32)
        return lambda x, a, b: raw.Dequantize(input=q(x, kind), min_range=a, max_range=b, **options), [values, low, high], 1e-6

    def quantize(rng):
        kind, mode = pick(rng, list(types)), pick(rng, ["MIN_COMBINED", "MIN_FIRST", "SCALED"])
        values = numbers(rng, shape(rng))
        axis = int(rng.integers(-1, values.ndim)) if mode != "MIN_FIRST" else -1
        n = values.shape[axis] if axis >= 0 else 1
        ends = [some_range(rng) for _ in range(n)]
        if mode == "SCALED":  # without a positive end the scale is that of the smallest float32, which TensorFlow flushes
            ends = [(low, max(high, np.float32(0.01))) for low, high in ends]
        low, high = (np.array([e[k] for e in ends], np.float32) if axis >= 0 else ends[0][k] for k in (0, 1))
        options = dict(mode=mode, round_mode=pick(rng, ["HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"]) if mode == "SCALED" or rng.random() < 0.05
                       else "HALF_AWAY_FROM_ZERO", narrow_range=bool(rng.integers(2)), axis=axis, ensure_minimum_range=pick(rng, [0.01, 0.1]))
        return lambda x, a, b: p(raw.QuantizeV2(input=x, min_range=a, max_range=b, T=types[kind], **options)), [values, low, high], 1e-6

    def round_trip(version):
        def make(rng):
            dtype = pick(rng, [np.float32, np.float64])
            values = numbers(rng, shape(rng) if rng.random() < 0.9 else [3, 4], dtype)
            if values.size == 0:
                values = np.ones([2, 3], dtype)
            axis, given = int(rng.integers(-1, values.ndim)), bool(rng.integers(2))
            if given and version != 3:
                axis = -1  # TensorFlow asks for a scalar and for a vector at once
            n = values.shape[axis] if axis >= 0 else 1
            ends = [some_range(rng) for _ in range(n)]
            low, high = (np.array([e[k] for e in ends], dtype) if axis >= 0 else dtype(ends[0][k]) for k in (0, 1))
            options = dict(signed_input=bool(rng.integers(2)), range_given=given, axis=axis, narrow_range=bool(rng.integers(2)))
            if version != 3:
                options.update(num_bits=int(rng.integers(2, 17)), round_mode=pick(rng, ["HALF_TO_EVEN", "HALF_UP"]))
                op = raw.QuantizeAndDequantizeV2 if version == 2 else raw.QuantizeAndDequantizeV4
                return lambda x, a, b: op(input=x, input_min=a, input_max=b, **options), [values, low, high], 1e-6
            return (lambda x, a, b, n: raw.QuantizeAndDequantizeV3(input=x, input_min=a, input_max=b, num_bits=n, **options),
                    [values, low, high, np.int32(rng.integers(2, 17))], 1e-6)
        return make

    def fake(rng, kind):
        dims = shape(rng, 1)
        n = dims[-1] if kind == "channels" else 1
        ends = [some_range(rng) for _ in range(n)]
        if rng.random() < 0.05:
            ends = [(np.float32(0), np.float32(0)) for _ in range(n)]
        ends = [(min(a, np.float32(0)), max(b, np.float32(0))) for a, b in ends] if rng.random() < 0.7 else ends
        return dims, ends, dict(num_bits=int(rng.integers(2, 17)), narrow_range=bool(rng.integers(2)))

    def fake_args(rng):
        dims, ends, options = fake(rng, "args")
        return (lambda x: raw.FakeQuantWithMinMaxArgs(inputs=x, min=float(ends[0][0]), max=float(ends[0][1]), **options), [numbers(rng, dims)], 1e-6)

    def fake_vars(rng):
        dims, ends, options = fake(rng, "vars")
        return lambda x, a, b: raw.FakeQuantWithMinMaxVars(inputs=x, min=a, max=b, **options), [numbers(rng, dims), *ends[0]], 1e-6

    def fake_channels(rng):
        dims, ends, options = fake(rng, "channels")
        low, high = (np.array([e[k] for e in ends], np.float32) for k in (0, 1))
        return lambda x, a, b: raw.FakeQuantWithMinMaxVarsPerChannel(inputs=x, min=a, max=b, **options), [numbers(rng, dims), low, high], 1e-6

    def pair(op):
        def make(rng):
            dims = [max(n, 1) for n in shape(rng, 1)]  # TensorFlow refuses most that are empty
            small = pick(rng, [dims, [], [1], dims[rng.integers(len(dims)):]])
            x, y = codes(rng, dims, "quint8"), codes(rng, small, "quint8")
            if rng.random() < 0.5:
                x, y = y, x
            return (lambda x, y, a, b, c, d: p(op(x=q(x, "quint8"), y=q(y, "quint8"), min_x=a, max_x=b, min_y=c, max_y=d, Toutput=tf.qint32)),
                    [x, y, *some_range(rng), *some_range(rng)], 1e-6)
        return make

    def bias_add(rng):
        kind, dims = pick(rng, ["quint8", "qint8"]), shape(rng, 2)
        return (lambda x, y, a, b, c, d: p(raw.QuantizedBiasAdd(input=q(x, kind), bias=q(y, kind), min_input=a, max_input=b, min_bias=c,
                                                                max_bias=d, out_type=tf.qint32)),
                [codes(rng, dims, kind), codes(rng, [max(dims[-1], 0) + (rng.random() < 0.05)], kind), *some_range(rng), *some_range(rng)], 1e-6)

    def relu(op):
        def make(rng):
            kind = pick(rng, ["quint8", "qint32"])
            return (lambda x, a, b: p(op(features=q(x, kind), min_features=a, max_features=b, out_type=types[kind])),
                    [codes(rng, shape(rng), kind), *some_range(rng)], 1e-6)
        return make

    def reshape(rng):
        kind = pick(rng, ["quint8", "qint32"])
        values = codes(rng, [2, 3, 4], kind)
        return (lambda x, s, a, b: p(raw.QuantizedReshape(tensor=q(x, kind), shape=s, input_min=a, input_max=b)),
                [values, np.array(pick(rng, [[24], [-1, 6], [4, -1], [2, 3, 4, 1], [5, -1], [-1, -1]]), np.int32), *some_range(rng)], 0)

    def product(rng):
        m, k, n = rng.integers(1, 9, 3)
        ta, tb = bool(rng.integers(2)), bool(rng.integers(2))
        a, b = codes(rng, [k, m] if ta else [m, k], "quint8"), codes(rng, [n, k] if tb else [k, n], "quint8")
        if rng.random() < 0.05:
            a = a[:, :-1]
        return (lambda x, y, a, b, c, d: p(raw.QuantizedMatMul(a=q(x, "quint8"), b=q(y, "quint8"), min_a=a, max_a=b, min_b=c, max_b=d,
                                                               transpose_a=ta, transpose_b=tb)), [a, b, *around_zero(rng), *around_zero(rng)], 1e-6)

    def around_zero(rng):
        """Zero is a code, as where graphs are made."""
        return np.float32(-rng.uniform(0, 3)), np.float32(rng.uniform(0.1, 3))

    def conv(rng):
        depth, stride = rng.integers(1, 4), int(rng.integers(1, 3))
        rows, cols = (int(n) for n in rng.integers(1, 4, 2))
        x = codes(rng, [rng.integers(1, 3), rng.integers(rows, 9), rng.integers(cols, 9), depth], "quint8")
        return (lambda x, f, a, b, c, d: p(raw.QuantizedConv2D(input=q(x, "quint8"), filter=q(f, "quint8"), min_input=a, max_input=b,
                                                               min_filter=c, max_filter=d, strides=[1, stride, stride, 1], padding=padding)),
                [x, codes(rng, [rows, cols, depth, rng.integers(1, 5)], "quint8"), *around_zero(rng), *around_zero(rng)], 1e-6) \
            if (padding := pick(rng, ["SAME", "VALID"])) else None

    def pool(op):
        def make(rng):
            kind = "quint8"
            size, stride = [int(n) for n in rng.integers(1, 4, 2)], [int(n) for n in rng.integers(1, 4, 2)]
            x = codes(rng, [2, rng.integers(size[0], 8), rng.integers(size[1], 8), 3], kind)
            options = dict(ksize=[1, *size, 1], strides=[1, *stride, 1], padding=pick(rng, ["SAME", "VALID"]))
            return lambda x, a, b: p(op(input=q(x, kind), min_input=a, max_input=b, **options)), [x, *some_range(rng)], 0
        return make

    def concat(rng):  # not of empty tensors: TensorFlow gives those behind them the ranges of others
        kind, n, dims = pick(rng, ["quint8", "qint32"]), int(rng.integers(2, 4)), shape(rng, 1)
        axis = int(rng.integers(len(dims)))
        parts = [codes(rng, [int(rng.integers(1, 4)) if i == axis else d for i, d in enumerate(dims)], kind) for _ in range(n)]
        ends = [some_range(rng) if rng.random() < 0.8 else (np.float32(-1), np.float32(1)) for _ in range(n)]
        return (lambda *x: p(raw.QuantizedConcat(concat_dim=axis, values=[q(v, kind) for v in x[:n]], input_mins=list(x[n:2 * n]),
                                                 input_maxes=list(x[2 * n:]))),
                [*parts, *[e[0] for e in ends], *[e[1] for e in ends]], 1e-6)

    def requantize(rng):
        kind = pick(rng, ["quint8", "qint8"])
        low, high = around_zero(rng)
        if rng.random() < 0.05:
            low, high = high, low
        return (lambda x, a, b, c, d: p(raw.Requantize(input=q(x, "qint32"), input_min=a, input_max=b, requested_output_min=c,
                                                       requested_output_max=d, out_type=types[kind])),
                [codes(rng, shape(rng), "qint32"), *wide(rng), low, high], 1e-6)

    def wide(rng):
        high = np.float32(10.0 ** rng.uniform(0, 1.5))  # beyond, 64 bits of fixed point run over
        return -high, high

    def shrink(rng):
        return (lambda x, a, b: p(raw.QuantizeDownAndShrinkRange(input=q(x, "qint32"), input_min=a, input_max=b, out_type=tf.quint8)),
                [codes(rng, shape(rng), "qint32"), *wide(rng)], 1e-6)

    def used(rng):
        return (lambda x, a, b: raw.RequantizationRange(input=q(x, "qint32"), input_min=a, input_max=b),
                [codes(rng, shape(rng), "qint32"), *wide(rng)], 1e-6)

    def channels(rng):
        depth = int(rng.integers(1, 5))
        x = codes(rng, [rng.integers(1, 3), rng.integers(1, 4), rng.integers(1, 4), depth], "qint32")
        return np.abs(x) if rng.random() < 0.2 else x, *np.array([wide(rng) for _ in range(depth)], np.float32).T

    def channel_range(rng):
        return (lambda x, a, b: raw.RequantizationRangePerChannel(input=q(x, "qint32"), input_min=a, input_max=b,
                                                                  clip_value_max=pick(rng, [6.0, 1e9])), [*channels(rng)], 1e-6)

    def per_channel(rng):
        kind = pick(rng, ["quint8", "qint8"])
        high = np.float32(rng.uniform(0.1, 10))
        return (lambda x, a, b, c, d: p(raw.RequantizePerChannel(input=q(x, "qint32"), input_min=a, input_max=b, requested_output_min=c,
                                                                 requested_output_max=d, out_type=types[kind])),
                [*channels(rng), np.float32(0) if kind == "quint8" else -high, high], 1e-6)

    ops = {"Dequantize": dequantize, "QuantizeV2": quantize, "QuantizeAndDequantizeV2": round_trip(2), "QuantizeAndDequantizeV3": round_trip(3),
           "QuantizeAndDequantizeV4": round_trip(4), "FakeQuantWithMinMaxArgs": fake_args, "FakeQuantWithMinMaxVars": fake_vars,
           "FakeQuantWithMinMaxVarsPerChannel": fake_channels, "QuantizedAdd": pair(raw.QuantizedAdd), "QuantizedMul": pair(raw.QuantizedMul),
           "QuantizedBiasAdd": bias_add, "QuantizedRelu": relu(raw.QuantizedRelu), "QuantizedRelu6": relu(raw.QuantizedRelu6),
           "QuantizedReshape": reshape, "QuantizedMatMul": product, "QuantizedConv2D": conv, "QuantizedMaxPool": pool(raw.QuantizedMaxPool),
           "QuantizedAvgPool": pool(raw.QuantizedAvgPool), "QuantizedConcat": concat, "Requantize": requantize,
           "QuantizeDownAndShrinkRange": shrink, "RequantizationRange": used, "RequantizationRangePerChannel": channel_range,
           "RequantizePerChannel": per_channel}
    for chosen in ops if name == "all" else [name]:
        differing = 0
        for seed in range(cases):
            function, feeds, tolerance = ops[chosen](np.random.default_rng(seed))
            try:
                check(function, *feeds, tolerance=tolerance, ranks=True)
            except BaseException as e:
                differing += 1
                if differing <= 3:
                    print(f"{chosen}: seed {seed}: {[(f.dtype, f.shape) for f in feeds]}: {str(e)[:900]}")
        print(f"{chosen}: {differing} of {cases} differ", flush=True)


def test_ops():
    run = subprocess.run([sys.executable, __file__, "all", str(CASES)], env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
                         capture_output=True, text=True)
    print(run.stdout[-10000:], run.stderr[-2000:])
    lines = [line for line in run.stdout.splitlines() if line.endswith(" differ")]
    assert run.returncode == 0 and len(lines) == 24
    assert [line for line in lines if ": 0 of " not in line] == []


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

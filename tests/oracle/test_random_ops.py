"""Random ops against TensorFlow: the same bits run after run; where a logarithm is in between, within two units."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import CODES, Refused, Server, build, check

RAW = tf.raw_ops
FLOATS = [tf.float32, tf.float64, tf.float16, tf.bfloat16]
INTS = [tf.int32, tf.int64]
WORDS = [tf.int32, tf.int64, tf.uint32, tf.uint64]
SHAPES = [[], [1], [3], [4], [5], [2, 0], [7, 3], [2, 3, 5], [0], [1000], [33, 77]]
SEEDS = [(1, 0), (0, 1), (87654321, 5), (-3, -9), (2**62, -2**61)]
STEP = {2: {"e": 2.0**-10, "V": 2.0**-7}, 4: {"f": 2.0**-23}, 8: {"d": 2.0**-52}}


def units(ours, theirs):
    """How far apart, in units of the last place of the larger one."""
    kind = "V" if theirs.dtype.itemsize == 2 and theirs.dtype.kind != "f" else theirs.dtype.char
    step = STEP[theirs.dtype.itemsize][kind]
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    size = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-30)
    with np.errstate(all="ignore"):
        return np.where(same, 0, np.abs(a - b) / (size * step)).max(initial=0)


def close(ours, theirs, allowed):
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if theirs.dtype.kind in "iu" or allowed == 0:
        np.testing.assert_array_equal(ours.astype(np.float64) if ours.dtype.itemsize == 2 else ours,
                                      theirs.astype(np.float64) if ours.dtype.itemsize == 2 else theirs)
    else:
        assert units(ours, theirs) <= allowed


def runs(function, *feeds, count=3, allowed=2, init=()):
    """COUNT runs of FUNCTION(*FEEDS) in one session each; the generator goes on in both alike."""
    feeds = [np.asarray(f) for f in feeds]
    graph, inputs, flat = build(function, feeds)
    server = Server()
    server.open(graph.as_graph_def())
    with tf.compat.v1.Session(graph=graph) as session:
        for name in init:
            session.run(name)
            server.run({}, ["^" + name])
        for _ in range(count):
            try:
                theirs = session.run(flat, dict(zip(inputs, feeds)))
            except tf.errors.OpError as e:
                with pytest.raises(Refused) as refusal:
                    server.run({i.name: f for i, f in zip(inputs, feeds)}, [t.name for t in flat])
                assert refusal.value.code == CODES[type(e)], f"{refusal.value} but TensorFlow: {e}"
                return
            ours = server.run({i.name: f for i, f in zip(inputs, feeds)}, [t.name for t in flat])
            for a, b in zip(ours, theirs):
                close(a, np.asarray(b), allowed)


KEPT = {"RandomUniform": 0, "RandomStandardNormal": 2, "TruncatedNormal": 2}


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", KEPT)
def test_generators_of_nodes_go_on(name, dtype):
    for i, shape in enumerate(SHAPES):
        seed, seed2 = SEEDS[i % len(SEEDS)]
        runs(lambda s: getattr(RAW, name)(shape=s, seed=seed, seed2=seed2, dtype=dtype),
             np.array(shape, [np.int32, np.int64][i % 2]), allowed=KEPT[name])


@pytest.mark.parametrize("name", KEPT)
def test_large_tensors_do_not_depend_on_threads(name):
    for n in (100_003, 400_001):
        runs(lambda s: getattr(RAW, name)(shape=s, seed=7, dtype=tf.float32), np.array([n]), count=2, allowed=KEPT[name])


@pytest.mark.parametrize("dtype", INTS, ids=lambda t: t.name)
def test_integers_of_a_range(dtype):
    info = dtype.as_numpy_dtype
    limits = np.iinfo(info)
    for i, (low, high) in enumerate([(0, 10), (-5, 3), (limits.min, limits.max), (7, 8), (3, 3), (5, 2), (-2**31, 0)]):
        for shape in SHAPES:
            runs(lambda s, a, b: RAW.RandomUniformInt(shape=s, minval=a, maxval=b, seed=11 + i, seed2=3),
                 np.array(shape, np.int32), np.array(low, info), np.array(high, info), allowed=0)


def test_two_nodes_and_two_seeds_of_zero():
    def both(s):
        a = RAW.RandomUniform(shape=s, seed=0, seed2=0, dtype=tf.float64)
        b = RAW.RandomUniform(shape=s, seed=0, seed2=0, dtype=tf.float64)
        return a, b

    graph, inputs, flat = build(both, [np.array([8])])
    server = Server()
    seen = []
    for _ in range(2):
        server.open(graph.as_graph_def())
        for _ in range(2):
            seen += server.run({inputs[0].name: np.array([8])}, [t.name for t in flat])
    assert len({v.tobytes() for v in seen}) == 8
    assert all((v >= 0).all() and (v < 1).all() for v in seen)


def test_a_fresh_session_starts_anew():
    graph, inputs, flat = build(lambda s: RAW.RandomUniform(shape=s, seed=3, seed2=4, dtype=tf.float32), [np.array([8])])
    server = Server()
    seen = []
    for _ in range(2):
        server.open(graph.as_graph_def())
        seen.append([server.run({inputs[0].name: np.array([8])}, [flat[0].name])[0].tolist() for _ in range(3)])
    assert seen[0] == seen[1] and seen[0][0] != seen[0][1]


STATELESS = {"StatelessRandomUniform": 0, "StatelessRandomNormal": 2, "StatelessTruncatedNormal": 2}


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", STATELESS)
def test_seeds_that_are_given(name, dtype):
    for i, shape in enumerate(SHAPES):
        seed = np.array(SEEDS[i % len(SEEDS)], np.int64)
        runs(lambda s, k: getattr(RAW, name)(shape=s, seed=k, dtype=dtype), np.array(shape, np.int32), seed, count=1,
             allowed=STATELESS[name])
        runs(lambda s, k, c, a: getattr(RAW, name + "V2")(shape=s, key=k, counter=c, alg=a, dtype=dtype),
             np.array(shape, np.int64), np.array([2**63 + i], np.uint64), np.array([2**64 - 1, i], np.uint64),
             np.int32([1, 3][i % 2]), count=1, allowed=STATELESS[name])


@pytest.mark.parametrize("dtype", WORDS, ids=lambda t: t.name)
def test_stateless_integers(dtype):
    info = dtype.as_numpy_dtype
    limits = np.iinfo(info)
    pairs = [(0, 10), (limits.min, limits.max), (limits.max - 4, limits.max), (9, 9), (limits.max, 3)]
    for i, shape in enumerate(SHAPES):
        low, high = (np.array(v, info) for v in pairs[i % len(pairs)])
        seed, key = np.array(SEEDS[i % len(SEEDS)]), np.array([5 + i], np.uint64)
        counter, alg = np.array([i, 7], np.uint64), np.int32(1)
        size = np.array(shape, np.int32)
        if dtype in INTS:
            runs(lambda s, k, a, b: RAW.StatelessRandomUniformInt(shape=s, seed=k, minval=a, maxval=b), size, seed, low,
                 high, count=1)
            runs(lambda s, k, c, g, a, b: RAW.StatelessRandomUniformIntV2(shape=s, key=k, counter=c, alg=g, minval=a,
                                                                          maxval=b), size, key, counter, alg, low, high, count=1)
        runs(lambda s, k: RAW.StatelessRandomUniformFullInt(shape=s, seed=k, dtype=dtype), size, seed, count=1)
        runs(lambda s, k, c, g: RAW.StatelessRandomUniformFullIntV2(shape=s, key=k, counter=c, alg=g, dtype=dtype), size,
             key, counter, alg, count=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_of_seeds(seed):
    check(lambda k: RAW.StatelessRandomGetKeyCounter(seed=k), np.array(seed))
    check(lambda k: RAW.StatelessRandomGetKeyCounterAlg(seed=k), np.array(seed).astype(np.int32))


@pytest.mark.parametrize("change", [dict(key=np.zeros(2, np.uint64)), dict(counter=np.zeros(3, np.uint64)), dict(key=np.uint64(1)), dict(alg=np.int32(2)),
                                    dict(alg=np.int32(9)), dict(alg=np.zeros(1, np.int32)), dict(shape=np.array([-1])),
                                    dict(shape=np.zeros([1, 1], np.int64)), dict(shape=np.array([2**40, 2**40]))], ids=str)
def test_refusals(change):
    given = dict(shape=np.array([3]), key=np.zeros(1, np.uint64), counter=np.zeros(2, np.uint64), alg=np.int32(1))
    given.update(change)
    runs(lambda s, k, c, a: RAW.StatelessRandomUniformV2(shape=s, key=k, counter=c, alg=a), *given.values(), count=1)
    runs(lambda s: RAW.RandomUniform(shape=s, seed=1, dtype=tf.float32), given["shape"], count=1, allowed=0)


def test_seeds_must_be_two():
    for seed in ([1], [1, 2, 3], [[1, 2]]):
        runs(lambda s, k: RAW.StatelessRandomUniform(shape=s, seed=k), np.array([3]), np.array(seed), count=1)


VARIABLE = {
    "StatefulUniform": (FLOATS, 0), "StatefulStandardNormalV2": (FLOATS, 2), "StatefulTruncatedNormal": (FLOATS, 2),
    "StatefulUniformFullInt": (WORDS, 0)}


def variable_of(state):
    v = RAW.VarHandleOp(dtype=tf.int64, shape=[None], shared_name="state")
    with tf.name_scope("init"):
        RAW.AssignVariableOp(resource=v, value=tf.constant(state, tf.int64), name="assign")
    return v


def read_after(v, value):
    with tf.control_dependencies([value]):
        return value, RAW.ReadVariableOp(resource=v, dtype=tf.int64)


@pytest.mark.parametrize("state", [[1, 2, 3], [-1, -1, 5], [2**63 - 1, -2**63, -7], [1, 2, 3, 4, 5]], ids=str)
@pytest.mark.parametrize("name", VARIABLE)
def test_generators_in_variables(name, state):
    types, allowed = VARIABLE[name]
    for dtype in types:
        def function(s, alg=1):
            v = variable_of(state)
            return read_after(v, getattr(RAW, name)(resource=v, algorithm=tf.constant(alg, tf.int64), shape=s, dtype=dtype))

        for shape in SHAPES[:8]:
            runs(function, np.array(shape, np.int64), init=["init/assign"], allowed=allowed)


def test_integers_of_a_range_in_variables():
    for low, high in ((0, 10), (-5, 2**40), (4, 4)):
        def function(s, a, b):
            v = variable_of([3, 4, 5])
            return read_after(v, RAW.StatefulUniformInt(resource=v, algorithm=tf.constant(1, tf.int64), shape=s, minval=a,
                                                        maxval=b))

        for shape in SHAPES[:8]:
            runs(function, np.array(shape, np.int64), np.int64(low), np.int64(high), init=["init/assign"], allowed=0)

@pytest.mark.parametrize("state,alg", [([1, 2], 1), ([1, 2, 3], 7), ([1, 2, 3, 4], 1)], ids=str)
def test_skips(state, alg):
    for delta in (0, 1, 2**33, -1, 2**62):
        def skip(_):
            v = variable_of(state)
            with tf.control_dependencies([RAW.RngSkip(resource=v, algorithm=tf.constant(alg, tf.int64),
                                                      delta=tf.constant(delta, tf.int64))]):
                return RAW.ReadVariableOp(resource=v, dtype=tf.int64)

        def read(_):
            v = variable_of(state)
            value = RAW.RngReadAndSkip(resource=v, alg=tf.constant(alg, tf.int32),
                                       delta=tf.constant(delta % 2**64, tf.uint64))
            return read_after(v, value)

        runs(skip, np.int32(0), init=["init/assign"])
        if alg == 1 and len(state) == 3:  # else TensorFlow writes beyond its own memory
            runs(read, np.int32(0), init=["init/assign"])


LAWS = [tf.float32, tf.float64, tf.float16]
ALPHAS = [0.01, 0.5, 1.0, 1.5, 30.0, 1e4]
RATES = [0.0, 0.1, 3.0, 9.99, 10.0, 45.0, 1e3]


@pytest.mark.parametrize("dtype", LAWS, ids=lambda t: t.name)
def test_gamma(dtype):
    for i, (shape, alpha) in enumerate([([5], ALPHAS), ([], [ALPHAS, ALPHAS[::-1]]), ([2, 3], 2.5), ([7], 0.3), ([0], [1.0]),
                                        ([300], [1.0, 0.7])]):
        alpha = np.array(alpha, dtype.as_numpy_dtype)
        seed, seed2 = SEEDS[i % len(SEEDS)]
        runs(lambda s, a: RAW.RandomGamma(shape=s, alpha=a, seed=seed, seed2=seed2), np.array(shape, np.int32), alpha)
        full = np.array(shape + list(alpha.shape), np.int32)
        runs(lambda s, k, a: RAW.StatelessRandomGammaV2(shape=s, seed=k, alpha=a), full, np.array([seed, seed2]), alpha, count=1)
        runs(lambda s, k, c, g, a: RAW.StatelessRandomGammaV3(shape=s, key=k, counter=c, alg=g, alpha=a), full,
             np.array([i], np.uint64), np.array([3, i], np.uint64), np.int32(1), alpha, count=1)
    runs(lambda s, k, a: RAW.StatelessRandomGammaV2(shape=s, seed=k, alpha=a), np.array([2, 4]), np.array([1, 2]),
         np.ones(3, dtype.as_numpy_dtype), count=1)


@pytest.mark.parametrize("rate", LAWS + INTS, ids=lambda t: t.name)
@pytest.mark.parametrize("dtype", LAWS + INTS, ids=lambda t: t.name)
def test_poisson(rate, dtype):
    for i, shape in enumerate([[5], [], [2, 3], [0], [200]]):
        rates = np.array(RATES).astype(rate.as_numpy_dtype)
        seed, seed2 = SEEDS[i]
        runs(lambda s, r: RAW.RandomPoissonV2(shape=s, rate=r, seed=seed, seed2=seed2, dtype=dtype), np.array(shape, np.int64),
             rates)
        runs(lambda s, k, r: RAW.StatelessRandomPoisson(shape=s, seed=k, lam=r, dtype=dtype),
             np.array(shape + [len(RATES)], np.int32), np.array([seed, seed2]), rates, count=1)


def test_poisson_at_the_edges():
    for rate in ([], np.inf, -np.inf, -1.0, 1e30):
        for shape in ([4], [0]):
            runs(lambda s, r: RAW.RandomPoissonV2(shape=s, rate=r, seed=1, dtype=tf.float64), np.array(shape), np.array(rate))


def test_a_rate_that_is_no_number_is_refused():  # TensorFlow does not come to an end
    graph, inputs, flat = build(lambda r: RAW.RandomPoissonV2(shape=[3], rate=r, seed=1), [np.array(np.nan)])
    server = Server()
    server.open(graph.as_graph_def())
    with pytest.raises(Refused, match="rate 0 is NaN"):
        server.run({inputs[0].name: np.array(np.nan)}, [flat[0].name])


BOUNDS = [(0, 1, -2, 2), (0, 1, -1, 1), (0, 1, -0.2, 0.3), (3, 2, 4, np.inf), (0, 1, 5, 9), (0, 1, 1, 1.1), (-1, 0.5, -np.inf, -1.2),
          (2, 3, -50, 1), (0, 1, -9, -4), (0, 1, 1, 1), (0, -1, 0, 1), (0, 1, -np.inf, np.inf)]
GIVEN = ["means", "stddevs", "minvals", "maxvals"]


def bounded(shape, means, stdevs, minvals, maxvals, seed, seed2=0):
    return RAW.ParameterizedTruncatedNormal(shape=shape, means=means, stdevs=stdevs, minvals=minvals, maxvals=maxvals,
                                            seed=seed, seed2=seed2)


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=lambda t: t.name)
def test_normals_within_bounds(dtype, bounds):
    parameters = [np.array(v, dtype.as_numpy_dtype) for v in bounds]
    for shape in ([5], [2, 3], [80], [4, 2, 5]):
        runs(lambda s, *p: bounded(s, *p, seed=4, seed2=9), np.array(shape, np.int32), *parameters,
             allowed=4)
        runs(lambda s, k, *p: RAW.StatelessParameterizedTruncatedNormal(shape=s, seed=k, **dict(zip(GIVEN, p))), np.array(shape, np.int32), np.array([4, 9]),
             *parameters, allowed=4, count=1)


def test_normals_within_bounds_of_each_row():
    rows = [np.array(v, np.float32) for v in zip(*BOUNDS[:4])]
    for shape in ([4, 5], [4], [4, 2, 30]):
        runs(lambda s, *p: bounded(s, *p, seed=4), np.array(shape, np.int32), *rows, allowed=4)
    runs(lambda s, *p: bounded(s, *p, seed=4), np.array([3, 5], np.int32), *rows, count=1)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("out", INTS, ids=lambda t: t.name)
def test_categories(dtype, out):
    rng = np.random.default_rng(5)
    for shape, samples in (([1, 3], 7), ([3, 10], 40), ([2, 1], 3), ([0, 4], 2), ([2, 3], 0), ([2, 0], 3), ([3], 3), ([1, 2], -1)):
        logits = rng.normal(size=shape).astype(dtype.as_numpy_dtype) * 3
        if shape == [3, 10]:
            logits[0, 2], logits[1, 3], logits[2, :] = -np.inf, np.inf, -np.inf
        runs(lambda l, n: RAW.Multinomial(logits=l, num_samples=n, seed=8, seed2=2, output_dtype=out), logits, np.int32(samples))
        runs(lambda l, n, k: RAW.StatelessMultinomial(logits=l, num_samples=n, seed=k, output_dtype=out), logits,
             np.int32(samples), np.array([8, 2]), count=1)


@pytest.mark.parametrize("shape", [[], [1], [2], [9], [40, 3], [5, 0], [0, 3], [17, 2, 2]], ids=str)
def test_orders_of_rows(shape):
    count = int(np.prod(shape))
    for dtype in (np.float32, np.int64, np.uint8, np.bool_, np.complex64):
        runs(lambda v: RAW.RandomShuffle(value=v, seed=6, seed2=1), np.arange(count).reshape(shape).astype(dtype), allowed=0)
    texts = np.array([str(i).encode() for i in range(count)], object).reshape(shape)
    check(lambda v: RAW.RandomShuffle(value=v, seed=6, seed2=1), texts)


def test_generators_of_the_system_differ():
    graph, inputs, flat = build(lambda s: RAW.NonDeterministicInts(shape=s, dtype=tf.uint64), [np.array([3])])
    server = Server()
    server.open(graph.as_graph_def())
    seen = {v for _ in range(3) for v in server.run({inputs[0].name: np.array([3])}, [flat[0].name])[0].tolist()}
    assert len(seen) == 9

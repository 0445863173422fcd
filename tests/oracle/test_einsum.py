"""Einsum against TensorFlow: equations of one and two inputs, with dots, diagonals and sums."""

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
DIMS = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 1, "f": 3, "Z": 2}
ONE = ["ab->ba", "ab->ab", "ab->a", "ab->b", "ab->", "aab->ab", "aa->", "aa->a", "abc->cab", "a->aa", "ab->aba", "->", "e->e",
       "abcd->db", "...->...", "a...->...a", "...ab->...ba", "a...->...", "aba->b"]
TWO = ["ab,bc->ac", "ab,cb->ac", "ba,bc->ca", "ab,ab->ab", "ab,ab->", "a,b->ab", "a,b->ba", "a,a->a", "a,a->", "abc,acd->abd",
       "abc,cd->abd", "abcd,acbf->abdf", "bad,bcd->bac", "ab,bc->abc", "ab,bc->c", "abc,bd->d", "abc,abc->b", ",->", "a,->a", ",ab->ba",
       "aab,bc->ac", "ab,bcc->ac", "...ab,...bc->...ac", "...ab,bc->...ac", "a...,b...->ab...", "ab,b->a", "abZ,Zbc->caZ",
       "abcd,cdf->abf", "dab,bad->ab", "e...,...e->...", "ab,ac->bc", "...,...->...", "ab,c->abc", "ab,c->ac"]
TYPES = [np.float32, np.float64, np.int32, np.int64]


def tensors(rng, equation, dots, dtype):
    made = []
    for i, text in enumerate(equation.split("->")[0].split(",")):
        shape = []
        for part in text.replace("...", "."):
            shape += dots[i] if part == "." else [DIMS[part]]
        made.append(rng.integers(-4, 5, shape).astype(dtype))
    return made


def compare(equation, *feeds, tolerance=1e-6):
    return check(lambda *x: RAW.Einsum(inputs=list(x), equation=equation), *feeds, tolerance=tolerance, ranks=True)


@pytest.mark.parametrize("equation", ONE + TWO)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
def test_equations(equation, dtype):
    rng = np.random.default_rng(4)
    choices = [([], []), ([2], [2]), ([2, 3], [3]), ([1], [4]), ([], [2])] if "..." in equation else [([], [])]
    for dots in choices:
        feeds = tensors(rng, equation, dots, dtype)
        if "...->..." == equation[:8] or "," not in equation or dots[0] or not dots[1]:
            compare(equation, *feeds)


def test_random_equations():
    rng = np.random.default_rng(5)
    for _ in range(250):
        letters = "abcdf"
        a, b = (list(rng.choice(list(letters), rng.integers(0, 5), replace=False)) for _ in range(2))
        pool = sorted(set(a + b))
        out = list(rng.permutation(pool)[:rng.integers(0, len(pool) + 1)])
        equation = f"{''.join(a)},{''.join(b)}->{''.join(out)}"
        compare(equation, *tensors(rng, equation, ([], []), np.float64))


@pytest.mark.parametrize("zero", "abc")
def test_dims_of_none(zero):
    before, DIMS[zero] = DIMS[zero], 0
    try:
        for equation in ("ab,bc->ac", "abc->b", "ab,bc->", "ab->ba"):
            compare(equation, *tensors(np.random.default_rng(6), equation, ([], []), np.float32))
    finally:
        DIMS[zero] = before


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16], ids=lambda t: t.name)
def test_halves(dtype):
    rng = np.random.default_rng(7)
    for equation in ("ab,bc->ac", "abc,acd->abd", "ab->ba", "ab->b"):
        compare(equation, *tensors(rng, equation, ([], []), dtype.as_numpy_dtype), tolerance=1e-2)


def test_attention():
    rng = np.random.default_rng(8)
    query, key = (rng.normal(size=[2, n, 4, 8]).astype(np.float32) for n in (7, 9))
    compare("aecd,abcd->acbe", query, key, tolerance=1e-5)
    weights = rng.normal(size=[2, 4, 9, 7]).astype(np.float32)
    compare("acbe,aecd->abcd", weights, query, tolerance=1e-5)
    compare("abc,cde->abde", rng.normal(size=[2, 7, 32]).astype(np.float32), rng.normal(size=[32, 4, 8]).astype(np.float32),
            tolerance=1e-5)


@pytest.mark.parametrize("equation,shapes", [("ab,bc->ac", ([2, 3], [4, 5])), ("ab->a", ([2],)), ("ab->a", ([2, 3, 4],)),
                                             ("aa->a", ([2, 3],)), ("...a,...a->...", ([2, 3], [4, 3]))])
def test_shapes_that_do_not_fit_are_refused(equation, shapes):
    def function(*inputs):
        return RAW.Einsum(inputs=list(inputs), equation=equation)

    check(function, *(np.zeros(s, np.float32) for s in shapes))

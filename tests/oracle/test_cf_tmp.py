"""Branches and loops: random programs in the old form (Switch, Merge, Enter, …) and the new one (If, While, Case), with tensor arrays and
lists, against TensorFlow."""

import os
import random

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

FULL = bool(os.environ.get("INLAY_FULL"))
SEEDS = range(30, 130)


@pytest.fixture(params=["old", "new"], autouse=True)
def form(request):
    """Which form of control flow TensorFlow builds."""
    if request.param == "old":
        tf.compat.v1.disable_control_flow_v2()
    else:
        tf.compat.v1.enable_control_flow_v2()
    yield request.param
    tf.compat.v1.enable_control_flow_v2()


class Maker:
    """Random expressions over float vectors of three numbers, and small integers."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.left = 14  # nodes of control flow that may still be made

    def number(self, values):
        """A scalar that says how often, or which way."""
        x = self.random.choice(values)
        return tf.cast(tf.math.floormod(tf.reduce_sum(tf.floor(x)), 4.0), tf.int32)

    def plain(self, values):
        a, b = self.random.choice(values), self.random.choice(values)
        kind = self.random.randrange(7)
        if kind == 0:
            return a + b
        if kind == 1:
            return a - b * 0.5
        if kind == 2:
            return tf.tanh(a) * b
        if kind == 3:
            return tf.reverse(a, [0])
        if kind == 4:
            return tf.maximum(a, b)
        if kind == 5:
            return tf.constant([1.0, 2.0, self.random.random()])
        return tf.identity(a)

    def expression(self, values, depth):
        """A vector made from VALUES, DEPTH levels of control flow at most."""
        made = list(values)
        for _ in range(self.random.randint(1, 3)):
            made.append(self.plain(made))
        if depth and self.left > 0:
            self.left -= 1
            made.append(self.random.choice([self.cond, self.switch, self.loop, self.array, self.scan, self.pair])(made, depth))
            made.append(self.plain(made[-2:]))
        return made[-1]

    def cond(self, values, depth):
        seeds = [self.random.random() for _ in range(2)]
        return tf.cond(self.number(values) > 1, lambda: self.expression(values, depth - 1) + seeds[0],
                       lambda: self.expression(values, depth - 1) * seeds[1])

    def pair(self, values, depth):
        """A branch with two results, of which one may be a constant."""
        one, two = tf.cond(self.number(values) > 0, lambda: (tf.constant([3.0, 1.0, 2.0]), self.expression(values, depth - 1)),
                           lambda: (self.random.choice(values), tf.constant([0.5, 0.5, 0.5])))
        return one - two

    def switch(self, values, depth):
        return tf.switch_case(self.number(values) - 1, [lambda: self.expression(values, depth - 1) for _ in range(3)])

    def loop(self, values, depth):
        rounds = self.number(values)
        start = self.random.choice(values)
        other = self.random.choice(values)

        def body(i, x, y):
            new = self.expression([*values, x, y], depth - 1)
            return i + 1, new * 0.5, (x if self.random.random() < 0.5 else tf.constant([1.0, 0.0, 1.0]))

        _, x, y = tf.while_loop(lambda i, x, y: i < rounds, body, [0, start, other])
        return x + y

    def array(self, values, depth):
        rounds = self.number(values) + 1
        array = tf.TensorArray(tf.float32, size=rounds, element_shape=[3], clear_after_read=False)

        def body(i, a, x):
            x = self.expression([*values, x], depth - 1) * 0.5
            return i + 1, a.write(i, x), x

        _, array, x = tf.while_loop(lambda i, a, x: i < rounds, body, [0, array, values[-1]])
        kind = self.random.randrange(4)
        if kind == 0:
            return tf.reduce_sum(array.stack(), 0)
        if kind == 1:
            return array.read(rounds - 1) + x
        if kind == 2:
            return tf.reduce_sum(tf.reshape(array.concat(), [-1, 3]), 0)
        return tf.reduce_sum(array.gather([0]), 0) + tf.cast(array.size(), tf.float32)

    def scan(self, values, depth):
        rows = tf.stack([self.random.choice(values) for _ in range(3)])
        if self.random.random() < 0.5:
            return tf.reduce_sum(tf.map_fn(lambda x: self.expression([*values, x], depth - 1), rows), 0)
        return tf.scan(lambda a, x: self.expression([a, x], depth - 1) * 0.5, rows)[-1]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs(form, seed):
    maker = Maker(seed)
    feeds = [np.random.default_rng(seed * 10 + i).normal(0, 2, 3).astype(np.float32) for i in range(2)]

    def program(a, b):
        a.set_shape([3])
        b.set_shape([3])
        return [maker.expression([a, b], 3) for _ in range(2)]

    check(program, *feeds, tolerance=1e-5)
    maker = Maker(seed)
    check(program, *feeds, tolerance=1e-5, passes=True)

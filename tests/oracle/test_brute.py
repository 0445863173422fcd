"""What the fused models are compared with refuses wrong answers."""

import numpy as np
import pytest

from brute import Answer, Reference, all_scores
from pairwise import covering, pairs, whole

random = np.random.default_rng(70)
ROWS, QUERIES = random.standard_normal((50, 4)), random.standard_normal((3, 4))
METRICS = ("cosine", "dot", "l2")


def right(metric, k):
    scores = all_scores(QUERIES, ROWS, metric)
    rows = np.argsort(-scores, axis=1)[:, :k]
    return Answer(np.take_along_axis(scores, rows, axis=1), rows)


def swap(answer):
    answer.rows[0, [0, 1]] = answer.rows[0, [1, 0]]


def replace_last(answer):
    answer.rows[1, -1] = next(row for row in range(50) if row not in answer.rows[1])


def repeat(answer):
    answer.rows[2, 1] = answer.rows[2, 0]
    answer.scores[2, 1] = answer.scores[2, 0]


def shift_score(answer):
    answer.scores[0, 0] += 1e-3


def drop_column(answer):
    answer.rows, answer.scores = answer.rows[:, :-1], answer.scores[:, :-1]


@pytest.mark.parametrize("metric", METRICS)
def test_the_right_answer_passes(metric):
    Reference(QUERIES, ROWS, metric).check(right(metric, 10), 10)
    Reference(QUERIES, ROWS, metric).check(right(metric, 50), 1000)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("spoil", (swap, replace_last, repeat, shift_score, drop_column))
def test_a_wrong_answer_does_not(metric, spoil):
    answer = right(metric, 10)
    spoil(answer)
    with pytest.raises(AssertionError):
        Reference(QUERIES, ROWS, metric).check(answer, 10)


def test_another_metrics_answer_does_not():
    with pytest.raises(AssertionError):
        Reference(QUERIES, ROWS, "dot").check(right("cosine", 10), 10)


def test_equal_scores_may_change_places_unless_it_is_exact():
    rows = np.array([[1.0, 0], [1, 0], [0, 1]])
    reference = Reference(np.array([[1.0, 0]]), rows, "dot")
    later_first = Answer(np.array([[1.0, 1.0]]), np.array([[1, 0]]))
    reference.check(later_first, 2)
    with pytest.raises(AssertionError):
        reference.check_exactly(later_first, 2)


def test_a_covering_set_holds_every_pair():
    factors = {"a": (1, 2, 3), "b": ("x", "y"), "c": (None, 0, 1, 2), "d": (True, False)}
    few = covering(factors)
    assert len(few) < len(whole(factors)) / 2
    assert set().union(*map(pairs, few)) == set().union(*map(pairs, whole(factors)))

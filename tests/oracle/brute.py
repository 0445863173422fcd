"""The answer that every way of asking is compared with: brute force in float64, ties in favour of the lower row."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Answer:
    """scores [batch, k] and rows [batch, k], best first; LABELS [batch, k] when the model has some."""

    scores: np.ndarray
    rows: np.ndarray
    labels: np.ndarray = None


def all_scores(queries, rows, metric):
    """[batch, rows]: larger is better; l2 is minus the squared distance, a zero row or query scores 0 under cosine."""
    queries, rows = np.asarray(queries, np.float64), np.asarray(rows, np.float64)
    if metric == "l2":
        return -np.stack([((query - rows) ** 2).sum(axis=1) for query in queries]).reshape(len(queries), len(rows))
    dots = queries @ rows.T
    if metric == "dot":
        return dots
    sizes = np.linalg.norm(queries, axis=1)[:, np.newaxis] * np.linalg.norm(rows, axis=1)
    return np.divide(dots, sizes, out=np.zeros_like(dots), where=sizes > 0)


def tolerance(queries, rows, metric):
    """1e-5 of the size that scores and what they are computed from can have."""
    longest = [np.linalg.norm(np.asarray(m, np.float64), axis=1).max(initial=0) for m in (queries, rows)]
    scale = {"cosine": 1.0, "dot": longest[0] * longest[1], "l2": longest[0] ** 2 + longest[1] ** 2}[metric]
    return 1e-5 * max(scale, 1e-30)


class Reference:
    """All scores of some queries, to compare answers for any k with."""

    def __init__(self, queries, rows, metric):
        self.scores = all_scores(queries, rows, metric)
        self.order = np.argsort(-self.scores, axis=1, kind="stable")
        self.sorted = np.take_along_axis(self.scores, self.order, axis=1)
        self.tolerance = tolerance(queries, rows, metric)

    def check(self, answer, k):
        """Scores must be near; a row must be the very one when no neighbour's score is near its own."""
        n = min(k, self.scores.shape[1])
        assert answer.scores.shape == answer.rows.shape == (len(self.scores), n)
        if n == 0 or len(self.scores) == 0:
            return
        far = np.full((len(self.scores), self.scores.shape[1] + 1), True)
        far[:, 1:-1] = -np.diff(self.sorted, axis=1) > 2 * self.tolerance
        alone = (far[:, :-1] & far[:, 1:])[:, :n]
        np.testing.assert_allclose(answer.scores, self.sorted[:, :n], rtol=0, atol=self.tolerance)
        np.testing.assert_array_equal(answer.rows[alone], self.order[:, :n][alone])
        for query, rows in enumerate(answer.rows):
            assert len(set(rows.tolist())) == n, f"query {query} answers a row twice"
            assert rows.min() >= 0 and rows.max() < self.scores.shape[1]
        true = np.take_along_axis(self.scores, answer.rows, axis=1)
        np.testing.assert_allclose(true, self.sorted[:, :n], rtol=0, atol=2 * self.tolerance)

    def check_exactly(self, answer, k):
        """For numbers that no order of summing rounds: rows must agree even where scores tie."""
        n = min(k, self.scores.shape[1])
        np.testing.assert_array_equal(answer.rows, self.order[:, :n])
        np.testing.assert_allclose(answer.scores, self.sorted[:, :n], rtol=0, atol=self.tolerance)

"""Combinations of factors: all of them, or a small set in which any two values of two factors meet."""

import itertools


def pairs(case):
    return set(itertools.combinations(sorted(case.items()), 2))


def whole(factors):
    """FACTORS: {name: values}. -> every combination, [{name: value}]"""
    return [dict(zip(factors, values)) for values in itertools.product(*factors.values())]


def covering(factors):
    """A few of them, chosen greedily: always the one that brings most pairs not met yet."""
    everything = whole(factors)
    missing = set().union(*map(pairs, everything))
    chosen = []
    while missing:
        best = max(everything, key=lambda case: len(pairs(case) & missing))
        missing -= pairs(best)
        chosen.append(best)
    return chosen


def turns(*lists):
    """For one value each: every value of the first list, with those of the others in turn."""
    return [tuple(values[i % len(values)] for values in lists) for i in range(len(lists[0]))]

"""Plots of the time of a search against the number of rows, the dimension, the queries in a call and the threads, from a
sweep of its own that ends within five minutes. The same figures make the same SVG, byte for byte."""

import functools
import os
import time

import matplotlib

import vectors
from common import WORK
from measure import Rows

matplotlib.use("svg")

import matplotlib.pyplot as plt

SECONDS = 200  # no point is begun later
BATCHES = (1, 3, 10, 30, 100, 300, 1000)
LINES = (("scan", "Inlay, scan", "C0"), ("index", "Inlay, with index", "C1"), ("faiss", "FAISS IndexFlatIP", "C2"))
ROWS, DIM = 200_000, 100


def thread_counts():
    most, counts = os.cpu_count(), []
    while not counts or 2 * counts[-1] < most:
        counts.append(2 * counts[-1] if counts else 1)
    return counts + [most] * (most > 1)


def points(limit):
    """What is varied, its value, rows, dimension, queries a call, threads (None: all); at most LIMIT rows."""
    for rows in (10_000, 30_000, 100_000, 300_000, 1_000_000):
        if rows <= limit:
            yield "rows", [rows], rows, DIM, [1], None
    for dim in (32, 64, 128, 256, 512, 1024):
        yield "dimension", [dim], min(limit, ROWS) // 2, dim, [1], None
    for threads in thread_counts():
        yield "threads", [threads], min(limit, 2 * ROWS), DIM, [1], threads
    yield "batch", BATCHES, min(limit, ROWS) // 2, DIM, BATCHES, None


def sweep(inlay, interpreter, limit):
    """{what is varied: {"x": values, "scan": ms, "index": ms, "faiss": ms}}"""
    found, start = {}, time.monotonic()
    for what, x, rows, dim, numbers, threads in points(limit):
        if time.monotonic() - start > SECONDS:
            print(f"(plots: no time is left for {what} {x[0]} and more)")
            break
        data = Rows(inlay, interpreter, WORK / "search/sweep", functools.partial(vectors.gaussian, rows=rows, dim=dim))
        data.index()
        env = {"PROBE_MB": "64", **({"INLAY_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)} if threads else {})}
        calls = data.ours(numbers, env)["calls"]
        series = found.setdefault(what, {"x": [], "scan": [], "index": [], "faiss": [], "fixed": []})
        series["x"] += x
        series["scan"] += [call["median_ms"][0] for call in calls]
        series["index"] += [call["median_ms"][1] for call in calls]
        series["faiss"] += data.peer("faiss", numbers, env)["median_ms"]
        series["fixed"] += [[rows, dim]] * len(x)
        data.remove()
    return found


def title(what, fixed):
    rows, dim = fixed[0]
    return {
        "rows": ("rows", f"1 query, {dim} dimensions"),
        "dimension": ("dimensions", f"1 query, {rows:,} rows"),
        "batch": ("queries in a call", f"{rows:,} rows of {dim} dimensions"),
        "threads": ("threads", f"1 query, {rows:,} rows of {dim} dimensions"),
    }[what]


def draw(found, folder, machine):
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"svg.hashsalt": "inlay", "font.size": 10})
    for what, series in found.items():
        figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
        for key, label, colour in LINES:
            axes.loglog(series["x"], series[key], "o-", label=label, color=colour, markersize=4)
        across, heading = title(what, series["fixed"])
        axes.set_xlabel(across)
        axes.set_ylabel("ms a call")
        axes.set_title(f"{heading}\n{machine}", fontsize=9)
        axes.set_xticks(series["x"], [f"{x:,}" for x in series["x"]])
        axes.minorticks_off()
        axes.set_ylim(bottom=min(min(series[key]) for key, _, _ in LINES) / 2)
        axes.grid(True, alpha=0.3)
        axes.legend()
        figure.savefig(folder / f"{what}.svg", metadata={"Date": None})
        plt.close(figure)

"""The same as bench/vectors.c by the Python package. Usage: python_search.py QUERIES.npy ROWS.npy COUNT"""

import json
import sys
import time

import inlay
import numpy as np

K, CALLS, REPEATS = 10, 200, 15


def main():
    query, rows, count = np.load(sys.argv[1])[0], np.load(sys.argv[2], mmap_mode="r"), int(sys.argv[3])
    index = inlay.Index(rows[:count])
    calls, times = (1 if len(index) > 100000 else CALLS), []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        for _ in range(calls):
            index.search(query, K)
        times.append((time.perf_counter() - start) / calls)
    print(json.dumps({"us": 1e6 * sorted(times[1:])[REPEATS // 2]}))


main()

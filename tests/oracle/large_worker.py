"""Asks a model one question in a process of its own, whose memory goes with it. Prints the answer as JSON.

    large_worker.py v2|v1|c FOLDER QUERY.npy K
"""

import json
import sys

import loaders
import numpy as np


def main():
    how, folder, query, k = sys.argv[1:]
    run = [("search", {"query": np.load(query), "k": np.int32(k)})]
    worker = loaders.CApi() if how == "c" else None
    (answer,) = (worker or {"v2": loaders.load_v2, "v1": loaders.load_v1}[how])(folder, run)
    if worker:
        worker.close()
    print(json.dumps({key: value.tolist() for key, value in answer.items()}))


if __name__ == "__main__":
    main()

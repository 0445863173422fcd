"""Loads a model, asks it, drops it, five times over. Prints the resident bytes after each round.

    memory_worker.py v2|v1|c FOLDER
"""

import gc
import os
import sys

import loaders
import numpy as np


def resident(process="self"):
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    how, folder = sys.argv[1:]
    dim = loaders.read_metagraph(folder).signature_def["search"].inputs["query"].tensor_shape.dim[1].size
    run = [("search", {"query": np.ones((1, dim), np.float32), "k": np.int32(3)})]
    worker = loaders.CApi() if how == "c" else None
    load = worker or {"v2": loaders.load_v2, "v1": loaders.load_v1}[how]
    for _ in range(5):
        load(folder, run)
        gc.collect()
        print(resident(worker.process.pid if worker else "self"), flush=True)


if __name__ == "__main__":
    main()

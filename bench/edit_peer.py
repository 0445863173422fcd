#!/usr/bin/env python3
"""What people do without us: load a fused model into TensorFlow, change one row, save all. Usage: edit_peer.py MODEL OUT
Prints {"load": seconds, "change": …, "save": …}, the import of TensorFlow not counted."""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf


def main(path, target):
    times = [time.perf_counter()]
    model = tf.saved_model.load(path)
    times.append(time.perf_counter())
    rows = next(variable for variable in model.variables if "rows_" in variable.name)
    rows.scatter_nd_update([[7]], tf.ones([1, rows.shape[1]], rows.dtype))
    times.append(time.perf_counter())
    tf.saved_model.save(model, target, signatures=model.signatures)
    times.append(time.perf_counter())
    print(json.dumps({name: end - start for name, start, end in zip(("load", "change", "save"), times, times[1:])}))


if __name__ == "__main__":
    main(*sys.argv[1:])

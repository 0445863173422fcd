"""tensorflow_search.py MODEL QUERIES.npy...: TensorFlow's load of a fused model and its median time of a search with each
file of queries, as JSON on standard output."""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

start = time.perf_counter()
model = tf.saved_model.load(sys.argv[1])
search = model.signatures["search"]
report = {"load_s": time.perf_counter() - start, "median_ms": []}
for path in sys.argv[2:]:
    query, k = tf.constant(np.load(path)), tf.constant(10)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        search(query=query, k=k)["scores"].numpy()
        times.append(time.perf_counter() - start)
    report["median_ms"].append(1e3 * sorted(times[1:])[len(times[1:]) // 2])
print(json.dumps(report))

"""The ways in which people run a SavedModel with TensorFlow, and ours. Each takes a model folder and gives numbers.

A run is (signature key, {input key: array}); strings are object arrays of bytes. Each loader takes a list of runs, so
that a model is loaded once, and returns [{output key: array}].
"""

import contextlib
import io
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

tf1 = tf.compat.v1
HERE = os.path.dirname(os.path.abspath(__file__))


def strings(values):
    """An array of bytes objects, as the loaders take and give them."""
    out = np.empty(len(values), object)
    out[:] = [value.encode() if isinstance(value, str) else value for value in values]
    return out


def read_metagraph(folder):
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        return saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0]


def to_tensors(inputs):
    return {key: tf.constant(value.tolist(), tf.string, value.shape) if value.dtype == object else tf.constant(value)
            for key, value in inputs.items()}


def run_loaded(model, runs):
    """RUNS on what tf.saved_model.load returned."""
    return [{key: value.numpy() for key, value in model.signatures[name](**to_tensors(inputs)).items()}
            for name, inputs in runs]


def load_v2(folder, runs):
    """tf.saved_model.load"""
    return run_loaded(tf.saved_model.load(str(folder)), runs)


def load_v1(folder, runs):
    """tf.compat.v1.saved_model.load into a Session"""
    with tf.Graph().as_default(), tf1.Session() as session:
        signatures = tf1.saved_model.load(session, ["serve"], str(folder)).signature_def
        return [session.run({key: info.name for key, info in signatures[name].outputs.items()},
                            {signatures[name].inputs[key].name: value for key, value in inputs.items()})
                for name, inputs in runs]


class CApi:
    """TF_LoadSessionFromSavedModel, in one process for all models."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "capi_worker.py")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __call__(self, folder, runs):
        signatures = read_metagraph(folder).signature_def
        jobs, keys = [], []
        for name, inputs in runs:
            signature = signatures[name]
            keys.append(sorted(signature.outputs))
            jobs.append(({signature.inputs[key].name: np.asarray(value) for key, value in inputs.items()},
                         [signature.outputs[key].name for key in keys[-1]]))
        pickle.dump((str(folder), ["serve"], jobs), self.process.stdin)
        self.process.stdin.flush()
        answers = pickle.load(self.process.stdout)
        if isinstance(answers, str):
            raise AssertionError(f"C library: {answers}")
        return [dict(zip(names, answer)) for names, answer in zip(keys, answers)]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def save_inputs(folder, inputs):
    """Writes each input as a file and returns the value of an --inputs flag."""
    os.makedirs(folder, exist_ok=True)
    parts = []
    for key, value in inputs.items():
        path = os.path.join(folder, f"{key}.npy")
        if value.dtype == object:
            value = np.array(value.tolist(), "S") if value.size else np.zeros(0, "S1")
        np.save(path, value)
        parts.append(f"{key}={path}")
    return ";".join(parts)


class Cli:
    """saved_model_cli run, inside this process: its own function for the command, without its flag parser."""

    def __init__(self, scratch):
        self.scratch = str(scratch)

    def __call__(self, folder, runs):
        from tensorflow.python.tools import saved_model_cli as cli

        out = os.path.join(self.scratch, "out")
        answers = []
        for name, inputs in runs:
            feeds = cli.load_inputs_from_input_arg_string(save_inputs(os.path.join(self.scratch, "in"), inputs), "", "")
            for path in os.listdir(out) if os.path.isdir(out) else []:
                os.remove(os.path.join(out, path))
            with contextlib.redirect_stdout(io.StringIO()):
                cli.run_saved_model_with_feed_dict(str(folder), "serve", name, feeds, out, True, worker=None,
                                                   init_tpu=False, use_tfrt=False, tf_debug=False)
            answers.append({path[:-4]: np.load(os.path.join(out, path), allow_pickle=True) for path in os.listdir(out)})
        return answers


def show_all(folder):
    """saved_model_cli show --all, inside this process."""
    from tensorflow.python.tools import saved_model_cli as cli

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli._show_all(str(folder))
    return out.getvalue()


def saved_model_cli(*args):
    """The real program as a process. -> its standard output"""
    done = subprocess.run([sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", *map(str, args)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def parse_query(text):
    """What `inlay query --json` prints:

    {"queries": [{"results": [{"rank": 1, "index": 17, "score": 0.93, "label": "…"}, …]}, …]}

    One element of `queries` for each query of the batch, `results` best first. `label` (text) is there when the model
    has labels, `id` (an integer) when it has ids. A score is printed so that reading it gives the same float32.
    -> {"scores": [batch, k], "indices": [batch, k], and "labels" or "ids" when there}
    """
    queries = [query["results"] for query in json.loads(text)["queries"]]
    for results in queries:
        assert [result["rank"] for result in results] == list(range(1, len(results) + 1))
    width = len(queries[0]) if queries else 0
    out = {"scores": np.array([[r["score"] for r in results] for results in queries], np.float32),
           "indices": np.array([[r["index"] for r in results] for results in queries], np.int64)}
    for key, column in (("label", "labels"), ("id", "ids")):
        if width and key in queries[0][0]:
            out[column] = np.array([[r[key] for r in results] for results in queries],
                                   object if key == "label" else np.int64)
    return {key: value.reshape(len(queries), width) for key, value in out.items()}


def query(inlay, folder, scratch, inputs, k=None, signature=None):
    """`inlay query` by its --json output."""
    flags = ["--inputs", save_inputs(str(scratch), inputs)]
    flags += [] if k is None else ["--k", k]
    flags += ["--signature", signature] if signature else []
    return parse_query(inlay("query", folder, "--json", *flags))


def read_strings(path):
    """The nested lists of texts that `inlay run` writes for a string output."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)

"""Makes saved_models/ and graphs/: small models written by TensorFlow, with inputs and outputs. README.md tells more.

    python make_saved_models.py [--out DIR]       needs TensorFlow (tools/venv.sh); writes the same bytes each time
"""
import argparse
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

import extractors
from expected import Expected
from repeatable import make_repeatable

HERE = os.path.dirname(os.path.abspath(__file__))
tf1 = tf.compat.v1
DIM = 16
TEXT = tf.constant(["river bank", "A Stone in the road", "winter winter light", "unheard-of words only"])


def record_runs(folder, inputs):
    """Runs signatures in a Session. INPUTS: {(tags, signature): {input key: value}}"""
    record = Expected(folder)
    for (tags, name), feeds in inputs.items():
        column = ",".join(tags)
        feeds = {key: value.numpy() for key, value in sorted(feeds.items())}
        with tf.Graph().as_default(), tf1.Session() as session:
            signature = tf1.saved_model.load(session, list(tags), folder).signature_def[name]
            keys = sorted(signature.outputs)
            values = session.run(
                [signature.outputs[key].name for key in keys], {signature.inputs[key].name: value for key, value in feeds.items()}
            )
        for key, value in feeds.items():
            record.add(value, column, name, "in", key)
        for key, value in zip(keys, values):
            record.add(tf.constant(value, tf.as_dtype(signature.outputs[key].dtype)), column, name, "out", key)
    record.write()


def serve(**signatures):
    return {(("serve",), name): feeds for name, feeds in signatures.items()}


def dense_input():
    return tf.constant(extractors.weights([4, extractors.FEATURES], 20))


def make_tf1(folder, as_text=False):
    extractors.save_tf1(folder, DIM, as_text)
    record_runs(folder, serve(serving_default={"x": dense_input()}, lookup={"text": tf.constant(["bird", "", "road", "Bird"])}))


def make_tf2_text(folder):
    extractors.save_tf2_text(folder, DIM)
    os.makedirs(f"{folder}/assets.extra")
    with open(f"{folder}/assets.extra/note.txt", "w", encoding="ascii") as file:
        file.write("TensorFlow ignores this folder.\n")
    record_runs(folder, serve(serving_default={"text": TEXT}, both={"text": TEXT, "scale": tf.constant(2.0)}))


def make_keras(folder):
    extractors.save_keras(folder, DIM)
    record_runs(folder, serve(serving_default={"x": dense_input()}))


def make_metagraphs(folder):
    """Three metagraphs that share the variables: {serve} adds 1, {serve, gpu} adds 2, {train} adds 3."""
    builder = tf1.saved_model.Builder(folder)
    for i, tags in enumerate((["serve"], ["serve", "gpu"], ["train"])):
        with tf.Graph().as_default(), tf1.Session() as session:
            x = tf1.placeholder(tf.float32, [None], name="x")
            scale = tf1.get_variable("scale", initializer=np.float32(10), use_resource=True)
            y = tf.add(x * scale, i + 1.0, name="y")
            signature = {"serving_default": tf1.saved_model.predict_signature_def({"x": x}, {"y": y})}
            session.run(tf1.global_variables_initializer())
            if i == 0:
                builder.add_meta_graph_and_variables(session, tags, signature)
            else:
                builder.add_meta_graph(tags, signature)
    builder.save()
    make_repeatable(folder)
    x = {"x": tf.constant([1.0, -2.5])}
    record_runs(folder, {(tuple(tags), "serving_default"): x for tags in (["serve"], ["serve", "gpu"], ["train"])})


class Stateless(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="a"), tf.TensorSpec([], tf.int32, name="b")])
    def shifted(self, a, b):
        return {"sum": a + tf.cast(b, tf.float32), "size": tf.size(a)}


def make_stateless(folder):
    """A TF2 model without variables, tables and assets."""
    model = Stateless()
    tf.saved_model.save(model, folder, signatures={"serving_default": model.shifted})
    make_repeatable(folder)
    record_runs(folder, serve(serving_default={"a": tf.constant([1.0, 2.0, 3.0]), "b": tf.constant(4)}))


class ConstantTable(tf.Module):
    """A table filled from constants, control flow in functions, a string output."""

    def __init__(self):
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer(["one", "two", "three"], tf.constant([1, 2, 3], tf.int64))
        self.table = tf.lookup.StaticHashTable(pairs, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def number(self, words):
        ids = self.table.lookup(words)
        total = tf.constant(0, tf.int64)
        for i in tf.range(tf.size(ids)):
            if ids[i] >= 0:
                total += ids[i]
        return {"ids": ids, "total": total, "text": tf.strings.as_string(ids)}


def make_constant_table(folder):
    model = ConstantTable()
    tf.saved_model.save(model, folder, signatures={"serving_default": model.number})
    make_repeatable(folder)
    record_runs(folder, serve(serving_default={"words": tf.constant(["two", "four", "three", ""])}))


def make_frozen(folder):
    os.makedirs(folder)
    extractors.save_frozen(f"{folder}/graph.pb", DIM)
    x = dense_input().numpy()
    with open(f"{folder}/graph.pb", "rb") as file:
        graph_def = tf1.GraphDef.FromString(file.read())
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.import_graph_def(graph_def, name="")
        y = session.run("y:0", {"x:0": x})
    record = Expected(folder)
    record.add(x, "-", "-", "in", "x:0")
    record.add(y, "-", "-", "out", "y:0")
    record.write()


FIXTURES = {
    "saved_models/tf1": make_tf1,
    "saved_models/tf1_pbtxt": lambda folder: make_tf1(folder, as_text=True),
    "saved_models/tf2_text": make_tf2_text,
    "saved_models/keras": make_keras,
    "saved_models/metagraphs": make_metagraphs,
    "saved_models/stateless": make_stateless,
    "saved_models/constant_table": make_constant_table,
    "graphs/frozen": make_frozen,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=HERE)
    out = os.path.abspath(parser.parse_args().out)
    for name, make in FIXTURES.items():
        folder = os.path.join(out, name)
        shutil.rmtree(folder, ignore_errors=True)
        make(folder)


if __name__ == "__main__":
    main()

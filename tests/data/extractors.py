"""Small feature extractors of each kind that a fuse may meet, built with TensorFlow. Same arguments, same bytes."""
import contextlib
import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from repeatable import make_repeatable

tf1 = tf.compat.v1
FEATURES = 8
WORDS = ("river", "bank", "tree", "stone", "bird", "light", "winter", "road", "grass", "cloud", "harbour", "lantern")


def weights(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@contextlib.contextmanager
def vocabulary():
    """Inside: the relative path of a vocabulary file, a word a line. A path given becomes part of a table's name."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        with open("words.txt", "w", encoding="ascii") as file:
            file.write("\n".join(WORDS) + "\n")
        yield "words.txt"


def dense_graph(dim, use_resource):
    """x float32 [batch, 8] -> y float32 [batch, dim] in the current graph; one of the two variables is always a resource"""
    x = tf1.placeholder(tf.float32, [None, FEATURES], name="x")
    kernel = tf1.get_variable("kernel", initializer=weights([FEATURES, dim], 1), use_resource=use_resource)
    bias = tf1.get_variable("bias", initializer=weights([dim], 2), use_resource=True)
    return x, tf.identity(tf.tanh(tf.matmul(x, kernel) + bias), name="y")


def save_frozen(path, dim):
    """A GraphDef with its weights as constants: input x:0, output y:0."""
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        dense_graph(dim, use_resource=True)
        session.run(tf1.global_variables_initializer())
        frozen = tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as file:
        file.write(frozen.SerializeToString(deterministic=True))


def save_tf1(folder, dim, as_text=False, use_resource=False):
    """A TF1 SavedModel: a reference variable (unless USE_RESOURCE) and a resource variable, a table filled from an asset
    by the init op.

    Signatures: serving_default x [batch, 8] -> y [batch, dim]; lookup text [batch] -> ids int64 [batch].
    """
    folder = os.path.abspath(folder)
    with vocabulary() as words, tf.Graph().as_default(), tf1.Session() as session:
        x, y = dense_graph(dim, use_resource)
        text = tf1.placeholder(tf.string, [None], name="text")
        lines = tf.lookup.TextFileInitializer(  # it puts its file among the assets by itself
            words, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        ids = tf.lookup.StaticHashTable(lines, -1).lookup(text)
        session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
        predict = tf1.saved_model.predict_signature_def
        builder = tf1.saved_model.Builder(folder)
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": predict({"x": x}, {"y": y}), "lookup": predict({"text": text}, {"ids": ids})},
            main_op=tf1.tables_initializer(),
            assets_collection=tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS),
        )
        builder.save(as_text=as_text)
    if not as_text:
        make_repeatable(folder)


class TextExtractor(tf.Module):
    """Mean of word vectors plus a bias; three buckets for words that the vocabulary lacks."""

    def __init__(self, words, dim):
        super().__init__()
        lines = tf.lookup.TextFileInitializer(
            words, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticVocabularyTable(lines, 3)
        self.vectors = tf.Variable(weights([len(WORDS) + 3, dim], 3), name="vectors")
        self.bias = tf.Variable(weights([dim], 4), name="bias")
        self.calls = tf.Variable(0, trainable=False, dtype=tf.int64, name="calls")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def embed(self, text):
        words = tf.strings.split(tf.strings.lower(text))
        ids = tf.ragged.map_flat_values(self.table.lookup, words)
        vectors = tf.ragged.map_flat_values(tf.gather, self.vectors, ids)
        return tf.reduce_mean(vectors, axis=1) + self.bias

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text):
        return {"embedding": self.embed(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text"), tf.TensorSpec([], tf.float32, name="scale")])
    def both(self, text, scale):
        """Two outputs that could be the feature, and one that could not."""
        vectors = self.embed(text)
        return {"plain": vectors, "scaled": vectors * scale, "words": tf.strings.length(text)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="factor")])
    def scale_bias(self, factor):
        self.bias.assign(self.bias * factor)
        return self.bias.read_value()


def save_tf2_text(folder, dim):
    """A TF2 SavedModel: a table filled from an asset, trainable variables, a function beside the signatures.

    Signatures: serving_default text [batch] -> embedding [batch, dim]; both text, scale -> plain, scaled, words.
    """
    folder = os.path.abspath(folder)
    with vocabulary() as words:
        model = TextExtractor(words, dim)
        tf.saved_model.save(model, folder, signatures={"serving_default": model.serve, "both": model.both})
    make_repeatable(folder)


def save_keras(folder, dim):
    """What Keras 3 `export` writes. serving_default: x [batch, 8] -> output_0 [batch, dim]."""
    import keras

    inputs = keras.Input([FEATURES], name="x")
    hidden = keras.layers.Dense(12, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(dim, name="head")(hidden), name="extractor")
    model.set_weights([weights(w.shape, 5 + i) for i, w in enumerate(model.get_weights())])
    model.export(folder, verbose=False)
    make_repeatable(folder)

#!/usr/bin/env python3
"""Networks of keras.applications and a transformer encoder with seeded random weights, exported for serving. Usage: keras_models.py FOLDER
What is there is left alone."""

import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from keras import layers


def encoder(words=1000, length=64, width=128, heads=4, depth=2):
    """Token ids [n, length] to [n, width]."""
    ids = keras.Input((length,), dtype="int32")
    x = layers.Embedding(words, width)(ids) + layers.Embedding(length, width)(tf.range(length)[tf.newaxis])
    for _ in range(depth):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(heads, width // heads)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(x)))
    return keras.Model(ids, layers.GlobalAveragePooling1D()(x))


NETWORKS = {
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None),
    "ResNet50": lambda: keras.applications.ResNet50(weights=None),
    "EfficientNetB0": lambda: keras.applications.EfficientNetB0(weights=None),
    "TransformerEncoder": encoder,
}


def main(folder):
    for name, make in NETWORKS.items():
        target = pathlib.Path(folder) / name
        if not target.exists():
            keras.utils.set_random_seed(1)
            make().export(str(target) + ".part", verbose=False)
            os.rename(str(target) + ".part", target)


if __name__ == "__main__":
    main(sys.argv[1])

"""Layers of Keras as Model.export writes them: each alone, run by us and by TensorFlow. docs/keras_layers.md is the list."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from bundle_tool import ROOT
from runtime_tool import Runner

DOCUMENT = ROOT / "docs/keras_layers.md"
SEQUENCE, IMAGE, VOLUME = (7, 6), (8, 9, 3), (5, 6, 7, 2)


def spread(layer):
    """LAYER, which takes its inputs one by one."""
    return lambda inputs: layer(*inputs)


# Name: (layer, shapes of its inputs without the batch[, dtype])
LAYERS = {
    "Activation": (lambda: layers.Activation("tanh"), [(5,)]),
    "ActivityRegularization": (lambda: layers.ActivityRegularization(l2=0.1), [(5,)]),
    "Add": (layers.Add, [(5,), (5,)]),
    "AdditiveAttention": (layers.AdditiveAttention, [SEQUENCE, SEQUENCE]),
    "AlphaDropout": (lambda: layers.AlphaDropout(0.5), [(5,)]),
    "Attention": (layers.Attention, [SEQUENCE, SEQUENCE]),
    "Average": (layers.Average, [(5,), (5,)]),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(2), [SEQUENCE]),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2, padding="same"), [IMAGE]),
    "AveragePooling3D": (lambda: layers.AveragePooling3D(2), [VOLUME]),
    "BatchNormalization": (layers.BatchNormalization, [IMAGE]),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(4, return_sequences=True)), [SEQUENCE]),
    "CategoryEncoding": (lambda: layers.CategoryEncoding(10, output_mode="multi_hot"), [(4,)], "int32"),
    "CenterCrop": (lambda: layers.CenterCrop(4, 5), [IMAGE]),
    "Concatenate": (layers.Concatenate, [(5,), (4,)]),
    "Conv1D": (lambda: layers.Conv1D(4, 3, dilation_rate=2, padding="causal"), [SEQUENCE]),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(4, 3, strides=2), [SEQUENCE]),
    "Conv2D": (lambda: layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), [IMAGE]),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same"), [IMAGE]),
    "Conv3D": (lambda: layers.Conv3D(4, 2), [VOLUME]),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(4, 2, strides=2), [VOLUME]),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(3, 3), [(4, 6, 2)]),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(3, 3, padding="same"), [(3, 6, 5, 2)]),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 2), [(3, 4, 5, 4, 2)]),
    "Cropping1D": (lambda: layers.Cropping1D(1), [SEQUENCE]),
    "Cropping2D": (lambda: layers.Cropping2D(1), [IMAGE]),
    "Cropping3D": (lambda: layers.Cropping3D(1), [VOLUME]),
    "Dense": (lambda: layers.Dense(4, activation="gelu"), [SEQUENCE]),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), [SEQUENCE]),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, padding="same"), [IMAGE]),
    "Discretization": (lambda: layers.Discretization([-1.0, 0.0, 1.0]), [(5,)]),
    "Dot": (lambda: layers.Dot(-1, normalize=True), [(5,), (5,)]),
    "Dropout": (lambda: layers.Dropout(0.5), [(5,)]),
    "ELU": (layers.ELU, [(5,)]),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), [SEQUENCE]),
    "Embedding": (lambda: layers.Embedding(10, 4), [(5,)], "int32"),
    "Flatten": (layers.Flatten, [IMAGE]),
    "GRU": (lambda: layers.GRU(4, go_backwards=True), [SEQUENCE]),
    "GRUCell": (lambda: layers.RNN(layers.GRUCell(4)), [SEQUENCE]),
    "GaussianDropout": (lambda: layers.GaussianDropout(0.5), [(5,)]),
    "GaussianNoise": (lambda: layers.GaussianNoise(0.5), [(5,)]),
    "GlobalAveragePooling1D": (layers.GlobalAveragePooling1D, [SEQUENCE]),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D, [IMAGE]),
    "GlobalAveragePooling3D": (layers.GlobalAveragePooling3D, [VOLUME]),
    "GlobalMaxPooling1D": (layers.GlobalMaxPooling1D, [SEQUENCE]),
    "GlobalMaxPooling2D": (layers.GlobalMaxPooling2D, [IMAGE]),
    "GlobalMaxPooling3D": (layers.GlobalMaxPooling3D, [VOLUME]),
    "GroupNormalization": (lambda: layers.GroupNormalization(3), [IMAGE]),
    "GroupQueryAttention": (lambda: spread(layers.GroupQueryAttention(4, 4, 2)), [SEQUENCE, SEQUENCE]),
    "HashedCrossing": (lambda: layers.HashedCrossing(20), [(), ()], "string"),
    "Hashing": (lambda: layers.Hashing(20), [(3,)], "string"),
    "Identity": (layers.Identity, [(5,)]),
    "IntegerLookup": (lambda: layers.IntegerLookup(vocabulary=[3, 5, 7]), [(4,)], "int64"),
    "LSTM": (lambda: layers.LSTM(4, return_sequences=True), [SEQUENCE]),
    "LSTMCell": (lambda: layers.RNN(layers.LSTMCell(4)), [SEQUENCE]),
    "LayerNormalization": (layers.LayerNormalization, [SEQUENCE]),
    "LeakyReLU": (layers.LeakyReLU, [(5,)]),
    "Masking": (layers.Masking, [SEQUENCE]),
    "MaxPooling1D": (lambda: layers.MaxPooling1D(2), [SEQUENCE]),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(2, padding="same"), [IMAGE]),
    "MaxPooling3D": (lambda: layers.MaxPooling3D(2), [VOLUME]),
    "Maximum": (layers.Maximum, [(5,), (5,)]),
    "MelSpectrogram": (lambda: layers.MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8, sampling_rate=800, max_freq=400), [(300,)]),
    "Minimum": (layers.Minimum, [(5,), (5,)]),
    "MultiHeadAttention": (lambda: spread(layers.MultiHeadAttention(2, 3)), [SEQUENCE, SEQUENCE]),
    "Multiply": (layers.Multiply, [(5,), (5,)]),
    "Normalization": (lambda: layers.Normalization(mean=[0.5] * 5, variance=[2.0] * 5), [(5,)]),
    "PReLU": (layers.PReLU, [(5,)]),
    "Permute": (lambda: layers.Permute((2, 1)), [SEQUENCE]),
    "RMSNormalization": (layers.RMSNormalization, [SEQUENCE]),
    "RNN": (lambda: layers.RNN([layers.SimpleRNNCell(4), layers.GRUCell(3)]), [SEQUENCE]),
    "ReLU": (lambda: layers.ReLU(6, 0.1, 0.2), [(5,)]),
    "RepeatVector": (lambda: layers.RepeatVector(3), [(5,)]),
    "Rescaling": (lambda: layers.Rescaling(1 / 255, 0.5), [IMAGE]),
    "Reshape": (lambda: layers.Reshape((3, 2)), [(6,)]),
    "Resizing": (lambda: layers.Resizing(4, 5), [IMAGE]),
    "STFTSpectrogram": (lambda: layers.STFTSpectrogram(frame_length=32, frame_step=16, fft_length=32, window=None), [(300, 1)]),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(4, 3), [SEQUENCE]),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(4, 3), [IMAGE]),
    "SimpleRNN": (lambda: layers.SimpleRNN(4), [SEQUENCE]),
    "SimpleRNNCell": (lambda: layers.RNN(layers.SimpleRNNCell(4)), [SEQUENCE]),
    "Softmax": (layers.Softmax, [(5,)]),
    "SpatialDropout1D": (lambda: layers.SpatialDropout1D(0.5), [SEQUENCE]),
    "SpatialDropout2D": (lambda: layers.SpatialDropout2D(0.5), [IMAGE]),
    "SpatialDropout3D": (lambda: layers.SpatialDropout3D(0.5), [VOLUME]),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Dense(4)), [(5,)]),
    "StackedRNNCells": (lambda: layers.RNN(layers.StackedRNNCells([layers.LSTMCell(4), layers.LSTMCell(3)])), [SEQUENCE]),
    "StringLookup": (lambda: layers.StringLookup(vocabulary=["a", "b", "c"]), [(4,)], "string"),
    "Subtract": (layers.Subtract, [(5,), (5,)]),
    "TextVectorization": (lambda: layers.TextVectorization(vocabulary=["good", "day", "to"], output_sequence_length=4), [(1,)], "string"),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(4)), [SEQUENCE]),
    "UnitNormalization": (layers.UnitNormalization, [(5,)]),
    "UpSampling1D": (lambda: layers.UpSampling1D(2), [SEQUENCE]),
    "UpSampling2D": (lambda: layers.UpSampling2D(2, interpolation="bilinear"), [IMAGE]),
    "UpSampling3D": (lambda: layers.UpSampling3D(2), [VOLUME]),
    "ZeroPadding1D": (lambda: layers.ZeroPadding1D(1), [SEQUENCE]),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(1), [IMAGE]),
    "ZeroPadding3D": (lambda: layers.ZeroPadding3D(1), [VOLUME]),
}
WORDS = np.array([b"a", b"b", b"", b"good day to you", b"nobody"], object)


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


def values(shape, dtype, rng):
    shape = (3, *shape)
    if dtype == "string":
        return rng.choice(WORDS, shape)
    return rng.integers(0, 9, shape).astype(dtype) if dtype.startswith("int") else rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(runner, tmp_path, name):
    make, shapes, dtype = (*LAYERS[name], "float32")[:3]
    keras.utils.set_random_seed(1)
    inputs = [keras.Input(shape, dtype=dtype, name=f"x{i}") for i, shape in enumerate(shapes)]
    model = keras.Model(inputs, make()(inputs if len(inputs) > 1 else inputs[0]))
    model.export(str(tmp_path / "model"), verbose=False)
    rng = np.random.default_rng(1)
    feeds = {f"x{i}": values(shape, dtype, rng) for i, shape in enumerate(shapes)}
    signature = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    wanted = signature(**{key: tf.constant(value) for key, value in feeds.items()})
    answer = runner.open(tmp_path / "model")
    assert answer == "ok"
    answer, got = runner.run(feeds, list(wanted), "serving_default")
    assert answer == "ok"
    for key, value in wanted.items():
        value = value.numpy()
        if value.dtype.kind == "f":
            np.testing.assert_allclose(got[key], value, rtol=1e-4, atol=1e-5 * max(1, np.abs(value).max(initial=0)))
        else:
            np.testing.assert_array_equal(got[key], value)


def test_the_document_has_every_layer():
    listed = re.findall(r"`(\w+)`", DOCUMENT.read_text().split("## Layers that run")[1].split("##")[0])
    assert listed == list(LAYERS)

"""Whole networks of Keras with random weights, exported, against TensorFlow: with the passes and without."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from runtime_tool import Runner

SIZE, CLASSES, BATCH = 32, 10, 2


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


def shaken(model, rng):
    """Normalisations that move something: a fresh model's are all but the identity."""
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return model


def layers_model():
    """What the three networks lack: other activations, padding ahead, a filter with a bias under a normalisation."""
    x = given = keras.Input([SIZE, SIZE, 3])
    x = keras.layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    x = keras.layers.Conv2D(12, 3, padding="same")(x)
    x = keras.layers.LeakyReLU(negative_slope=0.3)(keras.layers.BatchNormalization()(x))
    x = keras.layers.DepthwiseConv2D(5, depth_multiplier=2, activation="elu")(x)
    x = keras.layers.Add()([x, keras.layers.Conv2D(24, 1)(x)])
    return keras.Model(given, keras.layers.GlobalAveragePooling2D()(x))


def network(name):
    if name == "layers":
        return layers_model()
    return getattr(keras.applications, name)(weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES)


@pytest.mark.parametrize("name", ["layers", "MobileNetV2", "ResNet50", "EfficientNetB0"])
def test_networks(name, runner, tmp_path):
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    shaken(network(name), rng).export(tmp_path / "model", verbose=False)
    images = rng.uniform(0, 50 if name == "EfficientNetB0" else 1, [BATCH, SIZE, SIZE, 3]).astype(np.float32)
    signature = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    key, = signature.structured_input_signature[1]
    (output, wanted), = signature(**{key: tf.constant(images)}).items()
    wanted = wanted.numpy()
    for plain in (False, True):
        assert runner.open(tmp_path / "model", plain) == "ok"
        answer, values = runner.run({key: images}, [output], "serving_default")
        assert answer == "ok"
        np.testing.assert_allclose(values[output], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    runner.open(tmp_path / "model")
    ops = [line.split(" = ")[1].split("(")[0] for line in runner.describe("serving_default")]
    assert "_InlayConv2D" in ops and "Conv2D" not in ops
    assert "_InlayFoldNorm" in ops and "Rsqrt" not in ops

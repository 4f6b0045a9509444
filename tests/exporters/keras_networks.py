"""Small Keras networks through TensorFlow's converter: ``keras_networks.py FOLDER [KIND ...]``.

KIND is int8, float32 or uint8 (the type of the edges), per_tensor (one scale for each layer's
weights), or float (nothing is quantised: for ``edge_quantizer.py``). Needs the package tensorflow
(2.21 made the recorded files), outside CI.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (16, 16, 3)
SEED = 5


def networks(keras: Any) -> dict[str, Callable[[Any], Any]]:
    """Return what is put behind the input of each network, by name."""
    layers, ops = keras.layers, keras.ops

    def conv(x, filters=8, **options):
        return layers.Conv2D(filters, 3, padding="same", **options)(x)

    def residual(x):
        y = conv(x, activation="relu")
        return ops.relu(conv(y) + y)

    def squeeze(x):
        y = conv(x)
        means = layers.GlobalAveragePooling2D(keepdims=True)(y)
        return y * layers.Dense(8, activation="sigmoid")(means)

    def separable(x):
        y = layers.DepthwiseConv2D(3, strides=2, padding="same")(conv(x))
        return layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(16, 1)(y)))

    def branches(x):
        y = conv(x, activation="relu")
        a, b = layers.MaxPooling2D(2)(y), layers.AveragePooling2D(2)(y)
        return layers.Concatenate()([a, b])

    def classifier(x):
        y = layers.MaxPooling2D(2)(conv(x, activation="relu"))
        return layers.Softmax()(layers.Dense(10)(layers.Flatten()(y)))

    def one_dimension(x):
        y = layers.Conv1D(8, 3, padding="causal")(layers.Reshape((64, 12))(x))
        return layers.Dense(4)(layers.GlobalMaxPooling1D()(y))

    def padding(x):
        return layers.Conv2D(6, 3, strides=2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))

    def mirror(x):
        return conv(ops.pad(conv(x), [[0, 0], [1, 1], [1, 1], [0, 0]], mode="reflect"))

    def attention(x):
        y = layers.Dense(8)(layers.Reshape((64, 12))(x))
        return layers.Dense(4)(layers.LayerNormalization()(y))

    found: dict[str, Callable[[Any], Any]] = {
        "conv": conv,
        "residual": residual,
        "squeeze": squeeze,
        "separable": separable,
        "branches": branches,
        "classifier": classifier,
        "one_dimension": one_dimension,
        "layer_norm": attention,
        "dilated": lambda x: conv(x, dilation_rate=2),
        "transposed": lambda x: layers.Conv2DTranspose(6, 3, strides=2, padding="same")(conv(x)),
        "upsampling": lambda x: conv(layers.UpSampling2D(2)(conv(x))),
        "bilinear": lambda x: conv(layers.UpSampling2D(2, interpolation="bilinear")(conv(x))),
        "prelu": lambda x: layers.PReLU(shared_axes=[1, 2])(conv(x)),
        "padding": padding,
        "mirror": mirror,
        "cropping": lambda x: conv(layers.Cropping2D(((1, 2), (2, 1)))(conv(x))),
        "strides": lambda x: conv(conv(x)[:, ::2, ::2]),
        "split": lambda x: ops.concatenate(ops.split(conv(x), 2, axis=-1)[::-1], axis=-1),
        "stack": lambda x: ops.stack([conv(x), conv(x)], axis=3),
        "maximum": lambda x: ops.maximum(conv(x), conv(x)),
        "minimum": lambda x: ops.minimum(conv(x), 0.5),
        "reduce_max": lambda x: ops.max(conv(x), axis=(1, 2)),
        "reduce_sum": lambda x: ops.sum(conv(x), axis=-1, keepdims=True),
        "grouped": lambda x: layers.Conv2D(8, 3, groups=4)(conv(x)),
        "subtract": lambda x: conv(x) - conv(x),
        "transpose": lambda x: layers.Dense(5)(layers.Permute((2, 1, 3))(conv(x))),
        "dense_rows": lambda x: layers.Dense(5)(conv(x)),
        "repeat": lambda x: ops.tile(conv(x), [1, 2, 1, 1]),
        "squared": lambda x: ops.square(conv(x) - conv(x)),
        "exponential": lambda x: ops.exp(conv(x)),
        "global_max": lambda x: layers.Dense(3)(layers.GlobalMaxPooling2D()(conv(x))),
        "spatial_dropout": lambda x: conv(layers.SpatialDropout2D(0.2)(conv(x))),
        "rescaling": lambda x: conv(layers.Rescaling(1 / 127.5, offset=-1)(x)),
    }
    for name in (
        "relu",
        "relu6",
        "sigmoid",
        "tanh",
        "elu",
        "gelu",
        "hard_sigmoid",
        "hard_swish",
        "leaky_relu",
        "selu",
        "silu",
        "softplus",
        "softsign",
        "mish",
        "log_softmax",
    ):
        found[name] = lambda x, name=name: layers.Activation(name)(conv(x))
    return found


def converted(tf: Any, body: Callable[[Any], Any], kind: str) -> bytes:
    """Return the file of one network."""
    tf.keras.utils.set_random_seed(SEED)
    x = tf.keras.Input(SHAPE, batch_size=1)
    model = tf.keras.Model(x, body(x))
    rng = np.random.default_rng(SEED)

    def samples() -> Iterator[list[np.ndarray]]:
        for _ in range(20):
            yield [rng.normal(size=(1, *SHAPE)).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind == "float":
        return converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if kind == "per_tensor":
        converter._experimental_disable_per_channel = True
    edge = getattr(tf, "int8" if kind == "per_tensor" else kind)
    converter.inference_input_type = converter.inference_output_type = edge
    return converter.convert()


def main(folder: Path, kinds: Sequence[str] = ("int8", "float32")) -> None:
    """Write a file for each network and kind that the converter takes."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    for name, body in networks(tf.keras).items():
        for kind in kinds:
            try:
                data = converted(tf, body, kind)
            except Exception as error:
                print(f"{name} {kind}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
                continue
            (folder / f"{name}.{kind}.tflite").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ("int8", "float32"))

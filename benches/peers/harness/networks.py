"""The networks, as lists of layers that every system builds its own model from.

A layer is a dictionary with its kind and sizes. Two flat lists of numbers give the values: the learnt
parameters in the order of the layers (weight, then bias; a residual's body before its shortcut), and
the running means and variances of the batch norms. Weights are laid out as PyTorch does.
"""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Network:
    name: str
    batch: int
    input: list
    classes: int
    layers: list

    def as_json(self):
        return asdict(self)


def conv(inputs, outputs, kernel, stride=1, bias=False):
    sizes = {"inputs": inputs, "outputs": outputs, "kernel": kernel, "stride": stride, "pad": kernel // 2}
    return {"kind": "conv", **sizes, "bias": bias}


def bn(channels):
    return {"kind": "bn", "channels": channels}


def relu():
    return {"kind": "relu"}


def pool(kernel, stride, pad=0):
    return {"kind": "pool", "kernel": kernel, "stride": stride, "pad": pad}


def gap():
    return {"kind": "gap"}


def flatten():
    return {"kind": "flatten"}


def linear(inputs, outputs):
    return {"kind": "linear", "inputs": inputs, "outputs": outputs}


def residual(body, shortcut=()):
    return {"kind": "residual", "body": list(body), "shortcut": list(shortcut)}


def conv_bn_relu(inputs, outputs, kernel=3, stride=1):
    return [conv(inputs, outputs, kernel, stride), bn(outputs), relu()]


def basic(inputs, outputs, stride=1):
    """A residual of two convolutions, with a projection where the shape changes."""
    body = conv_bn_relu(inputs, outputs, 3, stride) + [conv(outputs, outputs, 3), bn(outputs)]
    shortcut = [conv(inputs, outputs, 1, stride), bn(outputs)] if inputs != outputs else []
    return [residual(body, shortcut), relu()]


def vgg(pooled, last):
    """Stages that halve the map, one that keeps it, and the mean of a map for each class."""
    layers, channels = [], 3
    for outputs in pooled:
        layers += conv_bn_relu(channels, outputs) + [pool(2, 2)]
        channels = outputs
    return layers + conv_bn_relu(channels, last) + [conv(last, 10, 1, bias=True), gap()]


def mlp():
    return [linear(784, 512), relu(), linear(512, 256), relu(), linear(256, 10)]


def lenet():
    convolutions = [conv(1, 8, 5, bias=True), relu(), pool(2, 2), conv(8, 16, 5, bias=True), relu(), pool(2, 2)]
    return convolutions + [flatten(), linear(784, 120), relu(), linear(120, 84), relu(), linear(84, 10)]


def resnet20():
    layers, channels = conv_bn_relu(3, 16), 16
    for outputs in (16, 32, 64):
        for _ in range(3):
            layers += basic(channels, outputs, 2 if outputs > channels else 1)
            channels = outputs
    return layers + [gap(), linear(64, 10)]


def resnet18():
    layers, channels = conv_bn_relu(3, 64, 7, 2) + [pool(3, 2, 1)], 64
    for outputs in (64, 128, 256, 512):
        for _ in range(2):
            layers += basic(channels, outputs, 2 if outputs > channels else 1)
            channels = outputs
    return layers + [gap(), linear(512, 1000)]


NETWORKS = [
    Network("vgg32", 64, [3, 32, 32], 10, vgg([32, 64, 128], 256)),
    Network("seed224", 8, [3, 224, 224], 10, vgg([32, 64, 128, 256, 512], 512)),
    Network("mlp", 128, [784], 10, mlp()),
    Network("resnet20", 64, [3, 32, 32], 10, resnet20()),
    Network("lenet", 64, [1, 28, 28], 10, lenet()),
    Network("resnet18", 16, [3, 224, 224], 1000, resnet18()),
]


def walk(layers):
    """The layers that hold values, in the order of the flat lists."""
    for layer in layers:
        if layer["kind"] == "residual":
            yield from walk(layer["body"])
            yield from walk(layer["shortcut"])
        else:
            yield layer

"""Compares compiled networks with PyTorch in double precision.

    pip install torch numpy safetensors
    mkdir -p target/dump
    NNC_DUMP=target/dump cargo test -p nnc --test parity
    python tests/pytorch/parity.py target/dump

The networks of `examples/` are built here by hand, layer by layer, as their texts say. Each takes its
parameters and running statistics from the checkpoint that the compiled network has written, and the
batch from beside it. Printed are the number of parameters with the biases that the compiler drops (those
right before batch norm), without them, and the worst relative difference of evaluation, of the loss, of
the gradients, and of the running statistics after a step.
"""

import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

torch.set_default_dtype(torch.float64)


class Fixed(nn.Module):
    """Dropout with random numbers that are given."""

    def __init__(self, rate):
        super().__init__()
        self.rate, self.uniform = rate, None

    def forward(self, x):
        if not self.training:
            return x
        return x * (self.uniform.view_as(x) >= self.rate) / (1 - self.rate)


class Residual(nn.Module):
    """The sum of two branches."""

    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body, self.shortcut = body, shortcut or nn.Sequential()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Mean(nn.Module):
    """Global average pooling."""

    def forward(self, x):
        return x.mean((2, 3))


def named(**layers):
    """Layers in a row, called as the compiler calls them."""
    return nn.Sequential(OrderedDict(layers))


def conv(inputs, outputs, window=3, stride=1):
    return nn.Conv2d(inputs, outputs, window, stride, padding=window // 2)


def unit(inputs, outputs, stride=1):
    return dict(
        conv1=conv(inputs, outputs, stride=stride), bn1=nn.BatchNorm2d(outputs), relu1=nn.ReLU(),
        conv2=conv(outputs, outputs), bn2=nn.BatchNorm2d(outputs),
    )


def digits(width):
    return named(
        conv1=conv(1, width), bn1=nn.BatchNorm2d(width), relu1=nn.ReLU(),
        conv2=conv(width, 2 * width), bn2=nn.BatchNorm2d(2 * width), relu2=nn.ReLU(), pool1=nn.MaxPool2d(2),
        conv3=conv(2 * width, 4 * width), bn3=nn.BatchNorm2d(4 * width), relu3=nn.ReLU(),
        gap1=Mean(), dropout1=Fixed(0.2), linear1=nn.Linear(4 * width, 10),
    )


def mnist(width):
    return named(
        conv1=conv(1, width), bn1=nn.BatchNorm2d(width), relu1=nn.ReLU(),
        conv2=conv(width, width), bn2=nn.BatchNorm2d(width), relu2=nn.ReLU(), pool1=nn.MaxPool2d(2),
        conv3=conv(width, 2 * width), bn3=nn.BatchNorm2d(2 * width), relu3=nn.ReLU(),
        conv4=conv(2 * width, 2 * width), bn4=nn.BatchNorm2d(2 * width), relu4=nn.ReLU(), pool2=nn.MaxPool2d(2),
        conv5=conv(2 * width, 4 * width), bn5=nn.BatchNorm2d(4 * width), relu5=nn.ReLU(),
        flatten1=nn.Flatten(), dropout1=Fixed(0.4), linear1=nn.Linear(4 * width * 7 * 7, 128),
        bn6=nn.BatchNorm1d(128), relu6=nn.ReLU(), dropout2=Fixed(0.4), linear2=nn.Linear(128, 10),
    )


def resnet20(**_):
    def plain(channels):
        return named(residual1=Residual(named(unit1=named(**unit(channels, channels)))), relu1=nn.ReLU())

    def stage(inputs, outputs):
        shortcut = named(conv1=conv(inputs, outputs, 1, 2), bn1=nn.BatchNorm2d(outputs))
        return named(
            residual1=Residual(named(**unit(inputs, outputs, 2)), shortcut), relu1=nn.ReLU(),
            repeat1=plain(outputs), repeat2=plain(outputs),
        )

    return named(
        conv1=conv(3, 16), bn1=nn.BatchNorm2d(16), relu1=nn.ReLU(),
        repeat1=plain(16), repeat2=plain(16), repeat3=plain(16),
        for1=stage(16, 32), for2=stage(32, 64), gap1=Mean(), linear1=nn.Linear(64, 10),
    )


def vgg(**_):
    def stage(inputs, outputs):
        return named(
            conv1=conv(inputs, outputs), bn1=nn.BatchNorm2d(outputs), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2)
        )

    channels = [3, 32, 64, 128, 256, 512]
    stages = {f"for{i + 1}": stage(*channels[i:i + 2]) for i in range(5)}
    return named(
        **stages, conv1=conv(512, 512), bn1=nn.BatchNorm2d(512), relu1=nn.ReLU(),
        conv2=conv(512, 10, 1), gap1=Mean(),
    )


# How to build each from the parameter `width`, and the shape of its input.
NETWORKS = {
    "Digits": (digits, (1, 8, 8)),
    "Mnist": (mnist, (1, 28, 28)),
    "ResNet20": (resnet20, (3, 32, 32)),
    "Vgg": (vgg, (3, 224, 224)),
}


def load(network, tensors):
    """Fills `network`; returns the number of its elements that the checkpoint has no tensor for."""
    dropped = 0
    for name, own in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith("num_batches_tracked"):
            continue
        if name in tensors:
            own.data.copy_(tensors.pop(name))
        else:
            assert name.endswith(".bias"), f"{name} is missing"
            own.data.zero_()
            dropped += own.numel()
    left = [name for name in tensors if not name.startswith("optimizer.")]
    assert not left, f"unknown to PyTorch: {left}"
    return dropped


def difference(found, expected):
    """The largest difference relative to the largest magnitude."""
    expected = expected.detach().reshape(-1)
    return ((found.double() - expected).abs().max() / expected.abs().max()).item()


def compare(name, folder):
    build, shape = NETWORKS[name]
    tensors = load_file(folder / f"{name}.safetensors")
    network = build(width=len(tensors["conv1.weight"]))
    count = sum(parameter.numel() for parameter in network.parameters())
    dropped = load(network, tensors)
    results = load_file(folder / f"{name}.step.safetensors")
    inputs = results["input.0"].double().view(-1, *shape)
    for index, dropout in enumerate(m for m in network.modules() if isinstance(m, Fixed)):
        dropout.uniform = results[f"random.{index}"].double()
    with torch.no_grad():
        evaluation = difference(results["output.0"], network.eval()(inputs))
    loss = nn.functional.cross_entropy(network.train()(inputs), results["target.0"].long())
    loss.backward()
    gradients = [
        difference(results[f"gradient.{name}"], parameter.grad)
        for name, parameter in network.named_parameters()
        if f"gradient.{name}" in results
    ]
    after = [
        difference(results[f"after.{name}"], state)
        for name, state in network.named_buffers()
        if f"after.{name}" in results
    ]
    worst = [evaluation, difference(results["loss"], loss), max(gradients), max(after)]
    print(f"{name:10}{count:12,}{count - dropped:12,}", *(f"{value:12.1e}" for value in worst))


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "target/dump")
    titles = ["evaluation", "loss", "gradients", "running"]
    print(f"{'network':10}{'parameters':>12}{'ours':>12}", *(f"{title:>12}" for title in titles))
    for name in NETWORKS:
        compare(name, folder)


if __name__ == "__main__":
    main()

"""Compares a step of training of the gallery's networks with torchvision's in double precision.

    pip install torch torchvision safetensors
    mkdir -p target/dump
    NNC_DUMP=target/dump cargo test -p nnc --test gallery -- --ignored --nocapture
    python tests/pytorch/gallery.py target/dump

Each network of torchvision takes the parameters, the samples, the random numbers of dropout and stochastic
depth, and the running statistics that the compiled network has written. Parameters are assigned in the
order in which the modules first run, and must agree in shape. Those that torchvision does not have are
written out here.

Printed are, for each network, loss and norm of the gradient of both sides with their relative difference,
how far the gradient of the middle and of the worst parameter is off, and the worst running statistics.
PyTorch computes the step in single precision too: how far it is then from its own double precision shows
what rounding alone costs.

That is little for loss and statistics, and for the gradients of networks without kinks. Where there are
ReLUs and maxima, some of millions of inputs lie within rounding of the kink and fall on its other side; each
such change moves the gradients before it by up to some hundredths. That happens to PyTorch as much
as to us, though not at the same places. Hence the step is taken with direct algorithms, and the tolerances
are multiples of PyTorch's own rounding.
"""

import sys
from functools import partial
from pathlib import Path

import torch
import torchvision.models as zoo
from safetensors.torch import load_file
from torch import nn
from torchvision.models.regnet import ResBottleneckBlock
from torchvision.ops import StochasticDepth


class Reshape(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.view(len(x), *self.shape)


class Residual(nn.Module):
    """Batch norm and ReLU before each convolution; where the shape changes, the first pair is shared."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.changes = inputs != outputs or stride != 1
        self.first = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if self.changes else None

    def forward(self, x):
        first = self.first(x)
        return self.body(first) + (self.shortcut(first) if self.changes else x)


class UNet(nn.Module):
    """As github.com/milesial/Pytorch-UNet has it, with transposed convolutions."""

    def __init__(self, c=64):
        super().__init__()
        widths = [c, 2 * c, 4 * c, 8 * c, 16 * c]
        self.first = self.double(3, c)
        self.down = nn.ModuleList(self.double(a, b) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * b, b, 2, 2) for b in widths[-2::-1])
        self.joined = nn.ModuleList(self.double(2 * b, b) for b in widths[-2::-1])
        self.last = nn.Conv2d(c, 1, 1)

    @staticmethod
    def double(inputs, outputs):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        )

    def forward(self, x):
        x = self.first(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(nn.functional.max_pool2d(x, 2))
        for up, joined in zip(self.up, self.joined):
            x = joined(torch.cat([up(x), skips.pop()], 1))
        return self.last(x)


def preact(width, n):
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)]
    inputs = 16
    for stage, channels in enumerate([width, 2 * width, 4 * width]):
        for block in range(n):
            layers.append(Residual(inputs, channels, 2 if stage > 0 and block == 0 else 1))
            inputs = channels
    end = [nn.BatchNorm2d(inputs), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10)]
    return nn.Sequential(*layers, *end)


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )


def mlp():
    def layer(inputs):
        return [nn.Linear(inputs, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2)]

    return nn.Sequential(*layer(30), *layer(64), nn.Linear(64, 2))


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(1568, 32), nn.Linear(32, 1568), nn.ReLU(), Reshape(32, 7, 7),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1),
    )


# Relative differences that are agreement, whatever PyTorch's own are: of the loss, the norm of the gradient, the
# gradients of the middle and of the worst parameter, the running statistics. One input beyond a kink moves the
# gradients of few parameters by thousandths, so the worst may be off by that.
ROUNDING = [1e-5, 1e-5, 5e-5, 5e-3, 1e-4]
# How much worse than PyTorch in single precision a network may be: kinks are met at other places.
SPREAD = 10

# How to build each, and the shape of its input.
IMAGE = (3, 224, 224)
NETWORKS = {
    "alexnet": (zoo.alexnet, IMAGE),
    "autoencoder": (autoencoder, (1, 28, 28)),
    "convnext_t": (zoo.convnext_tiny, IMAGE),
    "densenet121": (zoo.densenet121, IMAGE),
    "efficientnet_b0": (zoo.efficientnet_b0, IMAGE),
    "inception_v1": (lambda: zoo.googlenet(aux_logits=False, init_weights=False), IMAGE),
    "lenet5": (lenet5, (1, 28, 28)),
    "mlp": (mlp, (30,)),
    "mobilenet_v2": (zoo.mobilenet_v2, IMAGE),
    "preact_resnet": (lambda: preact(16, 9), (3, 32, 32)),
    "regnet_y_400mf": (zoo.regnet_y_400mf, IMAGE),
    "resnet18": (zoo.resnet18, IMAGE),
    "resnet50": (zoo.resnet50, IMAGE),
    "shufflenet_v2": (zoo.shufflenet_v2_x1_0, IMAGE),
    "squeezenet": (zoo.squeezenet1_1, IMAGE),
    "unet": (UNet, (3, 256, 256)),
    "vgg16": (zoo.vgg16, IMAGE),
    "wide_resnet": (lambda: preact(160, 4), (3, 32, 32)),
}


def body_first(block, x):
    """Torchvision computes the shortcut of RegNet's blocks first; the text of the network has it last."""
    body = block.f(x)
    return block.activation(body + (x if block.proj is None else block.proj(x)))


def give_random(network, streams):
    """Lets each module that drops something take the next of the streams of random numbers."""

    def dropped(module, x):
        rate = module.p
        if rate == 0:
            return x
        numbers = next(streams).to(x.dtype)
        if isinstance(module, StochasticDepth):
            numbers = numbers.view(-1, *[1] * (x.dim() - 1))
        elif x.dim() == 4:
            numbers = numbers.view(len(x), *x.shape[2:], x.shape[1]).permute(0, 3, 1, 2)
        else:
            numbers = numbers.view_as(x)
        return x * (numbers >= rate) / (1 - rate)

    for module in network.modules():
        if isinstance(module, (nn.Dropout, StochasticDepth)):
            module.forward = partial(dropped, module)


def in_order(network, shape):
    """Modules with tensors of their own, in the order in which they have first run."""
    order = {}
    hooks = [
        module.register_forward_hook(lambda module, *_: order.setdefault(module))
        for module in network.modules()
        if [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    ]
    with torch.no_grad():
        network.eval()(torch.zeros(2, *shape))
    for hook in hooks:
        hook.remove()
    return list(order)


def numbered(tensors, what):
    """The tensors `what.N.NAME` in the order of N."""
    names = [name for name in tensors if name.startswith(what + ".")]
    return [tensors[name] for name in sorted(names, key=lambda name: int(name.split(".")[1]))]


def assign(own, given):
    assert len(own) == len(given), f"{len(own)} tensors for {len(given)}"
    for tensor, values in zip(own, given):
        squeezed = [extent for extent in tensor.shape if extent != 1]
        assert squeezed == [extent for extent in values.shape if extent != 1], (tensor.shape, values.shape)
        tensor.data.copy_(values.view_as(tensor))


def step(name, tensors, dtype):
    """Loss, gradients and running statistics as PyTorch computes them."""
    build, shape = NETWORKS[name]
    network = build()
    modules = in_order(network, shape)
    network.to(dtype)
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    states = [
        state for module in modules for state in module.buffers(recurse=False) if state.is_floating_point()
    ]
    assign(parameters, numbered(tensors, "parameter"))
    assign(states, numbered(tensors, "before"))
    give_random(network, iter(numbered(tensors, "random")))
    outputs = network.train()(tensors["input"].to(dtype).view(-1, *shape))
    target = tensors["target"]
    if len(target) == len(outputs):
        loss = nn.functional.cross_entropy(outputs, target.long())
    else:
        loss = nn.functional.binary_cross_entropy_with_logits(outputs, target.to(dtype).view_as(outputs))
    loss.backward()
    return loss.item(), [parameter.grad.double() for parameter in parameters], states


def norm(gradients):
    return sum(gradient.double().square().sum() for gradient in gradients).sqrt().item()


def apart(found, expected):
    """The norm of the difference of two gradients, relative to the second."""
    difference = [a.double().reshape(-1) - b.double().reshape(-1) for a, b in zip(found, expected)]
    return norm(difference) / norm(expected)


def relative(found, expected):
    return abs(found - expected) / abs(expected)


def each(found, expected):
    """How far each tensor is off: the norm of the difference relative to the tensor's own. A gradient that is
    zero but for rounding has none: that of the network's largest stands in."""
    of_all = max((tensor.norm().item() for tensor in expected), default=0)

    def one(found, expected):
        own = expected.double().norm().item()
        difference = (found.double().reshape(-1) - expected.double().reshape(-1)).norm().item()
        return difference / (own if own > 1e-12 * of_all else of_all)

    return sorted(one(a, b) for a, b in zip(found, expected)) or [0.0]


def differences(found, expected):
    """Of the loss, the norm of the gradient, the gradients of the middle and the worst parameter, the worst
    running statistics."""
    (loss, gradients, states), (loss_, gradients_, states_) = found, expected
    parameters = each(gradients, gradients_)
    return [
        relative(loss, loss_),
        relative(norm(gradients), norm(gradients_)),
        parameters[len(parameters) // 2],
        parameters[-1],
        each(states, states_)[-1],
    ]


def compare(name, path):
    tensors = load_file(path)
    ours = tensors["loss"].item(), numbered(tensors, "gradient"), numbered(tensors, "after")
    theirs = step(name, tensors, torch.float64)
    rounded = step(name, tensors, torch.float32)
    single, found = differences(rounded, theirs), differences(ours, theirs)
    tolerances = [max(least, SPREAD * own) for least, own in zip(ROUNDING, single)]
    # Norms may agree by luck where the gradients do not: PyTorch's own may differ by as much as these do.
    tolerances[1] = max(tolerances[1], apart(rounded[1], theirs[1]))
    agrees = all(own <= tolerance for own, tolerance in zip(found, tolerances))
    print(
        f"{name:16}{ours[0]:11.6f}{theirs[0]:11.6f}{found[0]:9.1e}{norm(ours[1]):13.6g}{norm(theirs[1]):13.6g}",
        *(f"{value:8.1e}" for value in found[1:]),
        " |", *(f"{value:8.1e}" for value in single), "" if agrees else " DISAGREES", flush=True,
    )
    return agrees


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "target/dump")
    ResBottleneckBlock.forward = body_first
    print(
        f"{'network':16}{'loss':>11}{'PyTorch':>11}{'differ':>9}{'|gradient|':>13}{'PyTorch':>13}",
        f"{'differ':>8} {'middle':>8} {'worst':>8} {'running':>8}  | the same of PyTorch in single precision",
    )
    paths = [(name, folder / f"{name}.step.safetensors") for name in NETWORKS]
    agree = [compare(name, path) for name, path in paths if path.exists()]
    sys.exit(0 if agree and all(agree) else "some networks disagree, or there are none")


if __name__ == "__main__":
    main()

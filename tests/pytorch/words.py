"""Compares every word of the language with its counterpart in PyTorch, in double precision.

    pip install torch numpy safetensors
    mkdir -p target/dump
    NNC_DUMP=target/dump cargo test -p nnc --test gradients
    python tests/pytorch/words.py target/dump

The networks of `tests/networks/words.nn` have an output for each setting of a word, called after it. They are
written down here once more with PyTorch's functions, in the order of the file. Each takes its parameters, running
statistics and random numbers from what the compiled network has written. Printed is, for each word, the number of
settings and the worst relative difference of evaluation, of the gradients (by the word's parameters, and by its
input, which shows in the layer before it), and of the running statistics after a step of training. What
is compared is rounded to single precision, so a difference of 1e-6 is agreement; more than 2e-5 is a mistake, and
makes the script fail. Training shows in the gradients: that of a squared error holds the output itself.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

TOLERANCE = 2e-5

WORDS = """
conv dwconv deconv linear bn ln gn instancenorm rms lrn scale relu relu6 lrelu prelu rrelu elu selu celu gelu
gelu_tanh silu mish softplus softsign sigmoid hard_sigmoid hard_swish tanh hard_tanh softmax log_softmax glu pool
avgpool adaptive_pool adaptive_avgpool gap gmp upsample pixel_shuffle channel_shuffle pad crop slice flatten reshape
permute dropout spatial_dropout alpha_dropout stochastic_depth noise identity
""".split()


class Values:
    """What a network works with, handed out in the order of its words."""

    def __init__(self, tensors, results, training):
        self.tensors, self.results, self.training = tensors, results, training
        self.counts, self.taken, self.streams = {}, [], 0

    def path(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1
        return f"{word}{self.counts[word]}"

    def tensor(self, name):
        if name in self.tensors:
            self.taken.append(name)
        return self.tensors.get(name)

    def take(self, word):
        """Weight and bias of the next such word; none for what it has not."""
        path = self.path(word)
        return self.tensor(f"{path}.weight"), self.tensor(f"{path}.bias")

    def scale(self, x):
        weight, _ = self.take("scale")
        return x * per_channel(weight, x)

    def mixed(self, x):
        """By the layer that stands before words which a scale does not change."""
        return F.linear(x, *self.take("linear")) if x.dim() == 2 else convolve(x, *self.take("conv"))

    def batch_norm(self, x, **settings):
        weight, bias = self.take("bn")
        path = f"bn{self.counts['bn']}"
        mean, variance = self.tensor(f"{path}.running_mean"), self.tensor(f"{path}.running_var")
        return F.batch_norm(x, mean, variance, weight, bias, self.training, **settings)

    def random(self, x, shape=None):
        """The next stream of random numbers; `shape` for fewer than one per element."""
        numbers = self.results[f"random.{self.streams}"].double()
        self.streams += 1
        if shape is not None:
            return numbers[: torch.Size(shape).numel()].view(shape)
        return numbers.view(x.shape[0], *x.shape[2:], x.shape[1]).movedim(-1, 1)

    def dropout(self, x, rate, axes):
        """Dropout of what shares an index of the first axes."""
        if not self.training:
            return x
        shape = [*x.shape[:axes], *[1] * (x.dim() - axes)]
        kept = self.random(x, shape if axes < x.dim() else None) >= rate
        return x * kept / (1 - rate)


def per_channel(weight, x):
    return weight.view(1, -1, *[1] * (x.dim() - 2))


def convolve(x, weight, bias, **settings):
    return [F.conv1d, F.conv2d, F.conv3d][x.dim() - 3](x, weight, bias, **settings)


def transposed(x, weight, bias, **settings):
    function = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][x.dim() - 3]
    return function(x, weight, bias, **settings)


def shaped(x, *shape):
    return x.reshape(len(x), *shape)


def conv(x, v):
    def conv(**settings):
        return convolve(v.scale(x), *v.take("conv"), **settings)

    yield "conv_plain", conv(padding=1)
    yield "conv_point", conv()
    yield "conv_stride", conv(padding=2, stride=3)
    yield "conv_axes", conv(padding=(1, 0), stride=(2, 1))
    yield "conv_even", conv(stride=2)
    yield "conv_pad", conv(padding=1)
    yield "conv_pad_axes", conv(padding=(2, 0))
    yield "conv_dilation", conv(padding=2, dilation=2)
    yield "conv_dilation_axes", conv(padding=1, dilation=(3, 2), stride=2)
    yield "conv_groups", conv(padding=1, groups=2)
    yield "conv_all", conv(padding=2, groups=4, stride=2, dilation=2)
    yield "conv_window", conv()
    yield "conv_wide", conv(padding=1)


def conv_line(x, v):
    yield "conv_line", convolve(v.scale(x), *v.take("conv"), padding=1)
    yield "conv_line_all", convolve(v.scale(x), *v.take("conv"), stride=2, groups=2, dilation=2, padding=1)
    yield "conv_line_point", convolve(v.scale(x), *v.take("conv"), stride=3)


def conv_volume(x, v):
    yield "conv_volume", convolve(v.scale(x), *v.take("conv"), padding=1)
    settings = dict(stride=(2, 1, 2), groups=2, padding=(1, 0, 1))
    yield "conv_volume_all", convolve(v.scale(x), *v.take("conv"), **settings)
    settings = dict(dilation=(1, 2, 3), padding=(0, 1, 0))
    yield "conv_volume_dilation", convolve(v.scale(x), *v.take("conv"), **settings)


def dwconv(x, v):
    def dwconv(**settings):
        return convolve(v.scale(x), *v.take("dwconv"), groups=6, **settings)

    yield "dwconv_plain", dwconv(padding=1)
    yield "dwconv_multiplier", dwconv(padding=2, stride=2)
    yield "dwconv_all", dwconv(stride=(1, 2), dilation=(2, 1), padding=(1, 0))


def dwconv_other(x, v):
    yield "dwconv_line", convolve(v.scale(x), *v.take("dwconv"), groups=6, stride=2, padding=1)
    map = shaped(v.scale(x), 3, 2, 3, 3)
    yield "dwconv_volume", convolve(map, *v.take("dwconv"), groups=3, padding=(1, 0, 0))


def deconv(x, v):
    def deconv(**settings):
        return transposed(v.scale(x), *v.take("deconv"), **settings)

    yield "deconv_double", deconv(stride=2, padding=1)
    yield "deconv_odd", deconv(stride=2, padding=1, output_padding=1)
    yield "deconv_point", deconv(stride=2)
    yield "deconv_one", deconv(padding=1)
    yield "deconv_output_pad", deconv(stride=2, output_padding=1, groups=2)
    yield "deconv_gaps", deconv(stride=(3, 2), output_padding=(1, 0))
    yield "deconv_all", deconv(stride=(2, 1), dilation=(1, 2), padding=(1, 0), output_padding=(1, 0), groups=4)


def deconv_other(x, v):
    yield "deconv_line", transposed(v.scale(x), *v.take("deconv"), stride=2, padding=1)
    settings = dict(stride=3, groups=2, dilation=2, padding=1)
    yield "deconv_line_all", transposed(v.scale(x), *v.take("deconv"), **settings)
    map = shaped(v.scale(x), 2, 1, 2, 5)
    yield "deconv_volume", transposed(map, *v.take("deconv"), stride=2, padding=1, output_padding=1)


def linear(x, v):
    yield "linear_bias", F.linear(v.scale(x), *v.take("linear"))
    yield "linear_plain", F.linear(v.scale(x), *v.take("linear"))


def layer_norm(x, v, eps=1e-5):
    return F.layer_norm(x.movedim(1, -1), [x.shape[1]], *v.take("ln"), eps).movedim(-1, 1)


def rms_norm(x, v, eps=1e-6):
    weight, _ = v.take("rms")
    return F.rms_norm(x.movedim(1, -1), [x.shape[1]], weight, eps).movedim(-1, 1)


def group_norm(x, v, groups, eps=1e-5):
    return F.group_norm(x, groups, *v.take("gn"), eps)


def instance_norm(x, v, eps=1e-5):
    return F.instance_norm(x, None, None, *v.take("instancenorm"), eps=eps)


def norms(x, v):
    yield "bn_map", v.batch_norm(v.mixed(x), eps=0.01, momentum=0.3)
    yield "ln_map", layer_norm(v.mixed(x), v)
    yield "ln_eps", layer_norm(v.mixed(x), v, 0.1)
    yield "gn_plain", group_norm(v.mixed(x), v, 3)
    yield "gn_fixed", group_norm(v.mixed(x), v, 2, 0.2)
    yield "gn_one", group_norm(v.mixed(x), v, 1)
    yield "instancenorm_plain", instance_norm(v.mixed(x), v)
    yield "instancenorm_affine", instance_norm(v.mixed(x), v, 0.1)
    yield "rms_map", rms_norm(v.mixed(x), v)
    yield "rms_eps", rms_norm(v.mixed(x), v, 0.3)
    yield "scale_map", v.scale(v.mixed(x))


def norms_of_vector(x, v):
    yield "bn_vector", v.batch_norm(v.mixed(x))
    yield "ln_vector", layer_norm(v.mixed(x), v)
    yield "gn_vector", group_norm(v.mixed(x), v, 3)
    yield "rms_vector", rms_norm(v.mixed(x), v)
    yield "scale_vector", v.scale(v.mixed(x))


def norms_other(x, v):
    yield "bn_line", v.batch_norm(v.mixed(x))
    yield "gn_line", group_norm(v.mixed(x), v, 2)
    yield "instancenorm_line", instance_norm(v.mixed(x), v)
    yield "ln_line", layer_norm(v.mixed(x), v)
    yield "bn_volume", v.batch_norm(shaped(v.mixed(x), 2, 2, 1, 7))
    yield "instancenorm_volume", instance_norm(shaped(v.mixed(x), 2, 2, 7, 1), v)


def lrn(x, v):
    yield "lrn_plain", F.local_response_norm(v.scale(x), 5)
    yield "lrn_odd", F.local_response_norm(v.scale(x), 3, alpha=0.5, beta=0.6, k=2)
    yield "lrn_even", F.local_response_norm(v.scale(x), 4, alpha=2)
    yield "lrn_wide", F.local_response_norm(v.scale(x), 12, alpha=0.9, beta=1.5, k=0.5)


def rectifiers(x, v):
    yield "relu_", F.relu(v.scale(x))
    yield "relu6_", F.relu6(v.scale(x))
    yield "lrelu_", F.leaky_relu(v.scale(x), 0.2)
    yield "prelu_", F.prelu(v.scale(x), v.take("prelu")[0])
    yield "elu_", F.elu(v.scale(x), 0.7)
    yield "selu_", F.selu(v.scale(x))
    yield "celu_", F.celu(v.scale(x), 0.6)
    yield "gelu_", F.gelu(v.scale(x))
    yield "gelu_tanh_", F.gelu(v.scale(x), approximate="tanh")
    yield "silu_", F.silu(v.scale(x))
    yield "mish_", F.mish(v.scale(x))
    yield "softplus_", F.softplus(v.scale(x), beta=2)


def squashers(x, v):
    yield "softsign_", F.softsign(v.scale(x))
    yield "sigmoid_", torch.sigmoid(v.scale(x))
    yield "hard_sigmoid_", F.hardsigmoid(v.scale(x))
    yield "hard_swish_", F.hardswish(v.scale(x))
    yield "tanh_", torch.tanh(v.scale(x))
    yield "hard_tanh_", F.hardtanh(v.scale(x))
    yield "hard_tanh_bounds", F.hardtanh(v.scale(x), -0.5, 2)
    yield "prelu_vector", F.prelu(v.scale(x), v.take("prelu")[0])


def along_channels(x, v):
    yield "softmax_map", F.softmax(v.scale(x), 1)
    yield "log_softmax_map", F.log_softmax(v.scale(x), 1)
    yield "glu_map", F.glu(v.scale(x), 1)
    yield "softmax_vector", F.softmax(v.scale(x).flatten(1), 1)
    yield "log_softmax_vector", F.log_softmax(v.scale(x).flatten(1), 1)
    yield "glu_vector", F.glu(v.scale(x).flatten(1), 1)
    yield "softmax_line", F.softmax(shaped(v.scale(x), 4, 9), 1)


def pools(x, v):
    yield "pool_plain", F.max_pool2d(v.scale(x), 2)
    yield "pool_overlap", F.max_pool2d(v.scale(x), 3, 2)
    yield "pool_pad", F.max_pool2d(v.scale(x), 3, 2, 1)
    yield "pool_gaps", F.max_pool2d(v.scale(x), 2, 3, 1)
    yield "pool_axes", F.max_pool2d(v.scale(x), (3, 2), (1, 2), (1, 0))
    yield "pool_ceil", F.max_pool2d(v.scale(x), 3, 2, ceil_mode=True)
    yield "pool_ceil_pad", F.max_pool2d(v.scale(x), 2, 4, 1, ceil_mode=True)
    yield "pool_window", F.max_pool2d(v.scale(x), 5, 1, 2)
    yield "gmp_map", v.scale(x).amax((2, 3))
    yield "adaptive_pool_plain", F.adaptive_max_pool2d(v.scale(x), 3)
    yield "adaptive_pool_axes", F.adaptive_max_pool2d(v.scale(x), (4, 9))


def pools_other(x, v):
    yield "pool_volume", F.max_pool3d(v.scale(x), 2)
    yield "pool_volume_all", F.max_pool3d(v.scale(x), (1, 3, 2), (1, 2, 2), (0, 1, 1), ceil_mode=True)
    yield "gmp_volume", v.scale(x).amax((2, 3, 4))
    yield "adaptive_pool_volume", F.adaptive_max_pool3d(v.scale(x), (1, 3, 3))
    yield "pool_line", F.max_pool1d(shaped(v.scale(x), 6, 20), 3, 2, 1)
    yield "gmp_line", shaped(v.scale(x), 6, 20).amax(2)
    yield "adaptive_pool_line", F.adaptive_max_pool1d(shaped(v.scale(x), 6, 20), 7)


def avgpools(x, v):
    yield "avgpool_plain", F.avg_pool2d(v.scale(x), 2)
    yield "avgpool_overlap", F.avg_pool2d(v.scale(x), 3, 2)
    yield "avgpool_pad", F.avg_pool2d(v.scale(x), 3, 2, 1)
    yield "avgpool_inside", F.avg_pool2d(v.scale(x), 3, 2, 1, count_include_pad=False)
    yield "avgpool_gaps", F.avg_pool2d(v.scale(x), 2, 3, 1)
    yield "avgpool_axes", F.avg_pool2d(v.scale(x), (3, 2), (1, 2), (1, 0))
    yield "avgpool_ceil", F.avg_pool2d(v.scale(x), 3, 2, ceil_mode=True)
    yield "avgpool_ceil_pad", F.avg_pool2d(v.scale(x), 4, 3, 2, ceil_mode=True)
    yield "avgpool_ceil_inside", F.avg_pool2d(v.scale(x), 4, 3, 2, ceil_mode=True, count_include_pad=False)
    yield "gap_map", v.scale(x).mean((2, 3))
    yield "adaptive_avgpool_plain", F.adaptive_avg_pool2d(v.scale(x), 3)
    yield "adaptive_avgpool_axes", F.adaptive_avg_pool2d(v.scale(x), (4, 9))


def avgpools_other(x, v):
    yield "avgpool_volume", F.avg_pool3d(v.scale(x), 2)
    yield "avgpool_volume_all", F.avg_pool3d(v.scale(x), (1, 3, 2), (1, 2, 2), (0, 1, 1), ceil_mode=True)
    yield "gap_volume", v.scale(x).mean((2, 3, 4))
    yield "adaptive_avgpool_volume", F.adaptive_avg_pool3d(v.scale(x), (1, 3, 3))
    yield "avgpool_line", F.avg_pool1d(shaped(v.scale(x), 6, 20), 3, 2, 1, count_include_pad=False)
    yield "gap_line", shaped(v.scale(x), 6, 20).mean(2)
    yield "adaptive_avgpool_line", F.adaptive_avg_pool1d(shaped(v.scale(x), 6, 20), 7)


def upsample(x, v):
    def volume(x):
        return shaped(x, 2, 2, 3, 3)

    yield "upsample_plain", F.interpolate(v.scale(x), scale_factor=2)
    yield "upsample_axes", F.interpolate(v.scale(x), scale_factor=(3, 2))
    yield "upsample_size", F.interpolate(v.scale(x), (5, 3))
    yield "upsample_linear", F.interpolate(v.scale(x), scale_factor=2, mode="bilinear")
    yield "upsample_linear_size", F.interpolate(v.scale(x), (7, 3), mode="bilinear")
    yield "upsample_linear_both", F.interpolate(v.scale(x), (2, 9), mode="bilinear")
    yield "upsample_line", F.interpolate(shaped(v.scale(x), 4, 9), scale_factor=2, mode="linear")
    yield "upsample_volume", F.interpolate(volume(v.scale(x)), (3, 4, 2), mode="trilinear")
    yield "upsample_volume_nearest", F.interpolate(volume(v.scale(x)), scale_factor=(2, 1, 2))


def shuffles(x, v):
    yield "pixel_shuffle_map", F.pixel_shuffle(v.scale(x), 2)
    yield "channel_shuffle_map", F.channel_shuffle(v.scale(x), 3)
    yield "channel_shuffle_line", F.channel_shuffle(shaped(v.scale(x), 8, 9), 4)
    yield "channel_shuffle_volume", F.channel_shuffle(shaped(v.scale(x), 9, 2, 2, 2), 3)


def borders(x, v):
    def line(x):
        return shaped(x, 6, 10)

    def volume(x):
        return shaped(x, 3, 2, 2, 5)

    # PyTorch's padding begins with the last axis.
    yield "pad_plain", F.pad(v.scale(x), (1, 1, 1, 1))
    yield "pad_axes", F.pad(v.scale(x), (0, 0, 2, 2))
    yield "pad_ends", F.pad(v.scale(x), (2, 3, 1, 0))
    yield "pad_mixed", F.pad(v.scale(x), (1, 2, 1, 2))
    yield "crop_plain", v.scale(x)[:, :, 1:4, 1:3]
    yield "crop_size", v.scale(x)[:, :, 1:3, 0:3]
    yield "crop_from", v.scale(x)[:, :, 1:3, 2:4]
    yield "crop_ends", v.scale(x)[:, :, 0:3, 1:4]
    yield "pad_line", F.pad(line(v.scale(x)), (2, 2))
    yield "crop_line", line(v.scale(x))[:, :, 3:7]
    yield "pad_volume", F.pad(volume(v.scale(x)), (2, 2, 1, 1))
    yield "crop_volume", volume(v.scale(x))[:, :, 0:1, 0:2, 1:4]


def parts(x, v):
    yield "slice_first", v.scale(x)[:, :2]
    yield "slice_last", v.scale(x)[:, 3:]
    yield "slice_rows", v.scale(x)[:, :, 1:3]
    yield "slice_column", v.scale(x)[:, :, :, 4:]
    yield "flatten_map", v.scale(x).flatten(1)
    yield "slice_vector", v.scale(x).flatten(1)[:, 7:40]
    yield "reshape_map", shaped(v.scale(x), 4, 6, 5)
    yield "reshape_vector", shaped(v.scale(x), 120)
    yield "reshape_volume", shaped(v.scale(x), 3, 2, 4, 5)
    yield "permute_rows", v.scale(x).permute(0, 2, 1, 3)
    yield "permute_turn", v.scale(x).permute(0, 3, 1, 2)
    yield "permute_line", shaped(v.scale(x), 24, 5).permute(0, 2, 1)
    yield "permute_volume", shaped(v.scale(x), 3, 2, 4, 5).permute(0, 3, 4, 1, 2)
    yield "identity_map", v.scale(x)


def alpha_dropout(x, v, rate):
    """As `torch.nn.functional.alpha_dropout` reckons, which cannot be given random numbers."""
    if not v.training:
        return x
    alpha = -1.7580993408473766
    a = 1 / ((alpha**2 * rate + 1) * (1 - rate)) ** 0.5
    kept = v.random(x) >= rate
    return a * torch.where(kept, x, alpha) - a * alpha * rate


def rrelu(x, v, lower=1 / 8, upper=1 / 3):
    if not v.training:
        return F.rrelu(x, lower, upper, training=False)
    return torch.where(x > 0, x, x * (lower + (upper - lower) * v.random(x)))


def randoms(x, v):
    yield "dropout_map", v.dropout(v.scale(x), 0.3, 4)
    yield "dropout_half", v.dropout(v.scale(x), 0.5, 4)
    yield "spatial_dropout_map", v.dropout(v.scale(x), 0.4, 2)
    yield "alpha_dropout_map", alpha_dropout(v.scale(x), v, 0.3)
    yield "stochastic_depth_map", v.dropout(v.scale(x), 0.4, 1)
    yield "noise_map", v.scale(x) + (0.5 * v.random(x) if v.training else 0)
    yield "rrelu_map", rrelu(v.scale(x), v)
    yield "rrelu_bounds", rrelu(v.scale(x), v, 0.1, 0.9)
    yield "dropout_none", v.scale(x)
    yield "spatial_dropout_line", v.dropout(shaped(v.scale(x), 6, 10), 0.5, 2)
    yield "alpha_dropout_vector", alpha_dropout(v.scale(x).flatten(1), v, 0.1)
    yield "stochastic_depth_vector", v.dropout(v.scale(x).flatten(1), 0.7, 1)


# What each network computes, and the shape of its input.
NETWORKS = {
    "Conv": (conv, (4, 7, 6)),
    "ConvLine": (conv_line, (4, 11)),
    "ConvVolume": (conv_volume, (4, 3, 5, 4)),
    "Dwconv": (dwconv, (6, 7, 5)),
    "DwconvOther": (dwconv_other, (6, 9)),
    "Deconv": (deconv, (4, 4, 3)),
    "DeconvOther": (deconv_other, (4, 5)),
    "Linear": (linear, (11,)),
    "Norms": (norms, (6, 3, 5)),
    "NormsOfVector": (norms_of_vector, (9,)),
    "NormsOther": (norms_other, (4, 7)),
    "Lrn": (lrn, (7, 3, 2)),
    "Rectifiers": (rectifiers, (3, 5, 3)),
    "Squashers": (squashers, (11,)),
    "AlongChannels": (along_channels, (6, 2, 3)),
    "Pools": (pools, (2, 7, 6)),
    "PoolsOther": (pools_other, (3, 2, 5, 4)),
    "AvgPools": (avgpools, (2, 7, 6)),
    "AvgPoolsOther": (avgpools_other, (3, 2, 5, 4)),
    "Upsample": (upsample, (3, 3, 4)),
    "Shuffles": (shuffles, (12, 3, 2)),
    "Borders": (borders, (3, 5, 4)),
    "Parts": (parts, (6, 4, 5)),
    "Randoms": (randoms, (5, 3, 4)),
}


def difference(found, expected):
    """The largest difference relative to the largest magnitude."""
    expected = expected.detach().reshape(-1)
    assert found.numel() == expected.numel(), f"{found.numel()} elements, expected {expected.numel()}"
    worst = (found.double() - expected).abs().max().item()
    return worst / expected.abs().max().item() if worst > 0 else 0.0


def word_of(output):
    """The longest word that the output's name begins with."""
    words = [word for word in WORDS if output.startswith(f"{word}_")]
    assert words, f"{output} is called after no word"
    return max(words, key=len)


def run(build, inputs, tensors, results, training):
    """For each output its name, itself, and the names of the tensors behind it."""
    values = Values(tensors, results, training)
    outputs = []
    for name, output in build(inputs, values):
        outputs.append((name, output, values.taken))
        values.taken = []
    return outputs


def load(path):
    tensors = {name: tensor.double() for name, tensor in load_file(path).items()}
    learnt = {name: tensor for name, tensor in tensors.items() if not name.startswith("optimizer.")}
    for name, tensor in learnt.items():
        tensor.requires_grad_("running" not in name)
    return learnt


def compare(network, folder):
    """Yields word, evaluation, gradients and running statistics of each output."""
    build, shape = NETWORKS[network]
    tensors = load(folder / f"{network}.safetensors")
    results = load_file(folder / f"{network}.step.safetensors")
    inputs = results["input.0"].double().view(-1, *shape)
    evaluated = run(build, inputs, tensors, results, training=False)
    trained = run(build, inputs, tensors, results, training=True)
    targets = [results[f"target.{index}"].double() for index in range(len(trained))]
    losses = [F.mse_loss(output, t.view_as(output)) for (_, output, _), t in zip(trained, targets)]
    sum(losses).backward()
    unused = set(tensors) - {name for _, _, names in trained for name in names}
    assert not unused, f"{network} has {unused} besides"
    for index, ((name, output, names), (_, evaluation, _)) in enumerate(zip(trained, evaluated)):
        gradients = [difference(results[f"gradient.{n}"], tensors[n].grad) for n in names if "running" not in n]
        running = [difference(results[f"after.{n}"], tensors[n]) for n in names if "running" in n]
        yield word_of(name), difference(results[f"output.{index}"], evaluation), max(gradients), max(running, default=None)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "target/dump")
    rows = {word: [] for word in WORDS}
    for network in NETWORKS:
        for word, *differences in compare(network, folder):
            rows[word].append(differences)
    print(f"{'word':18}{'settings':>9}{'evaluation':>12}{'gradients':>12}{'running':>12}")
    failed = []
    for word, settings in rows.items():
        assert settings, f"no network has {word}"
        worst = [max((d for d in column if d is not None), default=None) for column in zip(*settings)]
        cells = (f"{value:12.1e}" if value is not None else f"{'':12}" for value in worst)
        print(f"{word:18}{len(settings):9}", *cells, sep="")
        if max(value for value in worst if value is not None) > TOLERANCE:
            failed.append(word)
    if failed:
        sys.exit(f"these differ: {' '.join(failed)}")


if __name__ == "__main__":
    main()

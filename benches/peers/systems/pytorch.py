"""PyTorch: eager, with channels-last tensors, or compiled."""

import torch
from torch import nn
from torch.nn import functional

from worker import main


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Model:
    version = torch.__version__

    def __init__(self, request):
        torch.set_num_threads(request.threads)
        self.net = sequence(request.layers, request.parameters, request.states)
        self.inputs = torch.from_numpy(request.inputs)
        self.labels = torch.from_numpy(request.labels)
        if request.form == "channels-last" and self.inputs.dim() == 4:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.inputs = self.inputs.contiguous(memory_format=torch.channels_last)
        self.first = self.inputs[:1].clone()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.0, momentum=0.9)
        self.forward = self.net
        if request.form == "compiled":
            # Constant weights may be folded and packed in evaluation.
            torch._inductor.config.freezing = True
            self.forward = torch.compile(self.net)

    def train_step(self, rate):
        self.set_mode(True)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self.forward(self.inputs), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self):
        return self.infer(self.inputs)

    def latency(self):
        return self.infer(self.first)

    def infer(self, inputs):
        self.set_mode(False)
        with torch.inference_mode():
            return self.forward(inputs).numpy()

    def set_mode(self, training):
        if self.net.training != training:
            self.net.train(training)


def sequence(layers, parameters, states):
    return nn.Sequential(*(module(layer, parameters, states) for layer in layers))


def module(layer, parameters, states):
    match layer["kind"]:
        case "conv":
            sizes = (layer["inputs"], layer["outputs"], layer["kernel"], layer["stride"], layer["pad"])
            return filled(nn.Conv2d(*sizes, bias=layer["bias"]), parameters)
        case "linear":
            return filled(nn.Linear(layer["inputs"], layer["outputs"]), parameters)
        case "bn":
            norm = filled(nn.BatchNorm2d(layer["channels"]), parameters)
            for buffer in (norm.running_mean, norm.running_var):
                fill(buffer, states)
            return norm
        case "relu":
            return nn.ReLU(inplace=True)
        case "pool":
            return nn.MaxPool2d(layer["kernel"], layer["stride"], layer["pad"])
        case "gap":
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case "flatten":
            return nn.Flatten()
        case "residual":
            body = sequence(layer["body"], parameters, states)
            shortcut = sequence(layer["shortcut"], parameters, states)
            return Residual(body, shortcut)


def filled(layer, values):
    for parameter in layer.parameters():
        fill(parameter, values)
    return layer


def fill(tensor, values):
    taken = values.take(list(tensor.shape))
    if taken is not None:
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(taken))


if __name__ == "__main__":
    main(Model)

"""Writes a network as ONNX, for one batch size, as exporters do for evaluation: batch norm is folded into
the convolution before it, so that no runtime pays for it."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

EPSILON = 1e-5
# Read by every runtime measured.
OPSET = 17


def write(network, values, batch, path):
    """Writes the network with its values for batches of `batch`."""
    writer = Writer(np.fromfile(values.parameters, "<f4"), np.fromfile(values.states, "<f4"))
    output = writer.sequence(network.layers, "input")
    ports = [("input", [batch, *network.input]), (output, [batch, network.classes])]
    given, made = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in ports)
    graph = helper.make_graph(writer.nodes, network.name, [given], [made], writer.tensors)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class Writer:
    def __init__(self, parameters, states):
        self.parameters, self.states = iter_flat(parameters), iter_flat(states)
        self.nodes, self.tensors = [], []

    def sequence(self, layers, x):
        position = 0
        while position < len(layers):
            layer, position = layers[position], position + 1
            norm = layers[position] if position < len(layers) else {"kind": ""}
            if layer["kind"] == "conv" and norm["kind"] == "bn":
                position += 1
                x = self.convolution(layer, x, norm)
            else:
                x = self.layer(layer, x)
        return x

    def layer(self, layer, x):
        match layer["kind"]:
            case "conv":
                return self.convolution(layer, x, None)
            case "linear":
                weight = self.tensor(self.parameters([layer["outputs"], layer["inputs"]]))
                return self.node("Gemm", [x, weight, self.tensor(self.parameters([layer["outputs"]]))], transB=1)
            case "relu":
                return self.node("Relu", [x])
            case "pool":
                return self.node("MaxPool", [x], **window(layer))
            case "gap":
                return self.node("Flatten", [self.node("GlobalAveragePool", [x])])
            case "flatten":
                return self.node("Flatten", [x])
            case "residual":
                body = self.sequence(layer["body"], x)
                return self.node("Add", [body, self.sequence(layer["shortcut"], x)])
            case kind:
                raise ValueError(f"no way to write `{kind}` on its own")

    def convolution(self, layer, x, norm):
        outputs = layer["outputs"]
        weight = self.parameters([outputs, layer["inputs"], layer["kernel"], layer["kernel"]])
        bias = self.parameters([outputs]) if layer["bias"] else np.zeros(outputs, np.float32)
        if norm is not None:
            scale, shift = self.parameters([outputs]), self.parameters([outputs])
            mean, variance = self.states([outputs]), self.states([outputs])
            factor = scale / np.sqrt(variance + EPSILON)
            weight, bias = weight * factor[:, None, None, None], (bias - mean) * factor + shift
        return self.node("Conv", [x, self.tensor(weight), self.tensor(bias)], **window(layer))

    def tensor(self, values):
        name = f"w{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, operation, inputs, **attributes):
        output = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output


def window(layer):
    size, stride, pad = [layer["kernel"]] * 2, [layer["stride"]] * 2, [layer["pad"]] * 4
    return {"kernel_shape": size, "strides": stride, "pads": pad}


def iter_flat(numbers):
    """A function that takes the next tensor of a shape from a flat list."""
    position = 0

    def take(shape):
        nonlocal position
        start, position = position, position + int(np.prod(shape))
        return numbers[start:position].reshape(shape)

    return take

"""Weights, running statistics, inputs and labels, the same for every system: flat files of numbers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .networks import walk


@dataclass(frozen=True)
class Values:
    """Paths of the files: float32, and for the labels int32."""

    parameters: Path
    states: Path
    inputs: Path
    labels: Path


def write(network, folder):
    """Writes the values of a network into a folder."""
    random = np.random.default_rng(1)
    values = Values(*(folder / f"{network.name}.{kind}" for kind in ("parameters", "states", "inputs", "labels")))
    parameters, states = model_values(network.layers, random)
    save(values.parameters, parameters)
    save(values.states, states)
    save(values.inputs, [random.standard_normal([network.batch, *network.input])])
    random.integers(0, network.classes, network.batch).astype("<i4").tofile(values.labels)
    return values


def model_values(layers, random):
    """He's initial weights; biases, scales and statistics that a mistake cannot hide behind."""
    parameters, states = [], []
    for layer in walk(layers):
        match layer["kind"]:
            case "conv":
                shape = [layer["outputs"], layer["inputs"], layer["kernel"], layer["kernel"]]
                parameters.append(he(random, shape))
                if layer["bias"]:
                    parameters.append(random.normal(0.0, 0.1, layer["outputs"]))
            case "linear":
                parameters.append(he(random, [layer["outputs"], layer["inputs"]]))
                parameters.append(random.normal(0.0, 0.1, layer["outputs"]))
            case "bn":
                parameters.append(random.uniform(0.8, 1.2, layer["channels"]))
                parameters.append(random.normal(0.0, 0.1, layer["channels"]))
                states.append(random.normal(0.0, 0.1, layer["channels"]))
                states.append(random.uniform(0.8, 1.2, layer["channels"]))
    return parameters, states


def he(random, shape):
    return random.normal(0.0, np.sqrt(2.0 / np.prod(shape[1:])), shape)


def save(path, arrays):
    flat = [np.asarray(array, dtype="<f4").ravel() for array in arrays]
    (np.concatenate(flat) if flat else np.zeros(0, "<f4")).tofile(path)

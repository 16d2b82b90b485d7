"""The child's side of the protocol: a line of JSON in, a line of JSON out.

`load` builds a network; `train` makes steps and tells their losses; `predict` writes the outputs for the
whole batch; `time` runs one of the measures again and again and tells the milliseconds of each run.
`benches/peers/rust/protocol` is the same for Rust.
"""

import json
import os
import sys
import time

import numpy as np

# Small enough that hours of steps on one batch leave the weights where they were.
LEARNING_RATE = 1e-6


class Values:
    """The numbers of a flat file, one tensor after the other."""

    def __init__(self, path):
        self.numbers = None if path is None else np.fromfile(path, "<f4")
        self.next = 0

    def take(self, shape):
        """The next tensor, or none where the system is to initialise its own."""
        if self.numbers is None:
            return None
        start, self.next = self.next, self.next + int(np.prod(shape))
        return self.numbers[start : self.next].reshape(shape).copy()


class Request:
    """What to load."""

    def __init__(self, message):
        self.network = message["network"]
        self.layers = self.network["layers"]
        self.batch = message["batch"]
        self.threads = message["threads"]
        self.form = message["form"]
        self.precision = message["precision"]
        self.onnx = message["onnx"]
        self.parameters = Values(message["parameters"])
        self.states = Values(message["states"])
        self.inputs = np.fromfile(message["inputs"], "<f4").reshape([self.batch, *self.network["input"]])
        self.labels = np.fromfile(message["labels"], "<i4").astype(np.int64)


def main(load):
    """Serves requests for ever. `load(Request)` gives a model with `version`, `train_step(rate)`,
    `evaluate()` and `latency()`; a system that cannot train leaves `train_step` out, one that works
    behind the program's back has `finish()`, which waits for it."""
    # What libraries print goes to the log, not into the protocol.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    model = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["do"] == "load":
                model = load(Request(message))
                reply = {"version": model.version}
            else:
                reply = answer(model, message)
        except Exception as error:  # The driver reports it and goes on with the other systems.
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


def answer(model, message):
    match message["do"]:
        case "predict":
            outputs = model.outputs() if hasattr(model, "outputs") else model.evaluate()
            np.asarray(outputs, dtype="<f4").tofile(message["output"])
            return {}
        case "train":
            return {"losses": [float(model.train_step(message["rate"])) for _ in range(message["steps"])]}
        case "time":
            finish = getattr(model, "finish", lambda: None)
            return {"milliseconds": measure(work(model, message["what"]), finish, message)}


def work(model, what):
    match what:
        case "training":
            return lambda: model.train_step(LEARNING_RATE)
        case "evaluation":
            return model.evaluate
        case "latency":
            return model.latency


def measure(run, finish, message):
    """Milliseconds of one run, for each group of runs."""
    for _ in range(message["warm_up"]):
        run()
    finish()
    milliseconds = []
    for _ in range(message["repetitions"]):
        start = time.perf_counter()
        for _ in range(message["group"]):
            run()
        finish()
        milliseconds.append((time.perf_counter() - start) * 1e3 / message["group"])
    return milliseconds

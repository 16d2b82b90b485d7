"""Checks the systems against each other and times them.

Every measure goes round robin: each system in its turn runs for a fraction of a second, then the next,
and so on for as many rounds as asked, so that whatever disturbs the machine disturbs all alike.
"""

import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import onnx_files, values
from .child import Child, Failure

# What is timed in a loop.
LOOPS = ("training", "evaluation", "latency")
MEASURES = (*LOOPS, "start", "memory")
# Relative to the largest output, respectively to the loss: TF32 and f16 have 10 bits, bf16 has 7.
TOLERANCES = {"f32": 1e-3, "tf32": 1e-2, "bf16": 1e-1, "f16": 1e-2}
CHECK_RATE = 0.01
CHECK_STEPS = 3


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    systems: list
    measures: list
    repetitions: int
    turn_seconds: float
    start_repetitions: int
    threads: int
    device: str
    precision: str
    # Runs between two looks at the clock: a GPU works behind the program's back, and is waited for at
    # the end of each group.
    group: int


class Results:
    """What was measured of one network: samples by system and measure, and what went wrong."""

    def __init__(self, network):
        self.network = network
        self.samples = {}
        self.versions = {}
        self.failures = {}

    def add(self, system, measure, samples):
        self.samples.setdefault(system.name, {}).setdefault(measure, []).extend(samples)

    def fail(self, system, what, failure):
        self.failures[f"{system.name}, {what}"] = str(failure)

    def median(self, system, measure):
        samples = self.samples.get(system, {}).get(measure)
        return statistics.median(samples) if samples else None


class Session:
    """One network: its values on disk, and the children that have loaded it."""

    def __init__(self, network, plan, programs, say):
        self.network, self.plan, self.programs, self.say = network, plan, programs, say
        self.results = Results(network)

    def run(self):
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self.values = values.write(self.network, self.folder)
            self.onnx = {"batch": str(self.folder / "batch.onnx"), "one": str(self.folder / "one.onnx")}
            for size, batch in (("batch", self.network.batch), ("one", 1)):
                onnx_files.write(self.network, self.values, batch, self.onnx[size])
            self.loops()
            if "start" in self.plan.measures:
                self.starts()
            if "memory" in self.plan.measures:
                self.memory()
        return self.results

    def loops(self):
        """Loads every system, checks them, and times them in turns."""
        measures = [measure for measure in LOOPS if measure in self.plan.measures]
        children = []
        try:
            for system in self.plan.systems if measures else []:
                self.say(f"{self.network.name}: {system.name} loads")
                children.append(child := self.child(system))
                self.attempt(child, "load", lambda: self.load(child))
            loaded = [child for child in children if child.system.name in self.results.versions]
            correct, trained = self.check(loaded)
            for measure in measures:
                self.say(f"{self.network.name}: {measure}")
                self.time(trained if measure == "training" else correct, measure)
        finally:
            for child in children:
                child.close()

    def child(self, system, **environment):
        return Child(system, self.programs, self.plan.threads, environment)

    def load(self, child, given=True):
        """Loads the network, with the common values or with the system's own."""
        message = {
            "do": "load",
            "network": self.network.as_json(),
            "batch": self.network.batch,
            "threads": self.plan.threads,
            "form": child.system.form,
            "device": self.plan.device,
            "precision": self.plan.precision,
            "onnx": self.onnx,
            "parameters": str(self.values.parameters) if given else None,
            "states": str(self.values.states) if given else None,
            "inputs": str(self.values.inputs),
            "labels": str(self.values.labels),
        }
        self.results.versions[child.system.name] = child.ask(message)["version"]

    def attempt(self, child, what, action):
        """The action's result, or none, and its failure among the results."""
        try:
            return action()
        except Failure as failure:
            self.results.fail(child.system, what, failure)
            return None
        finally:
            child.pause()

    def check(self, children):
        """The systems whose outputs agree with those of the first one, and the ones among them whose losses
        of the first steps do, which takes right gradients and updates."""
        outputs = {child: self.attempt(child, "evaluation", lambda: self.predict(child)) for child in children}
        losses = {
            child: self.attempt(child, "training", lambda: self.losses(child))
            for child in children
            if child.system.trains and "training" in self.plan.measures
        }
        correct = [child for child in children if outputs[child] is not None]
        correct = self.agreeing(correct, "evaluation", outputs)
        trained = [child for child in correct if losses.get(child) is not None]
        return correct, self.agreeing(trained, "training", losses)

    def agreeing(self, children, what, found):
        if not children:
            return []
        reference, agreed = children[0], []
        tolerance = TOLERANCES[self.plan.precision]
        for child in children:
            error = relative_error(found[child], found[reference])
            self.results.add(child.system, f"{what} error", [error])
            excuse = child.system.other_losses if what == "training" and np.isfinite(error) else ""
            if error <= tolerance or excuse:
                agreed.append(child)
            if error > tolerance:
                text = f"differs from {reference.system.name} by {error:.1e} of the largest value"
                self.results.fail(child.system, what, f"{text}; timed all the same: {excuse}" if excuse else text)
        return agreed

    def predict(self, child):
        path = self.folder / f"{child.system.name}.outputs"
        child.ask({"do": "predict", "output": str(path)})
        return np.fromfile(path, "<f4")

    def losses(self, child):
        message = {"do": "train", "steps": CHECK_STEPS, "rate": CHECK_RATE}
        return np.array(child.ask(message)["losses"])

    def time(self, children, measure):
        repetitions = {}
        for child in children:
            # The first run compiles and allocates, the second tells how long the others will take.
            found = self.attempt(child, measure, lambda: self.turn(child, measure, 2, 1))
            if found:
                repetitions[child] = min(max(round(self.plan.turn_seconds * 1e3 / found[0] / self.plan.group), 1), 500)
        order = random.Random(0)
        for _ in range(self.plan.repetitions):
            turns = list(repetitions)
            order.shuffle(turns)
            for child in turns:
                count = repetitions[child]
                samples = self.attempt(child, measure, lambda: self.turn(child, measure, 1 + count // 10, count))
                self.results.add(child.system, measure, samples or [])

    def turn(self, child, measure, warm_up, repetitions):
        message = {"do": "time", "what": measure, "warm_up": warm_up, "repetitions": repetitions}
        return child.ask({**message, "group": self.plan.group})["milliseconds"]

    def starts(self):
        """From the start of a process to the end of its first step, or first evaluation."""
        self.say(f"{self.network.name}: starts")
        for repetition in range(self.plan.start_repetitions):
            for system in self.plan.systems:
                if repetition > 0 and system.slow_start:
                    continue
                with tempfile.TemporaryDirectory() as cache:
                    # A cold process is one whose compiler has not seen the network before.
                    with self.child(system, TORCHINDUCTOR_CACHE_DIR=cache) as child:
                        milliseconds = self.attempt(child, "start", lambda: self.first_step(child))
                if milliseconds is not None:
                    self.results.add(system, "start", [milliseconds])

    def first_step(self, child):
        self.load(child, given=False)
        self.steps(child, 1)
        return (time.perf_counter() - child.started) * 1e3

    def memory(self):
        """The most that a process ever holds which trains, and one that evaluates."""
        self.say(f"{self.network.name}: memory")
        for system in self.plan.systems:
            kinds = ("training memory", "evaluation memory") if system.trains else ("evaluation memory",)
            for kind in kinds:
                with self.child(system) as child:
                    peak = self.attempt(child, kind, lambda: self.peak(child, kind))
                if peak is not None:
                    self.results.add(system, kind, [peak])

    def peak(self, child, kind):
        self.load(child)
        if kind == "training memory":
            child.ask({"do": "train", "steps": 5, "rate": CHECK_RATE})
        else:
            self.turn(child, "evaluation", 0, 5)
        return child.peak_memory()

    def steps(self, child, count):
        if child.system.trains:
            child.ask({"do": "train", "steps": count, "rate": CHECK_RATE})
        else:
            self.turn(child, "evaluation", 0, count)


def relative_error(found, wanted):
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())

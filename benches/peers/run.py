#!/usr/bin/env python3
"""Measures nnc and its peers on this machine, in one run, taking turns.

    benches/peers/run.py

`README.md` beside it says what is measured and how.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import environment
from harness.systems import systems as systems_of

# Runs between two looks at the clock.
GROUPS = {"cpu": 1, "cuda": 20}
MEASURES = ["training", "evaluation", "latency", "start", "memory", "build"]
NETWORKS = ["vgg32", "seed224", "mlp", "resnet20", "lenet", "resnet18"]


def main():
    options = arguments()
    if not options.inside:
        environment.enter(options.python, options.pip.split())
    # Needs the packages of the environment.
    from harness import measure, networks, report

    systems = [system for system in systems_of(options.device) if system.name in options.systems]
    packages = [system.package for system in systems if system.package]
    rust = options.programs
    if packages and not rust:
        rust = environment.build(packages, options.native, options.device)
    programs = environment.Programs(Path(sys.executable), rust)
    plan = measure.Plan(
        systems=systems,
        measures=options.measures,
        repetitions=options.repetitions,
        turn_seconds=0.05 if options.quick else 0.3,
        start_repetitions=1 if options.quick else 5,
        threads=options.threads,
        device=options.device,
        precision=options.precision,
        group=GROUPS[options.device],
    )
    machine = environment.machine()
    chosen = [network for network in networks.NETWORKS if network.name in options.networks]
    if options.batches:
        chosen = [replace(network, batch=batch) for network in chosen for batch in options.batches]
    results = [measure.Session(network, plan, programs, say).run() for network in chosen]
    builds = clean_builds(systems, options) if "build" in options.measures else {}
    print(heading(machine, results, options))
    print(report.tables(results, systems, builds))
    if options.json:
        save(options, machine, results, builds)


def arguments():
    parser = argparse.ArgumentParser(description="Measures nnc and its peers, taking turns.")
    names = list({system.name: None for device in GROUPS for system in systems_of(device)})
    listed(parser, "--networks", NETWORKS, "networks to run")
    listed(parser, "--systems", names, "systems to run; the first one is what the others are checked against")
    listed(parser, "--measures", MEASURES, "what to measure")
    parser.add_argument("--repetitions", type=int, help="turns of each system in each measure (default 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every system (default 2)")
    parser.add_argument("--quick", action="store_true", help="few and short turns, to see that all works")
    parser.add_argument("--device", choices=list(GROUPS), default="cpu", help="where to compute (default cpu)")
    precisions = ["f32", "tf32", "bf16", "f16"]
    parser.add_argument("--precision", choices=precisions, default="f32", help="on a GPU (default f32)")
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser.add_argument("--batches", type=numbers, default=[], help="instead of each network's own batch")
    parser.add_argument("--programs", type=Path, metavar="FOLDER", help="the Rust programs, built before")
    parser.add_argument("--native", action="store_true", help="build the Rust programs for this very processor")
    parser.add_argument("--json", metavar="FILE", help="write every sample to a file")
    parser.add_argument("--python", type=Path, help="an interpreter that has the Python systems already")
    parser.add_argument("--pip", default="", metavar="ARGUMENTS", help="further arguments of `pip install`")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.repetitions = options.repetitions or (2 if options.quick else 15)
    if options.device == "cuda":
        # Resident memory of the process says nothing about a GPU's, and builds are those of the processor.
        options.measures = [measure for measure in options.measures if measure not in ("memory", "build")]
    available = len(os.sched_getaffinity(0))
    if options.threads > available:
        parser.error(f"{options.threads} threads on {available} processors would measure the scheduler")
    return options


def listed(parser, option, known, text):
    """An option that takes some of the known names, separated by commas."""

    def parse(value):
        names = value.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return names

    parser.add_argument(option, type=parse, default=known, metavar="NAMES", help=f"{text} ({','.join(known)})")


def clean_builds(systems, options):
    builds = {}
    for system in systems:
        if system.package:
            say(f"clean build: {system.name}")
            builds[system.name] = environment.clean_build(system, options.native)
    return builds


def heading(machine, results, options):
    versions = {name: version for result in results for name, version in result.versions.items()}
    listing = ", ".join(f"{name} {version}" for name, version in versions.items())
    where = f"{machine['gpu']}, {options.precision}, " if options.device == "cuda" else ""
    return (
        f"{where}{machine['processor']}, {options.threads} threads, load {machine['load']:.1f} at the start; "
        f"medians of {options.repetitions} turns. {listing}.\n"
    )


def save(options, machine, results, builds):
    networks = {
        result.network.name: {"samples": result.samples, "failures": result.failures, "versions": result.versions}
        for result in results
    }
    found = {"machine": machine, "threads": options.threads, "networks": networks, "builds": builds}
    Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Makes what is measured: a virtual environment with the Python systems, and the Rust programs."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).resolve().parent.parent
REPOSITORY = PEERS.parent.parent
NETWORKS = PEERS.parent / "networks"
ENVIRONMENT = PEERS / ".environment"


@dataclass(frozen=True)
class Programs:
    """Where the Python interpreter and the folder of the Rust programs are."""

    python: Path
    rust: Path


def enter(python, pip_arguments):
    """Goes on in an interpreter that has the Python systems, made first if need be."""
    if python is None:
        python = ENVIRONMENT / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        requirements = ["-r", str(PEERS / "requirements.txt"), *pip_arguments]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
    arguments = [str(python), *sys.argv, "--inside"]
    os.execv(arguments[0], arguments)


def build(packages, native, device):
    """Builds the Rust programs; gives the folder that they are in."""
    workspace = ["--manifest-path", str(PEERS / "rust" / "Cargo.toml")]
    chosen = [argument for package in packages for argument in ("-p", package)]
    chosen += ["--features", "peer-ours/cuda"] if device == "cuda" else []
    subprocess.run(["cargo", "build", "--release", *workspace, *chosen], check=True, env=flags(native))
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", *workspace]
    found = subprocess.run(metadata, check=True, capture_output=True, text=True).stdout
    return Path(json.loads(found)["target_directory"]) / "release"


def flags(native):
    """A default build, or one for this very processor."""
    return {**os.environ, "RUSTFLAGS": "-C target-cpu=native"} if native else dict(os.environ)


def clean_build(system, native):
    """Seconds of wall clock and of processors to build a user's program from nothing but the downloaded
    sources: for nnc the crate that it generates, for the others the program that is measured."""
    with tempfile.TemporaryDirectory() as folder:
        if system.package == "peer-ours":
            manifest = generated(Path(folder) / "generated")
            chosen = []
        else:
            manifest = PEERS / "rust" / "Cargo.toml"
            chosen = ["-p", system.package]
        workspace = ["--manifest-path", str(manifest)]
        subprocess.run(["cargo", "fetch", *workspace], check=True, capture_output=True)
        where = ["--offline", "--target-dir", str(Path(folder) / "target")]
        before, start = processor_seconds(), time.perf_counter()
        command = ["cargo", "build", "--release", *workspace, *chosen, *where]
        subprocess.run(command, check=True, capture_output=True, env=flags(native))
        return time.perf_counter() - start, processor_seconds() - before


def generated(folder):
    """The manifest of a crate as users get it."""
    model = str(NETWORKS / "vgg32.nn")
    nnc = ["cargo", "run", "--quiet", "--release", "--package", "nnc-cli", "--"]
    subprocess.run([*nnc, model, "-o", str(folder)], check=True, cwd=REPOSITORY, capture_output=True)
    return folder / "Cargo.toml"


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def machine():
    """What the figures depend on."""
    with open("/proc/cpuinfo") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    found = {"processor": model, "processors": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    return {**found, "gpu": gpu()}


def gpu():
    """Name and driver of the first GPU, as the driver's own tool tells them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "no GPU"
    return found.splitlines()[0].replace(",", ", driver")

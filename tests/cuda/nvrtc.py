#!/usr/bin/env python3
"""Compiles CUDA kernels with NVRTC, which needs no GPU, and reports what the compiler made of them.

    cargo run -p nnc-codegen --example kernels -- /tmp/kernels examples/*.nn examples/gallery/*.nn
    python3 tests/cuda/nvrtc.py /tmp/kernels --arch sm_80 sm_90 sm_90a --real 0 1 2

For each kernel of the folder, each architecture and each type of activations (0: float, 1: bf16,
2: f16): registers, shared memory, spills, and products on the tensor cores (in PTX). Exits with an error if a
kernel does not compile, if one spills registers, or if one whose name says `mma` has no such product.
Equal texts are compiled once. NVRTC is looked for in `--library`, then in the wheels of the running Python.
"""

import argparse
import ctypes
import multiprocessing
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REALS = {0: "float", 1: "bf16", 2: "f16"}


def find_library(given):
    """The path of NVRTC: as given, or that of a wheel."""
    if given:
        return Path(given)
    for folder in map(Path, sys.path):
        for path in sorted(folder.glob("nvidia/*/lib/libnvrtc.so.*"), reverse=True):
            if "builtins" not in path.name:
                return path
    sys.exit("no libnvrtc.so in the wheels of this Python: install nvidia-cuda-nvrtc or give --library")


def load(path):
    """NVRTC, with its builtins loaded before it, since it finds them by name alone."""
    for builtins in sorted(path.parent.glob("libnvrtc-builtins.so.*")):
        ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def text_of(nvrtc, program, what):
    """The log or PTX of a program."""
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode(errors="replace")


def compile_text(nvrtc, text, arch):
    """Whether it compiled, the log, and the PTX."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
    # The options of the runtime (runtime/src/devices/cuda/compile/unit.rs), and the report.
    options = [f"--gpu-architecture={arch}", "--std=c++17", "--prec-div=false", "--prec-sqrt=false"]
    options = [option.encode() for option in [*options, "--ptxas-options=-v"]]
    result = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    log = text_of(nvrtc, program, "ProgramLog")
    ptx = text_of(nvrtc, program, "PTX") if result == 0 else ""
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return result == 0, log, ptx


def number(pattern, text):
    """The number that follows from a pattern; 0 if it does not occur."""
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


def measure(job):
    """One kernel for one architecture and type."""
    library, name, text, arch, real = job
    head = (ROOT / "runtime/src/emitted/cuda/prelude.cuh").read_text()
    common = (ROOT / "runtime/src/emitted/cuda/common.h").read_text()
    source = f"#define REAL {real}\n{head}\n{common}\n{text}"
    compiled, log, ptx = compile_text(load(library), source, arch)
    return {
        "name": name,
        "arch": arch,
        "real": REALS[real],
        "compiled": compiled,
        "log": log,
        "registers": number(r"Used (\d+) registers", log),
        "spills": number(r"(\d+) bytes spill stores", log) + number(r"(\d+) bytes spill loads", log),
        "stack": number(r"(\d+) bytes stack frame", log),
        "shared": number(r"(\d+) bytes smem", log),
        "mma": len(re.findall(r"\bmma\.sync", ptx)),
    }


def mistakes(row):
    """What is wrong with a kernel, in words."""
    if not row["compiled"]:
        yield "does not compile:\n" + row["log"]
    if row["spills"]:
        yield f"spills {row['spills']} bytes"
    if row["compiled"] and "_mma_" in row["name"] and row["mma"] == 0:
        yield "has no product on the tensor cores"


def jobs_of(arguments):
    """All that is to be compiled; equal texts once."""
    library = find_library(arguments.library)
    seen = set()
    for path in sorted(Path(arguments.folder).rglob("*.cu")):
        text = path.read_text()
        key = text.replace(f"({path.stem},", "(kernel,")
        if key in seen or (arguments.only and not re.search(arguments.only, path.stem)):
            continue
        seen.add(key)
        name = str(path.relative_to(arguments.folder).with_suffix(""))
        for arch in arguments.arch:
            for real in arguments.real:
                yield library, name, text, arch, real


def summary(rows):
    """A table row per architecture and type, of all kernels and of those on tensor cores."""
    print(f"{'arch':8}{'real':7}{'kernels':>8}{'failed':>8}{'spilling':>9}{'most registers':>15}{'on tensor cores':>16}{'their registers':>16}")
    for arch, real in sorted({(row["arch"], row["real"]) for row in rows}):
        own = [row for row in rows if (row["arch"], row["real"]) == (arch, real)]
        tensor = [row for row in own if row["mma"]]
        most, theirs = (max((row["registers"] for row in of), default=0) for of in (own, tensor))
        failed, spilling = sum(not row["compiled"] for row in own), sum(row["spills"] > 0 for row in own)
        print(f"{arch:8}{real:7}{len(own):8}{failed:8}{spilling:9}{most:15}{len(tensor):16}{theirs:16}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="kernels, as `--example kernels` writes them")
    parser.add_argument("--arch", nargs="+", default=["sm_80", "sm_90", "sm_90a"])
    parser.add_argument("--real", nargs="+", type=int, choices=REALS, default=[0, 1, 2])
    parser.add_argument("--only", help="a pattern of the kernels' names")
    parser.add_argument("--library", help="path of libnvrtc.so.*")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--verbose", action="store_true", help="a line per kernel")
    arguments = parser.parse_args()
    with multiprocessing.Pool(arguments.jobs) as pool:
        rows = pool.map(measure, list(jobs_of(arguments)), chunksize=4)
    if not rows:
        sys.exit("no kernels there")
    for row in rows:
        if arguments.verbose:
            print(f"{row['name']} {row['arch']} {row['real']}: {row['registers']} registers, {row['shared']} bytes shared, "
                  f"{row['stack']} bytes stack, {row['spills']} bytes spilled, {row['mma']} mma")
        for mistake in mistakes(row):
            print(f"{row['name']} {row['arch']} {row['real']}: {mistake}")
    summary(rows)
    sys.exit(any(mistake for row in rows for mistake in mistakes(row)))


if __name__ == "__main__":
    main()

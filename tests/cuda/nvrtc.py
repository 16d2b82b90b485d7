#!/usr/bin/env python3
"""Compiles CUDA kernels with NVRTC, which needs no GPU, and reports what the compiler made of them.

    cargo run -p nnc-codegen --example kernels -- /tmp/kernels examples/*.nn examples/gallery/*.nn
    python3 tests/cuda/nvrtc.py /tmp/kernels --arch sm_80 sm_90 sm_90a --real 0 1 2

For each kernel of the folder, each architecture and each type of activations (0: float, 1: bf16,
2: f16): registers, shared memory, spills, and products on the tensor cores (in PTX). Exits with an error if a
kernel does not compile, if one spills registers, or if one whose name says `mma` has no such product. The
table at the end has a line per class of kernels. Equal texts are compiled once. NVRTC is looked for in `--library`, then in the wheels of the running Python.
"""

import argparse
import ctypes
import multiprocessing
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REALS = {0: "float", 1: "bf16", 2: "f16"}
# Kernels of one compilation: what each brings with it takes longer than a small kernel.
TOGETHER = 16


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


def class_of(name, text):
    """What kind of work a kernel does: its name ends with the way of a product, or its text says it."""
    for way in "mma", "simt", "depthwise":
        if re.search(rf"_{way}(_|$)", name):
            return f"products: {way}"
    # Threads that speak to each other reduce, or transpose.
    together = re.search(r"\b(barrier|shuffle_xor|block_sum|row_sum|row_max)\(", text)
    return "reductions" if together else "element-wise"


def parts_of(text, pattern):
    """What stands behind each occurrence of a kernel's name, by the name."""
    parts = re.split(pattern, text)
    return {name: part for name, part in zip(parts[1::2], parts[2::2])}


def measure(job):
    """Kernels of one model for one architecture and type, in one text as in the runtime."""
    library, folder, names, arch, real = job
    head = (ROOT / "runtime/src/emitted/cuda/prelude.cuh").read_text()
    common = (ROOT / "runtime/src/emitted/cuda/common.h").read_text()
    texts = {name: (folder / f"{name}.cu").read_text() for name in names}
    source = "\n".join([f"#define REAL {real}", head, common, *texts.values()])
    compiled, log, ptx = compile_text(load(library), source, arch)
    if not compiled and len(names) > 1:
        return [row for name in names for row in measure((library, folder, [name], arch, real))]
    logs = parts_of(log, r"Compiling entry function '(\w+)'")
    products = parts_of(ptx, r"\.entry (\w+)\(")
    return [row_of(folder, name, texts[name], arch, real, compiled, logs.get(name, log), products.get(name, "")) for name in names]


def row_of(folder, name, text, arch, real, compiled, log, ptx):
    """What is known of one kernel."""
    return {
        "name": f"{folder.name}/{name}",
        "class": class_of(name, text),
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
    if row["compiled"] and row["registers"] == 0:
        yield "is not in the compiler's report:\n" + row["log"]
    if row["spills"]:
        yield f"spills {row['spills']} bytes"
    if row["compiled"] and row["class"] == "products: mma" and row["mma"] == 0:
        yield "has no product on the tensor cores"


def jobs_of(arguments):
    """All that is to be compiled, a few kernels of a model at a time; equal texts once."""
    library = find_library(arguments.library)
    seen, chosen = set(), {}
    for path in sorted(Path(arguments.folder).rglob("*.cu")):
        text = path.read_text()
        key = text.replace(path.stem, "kernel")
        is_wanted = re.search(arguments.only, class_of(path.stem, text) + " " + path.stem)
        if key not in seen and is_wanted:
            seen.add(key)
            chosen.setdefault(path.parent, []).append(path.stem)
    every = arguments.every
    chosen = {folder: names[::every] for folder, names in chosen.items()}
    for arch in arguments.arch:
        for real in arguments.real:
            for folder, names in chosen.items():
                for first in range(0, len(names), TOGETHER):
                    yield library, folder, names[first : first + TOGETHER], arch, real


def summary(rows):
    """A line per architecture, type and class of kernels."""
    print(f"{'arch':8}{'real':7}{'class':21}{'kernels':>8}{'failed':>8}{'spilling':>9}{'bytes':>7}{'most registers':>15}{'on tensor cores':>16}")
    for arch, real, kind in sorted({(row["arch"], row["real"], row["class"]) for row in rows}):
        own = [row for row in rows if (row["arch"], row["real"], row["class"]) == (arch, real, kind)]
        failed, spilling = sum(not row["compiled"] for row in own), sum(row["spills"] > 0 for row in own)
        most_spilled, registers = (max(row[what] for row in own) for what in ("spills", "registers"))
        tensor = sum(row["mma"] > 0 for row in own)
        print(f"{arch:8}{real:7}{kind:21}{len(own):8}{failed:8}{spilling:9}{most_spilled:7}{registers:15}{tensor:16}")


def report(rows, verbose):
    """A line for every mistake, at once: all of a gallery takes hours."""
    for row in rows:
        if verbose:
            print(f"{row['name']} {row['arch']} {row['real']}: {row['registers']} registers, {row['shared']} bytes shared, "
                  f"{row['stack']} bytes stack, {row['spills']} bytes spilled, {row['mma']} mma")
        for mistake in mistakes(row):
            print(f"{row['name']} {row['arch']} {row['real']}: {mistake}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="kernels, as `--example kernels` writes them")
    parser.add_argument("--arch", nargs="+", default=["sm_80", "sm_90", "sm_90a"])
    parser.add_argument("--real", nargs="+", type=int, choices=REALS, default=[0, 1, 2])
    parser.add_argument("--only", default="", help="a pattern of the class and the name of kernels: `^(element|reduct)`, `_mma_`")
    parser.add_argument("--every", type=int, default=1, help="take only every so manieth kernel of a model")
    parser.add_argument("--library", help="path of libnvrtc.so.*")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--verbose", action="store_true", help="a line per kernel")
    arguments = parser.parse_args()
    with multiprocessing.Pool(arguments.jobs) as pool:
        rows = []
        for some in pool.imap(measure, jobs_of(arguments)):
            report(some, arguments.verbose)
            rows.extend(some)
    if not rows:
        sys.exit("no kernels there")
    summary(rows)
    sys.exit(any(mistake for row in rows for mistake in mistakes(row)))


if __name__ == "__main__":
    main()

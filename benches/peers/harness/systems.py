"""The systems that are measured, and how each is started."""

from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class System:
    name: str
    # The Python file, or the Rust package, whose program speaks the protocol.
    python: str = ""
    package: str = ""
    form: str = ""
    trains: bool = True
    # Why its losses are not those of the others though it does the same work; empty where they must be.
    other_losses: str = ""
    # Whether loading compiles for so long that a cold start is measured once.
    slow_start: bool = False
    # Settings that make it use a number of threads.
    threads: tuple = ()
    environment: dict = field(default_factory=dict)

    def command(self, programs):
        """The command line; `programs` says where Python and the Rust programs are."""
        if self.python:
            return [str(programs.python), str(HERE / "systems" / self.python)]
        return [str(programs.rust / self.package)]

    def variables(self, threads):
        return {**self.environment, **{name: str(threads) for name in self.threads}}


OURS = "nnc"
OPENMP = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

# As of 0.11: `Op::MaxPool2D` in its `backprop.rs`.
CANDLE_LOSSES = "its gradient of maximum pooling is divided by the size of the window"

CPU_SYSTEMS = [
    System(OURS, package="peer-ours"),
    System("pytorch", python="pytorch.py", threads=OPENMP),
    System("pytorch-channels-last", python="pytorch.py", form="channels-last", threads=OPENMP),
    System("pytorch-compiled", python="pytorch.py", form="compiled", threads=OPENMP, slow_start=True),
    System("jax", python="jax_system.py", environment={"JAX_PLATFORMS": "cpu"}),
    System("onnxruntime", python="onnx_runtime.py", trains=False),
    System("rten", package="peer-rten", trains=False, threads=("RTEN_NUM_THREADS",)),
    System("burn", package="peer-burn", threads=("RAYON_NUM_THREADS",)),
    System("candle", package="peer-candle", threads=("RAYON_NUM_THREADS",), other_losses=CANDLE_LOSSES),
]

# On a GPU: PyTorch with channels-last tensors throughout, eager, compiled, and compiled into CUDA graphs.
CUDA_SYSTEMS = [
    System(OURS, package="peer-ours"),
    System("pytorch", python="pytorch_cuda.py", form="eager"),
    System("pytorch-compiled", python="pytorch_cuda.py", form="max-autotune-no-cudagraphs", slow_start=True),
    System("pytorch-graphs", python="pytorch_cuda.py", form="max-autotune", slow_start=True),
]


def systems(device):
    return CUDA_SYSTEMS if device == "cuda" else CPU_SYSTEMS

//! Kernels, and short ways to start them.

use std::fs;
use std::path::{Path, PathBuf};

use nnc_runtime::devices::cuda::{Compiler, Context, CudaError, Function, Kernel, Memory, Real, Stream};

/// c = a + b.
pub(crate) const ADD: Kernel = Kernel {
    name: "add",
    text: "\
KERNEL(add, 64, 4)(const float *a, const float *b, float *c, int64 n) {
    int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
",
};

/// Every block turns its part of the numbers around, through dynamic shared memory.
pub(crate) const TURN: Kernel = Kernel {
    name: "turn",
    text: "\
KERNEL(turn, 128, 1)(float *a) {
    DYNAMIC_SHARED(float, part);
    float *mine = a + (int64)blockIdx.x * blockDim.x;
    part[threadIdx.x] = mine[threadIdx.x];
    barrier();
    mine[threadIdx.x] = part[blockDim.x - 1 - threadIdx.x];
}
",
};

/// Writes a number behind what it is given.
pub(crate) const STRAY: Kernel = Kernel {
    name: "stray",
    text: "\
KERNEL(stray, 32, 2)(float *a, int64 n) {
    if (threadIdx.x == 0) a[n] = 1.0f;
}
",
};

/// A GPU with its stream and the kernels above.
pub(crate) struct Gpu {
    pub(crate) context: Context,
    pub(crate) stream: Stream,
    pub(crate) functions: Vec<Function>,
}

impl Gpu {
    pub(crate) fn new() -> Result<Gpu, CudaError> {
        let context = Context::new(0)?;
        let stream = Stream::new(&context)?;
        let functions = Compiler::new(&context).compile(&[ADD, TURN, STRAY], Real::Float)?.functions;
        Ok(Gpu { context, stream, functions })
    }

    pub(crate) fn function(&self, name: &str) -> &Function {
        self.functions.iter().find(|function| function.name() == name).unwrap()
    }

    /// Memory with these numbers.
    pub(crate) fn numbers(&self, numbers: &[f32]) -> Result<Memory, CudaError> {
        let memory = Memory::new(&self.context, size_of_val(numbers))?;
        memory.write(0, &bytes(numbers), &self.stream)?;
        Ok(memory)
    }

    /// The numbers in memory, when the stream has come so far.
    pub(crate) fn read(&self, memory: &Memory) -> Result<Vec<f32>, CudaError> {
        let mut found = vec![0; memory.bytes()];
        memory.read(0, &mut found, &self.stream)?;
        Ok(found.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect())
    }

    /// c = a + b, in `stream`.
    pub(crate) fn add(&self, stream: &Stream, [a, b, c]: [&Memory; 3]) -> Result<(), CudaError> {
        let n = c.bytes() as u64 / 4;
        let arguments = [a.address(), b.address(), c.address(), n];
        let blocks = n.div_ceil(64) as u32;
        // SAFETY: the kernel takes three arrays of `n` numbers, which outlive the work in these tests.
        unsafe { stream.launch(self.function("add"), [blocks, 1, 1], 64, 0, &arguments) }
    }

    /// Turns parts of `threads` numbers around, with `shared` bytes of shared memory.
    pub(crate) fn turn(&self, memory: &Memory, threads: u32, shared: u32) -> Result<(), CudaError> {
        let blocks = memory.bytes() as u32 / 4 / threads;
        // SAFETY: the kernel takes one array of a number for each thread, which outlives the work in
        // these tests.
        unsafe {
            self.stream.launch(self.function("turn"), [blocks, 1, 1], threads, shared, &[memory.address()])
        }
    }

    /// Writes behind the end of `memory`.
    pub(crate) fn stray(&self, memory: &Memory) -> Result<(), CudaError> {
        let arguments = [memory.address(), memory.bytes() as u64 / 4];
        // SAFETY: it is not safe on purpose; the fake driver has a page there that catches it.
        unsafe { self.stream.launch(self.function("stray"), [1, 1, 1], 32, 0, &arguments) }
    }
}

pub(crate) fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// An empty folder of the case with this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuda-cases").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

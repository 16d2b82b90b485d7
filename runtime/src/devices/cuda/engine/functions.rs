//! The kernels of a network, compiled when they are first needed: of the ways to compute a product, most never run.

use crate::devices::cuda::{Compiler, Context, CudaError, Function, Kernel, Real};
use crate::emitted::cuda::{Cuda, Launch};

/// The kernels of a network.
pub(super) struct Functions {
    cuda: &'static Cuda,
    real: Real,
    compiler: Compiler,
    /// By their numbers.
    functions: Vec<Option<Function>>,
}

impl Functions {
    /// None is compiled yet.
    pub(super) fn new(context: &Context, cuda: &'static Cuda, real: Real) -> Functions {
        let functions = cuda.kernels.iter().map(|_| None).collect();
        Functions { cuda, real, compiler: Compiler::new(context).with_ahead(cuda.ahead), functions }
    }

    /// What compiles kernels for the GPU.
    pub(super) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// Compiles the kernels of `launches` that are not compiled yet.
    pub(super) fn compile(
        &mut self,
        launches: impl Iterator<Item = &'static Launch>,
    ) -> Result<(), CudaError> {
        let mut is_missing = vec![false; self.functions.len()];
        launches.for_each(|launch| is_missing[launch.kernel] = self.functions[launch.kernel].is_none());
        let missing: Vec<usize> = (0..is_missing.len()).filter(|&kernel| is_missing[kernel]).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let texts = self.cuda.texts();
        let kernel = |&kernel: &usize| Kernel { name: self.cuda.kernels[kernel].name, text: &texts[kernel] };
        let kernels: Vec<Kernel> = missing.iter().map(kernel).collect();
        let compiled = self.compiler.compile(&kernels, self.real)?;
        for (kernel, function) in missing.into_iter().zip(compiled.functions) {
            self.functions[kernel] = Some(function);
        }
        Ok(())
    }

    /// A kernel that has been compiled.
    pub(super) fn get(&self, kernel: usize) -> Option<&Function> {
        self.functions[kernel].as_ref()
    }
}

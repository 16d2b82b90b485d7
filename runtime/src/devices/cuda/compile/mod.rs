//! Kernel texts become functions on a GPU.
//!
//! A few texts are compiled together as a [`unit`], because most of the time goes into what comes with
//! every compilation: with NVRTC 13.2, 16 small kernels took 657 ms one by one and 269 ms as one text.
//! Units are compiled by several threads at once, which scales (1.9 times with two). They are cut by
//! number alone, and found again under the hash of all that goes into them: in what was compiled ahead
//! ([`Archive`]), in the user's cache ([`Cubins`]), or else made by NVRTC. Ahead of time nobody knows which kernels
//! will be asked for together, so there a kernel of a network is a unit of its own.

mod ahead;
mod cubins;
mod nvrtc;
mod unit;

use std::num::NonZero;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

pub use ahead::Archive;
pub(super) use ahead::{serves, unserved};
pub use cubins::Cubins;
pub(super) use nvrtc::FUNCTIONS;
pub use unit::{Kernel, Real};

use super::context::Context;
use super::error::{CudaError, CudaErrorKind};
use super::module::{Function, Module};
use crate::emitted::cuda::Ahead;
use unit::{Unit, units};

/// Makes functions of texts for one GPU.
pub struct Compiler {
    context: Context,
    ahead: &'static [Ahead],
    cache: Cubins,
}

/// Functions, and where they came from.
pub struct Compiled {
    /// In the order of the texts.
    pub functions: Vec<Function>,
    /// Units that NVRTC had to compile.
    pub compiled: usize,
    /// Units that were there already.
    pub found: usize,
}

impl Compiler {
    /// With the cache of the user.
    pub fn new(context: &Context) -> Compiler {
        Compiler { context: context.clone(), ahead: &[], cache: Cubins::of_user() }
    }

    /// Keeps what it compiles there instead.
    pub fn with_cache(self, cache: Cubins) -> Compiler {
        Compiler { cache, ..self }
    }

    /// Looks there first. For what it finds, NVRTC need not be installed.
    pub fn with_ahead(self, ahead: &'static [Ahead]) -> Compiler {
        Compiler { ahead, ..self }
    }

    /// The functions of `kernels`, which work on activations of type `real`.
    pub fn compile(&self, kernels: &[Kernel], real: Real) -> Result<Compiled, CudaError> {
        let architecture = self.context.properties().architecture();
        let units = units(kernels);
        let mut modules: Vec<Option<Vec<Module>>> =
            units.iter().map(|unit| self.find(unit, real, &architecture)).collect();
        let missing: Vec<usize> = (0..units.len()).filter(|&index| modules[index].is_none()).collect();
        let cubins = in_parallel(&missing, |&index| {
            let cubin = nvrtc::compile(&units[index], real, &architecture)?;
            self.cache.keep(&key(&units[index], real, &architecture)?, &cubin);
            Ok(cubin)
        });
        for (&index, cubin) in missing.iter().zip(cubins.map_err(|error| self.explained(error))?) {
            modules[index] = Some(units[index].all(Module::load(&self.context, &cubin)?));
        }
        let functions = kernels.iter().zip(modules.iter().flatten().flatten());
        let functions = functions.map(|(kernel, module)| module.function(kernel.name));
        let functions = functions.collect::<Result<_, _>>()?;
        Ok(Compiled { functions, compiled: missing.len(), found: units.len() - missing.len() })
    }

    /// The modules of a unit's kernels, if all were compiled before. One that the driver cannot load is as good as none.
    fn find(&self, unit: &Unit, real: Real, architecture: &str) -> Option<Vec<Module>> {
        let one_by_one = || {
            let kernels = unit.kernels.iter().map(slice::from_ref).map(Unit::new);
            kernels.map(|unit| self.find_ahead(&unit, real)).collect()
        };
        let in_cache = || self.load(&self.cache.find(&key(unit, real, architecture).ok()?)?);
        let whole = |module| unit.all(module);
        self.find_ahead(unit, real).map(whole).or_else(one_by_one).or_else(|| in_cache().map(whole))
    }

    fn find_ahead(&self, unit: &Unit, real: Real) -> Option<Module> {
        if self.ahead.is_empty() {
            return None;
        }
        self.context.properties().compatible().iter().find_map(|architecture| {
            let ahead = self.ahead.iter().filter(|ahead| ahead.architecture == architecture);
            let key = unit.key(real, architecture);
            ahead.filter_map(|ahead| ahead::find(ahead, &key)).find_map(|cubin| self.load(&cubin))
        })
    }

    fn load(&self, cubin: &[u8]) -> Option<Module> {
        Module::load(&self.context, cubin).ok()
    }

    /// Says what the program has where NVRTC is missing.
    fn explained(&self, error: CudaError) -> CudaError {
        let is_missing = error.kind() == CudaErrorKind::Unavailable && !self.ahead.is_empty();
        if is_missing { unserved(self.ahead, self.context.properties(), &error) } else { error }
    }
}

/// What a unit is called in the cache: as ahead of time, and by whom it was compiled.
fn key(unit: &Unit, real: Real, architecture: &str) -> Result<String, CudaError> {
    Ok(format!("{}-nvrtc{}", unit.key(real, architecture), nvrtc::version()?))
}

/// NVRTC is deeply recursive on large expressions.
const STACK: usize = 32 << 20;

/// The results of `work` in the order of `items`, or the first error in that order.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, CudaError> + Sync,
) -> Result<Vec<R>, CudaError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let run = || {
        while let Some((index, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, items.get(index)?)))
        {
            let result = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).is_ok();
        let started = (0..threads).filter(|&number| start(number)).count();
        if started == 0 {
            run();
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(in_parallel(&items, |item| Ok(item * 2)).unwrap()[99], 198);
        let failing = |item: &u32| {
            let error = || CudaError::new(CudaErrorKind::Kernel, item.to_string(), "");
            if *item % 30 == 29 { Err(error()) } else { Ok(()) }
        };
        assert_eq!(in_parallel(&items, failing).unwrap_err().to_string(), "29");
        assert!(in_parallel(&[], failing).unwrap().is_empty());
    }
}

//! An engine that is ready to run.

use std::cell::RefCell;

use super::Handle;
use super::api::Api;
use super::descriptor::{Attribute, Descriptor, Kind, Value};
use super::engines::Engine;
use super::graph::Id;
use super::problem::{Epilogue, Problem};
use super::target::Target;
use crate::devices::cuda::error::{CudaError, CudaErrorKind, REPORT};
use crate::devices::cuda::stream::Stream;

/// One way to compute a [`Problem`]. It can be given to a stream, and captured there, any number of times.
pub struct Plan {
    api: &'static Api,
    name: String,
    workspace_bytes: usize,
    is_deterministic: bool,
    takes_bias: bool,
    plan: Descriptor,
    /// The plan is made from it, and may go on using it.
    _config: Descriptor,
    /// Where it was last run, as cuDNN takes it: the next run there allocates nothing.
    pack: RefCell<Option<(Addresses, u64, Descriptor)>>,
}

/// Where the tensors of a problem lie in the GPU's memory, at multiples of 16 bytes; one of x, w and y is
/// written, by the problem's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The map before.
    pub x: u64,
    /// The weight.
    pub w: u64,
    /// The map after.
    pub y: u64,
    /// The bias, if the problem's epilogue adds one.
    pub bias: Option<u64>,
}

impl Plan {
    /// The plan of an engine. That it has none for this GPU is an error like any other.
    pub(super) fn new(
        api: &'static Api,
        target: &Target,
        engine: Engine,
        problem: &Problem,
    ) -> Result<Plan, CudaError> {
        let config = [engine.config.raw()];
        let attributes = [target.of_plan, (Attribute::PLAN_CONFIG, Value::Descriptors(&config))];
        let plan = Descriptor::new(api, Kind::ExecutionPlan, &attributes)?;
        let bytes = plan.integer(Attribute::PLAN_WORKSPACE)?;
        Ok(Plan {
            api,
            name: format!("cudnn {}", engine.name()),
            workspace_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            is_deterministic: engine.is_deterministic(),
            takes_bias: problem.epilogue != Epilogue::None,
            plan,
            _config: engine.config,
            pack: RefCell::new(None),
        })
    }

    /// What it is called: the same in each process with the same cuDNN and GPU.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Memory that it needs for itself while it runs.
    pub fn workspace_bytes(&self) -> usize {
        self.workspace_bytes
    }

    /// Whether it gives the same bits each time.
    pub fn is_deterministic(&self) -> bool {
        self.is_deterministic
    }

    /// Gives the work to a stream, which may be capturing if the plan was run before.
    ///
    /// # Safety
    /// The handle is the one that has made the plan. The addresses are those of tensors as [`Problem`] says,
    /// and `workspace` that of [`Plan::workspace_bytes`] at a multiple of 256 bytes; all of it is there until
    /// the work is done, and no other stream uses it in the meantime. In a capture, that holds each time the
    /// graph runs.
    pub unsafe fn run(
        &self,
        handle: &Handle,
        stream: &Stream,
        addresses: Addresses,
        workspace: u64,
    ) -> Result<(), CudaError> {
        handle.enter(stream)?;
        let mut pack = self.pack.borrow_mut();
        let is_prepared =
            |(at, with, _): &(Addresses, u64, Descriptor)| (*at, *with) == (addresses, workspace);
        if !pack.as_ref().is_some_and(is_prepared) {
            *pack = Some((addresses, workspace, self.prepare(addresses, workspace)?));
        }
        let Some((_, _, prepared)) = &*pack else { return Ok(()) };
        // SAFETY: handle, plan and pack are there; the caller vouches for the memory.
        let given = unsafe { (self.api.execute)(handle.raw(), self.plan.raw(), prepared.raw()) };
        self.api.check(given, || format!("run `{}`", self.name))?;
        stream.given(|| format!("run `{}`", self.name))
    }

    /// What cuDNN calls a variant pack.
    pub(super) fn prepare(&self, addresses: Addresses, workspace: u64) -> Result<Descriptor, CudaError> {
        if addresses.bias.is_some() != self.takes_bias {
            let message = format!("`{}` is given a bias that it does not take, or lacks one", self.name);
            return Err(CudaError::new(CudaErrorKind::Refused, message, REPORT));
        }
        let ids = [Id::X, Id::W, Id::Y, Id::Bias].map(|id| id as i64);
        let places = [addresses.x, addresses.w, addresses.y, addresses.bias.unwrap_or(0)];
        let count = if self.takes_bias { 4 } else { 3 };
        Descriptor::new(
            self.api,
            Kind::VariantPack,
            &[
                (Attribute::PACK_IDS, Value::Integers(&ids[..count])),
                (Attribute::PACK_ADDRESSES, Value::Addresses(&places[..count])),
                (Attribute::PACK_WORKSPACE, Value::Addresses(&[workspace])),
            ],
        )
    }
}

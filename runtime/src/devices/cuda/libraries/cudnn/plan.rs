//! An engine that is ready to run.

use std::sync::{Mutex, PoisonError};

use super::Handle;
use super::api::Api;
use super::descriptor::{Attribute, Descriptor, Kind, Value};
use super::engines::Engine;
use super::graph::Id;
use super::problem::Problem;
use super::target::Target;
use crate::devices::cuda::error::{CudaError, CudaErrorKind, REPORT};
use crate::devices::cuda::stream::Stream;

/// One way to compute a [`Problem`], with the same bits each time. It can be given to a stream, and captured there,
/// any number of times.
pub struct Plan {
    handle: Handle,
    prepared: Prepared,
    /// Where it was last run, as cuDNN takes it: the next run there allocates nothing.
    pack: Mutex<Option<Pack>>,
}

/// A plan without the handle that it runs with.
pub(super) struct Prepared {
    api: &'static Api,
    pub(super) name: String,
    pub(super) workspace_bytes: usize,
    takes_bias: bool,
    plan: Descriptor,
    /// The plan is made from it, and may go on using it.
    _config: Descriptor,
}

struct Pack {
    addresses: Addresses,
    workspace: u64,
    descriptor: Descriptor,
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
    pub(super) fn new(handle: Handle, prepared: Prepared) -> Plan {
        Plan { handle, prepared, pack: Mutex::new(None) }
    }

    /// What it is called: the same in each process with the same cuDNN and GPU.
    pub fn name(&self) -> &str {
        &self.prepared.name
    }

    /// Memory that it needs for itself while it runs.
    pub fn workspace_bytes(&self) -> usize {
        self.prepared.workspace_bytes
    }

    /// Gives the work to a stream, which may be capturing if the plan was run before.
    ///
    /// # Safety
    /// The addresses are those of tensors as [`Problem`] says, and `workspace` that of
    /// [`Plan::workspace_bytes`] at a multiple of 256 bytes; all of it is there until the work is done, and no
    /// other stream uses it in the meantime. In a capture, that holds each time the graph runs.
    pub unsafe fn run(&self, stream: &Stream, addresses: Addresses, workspace: u64) -> Result<(), CudaError> {
        let Prepared { api, name, plan, .. } = &self.prepared;
        // Nothing panics in the middle of a change.
        let mut last = self.pack.lock().unwrap_or_else(PoisonError::into_inner);
        let pack = match last.take() {
            Some(pack) if (pack.addresses, pack.workspace) == (addresses, workspace) => pack,
            _ => Pack { addresses, workspace, descriptor: self.prepared.pack(addresses, workspace)? },
        };
        let raw = last.insert(pack).descriptor.raw();
        self.handle.with(stream, |handle| {
            // SAFETY: handle, plan and pack are there; the caller vouches for the memory.
            let given = unsafe { (api.execute)(handle, plan.raw(), raw) };
            api.check(given, || format!("run `{name}`"))
        })?;
        stream.given(|| format!("run `{name}`"))
    }
}

impl Prepared {
    /// The plan of an engine. That it has none for this GPU is an error like any other.
    pub(super) fn new(
        api: &'static Api,
        target: &Target,
        engine: Engine,
        problem: &Problem,
    ) -> Result<Prepared, CudaError> {
        let config = [engine.config.raw()];
        let attributes = [target.of_plan, (Attribute::PLAN_CONFIG, Value::Descriptors(&config))];
        let plan = Descriptor::new(api, Kind::ExecutionPlan, &attributes)?;
        let bytes = plan.integer(Attribute::PLAN_WORKSPACE)?;
        Ok(Prepared {
            api,
            name: format!("cudnn {}", engine.name()),
            workspace_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            takes_bias: problem.epilogue.has_bias(),
            plan,
            _config: engine.config,
        })
    }

    /// What cuDNN calls a variant pack.
    pub(super) fn pack(&self, addresses: Addresses, workspace: u64) -> Result<Descriptor, CudaError> {
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

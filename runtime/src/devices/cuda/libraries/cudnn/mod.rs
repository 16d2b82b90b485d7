//! Convolutions of cuDNN 9, through the interface that it calls backend: graphs of operations, for which its
//! heuristics propose engines.
//!
//! Nothing depends on it: where cuDNN is missing, too old, or fails, there are no plans but a reason, and nnc's
//! own kernels serve. Handles and plans are used by one thread at a time. This module knows which engines are
//! exact enough; which is the fastest, its caller finds out.

mod api;
mod descriptor;
mod engines;
mod graph;
mod plan;
mod problem;
mod target;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::ptr;

pub(super) use api::FUNCTIONS;
pub use plan::{Addresses, Plan};
pub use problem::{Epilogue, Operation, Problem};

use super::super::context::Context;
use super::super::error::CudaError;
use super::super::stream::Stream;
use api::{Api, Raw};
use target::Target;

/// cuDNN at work on a GPU.
pub struct Handle {
    api: &'static Api,
    context: Context,
    raw: Raw,
    /// To which its work goes.
    stream: Cell<Raw>,
}

// SAFETY: any thread may use a handle, one at a time.
unsafe impl Send for Handle {}

/// Among so many the fastest is looked for. Each is timed, and the heuristics' order is a good one.
const MOST_PLANS: usize = 8;

impl Handle {
    /// cuDNN for the GPU of a stream; an error says why there is none.
    pub fn new(stream: &Stream) -> Result<Handle, CudaError> {
        let api = Api::find()?;
        let context = stream.context().clone();
        context.enter()?;
        let mut raw = ptr::null_mut();
        // SAFETY: a context is current; the call writes one address.
        let made = unsafe { (api.create)(&mut raw) };
        api.check(made, || format!("use cuDNN on {context}"))?;
        let handle = Handle { api, context, raw, stream: Cell::new(ptr::null_mut()) };
        handle.enter(stream)?;
        Ok(handle)
    }

    /// Ways to compute a problem with at most `cap` bytes of workspace, the most promising first. There may be
    /// none.
    pub fn plans(&self, problem: &Problem, cap: usize) -> Result<Vec<Plan>, CudaError> {
        self.context.enter()?;
        plans(self.api, &Target::of_handle(self.raw), problem, cap)
    }

    /// Makes its context that of this thread, and the stream the one that its work goes to.
    fn enter(&self, stream: &Stream) -> Result<(), CudaError> {
        self.context.enter()?;
        let wanted: Raw = stream.raw().cast();
        if self.stream.get() != wanted {
            // SAFETY: handle and stream are there.
            let set = unsafe { (self.api.set_stream)(self.raw, wanted) };
            self.api.check(set, || format!("give cuDNN a stream on {}", self.context))?;
            self.stream.set(wanted);
        }
        Ok(())
    }

    fn raw(&self) -> Raw {
        self.raw
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { (self.api.destroy)(self.raw) });
    }
}

/// An engine without a plan is passed over, because the heuristics propose what a GPU cannot do; if none has
/// one, the last says why.
fn plans(api: &'static Api, target: &Target, problem: &Problem, cap: usize) -> Result<Vec<Plan>, CudaError> {
    let graph = graph::Graph::new(api, target, problem)?;
    let mut plans = Vec::new();
    let mut failed = None;
    for engine in engines::engines(api, target, &graph, problem)? {
        match Plan::new(api, target, engine, problem) {
            Ok(plan) if plan.workspace_bytes() <= cap => plans.push(plan),
            Ok(_) => {}
            Err(why) => failed = Some(why),
        }
        if plans.len() == MOST_PLANS {
            break;
        }
    }
    failed.filter(|_| plans.is_empty()).map_or(Ok(plans), Err)
}

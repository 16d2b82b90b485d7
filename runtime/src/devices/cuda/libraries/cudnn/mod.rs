//! Convolutions of cuDNN 9, through the interface that it calls backend: graphs of operations, for which its
//! heuristics propose engines.
//!
//! Nothing depends on it: where cuDNN is missing, too old, or fails, there are no plans but a reason, and nnc's
//! own kernels serve. This module knows which engines are exact enough; which is the fastest, its caller finds
//! out.

mod api;
mod descriptor;
mod engines;
mod graph;
mod plan;
mod problem;
mod target;
#[cfg(test)]
mod tests;

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use api::FUNCTIONS;
pub use plan::{Addresses, Plan};
pub use problem::{Operation, Problem};

pub use super::Epilogue;

use super::super::context::Context;
use super::super::error::CudaError;
use super::super::stream::Stream;
use api::{Api, Raw};
use plan::Prepared;
use target::Target;

/// cuDNN at work on a GPU. Its plans share it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    api: &'static Api,
    context: Context,
    /// Any thread may use it, one at a time.
    state: Mutex<State>,
}

struct State {
    raw: Raw,
    /// To which its work goes.
    stream: Raw,
}

// SAFETY: both are handles that any thread may use, one at a time.
unsafe impl Send for State {}

/// Among so many the fastest is looked for. Each is timed, and the heuristics' order is a good one.
const MOST_PLANS: usize = 8;

impl Handle {
    /// cuDNN for a GPU; an error says why there is none.
    pub fn new(context: &Context) -> Result<Handle, CudaError> {
        let api = Api::find()?;
        context.enter()?;
        let mut raw = ptr::null_mut();
        // SAFETY: a context is current; the call writes one address.
        let made = unsafe { (api.create)(&mut raw) };
        api.check(made, || format!("use cuDNN on {context}"))?;
        let state = Mutex::new(State { raw, stream: ptr::null_mut() });
        Ok(Handle { shared: Arc::new(Shared { api, context: context.clone(), state }) })
    }

    /// Ways to compute a problem with at most `cap` bytes of workspace, the most promising first. There may be
    /// none.
    pub fn plans(&self, problem: &Problem, cap: usize) -> Result<Vec<Plan>, CudaError> {
        self.shared.context.enter()?;
        let state = self.lock();
        let plans = plans(self.shared.api, &Target::of_handle(state.raw), problem, cap)?;
        Ok(plans.into_iter().map(|prepared| Plan::new(self.clone(), prepared)).collect())
    }

    /// Does something with the raw handle, whose work goes to a stream meanwhile.
    fn with<T>(
        &self,
        stream: &Stream,
        body: impl FnOnce(Raw) -> Result<T, CudaError>,
    ) -> Result<T, CudaError> {
        self.shared.context.enter()?;
        let mut state = self.lock();
        let wanted: Raw = stream.raw().cast();
        if state.stream != wanted {
            // SAFETY: handle and stream are there.
            let set = unsafe { (self.shared.api.set_stream)(state.raw, wanted) };
            self.shared.api.check(set, || format!("give cuDNN a stream on {}", self.shared.context))?;
            state.stream = wanted;
        }
        body(state.raw)
    }

    /// Nothing panics in the middle of a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: made in `Handle::new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { (self.api.destroy)(state.raw) });
    }
}

/// An engine without a plan is passed over, because the heuristics propose what a GPU cannot do; if none has
/// one, the last says why.
fn plans(
    api: &'static Api,
    target: &Target,
    problem: &Problem,
    cap: usize,
) -> Result<Vec<Prepared>, CudaError> {
    let graph = graph::Graph::new(api, target, problem)?;
    let mut plans = Vec::new();
    let mut failed = None;
    for engine in engines::engines(api, target, &graph, problem)? {
        match Prepared::new(api, target, engine, problem) {
            Ok(plan) if plan.workspace_bytes <= cap => plans.push(plan),
            Ok(_) => {}
            Err(why) => failed = Some(why),
        }
        if plans.len() == MOST_PLANS {
            break;
        }
    }
    failed.filter(|_| plans.is_empty()).map_or(Ok(plans), Err)
}

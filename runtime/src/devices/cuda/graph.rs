//! Work on a GPU that was written down once and is given as a whole.

use std::ptr;

use super::context::Context;
use super::error::CudaError;
use super::raw::{check, sys};
use super::stream::Stream;

/// What [`Stream::capture`] has written down. Giving all of it to a stream costs the processor little
/// more than giving one kernel. Arguments are as they were; what changes from run to run lies in device
/// memory.
pub struct Graph {
    context: Context,
    raw: sys::CUgraphExec,
}

// SAFETY: a graph is a handle that the driver lets any thread use, one at a time.
unsafe impl Send for Graph {}

impl Graph {
    /// Takes a captured graph over.
    pub(super) fn new(context: Context, captured: sys::CUgraph) -> Result<Graph, CudaError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the graph was just captured; no flags.
        let made = unsafe { sys::cuGraphInstantiateWithFlags(&mut raw, captured, 0) };
        // SAFETY: what was instantiated does not need it any more. A failure leaves nothing to do.
        let _ = unsafe { sys::cuGraphDestroy(captured) };
        check(made, || format!("prepare a captured step for {context}"))?;
        Ok(Graph { context, raw })
    }

    /// Brings it to the GPU, so that the first launch is as fast as all others.
    pub fn upload(&self, stream: &Stream) -> Result<(), CudaError> {
        self.context.enter()?;
        // SAFETY: graph and stream are there.
        let uploaded = unsafe { sys::cuGraphUpload(self.raw, stream.raw()) };
        check(uploaded, || format!("bring a captured step to {}", self.context))
    }

    /// Does all of it in the order of the stream, after what the stream has been given before.
    ///
    /// # Safety
    /// What was promised where its parts were captured holds now, and until it has run; it does not run
    /// in two streams at once.
    pub unsafe fn launch(&self, stream: &Stream) -> Result<(), CudaError> {
        self.context.enter()?;
        // SAFETY: graph and stream are there; the caller vouches for the rest.
        let launched = unsafe { sys::cuGraphLaunch(self.raw, stream.raw()) };
        check(launched, || format!("start a captured step on {}", self.context))
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made in `new`; the driver keeps what still runs. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cuGraphExecDestroy(self.raw) });
    }
}

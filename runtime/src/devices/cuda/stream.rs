//! Streams, in which work on a GPU is done in order, and events in them.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use super::context::Context;
use super::error::{CudaError, CudaErrorKind, REPORT};
use super::graph::Graph;
use super::module::{Function, MOST_ARGUMENTS};
use super::raw::{check, sys};

/// Work on a GPU in the order in which it was given. Streams do not wait for each other, but where an
/// [`Event`] says so.
pub struct Stream {
    context: Context,
    raw: sys::CUstream,
    /// Work is written down, and not done.
    capturing: Cell<bool>,
}

/// A place in a stream.
pub struct Event {
    context: Context,
    raw: sys::CUevent,
}

// SAFETY: a stream is a handle that the driver lets any thread use, one at a time.
unsafe impl Send for Stream {}
// SAFETY: an event is a handle that the driver lets any thread use.
unsafe impl Send for Event {}
// SAFETY: as above; the driver locks where it must.
unsafe impl Sync for Event {}

impl Stream {
    /// A stream that waits for no other, the legacy default stream included.
    pub fn new(context: &Context) -> Result<Stream, CudaError> {
        context.enter()?;
        let mut raw = ptr::null_mut();
        let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: a context is current.
        check(unsafe { sys::cuStreamCreate(&mut raw, flags) }, || format!("make a stream on {context}"))?;
        Ok(Stream { context: context.clone(), raw, capturing: Cell::new(false) })
    }

    /// The GPU.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Waits until all that it was given is done. An error may be that of any kernel before.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.wait_for(|| format!("finish the work on {}", self.context))
    }

    /// Starts a kernel on `grid` blocks of `block` threads, with `shared` bytes of dynamic shared memory.
    ///
    /// # Safety
    /// The arguments are the addresses and 64-bit integers that the kernel takes; memory that it reads
    /// or writes is there until it has run, holds what it takes for granted, and is not used by other
    /// streams in the meantime. In a capture, all of it holds each time the graph runs.
    pub unsafe fn launch(
        &self,
        function: &Function,
        grid: [u32; 3],
        block: u32,
        shared: u32,
        arguments: &[u64],
    ) -> Result<(), CudaError> {
        if arguments.len() != function.parameters() {
            let [takes, given] = [function.parameters(), arguments.len()];
            let message =
                format!("kernel `{}` takes {takes} arguments and is given {given}", function.name());
            return Err(CudaError::new(CudaErrorKind::Kernel, message, REPORT));
        }
        self.context.enter()?;
        function.allow_shared(shared)?;
        let address = |argument: &u64| ptr::from_ref(argument).cast_mut().cast::<c_void>();
        let place = |index: usize| arguments.get(index).map_or(ptr::null_mut(), address);
        let mut places: [*mut c_void; MOST_ARGUMENTS] = std::array::from_fn(place);
        let [x, y, z] = grid;
        // SAFETY: `places` holds the address of each argument, which the driver copies before it
        // returns; the caller vouches for the rest.
        let launched = unsafe {
            let (raw, extra) = (function.raw(), ptr::null_mut());
            sys::cuLaunchKernel(raw, x, y, z, block, 1, 1, shared, self.raw, places.as_mut_ptr(), extra)
        };
        let shape = || format!("{x}x{y}x{z} blocks of {block} threads with {shared} bytes of shared memory");
        check(launched, || format!("launch kernel `{}` on {}", function.name(), shape()))?;
        self.given(|| format!("run kernel `{}` on {}", function.name(), shape()))
    }

    /// Follows each piece of work: if errors are to name what has caused them, waits for it.
    pub(super) fn given(&self, doing: impl FnOnce() -> String) -> Result<(), CudaError> {
        if self.context.is_synchronous() && !self.capturing.get() {
            self.wait_for(doing)?;
        }
        Ok(())
    }

    /// Writes down what `body` gives to this stream, and to streams that wait for its events, instead
    /// of doing it. There is no allocation, no waiting and no loading of modules in `body`; all that
    /// was launched in it must have been launched before, so that it is loaded.
    pub fn capture(&self, body: impl FnOnce(&Stream) -> Result<(), CudaError>) -> Result<Graph, CudaError> {
        self.context.enter()?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is there.
        let begun = unsafe { sys::cuStreamBeginCapture_v2(self.raw, mode) };
        check(begun, || "begin to capture a stream".to_owned())?;
        let ending = Capture { stream: self };
        self.capturing.set(true);
        let given = body(self);
        let captured = ending.end();
        given.and(captured)
    }

    /// What comes next waits for `event`, which may be in another stream.
    pub fn wait(&self, event: &Event) -> Result<(), CudaError> {
        self.context.enter()?;
        // SAFETY: stream and event are there.
        let waiting = unsafe { sys::cuStreamWaitEvent(self.raw, event.raw, 0) };
        check(waiting, || "let a stream wait for an event".to_owned())
    }

    pub(super) fn raw(&self) -> sys::CUstream {
        self.raw
    }

    fn wait_for(&self, doing: impl FnOnce() -> String) -> Result<(), CudaError> {
        self.context.enter()?;
        // SAFETY: the stream is there.
        check(unsafe { sys::cuStreamSynchronize(self.raw) }, doing)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made in `new`; the driver finishes its work first. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cuStreamDestroy_v2(self.raw) });
    }
}

/// A capture under way, which a panic ends, too.
struct Capture<'a> {
    stream: &'a Stream,
}

impl Capture<'_> {
    fn end(self) -> Result<Graph, CudaError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the capture was begun. (`self` ends it once: it is forgotten.)
        let ended = unsafe { sys::cuStreamEndCapture(self.stream.raw, &mut raw) };
        self.stream.capturing.set(false);
        let context = self.stream.context.clone();
        std::mem::forget(self);
        check(ended, || "capture a stream".to_owned())?;
        Graph::new(context, raw)
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        let mut raw = ptr::null_mut();
        // SAFETY: the capture was begun; a graph that comes of it is not needed.
        unsafe {
            let _ = sys::cuStreamEndCapture(self.stream.raw, &mut raw);
            if !raw.is_null() {
                let _ = sys::cuGraphDestroy(raw);
            }
        }
        self.stream.capturing.set(false);
    }
}

impl Event {
    /// An event that has not been recorded. It costs less than one with a time.
    pub fn new(context: &Context) -> Result<Event, CudaError> {
        Event::with(context, sys::CUevent_flags::CU_EVENT_DISABLE_TIMING)
    }

    /// An event that keeps the time when the GPU came to it.
    pub fn timed(context: &Context) -> Result<Event, CudaError> {
        Event::with(context, sys::CUevent_flags::CU_EVENT_DEFAULT)
    }

    fn with(context: &Context, flags: sys::CUevent_flags) -> Result<Event, CudaError> {
        context.enter()?;
        let mut raw = ptr::null_mut();
        // SAFETY: a context is current.
        let made = unsafe { sys::cuEventCreate(&mut raw, flags as u32) };
        check(made, || format!("make an event on {context}"))?;
        Ok(Event { context: context.clone(), raw })
    }

    /// Puts it behind all that the stream has been given so far.
    pub fn record(&self, stream: &Stream) -> Result<(), CudaError> {
        self.context.enter()?;
        // SAFETY: stream and event are there.
        check(unsafe { sys::cuEventRecord(self.raw, stream.raw) }, || "record an event".to_owned())
    }

    /// Waits until the stream has come to it.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.context.enter()?;
        // SAFETY: the event is there.
        let waited = unsafe { sys::cuEventSynchronize(self.raw) };
        check(waited, || format!("finish the work on {}", self.context))
    }

    /// The time on the GPU from `earlier` to this one, both of which are timed and it has come to.
    pub fn since(&self, earlier: &Event) -> Result<Duration, CudaError> {
        self.context.enter()?;
        let mut milliseconds = 0.0;
        // SAFETY: both events are there; the call writes one number.
        let asked = unsafe { sys::cuEventElapsedTime_v2(&mut milliseconds, earlier.raw, self.raw) };
        check(asked, || "ask for the time between two events".to_owned())?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1e3))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cuEventDestroy_v2(self.raw) });
    }
}

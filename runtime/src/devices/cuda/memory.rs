//! Memory on the GPU, and memory of the processor that the GPU copies to and from at full speed.

use std::ffi::c_void;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::{self, NonNull};

use super::context::Context;
use super::error::{CudaError, CudaErrorKind, REPORT};
use super::raw::{check, sys};
use super::stream::Stream;

/// Bytes on a GPU, of any content at first. They are not watched as Rust watches its own: whoever launches
/// kernels on them says what is read and written when.
pub struct Memory {
    context: Context,
    address: u64,
    bytes: usize,
}

/// Page-locked bytes of the processor, zero at first. Copies between these and a GPU go on while the
/// processor does something else.
pub struct Pinned {
    context: Context,
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: page-locked memory is plain memory; any thread may read it, and its owner write it.
unsafe impl Send for Pinned {}
// SAFETY: as above; sharing gives read access alone.
unsafe impl Sync for Pinned {}

impl Memory {
    /// `bytes` on the GPU, at a multiple of 16 bytes (of 256 on all that there are).
    ///
    /// If the GPU has too little memory, the error says how much was asked for and how much is free,
    /// and everything else goes on working.
    pub fn new(context: &Context, bytes: usize) -> Result<Memory, CudaError> {
        context.enter()?;
        let mut address = 0;
        // SAFETY: a context is current. (No bytes at all would be an error, so it is one at least.)
        let allocated = unsafe { sys::cuMemAlloc_v2(&mut address, bytes.max(1)) };
        let doing = || format!("allocate {} on {context}{}", amount(bytes as u64), what_is_free(context));
        check(allocated, doing)?;
        Ok(Memory { context: context.clone(), address, bytes })
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where it begins in the GPU's memory, as kernels take it.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Zeros from here on in the stream.
    pub fn fill_zero(&self, range: Range<usize>, stream: &Stream) -> Result<(), CudaError> {
        self.fill(0, range, stream)
    }

    /// Bytes of this value from here on in the stream.
    pub fn fill(&self, byte: u8, range: Range<usize>, stream: &Stream) -> Result<(), CudaError> {
        let (address, bytes) = self.part(range)?;
        self.context.enter()?;
        // SAFETY: the range lies inside this memory.
        let filled = unsafe { sys::cuMemsetD8Async(address, byte, bytes, stream.raw()) };
        check(filled, || format!("fill {} with bytes", amount(bytes as u64)))
    }

    /// Copies `source` to the bytes from `offset` on, after all that the stream has been given, and
    /// waits for that.
    pub fn write(&self, offset: usize, source: &[u8], stream: &Stream) -> Result<(), CudaError> {
        // SAFETY: the stream is waited for while the source is borrowed.
        unsafe { self.write_from(offset, source, stream)? };
        stream.synchronize()
    }

    /// Copies the bytes from `offset` on to `target`, after all that the stream has been given, and
    /// waits for that.
    pub fn read(&self, offset: usize, target: &mut [u8], stream: &Stream) -> Result<(), CudaError> {
        // SAFETY: the stream is waited for while the target is borrowed.
        unsafe { self.read_into(offset, target, stream)? };
        stream.synchronize()
    }

    /// As [`Memory::write`], without waiting.
    ///
    /// # Safety
    /// `source` stays as it is until the stream has come past the copy: a part of [`Pinned`] memory
    /// that nobody writes to. In a capture, that is each time the graph has run.
    pub unsafe fn write_from(&self, offset: usize, source: &[u8], stream: &Stream) -> Result<(), CudaError> {
        let (address, bytes) = self.part(offset..offset.saturating_add(source.len()))?;
        self.context.enter()?;
        let from = source.as_ptr().cast::<c_void>();
        // SAFETY: both ranges hold that many bytes; the caller vouches for the time.
        let copied = unsafe { sys::cuMemcpyHtoDAsync_v2(address, from, bytes, stream.raw()) };
        check(copied, || format!("copy {} to {}", amount(bytes as u64), self.context))
    }

    /// As [`Memory::read`], without waiting.
    ///
    /// # Safety
    /// Nobody reads or writes `target`, or frees it, until the stream has come past the copy: it is a
    /// part of [`Pinned`] memory. In a capture, that is each time the graph has run.
    pub unsafe fn read_into(
        &self,
        offset: usize,
        target: &mut [u8],
        stream: &Stream,
    ) -> Result<(), CudaError> {
        let (address, bytes) = self.part(offset..offset.saturating_add(target.len()))?;
        self.context.enter()?;
        let to = target.as_mut_ptr().cast::<c_void>();
        // SAFETY: both ranges hold that many bytes; the caller vouches for the time.
        let copied = unsafe { sys::cuMemcpyDtoHAsync_v2(to, address, bytes, stream.raw()) };
        check(copied, || format!("copy {} from {}", amount(bytes as u64), self.context))
    }

    /// Where a range begins, and how long it is.
    fn part(&self, range: Range<usize>) -> Result<(u64, usize), CudaError> {
        if range.start <= range.end && range.end <= self.bytes {
            return Ok((self.address + range.start as u64, range.len()));
        }
        let message =
            format!("bytes {range:?} do not lie in memory of {} bytes on {}", self.bytes, self.context);
        Err(CudaError::new(CudaErrorKind::Refused, message, REPORT))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cuMemFree_v2(self.address) });
    }
}

impl Pinned {
    /// `bytes` zeros.
    pub fn new(context: &Context, bytes: usize) -> Result<Pinned, CudaError> {
        context.enter()?;
        let mut start = ptr::null_mut();
        // SAFETY: a context is current. No flag, above all not that for combined writes, under which
        // reading takes ages.
        let allocated = unsafe { sys::cuMemHostAlloc(&mut start, bytes.max(1), 0) };
        check(allocated, || format!("lock {} of the processor's memory", amount(bytes as u64)))?;
        let start = NonNull::new(start.cast::<u8>()).ok_or_else(|| {
            CudaError::new(CudaErrorKind::OutOfMemory, "the driver has locked no memory", REPORT)
        })?;
        // SAFETY: so many bytes were just allocated, for this value alone.
        unsafe { start.write_bytes(0, bytes) };
        Ok(Pinned { context: context.clone(), start, bytes })
    }

    /// As numbers to be written; bytes that do not fill one are left out.
    pub fn floats_mut(&mut self) -> &mut [f32] {
        // SAFETY: page-locked memory begins at a page, and any bits are an `f32`; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.bytes / size_of::<f32>()) }
    }
}

impl Deref for Pinned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: allocated with so many bytes, and initialised.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl DerefMut for Pinned {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cuMemFreeHost(self.start.as_ptr().cast()) });
    }
}

fn what_is_free(context: &Context) -> String {
    let total = amount(context.properties().memory_bytes);
    context
        .free_bytes()
        .map_or_else(|_| String::new(), |free| format!(", where {} of {total} are free", amount(free)))
}

/// Bytes in a unit that leaves them readable.
fn amount(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..1_000_000_000 => format!("{:.2} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

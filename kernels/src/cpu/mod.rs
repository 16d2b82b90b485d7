//! The processor: threads, instruction sets, aligned memory.
//!
//! Its one convention: work is cut into tasks by the sizes of the tensors alone, never by the
//! number of threads, and every result element is written by one task. That is why results do
//! not depend on the number of threads.

mod buffers;
mod huge_pages;
mod isa;
mod pool;
mod processor;
mod scratch;
mod threads;

pub use buffers::{Buffer, Buffers, Element};
pub use isa::{Isa, Vectorised};
pub use pool::{Pool, Tiles};
pub use processor::processor;
pub use scratch::{Lease, Scratch, parts, total};
pub use threads::{MOST_THREADS, THREADS_VARIABLE, wanted_threads};

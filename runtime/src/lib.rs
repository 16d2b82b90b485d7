//! What a compiled network calls: devices, kernels, data and training.
//!
//! The runtime does not know that a language exists. A compiled network is a
//! [`program::Program`]: constants and functions that the compiler emitted, written
//! against the one narrow module [`emitted`]. Everything else here works on any program.

mod cache_folder;
pub mod checkpoint;
#[cfg(feature = "program")]
pub mod command;
pub mod data;
pub mod devices;
pub mod emitted;
mod error;
mod kernels;
mod model;
pub mod program;
pub mod random;
pub mod select;
pub mod train;

pub use cache_folder::cache_folder;
pub use error::{Error, NonFinite, Phase};
pub use model::{Device, Epoch, Gpu, LossScale, Memory, Model, Precision, Product, StepReport, Targets};

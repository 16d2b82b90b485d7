//! A compiled network at work: its model on a device, data and training.
//!
//! The runtime does not know that a language exists. A compiled network is a
//! [`program::Program`]: constants and functions that the compiler emitted, written
//! against the one narrow module [`emitted`]. Everything else here works on any program.

pub mod checkpoint;
pub mod data;
pub mod devices;
pub mod emitted;
mod error;
mod model;
pub mod program;
pub mod train;

pub use error::{Error, NonFinite, Phase};
pub use model::{Device, Epoch, Gpu, LossScale, Memory, Model, Precision, Product, StepReport, Targets};
pub use nnc_kernels::{cache_folder, random, select};

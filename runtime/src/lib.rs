//! What a compiled network calls: devices, kernels, data and training.
//!
//! The runtime does not know that a language exists. A compiled network is a
//! [`program::Program`]: constants and functions that the compiler emitted, written
//! against the one narrow module [`emitted`]. Everything else here works on any program.

pub mod emitted;
pub mod program;

//! Two small networks, written as the compiler emits them.

pub mod classifier;
pub mod regression;

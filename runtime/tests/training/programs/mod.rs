//! Two small networks, written as the compiler emits them.

pub(crate) mod classifier;
pub(crate) mod regression;

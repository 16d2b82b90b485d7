//! Small networks, written as the compiler emits them.

pub(crate) mod classifier;
pub(crate) mod pair;
pub(crate) mod regression;

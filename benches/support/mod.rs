//! What the benchmarks share: their command line, times of tasks that take turns, and the limits of the
//! machine that a share is a share of.

pub(crate) mod machine;
pub(crate) mod options;
pub(crate) mod timing;

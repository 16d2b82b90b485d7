//! What the numerical tests share: the reference, values to try it on, and compiled networks
//! beside it.

pub(crate) mod compiled;
pub(crate) mod reference;
pub(crate) mod values;

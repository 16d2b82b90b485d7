//! Data sets made by the tests themselves: what is read from good files, and what is said
//! of bad ones.

mod cifar10;
mod csv;
mod digits;
#[cfg(feature = "images")]
mod images;
mod loader;
mod mnist;
mod requests;
mod support;

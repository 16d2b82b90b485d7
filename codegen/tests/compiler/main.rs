//! The compiler on models built by hand: what graphs compute, by an interpreter in double precision,
//! how many kernels remain, and what emitted text makes of any name.

#[path = "../interpret/mod.rs"]
mod interpret;

mod emulated;
mod extents;
mod fusion;
mod gradients;
mod libraries;
mod models;
#[cfg(feature = "pretty")]
mod names;
mod products;
mod summaries;
mod traffic;
mod words;

//! Neural networks as a line of words, checked and compiled inside Rust.
//!
//! ```
//! use nnc::network;
//!
//! network! {
//!     /// Digits of 8x8 pixels.
//!     pub Digits<1x8x8 -> 10> { conv3 16 bn relu pool2 conv3 32 bn relu gap linear 10 }
//! }
//!
//! let mut digits = Digits::new(0);
//! let images = vec![0.5; 2 * 64]; // two samples, channels first
//! let report = digits.train_step(&images, &[3, 7])?;
//! assert!(report.loss > 0.0);
//! assert_eq!(digits.predict(&images)?.len(), 2 * 10);
//! # Ok::<(), nnc::Error>(())
//! ```
//!
//! The network is parsed and its shapes are checked while rustc compiles the program; a
//! mistake is a compiler error on the word. What the macro leaves is Rust code that calls
//! [`runtime`]: fused kernels, a planned arena, no interpreter.
//!
//! This crate is a facade: the macro comes from `nnc-macros`, all else from `nnc-runtime`.
//! In a debug build, give the kernels optimisation in your `Cargo.toml`:
//!
//! ```toml
//! [profile.dev]
//! opt-level = 1
//! [profile.dev.package.nnc-runtime]
//! opt-level = 3
//! ```

/// Defines a network: as an item with a name, as an expression without one, or from a file.
///
/// ```
/// # use nnc::network;
/// // An item: a type with `new`, `train_step`, `evaluate`, `predict`, `save` and `load`.
/// network! { pub Mlp<4 -> 3> { linear 8 relu linear 3 } }
///
/// // An expression: a fresh network.
/// let mut small = network!(<4 -> 3> linear 3);
/// assert_eq!(small.predict(&[0.0; 4])?.len(), 3);
///
/// // A file, relative to the crate's `Cargo.toml`; a change rebuilds.
/// network!("examples/digits.nn");
/// assert_eq!(Digits::INPUT, [1, 8, 8]);
/// # Ok::<(), nnc::Error>(())
/// ```
///
/// The language is described in `docs/language.md`.
pub use nnc_macros::network;
pub use nnc_runtime as runtime;
pub use nnc_runtime::{Error, Model, StepReport, Targets};

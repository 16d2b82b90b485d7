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
//! [profile.dev.package.nnc-kernels]
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
/// Several inputs and outputs have names. The methods take and give them as arrays in the order of the
/// signature, the targets in the order of the losses:
///
/// ```
/// use nnc::{Targets, network};
///
/// network! {
///     pub Scene<image: 3x16x16, pose: 4 -> class: 10, size: 2> {
///         conv3 8 stride=2 bn relu gap as seen
///         from pose linear 8 relu concat seen as both
///         linear 10 as class
///         from both linear 2 as size
///     }
///     train Scene { loss cross_entropy output=class loss huber output=size weight=0.5 }
/// }
///
/// let mut scene = Scene::new(0);
/// let inputs: [&[f32]; 2] = [&[0.5; 3 * 16 * 16], &[0.0; 4]];
/// scene.train_step(inputs, [Targets::Classes(&[7]), Targets::Values(&[0.3, 0.4])])?;
/// let [class, size] = &scene.predict(inputs)?[..] else { unreachable!() };
/// assert_eq!((class.len(), size.len()), (10, 2));
/// # Ok::<(), nnc::Error>(())
/// ```
///
/// `use "parts/blocks.nn"` in a call brings in the blocks of a file, which is found from the same folder.
/// Warnings of the language are lints on the words; `allow(small-batch)` in the network silences one.
///
/// The language is described in `docs/language.md`.
pub use nnc_macros::network;
pub use nnc_runtime as runtime;
pub use nnc_runtime::{Device, Error, Model, Precision, StepReport, Targets};

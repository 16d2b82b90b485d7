//! The language: from text to a model whose every shape is known.
//!
//! ```text
//! text ─parse▶ ast::Module ─check▶ CheckedModel (+ diagnostics as data)
//! ```
//!
//! This room is pure: no files, no environment, no clock, no terminal. The same
//! text and the same options give the same result. Mistakes are values
//! ([`Diagnostic`]); they are collected, and drawn only at the edge (the feature
//! `render` has the drawing). What a network *computes* is not known here: that a
//! `conv3` has a weight is, how it is multiplied is not.

pub mod ast;
mod check;
pub mod codes;
pub mod diagnostic;
mod fix;
mod format;
pub mod json;
pub mod library;
pub mod lints;
pub mod model;
pub mod parameters;
#[cfg(feature = "render")]
pub mod render;
pub mod scalar;
mod show;
pub mod sources;
pub mod syntax;
pub mod words;

pub use check::{Options, Outcome, check, check_file};
pub use diagnostic::{Applicability, Diagnostic, Fix, Label, Severity, Span};
pub use fix::fix;
pub use format::format;
pub use model::CheckedModel;
pub use parameters::{ParameterKind, ParameterShape, parameter_count, parameters};
pub use sources::{Loader, Source, SourceMap};
pub use syntax::Entry;

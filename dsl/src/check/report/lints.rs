//! Warnings: the model compiles, but something in it is probably not meant (W0001 to W0004).

use crate::ast::{Block, Ident};
use crate::diagnostic::{Diagnostic, Span};

/// A block that no network uses.
pub(in crate::check) fn unused_block(block: &Block) -> Diagnostic {
    let name = &block.name;
    Diagnostic::warning("W0001", name.span, format!("the block `{}` is never used", name.value))
        .label("unused")
        .help("use it or delete it")
}

/// A parameter, `let` or loop variable that nothing reads.
pub(in crate::check) fn unused_name(name: &Ident) -> Diagnostic {
    Diagnostic::warning("W0002", name.span, format!("the value `{}` is never used", name.value))
        .label("unused")
        .help(format!("delete it, or begin its name with an underscore: `_{}`", name.value))
}

/// Dropout as the last layer.
pub(in crate::check) fn last_dropout(word: Span) -> Diagnostic {
    Diagnostic::warning(
        "W0003",
        word,
        "dropout in the output layer makes predictions zero at random while training",
    )
    .label("last layer of the network")
    .help("put it before the layer that gives the output")
}

/// Batch norm on batches whose statistics say little.
pub(in crate::check) fn small_batch(setting: Span, batch: usize, norm: Span) -> Diagnostic {
    let message = format!("batch norm on batches of {batch} uses very noisy means and variances");
    Diagnostic::warning("W0004", setting, message)
        .label("small batch")
        .at(norm, "normalises over the batch")
        .help("use batches of 16 or more")
}

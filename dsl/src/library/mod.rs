//! The standard library: famous blocks, written in the language itself.
//!
//! A block of it is found where the text defines nothing of its name; only the parts that a text
//! needs are read. They are written to be read, and show how such blocks are made.

/// A file of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called in messages.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    /// The blocks that it defines, in its order.
    pub blocks: &'static [&'static str],
}

macro_rules! parts {
    ($($file:literal: $($block:literal)*;)*) => {
        &[$(Part {
            file: concat!("library/", $file),
            text: include_str!($file),
            blocks: &[$($block),*],
        }),*]
    };
}

/// All parts, in the order of the documentation.
pub static LIBRARY: &[Part] = parts! {
    "attention.nn": "se" "cbam" "channel_mean" "channel_max";
    "resnet.nn": "basic_block" "bottleneck" "projection" "preact_block" "regnet_y" "convnext_block";
    "mobile.nn": "sepconv" "inverted_residual" "inverted_branch" "mbconv" "mbconv_branch" "shuffle_unit";
    "concat.nn": "dense_layer" "dense_block" "transition" "fire" "inception";
    "unet.nn": "double_conv" "unet_down" "unet_up";
};

/// The part that defines a block.
pub fn part(block: &str) -> Option<&'static Part> {
    LIBRARY.iter().find(|part| part.blocks.contains(&block))
}

/// The names of all blocks.
pub fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().flat_map(|part| part.blocks.iter().copied())
}

/// A table of all blocks in Markdown: their parameters, and what stands above them.
pub fn reference() -> String {
    let row = |part: &Part, block: &str| {
        let (before, after) = part.text.split_once(&format!("block {block}(")).unwrap_or_default();
        let parameters = after.split_once(") {").map_or("", |(parameters, _)| parameters);
        let comment = before.trim_end().lines().rev().map_while(|line| line.strip_prefix("// "));
        let mut comment: Vec<&str> = comment.collect();
        comment.reverse();
        format!("| `{block}({parameters})` | {} |\n", comment.join(" "))
    };
    let rows = LIBRARY.iter().flat_map(|part| part.blocks.iter().map(move |block| row(part, block)));
    format!("| block | |\n|---|---|\n{}", rows.collect::<String>())
}

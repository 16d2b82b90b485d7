//! Near names: what somebody who wrote an unknown name probably meant.

use super::{WORDS, Windowed, Word, split};

/// The word that was probably meant, as it is written: by its name in other systems
/// (`maxpool2` is `pool2`), then by few slips of the pen (`con3` is `conv3`).
pub fn suggest(written: &str) -> Option<String> {
    let plain = plain(&written.to_lowercase());
    let (stem, window) = split(&plain);
    by_alias(&plain, "")
        .or_else(|| by_alias(stem, window))
        .or_else(|| joined_argument(stem, window))
        .or_else(|| nearest(&plain, spellings(window).iter().map(String::as_str)).map(String::from))
}

/// What other systems call arguments, without underscores.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("after", &["bottom", "right"]),
    ("before", &["top", "left"]),
    ("bias", &["usebias"]),
    ("ceil", &["ceilmode"]),
    ("channels", &["outchannels", "filters", "out", "numfilters", "width"]),
    ("count_pad", &["countincludepad"]),
    ("dilation", &["dilationrate"]),
    ("eps", &["epsilon"]),
    ("factor", &["scalefactor", "upscalefactor", "scale", "blocksize"]),
    ("features", &["outfeatures", "units", "out", "output"]),
    ("gamma", &["gammainit"]),
    ("groups", &["numgroups", "group"]),
    ("initial", &["init", "alpha"]),
    ("init", &["kernelinitializer", "initializer", "weightinit", "weights"]),
    ("low", &["minval", "min"]),
    ("high", &["maxval", "max"]),
    ("mode", &["interpolation"]),
    ("multiplier", &["depthmultiplier", "channelmultiplier"]),
    ("order", &["dims", "perm"]),
    ("output_pad", &["outputpadding"]),
    ("pad", &["padding"]),
    ("rate", &["p", "prob", "probability", "droprate"]),
    ("size", &["outputsize", "targetshape"]),
    ("slope", &["negativeslope", "alpha", "a"]),
    ("shape", &["targetshape", "size"]),
    ("std", &["stddev", "sigma"]),
    ("stride", &["strides", "step"]),
    ("window", &["kernelsize", "kernel", "ksize", "k", "poolsize", "size"]),
];

/// The argument that was probably meant, of those that the word has: by its name in other systems, then by few
/// slips of the pen.
pub fn suggest_argument<'a>(
    written: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let plain = plain(&written.to_lowercase());
    let is_called = |name: &&str| {
        ARGUMENTS.iter().any(|(known, others)| known == name && others.contains(&plain.as_str()))
    };
    candidates.clone().find(is_called).or_else(|| nearest(written, candidates))
}

/// The candidate with the fewest slips, if these are few for the length of the name, or else
/// the one that the name is the beginning of.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    let longer = |candidate: &str| name.len() >= 3 && candidate.starts_with(name);
    // Each letter more or less is a slip, which is told without a look at the letters.
    let is_as_long = |candidate: &str| candidate.chars().count().abs_diff(length) <= allowed;
    let slips = |candidate: &str| is_as_long(candidate).then(|| distance(name, candidate));
    let ranked = candidates.filter_map(|candidate| match slips(candidate) {
        Some(slips) if slips <= allowed => Some((slips, candidate)),
        _ => longer(candidate).then_some((usize::MAX, candidate)),
    });
    ranked.min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

fn by_alias(stem: &str, window: &str) -> Option<String> {
    let word = WORDS.iter().find(|word| word.aliases.contains(&stem))?;
    Some(spelling(word, window))
}

/// `linear10` is `linear 10`.
fn joined_argument(stem: &str, digits: &str) -> Option<String> {
    let word = WORDS.iter().find(|word| plain(word.name) == stem && word.window == Windowed::No)?;
    let takes_one = word.arguments.first().is_some_and(|argument| argument.positional);
    (takes_one && digits.parse::<u32>().is_ok()).then(|| format!("{} {digits}", word.name))
}

fn plain(name: &str) -> String {
    name.replace('_', "")
}

fn spellings(window: &str) -> Vec<String> {
    WORDS.iter().map(|word| spelling(word, window)).collect()
}

fn spelling(word: &Word, window: &str) -> String {
    match word.window {
        Windowed::No => word.name.to_owned(),
        Windowed::Yes(usual) if window.is_empty() => format!("{}{usual}", word.name),
        Windowed::Yes(_) => format!("{}{window}", word.name),
    }
}

/// Letters of a name that are compared.
const LETTERS: usize = 64;

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let ((a, rows), (b, columns)) = (letters(a), letters(b));
    // What the beginnings of `b` are from the two last beginnings of `a`, and from this one.
    let mut before = [0; LETTERS + 1];
    let mut last: [usize; LETTERS + 1] = std::array::from_fn(|column| column);
    for i in 1..=rows {
        let mut row = [i; LETTERS + 1];
        for j in 1..=columns {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            let best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            row[j] = if swapped { best.min(before[j - 2] + 1) } else { best };
        }
        (before, last) = (last, row);
    }
    last[columns]
}

/// The first letters of a name, and how many they are.
fn letters(name: &str) -> ([char; LETTERS], usize) {
    let mut letters = ['\0'; LETTERS];
    let count = letters.iter_mut().zip(name.chars()).map(|(letter, from)| *letter = from).count();
    (letters, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_other_systems_names_are_recognised() {
        for (written, meant) in [
            ("con3", "conv3"),
            ("conv2d", "conv3"),
            ("batchnorm", "bn"),
            ("BatchNorm2d", "bn"),
            ("maxpool2", "pool2"),
            ("MaxPool", "pool2"),
            ("fc", "linear"),
            ("dense", "linear"),
            ("linear10", "linear 10"),
            ("leaky_relu", "lrelu"),
            ("swish", "silu"),
            ("rleu", "relu"),
            ("sofmax", "softmax"),
            ("ReLU6", "relu6"),
            ("Hardswish", "hard_swish"),
            ("pixelshuffle", "pixel_shuffle"),
            ("adaptive_avgpool7", "adaptive_avgpool 7"),
            ("ConvTranspose2d", "deconv4"),
            ("DepthwiseConv2D", "dwconv3"),
            ("GroupNorm", "gn"),
            ("LayerNorm", "ln"),
            ("instance_norm", "instancenorm"),
            ("Dropout2d", "spatial_dropout"),
            ("DropPath", "stochastic_depth"),
            ("ZeroPad2d", "pad"),
            ("globalmaxpool", "gmp"),
            ("view", "reshape"),
        ] {
            assert_eq!(suggest(written).as_deref(), Some(meant), "{written}");
        }
        assert_eq!(suggest("transformer"), None);
    }

    #[test]
    fn arguments_of_other_systems_are_recognised() {
        let conv = ["channels", "stride", "pad", "dilation", "bias", "init", "window"];
        for (written, meant) in [
            ("padding", Some("pad")),
            ("kernel_size", Some("window")),
            ("out_channels", Some("channels")),
            ("use_bias", Some("bias")),
            ("strid", Some("stride")),
            ("momentum", None),
        ] {
            assert_eq!(suggest_argument(written, conv.into_iter()), meant, "{written}");
        }
        assert_eq!(suggest_argument("size", ["rate"].into_iter()), None);
        assert_eq!(suggest_argument("p", ["rate"].into_iter()), Some("rate"));
    }

    #[test]
    fn every_named_argument_is_one_of_the_table() {
        let known = |name: &str| WORDS.iter().any(|word| word.argument(name).is_some());
        assert!(ARGUMENTS.iter().all(|(name, _)| known(name)));
    }

    #[test]
    fn distances() {
        assert_eq!(distance("conv", "conv"), 0);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}

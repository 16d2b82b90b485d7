//! Means and variances.

use nnc_codegen::graph::{Keep, Type};

/// Which number each element goes into, and how many numbers there are.
pub(super) fn kept(keep: Keep, extent: &Type, batch: usize) -> (usize, impl Fn(usize) -> usize) {
    let (len, channels) = (extent.len(), extent.channels());
    let numbers = match keep {
        Keep::Channels => channels,
        Keep::Groups(groups) => batch * groups,
        Keep::Positions => batch * len / channels,
    };
    let of = move |element: usize| match keep {
        Keep::Channels => element % channels,
        Keep::Groups(groups) => element / len * groups + element % channels / (channels / groups),
        Keep::Positions => element / channels,
    };
    (numbers, of)
}

/// The numbers as they are stored: those of groups for each channel of the group.
pub(super) fn stored(keep: Keep, extent: &Type, numbers: Vec<f64>) -> Vec<f64> {
    match keep {
        Keep::Channels | Keep::Positions => numbers,
        Keep::Groups(groups) => {
            let width = extent.channels() / groups;
            numbers.into_iter().flat_map(|number| vec![number; width]).collect()
        }
    }
}

/// Mean and biased variance.
pub(super) fn statistics(keep: Keep, extent: &Type, batch: usize, x: &[f64]) -> [Vec<f64>; 2] {
    let (numbers, of) = kept(keep, extent, batch);
    let count = x.len() as f64 / numbers as f64;
    let mut mean = vec![0.0; numbers];
    x.iter().enumerate().for_each(|(element, x)| mean[of(element)] += x / count);
    let mut variance = vec![0.0; numbers];
    for (element, x) in x.iter().enumerate() {
        variance[of(element)] += (x - mean[of(element)]).powi(2) / count;
    }
    [mean, variance].map(|numbers| stored(keep, extent, numbers))
}

/// running ← (1 − momentum) · running + momentum · new; the variance unbiased, over `count` elements.
pub(super) fn running(momentum: f64, count: usize, tensors: [&[f64]; 4]) -> [Vec<f64>; 2] {
    let [mean, variance, running_mean, running_variance] = tensors;
    let unbiased = count as f64 / (count as f64 - 1.0).max(1.0);
    let moved = |old: &[f64], new: &[f64], factor: f64| {
        old.iter().zip(new).map(|(old, new)| (1.0 - momentum) * old + momentum * new * factor).collect()
    };
    [moved(running_mean, mean, 1.0), moved(running_variance, variance, unbiased)]
}

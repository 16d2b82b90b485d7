//! Softmax and its companions along the channels.

pub(super) fn log_sum_exp(channels: usize, x: &[f64]) -> Vec<f64> {
    let row = |x: &[f64]| {
        let maximum = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        maximum + x.iter().map(|x| (x - maximum).exp()).sum::<f64>().ln()
    };
    x.chunks(channels).map(row).collect()
}

pub(super) fn softmax(channels: usize, x: &[f64]) -> Vec<f64> {
    let sums = log_sum_exp(channels, x);
    x.iter().enumerate().map(|(index, x)| (x - sums[index / channels]).exp()).collect()
}

/// dx = y · (dy − Σ y dy)
pub(super) fn softmax_backward(channels: usize, y: &[f64], dy: &[f64]) -> Vec<f64> {
    let rows = y.chunks(channels).zip(dy.chunks(channels));
    rows.flat_map(|(y, dy)| {
        let dot: f64 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
        y.iter().zip(dy).map(move |(y, dy)| y * (dy - dot))
    })
    .collect()
}

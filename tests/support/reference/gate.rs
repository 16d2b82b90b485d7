//! Gated linear units (Dauphin et al. 2017): the first half of the channels times the sigmoid of the second.

use super::branches::{concatenated, split};
use super::tensor::Tensor;

pub(super) fn forward(x: &Tensor) -> Tensor {
    let [value, gate] = halves(x);
    value.zip(&gate, |value, gate| value * sigmoid(gate))
}

pub(super) fn gradient(x: &Tensor, dy: &Tensor) -> Tensor {
    let [value, gate] = halves(x);
    let by_value = dy.zip(&gate, |dy, gate| dy * sigmoid(gate));
    let slope = value.zip(&gate, |value, gate| value * sigmoid(gate) * sigmoid(-gate));
    concatenated(&[by_value, dy.zip(&slope, |dy, slope| dy * slope)])
}

fn halves(x: &Tensor) -> [Tensor; 2] {
    let half = x.channels() / 2;
    split(x, &[half, half]).try_into().expect("there are two halves")
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

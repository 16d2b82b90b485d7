//! Initial values of parameters.

use super::layout;
use crate::program::{Init, Parameter};
use crate::random::{Purpose, Stream};

/// The values of the parameter with this index at the start, in the kernels' order.
///
/// They are drawn in the outside order, so that a change of the inside order changes no result.
pub(super) fn values(parameter: &Parameter, index: usize, seed: u64) -> Vec<f32> {
    let len = parameter.shape.iter().product();
    match parameter.init {
        Init::Constant(value) => vec![value; len],
        Init::Normal { std } => layout::to_inside(parameter, &normal(seed, index, std, len)),
    }
}

fn normal(seed: u64, index: usize, std: f32, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, Purpose::Initialization, index as u32, 0);
    let blocks = (0..len.div_ceil(4)).flat_map(|block| stream.normal_block(block as u32));
    blocks.take(len).map(|value| value * std).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Layout;

    fn weight(init: Init) -> Parameter {
        Parameter { name: "w", shape: &[50, 200], layout: Layout::Linear, init, offset: 0 }
    }

    #[test]
    fn normal_values_have_the_deviation_asked_for() {
        let values = values(&weight(Init::Normal { std: 0.1 }), 0, 7);
        let count = values.len() as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
        // Three standard errors of 10,000 draws.
        assert!(mean.abs() < 0.003, "{mean}");
        assert!((variance.sqrt() - 0.1).abs() < 0.0022, "{variance}");
    }

    #[test]
    fn seed_and_index_decide_the_values() {
        let init = Init::Normal { std: 1.0 };
        let first = values(&weight(init), 0, 7);
        assert_eq!(first, values(&weight(init), 0, 7));
        assert_ne!(first, values(&weight(init), 1, 7));
        assert_ne!(first, values(&weight(init), 0, 8));
    }

    #[test]
    fn constants_are_constant() {
        assert!(values(&weight(Init::Constant(0.5)), 0, 7).iter().all(|value| *value == 0.5));
    }
}

//! Initial values of parameters.

use super::{layout, orthogonal};
use crate::program::{Init, Parameter};
use nnc_kernels::cpu::Pool;
use nnc_kernels::random::{Purpose, Stream};

/// Where a truncated normal distribution ends, in deviations of the whole one.
const CUT: f32 = 2.0;

/// The standard deviation of a standard normal distribution that is cut there:
/// √(1 − 2·2·φ(2) / (2Φ(2) − 1)).
const CUT_DEVIATION: f32 = 0.879_625_7;

/// The values of the parameter with this index at the start, in the kernels' order.
///
/// They are drawn in the outside order, so that a change of the inside order changes no result.
pub(super) fn values(parameter: &Parameter, index: usize, seed: u64, pool: &Pool) -> Vec<f32> {
    let draw = Draw { seed, index: index as u32, len: parameter.shape.iter().product(), pool };
    let outside = match parameter.init {
        Init::Constant(value) => return vec![value; draw.len],
        Init::Normal { std } => draw.normal(std),
        Init::TruncatedNormal { std } => draw.truncated_normal(std),
        Init::Uniform { bound } => draw.uniform(bound),
        Init::Orthogonal { gain } => draw.orthogonal(parameter.shape, gain),
    };
    layout::to_inside(pool, parameter, &outside)
}

/// The random numbers of one parameter.
struct Draw<'p> {
    seed: u64,
    index: u32,
    len: usize,
    pool: &'p Pool,
}

impl Draw<'_> {
    fn normal(&self, std: f32) -> Vec<f32> {
        let stream = self.stream(0);
        self.elements(|block| stream.normal_block(block).map(|value| value * std))
    }

    /// An element beyond the cut is drawn again, from the next round's numbers.
    fn truncated_normal(&self, std: f32) -> Vec<f32> {
        let first = self.stream(0);
        let scale = std / CUT_DEVIATION;
        self.elements(|block| {
            let mut values = first.normal_block(block);
            for (lane, value) in values.iter_mut().enumerate() {
                let mut round = 1;
                while value.abs() > CUT {
                    *value = self.stream(round).normal_block(block)[lane];
                    round += 1;
                }
            }
            values.map(|value| value * scale)
        })
    }

    fn uniform(&self, bound: f32) -> Vec<f32> {
        let stream = self.stream(0);
        self.elements(|block| stream.uniform_block(block).map(|value| (2.0 * value - 1.0) * bound))
    }

    /// Rows or columns of `[out, rest]` are orthonormal, whichever are fewer, times `gain`.
    fn orthogonal(&self, shape: &[usize], gain: f32) -> Vec<f32> {
        let rows = shape.first().copied().unwrap_or(1);
        let columns = self.len / rows;
        let mut matrix: Vec<f64> = self.normal(1.0).into_iter().map(f64::from).collect();
        // Of a wide matrix the rows lie as the columns of its transpose do.
        orthogonal::orthogonalize(self.pool, rows.max(columns), &mut matrix);
        let value = |index: usize| match rows > columns {
            true => matrix[index % columns * rows + index / columns],
            false => matrix[index],
        };
        (0..self.len).map(|index| (value(index) * f64::from(gain)) as f32).collect()
    }

    fn stream(&self, round: u64) -> Stream {
        Stream::new(self.seed, Purpose::Initialization, self.index, round)
    }

    /// Elements from blocks of four.
    fn elements(&self, block: impl Fn(u32) -> [f32; 4] + Sync) -> Vec<f32> {
        const TASK: usize = 1 << 12;
        let mut elements = vec![0.0; self.len];
        self.pool.for_each_piece([&mut elements], [4 * TASK], |task, [piece]| {
            for (index, four) in piece.chunks_mut(4).enumerate() {
                four.copy_from_slice(&block((task * TASK + index) as u32)[..four.len()]);
            }
        });
        elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Layout;

    fn weight(shape: &'static [usize], init: Init) -> Parameter {
        Parameter { name: "w", shape, layout: Layout::Plain, init, offset: 0 }
    }

    fn draw(init: Init, index: usize, seed: u64) -> Vec<f32> {
        values(&weight(&[50, 200], init), index, seed, &Pool::new(1))
    }

    /// Mean, standard deviation and fourth moment in units of the variance.
    fn moments(values: &[f32]) -> [f64; 3] {
        let moment = |power: i32, centre: f64| {
            values.iter().map(|value| (f64::from(*value) - centre).powi(power)).sum::<f64>()
                / values.len() as f64
        };
        let mean = moment(1, 0.0);
        let variance = moment(2, mean);
        [mean, variance.sqrt(), moment(4, mean) / (variance * variance)]
    }

    /// `kurtosis` tells the distributions apart; the bounds are some four standard errors of 10,000 draws.
    #[track_caller]
    fn check_moments(init: Init, std: f64, kurtosis: f64) -> Vec<f32> {
        let values = draw(init, 0, 7);
        let [mean, found_std, found_kurtosis] = moments(&values);
        assert!(mean.abs() < 0.04 * std, "mean {mean}");
        assert!((found_std / std - 1.0).abs() < 0.03, "deviation {found_std}, expected {std}");
        assert!((found_kurtosis - kurtosis).abs() < 0.2, "kurtosis {found_kurtosis}, expected {kurtosis}");
        values
    }

    #[test]
    fn normal_values_have_the_deviation_asked_for() {
        check_moments(Init::Normal { std: 0.1 }, 0.1, 3.0);
    }

    #[test]
    fn truncated_values_have_the_deviation_asked_for_and_an_end() {
        let values = check_moments(Init::TruncatedNormal { std: 0.1 }, 0.1, 2.366);
        let end = 0.1 * CUT / CUT_DEVIATION;
        let largest = values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        assert!(largest <= end && largest > 0.97 * end, "{largest} of {end}");
    }

    #[test]
    fn uniform_values_fill_their_interval() {
        let values = check_moments(Init::Uniform { bound: 0.3 }, 0.3 / 3f64.sqrt(), 1.8);
        assert!(values.iter().all(|value| (-0.3..=0.3).contains(value)));
        let beyond = |bound: f32| values.iter().filter(|value| **value > bound).count();
        assert!(beyond(0.29) > 0 && beyond(-0.29) < values.len());
    }

    #[test]
    fn seed_and_index_decide_the_values() {
        for init in [
            Init::Normal { std: 1.0 },
            Init::TruncatedNormal { std: 1.0 },
            Init::Uniform { bound: 1.0 },
            Init::Orthogonal { gain: 1.0 },
        ] {
            let first = draw(init, 0, 7);
            assert_eq!(first, draw(init, 0, 7));
            assert_ne!(first, draw(init, 1, 7));
            assert_ne!(first, draw(init, 0, 8));
        }
    }

    #[test]
    fn the_shorter_side_is_orthonormal() {
        // As rows: [out, rest] of a wide layer, of a tall one, of a convolution.
        for (shape, rows, columns) in
            [(&[20, 50][..], 20, 50), (&[50, 20], 50, 20), (&[6, 2, 2, 3], 6, 12), (&[7], 7, 1)]
        {
            let init = Init::Orthogonal { gain: 2.0 };
            let values = values(&weight(shape, init), 3, 1, &Pool::new(2));
            let at = |short: usize, long: usize| match rows > columns {
                true => values[long * columns + short],
                false => values[short * columns + long],
            };
            for a in 0..rows.min(columns) {
                for b in 0..=a {
                    let dot: f32 = (0..rows.max(columns)).map(|long| at(a, long) * at(b, long)).sum();
                    let expected = if a == b { 4.0 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-5, "{shape:?}: {a}, {b}: {dot}");
                }
            }
        }
    }

    /// Without the signs of R each first column would point the same way.
    #[test]
    fn orthogonal_matrices_favour_no_direction() {
        let init = Init::Orthogonal { gain: 1.0 };
        let first = |seed| values(&weight(&[3, 3], init), 0, seed, &Pool::new(1))[0];
        let values: Vec<f32> = (0..1000).map(first).collect();
        // One of three coordinates of a point on the sphere is uniform.
        let [mean, std, _] = moments(&values);
        assert!(mean.abs() < 0.06 && (std - 1.0 / 3f64.sqrt()).abs() < 0.04, "{mean} {std}");
    }

    #[test]
    fn constants_are_constant() {
        assert!(draw(Init::Constant(0.5), 0, 7).iter().all(|value| *value == 0.5));
    }
}

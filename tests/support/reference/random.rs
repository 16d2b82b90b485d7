//! Random words. All of them are factor · x + shift with factors and shifts that are drawn, but for the
//! random rectifier, whose factor depends on the side of zero.

use nnc_dsl::model::Layer;

use super::Draw;
use super::tensor::Tensor;

/// What the elements of a batch are multiplied with, and what is added.
pub(super) struct Drawn {
    factor: Tensor,
    shift: Tensor,
}

/// What shares a number.
#[derive(Clone, Copy)]
enum Per {
    Element,
    Channel,
    Sample,
}

impl Drawn {
    /// What a word makes of its stream of random numbers while training; none for words that are not
    /// random, or have nothing to draw.
    pub(super) fn of(layer: &Layer, x: &Tensor, stream: usize, draw: Draw) -> Option<Drawn> {
        let dropped = |rate: f64, per: Per| {
            let keep =
                move |number: f64, _| if number < rate { [0.0, 0.0] } else { [1.0 / (1.0 - rate), 0.0] };
            (rate > 0.0).then(|| Drawn::new(x, per, |at| (draw.uniform)(stream, at), keep))
        };
        match *layer {
            Layer::Dropout { rate } => dropped(rate, Per::Element),
            Layer::SpatialDropout { rate } => dropped(rate, Per::Channel),
            Layer::StochasticDepth { rate } => dropped(rate, Per::Sample),
            Layer::AlphaDropout { rate } => (rate > 0.0).then(|| {
                Drawn::new(x, Per::Element, |at| (draw.uniform)(stream, at), |number, _| alpha(rate, number))
            }),
            Layer::GaussianNoise { std } => (std > 0.0).then(|| {
                Drawn::new(x, Per::Element, |at| (draw.normal)(stream, at), |number, _| [1.0, std * number])
            }),
            Layer::RRelu { lower, upper } => {
                let slope = move |number, x| rectified(lower + (upper - lower) * number, x);
                Some(Drawn::new(x, Per::Element, |at| (draw.uniform)(stream, at), slope))
            }
            _ => None,
        }
    }

    /// The random rectifier with a slope that is not random.
    pub(super) fn rectifier(x: &Tensor, slope: f64) -> Drawn {
        Drawn::new(x, Per::Element, |_| slope, rectified)
    }

    /// From a function of a number and an element to factor and shift.
    fn new(
        x: &Tensor,
        per: Per,
        number: impl Fn(u64) -> f64,
        function: impl Fn(f64, f64) -> [f64; 2],
    ) -> Drawn {
        let (mut factor, mut shift) = (x.zeros_like(), x.zeros_like());
        for element in 0..x.data.len() {
            let place = match per {
                Per::Element => x.channels_last(element),
                Per::Channel => element / x.positions(),
                Per::Sample => element / x.sample_len(),
            };
            [factor.data[element], shift.data[element]] = function(number(place as u64), x.data[element]);
        }
        Drawn { factor, shift }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let mut y = x.zip(&self.factor, |x, factor| x * factor);
        y.add(&self.shift);
        y
    }

    pub(super) fn gradient(&self, dy: &Tensor) -> Tensor {
        dy.zip(&self.factor, |dy, factor| dy * factor)
    }
}

fn rectified(slope: f64, x: f64) -> [f64; 2] {
    [if x > 0.0 { 1.0 } else { slope }, 0.0]
}

/// Alpha dropout (Klambauer et al. 2017, section 3): with probability `rate` an element is α′, the limit of
/// SELU on the negative side; then a · x + b with a = (q + α′² q (1 − q))^−½ and b = −a (1 − q) α′, where q
/// is 1 − rate.
fn alpha(rate: f64, number: f64) -> [f64; 2] {
    const SCALE: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    let (limit, kept) = (-SCALE * ALPHA, 1.0 - rate);
    let a = 1.0 / (kept + limit * limit * kept * (1.0 - kept)).sqrt();
    let b = -a * (1.0 - kept) * limit;
    if number < rate { [0.0, a * limit + b] } else { [a, b] }
}

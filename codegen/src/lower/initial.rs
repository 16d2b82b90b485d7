//! Initial values with their fans reckoned in.

use nnc_dsl::model::{Fan, Init};

/// How many elements one output sums, and how many outputs one element goes into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fans {
    pub(super) inward: f64,
    pub(super) outward: f64,
}

impl Fans {
    /// `init` with a standard deviation in place of a scale and a fan: Var = scale / fan.
    pub(super) fn resolve(self, init: Init) -> Init {
        match init {
            Init::Scaled { scale, fan, form } => {
                let fan = match fan {
                    Fan::In => self.inward,
                    Fan::Out => self.outward,
                    Fan::Average => (self.inward + self.outward) / 2.0,
                };
                Init::Random { std: (scale / fan).sqrt(), form }
            }
            Init::Random { .. } | Init::Orthogonal { .. } | Init::Constant(_) => init,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::model::Form;

    #[test]
    fn glorot_takes_the_average() {
        let fans = Fans { inward: 6.0, outward: 2.0 };
        let glorot = Init::Scaled { scale: 1.0, fan: Fan::Average, form: Form::Uniform };
        assert_eq!(fans.resolve(glorot), Init::Random { std: 0.5, form: Form::Uniform });
        assert_eq!(fans.resolve(Init::Constant(1.0)), Init::Constant(1.0));
    }
}

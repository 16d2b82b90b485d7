//! What was wrong with a step whose loss or gradient is not finite.

use super::Model;
use super::access::range;
use super::engine::{FlatBuffer, NotFinite};
use super::finite::all_finite;
use crate::error::{Error, NonFinite, Phase};

impl Model {
    /// The failure of a pass as an error, with what was wrong before it.
    pub(super) fn failure(&self, NotFinite { phase, loss, layer, input }: NotFinite) -> Result<Error, Error> {
        let is_gradient = phase == Phase::Training && loss.is_finite();
        let gradient = if is_gradient { self.broken(FlatBuffer::Gradients)? } else { None };
        let parameter = self.broken(FlatBuffer::Parameters)?;
        let step = self.step + u64::from(phase == Phase::Training);
        let is_half = self.engine.loss_scale()?.is_some();
        Ok(Error::NonFinite(NonFinite { phase, step, loss, gradient, layer, parameter, input, is_half }))
    }

    /// The first parameter with a value in `buffer` that is not finite.
    fn broken(&self, buffer: FlatBuffer) -> Result<Option<&'static str>, Error> {
        let len = match buffer {
            FlatBuffer::Gradients => self.program.trained_len,
            _ => self.program.parameter_len,
        };
        let flat = self.engine.read(buffer, 0..len)?;
        let is_broken = |values: &[f32]| !all_finite(&self.pool, values);
        let mut parameters = self.program.parameters.iter();
        let parameter = parameters.find(|parameter| flat.get(range(parameter)).is_some_and(is_broken));
        Ok(parameter.map(|parameter| parameter.name))
    }
}

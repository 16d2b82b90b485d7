//! Parameters, gradients, states and hyperparameters by name, in the outside order.

use super::engine::FlatBuffer;
use super::{LossScale, Model, layout};
use crate::error::Error;
use crate::program::{Parameter, State};

impl Model {
    /// The values of a parameter.
    pub fn parameter(&self, name: &str) -> Result<Vec<f32>, Error> {
        let parameter = self.find_parameter(name)?;
        let inside = self.engine.read(FlatBuffer::Parameters, range(parameter))?;
        Ok(layout::to_outside(&self.pool, parameter, &inside))
    }

    /// Replaces the values of a parameter.
    pub fn set_parameter(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        let parameter = self.find_parameter(name)?;
        check_length(name, parameter.shape, values)?;
        let inside = layout::to_inside(&self.pool, parameter, values);
        self.engine.write(FlatBuffer::Parameters, parameter.offset, &inside)
    }

    /// The gradient of a parameter, from the last step of training; a frozen one has none.
    pub fn gradient(&self, name: &str) -> Result<Vec<f32>, Error> {
        let parameter = self.find_parameter(name)?;
        if range(parameter).end > self.program.trained_len {
            return Err(Error::settings(
                format!("parameter `{name}` is frozen and has no gradient"),
                "take it out of the part of the network that is `frozen`, or leave its gradient out",
            ));
        }
        let inside = self.engine.read(FlatBuffer::Gradients, range(parameter))?;
        Ok(layout::to_outside(&self.pool, parameter, &inside))
    }

    /// The values of a state, such as a running mean.
    pub fn state(&self, name: &str) -> Result<Vec<f32>, Error> {
        let state = self.find_state(name)?;
        Ok(self.engine.read(FlatBuffer::States, state_range(state))?.into_owned())
    }

    /// Replaces the values of a state.
    pub fn set_state(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        let state = self.find_state(name)?;
        check_length(name, state.shape, values)?;
        self.engine.write(FlatBuffer::States, state.offset, values)
    }

    /// The value of a hyperparameter of the optimiser.
    pub fn hyperparameter(&self, name: &str) -> Result<f32, Error> {
        Ok(self.hyperparameters[self.find_hyperparameter(name)?])
    }

    /// Replaces the value of a hyperparameter of the optimiser.
    pub fn set_hyperparameter(&mut self, name: &str, value: f32) -> Result<(), Error> {
        let index = self.find_hyperparameter(name)?;
        self.hyperparameters[index] = value;
        Ok(())
    }

    /// The factor on the loss in training at half precision; none at other precisions and on the processor.
    ///
    /// # Errors
    /// If batches are under way, or if a GPU fails to hand it over.
    pub fn loss_scale(&self) -> Result<Option<LossScale>, Error> {
        self.check_idle("the loss scale is read")?;
        self.engine.loss_scale()
    }

    /// Replaces the learning rate.
    pub fn set_learning_rate(&mut self, value: f32) -> Result<(), Error> {
        self.set_hyperparameter("lr", value)
    }

    fn find_parameter(&self, name: &str) -> Result<&'static Parameter, Error> {
        let parameters = self.program.parameters;
        parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .ok_or_else(|| unknown("parameter", name, parameters.iter().map(|parameter| parameter.name)))
    }

    fn find_state(&self, name: &str) -> Result<&'static State, Error> {
        let states = self.program.states;
        states
            .iter()
            .find(|state| state.name == name)
            .ok_or_else(|| unknown("state", name, states.iter().map(|state| state.name)))
    }

    fn find_hyperparameter(&self, name: &str) -> Result<usize, Error> {
        let names = || self.program.optimizer.hyperparameters.iter().map(|(name, _)| *name);
        names().position(|known| known == name).ok_or_else(|| unknown("hyperparameter", name, names()))
    }
}

/// Where a parameter lies in the flat buffers.
pub(super) fn range(parameter: &Parameter) -> std::ops::Range<usize> {
    parameter.offset..parameter.offset + parameter.shape.iter().product::<usize>()
}

/// Where a state lies in the flat state buffer.
pub(super) fn state_range(state: &State) -> std::ops::Range<usize> {
    state.offset..state.offset + state.shape.iter().product::<usize>()
}

fn unknown(kind: &'static str, name: &str, known: impl Iterator<Item = &'static str>) -> Error {
    Error::UnknownName { kind, name: name.to_owned(), known: known.collect() }
}

fn check_length(name: &str, shape: &[usize], values: &[f32]) -> Result<(), Error> {
    let expected: usize = shape.iter().product();
    if values.len() == expected {
        return Ok(());
    }
    Err(Error::Length { what: format!("`{name}`"), expected: expected.to_string(), found: values.len() })
}

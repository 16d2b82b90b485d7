//! A network on a device with numbers to be compared: its parameters, and a batch.

use std::path::Path;

use nnc::runtime::Device;
use nnc::runtime::program::Program;
use nnc::{Error, Model};

use crate::Outcome;
use crate::data::{Batch, Streams, randomise};

/// Samples of a batch: odd, so that no vector or tile comes out even.
const BATCH: usize = 5;

/// What the loss is multiplied by at half precision.
const LOSS_SCALE: f32 = 128.0;

/// What numbers are drawn.
#[derive(Clone, Copy)]
pub(crate) struct Draw {
    /// Of the batch.
    pub(crate) seed: u64,
    /// How much further than else biases lie from zero.
    pub(crate) away: f32,
}

pub(crate) struct Trial {
    pub(crate) model: Model,
    batch: Batch,
}

impl Trial {
    pub(crate) fn new(program: &'static Program, device: &Device, draw: Draw) -> Outcome<Trial> {
        let mut model = Model::on(program, 7, device)?;
        randomise(&mut model, 11, draw.away)?;
        start_low(&mut model)?;
        Ok(Trial { model, batch: Batch::random(program, BATCH, draw.seed) })
    }

    /// Changes every parameter and input by up to `by` of itself.
    pub(crate) fn change(&mut self, by: f32, seed: u64) -> Outcome<()> {
        let mut streams = Streams::new(seed);
        for parameter in self.model.program().parameters {
            let mut values = self.model.parameter(parameter.name)?;
            streams.change(&mut values, by);
            self.model.set_parameter(parameter.name, &values)?;
        }
        self.batch.inputs_mut().for_each(|values| streams.change(values, by));
        Ok(())
    }

    pub(crate) fn predict(&mut self) -> Result<Vec<Vec<f32>>, Error> {
        self.model.predict_many(&self.batch.inputs())
    }

    /// The loss of evaluation.
    pub(crate) fn evaluate(&mut self) -> Result<f32, Error> {
        let report = self.model.evaluate_many(&self.batch.inputs(), &self.batch.targets())?;
        Ok(report.loss)
    }

    /// The loss of a step.
    pub(crate) fn train(&mut self) -> Result<f32, Error> {
        let report = self.model.train_step_many(&self.batch.inputs(), &self.batch.targets())?;
        Ok(report.loss)
    }
}

/// Lets half precision begin with a loss scale at which no gradient overflows: the processor skips no step.
fn start_low(model: &mut Model) -> Outcome<()> {
    let mut checkpoint = model.checkpoint()?;
    if let Some(loss_scale) = &mut checkpoint.metadata.loss_scale {
        loss_scale.scale = LOSS_SCALE;
        model.restore(&checkpoint, Path::new("the checkpoint of a comparison"))?;
    }
    Ok(())
}

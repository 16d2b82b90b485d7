//! One batch through the emitted passes.
//!
//! Everything here is in the kernels' order. A step that fails leaves parameters and states as
//! they were.

use super::access::range;
use super::{Model, StepReport, kind};
use crate::devices::cpu::{Buffer, Buffers, Pool};
use crate::emitted::{Decay, Pass, RandomKey, Region, Slot, Update};
use crate::error::{Error, NonFinite, Phase};
use crate::program::Target;

/// Targets of a batch, values channels last.
pub(super) enum BatchTargets<'a> {
    Classes(&'a [u32]),
    Values(&'a mut [f32]),
}

/// The working memory of a pass; it grows to the largest batch and never shrinks.
#[derive(Default)]
pub(super) struct Arena {
    batched: Buffer,
    fixed: Buffer,
}

impl Arena {
    fn reserve(&mut self, batched: usize, fixed: usize) {
        for (buffer, len) in [(&mut self.batched, batched), (&mut self.fixed, fixed)] {
            if buffer.len() < len {
                // The old memory goes before the new one comes.
                *buffer = Buffer::zeroed(0);
                *buffer = Buffer::zeroed(len);
            }
        }
    }
}

impl Model {
    /// Forward, loss, backward, update.
    pub(super) fn train(
        &mut self,
        inputs: &mut [f32],
        mut targets: BatchTargets,
    ) -> Result<StepReport, Error> {
        let batch = self.batch_size(inputs.len())?;
        self.check_targets(batch, &targets)?;
        let training = &self.program.training;
        self.training.reserve(training.batched_len * batch, training.fixed_len);
        self.saved_states.copy_from_slice(&self.states);
        let pass = self.training_pass(batch, inputs, &mut targets);
        (training.forward)(&pass);
        let correct = correct(&pass, training.output);
        (training.loss)(&pass);
        let loss = mean(&pass.read(training.loss_slot));
        if !loss.is_finite() {
            return Err(self.diagnose_training(loss, batch, inputs, targets));
        }
        (training.backward)(&pass);
        self.update();
        Ok(StepReport { loss, correct, samples: batch })
    }

    /// Forward and loss, with what only training does left out.
    pub(super) fn measure(
        &mut self,
        inputs: &mut [f32],
        mut targets: BatchTargets,
    ) -> Result<StepReport, Error> {
        let batch = self.batch_size(inputs.len())?;
        self.check_targets(batch, &targets)?;
        let evaluation = &self.program.evaluation;
        let pass = self.evaluation_pass(batch, inputs, &mut targets);
        (evaluation.forward)(&pass);
        let correct = correct(&pass, evaluation.output);
        (evaluation.loss)(&pass);
        let loss = mean(&pass.read(evaluation.loss_slot));
        if !loss.is_finite() {
            return Err(self.diagnose_evaluation(loss, batch, inputs, targets));
        }
        Ok(StepReport { loss, correct, samples: batch })
    }

    /// Forward alone; the output is channels last.
    pub(super) fn infer(&mut self, inputs: &mut [f32]) -> Result<Vec<f32>, Error> {
        let batch = self.batch_size(inputs.len())?;
        let evaluation = &self.program.evaluation;
        let mut targets = BatchTargets::Classes(&[]);
        let pass = self.evaluation_pass(batch, inputs, &mut targets);
        (evaluation.forward)(&pass);
        Ok(pass.read(evaluation.output))
    }

    /// How many samples `len` elements are.
    pub(super) fn batch_size(&self, len: usize) -> Result<usize, Error> {
        let sample: usize = self.program.input.iter().product();
        if len == 0 || !len.is_multiple_of(sample) {
            let expected = format!("a multiple of {sample}");
            return Err(Error::Length { what: "the inputs".into(), expected, found: len });
        }
        Ok(len / sample)
    }

    fn check_targets(&self, batch: usize, targets: &BatchTargets) -> Result<(), Error> {
        let length = |what: &str, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => Err(Error::Length { what: what.to_owned(), expected: expected.to_string(), found }),
        };
        let width: usize = self.program.output.iter().product();
        match (self.program.defaults.target, targets) {
            (Target::Class, BatchTargets::Classes(labels)) => {
                length("the labels (one per sample)", batch, labels.len())?;
                check_labels(labels, self.program.output[0])
            }
            (Target::Values, BatchTargets::Values(values)) => {
                length("the target values", batch * width, values.len())
            }
            (wanted, _) => Err(Error::settings(
                format!("the network's loss compares with {}, found the other kind of target", kind(wanted)),
                "give classes to cross-entropy and values to the mean squared error",
            )),
        }
    }

    fn training_pass<'a>(
        &'a mut self,
        batch: usize,
        inputs: &'a mut [f32],
        targets: &'a mut BatchTargets,
    ) -> Pass<'a> {
        let buffers = Buffers::new(batch)
            .with(Region::Input, inputs)
            .with(Region::Batched, &mut self.training.batched)
            .with(Region::Fixed, &mut self.training.fixed)
            .with(Region::Parameter, &mut self.parameters)
            .with(Region::Gradient, &mut self.gradients)
            .with(Region::State, &mut self.states);
        self.is_prepared = false;
        let random = RandomKey { seed: self.seed, step: self.step };
        with_targets(buffers, &self.pool, targets).with_random(random)
    }

    /// The pass over an arena that is large enough, with the prepared buffer up to date.
    fn evaluation_pass<'a>(
        &'a mut self,
        batch: usize,
        inputs: &'a mut [f32],
        targets: &'a mut BatchTargets,
    ) -> Pass<'a> {
        let evaluation = &self.program.evaluation;
        self.evaluation.reserve(evaluation.batched_len * batch, evaluation.fixed_len);
        let buffers = Buffers::new(batch)
            .with(Region::Input, inputs)
            .with(Region::Batched, &mut self.evaluation.batched)
            .with(Region::Fixed, &mut self.evaluation.fixed)
            .with(Region::Parameter, &mut self.parameters)
            .with(Region::State, &mut self.states)
            .with(Region::Prepared, &mut self.prepared);
        let pass = with_targets(buffers, &self.pool, targets);
        if !self.is_prepared {
            (evaluation.prepare)(&pass);
            self.is_prepared = true;
        }
        pass
    }

    fn update(&mut self) {
        self.step += 1;
        let decay = Decay {
            weight: self.hyperparameter("weight_decay").unwrap_or(0.0),
            len: self.program.decayed_len,
        };
        let update = Update::new(
            &self.pool,
            &mut self.parameters,
            &self.gradients,
            &mut self.optimizer,
            &self.hyperparameters,
            decay,
            self.step,
        );
        (self.program.optimizer.update)(&update);
    }

    /// Runs a failed step again, looking for its first bad value, and undoes it.
    fn diagnose_training(
        &mut self,
        loss: f32,
        batch: usize,
        inputs: &mut [f32],
        mut targets: BatchTargets,
    ) -> Error {
        let training = &self.program.training;
        self.states.copy_from_slice(&self.saved_states);
        let pass = self.training_pass(batch, inputs, &mut targets).inspecting();
        (training.forward)(&pass);
        (training.loss)(&pass);
        let layer = pass.first_non_finite();
        self.states.copy_from_slice(&self.saved_states);
        self.failure(Phase::Training, self.step + 1, loss, layer, inputs)
    }

    fn diagnose_evaluation(
        &mut self,
        loss: f32,
        batch: usize,
        inputs: &mut [f32],
        mut targets: BatchTargets,
    ) -> Error {
        let evaluation = &self.program.evaluation;
        let pass = self.evaluation_pass(batch, inputs, &mut targets).inspecting();
        (evaluation.forward)(&pass);
        (evaluation.loss)(&pass);
        let layer = pass.first_non_finite();
        self.failure(Phase::Evaluation, self.step, loss, layer, inputs)
    }

    fn failure(&self, phase: Phase, step: u64, loss: f32, layer: Option<String>, inputs: &[f32]) -> Error {
        let parameter =
            self.program.parameters.iter().find(|parameter| !all_finite(&self.parameters[range(parameter)]));
        let parameter = parameter.map(|parameter| parameter.name);
        Error::NonFinite(NonFinite { phase, step, loss, layer, parameter, input: !all_finite(inputs) })
    }
}

fn with_targets<'a>(buffers: Buffers<'a>, pool: &'a Pool, targets: &'a mut BatchTargets) -> Pass<'a> {
    match targets {
        BatchTargets::Classes(labels) => Pass::new(buffers, pool).with_labels(labels),
        BatchTargets::Values(values) => Pass::new(buffers.with(Region::Target, values), pool),
    }
}

fn check_labels(labels: &[u32], classes: usize) -> Result<(), Error> {
    match labels.iter().position(|label| *label as usize >= classes) {
        None => Ok(()),
        Some(sample) => Err(Error::settings(
            format!("the label of sample {sample} is {}, expected one below {classes}", labels[sample]),
            "number the classes from 0, and let the network end with one output per class",
        )),
    }
}

/// Samples whose largest output is that of their class; the first of equals counts.
fn correct(pass: &Pass, output: Slot) -> usize {
    if pass.labels().is_empty() {
        return 0;
    }
    let outputs = pass.read(output);
    let samples = outputs.chunks_exact(output.len).zip(pass.labels());
    samples.filter(|(sample, label)| argmax(sample) == **label as usize).count()
}

fn argmax(values: &[f32]) -> usize {
    let better = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (0..values.len()).fold(0, better)
}

/// In `f64` and in order, so that it depends on the losses alone.
fn mean(losses: &[f32]) -> f32 {
    let sum: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
    (sum / losses.len() as f64) as f32
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

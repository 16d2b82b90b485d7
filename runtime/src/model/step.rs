//! One batch through the emitted passes.
//!
//! Everything here is in the kernels' order. A step that fails leaves parameters and states as
//! they were.

use super::access::range;
use super::batch::{Feed, judged};
use super::finite::all_finite;
use super::{Model, StepReport};
use crate::devices::cpu::{Buffer, Buffers, Pool};
use crate::emitted::{Flat, Pass, RandomKey, Region, Slot, Update};
use crate::error::{Error, NonFinite, Phase};
use crate::program::{Group, Port, Program, TargetKind};

/// The working memory of a pass; it grows to the largest one and never shrinks.
#[derive(Default)]
pub(super) struct Arena {
    batched: Buffer,
    fixed: Buffer,
}

impl Arena {
    fn reserve(&mut self, batched: usize, fixed: usize) {
        reserve(&mut self.batched, batched);
        reserve(&mut self.fixed, fixed);
    }
}

/// Lets `buffer` hold `len` elements of any content, by new memory if it must.
pub(super) fn reserve(buffer: &mut Buffer, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        // The old memory goes before the new one comes.
        *buffer = Buffer::zeroed(0);
        *buffer = Buffer::zeroed(len);
    }
    &mut buffer[..len]
}

impl Model {
    /// Forward, loss, backward, update.
    pub(super) fn train(&mut self, mut feed: Feed) -> Result<StepReport, Error> {
        let program = self.program;
        let training = &program.training;
        self.saved_states.copy_from_slice(&self.states);
        let pass = self.training_pass(&mut feed);
        (training.forward)(&pass);
        let score = Score::of(program, &pass, training.outputs);
        (training.loss)(&pass);
        let loss = pass.view(training.loss_slot, mean);
        if !loss.is_finite() {
            return Err(self.diagnose_training(loss, feed));
        }
        (training.backward)(&pass);
        if !all_finite(&self.pool, &self.gradients) {
            return Err(self.diagnose_training(loss, feed));
        }
        self.update();
        Ok(score.report(loss, feed.size))
    }

    /// Forward and loss, with what only training does left out.
    pub(super) fn measure(&mut self, mut feed: Feed) -> Result<StepReport, Error> {
        let program = self.program;
        let evaluation = &program.evaluation;
        let pass = self.evaluation_pass(&mut feed);
        (evaluation.forward)(&pass);
        let score = Score::of(program, &pass, evaluation.outputs);
        (evaluation.loss)(&pass);
        let loss = pass.view(evaluation.loss_slot, mean);
        if !loss.is_finite() {
            return Err(self.diagnose_evaluation(loss, feed));
        }
        Ok(score.report(loss, feed.size))
    }

    /// Forward alone; `take` is called with each output in turn, channels last.
    pub(super) fn infer(&mut self, mut feed: Feed, mut take: impl FnMut(&Pool, &'static Port, &[f32])) {
        let program = self.program;
        let pass = self.evaluation_pass(&mut feed);
        (program.evaluation.forward)(&pass);
        for (port, output) in program.outputs.iter().zip(program.evaluation.outputs) {
            pass.view(*output, |values| take(pass.pool(), port, values));
        }
    }

    /// The pass over an arena that is large enough.
    pub(super) fn training_pass<'a>(&'a mut self, feed: &'a mut Feed) -> Pass<'a> {
        let training = &self.program.training;
        self.arena.reserve(training.batched_len * feed.size, training.fixed_len);
        let buffers = Buffers::new(feed.size)
            .with(Region::Batched, &mut self.arena.batched)
            .with(Region::Fixed, &mut self.arena.fixed)
            .with(Region::Parameter, &mut self.parameters)
            .with(Region::Gradient, &mut self.gradients)
            .with(Region::State, &mut self.states);
        self.is_prepared = false;
        let random = RandomKey { seed: self.seed, step: self.step };
        pass(buffers, &self.pool, feed).with_random(random)
    }

    /// The pass over an arena that is large enough, with what depends on the parameters alone up to date.
    pub(super) fn evaluation_pass<'a>(&'a mut self, feed: &'a mut Feed) -> Pass<'a> {
        let evaluation = &self.program.evaluation;
        self.arena.reserve(evaluation.batched_len * feed.size, evaluation.fixed_len);
        let buffers = Buffers::new(feed.size)
            .with(Region::Batched, &mut self.arena.batched)
            .with(Region::Fixed, &mut self.arena.fixed)
            .with(Region::Parameter, &mut self.parameters)
            .with(Region::State, &mut self.states)
            .with(Region::Prepared, &mut self.prepared);
        let pass = pass(buffers, &self.pool, feed);
        if !self.is_prepared {
            (evaluation.prepare)(&pass);
            self.packed.forget();
            self.is_prepared = true;
        }
        pass.with_packed(&self.packed)
    }

    /// A step of the optimiser for each group of parameters that learn alike.
    fn update(&mut self) {
        self.step += 1;
        let mut start = 0;
        for group in self.program.groups {
            self.update_group(start, group);
            start = group.end;
        }
    }

    fn update_group(&mut self, start: usize, group: &Group) {
        let hyperparameters = &mut self.group_hyperparameters;
        hyperparameters.clone_from(&self.hyperparameters);
        let mut decay = 0.0;
        for ((name, _), value) in self.program.optimizer.hyperparameters.iter().zip(&mut *hyperparameters) {
            match *name {
                "lr" => *value *= group.learning_rate,
                "weight_decay" if group.decays => decay = *value,
                _ => {}
            }
        }
        let flat = Flat {
            parameters: &mut self.parameters,
            gradients: &self.gradients,
            states: &mut self.optimizer,
            range: start..group.end,
        };
        let update = Update::new(&self.pool, flat, hyperparameters, decay, self.step);
        (self.program.optimizer.update)(&update);
    }

    /// Runs a failed step again, looking for its first bad value, and undoes it.
    fn diagnose_training(&mut self, loss: f32, mut feed: Feed) -> Error {
        let training = &self.program.training;
        self.states.copy_from_slice(&self.saved_states);
        let pass = self.training_pass(&mut feed).inspecting();
        (training.forward)(&pass);
        (training.loss)(&pass);
        if loss.is_finite() {
            (training.backward)(&pass);
        }
        let layer = pass.first_non_finite();
        self.states.copy_from_slice(&self.saved_states);
        let gradient = if loss.is_finite() { self.broken(&self.gradients) } else { None };
        self.failure(NonFinite { gradient, layer, ..failure(Phase::Training, self.step + 1, loss) }, &feed)
    }

    fn diagnose_evaluation(&mut self, loss: f32, mut feed: Feed) -> Error {
        let evaluation = &self.program.evaluation;
        let pass = self.evaluation_pass(&mut feed).inspecting();
        (evaluation.forward)(&pass);
        (evaluation.loss)(&pass);
        let layer = pass.first_non_finite();
        self.failure(NonFinite { layer, ..failure(Phase::Evaluation, self.step, loss) }, &feed)
    }

    /// The failure with what was wrong before it.
    fn failure(&self, failure: NonFinite, feed: &Feed) -> Error {
        let parameter = self.broken(&self.parameters);
        let input = !all_finite(&self.pool, feed.inputs);
        Error::NonFinite(NonFinite { parameter, input, ..failure })
    }

    /// The first parameter with a value in `flat` that is not finite.
    fn broken(&self, flat: &[f32]) -> Option<&'static str> {
        let is_broken = |values: &[f32]| !all_finite(&self.pool, values);
        let mut parameters = self.program.parameters.iter();
        let parameter = parameters.find(|parameter| flat.get(range(parameter)).is_some_and(is_broken));
        parameter.map(|parameter| parameter.name)
    }
}

/// What a batch's answers are worth.
#[derive(Clone, Copy, Default)]
struct Score {
    correct: usize,
    labels: usize,
}

impl Score {
    /// Of the first output that is judged by classes: the labels whose channel is the largest; the
    /// first of equals counts.
    fn of(program: &Program, pass: &Pass, outputs: &[Slot]) -> Score {
        let Some(target) = judged(program).find(|target| target.kind == TargetKind::Classes) else {
            return Score::default();
        };
        let (labels, classes) = (pass.labels(target.output), program.outputs[target.output].shape[0]);
        let is_correct = |(row, label): &(&[f32], &u32)| argmax(row) == **label as usize;
        let correct = pass.view(outputs[target.output], |values| {
            values.chunks_exact(classes).zip(labels).filter(is_correct).count()
        });
        Score { correct, labels: labels.len() }
    }

    fn report(self, loss: f32, samples: usize) -> StepReport {
        StepReport { loss, correct: self.correct, labels: self.labels, samples }
    }
}

fn pass<'a>(buffers: Buffers<'a>, pool: &'a Pool, feed: &'a mut Feed) -> Pass<'a> {
    let buffers = buffers.with(Region::Input, feed.inputs).with(Region::Target, feed.values);
    let labels = feed.labels.iter().enumerate().filter(|(_, labels)| !labels.is_empty());
    labels.fold(Pass::new(buffers, pool), |pass, (output, labels)| pass.with_labels(output, labels))
}

/// A failure of which nothing more is known yet.
fn failure(phase: Phase, step: u64, loss: f32) -> NonFinite {
    NonFinite { phase, step, loss, gradient: None, layer: None, parameter: None, input: false }
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

//! One batch through the emitted passes on the processor.

use std::sync::Arc;

use super::StepReport;
use super::batch::{Feed, judged};
use super::engine::{Ended, FlatBuffer, NotFinite, Settings, Stop};
use super::finite::all_finite;
use crate::error::Phase;
use crate::program::{Group, Port, Program, TargetKind};
use nnc_kernels::PackedWeights;
use nnc_kernels::cpu::{Buffer, Buffers, Pool};
use nnc_kernels::emitted::{Flat, Pass, RandomKey, Region, Slot, Update};

/// The flat buffers and arenas of a network in the processor's memory.
pub(super) struct Cpu {
    program: &'static Program,
    pool: Arc<Pool>,
    parameters: Buffer,
    gradients: Buffer,
    states: Buffer,
    /// The states before the step under way, for a step that fails.
    saved_states: Buffer,
    prepared: Buffer,
    /// Weights as evaluation multiplies by them.
    packed: PackedWeights,
    /// Whether `prepared` and `packed` belong to the parameters and states as they are.
    is_prepared: bool,
    optimizer: Vec<Buffer>,
    /// The hyperparameters of the group of parameters that is being updated.
    group_hyperparameters: Vec<f32>,
    /// Of either mode: a model does one thing at a time.
    arena: Arena,
}

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

impl Cpu {
    /// Zeros everywhere; what only training needs is missing until [`Cpu::prepare_training`].
    pub(super) fn new(program: &'static Program, pool: &Arc<Pool>) -> Cpu {
        Cpu {
            program,
            pool: Arc::clone(pool),
            parameters: Buffer::zeroed(program.parameter_len),
            gradients: Buffer::default(),
            states: Buffer::zeroed(program.state_len),
            saved_states: Buffer::zeroed(program.state_len),
            prepared: Buffer::zeroed(program.evaluation.prepared_len),
            packed: PackedWeights::default(),
            is_prepared: false,
            optimizer: Vec::new(),
            group_hyperparameters: Vec::new(),
            arena: Arena::default(),
        }
    }

    /// Makes room for gradients and the optimiser's states, all zero: once the initial values are drawn, because
    /// drawing the largest weight takes it twice more.
    pub(super) fn prepare_training(&mut self) {
        let zeros = || Buffer::zeroed(self.program.trained_len);
        self.gradients = zeros();
        self.optimizer = self.program.optimizer.states.iter().map(|_| zeros()).collect();
    }

    /// The network.
    pub(super) fn program(&self) -> &'static Program {
        self.program
    }

    /// A flat buffer.
    pub(super) fn flat(&self, buffer: FlatBuffer) -> &[f32] {
        match buffer {
            FlatBuffer::Parameters => &self.parameters,
            FlatBuffer::Gradients => &self.gradients,
            FlatBuffer::States => &self.states,
            FlatBuffer::Optimizer(index) => &self.optimizer[index],
        }
    }

    /// Replaces a part of a flat buffer.
    pub(super) fn write(&mut self, buffer: FlatBuffer, start: usize, values: &[f32]) {
        let flat = match buffer {
            FlatBuffer::Parameters => &mut self.parameters,
            FlatBuffer::Gradients => &mut self.gradients,
            FlatBuffer::States => &mut self.states,
            FlatBuffer::Optimizer(index) => &mut self.optimizer[index],
        };
        flat[start..start + values.len()].copy_from_slice(values);
        self.is_prepared = false;
    }

    /// Bytes of the weights that evaluation keeps packed.
    pub(super) fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }

    /// Forward, loss, backward, update.
    pub(super) fn train(&mut self, feed: &mut Feed, settings: Settings) -> Result<Ended, Stop> {
        let program = self.program;
        let training = &program.training;
        self.save_states();
        let pass = self.training_pass(feed, settings.key());
        (training.forward)(&pass);
        let score = Score::of(program, &pass, training.outputs);
        (training.loss)(&pass);
        let loss = pass.view(training.loss_slot, mean);
        if !loss.is_finite() {
            return Err(self.diagnose_training(loss, feed, settings));
        }
        (training.backward)(&pass);
        if !all_finite(&self.pool, &self.gradients) {
            return Err(self.diagnose_training(loss, feed, settings));
        }
        self.update(settings);
        Ok(Ended { phase: Phase::Training, report: score.report(loss, feed.size) })
    }

    /// Forward and loss, with what only training does left out.
    pub(super) fn measure(&mut self, feed: &mut Feed) -> Result<Ended, Stop> {
        let program = self.program;
        let evaluation = &program.evaluation;
        let pass = self.evaluation_pass(feed);
        (evaluation.forward)(&pass);
        let score = Score::of(program, &pass, evaluation.outputs);
        (evaluation.loss)(&pass);
        let loss = pass.view(evaluation.loss_slot, mean);
        if !loss.is_finite() {
            return Err(self.diagnose_evaluation(loss, feed));
        }
        Ok(Ended { phase: Phase::Evaluation, report: score.report(loss, feed.size) })
    }

    /// Forward alone; `take` is called with each output in turn, channels last.
    pub(super) fn infer(&mut self, feed: &mut Feed, mut take: impl FnMut(&'static Port, &[f32])) {
        let program = self.program;
        let pass = self.evaluation_pass(feed);
        (program.evaluation.forward)(&pass);
        for (port, output) in program.outputs.iter().zip(program.evaluation.outputs) {
            pass.view(*output, |values| take(port, values));
        }
    }

    /// The pass over an arena that is large enough.
    pub(super) fn training_pass<'a>(&'a mut self, feed: &'a mut Feed, random: RandomKey) -> Pass<'a> {
        let training = &self.program.training;
        self.arena.reserve(training.batched_len * feed.size, training.fixed_len);
        let buffers = Buffers::new(feed.size)
            .with(Region::Batched, &mut self.arena.batched)
            .with(Region::Fixed, &mut self.arena.fixed)
            .with(Region::Parameter, &mut self.parameters)
            .with(Region::Gradient, &mut self.gradients)
            .with(Region::State, &mut self.states);
        self.is_prepared = false;
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

    /// Keeps the states for [`Cpu::restore_states`].
    pub(super) fn save_states(&mut self) {
        self.saved_states.copy_from_slice(&self.states);
    }

    /// Takes back what a pass has done to the states.
    pub(super) fn restore_states(&mut self) {
        self.states.copy_from_slice(&self.saved_states);
    }

    /// A step of the optimiser for each group of parameters that learn alike.
    fn update(&mut self, settings: Settings) {
        let mut start = 0;
        for group in self.program.groups {
            self.update_group(start, group, settings);
            start = group.end;
        }
    }

    fn update_group(&mut self, start: usize, group: &Group, settings: Settings) {
        let hyperparameters = &mut self.group_hyperparameters;
        hyperparameters.clear();
        hyperparameters.extend_from_slice(settings.hyperparameters);
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
        let update = Update::new(&self.pool, flat, hyperparameters, decay, settings.step + 1);
        (self.program.optimizer.update)(&update);
    }

    /// Runs a failed step again, looking for its first bad value, and undoes it.
    fn diagnose_training(&mut self, loss: f32, feed: &mut Feed, settings: Settings) -> Stop {
        let training = &self.program.training;
        self.restore_states();
        let pass = self.training_pass(feed, settings.key()).inspecting();
        (training.forward)(&pass);
        (training.loss)(&pass);
        if loss.is_finite() {
            (training.backward)(&pass);
        }
        let layer = pass.first_non_finite();
        self.restore_states();
        self.stop(Phase::Training, loss, layer, feed)
    }

    fn diagnose_evaluation(&mut self, loss: f32, feed: &mut Feed) -> Stop {
        let evaluation = &self.program.evaluation;
        let pass = self.evaluation_pass(feed).inspecting();
        (evaluation.forward)(&pass);
        (evaluation.loss)(&pass);
        let layer = pass.first_non_finite();
        self.stop(Phase::Evaluation, loss, layer, feed)
    }

    fn stop(&self, phase: Phase, loss: f32, layer: Option<String>, feed: &Feed) -> Stop {
        let input = !all_finite(&self.pool, feed.inputs);
        Stop::NotFinite(NotFinite { phase, loss, layer, input })
    }
}

impl Settings<'_> {
    /// What the step's random numbers depend on.
    pub(super) fn key(&self) -> RandomKey {
        RandomKey { seed: self.seed, step: self.step }
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
    let buffers = buffers.with_shared(Region::Input, feed.inputs).with(Region::Target, feed.values);
    let labels = feed.labels.iter().enumerate().filter(|(_, labels)| !labels.is_empty());
    labels.fold(Pass::new(buffers, pool), |pass, (output, labels)| pass.with_labels(output, labels))
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

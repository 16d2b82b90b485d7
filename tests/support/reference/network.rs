//! The walk through a network: forward, with a function that goes the same way back.
//!
//! Each step gives its output and a closure from the gradient by the output to the gradient by
//! the input, which adds the gradients by the parameters on its way. A value with a name may have
//! readers elsewhere: what they give back is kept under its name until the way back comes to the step
//! that made it, which is after all of them.

use std::collections::BTreeMap;

use nnc_dsl::model::{Join, Sequence, Step, StepKind, Tap};

use super::spec::join;
use super::tensor::Tensor;
use super::{Draw, Tensors, Values, branches};

/// Gradients that are under way.
#[derive(Default)]
pub(super) struct Gradients {
    /// By parameter.
    pub(super) parameters: Tensors,
    /// By named value.
    taps: BTreeMap<Tap, Tensor>,
}

impl Gradients {
    /// Adds to the gradient by a parameter, which may be used more than once.
    pub(super) fn add(&mut self, name: &str, values: Vec<f64>) {
        match self.parameters.get_mut(name) {
            Some(sums) => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
            None => drop(self.parameters.insert(name.to_owned(), values)),
        }
    }

    /// Adds to the gradient by a named value.
    pub(super) fn add_tap(&mut self, tap: Tap, slope: Tensor) {
        match self.taps.get_mut(&tap) {
            Some(sum) => sum.add(&slope),
            None => drop(self.taps.insert(tap, slope)),
        }
    }
}

/// From the gradient by a step's output to the gradient by its input.
pub(super) type Backward<'a> = Box<dyn FnOnce(Tensor, &mut Gradients) -> Tensor + 'a>;

/// A step's output and the way back.
pub(super) type Passed<'a> = (Tensor, Backward<'a>);

/// Which of its two meanings a network has.
#[derive(Clone, Copy)]
pub(super) enum Mode<'a> {
    Evaluation,
    Training(Draw<'a>),
}

/// A walk under way.
pub(super) struct Walk<'a> {
    pub(super) values: Values<'a>,
    pub(super) mode: Mode<'a>,
    /// Running statistics after the walk.
    pub(super) states: Tensors,
    /// Streams of random numbers so far.
    pub(super) streams: usize,
    /// The named values.
    pub(super) taps: BTreeMap<Tap, Tensor>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(values: Values<'a>, mode: Mode<'a>) -> Self {
        Walk { values, mode, states: values.states.clone(), streams: 0, taps: BTreeMap::new() }
    }

    pub(super) fn sequence(&mut self, sequence: &'a Sequence, path: &str, x: Tensor) -> Passed<'a> {
        let (mut value, mut way_back) = (x, Vec::new());
        for step in &sequence.steps {
            let (output, backward) = self.step(step, path, value);
            value = output;
            way_back.push(backward);
        }
        let backward = |slope, gradients: &mut Gradients| {
            way_back.into_iter().rev().fold(slope, |slope, backward| backward(slope, gradients))
        };
        (value, Box::new(backward))
    }

    /// A step, and the name that it may give to its output.
    fn step(&mut self, step: &'a Step, path: &str, x: Tensor) -> Passed<'a> {
        let (y, before) = self.unnamed(step, &join(path, &step.name), x);
        let Some(tap) = step.tap else { return (y, before) };
        self.taps.insert(tap, y.clone());
        let backward = move |mut dy: Tensor, gradients: &mut Gradients| {
            if let Some(elsewhere) = gradients.taps.remove(&tap) {
                dy.add(&elsewhere);
            }
            before(dy, gradients)
        };
        (y, Box::new(backward))
    }

    fn unnamed(&mut self, step: &'a Step, path: &str, x: Tensor) -> Passed<'a> {
        match &step.kind {
            StepKind::Layer(layer) => self.layer(layer, step, path, x),
            StepKind::Scope(body) => self.sequence(body, path, x),
            // The way there does not matter: all uses have the parameters of one path.
            StepKind::Shared { path, body } => self.sequence(body, path, x),
            StepKind::From(tap) => self.from(*tap, x),
            StepKind::Join { join: how, branches } => {
                let results = branches
                    .iter()
                    .map(|(name, body)| self.sequence(body, &join(path, name), x.clone()))
                    .collect();
                joined(*how, results)
            }
        }
    }

    /// The present value has no reader here; the named one has one more.
    fn from(&self, tap: Tap, x: Tensor) -> Passed<'a> {
        let backward = move |dy, gradients: &mut Gradients| {
            gradients.add_tap(tap, dy);
            x.zeros_like()
        };
        (self.taps[&tap].clone(), Box::new(backward))
    }
}

fn joined<'a>(how: Join, results: Vec<Passed<'a>>) -> Passed<'a> {
    let (outputs, ways_back): (Vec<Tensor>, Vec<Backward>) = results.into_iter().unzip();
    let y = match how {
        Join::Add => branches::sum(outputs.clone()),
        Join::Concat => branches::concatenated(&outputs),
        Join::Mul => branches::product(&outputs),
    };
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        let parts = match how {
            Join::Add => vec![dy; outputs.len()],
            Join::Concat => {
                let channels: Vec<usize> = outputs.iter().map(Tensor::channels).collect();
                branches::split(&dy, &channels)
            }
            Join::Mul => branches::product_gradients(&outputs, &dy),
        };
        let ways_back = ways_back.into_iter().zip(parts);
        branches::sum(ways_back.map(|(backward, part)| backward(part, gradients)).collect())
    };
    (y, Box::new(backward))
}

//! What a data set can feed: a network with one input, and one output that it has targets for.

use crate::data::shape_text;
use crate::error::Error;
use crate::program::{Port, Program, Target, TargetKind, count_text};

/// A network as data sets see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Shape of an input sample, channels first.
    pub input: &'static [usize],
    /// Index of the output that is judged.
    pub output_index: usize,
    /// Its shape, channels first.
    pub output: &'static [usize],
    /// What it is compared with.
    pub kind: TargetKind,
}

impl Task {
    /// The task of `program`, if it is one that data sets can feed.
    pub fn of(program: &Program) -> Result<Task, Error> {
        let ([input], [target]) = (program.inputs, program.targets) else { return Err(several(program)) };
        let output = &program.outputs[target.output];
        if target.kind == TargetKind::Classes && output.shape[1..].iter().any(|extent| *extent != 1) {
            return Err(class_per_position(output));
        }
        Ok(Task { input: input.shape, output_index: target.output, output: output.shape, kind: target.kind })
    }

    /// Whether the network predicts classes.
    pub fn has_classes(&self) -> bool {
        self.kind == TargetKind::Classes
    }
}

fn several(program: &Program) -> Error {
    let inputs = count_text("input", program.inputs.iter());
    let judged = |target: &Target| &program.outputs[target.output];
    let targets = count_text("target", program.targets.iter().map(judged));
    Error::settings(
        format!("a data set feeds one input and one target, but the network has {inputs} and {targets}"),
        "train and use it from Rust: `train_step_many`, `evaluate_many` and `predict_many` take a slice for each",
    )
}

fn class_per_position(output: &Port) -> Error {
    let shape = shape_text(output.shape);
    Error::settings(
        format!(
            "a data set has one class per sample, but the network's output {shape} takes one per position"
        ),
        "train and use it from Rust with `train_step`, or end the network with `gap`",
    )
}

//! The checked model as text: one line a step, indented by nesting, with the shape after it.
//!
//! ```text
//! network Tiny<1x4x4 -> 2>
//!   conv1      conv3 4              4x4x4
//!   residual1  residual             4x4x4
//!     body:
//!       conv1  conv3 4              4x4x4
//! ```

use std::fmt;

use crate::model::{CheckedModel, Sequence, Step, StepKind};

impl fmt::Display for CheckedModel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "network {}<{} -> {}>", self.name, self.input, self.output)?;
        for (name, value) in &self.parameters {
            writeln!(f, "  with {name} = {value}")?;
        }
        write_sequence(f, &self.body, 1)?;
        writeln!(f, "train {:#?}", self.train)
    }
}

fn write_sequence(f: &mut fmt::Formatter, sequence: &Sequence, depth: usize) -> fmt::Result {
    let width = |text: fn(&Step) -> &String| sequence.steps.iter().map(|step| text(step).len()).max();
    let (name, text) = (width(|step| &step.name).unwrap_or(0), width(|step| &step.text).unwrap_or(0));
    for step in &sequence.steps {
        let indent = "  ".repeat(depth);
        writeln!(f, "{indent}{:name$}  {:text$}  {}", step.name, step.text, step.output)?;
        match &step.kind {
            StepKind::Layer(_) => {}
            StepKind::Scope(body) => write_sequence(f, body, depth + 1)?,
            StepKind::Join { branches, .. } => {
                for (name, branch) in branches {
                    writeln!(f, "{indent}  {name}:")?;
                    write_sequence(f, branch, depth + 2)?;
                }
            }
        }
    }
    Ok(())
}

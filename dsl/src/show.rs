//! The checked model as text: one line a step, indented by nesting, with the shape after it.
//!
//! ```text
//! network Tiny<1x4x4 -> 2>
//!   conv1      conv3 4              4x4x4
//!   residual1  residual             4x4x4
//!     body:
//!       conv1  conv3 4              4x4x4
//! ```
//!
//! Behind the shape stand the number of the tap (`as 2`), the path of shared weights (`shared tower`) and
//! the factor on the learning rate, where there are any.

use std::fmt;

use crate::model::{CheckedModel, Sequence, Shape, Step, StepKind};

impl fmt::Display for CheckedModel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let inputs = ports(self.inputs.iter().map(|input| (&input.name, &input.shape)));
        let outputs = ports(self.outputs.iter().map(|output| (&output.name, &output.shape)));
        writeln!(f, "network {}<{inputs} -> {outputs}>", self.name)?;
        for output in &self.outputs {
            if let Some(tap) = output.tap {
                writeln!(f, "  {} is {}", output.name, tap.0)?;
            }
        }
        for (name, value) in &self.parameters {
            writeln!(f, "  with {name} = {value}")?;
        }
        write_sequence(f, &self.body, 1)?;
        writeln!(f, "train {:#?}", self.train)
    }
}

/// `image: 3x64x64, meta: 8`
fn ports<'a>(ports: impl Iterator<Item = (&'a String, &'a Shape)>) -> String {
    let port = |(name, shape): (&String, &Shape)| match name.as_str() {
        "" => shape.to_string(),
        name => format!("{name}: {shape}"),
    };
    ports.map(port).collect::<Vec<_>>().join(", ")
}

fn write_sequence(f: &mut fmt::Formatter, sequence: &Sequence, depth: usize) -> fmt::Result {
    let width = |text: fn(&Step) -> &String| sequence.steps.iter().map(|step| text(step).len()).max();
    let (name, text) = (width(|step| &step.name).unwrap_or(0), width(|step| &step.text).unwrap_or(0));
    for step in &sequence.steps {
        let indent = "  ".repeat(depth);
        writeln!(f, "{indent}{:name$}  {:text$}  {}{}", step.name, step.text, step.output, Notes(step))?;
        match &step.kind {
            StepKind::Layer(_) | StepKind::From(_) => {}
            StepKind::Scope(body) | StepKind::Shared { body, .. } => write_sequence(f, body, depth + 1)?,
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

/// What is unusual about a step.
struct Notes<'s>(&'s Step);

impl fmt::Display for Notes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.0.kind {
            StepKind::Shared { path, .. } => write!(f, "  shared {path}")?,
            StepKind::From(tap) => write!(f, "  from {}", tap.0)?,
            StepKind::Layer(_) | StepKind::Scope(_) | StepKind::Join { .. } => {}
        }
        if let Some(tap) = self.0.tap {
            write!(f, "  as {}", tap.0)?;
        }
        if self.0.learning_rate != 1.0 {
            write!(f, "  lr {}", self.0.learning_rate)?;
        }
        Ok(())
    }
}

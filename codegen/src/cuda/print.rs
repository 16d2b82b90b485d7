//! A pass on the GPU as text: memory, launches in order, and the kernels that they start.
//!
//! ```text
//! forward:
//!   nn_conv3<<<⌈batch·64/256⌉, 256>>>(input[0..192], arena[0..64], batch)  conv1
//! ```
//!
//! Places that grow with the batch are in elements per sample.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::{
    Argument, Candidate, Count, Cuda, Fused, Launch, LibraryCall, Pass, Place, Product, Region, Step, Tensor,
};
use crate::graph::Mode;
use crate::graph::print::{axes_text, conv_text};

impl Cuda {
    /// One pass with its kernels.
    pub fn text(&self, mode: Mode) -> String {
        let pass = match mode {
            Mode::Training => &self.training,
            Mode::Evaluation => &self.evaluation,
        };
        let update = match mode {
            Mode::Training => &self.update[..],
            Mode::Evaluation => &[],
        };
        let mut text = String::new();
        self.write(&mut text, mode, pass, update).expect("a string takes any text");
        text
    }

    fn write(&self, f: &mut String, mode: Mode, pass: &Pass, update: &[Launch]) -> fmt::Result {
        let launches: Vec<&Launch> = pass.launches().chain(update).collect();
        let used: BTreeSet<usize> = launches.iter().map(|launch| launch.kernel).collect();
        writeln!(f, "{mode:?} on CUDA, {} launches, {} kernels", launches.len(), used.len())?;
        let memory = &pass.memory;
        let (arena, wide, places) = (memory.batched_len, memory.wide_len, memory.places_len);
        writeln!(
            f,
            "arena: {arena} reals, {wide} floats, {places} places per sample + {} floats fixed",
            memory.fixed_len
        )?;
        for (section, steps) in pass.sections.iter().filter(|(_, steps)| !steps.is_empty()) {
            writeln!(f, "{}:", format!("{section:?}").to_lowercase())?;
            steps.iter().try_for_each(|step| self.write_step(f, step))?;
        }
        if !update.is_empty() {
            writeln!(f, "update:")?;
            update.iter().try_for_each(|launch| writeln!(f, "  {}", self.launch_text(launch)))?;
        }
        used.into_iter().try_for_each(|index| write!(f, "\n{}", self.kernels[index].text))
    }

    fn write_step(&self, f: &mut String, step: &Step) -> fmt::Result {
        match step {
            Step::Launch(launch) => writeln!(f, "  {}", self.launch_text(launch)),
            Step::Product(Product { operation, spec, candidates, library }) => {
                let (input, output) = (axes_text(&spec.input), axes_text(&spec.output));
                writeln!(f, "  {operation}{} {input} to {output}, one of", conv_text(spec))?;
                candidates.iter().try_for_each(|candidate| self.write_candidate(f, candidate))?;
                library.iter().try_for_each(|call| self.write_library(f, call))
            }
        }
    }

    fn write_candidate(&self, f: &mut String, candidate: &Candidate) -> fmt::Result {
        writeln!(f, "    {}:", candidate.name)?;
        candidate.launches.iter().try_for_each(|launch| writeln!(f, "      {}", self.launch_text(launch)))
    }

    fn write_library(&self, f: &mut String, call: &LibraryCall) -> fmt::Result {
        let LibraryCall { form, layer, before, operands: [a, b], fused, result, after } = call;
        let form = format!("{form:?}").to_lowercase();
        let then = fused.map(|fused| format!(" then {fused}")).unwrap_or_default();
        writeln!(f, "    a library:")?;
        before.iter().try_for_each(|launch| writeln!(f, "      {}", self.launch_text(launch)))?;
        writeln!(f, "      {form}({a}, {b}, {result}){then}  {layer}")?;
        after.iter().try_for_each(|launch| writeln!(f, "      {}", self.launch_text(launch)))
    }

    fn launch_text(&self, launch: &Launch) -> String {
        let Launch { kernel, layer, grid, shared, workspace, arguments } = launch;
        let kernel = &self.kernels[*kernel];
        let last = grid.iter().rposition(|count| *count != Count::fixed(1)).unwrap_or(0);
        let grid: Vec<String> = grid[..=last].iter().map(Count::to_string).collect();
        let arguments: Vec<String> = arguments.iter().map(Argument::to_string).collect();
        let shared = if *shared > 0 { format!(", {shared} bytes shared") } else { String::new() };
        let workspace = match workspace {
            &Count { per_sample: 0, fixed: 0, .. } => String::new(),
            workspace => format!(", workspace {workspace}"),
        };
        let (grid, arguments) = (grid.join(" x "), arguments.join(", "));
        format!("{}<<<{grid}, {}{shared}>>>({arguments})  {layer}{workspace}", kernel.name, kernel.threads)
    }
}

impl Pass {
    /// All launches, those of all candidates too.
    pub fn launches(&self) -> impl Iterator<Item = &Launch> {
        let steps = self.sections.iter().flat_map(|(_, steps)| steps);
        steps.flat_map(|step| match step {
            Step::Launch(launch) => vec![launch],
            Step::Product(Product { candidates, library, .. }) => {
                let own = candidates.iter().flat_map(|candidate| &candidate.launches);
                own.chain(library.iter().flat_map(LibraryCall::launches)).collect()
            }
        })
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Argument::Place(place) => place.fmt(f),
            Argument::Labels(0) => f.write_str("labels"),
            Argument::Labels(output) => write!(f, "labels of output {output}"),
            Argument::Workspace => f.write_str("workspace"),
            Argument::Step => f.write_str("step"),
            Argument::Hyperparameters => f.write_str("hyperparameters"),
            Argument::OptimizerState(index) => write!(f, "state {index} of the optimiser"),
            Argument::Batch => f.write_str("batch"),
        }
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Tensor::At(place) => place.fmt(f),
            Tensor::Workspace(start) => write!(f, "workspace[{start}..]"),
        }
    }
}

impl fmt::Display for Fused {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fused::Relu => f.write_str("max(result, 0)"),
            Fused::Bias(bias) => write!(f, "result + {bias}"),
            Fused::BiasRelu(bias) => write!(f, "max(result + {bias}, 0)"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}[{}..{}]", self.region, self.offset, self.offset + self.len)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Region::Input => "input",
            Region::Target => "target",
            Region::Batched => "arena",
            Region::Wide => "wide",
            Region::Places => "places",
            Region::Fixed => "fixed",
            Region::Parameter => "parameter",
            Region::ParameterReal => "parameter.real",
            Region::Gradient => "gradient",
            Region::State => "state",
            Region::Prepared => "prepared",
            Region::PreparedReal => "prepared.real",
        })
    }
}

/// As its formula: `min(2, ⌈(batch·64 + 1)/256⌉)·3`.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let batched = match self.per_sample {
            0 => None,
            1 => Some("batch".to_owned()),
            more => Some(format!("batch·{more}")),
        };
        let mut text = match (batched, self.fixed) {
            (Some(batched), 0) => batched,
            (Some(batched), fixed) if self.each == 1 => format!("{batched} + {fixed}"),
            (Some(batched), fixed) => format!("({batched} + {fixed})"),
            (None, fixed) => fixed.to_string(),
        };
        if self.each > 1 {
            text = format!("⌈{text}/{}⌉", self.each);
        }
        if self.at_most < usize::MAX {
            text = format!("min({}, {text})", self.at_most);
        }
        match self.times {
            1 => f.write_str(&text),
            times if text.contains(' ') && !text.starts_with("min") => write!(f, "({text})·{times}"),
            times => write!(f, "{text}·{times}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_as_their_formulas() {
        assert_eq!(Count::fixed(7).to_string(), "7");
        assert_eq!(Count::batched(1, 1).to_string(), "batch");
        assert_eq!(Count::batched(64, 256).to_string(), "⌈batch·64/256⌉");
        let both = Count { per_sample: 2, fixed: 3, each: 1, at_most: usize::MAX, times: 1 };
        assert_eq!(both.to_string(), "batch·2 + 3");
        assert_eq!(both.times(4).to_string(), "(batch·2 + 3)·4");
        let bounded = Count { each: 8, ..both }.at_most(5).times(2);
        assert_eq!(bounded.to_string(), "min(5, ⌈(batch·2 + 3)/8⌉)·2");
    }
}

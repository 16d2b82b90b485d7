//! Between a model and a checkpoint.

use std::path::Path;

use super::access::{range, state_range};
use super::engine::FlatBuffer;
use super::{Model, layout};
use crate::checkpoint::{Checkpoint, FORMAT, Metadata, Tensor, fingerprint};
use crate::error::Error;
use crate::program::{Parameter, Program, State};

/// Begins the names of the optimiser's states, which are flat and in the kernels' order.
const OPTIMIZER: &str = "optimizer.";

/// How many differences an error lists.
const LISTED: usize = 4;

impl Model {
    /// All that makes up the model, without a training run.
    ///
    /// # Errors
    /// If batches are under way, or if a GPU fails to hand it over.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        self.check_idle("a checkpoint is made")?;
        let [parameters, states, optimizer] =
            [self.parameter_tensors()?, self.state_tensors()?, self.optimizer_tensors()?];
        let mut tensors = [parameters, states, optimizer].concat();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Checkpoint { metadata: self.metadata()?, tensors })
    }

    /// Takes everything from `checkpoint`, which was read from `path`. A checkpoint of another
    /// architecture is refused; the states of another optimiser, or of a network in which other
    /// parameters learn, are left out, and so is a loss scale that the device needs none of.
    pub fn restore(&mut self, checkpoint: &Checkpoint, path: &Path) -> Result<(), Error> {
        while self.finish()?.is_some() {}
        let differences = differences(self.program, checkpoint);
        if !differences.is_empty() {
            return Err(foreign(self.program, checkpoint, path, &differences));
        }
        let Metadata { seed, step, loss_scale, .. } = checkpoint.metadata;
        if loss_scale.is_some_and(|loss_scale| !loss_scale.is_valid(step)) {
            return Err(impossible_scale(path));
        }
        let values = |name: &str| checkpoint.tensor(name).map_or(&[][..], |tensor| &tensor.values);
        for parameter in self.program.parameters {
            let inside = layout::to_inside(&self.pool, parameter, values(parameter.name));
            self.engine.write(FlatBuffer::Parameters, parameter.offset, &inside)?;
        }
        for state in self.program.states {
            self.engine.write(FlatBuffer::States, state.offset, values(state.name))?;
        }
        self.restore_optimizer(checkpoint)?;
        self.engine.set_loss_scale(loss_scale.unwrap_or_default())?;
        (self.seed, self.step) = (seed, step);
        Ok(())
    }

    fn restore_optimizer(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let optimizer = &self.program.optimizer;
        let is_own = has_optimizer_states(self.program, checkpoint);
        for (index, name) in optimizer.states.iter().enumerate() {
            let tensor = checkpoint.tensor(&format!("{OPTIMIZER}{name}")).filter(|_| is_own);
            let zeros = || vec![0.0; self.program.trained_len];
            let values = tensor.map_or_else(zeros, |tensor| tensor.values.clone());
            self.engine.write(FlatBuffer::Optimizer(index), 0, &values)?;
        }
        let names = optimizer.hyperparameters.iter().map(|(name, _)| *name);
        for (name, value) in names.zip(&mut self.hyperparameters).filter(|_| is_own) {
            *value = checkpoint.metadata.hyperparameters.get(name).copied().unwrap_or(*value);
        }
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata, Error> {
        let names = self.program.optimizer.hyperparameters.iter().map(|(name, _)| (*name).to_owned());
        Ok(Metadata {
            format: FORMAT,
            runtime: env!("CARGO_PKG_VERSION").to_owned(),
            network: self.program.name.to_owned(),
            source: self.program.source.to_owned(),
            source_fnv1a64: fingerprint(self.program.source),
            optimizer: self.program.optimizer.name.to_owned(),
            optimizer_layout: Some(optimizer_layout(self.program)),
            hyperparameters: names.zip(self.hyperparameters.iter().copied()).collect(),
            seed: self.seed,
            step: self.step,
            loss_scale: self.engine.loss_scale()?,
            run: None,
        })
    }

    fn parameter_tensors(&self) -> Result<Vec<Tensor>, Error> {
        let flat = self.engine.read(FlatBuffer::Parameters, 0..self.program.parameter_len)?;
        let tensor = |parameter: &Parameter| Tensor {
            name: parameter.name.to_owned(),
            shape: parameter.shape.to_vec(),
            values: layout::to_outside(&self.pool, parameter, &flat[range(parameter)]),
        };
        Ok(self.program.parameters.iter().map(tensor).collect())
    }

    fn state_tensors(&self) -> Result<Vec<Tensor>, Error> {
        let flat = self.engine.read(FlatBuffer::States, 0..self.program.state_len)?;
        let tensor = |state: &State| Tensor {
            name: state.name.to_owned(),
            shape: state.shape.to_vec(),
            values: flat[state_range(state)].to_vec(),
        };
        Ok(self.program.states.iter().map(tensor).collect())
    }

    fn optimizer_tensors(&self) -> Result<Vec<Tensor>, Error> {
        let len = self.program.trained_len;
        let tensor = |(index, name): (usize, &&str)| {
            let values = self.engine.read(FlatBuffer::Optimizer(index), 0..len)?.into_owned();
            Ok(Tensor { name: format!("{OPTIMIZER}{name}"), shape: vec![len], values })
        };
        self.program.optimizer.states.iter().enumerate().map(tensor).collect()
    }
}

/// How a checkpoint's tensors differ from those that the network needs, one sentence each.
fn differences(program: &Program, checkpoint: &Checkpoint) -> Vec<String> {
    let wanted = wanted(program, checkpoint);
    let mut differences = Vec::new();
    for (name, shape) in &wanted {
        match checkpoint.tensor(name) {
            None => differences.push(format!("`{name}` ({}) is missing", text(shape))),
            Some(tensor) if tensor.shape != *shape => {
                let (expected, found) = (text(shape), text(&tensor.shape));
                differences.push(format!("`{name}` is {found}, expected {expected}"));
            }
            Some(_) => {}
        }
    }
    for tensor in &checkpoint.tensors {
        let known = wanted.iter().any(|(name, _)| *name == tensor.name);
        if !known && !tensor.name.starts_with(OPTIMIZER) {
            differences.push(format!("`{}` ({}) is not in the network", tensor.name, text(&tensor.shape)));
        }
    }
    differences
}

/// Names and shapes of the tensors that a checkpoint has to hold.
fn wanted(program: &Program, checkpoint: &Checkpoint) -> Vec<(String, Vec<usize>)> {
    let parameters = program.parameters.iter().map(|tensor| (tensor.name.to_owned(), tensor.shape.to_vec()));
    let states = program.states.iter().map(|tensor| (tensor.name.to_owned(), tensor.shape.to_vec()));
    let mut wanted: Vec<_> = parameters.chain(states).collect();
    if has_optimizer_states(program, checkpoint) {
        let flat = |name: &&str| (format!("{OPTIMIZER}{name}"), vec![program.trained_len]);
        wanted.extend(program.optimizer.states.iter().map(flat));
    }
    wanted
}

/// Whether the checkpoint's optimiser states are those of this program.
fn has_optimizer_states(program: &Program, checkpoint: &Checkpoint) -> bool {
    let metadata = &checkpoint.metadata;
    let same_layout =
        metadata.optimizer_layout.as_ref().is_none_or(|layout| *layout == optimizer_layout(program));
    metadata.optimizer == program.optimizer.name && same_layout
}

/// A fingerprint of the parameters that learn, and of their places.
fn optimizer_layout(program: &Program) -> String {
    let trained = program.parameters.iter().filter(|parameter| parameter.offset < program.trained_len);
    let places = trained.map(|parameter| format!("{} {}\n", parameter.offset, parameter.name));
    fingerprint(&places.collect::<String>())
}

fn foreign(program: &Program, checkpoint: &Checkpoint, path: &Path, differences: &[String]) -> Error {
    let mut list = differences[..differences.len().min(LISTED)].join(", ");
    if differences.len() > LISTED {
        list.push_str(&format!(", and {} more differences", differences.len() - LISTED));
    }
    let network = &checkpoint.metadata.network;
    Error::Checkpoint {
        path: path.to_owned(),
        message: format!("holds another architecture (of `{network}`) than `{}`: {list}", program.name),
        help: "use the model's text that the checkpoint was trained with (it is in its metadata), \
               or train this network"
            .into(),
    }
}

fn impossible_scale(path: &Path) -> Error {
    Error::Checkpoint {
        path: path.to_owned(),
        message: "holds a loss scale that no training comes to: expected a power of two from 1 to 2^24, \
                  and no more skipped steps than steps"
            .into(),
        help: "use another checkpoint, or train again".into(),
    }
}

fn text(shape: &[usize]) -> String {
    let dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
    dimensions.join("x")
}

//! Which tensors belong to a network, and what they are called.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Layer, Sequence, Step, StepKind};

/// Name and shape of a tensor that belongs to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
}

/// What is learnt, in the order of the words.
pub(crate) fn parameters(model: &CheckedModel) -> Vec<Spec> {
    collect(model, &layer_parameters)
}

/// The running statistics, in the order of the words.
pub(crate) fn states(model: &CheckedModel) -> Vec<Spec> {
    collect(model, &layer_states)
}

/// Roles and shapes of what a layer keeps.
type Roles = Vec<(&'static str, Vec<usize>)>;

fn layer_parameters(layer: &Layer, step: &Step) -> Roles {
    let (inputs, outputs) = (step.input.channels(), step.output.channels());
    let with_bias = |bias: bool, weight: Vec<usize>| {
        let bias = bias.then(|| ("bias", vec![outputs]));
        [("weight", weight)].into_iter().chain(bias).collect()
    };
    match layer {
        Layer::Conv { kernel, bias, .. } => with_bias(*bias, vec![outputs, inputs, kernel[0], kernel[1]]),
        Layer::Linear { bias } => with_bias(*bias, vec![outputs, inputs]),
        Layer::BatchNorm { .. } => with_bias(true, vec![outputs]),
        _ => Vec::new(),
    }
}

fn layer_states(layer: &Layer, step: &Step) -> Roles {
    match layer {
        Layer::BatchNorm { .. } => {
            ["running_mean", "running_var"].map(|role| (role, vec![step.output.channels()])).to_vec()
        }
        _ => Vec::new(),
    }
}

fn collect(model: &CheckedModel, roles: &dyn Fn(&Layer, &Step) -> Roles) -> Vec<Spec> {
    let mut found = Vec::new();
    collect_from(&model.body, "", roles, &mut found);
    found
}

fn collect_from(
    sequence: &Sequence,
    path: &str,
    roles: &dyn Fn(&Layer, &Step) -> Roles,
    found: &mut Vec<Spec>,
) {
    for step in &sequence.steps {
        let path = join(path, &step.name);
        match &step.kind {
            StepKind::Layer(layer) => {
                let specs = roles(layer, step).into_iter();
                found.extend(specs.map(|(role, shape)| Spec { name: join(&path, role), shape }));
            }
            StepKind::Scope(body) => collect_from(body, &path, roles, found),
            StepKind::Join { branches, .. } => {
                for (name, body) in branches {
                    collect_from(body, &join(&path, name), roles, found);
                }
            }
        }
    }
}

/// `path.name`, or the name alone at the top.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

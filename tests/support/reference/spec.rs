//! Which tensors belong to a network, and what they are called.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Layer, Sequence, Step, StepKind};

/// Name and shape of a tensor that belongs to the network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Factor on the learning rate.
    pub(crate) learning_rate: f64,
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
        Layer::Conv(conv) => {
            with_bias(conv.bias, [&[outputs, inputs / conv.groups], &conv.kernel[..]].concat())
        }
        Layer::ConvTranspose { conv, .. } => {
            with_bias(conv.bias, [&[inputs, outputs / conv.groups], &conv.kernel[..]].concat())
        }
        Layer::Linear { bias, .. } => with_bias(*bias, vec![outputs, inputs]),
        Layer::BatchNorm { .. } | Layer::LayerNorm { .. } | Layer::GroupNorm { affine: true, .. } => {
            with_bias(true, vec![outputs])
        }
        Layer::RmsNorm { .. } | Layer::Scale { .. } | Layer::PRelu { .. } => with_bias(false, vec![outputs]),
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
                for (role, shape) in roles(layer, step) {
                    let (name, learning_rate) = (join(&path, role), step.learning_rate);
                    // A shared sub-network is used more than once.
                    if found.iter().all(|known| known.name != name) {
                        found.push(Spec { name, shape, learning_rate });
                    }
                }
            }
            StepKind::Scope(body) => collect_from(body, &path, roles, found),
            StepKind::Shared { path, body } => collect_from(body, path, roles, found),
            StepKind::From(_) => {}
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

//! `--optimizer` and `--loss`: how a network is trained, in the place of what its text says.

use clap::ArgMatches;
use nnc_dsl::model::{CheckedModel, Layer, Loss, LossTerm, Optimizer, OptimizerKind, Sequence, StepKind};
use nnc_dsl::scalar::{Expr, Unary};

use crate::failure::Failure;

/// The losses under their names in the language.
pub(crate) const LOSSES: [(&str, Loss); 5] = [
    ("cross_entropy", Loss::CROSS_ENTROPY),
    ("bce", Loss::BinaryCrossEntropy),
    ("mse", Loss::MeanSquaredError),
    ("mae", Loss::MeanAbsoluteError),
    ("huber", Loss::Huber { delta: 1.0 }),
];

/// Puts `--optimizer` and `--loss` in the place of what the text says.
pub(crate) fn override_training(model: &mut CheckedModel, matches: &ArgMatches) -> Result<(), Failure> {
    let optimizer = matches.try_get_one::<String>("optimizer").ok().flatten();
    let kind = optimizer.and_then(|name| OptimizerKind::ALL.into_iter().find(|kind| kind.name() == name));
    if let Some(kind) = kind.filter(|kind| *kind != model.train.optimizer.kind) {
        let values = kind.hyperparameters().iter().map(|(_, value)| *value).collect();
        model.train.optimizer = Optimizer { kind, values };
    }
    let loss = matches.try_get_one::<String>("loss").ok().flatten();
    match loss.and_then(|name| LOSSES.into_iter().find(|(known, _)| known == name)) {
        Some((name, loss)) => override_loss(model, name, loss),
        None => Ok(()),
    }
}

fn override_loss(model: &mut CheckedModel, name: &str, loss: Loss) -> Result<(), Failure> {
    if model.outputs.len() > 1 {
        let message =
            format!("`{}` has {} outputs, and `--loss` speaks of one", model.name, model.outputs.len());
        return Err(Failure::new(message).help("give each output a `loss` in the `train` section"));
    }
    check_fit(model, name, &loss)?;
    let is_same = |term: &LossTerm| std::mem::discriminant(&term.loss) == std::mem::discriminant(&loss);
    // The text's own term has its options.
    if !model.train.losses.iter().any(is_same) {
        model.train.losses = vec![LossTerm { output: 0, loss, weight: 1.0 }];
    }
    Ok(())
}

/// What the language asks of a network whose `train` section says `loss NAME`.
fn check_fit(model: &CheckedModel, name: &str, loss: &Loss) -> Result<(), Failure> {
    let squashed = last_layer(&model.body).and_then(squashing);
    let squashed = match loss {
        Loss::CrossEntropy { .. } => squashed.filter(|word| *word != "sigmoid"),
        Loss::BinaryCrossEntropy => squashed,
        Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber { .. } => None,
    };
    if let Some(word) = squashed {
        let message = format!("`{}` ends with `{word}`, which the loss `{name}` contains", model.name);
        return Err(Failure::new(message).help(format!("delete the word `{word}`")));
    }
    let shape = model.outputs.first().map(|output| &output.shape);
    match shape.filter(|shape| shape.channels() < 2 && matches!(loss, Loss::CrossEntropy { .. })) {
        Some(shape) => {
            let network = &model.name;
            let message =
                format!("the loss `{name}` needs at least 2 classes, but `{network}` ends in {shape}");
            Err(Failure::new(message).help("end the network in a channel per class, or use `--loss bce`"))
        }
        None => Ok(()),
    }
}

/// The word of a layer that gives probabilities.
fn squashing(layer: &Layer) -> Option<&'static str> {
    match layer {
        Layer::Softmax => Some("softmax"),
        Layer::LogSoftmax => Some("log_softmax"),
        Layer::Activation(formula) if *formula == Expr::Var(0).unary(Unary::Sigmoid) => Some("sigmoid"),
        _ => None,
    }
}

fn last_layer(sequence: &Sequence) -> Option<&Layer> {
    match &sequence.steps.last()?.kind {
        StepKind::Layer(layer) => Some(layer),
        StepKind::Scope(body) | StepKind::Shared { body, .. } => last_layer(body),
        StepKind::Join { .. } | StepKind::From(_) => None,
    }
}

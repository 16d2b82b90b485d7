//! The losses of a `train` section: their options, which output each judges, and whether they fit it.
//!
//! An output of several needs a loss of its own as soon as there is a section; without one, and for
//! the only output of a network, the loss is cross-entropy where the output can be logits of classes
//! and the mean squared error elsewhere.

use super::expr::{Place, real};
use super::network::last_step;
use super::report::train as report;
use super::train::{Checked, span};
use super::walk::Walker;
use crate::ast::{Expr, ExprKind, Ident, Network, Setting, SettingValue, Train as Section};
use crate::diagnostic::Span;
use crate::model::{Layer, Loss, LossTerm, Output, Sequence, Step, StepKind, Tap};
use crate::scalar::{Expr as Scalar, Unary};
use crate::words::Range;

const LOSSES: [&str; 5] = ["cross_entropy", "bce", "mse", "mae", "huber"];

/// What other systems call them.
const ALIASES: [(&str, &[&str]); 5] = [
    ("cross_entropy", &["ce", "nll", "softmax_cross_entropy", "categorical_crossentropy", "logloss"]),
    ("bce", &["binary_cross_entropy", "binary_crossentropy", "bce_with_logits", "sigmoid_cross_entropy"]),
    ("mse", &["l2", "mean_squared_error", "squared_error"]),
    ("mae", &["l1", "mean_absolute_error", "absolute_error"]),
    ("huber", &["smooth_l1", "huber_loss"]),
];

const EXAMPLE: &str = "loss cross_entropy label_smoothing=0.1";

/// A `loss` as the section has it.
struct Written<'s> {
    /// The loss's word.
    word: &'s Ident,
    /// With the options that are right.
    loss: Loss,
    /// The name after `output=`.
    output: Option<&'s Ident>,
    weight: f64,
    class_weights: Option<Span>,
}

impl<'a> Walker<'a> {
    /// What is minimised: a term per output. `checked` is none if the network has a mistake.
    pub(super) fn losses(
        &mut self,
        network: &Network,
        section: Option<&'a Section>,
        checked: Option<Checked>,
    ) -> Vec<LossTerm> {
        let settings = section.map_or(&[][..], |section| &section.settings);
        let losses = settings.iter().filter(|setting| setting.key.value == "loss");
        let written: Vec<Option<Written>> = losses.map(|setting| self.written(setting)).collect();
        let mut judged: Vec<(usize, Written)> = Vec::new();
        let mut is_complete = true;
        for loss in written {
            match loss.and_then(|loss| Some((self.output(&loss, &judged, network)?, loss))) {
                Some(loss) => judged.push(loss),
                None => is_complete = false,
            }
        }
        let Some(checked) = checked else { return Vec::new() };
        let mut terms = Vec::new();
        for (index, output) in checked.outputs.iter().enumerate() {
            let last = producer(checked.body, output);
            match judged.iter().find(|(judged, _)| *judged == index) {
                Some((_, written)) => terms.push(self.term(network, index, output, last, written)),
                None if !is_complete => {}
                None => terms.extend(self.usual_term(network, section, index, output, last)),
            }
        }
        terms
    }

    /// A `loss` with its options; none if its word is none.
    fn written<'s>(&mut self, setting: &'s Setting) -> Option<Written<'s>> {
        let word = self.loss_word(setting)?;
        let mut loss = named(&word.value);
        let (mut output, mut weight, mut class_weights) = (None, 1.0, None);
        let mut seen: Vec<&Ident> = Vec::new();
        for value in &setting.values[1..] {
            let SettingValue::Named(key, value) = value else {
                self.unexpected(setting, value, EXAMPLE);
                break;
            };
            if let Some(first) = seen.iter().find(|first| first.value == key.value) {
                self.sink.report(report::setting_twice(key, first.span));
            }
            seen.push(key);
            match (key.value.as_str(), &**value) {
                ("output", SettingValue::Word(name)) => output = Some(name),
                ("output", other) => self.unexpected(setting, other, "loss mse output=box"),
                ("weight", value) => weight = self.weight(setting, word, key, value).unwrap_or(weight),
                (_, value) => {
                    class_weights = (key.value == "class_weights").then(|| span(value)).or(class_weights);
                    self.set_option(setting, word, &mut loss, key, value);
                }
            }
        }
        Some(Written { word, loss, output, weight, class_weights })
    }

    fn loss_word<'s>(&mut self, setting: &'s Setting) -> Option<&'s Ident> {
        let Some(SettingValue::Word(word)) = setting.values.first() else {
            return self.choice(setting, "loss", &LOSSES, EXAMPLE);
        };
        let plain = word.value.to_lowercase();
        match ALIASES.iter().find(|(_, aliases)| aliases.contains(&plain.as_str())) {
            Some((meant, _)) => {
                self.sink.report(report::loss_by_other_name(word, meant));
                None
            }
            None => self.choice(setting, "loss", &LOSSES, EXAMPLE),
        }
    }

    fn weight(&mut self, setting: &Setting, word: &Ident, key: &Ident, value: &SettingValue) -> Option<f64> {
        match value {
            SettingValue::Expr(expr) => self.option(word, key, expr, Range::above(0.0)),
            other => {
                self.unexpected(setting, other, "loss mse weight=0.5");
                None
            }
        }
    }

    /// Sets one of the loss's own options.
    fn set_option(
        &mut self,
        setting: &Setting,
        word: &Ident,
        loss: &mut Loss,
        key: &Ident,
        value: &SettingValue,
    ) {
        let own: &[&str] = match loss {
            Loss::CrossEntropy { .. } => &["label_smoothing", "class_weights", "output", "weight"],
            Loss::Huber { .. } => &["delta", "output", "weight"],
            Loss::BinaryCrossEntropy | Loss::MeanSquaredError | Loss::MeanAbsoluteError => {
                &["output", "weight"]
            }
        };
        if !own.contains(&key.value.as_str()) {
            let what = format!("option of `{}`", word.value);
            return self.sink.report(report::unknown_choice(&what, key, own));
        }
        let SettingValue::Expr(expr) = value else {
            return self.unexpected(setting, value, EXAMPLE);
        };
        match loss {
            Loss::CrossEntropy { class_weights, .. } if key.value == "class_weights" => {
                *class_weights = self.class_weights(setting, word, key, expr).unwrap_or_default();
            }
            Loss::CrossEntropy { label_smoothing, .. } => {
                let share = self.option(word, key, expr, Range::half_open(0.0, 1.0));
                *label_smoothing = share.unwrap_or_default();
            }
            Loss::Huber { delta } => {
                *delta = self.option(word, key, expr, Range::above(0.0)).unwrap_or(*delta);
            }
            Loss::BinaryCrossEntropy | Loss::MeanSquaredError | Loss::MeanAbsoluteError => {}
        }
    }

    fn class_weights(
        &mut self,
        setting: &Setting,
        word: &Ident,
        key: &Ident,
        list: &Expr,
    ) -> Option<Vec<f64>> {
        let ExprKind::List(values) = &list.kind else {
            let example = "loss cross_entropy class_weights=[1, 2, 0.5]";
            self.sink.report(report::unexpected_value(&setting.key, list.span, example));
            return None;
        };
        let weights = values.iter().map(|value| self.option(word, key, value, Range::at_least(0.0)));
        let weights: Vec<f64> = weights.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?;
        if weights.iter().all(|weight| *weight == 0.0) {
            self.sink.report(report::no_class_weight(list.span));
            return None;
        }
        Some(weights)
    }

    fn option(&mut self, word: &Ident, key: &Ident, expr: &Expr, range: Range) -> Option<f64> {
        let value = self.evaluate(expr)?;
        let name = format!("the `{}` of `{}`", key.value, word.value);
        let advice = format!("leave `{}` out for its default", key.value);
        let place = Place { name: &name, advice: &advice, text: self.text };
        real(value, expr, range, &place, self.sink)
    }

    /// The index of the output that a loss judges.
    fn output(&mut self, loss: &Written, judged: &[(usize, Written)], network: &Network) -> Option<usize> {
        let names: Vec<&str> = network
            .outputs
            .iter()
            .filter_map(|port| port.name.as_ref())
            .map(|name| name.value.as_str())
            .collect();
        let index = match loss.output {
            None if network.outputs.len() == 1 => 0,
            None => {
                self.sink.report(report::which_output(loss.word, &names));
                return None;
            }
            Some(name) => {
                let known = network
                    .outputs
                    .iter()
                    .position(|port| port.name.as_ref().is_some_and(|known| known.value == name.value));
                let Some(index) = known else {
                    self.sink.report(report::unknown_output(name, &names));
                    return None;
                };
                index
            }
        };
        if let Some((_, first)) = judged.iter().find(|(judged, _)| *judged == index) {
            self.sink.report(report::second_loss(loss.word, first.word));
            return None;
        }
        Some(index)
    }

    fn term(
        &mut self,
        network: &Network,
        index: usize,
        output: &Output,
        last: Option<&Step>,
        written: &Written,
    ) -> LossTerm {
        let loss = written.loss.clone();
        self.check_fit(network, index, output, last, &loss, (written.word.span, true));
        if let (Loss::CrossEntropy { class_weights, .. }, Some(span)) = (&loss, written.class_weights) {
            let classes = output.shape.channels();
            if !class_weights.is_empty() && class_weights.len() != classes {
                let place = network.outputs[index].shape.span;
                self.sink.report(report::class_weights(span, class_weights.len(), classes, place));
            }
        }
        LossTerm { output: index, loss, weight: written.weight }
    }

    /// The term of an output that the section does not speak of.
    fn usual_term(
        &mut self,
        network: &Network,
        section: Option<&Section>,
        index: usize,
        output: &Output,
        last: Option<&Step>,
    ) -> Option<LossTerm> {
        let is_classes = output.shape.0.len() == 1 && output.shape.len() >= 2;
        let is_softmax = last.and_then(squashing).is_some_and(|word| word != "sigmoid");
        if let Some(section) = section {
            if network.outputs.len() > 1 {
                self.sink.report(report::no_loss(section, &output.name, is_classes, self.text));
                return None;
            }
            if is_classes {
                let place = (section.name.span, false);
                self.check_fit(network, index, output, last, &Loss::CROSS_ENTROPY, place);
            }
        }
        let is_logits = is_classes && (section.is_some() || !is_softmax);
        let loss = if is_logits { Loss::CROSS_ENTROPY } else { Loss::MeanSquaredError };
        Some(LossTerm { output: index, loss, weight: 1.0 })
    }

    /// Reports a loss that does not fit what it judges. With the place comes whether the word stands there.
    fn check_fit(
        &mut self,
        network: &Network,
        index: usize,
        output: &Output,
        last: Option<&Step>,
        loss: &Loss,
        (place, is_written): (Span, bool),
    ) {
        let squashed = last.and_then(|step| squashing(step).map(|word| (step, word)));
        match (loss, squashed) {
            (Loss::CrossEntropy { .. }, _) if output.shape.channels() < 2 => {
                let signature = network.outputs[index].shape.span;
                self.sink.report(report::loss_needs_classes(place, &output.shape, signature));
            }
            (Loss::CrossEntropy { .. }, Some((step, word))) if word != "sigmoid" => {
                self.sink.report(report::squashed_twice(word, step.span, "cross-entropy", place, self.text));
            }
            (Loss::BinaryCrossEntropy, Some((step, word))) if is_written => {
                self.sink.report(report::squashed_twice(word, step.span, "`bce`", place, self.text));
            }
            _ => {}
        }
    }
}

/// The loss of a word, with its defaults.
fn named(word: &str) -> Loss {
    match word {
        "bce" => Loss::BinaryCrossEntropy,
        "mse" => Loss::MeanSquaredError,
        "mae" => Loss::MeanAbsoluteError,
        "huber" => Loss::Huber { delta: 1.0 },
        _ => Loss::CROSS_ENTROPY,
    }
}

/// The word of a layer that gives probabilities.
fn squashing(step: &Step) -> Option<&'static str> {
    match &step.kind {
        StepKind::Layer(Layer::Softmax) => Some("softmax"),
        StepKind::Layer(Layer::LogSoftmax) => Some("log_softmax"),
        StepKind::Layer(Layer::Activation(formula)) if *formula == Scalar::Var(0).unary(Unary::Sigmoid) => {
            Some("sigmoid")
        }
        _ => None,
    }
}

/// The step that gives an output.
fn producer<'m>(body: &'m Sequence, output: &Output) -> Option<&'m Step> {
    let step = match output.tap {
        None => last_step(body)?,
        Some(tap) => tapped(body, tap)?,
    };
    match &step.kind {
        StepKind::From(tap) => tapped(body, *tap),
        _ => Some(step),
    }
}

/// The step whose value has this name.
fn tapped(body: &Sequence, tap: Tap) -> Option<&Step> {
    body.steps.iter().find_map(|step| match &step.kind {
        StepKind::Scope(inner) | StepKind::Shared { body: inner, .. } if step.tap == Some(tap) => {
            last_step(inner)
        }
        _ if step.tap == Some(tap) => Some(step),
        StepKind::Scope(inner) | StepKind::Shared { body: inner, .. } => tapped(inner, tap),
        StepKind::Join { branches, .. } => branches.iter().find_map(|(_, branch)| tapped(branch, tap)),
        StepKind::Layer(_) | StepKind::From(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Options, check};

    fn losses(signature: &str, words: &str, settings: Option<&str>) -> Vec<LossTerm> {
        let train = settings.map(|settings| format!("train Net {{ {settings} }}")).unwrap_or_default();
        let text = format!("allow(all) network Net<{signature}> {{ {words} }} {train}");
        let outcome = check(&text, Entry::File, &Options::default());
        assert_eq!(outcome.models.len(), 1, "{text}: {:?}", outcome.diagnostics);
        outcome.models[0].train.losses.clone()
    }

    fn term(output: usize, loss: Loss, weight: f64) -> LossTerm {
        LossTerm { output, loss, weight }
    }

    #[test]
    fn defaults_follow_the_output() {
        let (ce, mse) = (Loss::CROSS_ENTROPY, Loss::MeanSquaredError);
        for (signature, words, settings, expected) in [
            ("8 -> 3", "linear 3", None, ce.clone()),
            ("8 -> 3", "linear 3", Some("batch 32"), ce.clone()),
            ("8 -> 3", "linear 3 softmax", None, mse.clone()),
            ("8 -> 1", "linear 1", Some("batch 32"), mse.clone()),
            ("3x8x8 -> 4x8x8", "conv1 4", Some("batch 32"), mse),
            ("3x8x8 -> 4x8x8", "conv1 4", Some("loss cross_entropy"), ce),
        ] {
            assert_eq!(losses(signature, words, settings), [term(0, expected, 1.0)], "{words} {settings:?}");
        }
    }

    #[test]
    fn options_are_read() {
        let settings = "loss cross_entropy label_smoothing=0.1 class_weights=[1, 2, 0.5] weight=2";
        let loss = Loss::CrossEntropy { label_smoothing: 0.1, class_weights: vec![1.0, 2.0, 0.5] };
        assert_eq!(losses("8 -> 3", "linear 3", Some(settings)), [term(0, loss, 2.0)]);
        let huber = losses("8 -> 3", "linear 3", Some("loss huber delta=0.5"));
        assert_eq!(huber, [term(0, Loss::Huber { delta: 0.5 }, 1.0)]);
    }

    #[test]
    fn each_output_has_its_loss() {
        let words = "linear 8 relu as features linear 3 as class from features linear 4 as box";
        let signature = "8 -> class: 3, box: 4";
        let settings = "loss mae output=box weight=0.5 loss cross_entropy output=class";
        assert_eq!(
            losses(signature, words, Some(settings)),
            [term(0, Loss::CROSS_ENTROPY, 1.0), term(1, Loss::MeanAbsoluteError, 0.5)]
        );
        let usual = [term(0, Loss::CROSS_ENTROPY, 1.0), term(1, Loss::CROSS_ENTROPY, 1.0)];
        assert_eq!(losses(signature, words, None), usual);
    }
}

//! The `train` section: settings, their ranges, and whether they fit the network.
//!
//! Settings see the network's parameters. What the section leaves out keeps its default. The losses
//! have a file of their own (loss.rs).

use super::expr::{Place, flag, real, whole};
use super::report::train as report;
use super::walk::Walker;
use crate::ast::{Expr, Ident, Network, Setting, SettingValue, Train as Section};
use crate::diagnostic::Span;
use crate::model::{Augment, Data, Loss, Optimizer, OptimizerKind, Output, Sequence, Shape, Train};
use crate::syntax::SETTINGS;
use crate::words::{Range, nearest};

/// What a network without a mistake has come to.
#[derive(Clone, Copy)]
pub(super) struct Checked<'m> {
    /// Its steps.
    pub(super) body: &'m Sequence,
    /// Its outputs, at least one.
    pub(super) outputs: &'m [Output],
}

/// A data set's format.
struct Format {
    name: &'static str,
    /// Sample and classes, where the format fixes them.
    fixed: Option<(&'static [usize], usize)>,
    /// Whether it lies somewhere, and so may have a path.
    has_path: bool,
}

const FORMATS: &[Format] = &[
    Format { name: "digits", fixed: Some((&[1, 8, 8], 10)), has_path: false },
    Format { name: "mnist", fixed: None, has_path: true },
    Format { name: "cifar10", fixed: Some((&[3, 32, 32], 10)), has_path: true },
    Format { name: "images", fixed: None, has_path: true },
    Format { name: "csv", fixed: None, has_path: true },
];

/// How an optimiser is written, for help.
const OPTIMIZER: &str = "optimizer sgd lr=0.1";

/// Whole numbers that fit every machine's memory addresses.
const POSITIVE: Range = Range::closed(1.0, 4_294_967_295.0);

impl<'a> Walker<'a> {
    /// Checks the section of a network. `checked` is none if a mistake has left it unknown.
    pub(super) fn train(
        &mut self,
        network: &Network,
        section: Option<&'a Section>,
        checked: Option<Checked>,
    ) -> Train {
        let mut train = Train::default();
        for setting in section.map_or(&[][..], |section| self.distinct(section)) {
            match setting.key.value.as_str() {
                "data" => train.data = self.data(setting, network, checked),
                "augment" => train.augment = self.augment(setting, network, checked),
                "loss" => {}
                "optimizer" => self.optimizer(setting, &mut train.optimizer),
                "batch" => train.batch = self.number(setting, POSITIVE).unwrap_or(train.batch),
                "epochs" => train.epochs = self.number(setting, POSITIVE).unwrap_or(train.epochs),
                "seed" => train.seed = self.number(setting, Range::at_least(0.0)).unwrap_or(train.seed),
                _ => self.sink.report(report::unknown_setting(&setting.key, &SETTINGS)),
            }
        }
        train.losses = self.losses(network, section, checked);
        if let (Some(section), Some(checked)) = (section, checked) {
            self.check_labels(section, &train, network, checked);
        }
        train
    }

    /// A data set has one label per sample, not one per position.
    fn check_labels(&mut self, section: &Section, train: &Train, network: &Network, checked: Checked) {
        let data = section.settings.iter().find(|setting| setting.key.value == "data");
        let maps = train.losses.iter().find(|term| {
            let positions = checked.outputs[term.output].shape.positions();
            matches!(term.loss, Loss::CrossEntropy { .. }) && positions > 1
        });
        if let (Some(_), Some(data), Some(term)) = (&train.data, data, maps) {
            let place = network.outputs[term.output].shape.span;
            self.sink.report(report::data_without_maps(
                data.key.span,
                &checked.outputs[term.output].shape,
                place,
            ));
        }
    }

    /// The settings of a section, with a report of those that stand twice.
    fn distinct(&mut self, section: &'a Section) -> &'a [Setting] {
        for (index, setting) in section.settings.iter().enumerate() {
            let before = &section.settings[..index];
            let same = before.iter().find(|first| first.key.value == setting.key.value);
            // Each output has a loss.
            if let Some(first) = same.filter(|_| setting.key.value != "loss") {
                self.sink.report(report::setting_twice(&setting.key, first.key.span));
            }
        }
        &section.settings
    }

    fn data(&mut self, setting: &Setting, network: &Network, checked: Option<Checked>) -> Option<Data> {
        let example = "data cifar10 \"path\"";
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        let word = self.choice(setting, "data format", &names, example)?;
        let format = FORMATS.iter().find(|format| format.name == word.value)?;
        let example = if format.has_path { example } else { "data digits" };
        let mut data = Data { format: word.value.clone(), path: None, target: None };
        for value in &setting.values[1..] {
            match value {
                SettingValue::Text(path) if format.has_path && data.path.is_none() => {
                    data.path = Some(path.value.clone());
                }
                SettingValue::Named(key, target) if key.value == "target" && format.name == "csv" => {
                    match &**target {
                        SettingValue::Text(column) | SettingValue::Word(column) => {
                            data.target = Some(column.value.clone());
                        }
                        other => self.unexpected(setting, other, "data csv \"path\" target=\"column\""),
                    }
                }
                other => {
                    self.unexpected(setting, other, example);
                    break;
                }
            }
        }
        if network.inputs.len() > 1 || network.outputs.len() > 1 {
            self.sink.report(report::data_for_one(word, network));
        } else if let (Some((sample, classes)), Some(checked)) = (format.fixed, checked) {
            self.check_data(word, sample, classes, network, checked);
        }
        Some(data)
    }

    fn check_data(
        &mut self,
        format: &Ident,
        sample: &[usize],
        classes: usize,
        network: &Network,
        checked: Checked,
    ) {
        let sample = Shape(sample.to_vec());
        let (input, output) = (&checked.body.input, &checked.outputs[0].shape);
        let reads = *input == sample || *input == Shape::vector(sample.len());
        if !reads {
            let (expected, found) = (sample.to_string(), input.to_string());
            let span = network.inputs[0].shape.span;
            self.sink.report(report::data_mismatch(format, "samples of", &expected, &found, span));
        } else if output.0.len() == 1 && output.len() != 1 && output.len() != classes {
            let (expected, found) = (format!("{classes} classes"), format!("{} outputs", output.len()));
            let span = network.outputs[0].shape.span;
            self.sink.report(report::data_mismatch(format, "labels of", &expected, &found, span));
        }
    }

    fn augment(&mut self, setting: &Setting, network: &Network, checked: Option<Checked>) -> Augment {
        let example = "augment flip crop=4";
        let mut augment = Augment::default();
        if setting.values.is_empty() {
            self.sink.report(report::missing_value(&setting.key, example));
        }
        for value in &setting.values {
            match value {
                SettingValue::Word(word) if word.value == "flip" => augment.flip = true,
                SettingValue::Word(word) if word.value != "crop" => {
                    self.sink.report(report::unknown_choice("augmentation", word, &["flip", "crop"]));
                }
                SettingValue::Named(key, amount) if key.value == "crop" => match &**amount {
                    SettingValue::Expr(expr) => {
                        let crop = self.count(expr, "the `crop` of `augment`", Range::closed(0.0, 65_536.0));
                        augment.crop = crop.unwrap_or_default() as usize;
                    }
                    other => self.unexpected(setting, other, example),
                },
                other => self.unexpected(setting, other, example),
            }
        }
        let input = checked.map(|checked| &checked.body.input).filter(|input| input.0.len() != 3);
        if let Some(input) = input {
            let report = report::augment_needs_images(setting.key.span, input, network.inputs[0].shape.span);
            self.sink.report(report);
        }
        augment
    }

    fn optimizer(&mut self, setting: &Setting, optimizer: &mut Optimizer) {
        let names = OptimizerKind::ALL.map(OptimizerKind::name);
        let Some(word) = self.choice(setting, "optimizer", &names, OPTIMIZER) else { return };
        let Some(kind) = OptimizerKind::ALL.into_iter().find(|kind| kind.name() == word.value) else {
            return;
        };
        let values = kind.hyperparameters().iter().map(|(_, value)| *value).collect();
        *optimizer = Optimizer { kind, values };
        let mut seen: Vec<&Ident> = Vec::new();
        for value in &setting.values[1..] {
            let SettingValue::Named(key, value) = value else {
                self.unexpected(setting, value, OPTIMIZER);
                break;
            };
            if let Some(first) = seen.iter().find(|first| first.value == key.value) {
                self.sink.report(report::setting_twice(key, first.span));
            }
            seen.push(key);
            self.set_hyperparameter(setting, key, value, optimizer);
        }
    }

    fn set_hyperparameter(
        &mut self,
        setting: &Setting,
        key: &Ident,
        value: &SettingValue,
        optimizer: &mut Optimizer,
    ) {
        let word = optimizer.kind.name();
        let names: Vec<&str> = optimizer.kind.hyperparameters().iter().map(|(name, _)| *name).collect();
        match (names.iter().position(|name| *name == key.value), value) {
            (None, _) => {
                let what = format!("hyperparameter of `{word}`");
                self.sink.report(report::unknown_choice(&what, key, &names));
            }
            (Some(index), SettingValue::Expr(expr)) => {
                if let Some(value) = self.hyperparameter(word, key, expr) {
                    optimizer.values[index] = value;
                }
            }
            (Some(_), other) => self.unexpected(setting, other, OPTIMIZER),
        }
    }

    fn hyperparameter(&mut self, optimizer: &str, key: &Ident, expr: &Expr) -> Option<f64> {
        let value = self.evaluate(expr)?;
        let name = format!("the `{}` of `{optimizer}`", key.value);
        let advice = format!("leave `{}` out for its default", key.value);
        let place = Place { name: &name, advice: &advice, text: self.text };
        if key.value == "nesterov" {
            return flag(value, expr, &place, self.sink).map(|flag| f64::from(u8::from(flag)));
        }
        real(value, expr, hyperparameter_range(&key.value), &place, self.sink)
    }

    /// The whole number of a setting such as `batch 128`.
    fn number<T: TryFrom<i64>>(&mut self, setting: &Setting, range: Range) -> Option<T> {
        let example = format!("{} 16", setting.key.value);
        let expr = match setting.values.first() {
            None => {
                self.sink.report(report::missing_value(&setting.key, &example));
                return None;
            }
            Some(SettingValue::Expr(expr)) => expr,
            Some(other) => {
                self.unexpected(setting, other, &example);
                return None;
            }
        };
        if let Some(surplus) = setting.values.get(1) {
            self.unexpected(setting, surplus, &example);
        }
        let number = self.count(expr, &format!("`{}`", setting.key.value), range)?;
        T::try_from(number).ok()
    }

    fn count(&mut self, expr: &Expr, name: &str, range: Range) -> Option<i64> {
        let value = self.evaluate(expr)?;
        let place = Place { name, advice: "leave it out for the default", text: self.text };
        whole(value, expr, range, &place, self.sink)
    }

    /// The first value, which must be one of the known words.
    pub(super) fn choice<'s>(
        &mut self,
        setting: &'s Setting,
        what: &str,
        known: &[&str],
        example: &str,
    ) -> Option<&'s Ident> {
        match setting.values.first() {
            None => self.sink.report(report::missing_value(&setting.key, example)),
            Some(SettingValue::Word(word)) if known.contains(&word.value.as_str()) => return Some(word),
            Some(SettingValue::Word(word)) => {
                self.sink.report(report::unknown_choice(what, word, known));
            }
            Some(other) => self.unexpected(setting, other, example),
        }
        None
    }

    /// A value that a setting does not take. A word among them may be the misspelt key of the
    /// next setting, as nothing else separates settings.
    pub(super) fn unexpected(&mut self, setting: &Setting, value: &SettingValue, example: &str) {
        let report = match value {
            SettingValue::Word(word) if nearest(&word.value, SETTINGS.into_iter()).is_some() => {
                report::unknown_setting(word, &SETTINGS)
            }
            _ => report::unexpected_value(&setting.key, span(value), example),
        };
        self.sink.report(report);
    }
}

fn hyperparameter_range(name: &str) -> Range {
    match name {
        "lr" | "eps" => Range::above(0.0),
        "weight_decay" => Range::at_least(0.0),
        // Momentum and the decay rates of running means.
        _ => Range::half_open(0.0, 1.0),
    }
}

/// Where a value stands.
pub(super) fn span(value: &SettingValue) -> Span {
    match value {
        SettingValue::Word(word) | SettingValue::Text(word) => word.span,
        SettingValue::Expr(expr) => expr.span,
        SettingValue::Named(key, value) => key.span.to(span(value)),
    }
}

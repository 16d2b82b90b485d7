//! Arguments: to their places, and to the values that their words take.

use super::expr::{Place, flag, real, whole};
use super::report::arguments::{self, Signature};
use super::sink::Sink;
use super::walk::Walker;
use crate::ast::{Expr, ExprKind, Ident, Word as Use};
use crate::diagnostic::Span;
use crate::model::Init;
use crate::words::{
    Argument, Default, Kind, MAX_RANK, Numbers, Range, Setting, Word, initialiser, suggest_argument,
};

/// The expression of each argument of the signature, by position first, where the text has one.
pub(super) fn bind<'w>(word: &'w Use, signature: &Signature, sink: &mut Sink) -> Vec<Option<&'w Expr>> {
    let takes = signature.positional.len();
    if word.positional.len() > takes {
        sink.report(arguments::too_many(word, signature));
    }
    let names: Vec<&str> = signature.positional.iter().chain(&signature.named).copied().collect();
    let mut bound: Vec<Option<&Expr>> = vec![None; names.len()];
    let mut first: Vec<Option<Span>> = vec![None; names.len()];
    for (index, expr) in word.positional.iter().take(takes).enumerate() {
        bound[index] = Some(expr);
        first[index] = Some(expr.span);
    }
    for (name, expr) in &word.named {
        match place(name, &names) {
            None => {
                sink.report(arguments::unknown(word, name, signature));
                // What was probably meant is not missing.
                let meant = suggest_argument(&name.value, names.iter().copied());
                let index = meant.and_then(|meant| names.iter().position(|known| *known == meant));
                if let Some(free) = index.and_then(|index| bound.get_mut(index)).filter(|free| free.is_none())
                {
                    *free = Some(expr);
                }
            }
            Some(index) => match first[index] {
                Some(first) => sink.report(arguments::twice(word, name, first)),
                None => {
                    bound[index] = Some(expr);
                    first[index] = Some(name.span);
                }
            },
        }
    }
    bound
}

fn place(name: &Ident, names: &[&str]) -> Option<usize> {
    names.iter().position(|known| *known == name.value)
}

/// The arguments that a row of the table takes.
pub(super) fn signature(row: &Word) -> Signature<'static> {
    let names = |positional| {
        let arguments = row.arguments.iter().filter(move |argument| argument.positional == positional);
        arguments.map(|argument| argument.name).collect()
    };
    Signature { positional: names(true), named: names(false), definition: None }
}

/// Where the value of an argument stands; the word itself if it has none.
pub(super) fn value_span(word: &Use, row: &Word, name: &str) -> Span {
    let named = word.named.iter().find(|(known, _)| known.value == name).map(|(_, value)| value.span);
    let index = row.arguments.iter().position(|argument| argument.name == name);
    let positional = index.and_then(|index| word.positional.get(index)).map(|value| value.span);
    named.or(positional).unwrap_or(word.name.span)
}

/// Arguments of which the first may not be greater than the second.
const ORDERED: [(&str, &str); 2] = [("lower", "upper"), ("low", "high")];

impl Walker<'_> {
    /// A value per argument of the row, where the text has one without a mistake. None if one that must
    /// be written has none.
    pub(super) fn settings(&mut self, word: &Use, row: &Word) -> Option<Vec<Option<Setting>>> {
        let signature = signature(row);
        let bound = bind(word, &signature, self.sink);
        let mut settings = Vec::new();
        let mut is_complete = true;
        for (argument, expr) in row.arguments.iter().zip(bound) {
            let setting = expr.and_then(|expr| self.setting(word, argument, expr));
            if argument.default == Default::Required && setting.is_none() {
                is_complete = false;
                if expr.is_none() {
                    self.sink.report(arguments::missing(word, &what_is_missing(argument), &signature));
                }
            }
            settings.push(setting);
        }
        is_complete.then_some(settings)
    }

    fn setting(&mut self, word: &Use, argument: &Argument, expr: &Expr) -> Option<Setting> {
        let name = match argument.kind {
            Kind::Count(_) if argument.positional && argument.default == Default::Required => {
                format!("the number of {} of `{}`", argument.name, word.name.value)
            }
            _ => format!("the `{}` of `{}`", argument.name, word.name.value),
        };
        let advice = match argument.default {
            Default::Required => format!("write {} after `{}`", required(argument), word.name.value),
            default => format!("leave `{}` out for {default}", argument.name),
        };
        let place = Place { name: &name, advice: &advice, text: self.text };
        match argument.kind {
            Kind::Count(range) => {
                let value = self.evaluate(expr)?;
                let number = whole(value, expr, range, &place, self.sink)?;
                usize::try_from(number).ok().map(Setting::Count)
            }
            Kind::Real(range) => {
                let value = self.evaluate(expr)?;
                real(value, expr, range, &place, self.sink).map(Setting::Real)
            }
            Kind::Flag => {
                let value = self.evaluate(expr)?;
                flag(value, expr, &place, self.sink).map(Setting::Flag)
            }
            Kind::PerAxis(range) => self.numbers(expr, range, MAX_RANK - 1, &place).map(Setting::Numbers),
            Kind::Shape => {
                let sizes = Range::closed(1.0, 4_294_967_295.0);
                self.numbers(expr, sizes, MAX_RANK, &place).map(Setting::Numbers)
            }
            Kind::Order => {
                let axes = Range::closed(0.0, (MAX_RANK - 1) as f64);
                self.numbers(expr, axes, MAX_RANK, &place).map(Setting::Numbers)
            }
            Kind::Choice(names) => self.chosen(expr, names, &place).map(Setting::Choice),
            Kind::Init => self.init(expr, &place).map(Setting::Init),
        }
    }

    /// One or several whole numbers: `2`, `2x1`, `[s, 1]`.
    fn numbers(&mut self, expr: &Expr, range: Range, most: usize, place: &Place) -> Option<Numbers> {
        let values: Vec<_> = match &expr.kind {
            ExprKind::Sides(sides) => sides.iter().map(|side| (expr, self.side(*side, expr))).collect(),
            ExprKind::List(items) => items.iter().map(|item| (item, self.evaluate(item))).collect(),
            _ => vec![(expr, self.evaluate(expr))],
        };
        if values.is_empty() || values.len() > most {
            self.sink.report(arguments::wrong_length(place.name, values.len(), most, expr.span));
            return None;
        }
        let mut numbers = Vec::new();
        for (expr, value) in values {
            let number = value.and_then(|value| whole(value, expr, range, place, self.sink));
            numbers.push(number.and_then(|number| usize::try_from(number).ok()));
        }
        Numbers::new(&numbers.into_iter().collect::<Option<Vec<_>>>()?)
    }

    /// A number of `2x1`, which is read as an expression of its own would be.
    fn side(&mut self, side: u64, expr: &Expr) -> Option<super::value::Value> {
        self.evaluate(&Expr { kind: ExprKind::Number(side as f64), span: expr.span })
    }

    fn chosen(&mut self, expr: &Expr, names: &[&'static str], place: &Place) -> Option<&'static str> {
        let written = match &expr.kind {
            ExprKind::Name(written) => written,
            _ => {
                self.sink.report(arguments::not_a_name(place.name, names, expr.span));
                return None;
            }
        };
        let found = names.iter().find(|name| *name == written).copied();
        if found.is_none() {
            self.sink.report(arguments::unknown_choice(place.name, written, expr.span, names));
        }
        found
    }

    /// Initial weights: `he_uniform`, `constant(0.1)`.
    pub(super) fn init(&mut self, expr: &Expr, place: &Place) -> Option<Init> {
        let (name, span, numbers) = match &expr.kind {
            ExprKind::Name(name) => (name, expr.span, &[][..]),
            ExprKind::Call(name, numbers) => (&name.value, name.span, &numbers[..]),
            _ => {
                self.sink.report(arguments::not_a_name(
                    place.name,
                    &["he_normal", "constant(0.1)"],
                    expr.span,
                ));
                return None;
            }
        };
        let Some(found) = initialiser(name) else {
            self.sink.report(arguments::unknown_init(place.name, name, span, numbers.len()));
            return None;
        };
        match (found.number, numbers) {
            (None, []) => Some((found.make)(0.0)),
            (Some(number), []) if number.default.is_some() => number.default.map(found.make),
            (Some(number), [expr]) => {
                let name = format!("the {} of `{}`", number.name, found.name);
                let place = Place { name: &name, ..*place };
                let value = self.evaluate(expr)?;
                real(value, expr, number.range, &place, self.sink).map(found.make)
            }
            _ => {
                self.sink.report(arguments::init_number(found, numbers.len(), expr.span));
                None
            }
        }
    }

    /// Reports arguments that contradict each other.
    pub(super) fn compare_bounds(&mut self, word: &Use, row: &Word, number: impl Fn(&str) -> f64) {
        for (low, high) in ORDERED {
            if row.argument(low).is_some() && number(low) > number(high) {
                let span = value_span(word, row, low);
                self.sink.report(arguments::reversed(
                    &word.name.value,
                    (low, number(low)),
                    (high, number(high)),
                    span,
                ));
            }
        }
    }
}

fn what_is_missing(argument: &Argument) -> String {
    match argument.kind {
        Kind::Count(_) => format!("number of {}", argument.name),
        _ => format!("`{}`", argument.name),
    }
}

fn required(argument: &Argument) -> &'static str {
    match argument.kind {
        Kind::Shape => "a shape, as in `16x4x4`,",
        Kind::Order => "a list of axes, as in `[1, 0, 2]`,",
        _ => "a number",
    }
}

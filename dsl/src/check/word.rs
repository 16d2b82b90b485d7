//! Words that are layers of the table.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::bind::value_span;
use super::chain::Chain;
use super::report::{arguments, misfits};
use super::walk::Walker;
use crate::ast::{Expr, Word as Use};
use crate::model::{Layer, Shape, StepKind};
use crate::syntax::parse_formula;
use crate::words::{
    Call, Found, Meaning, Misfit, Numbers, Rank, Setting, WORDS, Windowed, Word, checked_len, find, scalar,
};

impl<'a> Walker<'a> {
    /// A layer, a defined name or a spelling mistake.
    pub(super) fn word(&mut self, word: &'a Use, chain: &mut Chain) {
        if self.defined(word, chain) {
            return;
        }
        match find(&word.name.value) {
            Found::Word(row, window) => self.layer(word, row, window, chain),
            Found::BadWindow(row) => {
                self.bad_window(word, row);
                self.evaluate_all(word);
                self.guess(|walker| match row.window {
                    Windowed::Yes(usual) => walker.layer(word, row, Some(Numbers::one(usual)), chain),
                    Windowed::No => chain.lose(),
                });
            }
            Found::Nothing => self.unknown(word, chain),
        }
    }

    pub(super) fn layer(
        &mut self,
        word: &'a Use,
        row: &'static Word,
        window: Option<Numbers>,
        chain: &mut Chain,
    ) {
        let Some(ReadCall { call, text, is_sound }) = self.call(word, row, window) else {
            return chain.lose();
        };
        // A window's mistaken stride says nothing about the shapes after it.
        if !is_sound && row.window != Windowed::No {
            chain.lose();
        }
        let (output, kind) = match &chain.shape {
            None => (shape_after_unknown(&call), None),
            Some(input) => match self.fit(word, &call, input) {
                Ok((layer, output)) => (Some(output), Some(StepKind::Layer(layer))),
                Err(guess) => (guess, None),
            },
        };
        match (&chain.shape, &output) {
            (Some(_), Some(output)) => self.trail.pass(&text, output),
            (None, Some(output)) => self.trail.start(output.clone()),
            _ => {}
        }
        chain.step(row.name, text, word.name.span, output, kind);
    }

    /// The layer and the shape after it, or the best guess of that after reporting that it does not fit.
    fn fit(&mut self, word: &Use, call: &Call, input: &Shape) -> Result<(Layer, Shape), Option<Shape>> {
        let row = call.word;
        let misfit = match row.input.accepts(input) {
            true => match apply(call, input) {
                Ok(fitted) => return Ok(fitted),
                Err(misfit) => misfit,
            },
            false => {
                let guess = guess(call, input);
                self.report_here(misfits::rank(&word.name, row.input, input, guess.as_ref()));
                return Err(guess);
            }
        };
        let span = |argument: &str| value_span(word, row, argument);
        self.report_here(misfits::misfit(&misfits::Misplaced { word, input, span: &span }, &misfit));
        Err(probable(call, &misfit, input))
    }

    /// The word with the values of its arguments; none if one that it needs has none. Any other
    /// mistaken argument counts as not written.
    fn call(&mut self, word: &'a Use, row: &'static Word, window: Option<Numbers>) -> Option<ReadCall> {
        let settings = self.settings(word, row);
        if row.window != Windowed::No {
            self.check_window(word, row, window, settings.as_deref().unwrap_or_default())?;
        }
        let mut call = Call { word: row, window, settings: settings? };
        let written = word.positional.len() + word.named.len();
        let is_sound = written == call.settings.iter().flatten().count();
        let text = written_as(word, &call);
        self.compare_bounds(word, row, |name| call.real(name));
        self.fill_in(word, &mut call);
        Some(ReadCall { call, text, is_sound })
    }

    /// A window stands in the word's name or among its arguments.
    fn check_window(
        &mut self,
        word: &Use,
        row: &Word,
        window: Option<Numbers>,
        settings: &[Option<Setting>],
    ) -> Option<()> {
        let written = word.named.iter().find(|(name, _)| name.value == "window");
        let value = row.arguments.iter().zip(settings).find(|(argument, _)| argument.name == "window");
        match (window, written) {
            (None, None) if value.is_none_or(|(_, value)| value.is_none()) => {
                self.bad_window(word, row);
                None
            }
            (Some(_), Some((name, _))) => {
                self.sink.report(arguments::twice(word, name, word.name.span));
                Some(())
            }
            _ => Some(()),
        }
    }

    fn bad_window(&mut self, word: &Use, row: &Word) {
        self.sink.report(arguments::bad_window(&word.name, row.name, row.window));
    }

    /// What the `with`s around say, where the word itself says nothing.
    fn fill_in(&mut self, word: &Use, call: &mut Call) {
        let with = self.with;
        let around = [("init", with.init.map(Setting::Init)), ("bias", with.bias.map(Setting::Flag))];
        for (name, setting) in around {
            let index = call.word.arguments.iter().position(|argument| argument.name == name);
            if let Some(own) = index.and_then(|index| call.settings.get_mut(index)) {
                let decided = own.is_some() || setting.is_some();
                *own = own.or(setting);
                if name == "bias" && decided {
                    self.written_bias.insert((self.path.join("."), word.name.span));
                }
            }
        }
    }
}

/// A word as it was read.
struct ReadCall {
    call: Call,
    /// The word as it is written, with the values of its arguments.
    text: String,
    /// Whether every argument that is written has its place and a value.
    is_sound: bool,
}

/// The layer and the shape after it, for a shape of the right rank.
fn apply(call: &Call, input: &Shape) -> Result<(Layer, Shape), Misfit> {
    match call.word.meaning {
        Meaning::Layer(rule) => rule(call, input),
        Meaning::Same(layer) => Ok((layer(call), input.clone())),
        Meaning::Formula(_) => Ok((activation(call), input.clone())),
    }
}

/// The shape that was probably meant after a word that does not read such shapes.
fn guess(call: &Call, input: &Shape) -> Option<Shape> {
    let output = |input: Shape| apply(call, &input).ok().map(|(_, output)| output);
    match call.word.input {
        Rank::Vector => output(Shape::vector(input.len())),
        // A word that only makes a vector changes nothing if there is one already.
        _ => output(Shape::map(input.len(), 1, 1)).filter(|after| after == input),
    }
}

/// The shape that was probably meant after a word that does not fit.
fn probable(call: &Call, misfit: &Misfit, input: &Shape) -> Option<Shape> {
    match misfit {
        Misfit::Elements(shape) => Some(shape.clone()).filter(|shape| checked_len(&shape.0).is_some()),
        // However many groups there are, the shape is the same.
        Misfit::Groups { .. } => {
            let arguments = call.word.arguments.iter().zip(&call.settings);
            let one = arguments.map(|(argument, setting)| match argument.name {
                "groups" => Some(Setting::Count(1)),
                _ => *setting,
            });
            apply(&Call { settings: one.collect(), ..call.clone() }, input).ok().map(|(_, output)| output)
        }
        _ => None,
    }
}

/// A word that reads vectors gives a shape that does not depend on theirs, and `reshape` says its own.
fn shape_after_unknown(call: &Call) -> Option<Shape> {
    let written = call.numbers("shape").map(|shape| Shape(shape.as_slice().to_vec()));
    match call.word.input {
        Rank::Vector => apply(call, &Shape::vector(1)).ok().map(|(_, output)| output),
        Rank::Map | Rank::Plane | Rank::Any => written.filter(|shape| checked_len(&shape.0).is_some()),
    }
}

/// The table's formulas, read once.
static FORMULAS: LazyLock<HashMap<&'static str, Expr>> = LazyLock::new(|| {
    let formulas = WORDS.iter().filter_map(|word| match word.meaning {
        Meaning::Formula(text) => Some((word.name, text)),
        Meaning::Layer(_) | Meaning::Same(_) => None,
    });
    formulas.filter_map(|(name, text)| Some((name, parse_formula(text).ok()?))).collect()
});

fn activation(call: &Call) -> Layer {
    let names = call.word.arguments.iter().map(|argument| argument.name);
    let values: Vec<(&str, f64)> = names.map(|name| (name, call.real(name))).collect();
    // Every formula of the table is read by a test, so this is never the identity.
    let formula = FORMULAS.get(call.word.name).and_then(|formula| scalar(formula, "x", &values).ok());
    formula.map_or(Layer::Identity, Layer::Activation)
}

fn written_as(word: &Use, call: &Call) -> String {
    let mut text = word.name.value.clone();
    if matches!(find(&text), Found::Nothing) {
        text = call.word.name.to_owned();
    }
    let named = |name: &str| word.named.iter().any(|(known, _)| known.value == name);
    for (argument, setting) in call.word.arguments.iter().zip(&call.settings) {
        let Some(setting) = setting else { continue };
        text.push(' ');
        if named(argument.name) || !argument.positional {
            text.push_str(&format!("{}=", argument.name));
        }
        text.push_str(&setting.to_string());
    }
    text
}

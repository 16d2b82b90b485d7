//! Words: layers from the table, and uses of blocks.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::bind::bind;
use super::expr::{Place, flag, real, whole};
use super::report::{arguments, names, shapes};
use super::value::Value;
use super::walk::{Chain, Walker};
use crate::ast::{Block, Expr, Param, Word as Use};
use crate::diagnostic::Label;
use crate::model::{Layer, Shape, StepKind};
use crate::syntax::parse_formula;
use crate::words::{
    Argument, Call, Default, Found, Kind, Meaning, Misfit, Rank, Setting, WORDS, Windowed, Word, find,
    nearest, scalar, suggest,
};

impl<'a> Walker<'a> {
    /// A layer, a block or a spelling mistake.
    pub(super) fn word(&mut self, word: &'a Use, chain: &mut Chain) {
        if let Some(block) = self.symbols.block(&word.name.value) {
            return self.block(word, block, chain);
        }
        match find(&word.name.value) {
            Found::Word(row, window) => self.layer(word, row, window, chain),
            Found::BadWindow(row) => {
                self.sink.report(arguments::bad_window(&word.name, row.name, row.window));
                self.evaluate_all(word);
                self.guess(|walker| match row.window {
                    Windowed::Yes(usual) => walker.layer(word, row, [usual; 2], chain),
                    Windowed::No => chain.shape = None,
                });
            }
            Found::Nothing => self.unknown(word, chain),
        }
    }

    fn unknown(&mut self, word: &'a Use, chain: &mut Chain) {
        let blocks: Vec<&str> = self.symbols.blocks().iter().map(|block| block.name.value.as_str()).collect();
        let block = nearest(&word.name.value, blocks.iter().copied());
        let builtin = suggest(&word.name.value);
        let meant = block.map(str::to_owned).or(builtin);
        // A block that could not be read is not unknown; a slip from a known word is one anyway.
        if meant.is_some() || !self.is_damaged() {
            self.sink.report(names::unknown_word(&word.name, meant.as_deref(), &blocks));
        }
        self.evaluate_all(word);
        self.guess(|walker| match meant.as_deref().map(|meant| (walker.symbols.block(meant), find(meant))) {
            Some((Some(block), _)) => walker.block(word, block, chain),
            Some((None, Found::Word(row, window))) => walker.layer(word, row, window, chain),
            _ => chain.shape = None,
        });
    }

    /// Goes on as if something else had been written; that it may not fit either is no news.
    fn guess(&mut self, act: impl FnOnce(&mut Self)) {
        self.sink.mute();
        act(self);
        self.sink.unmute();
    }

    /// Finds the mistakes in arguments whose places are unknown.
    fn evaluate_all(&mut self, word: &Use) {
        for expr in word.positional.iter().chain(word.named.iter().map(|(_, expr)| expr)) {
            self.evaluate(expr);
        }
    }

    fn layer(&mut self, word: &'a Use, row: &'static Word, window: [usize; 2], chain: &mut Chain) {
        let Some(ReadCall { call, is_sound }) = self.call(word, row, window) else {
            chain.shape = None;
            return;
        };
        // A window's mistaken stride says nothing about the shapes after it.
        if !is_sound && row.window != Windowed::No {
            chain.shape = None;
        }
        let text = written(word, &call);
        let span = word.name.span;
        let (output, kind) = match &chain.shape {
            None => (self.shape_after_unknown(&call), None),
            Some(input) => match self.fit(word, &call, input) {
                Ok(output) => (Some(output), Some(StepKind::Layer(layer(&call)))),
                Err(guess) => (guess, None),
            },
        };
        match (&chain.shape, &output) {
            (Some(_), Some(output)) => self.trail.pass(&text, output),
            (None, Some(output)) => self.trail.start(output.clone()),
            _ => {}
        }
        chain.step(row.name, text, span, output, kind);
    }

    /// The shape after the word, or the best guess after reporting that it does not fit.
    fn fit(&mut self, word: &Use, call: &Call, input: &Shape) -> Result<Shape, Option<Shape>> {
        let row = call.word;
        if !row.input.accepts(input) {
            let guess = match row.input {
                Rank::Vector => shape(call, &Shape::vector(input.len())).ok(),
                // A word that only makes a vector changes nothing if there is one already.
                _ => shape(call, &Shape::map(input.len(), 1, 1)).ok().filter(|after| after == input),
            };
            self.report_here(shapes::rank(&word.name, row.input, input, guess.as_ref()));
            return Err(guess);
        }
        shape(call, input).map_err(|misfit| {
            let report = match misfit {
                Misfit::Window { pad } => shapes::window(&word.name, call, pad, input),
                Misfit::Pad { limit, reason } => {
                    let pad = word.named.iter().find(|(name, _)| name.value == "pad");
                    let span = pad.map_or(word.name.span, |(_, value)| value.span);
                    arguments::pad_too_large(&word.name.value, span, limit, reason)
                }
                Misfit::Output => shapes::too_large(&word.name, "result", input),
                Misfit::Weight => shapes::too_large(&word.name, "weight", input),
            };
            self.report_here(report);
            None
        })
    }

    /// A word that reads vectors gives a shape that does not depend on theirs.
    fn shape_after_unknown(&self, call: &Call) -> Option<Shape> {
        match call.word.input {
            Rank::Vector => shape(call, &Shape::vector(1)).ok(),
            Rank::Map | Rank::Any => None,
        }
    }

    /// The word with the values of its arguments; none if one that it needs has none. Any other
    /// mistaken argument counts as not written.
    fn call(&mut self, word: &'a Use, row: &'static Word, window: [usize; 2]) -> Option<ReadCall> {
        let names = |positional| {
            row.arguments.iter().filter(move |argument| argument.positional == positional).map(|a| a.name)
        };
        let signature = arguments::Signature {
            positional: names(true).collect(),
            named: names(false).collect(),
            definition: None,
        };
        let bound = bind(word, &signature, self.sink);
        if word.named.iter().any(|(name, _)| name.value == "bias") {
            self.written_bias.insert(word.name.span);
        }
        let mut settings = Vec::new();
        let mut complete = true;
        for (argument, expr) in row.arguments.iter().zip(bound) {
            let setting = expr.and_then(|expr| self.setting(word, argument, expr));
            if argument.default == Default::Required && setting.is_none() {
                complete = false;
                if expr.is_none() {
                    let what = format!("number of {}", argument.name);
                    self.sink.report(arguments::missing(word, &what, &signature));
                }
            }
            settings.push(setting);
        }
        let written = word.positional.len() + word.named.len();
        let is_sound = written == settings.iter().flatten().count();
        complete.then_some(ReadCall { call: Call { word: row, window, settings }, is_sound })
    }

    fn setting(&mut self, word: &Use, argument: &Argument, expr: &Expr) -> Option<Setting> {
        let value = self.evaluate(expr)?;
        let name = match argument.kind {
            Kind::Count(_) if argument.positional => {
                format!("the number of {} of `{}`", argument.name, word.name.value)
            }
            _ => format!("the `{}` of `{}`", argument.name, word.name.value),
        };
        let advice = match argument.default {
            Default::Required => format!("write a number after `{}`", word.name.value),
            default => format!("leave `{}` out for {default}", argument.name),
        };
        let place = Place { name: &name, advice: &advice, text: self.text };
        match argument.kind {
            Kind::Count(range) => {
                let number = whole(value, expr, range, &place, self.sink)?;
                usize::try_from(number).ok().map(Setting::Count)
            }
            Kind::Real(range) => real(value, expr, range, &place, self.sink).map(Setting::Real),
            Kind::Flag => flag(value, expr, &place, self.sink).map(Setting::Flag),
        }
    }

    fn block(&mut self, word: &'a Use, block: &'a Block, chain: &mut Chain) {
        let params: Vec<&str> = block.params.iter().map(|param| param.name.value.as_str()).collect();
        let definition = Some(block.name.span);
        let signature = arguments::Signature { positional: params, named: vec![], definition };
        let values: Vec<_> = bind(word, &signature, self.sink)
            .into_iter()
            .map(|expr| expr.map(|expr| (expr, self.evaluate(expr))))
            .collect();
        if self.symbols.is_circular(block) {
            chain.shape = None;
            return;
        }
        let given: Vec<String> =
            values.iter().flatten().filter_map(|(_, value)| value.map(|value| format!(" {value}"))).collect();
        let text = format!("{}{}", block.name.value, given.concat());
        let mark = self.scope.mark();
        self.scope.isolate();
        for (param, value) in block.params.iter().zip(values) {
            let value = value.map(|(_, value)| value).or_else(|| self.default(word, param, &signature));
            self.scope.declare(&param.name, value.flatten());
        }
        let message = format!("in this use of `{}`", block.name.value);
        self.context.push(Label { span: word.name.span, message });
        let input = chain.shape.clone();
        let walked = self.body(&block.body, input.clone());
        self.context.pop();
        self.scope.restore(mark);
        let output = walked.output.clone();
        let kind = walked.sequence(&input).map(StepKind::Scope);
        chain.step(&block.name.value, text, word.name.span, output, kind);
    }

    fn default(
        &mut self,
        word: &Use,
        param: &'a Param,
        signature: &arguments::Signature,
    ) -> Option<Option<Value>> {
        match &param.default {
            Some(default) => Some(self.evaluate(default)),
            None => {
                self.sink.report(arguments::missing(word, &format!("`{}`", param.name.value), signature));
                None
            }
        }
    }

    /// Walks a block that no network uses, for the mistakes that do not depend on a use.
    pub(super) fn unused(&mut self, block: &'a Block) {
        if self.symbols.is_circular(block) {
            return;
        }
        let mark = self.scope.mark();
        self.scope.isolate();
        for param in &block.params {
            self.scope.declare(&param.name, None);
        }
        self.body(&block.body, None);
        self.scope.restore(mark);
    }
}

/// A word as it was read.
struct ReadCall {
    call: Call,
    /// Whether every argument that is written has its place and a value.
    is_sound: bool,
}

fn shape(call: &Call, input: &Shape) -> Result<Shape, Misfit> {
    match call.word.meaning {
        Meaning::Layer { shape, .. } => shape(call, input),
        Meaning::Formula(_) => Ok(input.clone()),
    }
}

/// The table's formulas, read once.
static FORMULAS: LazyLock<HashMap<&'static str, Expr>> = LazyLock::new(|| {
    let formulas = WORDS.iter().filter_map(|word| match word.meaning {
        Meaning::Formula(text) => Some((word.name, text)),
        Meaning::Layer { .. } => None,
    });
    formulas.filter_map(|(name, text)| Some((name, parse_formula(text).ok()?))).collect()
});

fn layer(call: &Call) -> Layer {
    let Meaning::Layer { layer, .. } = call.word.meaning else {
        let names = call.word.arguments.iter().map(|argument| argument.name);
        let values: Vec<(&str, f64)> = names.map(|name| (name, call.real(name))).collect();
        // Every formula of the table is read by a test, so this is never the identity.
        let formula = FORMULAS.get(call.word.name).and_then(|formula| scalar(formula, &values).ok());
        return formula.map_or(Layer::Identity, Layer::Activation);
    };
    layer(call)
}

/// The word as it is written, with the values of its arguments.
fn written(word: &Use, call: &Call) -> String {
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
        text.push_str(&match setting {
            Setting::Count(value) => value.to_string(),
            Setting::Real(value) => value.to_string(),
            Setting::Flag(value) => value.to_string(),
        });
    }
    text
}

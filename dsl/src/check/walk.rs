//! The walk through a network: statements in order, each taking a shape to the next.
//!
//! `repeat`, `for` and blocks are unrolled on the way. A mistake does not end the walk: it
//! goes on with the shape that was probably meant, or with an unknown one, under which words
//! are still checked for all that does not depend on it.

use std::collections::HashMap;

use super::bias::Written;
use super::chain::Chain;
use super::expr::{Place, evaluate, whole};
use super::report::limits::{self, MAX_DEPTH, MAX_IN_ALL, MAX_STEPS};
use super::report::shapes;
use super::scope::{Mark, Present, Scope, Stack};
use super::settings::With;
use super::shared::{FirstUse, Shared};
use super::sink::Sink;
use super::symbols::Symbols;
use super::taps::Taps;
use super::trail::Trail;
use super::value::Value;
use crate::ast::{Body, Expr, Ident, LoopValues, Spanned, Statement};
use crate::diagnostic::{Diagnostic, Label, Span};
use crate::model::{Sequence, Shape, Step, StepKind, Tap};
use crate::words::Range;

/// The state of the walk.
pub(super) struct Walker<'a> {
    /// The whole text.
    pub(super) text: &'a str,
    /// Its definitions.
    pub(super) symbols: &'a Symbols<'a>,
    /// Where mistakes go.
    pub(super) sink: &'a mut Sink,
    /// The names in force.
    pub(super) scope: Scope<'a>,
    /// The named values.
    pub(super) taps: Taps<'a>,
    /// The shared sub-networks in force.
    pub(super) shared: Stack<Shared<'a>>,
    /// The first use of each shared sub-network.
    pub(super) first_uses: Vec<FirstUse>,
    /// What the `with`s around the present word say.
    pub(super) with: With,
    /// Names of the steps around the present word, outermost first.
    pub(super) path: Vec<String>,
    /// How the present shape came about.
    pub(super) trail: Trail,
    /// Words whose bias the text decides.
    pub(super) written_bias: Written,
    /// The uses of blocks and turns of loops around the present word, outermost first.
    pub(super) context: Vec<Label>,
    /// What the next body begins with.
    pub(super) entry: Entry<'a>,
    /// What was probably meant at each place with an unknown word, which a loop comes to again and again.
    pub(super) meant: HashMap<Span, Option<String>>,
    /// Places that the parser could not read.
    damage: &'a [Span],
    steps: usize,
    /// The steps of the networks before.
    earlier_steps: usize,
    /// Whether it has been reported that the present network passes a limit.
    is_spent: bool,
    depth: usize,
}

/// The value that a body begins with.
#[derive(Clone, Copy, Default)]
pub(super) enum Entry<'a> {
    /// One without a name.
    #[default]
    Plain,
    /// One with a tap already.
    Tap(Tap),
    /// One that has this name in the body.
    Name(&'a Ident),
}

/// What a body has come to.
pub(super) struct Walked {
    /// The last shape; none if it is unknown.
    pub(super) output: Option<Shape>,
    steps: Vec<Step>,
}

impl Walked {
    /// The sequence, if all its shapes are known.
    pub(super) fn sequence(self, input: &Option<Shape>) -> Option<Sequence> {
        Some(Sequence { input: input.clone()?, output: self.output?, steps: self.steps })
    }
}

/// Where everything ends that goes with the braces around it.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    names: Mark,
    taps: Mark,
    shared: Mark,
}

impl<'a> Walker<'a> {
    /// At the start of a network.
    pub(super) fn new(
        text: &'a str,
        symbols: &'a Symbols<'a>,
        damage: &'a [Span],
        sink: &'a mut Sink,
    ) -> Self {
        Walker {
            text,
            symbols,
            sink,
            scope: Scope::new(!damage.is_empty()),
            taps: Taps::default(),
            shared: Stack::default(),
            first_uses: Vec::new(),
            with: With::NOTHING,
            path: Vec::new(),
            trail: Trail::default(),
            written_bias: Written::new(),
            context: Vec::new(),
            entry: Entry::Plain,
            damage,
            meant: HashMap::new(),
            steps: 0,
            earlier_steps: 0,
            is_spent: false,
            depth: 0,
        }
    }

    /// Whether the parser could not read some of the text.
    pub(super) fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
    }

    /// Begins another network, with the whole budget of steps that it may have.
    pub(super) fn restart(&mut self) {
        self.earlier_steps += self.steps;
        (self.steps, self.is_spent) = (0, false);
        self.taps.restart();
        self.written_bias.clear();
        self.first_uses.clear();
        self.scope.present = Present::Nowhere;
    }

    /// Where everything in force ends now.
    pub(super) fn mark(&self) -> Marks {
        Marks { names: self.scope.mark(), taps: self.taps.named.mark(), shared: self.shared.mark() }
    }

    /// Forgets everything since the marks.
    pub(super) fn restore(&mut self, marks: Marks) {
        self.scope.restore(marks.names);
        self.taps.named.restore(marks.taps);
        self.shared.restore(marks.shared);
    }

    /// Hides everything until marks are restored.
    pub(super) fn isolate(&mut self) {
        self.scope.isolate();
        self.taps.named.isolate();
        self.shared.isolate();
    }

    /// The value of an expression; none after a mistake, which has been reported.
    pub(super) fn evaluate(&mut self, expr: &Expr) -> Option<Value> {
        evaluate(expr, &mut self.scope, self.sink)
    }

    /// Reports a mistake that depends on the way here: blocks and loops around, shapes before.
    pub(super) fn report_here(&mut self, mut diagnostic: Diagnostic) {
        let innermost = self.context.iter().rev().take(2);
        diagnostic.labels.extend(innermost.cloned());
        if let Some(way) = self.trail.describe() {
            diagnostic.notes.push(format!("the shapes on the way: {way}"));
        }
        self.sink.report(diagnostic);
    }

    /// Walks the statements of a body from `input` on.
    pub(super) fn body(&mut self, body: &'a Body, input: Option<Shape>) -> Walked {
        let marks = self.mark();
        let walked = self.statements(body, input);
        self.restore(marks);
        walked
    }

    /// Walks the body of the step that has this name.
    pub(super) fn nested(&mut self, name: &str, body: &'a Body, input: Option<Shape>) -> Walked {
        self.path.push(name.to_owned());
        let walked = self.body(body, input);
        self.path.pop();
        walked
    }

    /// The same, but values named in the body keep their names after it.
    pub(super) fn open(&mut self, name: &str, body: &'a Body, input: Option<Shape>) -> Walked {
        let marks = self.mark();
        self.path.push(name.to_owned());
        let walked = self.statements(body, input);
        self.path.pop();
        self.scope.restore(marks.names);
        self.shared.restore(marks.shared);
        walked
    }

    fn statements(&mut self, body: &'a Body, input: Option<Shape>) -> Walked {
        let entry = std::mem::take(&mut self.entry);
        let mut chain = Chain::new(input, self.with.learning_rate());
        match entry {
            Entry::Plain => {}
            Entry::Tap(tap) => chain.tap = Some(tap),
            Entry::Name(name) => self.name_value(name.span, name, &mut chain),
        }
        if self.depth >= MAX_DEPTH {
            self.sink.report(limits::too_deep(body.span));
            return Walked { output: None, steps: Vec::new() };
        }
        self.depth += 1;
        let mut place = body.span.start;
        for statement in &body.statements {
            if !self.spend(statement) {
                chain.lose();
                break;
            }
            let start = span(statement).start;
            self.forget_if_damaged(place, start, &mut chain);
            place = start;
            self.scope.present = chain.shape.clone().map_or(Present::Unknown, Present::Known);
            self.statement(statement, &mut chain);
        }
        self.forget_if_damaged(place, body.span.end, &mut chain);
        self.depth -= 1;
        Walked { output: chain.shape, steps: chain.steps }
    }

    /// Walks a branch of the step that has this name: what happens in it does not lead to the words after it.
    pub(super) fn branch(&mut self, names: [&str; 2], body: &'a Body, input: Option<Shape>) -> Walked {
        let stops = self.trail.len();
        self.path.push(names[0].to_owned());
        let walked = self.nested(names[1], body, input);
        self.path.pop();
        self.trail.truncate(stops);
        walked
    }

    /// Counts a statement; says whether the budget and the number of mistakes so far allow it.
    fn spend(&mut self, statement: &Statement) -> bool {
        self.steps += 1;
        if self.is_over() && !self.is_spent {
            self.is_spent = true;
            self.sink.report(match self.steps > MAX_STEPS {
                true => limits::too_many_steps(span(statement)),
                false => limits::too_many_in_all(span(statement)),
            });
        }
        !self.is_over() && !self.sink.is_full()
    }

    fn is_over(&self) -> bool {
        self.steps > MAX_STEPS || self.earlier_steps + self.steps > MAX_IN_ALL
    }

    /// A statement that the parser could not read may have changed the shape.
    fn forget_if_damaged(&self, start: usize, end: usize, chain: &mut Chain) {
        if self.damage.iter().any(|damage| damage.start < end && start < damage.end.max(damage.start + 1)) {
            chain.lose();
        }
    }

    fn statement(&mut self, statement: &'a Statement, chain: &mut Chain) {
        match statement {
            Statement::Word(word) => self.word(word, chain),
            Statement::Assert(shape) => self.assertion(shape, chain),
            Statement::Let { name, value } => {
                let value = self.evaluate(value);
                self.scope.declare(name, value);
            }
            Statement::Repeat { keyword, count, body } => self.repeat(*keyword, count, body, chain),
            Statement::For { keyword, name, values, body } => {
                self.each(*keyword, name, values, body, chain);
            }
            Statement::Residual { keyword, body, shortcut } => {
                self.residual(*keyword, body, shortcut.as_ref(), chain);
            }
            Statement::Join { keyword, branches, span } => self.join(keyword, branches, *span, chain),
            Statement::JoinNamed { keyword, names } => self.join_named(keyword, names, chain),
            Statement::As { keyword, name } => self.name_value(*keyword, name, chain),
            Statement::From { keyword, name } => self.go_on_from(*keyword, name, chain),
            Statement::If { keyword, arms, otherwise } => {
                self.conditional(*keyword, arms, otherwise.as_ref(), chain);
            }
            Statement::Shared { name, body, .. } => self.declare_shared(name, body, chain),
            Statement::With { keyword, settings, body } => self.with(*keyword, settings, body, chain),
            // Which findings are silent is settled when all are known.
            Statement::Allow(_) => {}
        }
    }

    fn assertion(&mut self, asserted: &Spanned<Vec<u64>>, chain: &mut Chain) {
        if let Some(diagnostic) = shapes::bad_shape(asserted) {
            self.sink.report(diagnostic);
            return;
        }
        let expected = shape_of(asserted);
        match chain.shape.replace(expected.clone()) {
            Some(found) if found == expected => return,
            Some(found) => {
                self.report_here(shapes::assertion(asserted.span, &expected, &found, chain.last));
            }
            None => {}
        }
        // The author knows the shape better than a walk past a mistake does.
        self.trail.start(expected);
    }

    fn repeat(&mut self, keyword: Span, count: &Expr, body: &'a Body, chain: &mut Chain) {
        let place = Place {
            name: "the count of `repeat`",
            advice: "write how often, 0 or more times",
            text: self.text,
        };
        let turns = self.evaluate(count);
        let turns = turns.and_then(|value| whole(value, count, Range::at_least(0.0), &place, self.sink));
        match turns {
            None => {
                self.body(body, chain.shape.clone());
                chain.lose();
            }
            Some(turns) if turns > MAX_STEPS as i64 => {
                self.sink.report(limits::too_many_steps(count.span));
                chain.lose();
            }
            Some(0) => self.untaken(body),
            Some(turns) => {
                for turn in 1..=turns {
                    let text = format!("repeat {turn}/{turns}");
                    let label = format!("in turn {turn} of this");
                    self.turn("repeat", text, keyword, Label { span: keyword, message: label }, body, chain);
                }
            }
        }
    }

    fn each(
        &mut self,
        keyword: Span,
        name: &'a Ident,
        values: &'a LoopValues,
        body: &'a Body,
        chain: &mut Chain,
    ) {
        // All before the first turn, after which the shape is another one.
        let turns = match values {
            LoopValues::List(values) => values.iter().map(|expr| (expr.span, self.evaluate(expr))).collect(),
            LoopValues::Range(bounds) => self.range(bounds),
        };
        let is_unknown = matches!((values, &turns[..]), (LoopValues::Range(_), [(_, None)]));
        if turns.is_empty() {
            let mark = self.scope.mark();
            self.scope.declare(name, None);
            self.untaken(body);
            self.scope.restore(mark);
        }
        for (span, value) in turns {
            let shown = value.map_or("?".to_owned(), |value| value.to_string());
            let text = format!("for {}={shown}", name.value);
            let message = format!("with `{}` = {shown}", name.value);
            let mark = self.scope.mark();
            self.scope.declare(name, value);
            self.turn("for", text, keyword, Label { span, message }, body, chain);
            self.scope.restore(mark);
        }
        if is_unknown {
            chain.lose();
        }
    }

    /// The turns of `a..b`; a single one with an unknown value if they cannot be told.
    fn range(&mut self, bounds: &[Expr; 2]) -> Vec<(Span, Option<Value>)> {
        let span = bounds[0].span.to(bounds[1].span);
        let [start, end] = [(&bounds[0], "start"), (&bounds[1], "end")].map(|(bound, which)| {
            let name = &format!("the {which} of the range");
            let place = Place { name, advice: "", text: self.text };
            self.evaluate(bound).and_then(|value| whole(value, bound, Range::ANY, &place, self.sink))
        });
        match start.zip(end) {
            None => vec![(span, None)],
            Some((start, end)) if end.saturating_sub(start) > MAX_STEPS as i64 => {
                self.sink.report(limits::too_many_steps(span));
                vec![(span, None)]
            }
            Some((start, end)) => (start..end).map(|value| (span, Some(Value::Int(value)))).collect(),
        }
    }

    /// Walks a body that is never taken, for the mistakes that depend on neither shapes nor values.
    pub(super) fn untaken(&mut self, body: &'a Body) {
        let stops = self.trail.len();
        self.scope.blind += 1;
        self.body(body, None);
        self.scope.blind -= 1;
        self.trail.truncate(stops);
    }

    fn turn(
        &mut self,
        stem: &str,
        text: String,
        keyword: Span,
        label: Label,
        body: &'a Body,
        chain: &mut Chain,
    ) {
        // Beyond the budget the remaining turns would only count themselves.
        if self.is_over() || self.sink.is_full() {
            chain.lose();
            return;
        }
        self.steps += 1;
        self.context.push(label);
        let (name, input) = (chain.name(stem), chain.shape.clone());
        let walked = self.nested(&name, body, input.clone());
        self.context.pop();
        let output = walked.output.clone();
        let kind = walked.sequence(&input).map(StepKind::Scope);
        chain.push(name, text, keyword, output, kind);
    }
}

/// A written shape, which has been found to be one.
pub(super) fn shape_of(written: &Spanned<Vec<u64>>) -> Shape {
    Shape(written.value.iter().map(|dimension| usize::try_from(*dimension).unwrap_or(usize::MAX)).collect())
}

/// The word that a statement begins with.
pub(super) fn span(statement: &Statement) -> Span {
    match statement {
        Statement::Word(word) => word.name.span,
        Statement::Assert(shape) => shape.span,
        Statement::Let { name, .. } => name.span,
        Statement::Repeat { keyword, .. }
        | Statement::For { keyword, .. }
        | Statement::If { keyword, .. }
        | Statement::As { keyword, .. }
        | Statement::From { keyword, .. }
        | Statement::Shared { keyword, .. }
        | Statement::With { keyword, .. }
        | Statement::Residual { keyword, .. } => *keyword,
        Statement::Allow(allow) => allow.keyword,
        Statement::Join { keyword, .. } | Statement::JoinNamed { keyword, .. } => keyword.span,
    }
}

/// The last statement of a body that does something.
pub(super) fn last_statement(body: &Body) -> Option<&Statement> {
    let idle = |statement: &&Statement| {
        let is_idle = matches!(
            statement,
            Statement::Let { .. }
                | Statement::Assert(_)
                | Statement::As { .. }
                | Statement::Shared { .. }
                | Statement::Allow(_)
        );
        !is_idle
    };
    body.statements.iter().rev().find(idle)
}

/// The first word of [`last_statement`].
pub(super) fn last_word(body: &Body) -> Option<Span> {
    last_statement(body).map(span)
}

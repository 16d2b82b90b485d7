//! The walk through a network: statements in order, each taking a shape to the next.
//!
//! `repeat`, `for` and blocks are unrolled on the way. A mistake does not end the walk: it
//! goes on with the shape that was probably meant, or with an unknown one, under which words
//! are still checked for all that does not depend on it.

use std::collections::{HashMap, HashSet};

use super::expr::{Place, evaluate, whole};
use super::report::limits::{self, MAX_DEPTH, MAX_STEPS};
use super::report::shapes;
use super::scope::Scope;
use super::sink::Sink;
use super::symbols::Symbols;
use super::trail::Trail;
use super::value::Value;
use crate::ast::{Body, Expr, Ident, Spanned, Statement};
use crate::diagnostic::{Diagnostic, Label, Span};
use crate::model::{Sequence, Shape, Step, StepKind};
use crate::words::Range;

/// The state of the walk.
pub(super) struct Walker<'a> {
    /// The whole text.
    pub(super) text: &'a str,
    /// Its blocks.
    pub(super) symbols: &'a Symbols<'a>,
    /// Where mistakes go.
    pub(super) sink: &'a mut Sink,
    /// The names in force.
    pub(super) scope: Scope<'a>,
    /// How the present shape came about.
    pub(super) trail: Trail,
    /// Words whose bias the text decides.
    pub(super) written_bias: HashSet<Span>,
    /// The uses of blocks and turns of loops around the present word, outermost first.
    pub(super) context: Vec<Label>,
    /// Places that the parser could not read.
    damage: &'a [Span],
    steps: usize,
    depth: usize,
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

/// A sequence that grows statement by statement.
pub(super) struct Chain {
    /// The shape so far; none if it is unknown.
    pub(super) shape: Option<Shape>,
    /// The last word.
    pub(super) last: Option<Span>,
    steps: Vec<Step>,
    names: HashMap<String, usize>,
}

impl Chain {
    /// Takes a step from the present shape to `output`. It is kept if everything about it is known.
    pub(super) fn step(
        &mut self,
        stem: &str,
        text: String,
        span: Span,
        output: Option<Shape>,
        kind: Option<StepKind>,
    ) {
        let number = self.names.entry(stem.to_owned()).or_default();
        *number += 1;
        let name = format!("{stem}{number}");
        let input = std::mem::replace(&mut self.shape, output.clone());
        self.last = Some(span);
        if let (Some(input), Some(output), Some(kind)) = (input, output, kind) {
            self.steps.push(Step { name, text, span, input, output, kind });
        }
    }
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
            trail: Trail::default(),
            written_bias: HashSet::new(),
            context: Vec::new(),
            damage,
            steps: 0,
            depth: 0,
        }
    }

    /// Whether the parser could not read some of the text.
    pub(super) fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
    }

    /// Begins another network, with the whole budget of steps.
    pub(super) fn restart(&mut self) {
        self.steps = 0;
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
        let mut chain = Chain { shape: input, last: None, steps: Vec::new(), names: HashMap::new() };
        if self.depth >= MAX_DEPTH {
            self.sink.report(limits::too_deep(body.span));
            return Walked { output: None, steps: Vec::new() };
        }
        self.depth += 1;
        let mark = self.scope.mark();
        let mut place = body.span.start;
        for statement in &body.statements {
            if !self.spend(statement) {
                chain.shape = None;
                break;
            }
            let start = span(statement).start;
            self.forget_if_damaged(place, start, &mut chain);
            place = start;
            self.statement(statement, &mut chain);
        }
        self.forget_if_damaged(place, body.span.end, &mut chain);
        self.scope.restore(mark);
        self.depth -= 1;
        Walked { output: chain.shape, steps: chain.steps }
    }

    /// Walks a branch: what happens in it does not lead to the words after it.
    pub(super) fn branch(&mut self, body: &'a Body, input: Option<Shape>) -> Walked {
        let stops = self.trail.len();
        let walked = self.body(body, input);
        self.trail.truncate(stops);
        walked
    }

    /// Counts a statement; says whether the budget allows it.
    fn spend(&mut self, statement: &Statement) -> bool {
        self.steps += 1;
        if self.steps == MAX_STEPS + 1 {
            self.sink.report(limits::too_many_steps(span(statement)));
        }
        self.steps <= MAX_STEPS
    }

    /// A statement that the parser could not read may have changed the shape.
    fn forget_if_damaged(&self, start: usize, end: usize, chain: &mut Chain) {
        if self.damage.iter().any(|damage| damage.start < end && start < damage.end.max(damage.start + 1)) {
            chain.shape = None;
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
                chain.shape = None;
            }
            Some(turns) if turns > MAX_STEPS as i64 => {
                self.sink.report(limits::too_many_steps(count.span));
                chain.shape = None;
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
        values: &'a [Expr],
        body: &'a Body,
        chain: &mut Chain,
    ) {
        if values.is_empty() {
            let mark = self.scope.mark();
            self.scope.declare(name, None);
            self.untaken(body);
            self.scope.restore(mark);
        }
        for expr in values {
            let value = self.evaluate(expr);
            let shown = value.map_or("?".to_owned(), |value| value.to_string());
            let text = format!("for {}={shown}", name.value);
            let message = format!("with `{}` = {shown}", name.value);
            let mark = self.scope.mark();
            self.scope.declare(name, value);
            self.turn("for", text, keyword, Label { span: expr.span, message }, body, chain);
            self.scope.restore(mark);
        }
    }

    /// Walks a body that is never taken, for the mistakes that do not depend on a shape.
    fn untaken(&mut self, body: &'a Body) {
        self.branch(body, None);
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
        if self.steps > MAX_STEPS {
            chain.shape = None;
            return;
        }
        self.steps += 1;
        self.context.push(label);
        let input = chain.shape.clone();
        let walked = self.body(body, input.clone());
        self.context.pop();
        let output = walked.output.clone();
        let kind = walked.sequence(&input).map(StepKind::Scope);
        chain.step(stem, text, keyword, output, kind);
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
        | Statement::Residual { keyword, .. } => *keyword,
        Statement::Join { keyword, .. } => keyword.span,
    }
}

/// The last statement of a body that does something.
pub(super) fn last_statement(body: &Body) -> Option<&Statement> {
    let idle = |statement: &&Statement| !matches!(statement, Statement::Let { .. } | Statement::Assert(_));
    body.statements.iter().rev().find(idle)
}

/// The first word of [`last_statement`].
pub(super) fn last_word(body: &Body) -> Option<Span> {
    last_statement(body).map(span)
}

//! Residuals and joins: several values that become one.

use super::chain::Chain;
use super::report::joins::{self, Branch, Operand};
use super::taps::reading;
use super::walk::{Walked, Walker, last_word};
use crate::ast::{Body, Ident, JoinWord, Spanned, Statement};
use crate::diagnostic::Span;
use crate::model::{Join, Sequence, Shape, StepKind};
use crate::words::{Found, Windowed, checked_len, find};

impl<'a> Walker<'a> {
    /// `residual { body } shortcut { shortcut }`
    pub(super) fn residual(
        &mut self,
        keyword: Span,
        body: &'a Body,
        shortcut: Option<&'a Body>,
        chain: &mut Chain,
    ) {
        let (name, input) = (chain.name("residual"), chain.shape.clone());
        let main = self.branch([&name, "body"], body, input.clone());
        let other = shortcut.map(|shortcut| self.branch([&name, "shortcut"], shortcut, input.clone()));
        let ends = (main.output.clone(), other.as_ref().map_or(input.clone(), |other| other.output.clone()));
        let fits = match &ends {
            (Some(a), Some(b)) if a != b => {
                self.report_residual(keyword, &input, (body, a), shortcut.map(|body| (body, b)));
                false
            }
            _ => true,
        };
        let output = ends.0.or(ends.1);
        let branches = [("body", Some(main)), ("shortcut", other)];
        let kind = fits.then(|| add(branches, &input)).flatten();
        if let Some(output) = &output {
            self.trail.pass("residual", output);
        }
        chain.push(name, "residual".to_owned(), keyword, output, kind);
    }

    fn report_residual(
        &mut self,
        keyword: Span,
        input: &Option<Shape>,
        body: (&Body, &Shape),
        shortcut: Option<(&Body, &Shape)>,
    ) {
        let Some(input) = input else { return };
        let mend = self.projection(input, body.1, body.0);
        let branch = |(body, shape)| Branch { body, shape };
        let report = joins::residual(keyword, input, branch(body), shortcut.map(branch), mend.as_deref());
        self.report_here(report);
    }

    /// The usual shortcut from one map to another: `conv1 64 stride=2 bn`. The channels are
    /// written as in the body, which may stand in a loop.
    fn projection(&self, from: &Shape, to: &Shape, body: &Body) -> Option<String> {
        match (&from.0[..], &to.0[..]) {
            ([_], [features]) => Some(format!("linear {features}")),
            ([_, ..], [channels, ..]) if from.0.len() == to.0.len() => {
                let stride = stride_between(from.spatial(), to.spatial())?;
                let channels = self.last_channels(body).unwrap_or_else(|| channels.to_string());
                let stride = if stride == 1 { String::new() } else { format!(" stride={stride}") };
                Some(format!("conv1 {channels}{stride} bn"))
            }
            _ => None,
        }
    }

    fn last_channels(&self, body: &Body) -> Option<String> {
        let channels = body.statements.iter().rev().find_map(|statement| match statement {
            Statement::Word(word) => match find(&word.name.value) {
                Found::Word(row, _) if row.window != Windowed::No => word.positional.first(),
                _ => None,
            },
            _ => None,
        })?;
        self.text.get(channels.span.range()).map(str::to_owned)
    }

    /// `add { a | b }`, `concat { a | b }` and `mul { a | b }`
    pub(super) fn join(
        &mut self,
        keyword: &Spanned<JoinWord>,
        branches: &'a [Body],
        braces: Span,
        chain: &mut Chain,
    ) {
        let word = keyword.value.name();
        let (name, input) = (chain.name(word), chain.shape.clone());
        let labels: Vec<String> = (1..=branches.len()).map(|number| format!("branch{number}")).collect();
        let walk = |(body, label): (&'a Body, &String)| self.branch([&name, label], body, input.clone());
        let walked: Vec<Walked> = branches.iter().zip(&labels).map(walk).collect();
        if branches.len() < 2 {
            self.sink.report(joins::too_few(keyword, braces));
            let only = walked.into_iter().next().and_then(|only| only.output);
            chain.push(name, word.to_owned(), keyword.span, only, None);
            return;
        }
        let operand = |(index, (body, walked)): (usize, (&Body, &Walked))| Operand {
            span: last_word(body).unwrap_or(body.span),
            what: format!("branch {} ends in", index + 1),
            shape: walked.output.clone(),
        };
        let operands: Vec<_> = branches.iter().zip(&walked).enumerate().map(operand).collect();
        let output = self.joined(keyword, &operands);
        let sequences: Option<Vec<_>> = walked.into_iter().map(|branch| branch.sequence(&input)).collect();
        let branches = sequences.map(|sequences| labels.into_iter().zip(sequences).collect());
        let kind = branches.map(|branches| StepKind::Join { join: join(keyword.value), branches });
        chain.push(name, word.to_owned(), keyword.span, output, kind);
    }

    /// `add a, b`, `concat a, b` and `mul a, b`: the present value and the named ones.
    pub(super) fn join_named(&mut self, keyword: &Spanned<JoinWord>, names: &'a [Ident], chain: &mut Chain) {
        let word = keyword.value.name();
        let input = chain.shape.clone();
        let empty =
            input.clone().map(|shape| Sequence { input: shape.clone(), output: shape, steps: Vec::new() });
        let present = Operand {
            span: chain.last.unwrap_or(keyword.span),
            what: "the present value is".to_owned(),
            shape: input.clone(),
        };
        let (mut operands, mut branches) = (vec![present], vec![empty]);
        for name in names {
            let named = self.read(name);
            operands.push(Operand {
                span: named.as_ref().map_or(name.span, |named| named.name.span),
                what: format!("`{}` is", name.value),
                shape: named.as_ref().and_then(|named| named.shape.clone()),
            });
            branches.push(named.and_then(|named| reading(&named, name, &input)));
        }
        let output = self.joined(keyword, &operands);
        let sequences: Option<Vec<Sequence>> = branches.into_iter().collect();
        let kind = sequences.map(|sequences| StepKind::Join {
            join: join(keyword.value),
            branches: sequences.into_iter().enumerate().map(numbered).collect(),
        });
        let named: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
        chain.step(word, format!("{word} {}", named.join(", ")), keyword.span, output, kind);
    }

    /// The shape of a join, after a report if its operands do not fit together.
    fn joined(&mut self, keyword: &Spanned<JoinWord>, operands: &[Operand]) -> Option<Shape> {
        let known: Vec<&Shape> = operands.iter().filter_map(|operand| operand.shape.as_ref()).collect();
        if disagree(keyword.value, &known) {
            self.report_here(joins::operands(keyword, operands));
        }
        let output = match keyword.value {
            JoinWord::Add => known.first().map(|first| (*first).clone()),
            JoinWord::Mul => operands.first().and_then(|first| first.shape.clone()),
            JoinWord::Concat if known.len() < operands.len() => None,
            JoinWord::Concat => self.side_by_side(keyword, &known),
        }?;
        self.trail.pass(keyword.value.name(), &output);
        Some(output)
    }

    fn side_by_side(&mut self, keyword: &Spanned<JoinWord>, shapes: &[&Shape]) -> Option<Shape> {
        let channels = shapes.iter().map(|shape| shape.channels()).sum();
        let spatial = shapes.first()?.spatial().iter().copied();
        let dimensions: Vec<usize> = [channels].into_iter().chain(spatial).collect();
        if checked_len(&dimensions).is_none() {
            self.sink.report(joins::too_large(keyword));
            return None;
        }
        Some(Shape(dimensions))
    }
}

fn add(branches: [(&str, Option<Walked>); 2], input: &Option<Shape>) -> Option<StepKind> {
    let [(body, main), (shortcut, other)] = branches;
    let other = match other {
        Some(other) => other.sequence(input)?,
        None => Sequence { input: input.clone()?, output: input.clone()?, steps: Vec::new() },
    };
    let branches = vec![(body.to_owned(), main?.sequence(input)?), (shortcut.to_owned(), other)];
    Some(StepKind::Join { join: Join::Add, branches })
}

fn numbered((index, sequence): (usize, Sequence)) -> (String, Sequence) {
    (format!("branch{}", index + 1), sequence)
}

fn join(word: JoinWord) -> Join {
    match word {
        JoinWord::Add => Join::Add,
        JoinWord::Concat => Join::Concat,
        JoinWord::Mul => Join::Mul,
    }
}

fn disagree(word: JoinWord, shapes: &[&Shape]) -> bool {
    let Some((first, others)) = shapes.split_first() else { return false };
    let fits = |other: &&Shape| match word {
        JoinWord::Add => first == other,
        JoinWord::Mul => spreads(other, first),
        JoinWord::Concat => first.0.len() == other.0.len() && first.spatial() == other.spatial(),
    };
    !others.iter().all(fits)
}

/// Whether a factor of this shape has a number for each element of a value: its own, or one per
/// channel, or one per position.
pub(super) fn spreads(factor: &Shape, over: &Shape) -> bool {
    let per_channel = factor.channels() == over.channels() && factor.positions() == 1;
    let channels = per_channel && (factor.0.len() == 1 || factor.0.len() == over.0.len());
    let positions =
        factor.channels() == 1 && factor.0.len() == over.0.len() && factor.spatial() == over.spatial();
    factor == over || channels || positions
}

/// The stride with which a window of one takes a map of size `from` to size `to`.
fn stride_between(from: &[usize], to: &[usize]) -> Option<usize> {
    let largest = from.iter().copied().max().unwrap_or(1);
    let strided = |stride: usize| from.iter().map(move |size| (size - 1) / stride + 1);
    (1..=largest.min(64)).find(|stride| strided(*stride).eq(to.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_between_maps() {
        assert_eq!(stride_between(&[32, 32], &[32, 32]), Some(1));
        assert_eq!(stride_between(&[32, 32], &[16, 16]), Some(2));
        assert_eq!(stride_between(&[7, 7], &[4, 4]), Some(2));
        assert_eq!(stride_between(&[32, 32], &[33, 33]), None);
        assert_eq!(stride_between(&[32, 32], &[16, 32]), None);
    }
}

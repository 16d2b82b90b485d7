//! Residuals and joins: branches from one shape to one shape.

use super::report::joins::{self, Branch};
use super::walk::{Chain, Walked, Walker, last_word};
use crate::ast::{Body, JoinWord, Spanned, Statement};
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
        let input = chain.shape.clone();
        let main = self.branch(body, input.clone());
        let other = shortcut.map(|shortcut| self.branch(shortcut, input.clone()));
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
        self.joined("residual", keyword, output, kind, chain);
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
                let stride = stride_between(from.area(), to.area())?;
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

    /// `add { a | b }` and `concat { a | b }`
    pub(super) fn join(
        &mut self,
        keyword: &Spanned<JoinWord>,
        branches: &'a [Body],
        braces: Span,
        chain: &mut Chain,
    ) {
        let input = chain.shape.clone();
        let walked: Vec<Walked> = branches.iter().map(|body| self.branch(body, input.clone())).collect();
        if branches.len() < 2 {
            self.sink.report(joins::too_few(keyword, braces));
            chain.shape = walked.into_iter().next().and_then(|only| only.output);
            return;
        }
        let shapes: Vec<&Shape> = walked.iter().filter_map(|branch| branch.output.as_ref()).collect();
        if disagree(keyword.value, &shapes) {
            self.report_branches(keyword, branches, &walked);
        }
        let output = match shapes.len() == walked.len() || keyword.value == JoinWord::Add {
            true => self.joined_shape(keyword, &shapes),
            false => None,
        };
        let (stem, join) = match keyword.value {
            JoinWord::Add => ("add", Join::Add),
            JoinWord::Concat => ("concat", Join::Concat),
        };
        let sequences: Option<Vec<_>> = walked.into_iter().map(|branch| branch.sequence(&input)).collect();
        let named = sequences.map(|sequences| sequences.into_iter().enumerate().map(numbered).collect());
        let kind = named.map(|branches| StepKind::Join { join, branches });
        self.joined(stem, keyword.span, output, kind, chain);
    }

    fn report_branches(&mut self, keyword: &Spanned<JoinWord>, branches: &[Body], walked: &[Walked]) {
        let known = branches.iter().zip(walked).filter_map(|(body, walked)| {
            let end = last_word(body).unwrap_or(body.span);
            walked.output.as_ref().map(|shape| (end, shape))
        });
        let ends: Vec<_> = known.collect();
        self.report_here(joins::branches(keyword, &ends));
    }

    fn joined_shape(&mut self, keyword: &Spanned<JoinWord>, shapes: &[&Shape]) -> Option<Shape> {
        let first = *shapes.first()?;
        if keyword.value == JoinWord::Add {
            return Some(first.clone());
        }
        let channels = shapes.iter().map(|shape| shape.channels()).sum();
        let dimensions: Vec<usize> = [channels].into_iter().chain(first.0[1..].iter().copied()).collect();
        if checked_len(&dimensions).is_none() {
            self.sink.report(joins::too_large(keyword));
            return None;
        }
        Some(Shape(dimensions))
    }

    fn joined(
        &mut self,
        stem: &str,
        keyword: Span,
        output: Option<Shape>,
        kind: Option<StepKind>,
        chain: &mut Chain,
    ) {
        if let Some(output) = &output {
            self.trail.pass(stem, output);
        }
        chain.step(stem, stem.to_owned(), keyword, output, kind);
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

fn disagree(word: JoinWord, shapes: &[&Shape]) -> bool {
    let same = |a: &Shape, b: &Shape| match word {
        JoinWord::Add => a == b,
        JoinWord::Concat => a.0.len() == b.0.len() && a.area() == b.area(),
    };
    shapes.windows(2).any(|pair| !same(pair[0], pair[1]))
}

/// The stride with which a window of one takes a map of size `from` to size `to`.
fn stride_between(from: [usize; 2], to: [usize; 2]) -> Option<usize> {
    let largest = from[0].max(from[1]);
    (1..=largest.min(64)).find(|stride| from.map(|size| (size - 1) / stride + 1) == to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_between_maps() {
        assert_eq!(stride_between([32, 32], [32, 32]), Some(1));
        assert_eq!(stride_between([32, 32], [16, 16]), Some(2));
        assert_eq!(stride_between([7, 7], [4, 4]), Some(2));
        assert_eq!(stride_between([32, 32], [33, 33]), None);
        assert_eq!(stride_between([32, 32], [16, 32]), None);
    }
}

//! The lines of the table: deep words summed, equal neighbours shown once.

use nnc_codegen::summary::{Cost, Row};
use nnc_dsl::model::Shape;

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Path of names.
    pub(super) path: String,
    /// The word, or the name of a branch.
    pub(super) word: String,
    /// How many words it stands in.
    pub(super) depth: usize,
    /// Shape after it.
    pub(super) output: Shape,
    /// What it costs, with all that is not shown of it; none if that stands below it.
    pub(super) cost: Option<Cost>,
    /// How many equal ones follow each other here; they are shown once.
    pub(super) times: usize,
    /// Whether it holds others, shown or not. Single layers are shown one by one: they are read in order.
    is_holder: bool,
}

/// The lines down to this depth, with equal neighbours folded.
pub(super) fn folded(rows: &[Row], depth: usize) -> Vec<Line> {
    fold(&cut(unwrapped(rows), depth), 0)
}

/// The lines that cost something, down to this depth, unfolded.
pub(super) fn leaves(rows: &[Row], depth: usize) -> Vec<Line> {
    cut(unwrapped(rows), depth).into_iter().filter(|line| line.cost.is_some()).collect()
}

/// `repeat 6 { layer }` is six layers.
fn unwrapped(rows: &[Row]) -> Vec<Line> {
    let mut lines: Vec<Line> = rows.iter().map(line).collect();
    let mut index = 0;
    while index < lines.len() {
        let depth = lines[index].depth;
        let len = lines[index + 1..].iter().take_while(|line| line.depth > depth).count();
        let inner = &lines[index + 1..index + 1 + len];
        let children = inner.iter().filter(|line| line.depth == depth + 1).count();
        if lines[index].word == TURN && children == 1 && len > 1 {
            lines.remove(index);
            lines[index..index + len].iter_mut().for_each(|line| line.depth -= 1);
        } else {
            index += 1;
        }
    }
    lines
}

/// The lines that are not deeper than this; each that holds deeper ones has their costs.
fn cut(all: Vec<Line>, depth: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in all {
        match lines.last_mut().filter(|_| line.depth > depth) {
            Some(holder) => holder.cost = Some(sum(holder.cost, line.cost)),
            None => lines.push(line),
        }
    }
    lines
}

/// The word of a turn without its number.
const TURN: &str = "repeat";

fn line(row: &Row) -> Line {
    let Row { path, word, depth, output, cost } = row.clone();
    // The turns of a `repeat` are numbered, and equal otherwise.
    let turn = word.strip_prefix("repeat ").and_then(|turn| turn.split_once('/'));
    let word = if turn.is_some() { TURN.to_owned() } else { word };
    Line { path, word, depth, output, times: 1, is_holder: cost.is_none(), cost }
}

fn sum(a: Option<Cost>, b: Option<Cost>) -> Cost {
    let [a, b] = [a, b].map(Option::unwrap_or_default);
    Cost { parameters: a.parameters + b.parameters, macs: a.macs + b.macs }
}

/// Folds neighbours that stand in the same word, and what stands in them first.
fn fold(lines: &[Line], depth: usize) -> Vec<Line> {
    let mut folded: Vec<Line> = Vec::new();
    let mut last = 0;
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let len = 1 + rest[1..].iter().take_while(|line| line.depth > depth).count();
        let (group, others) = rest.split_at(len);
        let group = [vec![first.clone()], fold(&group[1..], depth + 1)].concat();
        rest = others;
        if first.is_holder && equal(&folded[last..], &group) {
            folded[last].times += 1;
            continue;
        }
        last = folded.len();
        folded.extend(group);
    }
    folded
}

/// Whether two groups are equal but for the numbers in their names and how often the first ones are there.
fn equal(a: &[Line], b: &[Line]) -> bool {
    let same = |index: usize, a: &Line, b: &Line| {
        let times = index == 0 || a.times == b.times;
        times && a.word == b.word && a.depth == b.depth && a.output == b.output && a.cost == b.cost
    };
    a.len() == b.len() && a.iter().zip(b).enumerate().all(|(index, (a, b))| same(index, a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row for each line: its depth is that of its indentation, its cost the number behind the word.
    fn rows(text: &str) -> Vec<Row> {
        let row = |line: &str| {
            let (word, cost) = line.trim().split_once(" = ").map_or((line.trim(), None), |(word, cost)| {
                (word, Some(Cost { parameters: cost.parse().unwrap(), macs: 1 }))
            });
            let depth = (line.len() - line.trim_start().len()) / 2;
            Row { path: String::new(), word: word.to_owned(), depth, output: Shape::vector(1), cost }
        };
        text.lines().map(row).collect()
    }

    fn shown(lines: &[Line]) -> Vec<String> {
        let cost = |line: &Line| line.cost.map(|cost| format!(" = {}", cost.parameters)).unwrap_or_default();
        let line =
            |line: &Line| format!("{}{} ×{}{}", "  ".repeat(line.depth), line.word, line.times, cost(line));
        lines.iter().map(line).collect()
    }

    const TEXT: &str = "\
conv = 1
conv = 1
repeat 1/2
  cell 8
    conv = 2
    bn = 1
repeat 2/2
  cell 8
    conv = 2
    bn = 1
repeat 1/2
  relu = 0
repeat 2/2
  relu = 0";

    #[test]
    fn equal_neighbours_are_folded() {
        let lines = shown(&folded(&rows(TEXT), usize::MAX));
        let expected = [
            "conv ×1 = 1",
            "conv ×1 = 1",
            "cell 8 ×2",
            "  conv ×1 = 2",
            "  bn ×1 = 1",
            "repeat ×2",
            "  relu ×1 = 0",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_too_deep_is_summed() {
        let lines = shown(&folded(&rows(TEXT), 0));
        assert_eq!(lines, ["conv ×1 = 1", "conv ×1 = 1", "cell 8 ×2 = 3", "repeat ×2 = 0"]);
        let total: u64 =
            leaves(&rows(TEXT), 1).iter().filter_map(|line| line.cost).map(|cost| cost.parameters).sum();
        assert_eq!(total, 8);
    }
}

//! Which steps are alike: those that a drawing shows once with `×n`.

use nnc_dsl::model::{Sequence, Step, StepKind};

/// What kind of scope a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// A turn of a `repeat`.
    Turn,
    /// What a condition has chosen, or settings hold for.
    Transparent,
    /// All else: a block, a network, a turn of a `for`.
    Named,
}

/// What kind of scope a step is. A step is called after its word and a number, and no block can be called
/// after a word of the grammar.
pub(super) fn keyword(step: &Step) -> Scope {
    match step.name.trim_end_matches(|char: char| char.is_ascii_digit()) {
        "repeat" => Scope::Turn,
        "if" | "with" | "from" => Scope::Transparent,
        _ => Scope::Named,
    }
}

/// How many of the first steps are alike; single layers are drawn one by one.
pub(super) fn run(steps: &[Step]) -> usize {
    let Some(first) = steps.first() else { return 0 };
    match first.kind {
        StepKind::Layer(_) | StepKind::From(_) => 1,
        StepKind::Scope(_) | StepKind::Shared { .. } | StepKind::Join { .. } => {
            let others = steps.windows(2).take_while(|pair| match pair {
                // Only the last one of a drawn run can have a name.
                [before, after] => before.tap.is_none() && alike(first, after),
                _ => false,
            });
            1 + others.count()
        }
    }
}

/// Whether two steps say the same, whatever the shapes.
fn alike(a: &Step, b: &Step) -> bool {
    let text = |step: &Step| if keyword(step) == Scope::Turn { String::new() } else { step.text.clone() };
    text(a) == text(b) && a.learning_rate == b.learning_rate && alike_inside(&a.kind, &b.kind)
}

fn alike_inside(a: &StepKind, b: &StepKind) -> bool {
    match (a, b) {
        (StepKind::Layer(_), StepKind::Layer(_)) | (StepKind::From(_), StepKind::From(_)) => true,
        (StepKind::Scope(a), StepKind::Scope(b)) => alike_sequences(a, b),
        (StepKind::Shared { path: a, .. }, StepKind::Shared { path: b, .. }) => a == b,
        (StepKind::Join { join: one, branches: a }, StepKind::Join { join: other, branches: b }) => {
            one == other && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike_sequences(&a.1, &b.1))
        }
        _ => false,
    }
}

fn alike_sequences(a: &Sequence, b: &Sequence) -> bool {
    a.steps.len() == b.steps.len() && a.steps.iter().zip(&b.steps).all(|(a, b)| alike(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::{Entry, Options, check};

    /// The lengths of the runs of a network's words.
    fn runs(words: &str) -> Vec<usize> {
        let text = format!(
            "allow(all) block cell(c) {{ conv3 (c) relu }}
             network Net<3x16x16 -> 8x16x16> {{ {words} }}"
        );
        let outcome = check(&text, Entry::File, &Options::default());
        let [model] = &outcome.models[..] else { panic!("{:?}", outcome.diagnostics) };
        let mut rest = &model.body.steps[..];
        let mut runs = Vec::new();
        while !rest.is_empty() {
            runs.push(run(rest));
            rest = &rest[run(rest)..];
        }
        runs
    }

    #[test]
    fn blocks_and_turns_are_folded_and_layers_are_not() {
        assert_eq!(runs("conv3 8 conv3 8 cell 8 cell 8 cell 8"), [1, 1, 3]);
        assert_eq!(runs("repeat 4 { conv3 8 relu }"), [4]);
        assert_eq!(runs("cell 4 cell 8"), [1, 1], "they say different things");
        assert_eq!(runs("residual { conv3 3 } residual { conv3 3 } conv3 8"), [2, 1]);
    }

    #[test]
    fn shapes_may_differ() {
        assert_eq!(runs("repeat 2 { concat { identity | conv3 2 } } conv1 8"), [2, 1]);
    }

    #[test]
    fn a_name_ends_a_run() {
        assert_eq!(runs("cell 8 cell 8 as a cell 8 add a"), [2, 1, 1]);
    }
}

//! Slips at random words of the gallery's models: each gives a model, or an error at the place.
//!
//! A word is a name or a number. An error is at the place if its primary span touches the changed
//! words, the word before them or the word behind; what labels point at does not count. With
//! `--nocapture` the test prints the rates and every error that is elsewhere.

#![expect(clippy::print_stdout, reason = "prints what has been measured")]

use std::time::Duration;

use nnc_dsl::{Diagnostic, Entry, Options, Span, check};

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "support/random.rs"]
mod random;
#[path = "support/words.rs"]
mod words;

use cpu_time::cpu_time;
use random::Random;
use words::{Slip, Slipped, slip};

/// Slips per model.
const SLIPS: usize = 50;

/// The share of slips that must give a model or an error at the place.
const RATE: f64 = 0.95;

/// A check takes some milliseconds.
const BOUND: Duration = Duration::from_secs(1);

#[test]
fn slips_are_found_where_they_are() {
    let gallery = corpus::texts(&["../examples/gallery"]);
    assert!(gallery.len() >= 17, "{} models", gallery.len());
    let mut random = Random(2024);
    let mut tally = Tally::default();
    for (name, text) in &gallery {
        for _ in 0..SLIPS {
            let slipped = slip(text, &mut random);
            let answer = answer(&slipped);
            if let Answer::Elsewhere(found) = &answer {
                println!("{}: {:?} {}: {}", name, slipped.slip, slipped.change, shown(found, &slipped.text));
            }
            tally.add(slipped.slip, &answer);
        }
    }
    println!("{}", tally.table());
    assert!(tally.rate() >= RATE, "{}", tally.table());
}

/// What the checker says to a slip.
enum Answer {
    /// It is a model, too.
    Model,
    /// An error is at the place.
    Near,
    /// The errors are elsewhere.
    Elsewhere(Vec<Diagnostic>),
}

fn answer(slipped: &Slipped) -> Answer {
    let start = cpu_time();
    let outcome = check(&slipped.text, Entry::File, &Options::default());
    let taken = cpu_time() - start;
    assert!(taken < BOUND, "{taken:?} for\n{}", slipped.text);
    let errors: Vec<Diagnostic> = outcome.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
    match errors.iter().any(|error| touch(error.span, slipped.near)) {
        _ if errors.is_empty() => Answer::Model,
        true => Answer::Near,
        false => Answer::Elsewhere(errors),
    }
}

fn touch(one: Span, other: Span) -> bool {
    one.start <= other.end && other.start <= one.end
}

fn shown(errors: &[Diagnostic], text: &str) -> String {
    let one = |error: &Diagnostic| {
        let line = text[..error.span.start].lines().count();
        format!("{} `{}` of line {line}: {}", error.code, &text[error.span.range()], error.message)
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// How often each answer came, per slip: models, errors at the place, errors elsewhere.
#[derive(Default)]
struct Tally([[usize; 3]; Slip::ALL.len()]);

impl Tally {
    fn add(&mut self, slip: Slip, answer: &Answer) {
        let column = match answer {
            Answer::Model => 0,
            Answer::Near => 1,
            Answer::Elsewhere(_) => 2,
        };
        self.0[slip as usize][column] += 1;
    }

    fn sum(&self, column: usize) -> usize {
        self.0.iter().map(|row| row[column]).sum()
    }

    /// The share of all slips whose answer is not elsewhere.
    fn rate(&self) -> f64 {
        let all: usize = (0..3).map(|column| self.sum(column)).sum();
        1.0 - self.sum(2) as f64 / all as f64
    }

    fn table(&self) -> String {
        let row = |slip: &Slip| {
            let [models, near, elsewhere] = self.0[*slip as usize];
            format!("{slip:?}: {models} models, {near} errors at the place, {elsewhere} elsewhere\n")
        };
        let rows: String = Slip::ALL.iter().map(row).collect();
        let (errors, found) = (self.sum(1) + self.sum(2), self.sum(1));
        let rate = 100.0 * self.rate();
        format!("{rows}{rate:.1} % of all slips; {found} of {errors} errors are at the place")
    }
}

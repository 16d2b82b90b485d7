//! Whatever the text, the checker answers: it never panics, its spans lie in the text, and
//! its edits mend what they say.

use std::path::Path;
use std::time::{Duration, Instant};

use nnc_dsl::json::to_json;
use nnc_dsl::render::{ColorChoice, render};
use nnc_dsl::{Diagnostic, Entry, Fix, Options, Span, check};

#[test]
fn edits_mend_their_mistake() {
    let mut fixes = 0;
    for text in corpus() {
        for diagnostic in diagnose(&text) {
            for fix in &diagnostic.fixes {
                let mended = apply(&text, fix);
                let same = |other: &Diagnostic| {
                    other.code == diagnostic.code && other.message == diagnostic.message && near(other, fix)
                };
                let rest = diagnose(&mended);
                assert!(!rest.iter().any(same), "{diagnostic:?}\n{mended}");
                fixes += 1;
            }
        }
    }
    assert!(fixes > 30, "{fixes} edits");
}

/// Whether a diagnostic of the mended text stands where the edit was. Another one may say the
/// same of another place.
fn near(diagnostic: &Diagnostic, fix: &Fix) -> bool {
    let end = fix.span.start + fix.replacement.len();
    diagnostic.span.start <= end && fix.span.start <= diagnostic.span.end
}

#[test]
fn texts_out_of_all_bounds_are_refused_at_once() {
    let inside = |words: &str| format!("network Net<3x8x8 -> 10> {{ {words} gap linear 10 }}");
    for text in [
        inside("repeat 1000000000 { relu }"),
        inside("repeat 99999 { repeat 99999 { relu } }"),
        inside(&"residual { ".repeat(1_000_000)),
        inside(&"if (true) { ".repeat(1_000_000)),
        inside(&"if (true) { ".repeat(100)),
        inside("shared a { repeat 1000000 { relu } } a"),
        inside("-> 1x99999999999"),
        inside("reshape 1x99999999999"),
        inside("conv3 99999999999"),
        inside("conv3 8 stride=99999999999x99999999999"),
        inside("permute order=[9999999999999999999999, 1]"),
        inside(&"as a ".repeat(30_000)),
        inside(&format!("as a {}", "concat a ".repeat(10_000))),
        inside(&format!("as a concat {}a", "a, ".repeat(50_000))),
        inside(&format!("conv3 8 stride=[{}1]", "1, ".repeat(50_000))),
        "network A<1x99999999999 -> 10> { linear 10 }".to_owned(),
        format!("network Net<{}a: 1 -> 10> {{ linear 10 }}", "a: 1, ".repeat(30_000)),
        format!("activation f(x) = {}x", "x*".repeat(100_000)),
        " ".repeat(10_000_000),
        "relu ".repeat(2_000_000),
    ] {
        let start = Instant::now();
        let diagnostics = diagnose(&text);
        let elapsed = start.elapsed();
        let shown: String = text.chars().take(70).collect();
        assert!(!diagnostics.is_empty(), "{shown}");
        // One second on a machine of its own with optimised code; tests share theirs.
        assert!(elapsed < Duration::from_secs(10), "{shown}: {elapsed:?}");
    }
}

#[test]
fn mutated_texts_are_answered() {
    let mut random = Random(1);
    let corpus = corpus();
    for _ in 0..3_000 {
        let first = &corpus[random.below(corpus.len())];
        let second = &corpus[random.below(corpus.len())];
        let text = mutate(first, second, &mut random);
        let entry = if random.below(2) == 0 { Entry::File } else { Entry::Macro };
        let outcome = check(&text, entry, &Options::default());
        let has_errors = outcome.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(outcome.models.is_empty(), has_errors, "{text}\n{:?}", outcome.diagnostics);
        for diagnostic in &outcome.diagnostics {
            inspect(diagnostic, outcome.sources.text());
        }
    }
}

fn inspect(diagnostic: &Diagnostic, text: &str) {
    let labels = diagnostic.labels.iter().map(|label| label.span);
    let fixes = diagnostic.fixes.iter().map(|fix| fix.span);
    for Span { start, end } in labels.chain(fixes).chain([diagnostic.span]) {
        assert!(start <= end && text.get(start..end).is_some(), "{diagnostic:?} of\n{text}");
    }
    let is_error = diagnostic.is_error();
    assert!(!is_error || !diagnostic.help.is_empty(), "no help: {diagnostic:?}\n{text}");
    assert!(!to_json(diagnostic, "net.nn", text).contains('\n'));
    assert!(
        render(std::slice::from_ref(diagnostic), "net.nn", text, ColorChoice::Never)
            .contains(diagnostic.code)
    );
}

fn diagnose(text: &str) -> Vec<Diagnostic> {
    check(text, Entry::File, &Options::default()).diagnostics
}

fn apply(text: &str, fix: &Fix) -> String {
    format!("{}{}{}", &text[..fix.span.start], fix.replacement, &text[fix.span.end..])
}

fn corpus() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests/ui"), root.join("../examples")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "nn"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The beginning of one text and the end of another, cut at words, with a few words moved.
fn mutate(first: &str, second: &str, random: &mut Random) -> String {
    let mut words: Vec<&str> = first.split(' ').collect();
    let others: Vec<&str> = second.split(' ').collect();
    if random.below(3) == 0 {
        words.truncate(random.below(words.len()) + 1);
        words.extend(&others[random.below(others.len())..]);
    }
    for _ in 0..random.below(4) {
        let place = random.below(words.len());
        match random.below(4) {
            0 => drop(words.remove(place)),
            1 => words.insert(place, others[random.below(others.len())]),
            2 => words[place] = ["0", "-1", "(1/0)", "1e300", "}", "{", "é", "99999999999"][random.below(8)],
            _ => words.swap(place, 0),
        }
        if words.is_empty() {
            words.push("network");
        }
    }
    words.join(" ")
}

/// A linear congruential generator (Knuth's MMIX constants): the same texts in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

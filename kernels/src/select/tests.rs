//! Choices of each mode, what is remembered in the process, and what survives it.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::conv::Conv;
use crate::cpu::{Isa, Pool, processor};

const MACHINE: Machine = Machine { isa: Isa::Avx512, threads: 2 };

/// A 3x3 convolution that Winograd's algorithm serves faster, by the estimates.
fn problem(operation: Operation) -> Problem {
    let spec = Conv {
        input: [1, 56, 56, 64],
        output: [1, 56, 56, 128],
        kernel: [1, 3, 3],
        stride: [1; 3],
        pad: [0, 1, 1],
        dilation: [1; 3],
        groups: 1,
    };
    Problem { operation, spec, batch: 8, packed: false }
}

/// The choice, and which algorithms were run for it.
fn choose(selector: &Selector, times: impl Fn(Algorithm) -> u64) -> (Algorithm, Vec<Algorithm>) {
    let ran = RefCell::new(Vec::new());
    let chosen = selector.choose(&problem(Operation::Forward), MACHINE, &mut |algorithm| {
        ran.borrow_mut().push(algorithm);
        NOW.set(NOW.get() + Duration::from_millis(times(algorithm)));
    });
    (chosen, ran.into_inner())
}

/// A machine on which the direct algorithm is the fastest, against the estimates.
fn direct_wins(algorithm: Algorithm) -> u64 {
    if algorithm == Algorithm::ImplicitGemm { 1 } else { 4 }
}

thread_local! {
    /// Time passes only where an algorithm runs.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn benchmark() -> Selector {
    Selector { clock: || NOW.get(), ..Selector::new(Mode::Benchmark).with_budget(Duration::ZERO) }
}

#[test]
fn estimates_choose_without_a_run() {
    let (chosen, ran) = choose(&Selector::default(), direct_wins);
    assert!(matches!(chosen, Algorithm::Winograd2 | Algorithm::Winograd4) && ran.is_empty());
    let (chosen, ran) = choose(&Selector::new(Mode::Deterministic), direct_wins);
    assert!(chosen == Algorithm::ImplicitGemm && ran.is_empty());
    let (chosen, ran) = choose(&Selector::new(Mode::Always(Algorithm::Reference)), direct_wins);
    assert!(chosen == Algorithm::Reference && ran.is_empty());
    let (chosen, _) = choose(&Selector::new(Mode::Always(Algorithm::Depthwise)), direct_wins);
    assert!(chosen != Algorithm::Depthwise && chosen != Algorithm::Reference, "it is not supported");
}

#[test]
fn measurements_choose_the_fastest_once() {
    let selector = benchmark();
    let (chosen, ran) = choose(&selector, direct_wins);
    assert_eq!(chosen, Algorithm::ImplicitGemm);
    assert!(ran.contains(&Algorithm::Winograd2) && !ran.contains(&Algorithm::Reference), "{ran:?}");
    assert_eq!(choose(&selector, |_| panic!("it is known")), (chosen, Vec::new()));
    let report = selector.report();
    assert_eq!((report.len(), report[0].basis), (1, Basis::Measured));
    let first = report[0].candidates[0];
    assert!(first.algorithm == chosen && first.measured.is_some_and(|seconds| seconds >= 1e-3), "{first:?}");
    assert!(
        report[0].to_string().contains("forward 8x56x56x64 * 3x3 to 128: implicit-gemm"),
        "{}",
        report[0]
    );
}

#[test]
fn hopeless_candidates_are_not_repeated() {
    let (_, ran) = choose(&benchmark(), direct_wins);
    let times = |algorithm| ran.iter().filter(|own| **own == algorithm).count();
    assert_eq!((times(Algorithm::ImplicitGemm), times(Algorithm::Winograd4)), (4, 2));
}

#[test]
fn a_lead_that_is_noise_leaves_the_estimate() {
    let selector = Selector::new(Mode::Heuristic);
    let with_times = |direct: f64| {
        let mut candidates = selector.candidates(&problem(Operation::Forward), MACHINE);
        for candidate in &mut candidates {
            let seconds = if candidate.algorithm == Algorithm::ImplicitGemm { direct } else { 1.0 };
            candidate.measured = candidate.is_open.then_some(seconds);
        }
        Choice::by_measurement(problem(Operation::Forward), candidates, Basis::Measured).algorithm
    };
    let estimated = selector.estimated(problem(Operation::Forward), MACHINE).algorithm;
    assert_ne!(estimated, Algorithm::ImplicitGemm);
    assert_eq!((with_times(0.99), with_times(0.9)), (estimated, Algorithm::ImplicitGemm));
}

#[test]
fn the_workspace_is_capped() {
    let of = |algorithm: Algorithm| algorithm.workspace(&problem(Operation::Forward), MACHINE.isa);
    let direct = of(Algorithm::ImplicitGemm);
    assert!(direct < of(Algorithm::Winograd2) && direct < of(Algorithm::Winograd4));
    for cap in [direct, 0] {
        let (chosen, _) = choose(&Selector::default().with_workspace(cap), direct_wins);
        assert_eq!(chosen, Algorithm::ImplicitGemm, "no other needs as little");
    }
    let (chosen, ran) = choose(&benchmark().with_workspace(direct), direct_wins);
    assert!(chosen == Algorithm::ImplicitGemm && ran.is_empty(), "there is nothing to compare");
}

#[test]
fn problems_that_differ_little_are_told_apart() {
    let selector = Selector::new(Mode::Heuristic);
    let problem = problem(Operation::Forward);
    let padded = Problem { spec: Conv { pad: [0; 3], ..problem.spec }, ..problem };
    for problem in [problem, padded, problem] {
        selector.choose(&problem, MACHINE, &mut |_| ());
    }
    assert_eq!(selector.report().len(), 2);
}

/// A file in an empty folder of its own, which is gone when the test is.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        let folder = std::env::temp_dir().join(format!("nnc-timings-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Place(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("kept/timings.jsonl")
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), content).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// A selector of a new process, as it were.
    fn selector(&self) -> Selector {
        benchmark().with_cache(TimingCache::at(self.file()))
    }

    /// Whether a new process measures.
    #[track_caller]
    fn measures(&self) -> bool {
        let (chosen, ran) = choose(&self.selector(), direct_wins);
        assert_eq!(chosen, Algorithm::ImplicitGemm);
        !ran.is_empty()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn measurements_survive_the_process() {
    let place = Place::new("survive");
    assert!(place.measures() && !place.measures());
    let names: Vec<_> = fs::read_dir(place.file().parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 2, "the file and its lock, nothing half-written: {names:?}");
    let (_, ran) = choose(&Selector::new(Mode::Heuristic).with_cache(TimingCache::at(place.file())), |_| 0);
    assert!(ran.is_empty());
}

#[test]
fn other_machines_and_versions_have_times_of_their_own() {
    let place = Place::new("machines");
    assert!(place.measures());
    let own = place.text();
    let [processor, version] =
        [processor().to_owned(), env!("CARGO_PKG_VERSION").to_owned()].map(|text| format!("\"{text}\""));
    for (from, to) in [(&*processor, "\"Z80\""), (&version, "\"0.0.0\""), ("\"threads\":2", "\"threads\":3")]
    {
        let foreign = own.replace(from, to);
        assert_ne!(foreign, own);
        place.write(&foreign);
        assert!(place.measures() && !place.measures(), "{from}");
        assert_eq!(place.text().lines().count(), 3, "the foreign line stays: {from}");
    }
}

#[test]
fn unknown_candidates_are_measured() {
    let place = Place::new("unknown");
    assert!(place.measures());
    place.write(place.text().replace("winograd-4x4", "winograd-9x9"));
    assert!(place.measures() && !place.measures());
}

#[test]
fn damaged_files_are_mended() {
    let place = Place::new("damaged");
    assert!(place.measures());
    let text = place.text();
    let line = text.lines().last().unwrap();
    let cases = [
        String::new(),
        "\0\u{fffd}{".to_owned(),
        "{\"nnc_timings\":0}".to_owned(),
        text[..text.len() / 2].to_owned(),
        text.replace("0.0", "-0.0"),
        format!("a line\n{line}"),
    ];
    for case in cases {
        place.write(&case);
        assert!(place.measures() && !place.measures(), "{case}");
    }
    place.write([b"{\"nnc_timings\":1}\n\xff\xfe\n", line.as_bytes()].concat());
    assert!(!place.measures(), "the lines around a damaged one are good");
}

#[test]
fn huge_files_are_begun_anew() {
    let place = Place::new("huge");
    place.write("");
    fs::File::options().write(true).open(place.file()).unwrap().set_len(1 << 40).unwrap();
    assert!(place.measures() && !place.measures());
    assert!(place.text().len() < 10_000);
}

#[test]
fn files_of_later_versions_are_left_alone() {
    let place = Place::new("later");
    let text = "{\"nnc_timings\":2}\nwhat only the future knows\n";
    place.write(text);
    assert!(place.measures() && place.measures());
    assert_eq!(place.text(), text);
}

#[test]
fn what_cannot_be_kept_is_measured_again() {
    let place = Place::new("unwritable");
    fs::create_dir_all(place.file()).unwrap();
    assert!(place.measures() && place.measures(), "a folder lies in the file's place");
    fs::remove_dir_all(place.file().parent().unwrap()).unwrap();
    fs::write(place.file().parent().unwrap(), "").unwrap();
    assert!(place.measures() && place.measures(), "a file lies in the folder's place");
    let (chosen, _) = choose(&benchmark().with_cache(TimingCache::nowhere()), direct_wins);
    assert_eq!(chosen, Algorithm::ImplicitGemm, "no home is known");
}

#[test]
fn processes_that_measure_at_once_lose_nothing() {
    let place = Place::new("at-once");
    std::thread::scope(|scope| {
        for batch in 1..=8 {
            let file = place.file();
            scope.spawn(move || {
                let selector = benchmark().with_cache(TimingCache::at(file));
                let problem = Problem { batch, ..problem(Operation::Forward) };
                selector.choose(&problem, MACHINE, &mut |_| NOW.set(NOW.get() + Duration::from_millis(1)));
            });
        }
    });
    assert_eq!(place.text().lines().count(), 1 + 8);
}

#[test]
fn tuning_measures_every_candidate() {
    let problem = Problem {
        spec: Conv { input: [1, 6, 6, 4], output: [1, 6, 6, 8], ..problem(Operation::Forward).spec },
        operation: Operation::Forward,
        batch: 2,
        packed: false,
    };
    for operation in [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight] {
        let pool = Pool::new(2).with_selector(Selector::new(Mode::Benchmark).with_budget(Duration::ZERO));
        let tuned = tune(&pool, Problem { operation, ..problem });
        assert!(tuned.choice.open().all(|candidate| candidate.measured.is_some()), "{}", tuned.choice);
        let [estimated, best] = tuned.seconds();
        assert!(best > 0.0 && estimated >= best * 0.9, "{}", tuned.choice);
    }
}

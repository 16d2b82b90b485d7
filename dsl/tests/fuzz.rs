//! The whole front end on texts that nobody would write: no panic, no hang, no blow-up of memory.
//!
//! Texts are made from those of the repository (cut, joined, with words moved, numbers changed, letters
//! broken) and from the grammar (nested statements with numbers of all sizes). What is demanded of
//! each stands in `support/front_end.rs`; besides, it takes at most a second and 256 MB. A text that
//! fails is printed, and lies in `fuzz-failure.nn` in the target folder's `tmp`.
//!
//! ```text
//! NNC_FUZZ_SECONDS=1800 cargo test -p nnc-dsl --test fuzz -- --ignored --nocapture
//! ```
//!
//! `NNC_FUZZ_SEED` begins elsewhere; without it a long run begins with the time of day.

#![expect(clippy::print_stdout, reason = "prints what has been measured")]

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nnc_dsl::Entry;

#[path = "support/answer.rs"]
mod answer;
#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "support/front_end.rs"]
mod front_end;
#[path = "support/grammar.rs"]
mod grammar;
#[path = "support/mutate.rs"]
mod mutate;
#[path = "support/random.rs"]
mod random;

use corpus::texts;
use cpu_time::cpu_time;
use random::Random;

/// Every folder with texts.
const FOLDERS: [&str; 8] = [
    "../examples",
    "../examples/gallery",
    "../tests/networks",
    "src/library",
    "tests/lints",
    "tests/syntax",
    "tests/ui",
    "tests/ui/parts",
];

/// What one text may take.
const SECOND: Duration = Duration::from_secs(1);
/// A text that has not been answered after so many is taken for one that never will.
const PATIENCE: u32 = 300;
const MEGABYTES: usize = 256;

#[test]
fn five_seconds_of_texts_are_answered() {
    fuzz(Duration::from_secs(5), 1);
}

#[test]
#[ignore = "runs as long as NNC_FUZZ_SECONDS says"]
fn texts_are_answered_for_long() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let seconds = number("NNC_FUZZ_SECONDS").unwrap_or(60);
    fuzz(Duration::from_secs(seconds), number("NNC_FUZZ_SEED").unwrap_or(now));
}

/// A text to try, and what it uses.
struct Case {
    text: String,
    other: String,
    entry: Entry,
}

fn fuzz(budget: Duration, seed: u64) {
    let corpus: Vec<String> = texts(&FOLDERS).into_iter().map(|(_, text)| text).collect();
    let (mut random, start) = (Random(seed), Instant::now());
    let (to_worker, cases) = channel();
    let (to_us, answers) = channel();
    let worker = thread::spawn(move || work(&cases, &to_us));
    let (mut count, mut slowest, before) = (0, Duration::ZERO, peak_memory());
    while start.elapsed() < budget {
        let case = case(&corpus, &mut random);
        let copy = case.text.clone();
        to_worker.send(case).unwrap();
        match answers.recv_timeout(SECOND * PATIENCE) {
            Ok(taken) => slowest = slowest.max(taken),
            Err(error) => fail(&copy, error, seed),
        }
        count += 1;
    }
    drop(to_worker);
    worker.join().unwrap();
    let (elapsed, megabytes) = (start.elapsed(), grown(before) >> 20);
    println!("{count} texts in {elapsed:.0?}, slowest {slowest:.1?}, memory +{megabytes} MB");
    assert!(count > 20, "{count} texts");
}

/// Answers cases until there are no more; ends at the first broken promise.
fn work(cases: &Receiver<Case>, answers: &Sender<Duration>) {
    while let Ok(Case { text, other, entry }) = cases.recv() {
        let (start, before) = (cpu_time(), peak_memory());
        front_end::exercise(&text, &other, entry);
        let taken = cpu_time() - start;
        assert!(taken < SECOND, "{taken:?}");
        assert!(grown(before) < MEGABYTES << 20, "{} MB", grown(before) >> 20);
        if answers.send(taken).is_err() {
            break;
        }
    }
}

fn fail(text: &str, error: RecvTimeoutError, seed: u64) -> ! {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/fuzz-failure.nn");
    std::fs::write(path, text).unwrap();
    let what = match error {
        RecvTimeoutError::Timeout => "does not end",
        RecvTimeoutError::Disconnected => "breaks a promise",
    };
    panic!("this text {what} (seed {seed}; also in {path}):\n{text}");
}

fn case(corpus: &[String], random: &mut Random) -> Case {
    let [first, second, other] = [(); 3].map(|()| random.choose::<String>(corpus));
    let text = match random.below(4) {
        0 => grammar::text(random),
        1 => mutate::mutate(&grammar::text(random), second, random),
        _ => mutate::mutate(first, second, random),
    };
    let other = other.clone();
    let entry = if random.below(3) == 0 { Entry::Macro } else { Entry::File };
    Case { text, other, entry }
}

/// How much more memory this process has had since.
fn grown(before: Option<usize>) -> usize {
    // The kernel counts some pages late, so that the number may also shrink a little.
    peak_memory().zip(before).map_or(0, |(after, before)| after.saturating_sub(before))
}

/// The most memory that this process has had so far in bytes; none where nobody tells.
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
}

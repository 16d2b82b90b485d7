//! What to compute with: threads and algorithms. No part of a network's result but its last bits.

use std::sync::Arc;
use std::time::Duration;

use clap::builder::{RangedU64ValueParser, ValueParser};
use clap::{Arg, ArgMatches};
use nnc_runtime::Error;
use nnc_runtime::devices::cpu::{MOST_THREADS, Pool, THREADS_VARIABLE, wanted_threads};
use nnc_runtime::select::{Mode, Selector, TimingCache};

/// The names of [`engine_arguments`].
pub(crate) const ENGINE: [&str; 3] = ["threads", "algorithms", "workspace"];

/// The arguments of every command that computes.
pub(crate) fn engine_arguments() -> [Arg; 3] {
    let [_, algorithms, _] = ENGINE;
    let algorithms = Arg::new(algorithms)
        .long(algorithms)
        .value_name("MODE")
        .value_parser(Mode::NAMED.map(Mode::name))
        .default_value(Mode::default().name())
        .hide_possible_values(true)
        .help(
            "How convolutions are computed: heuristic, by the least estimated time; benchmark, by the least \
             measured one, kept for later runs; deterministic, by algorithms that only round",
        );
    [threads_argument(), algorithms, workspace_argument()]
}

/// Threads, for commands that choose algorithms themselves.
pub(crate) fn threads_argument() -> Arg {
    let [threads, ..] = ENGINE;
    Arg::new(threads)
        .long(threads)
        .value_name("N")
        .value_parser(RangedU64ValueParser::<usize>::new().range(1..=MOST_THREADS as u64))
        .help("Threads to compute with; they never change a result [default: $NNC_THREADS, or all cores]")
}

/// The cap on scratch memory.
pub(crate) fn workspace_argument() -> Arg {
    let [.., workspace] = ENGINE;
    Arg::new(workspace)
        .long(workspace)
        .value_name("SIZE")
        .value_parser(ValueParser::new(size))
        .help("Leave out algorithms with more scratch memory than this, such as 64MiB; on GPUs, too")
}

/// The threads and the choice of algorithms that the matches of [`engine_arguments`] ask for.
pub(crate) fn pool(matches: &ArgMatches) -> Result<Arc<Pool>, Error> {
    let selector = Selector::new(mode(matches)).with_workspace(workspace(matches));
    let pool = Pool::new(threads(matches)?);
    Ok(Arc::new(pool.with_selector(selector.with_cache(TimingCache::of_user()))))
}

/// How algorithms are chosen; as by default in commands where that is not asked.
pub(crate) fn mode(matches: &ArgMatches) -> Mode {
    let name = matches.try_get_one::<String>("algorithms").ok().flatten();
    let mode = Mode::NAMED.into_iter().find(|mode| name.is_some_and(|name| name == mode.name()));
    mode.unwrap_or_default()
}

/// A pool whose selector measures for so long.
pub(crate) fn tuning_pool(matches: &ArgMatches, budget: Duration) -> Result<Pool, Error> {
    let selector = Selector::new(Mode::Benchmark).with_workspace(workspace(matches));
    Ok(Pool::new(threads(matches)?).with_selector(selector.with_budget(budget)))
}

/// The cap on scratch memory, in bytes.
pub(crate) fn workspace(matches: &ArgMatches) -> usize {
    matches.get_one("workspace").copied().unwrap_or(usize::MAX)
}

fn threads(matches: &ArgMatches) -> Result<usize, Error> {
    if let Some(threads) = matches.get_one("threads") {
        return Ok(*threads);
    }
    let wanted = wanted_threads().map_err(|message| Error::Settings {
        message,
        help: format!("unset {THREADS_VARIABLE}, or give `--threads`"),
    });
    Ok(wanted?.unwrap_or_else(Pool::default_threads))
}

/// A number of bytes with a unit, decimal or binary.
fn size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, usize); 8] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor =
        UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).map(|(_, factor)| *factor);
    let bytes =
        number.parse::<usize>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| "expected a number of bytes, such as 64MiB, 500kB or 0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let cases = [("0", 0), ("17", 17), ("2kB", 2_000), ("64MiB", 64 << 20), ("1 gib", 1 << 30)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MB", "3 parsecs", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}

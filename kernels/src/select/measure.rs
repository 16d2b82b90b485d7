//! Measurements of candidates.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{Algorithm, Candidate};

/// What time it is; tests have a clock of their own, because that of a busy machine proves nothing.
pub(super) type Clock = fn() -> Duration;

/// A candidate that takes so many times as long as the fastest is not measured any further.
const HOPELESS: f64 = 2.0;

/// Repetitions are enough from here on, however much of the budget is left.
const MOST_ROUNDS: usize = 25;

/// They are done even where the budget is spent already.
const LEAST_ROUNDS: usize = 3;

/// Gives each candidate the median time of a few runs. They take turns, so that a machine that slows
/// down does so for all of them.
pub(super) fn measure(
    candidates: Vec<&mut Candidate>,
    budget: Duration,
    clock: Clock,
    run: &mut dyn FnMut(Algorithm),
) {
    let mut seconds = |algorithm| {
        let start = clock();
        run(algorithm);
        (clock() - start).as_secs_f64()
    };
    let mut race: Vec<(&mut Candidate, Vec<f64>)> =
        candidates.into_iter().map(|candidate| (candidate, Vec::new())).collect();
    for (candidate, times) in &mut race {
        // The first run gets memory from the system.
        seconds(candidate.algorithm);
        times.push(seconds(candidate.algorithm));
    }
    let fastest = race.iter().map(|(_, times)| times[0]).fold(f64::INFINITY, f64::min);
    let start = clock();
    for round in 1..MOST_ROUNDS {
        if round >= LEAST_ROUNDS && clock() - start > budget {
            break;
        }
        for (candidate, times) in race.iter_mut().filter(|(_, times)| times[0] <= HOPELESS * fastest) {
            times.push(seconds(candidate.algorithm));
        }
    }
    for (candidate, mut times) in race {
        candidate.measured = Some(median(&mut times));
    }
}

/// The time since the first call.
pub(super) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

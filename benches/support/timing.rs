//! Medians of tasks that take turns, so that what disturbs the machine disturbs all of them alike.

use std::time::{Duration, Instant};

/// How long a task runs in each of its turns.
const TURN: Duration = Duration::from_millis(100);

/// The median time of each task.
pub(crate) fn medians(rounds: usize, tasks: &mut [&mut dyn FnMut()]) -> Vec<Duration> {
    let mut samples: Vec<Vec<Duration>> = vec![Vec::new(); tasks.len()];
    for task in tasks.iter_mut() {
        task();
    }
    for _ in 0..rounds {
        for (task, samples) in tasks.iter_mut().zip(&mut samples) {
            // Brings back into the caches what the others have driven out.
            task();
            let turn = Instant::now();
            while turn.elapsed() < TURN {
                samples.push(time(task));
            }
        }
    }
    samples.into_iter().map(median).collect()
}

/// The best time of a task, for limits that nothing can exceed.
pub(crate) fn best(rounds: usize, mut task: impl FnMut()) -> Duration {
    task();
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            best = best.min(time(&mut task));
        }
    }
    best
}

fn time(task: &mut (impl FnMut() + ?Sized)) -> Duration {
    let start = Instant::now();
    task();
    start.elapsed()
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

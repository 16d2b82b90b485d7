//! `eval`: measures a checkpoint.

use std::ops::ControlFlow;
use std::sync::Arc;

use clap::ArgMatches;
use nnc_runtime::Error;
use nnc_runtime::program::Program;
use nnc_runtime::train::{Metrics, Task, evaluate, load_data};
use serde::Serialize;

use crate::output::{complain, result_lines, say, say_json};
use crate::saved::Saved;

#[derive(Serialize)]
struct Report<'a> {
    checkpoint: String,
    data: String,
    part: &'a str,
    samples: usize,
    #[serde(flatten)]
    metrics: Metrics,
}

pub(crate) fn run(program: &'static Program, matches: &ArgMatches) -> Result<(), Error> {
    let mut saved = Saved::open(program, matches)?;
    let source = saved.source(matches)?;
    let splits = load_data(program, &source)?;
    for note in &splits.notes {
        complain(&format!("warning: {note}"));
    }
    let part = matches.get_one::<String>("part").map_or("test", String::as_str);
    let dataset = Arc::new(match part {
        "train" => splits.train,
        "validation" => splits.validation,
        _ => splits.test,
    });
    let batch = matches.get_one("batch").copied().unwrap_or(saved.run.config.batch);
    let statistics = &saved.run.data.statistics;
    let totals = evaluate(&mut saved.model, &dataset, statistics, batch, |_| ControlFlow::Continue(()))?;
    let totals = totals.unwrap_or_default();
    let metrics = totals.metrics(Task::of(program)?.has_classes());
    if matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        let checkpoint = saved.path.display().to_string();
        let data = source.to_string();
        say_json(&Report { checkpoint, data, part, samples: totals.samples, metrics });
    } else {
        say(&format!("{} on {} samples of {source}", saved.path.display(), totals.samples));
        result_lines(part, &metrics).iter().for_each(|line| say(line));
    }
    Ok(())
}

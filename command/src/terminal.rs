//! A run on the terminal: a bar while an epoch goes on, a line when it is done.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use nnc_runtime::train::{Beginning, EpochRecord, Observer, Part, ResultRecord, Step};

use crate::output::{complain, duration, epoch_label, epoch_line, plural, result_lines, say};
use crate::units::{bytes, thousands};

/// Time between two drawings of the bar; more often nobody can read it.
const REDRAW: Duration = Duration::from_millis(100);

/// Prints what a run tells.
pub(crate) struct Terminal {
    /// None if nobody watches.
    bar: Option<ProgressBar>,
    drawn: Option<Instant>,
    pace: Pace,
    unit: &'static str,
    folder: String,
}

/// How fast the part under way goes.
struct Pace {
    part: Option<(Part, usize)>,
    start: Instant,
    samples: usize,
    /// Samples of one epoch, training and validation.
    epoch_samples: usize,
    /// Moving average of the training loss, over about twenty steps.
    loss: Option<f32>,
}

impl Terminal {
    pub(crate) fn new() -> Terminal {
        let pace = Pace { part: None, start: Instant::now(), samples: 0, epoch_samples: 0, loss: None };
        Terminal { bar: None, drawn: None, pace, unit: "samples", folder: String::new() }
    }

    /// Prints a line above the bar.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }
}

impl Observer for Terminal {
    fn begin(&mut self, start: &Beginning) {
        self.unit = if start.input.len() == 3 { "images" } else { "samples" };
        self.folder = start.folder.display().to_string();
        self.pace.epoch_samples = start.samples[0] + start.samples[1];
        for note in start.notes {
            complain(&format!("warning: {note}"));
        }
        beginning(start).iter().for_each(|line| say(line));
        if stderr().is_terminal() {
            self.bar = Some(ProgressBar::new(0).with_style(style()));
        }
    }

    fn step(&mut self, step: &Step) {
        self.pace.add(step);
        let Some(bar) = &self.bar else { return };
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        self.drawn = Some(Instant::now());
        bar.set_prefix(label(step));
        bar.set_length(step.steps as u64);
        bar.set_position(step.done as u64);
        bar.set_message(self.pace.message(step, self.unit));
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.line(&epoch_line(record, self.unit));
    }

    fn result(&mut self, record: &ResultRecord) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        say(&format!("best epoch {}, saved as {}/best.safetensors", record.best_epoch, self.folder));
        result_lines("test", &record.test).iter().for_each(|line| say(line));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After an error or an interruption the bar is still there.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Pace {
    fn add(&mut self, step: &Step) {
        if self.part != Some((step.part, step.epoch)) {
            (self.part, self.start, self.samples) = (Some((step.part, step.epoch)), Instant::now(), 0);
            self.loss = None;
        } else {
            // The first batch only starts the clock.
            self.samples += step.samples;
        }
        if let Some(loss) = step.loss {
            self.loss = Some(self.loss.map_or(loss, |mean| 0.95 * mean + 0.05 * loss));
        }
    }

    /// Loss, rate and time left, once there is a rate.
    fn message(&self, step: &Step, unit: &str) -> String {
        let rate = self.samples as f64 / self.start.elapsed().as_secs_f64();
        if self.samples == 0 || !rate.is_finite() {
            return String::new();
        }
        let left = (step.steps - step.done) * step.samples;
        let mut message = self.loss.map(|loss| format!("loss {loss:.4}  ")).unwrap_or_default();
        let (rounded, time) = (thousands(rate.round() as u64), duration(left as f64 / rate));
        message.push_str(&format!("{rounded} {unit}/s  {time} left"));
        let epochs = step.epochs - step.epoch;
        if step.part == Part::Training && epochs > 0 {
            let left = left + epochs * self.epoch_samples;
            message.push_str(&format!(", run {}", duration(left as f64 / rate)));
        }
        message
    }
}

/// What the run is, in a few lines.
fn beginning(start: &Beginning) -> Vec<String> {
    let [training, validation, test] = start.samples.map(|samples| thousands(samples as u64));
    let config = start.config;
    let mut lines = vec![
        format!(
            "{}: {} parameters, {} memory, {}",
            start.network,
            thousands(start.parameters as u64),
            bytes(start.memory as u64),
            computing_on(start),
        ),
        format!("{}: {training} training, {validation} validation, {test} test samples", config.data),
        format!(
            "{}, batch {}, seed {}, run folder {}",
            start.optimizer,
            config.batch,
            config.seed,
            start.folder.display(),
        ),
    ];
    if let Some((epoch, position)) = start.resumed {
        let steps = plural(position, "step");
        lines.push(format!("resumed with {epoch} of {} epochs done, and {steps} of the next", config.epochs));
    }
    lines
}

/// `2 threads`, or the GPU.
fn computing_on(start: &Beginning) -> String {
    if start.device == "cpu" { plural(start.threads, "thread") } else { start.device.clone() }
}

fn label(step: &Step) -> String {
    match step.part {
        Part::Training => epoch_label(step.epoch, step.epochs),
        Part::Validation => format!("{} validation", epoch_label(step.epoch, step.epochs)),
        Part::Test => "test".to_owned(),
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{prefix} [{bar:16}] {pos}/{len}  {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

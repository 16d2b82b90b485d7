//! `predict`: applies a checkpoint to files, or to samples of the test part.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use nnc_runtime::Error;
use nnc_runtime::data::{self, Dataset, Samples, Transform};
use nnc_runtime::program::{Program, TargetKind};
use nnc_runtime::train::{Task, load_data};
use serde::Serialize;

use crate::output::{say, say_json};
use crate::saved::Saved;

/// Samples that go through the network at once.
const BATCH: usize = 256;

/// What the network says about a sample.
#[derive(Debug, Serialize)]
struct Prediction {
    /// The file, or `test`.
    source: String,
    /// Position in the source, from 1; none for an image.
    row: Option<usize>,
    /// The most likely classes, best first; empty for a regression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<ClassProbability>,
    /// The output of a regression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<f32>,
    /// What is right, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ClassProbability {
    class: String,
    probability: f64,
}

pub(crate) fn run(program: &'static Program, matches: &ArgMatches) -> Result<(), Error> {
    let mut saved = Saved::open(program, matches)?;
    let top = matches.get_one("top").copied().unwrap_or(3);
    let files: Vec<&PathBuf> = matches.get_many("files").into_iter().flatten().collect();
    let json = matches.get_one::<String>("format").is_some_and(|format| format == "json");
    let print = |prediction: &Prediction| match json {
        true => say_json(prediction),
        false => say(&line(prediction)),
    };
    if files.is_empty() {
        let count = matches.get_one("count").copied().unwrap_or(10);
        let test = load_data(program, &saved.source(matches)?)?.test;
        predict_test(&mut saved, &test, count, top)?.iter().for_each(print);
    }
    for file in files {
        predict_file(&mut saved, file, top)?.iter().for_each(print);
    }
    Ok(())
}

fn predict_file(saved: &mut Saved, file: &Path, top: usize) -> Result<Vec<Prediction>, Error> {
    let target = saved.run.config.data.target.as_deref();
    let samples = data::load_samples(file, &saved.run.data.shape, target)?;
    let single = !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let outputs = outputs(saved, &samples, samples.len())?;
    let predictions = outputs.iter().enumerate().map(|(index, output)| Prediction {
        row: (!single).then_some(index + 1),
        ..prediction(saved, file.display().to_string(), output, top)
    });
    Ok(predictions.collect())
}

fn predict_test(
    saved: &mut Saved,
    test: &Dataset,
    count: usize,
    top: usize,
) -> Result<Vec<Prediction>, Error> {
    let outputs = outputs(saved, test.samples(), count)?;
    let predictions = outputs.iter().enumerate().map(|(index, output)| Prediction {
        row: Some(index + 1),
        truth: truth(test, index),
        ..prediction(saved, "test".to_owned(), output, top)
    });
    Ok(predictions.collect())
}

/// The network's output for each of the first `count` samples.
fn outputs(saved: &mut Saved, samples: &Samples, count: usize) -> Result<Vec<Vec<f32>>, Error> {
    let task = Task::of(saved.model.program())?;
    let transform = Transform::new(samples.shape(), task.input, &saved.run.data.statistics)?;
    let mut inputs = transform.apply(samples);
    let (input, output): (usize, usize) = (task.input.iter().product(), task.output.iter().product());
    let mut outputs = Vec::new();
    let wanted = input * count.min(samples.len());
    for batch in inputs[..wanted].chunks_mut(input * BATCH) {
        let values = saved.model.predict_transformed(batch)?.swap_remove(task.output_index);
        outputs.extend(values.chunks_exact(output).map(<[f32]>::to_vec));
    }
    Ok(outputs)
}

fn prediction(saved: &Saved, source: String, output: &[f32], top: usize) -> Prediction {
    let (classes, values) = match saved.model.program().targets[0].kind {
        TargetKind::Classes => (most_likely(&saved.run.data.classes, output, top), Vec::new()),
        TargetKind::Values => (Vec::new(), output.to_vec()),
    };
    Prediction { source, row: None, classes, values, truth: None }
}

/// The `top` most likely classes under softmax, best first.
fn most_likely(names: &[String], logits: &[f32], top: usize) -> Vec<ClassProbability> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|logit| f64::from(logit - highest).exp()).collect();
    let total: f64 = weights.iter().sum();
    let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| index.to_string());
    let mut classes: Vec<ClassProbability> = weights
        .iter()
        .enumerate()
        .map(|(index, weight)| ClassProbability { class: name(index), probability: weight / total })
        .collect();
    classes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    classes.truncate(top);
    classes
}

fn truth(test: &Dataset, index: usize) -> Option<String> {
    match test.targets() {
        data::Targets::Classes(labels) => {
            let label = *labels.get(index)? as usize;
            test.classes().get(label).cloned()
        }
        data::Targets::Values { width, values } => {
            Some(join(values.get(index * width..(index + 1) * width)?))
        }
    }
}

/// `a.png: 7 (99.10 %), 1 (0.50 %)`, and what is right where that is known.
fn line(prediction: &Prediction) -> String {
    let row = prediction.row.map(|row| format!(" {row}")).unwrap_or_default();
    let classes: Vec<String> = prediction
        .classes
        .iter()
        .map(|class| format!("{} ({:.2} %)", class.class, 100.0 * class.probability))
        .collect();
    let answer = if classes.is_empty() { join(&prediction.values) } else { classes.join(", ") };
    let truth = prediction.truth.as_ref().map(|truth| format!("; right is {truth}")).unwrap_or_default();
    format!("{}{row}: {answer}{truth}", prediction.source)
}

fn join(values: &[f32]) -> String {
    values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["cat", "dog", "owl"].map(String::from).to_vec()
    }

    #[test]
    fn classes_come_best_first_with_their_probability() {
        let classes = most_likely(&names(), &[1000.0, 1000.0 + 4f32.ln(), -1000.0], 2);
        assert_eq!(classes.iter().map(|class| class.class.as_str()).collect::<Vec<_>>(), ["dog", "cat"]);
        assert!((classes[0].probability - 0.8).abs() < 1e-4, "{classes:?}");
        assert!((classes[1].probability - 0.2).abs() < 1e-4, "{classes:?}");
    }

    #[test]
    fn a_line_says_what_is_right() {
        let classes = vec![ClassProbability { class: "owl".into(), probability: 0.991 }];
        let prediction = Prediction {
            source: "test".into(),
            row: Some(3),
            classes,
            values: Vec::new(),
            truth: Some("cat".into()),
        };
        assert_eq!(line(&prediction), "test 3: owl (99.10 %); right is cat");
    }

    #[test]
    fn a_regression_shows_its_values() {
        let prediction = Prediction {
            source: "a.csv".into(),
            row: Some(1),
            classes: Vec::new(),
            values: vec![0.5, -2.0],
            truth: None,
        };
        assert_eq!(line(&prediction), "a.csv 1: 0.5, -2");
    }
}

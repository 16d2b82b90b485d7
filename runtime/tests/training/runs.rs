//! Whole runs: what they reach, what they leave behind, and that they can be resumed exactly.

use std::fs;
use std::path::Path;

use nnc_runtime::checkpoint::Checkpoint;
use nnc_runtime::train::{Outcome, Overrides, ResultRecord};

use crate::programs::{classifier, regression};
use crate::support::{Folder, Session};

/// Batches of one epoch: those of the training part, and those of training and validation part.
const TRAINING_STEPS: usize = 13;
const EPOCH_STEPS: usize = 15;

fn last(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("last.safetensors")).unwrap()
}

fn best(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("best.safetensors")).unwrap()
}

fn events(folder: &Path) -> Vec<String> {
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    log.lines().map(|line| record(line)["event"].as_str().unwrap().to_owned()).collect()
}

fn finished(outcome: Outcome) -> ResultRecord {
    match outcome {
        Outcome::Finished { result, .. } => result,
        Outcome::Interrupted { .. } => panic!("the run was interrupted"),
    }
}

fn whole(folder: &Path) -> ResultRecord {
    finished(Session::new(&classifier::PROGRAM, folder).run().unwrap())
}

#[test]
fn a_run_learns_and_leaves_checkpoints_and_a_log() {
    let folder = Folder::new();
    let mut epochs = Vec::new();
    let session = Session::new(&classifier::PROGRAM, folder.path());
    let result = finished(session.run_and_tell(&mut |record| epochs.push(*record)).unwrap());
    // Four epochs over images that are cut at random; chance is 0.1.
    assert!(result.test.accuracy.unwrap() > 0.8, "{result:?}");
    assert_eq!(epochs.len(), 4);
    assert!(epochs[3].training.loss < epochs[0].training.loss);
    // Each of so few steps has a record of its own.
    let epoch = [vec!["steps"; TRAINING_STEPS], vec!["epoch"]].concat();
    assert_eq!(events(folder.path()), [vec!["start"], epoch.repeat(4), vec!["result"]].concat());
    let checkpoint = Checkpoint::read(&folder.join("last.safetensors")).unwrap();
    let run = checkpoint.metadata.run.unwrap();
    assert_eq!(checkpoint.metadata.step, 4 * TRAINING_STEPS as u64);
    assert_eq!(checkpoint.metadata.source, classifier::PROGRAM.source);
    assert_eq!((run.progress.epoch, run.progress.position), (4, 0));
    assert_eq!(run.data.classes.len(), 10);
    // The last batch holds what remains.
    assert_eq!(run.data.samples[0].div_ceil(100), TRAINING_STEPS);
    assert_ne!(run.data.samples[0] % 100, 0);
}

#[test]
fn the_best_epoch_is_kept_and_tested() {
    let folder = Folder::new();
    let mut epochs = Vec::new();
    let overrides = Overrides { hyperparameters: vec![("lr".into(), 0.5)], ..Overrides::default() };
    let session = Session { overrides, ..Session::new(&classifier::PROGRAM, folder.path()) };
    let result = finished(session.run_and_tell(&mut |record| epochs.push(*record)).unwrap());
    let highest = epochs.iter().filter_map(|record| record.validation.accuracy).fold(0.0, f64::max);
    let kept = &epochs[result.best_epoch - 1];
    assert_eq!(kept.validation.accuracy, Some(highest));
    assert!(kept.best);
    let checkpoint = Checkpoint::read(&folder.join("best.safetensors")).unwrap();
    assert_eq!(checkpoint.metadata.step, (result.best_epoch * TRAINING_STEPS) as u64);
}

#[test]
fn threads_change_no_bit() {
    let (one, two) = (Folder::new(), Folder::new());
    let first = whole(one.path());
    let session = Session { threads: 2, ..Session::new(&classifier::PROGRAM, two.path()) };
    assert_eq!(finished(session.run().unwrap()), first);
    assert_eq!(last(one.path()), last(two.path()));
    assert_eq!(best(one.path()), best(two.path()));
}

#[test]
fn seeds_change_the_result() {
    let (one, two) = (Folder::new(), Folder::new());
    whole(one.path());
    let overrides = Overrides { seed: Some(8), ..Overrides::default() };
    Session { overrides, ..Session::new(&classifier::PROGRAM, two.path()) }.run().unwrap();
    assert_ne!(last(one.path()), last(two.path()));
}

#[test]
fn an_interrupted_run_ends_in_the_same_bits() {
    let alone = Folder::new();
    let result = whole(alone.path());
    // After a first step, inside an epoch, at its last step, in validation, in the last epoch's.
    for stop in [1, EPOCH_STEPS + 5, TRAINING_STEPS, TRAINING_STEPS + 1, 4 * EPOCH_STEPS] {
        let folder = Folder::new();
        let session = Session::new(&classifier::PROGRAM, folder.path());
        let outcome = Session { stop_after: Some(stop), ..session }.run().unwrap();
        assert!(matches!(outcome, Outcome::Interrupted { .. }), "stop after {stop}: {outcome:?}");
        let resumed = Session { threads: 2, ..Session::resume(&classifier::PROGRAM, folder.path()) };
        assert_eq!(finished(resumed.run().unwrap()), result, "stop after {stop}");
        assert!(last(folder.path()) == last(alone.path()), "last differs, stop after {stop}");
        assert!(best(folder.path()) == best(alone.path()), "best differs, stop after {stop}");
        assert_eq!(events(folder.path()).iter().filter(|event| *event == "resume").count(), 1);
    }
}

#[test]
fn a_run_may_be_interrupted_again_and_again() {
    let (alone, folder) = (Folder::new(), Folder::new());
    let result = whole(alone.path());
    let mut resume = false;
    let outcome = loop {
        let session = Session { resume, ..Session::new(&classifier::PROGRAM, folder.path()) };
        let outcome = Session { stop_after: Some(7), ..session }.run().unwrap();
        if let Outcome::Finished { .. } = outcome {
            break outcome;
        }
        resume = true;
    };
    assert_eq!(finished(outcome), result);
    assert!(last(folder.path()) == last(alone.path()));
}

#[test]
fn a_killed_run_goes_on_from_its_last_epoch() {
    let (alone, killed) = (Folder::new(), Folder::new());
    // What the folder holds after the second epoch is what a killed run leaves behind.
    let snapshot = |record: &nnc_runtime::train::EpochRecord| {
        if record.epoch == 2 {
            for name in ["last.safetensors", "best.safetensors", "log.jsonl"] {
                fs::copy(alone.join(name), killed.join(name)).unwrap();
            }
        }
    };
    let session = Session::new(&classifier::PROGRAM, alone.path());
    let result = finished(session.run_and_tell(&mut { snapshot }).unwrap());
    // The machine went down while a line of the log was being written.
    let torn = fs::read_to_string(killed.join("log.jsonl")).unwrap() + "{\"event\": \"ep";
    fs::write(killed.join("log.jsonl"), torn).unwrap();
    let resumed = Session::resume(&classifier::PROGRAM, killed.path()).run().unwrap();
    assert_eq!(finished(resumed), result);
    assert!(last(killed.path()) == last(alone.path()));
    let log = fs::read_to_string(killed.join("log.jsonl")).unwrap();
    assert!(log.contains("\n{\"event\":\"resume\""), "{log}");
}

#[test]
fn a_run_killed_in_its_first_epoch_begins_again() {
    let (alone, killed) = (Folder::new(), Folder::new());
    let session = Session::new(&classifier::PROGRAM, killed.path());
    // Only the checkpoint written at the start counts.
    Session { stop_after: Some(1), ..session }.run().unwrap();
    fs::remove_file(killed.join("log.jsonl")).unwrap();
    let result = whole(alone.path());
    let resumed = Session::resume(&classifier::PROGRAM, killed.path()).run().unwrap();
    assert_eq!(finished(resumed), result);
}

#[test]
fn a_finished_run_can_go_on_for_more_epochs() {
    let (long, short) = (Folder::new(), Folder::new());
    let overrides = |epochs| Overrides { epochs: Some(epochs), ..Overrides::default() };
    Session { overrides: overrides(3), ..Session::new(&classifier::PROGRAM, long.path()) }.run().unwrap();
    Session { overrides: overrides(1), ..Session::new(&classifier::PROGRAM, short.path()) }.run().unwrap();
    Session { overrides: overrides(3), ..Session::resume(&classifier::PROGRAM, short.path()) }.run().unwrap();
    assert!(last(long.path()) == last(short.path()));
    let again = Session::resume(&classifier::PROGRAM, short.path()).run().unwrap();
    assert!(matches!(again, Outcome::Finished { .. }));
}

#[test]
fn settings_that_decide_the_result_cannot_change_on_resume() {
    let folder = Folder::new();
    Session { stop_after: Some(2), ..Session::new(&classifier::PROGRAM, folder.path()) }.run().unwrap();
    let resume =
        |overrides| Session { overrides, ..Session::resume(&classifier::PROGRAM, folder.path()) }.run();
    let changes = [
        (Overrides { batch: Some(50), ..Overrides::default() }, "has batch 100, but 50"),
        (Overrides { seed: Some(1), ..Overrides::default() }, "has seed 7, but 1"),
        (
            Overrides { hyperparameters: vec![("lr".into(), 0.2)], ..Overrides::default() },
            "has lr 0.1, but 0.2",
        ),
        (Overrides { data: Some("csv:x".into()), ..Overrides::default() }, "has data digits, but csv"),
        (Overrides { hyperparameters: vec![("rho".into(), 0.2)], ..Overrides::default() }, "`rho`"),
        (Overrides { epochs: Some(0), ..Overrides::default() }, "`epochs` is 0"),
    ];
    for (overrides, expected) in changes {
        let error = resume(overrides).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.help().is_some());
    }
    let same = Overrides { batch: Some(100), seed: Some(7), ..Overrides::default() };
    assert!(resume(same).is_ok());
}

#[test]
fn folders_with_or_without_a_run_are_told_apart() {
    let folder = Folder::new();
    let error = Session::resume(&classifier::PROGRAM, folder.path()).run().unwrap_err();
    assert!(error.to_string().contains("`last.safetensors` is missing"), "{error}");
    Session { stop_after: Some(1), ..Session::new(&classifier::PROGRAM, folder.path()) }.run().unwrap();
    let error = Session::new(&classifier::PROGRAM, folder.path()).run().unwrap_err();
    assert!(error.to_string().contains("holds a run already"), "{error}");
}

#[test]
fn a_run_of_another_model_is_refused() {
    let folder = Folder::new();
    Session { stop_after: Some(1), ..Session::new(&classifier::PROGRAM, folder.path()) }.run().unwrap();
    let error = Session::resume(&regression::PROGRAM, folder.path()).run().unwrap_err();
    assert!(error.to_string().contains("another text of the model"), "{error}");
}

#[test]
fn a_run_with_another_optimiser_is_refused() {
    let folder = Folder::new();
    Session { stop_after: Some(1), ..Session::new(&classifier::PROGRAM, folder.path()) }.run().unwrap();
    let path = folder.path().join("last.safetensors");
    let mut checkpoint = Checkpoint::read(&path).unwrap();
    checkpoint.metadata.optimizer = "adam".into();
    checkpoint.write(&path).unwrap();
    let error = Session::resume(&classifier::PROGRAM, folder.path()).run().unwrap_err();
    assert!(error.to_string().contains("the optimiser adam"), "{error}");
    assert!(error.help().unwrap().contains("--optimizer adam"));
}

/// Points of the plane z = 3x - 2y + 1.
fn plane(path: &Path, rows: usize) {
    let mut text = String::from("x,y,z\n");
    for row in 0..rows {
        let (x, y) = ((row as f32 * 0.7).sin(), (row as f32 * 1.3).cos());
        text.push_str(&format!("{x},{y},{}\n", 3.0 * x - 2.0 * y + 1.0));
    }
    fs::write(path, text).unwrap();
}

fn plane_run<'a>(folder: &'a Folder, run: &'a Path) -> Session<'a> {
    let table = folder.join("plane.csv");
    plane(&table, 200);
    let data = Some(table.display().to_string());
    let overrides = Overrides { data, ..Overrides::default() };
    Session { overrides, ..Session::new(&regression::PROGRAM, run) }
}

#[test]
fn a_regression_is_judged_by_its_loss() {
    let folder = Folder::new();
    let result = finished(plane_run(&folder, &folder.join("run")).run().unwrap());
    assert_eq!(result.test.accuracy, None);
    assert!(result.test.loss < 1e-3, "{result:?}");
}

#[test]
fn changed_data_is_noticed_on_resume() {
    let folder = Folder::new();
    let run = folder.join("run");
    Session { stop_after: Some(3), ..plane_run(&folder, &run) }.run().unwrap();
    plane(&folder.join("plane.csv"), 190);
    let error = Session::resume(&regression::PROGRAM, &run).run().unwrap_err();
    assert!(error.to_string().contains("the data set has changed"), "{error}");
}

#[test]
fn a_loss_that_explodes_ends_the_run_with_the_step() {
    let folder = Folder::new();
    let run = folder.join("run");
    let mut session = plane_run(&folder, &run);
    session.overrides.hyperparameters = vec![("lr".into(), 1e30)];
    let error = session.run().unwrap_err();
    assert!(error.to_string().contains("at step "), "{error}");
    assert!(error.to_string().contains("`linear1") || error.to_string().contains("`mse`"), "{error}");
    // The checkpoint of the last epoch is as it was.
    assert!(Checkpoint::read(&run.join("last.safetensors")).is_ok());
}

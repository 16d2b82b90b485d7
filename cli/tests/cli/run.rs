//! `nnc run`: from a file to a trained network, through a cache that stays under `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::support::{Folder, TINY};

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("run-cache")
}

fn run(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(&[&["run", "tiny.nn"], arguments].concat());
    command.env("NNC_CACHE_DIR", cache());
    command
}

/// When each program in the cache was linked.
fn programs() -> Vec<(PathBuf, SystemTime)> {
    let crates = fs::read_dir(cache().join("crates")).unwrap();
    let programs = crates.map(|entry| {
        let folder = entry.unwrap().path();
        folder.join("target/release").join(folder.file_name().unwrap())
    });
    let linked = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let mut programs: Vec<_> = programs.filter_map(|path| Some((path.clone(), linked(&path)?))).collect();
    programs.sort();
    programs
}

/// Trains into the folder `name` and gives both outputs.
#[track_caller]
fn trained(folder: &Folder, name: &str, arguments: &[&str]) -> [String; 2] {
    let output = run(folder, &[&["--run", name, "--seed", "3"], arguments].concat()).output().unwrap();
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(0), "{texts:?}");
    texts
}

#[test]
fn a_file_and_one_command_train_a_network() {
    let folder = Folder::new("run-train").with("tiny.nn", TINY);
    let [stdout, stderr] = trained(&folder, "first", &[]);
    assert!(stderr.starts_with("building tiny … ") && stderr.ends_with(" s\n"), "{stderr}");
    assert!(stdout.starts_with("Tiny: 94 parameters"), "{stdout}");
    assert!(stdout.lines().last().is_some_and(|line| line.starts_with("test accuracy ")), "{stdout}");

    let [stdout, _] = trained(&folder, "wide", &["--set", "width=5"]);
    assert!(stdout.starts_with("Tiny: 115 parameters"), "{stdout}");

    let built = programs();
    let [stdout, _] = trained(&folder, "second", &["--threads", "1"]);
    assert!(stdout.starts_with("Tiny: 94 parameters"), "a model of the same name is another one: {stdout}");
    assert_eq!(programs(), built, "what is built stays built");
    let checkpoint = |run: &str| fs::read(folder.path(run).join("best.safetensors")).unwrap();
    assert!(checkpoint("first") == checkpoint("second"), "the same seed gives the same bits");

    let mut tune = folder.command(&["tune", "tiny.nn", "--threads", "1", "--format", "json"]);
    let tuned = tune.env("NNC_CACHE_DIR", cache()).output().unwrap();
    let texts = [tuned.stdout, tuned.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(texts[0].lines().count(), 7 + 2, "the products of both passes, and their sums: {texts:?}");
    assert!(texts[0].contains(r#""layer":"conv1","product":"weight gradient""#), "{texts:?}");
    assert!(texts[1].contains("\nkept in ") && cache().join("timings.jsonl").exists(), "{texts:?}");
    assert_eq!(programs(), built, "it is the same program");

    let again = run(&folder, &["--run", "first"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "the status is the program's: that folder holds a run");
}

#[test]
fn mistakes_are_told_before_anything_is_built() {
    let folder = Folder::new("run-mistakes").with("tiny.nn", TINY);
    let nowhere = folder.path("no-cache");
    let refused = |arguments: &[&str], part: &str| {
        let output = run(&folder, arguments).env("NNC_CACHE_DIR", &nowhere).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(part), "{text}");
    };
    refused(&["--set", "width=0"], "error[");
    refused(&["--hyper", "momentum=0.9"], "`adadelta` has no hyperparameter `momentum`");
    refused(&["--data", "somewhere"], "the format of the data set `somewhere` is not known");
    refused(
        &["--data", "mnist:nowhere"],
        "nowhere: there is no such file or folder; expected a folder of IDX",
    );
    refused(&["--data", "digits", "--loss", "mse"], "`digits` has a class per sample");
    refused(&["--resume"], "no run");
    refused(&["--resume", "nowhere"], "`nowhere` holds no run to go on with");
    for (train, part) in [
        ("", "no data set is given"),
        ("train Tiny { data mnist }", "the data set `mnist` needs the path of a folder of IDX files"),
        ("train Tiny { data csv \"no.csv\" }", "no.csv: there is no such file"),
    ] {
        let network = "network Tiny<3x8x8 -> 10> { conv3 8 relu gap linear 10 }";
        fs::write(folder.path("tiny.nn"), format!("{network} {train}")).unwrap();
        refused(&[], part);
    }
    refused(&["--data", "digits"], "digits: the data is 1x8x8, but the network takes 3x8x8");
    assert!(!nowhere.exists());
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let folder = Folder::new("run-cache-file").with("tiny.nn", TINY).with("file", "");
    let output = run(&folder, &[]).env("NNC_CACHE_DIR", folder.path("file")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot create the cache folder") && text.contains("set NNC_CACHE_DIR"), "{text}");
}

#[test]
fn a_missing_cargo_is_named() {
    let folder = Folder::new("run-cargo").with("tiny.nn", TINY);
    let mut command = run(&folder, &[]);
    let output =
        command.env("NNC_CACHE_DIR", folder.path("cache")).env("CARGO", folder.path("no-cargo")).output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot start") && text.contains("install Rust"), "{text}");
}

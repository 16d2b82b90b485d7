//! Checkpoint files: what comes back, and what is refused.

use std::fs;
use std::path::Path;

use nnc_runtime::checkpoint::fingerprint;
use nnc_runtime::program::Program;
use nnc_runtime::{Error, Model, Targets};

use crate::programs::{classifier, regression};
use crate::support::Folder;

fn trained() -> Model {
    let mut model = Model::with_threads(&classifier::PROGRAM, 5, 1);
    let inputs: Vec<f32> = (0..640).map(|index| (index as f32).sin()).collect();
    let labels: Vec<u32> = (0..10).collect();
    for _ in 0..3 {
        model.train_step(&inputs, Targets::Classes(&labels)).unwrap();
    }
    model
}

fn refused(program: &'static Program, path: &Path) -> Error {
    match Model::load(program, path) {
        Err(error) => error,
        Ok(_) => panic!("`{}` was read", path.display()),
    }
}

#[test]
fn a_model_comes_back_as_it_was() {
    let folder = Folder::new();
    let path = folder.join("model.safetensors");
    let mut model = trained();
    model.set_learning_rate(0.25).unwrap();
    model.save(&path).unwrap();
    let mut read = Model::load(&classifier::PROGRAM, &path).unwrap();
    assert_eq!(read.checkpoint().unwrap(), model.checkpoint().unwrap());
    assert_eq!(read.hyperparameter("lr").unwrap(), 0.25);
    assert_eq!(read.step(), 3);
    let input = [0.5; 64];
    assert_eq!(read.predict(&input).unwrap(), model.predict(&input).unwrap());
    // Optimiser and random numbers go on alike, too.
    let labels = [3];
    read.train_step(&input, Targets::Classes(&labels)).unwrap();
    model.train_step(&input, Targets::Classes(&labels)).unwrap();
    assert_eq!(read.checkpoint().unwrap(), model.checkpoint().unwrap());
}

#[test]
fn the_same_model_gives_the_same_bytes_and_no_other_file() {
    let folder = Folder::new();
    let (one, two) = (folder.join("one.safetensors"), folder.join("two.safetensors"));
    trained().save(&one).unwrap();
    trained().save(&two).unwrap();
    trained().save(&two).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn tensors_have_names_and_shapes_of_the_outside() {
    let checkpoint = trained().checkpoint().unwrap();
    let names: Vec<&str> = checkpoint.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "bn1.bias",
            "bn1.running_mean",
            "bn1.running_var",
            "bn1.weight",
            "linear1.weight",
            "linear2.bias",
            "linear2.weight",
            "optimizer.momentum_buffer",
        ]
    );
    assert_eq!(checkpoint.tensor("linear1.weight").unwrap().shape, [24, 64]);
    let metadata = &checkpoint.metadata;
    assert_eq!(metadata.source_fnv1a64, fingerprint(classifier::PROGRAM.source));
    assert_eq!((metadata.seed, metadata.step), (5, 3));
}

#[test]
fn the_fingerprint_is_fnv_1a() {
    // From the authors' test suite.
    assert_eq!(fingerprint(""), "cbf29ce484222325");
    assert_eq!(fingerprint("foobar"), "85944171f73967e8");
}

#[test]
fn damaged_files_are_refused() {
    let folder = Folder::new();
    let path = folder.join("model.safetensors");
    trained().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let flipped: Vec<u8> =
        bytes.iter().enumerate().map(|(i, byte)| if i == 20 { 0 } else { *byte }).collect();
    let damages = [&bytes[..bytes.len() - 1], &bytes[..200], &bytes[..5], &[], b"not a checkpoint", &flipped];
    for damage in damages {
        fs::write(&path, damage).unwrap();
        let error = refused(&classifier::PROGRAM, &path);
        assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("model.safetensors") && message.contains("damaged"), "{message}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    let error = refused(&classifier::PROGRAM, &folder.join("absent.safetensors"));
    assert!(matches!(error, Error::File { .. }));
    assert!(error.to_string().contains("absent.safetensors"), "{error}");
}

#[test]
fn files_of_other_programs_are_refused() {
    let folder = Folder::new();
    let path = folder.join("foreign.safetensors");
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    fs::write(&path, bytes).unwrap();
    let error = refused(&classifier::PROGRAM, &path);
    assert!(error.to_string().contains("without the metadata"), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = Folder::new();
    let path = folder.join("new.safetensors");
    let mut checkpoint = trained().checkpoint().unwrap();
    checkpoint.metadata.format = 99;
    checkpoint.write(&path).unwrap();
    let error = refused(&classifier::PROGRAM, &path);
    assert!(error.to_string().contains("format version 99, expected 1"), "{error}");
}

#[test]
fn another_architecture_is_told_by_its_differences() {
    let folder = Folder::new();
    let path = folder.join("model.safetensors");
    trained().save(&path).unwrap();
    let message = refused(&regression::PROGRAM, &path).to_string();
    assert!(message.contains("another architecture (of `Digits`) than `Plane`"), "{message}");
    assert!(message.contains("`linear1.weight` is 24x64, expected 1x2"), "{message}");
    assert!(message.contains("`linear1.bias` (1) is missing"), "{message}");
    assert!(message.contains("`bn1.bias` (24) is not in the network"), "{message}");
    assert!(message.contains("more differences"), "{message}");
}

#[test]
fn a_refused_checkpoint_changes_nothing() {
    let mut model = trained();
    let before = model.checkpoint().unwrap();
    let mut other = before.clone();
    other.tensors.remove(0);
    let error = model.restore(&other, Path::new("x")).unwrap_err();
    assert!(error.to_string().contains("`bn1.bias` (24) is missing"), "{error}");
    assert_eq!(model.checkpoint().unwrap(), before);
}

#[test]
fn the_states_of_another_optimiser_are_left_out() {
    let mut model = trained();
    let mut other = model.checkpoint().unwrap();
    other.metadata.optimizer = "adam".into();
    other.tensors.retain(|tensor| !tensor.name.starts_with("optimizer."));
    model.restore(&other, Path::new("x")).unwrap();
    let checkpoint = model.checkpoint().unwrap();
    let state = checkpoint.tensor("optimizer.momentum_buffer").unwrap();
    assert!(state.values.iter().all(|value| *value == 0.0));
}

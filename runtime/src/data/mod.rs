//! Data sets: reading them, cutting them into parts, and feeding them to the network.
//!
//! [`load`] reads a data set into memory and checks it against the network; whatever is
//! wrong with it is an [`Error`] that names file and place. A [`Loader`] then makes batches
//! of one part, ahead of training. Shapes are written channels first, maps lie channels last.
//!
//! A set that comes in one piece is cut into parts by a fixed, stratified rule; of one that
//! comes with a test part, a tenth of the rest is held out for validation. Nothing here
//! downloads anything, and nothing here knows about networks beyond their shapes.

mod request;

mod cifar10;
mod csv;
mod digits;
mod images;
mod mnist;

mod dataset;
mod error;
mod files;
mod loader;
mod split;
mod statistics;
mod transform;

use std::path::{Path, PathBuf};

pub use dataset::{Dataset, Samples, Storage, Targets};
pub use error::Error;
pub use loader::{Batch, Loader, LoaderOptions, Order};
pub use request::Request;
pub use statistics::Statistics;
pub use transform::{Augment, Transform};

use split::Shares;

/// The formats that [`load`] knows.
pub const FORMATS: [&str; 5] = ["digits", "mnist", "cifar10", "images", "csv"];

/// A data set in its three parts.
#[derive(Clone, Debug)]
pub struct Splits {
    /// What the network learns from.
    pub train: Dataset,
    /// What epochs are compared by.
    pub validation: Dataset,
    /// What the result is measured on, once.
    pub test: Dataset,
    /// Of the training part.
    pub statistics: Statistics,
    /// Warnings: what is odd, but can be trained on.
    pub notes: Vec<String>,
}

/// Whether the data set that `request` names can serve the network, as far as that is known before it is read.
pub fn check(request: &Request) -> Result<(), Error> {
    request.check_augment()?;
    match request.format {
        "digits" => digits::check(request),
        "mnist" => mnist::folder(request).map(drop),
        "cifar10" => cifar10::folder(request).map(drop),
        "images" => images::folder(request).map(drop),
        "csv" => csv::file(request).map(drop),
        other => Err(unknown_format(other)),
    }
}

/// Reads the data set that `request` names, checks it against the network and cuts it into parts.
pub fn load(request: &Request) -> Result<Splits, Error> {
    request.check_augment()?;
    let source = match request.format {
        "digits" => digits::load(request),
        "mnist" => mnist::load(request),
        "cifar10" => cifar10::load(request),
        "images" => images::load(request),
        "csv" => csv::load(request),
        other => Err(unknown_format(other)),
    }?;
    source.into_splits()
}

/// Reads samples without targets from one file: an image, or a CSV file with a sample per row.
///
/// `input` is the network's input shape; `target` names columns that are left out.
pub fn load_samples(path: &Path, input: &[usize], target: Option<&str>) -> Result<Samples, Error> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        csv::load_samples(path, input, target)
    } else {
        images::load_samples(path, input)
    }
}

/// A data set as its format delivers it.
struct Source {
    parts: Parts,
    /// Where it lies, for messages.
    place: PathBuf,
    /// Names of the features of a vector; empty for maps.
    features: Vec<String>,
    notes: Vec<String>,
}

enum Parts {
    /// One piece.
    Whole(Dataset, Shares),
    /// With a test part of its own.
    Tested { train: Dataset, test: Dataset },
}

impl Source {
    fn new(place: &Path, parts: Parts) -> Source {
        Source { parts, place: place.to_owned(), features: Vec::new(), notes: Vec::new() }
    }

    fn into_splits(self) -> Result<Splits, Error> {
        let [train, validation, test] = match self.parts {
            Parts::Whole(set, shares) => split::divide(&set, shares),
            Parts::Tested { train, test } => {
                let [train, validation, _] = split::divide(&train, Shares { validation: 10, test: 0 });
                [train, validation, test]
            }
        };
        let mut splits = Splits {
            statistics: Statistics::of(train.samples()),
            train,
            validation,
            test,
            notes: self.notes,
        };
        check_not_empty(&splits, &self.place)?;
        check_classes(&mut splits, &self.place)?;
        note_constant_features(&mut splits, &self.features);
        Ok(splits)
    }
}

fn check_not_empty(splits: &Splits, place: &Path) -> Result<(), Error> {
    let counts = [splits.train.len(), splits.validation.len(), splits.test.len()];
    let names = ["training", "validation", "test"];
    let Some(empty) = counts.iter().position(|&count| count == 0) else { return Ok(()) };
    let (total, name) = (counts.iter().sum::<usize>(), names[empty]);
    Err(Error::at(place, format!("the {total} samples are too few: the {name} part would be empty"))
        .help("give at least ten samples, and several of each class"))
}

/// Without samples a class cannot be learnt; without some in the other parts it is not measured.
fn check_classes(splits: &mut Splits, place: &Path) -> Result<(), Error> {
    if let Some(class) = splits.train.class_counts().iter().position(|&count| count == 0) {
        let name = &splits.train.classes()[class];
        return Err(Error::at(place, format!("class `{name}` has no sample to train on"))
            .help("add samples of that class, or make the network's output smaller"));
    }
    for (part, set) in [("validation", &splits.validation), ("test", &splits.test)] {
        for (name, _) in set.classes().iter().zip(set.class_counts()).filter(|(_, count)| *count == 0) {
            splits.notes.push(format!("class `{name}` has no sample in the {part} part"));
        }
    }
    Ok(())
}

fn note_constant_features(splits: &mut Splits, names: &[String]) {
    let kind = if splits.train.shape().len() == 1 { "feature" } else { "channel" };
    for feature in statistics::constant_features(splits.train.samples()) {
        let name = names.get(feature).map_or(feature.to_string(), |name| format!("`{name}`"));
        splits.notes.push(format!("{kind} {name} is the same in all training samples and teaches nothing"));
    }
}

fn unknown_format(name: &str) -> Error {
    let known = FORMATS.map(|format| format!("`{format}`")).join(", ");
    Error::new(format!("there is no data set format `{name}`")).help(format!("the formats are {known}"))
}

/// `3x32x32`.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

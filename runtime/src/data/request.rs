//! What is wanted of a data set, and whether what was found agrees with it.

use std::path::Path;

use super::{Augment, Error, shape_text};
use crate::program::TargetKind;

/// A data set and the network that it is for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// One of [`super::FORMATS`].
    pub format: &'a str,
    /// The file or folder.
    pub path: Option<&'a Path>,
    /// Names of the CSV columns that hold the target, separated by commas.
    pub target: Option<&'a str>,
    /// The network's input shape, channels first.
    pub input: &'a [usize],
    /// The network's output shape, channels first.
    pub output: &'a [usize],
    /// What the loss compares the output with.
    pub wanted: TargetKind,
    /// The changes that training images will get.
    pub augment: Augment,
}

impl<'a> Request<'a> {
    /// Elements of one output sample: the number of classes, or of target values.
    pub(super) fn outputs(&self) -> usize {
        self.output.iter().product()
    }

    /// The path of a format that needs one.
    pub(super) fn path(&self, what: &str) -> Result<&'a Path, Error> {
        let Some(path) = self.path else {
            let format = self.format;
            return Err(Error::new(format!("the data set `{format}` needs the path of {what}"))
                .help(format!("write `data {format} \"PATH\"`, or give `--data PATH`")));
        };
        if !path.exists() {
            return Err(Error::at(path, format!("there is no such file or folder; expected {what}"))
                .help("say where it lies with `--data PATH`; a relative path starts at the current folder"));
        }
        Ok(path)
    }

    /// Formats whose targets are classes can serve no other loss.
    pub(super) fn check_classes_wanted(&self) -> Result<(), Error> {
        match self.wanted {
            TargetKind::Classes => Ok(()),
            TargetKind::Values => Err(Error::new(format!(
                "the data set `{}` has a class per sample, but the network's loss compares values",
                self.format
            ))
            .help("use `loss cross_entropy`, or the format `csv` for values")),
        }
    }

    /// Whether the network ends with one output per class.
    pub(super) fn check_class_count(&self, place: &Path, found: usize) -> Result<(), Error> {
        let outputs = self.outputs();
        if found == outputs {
            return Ok(());
        }
        let classes = if found == 1 { "class" } else { "classes" };
        let message = format!("the data has {found} {classes}, but the network ends with {outputs}");
        Err(Error::at(place, message).help(format!("end the network's signature with `-> {found}`")))
    }

    /// Whether the network takes samples of `shape`, or as many elements as a vector.
    pub(super) fn check_shape(&self, place: &Path, shape: &[usize]) -> Result<(), Error> {
        let elements: usize = shape.iter().product();
        if self.input == shape || self.input == [elements] {
            return Ok(());
        }
        let (found, expected) = (shape_text(shape), shape_text(self.input));
        let message = format!("the data is {found}, but the network takes {expected}");
        Err(Error::at(place, message).help(format!("begin the network's signature with `{found}`")))
    }

    /// Mirrors and cuts need rows and columns.
    pub(super) fn check_augment(&self) -> Result<(), Error> {
        if self.augment.is_none() || self.format != "csv" || self.input.len() == 3 {
            return Ok(());
        }
        Err(Error::new("`augment` needs images, but the data is a table of features")
            .help("remove `augment` from the `train` section"))
    }
}

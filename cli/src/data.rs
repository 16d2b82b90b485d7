//! The data set of a network, as far as the network and the arguments tell: what is missing is said before the program is
//! built, not after it.

use nnc_command::TrainSettings;
use nnc_dsl::model::{CheckedModel, Loss};
use nnc_runtime::data::{self, Augment, Request};
use nnc_runtime::program::TargetKind;
use nnc_runtime::train::{RunFolder, Source, Start};
use nnc_runtime::{Error, data::Error as DataError};

use crate::failure::Failure;

/// Whether there is a data set that may serve the network, or a run to go on with, which knows its own.
pub(crate) fn check(model: &CheckedModel, settings: &TrainSettings) -> Result<(), Failure> {
    match &settings.start {
        Start::Resume(folder) => {
            RunFolder::find(&model.name, folder.as_deref()).map(drop).map_err(|error| failure(&error))
        }
        Start::New(_) => check_source(model, settings.overrides.data.as_deref()),
    }
}

fn check_source(model: &CheckedModel, text: Option<&str>) -> Result<(), Failure> {
    let default = model.train.data.as_ref().map(|data| Source {
        format: data.format.clone(),
        path: data.path.as_ref().map(Into::into),
        target: data.target.clone(),
    });
    let source = Source::choose(text, default).map_err(|error| failure(&error))?;
    match request(model, &source) {
        Some(request) => data::check(&request).map_err(|error: DataError| failure(&error.into())),
        None => Ok(()),
    }
}

/// What a network with one input and one target asks of a data set.
fn request<'a>(model: &'a CheckedModel, source: &'a Source) -> Option<Request<'a>> {
    let ([input], [term]) = (&model.inputs[..], &model.train.losses[..]) else { return None };
    let augment = model.train.augment;
    Some(Request {
        format: &source.format,
        path: source.path.as_deref(),
        target: source.target.as_deref(),
        input: &input.shape.0,
        output: &model.outputs[term.output].shape.0,
        wanted: match term.loss {
            Loss::CrossEntropy { .. } => TargetKind::Classes,
            Loss::BinaryCrossEntropy
            | Loss::MeanSquaredError
            | Loss::MeanAbsoluteError
            | Loss::Huber { .. } => TargetKind::Values,
        },
        augment: Augment { flip: augment.flip, crop: augment.crop },
    })
}

fn failure(error: &Error) -> Failure {
    let failure = Failure::new(error.to_string());
    match error.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}

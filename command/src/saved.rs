//! The checkpoint that a command works on.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use nnc_runtime::checkpoint::Checkpoint;
use nnc_runtime::program::Program;
use nnc_runtime::train::{RunFolder, RunRecord, Source};
use nnc_runtime::{Error, Model};

use crate::device::device;
use crate::output::complain;

/// A trained model, and the run that it comes from.
pub(crate) struct Saved {
    pub(crate) path: PathBuf,
    pub(crate) model: Model,
    pub(crate) run: RunRecord,
}

impl Saved {
    /// Reads the checkpoint that `--checkpoint` names, or the best of the latest run.
    pub(crate) fn open(program: &'static Program, matches: &ArgMatches) -> Result<Saved, Error> {
        let path = path(program, matches.get_one::<PathBuf>("checkpoint"))?;
        let checkpoint = Checkpoint::read(&path)?;
        if checkpoint.metadata.source != program.source {
            let (path, network) = (path.display(), &checkpoint.metadata.network);
            complain(&format!("warning: `{path}` was trained with another text of the model (`{network}`)"));
        }
        let mut model = Model::on(program, checkpoint.metadata.seed, &device(program, matches)?)?;
        model.restore(&checkpoint, &path)?;
        let Some(run) = checkpoint.metadata.run else { return Err(without_run(&path)) };
        Ok(Saved { path, model, run })
    }

    /// The data set that `--data` names, or that of the run.
    pub(crate) fn source(&self, matches: &ArgMatches) -> Result<Source, Error> {
        let trained_on = self.run.config.data.clone();
        match matches.get_one::<String>("data") {
            Some(text) => Source::parse(text, Some(trained_on)),
            None => Ok(trained_on),
        }
    }
}

fn path(program: &Program, given: Option<&PathBuf>) -> Result<PathBuf, Error> {
    match given {
        Some(path) if path.is_dir() => Ok(RunFolder::find(program.name, Some(path))?.best()),
        Some(path) => Ok(path.clone()),
        None => Ok(RunFolder::find(program.name, None)?.best()),
    }
}

fn without_run(path: &Path) -> Error {
    Error::Checkpoint {
        path: path.to_owned(),
        message: "does not say how its data was standardised, because it is not from `train`".into(),
        help: "use it from the program that saved it, or train with `train`".into(),
    }
}

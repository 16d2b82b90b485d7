//! Run folders: `runs/<name>-<n>` with the checkpoints and the log of one run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Where runs lie unless the user says otherwise.
pub const RUNS: &str = "runs";

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder of a new run of `network`: `path`, which must not hold a run yet, or
    /// the next free `runs/<name>-<n>`.
    pub fn create(network: &str, path: Option<&Path>) -> Result<RunFolder, Error> {
        match path {
            Some(path) => RunFolder::create_at(path),
            None => RunFolder::create_next(Path::new(RUNS), network),
        }
    }

    /// Finds the folder of a run to go on with: `path`, or the latest run of `network`.
    pub fn find(network: &str, path: Option<&Path>) -> Result<RunFolder, Error> {
        let folder = match path {
            Some(path) => RunFolder(path.to_owned()),
            None => RunFolder::latest(Path::new(RUNS), network)?,
        };
        if folder.last().is_file() {
            return Ok(folder);
        }
        Err(Error::settings(
            format!("`{}` holds no run to go on with: `last.safetensors` is missing", folder.0.display()),
            "give the folder of a run, such as `--resume runs/NAME-1`, or start without `--resume`",
        ))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The checkpoint with the best metrics on the validation part.
    pub fn best(&self) -> PathBuf {
        self.0.join("best.safetensors")
    }

    /// The newest checkpoint.
    pub fn last(&self) -> PathBuf {
        self.0.join("last.safetensors")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    fn create_at(path: &Path) -> Result<RunFolder, Error> {
        let folder = RunFolder(path.to_owned());
        if folder.last().exists() || folder.log().exists() {
            return Err(Error::settings(
                format!("`{}` holds a run already", path.display()),
                format!("go on with it by `--resume {}`, or give another folder", path.display()),
            ));
        }
        fs::create_dir_all(path).map_err(Error::file("create", path))?;
        Ok(folder)
    }

    fn create_next(runs: &Path, network: &str) -> Result<RunFolder, Error> {
        fs::create_dir_all(runs).map_err(Error::file("create", runs))?;
        let mut number = numbers(runs, network)?.into_iter().max().unwrap_or(0) + 1;
        loop {
            let path = runs.join(format!("{}{number}", prefix(network)));
            // Another run may start at this very moment: creation decides who gets the number.
            match fs::create_dir(&path) {
                Ok(()) => return Ok(RunFolder(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Error::file("create", &path)(error)),
            }
        }
    }

    fn latest(runs: &Path, network: &str) -> Result<RunFolder, Error> {
        let latest = if runs.is_dir() { numbers(runs, network)?.into_iter().max() } else { None };
        match latest {
            Some(number) => Ok(RunFolder(runs.join(format!("{}{number}", prefix(network))))),
            None => Err(Error::settings(
                format!("there is no run of `{network}` in `{}`", runs.display()),
                "train first, or name a checkpoint or a run folder",
            )),
        }
    }
}

/// The beginning of the names of a network's run folders.
fn prefix(network: &str) -> String {
    let name = if network.is_empty() { "network" } else { network };
    format!("{}-", name.to_lowercase())
}

/// The numbers of a network's runs.
fn numbers(runs: &Path, network: &str) -> Result<Vec<u32>, Error> {
    let prefix = prefix(network);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(runs).map_err(Error::file("read", runs))? {
        let entry = entry.map_err(Error::file("read", runs))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_gets_the_next_free_number() {
        let runs = std::env::temp_dir().join(format!("nnc-run-folders-{}", std::process::id()));
        let _ = fs::remove_dir_all(&runs);
        let name = |folder: RunFolder| folder.0.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(RunFolder::latest(&runs, "Digits").is_err());
        assert_eq!(name(RunFolder::create_next(&runs, "Digits").unwrap()), "digits-1");
        assert_eq!(name(RunFolder::create_next(&runs, "Digits").unwrap()), "digits-2");
        assert_eq!(name(RunFolder::create_next(&runs, "").unwrap()), "network-1");
        for other in ["digits-9", "digits-10", "digits-x", "digitsx-20"] {
            fs::create_dir(runs.join(other)).unwrap();
        }
        assert_eq!(name(RunFolder::latest(&runs, "Digits").unwrap()), "digits-10");
        assert_eq!(name(RunFolder::create_next(&runs, "Digits").unwrap()), "digits-11");
        fs::remove_dir_all(&runs).unwrap();
    }
}

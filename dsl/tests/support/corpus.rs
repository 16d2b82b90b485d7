//! The texts of the repository: examples, wrong models, syntax cases, lint cases, the standard library.

use std::path::{Path, PathBuf};

/// The files of these folders of the crate, each folder's in their order: names without the ending, and texts.
pub(crate) fn texts(folders: &[&str]) -> Vec<(String, String)> {
    folders.iter().flat_map(|folder| paths(folder)).map(|path| read(&path)).collect()
}

fn paths(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "nn")).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> (String, String) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    (name, std::fs::read_to_string(path).unwrap())
}

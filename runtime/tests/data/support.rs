//! Folders that vanish after the test, and short names for what every test does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use nnc_runtime::data::{Augment, Dataset, Error, Request, Splits, Storage, load};
use nnc_runtime::program::TargetKind;

/// An empty folder, removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("data-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the file `name`, and the folders that it lies in.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// An error's text, with this folder as `DIR`.
    pub(crate) fn text(&self, error: &Error) -> String {
        error.to_string().replace(&self.0.display().to_string(), "DIR")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A request for classes.
pub(crate) fn request<'a>(
    format: &'a str,
    path: &'a Path,
    input: &'a [usize],
    output: &'a [usize],
) -> Request<'a> {
    let (path, augment) = (Some(path), Augment::default());
    Request { format, path, target: None, input, output, wanted: TargetKind::Classes, augment }
}

/// The data set that `request` names, or the error's text with `folder` as `DIR`.
pub(crate) fn try_load(folder: &Folder, request: &Request) -> Result<Splits, String> {
    load(request).map_err(|error| folder.text(&error))
}

/// Checks that loading fails with exactly this text.
#[track_caller]
pub(crate) fn check_error(folder: &Folder, request: &Request, expected: &str) {
    match try_load(folder, request) {
        Ok(_) => panic!("loaded, but expected: {expected}"),
        Err(found) => assert_eq!(found, expected),
    }
}

pub(crate) fn sizes(splits: &Splits) -> [usize; 3] {
    [splits.train.len(), splits.validation.len(), splits.test.len()]
}

pub(crate) fn bytes(set: &Dataset) -> &[u8] {
    match set.samples().storage() {
        Storage::Bytes(bytes) => bytes,
        Storage::Values(_) => panic!("expected bytes"),
    }
}

pub(crate) fn values(set: &Dataset) -> &[f32] {
    match set.samples().storage() {
        Storage::Values(values) => values,
        Storage::Bytes(_) => panic!("expected values"),
    }
}

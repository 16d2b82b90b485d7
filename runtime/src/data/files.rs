//! Finding and reading files, with errors that say what was looked for and what is there.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Error;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Names shown of a folder's content.
const SHOWN: usize = 8;

/// The first of `names` that is in `folder`.
pub(super) fn find(folder: &Path, names: &[String]) -> Result<PathBuf, Error> {
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        Error::at(folder, format!("expected a file {names}, found {}", content(folder)))
    })
}

/// A file's bytes, unpacked if it is gzipped.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path).map_err(|error| Error::unreadable(path, &error))?;
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    gunzip(&bytes).map_err(|error| {
        Error::at(path, format!("the gzip data is damaged or cut off: {error}"))
            .help("copy or download the file again")
    })
}

/// The bytes that were gzipped.
pub(super) fn gunzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The entries of `folder`, sorted by name, without hidden ones.
pub(super) fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, Error> {
    let list = || -> std::io::Result<Vec<fs::DirEntry>> { fs::read_dir(folder)?.collect() };
    let mut entries = list().map_err(|error| Error::unreadable(folder, &error))?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

/// What `path` is and holds, in a few words.
pub(super) fn content(path: &Path) -> String {
    if path.is_file() {
        return "a file instead of a folder".to_owned();
    }
    let names: Vec<String> = entries(path).unwrap_or_default().iter().map(entry_text).collect();
    match names.len() {
        0 => "an empty folder".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

fn entry_text(entry: &fs::DirEntry) -> String {
    format!("`{}`", entry.file_name().to_string_lossy())
}

//! Compiled units that outlive the process: the user's cache.
//!
//! A file is a cubin with its hash and a mark behind it, so that a file that was damaged, or that
//! another program wrote, is seen and passed over. Files are written under another name and renamed;
//! they are never changed. Nothing about the cache is worth a failure: what cannot be read or written
//! is compiled again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use super::unit::content_hash;
use nnc_kernels::cache_folder;

/// Where compiled units are looked for, by their hashes.
pub struct Cubins {
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Nowhere,
}

/// Ends every file; the number changes with the format.
const MARK: &[u8; 16] = b"\nnnc cubin 1    ";

/// Hash and mark.
const TAIL: usize = size_of::<u128>() + MARK.len();

/// Files that a cache has at most. A network has tens, of some 20 kB each.
const MOST_FILES: usize = 4096;

impl Cubins {
    /// The folder `cubins` in the user's [`cache_folder`]; if there is none, nothing is kept.
    pub fn of_user() -> Cubins {
        cache_folder().map_or_else(Cubins::nowhere, |folder| Cubins::folder(folder.join("cubins")))
    }

    /// A folder, which need not exist.
    pub fn folder(folder: impl Into<PathBuf>) -> Cubins {
        Cubins { place: Place::Folder(folder.into()) }
    }

    /// Keeps nothing.
    pub fn nowhere() -> Cubins {
        Cubins { place: Place::Nowhere }
    }

    /// The cubin under `key`, if there is a file and all of it is there.
    pub(super) fn find(&self, key: &str) -> Option<Vec<u8>> {
        match &self.place {
            Place::Folder(folder) => contents(fs::read(folder.join(file_name(key))).ok()?),
            Place::Nowhere => None,
        }
    }

    /// Keeps a cubin under `key`, if that can be done, and not too many others.
    pub(super) fn keep(&self, key: &str, cubin: &[u8]) {
        if self.write(key, cubin).is_ok()
            && let Place::Folder(folder) = &self.place
        {
            remove_oldest(folder, MOST_FILES);
        }
    }

    /// Writes a cubin under `key`; where files are not written, nothing happens.
    fn write(&self, key: &str, cubin: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Place::Folder(folder) = &self.place else { return Ok(()) };
        fs::create_dir_all(folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let partial = folder.join(format!("{key}.{}-{number}.partial", process::id()));
        let file = [cubin, &content_hash(cubin.iter().copied()).to_le_bytes(), MARK].concat();
        let written = fs::write(&partial, file);
        let written = written.and_then(|()| fs::rename(&partial, folder.join(file_name(key))));
        if written.is_err() {
            // It may not be there.
            let _ = fs::remove_file(&partial);
        }
        written
    }
}

fn file_name(key: &str) -> String {
    format!("{key}.cubin")
}

/// The cubin in a file, if nothing happened to it.
fn contents(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let end = file.len().checked_sub(TAIL)?;
    let (hash, mark) = file[end..].split_at(size_of::<u128>());
    let is_whole = mark == MARK && hash == content_hash(file[..end].iter().copied()).to_le_bytes();
    file.truncate(end);
    is_whole.then_some(file)
}

/// Leaves three quarters of `most` files if there are more; which ones others use does not matter.
fn remove_oldest(folder: &Path, most: usize) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    if paths.len() <= most {
        return;
    }
    let written = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified());
    paths.sort_by_cached_key(|path| written(path).unwrap_or(SystemTime::UNIX_EPOCH));
    for path in &paths[..paths.len() - most / 4 * 3] {
        // Another process may have done it.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes with the value.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str) -> Temporary {
            let path = std::env::temp_dir().join(format!("nnc-cubins-{name}-{}", process::id()));
            let _ = fs::remove_dir_all(&path);
            Temporary(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_kept_is_found() {
        let folder = Temporary::new("kept");
        let cubins = Cubins::folder(&folder.0);
        assert_eq!(cubins.find("a"), None);
        cubins.keep("a", b"code");
        assert_eq!(cubins.find("a"), Some(b"code".to_vec()));
        assert_eq!(cubins.find("b"), None);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "only the file itself is left");
    }

    #[test]
    fn damaged_files_are_as_good_as_none() {
        let folder = Temporary::new("damaged");
        let cubins = Cubins::folder(&folder.0);
        cubins.keep("a", b"code");
        let path = folder.0.join("a.cubin");
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, TAIL - 1, TAIL, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cubins.find("a"), None, "cut to {length} bytes");
        }
        for index in 0..whole.len() {
            let mut file = whole.clone();
            file[index] ^= 1;
            fs::write(&path, file).unwrap();
            assert_eq!(cubins.find("a"), None, "byte {index} changed");
        }
        cubins.keep("a", b"code");
        assert_eq!(cubins.find("a"), Some(b"code".to_vec()));
    }

    #[test]
    fn a_folder_that_cannot_be_written_does_no_harm() {
        let folder = Temporary::new("file");
        fs::write(&folder.0, "a file where a folder should be").unwrap();
        let cubins = Cubins::folder(folder.0.join("cubins"));
        cubins.keep("a", b"code");
        assert_eq!(cubins.find("a"), None);
        fs::remove_file(&folder.0).unwrap();
    }

    #[test]
    fn the_oldest_files_go() {
        let folder = Temporary::new("oldest");
        let cubins = Cubins::folder(&folder.0);
        for index in 0..9 {
            cubins.keep(&index.to_string(), b"code");
        }
        remove_oldest(&folder.0, 9);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 9);
        remove_oldest(&folder.0, 8);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 6);
    }
}

//! Where `nnc run` keeps what it has generated and built.
//!
//! ```text
//! crates/<name>-<hash>/   a crate; the hash is of all its files, so it is never changed
//! build/                  what cargo builds on the way, shared: the runtime is built once
//! ```

use std::fs;
use std::path::PathBuf;

use nnc_codegen::emit::EmittedFile;
use nnc_runtime::cache_folder;

use crate::failure::Failure;

/// The cache of the user.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache, and creates it the first time.
    pub(crate) fn open() -> Result<Cache, Failure> {
        let help = "set NNC_CACHE_DIR to a folder that can be written";
        let root = cache_folder()
            .ok_or_else(|| Failure::new("no folder for the cache is known: HOME is not set").help(help))?;
        // Absolute, because cargo runs in another folder.
        let root = std::path::absolute(&root).map_err(|error| Failure::io("find", &root, &error))?;
        let cache = Cache { root };
        for folder in [cache.build_folder(), cache.root.join("crates")] {
            let created = fs::create_dir_all(&folder);
            created.map_err(|error| Failure::io("create the cache folder", &folder, &error).help(help))?;
        }
        Ok(cache)
    }

    /// What cargo builds on the way, for all crates.
    pub(crate) fn build_folder(&self) -> PathBuf {
        self.root.join("build")
    }

    /// The folder of the crate of a package.
    pub(crate) fn crate_folder(&self, package: &str) -> PathBuf {
        self.root.join("crates").join(package)
    }
}

/// A name for the package with these files that no other one in the cache has. Cargo tells the
/// packages in a shared build folder apart by name and version, not by where they lie, so two
/// models of one name would take each other's programs.
pub(crate) fn unique_name(package: &str, files: &[EmittedFile]) -> String {
    format!("{package}-{:016x}", content_hash(files))
}

/// FNV-1a over names and texts. It tells a user's models apart and protects against nobody: two
/// crates with one hash would only overwrite each other.
fn content_hash(files: &[EmittedFile]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let parts = files.iter().flat_map(|file| [&file.path, &file.text]);
    // The byte 0xff stands in no UTF-8 text, so it keeps the parts apart.
    let bytes = parts.flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> EmittedFile {
        EmittedFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn every_part_counts_for_the_hash() {
        assert_eq!(content_hash(&[]), 0xcbf2_9ce4_8422_2325);
        let hash = content_hash(&[file("a", "bc")]);
        assert_ne!(hash, content_hash(&[file("ab", "c")]));
        assert_ne!(hash, content_hash(&[file("a", "bd")]));
        assert_eq!(hash, content_hash(&[file("a", "bc")]));
    }
}

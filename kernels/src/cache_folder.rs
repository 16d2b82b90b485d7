//! Where things are kept between runs.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The user's folder for what can be made again: `$NNC_CACHE_DIR`, `$XDG_CACHE_HOME/nnc`,
/// `$LOCALAPPDATA\nnc` or `~/.cache/nnc`; none where no home is known. It may not exist yet.
pub fn cache_folder() -> Option<PathBuf> {
    location(|name| env::var_os(name).filter(|value| !value.is_empty()))
}

fn location(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let below = |name, path: &str| variable(name).map(|folder| Path::new(&folder).join(path));
    variable("NNC_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| below("XDG_CACHE_HOME", "nnc"))
        .or_else(|| below("LOCALAPPDATA", "nnc"))
        .or_else(|| below("HOME", ".cache/nnc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_variable_comes_first() {
        let all = |name: &str| Some(OsString::from(format!("/{name}")));
        assert_eq!(location(all), Some(PathBuf::from("/NNC_CACHE_DIR")));
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/ada"));
        assert_eq!(location(home), Some(PathBuf::from("/home/ada/.cache/nnc")));
        assert_eq!(location(|_| None), None);
    }
}

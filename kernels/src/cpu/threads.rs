//! How many threads to compute with.

use std::env;
use std::ffi::OsStr;
use std::thread;

/// The environment variable with the number of threads.
pub const THREADS_VARIABLE: &str = "NNC_THREADS";

/// More threads than any pool has.
pub const MOST_THREADS: usize = 1024;

/// What [`THREADS_VARIABLE`] asks for, if it is set; a sentence if that is no number of threads.
pub fn wanted_threads() -> Result<Option<usize>, String> {
    match env::var_os(THREADS_VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) => parse(&value).map(Some),
        None => Ok(None),
    }
}

/// A thread for each core that this process may use. The standard library asks for the affinity mask and,
/// on Linux, for the quotas of control groups of both versions.
pub(super) fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

fn parse(value: &OsStr) -> Result<usize, String> {
    let threads = value.to_str().and_then(|text| text.trim().parse().ok());
    threads.filter(|threads| (1..=MOST_THREADS).contains(threads)).ok_or_else(|| {
        format!("{THREADS_VARIABLE} is `{}`, expected 1 to {MOST_THREADS} threads", value.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_threads_are_read() {
        assert_eq!(parse(OsStr::new(" 3 ")), Ok(3));
        assert_eq!(parse(OsStr::new("1024")), Ok(1024));
    }

    #[test]
    fn what_is_no_number_of_threads_is_named() {
        for text in ["0", "-1", "1025", "99999999999999999999", "two", "1.5"] {
            let message = parse(OsStr::new(text)).unwrap_err();
            assert_eq!(message, format!("NNC_THREADS is `{text}`, expected 1 to 1024 threads"));
        }
    }
}

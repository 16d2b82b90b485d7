//! Which file a piece of code was loaded from.

use std::fs;
use std::path::PathBuf;

/// The file whose contents the system has put at `address`; none where it does not tell.
pub(super) fn file_at(address: usize) -> Option<PathBuf> {
    file_in(&fs::read_to_string("/proc/self/maps").ok()?, address)
}

/// Lines are `start-end rights offset device inode   path`, numbers in base 16.
fn file_in(maps: &str, address: usize) -> Option<PathBuf> {
    let holds = |line: &&str| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let number = |text| usize::from_str_radix(text, 16).ok();
        range.is_some_and(|(start, end)| {
            number(start).is_some_and(|start| start <= address)
                && number(end).is_some_and(|end| address < end)
        })
    };
    let line = maps.lines().find(holds)?;
    Some(PathBuf::from(&line[line.find('/')?..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_an_address_in_it() {
        let maps = "\
7f10-7f20 r-xp 00000000 08:01 1234                       /usr/lib/a b.so
7f20-7f30 rw-p 00000000 00:00 0
";
        assert_eq!(file_in(maps, 0x7f1f), Some(PathBuf::from("/usr/lib/a b.so")));
        assert_eq!(file_in(maps, 0x7f20), None);
        assert_eq!(file_in(maps, 0x8000), None);
    }
}

//! `digits`: 1,797 handwritten digits of 8x8 pixels, embedded in the program.
//!
//! The file is a gzipped row of records, each 64 pixels (0 to 16, row by row) and the digit;
//! `ATTRIBUTION.md` beside it says where it comes from. It is cut 70 / 10 / 20.

use std::path::Path;

use super::split::Shares;
use super::{Dataset, Error, Parts, Request, Samples, Source, Storage, Targets, files};

const FILE: &[u8] = include_bytes!("digits.bin.gz");
const SHAPE: [usize; 3] = [1, 8, 8];
const PIXELS: usize = 64;
const SHARES: Shares = Shares { validation: 10, test: 20 };

const PLACE: &str = "digits";

pub(super) fn load(request: &Request) -> Result<Source, Error> {
    check(request)?;
    Ok(Source::new(Path::new(PLACE), Parts::Whole(read()?, SHARES)))
}

/// Whether the network is one for it.
pub(super) fn check(request: &Request) -> Result<(), Error> {
    let place = Path::new(PLACE);
    if let Some(path) = request.path {
        return Err(Error::at(path, "the data set `digits` is part of the program and takes no path")
            .help("write `data digits`, or name another format"));
    }
    request.check_classes_wanted()?;
    request.check_shape(place, &SHAPE)?;
    request.check_class_count(place, 10)
}

fn read() -> Result<Dataset, Error> {
    let bytes = files::gunzip(FILE)
        .map_err(|error| Error::new(format!("the embedded data set `digits` is damaged: {error}")))?;
    let records = bytes.chunks_exact(PIXELS + 1);
    let labels = records.clone().map(|record| record[PIXELS] as u32).collect();
    let pixels = records.flat_map(|record| &record[..PIXELS]).copied().collect();
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::new(Samples::new(&SHAPE, Storage::Bytes(pixels))?, Targets::Classes(labels), classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known facts of the set: how often each digit comes, and the first image's first rows.
    #[test]
    fn the_embedded_file_is_the_known_set() {
        let set = read().unwrap();
        assert_eq!(set.class_counts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let Storage::Bytes(pixels) = set.samples().storage() else { panic!("digits are bytes") };
        assert_eq!(pixels[..16], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
        assert_eq!(pixels.iter().max(), Some(&16));
    }
}

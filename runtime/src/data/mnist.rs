//! `mnist`: a folder of IDX files, plain or gzipped.
//!
//! An IDX file is a magic number (two zeros, the type of an element, the number of
//! dimensions), the dimensions as big-endian words, and the elements. The folder holds
//! images and labels of a training (`train-`) and a test part (`t10k-`). Sets with other
//! sizes and numbers of classes, such as EMNIST, can be read in the same way.

use std::path::{Path, PathBuf};

use super::{Dataset, Error, Parts, Request, Samples, Source, Storage, Targets, files};

/// The type code of unsigned bytes, the only one that images and labels come in.
const UNSIGNED_BYTE: u8 = 0x08;

pub(super) fn load(request: &Request) -> Result<Source, Error> {
    let folder = folder(request)?;
    let train = Part::open(request, folder, "train")?;
    let test = Part::open(request, folder, "t10k")?;
    // Nothing in the files says how many classes there are; the training labels show it.
    let last = train.labels.elements().iter().max();
    request.check_class_count(&train.labels.path, last.map_or(0, |&last| last as usize + 1))?;
    let (train, test) = (train.into_dataset(request)?, test.into_dataset(request)?);
    Ok(Source::new(folder, Parts::Tested { train, test }))
}

/// Where it lies, for a network that wants classes.
pub(super) fn folder<'a>(request: &Request<'a>) -> Result<&'a Path, Error> {
    request.check_classes_wanted()?;
    request.path("a folder of IDX files")
}

/// The files of the training or the test part, checked against each other and the network.
struct Part {
    images: File,
    labels: File,
}

impl Part {
    fn open(request: &Request, folder: &Path, part: &str) -> Result<Part, Error> {
        let images = File::open::<3>(folder, &format!("{part}-images"))?;
        let labels = File::open::<1>(folder, &format!("{part}-labels"))?;
        let part = Part { images, labels };
        request.check_shape(&part.images.path, &part.shape())?;
        check_counts(&part.images, &part.labels)?;
        check_labels(&part.labels, request.outputs())?;
        Ok(part)
    }

    fn shape(&self) -> [usize; 3] {
        [1, self.images.dimensions[1], self.images.dimensions[2]]
    }

    fn into_dataset(self, request: &Request) -> Result<Dataset, Error> {
        let targets = self.labels.elements().iter().map(|&label| label as u32).collect();
        let names = (0..request.outputs()).map(|class| class.to_string()).collect();
        let samples = Samples::new(&self.shape(), Storage::Bytes(self.images.into_elements()))?;
        Dataset::new(samples, Targets::Classes(targets), names)
    }
}

fn check_counts(images: &File, labels: &File) -> Result<(), Error> {
    let (count, expected) = (labels.dimensions[0], images.dimensions[0]);
    if count == expected {
        return Ok(());
    }
    let images = images.path.display();
    Err(Error::at(&labels.path, format!("there are {count} labels, but {expected} images in `{images}`")))
}

fn check_labels(labels: &File, classes: usize) -> Result<(), Error> {
    let wrong = labels.elements().iter().position(|&label| label as usize >= classes);
    let Some(position) = wrong else { return Ok(()) };
    let (label, offset) = (labels.elements()[position], labels.header + position);
    Err(Error::at(
        &labels.path,
        format!("label {label} at byte {offset} is out of range: the network ends with {classes} classes"),
    )
    .help("end the network's signature with one output per class"))
}

/// An IDX file in memory.
struct File {
    path: PathBuf,
    dimensions: Vec<usize>,
    /// Bytes before the first element.
    header: usize,
    bytes: Vec<u8>,
}

impl File {
    /// Finds and checks the file of `RANK` dimensions whose name begins with `stem`.
    fn open<const RANK: usize>(folder: &Path, stem: &str) -> Result<File, Error> {
        let plain = [format!("{stem}-idx{RANK}-ubyte"), format!("{stem}.idx{RANK}-ubyte")];
        let gzipped = plain.each_ref().map(|name| format!("{name}.gz"));
        let path = files::find(folder, &[plain, gzipped].concat())?;
        let bytes = files::read(&path)?;
        File::parse(path, bytes, RANK)
    }

    fn parse(path: PathBuf, bytes: Vec<u8>, rank: usize) -> Result<File, Error> {
        let header = 4 * (rank + 1);
        if bytes.len() < header {
            let len = bytes.len();
            return Err(Error::at(&path, format!("cut off at byte {len}: the header has {header} bytes")));
        }
        let expected = [0, 0, UNSIGNED_BYTE, rank as u8];
        if bytes[..4] != expected {
            let (expected, found) = (hex(&expected), hex(&bytes[..4]));
            return Err(Error::at(
                &path,
                format!("the magic number at byte 0 is {found}, expected {expected}"),
            )
            .help("give an IDX file of unsigned bytes"));
        }
        let words = bytes[4..header].as_chunks::<4>().0;
        let dimensions = words.iter().map(|&word| u32::from_be_bytes(word) as usize).collect();
        let file = File { path, dimensions, header, bytes };
        file.check_len()?;
        Ok(file)
    }

    fn check_len(&self) -> Result<(), Error> {
        let found = self.bytes.len();
        let elements = self.dimensions.iter().try_fold(1usize, |product, &len| product.checked_mul(len));
        let expected = elements.and_then(|elements| elements.checked_add(self.header)).unwrap_or(usize::MAX);
        let dimensions = super::shape_text(&self.dimensions);
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(Error::at(
                &self.path,
                format!("cut off at byte {found}: the header's {dimensions} elements end at byte {expected}"),
            )
            .help("copy or download the file again")),
            std::cmp::Ordering::Greater => Err(Error::at(
                &self.path,
                format!("{found} bytes long, but the header's {dimensions} elements end at byte {expected}"),
            )),
        }
    }

    fn elements(&self) -> &[u8] {
        &self.bytes[self.header..]
    }

    fn into_elements(mut self) -> Vec<u8> {
        self.bytes.drain(..self.header);
        self.bytes
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

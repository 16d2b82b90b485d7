//! `cifar10`: the binary version, or the images as files in folders by class.
//!
//! A binary file is a row of records: the label, then the red, green and blue plane of
//! 32x32 pixels.

use std::path::{Path, PathBuf};

use super::{Dataset, Error, Parts, Request, Samples, Source, Storage, Targets, files, images};

const SHAPE: [usize; 3] = [3, 32, 32];
const PLANE: usize = 32 * 32;
const RECORD: usize = 1 + 3 * PLANE;

const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";

pub(super) fn load(request: &Request) -> Result<Source, Error> {
    let folder = folder(request)?;
    if folder.join("train").is_dir() {
        return images::load(request);
    }
    let folder = unpacked(folder);
    let train = load_files(&folder, &TRAIN)?;
    let test = load_files(&folder, &[TEST])?;
    Ok(Source::new(&folder, Parts::Tested { train, test }))
}

/// Where it lies, for a network of such images.
pub(super) fn folder<'a>(request: &Request<'a>) -> Result<&'a Path, Error> {
    request.check_classes_wanted()?;
    let folder = request.path("a folder of binary batches, or of images by class")?;
    request.check_shape(folder, &SHAPE)?;
    request.check_class_count(folder, CLASSES.len())?;
    Ok(folder)
}

/// The archive holds one folder; its parent will do as well.
fn unpacked(folder: &Path) -> PathBuf {
    let inner = folder.join("cifar-10-batches-bin");
    if inner.is_dir() { inner } else { folder.to_owned() }
}

fn load_files(folder: &Path, names: &[&str]) -> Result<Dataset, Error> {
    let (mut labels, mut pixels) = (Vec::new(), Vec::new());
    for name in names {
        let path = files::find(folder, &[name.to_string()]).map_err(|error| {
            error.help("give the binary version, or folders `train` and `test` of images")
        })?;
        let bytes = files::read(&path)?;
        check_len(&path, &bytes)?;
        for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
            labels.push(label(&path, index, record[0])?);
            pixels.extend((0..PLANE).flat_map(|pixel| (0..3).map(move |c| record[1 + c * PLANE + pixel])));
        }
    }
    let classes = CLASSES.map(str::to_owned).to_vec();
    Dataset::new(Samples::new(&SHAPE, Storage::Bytes(pixels))?, Targets::Classes(labels), classes)
}

fn check_len(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let rest = bytes.len() % RECORD;
    if rest == 0 && !bytes.is_empty() {
        return Ok(());
    }
    let (len, whole) = (bytes.len(), bytes.len() / RECORD);
    let message = format!("cut off at byte {len}: record {whole} has {rest} of its {RECORD} bytes");
    Err(Error::at(path, message).help("copy or download the file again; it must be the binary version"))
}

fn label(path: &Path, record: usize, label: u8) -> Result<u32, Error> {
    if (label as usize) < CLASSES.len() {
        return Ok(label as u32);
    }
    let offset = record * RECORD;
    Err(Error::at(path, format!("label {label} at byte {offset} is out of range: expected 0 to 9")))
}

//! IDX files.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use nnc_runtime::data::{Request, Targets};

use crate::support::{Folder, bytes, check_error, request, sizes, try_load};

const INPUT: [usize; 3] = [1, 2, 3];
const OUTPUT: [usize; 1] = [2];

fn idx(magic: [u8; 4], dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let dimensions = dimensions.iter().flat_map(|len| len.to_be_bytes());
    magic.into_iter().chain(dimensions).chain(elements.iter().copied()).collect()
}

/// `count` images; image `n` has all pixels `n`, and its label alternates.
fn images(count: u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..count).flat_map(|image| [image; 6]).collect();
    idx([0, 0, 8, 3], &[count as u32, 2, 3], &pixels)
}

fn labels(count: u8) -> Vec<u8> {
    let labels: Vec<u8> = (0..count).map(|image| image % 2).collect();
    idx([0, 0, 8, 1], &[count as u32], &labels)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A good data set of 40 + 6 images; tests overwrite what they want to break.
fn good() -> Folder {
    let folder = Folder::new();
    folder.write("train-images-idx3-ubyte", images(40));
    folder.write("train-labels-idx1-ubyte.gz", gzip(&labels(40)));
    folder.write("t10k-images-idx3-ubyte.gz", gzip(&images(6)));
    folder.write("t10k-labels.idx1-ubyte", labels(6));
    folder
}

fn mnist(folder: &Folder) -> Request<'_> {
    request("mnist", folder.path(), &INPUT, &OUTPUT)
}

#[test]
fn plain_and_gzipped_files_are_read() {
    let folder = good();
    let splits = try_load(&folder, &mnist(&folder)).unwrap();
    assert_eq!(sizes(&splits), [36, 4, 6]);
    assert_eq!(bytes(&splits.test)[..18], [[0; 6], [1; 6], [2; 6]].concat());
    assert_eq!(splits.test.targets(), &Targets::Classes(vec![0, 1, 0, 1, 0, 1]));
    let Targets::Classes(train) = splits.train.targets() else { panic!("expected classes") };
    for (image, &label) in bytes(&splits.train).chunks(6).zip(train) {
        assert_eq!((image[0] % 2) as u32, label);
    }
}

#[test]
fn a_missing_file_is_named_with_what_is_there() {
    let folder = Folder::new();
    check_error(
        &folder,
        &mnist(&folder),
        "DIR: expected a file `train-images-idx3-ubyte` or `train-images.idx3-ubyte` or \
         `train-images-idx3-ubyte.gz` or `train-images.idx3-ubyte.gz`, found an empty folder",
    );
    folder.write("train-images-idx3-ubyte", images(4));
    check_error(
        &folder,
        &mnist(&folder),
        "DIR: expected a file `train-labels-idx1-ubyte` or `train-labels.idx1-ubyte` or \
         `train-labels-idx1-ubyte.gz` or `train-labels.idx1-ubyte.gz`, found `train-images-idx3-ubyte`",
    );
}

#[test]
fn a_wrong_magic_number() {
    let folder = good();
    folder.write("train-images-idx3-ubyte", labels(40));
    check_error(
        &folder,
        &mnist(&folder),
        "DIR/train-images-idx3-ubyte: the magic number at byte 0 is 0x00000801, expected 0x00000803\n\
         help: give an IDX file of unsigned bytes",
    );
}

#[test]
fn truncated_files() {
    let folder = good();
    folder.write("train-images-idx3-ubyte", &images(40)[..100]);
    check_error(
        &folder,
        &mnist(&folder),
        "DIR/train-images-idx3-ubyte: cut off at byte 100: the header's 40x2x3 elements end at byte 256\n\
         help: copy or download the file again",
    );
    folder.write("train-images-idx3-ubyte", [0, 0, 8]);
    check_error(
        &folder,
        &mnist(&folder),
        "DIR/train-images-idx3-ubyte: cut off at byte 3: the header has 16 bytes",
    );
    folder.write("train-images-idx3-ubyte", &gzip(&images(40))[..30]);
    let error = try_load(&folder, &mnist(&folder)).unwrap_err();
    assert!(
        error.starts_with("DIR/train-images-idx3-ubyte: the gzip data is damaged or cut off: "),
        "{error}"
    );
}

#[test]
fn a_file_that_is_too_long_or_claims_the_impossible() {
    let folder = good();
    folder.write("train-images-idx3-ubyte", [images(40), vec![0; 2]].concat());
    check_error(
        &folder,
        &mnist(&folder),
        "DIR/train-images-idx3-ubyte: 258 bytes long, but the header's 40x2x3 elements end at byte 256",
    );
    folder.write("train-images-idx3-ubyte", idx([0, 0, 8, 3], &[u32::MAX; 3], &[]));
    let error = try_load(&folder, &mnist(&folder)).unwrap_err();
    assert!(error.starts_with("DIR/train-images-idx3-ubyte: cut off at byte 16: "), "{error}");
}

#[test]
fn images_and_labels_of_different_number() {
    let folder = good();
    folder.write("t10k-labels.idx1-ubyte", labels(5));
    check_error(
        &folder,
        &mnist(&folder),
        "DIR/t10k-labels.idx1-ubyte: there are 5 labels, but 6 images in `DIR/t10k-images-idx3-ubyte.gz`",
    );
}

#[test]
fn a_label_out_of_range() {
    let folder = good();
    folder.write("t10k-labels.idx1-ubyte", idx([0, 0, 8, 1], &[6], &[0, 1, 0, 7, 0, 1]));
    check_error(
        &folder,
        &mnist(&folder),
        "DIR/t10k-labels.idx1-ubyte: label 7 at byte 11 is out of range: the network ends with 2 classes\n\
         help: end the network's signature with one output per class",
    );
}

#[test]
fn fewer_classes_than_outputs() {
    let folder = good();
    check_error(
        &folder,
        &Request { output: &[12], ..mnist(&folder) },
        "DIR/train-labels-idx1-ubyte.gz: the data has 2 classes, but the network ends with 12\n\
         help: end the network's signature with `-> 2`",
    );
}

#[test]
fn a_class_without_samples() {
    let folder = good();
    let zeros_and_twos: Vec<u8> = (0..40).map(|image| image % 2 * 2).collect();
    folder.write("train-labels-idx1-ubyte.gz", gzip(&idx([0, 0, 8, 1], &[40], &zeros_and_twos)));
    check_error(
        &folder,
        &Request { output: &[3], ..mnist(&folder) },
        "DIR: class `1` has no sample to train on\n\
         help: add samples of that class, or make the network's output smaller",
    );
    let folder = good();
    folder.write("t10k-labels.idx1-ubyte", idx([0, 0, 8, 1], &[6], &[1; 6]));
    let splits = try_load(&folder, &mnist(&folder)).unwrap();
    assert_eq!(splits.notes, ["class `0` has no sample in the test part"]);
}

#[test]
fn an_empty_test_part() {
    let folder = good();
    folder.write("t10k-images-idx3-ubyte.gz", images(0));
    folder.write("t10k-labels.idx1-ubyte", labels(0));
    check_error(
        &folder,
        &mnist(&folder),
        "DIR: the 40 samples are too few: the test part would be empty\n\
         help: give at least ten samples, and several of each class",
    );
}

#[test]
fn images_of_another_size() {
    let folder = good();
    let input = [1, 3, 2];
    check_error(
        &folder,
        &Request { input: &input, ..mnist(&folder) },
        "DIR/train-images-idx3-ubyte: the data is 1x2x3, but the network takes 1x3x2\n\
         help: begin the network's signature with `1x2x3`",
    );
}

//! The binary version of CIFAR-10.

use nnc_runtime::data::{Request, Targets};

use crate::support::{Folder, bytes, check_error, request, sizes, try_load};

const INPUT: [usize; 3] = [3, 32, 32];
const OUTPUT: [usize; 1] = [10];
const RECORD: usize = 3073;

/// Red is the label, green the column, blue the row.
fn record(label: u8) -> Vec<u8> {
    let pixels = || (0..32u8).flat_map(|row| (0..32u8).map(move |column| (row, column)));
    let green = pixels().map(|(_, column)| column);
    let blue = pixels().map(|(row, _)| row);
    std::iter::once(label).chain([label; 1024]).chain(green).chain(blue).collect()
}

fn batch(records: usize) -> Vec<u8> {
    (0..records).flat_map(|label| record((label % 10) as u8)).collect()
}

fn good(prefix: &str) -> Folder {
    let folder = Folder::new();
    for number in 1..=5 {
        folder.write(&format!("{prefix}data_batch_{number}.bin"), batch(20));
    }
    folder.write(&format!("{prefix}test_batch.bin"), batch(10));
    folder
}

fn cifar10(folder: &Folder) -> Request<'_> {
    request("cifar10", folder.path(), &INPUT, &OUTPUT)
}

#[test]
fn planes_become_pixels() {
    for folder in [good(""), good("cifar-10-batches-bin/")] {
        let splits = try_load(&folder, &cifar10(&folder)).unwrap();
        assert_eq!(sizes(&splits), [90, 10, 10]);
        assert_eq!(splits.test.targets(), &Targets::Classes((0..10).collect()));
        assert_eq!(splits.test.classes()[3], "cat");
        let third = &bytes(&splits.test)[3 * 3072..4 * 3072];
        assert_eq!(third[..6], [3, 0, 0, 3, 1, 0]);
        assert_eq!(third[3 * 32 * 31..][..6], [3, 0, 31, 3, 1, 31]);
    }
}

#[test]
fn missing_files_are_named() {
    let folder = good("");
    std::fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
    check_error(
        &folder,
        &cifar10(&folder),
        "DIR: expected a file `data_batch_4.bin`, found `data_batch_1.bin`, `data_batch_2.bin`, \
         `data_batch_3.bin`, `data_batch_5.bin`, `test_batch.bin`\n\
         help: give the binary version, or folders `train` and `test` of images",
    );
}

#[test]
fn a_truncated_batch() {
    let folder = good("");
    folder.write("data_batch_2.bin", &batch(3)[..2 * RECORD + 10]);
    check_error(
        &folder,
        &cifar10(&folder),
        "DIR/data_batch_2.bin: cut off at byte 6156: record 2 has 10 of its 3073 bytes\n\
         help: copy or download the file again; it must be the binary version",
    );
    folder.write("data_batch_2.bin", []);
    check_error(
        &folder,
        &cifar10(&folder),
        "DIR/data_batch_2.bin: cut off at byte 0: record 0 has 0 of its 3073 bytes\n\
         help: copy or download the file again; it must be the binary version",
    );
}

#[test]
fn a_label_out_of_range() {
    let folder = good("");
    folder.write("test_batch.bin", [record(9), record(10)].concat());
    check_error(
        &folder,
        &cifar10(&folder),
        "DIR/test_batch.bin: label 10 at byte 3073 is out of range: expected 0 to 9",
    );
}

#[test]
fn a_network_of_another_shape() {
    let folder = good("");
    let input = [3, 28, 28];
    check_error(
        &folder,
        &Request { input: &input, ..cifar10(&folder) },
        "DIR: the data is 3x32x32, but the network takes 3x28x28\n\
         help: begin the network's signature with `3x32x32`",
    );
}

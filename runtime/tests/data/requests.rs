//! Requests that no file could fulfil.

use std::path::Path;

use nnc_runtime::data::{Augment, Request, load};
use nnc_runtime::program::TargetKind;

use crate::support::{Folder, check_error, request};

fn message(request: &Request) -> String {
    load(request).unwrap_err().to_string()
}

#[test]
fn an_unknown_format() {
    assert_eq!(
        message(&request("minst", Path::new("x"), &[1], &[1])),
        "there is no data set format `minst`\n\
         help: the formats are `digits`, `mnist`, `cifar10`, `images`, `csv`"
    );
}

#[test]
fn a_path_is_needed_and_must_be_there() {
    let without = Request { path: None, ..request("mnist", Path::new(""), &[1, 28, 28], &[10]) };
    assert_eq!(
        message(&without),
        "the data set `mnist` needs the path of a folder of IDX files\n\
         help: write `data mnist \"PATH\"`, or give `--data PATH`"
    );
    let folder = Folder::new();
    let path = folder.path().join("nowhere");
    check_error(
        &folder,
        &request("csv", &path, &[1], &[1]),
        "DIR/nowhere: there is no such file or folder; expected a CSV file\n\
         help: say where it lies with `--data PATH`; a relative path starts at the current folder",
    );
}

#[test]
fn digits_take_no_path() {
    assert_eq!(
        message(&request("digits", Path::new("there"), &[1, 8, 8], &[10])),
        "there: the data set `digits` is part of the program and takes no path\n\
         help: write `data digits`, or name another format"
    );
}

#[test]
fn a_table_cannot_be_mirrored() {
    let augment = Augment { flip: true, crop: 0 };
    let request =
        Request { augment, wanted: TargetKind::Values, ..request("csv", Path::new("x"), &[4], &[1]) };
    assert_eq!(
        message(&request),
        "`augment` needs images, but the data is a table of features\n\
         help: remove `augment` from the `train` section"
    );
}

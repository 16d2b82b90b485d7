//! Tables.

use std::fmt::Write;

use nnc_runtime::data::{Dataset, Request, Storage, Targets, load_samples};
use nnc_runtime::program::TargetKind;

use crate::support::{Folder, check_error, request, sizes, try_load, values};

/// Twenty rows; `x` counts, `y` is ten times `x`, `kind` alternates.
fn table() -> String {
    (0..20).fold("x, y,kind\n".to_owned(), |mut text, row| {
        let kind = ["no", "yes"][row % 2];
        writeln!(text, "{row}, {}.5,{kind}", row * 10).unwrap();
        text
    })
}

/// Loads a table with two features and two classes.
fn check_table_error(text: &str, expected: &str) {
    let folder = Folder::new();
    let path = folder.write("t.csv", text);
    check_error(&folder, &request("csv", &path, &[2], &[2]), expected);
}

fn classes(set: &Dataset) -> &[u32] {
    match set.targets() {
        Targets::Classes(classes) => classes,
        Targets::Values { .. } => panic!("expected classes"),
    }
}

#[test]
fn the_last_column_is_the_class() {
    let folder = Folder::new();
    let path = folder.write("t.csv", table());
    let splits = try_load(&folder, &request("csv", &path, &[2], &[2])).unwrap();
    assert_eq!(sizes(&splits), [12, 4, 4]);
    assert_eq!(splits.train.classes(), ["no", "yes"]);
    for (row, &class) in values(&splits.train).chunks(2).zip(classes(&splits.train)) {
        assert_eq!(row[1], row[0] * 10.0 + 0.5);
        assert_eq!(row[0] as u32 % 2, class);
    }
}

#[test]
fn a_named_target_may_stand_anywhere() {
    let folder = Folder::new();
    let text = (0..20)
        .fold("\u{feff}digit,\"a, b\"\n".to_owned(), |text, row| text + &format!("{},{row}\n", 10 - row % 2));
    let path = folder.write("t.csv", text);
    let digit = Request { target: Some("digit"), ..request("csv", &path, &[1], &[2]) };
    let splits = try_load(&folder, &digit).unwrap();
    // Integers are ordered as numbers: as words, 10 would come first.
    assert_eq!(splits.train.classes(), ["9", "10"]);
    let expected: Vec<u32> = values(&splits.test).iter().map(|row| 1 - *row as u32 % 2).collect();
    assert_eq!(classes(&splits.test), expected);
}

#[test]
fn values_as_targets() {
    let folder = Folder::new();
    let text = (0..20).fold("x,up,down\n".to_owned(), |text, row| text + &format!("{row},{row}e1,-{row}\n"));
    let path = folder.write("t.csv", text);
    let request = Request { wanted: TargetKind::Values, ..request("csv", &path, &[1], &[2]) };
    let named = Request { target: Some("up, down"), ..request };
    for request in [request, named] {
        let splits = try_load(&folder, &request).unwrap();
        assert_eq!(sizes(&splits), [14, 3, 3]);
        let Targets::Values { width: 2, values: targets } = splits.train.targets() else {
            panic!("expected two values per sample")
        };
        let expected: Vec<f32> = values(&splits.train).iter().flat_map(|x| [x * 10.0, -x]).collect();
        assert_eq!(targets, &expected);
    }
}

#[test]
fn a_row_can_be_a_map() {
    let folder = Folder::new();
    let row = |class: usize| format!("1,2,3,4,10,20,30,40,{class}\n");
    let text = (0..20).fold("a,b,c,d,e,f,g,h,class\n".to_owned(), |text, n| text + &row(n % 2));
    let path = folder.write("t.csv", text);
    let splits = try_load(&folder, &request("csv", &path, &[2, 2, 2], &[2])).unwrap();
    assert_eq!(splits.train.shape(), [2, 2, 2]);
    assert_eq!(values(&splits.train)[..8], [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]);
    assert_eq!(splits.statistics.mean, [2.5, 25.0]);
}

#[test]
fn a_constant_feature_is_noted() {
    let folder = Folder::new();
    let path = folder.write("t.csv", table().replace(".5,", ".5,7,").replace("y,", "y,same,"));
    let splits = try_load(&folder, &request("csv", &path, &[3], &[2])).unwrap();
    assert_eq!(splits.notes, ["feature `same` is the same in all training samples and teaches nothing"]);
    assert_eq!((splits.statistics.mean[2], splits.statistics.std[2]), (7.0, 1.0));
}

#[test]
fn cells_that_are_no_numbers() {
    let word = "t.csv:7: column `x`: expected a number, found `five`";
    let help = "help: write categories as numbers, for example one column of 0 and 1 for each";
    check_table_error(&table().replace("\n5,", "\nfive,"), &format!("DIR/{word}\n{help}"));
    for (cell, found) in [("NaN", "NaN"), ("inf", "inf"), ("1e99", "1e99")] {
        check_table_error(
            &table().replace("\n5,", &format!("\n{cell},")),
            &format!(
                "DIR/t.csv:7: column `x`: expected a finite number, found `{found}`\n\
                 help: remove the row, or fill the cell with a value"
            ),
        );
    }
}

#[test]
fn missing_cells() {
    let help = "help: remove the row, or fill the cell with a value";
    check_table_error(
        &table().replace("30.5", " "),
        &format!("DIR/t.csv:5: column `y`: the cell is empty\n{help}"),
    );
    check_table_error(
        &table().replacen("yes", "", 1),
        &format!("DIR/t.csv:3: column `kind`: the cell is empty\n{help}"),
    );
    check_table_error(
        &table().replace("30.5,yes", "yes"),
        "DIR/t.csv:5: 2 cells, but the first line names 3 columns",
    );
    check_table_error(
        &table().replace("30.5,yes", "30.5,yes,1"),
        "DIR/t.csv:5: 4 cells, but the first line names 3 columns",
    );
}

#[test]
fn tables_without_names() {
    check_table_error(
        "1,2,3\n4,5,6\n",
        "DIR/t.csv:1: expected a row of column names, found numbers\n\
         help: add a first line that names the columns",
    );
    check_table_error(
        "a;b;c\n1;2;3\n",
        "DIR/t.csv:1: expected column names between commas, found `a;b;c`\nhelp: separate the cells by commas",
    );
    check_table_error("", "DIR/t.csv:1: expected a row of column names, found nothing");
}

#[test]
fn text_that_is_not_utf8() {
    let folder = Folder::new();
    let path = folder.write("t.csv", b"a,b,c\n1,2,x\n1,2,\xff\n");
    check_error(
        &folder,
        &request("csv", &path, &[2], &[2]),
        "DIR/t.csv:3: the text is not UTF-8\nhelp: save the file as UTF-8",
    );
}

#[test]
fn columns_that_do_not_fit_the_network() {
    let folder = Folder::new();
    let path = folder.write("t.csv", table());
    check_error(
        &folder,
        &request("csv", &path, &[3], &[2]),
        "DIR/t.csv:1: 2 feature columns beside the target `kind`, but the network takes 3\n\
         help: begin the network's signature with `2`, or name the target column",
    );
    check_error(
        &folder,
        &Request { target: Some("class"), ..request("csv", &path, &[2], &[2]) },
        "DIR/t.csv:1: there is no column `class`\nhelp: the columns are `x`, `y`, `kind`",
    );
    check_error(
        &folder,
        &Request { target: Some("y, kind"), ..request("csv", &path, &[1], &[2]) },
        "DIR/t.csv:1: 2 columns are named as target, but the network's output needs 1",
    );
    check_error(
        &folder,
        &request("csv", &path, &[2], &[3]),
        "DIR/t.csv: the data has 2 classes, but the network ends with 3\n\
         help: end the network's signature with `-> 2`",
    );
}

#[test]
fn too_few_rows() {
    check_table_error(
        "x,y,kind\n1,2,no\n3,4,yes\n",
        "DIR/t.csv: the 2 samples are too few: the validation part would be empty\n\
         help: give at least ten samples, and several of each class",
    );
    check_table_error("x,y,kind\n", "DIR/t.csv: there are no rows below the column names");
}

#[test]
fn rows_to_predict_may_have_a_target_or_not() {
    let folder = Folder::new();
    let expected = Storage::Values(vec![1.0, 2.0, 3.0, 4.0]);
    for (text, target) in [
        ("x,y\n1,2\n3,4\n", None),
        ("x,y\n1,2\n3,4\n", Some("kind")),
        ("x,y,kind\n1,2,no\n3,4,?\n", None),
        ("kind,x,y\nno,1,2\n?,3,4\n", Some("kind")),
        ("x,up,y,down\n1,?,2,?\n3,?,4,?\n", Some("up, down")),
    ] {
        let path = folder.write("rows.csv", text);
        assert_eq!(load_samples(&path, &[2], target).unwrap().storage(), &expected, "{text}");
    }
    let path = folder.write("rows.csv", "x\n1\n");
    assert_eq!(load_samples(&path, &[1], None).unwrap().storage(), &Storage::Values(vec![1.0]));
    let error = load_samples(&path, &[2], None).unwrap_err();
    assert_eq!(error.message(), "1 feature columns, but the network takes 2");
}

#[test]
fn series_and_volumes_are_read_channels_first() {
    let folder = Folder::new();
    let header: Vec<String> = (0..8).map(|column| format!("x{column}")).collect();
    let mut text = format!("{},class\n", header.join(","));
    for row in 0..20 {
        text.push_str(&format!("0,1,2,3,4,5,6,7,{}\n", row % 2));
    }
    let path = folder.write("series.csv", text);
    for (input, first) in [
        (&[2, 4][..], [0.0, 4.0, 1.0, 5.0]),
        (&[2, 2, 1, 2], [0.0, 4.0, 1.0, 5.0]),
        (&[8, 1], [0.0, 1.0, 2.0, 3.0]),
    ] {
        let splits = try_load(&folder, &request("csv", &path, input, &[2])).unwrap();
        assert_eq!(splits.train.shape(), input);
        assert_eq!(values(&splits.train)[..4], first);
    }
}

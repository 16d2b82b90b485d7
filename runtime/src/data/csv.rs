//! `csv`: a table with a row of names, a sample per row, and numbers in its feature columns.
//!
//! The target is the last column, or the columns that the request names; classes may be words
//! or integers. A network that takes a map reads a row in the order channels, rows, columns.
//! The table is cut 70 / 15 / 15.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use ::csv::{ReaderBuilder, StringRecord, Trim};

use super::split::Shares;
use super::{Dataset, Error, Parts, Request, Samples, Source, Storage, Targets, shape_text};
use crate::program::TargetKind;

const SHARES: Shares = Shares { validation: 15, test: 15 };

/// Where it lies.
pub(super) fn file<'a>(request: &Request<'a>) -> Result<&'a Path, Error> {
    request.path("a CSV file")
}

pub(super) fn load(request: &Request) -> Result<Source, Error> {
    let mut table = Table::open(file(request)?)?;
    let width = match request.wanted {
        TargetKind::Classes => 1,
        TargetKind::Values => request.outputs(),
    };
    let columns = table.columns(request.target, width)?;
    table.check_features(&columns, request.input)?;
    let mut rows = Rows::default();
    let mut row = StringRecord::new();
    while table.read_row(&mut row)? {
        rows.features.extend(map_order(table.numbers(&row, &columns.features)?, request.input));
        match request.wanted {
            TargetKind::Classes => rows.add_class(table.word(&row, columns.target[0])?),
            TargetKind::Values => {
                rows.values.extend(map_order(table.numbers(&row, &columns.target)?, request.output));
            }
        }
    }
    let set = rows.into_dataset(request, &table.path)?;
    let mut source = Source::new(&table.path, Parts::Whole(set, SHARES));
    if request.input.len() == 1 {
        source.features = columns.features.iter().map(|&column| table.names[column].clone()).collect();
    }
    Ok(source)
}

/// The rows of `path` as samples of a network that takes `input`.
///
/// The columns `target` are left out if they are there; without a name, one column too many
/// is the target, as it is in [`load`].
pub(super) fn load_samples(path: &Path, input: &[usize], target: Option<&str>) -> Result<Samples, Error> {
    let mut table = Table::open(path)?;
    let elements = input.iter().product::<usize>();
    let width = match target {
        Some(names) if target_names(names).all(|name| table.column(name).is_ok()) => {
            target_names(names).count()
        }
        None if table.names.len() == elements + 1 => 1,
        _ => 0,
    };
    // Without its columns, the target's names mean nothing.
    let columns = table.columns(target.filter(|_| width > 0), width)?;
    table.check_features(&columns, input)?;
    let mut values = Vec::new();
    let mut row = StringRecord::new();
    while table.read_row(&mut row)? {
        values.extend(map_order(table.numbers(&row, &columns.features)?, input));
    }
    Samples::new(input, Storage::Values(values))
}

/// A CSV file that is being read.
struct Table {
    path: PathBuf,
    names: Vec<String>,
    reader: ::csv::Reader<File>,
}

/// Which columns hold what.
struct Columns {
    features: Vec<usize>,
    target: Vec<usize>,
}

impl Table {
    fn open(path: &Path) -> Result<Table, Error> {
        let file = File::open(path).map_err(|error| Error::unreadable(path, &error))?;
        // Rows of another length are found by `read_row`, whose message says more.
        let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(file);
        let header = reader.headers().map_err(|error| unreadable(path, &error))?;
        let names: Vec<String> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        if names.iter().all(String::is_empty) {
            return Err(Error::at_line(path, 1, "expected a row of column names, found nothing"));
        }
        if let [name] = &names[..]
            && name.contains([';', '\t'])
        {
            return Err(Error::at_line(
                path,
                1,
                format!("expected column names between commas, found `{name}`"),
            )
            .help("separate the cells by commas"));
        }
        if names.iter().all(|name| name.parse::<f32>().is_ok()) {
            return Err(Error::at_line(path, 1, "expected a row of column names, found numbers")
                .help("add a first line that names the columns"));
        }
        Ok(Table { path: path.to_owned(), names, reader })
    }

    /// Takes the columns named `target`, or the last `width`, as target; all others are features.
    fn columns(&self, target: Option<&str>, width: usize) -> Result<Columns, Error> {
        let target: Vec<usize> = match target {
            Some(names) => target_names(names).map(|name| self.column(name)).collect::<Result<_, _>>()?,
            None => (self.names.len().saturating_sub(width)..self.names.len()).collect(),
        };
        if target.len() != width {
            let found = target.len();
            let message =
                format!("{found} columns are named as target, but the network's output needs {width}");
            return Err(Error::at_line(&self.path, 1, message));
        }
        let features = (0..self.names.len()).filter(|column| !target.contains(column)).collect();
        Ok(Columns { features, target })
    }

    fn column(&self, name: &str) -> Result<usize, Error> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let known = self.names.join("`, `");
            Error::at_line(&self.path, 1, format!("there is no column `{name}`"))
                .help(format!("the columns are `{known}`"))
        })
    }

    fn check_features(&self, columns: &Columns, input: &[usize]) -> Result<(), Error> {
        let (found, expected) = (columns.features.len(), input.iter().product::<usize>());
        if found == expected {
            return Ok(());
        }
        let shape = shape_text(input);
        let target = match &columns.target[..] {
            [] => String::new(),
            target => {
                let names: Vec<&str> = target.iter().map(|&column| self.names[column].as_str()).collect();
                format!(" beside the target `{}`", names.join("`, `"))
            }
        };
        let message = format!("{found} feature columns{target}, but the network takes {shape}");
        let message = if input.len() == 1 { message } else { format!("{message}, {expected} elements") };
        Err(Error::at_line(&self.path, 1, message)
            .help(format!("begin the network's signature with `{found}`, or name the target column")))
    }

    /// Reads the next row into `row`; `false` at the end.
    fn read_row(&mut self, row: &mut StringRecord) -> Result<bool, Error> {
        let more = self.reader.read_record(row).map_err(|error| unreadable(&self.path, &error))?;
        let (found, expected) = (row.len(), self.names.len());
        if more && found != expected {
            let message = format!("{found} cells, but the first line names {expected} columns");
            return Err(self.wrong(row, message));
        }
        Ok(more)
    }

    fn numbers(&self, row: &StringRecord, columns: &[usize]) -> Result<Vec<f32>, Error> {
        columns.iter().map(|&column| self.number(row, column)).collect()
    }

    fn number(&self, row: &StringRecord, column: usize) -> Result<f32, Error> {
        let cell = self.word(row, column)?;
        let wrong = |what: &str| self.wrong(row, format!("column `{}`: {what}", self.names[column]));
        match cell.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(wrong(&format!("expected a finite number, found `{cell}`"))
                .help("remove the row, or fill the cell with a value")),
            Err(_) => Err(wrong(&format!("expected a number, found `{cell}`"))
                .help("write categories as numbers, for example one column of 0 and 1 for each")),
        }
    }

    fn word<'a>(&self, row: &'a StringRecord, column: usize) -> Result<&'a str, Error> {
        match &row[column] {
            "" => Err(self
                .wrong(row, format!("column `{}`: the cell is empty", self.names[column]))
                .help("remove the row, or fill the cell with a value")),
            cell => Ok(cell),
        }
    }

    fn wrong(&self, row: &StringRecord, message: String) -> Error {
        Error::at_line(&self.path, row.position().map_or(1, ::csv::Position::line), message)
    }
}

/// What has been read so far.
#[derive(Default)]
struct Rows {
    features: Vec<f32>,
    values: Vec<f32>,
    /// The classes' numbers, in the order in which they came.
    labels: Vec<u32>,
    classes: HashMap<String, u32>,
}

impl Rows {
    fn add_class(&mut self, name: &str) {
        let next = self.classes.len() as u32;
        let label = match self.classes.get(name) {
            Some(&label) => label,
            None => *self.classes.entry(name.to_owned()).or_insert(next),
        };
        self.labels.push(label);
    }

    fn into_dataset(self, request: &Request, path: &Path) -> Result<Dataset, Error> {
        if self.features.is_empty() {
            return Err(Error::at(path, "there are no rows below the column names"));
        }
        let (targets, classes) = match request.wanted {
            TargetKind::Values => {
                (Targets::Values { width: request.outputs(), values: self.values }, Vec::new())
            }
            TargetKind::Classes => {
                let (names, labels) = in_order(self.classes, self.labels);
                request.check_class_count(path, names.len())?;
                (Targets::Classes(labels), names)
            }
        };
        Dataset::new(Samples::new(request.input, Storage::Values(self.features))?, targets, classes)
    }
}

/// Numbers the classes by their names instead of by their first rows; integers by value.
fn in_order(classes: HashMap<String, u32>, labels: Vec<u32>) -> (Vec<String>, Vec<u32>) {
    let mut named: Vec<(String, u32)> = classes.into_iter().collect();
    let integer = |name: &str| name.parse::<i64>().ok();
    let all_integers = named.iter().all(|(name, _)| integer(name).is_some());
    named.sort_by_key(|(name, _)| (if all_integers { integer(name) } else { None }, name.clone()));
    let mut renumbered = vec![0; named.len()];
    for (number, (_, old)) in named.iter().enumerate() {
        renumbered[*old as usize] = number as u32;
    }
    let labels = labels.into_iter().map(|old| renumbered[old as usize]).collect();
    (named.into_iter().map(|(name, _)| name).collect(), labels)
}

fn target_names(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').map(str::trim)
}

/// A row's elements as they lie in memory: those of a map change from channels first to last.
fn map_order(row: Vec<f32>, shape: &[usize]) -> Vec<f32> {
    let [channels, spatial @ ..] = shape else { return row };
    if spatial.is_empty() {
        return row;
    }
    let positions: usize = spatial.iter().product();
    (0..positions)
        .flat_map(|position| (0..*channels).map(move |c| c * positions + position))
        .map(|from| row[from])
        .collect()
}

fn unreadable(path: &Path, error: &::csv::Error) -> Error {
    match (error.position(), error.kind()) {
        (Some(position), ::csv::ErrorKind::Utf8 { .. }) => {
            Error::at_line(path, position.line(), "the text is not UTF-8").help("save the file as UTF-8")
        }
        _ => Error::at(path, format!("cannot be read: {error}")),
    }
}

//! `images`: folders of PNG and JPEG files, one folder per class.
//!
//! `train/<class>/` and `test/<class>/`, or only `<class>/`, which is then cut 70 / 15 / 15.
//! Classes and files are taken in the order of their names. Every image must have the size
//! of the network's input; colours are converted to the network's number of channels.
//! Resizing is left to the user, who knows what may be cut away.

mod decode;

use std::path::{Path, PathBuf};
use std::thread;

use super::split::Shares;
use super::{Dataset, Error, Parts, Request, Samples, Source, Storage, Targets, files};

const SHARES: Shares = Shares { validation: 15, test: 15 };

/// Endings of the files that are read.
const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

pub(super) fn load(request: &Request) -> Result<Source, Error> {
    let folder = folder(request)?;
    let train_folder = folder.join("train");
    if train_folder.is_dir() {
        load_tested(request, folder, &train_folder)
    } else {
        load_whole(request, folder)
    }
}

/// Where it lies, for a network that wants classes.
pub(super) fn folder<'a>(request: &Request<'a>) -> Result<&'a Path, Error> {
    request.check_classes_wanted()?;
    request.path("a folder of images by class")
}

/// The image file `path` as one sample of a network that takes `input`.
pub(super) fn load_samples(path: &Path, input: &[usize]) -> Result<Samples, Error> {
    let file = [path.to_owned()];
    let shape = image_shape(input, &file)?;
    Samples::new(&shape, Storage::Bytes(decode_all(&file, shape)?))
}

fn load_tested(request: &Request, folder: &Path, train_folder: &Path) -> Result<Source, Error> {
    let test_folder = folder.join("test");
    if !test_folder.is_dir() {
        let found = files::content(folder);
        return Err(Error::at(folder, format!("expected a folder `test` beside `train`, found {found}"))
            .help("add it, or give the folder above the classes, which is then cut into parts"));
    }
    let train = Tree::list(train_folder)?;
    let test = Tree::list(&test_folder)?;
    check_same_classes(&train, &test)?;
    let mut source =
        Source::new(folder, Parts::Tested { train: train.read(request)?, test: test.read(request)? });
    source.notes.extend(train.note().into_iter().chain(test.note()));
    Ok(source)
}

fn load_whole(request: &Request, folder: &Path) -> Result<Source, Error> {
    let tree = Tree::list(folder)?;
    let mut source = Source::new(folder, Parts::Whole(tree.read(request)?, SHARES));
    source.notes.extend(tree.note());
    Ok(source)
}

fn check_same_classes(train: &Tree, test: &Tree) -> Result<(), Error> {
    for (one, other) in [(train, test), (test, train)] {
        if let Some(missing) = one.classes.iter().find(|class| !other.classes.contains(class)) {
            let with = one.folder.display();
            return Err(Error::at(
                &other.folder,
                format!("there is no class `{missing}`, but `{with}` has it"),
            )
            .help("both parts need the same folders"));
        }
    }
    Ok(())
}

/// The files of a folder of classes.
struct Tree {
    folder: PathBuf,
    classes: Vec<String>,
    files: Vec<PathBuf>,
    labels: Vec<u32>,
    /// Entries that are neither PNG nor JPEG.
    skipped: Vec<PathBuf>,
}

impl Tree {
    fn list(folder: &Path) -> Result<Tree, Error> {
        let mut tree = Tree {
            folder: folder.to_owned(),
            classes: Vec::new(),
            files: Vec::new(),
            labels: Vec::new(),
            skipped: Vec::new(),
        };
        for entry in files::entries(folder)?.iter().filter(|entry| entry.path().is_dir()) {
            tree.add_class(&entry.path(), entry.file_name().to_string_lossy().into_owned())?;
        }
        if tree.classes.is_empty() {
            let found = files::content(folder);
            return Err(Error::at(folder, format!("expected a folder per class, found {found}")));
        }
        Ok(tree)
    }

    fn add_class(&mut self, folder: &Path, name: String) -> Result<(), Error> {
        let before = self.files.len();
        for entry in files::entries(folder)? {
            let path = entry.path();
            let list = if is_image(&path) { &mut self.files } else { &mut self.skipped };
            list.push(path);
        }
        if self.files.len() == before {
            let found = files::content(folder);
            return Err(Error::at(folder, format!("class `{name}` has no PNG or JPEG file: found {found}"))
                .help("add images, or remove the folder"));
        }
        self.labels.resize(self.files.len(), self.classes.len() as u32);
        self.classes.push(name);
        Ok(())
    }

    fn read(&self, request: &Request) -> Result<Dataset, Error> {
        request.check_class_count(&self.folder, self.classes.len())?;
        let shape = image_shape(request.input, &self.files)?;
        let samples = Samples::new(&shape, Storage::Bytes(decode_all(&self.files, shape)?))?;
        Dataset::new(samples, Targets::Classes(self.labels.clone()), self.classes.clone())
    }

    fn note(&self) -> Option<String> {
        let first = self.skipped.first()?.display();
        let more = match self.skipped.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        Some(format!("left out, because neither PNG nor JPEG: `{first}`{more}"))
    }
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// The shape that images must have: the network's, or for a vector, the first image's.
fn image_shape(input: &[usize], files: &[PathBuf]) -> Result<[usize; 3], Error> {
    match (input, files) {
        (&[channels @ (1 | 3), height, width], _) => Ok([channels, height, width]),
        (&[elements], [first, ..]) => flat_shape(elements, first),
        _ => Err(Error::new(format!(
            "images have 1 or 3 channels, but the network takes {}",
            super::shape_text(input)
        ))
        .help("begin the network's signature with `1xHxW` for grey or `3xHxW` for colour images")),
    }
}

fn flat_shape(elements: usize, first: &Path) -> Result<[usize; 3], Error> {
    let picture = decode::decode(first, 1)?;
    let [height, width] = picture.size;
    [1, 3].into_iter().find(|channels| channels * height * width == elements).map_or_else(
        || {
            let message = format!("the image is {height}x{width}, which is not {elements} elements");
            Err(Error::at(first, message).help("begin the network's signature with the size of the images"))
        },
        |channels| Ok([channels, height, width]),
    )
}

/// The pixels of all `files`, decoded on all cores; of several mistakes, the first file's is told.
fn decode_all(files: &[PathBuf], shape: [usize; 3]) -> Result<Vec<u8>, Error> {
    let len = shape.iter().product::<usize>();
    let mut pixels = zeros(files.len() * len)?;
    let threads = thread::available_parallelism().map_or(1, |count| count.get());
    let share = files.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts = files.chunks(share).zip(pixels.chunks_mut(share * len));
        let workers: Vec<_> =
            parts.map(|(files, pixels)| scope.spawn(move || decode_part(files, pixels, shape))).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(pixels)
}

fn decode_part(files: &[PathBuf], pixels: &mut [u8], shape: [usize; 3]) -> Result<(), Error> {
    let [channels, height, width] = shape;
    for (path, pixels) in files.iter().zip(pixels.chunks_mut(channels * height * width)) {
        let picture = decode::decode(path, channels)?;
        if picture.size != [height, width] {
            let [found_height, found_width] = picture.size;
            let message = format!("expected {height}x{width} pixels, found {found_height}x{found_width}");
            return Err(Error::at(path, message).help(
                "all images must have the size of the network's input: resize them, or change the signature",
            ));
        }
        pixels.copy_from_slice(&picture.pixels);
    }
    Ok(())
}

/// A data set that does not fit is the user's to hear of, not a reason to abort.
fn zeros(len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| {
        Error::new(format!("the images take {} MB and do not fit into memory", len / 1_000_000))
            .help("use smaller or fewer images")
    })?;
    bytes.resize(len, 0);
    Ok(bytes)
}

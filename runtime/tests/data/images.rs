//! Folders of images.

use std::path::Path;

use nnc_runtime::data::{Request, Storage, Targets, load_samples};
use png::{BitDepth, ColorType};

use crate::support::{Folder, bytes, check_error, request, sizes, try_load};

const INPUT: [usize; 3] = [3, 2, 2];
const OUTPUT: [usize; 1] = [2];

/// A 2x2 image whose pixels are (shade, 1, 2) but for the last, which is black.
fn write_image(folder: &Folder, name: &str, shade: u8) {
    let mut pixels = [shade, 1, 2].repeat(4);
    pixels[9..].fill(0);
    write_png(&folder.write(name, []), [2, 2], ColorType::Rgb, &pixels);
}

fn write_png(path: &Path, [height, width]: [u32; 2], colour: ColorType, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
    encoder.set_color(colour);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

/// `count` images of each of two classes in `part`.
fn write_part(folder: &Folder, part: &str, count: u8) {
    for image in 0..count {
        write_image(folder, &format!("{part}cat/{image:03}.png"), image);
        write_image(folder, &format!("{part}dog/{image:03}.PNG"), 100 + image);
    }
}

fn good() -> Folder {
    let folder = Folder::new();
    write_part(&folder, "train/", 10);
    write_part(&folder, "test/", 2);
    folder
}

fn images(folder: &Folder) -> Request<'_> {
    request("images", folder.path(), &INPUT, &OUTPUT)
}

#[test]
fn train_and_test_in_the_order_of_names() {
    let folder = good();
    let splits = try_load(&folder, &images(&folder)).unwrap();
    assert_eq!(sizes(&splits), [18, 2, 4]);
    assert_eq!(splits.train.classes(), ["cat", "dog"]);
    assert_eq!(splits.test.targets(), &Targets::Classes(vec![0, 0, 1, 1]));
    let shades: Vec<u8> = bytes(&splits.test).chunks(12).map(|image| image[0]).collect();
    assert_eq!(shades, [0, 1, 100, 101]);
    assert_eq!(bytes(&splits.test)[12..24], [1, 1, 2, 1, 1, 2, 1, 1, 2, 0, 0, 0]);
    assert_eq!(splits.notes, [""; 0]);
}

#[test]
fn classes_alone_are_cut_into_parts() {
    let folder = Folder::new();
    write_part(&folder, "", 20);
    let splits = try_load(&folder, &images(&folder)).unwrap();
    assert_eq!(sizes(&splits), [28, 6, 6]);
    assert_eq!(splits.test.class_counts(), [3, 3]);
}

#[test]
fn colours_follow_the_network() {
    let folder = good();
    let grey = try_load(&folder, &Request { input: &[1, 2, 2], ..images(&folder) }).unwrap();
    assert_eq!(bytes(&grey.test).len(), 4 * 4);
    let flat = try_load(&folder, &Request { input: &[12], ..images(&folder) }).unwrap();
    assert_eq!(flat.test.shape(), [3, 2, 2]);
    let path = folder.write("grey.png", []);
    write_png(&path, [2, 2], ColorType::Grayscale, &[7; 4]);
    let sample = load_samples(&path, &INPUT, None).unwrap();
    assert_eq!(sample.storage(), &Storage::Bytes(vec![7; 12]));
    write_png(&path, [2, 2], ColorType::Rgba, &[10, 20, 30, 0].repeat(4));
    let sample = load_samples(&path, &INPUT, None).unwrap();
    assert_eq!(sample.storage(), &Storage::Bytes([10, 20, 30].repeat(4)));
    let grey = load_samples(&path, &[1, 2, 2], None).unwrap();
    assert_eq!(grey.storage(), &Storage::Bytes(vec![18; 4])); // 0.299 * 10 + 0.587 * 20 + 0.114 * 30
}

#[test]
fn png_files_may_have_other_depths() {
    let folder = Folder::new();
    let read = |colour, depth, rows: &[u8]| {
        let path = folder.write("image.png", []);
        let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 2, 2);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == ColorType::Indexed {
            encoder.set_palette(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
        encoder.write_header().unwrap().write_image_data(rows).unwrap();
        load_samples(&path, &INPUT, None).unwrap().storage().clone()
    };
    // Each row begins with a byte of its own.
    let grey = |pixels: [u8; 4]| Storage::Bytes(pixels.into_iter().flat_map(|pixel| [pixel; 3]).collect());
    assert_eq!(read(ColorType::Grayscale, BitDepth::One, &[0b10 << 6, 0b01 << 6]), grey([255, 0, 0, 255]));
    assert_eq!(
        read(ColorType::Grayscale, BitDepth::Two, &[0b0110 << 4, 0b1100 << 4]),
        grey([85, 170, 255, 0])
    );
    assert_eq!(read(ColorType::Grayscale, BitDepth::Four, &[0x0f, 0x12]), grey([0, 255, 17, 34]));
    let sixteen = [1, 255, 2, 0, 3, 127, 4, 128];
    assert_eq!(read(ColorType::Grayscale, BitDepth::Sixteen, &sixteen), grey([1, 2, 3, 4]));
    assert_eq!(read(ColorType::GrayscaleAlpha, BitDepth::Eight, &sixteen), grey([1, 2, 3, 4]));
    let colours = Storage::Bytes(vec![1, 2, 3, 7, 8, 9, 4, 5, 6, 1, 2, 3]);
    assert_eq!(read(ColorType::Indexed, BitDepth::Two, &[0b0010 << 4, 0b0100 << 4]), colours);
}

#[test]
fn jpeg_files_are_read() {
    let folder = Folder::new();
    let grey = folder.write("grey.jpeg", *include_bytes!("grey.jpeg"));
    let sample = load_samples(&grey, &[1, 8, 8], None).unwrap();
    assert_eq!(sample.storage(), &Storage::Bytes(vec![200; 64]));
    // Lossy: (200, 100, 50) comes back within one step of each channel.
    let colour = folder.write("colour.jpeg", *include_bytes!("colour.jpeg"));
    let sample = load_samples(&colour, &[3, 8, 8], None).unwrap();
    let Storage::Bytes(pixels) = sample.storage() else { panic!("images are bytes") };
    assert_eq!(pixels.len(), 3 * 64);
    for pixel in pixels.chunks_exact(3) {
        assert!(pixel.iter().zip([200u8, 100, 50]).all(|(found, wanted)| found.abs_diff(wanted) <= 1));
    }
}

#[test]
fn an_image_of_another_size() {
    let folder = good();
    write_png(&folder.path().join("train/dog/004.png"), [2, 3], ColorType::Rgb, &[0; 18]);
    check_error(
        &folder,
        &images(&folder),
        "DIR/train/dog/004.png: expected 2x2 pixels, found 2x3\n\
         help: all images must have the size of the network's input: resize them, or change the signature",
    );
}

#[test]
fn files_that_are_no_images() {
    let folder = good();
    folder.write("test/cat/notes.txt", "hello");
    folder.write("test/cat/.hidden", "hello");
    let splits = try_load(&folder, &images(&folder)).unwrap();
    let expected = folder.path().join("test/cat/notes.txt");
    let expected = format!("left out, because neither PNG nor JPEG: `{}`", expected.display());
    assert_eq!(splits.notes, [expected]);
    folder.write("test/cat/001.png", "hello");
    let error = try_load(&folder, &images(&folder)).unwrap_err();
    assert!(error.starts_with("DIR/test/cat/001.png: not a readable PNG or JPEG image: "), "{error}");
    let whole = std::fs::read(folder.path().join("test/cat/000.png")).unwrap();
    folder.write("test/cat/001.png", &whole[..whole.len() / 2]);
    let error = try_load(&folder, &images(&folder)).unwrap_err();
    assert!(error.starts_with("DIR/test/cat/001.png: not a readable PNG or JPEG image: "), "{error}");
}

#[test]
fn classes_must_be_the_same_in_both_parts() {
    let folder = good();
    write_image(&folder, "train/horse/0.png", 0);
    check_error(
        &folder,
        &images(&folder),
        "DIR/test: there is no class `horse`, but `DIR/train` has it\nhelp: both parts need the same folders",
    );
    let folder = good();
    write_image(&folder, "test/ant/0.png", 0);
    check_error(
        &folder,
        &images(&folder),
        "DIR/train: there is no class `ant`, but `DIR/test` has it\nhelp: both parts need the same folders",
    );
}

#[test]
fn folders_that_are_empty_or_missing() {
    let folder = Folder::new();
    check_error(&folder, &images(&folder), "DIR: expected a folder per class, found an empty folder");
    write_part(&folder, "train/", 1);
    check_error(
        &folder,
        &images(&folder),
        "DIR: expected a folder `test` beside `train`, found `train`\n\
         help: add it, or give the folder above the classes, which is then cut into parts",
    );
    let folder = good();
    std::fs::create_dir(folder.path().join("train/empty")).unwrap();
    check_error(
        &folder,
        &images(&folder),
        "DIR/train/empty: class `empty` has no PNG or JPEG file: found an empty folder\n\
         help: add images, or remove the folder",
    );
}

#[test]
fn networks_that_take_no_images() {
    let folder = good();
    check_error(
        &folder,
        &Request { input: &[4, 2, 2], ..images(&folder) },
        "images have 1 or 3 channels, but the network takes 4x2x2\n\
         help: begin the network's signature with `1xHxW` for grey or `3xHxW` for colour images",
    );
    check_error(
        &folder,
        &Request { input: &[5], ..images(&folder) },
        "DIR/train/cat/000.png: the image is 2x2, which is not 5 elements\n\
         help: begin the network's signature with the size of the images",
    );
    check_error(
        &folder,
        &Request { output: &[3], ..images(&folder) },
        "DIR/train: the data has 2 classes, but the network ends with 3\n\
         help: end the network's signature with `-> 2`",
    );
    let file = Path::new("missing.png");
    let error = load_samples(file, &INPUT, None).unwrap_err();
    assert!(error.to_string().starts_with("missing.png: cannot be read: "));
}

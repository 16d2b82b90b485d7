//! One file to pixels.

use std::path::Path;

use super::super::Error;

/// An image's pixels, channels last.
pub(super) struct Picture {
    /// Height and width.
    pub(super) size: [usize; 2],
    pub(super) pixels: Vec<u8>,
}

/// Decodes the PNG or JPEG file `path` to `channels` channels, 1 or 3.
///
/// The content decides about the format, not the name. Grey is luma, transparency is dropped.
#[cfg(feature = "images")]
pub(super) fn decode(path: &Path, channels: usize) -> Result<Picture, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::unreadable(path, &error))?;
    let picture = if bytes.starts_with(&PNG) { decode_png(&bytes) } else { decode_jpeg(&bytes, channels) };
    let mut picture = picture.map_err(|reason| {
        Error::at(path, format!("not a readable PNG or JPEG image: {reason}"))
            .help("replace the file, or remove it")
    })?;
    picture.pixels = with_channels(&picture, channels);
    Ok(picture)
}

/// How every PNG file begins.
#[cfg(feature = "images")]
const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

#[cfg(feature = "images")]
fn decode_png(bytes: &[u8]) -> Result<Picture, String> {
    use zune_png::PngDecoder;
    use zune_png::zune_core::bytestream::ZCursor;
    use zune_png::zune_core::options::DecoderOptions;

    let options = DecoderOptions::default().png_set_strip_to_8bit(true).set_strict_mode(true);
    let mut decoder = PngDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode_raw().map_err(|error| error.to_string().trim().replace('"', ""))?;
    let (width, height) = decoder.dimensions().ok_or("it has no header")?;
    Ok(Picture { size: [height, width], pixels })
}

#[cfg(feature = "images")]
fn decode_jpeg(bytes: &[u8], channels: usize) -> Result<Picture, String> {
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    let wanted = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(wanted);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no header")?;
    Ok(Picture { size: [usize::from(info.height), usize::from(info.width)], pixels })
}

/// The pixels with 1 or 3 channels, from 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
///
/// Luma is that of ITU-R BT.601, as JPEG files store it.
#[cfg(feature = "images")]
fn with_channels(picture: &Picture, channels: usize) -> Vec<u8> {
    let stored = picture.pixels.len() / (picture.size[0] * picture.size[1]).max(1);
    let luma = |r: u8, g: u8, b: u8| {
        ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) + 500) / 1000) as u8
    };
    let pixels = picture.pixels.chunks_exact(stored.max(1));
    match (stored, channels) {
        (1, 1) | (3, 3) => picture.pixels.clone(),
        (3 | 4, 1) => pixels.map(|pixel| luma(pixel[0], pixel[1], pixel[2])).collect(),
        (4, _) => pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        (_, 1) => pixels.map(|pixel| pixel[0]).collect(),
        (_, _) => pixels.flat_map(|pixel| [pixel[0]; 3]).collect(),
    }
}

/// Says that there is no decoder in this build.
#[cfg(not(feature = "images"))]
pub(super) fn decode(path: &Path, _channels: usize) -> Result<Picture, Error> {
    Err(Error::at(path, "this program was built without support for image files")
        .help("build it with the feature `images`"))
}

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
    let image = image::load_from_memory(&bytes).map_err(|error| {
        Error::at(path, format!("not a readable PNG or JPEG image: {error}"))
            .help("replace the file, or remove it")
    })?;
    let size = [image.height() as usize, image.width() as usize];
    let pixels = match channels {
        1 => image.into_luma8().into_raw(),
        _ => image.into_rgb8().into_raw(),
    };
    Ok(Picture { size, pixels })
}

/// Says that there is no decoder in this build.
#[cfg(not(feature = "images"))]
pub(super) fn decode(path: &Path, _channels: usize) -> Result<Picture, Error> {
    Err(Error::at(path, "this program was built without support for image files")
        .help("build it with the feature `images`"))
}

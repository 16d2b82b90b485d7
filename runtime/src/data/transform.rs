//! From a stored sample to what the network reads.
//!
//! A sample is standardised, then perhaps cut and mirrored, then laid out as the network's
//! input is. Zeros around a cut are therefore the mean colour.

use super::{Error, Samples, Statistics, Storage, shape_text};
use nnc_kernels::random::{Purpose, Stream};

/// Random changes to training images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Zeros on each side before a random cut to the old size.
    pub crop: usize,
}

impl Augment {
    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }
}

/// One way to look at an image: where the cut begins in the padded image, and whether to mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    flip: bool,
    top: usize,
    left: usize,
}

impl View {
    /// The view of sample `index` in the epoch that `stream` was made for.
    pub(super) fn draw(augment: Augment, stream: &Stream, index: u32) -> View {
        let [coin, _, top, left] = stream.block(index);
        let places = 2 * augment.crop as u64 + 1;
        let place = |word: u32| ((word as u64 * places) >> 32) as usize;
        View { flip: augment.flip && coin >> 31 == 1, top: place(top), left: place(left) }
    }

    /// The numbers that augmentation draws in an epoch.
    pub(super) fn stream(seed: u64, epoch: u64) -> Stream {
        Stream::new(seed, Purpose::Augmentation, 0, epoch)
    }
}

/// Writes samples of one data set as the input of one network.
#[derive(Clone, Debug)]
pub struct Transform {
    /// Per stored element, so that the loop over them is plain.
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// Height, width, channels; of a vector, 1, 1 and its features; of a map with one spatial axis
    /// or three, 1, their product and its channels.
    map: [usize; 3],
    transposed: bool,
    crop: usize,
}

/// Space for one sample under way, kept between samples.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    sample: Vec<f32>,
    cut: Vec<f32>,
}

impl Transform {
    /// From samples of `shape` to a network that takes `input`; both shapes channels first.
    ///
    /// A map may be read as a vector of as many elements, in the order channels, rows, columns.
    pub fn new(shape: &[usize], input: &[usize], statistics: &Statistics) -> Result<Transform, Error> {
        statistics.check(shape)?;
        let map = match *shape {
            [channels, height, width] => [height, width, channels],
            [channels, ref spatial @ ..] if !spatial.is_empty() => [1, spatial.iter().product(), channels],
            _ => [1, 1, shape.iter().product()],
        };
        let elements = map.iter().product();
        if input != shape && (input.len() != 1 || input[0] != elements) {
            let (input, shape) = (shape_text(input), shape_text(shape));
            return Err(Error::new(format!("the network takes {input}, but the data is {shape}")));
        }
        let period = statistics.mean.len();
        let per_element = |value: &dyn Fn(usize) -> f32| (0..elements).map(|i| value(i % period)).collect();
        Ok(Transform {
            mean: per_element(&|feature| statistics.mean[feature]),
            scale: per_element(&|feature| 1.0 / statistics.std[feature]),
            map,
            transposed: input != shape && map[2] > 1,
            crop: 0,
        })
    }

    /// Height, width, channels of a stored sample.
    #[cfg(feature = "cuda")]
    pub(crate) fn map(&self) -> [usize; 3] {
        self.map
    }

    /// Whether a map is read as a vector, in the order channels, rows, columns.
    #[cfg(feature = "cuda")]
    pub(crate) fn is_transposed(&self) -> bool {
        self.transposed
    }

    /// Makes room for views that are cut from a padded image.
    pub(super) fn with_crop(self, crop: usize) -> Transform {
        Transform { crop, ..self }
    }

    /// Standardises all `samples`, one after another.
    pub fn apply(&self, samples: &Samples) -> Vec<f32> {
        let mut inputs = vec![0.0; samples.len() * self.len()];
        let mut scratch = Scratch::default();
        for (index, input) in inputs.chunks_exact_mut(self.len()).enumerate() {
            self.write(samples, index, None, &mut scratch, input);
        }
        inputs
    }

    /// Elements of one sample.
    pub(super) fn len(&self) -> usize {
        self.mean.len()
    }

    /// Writes sample `index` to `input`.
    pub(super) fn write(
        &self,
        samples: &Samples,
        index: usize,
        view: Option<View>,
        scratch: &mut Scratch,
        input: &mut [f32],
    ) {
        if view.is_none() && !self.transposed {
            return self.standardize(samples, index, input);
        }
        scratch.sample.resize(self.len(), 0.0);
        self.standardize(samples, index, &mut scratch.sample);
        if let Some(view) = view {
            scratch.cut.clear();
            scratch.cut.resize(self.len(), 0.0);
            self.cut(view, &scratch.sample, &mut scratch.cut);
            std::mem::swap(&mut scratch.sample, &mut scratch.cut);
        }
        if self.transposed {
            self.transpose(&scratch.sample, input);
        } else {
            input.copy_from_slice(&scratch.sample);
        }
    }

    fn standardize(&self, samples: &Samples, index: usize, out: &mut [f32]) {
        let range = index * self.len()..(index + 1) * self.len();
        let factors = self.mean.iter().zip(&self.scale);
        match samples.storage() {
            Storage::Bytes(bytes) => {
                for ((out, &byte), (mean, scale)) in out.iter_mut().zip(&bytes[range]).zip(factors) {
                    *out = (byte as f32 - mean) * scale;
                }
            }
            Storage::Values(values) => {
                for ((out, &value), (mean, scale)) in out.iter_mut().zip(&values[range]).zip(factors) {
                    *out = (value - mean) * scale;
                }
            }
        }
    }

    /// Copies the part of `image` that `view` shows; what lies outside stays zero.
    fn cut(&self, view: View, image: &[f32], out: &mut [f32]) {
        let [height, width, channels] = self.map;
        let columns = overlap(view.left, self.crop, width);
        if columns.is_empty() {
            return;
        }
        for row in overlap(view.top, self.crop, height) {
            let from = (row + view.top - self.crop) * width;
            let first = columns.start + view.left - self.crop;
            let source = &image[(from + first) * channels..][..columns.len() * channels];
            let start = row * width + columns.start;
            out[start * channels..][..source.len()].copy_from_slice(source);
        }
        if view.flip {
            out.chunks_exact_mut(width * channels).for_each(|row| mirror(row, channels));
        }
    }

    fn transpose(&self, map: &[f32], out: &mut [f32]) {
        let channels = self.map[2];
        for (channel, plane) in out.chunks_exact_mut(map.len() / channels).enumerate() {
            for (out, pixel) in plane.iter_mut().zip(map.chunks_exact(channels)) {
                *out = pixel[channel];
            }
        }
    }
}

/// The positions of a cut of `size` at `start`, in an image padded by `pad`, that show the image.
fn overlap(start: usize, pad: usize, size: usize) -> std::ops::Range<usize> {
    let end = (size + pad).saturating_sub(start).min(size);
    pad.saturating_sub(start).min(end)..end
}

/// Reverses the order of a row's pixels.
fn mirror(row: &mut [f32], channels: usize) {
    let width = row.len() / channels;
    for column in 0..width / 2 {
        for channel in 0..channels {
            row.swap(column * channels + channel, (width - 1 - column) * channels + channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_by_three() -> Samples {
        // Two channels; the second is ten times the first.
        let bytes = (1..=6).flat_map(|pixel| [pixel, 10 * pixel]).collect();
        Samples::new(&[2, 2, 3], Storage::Bytes(bytes)).unwrap()
    }

    fn write(transform: &Transform, samples: &Samples, view: View) -> Vec<f32> {
        let mut out = vec![f32::NAN; transform.len()];
        transform.write(samples, 0, Some(view), &mut Scratch::default(), &mut out);
        out
    }

    #[test]
    fn standardised_per_channel() {
        let statistics = Statistics { mean: vec![1.0, 10.0], std: vec![2.0, 5.0] };
        let transform = Transform::new(&[2, 2, 3], &[2, 2, 3], &statistics).unwrap();
        let expected = [0.0, 0.0, 0.5, 2.0, 1.0, 4.0, 1.5, 6.0, 2.0, 8.0, 2.5, 10.0];
        assert_eq!(transform.apply(&two_by_three()), expected);
    }

    #[test]
    fn a_map_read_as_a_vector_is_channels_first() {
        let statistics = Statistics::identity(&[2, 2, 3]);
        let transform = Transform::new(&[2, 2, 3], &[12], &statistics).unwrap();
        let expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
        assert_eq!(transform.apply(&two_by_three()), expected);
    }

    #[test]
    fn series_and_volumes_are_standardised_per_channel() {
        let values = |len: u8| (0..len).map(f32::from).collect();
        for shape in [&[2, 4][..], &[2, 1, 2, 2]] {
            let samples = Samples::new(shape, Storage::Values(values(8))).unwrap();
            let statistics = Statistics { mean: vec![0.0, 1.0], std: vec![1.0, 2.0] };
            let inputs = |input: &[usize]| Transform::new(shape, input, &statistics).unwrap().apply(&samples);
            assert_eq!(inputs(shape), [0.0, 0.0, 2.0, 1.0, 4.0, 2.0, 6.0, 3.0]);
            assert_eq!(inputs(&[8]), [0.0, 2.0, 4.0, 6.0, 0.0, 1.0, 2.0, 3.0]);
        }
    }

    #[test]
    fn a_network_of_another_size_is_refused() {
        let statistics = Statistics::identity(&[2, 2, 3]);
        let error = Transform::new(&[2, 2, 3], &[2, 3, 2], &statistics).unwrap_err();
        assert_eq!(error.message(), "the network takes 2x3x2, but the data is 2x2x3");
    }

    #[test]
    fn cuts_and_mirrors() {
        let samples = Samples::new(&[1, 2, 3], Storage::Bytes(vec![1, 2, 3, 4, 5, 6])).unwrap();
        let statistics = Statistics::identity(&[1, 2, 3]);
        let transform = Transform::new(&[1, 2, 3], &[1, 2, 3], &statistics).unwrap().with_crop(1);
        let view = |flip, top, left| write(&transform, &samples, View { flip, top, left });
        assert_eq!(view(false, 1, 1), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(view(true, 1, 1), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(view(false, 0, 0), [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        assert_eq!(view(false, 2, 2), [5.0, 6.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(view(true, 2, 2), [0.0, 6.0, 5.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_crop_wider_than_the_image_stays_inside() {
        let samples = Samples::new(&[1, 1, 2], Storage::Bytes(vec![1, 2])).unwrap();
        let statistics = Statistics::identity(&[1, 1, 2]);
        let transform = Transform::new(&[1, 1, 2], &[1, 1, 2], &statistics).unwrap().with_crop(5);
        for place in 0..=10 {
            let out = write(&transform, &samples, View { flip: false, top: 5, left: place });
            let at = |column: i32| match column + place as i32 - 5 {
                0 => 1.0,
                1 => 2.0,
                _ => 0.0,
            };
            assert_eq!(out, [at(0), at(1)], "cut at {place}");
        }
    }

    #[test]
    fn mirroring_keeps_channels_in_order() {
        let mut row = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
        mirror(&mut row, 2);
        assert_eq!(row, [3.0, 30.0, 2.0, 20.0, 1.0, 10.0]);
    }

    #[test]
    fn views_cover_all_places_and_both_sides() {
        let augment = Augment { flip: true, crop: 1 };
        let stream = View::stream(1, 2);
        let views: Vec<View> = (0..400).map(|index| View::draw(augment, &stream, index)).collect();
        for (flip, top, left) in [(false, 0, 0), (true, 2, 0), (false, 1, 2), (true, 2, 2)] {
            assert!(views.contains(&View { flip, top, left }));
        }
        assert!(views.iter().all(|view| view.top <= 2 && view.left <= 2));
        let flipped = views.iter().filter(|view| view.flip).count();
        assert!((160..240).contains(&flipped), "{flipped}");
        let plain = View::draw(Augment::default(), &stream, 5);
        assert_eq!(plain, View { flip: false, top: 0, left: 0 });
    }
}

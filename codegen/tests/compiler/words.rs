//! What words mean: forward passes of lowered words against their definitions, written with channels
//! first as the language has them.

use crate::interpret::{Feed, run, uniform};
use crate::models::{Body, window};
use nnc_codegen::graph;
use nnc_codegen::graph::Mode;
use nnc_dsl::model::{Interpolation, Layer};

/// A map with channels first: channels, height, width, elements.
struct Map {
    dims: [usize; 3],
    elements: Vec<f64>,
}

impl Map {
    fn at(&self, c: usize, y: usize, x: usize) -> f64 {
        self.elements[(c * self.dims[1] + y) * self.dims[2] + x]
    }

    /// The element at a place that may lie outside, where there are zeros.
    fn padded(&self, c: usize, y: isize, x: isize) -> f64 {
        let inside = |place: isize, size: usize| usize::try_from(place).ok().filter(|place| *place < size);
        match (inside(y, self.dims[1]), inside(x, self.dims[2])) {
            (Some(y), Some(x)) => self.at(c, y, x),
            _ => 0.0,
        }
    }

    fn places(dims: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
        let [channels, height, width] = dims;
        (0..channels).flat_map(move |c| (0..height).flat_map(move |y| (0..width).map(move |x| [c, y, x])))
    }
}

/// Runs `layer` on one map in evaluation and compares with `expected` at every place.
fn check(
    name: &str,
    layer: Layer,
    dims: [usize; 3],
    output: [usize; 3],
    expected: impl Fn(&Map, [usize; 3]) -> f64,
) {
    let model = Body::new(&dims).layer(name, layer, &output).model();
    let graph = graph(&model, Mode::Evaluation);
    let count = dims.iter().product::<usize>() as u64;
    let map = Map { dims, elements: (0..count).map(|index| 2.0 * uniform(index) - 1.0).collect() };
    let [channels, height, width] = dims;
    let inside = |place: usize| map.at(place % channels, place / channels / width, place / channels % width);
    let parameter = |(index, len): (usize, usize)| parameter(index, len);
    let lens = graph.parameters.iter().map(|parameter| parameter.dims.iter().product());
    let feed = Feed {
        batch: 1,
        inputs: vec![(0..channels * height * width).map(inside).collect()],
        targets: vec![vec![0.0; output.iter().product()]],
        labels: vec![Vec::new()],
        parameters: lens.enumerate().map(parameter).collect(),
        states: Vec::new(),
    };
    let run = run(&graph, &feed);
    let found = run.value(graph.outputs[0]);
    for [c, y, x] in Map::places(output) {
        let found = found[(y * output[2] + x) * output[0] + c];
        let expected = expected(&map, [c, y, x]);
        assert!((found - expected).abs() < 1e-12, "{name} at {c}, {y}, {x}: {found}, not {expected}");
    }
}

/// The values of the parameter of this index.
fn parameter(index: usize, len: usize) -> Vec<f64> {
    (0..len).map(|element| 0.5 + uniform((index as u64 + 1) << 20 | element as u64)).collect()
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count() as f64
}

/// (x − mean) / √(variance + eps) of the values that `group` lists.
fn normalised(x: f64, group: &[f64], eps: f64) -> f64 {
    let centre = mean(group.iter().copied());
    let variance = mean(group.iter().map(|x| (x - centre).powi(2)));
    (x - centre) / (variance + eps).sqrt()
}

#[test]
fn norms() {
    let (dims, eps) = ([4, 2, 3], 1e-2);
    let affine = |c: usize, x: f64| x * parameter(0, 4)[c] + parameter(1, 4)[c];
    check("ln", Layer::LayerNorm { eps }, dims, dims, |map, [c, y, x]| {
        let group: Vec<f64> = (0..4).map(|c| map.at(c, y, x)).collect();
        affine(c, normalised(map.at(c, y, x), &group, eps))
    });
    for groups in [1, 2, 4] {
        check("gn", Layer::GroupNorm { groups, eps, affine: true }, dims, dims, |map, [c, y, x]| {
            let width = 4 / groups;
            let own = Map::places(dims).filter(|[other, ..]| other / width == c / width);
            let group: Vec<f64> = own.map(|[c, y, x]| map.at(c, y, x)).collect();
            affine(c, normalised(map.at(c, y, x), &group, eps))
        });
    }
    check("rms", Layer::RmsNorm { eps }, dims, dims, |map, [c, y, x]| {
        let square = mean((0..4).map(|c| map.at(c, y, x).powi(2)));
        map.at(c, y, x) / (square + eps).sqrt() * parameter(0, 4)[c]
    });
}

/// PyTorch pads the channels by size / 2 in front and by (size − 1) / 2 behind.
#[test]
fn local_response_norm() {
    let (dims, alpha, beta, k) = ([5, 2, 3], 0.7, 0.6, 1.5);
    for size in [2, 3, 4] {
        let layer = Layer::LocalResponseNorm { size, alpha, beta, k };
        check("lrn", layer, dims, dims, |map, [c, y, x]| {
            let first = c as isize - (size / 2) as isize;
            let inside = (first..first + size as isize).filter(|c| (0..5).contains(c));
            let sum: f64 = inside.map(|c| map.at(c as usize, y, x).powi(2)).sum();
            map.at(c, y, x) / (k + alpha / size as f64 * sum).powf(beta)
        });
    }
}

#[test]
fn words_that_move_elements() {
    check("pixel_shuffle", Layer::PixelShuffle { factor: 2 }, [8, 2, 3], [2, 4, 6], |map, [c, y, x]| {
        map.at(c * 4 + y % 2 * 2 + x % 2, y / 2, x / 2)
    });
    check("channel_shuffle", Layer::ChannelShuffle { groups: 3 }, [6, 2, 2], [6, 2, 2], |map, [c, y, x]| {
        map.at(c % 3 * 2 + c / 3, y, x)
    });
    check("permute", Layer::Permute { order: vec![2, 0, 1] }, [2, 3, 4], [4, 2, 3], |map, [c, y, x]| {
        map.at(y, x, c)
    });
    check("reshape", Layer::Reshape, [4, 3, 2], [6, 2, 2], |map, [c, y, x]| map.elements[c * 4 + y * 2 + x]);
    check("glu", Layer::Glu, [4, 2, 2], [2, 2, 2], |map, [c, y, x]| {
        map.at(c, y, x) / (1.0 + (-map.at(c + 2, y, x)).exp())
    });
    let pad = Layer::Pad { before: vec![1, 2], after: vec![0, 1] };
    check("pad", pad, [2, 2, 3], [2, 3, 6], |map, [c, y, x]| map.padded(c, y as isize - 1, x as isize - 2));
    check("slice", Layer::Slice { axis: 1, start: 1 }, [2, 4, 3], [2, 2, 3], |map, [c, y, x]| {
        map.at(c, y + 1, x)
    });
}

#[test]
fn a_transposed_convolution_scatters() {
    // PyTorch's weight: [in, out, height, width]; inside [height, width, out, in].
    let (inputs, outputs) = (2, 3);
    let weight = |i: usize, o: usize, ky: usize, kx: usize| {
        parameter(0, 4 * 4 * inputs * outputs)[((ky * 4 + kx) * outputs + o) * inputs + i]
    };
    let layer = Layer::ConvTranspose { conv: window(&[4, 4], 2, 1), output_pad: vec![0, 0] };
    check("deconv", layer, [inputs, 2, 3], [outputs, 4, 6], |map, [c, y, x]| {
        let mut sum = 0.0;
        for [i, iy, ix] in Map::places([inputs, 2, 3]) {
            for (ky, kx) in (0..4).flat_map(|ky| (0..4).map(move |kx| (ky, kx))) {
                if iy * 2 + ky == y + 1 && ix * 2 + kx == x + 1 {
                    sum += map.at(i, iy, ix) * weight(i, c, ky, kx);
                }
            }
        }
        sum
    });
}

#[test]
fn resizing() {
    let nearest = Layer::Resize(Interpolation::Nearest);
    check("nearest", nearest, [2, 2, 3], [2, 4, 6], |map, [c, y, x]| map.at(c, y / 2, x / 2));
    check("bilinear", Layer::Resize(Interpolation::Linear), [2, 2, 3], [2, 4, 6], |map, [c, y, x]| {
        // Twice as large: weights of 3/4 and 1/4, the border repeated.
        let near = |place: usize, size: usize| {
            let other = if place.is_multiple_of(2) {
                (place / 2).saturating_sub(1)
            } else {
                (place / 2 + 1).min(size - 1)
            };
            [(place / 2, 0.75), (other, 0.25)]
        };
        let rows = near(y, 2).into_iter();
        rows.flat_map(|(y, wy)| near(x, 3).map(|(x, wx)| wy * wx * map.at(c, y, x))).sum()
    });
}

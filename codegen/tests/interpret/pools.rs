//! Pooling and resizing: each output is a weighted sum, or the maximum, of some inputs.

use std::ops::Range;

use nnc_codegen::graph::{Pool, Resize, Windows};
use nnc_dsl::model::Interpolation;

/// The inputs that each output looks at, for one map.
struct Window {
    /// Places in the input.
    inputs: Vec<usize>,
    /// What a mean divides by.
    divisor: f64,
    /// The place in the output.
    output: usize,
}

/// The elements that a window covers along one axis, and how many it counts with padding.
fn axis_window(windows: Windows, index: usize, size: usize, count: usize) -> (Range<usize>, usize) {
    match windows {
        Windows::Sliding { size: window, stride, pad } => {
            let first = (index * stride) as isize - pad as isize;
            let end = (first + window as isize).min((size + pad) as isize);
            let clip = |place: isize| place.clamp(0, size as isize) as usize;
            (clip(first)..clip(end), (end - first) as usize)
        }
        Windows::Adaptive => {
            let range = index * size / count..((index + 1) * size).div_ceil(count);
            let len = range.len();
            (range, len)
        }
    }
}

fn windows(pool: &Pool) -> Vec<Window> {
    let ([id, ih, iw, channels], [od, oh, ow, _]) = (pool.input, pool.output);
    let mut windows = Vec::new();
    for position in 0..od * oh * ow {
        let (zs, full_z) = axis_window(pool.windows[0], position / (oh * ow), id, od);
        let (ys, full_y) = axis_window(pool.windows[1], position / ow % oh, ih, oh);
        let (xs, full_x) = axis_window(pool.windows[2], position % ow, iw, ow);
        let covered = zs.len() * ys.len() * xs.len();
        let divisor = if pool.count_pad { full_z * full_y * full_x } else { covered } as f64;
        for channel in 0..channels {
            let place = |z: usize, y: usize, x: usize| ((z * ih + y) * iw + x) * channels + channel;
            let inputs = zs.clone().flat_map(|z| {
                let xs = xs.clone();
                ys.clone().flat_map(move |y| xs.clone().map(move |x| place(z, y, x)))
            });
            windows.push(Window { inputs: inputs.collect(), divisor, output: position * channels + channel });
        }
    }
    windows
}

fn first_maximum(x: &[f64], window: &Window) -> usize {
    let better = |best: usize, next: usize| if x[next] > x[best] { next } else { best };
    window.inputs.iter().copied().reduce(better).expect("a window covers an element")
}

/// The maxima, and their numbers in their windows.
pub(super) fn max(pool: &Pool, batch: usize, x: &[f64]) -> [Vec<f64>; 2] {
    let windows = windows(pool);
    let maps = x.chunks(x.len() / batch);
    let found = maps.flat_map(|x| {
        windows.iter().map(|window| {
            let first = first_maximum(x, window);
            (x[first], window.inputs.iter().take_while(|place| **place != first).count() as f64)
        })
    });
    let (maxima, places) = found.unzip();
    [maxima, places]
}

/// What element `index` of the map gets of dy, if it is at the place in its window.
pub(super) fn unpooled(pool: &Pool, index: usize, dy: &[f64], place: &[f64]) -> f64 {
    let ([depth, height, width, channels], [od, oh, ow, _]) = (pool.input, pool.output);
    let (pixel, channel) = (index / channels, index % channels);
    let at = [pixel / (height * width) % depth, pixel / width % height, pixel % width];
    let [wz, wy, wx] = [depth / od, height / oh, width / ow];
    let sample = pixel / (depth * height * width);
    let window = ((sample * od + at[0] / wz) * oh + at[1] / wy) * ow + at[2] / wx;
    let number = (at[0] % wz * wy + at[1] % wy) * wx + at[2] % wx;
    let window = window * channels + channel;
    if place[window] == number as f64 { dy[window] } else { 0.0 }
}

pub(super) fn max_backward(pool: &Pool, batch: usize, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let windows = windows(pool);
    let mut dx = vec![0.0; x.len()];
    let size = x.len() / batch;
    for (n, dy) in dy.chunks(windows.len()).enumerate() {
        let at = n * size..(n + 1) * size;
        for window in &windows {
            let place = first_maximum(&x[at.clone()], window);
            dx[at.start + place] += dy[window.output];
        }
    }
    dx
}

pub(super) fn mean(pool: &Pool, batch: usize, x: &[f64]) -> Vec<f64> {
    let windows = windows(pool);
    let mean = |x: &[f64], window: &Window| {
        window.inputs.iter().map(|place| x[*place]).sum::<f64>() / window.divisor
    };
    let maps = x.chunks(x.len() / batch);
    maps.flat_map(|x| windows.iter().map(move |window| mean(x, window))).collect()
}

pub(super) fn mean_backward(pool: &Pool, batch: usize, dy: &[f64]) -> Vec<f64> {
    let windows = windows(pool);
    let size = pool.input.iter().product::<usize>();
    let mut dx = vec![0.0; batch * size];
    for (n, dy) in dy.chunks(windows.len()).enumerate() {
        for window in &windows {
            for place in &window.inputs {
                dx[n * size + place] += dy[window.output] / window.divisor;
            }
        }
    }
    dx
}

/// The inputs and weights that an output is interpolated from along one axis.
fn axis_weights(interpolation: Interpolation, index: usize, size: usize, count: usize) -> Vec<(usize, f64)> {
    match interpolation {
        Interpolation::Nearest => vec![(index * size / count, 1.0)],
        Interpolation::Linear => {
            // Element centres lie at i + 1/2; before the first centre there is the first element.
            let at = ((index as f64 + 0.5) * size as f64 / count as f64 - 0.5).max(0.0);
            let first = (at.floor() as usize).min(size - 1);
            let share = at - first as f64;
            vec![(first, 1.0 - share), ((first + 1).min(size - 1), share)]
        }
    }
}

/// Calls `body` with place in the input, place in the output, and weight.
fn for_each_weight(resize: &Resize, batch: usize, mut body: impl FnMut(usize, usize, f64)) {
    let ([id, ih, iw, channels], [od, oh, ow, _]) = (resize.input, resize.output);
    for n in 0..batch {
        for position in 0..od * oh * ow {
            let along = |index, size, count| axis_weights(resize.interpolation, index, size, count);
            for (z, wz) in along(position / (oh * ow), id, od) {
                for (y, wy) in along(position / ow % oh, ih, oh) {
                    for (x, wx) in along(position % ow, iw, ow) {
                        for channel in 0..channels {
                            let from = (((n * id + z) * ih + y) * iw + x) * channels + channel;
                            let to = (n * od * oh * ow + position) * channels + channel;
                            body(from, to, wz * wy * wx);
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn resize(resize: &Resize, batch: usize, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; batch * resize.output.iter().product::<usize>()];
    for_each_weight(resize, batch, |from, to, weight| y[to] += weight * x[from]);
    y
}

pub(super) fn resize_backward(resize: &Resize, batch: usize, dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; batch * resize.input.iter().product::<usize>()];
    for_each_weight(resize, batch, |from, to, weight| dx[from] += weight * dy[to]);
    dx
}

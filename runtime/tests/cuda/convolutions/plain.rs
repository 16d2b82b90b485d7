//! Convolutions of all sorts, and the plain one that others are compared with.

use nnc_runtime::emitted::Conv;

/// Convolutions of all sorts, with the batch that each is tried on.
pub(super) fn shapes() -> Vec<(Conv, usize)> {
    let conv = |input: [usize; 4], output: [usize; 4], kernel: [usize; 3]| Conv {
        input,
        output,
        kernel,
        stride: [1; 3],
        pad: [0; 3],
        dilation: [1; 3],
        groups: 1,
    };
    let same = conv([1, 7, 9, 5], [1, 7, 9, 6], [1, 3, 3]);
    let halved = conv([1, 8, 8, 4], [1, 4, 4, 8], [1, 3, 3]);
    vec![
        (Conv { pad: [0, 1, 1], ..same }, 3),
        (Conv { stride: [1, 2, 2], pad: [0, 1, 1], ..halved }, 2),
        // The last column is seen by no window.
        (Conv { output: [1, 3, 3, 8], stride: [1, 2, 2], ..halved }, 2),
        (Conv { pad: [0, 2, 2], dilation: [1, 2, 2], ..same }, 2),
        (Conv { pad: [0, 1, 1], groups: 2, ..conv([1, 5, 6, 4], [1, 5, 6, 6], [1, 3, 3]) }, 2),
        (Conv { pad: [0, 1, 1], groups: 5, ..conv([1, 5, 6, 5], [1, 5, 6, 10], [1, 3, 3]) }, 2),
        (Conv { stride: [1, 2, 2], ..conv([1, 7, 7, 16], [1, 4, 4, 24], [1, 1, 1]) }, 4),
        // More padding at the end than at the start.
        (conv([1, 6, 6, 3], [1, 6, 6, 4], [1, 2, 2]), 2),
        (Conv { stride: [1, 2, 1], pad: [0, 2, 0], ..conv([1, 9, 5, 3], [1, 5, 5, 4], [1, 5, 1]) }, 2),
        (Conv { pad: [1, 1, 1], ..conv([4, 5, 3, 3], [4, 5, 3, 4], [3, 3, 3]) }, 2),
        (conv([1, 1, 1, 30], [1, 1, 1, 10], [1, 1, 1]), 5),
    ]
}

/// Calls `term` with the indices of each product, of x, of w `[out, depth, height, width, in/groups]`, and of y.
pub(super) fn for_each_term(spec: &Conv, batch: usize, mut term: impl FnMut(usize, usize, usize)) {
    let [inputs, outputs] = [spec.input[3] / spec.groups, spec.output[3] / spec.groups];
    for (sample, out) in (0..batch).flat_map(|sample| places(&spec.output).map(move |out| (sample, out))) {
        for tap in places(&spec.kernel) {
            let Some(seen) = seen(spec, out, tap) else { continue };
            let [at_x, at_y] = [(seen, &spec.input), (out, &spec.output)].map(|(place, sizes)| {
                ((sample * sizes[0] + place[0]) * sizes[1] + place[1]) * sizes[2] + place[2]
            });
            let at_tap = (tap[0] * spec.kernel[1] + tap[1]) * spec.kernel[2] + tap[2];
            let taps: usize = spec.kernel.iter().product();
            for (o, c) in (0..spec.output[3]).flat_map(|o| (0..inputs).map(move |c| (o, c))) {
                let channel = o / outputs * inputs + c;
                let at_w = (o * taps + at_tap) * inputs + c;
                term(at_x * spec.input[3] + channel, at_w, at_y * spec.output[3] + o);
            }
        }
    }
}

fn places(sizes: &[usize]) -> impl Iterator<Item = [usize; 3]> {
    let [depth, height, width] = [sizes[0], sizes[1], sizes[2]];
    (0..depth * height * width).map(move |at| [at / width / height, at / width % height, at % width])
}

fn seen(spec: &Conv, out: [usize; 3], tap: [usize; 3]) -> Option<[usize; 3]> {
    let mut place = [0; 3];
    for axis in 0..3 {
        let at = out[axis] * spec.stride[axis] + tap[axis] * spec.dilation[axis];
        place[axis] = at.checked_sub(spec.pad[axis]).filter(|at| *at < spec.input[axis])?;
    }
    Some(place)
}

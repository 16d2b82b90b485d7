//! Where windows lie along one axis, forward and turned round.
//!
//! Both directions are correlations: output `i` sees the inputs `i * stride - pad + tap * dilation`. For
//! the gradient of the input that holds for the inputs of one residue modulo the stride; its results land
//! on every stride-th place.

use std::ops::Range;

use super::Conv;

/// One axis of a correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels of the input.
    pub(super) size: usize,
    /// Pixels of the window.
    pub(super) taps: usize,
    /// Inputs between the windows of neighbouring outputs.
    pub(super) stride: usize,
    /// Inputs between neighbouring taps.
    pub(super) dilation: usize,
    /// Zeros before the first input; less than none if the first inputs are not seen.
    pub(super) pad: isize,
    /// Outputs.
    pub(super) count: usize,
}

impl Axis {
    /// The axis of a convolution's input.
    pub(super) fn of(spec: &Conv, axis: usize) -> Axis {
        Axis {
            size: spec.input[axis],
            taps: spec.kernel[axis],
            stride: spec.stride[axis],
            dilation: spec.dilation[axis],
            pad: spec.pad[axis] as isize,
            count: spec.output[axis],
        }
    }

    /// The input that the first tap of an output sees; it may lie outside.
    pub(super) fn first(self, output: usize) -> isize {
        (output * self.stride) as isize - self.pad
    }

    /// The taps of an output that lie inside the map.
    pub(super) fn inside(self, output: usize) -> Range<usize> {
        let first = self.first(output);
        // The first tap whose input is at least `bound`.
        let from = |bound: isize| {
            let distance = usize::try_from(bound - first).unwrap_or(0);
            distance.div_ceil(self.dilation).min(self.taps)
        };
        from(0)..from(self.size as isize)
    }

    /// The outputs all of whose taps lie inside the map.
    pub(super) fn interior(self) -> Range<usize> {
        let reach = (self.taps.max(1) - 1) * self.dilation;
        let last = self.size as isize - 1 - reach as isize + self.pad;
        let start = self.pad.max(0) as usize;
        let start = start.div_ceil(self.stride).min(self.count);
        let end = if last < 0 { 0 } else { (last as usize / self.stride + 1).min(self.count) };
        start..end.max(start)
    }

    pub(super) fn stays_inside(self) -> bool {
        self.interior() == (0..self.count)
    }
}

/// Where the outputs along one axis go: `start + i * step` of `size` pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) step: usize,
    pub(super) size: usize,
}

impl Place {
    pub(super) fn dense(size: usize) -> Place {
        Place { start: 0, step: 1, size }
    }

    /// The pixel of output `index`.
    pub(super) fn at(self, index: usize) -> usize {
        self.start + index * self.step
    }
}

/// One axis of a correlation, where its results go, and which of the weight's taps it multiplies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) axis: Axis,
    pub(super) to: Place,
    /// The weight's tap at the window's start, and the way to the next.
    tap: (usize, isize),
}

impl Line {
    /// Output by output, as the convolution itself.
    pub(super) fn forward(spec: &Conv, axis: usize) -> Line {
        Line { axis: Axis::of(spec, axis), to: Place::dense(spec.output[axis]), tap: (0, 1) }
    }

    /// The inputs of a residue modulo the stride, from the outputs that saw them.
    ///
    /// Input i = s·q + r − pad has met output o through tap a if s·o + d·a = i + pad, so if d·a ≡ r
    /// (mod s). Those taps are a₀, a₀ + s/g, … with g = gcd(s, d), and the outputs q − e, q − e − d/g, …
    /// with e = (d·a₀ − r)/s. Turned round, the last of them comes first.
    pub(super) fn backward(spec: &Conv, axis: usize, residue: usize) -> Line {
        let (stride, dilation, pad) = (spec.stride[axis], spec.dilation[axis], spec.pad[axis]);
        let common = gcd(stride, dilation);
        let (step, apart) = (stride / common, dilation / common);
        let start = (0..step).find(|tap| tap * dilation % stride == residue);
        let taps = start.map_or(0, |start| spec.kernel[axis].saturating_sub(start).div_ceil(step));
        let start = start.unwrap_or(0);
        let first = pad.saturating_sub(residue).div_ceil(stride);
        let to = Place { start: stride * first + residue - pad, step: stride, size: spec.input[axis] };
        let last = taps.max(1) - 1;
        let pad = if taps == 0 { 0 } else { (start * dilation - residue) / stride + apart * last };
        let axis = Axis {
            size: spec.output[axis],
            taps,
            stride: 1,
            dilation: apart,
            pad: pad as isize - first as isize,
            count: to.size.saturating_sub(to.start).div_ceil(stride),
        };
        Line { axis, to, tap: (start + step * last, -(step as isize)) }
    }

    /// The weight's tap at `place` of the window.
    pub(super) fn tap(self, place: usize) -> usize {
        self.tap.0.wrapping_add_signed(self.tap.1 * place as isize)
    }
}

/// The correlations that make up the gradient of the input: one for each residue of each axis.
pub(super) fn backward_lines(spec: &Conv) -> impl Iterator<Item = [Line; 3]> {
    let [_, rows, columns] = spec.stride;
    (0..spec.stride.iter().product()).map(move |phase| {
        let residues = [phase / (rows * columns), phase / columns % rows, phase % columns];
        std::array::from_fn(|axis| Line::backward(spec, axis, residues[axis]))
    })
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_inside_are_those_that_meet_an_input() {
        for (size, taps, stride, dilation, pad) in
            [(5, 3, 1, 1, 1), (5, 3, 2, 2, 3), (4, 1, 1, 3, -2), (2, 7, 3, 1, 9), (9, 2, 1, 4, 0)]
        {
            let axis = Axis { size, taps, stride, dilation, pad, count: 6 };
            for output in 0..axis.count {
                let met = |tap: usize| {
                    (0..size as isize).contains(&(axis.first(output) + (tap * dilation) as isize))
                };
                let inside: Vec<usize> = (0..taps).filter(|&tap| met(tap)).collect();
                assert!(axis.inside(output).eq(inside.iter().copied()), "{axis:?} {output}");
                assert_eq!(axis.interior().contains(&output), inside.len() == taps, "{axis:?} {output}");
            }
        }
    }
}

//! Parts of tensors, and tensors with zeros around them.
//!
//! The axes after the last one that changes are one row with it, so that what is copied is as long
//! as can be.

#[cfg(test)]
mod tests;

use crate::emitted::{Pass, Slot};

/// A part or a padding: element i of the output is element i + offset of the input, or zero if that
/// lies outside. Extents are per sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crop {
    /// Before.
    pub input: &'static [usize],
    /// After.
    pub output: &'static [usize],
    /// Per axis; negative for a padding.
    pub offset: &'static [isize],
}

/// Elements of a task, about.
const TASK: usize = 1 << 14;

/// y = a part of x, with zeros where it reaches beyond.
///
/// # Panics
/// If the numbers of axes differ: a mistake of the compiler.
pub fn crop(p: &Pass, spec: &Crop, x: Slot, y: Slot) {
    assert!(spec.input.len() == spec.output.len() && spec.input.len() == spec.offset.len());
    let rows = Rows::of(spec);
    let group = TASK.div_ceil(rows.output);
    p.call([x], [y], |[x], [y]| {
        p.pool().for_each_piece([y], [group * rows.output], |task, [y]| {
            for (row, y) in y.chunks_exact_mut(rows.output).enumerate() {
                match rows.source(task * group + row) {
                    Some(row) => rows.copy(&x[row * rows.input..][..rows.input], y),
                    None => y.fill(0.0),
                }
            }
        });
    });
}

/// The rows of a crop: its last axis that changes, with all after it.
struct Rows<'a> {
    /// The axes before.
    outer: &'a Crop,
    axes: usize,
    /// Elements of a row before and after.
    input: usize,
    output: usize,
    /// Elements of the row's start that are left out; negative for zeros before it.
    offset: isize,
}

impl Rows<'_> {
    fn of(spec: &Crop) -> Rows<'_> {
        let is_changed = |axis: &usize| spec.input[*axis] != spec.output[*axis] || spec.offset[*axis] != 0;
        let axis = (0..spec.input.len()).rev().find(is_changed).unwrap_or(0);
        let inner: usize = spec.input.iter().skip(axis + 1).product();
        let extent = |dims: &[usize]| dims.get(axis).copied().unwrap_or(1) * inner;
        Rows {
            outer: spec,
            axes: axis,
            input: extent(spec.input),
            output: extent(spec.output),
            offset: spec.offset.get(axis).copied().unwrap_or(0) * inner as isize,
        }
    }

    /// The row of the input that row `row` of the output is of, both counted through the batch.
    fn source(&self, row: usize) -> Option<usize> {
        let Crop { input, output, offset } = *self.outer;
        let (mut rest, mut source, mut scale) = (row, 0, 1);
        for axis in (0..self.axes).rev() {
            let place = (rest % output[axis]).checked_add_signed(offset[axis])?;
            if place >= input[axis] {
                return None;
            }
            source += place * scale;
            scale *= input[axis];
            rest /= output[axis];
        }
        Some(source + rest * scale)
    }

    fn copy(&self, x: &[f32], y: &mut [f32]) {
        let before = self.offset.min(0).unsigned_abs().min(y.len());
        let skipped = self.offset.max(0).unsigned_abs().min(x.len());
        let (zeros, y) = y.split_at_mut(before);
        let count = (x.len() - skipped).min(y.len());
        let (copied, rest) = y.split_at_mut(count);
        zeros.fill(0.0);
        copied.copy_from_slice(&x[skipped..][..count]);
        rest.fill(0.0);
    }
}

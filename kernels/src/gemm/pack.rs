//! B in panels.
//!
//! A panel holds some columns of B, row after row, filled with zeros up to a whole number of
//! vectors, so that the micro-kernel reads it from front to back. All panels are of full width
//! but the last, hence the panel of columns `n..` starts at `rows * n`.

use std::ops::Range;

use super::lanes::{Kernel, Lanes, run_widest, starts};
use super::{lanes, panel_width};
use crate::cpu::Isa;

/// How the columns of a B with `rows` rows are cut into panels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Columns of a panel.
    each: usize,
    lanes: usize,
}

impl Panels {
    pub(crate) fn new(isa: Isa, rows: usize, columns: usize) -> Panels {
        Panels { rows, columns, each: panel_width(isa), lanes: lanes(isa) }
    }

    /// The same matrix in panels of half the width, or a vector's.
    pub(crate) fn narrow(self) -> Panels {
        Panels { each: (self.each / 2).max(self.lanes), ..self }
    }

    /// Number of panels.
    pub(crate) fn count(self) -> usize {
        self.columns.div_ceil(self.each)
    }

    /// Whether no panel has columns of zeros.
    pub(crate) fn are_whole(self) -> bool {
        self.columns.is_multiple_of(self.lanes)
    }

    /// The columns of panel `index`.
    pub(crate) fn columns(self, index: usize) -> Range<usize> {
        index * self.each..((index + 1) * self.each).min(self.columns)
    }

    /// Columns of panel `index` with its filling.
    pub(crate) fn width(self, index: usize) -> usize {
        self.columns(index).len().next_multiple_of(self.lanes)
    }

    /// First element of panel `index`.
    pub(crate) fn offset(self, index: usize) -> usize {
        self.rows * self.columns(index).start
    }

    /// Elements of all panels.
    pub(crate) fn len(self) -> usize {
        self.rows * self.columns.next_multiple_of(self.lanes)
    }
}

/// Where some rows of B are read from: element (k, n) is `values[k * row_step + n * column_step]`.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_step: usize,
    pub(crate) column_step: usize,
}

/// Writes `columns` of `source` into the rows of a panel `width` wide.
pub(crate) fn pack_panel(isa: Isa, source: Source, columns: Range<usize>, width: usize, panel: &mut [f32]) {
    for row in panel.chunks_exact_mut(width) {
        row[columns.len()..].fill(0.0);
    }
    let (rows, lanes) = (panel.len() / width, lanes(isa));
    if source.column_step == 1 {
        for (k, row) in panel.chunks_exact_mut(width).enumerate() {
            let from = &source.values[k * source.row_step + columns.start..][..columns.len()];
            row[..columns.len()].copy_from_slice(from);
        }
    } else if source.row_step == 1 && rows >= lanes && columns.len() >= lanes {
        let last = (columns.end - 1) * source.column_step;
        let values = &source.values[columns.start * source.column_step..last + rows];
        let turn = Turn { values, step: source.column_step, rows, columns: columns.len(), width, panel };
        // SAFETY: the slices hold all rows and columns, of which there are at least the lanes of a vector; a
        // pool never has an instruction set that its processor lacks.
        unsafe { run_widest(isa, turn) };
    } else {
        for (n, column) in columns.enumerate() {
            let from = source.values[column * source.column_step..].iter().step_by(source.row_step);
            panel[n..].iter_mut().step_by(width).zip(from).for_each(|(to, &from)| *to = from);
        }
    }
}

/// Columns that lie as rows, `step` elements apart, turned into those of a panel.
struct Turn<'a> {
    values: &'a [f32],
    step: usize,
    rows: usize,
    columns: usize,
    width: usize,
    panel: &'a mut [f32],
}

impl Kernel for Turn<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Turn { values, step, rows, columns, width, panel } = self;
        let (values, panel) = (values.as_ptr(), panel.as_mut_ptr());
        // Along the rows of memory, which the processor then reads ahead.
        for column in starts(columns, L::COUNT) {
            for row in starts(rows, L::COUNT) {
                // SAFETY: the square lies in both slices, see `pack_panel`.
                unsafe {
                    let mut square = [L::splat(0.0); 16];
                    for (lane, turned) in square.iter_mut().enumerate().take(L::COUNT) {
                        *turned = L::load(values.add((column + lane) * step + row));
                    }
                    L::transpose(&mut square);
                    for (lane, turned) in square.into_iter().enumerate().take(L::COUNT) {
                        turned.store(panel.add((row + lane) * width + column));
                    }
                }
            }
        }
    }
}

/// Whether no vector of `values`, read one after the other, straddles a cache line, which would halve the
/// speed of reading them.
pub(crate) fn is_aligned(values: &[f32]) -> bool {
    const LINE: usize = 64;
    values.as_ptr().addr().is_multiple_of(LINE)
}

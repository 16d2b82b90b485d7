//! B in panels.
//!
//! A panel holds some columns of B, row after row, filled with zeros up to a whole number of
//! vectors, so that the micro-kernel reads it from front to back. All panels are of full width
//! but the last, hence the panel of columns `n..` starts at `rows * n`.

use std::ops::Range;

use super::{lanes, panel_width};
use crate::devices::cpu::Isa;

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
pub(crate) fn pack_panel(source: Source, columns: Range<usize>, width: usize, panel: &mut [f32]) {
    for row in panel.chunks_exact_mut(width) {
        row[columns.len()..].fill(0.0);
    }
    if source.column_step == 1 {
        for (k, row) in panel.chunks_exact_mut(width).enumerate() {
            let from = &source.values[k * source.row_step + columns.start..][..columns.len()];
            row[..columns.len()].copy_from_slice(from);
        }
    } else {
        // Some rows at a time: the lines of the panel stay in the cache while all columns pass.
        for (group, rows) in panel.chunks_mut(width * TURNED).enumerate() {
            for (n, column) in columns.clone().enumerate() {
                let start = group * TURNED * source.row_step + column * source.column_step;
                let from = source.values[start..].iter().step_by(source.row_step);
                let to = rows[n..].iter_mut().step_by(width);
                to.zip(from).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

/// Rows of B that are turned round together: a cache line of each column.
const TURNED: usize = 16;

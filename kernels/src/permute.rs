//! Tensors with their axes in another order.
//!
//! Axes that stay neighbours are one, and what is left is either rows that move as they are, or
//! matrices that are turned round, a tile in the first-level cache at a time.

#[cfg(test)]
mod tests;

use crate::cpu::Vectorised;
use crate::emitted::{Pass, Slot};

/// A change of order: the elements seen as `dims`, whose axis `order[i]` becomes axis i. Extents are
/// per sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permute {
    /// Extents before.
    pub dims: &'static [usize],
    /// A permutation of the axes.
    pub order: &'static [usize],
}

/// The most axes.
const MAX_AXES: usize = 8;

/// y = x with its axes in another order.
///
/// # Panics
/// If there are more than eight axes, or `order` is no permutation of them: a mistake of the
/// compiler.
pub fn permute(p: &Pass, spec: &Permute, x: Slot, y: Slot) {
    let (pool, axes) = (p.pool(), Axes::of(spec));
    let len: usize = spec.dims.iter().product();
    p.call([x], [y], |[x], [y]| {
        pool.for_each_piece([y], [len], |sample, [y]| {
            axes.for_each_matrix(|from, to, matrix| {
                let x = &x[sample * len + from..(sample + 1) * len];
                pool.isa().run(Turn { matrix, x, y: &mut y[to..] });
            });
        });
    });
}

/// An axis of the output.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    /// Distances of its elements before and after.
    from: usize,
    to: usize,
}

/// The axes of a permutation in the order of the output, neighbours joined.
struct Axes {
    all: [Axis; MAX_AXES],
    count: usize,
}

impl Axes {
    fn of(spec: &Permute) -> Axes {
        let Permute { dims, order } = spec;
        assert!(dims.len() == order.len() && dims.len() <= MAX_AXES, "at most {MAX_AXES} axes");
        assert!((0..dims.len()).all(|axis| order.contains(&axis)), "{order:?} is no permutation");
        let mut axes = Axes { all: [Axis { size: 1, from: 1, to: 1 }; MAX_AXES], count: 0 };
        for &axis in order.iter().filter(|axis| dims[**axis] > 1) {
            let from = dims[axis + 1..].iter().product();
            match axes.all[..axes.count].last_mut() {
                // The last axis goes on in this one.
                Some(last) if last.from == dims[axis] * from => {
                    (last.size, last.from) = (last.size * dims[axis], from)
                }
                _ => {
                    axes.all[axes.count] = Axis { size: dims[axis], from, to: 1 };
                    axes.count += 1;
                }
            }
        }
        let mut to = 1;
        for axis in axes.all[..axes.count].iter_mut().rev() {
            axis.to = to;
            to *= axis.size;
        }
        axes
    }

    /// Calls `body` with the places before and after of each matrix that is turned as a whole: of the
    /// axis that is innermost before, and the one that is after. They are a row if they are one.
    fn for_each_matrix(&self, mut body: impl FnMut(usize, usize, Matrix)) {
        let axes = &self.all[..self.count];
        let Some((&columns, outer)) = axes.split_last() else {
            return body(0, 0, Matrix::row(Axis { size: 1, from: 1, to: 1 }));
        };
        let inner = outer.iter().position(|axis| axis.from == 1);
        let matrix = inner.map_or(Matrix::row(columns), |inner| Matrix { rows: outer[inner], columns });
        let mut places = Places { axes: self.all, count: outer.len(), at: [0; MAX_AXES], from: 0, to: 0 };
        if let Some(inner) = inner {
            places.axes[inner].size = 1;
        }
        loop {
            body(places.from, places.to, matrix);
            if !places.advance() {
                break;
            }
        }
    }
}

/// A place that goes through some axes, the last one fastest.
struct Places {
    axes: [Axis; MAX_AXES],
    count: usize,
    at: [usize; MAX_AXES],
    from: usize,
    to: usize,
}

impl Places {
    /// Whether there is another place.
    fn advance(&mut self) -> bool {
        for (axis, at) in self.axes[..self.count].iter().zip(&mut self.at).rev() {
            *at += 1;
            (self.from, self.to) = (self.from + axis.from, self.to + axis.to);
            if *at < axis.size {
                return true;
            }
            (self.from, self.to) = (self.from - *at * axis.from, self.to - *at * axis.to);
            *at = 0;
        }
        false
    }
}

/// Neighbours along `rows` are neighbours before, those along `columns` after.
#[derive(Clone, Copy)]
struct Matrix {
    rows: Axis,
    columns: Axis,
}

impl Matrix {
    fn row(columns: Axis) -> Matrix {
        Matrix { rows: Axis { size: 1, from: 1, to: columns.size }, columns }
    }
}

/// Rows and columns of a tile: as many as a cache line has elements.
const TILE: usize = 16;

struct Turn<'a> {
    matrix: Matrix,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Turn { matrix: Matrix { rows, columns }, x, y } = self;
        if columns.from == 1 {
            return y[..columns.size].copy_from_slice(&x[..columns.size]);
        }
        for row in (0..rows.size).step_by(TILE) {
            for column in (0..columns.size).step_by(TILE) {
                let size = [TILE.min(rows.size - row), TILE.min(columns.size - column)];
                let x = &x[row + column * columns.from..];
                let y = &mut y[row * rows.to + column..];
                match size {
                    [TILE, TILE] => turn(x, columns.from, y, rows.to, [TILE, TILE]),
                    size => turn(x, columns.from, y, rows.to, size),
                }
            }
        }
    }
}

/// One tile: lines of `x` are `from` apart, those of `y` are `to` apart.
#[inline(always)]
fn turn(x: &[f32], from: usize, y: &mut [f32], to: usize, [rows, columns]: [usize; 2]) {
    let mut tile = [[0.0f32; TILE]; TILE];
    for (column, line) in tile[..columns].iter_mut().enumerate() {
        line[..rows].copy_from_slice(&x[column * from..][..rows]);
    }
    for row in 0..rows {
        let y = &mut y[row * to..][..columns];
        y.iter_mut().zip(&tile).for_each(|(y, line)| *y = line[row]);
    }
}

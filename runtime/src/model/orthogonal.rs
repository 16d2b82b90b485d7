//! Orthogonal matrices, spread evenly over all there are.
//!
//! Q of the QR decomposition of a normal matrix, with R's diagonal made positive, is distributed by
//! Haar's measure (Mezzadri, *How to generate random matrices from the classical compact groups*,
//! 2007). Matrices lie column by column in double precision and have at least as many rows as
//! columns. Reflections go over a column a panel at a time, while it is in the cache; columns do not
//! depend on each other, so any number of threads gives the same bits.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use nnc_kernels::cpu::{Isa, Pool, Vectorised};

/// Reflections that go over a column at once: some MiB at most, even of a large layer.
const PANEL: usize = 32;

/// Replaces a matrix with columns of `rows` elements by its Q.
pub(super) fn orthogonalize(pool: &Pool, rows: usize, matrix: &mut [f64]) {
    let signs = factor(pool, rows, matrix);
    let reflectors = matrix.to_vec();
    matrix.fill(0.0);
    for (index, (column, sign)) in matrix.chunks_exact_mut(rows).zip(&signs).enumerate() {
        column[index] = *sign;
    }
    let mut panels: Vec<Range<usize>> = panels(signs.len()).collect();
    panels.reverse();
    for panel in panels {
        // The columns before hold zeros wherever these reflections reach.
        let first = panel.start;
        for_each_column(pool, rows, &mut matrix[first * rows..], |offset, column| {
            for index in (first..panel.end.min(first + offset + 1)).rev() {
                reflect(pool.isa(), index, &reflectors[index * rows..][..rows], column);
            }
        });
    }
}

/// Householder's decomposition: leaves in each column, from the diagonal on, the unit vector of its
/// reflection. Gives the signs of R's diagonal.
fn factor(pool: &Pool, rows: usize, matrix: &mut [f64]) -> Vec<f64> {
    let isa = pool.isa();
    let count = matrix.len() / rows.max(1);
    let mut signs = Vec::with_capacity(count);
    for panel in panels(count) {
        for index in panel.clone() {
            let (done, rest) = matrix.split_at_mut((index + 1) * rows);
            let reflector = &mut done[index * rows..];
            signs.push(make_reflector(isa, &mut reflector[index..]));
            let in_panel = (panel.end - index - 1) * rows;
            for column in rest[..in_panel].chunks_exact_mut(rows) {
                reflect(isa, index, reflector, column);
            }
        }
        let (done, rest) = matrix.split_at_mut(panel.end * rows);
        for_each_column(pool, rows, rest, |_, column| {
            for index in panel.clone() {
                reflect(isa, index, &done[index * rows..][..rows], column);
            }
        });
    }
    signs
}

fn panels(columns: usize) -> impl Iterator<Item = Range<usize>> {
    (0..columns).step_by(PANEL).map(move |start| start..(start + PANEL).min(columns))
}

/// Makes of `x` the unit vector v for which (1 − 2vvᵀ)x is ±|x| in the first element, and gives that
/// sign. It is the one that cancels nothing.
fn make_reflector(isa: Isa, x: &mut [f64]) -> f64 {
    let norm = isa.run(Dot(x, x)).sqrt();
    let sign = if x[0] < 0.0 { 1.0 } else { -1.0 };
    x[0] -= sign * norm;
    let length = isa.run(Dot(x, x)).sqrt();
    if length > 0.0 {
        x.iter_mut().for_each(|value| *value /= length);
    }
    sign
}

/// column ← (1 − 2vvᵀ) column, where v has zeros before `index`.
fn reflect(isa: Isa, index: usize, reflector: &[f64], column: &mut [f64]) {
    isa.run(Reflect { v: &reflector[index..], column: &mut column[index..] });
}

/// Calls `body` with each column and its number, on all threads.
fn for_each_column(pool: &Pool, rows: usize, matrix: &mut [f64], body: impl Fn(usize, &mut [f64]) + Sync) {
    // A lock each that nobody else asks for: the safe way to hand out columns.
    let columns: Vec<Mutex<&mut [f64]>> = matrix.chunks_exact_mut(rows).map(Mutex::new).collect();
    pool.for_each(columns.len(), |index| {
        body(index, &mut columns[index].lock().unwrap_or_else(PoisonError::into_inner));
    });
}

struct Reflect<'a> {
    v: &'a [f64],
    column: &'a mut [f64],
}

impl Vectorised for Reflect<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let factor = 2.0 * dot(self.v, self.column);
        self.column.iter_mut().zip(self.v).for_each(|(value, v)| *value -= factor * v);
    }
}

struct Dot<'a>(&'a [f64], &'a [f64]);

impl Vectorised for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        dot(self.0, self.1)
    }
}

/// In eight lanes, so that every instruction set adds in the same order.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|lane| lanes[lane] += a[lane] * b[lane]);
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_kernels::random::{Purpose, Stream};

    fn normal(len: usize, seed: u64) -> Vec<f64> {
        let stream = Stream::new(seed, Purpose::Initialization, 0, 0);
        (0..len).map(|index| f64::from(stream.normal(index as u64))).collect()
    }

    /// Around the panel, square and narrow.
    #[test]
    fn the_result_is_q_with_a_positive_r() {
        for (rows, count) in [(1, 1), (5, 5), (40, 31), (100, 32), (97, 70), (129, 129)] {
            let a = normal(rows * count, 3);
            let mut q = a.clone();
            orthogonalize(&Pool::new(2), rows, &mut q);
            for (i, column) in q.chunks_exact(rows).enumerate() {
                for (j, (other, a)) in q.chunks_exact(rows).zip(a.chunks_exact(rows)).enumerate() {
                    let expected = if i == j { 1.0 } else { 0.0 };
                    assert!((dot(column, other) - expected).abs() < 1e-12, "{rows} x {count}: {i}, {j}");
                    // R = QᵀA.
                    let r = dot(column, a);
                    assert!(if i == j { r > 0.0 } else { i < j || r.abs() < 1e-12 }, "R {i}, {j}: {r}");
                }
            }
        }
    }

    #[test]
    fn threads_and_instruction_sets_change_no_bit() {
        let run = |pool: &Pool| {
            let mut matrix = normal(90 * 70, 1);
            orthogonalize(pool, 90, &mut matrix);
            matrix
        };
        let expected = run(&Pool::with_isa(1, Isa::Portable));
        for isa in Isa::available() {
            assert!(run(&Pool::with_isa(3, isa)) == expected, "{}", isa.name());
        }
    }

    #[test]
    fn a_column_of_zeros_does_no_harm() {
        let mut matrix = vec![0.0; 6];
        orthogonalize(&Pool::new(1), 3, &mut matrix);
        assert!(matrix.iter().all(|value| value.is_finite()));
    }
}

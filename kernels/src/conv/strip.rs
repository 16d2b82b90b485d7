//! Micro-kernels over vectors of channels that do not meet: the sums of depthwise convolutions and of
//! small groups.
//!
//! Each lane of a vector is a channel with a sum of its own, so a weight serves all outputs of a row: some
//! neighbouring outputs are summed at once, each in a register. Where the taps of a window's row lie as far
//! apart as the outputs do, each pixel is read once for all of them: such terms form a chain.

use std::cell::RefCell;

use crate::cpu::{Isa, Tiles};
use crate::gemm::lanes::{self, Kernel, Lanes, starts};

/// A product of a sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// First element of the map's factor for the first output.
    pub(super) x: usize,
    /// First element of the weight's factor, or of its gradient.
    pub(super) w: usize,
}

thread_local! {
    /// The terms of this thread's present sum, kept between calls for the memory.
    static TERMS: RefCell<Vec<Term>> = const { RefCell::new(Vec::new()) };
}

/// Lends `body` an empty list of terms.
pub(super) fn with_terms<T>(body: impl FnOnce(&mut Vec<Term>) -> T) -> T {
    TERMS.with_borrow_mut(|terms| {
        terms.clear();
        body(terms)
    })
}

/// Some neighbouring outputs of a map and the pixels that they see.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) x: &'a [f32],
    /// Elements from an output's pixel in `x` to the next one's.
    pub(super) x_step: usize,
    /// Outputs.
    pub(super) count: usize,
    /// Channels from each term's first element on.
    pub(super) channels: usize,
    /// The factors of an output.
    pub(super) terms: &'a [Term],
}

impl Row<'_> {
    fn check(&self, factors: usize) {
        let last = (self.count - 1) * self.x_step + self.channels;
        for term in self.terms {
            assert!(term.x + last <= self.x.len() && term.w + self.channels <= factors);
        }
    }

    /// The length of the chains that the terms fall into: in a chain each term's pixels are those of the
    /// term before, one output further.
    fn chain(&self) -> usize {
        let is_chain = |terms: &[Term]| terms.windows(2).all(|pair| pair[0].x + self.x_step == pair[1].x);
        let fits = |len: &usize| {
            self.terms.len().is_multiple_of(*len) && self.count > 1 && self.terms.chunks(*len).all(is_chain)
        };
        CHAINS.into_iter().find(fits).unwrap_or(1)
    }
}

/// Lengths of chains that there is code for.
const CHAINS: [usize; 3] = [7, 5, 3];

/// Writes y = Σ x · w for each output of a row, to every `y_step`-th element of `y` from `start` on.
///
/// # Safety
/// No other thread may touch these elements.
pub(super) unsafe fn correlate(isa: Isa, row: Row, w: &[f32], (y, start, y_step): (Tiles, usize, usize)) {
    if row.count == 0 {
        return;
    }
    row.check(w.len());
    let y = y.pointer(start..start + (row.count - 1) * y_step + row.channels);
    let kernel = Correlate { row, w: w.as_ptr(), y, y_step };
    // SAFETY: all factors have just been checked, and so has y, which the caller vouches for; a pool never
    // has an instruction set that its processor lacks.
    unsafe { lanes::run(isa, row.channels, kernel) }
}

struct Correlate<'a> {
    row: Row<'a>,
    w: *const f32,
    y: *mut f32,
    y_step: usize,
}

/// Outputs that are summed at once: enough independent sums, and a weight is read once for all of them.
const OUTPUTS: usize = 8;

impl Kernel for Correlate<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: `correlate` has checked the reach of all terms.
        unsafe {
            match self.row.chain() {
                // Single numbers are rare: not worth the code of their own.
                _ if L::COUNT == 1 => self.chains::<L, 1>(),
                7 => self.chains::<L, 7>(),
                5 => self.chains::<L, 5>(),
                3 => self.chains::<L, 3>(),
                _ => self.chains::<L, 1>(),
            }
        }
    }
}

/// Where tiles of 8, 4, 2 or 1 outputs start that cover `count`, and their sizes: few enough to be built for every
/// vector and chain. What is too short for a tile is computed with outputs before it, once more, where there are any.
#[inline(always)]
fn tiles(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let rest = count - first;
        let mut size = rest.min(OUTPUTS).next_power_of_two();
        if size > count {
            size /= 2;
        }
        let start = first.min(count - size);
        first = start + size;
        (rest > 0).then_some((start, size))
    })
}

impl Correlate<'_> {
    #[inline(always)]
    unsafe fn chains<L: Lanes, const C: usize>(&self) {
        for (first, count) in tiles(self.row.count) {
            for channel in starts(self.row.channels, L::COUNT) {
                // SAFETY: as in `run`.
                unsafe {
                    match count {
                        1 => self.tile::<L, C, 1>(first, channel),
                        2 => self.tile::<L, C, 2>(first, channel),
                        4 => self.tile::<L, C, 4>(first, channel),
                        _ => self.tile::<L, C, OUTPUTS>(first, channel),
                    }
                }
            }
        }
    }

    /// `Q` outputs from chains of `C` terms.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const C: usize, const Q: usize>(&self, first: usize, channel: usize) {
        let (x_step, w) = (self.row.x_step, self.w.wrapping_add(channel));
        let x = self.row.x.as_ptr().wrapping_add(first * x_step + channel);
        // SAFETY: as in `run`.
        unsafe {
            let mut sums = [L::splat(0.0); Q];
            for chain in self.row.terms.as_chunks::<C>().0 {
                let x = x.wrapping_add(chain[0].x);
                let mut factors = [L::splat(0.0); C];
                for (factor, term) in factors.iter_mut().zip(chain) {
                    *factor = L::load(w.wrapping_add(term.w));
                }
                for pixel in 0..Q + C - 1 {
                    let x = L::load(x.wrapping_add(pixel * x_step));
                    for term in 0..C {
                        if term <= pixel && pixel - term < Q {
                            sums[pixel - term] = sums[pixel - term].add_product(x, factors[term]);
                        }
                    }
                }
            }
            let y = self.y.wrapping_add(first * self.y_step + channel);
            for (output, sum) in sums.into_iter().enumerate() {
                sum.store(y.wrapping_add(output * self.y_step));
            }
        }
    }
}

/// Adds Σ x · dy over the outputs of a row to `sums`, which has `slots` vectors for each vector of
/// channels in the order of [`starts`]; a term's `w` is its slot. `dy` has an output every `dy_step`
/// elements.
pub(super) fn accumulate(
    isa: Isa,
    row: Row,
    (dy, dy_step): (&[f32], usize),
    (sums, slots): (&mut [f32], usize),
) {
    if row.count == 0 || row.terms.is_empty() {
        return;
    }
    let lanes = lanes::narrowed(isa, row.channels);
    let vectors = row.channels.div_ceil(lanes);
    let last = (row.count - 1) * row.x_step + row.channels;
    assert!(row.terms.iter().all(|term| term.x + last <= row.x.len() && term.w < slots));
    assert!((row.count - 1) * dy_step + row.channels <= dy.len() && vectors * slots * lanes <= sums.len());
    let kernel = Accumulate { row, dy: dy.as_ptr(), dy_step, sums: sums.as_mut_ptr(), slots };
    // SAFETY: all factors and sums have just been checked; a pool never has an instruction set that its
    // processor lacks.
    unsafe { lanes::run(isa, row.channels, kernel) }
}

struct Accumulate<'a> {
    row: Row<'a>,
    dy: *const f32,
    dy_step: usize,
    sums: *mut f32,
    slots: usize,
}

impl Kernel for Accumulate<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: `accumulate` has checked the reach of all outputs, channels and slots. So many chains are
        // summed at once that there are about nine sums.
        unsafe {
            match self.row.chain() {
                _ if L::COUNT == 1 => self.chains::<L, 1, 8>(),
                7 => self.chains::<L, 7, 1>(),
                5 => self.chains::<L, 5, 1>(),
                3 => self.chains::<L, 3, 3>(),
                _ => self.chains::<L, 1, 8>(),
            }
        }
    }
}

/// Outputs whose gradients are read at once.
const GRADIENTS: usize = 4;

impl Accumulate<'_> {
    /// Chains of `C` terms, up to `N` of them at once.
    #[inline(always)]
    unsafe fn chains<L: Lanes, const C: usize, const N: usize>(&self) {
        for (vector, channel) in starts(self.row.channels, L::COUNT).enumerate() {
            let (groups, rest) = self.row.terms.as_chunks::<C>().0.as_chunks::<N>();
            for group in groups {
                // SAFETY: as in `run`.
                unsafe { self.tile::<L, C, N>(vector, channel, group) };
            }
            for chain in rest {
                // SAFETY: as in `run`.
                unsafe { self.tile::<L, C, 1>(vector, channel, std::array::from_ref(chain)) };
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes, const C: usize, const N: usize>(
        &self,
        vector: usize,
        channel: usize,
        chains: &[[Term; C]; N],
    ) {
        // SAFETY: as in `run`.
        unsafe {
            let mut sums = [[L::splat(0.0); C]; N];
            let whole = self.row.count / GRADIENTS * GRADIENTS;
            for first in (0..whole).step_by(GRADIENTS) {
                self.add::<L, C, N, GRADIENTS>(first, channel, chains, &mut sums);
            }
            for first in whole..self.row.count {
                self.add::<L, C, N, 1>(first, channel, chains, &mut sums);
            }
            for (sum, term) in sums.as_flattened().iter().zip(chains.as_flattened()) {
                let to = self.sums.add((vector * self.slots + term.w) * L::COUNT);
                L::load(to).add(*sum).store(to);
            }
        }
    }

    /// Adds the products of `Q` outputs.
    #[inline(always)]
    unsafe fn add<L: Lanes, const C: usize, const N: usize, const Q: usize>(
        &self,
        first: usize,
        channel: usize,
        chains: &[[Term; C]; N],
        sums: &mut [[L; C]; N],
    ) {
        let x_step = self.row.x_step;
        let x = self.row.x.as_ptr().wrapping_add(first * x_step + channel);
        // SAFETY: as in `run`.
        unsafe {
            let dy = self.dy.add(first * self.dy_step + channel);
            let mut gradients = [L::splat(0.0); Q];
            for (output, gradient) in gradients.iter_mut().enumerate() {
                *gradient = L::load(dy.wrapping_add(output * self.dy_step));
            }
            for chain in 0..N {
                let x = x.wrapping_add(chains[chain][0].x);
                for pixel in 0..Q + C - 1 {
                    let x = L::load(x.wrapping_add(pixel * x_step));
                    for term in 0..C {
                        if term <= pixel && pixel - term < Q {
                            sums[chain][term] = sums[chain][term].add_product(x, gradients[pixel - term]);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_all_outputs() {
        for count in 1..=40 {
            let tiles: Vec<_> = tiles(count).collect();
            let covered =
                |output: usize| tiles.iter().any(|(start, size)| (*start..start + size).contains(&output));
            assert!((0..count).all(covered) && tiles.iter().all(|(start, size)| start + size <= count));
            assert!(tiles.len() <= count / OUTPUTS + 2, "{count}: {tiles:?}");
            assert!(tiles.iter().all(|(_, size)| [1, 2, 4, 8].contains(size)));
        }
    }
}

//! Random operands.
//!
//! Four elements share a Philox block. Normal numbers are Box and Muller's, two from two words, by
//! the scalar functions of [`math`] and polynomials for sine and cosine, so that the loop is vector code
//! and the bits are those of no mathematics library: within 10⁻⁶ of the formula in exact arithmetic.

use std::f32::consts::TAU;

use super::function::BLOCK;
use crate::cpu::{Isa, Vectorised};
use crate::emitted::{Distribution, math};
use crate::random::{Stream, unit};

/// The numbers of a stream for the elements from `first` on.
pub(super) fn fill(isa: Isa, stream: &Stream, distribution: Distribution, first: usize, to: &mut [f32]) {
    for (index, to) in to.chunks_mut(BLOCK).enumerate() {
        let first = first + index * BLOCK;
        match distribution {
            Distribution::Uniform => isa.run(Uniform { stream, first, to }),
            Distribution::Normal => isa.run(Normal { stream, first, to }),
        }
    }
}

/// Philox blocks that a block of elements touches.
const COUNT: usize = BLOCK / 4 + 1;

/// The words of the blocks from that of element `first` on.
#[inline(always)]
fn words(stream: &Stream, first: usize) -> [[u32; 4]; COUNT] {
    let mut words = [[0; 4]; COUNT];
    for (index, words) in words.iter_mut().enumerate() {
        *words = stream.block((first / 4 + index) as u32);
    }
    words
}

/// At most a block of numbers.
struct Uniform<'a> {
    stream: &'a Stream,
    first: usize,
    to: &'a mut [f32],
}

impl Vectorised for Uniform<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let words = words(self.stream, self.first);
        let words = &words.as_flattened()[self.first % 4..];
        self.to.iter_mut().zip(words).for_each(|(to, &word)| *to = unit(word));
    }
}

/// At most a block of numbers.
struct Normal<'a> {
    stream: &'a Stream,
    first: usize,
    to: &'a mut [f32],
}

impl Vectorised for Normal<'_> {
    type Output = ();

    /// All radii, then all angles: loops over arrays of one kind become vector code.
    #[inline(always)]
    fn run(self) {
        let words = words(self.stream, self.first);
        let (pairs, _) = words.as_flattened().as_chunks::<2>();
        let (mut radii, mut turns) = ([0; 2 * COUNT], [0; 2 * COUNT]);
        for (pair, (radius, turn)) in pairs.iter().zip(radii.iter_mut().zip(&mut turns)) {
            [*radius, *turn] = *pair;
        }
        let (mut cosines, mut sines) = ([0.0; 2 * COUNT], [0.0; 2 * COUNT]);
        for index in 0..2 * COUNT {
            [cosines[index], sines[index]] = normal_pair(radii[index], turns[index]);
        }
        let mut numbers = [[0.0; 2]; 2 * COUNT];
        for (pair, (&cosine, &sine)) in numbers.iter_mut().zip(cosines.iter().zip(&sines)) {
            *pair = [cosine, sine];
        }
        self.to.copy_from_slice(&numbers.as_flattened()[self.first % 4..][..self.to.len()]);
    }
}

/// √(−2 ln u) · (cos, sin)(2π t) with u in (0, 1] from the upper 24 bits of a word, t from all of
/// the other.
#[inline(always)]
fn normal_pair(radius: u32, turn: u32) -> [f32; 2] {
    let u = unit(radius) + 1.0 / (1 << 24) as f32;
    let radius = math::sqrt(-2.0 * math::log(u));
    let [cosine, sine] = cosine_and_sine(turn);
    [radius * cosine, radius * sine]
}

/// Of `turn` / 2³² of a full turn, within 10⁻⁷. The nearest quarter is taken off, so that the
/// polynomials (those of Cephes' `sinf` and `cosf`) see an eighth of a turn at most.
#[inline(always)]
fn cosine_and_sine(turn: u32) -> [f32; 2] {
    let quarter = turn.wrapping_add(1 << 29) >> 30;
    let rest = turn.wrapping_sub(quarter << 30) as i32;
    let x = rest as f32 * (TAU / 4_294_967_296.0);
    let square = x * x;
    let sine = ((-1.951_529_6e-4 * square + 8.332_161e-3) * square - 1.666_665_5e-1) * square * x + x;
    let cosine = ((2.443_315_7e-5 * square - 1.388_731_6e-3) * square + 4.166_664_6e-2) * (square * square)
        - 0.5 * square
        + 1.0;
    let (near, far) = if quarter & 1 == 0 { (cosine, sine) } else { (sine, cosine) };
    let near = if quarter.wrapping_add(1) & 2 == 0 { near } else { -near };
    let far = if quarter & 2 == 0 { far } else { -far };
    [near, far]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_and_sine_go_all_the_way_round() {
        for index in 0..100_000u32 {
            let turn = index.wrapping_mul(2_654_435_761);
            let angle = f64::from(turn) / 4_294_967_296.0 * std::f64::consts::TAU;
            let [cosine, sine] = cosine_and_sine(turn);
            let error = (f64::from(cosine) - angle.cos()).abs().max((f64::from(sine) - angle.sin()).abs());
            assert!(error < 1.2e-7, "{error:e} at {turn}");
        }
        assert_eq!(
            [0, 1 << 30, 1 << 31, 3 << 30].map(cosine_and_sine),
            [[1., 0.], [0., 1.], [-1., 0.], [0., -1.]]
        );
    }

    #[test]
    fn normal_numbers_are_those_of_the_formula() {
        let exact = |radius: u32, turn: u32| {
            let u = (f64::from(radius >> 8) + 1.0) / f64::from(1 << 24);
            let angle = f64::from(turn) / 4_294_967_296.0 * std::f64::consts::TAU;
            [angle.cos(), angle.sin()].map(|part| (-2.0 * u.ln()).sqrt() * part)
        };
        for index in 0..100_000u32 {
            let (radius, turn) = (index.wrapping_mul(2_654_435_761), index.wrapping_mul(40_503_001));
            for (found, exact) in normal_pair(radius, turn).into_iter().zip(exact(radius, turn)) {
                assert!((f64::from(found) - exact).abs() < 1e-6, "{found} is not {exact}");
            }
        }
        assert_eq!(normal_pair(u32::MAX, 5), [0.0; 2]);
    }
}

//! The gradient of a maximum over windows, spread over a block of the map.
//!
//! Each window has one number, which belongs to the element that its maximum was found at. Windows tile
//! the map, so every element asks one window whether it is the one: no map of zeros is written first,
//! and the gradient of the map itself need not exist in memory.

use crate::devices::cpu::Vectorised;
use crate::kernels::pool::Pool;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Unpool<'a> {
    /// Depth, height, width and channels of the map.
    map: [usize; 4],
    window: [usize; 3],
    dy: &'a [f32],
    place: &'a [f32],
}

impl<'a> Unpool<'a> {
    /// # Panics
    /// If the windows do not tile the map: a mistake of the compiler.
    pub(crate) fn new(pool: &Pool, dy: &'a [f32], place: &'a [f32]) -> Self {
        let window = std::array::from_fn(|axis| {
            let (input, output) = (pool.input[axis], pool.output[axis]);
            assert!(input.is_multiple_of(output), "windows that tile the map");
            input / output
        });
        Unpool { map: pool.input, window, dy, place }
    }

    /// The first window that the pixels of a row of the map meet, and the number there of its first
    /// column.
    #[inline(always)]
    fn row(&self, row: usize) -> (usize, usize) {
        let ([depth, height, width, _], [planes, rows, columns]) = (self.map, self.window);
        let (plane, row) = (row / height, row % height);
        let (sample, plane) = (plane / depth, plane % depth);
        let windows = (sample * (depth / planes) + plane / planes) * (height / rows) + row / rows;
        (windows * (width / columns), (plane % planes * rows + row % rows) * columns)
    }
}

/// The elements from `first` on.
pub(super) struct Fill<'a> {
    pub(super) unpool: Unpool<'a>,
    pub(super) first: usize,
    pub(super) to: &'a mut [f32],
}

impl Vectorised for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Fill { unpool, first, to: mut rest } = self;
        let ([.., width, channels], columns) = (unpool.map, unpool.window[2]);
        let (mut pixel, mut channel) = (first / channels, first % channels);
        while !rest.is_empty() {
            let (window, tap) = unpool.row(pixel / width);
            let column = pixel % width;
            // Counted on rather than divided: a division costs as much as the work on a pixel.
            let (mut at, mut within) = ((window + column / columns) * channels, column % columns);
            for _ in column..width {
                let count = rest.len().min(channels - channel);
                let to = rest.split_off_mut(..count).unwrap_or_default();
                let (dy, place) =
                    (&unpool.dy[at + channel..][..count], &unpool.place[at + channel..][..count]);
                choose(dy, place, (tap + within) as f32, to);
                if rest.is_empty() {
                    return;
                }
                (channel, within) = (0, within + 1);
                if within == columns {
                    (within, at) = (0, at + channels);
                }
            }
            pixel += width - column;
        }
    }
}

/// Elements that are stored at once.
const LANES: usize = 16;

/// dy where the place is `tap`, zero elsewhere.
#[inline(always)]
fn choose(dy: &[f32], place: &[f32], tap: f32, to: &mut [f32]) {
    let (many, few) = to.as_chunks_mut::<LANES>();
    let done = many.len() * LANES;
    let operands = dy.as_chunks::<LANES>().0.iter().zip(place.as_chunks::<LANES>().0);
    for (to, (dy, place)) in many.iter_mut().zip(operands) {
        for lane in 0..LANES {
            to[lane] = where_equal(place[lane], tap, dy[lane]);
        }
    }
    for ((to, dy), place) in few.iter_mut().zip(&dy[done..]).zip(&place[done..]) {
        *to = where_equal(*place, tap, *dy);
    }
}

/// dy or zero. By bits: a choice would load dy only where it is wanted, one lane at a time.
#[inline(always)]
fn where_equal(place: f32, tap: f32, dy: f32) -> f32 {
    f32::from_bits(dy.to_bits() & 0u32.wrapping_sub(u32::from(place == tap)))
}

//! The gradient of a maximum over windows, spread over a block of the map.
//!
//! Each window has one number, which belongs to the element that its maximum was found at. Windows tile
//! the map, so every element asks one window whether it is the one: no map of zeros is written first,
//! and the gradient of the map itself need not exist in memory.

use crate::cpu::Isa;
use crate::gemm::lanes::{self, Kernel, Lanes, starts};
use crate::pool::Pool;

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

/// Fills `to` with the elements from `first` on.
pub(super) fn fill(isa: Isa, unpool: Unpool, first: usize, to: &mut [f32]) {
    // SAFETY: the kernel reaches no further than its slices; a pool never has an instruction set that its
    // processor lacks.
    unsafe { lanes::run(isa, unpool.map[3], Fill { unpool, first, to }) }
}

struct Fill<'a> {
    unpool: Unpool<'a>,
    first: usize,
    to: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
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
                // SAFETY: built for the instruction set of `L`.
                unsafe { choose::<L>(dy, place, (tap + within) as f32, to) };
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

/// dy where the place is `tap`, zero elsewhere. The plain loop would load dy only where it is wanted, one
/// element at a time.
#[inline(always)]
unsafe fn choose<L: Lanes>(dy: &[f32], place: &[f32], tap: f32, to: &mut [f32]) {
    assert!(dy.len() == to.len() && place.len() == to.len());
    let count = to.len();
    let (dy, place, to) = (dy.as_ptr(), place.as_ptr(), to.as_mut_ptr());
    // SAFETY: all three have `count` elements, which none of the vectors leaves; the caller vouches for the
    // instruction set.
    unsafe {
        let tap = L::splat(tap);
        if count < L::COUNT {
            let dy = L::load_part(dy, count);
            return dy.where_equal(L::load_part(place, count), tap).store_part(to, count);
        }
        for at in starts(count, L::COUNT) {
            L::load(dy.add(at)).where_equal(L::load(place.add(at)), tap).store(to.add(at));
        }
    }
}

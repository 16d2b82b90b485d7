//! Memory that kernels borrow for one call.
//!
//! Buffers are returned when their [`Lease`] ends and serve the next call, so that a training
//! step allocates nothing after the first. There is a list of them for each role in a call: what is borrowed for
//! one would else lie in the large buffer of another, which then needs a second one. So the memory of all calls
//! is known: the most that the threads of a call share, and for each thread the most that it works on.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::buffers::{Buffer, Element};

/// Buffers at rest. Shared by the threads of a pool.
#[derive(Default)]
pub struct Scratch {
    single: Mutex<Vec<Buffer<f32>>>,
    aside: Mutex<Vec<Buffer<f32>>>,
    own: Mutex<Vec<Buffer<f32>>>,
    double: Mutex<Vec<Buffer<f64>>>,
}

/// A borrowed buffer of any content; goes back when dropped.
pub struct Lease<'a, T: Element> {
    home: &'a Mutex<Vec<Buffer<T>>>,
    buffer: Buffer<T>,
    len: usize,
}

impl Scratch {
    /// `len` numbers of any content, for what the threads of a call share.
    pub fn single(&self, len: usize) -> Lease<'_, f32> {
        Lease::new(&self.single, len)
    }

    /// `len` numbers of any content, for what a call makes of its operands before it borrows the rest.
    pub fn aside(&self, len: usize) -> Lease<'_, f32> {
        Lease::new(&self.aside, len)
    }

    /// `len` numbers of any content, for what a thread works on by itself.
    pub fn own(&self, len: usize) -> Lease<'_, f32> {
        Lease::new(&self.own, len)
    }

    /// `len` double-precision numbers of any content, which the threads of a call share.
    pub fn double(&self, len: usize) -> Lease<'_, f64> {
        Lease::new(&self.double, len)
    }

    /// Gives back the memory of all buffers at rest.
    pub fn clear(&self) {
        [&self.single, &self.aside, &self.own].into_iter().for_each(|buffers| lock(buffers).clear());
        lock(&self.double).clear();
    }

    /// Bytes at rest, for the report of memory between two calls.
    pub fn bytes(&self) -> usize {
        let single: usize = [&self.single, &self.aside, &self.own].into_iter().map(at_rest).sum();
        single * size_of::<f32>() + at_rest(&self.double) * size_of::<f64>()
    }
}

/// Elements of several parts of one buffer, see [`parts`].
pub fn total(lens: &[usize]) -> usize {
    lens.iter().map(|&len| lines(len)).sum()
}

/// Parts of `memory` with so many elements, each from a cache line on.
pub fn parts<const N: usize>(memory: &mut [f32], lens: [usize; N]) -> [&mut [f32]; N] {
    let mut rest = memory;
    lens.map(|len| {
        let part = rest.split_off_mut(..lines(len)).expect("there are as many elements as `total` says");
        &mut part[..len]
    })
}

/// So many numbers and those up to the end of their last cache line.
fn lines(len: usize) -> usize {
    const LINE: usize = 16;
    len.next_multiple_of(LINE)
}

fn at_rest<T: Element>(buffers: &Mutex<Vec<Buffer<T>>>) -> usize {
    lock(buffers).iter().map(|buffer| buffer.len()).sum()
}

impl<'a, T: Element> Lease<'a, T> {
    fn new(home: &'a Mutex<Vec<Buffer<T>>>, len: usize) -> Self {
        let mut buffer = best_fit(&mut lock(home), len).unwrap_or_default();
        if buffer.len() < len {
            // The old memory goes before the new one comes.
            drop(std::mem::take(&mut buffer));
            buffer = Buffer::zeroed(len);
        }
        Lease { home, buffer, len }
    }
}

impl<T: Element> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        lock(self.home).push(std::mem::take(&mut self.buffer));
    }
}

impl<T: Element> Deref for Lease<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer[..self.len]
    }
}

impl<T: Element> DerefMut for Lease<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[..self.len]
    }
}

/// The smallest buffer that holds `len` elements, else the largest, which is then replaced.
fn best_fit<T: Element>(free: &mut Vec<Buffer<T>>, len: usize) -> Option<Buffer<T>> {
    let fits = |buffer: &Buffer<T>| buffer.len() >= len;
    let best = (0..free.len()).min_by_key(|&index| {
        let buffer = &free[index];
        if fits(buffer) { (0, buffer.len()) } else { (1, usize::MAX - buffer.len()) }
    })?;
    Some(free.swap_remove(best))
}

/// A panic while a buffer was borrowed leaves the list itself intact.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_serves_the_next_call() {
        let scratch = Scratch::default();
        let first = scratch.single(1000).as_ptr();
        let small = scratch.single(10);
        assert_eq!(small.len(), 10);
        assert_eq!(small.as_ptr(), first);
        drop(small);
        assert_eq!(scratch.bytes(), 4000);
    }

    #[test]
    fn each_role_has_buffers_of_its_own() {
        let scratch = Scratch::default();
        drop(scratch.single(1000));
        let (aside, own, shared) = (scratch.aside(10), scratch.own(10), scratch.single(1000));
        assert_eq!((aside.len(), own.len(), shared.len()), (10, 10, 1000));
        drop((aside, own, shared));
        assert_eq!(scratch.bytes(), 4 * 1020);
        let lent = scratch.own(10);
        scratch.clear();
        assert_eq!((scratch.bytes(), lent.len()), (0, 10));
    }

    #[test]
    fn parts_begin_at_cache_lines() {
        let scratch = Scratch::default();
        let lens = [3, 0, 17];
        let mut memory = scratch.own(total(&lens));
        let [a, b, c] = parts(&mut memory, lens);
        assert_eq!([a.len(), b.len(), c.len()], lens);
        assert!([a.as_ptr(), c.as_ptr()].iter().all(|part| part.addr().is_multiple_of(64)));
    }

    #[test]
    fn growing_replaces_the_largest() {
        let scratch = Scratch::default();
        drop(scratch.double(10));
        drop(scratch.double(20));
        assert_eq!(scratch.bytes(), 160);
    }
}

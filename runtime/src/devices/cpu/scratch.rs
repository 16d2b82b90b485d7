//! Memory that kernels borrow for one call.
//!
//! Buffers are returned when their [`Lease`] ends and serve the next call, so that a training
//! step allocates nothing after the first.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::buffers::{Buffer, Element};

/// Buffers at rest. Shared by the threads of a pool.
#[derive(Default)]
pub struct Scratch {
    single: Mutex<Vec<Buffer<f32>>>,
    double: Mutex<Vec<Buffer<f64>>>,
}

/// A borrowed buffer of any content; goes back when dropped.
pub struct Lease<'a, T: Element> {
    home: &'a Mutex<Vec<Buffer<T>>>,
    buffer: Buffer<T>,
    len: usize,
}

impl Scratch {
    /// `len` numbers of any content.
    pub fn single(&self, len: usize) -> Lease<'_, f32> {
        Lease::new(&self.single, len)
    }

    /// `len` double-precision numbers of any content.
    pub fn double(&self, len: usize) -> Lease<'_, f64> {
        Lease::new(&self.double, len)
    }

    /// Bytes at rest, for the report of memory between two calls.
    pub fn bytes(&self) -> usize {
        let single: usize = lock(&self.single).iter().map(|buffer| buffer.len()).sum();
        let double: usize = lock(&self.double).iter().map(|buffer| buffer.len()).sum();
        single * size_of::<f32>() + double * size_of::<f64>()
    }
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
    fn growing_replaces_the_largest() {
        let scratch = Scratch::default();
        drop(scratch.double(10));
        drop(scratch.double(20));
        assert_eq!(scratch.bytes(), 160);
    }
}

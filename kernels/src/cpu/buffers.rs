//! Aligned memory, and the buffers of a pass.
//!
//! A pass works on eight regions at once and a kernel names its operands as slots in them.
//! [`Buffers::access`] turns the slots of one call into slices; it checks that they lie inside
//! their regions and that no written range overlaps another range of the call.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

use super::huge_pages;
use crate::emitted::{MAX_OPERANDS, Region, Slot};

/// A number type that a [`Buffer`] can hold: plain, and valid for any bits.
pub trait Element: Copy + Send + Sync + private::Sealed {
    /// The number zero.
    const ZERO: Self;
}

impl Element for f32 {
    const ZERO: f32 = 0.0;
}

impl Element for f64 {
    const ZERO: f64 = 0.0;
}

mod private {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A fixed number of elements, aligned to 64 bytes: a cache line and the widest vector.
pub struct Buffer<T: Element = f32> {
    /// The elements from `start` on, which lies on a line.
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Element> Buffer<T> {
    /// `len` zeros. Of a large buffer they come from the system, which hands out a page when a thread first
    /// writes to it: nothing here does.
    pub fn zeroed(len: usize) -> Self {
        if len == 0 {
            return Buffer { memory: Vec::new(), start: 0, len };
        }
        const LINE: usize = 64;
        let mut memory = vec![T::ZERO; len + LINE / size_of::<T>()];
        let start = memory.as_ptr().align_offset(LINE);
        huge_pages::advise(&mut memory);
        Buffer { memory, start, len }
    }

    /// A copy of `values`.
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = Buffer::zeroed(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl<T: Element> Default for Buffer<T> {
    fn default() -> Self {
        Buffer::zeroed(0)
    }
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Buffer::from_slice(self)
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

/// The regions that a pass works on, borrowed for its duration.
pub struct Buffers<'a> {
    batch: usize,
    regions: [(*mut f32, usize); REGIONS],
    /// Regions that no call may write.
    shared: [bool; REGIONS],
    in_use: Cell<bool>,
    borrowed: PhantomData<&'a mut [f32]>,
}

const REGIONS: usize = 8;

impl<'a> Buffers<'a> {
    /// No memory yet: every region is empty until [`Buffers::with`] names one.
    pub fn new(batch: usize) -> Self {
        let empty = (std::ptr::NonNull::dangling().as_ptr(), 0);
        let (regions, shared) = ([empty; REGIONS], [false; REGIONS]);
        Buffers { batch, regions, shared, in_use: Cell::new(false), borrowed: PhantomData }
    }

    /// `memory` as `region`; it may be larger than the batch needs.
    pub fn with(mut self, region: Region, memory: &'a mut [f32]) -> Self {
        self.regions[region as usize] = (memory.as_mut_ptr(), memory.len());
        self
    }

    /// `memory` as `region`, for calls that only read it.
    pub fn with_shared(mut self, region: Region, memory: &'a [f32]) -> Self {
        self.regions[region as usize] = (memory.as_ptr().cast_mut(), memory.len());
        self.shared[region as usize] = true;
        self
    }

    /// Samples in the batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Elements of `slot` at this batch size.
    pub fn len(&self, slot: Slot) -> usize {
        self.range(slot).len()
    }

    /// Calls `body` with the slices of one kernel call.
    ///
    /// # Panics
    /// If a slot lies outside its region, a written range overlaps another range of the call or is shared,
    /// or `body` calls `access` again: mistakes of the compiler that planned the memory.
    pub fn access<const R: usize, const W: usize, T>(
        &self,
        reads: [Slot; R],
        writes: [Slot; W],
        body: impl FnOnce([&[f32]; R], [&mut [f32]; W]) -> T,
    ) -> T {
        let guard = InUse::new(&self.in_use);
        self.check_disjoint(&reads, &[], &writes);
        // SAFETY: no other call is under way, and no range written by this one overlaps another.
        let (reads, writes) = unsafe { (self.read_all(reads), self.write_all(writes)) };
        let result = body(reads, writes);
        drop(guard);
        result
    }

    /// As [`Buffers::access`] with operands too, for numbers of them and of results that only the
    /// caller knows: not generic over these, it is compiled once. An operand without a slot reads an
    /// empty slice.
    pub fn access_slices<const R: usize>(
        &self,
        reads: [Slot; R],
        operands: &[Option<Slot>],
        writes: &[Slot],
        body: impl FnOnce([&[f32]; R], &[&[f32]], &mut [&mut [f32]]),
    ) {
        let guard = InUse::new(&self.in_use);
        self.check_disjoint(&reads, operands, writes);
        let mut slices = [&[][..]; MAX_OPERANDS];
        let mut results = no_results();
        // SAFETY: no other call is under way, and no range written by this one overlaps another.
        let reads = unsafe {
            for (slice, slot) in slices.iter_mut().zip(operands) {
                *slice = slot.map_or(&[], |slot| self.read(slot));
            }
            for (result, slot) in results.iter_mut().zip(writes) {
                *result = self.write(*slot);
            }
            self.read_all(reads)
        };
        body(reads, &slices[..operands.len()], &mut results[..writes.len()]);
        drop(guard);
    }

    /// The elements of each slot; not part of [`Buffers::access`], so that it is compiled once for each number of them.
    ///
    /// # Safety
    /// As for [`Buffers::read`].
    unsafe fn read_all<const N: usize>(&self, slots: [Slot; N]) -> [&[f32]; N] {
        // SAFETY: the caller's promise.
        slots.map(|slot| unsafe { self.read(slot) })
    }

    /// The same of slots that are written.
    ///
    /// # Safety
    /// As for [`Buffers::write`], and no two of them overlap.
    #[expect(clippy::mut_from_ref, reason = "handing out disjoint ranges is its purpose")]
    unsafe fn write_all<const N: usize>(&self, slots: [Slot; N]) -> [&mut [f32]; N] {
        // SAFETY: the caller's promise.
        slots.map(|slot| unsafe { self.write(slot) })
    }

    /// The elements of `slot`.
    ///
    /// # Safety
    /// While the result lives, nothing may write them.
    unsafe fn read(&self, slot: Slot) -> &[f32] {
        let (start, len) = self.pointer(slot);
        // SAFETY: `pointer` has checked the bounds; the memory is borrowed for 'a, exclusively or to be read by
        // all, and the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts(start.cast_const(), len) }
    }

    /// The elements of `slot`.
    ///
    /// # Safety
    /// While the result lives, nothing else may read or write them.
    #[expect(clippy::mut_from_ref, reason = "handing out disjoint ranges is its purpose")]
    unsafe fn write(&self, slot: Slot) -> &mut [f32] {
        assert!(!self.shared[slot.region as usize], "{slot:?} is written, and its region is shared");
        let (start, len) = self.pointer(slot);
        // SAFETY: as in `read`; the region is not shared, so it is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    fn check_disjoint(&self, reads: &[Slot], operands: &[Option<Slot>], writes: &[Slot]) {
        for (index, &write) in writes.iter().enumerate() {
            let others = writes[index + 1..].iter().chain(reads).chain(operands.iter().flatten());
            for &other in others {
                assert!(!self.overlap(write, other), "{write:?} is written and overlaps {other:?}");
            }
        }
    }

    fn overlap(&self, a: Slot, b: Slot) -> bool {
        let (left, right) = (self.range(a), self.range(b));
        a.region == b.region && left.start < right.end && right.start < left.end
    }

    fn pointer(&self, slot: Slot) -> (*mut f32, usize) {
        let (start, len) = self.regions[slot.region as usize];
        let range = self.range(slot);
        assert!(range.end <= len, "{slot:?} ends at {} of {len} elements", range.end);
        // SAFETY: the range lies inside the region, as just checked.
        (unsafe { start.add(range.start) }, range.len())
    }

    fn range(&self, slot: Slot) -> Range<usize> {
        let scale = if slot.region.is_batched() { self.batch } else { 1 };
        slot.offset * scale..(slot.offset + slot.len) * scale
    }
}

fn no_results<'a>() -> [&'a mut [f32]; MAX_OPERANDS] {
    std::array::from_fn(|_| Default::default())
}

/// Marks the buffers as lent out, also when a kernel panics.
struct InUse<'a>(&'a Cell<bool>);

impl<'a> InUse<'a> {
    fn new(flag: &'a Cell<bool>) -> Self {
        assert!(!flag.replace(true), "a kernel called another kernel");
        InUse(flag)
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(offset: usize, len: usize) -> Slot {
        Slot::new(Region::Batched, offset, len)
    }

    fn copy(reads: [Slot; 1], writes: [Slot; 1]) -> Vec<f32> {
        let mut memory: Vec<f32> = (0..10u8).map(f32::from).collect();
        let buffers = Buffers::new(2).with(Region::Batched, &mut memory);
        buffers.access(reads, writes, |[x], [y]| y.copy_from_slice(x));
        memory
    }

    #[test]
    fn an_operand_without_a_slot_is_empty() {
        let mut memory = [1.0, 2.0, 0.0, 0.0];
        let buffers = Buffers::new(1).with(Region::Batched, &mut memory);
        buffers.access_slices([], &[None, Some(slot(0, 2))], &[slot(2, 2)], |[], operands, outputs| {
            assert!(operands[0].is_empty());
            outputs[0].copy_from_slice(operands[1]);
        });
        assert_eq!(memory, [1.0, 2.0, 1.0, 2.0]);
    }

    #[test]
    #[should_panic(expected = "overlaps")]
    fn a_result_over_an_operand_is_refused() {
        let mut memory = [0.0; 4];
        let buffers = Buffers::new(1).with(Region::Batched, &mut memory);
        buffers.access_slices([], &[Some(slot(0, 2))], &[slot(1, 2)], |[], _, _| {});
    }

    #[test]
    fn slots_scale_with_the_batch() {
        assert_eq!(copy([slot(0, 2)], [slot(2, 2)]), [0., 1., 2., 3., 0., 1., 2., 3., 8., 9.]);
    }

    #[test]
    #[should_panic(expected = "overlaps")]
    fn a_write_over_an_operand_is_refused() {
        copy([slot(0, 2)], [slot(1, 2)]);
    }

    #[test]
    #[should_panic(expected = "its region is shared")]
    fn a_write_to_a_shared_region_is_refused() {
        let buffers = Buffers::new(1).with_shared(Region::Batched, &[0.0; 4]);
        assert_eq!(buffers.access([slot(0, 2)], [], |[x], []| x.len()), 2);
        buffers.access([], [slot(0, 2)], |[], [y]| y.fill(1.0));
    }

    #[test]
    #[should_panic(expected = "ends at 12 of 10")]
    fn a_slot_outside_its_region_is_refused() {
        copy([slot(0, 2)], [slot(4, 2)]);
    }

    /// Elements enough for huge pages; an interpreter has none, and would take minutes.
    const LARGE: usize = if cfg!(miri) { 3 << 10 } else { 3 << 20 };

    #[test]
    fn buffers_are_aligned_and_keep_their_length() {
        for len in [1, 17, LARGE] {
            let buffer = Buffer::from_slice(&vec![1.0f32; len]);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            assert_eq!(buffer.clone()[..], buffer[..]);
            assert_eq!(buffer.len(), len);
        }
    }

    #[test]
    fn buffers_begin_with_zeros() {
        assert!(Buffer::<f64>::zeroed(LARGE).iter().all(|&value| value == 0.0));
        assert!(Buffer::<f32>::zeroed(0).is_empty());
    }
}

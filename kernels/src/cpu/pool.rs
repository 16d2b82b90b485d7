//! A persistent pool of threads.
//!
//! The caller takes part in its own work and never waits for a thread that has not started, so
//! a small job costs little. Each thread begins with a stretch of the tasks, the same share of every
//! job: as most kernels cut the batch in order, its caches hold what it wrote for the kernel before.
//! Then it helps the others, from the ends of their stretches. Which thread runs a task is left to
//! chance, what a task computes is not.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};

use super::buffers::Element;
use super::isa::Isa;
use super::scratch::Scratch;
use super::threads::{MOST_THREADS, available_threads, wanted_threads};
use crate::select::{Machine, Selector};

/// Threads that share the tasks of one kernel call after the other, the instruction set that
/// they use, the scratch memory that they borrow and the algorithms that were selected for them.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// The tasks that each thread begins with, the caller first.
    shares: Vec<Share>,
    turn: Mutex<()>,
    isa: Isa,
    scratch: Scratch,
    selector: Selector,
}

impl Pool {
    /// The pool that models share unless they are given another. They take turns with its
    /// threads, kernel by kernel, instead of crowding the cores.
    pub fn shared() -> Arc<Pool> {
        static SHARED: OnceLock<Arc<Pool>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(Arc::default))
    }

    /// A pool of `threads` threads, the caller's among them; 1 to [`MOST_THREADS`].
    pub fn new(threads: usize) -> Pool {
        Pool::with_isa(threads, Isa::detect())
    }

    /// A pool that uses no better instruction set than `isa`.
    pub fn with_isa(threads: usize, isa: Isa) -> Pool {
        let shared = Arc::new(Shared::default());
        let workers: Vec<_> =
            (1..threads.min(MOST_THREADS)).map_while(|index| spawn(index, &shared).ok()).collect();
        let shares = (0..=workers.len()).map(|_| Share::default()).collect();
        let isa = if isa.is_supported() { isa } else { Isa::detect() };
        let (scratch, selector) = (Scratch::default(), Selector::default());
        Pool { shared, workers, shares, turn: Mutex::new(()), isa, scratch, selector }
    }

    /// The same pool with another way to choose algorithms.
    pub fn with_selector(mut self, selector: Selector) -> Pool {
        self.selector = selector;
        self
    }

    /// The number of threads that suits this process: what `NNC_THREADS` asks for, or else one for each
    /// core that the affinity mask and the quotas of the control groups leave it.
    pub fn default_threads() -> usize {
        // The command line has told the user of a wrong value; a library has nobody to tell.
        wanted_threads().ok().flatten().unwrap_or_else(available_threads)
    }

    /// Threads, the caller's among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The instruction set of the kernels.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// What the speed of a kernel depends on, beside its problem.
    pub fn machine(&self) -> Machine {
        Machine { isa: self.isa, threads: self.threads() }
    }

    /// Memory for the duration of a call.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The choice among algorithms, and what was chosen so far.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Calls `task` once for each of `0..tasks`, on all threads. A call from inside a task runs
    /// on the task's own thread.
    ///
    /// # Panics
    /// If a task does: its panic goes on in the caller once the other threads have stopped.
    pub fn for_each(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        self.for_each_with(tasks, || (), |(), index| task(index));
    }

    /// As [`Pool::for_each`]; each thread that takes part makes its own `state` first.
    pub fn for_each_with<S>(
        &self,
        tasks: usize,
        state: impl Fn() -> S + Sync,
        task: impl Fn(&mut S, usize) + Sync,
    ) {
        if tasks <= 1 || self.workers.is_empty() || INSIDE.get() {
            let mut own = None;
            return (0..tasks).for_each(|index| task(own.get_or_insert_with(&state), index));
        }
        self.fork(tasks, &|thread| {
            let mut own = None;
            while let Some(index) = self.claim(thread) {
                task(own.get_or_insert_with(&state), index);
            }
        });
    }

    /// Cuts each of `outputs` into consecutive pieces of its number in `sizes` (the last may be
    /// shorter) and calls `task` with the index of a piece and the pieces there.
    ///
    /// # Panics
    /// If the outputs differ in their number of pieces.
    pub fn for_each_piece<const N: usize>(
        &self,
        outputs: [&mut [f32]; N],
        sizes: [usize; N],
        task: impl Fn(usize, [&mut [f32]; N]) + Sync,
    ) {
        let pieces = |index: usize, output: &[f32]| output.len().div_ceil(sizes[index].max(1));
        let tasks = outputs.first().map_or(0, |output| pieces(0, output));
        assert!(outputs.iter().enumerate().all(|(index, output)| pieces(index, output) == tasks));
        let outputs = outputs.map(Tiles::new);
        self.for_each(tasks, |index| {
            let piece = |output: usize| {
                let (tiles, size) = (&outputs[output], sizes[output]);
                // SAFETY: pieces of different indices are disjoint, each index runs once, and the
                // outputs are separate slices.
                unsafe { tiles.slice(index * size..((index + 1) * size).min(tiles.len())) }
            };
            task(index, std::array::from_fn(piece));
        });
    }

    fn fork(&self, tasks: usize, take_part: &(dyn Fn(usize) + Sync)) {
        let turn = lock(&self.turn);
        let start = |thread: usize| (thread * tasks).div_ceil(self.threads());
        for (thread, share) in self.shares.iter().enumerate() {
            share.set(start(thread)..start(thread + 1));
        }
        let panic = Mutex::new(None);
        let guarded = |thread| self.run_tasks(take_part, thread, &panic);
        self.shared.open(&guarded, tasks - 1);
        guarded(0);
        self.shared.close();
        drop(turn);
        let payload = lock(&panic).take();
        if let Some(payload) = payload {
            resume_unwind(payload);
        }
    }

    /// A task of the thread's own share, or the last one of another share.
    fn claim(&self, thread: usize) -> Option<usize> {
        let (before, rest) = self.shares.split_at(thread);
        let (own, after) = rest.split_first()?;
        own.first().or_else(|| after.iter().chain(before).find_map(Share::last))
    }

    /// Takes part in a job; a panic is kept for the caller and leaves no task to claim.
    fn run_tasks(&self, take_part: &(dyn Fn(usize) + Sync), thread: usize, panic: &Mutex<Option<Payload>>) {
        INSIDE.set(true);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| take_part(thread))) {
            self.shares.iter().for_each(|share| share.set(0..0));
            lock(panic).get_or_insert(payload);
        }
        INSIDE.set(false);
    }
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::new(Pool::default_threads())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.shut_down();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its tasks; its own end carries no news.
            let _ = worker.join();
        }
    }
}

/// A slice that several tasks write at once, each its own elements.
#[derive(Clone, Copy)]
pub struct Tiles<'a, T: Element = f32> {
    start: *mut T,
    len: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: it is an exclusive borrow that hands out parts; the contract of `slice` and `pointer`
// makes the parts disjoint, and an `Element` may be sent.
unsafe impl<T: Element> Send for Tiles<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Element> Sync for Tiles<'_, T> {}

impl<'a, T: Element> Tiles<'a, T> {
    /// The whole of `slice`, to be handed out in parts.
    pub fn new(slice: &'a mut [T]) -> Self {
        Tiles { start: slice.as_mut_ptr(), len: slice.len(), borrowed: PhantomData }
    }

    /// Elements of the whole.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first element of `range`, which lies inside the whole.
    ///
    /// # Panics
    /// If it does not.
    pub fn pointer(&self, range: Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        // SAFETY: the range lies inside the slice.
        unsafe { self.start.add(range.start) }
    }

    /// The elements of `range`.
    ///
    /// # Safety
    /// While the result lives, no other part that overlaps it may be in use.
    #[expect(clippy::mut_from_ref, reason = "handing out disjoint parts is its purpose")]
    pub unsafe fn slice(&self, range: Range<usize>) -> &mut [T] {
        // SAFETY: the range lies inside the slice; the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(range.clone()), range.len()) }
    }
}

thread_local! {
    /// Whether this thread is running a task of some pool.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

type Payload = Box<dyn Any + Send>;

/// The tasks of a stretch that nobody has claimed: the first in the upper half, the end in the lower one.
/// A cache line of its own, or threads at work on different shares would wait for each other.
#[derive(Default)]
#[repr(align(64))]
struct Share(AtomicU64);

impl Share {
    fn set(&self, tasks: Range<usize>) {
        assert!(tasks.end <= u32::MAX as usize, "tasks are numbered by 32 bits");
        self.0.store((tasks.start as u64) << 32 | tasks.end as u64, Ordering::Relaxed);
    }

    /// Claims the first task.
    fn first(&self) -> Option<usize> {
        let (start, _) = self.shrink(|start, end| (start + 1) << 32 | end)?;
        Some(start)
    }

    /// Claims the last task.
    fn last(&self) -> Option<usize> {
        let (_, end) = self.shrink(|start, end| start << 32 | (end - 1))?;
        Some(end - 1)
    }

    /// The start and the end before the change.
    fn shrink(&self, change: impl Fn(u64, u64) -> u64) -> Option<(usize, usize)> {
        let halves = |tasks: u64| (tasks >> 32, tasks & u64::from(u32::MAX));
        let next = |tasks: u64| {
            let (start, end) = halves(tasks);
            (start < end).then(|| change(start, end))
        };
        let (start, end) = halves(self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?);
        Some((start as usize, end as usize))
    }
}

/// What the caller and the workers share. `state` holds the number of the job in its upper half,
/// then the bit `OPEN` while workers may join, then how many of them are at work.
#[derive(Default)]
struct Shared {
    state: AtomicU64,
    job: UnsafeCell<Option<Job>>,
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    shut_down: AtomicBool,
}

#[derive(Clone)]
struct Job {
    take_part: *const (dyn Fn(usize) + Sync),
    caller: Thread,
}

// SAFETY: `job` is written by the caller whose turn it is while no worker is at work and none may
// join, and read by workers that have joined; the changes of `state` order the two. What it points
// to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

const OPEN: u64 = 1 << 31;
const AT_WORK: u64 = OPEN - 1;
const NEXT_JOB: u64 = 1 << 32;

/// Turns of a waiting loop before the thread goes to sleep: some tens of microseconds, longer
/// than the gap between two kernels, shorter than would be felt by others on the machine.
const SPINS: usize = 2_000;

impl Shared {
    /// Publishes a job and wakes up to `helpers` sleeping workers.
    fn open(&self, take_part: &(dyn Fn(usize) + Sync), helpers: usize) {
        // SAFETY: only the lifetime is erased. `close` returns after the last worker has left the
        // job and lets no other in, and it is called before the borrow ends.
        let take_part: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(take_part) };
        // SAFETY: no worker is at work and none may join, so nobody reads.
        unsafe { *self.job.get() = Some(Job { take_part, caller: thread::current() }) };
        let number = self.state.load(Ordering::Relaxed) & !(NEXT_JOB - 1);
        self.state.store(number.wrapping_add(NEXT_JOB) | OPEN, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _sleep = lock(&self.sleep);
            (0..helpers).for_each(|_| self.wake.notify_one());
        }
    }

    /// Lets no more workers in and waits for those at work.
    fn close(&self) {
        let mut state = self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while state & AT_WORK != 0 {
            pause(&mut spins, thread::park);
            state = self.state.load(Ordering::Acquire);
        }
    }

    /// The life of worker `index`: join each job once, sleep in between.
    fn work(&self, index: usize) {
        let (mut last, mut spins) = (0, 0);
        while !self.shut_down.load(Ordering::Acquire) {
            match self.join(last, index) {
                Some(number) => {
                    self.leave();
                    (last, spins) = (number, 0);
                }
                None => pause(&mut spins, || self.sleep(last)),
            }
        }
    }

    /// Lets worker `index` take part in the open job, unless it is number `last`; returns its number.
    fn join(&self, last: u64, index: usize) -> Option<u64> {
        let state = self.state.load(Ordering::Acquire);
        let joined = is_new(state, last)
            && self.state.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if !joined {
            return None;
        }
        // SAFETY: this worker is counted at work, so the caller neither writes nor returns.
        let job = unsafe { (*self.job.get()).as_ref() }?;
        // SAFETY: as above, what it points to lives until this worker leaves.
        unsafe { (*job.take_part)(index) };
        Some(state / NEXT_JOB)
    }

    fn leave(&self) {
        // SAFETY: still counted at work, see `join`.
        let caller = unsafe { (*self.job.get()).as_ref() }.map(|job| job.caller.clone());
        let state = self.state.fetch_sub(1, Ordering::AcqRel) - 1;
        if state & (OPEN | AT_WORK) == 0 {
            caller.iter().for_each(Thread::unpark);
        }
    }

    fn sleep(&self, last: u64) {
        let guard = lock(&self.sleep);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let nothing =
            || !is_new(self.state.load(Ordering::SeqCst), last) && !self.shut_down.load(Ordering::SeqCst);
        let guard = self.wake.wait_while(guard, |()| nothing()).unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        drop(guard);
    }

    fn shut_down(&self) {
        self.shut_down.store(true, Ordering::SeqCst);
        let _sleep = lock(&self.sleep);
        self.wake.notify_all();
    }
}

fn is_new(state: u64, last: u64) -> bool {
    state & OPEN != 0 && state / NEXT_JOB != last
}

/// Waits a moment, and from the `SPINS`-th time on by `sleep`.
fn pause(spins: &mut usize, sleep: impl FnOnce()) {
    *spins += 1;
    if *spins < SPINS {
        std::hint::spin_loop();
    } else {
        sleep();
    }
}

fn spawn(index: usize, shared: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name(format!("nnc-{index}")).spawn(move || shared.work(index))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_runs_once_whatever_the_threads() {
        for threads in 1..=4 {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 7, 100] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.for_each(tasks, |task| _ = counts[task].fetch_add(1, Ordering::Relaxed));
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn many_small_jobs_in_a_row() {
        let pool = Pool::new(3);
        let sum = AtomicUsize::new(0);
        // Miri interprets each job.
        let jobs = if cfg!(miri) { 50 } else { 20_000 };
        for _ in 0..jobs {
            pool.for_each(3, |task| _ = sum.fetch_add(task, Ordering::Relaxed));
        }
        assert_eq!(sum.into_inner(), 3 * jobs);
    }

    #[test]
    fn sleeping_workers_wake_up() {
        let pool = Pool::new(2);
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(20));
            let barrier = std::sync::Barrier::new(2);
            // Only passes if a second thread takes part.
            pool.for_each(2, |_| _ = barrier.wait());
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.for_each(10, |task| assert!(task != 5, "task five"));
        }));
        assert!(result.is_err());
        let ran = AtomicUsize::new(0);
        pool.for_each(10, |_| _ = ran.fetch_add(1, Ordering::Relaxed));
        assert_eq!(ran.into_inner(), 10);
    }

    #[test]
    fn a_nested_call_runs_inline() {
        let pool = Pool::new(2);
        let sum = AtomicUsize::new(0);
        pool.for_each(4, |_| {
            let thread = thread::current().id();
            pool.for_each(4, |_| {
                assert_eq!(thread::current().id(), thread);
                sum.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(sum.into_inner(), 16);
    }

    #[test]
    fn pieces_cover_the_outputs() {
        let (mut a, mut b) = (vec![0.0; 10], vec![0.0; 4]);
        Pool::new(2).for_each_piece([&mut a, &mut b], [3, 1], |index, [a, b]| {
            a.fill(index as f32);
            b.fill(index as f32);
        });
        assert_eq!(a, [0., 0., 0., 1., 1., 1., 2., 2., 2., 3.]);
        assert_eq!(b, [0., 1., 2., 3.]);
    }
}

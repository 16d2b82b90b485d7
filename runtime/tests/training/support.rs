//! Temporary folders and observers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nnc_runtime::devices::cpu::Pool;
use nnc_runtime::train::{EpochRecord, Observer, Options, Outcome, Overrides, Start, Step, train};
use nnc_runtime::{Device, Error, program::Program};

/// A folder that is gone when the test is.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nnc-training-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A path in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A run in `folder`, or its continuation.
pub(crate) struct Session<'a> {
    /// The network.
    pub(crate) program: &'static Program,
    /// Where the run lies.
    pub(crate) folder: &'a Path,
    /// Whether to go on with it.
    pub(crate) resume: bool,
    /// Threads to compute with.
    pub(crate) threads: usize,
    /// Batches (of all parts) after which it is interrupted.
    pub(crate) stop_after: Option<usize>,
    /// Changes to the defaults.
    pub(crate) overrides: Overrides,
}

impl<'a> Session<'a> {
    /// A new run to the end on one thread.
    pub(crate) fn new(program: &'static Program, folder: &'a Path) -> Session<'a> {
        let overrides = Overrides::default();
        Session { program, folder, resume: false, threads: 1, stop_after: None, overrides }
    }

    /// Goes on with a run to its end on one thread.
    pub(crate) fn resume(program: &'static Program, folder: &'a Path) -> Session<'a> {
        Session { resume: true, ..Session::new(program, folder) }
    }

    /// Runs it.
    pub(crate) fn run(&self) -> Result<Outcome, Error> {
        self.run_and_tell(&mut |_| ())
    }

    /// Runs it and tells of each epoch.
    pub(crate) fn run_and_tell(&self, tell: &mut dyn FnMut(&EpochRecord)) -> Result<Outcome, Error> {
        let interrupt = AtomicBool::new(false);
        let folder = Some(self.folder.to_owned());
        let options = Options {
            overrides: self.overrides.clone(),
            device: Device::Cpu(Arc::new(Pool::new(self.threads))),
            start: if self.resume { Start::Resume(folder) } else { Start::New(folder) },
            interrupt: &interrupt,
        };
        let mut watcher = Watcher { left: self.stop_after, interrupt: &interrupt, tell };
        train(self.program, &options, &mut watcher)
    }
}

/// Interrupts the run after a number of batches.
struct Watcher<'a> {
    left: Option<usize>,
    interrupt: &'a AtomicBool,
    tell: &'a mut dyn FnMut(&EpochRecord),
}

impl Observer for Watcher<'_> {
    fn step(&mut self, _step: &Step) {
        if let Some(left) = &mut self.left {
            *left -= 1;
            self.interrupt.store(*left == 0, Ordering::Relaxed);
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        (self.tell)(record);
    }
}

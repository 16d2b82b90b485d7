//! Batches, made ahead of training on a thread of their own.
//!
//! Which samples a batch holds, and how they are changed, follows from seed, epoch and
//! position alone. The buffers of used batches come back through [`Loader::recycle`], so
//! that an epoch allocates only its first few.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::transform::{Scratch, View};
use super::{Augment, Dataset, Error, Statistics, Targets, Transform};
use nnc_kernels::random::permutation;

/// Batches that wait, finished, for the training thread.
const AHEAD: usize = 3;

/// In which order samples come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A fresh one each epoch, from the seed and the epoch.
    Shuffled,
    /// As they are stored.
    Sequential,
}

/// What a [`Loader`] yields.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// In which order samples come.
    pub order: Order,
    /// Samples per batch; the last batch has what remains.
    pub batch: usize,
    /// Batches to leave out at the start, when an epoch is resumed.
    pub first_step: usize,
    /// Random changes to the images.
    pub augment: Augment,
    /// Seed of the order and the changes.
    pub seed: u64,
    /// Epoch of the order and the changes.
    pub epoch: u64,
    /// What samples are standardised with.
    pub statistics: Statistics,
    /// The network's input shape, channels first.
    pub input: Vec<usize>,
}

/// Some samples, ready for the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Standardised inputs; those of a network that takes a map lie channels last.
    pub inputs: Vec<f32>,
    /// The targets of the same samples.
    pub targets: Targets,
    /// Number of samples.
    pub size: usize,
}

/// An epoch's batches, in order. Dropping it ends its thread.
#[derive(Debug)]
pub struct Loader {
    // `None` once dropped or finished: closing the channel is what stops the thread.
    batches: Option<Receiver<Batch>>,
    used: Sender<Batch>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts to make batches of `dataset`.
    pub fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Result<Loader, Error> {
        let worker = Worker::new(dataset, options)?;
        let (send, batches) = sync_channel(AHEAD);
        let (used, recycled) = channel();
        let thread = Builder::new()
            .name("loader".to_owned())
            .spawn(move || worker.run(&send, &recycled))
            .map_err(|error| Error::new(format!("cannot start a thread for loading data: {error}")))?;
        Ok(Loader { batches: Some(batches), used, thread: Some(thread) })
    }

    /// Gives back a batch's memory.
    pub fn recycle(&self, batch: Batch) {
        // After the last batch nobody listens, and the memory is just freed.
        let _ = self.used.send(batch);
    }
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.as_ref()?.recv().ok();
        if batch.is_none() {
            self.batches = None;
            // An epoch must not end early and silently.
            if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                std::panic::resume_unwind(panic);
            }
        }
        batch
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    dataset: Arc<Dataset>,
    transform: Transform,
    order: Vec<u32>,
    options: LoaderOptions,
}

impl Worker {
    fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Result<Worker, Error> {
        if options.batch == 0 {
            return Err(Error::new("a batch of 0 samples holds nothing").help("use a batch of at least 1"));
        }
        let transform = Transform::new(dataset.shape(), &options.input, &options.statistics)?;
        let transform = transform.with_crop(options.augment.crop);
        let order = match options.order {
            Order::Shuffled => permutation(options.seed, options.epoch, dataset.len()),
            Order::Sequential => (0..dataset.len() as u32).collect(),
        };
        Ok(Worker { dataset, transform, order, options })
    }

    fn run(&self, send: &SyncSender<Batch>, recycled: &Receiver<Batch>) {
        let mut scratch = Scratch::default();
        for samples in self.batches() {
            let mut batch = recycled.try_recv().unwrap_or_else(|_| self.new_batch());
            self.fill(&mut batch, &self.order[samples], &mut scratch);
            if send.send(batch).is_err() {
                return;
            }
        }
    }

    /// The places in the order of each batch's samples.
    fn batches(&self) -> impl Iterator<Item = Range<usize>> {
        let (len, batch) = (self.order.len(), self.options.batch);
        (self.options.first_step..len.div_ceil(batch))
            .map(move |step| step * batch..((step + 1) * batch).min(len))
    }

    fn new_batch(&self) -> Batch {
        Batch { inputs: Vec::new(), targets: self.dataset.targets().empty(), size: 0 }
    }

    fn fill(&self, batch: &mut Batch, samples: &[u32], scratch: &mut Scratch) {
        let augment = self.options.augment;
        let stream = View::stream(self.options.seed, self.options.epoch);
        batch.size = samples.len();
        batch.inputs.resize(samples.len() * self.transform.len(), 0.0);
        for (input, &sample) in batch.inputs.chunks_exact_mut(self.transform.len()).zip(samples) {
            let view = (!augment.is_none()).then(|| View::draw(augment, &stream, sample));
            self.transform.write(self.dataset.samples(), sample as usize, view, scratch, input);
        }
        self.dataset.targets().gather(samples, &mut batch.targets);
    }
}

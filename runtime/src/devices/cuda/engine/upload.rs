//! Where the parts of a batch go in the regions of the GPU.
//!
//! A batch comes with its tensors one right after the other; in the regions each begins at a multiple
//! of sixteen elements, for the sake of vectors.

use super::regions::Extents;
use super::slots::Batch;
use crate::devices::cuda::Pinned;
use crate::emitted::cuda::{Cuda, Region};
use crate::error::Phase;
use crate::model::batch::Feed;
use crate::model::kept::KeptBatch;
use crate::program::Program;

const WORD: usize = size_of::<f32>();

/// Where the parts of a batch begin in page-locked memory, in bytes. Of one that is gathered on the GPU, from
/// `kept`, nothing is sent but the hyperparameters.
pub(super) fn parts(
    extents: &Extents,
    phase: Phase,
    size: usize,
    kept: Option<KeptBatch>,
    hyperparameters: usize,
) -> Batch {
    let sent = if kept.is_none() { size * WORD } else { 0 };
    let targets = extents.len(Region::Input) * sent;
    let labels = targets + extents.len(Region::Target) * sent;
    let settings = labels + extents.labels_len() * sent;
    let end = settings + hyperparameters * WORD;
    let rows = size * extents.judged_output().map_or(0, |(_, rows)| rows);
    Batch { phase, size, kept, rows, targets, labels, hyperparameters: settings, end }
}

/// Copies a batch to its parts in `sent`.
pub(super) fn lay_out(program: &Program, cuda: &Cuda, feed: &Feed, batch: &Batch, sent: &mut Pinned) {
    let floats = sent.floats_mut();
    inputs(program, cuda, feed.size, feed.inputs, &mut floats[..batch.targets / WORD]);
    let values = &mut floats[batch.targets / WORD..batch.labels / WORD];
    targets(program, cuda, feed.size, feed.values, values);
    let bytes = &mut sent[batch.labels..batch.hyperparameters];
    let labels = feed.labels.iter().flat_map(|labels| labels.iter());
    bytes.as_chunks_mut().0.iter_mut().zip(labels).for_each(|(to, label)| *to = label.to_ne_bytes());
}

/// Copies the hyperparameters to their part.
pub(super) fn lay_out_settings(hyperparameters: &[f32], batch: &Batch, sent: &mut Pinned) {
    sent.floats_mut()[batch.hyperparameters / WORD..batch.end / WORD].copy_from_slice(hyperparameters);
}

/// The inputs at their places.
pub(super) fn inputs(program: &Program, cuda: &Cuda, size: usize, from: &[f32], to: &mut [f32]) {
    let mut start = 0;
    for (port, place) in program.inputs.iter().zip(cuda.inputs) {
        let len = size * port.shape.iter().product::<usize>();
        to[place.offset * size..][..len].copy_from_slice(&from[start..start + len]);
        start += len;
    }
}

/// The target values at their places.
fn targets(program: &Program, cuda: &Cuda, size: usize, from: &[f32], to: &mut [f32]) {
    for target in cuda.targets {
        let Some(own) = program.targets.iter().find(|own| own.output == target.output) else { continue };
        let len = own.slot.len * size;
        to[target.place.offset * size..][..len].copy_from_slice(&from[own.slot.offset * size..][..len]);
    }
}

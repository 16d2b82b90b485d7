//! A batch on its way into the regions of a pass.
//!
//! What users hand in is checked against the program's ports and brought into the kernels' order:
//! the input and the target region hold their tensors one after the other, each for the whole
//! batch. Labels stay where they are, since they have no channels to reorder.

use super::cpu::reserve;
use super::{Targets, layout};
use crate::data;
use crate::error::Error;
use crate::program::{Port, Program, Target, TargetKind, count_text};
use nnc_kernels::cpu::{Buffer, Pool};
use nnc_kernels::emitted::MAX_TARGETS;

/// A batch in the kernels' order.
pub(crate) struct Feed<'a> {
    /// Samples.
    pub(crate) size: usize,
    /// The input region.
    pub(crate) inputs: &'a [f32],
    /// The classes for each output; empty for outputs that are not judged by classes.
    pub(crate) labels: [&'a [u32]; MAX_TARGETS],
    /// The target region.
    pub(crate) values: &'a mut [f32],
}

/// Memory for the regions of users' batches, kept from one to the next.
#[derive(Default)]
pub(super) struct Staging {
    inputs: Buffer,
    values: Buffer,
}

impl Staging {
    /// The batch of a slice for each input, in the order of the signature; without targets.
    pub(super) fn inputs<'a>(
        &'a mut self,
        pool: &Pool,
        program: &Program,
        slices: &[&'a [f32]],
    ) -> Result<Feed<'a>, Error> {
        let size = batch_size(program, slices)?;
        let inputs = input_region(&mut self.inputs, pool, program, slices);
        Ok(Feed { size, inputs, labels: [&[]; MAX_TARGETS], values: &mut [] })
    }

    /// The batch of a slice for each input and the targets of each output that is judged, in the order of
    /// the signature.
    pub(super) fn samples<'a>(
        &'a mut self,
        pool: &Pool,
        program: &Program,
        slices: &[&'a [f32]],
        targets: &[Targets<'a>],
    ) -> Result<Feed<'a>, Error> {
        let size = batch_size(program, slices)?;
        if targets.len() != program.targets.len() {
            let ports: Vec<&Port> = judged(program).map(|target| &program.outputs[target.output]).collect();
            return Err(count_error("target", ports.into_iter(), targets.len()));
        }
        let mut labels = [&[][..]; MAX_TARGETS];
        let values = reserve(&mut self.values, size * values_len(program));
        for (wanted, given) in judged(program).zip(targets) {
            let port = &program.outputs[wanted.output];
            check_targets(port, wanted.kind, size, *given)?;
            match *given {
                Targets::Classes(classes) => labels[wanted.output] = classes,
                // A target that no loss reads has no place.
                Targets::Values(_) if wanted.slot.len == 0 => {}
                Targets::Values(outside) => {
                    let inside = &mut values[wanted.slot.offset * size..][..outside.len()];
                    layout::channels_last(pool, port.shape, outside, inside);
                }
            }
        }
        let inputs = input_region(&mut self.inputs, pool, program, slices);
        Ok(Feed { size, inputs, labels, values })
    }
}

/// Samples of a batch.
fn batch_size(program: &Program, slices: &[&[f32]]) -> Result<usize, Error> {
    if slices.len() != program.inputs.len() {
        return Err(count_error("input", program.inputs.iter(), slices.len()));
    }
    let mut size = None;
    for (port, slice) in program.inputs.iter().zip(slices) {
        size = Some(samples(port, slice.len(), size)?);
    }
    Ok(size.unwrap_or(0))
}

/// The inputs one after the other, channels last: a single one that is so already where it lies, else in
/// `buffer`.
fn input_region<'a>(
    buffer: &'a mut Buffer,
    pool: &Pool,
    program: &Program,
    slices: &[&'a [f32]],
) -> &'a [f32] {
    if let ([port], [slice]) = (program.inputs, slices)
        && layout::is_same(port.shape)
    {
        return slice;
    }
    let region = reserve(buffer, slices.iter().map(|slice| slice.len()).sum());
    let mut start = 0;
    for (port, slice) in program.inputs.iter().zip(slices) {
        layout::channels_last(pool, port.shape, slice, &mut region[start..start + slice.len()]);
        start += slice.len();
    }
    region
}

/// The batch of a loader, which is in the kernels' order already; it feeds programs with one input
/// and one target.
pub(super) fn loaded<'a>(program: &Program, batch: &'a mut data::Batch) -> Result<Feed<'a>, Error> {
    let size = single_size(program, batch.inputs.len())?;
    let [wanted] = program.targets else {
        let ports = program.targets.iter().map(|target| &program.outputs[target.output]);
        return Err(count_error("target", ports, 1));
    };
    let given = match &batch.targets {
        data::Targets::Classes(classes) => Targets::Classes(classes),
        data::Targets::Values { values, .. } => Targets::Values(values),
    };
    check_targets(&program.outputs[wanted.output], wanted.kind, size, given)?;
    let labels = [&[][..]; MAX_TARGETS];
    let mut feed = Feed { size, inputs: &batch.inputs, labels, values: &mut [] };
    match &mut batch.targets {
        data::Targets::Classes(classes) => feed.labels[wanted.output] = classes,
        data::Targets::Values { values, .. } => feed.values = values,
    }
    Ok(feed)
}

/// That every batch of a data set fits a program with one input and one target, as [`loaded`] checks it for one.
pub(super) fn check_kept(program: &Program, dataset: &data::Dataset, input: &[usize]) -> Result<(), Error> {
    let (port, wanted) = (&program.inputs[0], &program.targets[0]);
    if port.shape != input {
        return Err(Error::settings(
            format!("the network takes {:?}, found batches of {input:?}", port.shape),
            "make the batches for the shape of the network's input",
        ));
    }
    let given = match dataset.targets() {
        data::Targets::Classes(classes) => Targets::Classes(classes),
        data::Targets::Values { values, .. } => Targets::Values(values),
    };
    check_targets(&program.outputs[wanted.output], wanted.kind, dataset.len(), given)
}

/// Inputs of a loader or a transform for a program with one input.
pub(super) fn transformed<'a>(program: &Program, inputs: &'a [f32]) -> Result<Feed<'a>, Error> {
    let size = single_size(program, inputs.len())?;
    Ok(Feed { size, inputs, labels: [&[]; MAX_TARGETS], values: &mut [] })
}

/// What the losses compare with, in the order of the outputs.
pub(super) fn judged(program: &Program) -> impl Iterator<Item = &Target> {
    let of = |output: usize| program.targets.iter().filter(move |target| target.output == output);
    (0..program.outputs.len()).flat_map(of)
}

/// That `found` is the length of the only output for a batch of `size`.
pub(super) fn check_output(program: &Program, size: usize, found: usize) -> Result<(), Error> {
    let port = single_output(program)?;
    check_length(|| format!("the output{}", of(port)), size * port.shape.iter().product::<usize>(), found)
}

/// The output of a network that has only one.
pub(super) fn single_output(program: &Program) -> Result<&Port, Error> {
    match program.outputs {
        [port] => Ok(port),
        ports => Err(Error::settings(
            format!("the network has {} outputs, `predict` gives one", ports.len()),
            "call `predict_many`, which gives one after the other in the order of the signature",
        )),
    }
}

fn single_size(program: &Program, len: usize) -> Result<usize, Error> {
    match program.inputs {
        [port] => samples(port, len, None),
        ports => Err(count_error("input", ports.iter(), 1)),
    }
}

/// How many samples `len` elements of `port` are: a whole number, and that of the other inputs.
fn samples(port: &Port, len: usize, others: Option<usize>) -> Result<usize, Error> {
    let sample: usize = port.shape.iter().product();
    let fits = match others {
        Some(size) => len == size * sample,
        None => len > 0 && len.is_multiple_of(sample),
    };
    if fits {
        return Ok(len / sample);
    }
    let expected = match others {
        Some(size) => format!("{} ({size} samples of {sample})", size * sample),
        None => format!("a multiple of {sample}"),
    };
    let what = if port.name.is_empty() { "the inputs".into() } else { format!("the input `{}`", port.name) };
    Err(Error::Length { what, expected, found: len })
}

/// Elements of the input and the target region per sample.
pub(super) fn sample_len(program: &Program) -> usize {
    let inputs = program.inputs.iter().map(|port| port.shape.iter().product::<usize>());
    inputs.sum::<usize>() + values_len(program)
}

/// Elements of a sample's targets that are no classes.
fn values_len(program: &Program) -> usize {
    let values = program.targets.iter().filter(|target| target.kind == TargetKind::Values);
    values.map(|target| target.slot.offset + target.slot.len).max().unwrap_or(0)
}

fn check_targets(port: &Port, kind: TargetKind, size: usize, given: Targets) -> Result<(), Error> {
    match (kind, given) {
        (TargetKind::Classes, Targets::Classes(labels)) => check_labels(port, size, labels),
        (TargetKind::Values, Targets::Values(values)) => {
            let what = || format!("the target values{}", of(port));
            check_length(what, size * port.shape.iter().product::<usize>(), values.len())
        }
        (TargetKind::Classes, Targets::Values(_)) => Err(kind_error(port, "classes", "values")),
        (TargetKind::Values, Targets::Classes(_)) => Err(kind_error(port, "values", "classes")),
    }
}

fn check_labels(port: &Port, size: usize, labels: &[u32]) -> Result<(), Error> {
    let (classes, positions) = layout::channels_and_positions(port.shape);
    let each = if positions == 1 { "one per sample" } else { "one per sample and position" };
    check_length(|| format!("the labels{} ({each})", of(port)), size * positions, labels.len())?;
    let Some(wrong) = labels.iter().position(|label| *label as usize >= classes) else { return Ok(()) };
    let mut place = format!("the label of sample {}", wrong / positions);
    if positions > 1 {
        place.push_str(&format!(", position {}", wrong % positions));
    }
    Err(Error::settings(
        format!("{place}{} is {}, expected one below {classes}", of(port), labels[wrong]),
        "number the classes from 0, and let the output have one channel per class",
    ))
}

/// `what` is asked only for an error, so that a right batch makes no text.
fn check_length(what: impl FnOnce() -> String, expected: usize, found: usize) -> Result<(), Error> {
    match expected == found {
        true => Ok(()),
        false => Err(Error::Length { what: what(), expected: expected.to_string(), found }),
    }
}

fn kind_error(port: &Port, wanted: &str, found: &str) -> Error {
    Error::settings(
        format!("the loss compares{} with {wanted}, found {found}", output(port)),
        "give classes to cross-entropy, and values to the other losses",
    )
}

fn count_error<'a>(what: &str, ports: impl ExactSizeIterator<Item = &'a Port>, found: usize) -> Error {
    Error::settings(
        format!("the network has {}, found {found}", count_text(what, ports)),
        "give one slice for each, in the order of the signature: \
         `train_step_many`, `evaluate_many` and `predict_many` take several",
    )
}

/// The output's name as a part of a sentence; nothing if it has none.
fn of(port: &Port) -> String {
    if port.name.is_empty() { String::new() } else { format!(" of output `{}`", port.name) }
}

fn output(port: &Port) -> String {
    if port.name.is_empty() { " the output".into() } else { format!(" output `{}`", port.name) }
}

//! The buffers of a GPU in the processor's memory.

use std::collections::HashMap;

use nnc_codegen::cuda::{Argument, Kernel, Launch, Memory, Place, Region};
use nnc_emulator::{Library, from_half, to_half};

use super::{Element, LOSS_SCALE, Precision, from_bf16, to_bf16};
use crate::interpret::Feed;

/// All buffers for one batch.
pub(crate) struct Device {
    batch: usize,
    precision: Precision,
    buffers: HashMap<Region, Buffer>,
    labels: Vec<Vec<i32>>,
    workspace: Vec<f32>,
    /// What an optimiser's update reads and writes beside the flat buffers.
    pub(crate) hyperparameters: Vec<f32>,
    pub(crate) states: Vec<Vec<f32>>,
    pub(crate) step: DeviceStep,
}

/// `Step` of `runtime/src/emitted/cuda/common.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeviceStep {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    pub(crate) not_finite: u32,
    pub(crate) gradient_scale: f32,
    pub(crate) skipped: u64,
    pub(crate) scale: f32,
    pub(crate) good_steps: u32,
}

/// Bytes that begin at a multiple of 64.
struct Buffer(Vec<[u64; 8]>);

impl Buffer {
    fn new(bytes: usize) -> Buffer {
        Buffer(vec![[u64::MAX; 8]; bytes.div_ceil(64) + 1])
    }

    fn bytes(&mut self) -> &mut [u8] {
        let bytes = self.0.len() * 64;
        // SAFETY: bytes of integers, all of them.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), bytes) }
    }
}

impl Device {
    pub(crate) fn new(memory: &Memory, feed: &Feed, precision: Precision) -> Device {
        let ends = memory.places.iter().flatten().map(|place| (place.region, place.offset + place.len));
        let mut lens: HashMap<Region, usize> = HashMap::new();
        for (region, end) in ends {
            let len = lens.entry(region).or_default();
            *len = end.max(*len);
        }
        lens.insert(Region::ParameterReal, lens.get(&Region::Parameter).copied().unwrap_or(0));
        lens.insert(Region::PreparedReal, lens.get(&Region::Prepared).copied().unwrap_or(0));
        let buffer = |(region, len): (Region, usize)| {
            let count = if region.is_batched() { len * feed.batch } else { len };
            (region, Buffer::new(count * bytes(region.element(), precision)))
        };
        let labels = feed.labels.iter().map(|labels| labels.iter().map(|label| *label as i32).collect());
        Device {
            batch: feed.batch,
            precision,
            buffers: lens.into_iter().map(buffer).collect(),
            labels: labels.collect(),
            workspace: Vec::new(),
            hyperparameters: Vec::new(),
            states: Vec::new(),
            // The interpreter's random numbers are those of seed and step 0.
            step: DeviceStep { scale: LOSS_SCALE, ..DeviceStep::default() },
        }
    }

    /// Fills everything with NaN, and takes exactly as much workspace as the launches that follow ask for.
    pub(crate) fn poison(&mut self, launches: &[&Launch]) {
        self.buffers.values_mut().for_each(|buffer| buffer.bytes().fill(0xff));
        let workspace = launches.iter().map(|launch| launch.workspace.at(self.batch)).max();
        self.workspace = vec![f32::NAN; workspace.unwrap_or(0)];
    }

    /// Stores activations in the workspace, from so many of them on.
    pub(crate) fn write_workspace(&mut self, start: usize, values: &[f64]) {
        let (size, precision) = (bytes(Element::Real, self.precision), self.precision);
        let room = &mut self.workspace_bytes()[start * size..(start + values.len()) * size];
        for (value, to) in values.iter().zip(room.chunks_mut(size)) {
            store(*value, Element::Real, precision, to);
        }
    }

    /// Activations in the workspace.
    pub(crate) fn read_workspace(&mut self, start: usize, len: usize) -> Vec<f64> {
        let (size, precision) = (bytes(Element::Real, self.precision), self.precision);
        let room = &self.workspace_bytes()[start * size..(start + len) * size];
        room.chunks(size).map(|from| load(Element::Real, precision, from)).collect()
    }

    fn workspace_bytes(&mut self) -> &mut [u8] {
        let bytes = self.workspace.len() * 4;
        // SAFETY: the bytes of numbers, all of them.
        unsafe { std::slice::from_raw_parts_mut(self.workspace.as_mut_ptr().cast(), bytes) }
    }

    /// Stores a value, and its copy as `real` if it may be a weight.
    pub(crate) fn write(&mut self, place: Place, values: &[f64]) {
        self.write_region(place, values);
        let copy = match place.region {
            Region::Parameter => Region::ParameterReal,
            Region::Prepared => Region::PreparedReal,
            _ => return,
        };
        self.write_region(Place { region: copy, ..place }, values);
    }

    fn write_region(&mut self, place: Place, values: &[f64]) {
        let (element, start) = (place.region.element(), self.start(place));
        let size = bytes(element, self.precision);
        let precision = self.precision;
        let buffer = self.buffers.get_mut(&place.region).expect("a buffer for each region");
        for (value, to) in values.iter().zip(buffer.bytes()[start..].chunks_mut(size)) {
            store(*value, element, precision, to);
        }
    }

    /// What a place holds.
    pub(crate) fn read(&mut self, place: Place) -> Vec<f64> {
        let (element, start) = (place.region.element(), self.start(place));
        let size = bytes(element, self.precision);
        let count = if place.region.is_batched() { place.len * self.batch } else { place.len };
        let precision = self.precision;
        let buffer = self.buffers.get_mut(&place.region).expect("a buffer for each region");
        let stored = buffer.bytes()[start..start + count * size].chunks(size);
        stored.map(|from| load(element, precision, from)).collect()
    }

    pub(crate) fn launch(&mut self, library: &Library, kernel: &Kernel, launch: &Launch, reverse: bool) {
        let address = |device: &mut Device, argument: &Argument| match argument {
            Argument::Place(place) => {
                let start = device.start(*place);
                let buffer = device.buffers.get_mut(&place.region).expect("a buffer for each region");
                buffer.bytes()[start..].as_ptr() as u64
            }
            Argument::Labels(output) => device.labels[*output].as_ptr() as u64,
            Argument::Workspace => device.workspace.as_mut_ptr() as u64,
            Argument::Step => &raw const device.step as u64,
            Argument::Hyperparameters => device.hyperparameters.as_ptr() as u64,
            Argument::OptimizerState(index) => device.states[*index].as_mut_ptr() as u64,
            Argument::Batch => device.batch as u64,
        };
        let arguments: Vec<u64> = launch.arguments.iter().map(|argument| address(self, argument)).collect();
        let grid = launch.grid.map(|count| count.at(self.batch) as u32);
        // What a driver takes.
        assert!(grid[0] <= 0x7fff_ffff && grid[1..].iter().all(|blocks| *blocks <= 65535), "{grid:?}");
        // SAFETY: every argument is the address of a live buffer; kernels stay within their operands, which
        // is what these tests are about.
        unsafe {
            library.launch(nnc_emulator::Launch {
                kernel: &kernel.name,
                grid,
                shared: launch.shared,
                arguments: &arguments,
                reverse,
            });
        }
    }

    /// First byte of a place.
    fn start(&self, place: Place) -> usize {
        let times = if place.region.is_batched() { self.batch } else { 1 };
        place.offset * times * bytes(place.region.element(), self.precision)
    }
}

/// A number that is stored as `element` says.
fn load(element: Element, precision: Precision, from: &[u8]) -> f64 {
    match (element, precision) {
        (Element::Place, _) => f64::from(u16::from_ne_bytes([from[0], from[1]])),
        (Element::Real, Precision::Bf16) => f64::from(from_bf16(u16::from_ne_bytes([from[0], from[1]]))),
        (Element::Real, Precision::F16) => f64::from(from_half(u16::from_ne_bytes([from[0], from[1]]))),
        (Element::Real, Precision::F32) | (Element::Float, _) => {
            f64::from(f32::from_ne_bytes([from[0], from[1], from[2], from[3]]))
        }
    }
}

/// Stores a number as `element` says.
fn store(value: f64, element: Element, precision: Precision, to: &mut [u8]) {
    match (element, precision) {
        (Element::Place, _) => to.copy_from_slice(&(value as u16).to_ne_bytes()),
        (Element::Real, Precision::Bf16) => to.copy_from_slice(&to_bf16(value as f32).to_ne_bytes()),
        (Element::Real, Precision::F16) => to.copy_from_slice(&to_half(value as f32).to_ne_bytes()),
        (Element::Real, Precision::F32) | (Element::Float, _) => {
            to.copy_from_slice(&(value as f32).to_ne_bytes());
        }
    }
}

fn bytes(element: Element, precision: Precision) -> usize {
    match (element, precision) {
        (Element::Place, _) | (Element::Real, Precision::Bf16 | Precision::F16) => 2,
        (Element::Real, Precision::F32) | (Element::Float, _) => 4,
    }
}

//! The buffers of a network on a GPU.

use crate::devices::cuda::{Context, CudaError, Memory, Real};
use crate::emitted::cuda::{Cuda, Element, Place, Region};
use crate::program::{Program, TargetKind};

/// The network's extents, from which all sizes follow.
#[derive(Clone, Copy)]
pub(super) struct Extents {
    program: &'static Program,
    cuda: &'static Cuda,
    real: Real,
}

/// The memory of each region, for batches up to a size.
pub(super) struct Regions {
    extents: Extents,
    batch: usize,
    /// By [`Region`].
    memories: Vec<Memory>,
    labels: Memory,
}

/// The regions, in the order of their numbers.
const REGIONS: [Region; 12] = [
    Region::Input,
    Region::Target,
    Region::Batched,
    Region::Wide,
    Region::Places,
    Region::Fixed,
    Region::Parameter,
    Region::ParameterReal,
    Region::Gradient,
    Region::State,
    Region::Prepared,
    Region::PreparedReal,
];

/// Tensors begin at multiples of so many elements.
const ALIGNMENT: usize = 16;

impl Extents {
    pub(super) fn new(program: &'static Program, cuda: &'static Cuda, real: Real) -> Extents {
        Extents { program, cuda, real }
    }

    /// What activations are stored as.
    pub(super) fn real(&self) -> Real {
        self.real
    }

    /// Bytes of an element.
    pub(super) fn size(&self, element: Element) -> usize {
        match element {
            Element::Float => 4,
            Element::Place => 2,
            Element::Real => self.real.bytes(),
        }
    }

    /// Elements of a region; per sample, where it grows with the batch.
    pub(super) fn len(&self, region: Region) -> usize {
        let passes = self.cuda.passes();
        let most =
            |len: fn(&crate::emitted::cuda::Pass) -> usize| passes.map(len).into_iter().max().unwrap_or(0);
        let end = |places: &mut dyn Iterator<Item = &Place>| {
            places.map(|place| place.offset + place.len).max().unwrap_or(0)
        };
        match region {
            Region::Input => end(&mut self.cuda.inputs.iter()),
            Region::Target => end(&mut self.cuda.targets.iter().map(|target| &target.place)),
            Region::Batched => most(|pass| pass.batched_len),
            Region::Wide => most(|pass| pass.wide_len),
            Region::Places => most(|pass| pass.places_len),
            Region::Fixed => most(|pass| pass.fixed_len),
            Region::Parameter => self.program.parameter_len,
            Region::Gradient => self.program.trained_len,
            Region::State => self.program.state_len,
            Region::Prepared => most(|pass| pass.prepared_len),
            // In single precision the copy is the original.
            Region::ParameterReal if self.real == Real::Float => 0,
            Region::PreparedReal if self.real == Real::Float => 0,
            Region::ParameterReal => self.program.parameter_len,
            Region::PreparedReal => most(|pass| pass.prepared_len),
        }
    }

    /// Labels of a sample: those of each output that is judged by classes, one after the other.
    pub(super) fn labels_len(&self) -> usize {
        self.label_outputs().map(|(_, len)| len).sum()
    }

    /// The outputs that are judged by classes, with their labels per sample.
    pub(super) fn label_outputs(&self) -> impl Iterator<Item = (usize, usize)> {
        let program = self.program;
        let classes = program.targets.iter().filter(|target| target.kind == TargetKind::Classes);
        classes.map(|target| (target.output, program.outputs[target.output].shape[1..].iter().product()))
    }

    /// The first output that is judged by classes, whose right answers are counted, with its labels per sample.
    pub(super) fn judged_output(&self) -> Option<(usize, usize)> {
        self.label_outputs().min()
    }

    /// Bytes that grow with the batch, per sample.
    pub(super) fn bytes_per_sample(&self) -> usize {
        growing().map(|region| self.bytes(region)).sum::<usize>() + 4 * self.labels_len()
    }

    /// Bytes of a region, per sample where it grows with the batch.
    pub(super) fn bytes(&self, region: Region) -> usize {
        self.len(region) * self.size(region.element())
    }
}

impl Regions {
    /// Memory for batches of up to `batch` samples.
    pub(super) fn new(context: &Context, extents: Extents, batch: usize) -> Result<Regions, CudaError> {
        let memory = |region: Region| Memory::new(context, region_bytes(&extents, region, batch));
        Ok(Regions {
            extents,
            batch,
            memories: REGIONS.into_iter().map(memory).collect::<Result<_, _>>()?,
            labels: Memory::new(context, 4 * extents.labels_len() * batch)?,
        })
    }

    /// Gives back the memory that grows with the batch; the rest stays.
    pub(super) fn shrink(&mut self, context: &Context) -> Result<(), CudaError> {
        self.resize(context, 0)
    }

    /// Makes room for batches of `batch` samples after [`Regions::shrink`].
    pub(super) fn grow(&mut self, context: &Context, batch: usize) -> Result<(), CudaError> {
        self.resize(context, batch)?;
        self.batch = batch;
        Ok(())
    }

    /// New memory, of any content, wherever it grows with the batch. There is room for none until all of it is there.
    fn resize(&mut self, context: &Context, batch: usize) -> Result<(), CudaError> {
        self.batch = 0;
        for region in growing() {
            let bytes = region_bytes(&self.extents, region, batch);
            self.memories[region as usize] = Memory::new(context, bytes)?;
        }
        self.labels = Memory::new(context, 4 * self.extents.labels_len() * batch)?;
        Ok(())
    }

    /// Bytes of the memory that grows with the batch.
    pub(super) fn growing_bytes(&self) -> usize {
        growing().map(|region| self.memories[region as usize].bytes()).sum::<usize>() + self.labels.bytes()
    }

    /// The largest batch that there is room for.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// The extents.
    pub(super) fn extents(&self) -> &Extents {
        &self.extents
    }

    /// The memory of a region.
    pub(super) fn memory(&self, region: Region) -> &Memory {
        &self.memories[self.original(region) as usize]
    }

    /// The labels.
    pub(super) fn labels(&self) -> &Memory {
        &self.labels
    }

    /// Where the labels of an output begin, in bytes.
    pub(super) fn labels_start(&self, output: usize, batch: usize) -> usize {
        let before = self.extents.label_outputs().take_while(|(index, _)| *index != output);
        4 * batch * before.map(|(_, len)| len).sum::<usize>()
    }

    /// The bytes of a place within its region.
    pub(super) fn range(&self, place: &Place, batch: usize) -> std::ops::Range<usize> {
        let times = if place.region.is_batched() { batch } else { 1 };
        let size = self.extents.size(place.region.element());
        let start = place.offset * times * size;
        start..start + place.len * times * size
    }

    /// Where a place begins in the GPU's memory.
    pub(super) fn address(&self, place: &Place, batch: usize) -> u64 {
        self.memory(place.region).address() + self.range(place, batch).start as u64
    }

    fn original(&self, region: Region) -> Region {
        match (region, self.extents.real) {
            (Region::ParameterReal, Real::Float) => Region::Parameter,
            (Region::PreparedReal, Real::Float) => Region::Prepared,
            _ => region,
        }
    }
}

/// The regions that grow with the batch.
fn growing() -> impl Iterator<Item = Region> {
    REGIONS.into_iter().filter(|region| region.is_batched())
}

fn region_bytes(extents: &Extents, region: Region, batch: usize) -> usize {
    let times = if region.is_batched() { batch } else { 1 };
    // Kernels may read vectors up to the next multiple.
    (extents.len(region) * times).next_multiple_of(ALIGNMENT) * extents.size(region.element())
}

//! Every emitted CUDA kernel on the processor, against the interpreter.
//!
//! Each node gets exactly the operands that the interpreter computed, so that a mistake shows where it
//! is made: at the node, with its kernel's text. All kernels run with the threads forward and in
//! reverse, at three precisions, and every candidate of a product is tried; what a library would compute
//! comes from the interpreter.

mod broken;
mod device;
mod language;
mod libraries;
mod reductions;
mod update;

use std::path::Path;

use nnc_codegen::cuda::{Element, Emitter, Kernel, Launch, LibraryCall, Memory, Product, Step, Units};
use nnc_codegen::graph::{Mode, Node, Op, ValueId};
use nnc_codegen::plan::{Plan, plan};
use nnc_codegen::{graph, passes};
use nnc_dsl::CheckedModel;
use nnc_emulator::{Library, Real, from_half, to_half};

use crate::gradients::feed;
use crate::interpret::{Feed, Run};
use device::Device;

/// The type of activations in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    Bf16,
    F16,
}

impl Precision {
    pub(crate) const ALL: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::F16];

    /// What a result may differ by, relative to the largest element of its tensor, or, where terms cancel,
    /// to the largest that there would be if they did not. The reference rounds
    /// as storage does; sums in another order and the tensor cores' TF32 (10 bits), bf16 (7 bits,
    /// also of the weights) and f16 (10 bits, likewise) remain.
    fn tolerance(self, units: Units) -> f64 {
        match (self, units) {
            (Precision::F32, Units::Simt) => 1e-5,
            (Precision::F32, Units::TensorCores) => 1e-3,
            (Precision::Bf16, _) => 2e-2,
            (Precision::F16, _) => 5e-3,
        }
    }

    fn real(self) -> Real {
        match self {
            Precision::F32 => Real::Float,
            Precision::Bf16 => Real::Bf16,
            Precision::F16 => Real::Half,
        }
    }

    /// What gradients are multiplied by: [`LOSS_SCALE`] where that is looked at.
    fn loss_scale(self) -> f64 {
        match self {
            Precision::F32 | Precision::Bf16 => 1.0,
            Precision::F16 => f64::from(LOSS_SCALE),
        }
    }

    fn round(self, element: Element, x: f64) -> f64 {
        match (self, element) {
            (Precision::Bf16, Element::Real) => f64::from(from_bf16(to_bf16(x as f32))),
            (Precision::F16, Element::Real) => f64::from(from_half(to_half(x as f32))),
            (Precision::F32, _) | (_, Element::Float) => f64::from(x as f32),
            (_, Element::Place) => x,
        }
    }
}

/// The loss scale in the device's memory, at every precision: one at which no gradient of the models overflows.
const LOSS_SCALE: f32 = 16.0;

/// The kernels, compiled for the processor.
fn library(kernels: &[Kernel], precision: Precision) -> Library {
    let texts: String = kernels.iter().map(|kernel| kernel.text.as_str()).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Library::build(&folder, &texts, precision.real())
}

/// To nearest, ties to even.
fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Runs both modes of a model node by node; f16, which differs from bf16 in its rounding and its products alone, in training.
pub(crate) fn check(name: &str, model: &CheckedModel, feed: &Feed) {
    let all = Precision::ALL;
    for (mode, precisions) in
        [(Mode::Training, &all[..]), (Mode::Evaluation, &[Precision::F32, Precision::Bf16])]
    {
        let plan = optimised(model, mode);
        for &precision in precisions {
            if let Err(difference) = compare_plan(&plan, feed, precision, &str::to_owned) {
                panic!("{name}, {mode:?}, {precision:?}: {difference}");
            }
        }
    }
}

/// The same in training alone, at all precisions.
pub(crate) fn check_training(name: &str, model: &CheckedModel) {
    let plan = optimised(model, Mode::Training);
    let feed = feed(&plan.graph);
    for precision in Precision::ALL {
        if let Err(difference) = compare_plan(&plan, &feed, precision, &str::to_owned) {
            panic!("{name}, {precision:?}: {difference}");
        }
    }
}

/// The same in training with the kernels' texts changed: where the first result differs.
pub(crate) fn check_changed(
    model: &CheckedModel,
    feed: &Feed,
    change: &dyn Fn(&str) -> String,
) -> Result<(), String> {
    compare_plan(&optimised(model, Mode::Training), feed, Precision::F32, change)
}

fn optimised(model: &CheckedModel, mode: Mode) -> Plan {
    let mut graph = graph(model, mode);
    passes::optimise(&mut graph);
    plan(graph)
}

fn compare_plan(
    plan: &Plan,
    feed: &Feed,
    precision: Precision,
    change: &dyn Fn(&str) -> String,
) -> Result<(), String> {
    let graph = &plan.graph;
    let mut emitter = Emitter::new(plan, Vec::new());
    let nodes: Vec<&Node> = graph.nodes.iter().collect();
    let steps = emitter.steps(&nodes);
    let (memory, mut kernels) = emitter.finish();
    kernels.iter_mut().for_each(|kernel| kernel.text = change(&kernel.text));
    let library = library(&kernels, precision);
    let element = |id: ValueId| memory.places[id.0].map_or(Element::Real, |place| place.region.element());
    let begins_gradients =
        |node: &&Node| matches!(node.op, Op::CrossEntropyBackward(_) | Op::LossTermsBackward(_));
    let first: Vec<ValueId> =
        graph.nodes.iter().filter(begins_gradients).flat_map(|node| node.outputs.clone()).collect();
    let scale = |id: ValueId| if first.contains(&id) { precision.loss_scale() } else { 1.0 };
    let mut run = Run::new(graph, feed, |id, x| precision.round(element(id), x * scale(id)));
    let mut device = Device::new(&memory, feed, precision);
    for (nodes, steps) in &steps {
        // Before the nodes run: they may change some of them in place.
        let reads: Vec<(ValueId, Vec<f64>)> = reads(nodes).map(|id| (id, run.value(id).to_vec())).collect();
        let plain = if is_product(steps) { run.plain_product(nodes[0]) } else { Vec::new() };
        nodes.iter().for_each(|node| run.advance(node));
        for way in ways(steps) {
            for reverse in [false, true] {
                device.poison(&way.launches());
                for (value, elements) in &reads {
                    device.write(memory.place(*value), elements);
                }
                let context = |difference: String| {
                    let launches = way.launches();
                    let texts = launches.iter().map(|launch| kernels[launch.kernel].text.as_str());
                    let text: Vec<String> = nodes.iter().map(|node| graph.node_text(node)).collect();
                    let (text, way, texts) = (text.join("; "), &way.name, texts.collect::<String>());
                    format!("{difference}; {text}\n{way}, reverse: {reverse}\n{texts}")
                };
                for part in &way.parts {
                    match part {
                        Part::Kernel(launch) => {
                            device.launch(&library, &kernels[launch.kernel], launch, reverse);
                        }
                        Part::Library(product, call) => {
                            let second = reads.iter().find(|(value, _)| *value == nodes[0].input(1));
                            let (_, second) = second.expect("a product reads it");
                            libraries::compute(&mut device, product, call, second, &plain, precision)
                                .map_err(&context)?;
                        }
                    }
                }
                let tolerance = precision.tolerance(way.units);
                let compare = |node| compare(&mut device, &memory, &run, node, tolerance);
                nodes.iter().copied().try_for_each(compare).map_err(context)?;
            }
        }
    }
    Ok(())
}

/// What nodes that are computed together read that others have computed.
fn reads<'a>(nodes: &'a [&Node]) -> impl Iterator<Item = ValueId> + 'a {
    let own = |id: &ValueId| {
        nodes.iter().any(|node| node.outputs.contains(id) && !node.reads().any(|read| read == *id))
    };
    nodes.iter().flat_map(|node| node.reads()).filter(move |id| !own(id))
}

fn compare(
    device: &mut Device,
    memory: &Memory,
    run: &Run,
    node: &Node,
    tolerance: f64,
) -> Result<(), String> {
    let rounding = run.rounding(node, tolerance).unwrap_or_default();
    for (number, output) in node.outputs.iter().enumerate() {
        let (found, expected) = (device.read(memory.place(*output)), run.value(*output));
        let rounding = rounding.get(number);
        let size = rounding.map_or(1e-30, |rounding| rounding.size);
        let largest = expected.iter().fold(size, |largest, x| largest.max(x.abs()));
        let jump = |index: usize| rounding.map_or(0.0, |rounding| rounding.jumps[index]);
        let far = |(index, (found, expected)): &(usize, (&f64, &f64))| {
            let near = (*found - *expected).abs() <= tolerance * largest + jump(*index);
            !near
        };
        if let Some((index, (found, expected))) = found.iter().zip(expected).enumerate().find(far) {
            return Err(format!("element {index} of {output:?} is {found}, not {expected}"));
        }
    }
    Ok(())
}

fn is_product(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Product(_)))
}

/// One way to compute a node.
struct Way<'a> {
    name: String,
    units: Units,
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Kernel(&'a Launch),
    /// The product, by a library.
    Library(&'a Product, &'a LibraryCall),
}

impl<'a> Way<'a> {
    fn launches(&self) -> Vec<&'a Launch> {
        let launch = |part: &Part<'a>| match part {
            Part::Kernel(launch) => Some(*launch),
            Part::Library(..) => None,
        };
        self.parts.iter().filter_map(launch).collect()
    }
}

/// All ways: each candidate of a product, and each call of a library.
fn ways(steps: &[Step]) -> Vec<Way<'_>> {
    match steps {
        [] => Vec::new(),
        [Step::Product(product)] => ways_of_product(product),
        steps => {
            let parts = steps.iter().map(|step| Part::Kernel(only_launch(step))).collect();
            vec![Way { name: "one way".into(), units: Units::Simt, parts }]
        }
    }
}

fn only_launch(step: &Step) -> &Launch {
    match step {
        Step::Launch(launch) => launch,
        Step::Product(_) => panic!("a product stands alone"),
    }
}

fn ways_of_product(product: &Product) -> Vec<Way<'_>> {
    let own = product.candidates.iter().map(|candidate| Way {
        name: candidate.name.clone(),
        units: candidate.units,
        parts: candidate.launches.iter().map(Part::Kernel).collect(),
    });
    let library = product.library.iter().map(|call| {
        let (before, after) = (call.before.iter().map(Part::Kernel), call.after.iter().map(Part::Kernel));
        let parts = before.chain([Part::Library(product, call)]).chain(after).collect();
        let name = if call.fused.is_some() { "a library, all of it" } else { "a library" };
        Way { name: name.into(), units: Units::Simt, parts }
    });
    own.chain(library).collect()
}

//! Every emitted CUDA kernel on the processor, against the interpreter.
//!
//! Each node gets exactly the operands that the interpreter computed, so that a mistake shows where it
//! is made: at the node, with its kernel's text. All kernels run with the threads forward and in
//! reverse, at two precisions, and every candidate of a product is tried.

mod broken;
mod device;
mod language;
mod reductions;
mod update;

use std::path::Path;

use nnc_codegen::cuda::{Element, Emitter, Kernel, Launch, Memory, Step, Units};
use nnc_codegen::graph::{Mode, Node, ValueId};
use nnc_codegen::plan::{Plan, plan};
use nnc_codegen::{graph, passes};
use nnc_dsl::CheckedModel;
use nnc_emulator::{Library, Real};

use crate::interpret::{Feed, Run};
use device::Device;

/// The type of activations in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    Bf16,
}

impl Precision {
    /// What a result may differ by, relative to the largest element of its tensor, or, where terms cancel,
    /// to the largest that there would be if they did not. The reference rounds
    /// as storage does; sums in another order and the tensor cores' TF32 (10 bits) and bf16 (7 bits,
    /// also of the weights) remain.
    fn tolerance(self, units: Units) -> f64 {
        match (self, units) {
            (Precision::F32, Units::Simt) => 1e-5,
            (Precision::F32, Units::TensorCores) => 1e-3,
            (Precision::Bf16, _) => 2e-2,
        }
    }

    fn real(self) -> Real {
        match self {
            Precision::F32 => Real::Float,
            Precision::Bf16 => Real::Bf16,
        }
    }

    fn round(self, element: Element, x: f64) -> f64 {
        match (self, element) {
            (Precision::Bf16, Element::Real) => f64::from(from_bf16(to_bf16(x as f32))),
            (Precision::F32, _) | (_, Element::Float) => f64::from(x as f32),
            (_, Element::Place) => x,
        }
    }
}

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

/// Runs both modes of a model node by node.
pub(crate) fn check(name: &str, model: &CheckedModel, feed: &Feed) {
    for mode in [Mode::Training, Mode::Evaluation] {
        let plan = optimised(model, mode);
        for precision in [Precision::F32, Precision::Bf16] {
            if let Err(difference) = compare_plan(&plan, feed, precision, &str::to_owned) {
                panic!("{name}, {mode:?}, {precision:?}: {difference}");
            }
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
    let mut run = Run::new(graph, feed, |id, x| precision.round(element(id), x));
    let mut device = Device::new(&memory, feed, precision);
    for (nodes, steps) in &steps {
        // Before the nodes run: they may change some of them in place.
        let reads: Vec<(ValueId, Vec<f64>)> = reads(nodes).map(|id| (id, run.value(id).to_vec())).collect();
        nodes.iter().for_each(|node| run.advance(node));
        for way in ways(steps) {
            for reverse in [false, true] {
                device.poison(&way.launches);
                for (value, elements) in &reads {
                    device.write(memory.place(*value), elements);
                }
                for launch in &way.launches {
                    device.launch(&library, &kernels[launch.kernel], launch, reverse);
                }
                let context = |difference: String| {
                    let texts = way.launches.iter().map(|launch| kernels[launch.kernel].text.as_str());
                    let text: Vec<String> = nodes.iter().map(|node| graph.node_text(node)).collect();
                    let (text, way, texts) = (text.join("; "), &way.name, texts.collect::<String>());
                    format!("{difference}; {text}\n{way}, reverse: {reverse}\n{texts}")
                };
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

/// One way to compute a node.
struct Way<'a> {
    name: String,
    units: Units,
    launches: Vec<&'a Launch>,
}

/// All ways: each candidate of a product with what surrounds it.
fn ways(steps: &[Step]) -> Vec<Way<'_>> {
    let product = steps.iter().find_map(|step| match step {
        Step::Product(product) => Some(product),
        Step::Launch(_) => None,
    });
    let chosen = |index: Option<usize>| {
        let launches = steps.iter().flat_map(move |step| match (step, index) {
            (Step::Launch(launch), _) => std::slice::from_ref(launch),
            (Step::Product(product), Some(index)) => &product.candidates[index].launches[..],
            (Step::Product(_), None) => &[],
        });
        launches.collect()
    };
    match product {
        None if steps.is_empty() => Vec::new(),
        None => vec![Way { name: "one way".into(), units: Units::Simt, launches: chosen(None) }],
        Some(product) => product
            .candidates
            .iter()
            .enumerate()
            .map(|(index, candidate)| Way {
                name: candidate.name.clone(),
                units: candidate.units,
                launches: chosen(Some(index)),
            })
            .collect(),
    }
}

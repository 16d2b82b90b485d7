//! Where values lie on the GPU, and as what.
//!
//! Activations are `real`: `float`, or 16 bits at the precisions that have them. What is small and
//! must be exact stays `float` at every precision: statistics, losses, parameters and their
//! gradients, the network's outputs. Each kind has an arena of its own, so that offsets in elements
//! serve all precisions.

use crate::graph::{Graph, Node, Op, Section, Source, ValueId};
use crate::plan::{self, Plan, Slot, aligned};

/// How the elements of a value are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// `real`: as the precision says.
    Real,
    /// `float`
    Float,
    /// `uint16`: places of maxima in their windows.
    Place,
}

/// The buffers of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// Input samples, `real`; of several inputs each begins at a multiple of sixteen elements.
    Input,
    /// Target values, `float`, set apart likewise.
    Target,
    /// The arena of activations, `real`; grows with the batch.
    Batched,
    /// The arena of what stays `float` and grows with the batch.
    Wide,
    /// The arena of places of maxima, `uint16`; grows with the batch.
    Places,
    /// The arena of what does not grow, `float`.
    Fixed,
    /// Flat parameters, `float`.
    Parameter,
    /// Their copy as `real`, under the same offsets.
    ParameterReal,
    /// Flat gradients, `float`.
    Gradient,
    /// Flat states, `float`.
    State,
    /// Results of `prepare`, `float`.
    Prepared,
    /// Their copy as `real`, under the same offsets.
    PreparedReal,
}

/// A place in a buffer; offset and length per sample where the region grows with the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which buffer.
    pub region: Region,
    /// First element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

/// The places of all values of a pass.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Of each value that exists.
    pub places: Vec<Option<Place>>,
    /// Elements of `Batched` per sample.
    pub batched_len: usize,
    /// Elements of `Wide` per sample.
    pub wide_len: usize,
    /// Elements of `Places` per sample.
    pub places_len: usize,
    /// Elements of `Fixed`.
    pub fixed_len: usize,
    /// Elements of `Prepared`.
    pub prepared_len: usize,
}

impl Element {
    /// Its type in kernel texts.
    pub fn c_type(self) -> &'static str {
        match self {
            Element::Real => "real",
            Element::Float => "float",
            Element::Place => "uint16",
        }
    }
}

impl Region {
    /// How its elements are stored.
    pub fn element(self) -> Element {
        match self {
            Region::Input | Region::Batched | Region::ParameterReal | Region::PreparedReal => Element::Real,
            Region::Places => Element::Place,
            Region::Target
            | Region::Wide
            | Region::Fixed
            | Region::Parameter
            | Region::Gradient
            | Region::State
            | Region::Prepared => Element::Float,
        }
    }

    /// Whether offsets and lengths are per sample.
    pub fn is_batched(self) -> bool {
        matches!(self, Region::Input | Region::Target | Region::Batched | Region::Wide | Region::Places)
    }
}

impl Memory {
    /// Places the values of `plan`, each in the arena of its kind.
    pub fn new(plan: &Plan) -> Memory {
        let (roots, elements) = (plan.roots(), elements(plan));
        let mut places: Vec<Option<Place>> =
            plan.slots.iter().map(|slot| slot.and_then(outside_place)).collect();
        align_ports(plan, &mut places);
        let arenas = [
            (Region::Batched, Element::Real),
            (Region::Wide, Element::Float),
            (Region::Places, Element::Place),
        ];
        let [batched_len, wide_len, places_len] = arenas.map(|(region, element)| {
            let (offsets, len) = plan.pack_part(|value| elements[value.0] == element);
            for (value, offset) in offsets {
                places[value.0] = Some(Place { region, offset, len: plan.graph.ty(value).len() });
            }
            len
        });
        for (index, root) in roots.iter().enumerate() {
            places[index] = places[root.0];
        }
        let (fixed_len, prepared_len) = (plan.fixed_len, plan.prepared_len);
        Memory { places, batched_len, wide_len, places_len, fixed_len, prepared_len }
    }

    /// The place of a value.
    pub fn place(&self, value: ValueId) -> Place {
        self.places[value.0].expect("every value that a node reads or writes was placed")
    }

    /// The place of a value as a weight of a product: parameters and what is prepared from them are read
    /// as `real`.
    pub fn weight_place(&self, value: ValueId) -> Place {
        let place = self.place(value);
        let region = match place.region {
            Region::Parameter => Region::ParameterReal,
            Region::Prepared => Region::PreparedReal,
            other => other,
        };
        Place { region, ..place }
    }
}

/// The place of what is not in the growing arena: the same as on the processor.
fn outside_place(slot: Slot) -> Option<Place> {
    let region = match slot.region {
        plan::Region::Batched => return None,
        plan::Region::Input => Region::Input,
        plan::Region::Target => Region::Target,
        plan::Region::Fixed => Region::Fixed,
        plan::Region::Parameter => Region::Parameter,
        plan::Region::Gradient => Region::Gradient,
        plan::Region::State => Region::State,
        plan::Region::Prepared => Region::Prepared,
    };
    Some(Place { region, offset: slot.offset, len: slot.len })
}

/// Several inputs, and several targets, begin at multiples of the alignment, too: vectors ask for it.
fn align_ports(plan: &Plan, places: &mut [Option<Place>]) {
    let (mut input_len, mut target_len) = (0, 0);
    for (value, place) in plan.graph.values.iter().zip(places) {
        let len = match value.source {
            Source::Input(_) => &mut input_len,
            Source::Target(_) => &mut target_len,
            Source::Parameter(_) | Source::State(_) | Source::Node => continue,
        };
        if let Some(place) = place {
            place.offset = *len;
            *len += aligned(place.len);
        }
    }
}

/// How each value is stored; what shares memory is stored alike.
fn elements(plan: &Plan) -> Vec<Element> {
    let (graph, roots) = (&plan.graph, plan.roots());
    let mut elements = vec![Element::Real; graph.values.len()];
    for node in &graph.nodes {
        for (index, output) in node.outputs.iter().enumerate() {
            let element = element(graph, node, index);
            if element != Element::Real {
                elements[roots[output.0].0] = element;
            }
        }
    }
    for output in &graph.outputs {
        elements[roots[output.0].0] = Element::Float;
    }
    roots.iter().map(|root| elements[root.0]).collect()
}

/// What is asked of an output of a node by the operation alone.
fn element(graph: &Graph, node: &Node, output: usize) -> Element {
    match &node.op {
        // Larger windows, of maps beyond 256x256, have numbers that `uint16` does not hold.
        Op::MaxPool { pool, .. } if output == 1 && pool.window_len() <= 1 << 16 => Element::Place,
        Op::MaxPool { .. } if output == 1 => Element::Float,
        Op::Statistics(_) | Op::Reduce { .. } | Op::LogSumExp => Element::Float,
        _ if node.section == Section::Loss || !graph.ty(node.outputs[output]).batched => Element::Float,
        _ => Element::Real,
    }
}

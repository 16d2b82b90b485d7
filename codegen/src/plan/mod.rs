//! The plan of one mode: the final graph with a place for every value.
//!
//! After this no choice is open: emission only writes. Places are linear in the batch: each
//! is an offset and a length per sample, or fixed.

mod memory;
mod print;
mod products;

pub use products::{Product, ProductKind};

use crate::graph::{Graph, Op, Parameter, Section, Source, State, ValueId};

/// Offsets and per-sample sizes are multiples of this many elements (64 bytes of f32), so that
/// every tensor starts on a cache line whatever the batch.
pub const ALIGNMENT: usize = 16;

/// A graph with its memory.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The optimised graph.
    pub graph: Graph,
    /// The place of each value that exists after optimisation.
    pub slots: Vec<Option<Slot>>,
    /// Arena elements per sample.
    pub batched_len: usize,
    /// What no plan can go below: the elements per sample that live at one time.
    pub batched_bound: usize,
    /// Arena elements whatever the batch.
    pub fixed_len: usize,
    /// Elements that `prepare` computes.
    pub prepared_len: usize,
    /// Flat buffers of parameters and states.
    pub tensors: Tensors,
}

/// A place in a buffer; offset and length per sample where the region grows with the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which buffer.
    pub region: Region,
    /// First element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

/// The buffers of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// Input samples.
    Input,
    /// Target values.
    Target,
    /// The growing part of the arena.
    Batched,
    /// The fixed part of the arena.
    Fixed,
    /// Flat parameters.
    Parameter,
    /// Flat gradients.
    Gradient,
    /// Flat states.
    State,
    /// Results of `prepare`.
    Prepared,
}

/// Where parameters and states lie in their flat buffers; the same in both modes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors {
    /// Offset of each parameter.
    pub parameter_offsets: Vec<usize>,
    /// Elements of the parameter buffer.
    pub parameter_len: usize,
    /// Elements of the parameters that learn, which lie first.
    pub trained_len: usize,
    /// The ranges of parameters that learn alike, from 0 to `trained_len`.
    pub groups: Vec<Group>,
    /// Offset of each state.
    pub state_offsets: Vec<usize>,
    /// Elements of the state buffer.
    pub state_len: usize,
}

/// Neighbouring parameters that learn alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// One past the last element.
    pub end: usize,
    /// Factor on the learning rate.
    pub learning_rate: f64,
    /// Whether weight decay applies.
    pub decays: bool,
}

/// Plans the memory of an optimised graph.
pub fn plan(graph: Graph) -> Plan {
    let tensors = Tensors::new(&graph.parameters, &graph.states);
    let roots = roots(&graph);
    let mut slots = outside_slots(&graph, &tensors);
    let prepared_len = place_prepared(&graph, &roots, &mut slots);
    let lives = memory::live_ranges(&graph, &roots, &slots);
    let [batched_len, fixed_len] = [Region::Batched, Region::Fixed].map(|region| {
        let lives: Vec<_> = lives.iter().filter(|live| live.region == region).cloned().collect();
        let (offsets, len) = memory::pack(&lives);
        for (live, offset) in lives.iter().zip(offsets) {
            slots[live.value.0] = Some(Slot { region, offset, len: live.len });
        }
        len
    });
    for (index, root) in roots.iter().enumerate() {
        slots[index] = slots[root.0];
    }
    let batched: Vec<_> = lives.into_iter().filter(|live| live.region == Region::Batched).collect();
    let batched_bound = memory::lower_bound(&batched);
    Plan { graph, slots, batched_len, batched_bound, fixed_len, prepared_len, tensors }
}

impl Plan {
    /// The place of a value.
    pub fn slot(&self, value: ValueId) -> Slot {
        self.slots[value.0].expect("every value that a node reads or writes was placed")
    }

    /// The value whose memory each value shares.
    pub(crate) fn roots(&self) -> Vec<ValueId> {
        roots(&self.graph)
    }

    /// Packs those values of the growing arena that `belongs` picks into an arena of their own: where
    /// each begins, and the elements per sample that they take together.
    pub(crate) fn pack_part(&self, belongs: impl Fn(ValueId) -> bool) -> (Vec<(ValueId, usize)>, usize) {
        let outside = |slot: &Option<Slot>| slot.filter(|slot| slot.region != Region::Batched);
        let placed: Vec<_> = self.slots.iter().map(outside).collect();
        let mut lives = memory::live_ranges(&self.graph, &self.roots(), &placed);
        lives.retain(|live| live.region == Region::Batched && belongs(live.value));
        let (offsets, len) = memory::pack(&lives);
        (lives.iter().map(|live| live.value).zip(offsets).collect(), len)
    }
}

impl Tensors {
    /// Weights first, which take weight decay, then the others, each by factor of the learning rate in
    /// the order of first use; last what is frozen.
    fn new(parameters: &[Parameter], states: &[State]) -> Tensors {
        let mut tensors = Tensors { parameter_offsets: vec![0; parameters.len()], ..Tensors::default() };
        for decays in [true, false] {
            let members =
                |parameter: &&Parameter| !parameter.is_frozen() && parameter.role.decays() == decays;
            let mut factors: Vec<f64> = Vec::new();
            for factor in parameters.iter().filter(members).map(|parameter| parameter.learning_rate) {
                if !factors.contains(&factor) {
                    factors.push(factor);
                }
            }
            for learning_rate in factors {
                tensors.place(parameters, |p| members(&p) && p.learning_rate == learning_rate);
                tensors.groups.push(Group { end: tensors.parameter_len, learning_rate, decays });
            }
        }
        tensors.trained_len = tensors.parameter_len;
        tensors.place(parameters, Parameter::is_frozen);
        tensors.state_offsets =
            states.iter().map(|state| bump(&mut tensors.state_len, &state.dims)).collect();
        tensors
    }

    /// The parameters that `belongs` picks, one after the other.
    fn place(&mut self, parameters: &[Parameter], belongs: impl Fn(&Parameter) -> bool) {
        let offsets = self.parameter_offsets.iter_mut().zip(parameters);
        for (offset, parameter) in offsets.filter(|(_, parameter)| belongs(parameter)) {
            *offset = bump(&mut self.parameter_len, &parameter.dims);
        }
    }
}

fn bump(len: &mut usize, dims: &[usize]) -> usize {
    let offset = *len;
    *len += aligned(dims.iter().product());
    offset
}

/// The next multiple of the alignment.
pub(crate) fn aligned(len: usize) -> usize {
    len.next_multiple_of(ALIGNMENT)
}

/// For each value the one whose memory it shares: a reshape is its input.
fn roots(graph: &Graph) -> Vec<ValueId> {
    let mut roots: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
    for node in graph.nodes.iter().filter(|node| node.op == Op::Reshape) {
        roots[node.outputs[0].0] = roots[node.input(0).0];
    }
    roots
}

/// Places of what comes from outside the pass or leaves it through the flat buffers. Several inputs
/// lie one after the other in the order of the signature, and so do several targets.
fn outside_slots(graph: &Graph, tensors: &Tensors) -> Vec<Option<Slot>> {
    let (mut input_len, mut target_len) = (0, 0);
    let mut slots: Vec<Option<Slot>> = graph
        .values
        .iter()
        .map(|value| {
            let len = value.ty.len();
            let (region, offset) = match value.source {
                Source::Input(_) => (Region::Input, after(&mut input_len, len)),
                Source::Target(_) => (Region::Target, after(&mut target_len, len)),
                Source::Parameter(id) => (Region::Parameter, tensors.parameter_offsets[id.0]),
                Source::State(id) => (Region::State, tensors.state_offsets[id.0]),
                Source::Node => return None,
            };
            Some(Slot { region, offset, len })
        })
        .collect();
    for (offset, gradient) in tensors.parameter_offsets.iter().zip(&graph.gradients) {
        if let Some(gradient) = gradient {
            let len = graph.ty(*gradient).len();
            slots[gradient.0] = Some(Slot { region: Region::Gradient, offset: *offset, len });
        }
    }
    slots
}

fn after(end: &mut usize, len: usize) -> usize {
    let offset = *end;
    *end += len;
    offset
}

/// Results of `prepare` live as long as the parameters keep their values, so none shares memory.
fn place_prepared(graph: &Graph, roots: &[ValueId], slots: &mut [Option<Slot>]) -> usize {
    let mut len = 0;
    for node in graph.nodes.iter().filter(|node| node.section == Section::Prepare) {
        for output in node.outputs.iter().map(|output| roots[output.0]) {
            let dims = &graph.ty(output).dims;
            let slot =
                Slot { region: Region::Prepared, offset: bump(&mut len, dims), len: dims.iter().product() };
            slots[output.0] = Some(slot);
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Role;
    use nnc_dsl::model::Init;

    fn parameter(role: Role, len: usize, learning_rate: f64) -> Parameter {
        let init = Init::Constant(0.0);
        Parameter { name: String::new(), dims: vec![len], role, init, learning_rate, value: ValueId(0) }
    }

    #[test]
    fn parameters_that_learn_alike_are_neighbours() {
        let parameters = [
            parameter(Role::Bias, 3, 1.0),
            parameter(Role::LinearWeight, 20, 0.0),
            parameter(Role::LinearWeight, 20, 1.0),
            parameter(Role::ConvolutionWeight, 5, 0.1),
            parameter(Role::LinearWeight, 16, 1.0),
        ];
        let tensors = Tensors::new(&parameters, &[]);
        assert_eq!(tensors.parameter_offsets, [64, 80, 0, 48, 32]);
        let group = |end, learning_rate, decays| Group { end, learning_rate, decays };
        assert_eq!(tensors.groups, [group(48, 1.0, true), group(64, 0.1, true), group(80, 1.0, false)]);
        assert_eq!((tensors.trained_len, tensors.parameter_len), (80, 112));
    }
}

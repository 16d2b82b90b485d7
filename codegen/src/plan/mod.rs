//! The plan of one mode: the final graph with a place for every value.
//!
//! After this no choice is open: emission only writes. Places are linear in the batch: each
//! is an offset and a length per sample, or fixed.

mod memory;
mod print;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tensors {
    /// Offset of each parameter.
    pub parameter_offsets: Vec<usize>,
    /// Elements of the parameter buffer.
    pub parameter_len: usize,
    /// Weights, which take weight decay, lie below this.
    pub decayed_len: usize,
    /// Offset of each state.
    pub state_offsets: Vec<usize>,
    /// Elements of the state buffer.
    pub state_len: usize,
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
}

impl Tensors {
    fn new(parameters: &[Parameter], states: &[State]) -> Tensors {
        let mut tensors = Tensors { parameter_offsets: vec![0; parameters.len()], ..Tensors::default() };
        for decays in [true, false] {
            for (index, parameter) in parameters.iter().enumerate() {
                if parameter.role.decays() == decays {
                    tensors.parameter_offsets[index] = bump(&mut tensors.parameter_len, &parameter.dims);
                }
            }
            if decays {
                tensors.decayed_len = tensors.parameter_len;
            }
        }
        tensors.state_offsets =
            states.iter().map(|state| bump(&mut tensors.state_len, &state.dims)).collect();
        tensors
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

/// Places of what comes from outside the pass or leaves it through the flat buffers.
fn outside_slots(graph: &Graph, tensors: &Tensors) -> Vec<Option<Slot>> {
    let mut slots: Vec<Option<Slot>> = graph
        .values
        .iter()
        .map(|value| {
            let (region, offset) = match value.source {
                Source::Input => (Region::Input, 0),
                Source::Target => (Region::Target, 0),
                Source::Parameter(id) => (Region::Parameter, tensors.parameter_offsets[id.0]),
                Source::State(id) => (Region::State, tensors.state_offsets[id.0]),
                Source::Node => return None,
            };
            Some(Slot { region, offset, len: value.ty.len() })
        })
        .collect();
    for (index, gradient) in graph.gradients.iter().enumerate() {
        let (offset, len) = (tensors.parameter_offsets[index], graph.ty(*gradient).len());
        slots[gradient.0] = Some(Slot { region: Region::Gradient, offset, len });
    }
    slots
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

    #[test]
    fn weights_lie_before_biases() {
        use crate::graph::Role;
        let parameter =
            |role, len| Parameter { name: String::new(), dims: vec![len], role, value: ValueId(0) };
        let parameters = [parameter(Role::Bias, 3), parameter(Role::LinearWeight, 20)];
        let tensors = Tensors::new(&parameters, &[]);
        assert_eq!(tensors.parameter_offsets, [32, 0]);
        assert_eq!((tensors.decayed_len, tensors.parameter_len), (32, 48));
    }
}

//! Adding nodes, values, parameters and states to the graph.

use nnc_dsl::model::{Init, Step};
use nnc_dsl::scalar::Expr;

use super::Lowering;
use crate::graph::{
    Mode, Node, Op, Operand, Origin, OriginId, Parameter, ParameterId, Role, Section, Source, State, StateId,
    Type, ValueId, join_path,
};

/// What every node of one word shares.
pub(super) struct Place {
    origin: OriginId,
    word: String,
    path: String,
    /// The path that parameters and states are named after.
    tensors: String,
    /// Factor on the learning rate of the word's parameters.
    learning_rate: f64,
}

impl Place {
    /// Whether nothing of the word learns.
    pub(super) fn is_frozen(&self) -> bool {
        self.learning_rate == 0.0
    }
}

impl Lowering {
    pub(super) fn place(&mut self, step: &Step) -> Place {
        let word = step.text.split_whitespace().next().unwrap_or(&step.name);
        let origin = Origin {
            scope: self.names.scope.clone(),
            step: join_path(&self.names.path, &step.name),
            word: word.to_owned(),
            text: step.text.clone(),
        };
        let tensors = join_path(&self.names.tensors, &step.name);
        self.place_of(origin, tensors, step.learning_rate)
    }

    pub(super) fn place_of(&mut self, origin: Origin, tensors: String, learning_rate: f64) -> Place {
        let (word, path) = (origin.word.clone(), origin.path());
        self.graph.origins.push(origin);
        let origin = OriginId(self.graph.origins.len() - 1);
        Place { origin, word, path, tensors, learning_rate }
    }

    pub(super) fn is_training(&self) -> bool {
        self.graph.mode == Mode::Training
    }

    /// A function of each element of `x`.
    pub(super) fn map(&mut self, x: ValueId, expr: Expr, place: &Place) -> ValueId {
        self.elementwise("", expr, &[x], place)
    }

    /// A function of each element of the first operand, over which the others are spread.
    pub(super) fn elementwise(&mut self, role: &str, expr: Expr, x: &[ValueId], place: &Place) -> ValueId {
        let ty = self.graph.ty(x[0]).clone();
        self.compute(place, role, ty, Op::Pointwise(vec![expr]), x)
    }

    pub(super) fn compute(&mut self, place: &Place, role: &str, ty: Type, op: Op, x: &[ValueId]) -> ValueId {
        let output = self.value(place, role, ty);
        self.push(place, op, x, &[output], Section::Forward);
        output
    }

    /// A value called after the word, and its role if it is not the word's own result.
    pub(super) fn value(&mut self, place: &Place, role: &str, ty: Type) -> ValueId {
        self.graph.add_value(&join_path(&place.path, role), ty, Source::Node)
    }

    pub(super) fn push(
        &mut self,
        place: &Place,
        op: Op,
        inputs: &[ValueId],
        outputs: &[ValueId],
        section: Section,
    ) {
        let inputs = inputs.iter().map(|value| Operand::Value(*value)).collect();
        self.push_node(place, op, inputs, outputs, section);
    }

    pub(super) fn push_node(
        &mut self,
        place: &Place,
        op: Op,
        inputs: Vec<Operand>,
        outputs: &[ValueId],
        section: Section,
    ) {
        let (outputs, origin, words) = (outputs.to_vec(), place.origin, vec![place.word.clone()]);
        self.graph.nodes.push(Node { op, inputs, outputs, epilogue: None, section, origin, words });
    }

    /// The learnt tensor of the word with this role, made by the first use of the word.
    pub(super) fn parameter(
        &mut self,
        place: &Place,
        name: &str,
        dims: &[usize],
        role: Role,
        init: Init,
    ) -> ValueId {
        let name = join_path(&place.tensors, name);
        if let Some(known) = self.tensors.get(&name) {
            return *known;
        }
        let id = ParameterId(self.graph.parameters.len());
        let value = self.graph.add_value(&name, Type::fixed(dims), Source::Parameter(id));
        self.tensors.insert(name.clone(), value);
        let (dims, learning_rate) = (dims.to_vec(), place.learning_rate);
        self.graph.parameters.push(Parameter { name, dims, role, init, learning_rate, value });
        value
    }

    /// The kept tensor of the word with this role, made by the first use of the word.
    pub(super) fn state(&mut self, place: &Place, name: &str, dims: &[usize], initial: f64) -> ValueId {
        let name = join_path(&place.tensors, name);
        if let Some(known) = self.tensors.get(&name) {
            return *known;
        }
        let id = StateId(self.graph.states.len());
        let value = self.graph.add_value(&name, Type::fixed(dims), Source::State(id));
        self.tensors.insert(name.clone(), value);
        self.graph.states.push(State { name, dims: dims.to_vec(), initial, value });
        value
    }
}

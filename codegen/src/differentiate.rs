//! Reverse-mode differentiation, graph to graph.
//!
//! Walks the forward nodes backwards and appends the nodes that carry the gradient of the
//! mean loss to every parameter (Griewank & Walther 2008, chapter 3). Element-wise nodes
//! are differentiated symbolically; the others have a rule each. A value that no parameter
//! reaches gets no gradient, so the first layer computes none for the input.

use nnc_dsl::scalar::Expr;

use crate::graph::{Graph, Node, Op, Operand, Section, Source, Type, ValueId};
use crate::scalar::{compact, derivative, simplify, substitute};

/// Appends the backward pass and fills in [`Graph::gradients`].
pub fn differentiate(graph: &mut Graph) {
    let reached = reached_by_parameters(graph);
    let mut backward = Backward { adjoints: vec![Vec::new(); graph.values.len()], reached, graph };
    let forward = backward.graph.nodes.clone();
    for node in forward.iter().rev() {
        backward.node(node);
    }
    let parameters: Vec<ValueId> = backward.graph.parameters.iter().map(|p| p.value).collect();
    let gradients = parameters.into_iter().map(|value| backward.gradient_of_parameter(value)).collect();
    backward.graph.gradients = gradients;
}

/// Which values depend on a parameter.
fn reached_by_parameters(graph: &Graph) -> Vec<bool> {
    let is_parameter = |source| matches!(source, Source::Parameter(_));
    let mut reached: Vec<bool> = graph.values.iter().map(|value| is_parameter(value.source)).collect();
    for node in graph.nodes.iter().filter(|node| !node.has_effect()) {
        if node.reads().any(|value| reached[value.0]) {
            node.outputs.iter().for_each(|output| reached[output.0] = true);
        }
    }
    reached
}

struct Backward<'a> {
    graph: &'a mut Graph,
    /// Contributions to the gradient of each value; grows with the graph.
    adjoints: Vec<Vec<ValueId>>,
    reached: Vec<bool>,
}

impl Backward<'_> {
    fn node(&mut self, node: &Node) {
        match &node.op {
            Op::CrossEntropy => self.unary(node, Op::CrossEntropyBackward, &[node.input(0)]),
            Op::LossTerms(term) => {
                let op = Op::LossTermsBackward(derivative(term, 0));
                self.unary(node, op, &[node.input(0), node.input(1)]);
            }
            Op::BatchStatistics | Op::RunningStatistics { .. } => {} // part of the rule of batch norm
            _ => {
                let adjoints: Vec<Option<ValueId>> =
                    node.outputs.iter().map(|output| self.adjoint(*output, node)).collect();
                if let [Some(dy)] = adjoints[..] {
                    self.single_output(node, dy);
                }
            }
        }
    }

    fn single_output(&mut self, node: &Node, dy: ValueId) {
        match &node.op {
            Op::Conv2d(conv) => {
                let (x, w) = (node.input(0), node.input(1));
                self.contribute(node, w, Op::Conv2dBackwardWeight(*conv), &[x, dy]);
                self.contribute(node, x, Op::Conv2dBackwardData(*conv), &[dy, w]);
            }
            Op::Linear => {
                let (x, w) = (node.input(0), node.input(1));
                self.contribute(node, w, Op::LinearBackwardWeight, &[x, dy]);
                self.contribute(node, x, Op::LinearBackwardData, &[dy, w]);
            }
            Op::MaxPool(pool) => self.unary(node, Op::MaxPoolBackward(*pool), &[node.input(0), dy]),
            Op::AvgPool(pool) => self.unary(node, Op::AvgPoolBackward(*pool), &[dy]),
            Op::Softmax => self.unary(node, Op::SoftmaxBackward, &[node.outputs[0], dy]),
            Op::Flatten => self.unary(node, Op::FlattenBackward, &[dy]),
            Op::Reshape => self.unary(node, Op::Reshape, &[dy]),
            Op::Concat => self.split(node, dy),
            Op::BatchNorm => self.batch_norm(node, dy),
            Op::Pointwise(exprs) => self.pointwise(node, &exprs[0], dy),
            Op::CrossEntropy | Op::LossTerms(_) | Op::BatchStatistics | Op::RunningStatistics { .. } => {
                unreachable!("handled before its adjoint is asked for")
            }
            Op::Conv2dBackwardData(_)
            | Op::Conv2dBackwardWeight(_)
            | Op::LinearBackwardData
            | Op::LinearBackwardWeight
            | Op::MaxPoolBackward(_)
            | Op::AvgPoolBackward(_)
            | Op::ReduceChannels(_)
            | Op::SoftmaxBackward
            | Op::CrossEntropyBackward
            | Op::LossTermsBackward(_)
            | Op::FlattenBackward
            | Op::Split => unreachable!("lowering makes forward nodes alone"),
        }
    }

    /// Contributes to the first input through one node.
    fn unary(&mut self, node: &Node, op: Op, inputs: &[ValueId]) {
        self.contribute(node, node.input(0), op, inputs);
    }

    fn contribute(&mut self, node: &Node, to: ValueId, op: Op, inputs: &[ValueId]) {
        if self.reached[to.0] {
            let inputs = inputs.iter().map(|value| Operand::Value(*value)).collect();
            self.contribute_outputs(node, &[to], op, inputs);
        }
    }

    /// Appends a node whose outputs are contributions to the gradients of `targets`.
    fn contribute_outputs(&mut self, node: &Node, targets: &[ValueId], op: Op, inputs: Vec<Operand>) {
        let outputs: Vec<ValueId> = targets.iter().map(|target| self.gradient_value(*target)).collect();
        for (target, output) in targets.iter().zip(&outputs) {
            self.adjoints[target.0].push(*output);
        }
        self.push(node, op, inputs, outputs);
    }

    fn push(&mut self, node: &Node, op: Op, inputs: Vec<Operand>, outputs: Vec<ValueId>) {
        let (origin, words) = (node.origin, node.words.clone());
        let section = Section::Backward;
        self.graph.nodes.push(Node { op, inputs, outputs, epilogue: None, section, origin, words });
    }

    fn gradient_value(&mut self, of: ValueId) -> ValueId {
        let name = format!("{}.gradient", self.graph.value(of).name);
        self.new_value(&name, self.graph.ty(of).clone())
    }

    fn new_value(&mut self, name: &str, ty: Type) -> ValueId {
        self.adjoints.push(Vec::new());
        self.reached.push(false);
        self.graph.add_value(name, ty, Source::Node)
    }

    /// The gradient of a value, its contributions summed; none if nothing depends on it.
    fn adjoint(&mut self, value: ValueId, node: &Node) -> Option<ValueId> {
        let contributions = std::mem::take(&mut self.adjoints[value.0]);
        match contributions[..] {
            [] => None,
            [only] => Some(only),
            _ => {
                let sum = (1..contributions.len()).fold(Expr::var(0), |sum, index| sum + Expr::var(index));
                let total = self.gradient_value(value);
                let inputs = contributions.into_iter().map(Operand::Value).collect();
                self.push(node, Op::Pointwise(vec![sum]), inputs, vec![total]);
                Some(total)
            }
        }
    }

    /// The gradient of a parameter; zeros if the loss does not depend on it. No two parameters have
    /// one gradient in common: a word's parameters enter through kernels that write each its own.
    fn gradient_of_parameter(&mut self, parameter: ValueId) -> ValueId {
        let Some(node) = self.graph.nodes.iter().rfind(|node| node.reads().any(|v| v == parameter)).cloned()
        else {
            unreachable!("lowering makes a parameter only for a word that reads it")
        };
        match self.adjoint(parameter, &node) {
            Some(gradient) => gradient,
            None => {
                let zeros = self.gradient_value(parameter);
                self.push(&node, Op::Pointwise(vec![Expr::Const(0.0)]), Vec::new(), vec![zeros]);
                zeros
            }
        }
    }

    fn split(&mut self, node: &Node, dy: ValueId) {
        let parts: Vec<ValueId> = node.reads().collect();
        // All parts are written, wanted or not: a split reads dy once.
        let outputs: Vec<ValueId> = parts.iter().map(|part| self.gradient_value(*part)).collect();
        for (part, output) in parts.iter().zip(&outputs).filter(|(part, _)| self.reached[part.0]) {
            self.adjoints[part.0].push(*output);
        }
        self.push(node, Op::Split, vec![Operand::Value(dy)], outputs);
    }

    /// An element-wise node: the chain rule on the expression, for each operand. Vectors of
    /// channels were broadcast, so their gradients are sums, all in one pass.
    fn pointwise(&mut self, node: &Node, expr: &Expr, dy: ValueId) {
        let result = self.graph.ty(node.outputs[0]).clone();
        let dy_index = node.inputs.len();
        let (mut sums, mut vectors) = (Vec::new(), Vec::new());
        for (index, operand) in node.inputs.iter().enumerate() {
            let Some(value) = operand.value().filter(|value| self.reached[value.0]) else { continue };
            let chain = simplify(&(Expr::var(dy_index) * derivative(expr, index)));
            if self.graph.ty(value).batched == result.batched {
                self.pointwise_operand(node, value, chain, dy);
            } else {
                sums.push(chain);
                vectors.push(value);
            }
        }
        if !sums.is_empty() {
            // The first input of a reduction gives its extent.
            let order = |index: usize| if index == dy_index { 0 } else { index + 1 };
            let sums: Vec<Expr> =
                sums.iter().map(|sum| substitute(sum, &|index| Expr::Var(order(index)))).collect();
            let inputs: Vec<Operand> =
                std::iter::once(Operand::Value(dy)).chain(node.inputs.iter().copied()).collect();
            let (sums, inputs) = compact(&sums, &inputs, 1);
            self.contribute_outputs(node, &vectors, Op::ReduceChannels(sums), inputs);
        }
    }

    fn pointwise_operand(&mut self, node: &Node, value: ValueId, chain: Expr, dy: ValueId) {
        let dy_index = node.inputs.len();
        if chain == Expr::Var(dy_index) {
            self.adjoints[value.0].push(dy); // a plain sum hands its gradient on
        } else {
            let inputs: Vec<Operand> = node.inputs.iter().copied().chain([Operand::Value(dy)]).collect();
            let (exprs, inputs) = compact(&[chain], &inputs, 0);
            self.contribute_outputs(node, &[value], Op::Pointwise(exprs), inputs);
        }
    }

    /// Ioffe & Szegedy 2015, section 3. With x̂ = (x − mean) · inverse deviation and m elements per
    /// channel: dscale = Σ dy x̂, dshift = Σ dy,
    /// dx = scale · inverse deviation · (dy − dshift / m − x̂ · dscale / m).
    fn batch_norm(&mut self, node: &Node, dy: ValueId) {
        let [x, mean, inverse, scale, shift] = [0, 1, 2, 3, 4].map(|index| node.input(index));
        let [v0, v1, v2, v3, v4, v5, v6, v7] = [0, 1, 2, 3, 4, 5, 6, 7].map(Expr::var);
        let positions = self.graph.ty(x).positions();

        let normalised = (v1.clone() - v2.clone()) * v3.clone();
        let sums = vec![v0.clone() * normalised.clone(), v0.clone()];
        let inputs = [dy, x, mean, inverse].map(Operand::Value).to_vec();
        self.contribute_outputs(node, &[scale, shift], Op::ReduceChannels(sums), inputs);
        if !self.reached[x.0] {
            return;
        }
        let last = |adjoints: &[ValueId]| adjoints[adjoints.len() - 1];
        let (dscale, dshift) = (last(&self.adjoints[scale.0]), last(&self.adjoints[shift.0]));
        let centred = v0 - v6 * v7.clone() - normalised * v5 * v7;
        let expr = v4 * v3 * centred;
        let mut inputs = [dy, x, mean, inverse, scale, dscale, dshift].map(Operand::Value).to_vec();
        inputs.push(Operand::InverseCount { positions });
        self.contribute_outputs(node, &[x], Op::Pointwise(vec![expr]), inputs);
    }
}

//! Reverse-mode differentiation, graph to graph.
//!
//! Walks the forward nodes backwards and appends the nodes that carry the gradient of the
//! mean loss to every parameter (Griewank & Walther 2008, chapter 3). Element-wise nodes
//! are differentiated symbolically; the others have a rule each. A value that no learning
//! parameter reaches gets no gradient, so the first layer computes none for the input, and
//! nothing is computed below a frozen part.

use std::collections::BTreeSet;

use nnc_dsl::scalar::{Binary, Expr, Unary};

use crate::graph::{
    Graph, Keep, MAX_OPERANDS, Node, Op, Operand, Pool, Section, Source, Spread, Type, ValueId,
};
use crate::scalar::{compact, derivative, simplify, substitute, variables};

/// Appends the backward pass and fills in [`Graph::gradients`].
pub fn differentiate(graph: &mut Graph) {
    let reached = reached_by_learning(graph);
    let mut backward = Backward { adjoints: vec![Vec::new(); graph.values.len()], reached, graph };
    let forward = backward.graph.nodes.clone();
    for node in forward.iter().rev() {
        backward.node(node);
    }
    let parameters: Vec<(ValueId, bool)> =
        backward.graph.parameters.iter().map(|parameter| (parameter.value, parameter.is_frozen())).collect();
    let gradients = parameters
        .into_iter()
        .map(|(value, frozen)| (!frozen).then(|| backward.gradient_of_parameter(value)))
        .collect();
    backward.graph.gradients = gradients;
}

/// Which values depend on a parameter that learns.
fn reached_by_learning(graph: &Graph) -> Vec<bool> {
    let mut reached = vec![false; graph.values.len()];
    for parameter in graph.parameters.iter().filter(|parameter| !parameter.is_frozen()) {
        reached[parameter.value.0] = true;
    }
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
            Op::CrossEntropy(loss) => {
                self.unary(node, Op::CrossEntropyBackward(loss.clone()), &[node.input(0)]);
            }
            Op::LossTerms(term) => {
                let op = Op::LossTermsBackward(derivative(term, 0));
                self.unary(node, op, &[node.input(0), node.input(1)]);
            }
            Op::Statistics(_) | Op::RunningStatistics { .. } => {} // part of the rule of `Normalize`
            Op::Pointwise(exprs) | Op::Reduce { exprs, .. } => {
                let adjoints = self.adjoints_of(node);
                self.elementwise(node, exprs, &adjoints);
            }
            Op::Split => {
                let adjoints = self.adjoints_of(node);
                self.concat(node, &adjoints);
            }
            Op::MaxPool { pool, .. } => {
                if let Some(dy) = self.adjoint(node.outputs[0], node) {
                    self.max_pool(node, *pool, dy);
                }
            }
            _ => {
                if let [Some(dy)] = self.adjoints_of(node)[..] {
                    self.single_output(node, dy);
                }
            }
        }
    }

    fn adjoints_of(&mut self, node: &Node) -> Vec<Option<ValueId>> {
        node.outputs.iter().map(|output| self.adjoint(*output, node)).collect()
    }

    fn single_output(&mut self, node: &Node, dy: ValueId) {
        match &node.op {
            Op::Conv(conv) => {
                let (x, w) = (node.input(0), node.input(1));
                self.contribute(node, w, Op::ConvBackwardWeight(*conv), &[x, dy]);
                self.contribute(node, x, Op::ConvBackwardData(*conv), &[dy, w]);
            }
            // A transposed convolution: linear in both operands, as the convolution that it mirrors is.
            Op::ConvBackwardData(conv) => {
                let (x, w) = (node.input(0), node.input(1));
                self.contribute(node, w, Op::ConvBackwardWeight(*conv), &[dy, x]);
                self.contribute(node, x, Op::Conv(*conv), &[dy, w]);
            }
            Op::Linear => {
                let (x, w) = (node.input(0), node.input(1));
                self.contribute(node, w, Op::LinearBackwardWeight, &[x, dy]);
                self.contribute(node, x, Op::LinearBackwardData, &[dy, w]);
            }
            Op::AvgPool(pool) => self.unary(node, Op::AvgPoolBackward(*pool), &[dy]),
            Op::Resize(resize) => self.unary(node, Op::ResizeBackward(*resize), &[dy]),
            Op::Permute(permute) => self.unary(node, Op::Permute(permute.inverse()), &[dy]),
            Op::Crop(crop) => self.unary(node, Op::Crop(crop.inverse()), &[dy]),
            Op::Reshape => self.unary(node, Op::Reshape, &[dy]),
            Op::Softmax => self.unary(node, Op::SoftmaxBackward, &[node.outputs[0], dy]),
            Op::LogSumExp => self.log_sum_exp(node, dy),
            Op::Concat => self.split(node, dy),
            Op::Normalize(keep) => self.normalize(node, *keep, dy),
            Op::CrossEntropy(_)
            | Op::LossTerms(_)
            | Op::Statistics(_)
            | Op::RunningStatistics { .. }
            | Op::Pointwise(_)
            | Op::Reduce { .. }
            | Op::MaxPool { .. }
            | Op::Split => unreachable!("handled before its one adjoint is asked for"),
            Op::ConvBackwardWeight(_)
            | Op::LinearBackwardData
            | Op::LinearBackwardWeight
            | Op::MaxPoolBackward(_)
            | Op::AvgPoolBackward(_)
            | Op::ResizeBackward(_)
            | Op::SoftmaxBackward
            | Op::CrossEntropyBackward(_)
            | Op::LossTermsBackward(_) => unreachable!("lowering makes forward nodes alone"),
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
        let mut contributions = std::mem::take(&mut self.adjoints[value.0]);
        while contributions.len() > 1 {
            let rest = contributions.split_off(contributions.len().min(MAX_OPERANDS));
            let sum = (1..contributions.len()).fold(Expr::var(0), |sum, index| sum + Expr::var(index));
            let total = self.gradient_value(value);
            let inputs = contributions.into_iter().map(Operand::Value).collect();
            self.push(node, Op::Pointwise(vec![sum]), inputs, vec![total]);
            contributions = [vec![total], rest].concat();
        }
        contributions.pop()
    }

    /// The gradient of a parameter; zeros if the loss does not depend on it. No two parameters have
    /// one gradient in common: parameters enter through kernels that write each its own.
    fn gradient_of_parameter(&mut self, parameter: ValueId) -> ValueId {
        let Some(node) = self.graph.nodes.iter().rfind(|node| node.reads().any(|v| v == parameter)).cloned()
        else {
            unreachable!("lowering makes a parameter only for a word that reads it")
        };
        self.adjoint(parameter, &node).unwrap_or_else(|| self.zeros(&node, parameter))
    }

    /// dy where the maximum was. Where the place is known that is a function of each element, which its
    /// readers compute for themselves.
    fn max_pool(&mut self, node: &Node, pool: Pool, dy: ValueId) {
        let x = node.input(0);
        match node.outputs[1..] {
            [place] if self.reached[x.0] => {
                let inputs = vec![Operand::Unpooled { pool, dy, place }];
                self.contribute_outputs(node, &[x], Op::Pointwise(vec![Expr::var(0)]), inputs);
            }
            _ => self.unary(node, Op::MaxPoolBackward(pool), &[x, dy]),
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

    /// The gradient of a split; zeros for a part on which nothing depends.
    fn concat(&mut self, node: &Node, adjoints: &[Option<ValueId>]) {
        if !self.reached[node.input(0).0] || adjoints.iter().all(Option::is_none) {
            return;
        }
        let parts: Vec<ValueId> = node
            .outputs
            .iter()
            .zip(adjoints)
            .map(|(part, adjoint)| adjoint.unwrap_or_else(|| self.zeros(node, *part)))
            .collect();
        self.unary(node, Op::Concat, &parts);
    }

    fn zeros(&mut self, node: &Node, like: ValueId) -> ValueId {
        let zeros = self.gradient_value(like);
        self.push(node, Op::Pointwise(vec![Expr::Const(0.0)]), Vec::new(), vec![zeros]);
        zeros
    }

    /// ∂ log Σ exp x / ∂x = exp(x − log Σ exp x)
    fn log_sum_exp(&mut self, node: &Node, dy: ValueId) {
        let [x, log_sum, d] = [0, 1, 2].map(Expr::var);
        let expr = (x - log_sum).unary(Unary::Exp) * d;
        self.unary(node, Op::Pointwise(vec![expr]), &[node.input(0), node.outputs[0], dy]);
    }

    /// An element-wise node, or a sum of one: the chain rule on the expressions, for each operand.
    /// What was spread over the extent has a sum as its gradient; all sums that keep the same are made
    /// in one pass.
    fn elementwise(&mut self, node: &Node, exprs: &[Expr], adjoints: &[Option<ValueId>]) {
        if adjoints.iter().all(Option::is_none) {
            return;
        }
        let extent = match &node.op {
            Op::Reduce { .. } => self.graph.ty(node.input(0)).clone(),
            _ => self.graph.ty(node.outputs[0]).clone(),
        };
        let inputs: Vec<Operand> = self
            .operands_of_gradient(node, exprs)
            .into_iter()
            .chain(adjoints.iter().flatten().map(|dy| Operand::Value(*dy)))
            .collect();
        let mut sums: Vec<(Keep, Vec<Expr>, Vec<ValueId>)> = Vec::new();
        for (index, operand) in node.inputs.iter().enumerate() {
            let Some(value) = operand.value().filter(|value| self.reached[value.0]) else { continue };
            let chain = chain(node, exprs, adjoints, index);
            let spread = Spread::of(self.graph.ty(value), &extent);
            match spread.and_then(|spread| spread.keep(&extent)) {
                None => self.full_operand(node, value, chain, &inputs),
                Some(keep) => match sums.iter_mut().find(|(known, ..)| *known == keep) {
                    Some((_, chains, values)) => {
                        chains.push(chain);
                        values.push(value);
                    }
                    None => sums.push((keep, vec![chain], vec![value])),
                },
            }
        }
        for (keep, chains, values) in sums {
            let (exprs, inputs) = self.led_by_extent(&extent, chains, &inputs);
            self.contribute_outputs(node, &values, Op::Reduce { exprs, keep }, inputs);
        }
    }

    /// What a gradient reads in place of the node's inputs. A rectifier's argument is positive where its
    /// result is: if that is kept anyway, for the gradient of a product, it is read, and the argument need
    /// not be stored or made again. That of a norm is made from what the norm's own gradient reads.
    fn operands_of_gradient(&self, node: &Node, exprs: &[Expr]) -> Vec<Operand> {
        let rectifier = Expr::var(0).binary(Binary::Max, Expr::Const(0.0));
        let [Operand::Value(x)] = node.inputs[..] else { return node.inputs.clone() };
        if *exprs == [rectifier] && !self.is_normalised(x) && self.is_kept(node.outputs[0]) {
            return vec![Operand::Value(node.outputs[0])];
        }
        node.inputs.clone()
    }

    fn is_normalised(&self, value: ValueId) -> bool {
        let mut norms = self.graph.nodes.iter().filter(|node| matches!(node.op, Op::Normalize(_)));
        norms.any(|node| node.outputs[0] == value)
    }

    /// Whether a product's gradient reads the value.
    fn is_kept(&self, value: ValueId) -> bool {
        let is_product = |op: &Op| matches!(op, Op::Conv(_) | Op::ConvBackwardData(_) | Op::Linear);
        self.graph.nodes.iter().any(|node| {
            let is_forward = node.section == Section::Forward;
            is_forward && is_product(&node.op) && node.input(0) == value && self.reached[node.input(1).0]
        })
    }

    fn full_operand(&mut self, node: &Node, value: ValueId, chain: Expr, inputs: &[Operand]) {
        match chain {
            // A plain sum hands its gradient on.
            Expr::Var(index) if index >= node.inputs.len() && matches!(node.op, Op::Pointwise(_)) => {
                self.adjoints[value.0].extend(inputs[index].value());
            }
            chain => {
                let (exprs, inputs) = compact(&[chain], inputs, 0);
                self.contribute_outputs(node, &[value], Op::Pointwise(exprs), inputs);
            }
        }
    }

    /// The first input of a reduction gives its extent: one of that extent comes first, if possible one
    /// that the expressions read.
    fn led_by_extent(
        &self,
        extent: &Type,
        exprs: Vec<Expr>,
        inputs: &[Operand],
    ) -> (Vec<Expr>, Vec<Operand>) {
        let is_full = |operand: &Operand| {
            operand.value().is_some_and(|v| Spread::of(self.graph.ty(v), extent) == Some(Spread::Full))
        };
        let read: BTreeSet<usize> = exprs.iter().flat_map(variables).collect();
        let full = |index: &usize| is_full(&inputs[*index]);
        let first = read.iter().rev().copied().find(full).or_else(|| (0..inputs.len()).find(full));
        let first = first.unwrap_or_default();
        let order = |index: usize| if index == first { 0 } else { index + 1 };
        let exprs: Vec<Expr> =
            exprs.iter().map(|expr| substitute(expr, &|index| Expr::Var(order(index)))).collect();
        let inputs: Vec<Operand> = std::iter::once(inputs[first]).chain(inputs.iter().copied()).collect();
        compact(&exprs, &inputs, 1)
    }

    /// With x̂ = (x − mean) · inverse deviation, g = dy · scale, and m elements that share statistics:
    /// dscale = Σ dy x̂ and dshift = Σ dy over each channel, dx = inverse deviation · (g − Σ g / m − x̂ · Σ g x̂ / m)
    /// (Ioffe & Szegedy 2015, section 3).
    fn normalize(&mut self, node: &Node, keep: Keep, dy: ValueId) {
        let affine = (node.inputs.len() == 5).then(|| [node.input(3), node.input(4)]);
        match (keep, affine) {
            (Keep::Channels, Some([scale, shift])) => self.batch_norm(node, [scale, shift], dy),
            _ => {
                let learns = affine.filter(|[scale, shift]| self.reached[scale.0] && self.reached[shift.0]);
                if let Some(affine) = learns {
                    self.affine_sums(node, affine, dy);
                }
                self.normalize_of_sample(node, keep, affine.map(|[scale, _]| scale), dy);
            }
        }
    }

    /// dscale and dshift.
    fn affine_sums(&mut self, node: &Node, affine: [ValueId; 2], dy: ValueId) -> [ValueId; 2] {
        let [dy_of, x, mean, inverse] = [0, 1, 2, 3].map(Expr::var);
        let exprs = vec![dy_of.clone() * ((x - mean) * inverse), dy_of];
        let inputs = [dy, node.input(0), node.input(1), node.input(2)].map(Operand::Value).to_vec();
        self.contribute_outputs(node, &affine, Op::Reduce { exprs, keep: Keep::Channels }, inputs);
        affine.map(|parameter| self.adjoints[parameter.0][self.adjoints[parameter.0].len() - 1])
    }

    /// Where the statistics are of a channel the scale is the same for all of them, and the two sums are
    /// scale · dshift and scale · dscale.
    fn batch_norm(&mut self, node: &Node, affine: [ValueId; 2], dy: ValueId) {
        let [dscale, dshift] = self.affine_sums(node, affine, dy);
        let [x, mean, inverse] = [0, 1, 2].map(|index| node.input(index));
        if !self.reached[x.0] {
            return;
        }
        let [v0, v1, v2, v3, v4, v5, v6, v7] = [0, 1, 2, 3, 4, 5, 6, 7].map(Expr::var);
        let normalised = (v1 - v2) * v3.clone();
        let centred = v0 - v6 * v7.clone() - normalised * v5 * v7;
        let expr = v4 * v3 * centred;
        let mut inputs = [dy, x, mean, inverse, affine[0], dscale, dshift].map(Operand::Value).to_vec();
        inputs.push(Operand::InverseCount { positions: self.graph.ty(x).positions() });
        self.contribute_outputs(node, &[x], Op::Pointwise(vec![expr]), inputs);
    }

    fn normalize_of_sample(&mut self, node: &Node, keep: Keep, scale: Option<ValueId>, dy: ValueId) {
        let x = node.input(0);
        if !self.reached[x.0] {
            return;
        }
        let extent = self.graph.ty(x).clone();
        let share = Expr::Const(1.0 / keep.count(&extent) as f64);
        let operands: Vec<ValueId> = [dy, x, node.input(1), node.input(2)].into_iter().chain(scale).collect();
        let inputs: Vec<Operand> = operands.iter().map(|value| Operand::Value(*value)).collect();
        let [v0, v1, v2, v3, v4] = [0, 1, 2, 3, 4].map(Expr::var);
        let normalised = (v1 - v2) * v3.clone();
        let scaled = if scale.is_some() { v0 * v4 } else { v0 };
        let sums = ["gradient_sum", "gradient_moment"].map(|role| {
            let name = format!("{}.{role}", self.graph.value(node.outputs[0]).name);
            self.new_value(&name, keep.of(&extent))
        });
        let exprs = vec![scaled.clone(), scaled.clone() * normalised.clone()];
        self.push(node, Op::Reduce { exprs, keep }, inputs.clone(), sums.to_vec());
        let [sum, moment] = [0, 1].map(|index| Expr::var(inputs.len() + index));
        let expr = v3 * (scaled - sum * share.clone() - normalised * (moment * share));
        let inputs = inputs.into_iter().chain(sums.map(Operand::Value)).collect();
        self.contribute_outputs(node, &[x], Op::Pointwise(vec![expr]), inputs);
    }
}

/// Σ adjoint · ∂expr / ∂operand over the node's outputs. The adjoints that exist are the variables
/// after the node's inputs.
fn chain(node: &Node, exprs: &[Expr], adjoints: &[Option<ValueId>], operand: usize) -> Expr {
    let wanted = exprs.iter().zip(adjoints).filter(|(_, adjoint)| adjoint.is_some());
    let terms = wanted.enumerate().map(|(place, (expr, _))| {
        simplify(&(Expr::var(node.inputs.len() + place) * derivative(expr, operand)))
    });
    let sum = terms.reduce(|sum, term| sum + term).unwrap_or(Expr::Const(0.0));
    simplify(&sum)
}

//! Lowering: from the checked model to the graph of one mode.
//!
//! Here the language's channels-first shapes become channels-last tensors, words become
//! nodes, and training and evaluation part: batch norm takes the statistics of the batch or
//! the running ones, dropout is random or nothing. Nothing is optimised yet.

use nnc_dsl::model::{CheckedModel, Join, Layer, Loss, Sequence, Shape, Step, StepKind, Window};
use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};

use crate::graph::{
    Conv2d, Graph, Mode, Node, Op, Operand, Origin, OriginId, Parameter, ParameterId, Pool2d, Role, Section,
    Source, State, StateId, Type, ValueId, join_path,
};

/// The graph of `model` in `mode`: forward and loss.
pub fn lower(model: &CheckedModel, mode: Mode) -> Graph {
    let mut lowering =
        Lowering { graph: Graph::new(mode), scope: String::new(), path: String::new(), streams: 0 };
    let input = lowering.graph.add_value("input", batched(&model.input), Source::Input);
    let output = lowering.sequence(&model.body, input);
    lowering.graph.output = output;
    lowering.loss(model.train.loss, output);
    // A stable sort: `Prepare` nodes move to the front, the others keep their order.
    lowering.graph.nodes.sort_by_key(|node| node.section);
    lowering.graph
}

struct Lowering {
    graph: Graph,
    /// Path of the innermost use of a block or turn of a loop.
    scope: String,
    /// Path within the scope.
    path: String,
    /// Random streams in use.
    streams: u32,
}

/// What every node of one word shares.
struct Place {
    origin: OriginId,
    word: String,
    path: String,
}

impl Lowering {
    fn sequence(&mut self, sequence: &Sequence, input: ValueId) -> ValueId {
        sequence.steps.iter().fold(input, |value, step| self.step(step, value))
    }

    fn step(&mut self, step: &Step, x: ValueId) -> ValueId {
        match &step.kind {
            StepKind::Layer(layer) => {
                let place = self.place(step);
                self.layer(layer, step, x, &place)
            }
            StepKind::Scope(body) => self.within_scope(&step.name, |this| this.sequence(body, x)),
            StepKind::Join { join, branches } => {
                let joined: Vec<ValueId> = branches
                    .iter()
                    .map(|(name, body)| {
                        self.within(&join_path(&step.name, name), |this| this.sequence(body, x))
                    })
                    .collect();
                let place = self.place(step);
                self.join(*join, &joined, &batched(&step.output), &place)
            }
        }
    }

    fn within_scope<T>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> T) -> T {
        let inner = join_path(&join_path(&self.scope, &self.path), name);
        let (scope, path) = (std::mem::replace(&mut self.scope, inner), std::mem::take(&mut self.path));
        let result = body(self);
        (self.scope, self.path) = (scope, path);
        result
    }

    fn within<T>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> T) -> T {
        let inner = join_path(&self.path, name);
        let path = std::mem::replace(&mut self.path, inner);
        let result = body(self);
        self.path = path;
        result
    }

    fn place(&mut self, step: &Step) -> Place {
        let origin = Origin {
            scope: self.scope.clone(),
            step: join_path(&self.path, &step.name),
            word: step.text.split_whitespace().next().unwrap_or(&step.name).to_owned(),
            text: step.text.clone(),
        };
        let (word, path) = (origin.word.clone(), origin.path());
        self.graph.origins.push(origin);
        Place { origin: OriginId(self.graph.origins.len() - 1), word, path }
    }

    fn layer(&mut self, layer: &Layer, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let result = batched(&step.output);
        match layer {
            Layer::Conv { kernel, stride, pad, bias } => {
                let (input, output) = (map(&step.input), map(&step.output));
                let conv = Conv2d { input, output, kernel: *kernel, stride: *stride, pad: *pad };
                let dims = vec![kernel[0], kernel[1], input[2], output[2]];
                let weight = self.parameter(place, "weight", dims, Role::ConvolutionWeight);
                let y = self.compute(place, "", result, Op::Conv2d(conv), &[x, weight]);
                self.add_bias(*bias, y, place)
            }
            Layer::Linear { bias } => {
                let dims = vec![step.input.len(), step.output.len()];
                let weight = self.parameter(place, "weight", dims, Role::LinearWeight);
                let y = self.compute(place, "", result, Op::Linear, &[x, weight]);
                self.add_bias(*bias, y, place)
            }
            Layer::BatchNorm { eps, momentum } => match self.graph.mode {
                Mode::Training => self.batch_norm_of_batch(x, *eps, *momentum, place),
                Mode::Evaluation => self.batch_norm_of_running(x, *eps, place),
            },
            Layer::Activation(expr) => {
                self.compute(place, "", result, Op::Pointwise(vec![expr.clone()]), &[x])
            }
            Layer::Softmax => self.compute(place, "", result, Op::Softmax, &[x]),
            Layer::MaxPool(window) => {
                let pool = pool(&step.input, &step.output, *window);
                self.compute(place, "", result, Op::MaxPool(pool), &[x])
            }
            Layer::AvgPool(window) => {
                let pool = pool(&step.input, &step.output, *window);
                self.compute(place, "", result, Op::AvgPool(pool), &[x])
            }
            Layer::GlobalAvgPool => {
                let size = step.input.area();
                let whole = Shape::map(step.output.len(), 1, 1);
                let pool = pool(&step.input, &whole, Window { size, stride: size, pad: [0, 0] });
                self.compute(place, "", result, Op::AvgPool(pool), &[x])
            }
            Layer::Flatten => {
                // With one channel or one position, both orders are the same bytes.
                let same_order = step.input.channels() == 1 || step.input.area() == [1, 1];
                let op = if same_order { Op::Reshape } else { Op::Flatten };
                self.compute(place, "", result, op, &[x])
            }
            Layer::Dropout { rate } => self.dropout(x, *rate, place),
            Layer::Identity => x,
        }
    }

    fn add_bias(&mut self, bias: bool, y: ValueId, place: &Place) -> ValueId {
        if !bias {
            return y;
        }
        let ty = self.graph.ty(y).clone();
        let bias = self.parameter(place, "bias", vec![ty.channels()], Role::Bias);
        let sum = Op::Pointwise(vec![Expr::var(0) + Expr::var(1)]);
        self.compute(place, "biased", ty, sum, &[y, bias])
    }

    /// Ioffe & Szegedy 2015, algorithm 1; the running statistics follow PyTorch's convention.
    fn batch_norm_of_batch(&mut self, x: ValueId, eps: f64, momentum: f64, place: &Place) -> ValueId {
        let ty = self.graph.ty(x).clone();
        let channels = Type::fixed(&[ty.channels()]);
        let [scale, shift, running_mean, running_variance] = self.batch_norm_tensors(ty.channels(), place);
        let mean = self.value(place, "mean", channels.clone());
        let variance = self.value(place, "variance", channels.clone());
        self.push(place, Op::BatchStatistics, &[x], &[mean, variance], Section::Forward);
        let running = Op::RunningStatistics { momentum, positions: ty.positions() };
        let kept = [running_mean, running_variance];
        self.push(place, running, &[mean, variance, running_mean, running_variance], &kept, Section::Forward);
        let inverse = Op::Pointwise(vec![inverse_deviation(Expr::var(0), eps)]);
        let inverse = self.compute(place, "inverse_deviation", channels, inverse, &[variance]);
        self.compute(place, "", ty, Op::BatchNorm, &[x, mean, inverse, scale, shift])
    }

    /// The same with fixed statistics: x · factor + offset, both known before any sample.
    fn batch_norm_of_running(&mut self, x: ValueId, eps: f64, place: &Place) -> ValueId {
        let ty = self.graph.ty(x).clone();
        let channels = Type::fixed(&[ty.channels()]);
        let [scale, shift, mean, variance] = self.batch_norm_tensors(ty.channels(), place);
        let [a, b, c] = [0, 1, 2].map(Expr::var);
        let factor = self.value(place, "factor", channels.clone());
        let expr = a.clone() * inverse_deviation(b.clone(), eps);
        self.push(place, Op::Pointwise(vec![expr]), &[scale, variance], &[factor], Section::Prepare);
        let offset = self.value(place, "offset", channels);
        let expr = a.clone() - b.clone() * c.clone();
        self.push(place, Op::Pointwise(vec![expr]), &[shift, mean, factor], &[offset], Section::Prepare);
        self.compute(place, "", ty, Op::Pointwise(vec![a * b + c]), &[x, factor, offset])
    }

    fn batch_norm_tensors(&mut self, channels: usize, place: &Place) -> [ValueId; 4] {
        [
            self.parameter(place, "weight", vec![channels], Role::Scale),
            self.parameter(place, "bias", vec![channels], Role::Shift),
            self.state(place, "running_mean", vec![channels], 0.0),
            self.state(place, "running_var", vec![channels], 1.0),
        ]
    }

    /// Inverted dropout (Srivastava et al. 2014): the mask is never stored, since the backward
    /// pass draws the same numbers again.
    fn dropout(&mut self, x: ValueId, rate: f64, place: &Place) -> ValueId {
        if self.graph.mode == Mode::Evaluation || rate == 0.0 {
            return x;
        }
        let kept = Expr::var(0) * Expr::Const(1.0 / (1.0 - rate));
        let mask = Expr::select(Compare::Less, Expr::var(1), Expr::Const(rate), Expr::Const(0.0), kept);
        let output = self.value(place, "", self.graph.ty(x).clone());
        let inputs = vec![Operand::Value(x), Operand::Uniform { stream: self.streams }];
        self.streams += 1;
        self.push_node(place, Op::Pointwise(vec![mask]), inputs, &[output], Section::Forward);
        output
    }

    fn join(&mut self, join: Join, branches: &[ValueId], result: &Type, place: &Place) -> ValueId {
        let op = match join {
            Join::Concat => Op::Concat,
            Join::Add => {
                let sum = (1..branches.len()).fold(Expr::var(0), |sum, index| sum + Expr::var(index));
                Op::Pointwise(vec![sum])
            }
        };
        self.compute(place, "", result.clone(), op, branches)
    }

    fn loss(&mut self, loss: Loss, output: ValueId) {
        self.graph.origins.push(Origin {
            scope: String::new(),
            step: "loss".to_owned(),
            word: "loss".to_owned(),
            text: "loss".to_owned(),
        });
        let origin = OriginId(self.graph.origins.len() - 1);
        let place = Place { origin, word: "loss".to_owned(), path: "loss".to_owned() };
        let value = self.value(&place, "", Type::batched(&[]));
        let (op, inputs) = match loss {
            Loss::CrossEntropy => (Op::CrossEntropy, vec![output]),
            Loss::MeanSquaredError => {
                let ty = self.graph.ty(output).clone();
                let target = self.graph.add_value("target", ty, Source::Target);
                let difference = Expr::var(0) - Expr::var(1);
                (Op::LossTerms(difference.clone() * difference), vec![output, target])
            }
        };
        self.push(&place, op, &inputs, &[value], Section::Loss);
        self.graph.loss = value;
    }

    fn compute(&mut self, place: &Place, role: &str, ty: Type, op: Op, inputs: &[ValueId]) -> ValueId {
        let output = self.value(place, role, ty);
        self.push(place, op, inputs, &[output], Section::Forward);
        output
    }

    fn value(&mut self, place: &Place, role: &str, ty: Type) -> ValueId {
        self.graph.add_value(&join_path(&place.path, role), ty, Source::Node)
    }

    fn push(&mut self, place: &Place, op: Op, inputs: &[ValueId], outputs: &[ValueId], section: Section) {
        let inputs = inputs.iter().map(|value| Operand::Value(*value)).collect();
        self.push_node(place, op, inputs, outputs, section);
    }

    fn push_node(
        &mut self,
        place: &Place,
        op: Op,
        inputs: Vec<Operand>,
        outputs: &[ValueId],
        section: Section,
    ) {
        let words = vec![place.word.clone()];
        let outputs = outputs.to_vec();
        self.graph.nodes.push(Node {
            op,
            inputs,
            outputs,
            epilogue: None,
            section,
            origin: place.origin,
            words,
        });
    }

    fn parameter(&mut self, place: &Place, role: &str, dims: Vec<usize>, kind: Role) -> ValueId {
        let name = join_path(&place.path, role);
        let id = ParameterId(self.graph.parameters.len());
        let value = self.graph.add_value(&name, Type::fixed(&dims), Source::Parameter(id));
        self.graph.parameters.push(Parameter { name, dims, role: kind, value });
        value
    }

    fn state(&mut self, place: &Place, role: &str, dims: Vec<usize>, initial: f64) -> ValueId {
        let name = join_path(&place.path, role);
        let id = StateId(self.graph.states.len());
        let value = self.graph.add_value(&name, Type::fixed(&dims), Source::State(id));
        self.graph.states.push(State { name, dims, initial, value });
        value
    }
}

/// 1 / √(variance + eps)
fn inverse_deviation(variance: Expr, eps: f64) -> Expr {
    Expr::Const(1.0).binary(Binary::Div, (variance + Expr::Const(eps)).unary(Unary::Sqrt))
}

fn pool(input: &Shape, output: &Shape, window: Window) -> Pool2d {
    let Window { size, stride, pad } = window;
    Pool2d { input: map(input), output: map(output), window: size, stride, pad }
}

/// Height, width, channels.
fn map(shape: &Shape) -> [usize; 3] {
    let [height, width] = shape.area();
    [height, width, shape.channels()]
}

fn batched(shape: &Shape) -> Type {
    match shape.0[..] {
        [channels, height, width] => Type::batched(&[height, width, channels]),
        _ => Type::batched(&shape.0),
    }
}

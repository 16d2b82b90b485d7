//! A reference for the whole compiler: every op of a graph in plain loops, in double precision.
//!
//! It follows the definitions in the ops' documentation and shares no code with kernels. A batched
//! value is `batch` tensors one after the other, channels last; a fixed one is a single tensor.

mod elementwise;
mod layout;
mod losses;
mod pools;
mod products;
mod softmax;
mod statistics;

use nnc_codegen::graph::{Graph, Node, Op, Source, ValueId};

pub(crate) use elementwise::uniform;

/// What comes from outside a pass.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    /// Samples in the batch.
    pub(crate) batch: usize,
    /// The inputs, in the order of the signature.
    pub(crate) inputs: Vec<Vec<f64>>,
    /// Target values by output; empty where there are none.
    pub(crate) targets: Vec<Vec<f64>>,
    /// Classes by output, one per sample and position; empty where there are none.
    pub(crate) labels: Vec<Vec<usize>>,
    /// The parameters, in the order of the graph.
    pub(crate) parameters: Vec<Vec<f64>>,
    /// The states before the pass, in the order of the graph.
    pub(crate) states: Vec<Vec<f64>>,
}

/// How an element of a value is stored.
type Round<'a> = dyn Fn(ValueId, f64) -> f64 + 'a;

/// A graph while it runs, and every value after that.
pub(crate) struct Run<'a> {
    graph: &'a Graph,
    feed: &'a Feed,
    round: Box<Round<'a>>,
    values: Vec<Option<Vec<f64>>>,
}

/// Runs all sections of `graph`.
pub(crate) fn run<'a>(graph: &'a Graph, feed: &'a Feed) -> Run<'a> {
    let mut run = Run::new(graph, feed, |_, element| element);
    graph.nodes.iter().for_each(|node| run.advance(node));
    run
}

impl<'a> Run<'a> {
    /// Before the first node, with every element of every value rounded as it is stored.
    pub(crate) fn new(graph: &'a Graph, feed: &'a Feed, round: impl Fn(ValueId, f64) -> f64 + 'a) -> Run<'a> {
        let outside = |source| match source {
            Source::Input(index) => Some(&feed.inputs[index]),
            Source::Target(output) => Some(&feed.targets[output]),
            Source::Parameter(id) => Some(&feed.parameters[id.0]),
            Source::State(id) => Some(&feed.states[id.0]),
            Source::Node => None,
        };
        let rounded = |(index, values): (usize, Option<&Vec<f64>>)| {
            values.map(|values| values.iter().map(|element| round(ValueId(index), *element)).collect())
        };
        let values =
            graph.values.iter().map(|value| outside(value.source)).enumerate().map(rounded).collect();
        Run { graph, feed, round: Box::new(round), values }
    }

    /// Computes a node, the next one in order.
    pub(crate) fn advance(&mut self, node: &Node) {
        let outputs = self.node(node);
        for (output, values) in node.outputs.iter().zip(outputs) {
            assert_eq!(values.len(), self.len(*output), "{}", self.graph.node_text(node));
            let stored = values.into_iter().map(|element| (self.round)(*output, element)).collect();
            self.values[output.0] = Some(stored);
        }
    }
}

impl Run<'_> {
    /// What a value holds.
    pub(crate) fn value(&self, id: ValueId) -> &[f64] {
        self.values[id.0].as_deref().expect("nodes stand in execution order")
    }

    /// The mean loss of the batch.
    pub(crate) fn loss(&self) -> f64 {
        self.value(self.graph.loss).iter().sum::<f64>() / self.feed.batch as f64
    }

    /// The gradient of each parameter; none of a frozen one.
    pub(crate) fn gradients(&self) -> Vec<Option<Vec<f64>>> {
        self.graph.gradients.iter().map(|gradient| gradient.map(|value| self.value(value).to_vec())).collect()
    }

    /// Elements of a value in this batch.
    fn len(&self, id: ValueId) -> usize {
        let ty = self.graph.ty(id);
        if ty.batched { self.feed.batch * ty.len() } else { ty.len() }
    }

    /// The n-th input of a node that reads tensors alone.
    fn input(&self, node: &Node, index: usize) -> &[f64] {
        self.value(node.input(index))
    }

    /// The result of a product without what is fused after it.
    pub(crate) fn plain_product(&self, node: &Node) -> Vec<f64> {
        products::product(&node.op, self.feed.batch, self.input(node, 0), self.input(node, 1))
    }

    fn node(&self, node: &Node) -> Vec<Vec<f64>> {
        let x = |index| self.input(node, index);
        let batch = self.feed.batch;
        let channels = |index| self.graph.ty(node.input(index)).channels();
        match &node.op {
            Op::Conv(_)
            | Op::ConvBackwardData(_)
            | Op::ConvBackwardWeight(_)
            | Op::Linear
            | Op::LinearBackwardData
            | Op::LinearBackwardWeight => {
                vec![self.with_epilogue(node, self.plain_product(node))]
            }
            Op::MaxPool { pool, expr } => {
                pools::max(pool, batch, &self.function(node, expr))[..node.outputs.len()].to_vec()
            }
            Op::MaxPoolBackward(pool) => vec![pools::max_backward(pool, batch, x(0), x(1))],
            Op::AvgPool(pool) => vec![pools::mean(pool, batch, x(0))],
            Op::AvgPoolBackward(pool) => vec![pools::mean_backward(pool, batch, x(0))],
            Op::Resize(resize) => vec![pools::resize(resize, batch, x(0))],
            Op::ResizeBackward(resize) => vec![pools::resize_backward(resize, batch, x(0))],
            Op::Statistics(keep) => {
                statistics::statistics(*keep, self.graph.ty(node.input(0)), batch, x(0)).to_vec()
            }
            Op::RunningStatistics { momentum, positions } => {
                statistics::running(*momentum, batch * positions, [x(0), x(1), x(2), x(3)]).to_vec()
            }
            Op::Normalize(_) => vec![self.normalize(node)],
            Op::Pointwise(exprs) => self.pointwise(node, exprs),
            Op::Reduce { exprs, keep } => self.reduce(node, exprs, *keep),
            Op::Softmax => vec![softmax::softmax(channels(0), x(0))],
            Op::SoftmaxBackward => vec![softmax::softmax_backward(channels(0), x(0), x(1))],
            Op::LogSumExp => vec![softmax::log_sum_exp(channels(0), x(0))],
            Op::CrossEntropy(loss) => {
                vec![losses::cross_entropy(loss, batch, channels(0), x(0), &self.feed.labels[loss.target])]
            }
            Op::CrossEntropyBackward(loss) => {
                let labels = &self.feed.labels[loss.target];
                vec![losses::cross_entropy_backward(loss, channels(0), x(0), labels)]
            }
            Op::LossTerms(term) => vec![losses::terms(term, batch, x(0), x(1))],
            Op::LossTermsBackward(slope) => vec![losses::terms_backward(slope, x(0), x(1))],
            Op::Concat => vec![self.concat(node)],
            Op::Split => self.split(node),
            Op::Permute(permute) => vec![layout::permute(permute, batch, x(0))],
            Op::Crop(crop) => vec![layout::crop(crop, batch, x(0))],
            Op::Reshape => vec![x(0).to_vec()],
        }
    }
}

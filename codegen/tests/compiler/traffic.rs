//! How often a block's maps pass through memory, beside the convolutions themselves.
//!
//! Unit is one reading or writing of the map that the block's first convolution makes. A block of
//! convolution, norm, activation and pooling is bound by these passes wherever its channels are few.

use crate::models::{Body, pooling, window};
use nnc_codegen::compile;
use nnc_codegen::graph::{Graph, Node, Op, Section, ValueId};
use nnc_dsl::model::{Join, Layer};
use nnc_dsl::scalar::{Binary, Expr};

const CHANNELS: usize = 4;
const SIZE: usize = 8;

/// The passes of a section in quarters: tensors that a node reads or writes and that grow with the batch.
fn quarters(graph: &Graph, section: Section) -> usize {
    let counts = |node: &&Node| {
        let word = graph.origins[node.origin.0].word.as_str();
        node.section == section && ["norm", "relu", "pool", "join"].contains(&word)
    };
    let map = CHANNELS * SIZE * SIZE;
    let of = |node: &Node| {
        let mut values: Vec<ValueId> = node.reads().chain(node.outputs.iter().copied()).collect();
        values.sort_unstable();
        values.dedup();
        let lens = values.iter().map(|value| graph.ty(*value)).filter(|ty| ty.batched).map(|ty| ty.len());
        lens.sum::<usize>() * 4 / map
    };
    let nodes = graph.nodes.iter().filter(counts);
    nodes.filter(|node| !matches!(node.op, Op::Conv(_) | Op::Reshape)).map(of).sum()
}

/// Forward and backward in training, and evaluation, in quarters.
fn passes(block: Body) -> [usize; 3] {
    let compiled = compile(&block.mixed().model());
    let training = [Section::Forward, Section::Backward];
    let [forward, backward] = training.map(|section| quarters(&compiled.training.graph, section));
    [forward, backward, quarters(&compiled.evaluation.graph, Section::Forward)]
}

fn normed() -> Body {
    let norm = Layer::BatchNorm { eps: 1e-5, momentum: 0.1, gamma: 1.0 };
    let map = [CHANNELS, SIZE, SIZE];
    Body::new(&map).mixed().layer("conv", Layer::Conv(window(&[3, 3], 1, 1)), &map).same("norm", norm)
}

fn relu() -> Layer {
    Layer::Activation(Expr::var(0).binary(Binary::Max, Expr::Const(0.0)))
}

#[test]
fn a_norm_with_its_activation() {
    // Statistics; once through. Sums of two maps; a map from two.
    assert_eq!(passes(normed().same("relu", relu())), [4 + 8, 8 + 12, 0]);
}

#[test]
fn a_norm_with_its_activation_and_a_pooling_that_tiles_the_map() {
    let half = [CHANNELS, SIZE / 2, SIZE / 2];
    let pool = Layer::MaxPool(pooling(2, 2, 0));
    // Statistics; the map once, to maxima and their places. Back, these stand for a map of gradients.
    let expected = [4 + 4 + 2, (4 + 2) + (4 + 2 + 4), 4 + 1];
    assert_eq!(passes(normed().same("relu", relu()).layer("pool", pool, &half)), expected);
}

#[test]
fn a_norm_with_its_activation_and_overlapping_windows() {
    let half = [CHANNELS, SIZE / 2, SIZE / 2];
    let pool = Layer::MaxPool(pooling(3, 2, 1));
    // The gradient of the map is made from the map, so both are stored.
    let expected = [4 + 8 + 5, 9 + 8 + 12, 4 + 1];
    assert_eq!(passes(normed().same("relu", relu()).layer("pool", pool, &half)), expected);
}

#[test]
fn a_residual_sum_with_its_activation() {
    let map = [CHANNELS, SIZE, SIZE];
    let block = Body::new(&map).mixed().join(Join::Add, vec![Body::new(&map), normed()], &map);
    // Statistics; norm, sum and activation at once. Back, the activation's mask is read off its result, by
    // the sums and by the map of the norm; the other branch adds it to what it gets from the convolution.
    assert_eq!(passes(block.same("relu", relu())), [4 + 12, 12 + 16, 0]);
}

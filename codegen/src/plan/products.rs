//! The convolutions and matrix products of a pass, which may take memory of their own when they run.

use super::Plan;
use crate::graph::{Conv, Node, Op, ValueId};

/// A product with a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Which one.
    pub kind: ProductKind,
    /// Its extents; a linear layer is a convolution of maps of one element.
    pub conv: Conv,
}

/// What a product computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductKind {
    /// y from x and w.
    Forward,
    /// dx from dy and w.
    BackwardData,
    /// dw from x and dy.
    BackwardWeight,
}

impl Plan {
    /// The products of the pass in the order of execution. Of equal ones with the same weight, as a shared
    /// sub-network has them, only the first.
    pub fn products(&self) -> Vec<Product> {
        let mut products: Vec<(Product, ValueId)> = Vec::new();
        for node in &self.graph.nodes {
            let Some(product) = self.product(node) else { continue };
            let product = (product, node.input(1));
            if !products.contains(&product) {
                products.push(product);
            }
        }
        products.into_iter().map(|(product, _)| product).collect()
    }

    fn product(&self, node: &Node) -> Option<Product> {
        let linear = |inputs: ValueId, outputs: ValueId| {
            let [inputs, outputs] = [inputs, outputs].map(|value| self.graph.ty(value).len());
            let (input, output, ones) = ([1, 1, 1, inputs], [1, 1, 1, outputs], [1; 3]);
            Conv { input, output, kernel: ones, stride: ones, pad: [0; 3], dilation: ones, groups: 1 }
        };
        let (kind, conv) = match node.op {
            Op::Conv(conv) => (ProductKind::Forward, conv),
            Op::ConvBackwardData(conv) => (ProductKind::BackwardData, conv),
            Op::ConvBackwardWeight(conv) => (ProductKind::BackwardWeight, conv),
            Op::Linear => (ProductKind::Forward, linear(node.input(0), node.outputs[0])),
            Op::LinearBackwardData => (ProductKind::BackwardData, linear(node.outputs[0], node.input(0))),
            Op::LinearBackwardWeight => (ProductKind::BackwardWeight, linear(node.input(0), node.input(1))),
            _ => return None,
        };
        Some(Product { kind, conv })
    }
}

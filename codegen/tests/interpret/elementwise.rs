//! Functions of each element, their sums, and random numbers.

use nnc_codegen::graph::{Distribution, Keep, Node, Operand, Per, Spread, Type};
use nnc_dsl::scalar::Expr;

use super::Run;
use super::pools::unpooled;
use super::statistics::{kept, stored};

impl Run<'_> {
    pub(super) fn pointwise(&self, node: &Node, exprs: &[Expr]) -> Vec<Vec<f64>> {
        let extent = self.graph.ty(node.outputs[0]);
        let count = self.len(node.outputs[0]);
        exprs.iter().map(|expr| self.elements(expr, &node.inputs, extent, count, &[])).collect()
    }

    pub(super) fn reduce(&self, node: &Node, exprs: &[Expr], keep: Keep) -> Vec<Vec<f64>> {
        let extent = self.graph.ty(node.input(0));
        let (numbers, of) = kept(keep, extent, self.feed.batch);
        let sum = |expr: &Expr| {
            let mut sums = vec![0.0; numbers];
            let terms = self.elements(expr, &node.inputs, extent, self.len(node.input(0)), &[]);
            terms.iter().enumerate().for_each(|(element, term)| sums[of(element)] += term);
            stored(keep, extent, sums)
        };
        exprs.iter().map(sum).collect()
    }

    /// The result of a convolution or matrix product after its epilogue.
    pub(super) fn with_epilogue(&self, node: &Node, result: Vec<f64>) -> Vec<f64> {
        let Some(epilogue) = &node.epilogue else { return result };
        let extent = self.graph.ty(node.outputs[0]);
        self.elements(&epilogue.expr, &epilogue.inputs, extent, result.len(), &result)
    }

    /// (x − mean) · inverse deviation · scale + shift
    pub(super) fn normalize(&self, node: &Node) -> Vec<f64> {
        let [x, mean, inverse, scale, shift] = [0, 1, 2, 3, 4].map(Expr::var);
        let plain = (x - mean) * inverse;
        let expr = if node.inputs.len() == 5 { plain * scale + shift } else { plain };
        self.elements(&expr, &node.inputs, self.graph.ty(node.outputs[0]), self.len(node.outputs[0]), &[])
    }

    /// A function of each element of the extent of the first input.
    pub(super) fn function(&self, node: &Node, expr: &Expr) -> Vec<f64> {
        let extent = node.input(0);
        self.elements(expr, &node.inputs, self.graph.ty(extent), self.len(extent), &[])
    }

    fn elements(
        &self,
        expr: &Expr,
        operands: &[Operand],
        extent: &Type,
        count: usize,
        result: &[f64],
    ) -> Vec<f64> {
        let element = |index: usize| {
            let values: Vec<f64> =
                operands.iter().map(|operand| self.operand(*operand, extent, index, result)).collect();
            expr.eval(&values)
        };
        (0..count).map(element).collect()
    }

    /// What an operand has for element `index` of the extent.
    fn operand(&self, operand: Operand, extent: &Type, index: usize, result: &[f64]) -> f64 {
        let (len, channels) = (extent.len(), extent.channels());
        let sample_channel = index / len * channels + index % channels;
        match operand {
            Operand::Value(id) => {
                let place = match Spread::of(self.graph.ty(id), extent).expect("the verifier has checked") {
                    Spread::Full => index,
                    Spread::Channel => index % channels,
                    Spread::SampleChannel => sample_channel,
                    Spread::Position => index / channels,
                };
                self.value(id)[place]
            }
            Operand::InverseCount { positions } => 1.0 / (self.feed.batch * positions) as f64,
            Operand::Random { stream, distribution, per } => {
                let place = match per {
                    Per::Element => index,
                    Per::SampleChannel => sample_channel,
                    Per::Sample => index / len,
                };
                random(stream, distribution, place)
            }
            Operand::Unpooled { pool, dy, place } => {
                unpooled(&pool, index, self.value(dy), self.value(place))
            }
            Operand::Result => result[index],
        }
    }
}

/// Any numbers do that are a function of stream and place; a normal one by Box & Muller 1958.
fn random(stream: u32, distribution: Distribution, place: usize) -> f64 {
    let uniform = |draw: u64| uniform(u64::from(stream) << 40 | (place as u64) << 1 | draw);
    match distribution {
        Distribution::Uniform => uniform(0),
        Distribution::Normal => {
            (-2.0 * (1.0 - uniform(0)).ln()).sqrt() * (std::f64::consts::TAU * uniform(1)).cos()
        }
    }
}

/// SplitMix64 (Steele et al. 2014), scaled to [0, 1).
pub(crate) fn uniform(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

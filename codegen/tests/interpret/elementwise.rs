//! Functions of each element, their sums, and random numbers.

use nnc_codegen::graph::{Distribution, Keep, Node, Op, Operand, Per, Spread, Type};
use nnc_codegen::scalar::{children, map_children};
use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};

use super::pools::unpooled;
use super::statistics::{kept, stored};
use super::{Run, products};

impl Run<'_> {
    pub(super) fn pointwise(&self, node: &Node, exprs: &[Expr]) -> Vec<Vec<f64>> {
        let extent = self.graph.ty(node.outputs[0]);
        let count = self.len(node.outputs[0]);
        exprs.iter().map(|expr| self.elements(expr, &node.inputs, extent, count, &[])).collect()
    }

    pub(super) fn reduce(&self, node: &Node, exprs: &[Expr], keep: Keep) -> Vec<Vec<f64>> {
        let extent = self.graph.ty(node.input(0));
        let sum = |expr: &Expr| {
            let terms = self.elements(expr, &node.inputs, extent, self.len(node.input(0)), &[]);
            sums(keep, extent, self.feed.batch, &terms)
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

    /// What rounding may do to each result, if its expressions are known; `tolerance` is what products and
    /// sums of them may be off by.
    pub(crate) fn rounding(&self, node: &Node, tolerance: f64) -> Option<Vec<Rounding>> {
        let (exprs, extent) = match &node.op {
            Op::Pointwise(exprs) => (exprs, node.outputs[0]),
            Op::Reduce { exprs, .. } => (exprs, node.input(0)),
            Op::Conv(_)
            | Op::ConvBackwardData(_)
            | Op::ConvBackwardWeight(_)
            | Op::Linear
            | Op::LinearBackwardData
            | Op::LinearBackwardWeight => return Some(vec![self.product_rounding(node, tolerance)]),
            _ => return None,
        };
        let (ty, count) = (self.graph.ty(extent), self.len(extent));
        let of = |function: &dyn Fn(&[f64]) -> f64| {
            let terms = self.elements_by(function, &node.inputs, ty, count, &[]);
            match node.op {
                Op::Reduce { keep, .. } => sums(keep, ty, self.feed.batch, &terms),
                _ => terms,
            }
        };
        let rounding = |expr: &Expr| Rounding {
            size: of(&|values| size(expr, values)).into_iter().fold(0.0, f64::max),
            jumps: of(&|values| jump(expr, values)),
        };
        Some(exprs.iter().map(rounding).collect())
    }

    /// A product's error is relative to what it would be if its terms did not cancel; what is fused after it
    /// passes it on.
    fn product_rounding(&self, node: &Node, tolerance: f64) -> Rounding {
        let [first, second] = [0, 1].map(|index| self.value(node.input(index)));
        let size = products::size(&node.op, self.feed.batch, first, second);
        let exact = products::product(&node.op, self.feed.batch, first, second);
        let Some(epilogue) = &node.epilogue else {
            return Rounding { size, jumps: vec![0.0; exact.len()] };
        };
        let after = |shift: f64| {
            let shifted: Vec<f64> = exact.iter().map(|x| x + shift * tolerance * size).collect();
            let extent = self.graph.ty(node.outputs[0]);
            self.elements(&epilogue.expr, &epilogue.inputs, extent, exact.len(), &shifted)
        };
        let [below, at, above] = [-1.0, 0.0, 1.0].map(after);
        let jump = |index: usize| (below[index] - at[index]).abs().max((above[index] - at[index]).abs());
        Rounding { size: 0.0, jumps: (0..exact.len()).map(jump).collect() }
    }

    fn elements(
        &self,
        expr: &Expr,
        operands: &[Operand],
        extent: &Type,
        count: usize,
        result: &[f64],
    ) -> Vec<f64> {
        self.elements_by(|values| expr.eval(values), operands, extent, count, result)
    }

    fn elements_by(
        &self,
        function: impl Fn(&[f64]) -> f64,
        operands: &[Operand],
        extent: &Type,
        count: usize,
        result: &[f64],
    ) -> Vec<f64> {
        let element = |index: usize| {
            let values: Vec<f64> =
                operands.iter().map(|operand| self.operand(*operand, extent, index, result)).collect();
            function(&values)
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

fn sums(keep: Keep, extent: &Type, batch: usize, terms: &[f64]) -> Vec<f64> {
    let (numbers, of) = kept(keep, extent, batch);
    let mut sums = vec![0.0; numbers];
    terms.iter().enumerate().for_each(|(element, term)| sums[of(element)] += term);
    stored(keep, extent, sums)
}

/// What rounding may do to a result.
pub(crate) struct Rounding {
    /// The largest element if no terms cancelled: what errors are relative to.
    pub(crate) size: f64,
    /// By how much each element changes if choices between all but equal numbers turn out otherwise.
    pub(crate) jumps: Vec<f64>,
}

/// The value with every sign in sums and products turned so that nothing cancels.
fn size(expr: &Expr, values: &[f64]) -> f64 {
    match expr {
        Expr::Unary(Unary::Neg, x) => size(x, values),
        Expr::Binary(Binary::Add | Binary::Sub, a, b) => size(a, values) + size(b, values),
        Expr::Binary(Binary::Mul, a, b) => size(a, values) * size(b, values),
        Expr::Binary(Binary::Div, a, b) => size(a, values) / b.eval(values).abs(),
        Expr::Select(compare, parts) => size(&parts[chosen(*compare, parts, values)], values),
        Expr::Const(_) | Expr::Var(_) | Expr::Unary(..) | Expr::Binary(..) => expr.eval(values).abs(),
    }
}

fn jump(expr: &Expr, values: &[f64]) -> f64 {
    if is_undecided(expr, values) {
        (expr.eval(values) - otherwise(expr, values).eval(values)).abs()
    } else {
        0.0
    }
}

/// Whether a comparison may turn out otherwise in single precision.
fn is_undecided(expr: &Expr, values: &[f64]) -> bool {
    let here = matches!(expr, Expr::Select(_, parts) if is_close(parts, values));
    here || children(expr).into_iter().any(|part| is_undecided(part, values))
}

/// Whether the compared numbers are equal but for rounding; operands are what they are.
fn is_close([left, right, ..]: &[Expr; 4], values: &[f64]) -> bool {
    let exact = [left, right].iter().all(|side| children(side).is_empty());
    let difference = (left.eval(values) - right.eval(values)).abs();
    !exact && difference <= 1e-6 * (size(left, values) + size(right, values))
}

/// The expression with all its choices made, those that are not decided against their value.
fn otherwise(expr: &Expr, values: &[f64]) -> Expr {
    match expr {
        Expr::Select(compare, parts) => {
            let chosen = chosen(*compare, parts, values);
            otherwise(&parts[if is_close(parts, values) { 5 - chosen } else { chosen }], values)
        }
        _ => map_children(expr, &mut |part| otherwise(part, values)),
    }
}

/// The place of the branch that is taken.
fn chosen(compare: Compare, [left, right, ..]: &[Expr; 4], values: &[f64]) -> usize {
    let (left, right) = (left.eval(values), right.eval(values));
    let holds = match compare {
        Compare::Less => left < right,
        Compare::Greater => left > right,
    };
    if holds { 2 } else { 3 }
}

/// What a run with seed 0 draws in its first step: four numbers from each block of Philox, a uniform one
/// from the upper 24 bits of a word, two normal ones from two words (Box & Muller 1958).
fn random(stream: u32, distribution: Distribution, place: usize) -> f64 {
    let words = philox([(place / 4) as u32, 0, 0, 1 << 24 | stream]);
    let unit = |word: u32| f64::from(word >> 8) / f64::from(1 << 24);
    let word = place % 4;
    match distribution {
        Distribution::Uniform => unit(words[word]),
        Distribution::Normal => {
            let radius = (-2.0 * (unit(words[word & 2]) + 0.5f64.powi(24)).ln()).sqrt();
            let angle = f64::from(words[word | 1]) * 0.5f64.powi(32) * std::f64::consts::TAU;
            radius * if word & 1 == 0 { angle.cos() } else { angle.sin() }
        }
    }
}

/// Philox4x32-10 with key 0 (Salmon et al. 2011).
fn philox(counter: [u32; 4]) -> [u32; 4] {
    (0..10u32).fold(counter, |[a, b, c, d], round| {
        let [first, second] = [(a, 0xD251_1F53u64), (c, 0xCD9E_8D57)].map(|(word, by)| u64::from(word) * by);
        let [high, low] = [|product: u64| (product >> 32) as u32, |product: u64| product as u32];
        let key = [0x9E37_79B9, 0xBB67_AE85].map(|weyl: u32| weyl.wrapping_mul(round));
        [high(second) ^ b ^ key[0], low(second), high(first) ^ d ^ key[1], low(first)]
    })
}

/// SplitMix64 (Steele et al. 2014), scaled to [0, 1).
pub(crate) fn uniform(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

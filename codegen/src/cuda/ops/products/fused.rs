//! What libraries can compute after a product themselves: a number for each channel is added, and what is
//! negative becomes zero.

use nnc_dsl::scalar::{Binary, Expr};

use crate::cuda::{Element, Emitter, Fused};
use crate::graph::{Epilogue, Node, Operand, Spread, ValueId};

/// What is fused after a product, if it is `max(result, 0)`, `result + bias` or `max(result + bias, 0)`. The
/// bias is that of the parameters' copies which is stored as the result is.
pub(super) fn fused(emitter: &Emitter, node: &Node) -> Option<Fused> {
    let Epilogue { inputs, expr } = node.epilogue.as_ref()?;
    let extent = emitter.ty(node.outputs[0]);
    let is_bias = |value: &ValueId| Spread::of(emitter.ty(*value), extent) == Some(Spread::Channel);
    let bias = |operand: &Operand| operand.value().filter(is_bias);
    let memory = emitter.memory();
    let place = |value: ValueId| match memory.place(node.outputs[0]).region.element() {
        Element::Real => memory.weight_place(value),
        Element::Float | Element::Place => memory.place(value),
    };
    match above_zero(expr) {
        Some(inner) if is_result(inner, inputs) => Some(Fused::Relu),
        Some(inner) => added(inner, inputs).and_then(bias).map(place).map(Fused::BiasRelu),
        None => added(expr, inputs).and_then(bias).map(place).map(Fused::Bias),
    }
}

/// `x` of `max(x, 0)`.
fn above_zero(expr: &Expr) -> Option<&Expr> {
    let Expr::Binary(Binary::Max, a, b) = expr else { return None };
    let zero = Expr::Const(0.0);
    match () {
        () if **b == zero => Some(a),
        () if **a == zero => Some(b),
        () => None,
    }
}

/// What is added to the product in `result + operand`.
fn added<'a>(expr: &Expr, inputs: &'a [Operand]) -> Option<&'a Operand> {
    let Expr::Binary(Binary::Add, a, b) = expr else { return None };
    let other = if is_result(a, inputs) { b } else { a };
    let has_result = is_result(a, inputs) || is_result(b, inputs);
    match **other {
        Expr::Var(index) if has_result => Some(&inputs[index]),
        _ => None,
    }
}

fn is_result(expr: &Expr, inputs: &[Operand]) -> bool {
    matches!(expr, Expr::Var(index) if inputs[*index] == Operand::Result)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both operands of an epilogue: the product, and a tensor.
    const INPUTS: [Operand; 2] = [Operand::Result, Operand::Value(ValueId(7))];

    #[test]
    fn sums_and_maxima_either_way_round() {
        let (result, bias) = (Expr::var(0), Expr::var(1));
        for (a, b) in [(&result, &bias), (&bias, &result)] {
            let sum = a.clone().binary(Binary::Add, b.clone());
            assert_eq!(added(&sum, &INPUTS), Some(&INPUTS[1]));
            assert_eq!(added(&a.clone().binary(Binary::Sub, b.clone()), &INPUTS), None);
            assert_eq!(above_zero(&sum), None);
        }
        let zero = Expr::Const(0.0);
        for (a, b) in [(&result, &zero), (&zero, &result)] {
            assert_eq!(above_zero(&a.clone().binary(Binary::Max, b.clone())), Some(&result));
            assert_eq!(above_zero(&a.clone().binary(Binary::Min, b.clone())), None);
            assert_eq!(added(&a.clone().binary(Binary::Add, b.clone()), &INPUTS), None);
        }
        assert_eq!(above_zero(&result.clone().binary(Binary::Max, Expr::Const(1.0))), None);
        assert_eq!(added(&result.clone().binary(Binary::Add, result), &INPUTS), Some(&Operand::Result));
        assert_eq!(added(&bias.clone().binary(Binary::Add, bias), &INPUTS), None);
    }
}

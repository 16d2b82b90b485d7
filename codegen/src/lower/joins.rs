//! How branches come together.

use nnc_dsl::model::Join;
use nnc_dsl::scalar::{Binary, Expr};

use super::Lowering;
use super::build::Place;
use crate::graph::{MAX_OPERANDS, Op, Type, ValueId};

impl Lowering {
    pub(super) fn join(&mut self, join: Join, branches: &[ValueId], result: &Type, place: &Place) -> ValueId {
        match join {
            Join::Concat => self.compute(place, "", result.clone(), Op::Concat, branches),
            Join::Add => self.all(Binary::Add, branches, place),
            Join::Mul => self.all(Binary::Mul, branches, place),
        }
    }

    /// The operands one after the other, joined by `function`; the first has the result's extent.
    fn all(&mut self, function: Binary, operands: &[ValueId], place: &Place) -> ValueId {
        let mut operands = operands.to_vec();
        while operands.len() > MAX_OPERANDS {
            let rest = operands.split_off(MAX_OPERANDS);
            let part = self.elementwise("part", joined(function, operands.len()), &operands, place);
            operands = [vec![part], rest].concat();
        }
        self.elementwise("", joined(function, operands.len()), &operands, place)
    }
}

fn joined(function: Binary, count: usize) -> Expr {
    (1..count).fold(Expr::var(0), |joined, index| joined.binary(function, Expr::var(index)))
}

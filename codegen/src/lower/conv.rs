//! Convolutions and matrix products.

use nnc_dsl::model::{self, Init, Step};
use nnc_dsl::scalar::Expr;

use super::build::Place;
use super::initial::Fans;
use super::window::{axes, volume};
use super::{Lowering, batched};
use crate::graph::{Conv, Op, Role, ValueId};

impl Lowering {
    pub(super) fn conv(&mut self, conv: &model::Conv, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let extents = extents(conv, volume(&step.input), volume(&step.output));
        let window = conv.kernel.iter().product::<usize>() as f64;
        let fans = Fans {
            inward: window * (extents.input[3] / conv.groups) as f64,
            outward: window * (extents.output[3] / conv.groups) as f64,
        };
        let weight = self.conv_weight(conv, &extents, fans, place);
        let y = self.compute(place, "", batched(&step.output), Op::Conv(extents), &[x, weight]);
        self.add_bias(conv.bias, y, place)
    }

    /// The gradient of the convolution that leads from the word's output to its input (Dumoulin & Visin
    /// 2016, chapter 4). What `output_pad` adds is known from the output's extent.
    pub(super) fn conv_transpose(
        &mut self,
        conv: &model::Conv,
        step: &Step,
        x: ValueId,
        place: &Place,
    ) -> ValueId {
        let mirror = extents(conv, volume(&step.output), volume(&step.input));
        let window = conv.kernel.iter().product::<usize>() as f64;
        // An output sums one element in so many: the windows lie a stride apart.
        let strides = conv.stride.iter().product::<usize>() as f64;
        let fans = Fans {
            inward: (window / strides).max(1.0) * (mirror.output[3] / conv.groups) as f64,
            outward: window * (mirror.input[3] / conv.groups) as f64,
        };
        let weight = self.conv_weight(conv, &mirror, fans, place);
        let y = self.compute(place, "", batched(&step.output), Op::ConvBackwardData(mirror), &[x, weight]);
        self.add_bias(conv.bias, y, place)
    }

    fn conv_weight(&mut self, conv: &model::Conv, extents: &Conv, fans: Fans, place: &Place) -> ValueId {
        let channels = [extents.input[3] / conv.groups, extents.output[3]];
        let dims = [&conv.kernel[..], &channels].concat();
        self.parameter(place, "weight", &dims, Role::ConvolutionWeight, fans.resolve(conv.init))
    }

    pub(super) fn linear(
        &mut self,
        bias: bool,
        init: Init,
        step: &Step,
        x: ValueId,
        place: &Place,
    ) -> ValueId {
        let dims = [step.input.len(), step.output.len()];
        let fans = Fans { inward: dims[0] as f64, outward: dims[1] as f64 };
        let weight = self.parameter(place, "weight", &dims, Role::LinearWeight, fans.resolve(init));
        let y = self.compute(place, "", batched(&step.output), Op::Linear, &[x, weight]);
        self.add_bias(bias, y, place)
    }

    fn add_bias(&mut self, bias: bool, y: ValueId, place: &Place) -> ValueId {
        if !bias {
            return y;
        }
        let channels = self.graph.ty(y).channels();
        let bias = self.parameter(place, "bias", &[channels], Role::Bias, Init::Constant(0.0));
        self.elementwise("biased", Expr::var(0) + Expr::var(1), &[y, bias], place)
    }
}

fn extents(conv: &model::Conv, input: [usize; 4], output: [usize; 4]) -> Conv {
    Conv {
        input,
        output,
        kernel: axes(&conv.kernel, 1),
        stride: axes(&conv.stride, 1),
        pad: axes(&conv.pad, 0),
        dilation: axes(&conv.dilation, 1),
        groups: conv.groups,
    }
}

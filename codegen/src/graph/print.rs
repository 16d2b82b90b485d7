//! The graph as text: one line a node.
//!
//! ```text
//! forward:
//!   conv1: batch×8x8x32 = conv(input, conv1.weight) 3x3 stride 1x1 pad 1x1
//! ```

use std::fmt;

use nnc_dsl::scalar::Expr;

use super::{
    Conv, CrossEntropy, Distribution, Epilogue, Graph, Keep, Node, Op, Operand, Per, Pool, Section, Type,
    ValueId, Windows,
};
use crate::scalar::display;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{:?} graph, {} nodes", self.mode, self.nodes.len())?;
        for section in Section::ALL {
            let mut nodes = self.nodes.iter().filter(|node| node.section == section).peekable();
            if nodes.peek().is_some() {
                writeln!(f, "{}:", format!("{section:?}").to_lowercase())?;
            }
            nodes.try_for_each(|node| writeln!(f, "  {}", self.node_text(node)))?;
        }
        let name = |id: ValueId| &self.value(id).name;
        let outputs: Vec<&str> = self.outputs.iter().map(|output| name(*output).as_str()).collect();
        writeln!(f, "output {}, loss {}", outputs.join(", "), name(self.loss))?;
        let gradients = self.parameters.iter().zip(&self.gradients);
        for (parameter, gradient) in gradients.filter_map(|(parameter, found)| Some((parameter, (*found)?))) {
            writeln!(f, "gradient of {}: {}", parameter.name, name(gradient))?;
        }
        Ok(())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let dims = if self.dims.is_empty() { "1".to_owned() } else { axes_text(&self.dims) };
        write!(f, "{}{dims}", if self.batched { "batch×" } else { "" })
    }
}

impl Graph {
    /// One node as a line of text.
    pub fn node_text(&self, node: &Node) -> String {
        let outputs: Vec<String> =
            node.outputs.iter().map(|id| format!("{}: {}", self.value(*id).name, self.ty(*id))).collect();
        let inputs: Vec<String> = node.inputs.iter().map(|operand| self.operand_text(*operand)).collect();
        let detail = self.detail(&node.op, &inputs);
        let epilogue =
            node.epilogue.as_ref().map(|epilogue| self.epilogue_text(epilogue)).unwrap_or_default();
        format!("{} = {}({}){detail}{epilogue}", outputs.join(", "), node.op.name(), inputs.join(", "))
    }

    fn operand_text(&self, operand: Operand) -> String {
        match operand {
            Operand::Value(id) => self.value(id).name.clone(),
            Operand::InverseCount { positions } => format!("1/(batch*{positions})"),
            Operand::Random { stream, distribution, per } => random_text(stream, distribution, per),
            Operand::Unpooled { dy, place, .. } => {
                format!("unpooled({}, {})", self.value(dy).name, self.value(place).name)
            }
            Operand::Result => "result".to_owned(),
        }
    }

    fn epilogue_text(&self, epilogue: &Epilogue) -> String {
        let names: Vec<String> = epilogue.inputs.iter().map(|operand| self.operand_text(*operand)).collect();
        format!(" then {}", display(&epilogue.expr, &names))
    }

    fn detail(&self, op: &Op, inputs: &[String]) -> String {
        match op {
            Op::Conv(conv) | Op::ConvBackwardData(conv) | Op::ConvBackwardWeight(conv) => conv_text(conv),
            Op::MaxPool { pool, expr: Expr::Var(0) } | Op::MaxPoolBackward(pool) => pool_text(pool),
            Op::MaxPool { pool, expr } => format!("{} of {}", pool_text(pool), display(expr, inputs)),
            Op::AvgPool(pool) | Op::AvgPoolBackward(pool) => {
                format!("{}{}", pool_text(pool), if pool.count_pad { " counting padding" } else { "" })
            }
            Op::Resize(resize) | Op::ResizeBackward(resize) => {
                let interpolation = format!("{:?}", resize.interpolation).to_lowercase();
                format!(" {} to {} {interpolation}", axes_text(&resize.input), axes_text(&resize.output))
            }
            Op::Pointwise(exprs) | Op::Reduce { exprs, .. } => {
                let texts: Vec<String> = exprs.iter().map(|expr| display(expr, inputs)).collect();
                format!(" {{ {} }}", texts.join("; "))
            }
            Op::LossTerms(expr) | Op::LossTermsBackward(expr) => format!(" {{ {} }}", display(expr, inputs)),
            Op::RunningStatistics { momentum, .. } => format!(" momentum {momentum}"),
            Op::Normalize(keep) => format!(" {}", format!("{keep:?}").to_lowercase()),
            Op::Statistics(Keep::Groups(groups)) => format!(" {groups} groups"),
            Op::Statistics(Keep::Channels | Keep::Positions) => String::new(),
            Op::CrossEntropy(loss) | Op::CrossEntropyBackward(loss) => cross_entropy_text(loss),
            Op::Permute(permute) => format!(" {} by {}", axes_text(&permute.dims), axes_text(&permute.order)),
            Op::Crop(crop) => {
                format!(" {} to {} from {:?}", axes_text(&crop.input), axes_text(&crop.output), crop.offset)
            }
            Op::Linear | Op::LinearBackwardData | Op::LinearBackwardWeight => String::new(),
            Op::Softmax | Op::SoftmaxBackward | Op::LogSumExp => String::new(),
            Op::Concat | Op::Split | Op::Reshape => String::new(),
        }
    }
}

fn random_text(stream: u32, distribution: Distribution, per: Per) -> String {
    let per = match per {
        Per::Element => "",
        Per::SampleChannel => " per channel",
        Per::Sample => " per sample",
    };
    format!("{}#{stream}{per}", format!("{distribution:?}").to_lowercase())
}

/// Window, strides and the rest: ` 3x3 stride 1x1 pad 1x1`.
pub(crate) fn conv_text(conv: &Conv) -> String {
    let first = first_axis(&conv.input, &conv.output, &conv.kernel);
    let text = |axes: &[usize; 3]| axes_text(&axes[first..]);
    let dilation = match conv.dilation {
        [1, 1, 1] => String::new(),
        _ => format!(" dilation {}", text(&conv.dilation)),
    };
    let groups = if conv.groups == 1 { String::new() } else { format!(" groups {}", conv.groups) };
    let [kernel, stride, pad] = [&conv.kernel, &conv.stride, &conv.pad].map(text);
    format!(" {kernel} stride {stride} pad {pad}{dilation}{groups}")
}

fn pool_text(pool: &Pool) -> String {
    let [sizes, strides, pads] = [0, 1, 2].map(|setting| {
        pool.windows.map(|windows| match windows {
            Windows::Sliding { size, stride, pad } => [size, stride, pad][setting],
            Windows::Adaptive => 1,
        })
    });
    let first = first_axis(&pool.input, &pool.output, &sizes);
    match pool.windows[2] {
        Windows::Adaptive => format!(" to {}", axes_text(&pool.output[first..3])),
        Windows::Sliding { .. } => {
            let [size, stride, pad] = [sizes, strides, pads].map(|axes| axes_text(&axes[first..]));
            format!(" {size} stride {stride} pad {pad}")
        }
    }
}

fn cross_entropy_text(loss: &CrossEntropy) -> String {
    let CrossEntropy { target, label_smoothing, class_weights, weight } = loss;
    let parts = [
        (*target > 0).then(|| format!(" of output {target}")),
        (*label_smoothing > 0.0).then(|| format!(" smoothing {label_smoothing}")),
        (!class_weights.is_empty()).then(|| format!(" class weights {class_weights:?}")),
        (*weight != 1.0).then(|| format!(" times {weight}")),
    ];
    parts.into_iter().flatten().collect()
}

/// The first spatial axis that the word has, as far as extents and window tell; the last one at least.
pub(crate) fn first_axis(input: &[usize; 4], output: &[usize; 4], window: &[usize; 3]) -> usize {
    (0..2).find(|axis| input[*axis] * output[*axis] * window[*axis] > 1).unwrap_or(2)
}

/// `3x3`
pub(crate) fn axes_text(axes: &[usize]) -> String {
    axes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

//! The graph as text: one line a node.
//!
//! ```text
//! forward:
//!   conv1: batch×8x8x32 = conv2d(input, conv1.weight) 3x3 stride 1x1 pad 1x1
//! ```

use std::fmt;

use super::{Epilogue, Graph, Node, Op, Operand, Section, Type, ValueId};
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
        writeln!(f, "output {}, loss {}", name(self.output), name(self.loss))?;
        for (parameter, gradient) in self.parameters.iter().zip(&self.gradients) {
            writeln!(f, "gradient of {}: {}", parameter.name, name(*gradient))?;
        }
        Ok(())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let dims: Vec<String> = self.dims.iter().map(usize::to_string).collect();
        let dims = if dims.is_empty() { "1".to_owned() } else { dims.join("x") };
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
            Operand::Uniform { stream } => format!("uniform#{stream}"),
            Operand::Result => "result".to_owned(),
        }
    }

    fn epilogue_text(&self, epilogue: &Epilogue) -> String {
        let names: Vec<String> = epilogue.inputs.iter().map(|operand| self.operand_text(*operand)).collect();
        format!(" then {}", display(&epilogue.expr, &names))
    }

    fn detail(&self, op: &Op, inputs: &[String]) -> String {
        match op {
            Op::Conv2d(conv) | Op::Conv2dBackwardData(conv) | Op::Conv2dBackwardWeight(conv) => {
                window_text(conv.kernel, conv.stride, conv.pad)
            }
            Op::MaxPool(pool) | Op::MaxPoolBackward(pool) | Op::AvgPool(pool) | Op::AvgPoolBackward(pool) => {
                window_text(pool.window, pool.stride, pool.pad)
            }
            Op::Pointwise(exprs) | Op::ReduceChannels(exprs) => {
                let texts: Vec<String> = exprs.iter().map(|expr| display(expr, inputs)).collect();
                format!(" {{ {} }}", texts.join("; "))
            }
            Op::LossTerms(expr) | Op::LossTermsBackward(expr) => format!(" {{ {} }}", display(expr, inputs)),
            Op::RunningStatistics { momentum, .. } => format!(" momentum {momentum}"),
            Op::Linear | Op::LinearBackwardData | Op::LinearBackwardWeight => String::new(),
            Op::BatchStatistics | Op::BatchNorm => String::new(),
            Op::Softmax | Op::SoftmaxBackward | Op::CrossEntropy | Op::CrossEntropyBackward => String::new(),
            Op::Concat | Op::Split | Op::Flatten | Op::FlattenBackward | Op::Reshape => String::new(),
        }
    }
}

fn window_text(window: [usize; 2], stride: [usize; 2], pad: [usize; 2]) -> String {
    let pair = |[a, b]: [usize; 2]| format!("{a}x{b}");
    format!(" {} stride {} pad {}", pair(window), pair(stride), pair(pad))
}

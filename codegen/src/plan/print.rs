//! The plan as text: the kernels in order, each with the places it reads and writes.

use std::fmt;

use super::{Plan, Region, Slot};
use crate::graph::{Node, Op, Section};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let kernels = self.graph.nodes.iter().filter(|node| node.op != Op::Reshape).count();
        writeln!(f, "{:?} plan, {kernels} kernels", self.graph.mode)?;
        writeln!(
            f,
            "arena: {} floats per sample (at least {}) + {} fixed",
            self.batched_len, self.batched_bound, self.fixed_len
        )?;
        writeln!(
            f,
            "parameters {}, states {}, prepared {}",
            self.tensors.parameter_len, self.tensors.state_len, self.prepared_len
        )?;
        for section in Section::ALL {
            let mut nodes = self.graph.nodes.iter().filter(|node| node.section == section).peekable();
            if nodes.peek().is_some() {
                writeln!(f, "{}:", format!("{section:?}").to_lowercase())?;
            }
            nodes.try_for_each(|node| self.write_node(f, node))?;
        }
        Ok(())
    }
}

impl Plan {
    fn write_node(&self, f: &mut fmt::Formatter, node: &Node) -> fmt::Result {
        if node.op == Op::Reshape {
            return Ok(());
        }
        let places: Vec<String> = node.outputs.iter().map(|output| self.slot(*output).to_string()).collect();
        writeln!(f, "  {:<20} {}", places.join(" "), self.graph.node_text(node))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let region = match self.region {
            Region::Input => "input",
            Region::Target => "target",
            Region::Batched => "arena",
            Region::Fixed => "fixed",
            Region::Parameter => "parameter",
            Region::Gradient => "gradient",
            Region::State => "state",
            Region::Prepared => "prepared",
        };
        write!(f, "{region}[{}..{}]", self.offset, self.offset + self.len)
    }
}

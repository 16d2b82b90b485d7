//! One way to compute a product by tiles, and its launches.
//!
//! A block computes a tile of the result, of one group of channels. Where tiles are few, several
//! blocks share the depth of one.

use super::moments;
use super::problem::{Kind, Problem};
use super::result::{finish, operands, sum, workspace};
use crate::cuda::ops::merge::{Sets, merge};
use crate::cuda::ops::statistics::Statistics;
use crate::cuda::text::{Vector, fill, laid_out};
use crate::cuda::{Argument, Candidate, Count, Element, Emitter, Launch, Units};
use crate::graph::Node;

/// A kernel for tiles, with its template filled but for what follows from the problem.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    pub(super) problem: &'a Problem,
    /// For reports.
    pub(super) name: String,
    pub(super) units: Units,
    /// Rows and columns.
    pub(super) tile: [usize; 2],
    pub(super) threads: usize,
    /// Bytes of shared memory.
    pub(super) shared: usize,
    /// How many blocks share the depth.
    pub(super) splits: Option<Count>,
    /// Types of the operands.
    pub(super) types: [&'static str; 2],
    pub(super) template: &'static str,
    pub(super) values: Vec<(&'static str, String)>,
}

/// Blocks of such tiles, for a usual batch.
pub(super) fn blocks(problem: &Problem, [m, n]: [usize; 2]) -> usize {
    problem.typical_rows().div_ceil(m) * problem.columns().div_ceil(n) * problem.parts().0
}

impl Way<'_> {
    /// The same with blocks that share the depth, if that makes sense: then also, or, for the gradient of
    /// a weight, whose depth grows with the batch, only.
    pub(super) fn split(self) -> Vec<Self> {
        /// Blocks that keep the processors of a large GPU busy.
        const BUSY: usize = 512;
        let (blocks, depth) = (blocks(self.problem, self.tile), self.problem.depth());
        let wished = BUSY / blocks;
        match self.problem.kind {
            _ if wished < 2 => vec![self],
            Kind::BackwardWeight => vec![self.with_splits(Count::batched(depth, 256).at_most(wished))],
            Kind::Forward | Kind::BackwardData if depth < 512 || wished < 4 => vec![self],
            Kind::Forward | Kind::BackwardData => {
                let splits = (depth / 128).min(wished / 2).min(16);
                vec![self.clone(), self.with_splits(Count::fixed(splits))]
            }
        }
    }

    fn with_splits(self, splits: Count) -> Self {
        Way { name: format!("{} split", self.name), splits: Some(splits), ..self }
    }

    /// The candidate, with statistics of the result if they are asked for.
    pub(super) fn candidate(
        &self,
        emitter: &mut Emitter,
        node: &Node,
        statistics: Option<&Statistics>,
    ) -> Candidate {
        let launches = match (self.splits, statistics) {
            (None, None) => vec![self.whole(emitter, node)],
            (None, Some(statistics)) => self.with_statistics(emitter, node, statistics),
            (Some(splits), _) => {
                let partial = self.partial(emitter, node, splits);
                let mut launches = vec![partial, sum(self.problem, emitter, node, splits)];
                launches.extend(statistics.iter().flat_map(|wanted| wanted.launches(emitter)));
                launches
            }
        };
        Candidate { name: self.name.clone(), units: self.units, launches }
    }

    /// A launch that computes the result at once.
    fn whole(&self, emitter: &mut Emitter, node: &Node) -> Launch {
        let mut writer = operands(self.problem, emitter, node);
        let (vector, finish) = finish(self.problem, emitter, node, &mut writer, self.problem.columns());
        writer.batch();
        let store = self.problem.store_text(vector.width(), &finish);
        let body = self.body(&store, include_str!("../../templates/products/all.cu"));
        self.launch(emitter, node, writer.finish(), Count::fixed(1), &body)
    }

    /// The same with the moments of each tile, and launches that put them together.
    fn with_statistics(&self, emitter: &mut Emitter, node: &Node, statistics: &Statistics) -> Vec<Launch> {
        let (problem, [pixels, _]) = (self.problem, self.tile);
        let mut writer = operands(problem, emitter, node);
        let (vector, finish) = finish(problem, emitter, node, &mut writer, problem.columns());
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        writer.batch();
        let element = emitter.memory().place(node.outputs[0]).region.element();
        let store = moments::store_text(problem, vector, element, &finish);
        let body = self.body(&store, include_str!("../../templates/products/all.cu"));
        let parts = writer.finish();
        let usual = problem.typical_rows().div_ceil(pixels);
        let merged = merge(emitter, statistics, Sets::Tiles { pixels, usual });
        let launch = self.launch(emitter, node, parts, Count::fixed(1), &body);
        let shared = launch.shared.max(moments::shared_bytes(self.threads, vector));
        let launch = Launch { workspace: merged[0].workspace, shared, ..launch };
        [launch].into_iter().chain(merged).collect()
    }

    /// A launch that leaves the share of each split in the workspace.
    fn partial(&self, emitter: &mut Emitter, node: &Node, splits: Count) -> Launch {
        let problem = self.problem;
        let mut writer = operands(self.problem, emitter, node);
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        writer.batch();
        let vector = Vector::dividing(&[problem.columns()]).at_most(4);
        let (store, pixels, channels) =
            (vector.store(Element::Float), problem.pixels_text(), problem.channels());
        let finish =
            format!("{store}(workspace + (blockIdx.y * {pixels} + pixel) * {channels} + channel, result);");
        let store = problem.store_text(vector.width(), &finish);
        let body = self.body(&store, include_str!("../../templates/products/share.cu"));
        let launch = self.launch(emitter, node, writer.finish(), splits, &body);
        Launch { workspace: workspace(problem, splits), ..launch }
    }

    fn body(&self, store: &str, share: &str) -> String {
        let [m, n] = self.tile;
        let problem = self.problem;
        let mut values = vec![
            ("TILE_M", m.to_string()),
            ("TILE_N", n.to_string()),
            ("THREADS", self.threads.to_string()),
            ("BLOCK", problem.block_text(n)),
            ("BEGIN", problem.begin_text(self.types)),
            ("SHARE", share.to_owned()),
            ("TILE", problem.tile_text()),
            ("STORE", store.to_owned()),
            ("A_TYPE", self.types[0].to_owned()),
            ("B_TYPE", self.types[1].to_owned()),
        ];
        values.retain(|(name, _)| self.template.contains(&format!("@{name}@")));
        values.extend(self.values.iter().cloned());
        laid_out(&fill(self.template, &values))
    }

    fn launch(
        &self,
        emitter: &mut Emitter,
        node: &Node,
        parts: (Vec<String>, Vec<Argument>),
        splits: Count,
        body: &str,
    ) -> Launch {
        let [m, n] = self.tile;
        let columns = self.problem.columns().div_ceil(n);
        let blocks = Count { each: m, ..self.problem.rows() }.times(columns);
        let suffix = self.name.replace(' ', "_");
        let launch = emitter.launch(node, &suffix, self.threads, blocks, parts, body);
        let [x, z] = self.problem.parts().grid(blocks);
        Launch { grid: [x, splits, z], shared: self.shared, ..launch }
    }
}

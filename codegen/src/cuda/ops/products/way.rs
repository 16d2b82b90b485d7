//! One way to compute a product by tiles, and its launches.
//!
//! A block computes a tile of the result, of one group of channels. Where tiles are few, several
//! blocks share the depth of one: each leaves a partial result in the workspace, and a second launch
//! sums them in order. What is fused after the product is computed where the result is stored.

use super::problem::{Kind, Problem};
use crate::cuda::emitter::THREADS;
use crate::cuda::fused::Fused;
use crate::cuda::text::{Vector, Writer, fill, indented};
use crate::cuda::{Argument, Candidate, Count, Emitter, Launch, Units};
use crate::graph::{Epilogue, Node};

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
    problem.typical_rows().div_ceil(m) * problem.columns().div_ceil(n) * problem.parts()
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

    /// The candidate.
    pub(super) fn candidate(&self, emitter: &mut Emitter, node: &Node) -> Candidate {
        let launches = match self.splits {
            None => vec![self.whole(emitter, node)],
            Some(splits) => vec![self.partial(emitter, node, splits), self.sum(emitter, node, splits)],
        };
        Candidate { name: self.name.clone(), units: self.units, launches }
    }

    /// A launch that computes the result at once.
    fn whole(&self, emitter: &mut Emitter, node: &Node) -> Launch {
        let mut writer = self.operands(emitter, node);
        let (vector, finish) = finish(self.problem, emitter, node, &mut writer);
        writer.batch();
        let body = self.body(vector, &indented(&finish), "1");
        self.launch(emitter, node, writer.finish(), Count::fixed(1), &body)
    }

    /// A launch that leaves the share of each split in the workspace.
    fn partial(&self, emitter: &mut Emitter, node: &Node, splits: Count) -> Launch {
        let problem = self.problem;
        let mut writer = self.operands(emitter, node);
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        writer.batch();
        let vector = Vector::dividing(&[problem.columns()]).at_most(4);
        let (pixels, channels) = (problem.pixels_text(), problem.channels());
        let finish = format!(
            "        float_store{}(workspace + (blockIdx.y * (int64)({pixels}) + pixel) * {channels} + channel, result);",
            vector.width()
        );
        let body = self.body(vector, &finish, "(int)gridDim.y");
        let launch = self.launch(emitter, node, writer.finish(), splits, &body);
        Launch { workspace: self.workspace(splits), ..launch }
    }

    /// A launch that sums the shares.
    fn sum(&self, emitter: &mut Emitter, node: &Node, splits: Count) -> Launch {
        let problem = self.problem;
        let mut writer = emitter.writer();
        writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
        let (vector, finish) = finish(problem, emitter, node, &mut writer);
        writer.batch();
        let (width, channels) = (vector.width(), problem.channels());
        let body = fill(
            include_str!("../../templates/products/sum.cu"),
            &[
                ("WIDTH", width.to_string()),
                ("CHANNELS", channels.to_string()),
                ("PIXELS", format!("(int64)({})", problem.pixels_text())),
                ("SPLITS", splits.text()),
                ("FINISH", finish),
            ],
        );
        let vectors = problem.pixels().scaled(channels / width);
        let blocks = Count { each: THREADS, ..vectors };
        let launch = emitter.launch(node, "sum", THREADS, blocks, writer.finish(), "", &body);
        Launch { workspace: self.workspace(splits), ..launch }
    }

    fn workspace(&self, splits: Count) -> Count {
        let channels = self.problem.channels();
        match self.problem.kind {
            Kind::BackwardWeight => splits.times(self.problem.pixels().fixed * channels),
            Kind::Forward | Kind::BackwardData => self.problem.pixels().scaled(channels * splits.at(1)),
        }
    }

    /// A kernel that reads the operands as `a` and `b`.
    fn operands<'m>(&self, emitter: &'m Emitter, node: &Node) -> Writer<'m> {
        operands(emitter, node, self.problem)
    }

    fn body(&self, vector: Vector, finish: &str, splits: &str) -> String {
        let [m, n] = self.tile;
        let problem = self.problem;
        let share = include_str!("../../templates/products/share.cu");
        let mut values = vec![
            ("TILE_M", m.to_string()),
            ("TILE_N", n.to_string()),
            ("THREADS", self.threads.to_string()),
            ("BLOCK", problem.block_text(n)),
            ("BEGIN", problem.begin_text(self.types)),
            ("SHARE", fill(share, &[("SPLITS", splits.to_owned())])),
            ("TILE", problem.tile_text()),
            ("STORE", problem.store_text(vector.width(), finish)),
            ("A_TYPE", self.types[0].to_owned()),
            ("B_TYPE", self.types[1].to_owned()),
        ];
        values.retain(|(name, _)| self.template.contains(&format!("@{name}@")));
        values.extend(self.values.iter().cloned());
        fill(self.template, &values)
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
        let launch = emitter.launch(node, &suffix, self.threads, blocks, parts, "", body);
        let grid = [blocks, splits, Count::fixed(self.problem.parts())];
        Launch { grid, shared: self.shared, ..launch }
    }
}

/// A kernel that reads the operands of a product as `a` and `b`.
pub(super) fn operands<'m>(emitter: &'m Emitter, node: &Node, problem: &Problem) -> Writer<'m> {
    let mut writer = emitter.writer();
    writer.read(node.input(0), "a");
    match problem.kind {
        Kind::Forward | Kind::BackwardData => writer.read_weight(node.input(1), "b"),
        Kind::BackwardWeight => writer.read(node.input(1), "b"),
    };
    writer
}

/// The text that computes what is fused and stores `result`, and for how many neighbours.
pub(super) fn finish(
    problem: &Problem,
    emitter: &Emitter,
    node: &Node,
    writer: &mut Writer,
) -> (Vector, String) {
    let columns = [problem.columns()];
    let (vector, fused) = match &node.epilogue {
        None => (Vector::dividing(&columns), String::new()),
        Some(Epilogue { inputs, expr }) => {
            let extent = emitter.ty(node.outputs[0]);
            let fused = Fused::new(emitter.graph(), writer, std::slice::from_ref(expr), inputs, extent);
            let vector = fused.vector(&columns);
            (vector, fused.text(vector, &["result"]))
        }
    };
    let store = vector.store(writer.write(node.outputs[0], "y"));
    let store = format!("{store}(y + pixel * {} + channel, result);\n", problem.channels());
    (vector, indented(&(fused + &store)))
}

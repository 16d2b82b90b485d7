//! The algorithms: what each can serve, and an estimate of what it costs.

use serde::{Deserialize, Serialize};

use crate::conv::winograd::{self, Size};
use crate::conv::{self, Conv, joined};
use crate::cpu::Isa;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The result.
    Forward,
    /// The gradient of the data.
    BackwardData,
    /// The gradient of the weight.
    BackwardWeight,
}

/// What an algorithm is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Which product.
    pub operation: Operation,
    /// Its shapes.
    pub spec: Conv,
    /// Samples.
    pub batch: usize,
    /// Whether the weight lies packed from one call to the next, as in evaluation.
    pub packed: bool,
}

/// A way to compute a convolution or a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Blocks of windows, read in place, times packed panels of the weight; in groups, one product for
    /// each group.
    ImplicitGemm,
    /// The same with neighbouring outputs of a few channels joined to one of many.
    Joined,
    /// Channel by channel, for groups of one channel.
    Depthwise,
    /// Small groups with their inputs spread over vectors of outputs.
    Spread,
    /// Winograd's F(2x2, 3x3), for dense 3x3 windows.
    Winograd2,
    /// Winograd's F(4x4, 3x3), for dense 3x3 windows.
    Winograd4,
    /// The formula as it stands, in double precision.
    Reference,
}

impl Operation {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Forward => "forward",
            Operation::BackwardData => "data gradient",
            Operation::BackwardWeight => "weight gradient",
        }
    }
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 7] = [
        Algorithm::ImplicitGemm,
        Algorithm::Joined,
        Algorithm::Depthwise,
        Algorithm::Spread,
        Algorithm::Winograd2,
        Algorithm::Winograd4,
        Algorithm::Reference,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::ImplicitGemm => "implicit-gemm",
            Algorithm::Joined => "joined-gemm",
            Algorithm::Depthwise => "depthwise",
            Algorithm::Spread => "spread",
            Algorithm::Winograd2 => "winograd-2x2",
            Algorithm::Winograd4 => "winograd-4x4",
            Algorithm::Reference => "reference",
        }
    }

    /// Whether it can serve `problem`.
    pub fn supports(self, problem: &Problem) -> bool {
        let spec = &problem.spec;
        match self {
            Algorithm::ImplicitGemm | Algorithm::Reference => true,
            Algorithm::Joined => joined::supports(problem),
            Algorithm::Depthwise => spec.groups == spec.input[3] && spec.groups == spec.output[3],
            Algorithm::Spread => spec.groups > 1,
            Algorithm::Winograd2 => winograd::supports(spec, Size::Two),
            Algorithm::Winograd4 => winograd::supports(spec, Size::Four),
        }
    }

    /// Bytes of scratch memory that its threads share, beside what each of them works on.
    pub fn workspace(self, problem: &Problem, isa: Isa) -> usize {
        conv::workspace(self, problem, isa)
    }

    /// Estimated seconds on one core: a cost for each multiply-add of vectors, from measurements on a
    /// 3.7 GHz Zen 4 core, but for NEON, which was not measured; only their ratios matter.
    pub fn cost(self, problem: &Problem, isa: Isa) -> f64 {
        const START: f64 = 1e-6;
        let macs = (problem.spec.macs() * problem.batch) as f64;
        let (lanes, seconds) = match isa {
            Isa::Portable => (4, 0.67e-9),
            Isa::Neon => (4, 0.4e-9),
            Isa::Avx2 => (8, 0.23e-9),
            Isa::Avx512 => (16, 0.4e-9),
        };
        let (from, to) = problem.group();
        let idle = |columns: usize| columns.next_multiple_of(lanes) as f64 / columns as f64;
        START
            + match self {
                // A panel belongs to one group, the lanes beyond its outputs are idle.
                Algorithm::ImplicitGemm => {
                    macs / lanes as f64 * problem.narrow_rows(isa).unwrap_or(idle(to)) * seconds
                }
                Algorithm::Joined => Algorithm::ImplicitGemm.cost(&joined::joined(problem, isa), isa) * 1.05,
                Algorithm::Depthwise => macs / lanes as f64 * seconds,
                // Spreading a vector costs about four products, or each lane of it two where the inputs
                // lie too far apart for one permutation.
                Algorithm::Spread => {
                    let spreading = if from <= to { 4 } else { 2 * lanes };
                    let products = macs / lanes as f64 * idle(to * problem.spec.groups);
                    products * (1.0 + spreading as f64 / problem.spec.taps() as f64) * 1.2 * seconds
                }
                Algorithm::Winograd2 => problem.winograd(Size::Two, lanes, idle(to)) * seconds,
                Algorithm::Winograd4 => problem.winograd(Size::Four, lanes, idle(to)) * seconds,
                Algorithm::Reference => macs / 0.3e9,
            }
    }
}

impl Problem {
    /// Multiply-adds of vectors that take as long as Winograd's algorithm: the products, and the
    /// transforms of data, weights and results.
    fn winograd(&self, size: Size, lanes: usize, idle: f64) -> f64 {
        let (side, (from, to)) = (size.outputs(), self.group());
        let [depth, height, width, _] = match self.operation {
            Operation::BackwardData => self.spec.input,
            Operation::Forward | Operation::BackwardWeight => self.spec.output,
        };
        let tiles = self.batch * depth * height.div_ceil(side) * width.div_ceil(side);
        let numbers = (side + 2) * (side + 2);
        // What a number costs beside its products, as measured.
        let transform = match size {
            Size::Two => 10.0,
            Size::Four => 15.0,
        };
        // What a number of a weight costs: its transform, or reading it.
        let weight = if self.packed { 4.0 } else { 28.0 };
        let products = (tiles * from * to) as f64 * idle;
        let transforms = (tiles * (from + to)) as f64 * transform + (from * to) as f64 * weight;
        numbers as f64 * (products + transforms) / lanes as f64
    }

    /// Where implicit GEMM has no idle lanes for up to eight channels, since it takes them by vectors of
    /// eight: how much longer its products take than those of full vectors. Two such vectors are
    /// multiplied in a cycle, so eight rows at least have to be summed at once.
    fn narrow_rows(&self, isa: Isa) -> Option<f64> {
        const ROWS: f64 = 8.0;
        let Conv { input, output, kernel, stride, .. } = self.spec;
        let (from, to) = self.group();
        let (rows, least) = match self.operation {
            Operation::Forward => (output[2], conv::LONG_ROW),
            Operation::BackwardData => (input[2] / stride[2], conv::LONG_ROW),
            Operation::BackwardWeight => (from * kernel[2], 1),
        };
        let is_narrow = isa == Isa::Avx512 && (1..=8).contains(&to) && rows >= least;
        is_narrow.then(|| 8.0 / to as f64 * (ROWS / rows as f64).max(1.0))
    }

    /// Channels of a group that are read, and that are vectors' lanes.
    fn group(&self) -> (usize, usize) {
        let (inputs, outputs) = (self.spec.group_inputs(), self.spec.group_outputs());
        match self.operation {
            Operation::Forward | Operation::BackwardWeight => (inputs, outputs),
            Operation::BackwardData => (outputs, inputs),
        }
    }
}

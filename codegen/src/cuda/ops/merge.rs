//! Statistics of a batch from those of sets of its pixels.
//!
//! Whoever shares the pixels of a batch among blocks leaves in the workspace, for each set of neighbouring
//! pixels, a row of means and a row of sums of squares about them. Means are of the distances from the first
//! pixel of the set as it is stored, which are exact where they are much smaller than the numbers themselves.
//! Here the sets are put together, always in the same order. Thousands of them are too many for the few
//! blocks that have all sets of some channels: then neighbouring sets are put together first.

use super::super::emitter::THREADS;
use super::super::text::{Parts, Vector, fill, indented};
use super::super::{Argument, Count, Emitter, Launch};
use super::Rows;
use super::followers;
use super::reduce::LANES;
use super::statistics::{Statistics, stores};
use crate::graph::Type;

/// Sets whose moments a thread loads at once.
const AHEAD: usize = 4;

/// Sets that a thread takes at most, at a usual batch. On a GPU with 1.7 GHz those would take some 3 µs, about as long as
/// another launch; not measured.
const MOST: usize = 32;

/// Sets that are put together first, where there are too many.
const TOGETHER: usize = 128;

/// How a batch's pixels are divided.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sets {
    /// Into equal shares for so many blocks, some of which may be left without.
    Equal(Count),
    /// Into so many pixels each, but for the last.
    Tiles {
        pixels: usize,
        /// Their number at a usual batch.
        usual: usize,
    },
}

/// What a launch puts together.
struct Merge<'a> {
    statistics: &'a Statistics<'a>,
    extent: &'a Type,
    /// Pixels of a set, as C.
    share: String,
    /// Floats from a set to the next.
    pitch: usize,
    workspace: Count,
}

/// Launches that store the statistics, and what follows from them.
pub(super) fn merge(emitter: &mut Emitter, statistics: &Statistics, sets: Sets) -> Vec<Launch> {
    let extent = emitter.ty(statistics.node.input(0));
    let (rows, pitch) = (Rows::of(extent, extent.positions()), 2 * extent.channels());
    match sets {
        Sets::Equal(blocks) => {
            let share = format!("(pixels + {0} - 1) / ({0})", blocks.text());
            let workspace = blocks.times(pitch);
            vec![Merge { statistics, extent, share, pitch, workspace }.stored(emitter)]
        }
        Sets::Tiles { pixels, usual } => {
            let workspace = rows.blocks(pixels).times(pitch);
            let of = |together: usize| Merge {
                statistics,
                extent,
                share: (pixels * together).to_string(),
                pitch: pitch * together,
                workspace,
            };
            if usual <= MOST * THREADS / LANES {
                return vec![of(1).stored(emitter)];
            }
            let blocks = rows.blocks(pixels * TOGETHER);
            vec![of(1).left(emitter, blocks), of(TOGETHER).stored(emitter)]
        }
    }
}

impl Merge<'_> {
    /// All sets, to where the statistics are stored.
    fn stored(&self, emitter: &mut Emitter) -> Launch {
        let Statistics { node, followers, .. } = *self.statistics;
        let mut writer = emitter.writer();
        writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
        let from = writer.read(node.input(0), "x_at");
        let [mean, variance] = stores(node, &mut writer);
        writer.batch();
        let names = ["channel_mean", "channel_variance"];
        let follow = followers::text(emitter, &mut writer, node, followers, Vector::ONE, names);
        let result = fill(
            include_str!("../templates/block_moments_stored.cu"),
            &[
                ("STORE_MEAN", Vector::ONE.store(mean)),
                ("STORE_VARIANCE", Vector::ONE.store(variance)),
                ("FOLLOW", indented(&follow)),
            ],
        );
        let body = self.body(&Vector::ONE.load(from), ["0", "sets"], result);
        self.launch(emitter, "statistics_of_blocks", Count::fixed(1), writer.finish(), &body)
    }

    /// Neighbouring sets, to the place of the first of them.
    fn left(&self, emitter: &mut Emitter, blocks: Count) -> Launch {
        let mut writer = emitter.writer();
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        let from = writer.read(self.statistics.node.input(0), "x_at");
        writer.batch();
        let values = [("PITCH", self.pitch.to_string()), ("CHANNELS", self.extent.channels().to_string())];
        let result = fill(include_str!("../templates/block_moments_left.cu"), &values);
        let first = format!("(int64)blockIdx.x * {TOGETHER}");
        let end = format!("first + {TOGETHER} < sets ? first + {TOGETHER} : sets");
        let body = self.body(&Vector::ONE.load(from), [&first, &end], result);
        self.launch(emitter, "statistics_of_tiles", blocks, writer.finish(), &body)
    }

    fn body(&self, load: &str, [first, end]: [&str; 2], result: String) -> String {
        fill(
            include_str!("../templates/block_moments.cu"),
            &[
                ("LANES", LANES.to_string()),
                ("AHEAD", AHEAD.to_string()),
                ("ROWS", (THREADS / LANES).to_string()),
                ("CHANNELS", self.extent.channels().to_string()),
                ("PIXELS", Rows::of(self.extent, self.extent.positions()).text()),
                ("SHARE", self.share.clone()),
                ("PITCH", self.pitch.to_string()),
                ("FIRST", first.to_owned()),
                ("END", end.to_owned()),
                ("LOAD", load.to_owned()),
                ("RESULT", result),
            ],
        )
    }

    fn launch(&self, emitter: &mut Emitter, suffix: &str, blocks: Count, parts: Parts, body: &str) -> Launch {
        let across = self.extent.channels().div_ceil(LANES);
        let launch = emitter.launch(self.statistics.node, suffix, THREADS, blocks, parts, body);
        Launch { grid: [blocks, Count::fixed(across), Count::fixed(1)], workspace: self.workspace, ..launch }
    }
}

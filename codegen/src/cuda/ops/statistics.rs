//! Means and variances.
//!
//! Numbers are added one by one to a mean and a sum of squares about it, and sets are merged by the formula
//! of Chan, Golub & LeVeque 1979: memory is read once. The numbers are distances from the first of them, which are
//! exact where they are much smaller than the numbers themselves. All variances are biased.

use super::super::emitter::{FOUR_AT_ONCE, THREADS};
use super::super::text::{Parts, Vector, Writer, fill, indented};
use super::super::{Argument, Count, Element, Emitter, Launch};
use super::Rows;
use super::columns::{Columns, Share};
use super::followers;
use super::merge::{Sets, merge};
use super::reduce::{LANES, group_threads, position_lanes};
use crate::graph::{Keep, Node, Op, Type};

/// x → (mean, variance), and what follows from them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics<'n> {
    pub(super) node: &'n Node,
    pub(super) followers: &'n [&'n Node],
    keep: Keep,
}

impl<'n> Statistics<'n> {
    /// Those that the nodes begin with, if they do.
    pub(super) fn first(emitter: &Emitter, nodes: &'n [&'n Node]) -> Option<Statistics<'n>> {
        let (node, behind) = nodes.split_first()?;
        let Op::Statistics(keep) = node.op else { return None };
        let followers = match keep {
            Keep::Channels => followers::followers(emitter, node, behind),
            Keep::Groups(_) | Keep::Positions => &[],
        };
        Some(Statistics { node, followers, keep })
    }

    /// Those of the batch, shared among blocks, that stand right behind the convolution whose result they are of.
    pub(super) fn of_first(emitter: &Emitter, nodes: &'n [&'n Node]) -> Option<Statistics<'n>> {
        let (product, behind) = nodes.split_first()?;
        let statistics = Statistics::first(emitter, behind)?;
        let is_of_it =
            statistics.node.input(0) == product.outputs[0] && statistics.node.section == product.section;
        let is_convolution = matches!(product.op, Op::Conv(_));
        (is_convolution && is_of_it && statistics.is_over_batch(emitter)).then_some(statistics)
    }

    /// The number of nodes.
    pub(super) fn nodes(&self) -> usize {
        1 + self.followers.len()
    }

    /// Whether blocks share the pixels of a batch.
    fn is_over_batch(&self, emitter: &Emitter) -> bool {
        self.keep == Keep::Channels && emitter.ty(self.node.input(0)).positions() > 1
    }

    /// From what they are of as it lies in memory.
    pub(super) fn launches(&self, emitter: &mut Emitter) -> Vec<Launch> {
        let Statistics { node, followers, keep } = *self;
        let extent = emitter.ty(node.input(0));
        let mut writer = emitter.writer();
        let from = writer.read(node.input(0), "x_at");
        writer.batch();
        if self.is_over_batch(emitter) {
            writer.parameter("float *__restrict__ workspace", Argument::Workspace);
            let parts = writer.finish();
            let moments = Moments { node, extent, from, to: [Element::Float; 2] };
            return moments.over_batch(emitter, parts, self);
        }
        let to = stores(node, &mut writer);
        let vector = Vector::dividing(&[extent.channels()]);
        let follow = followers::text(emitter, &mut writer, node, followers, vector, ["mean", "squares"]);
        let parts = writer.finish();
        let moments = Moments { node, extent, from, to };
        let launch = match keep {
            Keep::Channels => moments.at_once(emitter, parts, follow),
            Keep::Groups(groups) if groups == extent.channels() => moments.per_sample(emitter, parts),
            Keep::Groups(groups) => moments.per_group(emitter, parts, groups),
            Keep::Positions => moments.per_position(emitter, parts),
        };
        vec![launch]
    }
}

/// Statistics in the making.
struct Moments<'a> {
    node: &'a Node,
    extent: &'a Type,
    from: Element,
    /// Of mean and variance.
    to: [Element; 2],
}

/// The parameters of mean and variance.
pub(super) fn stores(node: &Node, writer: &mut Writer) -> [Element; 2] {
    [(0, "mean_at"), (1, "variance_at")].map(|(index, name)| writer.write(node.outputs[index], name))
}

/// Where mean and squares of a block of columns go, and what the squares are divided by there.
struct Results {
    places: [String; 2],
    divisor: String,
    /// Added to the mean.
    back: &'static str,
    /// What is computed of both.
    follow: String,
}

impl Moments<'_> {
    /// Equal shares of the pixels of a batch, then those together.
    fn over_batch(&self, emitter: &mut Emitter, parts: Parts, statistics: &Statistics) -> Vec<Launch> {
        let (pixels, channels) = (Rows::of(self.extent, self.extent.positions()), self.extent.channels());
        let columns = Columns::new(channels, Vector::dividing(&[channels]), 32);
        let place =
            |index: usize| format!("workspace + (int64)blockIdx.x * {} + {}", 2 * channels, index * channels);
        let results =
            Results { places: [0, 1].map(place), divisor: String::new(), back: "", follow: String::new() };
        let blocks = columns.blocks(pixels);
        let mut first = self.columns(emitter, parts, columns, Share::Equal(pixels), blocks, &results);
        first.workspace = blocks.times(2 * channels);
        let mut launches = vec![first];
        launches.extend(merge(emitter, statistics, Sets::Equal(blocks)));
        launches
    }

    fn at_once(&self, emitter: &mut Emitter, parts: Parts, follow: String) -> Launch {
        let channels = self.extent.channels();
        let vector = Vector::dividing(&[channels]);
        let columns = Columns::new(channels, vector, (LANES / vector.width()).max(1));
        let share = Share::All(Rows::of(self.extent, self.extent.positions()));
        let results = Results {
            places: ["mean_at", "variance_at"].map(str::to_owned),
            divisor: " / (float)end".to_owned(),
            back: " + origin[i]",
            follow,
        };
        self.columns(emitter, parts, columns, share, Count::fixed(1), &results)
    }

    fn per_sample(&self, emitter: &mut Emitter, parts: Parts) -> Launch {
        let (channels, positions) = (self.extent.channels(), self.extent.positions());
        let columns = Columns::new(channels, Vector::dividing(&[channels]), 32);
        let results = Results {
            places: ["mean_at", "variance_at"].map(|name| format!("{name} + sample * {channels}")),
            divisor: format!(" / {positions}.0f"),
            back: " + origin[i]",
            follow: String::new(),
        };
        self.columns(emitter, parts, columns, Share::Sample(positions), Count::batched(1, 1), &results)
    }

    fn columns(
        &self,
        emitter: &mut Emitter,
        parts: Parts,
        columns: Columns,
        share: Share,
        blocks: Count,
        results: &Results,
    ) -> Launch {
        let vector = Vector::dividing(&[columns.width]);
        let [mean, squares] = self.to.map(|element| vector.store(element));
        let body = fill(
            include_str!("../templates/column_moments.cu"),
            &[
                ("LANES", columns.lanes.to_string()),
                ("ROWS", columns.rows.to_string()),
                ("WIDTH", columns.width.to_string()),
                ("CHANNELS", columns.channels.to_string()),
                ("THREADS", THREADS.to_string()),
                ("HALF", columns.half().to_string()),
                ("RANGE", share.text()),
                ("LOAD", vector.load(self.from)),
                ("STORE_MEAN", mean),
                ("STORE_SQUARES", squares),
                ("MEAN", results.places[0].clone()),
                ("SQUARES", results.places[1].clone()),
                ("DIVISOR", results.divisor.clone()),
                ("BACK", results.back.to_owned()),
                ("FOLLOW", indented(&results.follow)),
            ],
        );
        let mut launch = emitter.launch(self.node, "statistics", FOUR_AT_ONCE, blocks, parts, &body);
        launch.grid[1] = Count::fixed(columns.tiles);
        launch
    }

    fn per_group(&self, emitter: &mut Emitter, parts: Parts, groups: usize) -> Launch {
        let (channels, positions) = (self.extent.channels(), self.extent.positions());
        let size = channels / groups;
        let vector = Vector::dividing(&[size]);
        let items = positions * size / vector.width();
        let threads = group_threads(items);
        let [mean, variance] = self.to.map(|element| Vector::ONE.store(element));
        let body = fill(
            include_str!("../templates/group_moments.cu"),
            &[
                ("GROUPS", groups.to_string()),
                ("ITEMS", items.to_string()),
                ("THREADS", threads.to_string()),
                ("POSITIONS", positions.to_string()),
                ("VECTORS", (size / vector.width()).to_string()),
                ("WIDTH", vector.width().to_string()),
                ("CHANNELS", channels.to_string()),
                ("SIZE", size.to_string()),
                ("LOAD", vector.load(self.from)),
                ("LOAD_ONE", Vector::ONE.load(self.from)),
                ("STORE_MEAN", mean),
                ("STORE_VARIANCE", variance),
            ],
        );
        let blocks = Count::batched(groups, 1);
        emitter.launch(self.node, "statistics", threads, blocks, parts, &body)
    }

    fn per_position(&self, emitter: &mut Emitter, parts: Parts) -> Launch {
        let (channels, pixels) = (self.extent.channels(), Rows::of(self.extent, self.extent.positions()));
        let vector = Vector::dividing(&[channels]);
        let lanes = position_lanes(channels, vector);
        let [mean, variance] = self.to.map(|element| Vector::ONE.store(element));
        let body = fill(
            include_str!("../templates/position_moments.cu"),
            &[
                ("LANES", lanes.to_string()),
                ("WIDTH", vector.width().to_string()),
                ("PIXELS", pixels.text()),
                ("CHANNELS", channels.to_string()),
                ("LOAD", vector.load(self.from)),
                ("LOAD_ONE", Vector::ONE.load(self.from)),
                ("STORE_MEAN", mean),
                ("STORE_VARIANCE", variance),
            ],
        );
        let blocks = pixels.blocks(THREADS / lanes);
        emitter.launch(self.node, "statistics", THREADS, blocks, parts, &body)
    }
}

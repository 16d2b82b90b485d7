//! Means and variances.
//!
//! Numbers are added one by one to a mean and a sum of squares about it, and sets are merged by the formula
//! of Chan, Golub & LeVeque 1979: memory is read once. The numbers are distances from the first of them, which are
//! exact where they are much smaller than the numbers themselves. All variances are biased.

use super::super::emitter::THREADS;
use super::super::text::{Parts, Vector, Writer, fill, indented};
use super::super::{Argument, Count, Element, Emitter, Launch, Step};
use super::Rows;
use super::columns::{Columns, Share};
use super::followers;
use super::reduce::{LANES, group_threads, position_lanes};
use crate::graph::{Keep, Node, Type};

/// x → (mean, variance), and what follows from them.
pub(super) fn statistics(emitter: &mut Emitter, node: &Node, keep: Keep, followers: &[&Node]) -> Vec<Step> {
    let extent = emitter.ty(node.input(0));
    let mut writer = emitter.writer();
    let from = writer.read(node.input(0), "x_at");
    writer.batch();
    let whole = keep == Keep::Channels && extent.positions() > 1;
    let to = if whole {
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        [Element::Float; 2]
    } else {
        stores(node, &mut writer)
    };
    let vector = Vector::dividing(&[extent.channels()]);
    let follow = if whole {
        String::new()
    } else {
        followers::text(emitter, &mut writer, node, followers, vector, ["mean", "squares"])
    };
    let parts = writer.finish();
    let moments = Moments { node, extent, from, to };
    let launches = match keep {
        Keep::Channels if whole => moments.over_batch(emitter, parts, followers),
        Keep::Channels => vec![moments.at_once(emitter, parts, follow)],
        Keep::Groups(groups) if groups == extent.channels() => vec![moments.per_sample(emitter, parts)],
        Keep::Groups(groups) => vec![moments.per_group(emitter, parts, groups)],
        Keep::Positions => vec![moments.per_position(emitter, parts)],
    };
    launches.into_iter().map(Step::Launch).collect()
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
fn stores(node: &Node, writer: &mut Writer) -> [Element; 2] {
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
    fn over_batch(&self, emitter: &mut Emitter, parts: Parts, followers: &[&Node]) -> Vec<Launch> {
        let (pixels, channels) = (Rows::of(self.extent, self.extent.positions()), self.extent.channels());
        let columns = Columns::new(channels, Vector::dividing(&[channels]), 32);
        let place =
            |index: usize| format!("workspace + (int64)blockIdx.x * {} + {}", 2 * channels, index * channels);
        let results =
            Results { places: [0, 1].map(place), divisor: String::new(), back: "", follow: String::new() };
        let blocks = columns.blocks(pixels);
        let mut first = self.columns(emitter, parts, columns, Share::Equal(pixels), blocks, &results);
        first.workspace = blocks.times(2 * channels);

        let mut writer = emitter.writer();
        writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
        writer.read(self.node.input(0), "x_at");
        let [mean, variance] = stores(self.node, &mut writer);
        writer.batch();
        let names = ["channel_mean", "channel_variance"];
        let follow = followers::text(emitter, &mut writer, self.node, followers, Vector::ONE, names);
        let body = fill(
            include_str!("../templates/block_moments.cu"),
            &[
                ("LANES", LANES.to_string()),
                ("ROWS", (THREADS / LANES).to_string()),
                ("CHANNELS", channels.to_string()),
                ("BLOCKS", blocks.text()),
                ("PIXELS", pixels.text()),
                ("LOAD", Vector::ONE.load(self.from)),
                ("STORE_MEAN", Vector::ONE.store(mean)),
                ("STORE_VARIANCE", Vector::ONE.store(variance)),
                ("FOLLOW", indented(&follow)),
            ],
        );
        let (parts, grid) = (writer.finish(), Count::fixed(channels.div_ceil(LANES)));
        let mut second = emitter.launch(self.node, "statistics_of_blocks", THREADS, grid, parts, &body);
        second.workspace = first.workspace;
        vec![first, second]
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
        let origin = match share {
            Share::Sample(_) => format!("first * {} + ", columns.channels),
            Share::All(_) | Share::Equal(_) => String::new(),
        };
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
                ("ORIGIN", origin),
                ("BACK", results.back.to_owned()),
                ("FOLLOW", indented(&results.follow)),
            ],
        );
        let mut launch = emitter.launch(self.node, "statistics", THREADS, blocks, parts, &body);
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

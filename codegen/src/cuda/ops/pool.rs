//! Maxima and means over windows, and their gradients.
//!
//! A thread makes a vector of neighbouring channels of one result and gathers what that needs: of a pooling
//! its window, of a gradient the windows that cover the pixel. A maximum that is not kept with its place is
//! found again first, one place per window in the workspace, so that a pixel asks each window once.
//!
//! Loops over a row of a window stay rolled. Compilers else prepare for four turns at once, as they do not know how few
//! there are: in vain for windows of two or three, and with more registers, some of which were spilled (NVRTC 13.2: 34
//! to 44 instead of 30 for a plain maximum, up to 72 instead of 48 for gradients). More blocks at once then hide the
//! time that memory takes; not measured.

use nnc_dsl::scalar::Expr;

use super::super::emitter::{Block, THREADS, THREE_AT_ONCE};
use super::super::fused::Fused;
use super::super::text::{Parts, Vector, fill, indented};
use super::super::{Argument, Count, Emitter, Launch, Step};
use super::reduce;
use crate::graph::{Keep, Node, Operand, Pool, ValueId, Windows};

/// The maximum over each window of a function of each element, and its place if there is an output for that.
pub(super) fn max_pool(emitter: &mut Emitter, node: &Node, pool: &Pool, expr: &Expr) -> Vec<Step> {
    let mut writer = emitter.writer();
    let extent = emitter.ty(node.input(0));
    let fused = Fused::new(emitter.graph(), &mut writer, std::slice::from_ref(expr), &node.inputs, extent);
    let vector = fused.vector(&[pool.input[3]]);
    let store = |element, name: &str, values: &str| {
        format!("    {}({name} + index, {values});\n", vector.store(element))
    };
    let mut stores = store(writer.write(node.outputs[0], "y_at"), "y_at", "best");
    let place = node.outputs.get(1).map(|place| writer.write(*place, "place_at"));
    if let Some(element) = place {
        stores += &store(element, "place_at", "place");
    }
    writer.batch();
    let kept = place.map(|_| "(float)number");
    // What a function reads beside the element is kept for all elements of a window.
    let block = if node.inputs.len() > 1 { THREE_AT_ONCE } else { THREADS.into() };
    vec![Step::Launch(maxima(emitter, (node, "", block), pool, &fused, kept, &stores, writer.finish()))]
}

/// (x, dy) → dx: to the first maximum of each window.
pub(super) fn max_pool_backward(emitter: &mut Emitter, node: &Node, pool: &Pool) -> Vec<Step> {
    let [x, dy] = [0, 1].map(|index| node.input(index));
    let channels = pool.input[3];
    let mut writer = emitter.writer();
    let (operand, extent) = (Operand::Value(x), emitter.ty(x));
    let fused = Fused::new(emitter.graph(), &mut writer, &[Expr::var(0)], &[operand], extent);
    writer.parameter("float *__restrict__ workspace", Argument::Workspace);
    writer.batch();
    let vector = fused.vector(&[channels]);
    let store = format!("    float_store{}(workspace + index, place);\n", vector.width());
    let place = Some("as_float((uint32)at)");
    let mut first =
        maxima(emitter, (node, "places", THREADS.into()), pool, &fused, place, &store, writer.finish());
    first.workspace = Count::batched(pool.output.iter().product(), 1);
    let add = format!(
        "                ALIGNED(16) float place[@WIDTH@];\n                \
         float_load@WIDTH@(workspace + pixel * {channels} + channel, place);\n                \
         UNROLL for (int i = 0; i < @WIDTH@; i++) sum[i] += as_bits(place[i]) == (uint32)position ? dy[i] : 0.0f;\n"
    );
    let mut second = gathered(emitter, node, pool, dy, &add, true);
    second.workspace = first.workspace;
    vec![Step::Launch(first), Step::Launch(second)]
}

/// x → y
pub(super) fn avg_pool(emitter: &mut Emitter, node: &Node, pool: &Pool) -> Vec<Step> {
    let [depth, height, width, channels] = pool.input;
    if pool.output[..3] == [1; 3] && covers_all(pool) {
        // Many pixels for each result: they are shared among threads.
        let mean = Expr::var(0) * Expr::Const(1.0 / (depth * height * width) as f64);
        return reduce::reduce(emitter, node, &[mean], Keep::Groups(channels));
    }
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "x_at"), writer.write(node.outputs[0], "y_at"));
    writer.batch();
    let vector = Vector::dividing(&[channels]);
    let mut values = window_bounds(pool);
    values.extend([
        ("WIDTH", vector.width().to_string()),
        ("INPUT_ROWS", height.to_string()),
        ("INPUT_COLUMNS", width.to_string()),
        ("INPUT_POSITIONS", (depth * height * width).to_string()),
        ("CHANNELS", channels.to_string()),
        ("COUNT", count(pool, ["z", "y", "x"])),
        ("LOAD", vector.load(from)),
        ("STORE", vector.store(to)),
    ]);
    let body = place(&pool.output, vector) + &fill(include_str!("../templates/avg_pool.cu"), &values);
    vec![Step::Launch(launch(
        emitter,
        (node, "", THREADS.into()),
        &pool.output,
        vector,
        writer.finish(),
        &body,
    ))]
}

/// dy → dx
pub(super) fn avg_pool_backward(emitter: &mut Emitter, node: &Node, pool: &Pool) -> Vec<Step> {
    let count = count(pool, ["oz", "oy", "ox"]);
    let add = format!(
        "                const int count = {count};\n                \
         const float factor = 1.0f / (float)int_max(count, 1);\n                \
         UNROLL for (int i = 0; i < @WIDTH@; i++) sum[i] += dy[i] * factor;\n"
    );
    vec![Step::Launch(gathered(emitter, node, pool, node.input(0), &add, false))]
}

/// The maximum of each window; `kept` is what is kept of its element in `place`.
fn maxima(
    emitter: &mut Emitter,
    kernel: (&Node, &str, Block),
    pool: &Pool,
    fused: &Fused,
    kept: Option<&str>,
    stores: &str,
    parts: Parts,
) -> Launch {
    let [depth, height, columns, channels] = pool.input;
    let vector = fused.vector(&[channels]);
    let width = vector.width();
    let text = (0..4).fold(fused.text(vector, &["value"]), |text, _| indented(&text));
    let mut values = window_bounds(pool);
    let (arrays, keep) = match kept {
        None => (format!("value[{width}], best[{width}]"), "best[i] = value[i];".to_owned()),
        Some(kept) => (
            format!("value[{width}], best[{width}], place[{width}] = {{0}}"),
            format!("best[i] = value[i], place[i] = {kept};"),
        ),
    };
    values.extend([
        ("WIDTH", width.to_string()),
        ("VALUES", arrays),
        ("INPUT_ROWS", height.to_string()),
        ("INPUT_COLUMNS", columns.to_string()),
        ("INPUT_POSITIONS", (depth * height * columns).to_string()),
        ("FUSED", text),
        ("KEEP", keep),
        ("STORES", stores.to_owned()),
    ]);
    let body = place(&pool.output, vector) + &fill(include_str!("../templates/max_pool.cu"), &values);
    launch(emitter, kernel, &pool.output, vector, parts, &body)
}

/// dx: for each pixel the sum over the windows that cover it of what `add` makes of dy.
fn gathered(
    emitter: &mut Emitter,
    node: &Node,
    pool: &Pool,
    dy: ValueId,
    add: &str,
    has_places: bool,
) -> Launch {
    let [depth, height, width, channels] = pool.output;
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(dy, "dy_at"), writer.write(node.outputs[0], "dx_at"));
    if has_places {
        writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
    }
    writer.batch();
    let vector = Vector::dividing(&[channels]);
    let bounds = (0..3).flat_map(|axis| {
        let [first, end] = covering(pool, axis, ["z", "y", "x"][axis]);
        [(FIRST[axis], first), (END[axis], end)]
    });
    let mut values: Vec<(&str, String)> = bounds.collect();
    values.extend([
        ("ADD", add.replace("@WIDTH@", &vector.width().to_string())),
        ("WIDTH", vector.width().to_string()),
        ("OUTPUT_ROWS", height.to_string()),
        ("OUTPUT_COLUMNS", width.to_string()),
        ("OUTPUT_POSITIONS", (depth * height * width).to_string()),
        ("CHANNELS", channels.to_string()),
        ("LOAD", vector.load(from)),
        ("STORE", vector.store(to)),
    ]);
    let body = place(&pool.input, vector) + &fill(include_str!("../templates/pool_backward.cu"), &values);
    // Without places, windows of any extents are divided by.
    let block = if has_places { THREADS.into() } else { THREE_AT_ONCE };
    launch(emitter, (node, "gradient", block), &pool.input, vector, writer.finish(), &body)
}

fn launch(
    emitter: &mut Emitter,
    (node, suffix, block): (&Node, &str, Block),
    extent: &[usize; 4],
    vector: Vector,
    parts: Parts,
    body: &str,
) -> Launch {
    let vectors = extent.iter().product::<usize>() / vector.width();
    emitter.launch(node, suffix, block, Count::batched(vectors, THREADS), parts, body)
}

/// Declares the thread's sample, position and channel in a map of this extent.
fn place([depth, height, width, channels]: &[usize; 4], vector: Vector) -> String {
    let len = depth * height * width * channels;
    fill(
        include_str!("../templates/pool.cu"),
        &[
            ("VECTORS", (len / vector.width()).to_string()),
            ("WIDTH", vector.width().to_string()),
            ("LEN", len.to_string()),
            ("CHANNELS", channels.to_string()),
            ("PLANE", (height * width).to_string()),
            ("ROWS", height.to_string()),
            ("COLUMNS", width.to_string()),
        ],
    )
}

const FIRST: [&str; 3] = ["FIRST_Z", "FIRST_Y", "FIRST_X"];
const END: [&str; 3] = ["END_Z", "END_Y", "END_X"];

/// Which elements the windows of `z`, `y`, `x` cover.
fn window_bounds(pool: &Pool) -> Vec<(&'static str, String)> {
    let bounds = |axis: usize| {
        let [first, end] = inside(pool, axis, ["z", "y", "x"][axis]);
        [(FIRST[axis], first), (END[axis], end)]
    };
    (0..3).flat_map(bounds).collect()
}

/// The first element inside the map of window `o` of an axis, and the one after the last.
fn inside(pool: &Pool, axis: usize, o: &str) -> [String; 2] {
    let (input, output) = (pool.input[axis], pool.output[axis]);
    match pool.windows[axis] {
        Windows::Sliding { size, stride, pad } => [
            format!("int_max({o} * {stride} - {pad}, 0)"),
            format!("int_min({o} * {stride} - {pad} + {size}, {input})"),
        ],
        Windows::Adaptive => [
            format!("{o} * {input} / {output}"),
            format!("(({o} + 1) * {input} + {}) / {output}", output - 1),
        ],
    }
}

/// The first window of an axis that covers element `i`, and the one after the last.
fn covering(pool: &Pool, axis: usize, i: &str) -> [String; 2] {
    let (input, output) = (pool.input[axis], pool.output[axis]);
    match pool.windows[axis] {
        Windows::Sliding { size, stride, pad } => [
            format!("({i} + {pad} < {size} ? 0 : ({i} + {pad} - {size}) / {stride} + 1)"),
            format!("int_min(({i} + {pad}) / {stride} + 1, {output})"),
        ],
        Windows::Adaptive => {
            [format!("{i} * {output} / {input}"), format!("(({i} + 1) * {output} - 1) / {input} + 1")]
        }
    }
}

/// The elements of the window at `at` that count in a mean.
fn count(pool: &Pool, at: [&str; 3]) -> String {
    let axis = |axis: usize| match pool.windows[axis] {
        Windows::Sliding { size, stride, pad } if pool.count_pad => {
            let (o, end) = (at[axis], pool.input[axis] + 2 * pad);
            format!("(int_min({o} * {stride} + {size}, {end}) - {o} * {stride})")
        }
        _ => {
            let [first, end] = inside(pool, axis, at[axis]);
            format!("({end} - {first})")
        }
    };
    [0, 1, 2].map(axis).join(" * ")
}

/// Whether the only window is the map and nothing else counts.
fn covers_all(pool: &Pool) -> bool {
    pool.windows.iter().zip(pool.input).all(|(windows, input)| match *windows {
        Windows::Sliding { size, pad, .. } => size == input && pad == 0,
        Windows::Adaptive => true,
    })
}

//! Functions of each element inside kernels.
//!
//! [`Fused::new`] declares what expressions read as parameters of a kernel, and [`Fused::text`] is the C
//! that evaluates them for a few neighbouring channels of one pixel; an epilogue of a product is that
//! text with `result` for the product's own numbers. What is the same for all neighbours is loaded once.
//!
//! Convention: a *pixel* is a position of a sample, counted over the whole batch. Operands are called after
//! their roles, with their number: `mean1`; the parameter that `mean1` is loaded from is `mean1_at`.

use nnc_dsl::scalar::Expr;

use super::Element;
use super::text::{Vector, Writer, fill, indented};
use crate::emit::operand_name;
use crate::graph::{Distribution, Graph, Operand, Per, Pool, Spread, Type};
use crate::scalar::{CExpr, substitute, to_c, variables};

/// Expressions over operands that are parameters of a kernel.
#[derive(Clone, Debug)]
pub(super) struct Fused {
    exprs: Vec<Expr>,
    operands: Vec<Bound>,
    positions: usize,
    channels: usize,
}

/// An operand with its name.
#[derive(Clone, Debug)]
struct Bound {
    name: String,
    source: Source,
}

/// Where the numbers of an operand come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Tensor(Spread, Element),
    InverseCount(usize),
    Random(u32, Distribution, Per),
    Unpooled(Pool, Element, Element),
    /// An array of the kernel.
    Kept,
}

impl Fused {
    /// `exprs` over `operands`, which cover `extent`; those that are mentioned become parameters.
    pub(super) fn new(
        graph: &Graph,
        writer: &mut Writer,
        exprs: &[Expr],
        operands: &[Operand],
        extent: &Type,
    ) -> Fused {
        let mentioned: Vec<usize> = (0..operands.len())
            .filter(|index| exprs.iter().any(|expr| variables(expr).contains(index)))
            .collect();
        let place = |index: usize| mentioned.iter().position(|old| *old == index).unwrap_or_default();
        let exprs = exprs.iter().map(|expr| substitute(expr, &|index| Expr::Var(place(index)))).collect();
        let bound = |(number, index): (usize, &usize)| {
            let operand = operands[*index];
            let kept = match operand {
                Operand::Result => Some("result"),
                _ => operand.value().and_then(|value| writer.kept(value)),
            };
            if let Some(name) = kept {
                return Bound { name: name.to_owned(), source: Source::Kept };
            }
            let name = format!("{}{number}", operand_name(graph, operand));
            let source = source(graph, writer, &name, operand, extent);
            Bound { name, source }
        };
        let operands = mentioned.iter().enumerate().map(bound).collect();
        Fused { exprs, operands, positions: extent.positions(), channels: extent.channels() }
    }

    /// Whether every operand follows from the place in memory alone, so that vectors may straddle pixels.
    pub(super) fn is_flat(&self) -> bool {
        self.operands.iter().all(|operand| operand.source.is_flat())
    }

    /// The widest vector of neighbours whose extents these are that leaves registers for all operands, terms
    /// and sums of them: with more than eight arrays of eight, kernels spill (NVRTC 13.2 for sm_90).
    pub(super) fn vector(&self, extents: &[usize]) -> Vector {
        let arrays = 2 * self.exprs.len() + self.operands.len();
        let widest = Vector::dividing(extents);
        if arrays > 8 { widest.at_most(4) } else { widest }
    }

    /// Evaluates the expressions for the channels `channel` to `channel + width` of `pixel` into the arrays
    /// `results`, one per expression. In scope are `int64 pixel` and `int channel`, a multiple of the width,
    /// and `float result[width]` if an operand is the anchor's result; it may be one of the `results`.
    pub(super) fn text(&self, vector: Vector, results: &[&str]) -> String {
        let index = self.index();
        let loads: String = self.operands.iter().map(|operand| self.load(operand, &index, vector)).collect();
        let names: Vec<String> = self.operands.iter().map(|operand| operand.each("i")).collect();
        self.block(&loads, "", &names, vector, results)
    }

    /// The same for the elements from `int64 index` on, a multiple of the width, which need not be of one
    /// pixel.
    pub(super) fn flat_text(&self, vector: Vector, results: &[&str]) -> String {
        let (mut before, mut inside) = (String::new(), String::new());
        let mut names = Vec::new();
        for operand in &self.operands {
            let is_flat = operand.source.is_flat();
            names.push(operand.each(if is_flat { "i" } else { "0" }));
            if is_flat {
                before += &self.load(operand, "index", vector);
            } else {
                inside += &self.load(operand, "index + i", Vector::ONE);
            }
        }
        if !inside.is_empty() {
            let channels = self.channels;
            let place = format!(
                "const int64 pixel = (index + i) / {channels};\nconst int channel = (int)((index + i) % {channels});\n"
            );
            inside = place + &inside;
        }
        self.block(&before, &inside, &names, vector, results)
    }

    fn block(
        &self,
        before: &str,
        inside: &str,
        names: &[String],
        vector: Vector,
        results: &[&str],
    ) -> String {
        let CExpr { declarations, results: values } = to_c(&self.exprs, names, "t");
        let stores = results.iter().zip(values).map(|(result, value)| format!("{result}[i] = {value};"));
        let lines: Vec<String> = declarations.into_iter().chain(stores).collect();
        let body = indented(&format!("{inside}{}\n", lines.join("\n")));
        let width = vector.width();
        let text = format!("{before}UNROLL for (int i = 0; i < {width}; i++) {{\n{body}}}\n");
        format!("{{\n{}}}\n", indented(&text))
    }

    /// The place of the element in a tensor of the full extent.
    fn index(&self) -> String {
        match self.channels {
            1 => "pixel".to_owned(),
            channels => format!("pixel * {channels} + channel"),
        }
    }

    /// The sample of the pixel.
    fn sample_text(&self) -> String {
        match self.positions {
            1 => "pixel".to_owned(),
            positions => format!("pixel / {positions}"),
        }
    }

    fn sample_channel(&self) -> String {
        format!("{} * {} + channel", self.sample_text(), self.channels)
    }

    /// Declares an operand's numbers; `index` is the place in a tensor of the full extent.
    fn load(&self, operand: &Bound, index: &str, vector: Vector) -> String {
        let Bound { name, source } = operand;
        let width = vector.width();
        match *source {
            Source::Tensor(Spread::Position, element) => {
                let load = Vector::ONE.load(element);
                format!("float {name};\n{load}({name}_at + pixel, &{name});\n")
            }
            Source::Tensor(spread, element) => {
                let load = vector.load(element);
                let place = match spread {
                    Spread::Full => index.to_owned(),
                    Spread::Channel => "channel".to_owned(),
                    Spread::SampleChannel => self.sample_channel(),
                    Spread::Position => unreachable!("matched above"),
                };
                format!("ALIGNED(16) float {name}[{width}];\n{load}({name}_at + {place}, {name});\n")
            }
            Source::InverseCount(positions) => {
                format!("const float {name} = 1.0f / (float)(batch * {positions});\n")
            }
            Source::Random(stream, distribution, Per::Sample) => {
                let (function, sample) = (function(distribution), self.sample_text());
                format!("const float {name} = {function}(step, {stream}u, {sample});\n")
            }
            Source::Random(stream, distribution, per) => {
                let place = if per == Per::Element { index } else { &self.sample_channel() };
                random(name, stream, distribution, place, width)
            }
            Source::Unpooled(pool, dy, place) => self.unpooled(name, &pool, [dy, place], vector),
            Source::Kept => String::new(),
        }
    }

    fn unpooled(&self, name: &str, pool: &Pool, [dy, place]: [Element; 2], vector: Vector) -> String {
        let axis = |axis: usize| (pool.input[axis], pool.output[axis], pool.input[axis] / pool.output[axis]);
        let ((_, od, wz), (h, oh, wy), (w, ow, wx)) = (axis(0), axis(1), axis(2));
        fill(
            include_str!("templates/unpooled.cu"),
            &[
                ("NAME", name.to_owned()),
                ("WIDTH", vector.width().to_string()),
                ("POSITIONS", self.positions.to_string()),
                ("CHANNELS", self.channels.to_string()),
                ("PLANE", (h * w).to_string()),
                ("ROWS", h.to_string()),
                ("COLUMNS", w.to_string()),
                (
                    "WINDOW",
                    format!(
                        "((pixel / {} * {od} + z / {wz}) * {oh} + y / {wy}) * {ow} + x / {wx}",
                        self.positions
                    ),
                ),
                ("NUMBER", format!("(z % {wz} * {wy} + y % {wy}) * {wx} + x % {wx}")),
                ("LOAD", vector.load(dy)),
                ("LOAD_PLACE", vector.load(place)),
            ],
        )
    }
}

impl Bound {
    /// Number `i` of the neighbours.
    fn each(&self, i: &str) -> String {
        match self.source {
            Source::Tensor(Spread::Position, _)
            | Source::InverseCount(_)
            | Source::Random(_, _, Per::Sample) => self.name.clone(),
            Source::Tensor(..) | Source::Random(..) | Source::Unpooled(..) | Source::Kept => {
                format!("{}[{i}]", self.name)
            }
        }
    }
}

impl Source {
    fn is_flat(self) -> bool {
        match self {
            Source::Tensor(spread, _) => spread == Spread::Full,
            Source::Random(_, _, per) => per == Per::Element,
            Source::InverseCount(_) | Source::Kept => true,
            Source::Unpooled(..) => false,
        }
    }
}

/// Declares the parameters of an operand.
fn source(graph: &Graph, writer: &mut Writer, name: &str, operand: Operand, extent: &Type) -> Source {
    match operand {
        Operand::Value(value) => {
            let Some(spread) = Spread::of(graph.ty(value), extent) else {
                unreachable!("the verifier admits only operands that cover the extent")
            };
            Source::Tensor(spread, writer.read(value, &format!("{name}_at")))
        }
        Operand::InverseCount { positions } => {
            writer.batch();
            Source::InverseCount(positions)
        }
        Operand::Random { stream, distribution, per } => {
            writer.step();
            Source::Random(stream, distribution, per)
        }
        Operand::Unpooled { pool, dy, place } => {
            assert_eq!(pool.input[3], extent.channels(), "the extent is the map of the windows");
            let dy = writer.read(dy, &format!("{name}_at"));
            Source::Unpooled(pool, dy, writer.read(place, &format!("{name}_place")))
        }
        Operand::Result => Source::Kept,
    }
}

/// Random numbers from `place` on; four share a block of the generator.
fn random(name: &str, stream: u32, distribution: Distribution, place: &str, width: usize) -> String {
    let function = function(distribution);
    let array = format!("ALIGNED(16) float {name}[{width}];\n");
    let draw = if width.is_multiple_of(4) {
        format!(
            "UNROLL for (int i = 0; i < {width}; i += 4) {function}_block(step, {stream}u, ({place} + i) / 4, {name} + i);\n"
        )
    } else {
        format!(
            "UNROLL for (int i = 0; i < {width}; i++) {name}[i] = {function}(step, {stream}u, {place} + i);\n"
        )
    };
    array + &draw
}

fn function(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Uniform => "random_uniform",
        Distribution::Normal => "random_normal",
    }
}

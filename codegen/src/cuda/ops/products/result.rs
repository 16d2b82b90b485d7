//! What all ways have in common: operands, and what becomes of a result.
//!
//! What is fused after the product is computed where the result is stored. If blocks share the depth,
//! each leaves its part in the workspace, as a result of its own, and a second launch sums them in order.

use super::problem::{Kind, Problem};
use crate::cuda::emitter::THREADS;
use crate::cuda::fused::Fused;
use crate::cuda::text::{Vector, Writer, fill, laid_out};
use crate::cuda::{Argument, Count, Element, Emitter, Launch};
use crate::graph::{Epilogue, Node};

/// A kernel that reads the operands of a product as `a` and `b`.
pub(super) fn operands<'m>(problem: &Problem, emitter: &'m Emitter, node: &Node) -> Writer<'m> {
    let mut writer = emitter.writer();
    writer.read(node.input(0), "a");
    match problem.kind {
        Kind::Forward | Kind::BackwardData => writer.read_weight(node.input(1), "b"),
        Kind::BackwardWeight => writer.read(node.input(1), "b"),
    };
    writer
}

/// The text that computes what is fused and stores `result`: so many neighbours from `channel` on, of
/// `pixel`; a width that divides `extent`.
pub(super) fn finish(
    problem: &Problem,
    emitter: &Emitter,
    node: &Node,
    writer: &mut Writer,
    extent: usize,
) -> (Vector, String) {
    let (vector, fused) = match &node.epilogue {
        None => (Vector::dividing(&[extent]), String::new()),
        Some(Epilogue { inputs, expr }) => {
            let ty = emitter.ty(node.outputs[0]);
            let fused = Fused::new(emitter.graph(), writer, std::slice::from_ref(expr), inputs, ty);
            let vector = fused.vector(&[extent]);
            (vector, fused.text(vector, &["result"]))
        }
    };
    let store = vector.store(writer.write(node.outputs[0], "y"));
    let store = format!("{store}(y + pixel * {} + channel, result);\n", problem.channels());
    (vector, fused + &store)
}

/// A launch that sums the parts in the workspace.
pub(super) fn sum(problem: &Problem, emitter: &mut Emitter, node: &Node, splits: Count) -> Launch {
    let channels = problem.channels();
    let mut writer = emitter.writer();
    writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
    let (vector, finish) = finish(problem, emitter, node, &mut writer, channels);
    writer.batch();
    let width = vector.width();
    let body = laid_out(&fill(
        include_str!("../../templates/products/sum.cu"),
        &[
            ("WIDTH", width.to_string()),
            ("CHANNELS", channels.to_string()),
            ("PIXELS", problem.pixels_text()),
            ("SPLITS", splits.text()),
            ("FINISH", finish),
        ],
    ));
    let vectors = problem.pixels().scaled(channels / width);
    let blocks = Count { each: THREADS, ..vectors };
    let launch = emitter.launch(node, "sum", THREADS, blocks, writer.finish(), &body);
    Launch { workspace: workspace(problem, splits), ..launch }
}

/// A launch that goes on from a plain product in the workspace, from the element `start` on.
pub(super) fn finish_plain(problem: &Problem, emitter: &mut Emitter, node: &Node, start: usize) -> Launch {
    let channels = problem.channels();
    let mut writer = emitter.writer();
    writer.parameter("const real *__restrict__ workspace", Argument::Workspace);
    let (vector, finish) = finish(problem, emitter, node, &mut writer, channels);
    writer.batch();
    let width = vector.width();
    let product = if start == 0 { "workspace".to_owned() } else { format!("workspace + {start}") };
    let body = laid_out(&fill(
        include_str!("../../templates/products/finish.cu"),
        &[
            ("WIDTH", width.to_string()),
            ("CHANNELS", channels.to_string()),
            ("PIXELS", problem.pixels_text()),
            ("PRODUCT", product),
            ("LOAD", vector.load(Element::Real)),
            ("FINISH", finish),
        ],
    ));
    let blocks = Count { each: THREADS, ..problem.pixels().scaled(channels / width) };
    let launch = emitter.launch(node, "finish", THREADS, blocks, writer.finish(), &body);
    let product = workspace(problem, Count::fixed(1));
    Launch { workspace: Count { fixed: product.fixed + start, ..product }, ..launch }
}

/// The room that the parts take.
pub(super) fn workspace(problem: &Problem, splits: Count) -> Count {
    match problem.kind {
        Kind::BackwardWeight => splits.times(problem.pixels().fixed * problem.channels()),
        Kind::Forward | Kind::BackwardData => problem.pixels().scaled(problem.channels() * splits.at(1)),
    }
}

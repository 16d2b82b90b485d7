//! Losses of each sample, and the gradients of their mean.
//!
//! With class weights w the batch's cross-entropy is Σ l / Σ w[label]: the divisor is summed before, in
//! parts that depend on the number of labels alone. On maps the losses of all positions are written
//! first and then summed, a block a sample.
//!
//! Gradients begin here, so this is where they are multiplied by the loss scale, which is 1 but at half precision.

use nnc_dsl::scalar::Expr;

use super::super::emitter::THREADS;
use super::super::fused::Fused;
use super::super::text::{Vector, Writer, fill, indented};
use super::super::{Argument, Count, Emitter, Launch, Step};
use super::lanes::Lanes;
use super::pointwise;
use super::softmax::{self, Kept};
use crate::graph::{CrossEntropy, Node, Operand, Type};

/// logits → loss of each sample
pub(super) fn cross_entropy(emitter: &mut Emitter, node: &Node, loss: &CrossEntropy) -> Vec<Step> {
    let ty = emitter.ty(node.input(0)).clone();
    let scale = Scale::new(loss, &ty);
    let mut launches = scale.launch(emitter, node);
    launches.push(losses_of_rows(emitter, node, loss, &scale));
    if ty.positions() > 1 {
        launches.push(sums(emitter, node, ty.positions(), &scale.total, &scale.of_samples(), scale.parts()));
    }
    launches.into_iter().map(Step::Launch).collect()
}

/// The loss of each row of logits: in the workspace, or scaled as the result if a sample has but one.
fn losses_of_rows(emitter: &mut Emitter, node: &Node, loss: &CrossEntropy, scale: &Scale) -> Launch {
    let ty = emitter.ty(node.input(0));
    let (rows, positions) = (Lanes::new(ty.channels()), ty.positions());
    let mut writer = emitter.writer();
    let from = writer.read(node.input(0), "x");
    labels(&mut writer, loss);
    let (total, result) = if positions == 1 {
        let store = Vector::ONE.store(writer.write(node.outputs[0], "y"));
        let factor = scale.of_samples();
        (
            scale.total.clone(),
            format!("    const float result = {factor} * loss;\n    {store}(y + row, &result);"),
        )
    } else {
        (String::new(), format!("    workspace[{} + row] = loss;", scale.parts()))
    };
    if positions > 1 || scale.parts() > 0 {
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
    }
    writer.batch();
    let own = [
        ("POSITIONS", positions.to_string()),
        ("LOAD", rows.vector.load(from)),
        ("LOAD_ONE", Vector::ONE.load(from)),
        ("TOTAL", total),
        ("RESULT", result),
    ];
    let template = softmax::template(Kept::Logits, include_str!("../templates/cross_entropy.cu"));
    let body = fill(&template, &[&rows.values()[..], &shares(loss, ty), &own].concat());
    let (body, parts) = (weights(loss, ty) + &body, writer.finish());
    let blocks = rows.blocks(positions);
    let launch = emitter.launch(node, "cross_entropy", rows.threads, blocks, parts, &body);
    let workspace = if positions == 1 { scale.workspace() } else { scale.workspace_with(positions) };
    Launch { workspace, ..launch }
}

/// logits → gradient of the mean loss
pub(super) fn cross_entropy_backward(emitter: &mut Emitter, node: &Node, loss: &CrossEntropy) -> Vec<Step> {
    let ty = emitter.ty(node.input(0)).clone();
    let (rows, scale) = (Lanes::new(ty.channels()), Scale::new(loss, &ty));
    let mut launches = scale.launch(emitter, node);
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "x"), writer.write(node.outputs[0], "y"));
    labels(&mut writer, loss);
    if scale.parts() > 0 {
        writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
    }
    writer.batch();
    writer.step();
    let all = match &loss.class_weights[..] {
        [] => ty.channels() as f64,
        weights => weights.iter().sum(),
    };
    let own = [
        ("POSITIONS", ty.positions().to_string()),
        ("LOAD", rows.vector.load(from)),
        ("STORE", rows.vector.store(to)),
        ("ALL_WEIGHTS", literal(all)),
        ("TOTAL", scale.total.clone()),
        ("SCALE", scale.of_batch()),
    ];
    let template =
        softmax::template(Kept::Exponentials, include_str!("../templates/cross_entropy_backward.cu"));
    let body = fill(&template, &[&rows.values()[..], &shares(loss, &ty), &own].concat());
    let (body, parts) = (weights(loss, &ty) + &body, writer.finish());
    let blocks = rows.blocks(ty.positions());
    let launch = emitter.launch(node, "cross_entropy_backward", rows.threads, blocks, parts, &body);
    launches.push(Launch { workspace: scale.workspace(), ..launch });
    launches.into_iter().map(Step::Launch).collect()
}

fn labels(writer: &mut Writer, loss: &CrossEntropy) {
    writer.parameter("const int *__restrict__ labels", Argument::Labels(loss.target));
}

/// The factors in the loss of a row: of −log p of the label, of those of all classes, of class k.
fn shares(loss: &CrossEntropy, ty: &Type) -> [(&'static str, String); 3] {
    let class_weight = if loss.class_weights.is_empty() { "1.0f" } else { "class_weights[k]" };
    [
        ("CHOSEN", literal(1.0 - loss.label_smoothing)),
        ("SPREAD", literal(loss.label_smoothing / ty.channels() as f64)),
        ("CLASS_WEIGHT", class_weight.to_owned()),
    ]
}

/// The table of class weights; nothing if there are none.
fn weights(loss: &CrossEntropy, ty: &Type) -> String {
    if loss.class_weights.is_empty() {
        return String::new();
    }
    let weights: Vec<String> = loss.class_weights.iter().map(|weight| literal(*weight)).collect();
    format!("    static const float class_weights[{}] = {{{}}};\n", ty.channels(), weights.join(", "))
}

/// What the sum of a batch's losses is multiplied by.
struct Scale<'a> {
    loss: &'a CrossEntropy,
    ty: &'a Type,
    /// Text that sums the label weights of the batch into `total`; empty if there are none.
    total: String,
}

/// Labels whose weights a block adds up, and the most such blocks.
const PART: usize = 4096;
const MOST_PARTS: usize = 256;

impl<'a> Scale<'a> {
    fn new(loss: &'a CrossEntropy, ty: &'a Type) -> Scale<'a> {
        let total = if loss.class_weights.is_empty() {
            String::new()
        } else {
            let values = [("POSITIONS", ty.positions()), ("PART", PART), ("MOST_PARTS", MOST_PARTS)];
            let values = values.map(|(name, value)| (name, value.to_string()));
            fill(include_str!("../templates/label_weights_total.cu"), &values)
        };
        Scale { loss, ty, total }
    }

    /// Sums the weights of the labels in parts, at the start of the workspace.
    fn launch(&self, emitter: &mut Emitter, node: &Node) -> Vec<Launch> {
        if self.loss.class_weights.is_empty() {
            return Vec::new();
        }
        let mut writer = emitter.writer();
        labels(&mut writer, self.loss);
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        writer.batch();
        let values = [
            ("WEIGHTS", weights(self.loss, self.ty)),
            ("POSITIONS", self.ty.positions().to_string()),
            ("CHANNELS", self.ty.channels().to_string()),
        ];
        let body = fill(include_str!("../templates/label_weights.cu"), &values);
        let blocks = Count::batched(self.ty.positions(), PART).at_most(MOST_PARTS);
        let parts = writer.finish();
        let launch = emitter.launch(node, "label_weights", THREADS, blocks, parts, &body);
        vec![Launch { workspace: self.workspace(), ..launch }]
    }

    /// Elements at the start of the workspace.
    fn parts(&self) -> usize {
        if self.loss.class_weights.is_empty() { 0 } else { MOST_PARTS }
    }

    fn workspace(&self) -> Count {
        Count::fixed(self.parts())
    }

    /// With a number for each position after it.
    fn workspace_with(&self, positions: usize) -> Count {
        Count { per_sample: positions, ..self.workspace() }
    }

    /// The factor on a sample's sum, so that the mean over the samples is the batch's loss.
    fn of_samples(&self) -> String {
        if self.loss.class_weights.is_empty() {
            literal(self.loss.weight / self.ty.positions() as f64)
        } else {
            format!("({} * (float)batch / total)", literal(self.loss.weight))
        }
    }

    /// The factor on the sum over the batch.
    fn of_batch(&self) -> String {
        let weight = literal(self.loss.weight);
        if self.loss.class_weights.is_empty() {
            format!("{weight} / (float)(batch * {})", self.ty.positions())
        } else {
            format!("{weight} / total")
        }
    }
}

/// (prediction, target) → loss of each sample: the mean over its elements of a term.
pub(super) fn terms(emitter: &mut Emitter, node: &Node, term: &Expr) -> Vec<Step> {
    let ty = emitter.ty(node.input(0)).clone();
    let len = ty.len();
    let pieces = len.div_ceil(PIECE);
    let scale = literal(1.0 / len as f64);
    let mut writer = emitter.writer();
    let fused = Fused::new(emitter.graph(), &mut writer, std::slice::from_ref(term), &node.inputs, &ty);
    let result = if pieces == 1 {
        let store = Vector::ONE.store(writer.write(node.outputs[0], "y"));
        format!("    const float result = {scale} * sum;\n    {store}(y + sample, &result);")
    } else {
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
        "    workspace[blockIdx.x] = sum;".to_owned()
    };
    let vector = fused.vector(&[len]);
    let body = fill(
        include_str!("../templates/loss_terms.cu"),
        &[
            ("PIECES", pieces.to_string()),
            ("PIECE", PIECE.to_string()),
            ("LEN", len.to_string()),
            ("WIDTH", vector.width().to_string()),
            ("FUSED", indented(&indented(&fused.flat_text(vector, &["terms"])))),
            ("RESULT", result),
        ],
    );
    let threads = (len / vector.width()).next_power_of_two().clamp(32, THREADS);
    let (blocks, parts) = (Count::batched(pieces, 1), writer.finish());
    let launch = emitter.launch(node, "terms", threads, blocks, parts, &body);
    if pieces == 1 {
        return vec![Step::Launch(launch)];
    }
    let first = Launch { workspace: Count::batched(pieces, 1), ..launch };
    vec![Step::Launch(first), Step::Launch(sums(emitter, node, pieces, "", &scale, 0))]
}

/// Elements of a sample whose terms a block adds up.
const PIECE: usize = 8192;

/// (prediction, target) → gradient of the mean loss: the slope of each term over their number.
pub(super) fn terms_backward(emitter: &mut Emitter, node: &Node, slope: &Expr) -> Vec<Step> {
    let share = Operand::InverseCount { positions: emitter.ty(node.outputs[0]).len() };
    let inputs = [&node.inputs[..], &[share]].concat();
    let scaled = Expr::Var(node.inputs.len()) * slope.clone();
    pointwise::pointwise(emitter, &Node { inputs, ..node.clone() }, &[scaled])
}

/// loss[sample] = scale · the sum of `len` numbers, which lie in the workspace after the first `offset`.
fn sums(emitter: &mut Emitter, node: &Node, len: usize, total: &str, scale: &str, offset: usize) -> Launch {
    let mut writer = emitter.writer();
    let to = writer.write(node.outputs[0], "loss");
    writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
    writer.batch();
    let body = fill(
        include_str!("../templates/sample_sums.cu"),
        &[
            ("TOTAL", total.to_owned()),
            ("OFFSET", offset.to_string()),
            ("LEN", len.to_string()),
            ("SCALE", scale.to_owned()),
            ("STORE", Vector::ONE.store(to)),
        ],
    );
    let threads = if len < 4096 { THREADS } else { 4 * THREADS };
    let parts = writer.finish();
    let launch = emitter.launch(node, "sums", threads, Count::batched(1, 1), parts, &body);
    Launch { workspace: Count { per_sample: len, ..Count::fixed(offset) }, ..launch }
}

fn literal(x: f64) -> String {
    format!("{:?}f", x as f32)
}

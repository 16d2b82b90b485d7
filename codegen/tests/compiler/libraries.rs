//! What is left to libraries of the machine: which products, and what they compute after them themselves.

use nnc_codegen::cuda::{Fused, LibraryCall, Step, emit};
use nnc_codegen::graph::{Mode, Section};
use nnc_codegen::{compile, graph};
use nnc_dsl::{Entry, Options, check};

use crate::emulated;
use crate::gradients::feed;

/// The calls for each product of the forward part of a network with such a body, by what is fused.
fn forward(signature: &str, body: &str, mode: Mode) -> Vec<Vec<String>> {
    let source =
        format!("activation positive(x) = max(0, x)\nnetwork Net<{signature}> {{ allow(all) {body} }}");
    let checked = check(&source, Entry::File, &Options::default());
    let model = checked.models.first().unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    emulated::check(body, model, &feed(&graph(model, Mode::Training)));
    let cuda = emit(model, &compile(model));
    let pass = if mode == Mode::Training { cuda.training } else { cuda.evaluation };
    let steps = pass.sections.into_iter().filter(|(section, _)| *section == Section::Forward);
    let calls = |step| match step {
        Step::Product(product) => Some(product.library.iter().map(name).collect()),
        Step::Launch(_) => None,
    };
    steps.flat_map(|(_, steps)| steps).filter_map(calls).collect()
}

/// What is fused, and in which memory the bias lies.
fn name(call: &LibraryCall) -> String {
    match call.fused {
        None => "plain".to_owned(),
        Some(Fused::Relu) => "relu".to_owned(),
        Some(Fused::Bias(bias)) => format!("bias in {}", bias.region),
        Some(Fused::BiasRelu(bias)) => format!("relu of bias in {}", bias.region),
    }
}

fn evaluated(signature: &str, body: &str) -> Vec<Vec<String>> {
    forward(signature, body, Mode::Evaluation)
}

#[test]
fn bias_and_relu_are_left_to_libraries() {
    let body = "conv3 8 relu conv3 8 bn relu conv1 8 bias=false relu conv1 8 positive flatten linear 5";
    let expected = [
        ["plain", "relu of bias in parameter.real"],
        ["plain", "relu of bias in prepared.real"],
        ["plain", "relu"],
        ["plain", "relu of bias in parameter.real"],
        // The network's output is in single precision, and so is what is added to it.
        ["plain", "bias in parameter"],
    ];
    assert_eq!(evaluated("4x6x6 -> 5", body), expected);
}

//! What the compiler promises of the example networks as a whole.

use nnc_codegen::compile;
use nnc_codegen::graph::Op;
use nnc_dsl::{CheckedModel, Entry, Options, check};

fn examples() -> Vec<CheckedModel> {
    let sources = [
        include_str!("../../examples/digits.nn"),
        include_str!("../../examples/mnist.nn"),
        include_str!("../../examples/resnet20.nn"),
        include_str!("../../examples/vgg.nn"),
    ];
    let models = sources.map(|source| check(source, Entry::File, &Options::default()).models);
    models.into_iter().flatten().collect()
}

#[test]
fn arenas_are_within_two_percent_of_the_lower_bound() {
    let models = examples();
    assert_eq!(models.len(), 4);
    for model in models {
        let compiled = compile(&model);
        for plan in [compiled.training, compiled.evaluation] {
            let (len, bound) = (plan.batched_len, plan.batched_bound);
            assert!(len >= bound && len as f64 <= 1.02 * bound as f64, "{}: {len} over {bound}", model.name);
        }
    }
}

#[test]
fn evaluation_leaves_no_pass_of_its_own_to_batch_norm_and_activations() {
    for model in examples() {
        let plan = compile(&model).evaluation;
        let forward =
            plan.graph.nodes.iter().filter(|node| node.section == nnc_codegen::graph::Section::Forward);
        let alone: Vec<_> = forward.filter(|node| matches!(node.op, Op::Pointwise(_))).collect();
        assert!(alone.is_empty(), "{}: {alone:?}", model.name);
    }
}

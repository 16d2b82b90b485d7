//! The example networks check, without a warning, and have the parameters that they should.

use nnc_dsl::model::{Join, Loss, OptimizerKind, Shape, StepKind};
use nnc_dsl::{CheckedModel, Entry, Options, check, parameter_count};

fn example(name: &str) -> CheckedModel {
    let path = format!("{}/../examples/{name}.nn", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let outcome = check(&text, Entry::File, &Options::default());
    assert_eq!(outcome.diagnostics, [], "{name}");
    outcome.models.into_iter().next().unwrap()
}

#[test]
fn vgg() {
    let vgg = example("vgg");
    assert_eq!(parameter_count(&vgg.body), 3_935_018);
    assert_eq!(vgg.body.steps[0].name, "for1");
    assert_eq!(vgg.body.steps[4].output, Shape::map(512, 7, 7));
}

#[test]
fn resnet20() {
    let net = example("resnet20");
    // The published 269,722 of the network without projections, and 2,752 of the two projections.
    assert_eq!(parameter_count(&net.body), 272_474);
    let residual = &net.body.steps[3].kind;
    let StepKind::Scope(turn) = residual else { panic!("a turn of `repeat`") };
    assert!(matches!(turn.steps[0].kind, StepKind::Join { join: Join::Add, .. }));
    assert_eq!(net.train.optimizer.kind, OptimizerKind::Sgd);
    assert_eq!(net.train.optimizer.values, [0.1, 0.9, 1.0, 1e-4]);
    assert_eq!((net.train.augment.flip, net.train.augment.crop), (true, 4));
}

#[test]
fn digits() {
    let digits = example("digits");
    assert_eq!(digits.inputs[0].shape, Shape::map(1, 8, 8));
    assert_eq!(digits.parameters, [("width".to_owned(), 32.0)]);
    assert_eq!(digits.train.data.as_ref().unwrap().format, "digits");
    assert_eq!(digits.train.losses[0].loss, Loss::CROSS_ENTROPY);
    // Convolutions without bias, scale and shift of batch norm, the linear layer.
    let convolutions = 9 * (32 + 32 * 64 + 64 * 128);
    assert_eq!(parameter_count(&digits.body), convolutions + 2 * (32 + 64 + 128) + 128 * 10 + 10);
}

#[test]
fn mnist() {
    let convolutions = 9 * (16 + 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64);
    let norms = 2 * (16 + 16 + 32 + 32 + 64 + 128);
    // The bias of the hidden layer is dropped, since batch norm follows.
    let linear = 64 * 7 * 7 * 128 + 128 * 10 + 10;
    assert_eq!(parameter_count(&example("mnist").body), convolutions + norms + linear);
}

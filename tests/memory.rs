//! `nnc summary` and the runtime reckon memory apart, one from the plan and one from the compiled
//! program. They must say the same.

use nnc::Model;
use nnc::runtime::program::Program;
use nnc_codegen::compile;
use nnc_codegen::summary::summary;
use nnc_dsl::{Entry, Options, check};

nnc::network!("examples/digits.nn");
nnc::network!("examples/resnet20.nn");

#[test]
fn the_summary_predicts_what_the_runtime_takes() {
    for (program, source) in [
        (Digits::new(0).model().program(), include_str!("../examples/digits.nn")),
        (ResNet20::new(0).model().program(), include_str!("../examples/resnet20.nn")),
    ] {
        agree(program, source);
    }
}

fn agree(program: &'static Program, source: &str) {
    let model = check(source, Entry::File, &Options::default()).models.remove(0);
    let predicted = summary(&model, &compile(&model)).memory;
    let taken = Model::new(program, 0).memory();
    for batch in [1, 7, 128] {
        assert_eq!(predicted.training_total(batch as u64), taken.training(batch) as u64, "{}", program.name);
        assert_eq!(
            predicted.evaluation_total(batch as u64),
            taken.evaluation(batch) as u64,
            "{}",
            program.name
        );
    }
}

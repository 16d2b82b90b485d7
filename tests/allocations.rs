//! After the first call, training and evaluation on batches of one size allocate nothing.

#[path = "support/counting.rs"]
mod counting;

use counting::allocations;
use nnc::runtime::program::Program;
use nnc::{Model, Targets};

nnc::network!("benches/networks/lenet.nn");
nnc::network!("benches/networks/mlp.nn");
nnc::network!("benches/networks/resnet20.nn");
nnc::network!("examples/digits.nn");

/// A batch, and what evaluation writes.
struct Batch {
    inputs: Vec<f32>,
    labels: Vec<u32>,
    outputs: Vec<f32>,
}

impl Batch {
    fn new(program: &Program, size: usize) -> Batch {
        let len = |shape: &[usize]| size * shape.iter().product::<usize>();
        let inputs = (0..len(program.inputs[0].shape)).map(|index| (index % 17) as f32 / 8.0 - 1.0);
        let outputs = vec![0.0; len(program.outputs[0].shape)];
        Batch {
            inputs: inputs.collect(),
            labels: (0..size as u32).map(|label| label % 10).collect(),
            outputs,
        }
    }

    /// All that a training loop of the user's own does.
    fn pass(&mut self, model: &mut Model) {
        let targets = Targets::Classes(&self.labels);
        model.train_step(&self.inputs, targets).unwrap();
        model.evaluate(&self.inputs, targets).unwrap();
        model.predict_into(&self.inputs, &mut self.outputs).unwrap();
    }
}

// One test: another one would allocate at the same time.
#[test]
fn only_the_first_call_allocates() {
    let programs: [&'static Program; 4] = [
        LeNet::new(0).model().program(),
        Mlp::new(0).model().program(),
        ResNet20::new(0).model().program(),
        Digits::new(0).model().program(),
    ];
    for program in programs {
        let (mut model, mut batch) = (Model::with_threads(program, 0, 1), Batch::new(program, 7));
        assert!(allocations(|| batch.pass(&mut model)) > 0, "{}: is the count broken?", program.name);
        for _ in 0..3 {
            assert_eq!(allocations(|| batch.pass(&mut model)), 0, "{}", program.name);
        }
        assert!(becomes_quiet(program), "{}: on 2 threads", program.name);
    }
}

/// Whether ten calls in a row allocate nothing after some: it is left to chance in which one a thread first
/// takes part in a kernel and borrows memory for it.
fn becomes_quiet(program: &'static Program) -> bool {
    let (mut model, mut batch) = (Model::with_threads(program, 0, 2), Batch::new(program, 7));
    let mut quiet = 0;
    (0..1000).any(|_| {
        quiet = if allocations(|| batch.pass(&mut model)) == 0 { quiet + 1 } else { 0 };
        quiet == 10
    })
}

//! The cap on scratch memory, which keeps ways to compute products from being chosen.

use nnc::runtime::Gpu;
use nnc::runtime::devices::cuda::Measured;
use nnc::runtime::program::Program;
use nnc::runtime::select::{Mode, Operation};
use nnc::{Device, Model, Precision};

use crate::networks::{Batch, compare, compare_tensors, pair};

nnc::network! {
    // Deep enough for blocks to share the depth of the first product; the fake driver aligns memory as its size is.
    Deep<608 -> 10> { linear 12 tanh linear 10 }
}

/// Ways that need workspace are the fastest.
pub(crate) const FAST: (&str, &str) = ("NNC_FAKE_TIMES", "split:1,library:1,simt:900");

/// What the gradient of the first weight cannot do without: one part of it, in single precision.
const LEAST: usize = 4 * 608 * 12;

fn deep() -> &'static Program {
    Deep::new(0).model().program()
}

fn within(workspace: usize, mode: Mode) -> Model {
    let gpu = Device::Cuda(Gpu { mode, workspace, ..Gpu::default() });
    Model::on(deep(), 7, &gpu).expect("the device is there")
}

/// The names of what may compute the products of a kind, of all layers.
fn offered(model: &mut Model, operation: Operation) -> Vec<String> {
    let of_kind = |measured: &Measured| measured.problem.operation == operation;
    let products = model.candidates(32).expect("they run").products.into_iter().filter(of_kind);
    products.flat_map(|measured| measured.seconds).map(|(name, _)| name).collect()
}

/// Nothing beyond the cap is chosen, whatever was measured without one.
pub(crate) fn capped() {
    let [mut free, mut capped] = [usize::MAX, 0].map(|cap| within(cap, Mode::Benchmark));
    let batch = Batch::random(deep(), 32, 3);
    batch.train(&mut free);
    let names = offered(&mut free, Operation::Forward);
    for name in ["simt 32x32", "simt 32x32 split", "cublaslt 0", "cublaslt 1"] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
    assert!(free.workspace() >= 32 << 20, "{} bytes", free.workspace());

    let [mut cpu, _] = pair(deep(), Precision::F32);
    for _ in 0..2 {
        let [found, expected] = [&mut capped, &mut cpu].map(|model| batch.train(model).loss);
        compare(deep(), "loss", &[found], &[expected], 1e-5);
    }
    compare_tensors(deep(), &capped, &cpu, 1e-4);
    assert_eq!(capped.workspace(), LEAST);
    let (own, library, biased) =
        ("simt 32x32", "cublaslt 0 within 0 bytes", "cublaslt 0 within 0 bytes bias");
    // A library adds a bias itself. What else is fused after its part would find that in the workspace: one product
    // has nothing of the kind.
    assert_eq!(offered(&mut capped, Operation::Forward), [library, own, biased, own, own, biased, own]);
    let weights = offered(&mut capped, Operation::BackwardWeight);
    assert_eq!(weights, [library, "simt 32x32 split", library, "simt 32x32 split"]);
    // Nor do the times within a cap tell those without one of anything else.
    let again = offered(&mut within(usize::MAX, Mode::Benchmark), Operation::BackwardWeight);
    assert!(again.iter().all(|name| !name.contains("within")), "{again:?}");
}

/// A way that needs too much for a batch may serve a smaller one behind it, which then has the room.
pub(crate) fn smaller() {
    let cap = 40_960;
    let mut model = within(cap, Mode::Benchmark);
    let [mut cpu, _] = pair(deep(), Precision::F32);
    for (samples, has_room) in [(256, false), (200, true), (256, false)] {
        // Four parts of the first layer's outputs.
        assert_eq!(4 * 4 * 12 * samples <= cap, has_room);
        let batch = Batch::random(deep(), samples, 3);
        let [found, expected] = [&mut model, &mut cpu].map(|model| batch.train(model).loss);
        compare(deep(), "loss", &[found], &[expected], 1e-5);
        assert_eq!(model.workspace(), cap);
        let products = model.candidates(samples).expect("they run").products;
        let first = &products[0];
        assert_eq!((first.layer, first.problem.operation), ("linear1", Operation::Forward));
        assert_eq!(first.seconds.iter().any(|(name, _)| name.ends_with(" split")), has_room);
    }
    let [capped, least] = [40_960, 0].map(|cap| {
        let mut model = within(cap, Mode::Deterministic);
        Batch::random(deep(), 256, 3).train(&mut model);
        model.workspace()
    });
    assert_eq!([capped, least], [cap, LEAST]);
}

/// What may not be chosen needs no room.
pub(crate) fn memory() {
    let batch = Batch::random(deep(), 2, 3);
    let mut free = within(usize::MAX, Mode::Benchmark);
    let error = free.train_step_many(&batch.inputs(), &batch.targets()).expect_err("libraries want 32 MiB");
    assert!(error.to_string().starts_with("a batch of 2 needs "), "{error}");
    drop(free);
    batch.train(&mut within(1 << 20, Mode::Benchmark));
}

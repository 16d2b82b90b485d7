//! Products by libraries: the fake cuBLASLt and the fake cuDNN beside the network's own kernels.
//!
//! The times of candidates are made up by the fake driver, so that a case decides what is taken.

use std::fs;
use std::path::{Path, PathBuf};

use nnc::runtime::Gpu;
use nnc::runtime::devices::cuda::Measured;
use nnc::runtime::program::Program;
use nnc::runtime::select::{Mode, Operation};
use nnc::{Device, Error, Model, Precision};

use crate::fake;
use crate::half::difference_of_gradients;
use crate::networks::{Batch, KINKS, bits_of, compare, compare_tensors, pair};

nnc::network! {
    // Matrix products with and without something after them, and convolutions that are none.
    Products<4x6x5 -> 7> {
        allow(all)
        conv1 16 tanh conv1 12 bn tanh conv3 8 tanh conv1 (16) stride=2 tanh conv1 24 groups=2 tanh
        flatten linear 33 relu linear 7
    }
    // What libraries compute after a product, as LeNet, VGG and a plain network have it.
    Fused<2x12x12 -> 7> {
        allow(all)
        conv5 6 relu pool2 conv3 16 bn relu pool2 conv1 12 relu conv3 8 bias=false relu
        flatten linear 24 relu linear 7
    }
}

/// Libraries are the fastest, each kernel that computes products takes ages.
pub(crate) const FAST: (&str, &str) = ("NNC_FAKE_TIMES", "simt:900,mma:900,depthwise:900,library:1");

/// The other way round.
pub(crate) const SLOW: (&str, &str) = ("NNC_FAKE_TIMES", "library:900");

fn products() -> &'static Program {
    Products::new(0).model().program()
}

fn on(program: &'static Program, precision: Precision, mode: Mode) -> Model {
    let gpu = Device::Cuda(Gpu { precision, mode, ..Gpu::default() });
    Model::on(program, 7, &gpu).expect("the device is there")
}

/// A folder for the times of this case, which shares the kernels that were compiled for others.
pub(crate) fn own_times(case: &str) -> PathBuf {
    let folder = fake::cache().with_file_name(format!("times-{case}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder to write to");
    fs::create_dir_all(fake::cache().join("cubins")).expect("a folder to write to");
    std::os::unix::fs::symlink(fake::cache().join("cubins"), folder.join("cubins")).expect("a new folder");
    folder
}

/// The names of the fastest ways to compute each product in training and evaluation: of those of two matrices, then of
/// others.
fn fastest(model: &mut Model, batch: usize) -> [Vec<String>; 2] {
    let measured = model.candidates(batch).expect("they run").products;
    let is_matrix = |measured: &&Measured| {
        let spec = &measured.problem.spec;
        spec.kernel == [1; 3] && spec.stride == [1; 3] && spec.groups == 1
    };
    let name = |measured: &Measured| measured.seconds.first().map_or(String::new(), |(name, _)| name.clone());
    let (matrices, others): (Vec<_>, Vec<_>) = measured.iter().partition(is_matrix);
    [matrices, others].map(|all| all.into_iter().map(name).collect())
}

/// What outputs, losses and gradients may differ by; gradients as a whole, relative to their length, because fewer bits
/// put some sums on the other side of a ReLU.
const TOLERANCES: [(Precision, f64, f64); 3] =
    [(Precision::F32, 1e-5, 1e-5), (Precision::Tf32, 5e-3, 1e-2), (Precision::Bf16, 5e-2, 2e-2)];

fn compare_gradients(program: &Program, found: &Model, expected: &Model, tolerance: f64) {
    let length =
        |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    for parameter in program.parameters {
        let [found, expected] =
            [found, expected].map(|model| model.gradient(parameter.name).expect("nothing is frozen"));
        let difference = length(&mut found.iter().zip(&expected).map(|(found, expected)| found - expected));
        let share = difference / length(&mut expected.iter().copied());
        assert!(share <= tolerance, "gradient of {} is off by {share}", parameter.name);
    }
}

/// Libraries that are the fastest are taken, and give what the network's own kernels give: once kernel by kernel, then
/// as a graph.
pub(crate) fn agree() {
    for (precision, forward, backward) in TOLERANCES {
        let program = products();
        let (mut own, mut library) =
            (on(program, precision, Mode::Heuristic), on(program, precision, Mode::Benchmark));
        for step in 0..3 {
            let batch = Batch::random(program, 5, step);
            let outputs = [&mut library, &mut own].map(|model| batch.predict(model));
            compare(program, "outputs", &outputs[0], &outputs[1], forward);
            let [found, expected] = [&mut library, &mut own].map(|model| batch.train(model).loss);
            compare(program, "loss", &[found], &[expected], forward);
            compare_gradients(program, &library, &own, backward);
            take_over(program, &mut library, &own);
        }
        let [taken, others] = fastest(&mut library, 5);
        // Two gradients of each of four layers but that of the inputs, and both forward passes.
        assert_eq!((taken.len(), others.len()), (15, 12));
        assert!(taken.iter().all(|name| name.starts_with("cublaslt ")), "{precision}: {taken:?}");
        assert!(others.iter().all(|name| name.starts_with("cudnn ")), "{precision}: {others:?}");
    }
}

/// What outputs, losses and gradients may differ by from those of the processor, as those of the network's own kernels
/// may.
const FROM_PROCESSOR: [(Precision, f64, f64); 4] = [
    (Precision::F32, 1e-5, 1e-5),
    (Precision::Tf32, 5e-3, KINKS),
    (Precision::Bf16, 5e-2, KINKS),
    (Precision::F16, 1e-2, KINKS),
];

/// What is fused after a product is computed by libraries, too, at every precision: once kernel by kernel, then as a graph.
pub(crate) fn fused() {
    let program = Fused::new(0).model().program();
    for (precision, forward, backward) in FROM_PROCESSOR {
        let ([mut cpu, _], mut gpu) = (pair(program, precision), on(program, precision, Mode::Benchmark));
        for step in 0..3 {
            let batch = Batch::random(program, 5, step);
            compare(program, "outputs", &batch.predict(&mut gpu), &batch.predict(&mut cpu), forward);
            let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.evaluate(model).loss);
            compare(program, "evaluated loss", &[found], &[expected], forward);
            let [found, expected] = [&mut gpu, &mut cpu].map(|model| trained(&batch, model));
            compare(program, "loss", &[found], &[expected], forward);
            let share = difference_of_gradients(program, &gpu, &cpu);
            assert!(share <= backward, "{precision}: the gradients are off by {share}");
            take_over(program, &mut gpu, &cpu);
        }
        let training = ["", "", "bias relu", "", "bias relu", "bias"];
        let evaluation = ["bias relu", "bias relu", "bias relu", "relu", "bias relu", "bias"];
        assert_eq!(fused_forward(&mut gpu), [training, evaluation].concat(), "{precision}");
    }
}

/// The loss of a step that counts: half precision skips some until it has found its loss scale.
fn trained(batch: &Batch, model: &mut Model) -> f32 {
    let skipped = |model: &Model| model.loss_scale().expect("idle").map_or(0, |scale| scale.skipped);
    loop {
        let before = skipped(model);
        let loss = batch.train(model).loss;
        if skipped(model) == before {
            return loss;
        }
    }
}

/// What the fastest ways of the layers forward compute after the product: those of training, then of evaluation. All are
/// libraries'.
fn fused_forward(model: &mut Model) -> Vec<String> {
    let measured = model.candidates(5).expect("they run").products;
    let forward = measured.iter().filter(|measured| measured.problem.operation == Operation::Forward);
    let name = |measured: &Measured| measured.seconds[0].0.clone();
    let fused = |name: String| {
        assert!(is_library(&name), "{name}");
        name.splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
    };
    forward.map(name).map(fused).collect()
}

/// A library's ReLU that makes zeros of NaN is not taken: what went wrong shows.
pub(crate) fn hidden() {
    let program = Fused::new(0).model().program();
    let batch = Batch::random(program, 5, 3);
    let mut gpu = agreeing(program, &batch);
    let evaluation = ["bias relu", "bias relu", "", "relu", "", "bias"];
    assert_eq!(fused_forward(&mut gpu)[6..], evaluation);
    // Nobody tries again: the longest time there is was kept.
    let (_, kept) = times();
    assert!(kept.contains("\"cublaslt 0 bias relu\":1.797"), "{kept}");
    for name in ["conv1.bias", "linear1.bias"] {
        let mut gpu = on(program, Precision::F32, Mode::Benchmark);
        let len = gpu.parameter(name).expect("it has one").len();
        gpu.set_parameter(name, &vec![f32::NAN; len]).expect("it has one");
        assert!(batch.predict(&mut gpu).iter().all(|output| output.is_nan()), "{name}");
    }
}

/// Libraries that compute products alone are left those.
pub(crate) fn plain() {
    let program = Fused::new(0).model().program();
    let mut gpu = agreeing(program, &Batch::random(program, 5, 3));
    assert_eq!(fused_forward(&mut gpu), [""; 12]);
}

/// A network by its fastest ways, which gives the outputs that the processor does.
fn agreeing(program: &'static Program, batch: &Batch) -> Model {
    let [mut cpu, _] = pair(program, Precision::F32);
    let mut gpu = on(program, Precision::F32, Mode::Benchmark);
    compare(program, "outputs", &batch.predict(&mut gpu), &batch.predict(&mut cpu), 1e-5);
    gpu
}

/// The parameters of another model, so that errors do not add up.
fn take_over(program: &Program, to: &mut Model, from: &Model) {
    for parameter in program.parameters {
        let values = from.parameter(parameter.name).expect("it is its own");
        to.set_parameter(parameter.name, &values).expect("it is its own");
    }
}

/// What was measured with which libraries, for later runs.
fn times() -> (PathBuf, String) {
    let folder = std::env::var_os("NNC_CACHE_DIR").expect("one of this case");
    let file = Path::new(&folder).join("timings.jsonl");
    let times = fs::read_to_string(&file).expect("it was just written");
    (file, times)
}

/// Libraries that are slower are not taken.
pub(crate) fn slow() {
    let program = products();
    let [mut own, mut other] =
        [Mode::Deterministic, Mode::Benchmark].map(|mode| on(program, Precision::F32, mode));
    let batch = Batch::random(program, 5, 3);
    let losses = [&mut own, &mut other].map(|model| batch.train(model).loss);
    compare(program, "loss", &losses[..1], &losses[1..], 1e-5);
    assert!(fastest(&mut other, 5).concat().iter().all(|name| !is_library(name)));
    let offered = other.candidates(5).expect("they run").products;
    for library in ["cublaslt 1", "cudnn "] {
        let offers = |measured: &Measured| measured.seconds.iter().any(|(name, _)| name.starts_with(library));
        assert!(offered.iter().any(offers), "{library}: {offered:?}");
    }
    let (_, times) = times();
    assert!(times.contains("cuBLASLt 13.99, cuDNN 9."), "{times}");
}

/// Without measurements no library is even opened.
pub(crate) fn unasked() {
    let program = products();
    for mode in [Mode::Heuristic, Mode::Deterministic] {
        let mut model = on(program, Precision::F32, mode);
        let batch = Batch::random(program, 5, 3);
        batch.train(&mut model);
        batch.predict(&mut model);
    }
    assert_eq!(open(), [false; 2], "a library was opened");
    let _ = on(program, Precision::F32, Mode::Benchmark);
    assert_eq!(open(), [true; 2], "a library was not found");
}

/// Whether the libraries are parts of this process.
fn open() -> [bool; 2] {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
    ["/libcublasLt.so", "/libcudnn.so"].map(|file| maps.contains(file))
}

fn is_library(name: &str) -> bool {
    name.starts_with("cublaslt ") || name.starts_with("cudnn ")
}

/// A library that fails while it is asked or measured is not taken; the case says at which call.
pub(crate) fn refused() {
    let program = products();
    let (mut own, mut other) =
        (on(program, Precision::F32, Mode::Heuristic), on(program, Precision::F32, Mode::Benchmark));
    let batch = Batch::random(program, 5, 3);
    for _ in 0..2 {
        let [found, expected] = [&mut other, &mut own].map(|model| batch.train(model).loss);
        compare(program, "loss", &[found], &[expected], 1e-4);
    }
    compare_tensors(program, &other, &own, 1e-3);
}

/// A library that fails in a step is an error like that of a kernel.
pub(crate) fn lost() {
    let program = products();
    let mut model = on(program, Precision::F32, Mode::Benchmark);
    let batch = Batch::random(program, 5, 3);
    let mut steps = (0..3).map(|_| model.train_step_many(&batch.inputs(), &batch.targets()));
    let error = steps.find_map(Result::err).expect("a call fails");
    let text = error.to_string();
    let library = ["a matrix product of cuBLASLt", "run `cudnn "].iter().any(|words| text.contains(words));
    assert!(matches!(error, Error::Cuda(_)) && library, "{text}");
}

/// Times of a library that is gone, and of algorithms that it does not have any more, are passed over.
pub(crate) fn forgotten() {
    let program = products();
    let batch = Batch::random(program, 5, 3);
    let bits = || {
        let mut model = on(program, Precision::Tf32, Mode::Benchmark);
        batch.train(&mut model);
        bits_of(program, &model)
    };
    let expected = bits();
    let (file, times) = times();
    assert!(
        times.contains("\"seconds\":{\"") && !times.contains("cublaslt") && !times.contains("cudnn"),
        "{times}"
    );
    let more = "\"seconds\":{\"cublaslt 0\":1e-9,\"cudnn 1\":1e-9,\"";
    fs::write(&file, times.replace("\"seconds\":{\"", more)).expect("it can be written");
    assert_eq!(bits(), expected);
}

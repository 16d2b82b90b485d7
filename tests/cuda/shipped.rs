//! Programs that carry their kernels to machines where NVRTC is not installed.

use std::fs;
use std::path::PathBuf;

use nnc::runtime::Gpu;
use nnc::runtime::devices::cuda::{Availability, Kernel, Libraries, LibraryKind, compile_ahead};
use nnc::runtime::emitted::cuda::{Ahead, Cuda};
use nnc::runtime::program::Program;
use nnc::runtime::select::Mode;
use nnc::{Device, Model, Precision};
use nnc_codegen::{compile, cuda};

use crate::networks::{Batch, digits};
use crate::{fake, report};

fn archive() -> PathBuf {
    fake::cache().with_file_name("digits.cubins")
}

/// On a machine with NVRTC alone: the compiler's texts are those that the program has, and become code.
pub(crate) fn build() {
    let text = include_str!("../../examples/digits.nn");
    let model = &nnc_dsl::check(text, nnc_dsl::Entry::File, &nnc_dsl::Options::default()).models[0];
    let emitted = cuda::emit(model, &compile(model));
    let kernels = emitted.kernels.iter().map(|kernel| Kernel { name: &kernel.name, text: &kernel.text });
    let kernels: Vec<(Kernel, bool)> = kernels.zip(emitted.needs_tensor_cores()).collect();
    let texts = digits().cuda.expect("the feature is on").texts();
    assert!(kernels.iter().map(|(kernel, _)| kernel.text).eq(texts.iter().map(String::as_str)));
    let bytes = compile_ahead(&kernels, &[Precision::F32], "sm_90").expect("NVRTC is there");
    fs::write(archive(), bytes).expect("a folder to write to");
}

/// On a machine with a driver alone: all candidates of the precision are there, and no others.
pub(crate) fn run() {
    if Libraries::find().all[LibraryKind::Nvrtc as usize].is_usable() {
        return report("skipped: a machine without NVRTC, because this machine has it");
    }
    let shipped = shipped("sm_90");
    assert_eq!(Availability::missing(shipped.cuda.expect("as before").ahead), None);
    let [mut gpu, mut cpu] = [on(Precision::F32), Device::cpu()]
        .map(|device| Model::on(shipped, 7, &device).expect("the device is there"));
    let batch = Batch::random(shipped, 4, 3);
    let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model).loss);
    assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} instead of {expected}");
    batch.evaluate(&mut gpu);
    batch.predict(&mut gpu);
    for (program, precision) in [(shipped, Precision::Bf16), (self::shipped("sm_80"), Precision::F32)] {
        let error = Model::on(program, 7, &on(precision)).err().expect("no kernels").to_string();
        let found = format!(
            "with kernels for {} (f32), which do not serve",
            program.cuda.expect("as before").ahead[0].architecture
        );
        assert!(error.contains(&found) && error.contains("libnvrtc.so.13 was not found"), "{error}");
    }
}

fn on(precision: Precision) -> Device {
    Device::Cuda(Gpu { precision, mode: Mode::Benchmark, ..Gpu::default() })
}

/// `digits` with what was compiled, said to be for an architecture.
fn shipped(architecture: &'static str) -> &'static Program {
    let cubins = fs::read(archive()).expect("it was compiled before").leak();
    let ahead = vec![Ahead { architecture, precisions: &["f32"], cubins }].leak();
    let cuda = digits().cuda.expect("the feature is on");
    let cuda: &'static Cuda = Box::leak(Box::new(Cuda { ahead, ..cuda.clone() }));
    Box::leak(Box::new(Program { cuda: Some(cuda), ..digits().clone() }))
}

//! What is made here, as cuDNN itself checks it: it makes plans for a GPU that is only described, on machines
//! without one. The library is needed, of version 9.8 or later: where `NNC_CUDA_PATH` or Python's packages lead to
//! none, the test says that it was skipped.

use std::io::Write;

use super::api::Api;
use super::descriptor::{Attribute, Descriptor, Kind, Value};
use super::plan::Prepared;
use super::target::Target;
use super::{Addresses, Epilogue, Operation, Problem, plans};
use crate::devices::cuda::Real;
use crate::devices::cuda::error::CudaError;
use nnc_kernels::emitted::Conv;

/// An H100, as cuDNN 9.26 writes GPUs down.
const H100: &str = concat!(
    r#"{
    "deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0, "pciDeviceId": 9008,
    "multiProcessorCount": 132, "smCountOrigin": 0, "warpSize": 32, "totalGlobalMem": 85029158912,
    "l2CacheSize": 52428800, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "isTccDriver": 0,
    "supportCoopLaunch": 1, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
    "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "maxCtasPerSM": 32, "regsPerBlock": 65536,
    "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
    "reservedSharedMemoryPerBlock": 1024, "oversizedSharedMemoryPerBlock": 0
}"#,
    "\0"
);

/// The library and the described GPU, if it is one that can be described.
fn described() -> Result<(&'static Api, Descriptor), CudaError> {
    let api = Api::find()?;
    let device = [(Attribute::DEVICE_JSON, Value::Text(H100.as_bytes()))];
    Ok((api, Descriptor::new(api, Kind::Device, &device)?))
}

/// Runs a check on the library, or says that it was skipped.
fn with_cudnn(check: impl Fn(&dyn Fn(&Problem) -> Result<Vec<Prepared>, CudaError>)) {
    match described() {
        Ok((api, device)) => {
            let device = [device.raw()];
            let target = Target {
                of_graph: None,
                of_heuristics: Some((Attribute::HEURISTICS_DEVICE, Value::Descriptors(&device))),
                of_plan: (Attribute::PLAN_DEVICE, Value::Descriptors(&device)),
            };
            check(&|problem| plans(api, &target, problem, usize::MAX));
        }
        Err(why) => {
            // Not through `eprintln!`, which tests keep to themselves.
            let _ = writeln!(std::io::stderr(), "skipped: graphs as cuDNN checks them, because {why}");
        }
    }
}

/// Square maps and windows, padded to their size divided by the stride.
fn conv(size: usize, channels: [usize; 2], kernel: usize, stride: usize) -> Conv {
    let [inputs, outputs] = channels;
    Conv {
        input: [1, size, size, inputs],
        output: [1, size / stride, size / stride, outputs],
        kernel: [1, kernel, kernel],
        stride: [1, stride, stride],
        pad: [0, kernel / 2, kernel / 2],
        dilation: [1; 3],
        groups: 1,
    }
}

/// Layers of the networks that are measured, and others that differ from them.
fn layers() -> [Conv; 9] {
    let usual = conv(56, [64, 128], 3, 1);
    let deep = Conv { input: [8, 8, 8, 16], output: [8, 8, 8, 32], ..conv(8, [16, 32], 3, 1) };
    [
        usual,
        conv(224, [3, 64], 7, 2),
        conv(56, [256, 512], 1, 2),
        conv(7, [512, 512], 3, 1),
        Conv { groups: 64, output: [1, 56, 56, 64], ..usual },
        Conv { groups: 32, ..usual },
        Conv { pad: [0, 2, 2], dilation: [1, 2, 2], ..usual },
        // More padding at the end than at the start.
        Conv { pad: [0; 3], kernel: [1, 2, 2], ..usual },
        Conv { kernel: [3; 3], stride: [1; 3], pad: [1; 3], ..deep },
    ]
}

/// A layer in all precisions: how it is stored, and whether in TF32.
fn with_types(spec: Conv) -> [(Conv, Real, bool); 4] {
    [(Real::Float, false), (Real::Float, true), (Real::Bf16, false), (Real::Half, false)]
        .map(|(element, tf32)| (spec, element, tf32))
}

const PLACES: Addresses = Addresses { x: 1 << 20, w: 2 << 20, y: 3 << 20, bias: None };

#[test]
fn cudnn_takes_the_graphs_of_all_products() {
    with_cudnn(|plans| {
        for (spec, element, tf32) in layers().into_iter().flat_map(with_types) {
            for operation in [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight] {
                let problem = Problem { operation, spec, batch: 32, element, tf32, epilogue: Epilogue::None };
                let found = plans(&problem).unwrap();
                assert!(!found.is_empty(), "{problem:?}");
                found[0].pack(PLACES, 4 << 20).unwrap();
            }
        }
    });
}

#[test]
fn cudnn_takes_the_graphs_with_an_epilogue() {
    with_cudnn(|plans| {
        for (spec, element, tf32) in layers().into_iter().flat_map(with_types) {
            for epilogue in [Epilogue::Relu, Epilogue::Bias, Epilogue::BiasRelu] {
                let problem =
                    Problem { operation: Operation::Forward, spec, batch: 32, element, tf32, epilogue };
                let found = plans(&problem).unwrap();
                // A ReLU alone is left to engines that are compiled when they are planned, which takes a driver.
                assert!(epilogue == Epilogue::Relu || !found.is_empty(), "{problem:?}");
                let bias = (epilogue != Epilogue::Relu).then_some(5 << 20);
                found.first().map(|plan| plan.pack(Addresses { bias, ..PLACES }, 4 << 20).unwrap());
            }
        }
    });
}

#[test]
fn exact_products_have_other_engines() {
    with_cudnn(|plans| {
        let problem = |tf32| Problem {
            operation: Operation::Forward,
            spec: layers()[0],
            batch: 32,
            element: Real::Float,
            tf32,
            epilogue: Epilogue::None,
        };
        let [exact, fast] = [false, true].map(|tf32| plans(&problem(tf32)).unwrap());
        assert!(exact.iter().all(|plan| fast[0].name != plan.name));
        assert!(fast.len() > 4 && fast.iter().all(|plan| plan.name.starts_with("cudnn eng")));
    });
}

//! `nnc devices`, on a machine with the fake GPU of `tests/cuda` and on one without.

use std::process::Command;

use serde_json::Value;

use crate::fake;
use crate::support::Folder;

/// The standard output of the command in an environment.
fn devices(folder: &Folder, more: &[&str], change: impl Fn(&mut Command)) -> String {
    let mut command = folder.command(&[&["devices"], more].concat());
    change(&mut command);
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &[][..]));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_gpu_and_its_libraries_are_listed() {
    let folder = Folder::new("devices-gpu");
    let fake = |command: &mut Command| {
        command.envs(fake::environment());
    };
    let text = devices(&folder, &[], fake);
    let gpu = "cuda:0  Fake GPU 0: compute capability 9.0, 4 multiprocessors, 1.1 GB of 1.1 GB free";
    assert!(text.contains(gpu), "{text}");
    assert!(
        text.contains(&format!("driver    13.0 in {}", fake::driver().join("libcuda.so.1").display())),
        "{text}"
    );
    let json: Value = serde_json::from_str(&devices(&folder, &["--format", "json"], fake)).unwrap();
    assert_eq!(json["gpus"][0]["device"], "cuda:0");
    assert_eq!(json["gpus"][0]["free_bytes"], 1 << 30);
    assert_eq!((&json["no_gpu"], &json["libraries"][1]["version"]), (&Value::Null, &Value::from("13.99")));
}

#[test]
fn a_gpu_that_cannot_be_used_says_why() {
    let folder = Folder::new("devices-broken");
    let text = devices(&folder, &[], |command| {
        command.envs(fake::environment()).env("NNC_FAKE_FAIL", "cuDevicePrimaryCtxRetain:1:46");
    });
    assert!(text.contains("cuda:0  cannot use GPU 0 (Fake GPU 0): "), "{text}");
    assert!(text.contains("another program holds the GPU"), "{text}");
}

#[test]
fn without_a_gpu_there_is_the_processor_and_the_reason() {
    let folder = Folder::new("devices-none");
    let none = |command: &mut Command| {
        command.envs(fake::environment()).env("NNC_FAKE_DEVICES", "0").env("NNC_THREADS", "3");
    };
    let text = devices(&folder, &[], none);
    assert!(text.starts_with("cpu  ") && text.contains(": 3 threads, "), "{text}");
    assert!(
        text.contains("\nno GPU: cannot start the NVIDIA driver: no CUDA-capable device is detected"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&devices(&folder, &["--format", "json"], none)).unwrap();
    assert_eq!(json["cpu"]["threads"], 3);
    assert_eq!(json["gpus"].as_array().unwrap().len(), 0);
}

#[test]
fn what_is_missing_says_how_to_get_it() {
    let folder = Folder::new("devices-driver");
    let text = devices(&folder, &[], |command| {
        command.env("NNC_CUDA_PATH", fake::driver()).env("PATH", "").env_remove("VIRTUAL_ENV");
    });
    // A machine may have NVRTC: then it says where.
    let nvrtc = text.lines().find(|line| line.starts_with("NVRTC")).unwrap_or_default();
    let missing = "missing: libnvrtc.so.13 was not found: `pip install nvidia-cuda-nvrtc`";
    assert!(nvrtc.contains(missing) || nvrtc.contains(" in /") && nvrtc.contains("libnvrtc"), "{text}");
    // The processor, the GPU, and after an empty line the driver and the libraries.
    let starts: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(starts, ["cpu", "cuda:0", "", "driver", "NVRTC", "cuBLASLt", "cuDNN"], "{text}");
}

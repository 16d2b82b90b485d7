//! Machines on which something of CUDA is missing, in all combinations: messages, and no panic.

use std::fs;
use std::path::PathBuf;

use nnc_runtime::devices::cuda::{Availability, Context, CudaErrorKind, Libraries, Library, LibraryKind};

use crate::support::folder;
use crate::{Case, fake, is_fake};

pub(crate) fn cases() -> Vec<Case> {
    if !is_fake() {
        return Vec::new();
    }
    let on = |name, place: PathBuf, check| {
        // Without `python3` there are no packages of it either.
        Case::new(name, check).with("NNC_CUDA_PATH", place).with("PATH", "").with("HOME", "")
    };
    vec![
        on("a_machine_without_anything", PathBuf::from("/nowhere"), nothing),
        on("a_machine_with_a_driver", fake::driver(), driver_alone),
        on("a_machine_with_nvrtc", fake::nvrtc(), nvrtc_alone),
        on("a_machine_with_a_damaged_driver", damaged(), damaged_driver),
        on("a_machine_with_an_old_driver", old(), old_driver),
        Case::new("a_machine_with_everything", everything),
        Case::new("a_machine_without_gpus", no_gpus).with("NNC_FAKE_DEVICES", "0"),
    ]
}

fn library(kind: LibraryKind) -> &'static Library {
    Libraries::find().all[kind as usize]
}

/// Whether the machine itself has a library, so that it cannot be shown to be missing.
fn has(kind: LibraryKind) -> bool {
    let found = library(kind).path.is_some();
    if found {
        crate::report(&format!("skipped: what happens without {}, because this machine has it", kind.name()));
    }
    found
}

fn nothing() {
    if LibraryKind::ALL.into_iter().any(has) {
        return;
    }
    let line = "no CUDA, running on the CPU: the NVIDIA driver cannot be used: \
                libcuda.so.1 was not found: install the NVIDIA driver";
    assert_eq!(Availability::missing(&[]).as_deref(), Some(line));
    assert_eq!(Context::new(0).err().unwrap().kind(), CudaErrorKind::Unavailable);
    let found = Availability::find();
    assert!(found.gpus.is_err());
    let problems = found.libraries.all.iter().map(|library| library.problem.as_deref().unwrap());
    assert!(problems.into_iter().all(|problem| problem.contains("was not found: ")));
    assert_eq!(library(LibraryKind::Nvrtc).files, ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]);
}

fn driver_alone() {
    // Nothing compiles kernels for the GPU that is there.
    if !has(LibraryKind::Nvrtc) {
        let line = Availability::missing(&[]).unwrap();
        assert!(line.starts_with("no CUDA, running on the CPU: ") && line.contains("libnvrtc.so"), "{line}");
    }
    assert!(library(LibraryKind::Driver).is_usable());
    assert_eq!(library(LibraryKind::Driver).path.as_deref(), Some(&*fake::driver().join("libcuda.so.1")));
    let gpus = Availability::find().gpus.unwrap();
    assert_eq!(gpus.len(), 1);
    assert_eq!(gpus[0].as_ref().unwrap().name, "Fake GPU 0");
    if !has(LibraryKind::Nvrtc) {
        assert!(
            library(LibraryKind::Nvrtc).problem.as_deref().unwrap().contains("pip install nvidia-cuda-nvrtc")
        );
    }
    if !has(LibraryKind::CublasLt) {
        let problem =
            "libcublasLt.so.13 was not found: `pip install nvidia-cublas`, or install the CUDA toolkit";
        assert_eq!(library(LibraryKind::CublasLt).problem.as_deref(), Some(problem));
    }
}

fn nvrtc_alone() {
    let nvrtc = library(LibraryKind::Nvrtc);
    assert!(nvrtc.is_usable());
    assert_eq!(nvrtc.version.unwrap().to_string(), "13.99");
    if !has(LibraryKind::Driver) {
        assert!(Availability::missing(&[]).is_some());
        assert!(Availability::find().gpus.is_err());
    }
}

/// A folder with a file that is no library.
fn damaged() -> PathBuf {
    let place = fake::cache().join("damaged");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("libcuda.so.1"), "no library").unwrap();
    place
}

fn damaged_driver() {
    if has(LibraryKind::Driver) {
        return;
    }
    let problem = library(LibraryKind::Driver).problem.as_deref().unwrap();
    assert!(problem.contains("damaged/libcuda.so.1 cannot be opened: "), "{problem}");
    assert!(Availability::missing(&[]).unwrap().contains(problem));
}

/// A folder with a driver that has but one function.
fn old() -> PathBuf {
    let place = fake::cache().join("old");
    if !place.join("libcuda.so.1").exists() {
        fake::compile("old_driver.c", &place, "libcuda.so.1", "libcuda.so");
    }
    place
}

fn old_driver() {
    let driver = library(LibraryKind::Driver);
    assert_eq!(
        driver.problem.as_deref(),
        Some("it lacks the function `cuCtxSetCurrent`: install a newer one")
    );
    assert_eq!(driver.version.unwrap().to_string(), "11.4");
    assert_eq!(Context::new(0).err().unwrap().kind(), CudaErrorKind::Unavailable);
}

fn everything() {
    assert_eq!(Availability::missing(&[]), None);
    let found = Availability::find();
    assert!(found.libraries.all.iter().all(|library| library.is_usable()));
    assert_eq!(found.gpus.unwrap().len(), 1);
    Context::new(0).unwrap();
}

fn no_gpus() {
    let line = Availability::missing(&[]).unwrap();
    let expected = "no CUDA, running on the CPU: cannot start the NVIDIA driver: \
                    no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE, 100)";
    assert_eq!(line, expected);
    assert!(folder("no_gpus").exists() && Context::new(0).is_err());
}

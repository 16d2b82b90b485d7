//! Kernel texts as a shared library, made by the C compiler against the processor's prelude.

use std::collections::hash_map::DefaultHasher;
use std::ffi::CString;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, process};

use nnc_codegen::cuda::Kernel;

use super::Precision;

/// A loaded library.
pub(crate) struct Library(libloading::Library);

type LaunchFunction = unsafe extern "C" fn(
    name: *const std::ffi::c_char,
    kernel: *const std::ffi::c_void,
    arguments: *const u64,
    count: std::ffi::c_int,
    grid: *const u32,
    threads: u32,
    shared: u32,
    reverse: std::ffi::c_int,
);

impl Library {
    /// Compiles the kernels, unless a library of the same text is there.
    pub(crate) fn build(kernels: &[Kernel], precision: Precision) -> Library {
        let text = source(kernels, precision);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
        fs::create_dir_all(&folder).expect("a folder for kernels");
        let path = folder.join(format!("{:016x}.so", hasher.finish()));
        if !path.exists() {
            compile(&text, &path);
        }
        // SAFETY: the library has no initialiser.
        Library(unsafe { libloading::Library::new(&path) }.expect("the library was just built"))
    }

    /// Runs a kernel.
    ///
    /// # Safety
    /// The arguments must be what the kernel's parameters say, and its accesses within them.
    pub(crate) unsafe fn launch(
        &self,
        kernel: &Kernel,
        arguments: &[u64],
        grid: [u32; 3],
        shared: usize,
        reverse: bool,
    ) {
        let name = CString::new(kernel.name.clone()).expect("a name without zeros");
        let parameters = format!("{}_parameters", kernel.name);
        // SAFETY: both symbols have these types, see `tests/cuda/prelude.h`; the rest is the caller's.
        unsafe {
            let launch = self.0.get::<LaunchFunction>(b"nnc_launch").expect("the launcher");
            let count = self.0.get::<*const i32>(parameters.as_bytes()).expect("the number of parameters");
            assert_eq!(**count as usize, arguments.len(), "arguments of `{}`", kernel.name);
            let function = self.0.get::<*const std::ffi::c_void>(name.as_bytes()).expect("the kernel");
            let (threads, shared) = (kernel.threads as u32, shared as u32);
            let count = arguments.len() as i32;
            launch(
                name.as_ptr(),
                function.try_as_raw_ptr().expect("an address"),
                arguments.as_ptr(),
                count,
                grid.as_ptr(),
                threads,
                shared,
                i32::from(reverse),
            );
        }
    }
}

fn source(kernels: &[Kernel], precision: Precision) -> String {
    let real = match precision {
        Precision::F32 => "REAL_FLOAT",
        Precision::Bf16 => "REAL_BF16",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("part of the project");
    // The prelude's own text is part of the key.
    let prelude = read("tests/cuda/prelude.h").replace("#include \"fibers.c\"", &read("tests/cuda/fibers.c"));
    let common = read("runtime/src/emitted/cuda/common.h");
    let texts: String = kernels.iter().map(|kernel| kernel.text.as_str()).collect();
    format!("#define REAL {real}\n{prelude}\n{common}\n{texts}")
}

fn compile(text: &str, path: &Path) {
    let number = std::thread::current().id();
    let own = |extension: &str| -> PathBuf {
        path.with_extension(format!("{}-{number:?}.{extension}", process::id()).replace(['(', ')'], ""))
    };
    let (source, made) = (own("c"), own("so"));
    fs::write(&source, text).expect("a folder to write to");
    let flags = ["-std=gnu11", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-w", "-o"];
    let output = Command::new("cc")
        .args(flags)
        .args([&made, &source])
        .arg("-lm")
        .output()
        .expect("a C compiler is needed to run kernels on the processor: install `cc`");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{errors}", source.display());
    fs::rename(&made, path).expect("a folder to write to");
    fs::remove_file(&source).expect("written before");
}

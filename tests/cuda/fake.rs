//! The fake driver and fake libraries, built by `cc` for tests on machines without a GPU.
//!
//! They are kept in the folder of temporary files of the target, under the hash of their sources.
//! Libraries are looked for once in a process, so a process finds the fakes if it is started with
//! [`environment`].

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

/// The folder with the driver alone.
pub(crate) fn driver() -> PathBuf {
    built().join("driver")
}

/// The folder with NVRTC alone.
pub(crate) fn nvrtc() -> PathBuf {
    built().join("nvrtc")
}

/// The folder with cuBLASLt alone.
pub(crate) fn cublaslt() -> PathBuf {
    built().join("cublaslt")
}

/// The folder with cuDNN alone.
pub(crate) fn cudnn() -> PathBuf {
    built().join("cudnn")
}

/// A cache for kernels that the fake has compiled; it may be full already.
pub(crate) fn cache() -> PathBuf {
    built().join("cache")
}

/// With these variables a process has a GPU. The cache outlives it, because compiling takes longest.
pub(crate) fn environment() -> [(&'static str, OsString); 2] {
    let folders = std::env::join_paths([driver(), nvrtc(), cublaslt(), cudnn()]).unwrap();
    [("NNC_CUDA_PATH", folders), ("NNC_CACHE_DIR", cache().into_os_string())]
}

/// The folder with everything; built if these very sources have not been built yet.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = target.join(format!("fake-cuda-{:016x}", hash_of_sources()));
        if !folder.exists() {
            build(&folder);
        }
        folder
    })
}

fn sources() -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|root| root.join("tests/cuda"));
    file.into_iter().find(|folder| folder.join("driver.c").exists()).expect("tests/cuda above this package")
}

fn hash_of_sources() -> u64 {
    let entries = fs::read_dir(sources()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end != "rs")).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        (&file, fs::read(&file).unwrap()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Another process may do the same at the same time: the first one wins.
fn build(folder: &Path) {
    let partial = folder.with_extension(format!("{}.partial", process::id()));
    compile("driver.c", &partial.join("driver"), "libcuda.so.1", "libcuda.so");
    compile("nvrtc.c", &partial.join("nvrtc"), "libnvrtc.so.13", "libnvrtc.so");
    compile("cublaslt.c", &partial.join("cublaslt"), "libcublasLt.so.13", "libcublasLt.so");
    compile("cudnn.c", &partial.join("cudnn"), "libcudnn.so.9", "libcudnn.so.9");
    if fs::rename(&partial, folder).is_err() {
        fs::remove_dir_all(&partial).unwrap();
        assert!(folder.exists(), "cannot make {}", folder.display());
    }
}

/// The name inside is the first that cudarc looks for: whatever the machine has comes behind.
pub(crate) fn compile(source: &str, folder: &Path, file: &str, name: &str) {
    fs::create_dir_all(folder).unwrap();
    let prelude = sources().join("prelude.h");
    let output = Command::new("cc")
        .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"])
        .arg(format!("-DPRELUDE=\"{}\"", prelude.display()))
        .arg(format!("-Wl,-soname,{name}"))
        .arg("-o")
        .arg(folder.join(file))
        .arg(sources().join(source))
        .args(["-ldl", "-lpthread", "-lm"])
        .output()
        .expect("a C compiler called `cc`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

//! CUDA kernel texts on the processor, for tests on machines without a GPU.
//!
//! The C compiler makes a shared library of the texts and of the processor's side of the kernel language
//! (`tests/cuda/prelude.h`), in which the threads of a block run as fibers. Libraries are kept by content in
//! a folder that the caller names, so that a second run does not compile again.

mod half;

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::ffi::{CString, c_char, c_int, c_void};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, process};

pub use half::{from_half, to_half};

/// The type of activations in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Real {
    /// `float`
    Float,
    /// The upper half of a `float`.
    Bf16,
    /// Half precision: 5 bits for the exponent, 10 for the fraction.
    Half,
}

/// A loaded library.
pub struct Library {
    library: libloading::Library,
    /// The threads of a block are a state of the library, of which a process has but one.
    turn: Arc<Mutex<()>>,
}

/// By path.
static TURNS: Mutex<BTreeMap<PathBuf, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());

/// How often a kernel runs, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The kernel's name.
    pub kernel: &'a str,
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared: usize,
    /// One per parameter: an address, or a number.
    pub arguments: &'a [u64],
    /// Whether the threads of a block take turns from the last to the first.
    pub reverse: bool,
}

type LaunchFunction = unsafe extern "C" fn(
    name: *const c_char,
    kernel: *const c_void,
    arguments: *const u64,
    count: c_int,
    grid: *const u32,
    threads: u32,
    shared: u32,
    reverse: c_int,
);

impl Library {
    /// Compiles `texts`, unless a library of the same texts lies in `folder`.
    ///
    /// # Panics
    /// If there is no C compiler, or it does not take the texts.
    pub fn build(folder: &Path, texts: &str, real: Real) -> Library {
        let text = source(texts, real);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        fs::create_dir_all(folder).expect("a folder for kernels");
        let path = folder.join(format!("{:016x}.so", hasher.finish()));
        if !path.exists() {
            compile(&text, &path);
        }
        // SAFETY: the library has no initialiser, and its finaliser frees what is its own.
        let library = unsafe { libloading::Library::new(&path) }.expect("the library was just built");
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        Library { library, turn: turns.entry(path).or_default().clone() }
    }

    /// Runs a kernel. A mistake that a GPU would leave undefined ends the process with a message.
    ///
    /// # Safety
    /// The arguments must be what the kernel's parameters say, and its accesses within them.
    ///
    /// # Panics
    /// If there is no such kernel, or it has another number of parameters.
    pub unsafe fn launch(&self, launch: Launch) {
        let Launch { kernel, grid, shared, arguments, reverse } = launch;
        let name = CString::new(kernel).expect("a name without zeros");
        assert_eq!(self.constant(kernel, "parameters"), arguments.len() as i32, "arguments of `{kernel}`");
        let threads = self.constant(kernel, "threads") as u32;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: both symbols have these types, see `tests/cuda/fibers.c`; the rest is the caller's.
        unsafe {
            let run = self.library.get::<LaunchFunction>(b"nnc_launch").expect("the launcher");
            let function = self.library.get::<*const c_void>(name.as_bytes()).expect("the kernel");
            run(
                name.as_ptr(),
                function.try_as_raw_ptr().expect("an address"),
                arguments.as_ptr(),
                arguments.len() as c_int,
                grid.as_ptr(),
                threads,
                shared as u32,
                c_int::from(reverse),
            );
        }
    }

    /// What the definition of a kernel says of it.
    fn constant(&self, kernel: &str, what: &str) -> i32 {
        let name = format!("{kernel}_{what}");
        // SAFETY: `KERNEL` defines these as `int`, see `tests/cuda/prelude.h`.
        let value = unsafe { self.library.get::<*const i32>(name.as_bytes()) };
        // SAFETY: as above; the library is loaded as long as `self` lives.
        unsafe { **value.unwrap_or_else(|_| panic!("there is no kernel `{kernel}`")) }
    }
}

fn source(texts: &str, real: Real) -> String {
    let real = match real {
        Real::Float => "REAL_FLOAT",
        Real::Bf16 => "REAL_BF16",
        Real::Half => "REAL_HALF",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("part of the project");
    // The prelude's own text is part of the key.
    let prelude = read("tests/cuda/prelude.h").replace("#include \"fibers.c\"", &read("tests/cuda/fibers.c"));
    let common = read("runtime/src/emitted/cuda/common.h");
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

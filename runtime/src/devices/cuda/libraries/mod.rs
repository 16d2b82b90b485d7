//! The driver and the libraries of CUDA, looked for at run time.
//!
//! A library is opened by its absolute path, with its symbols for all: cudarc, which looks by names
//! alone, then finds it among those that are open. Order: the folders of [`PATH_VARIABLE`], the
//! system's own way (`LD_LIBRARY_PATH` and its cache), toolkits, Python's packages. Where the system's
//! way leads cudarc to another file nevertheless, it is that file which is examined and reported. What
//! was opened stays open.

pub(super) mod cublaslt;
pub mod cudnn;
mod epilogue;
mod folders;
mod mapped;

use std::env;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cudarc::{cublaslt as lt, nvrtc};

pub use epilogue::Epilogue;

use super::error::{CudaError, CudaErrorKind, REPORT};
use super::raw::{FUNCTIONS, sys};

/// A list of folders, as PATH is one, that are searched for libraries first.
pub const PATH_VARIABLE: &str = "NNC_CUDA_PATH";

/// A library that is used if it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibraryKind {
    /// The driver's library, without which there is no GPU.
    Driver,
    /// The compiler of kernels.
    Nvrtc,
    /// Matrix products.
    CublasLt,
    /// Convolutions.
    Cudnn,
}

/// What was found of a library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Which one.
    pub kind: LibraryKind,
    /// The files that would do, in the order in which they are looked for.
    pub files: Vec<String>,
    /// Where it is.
    pub path: Option<PathBuf>,
    /// The version that it says it has; the driver says which CUDA it serves.
    pub version: Option<Version>,
    /// Why it cannot be used.
    pub problem: Option<String>,
    handle: Option<Handle>,
}

/// All libraries, in the order of their kinds.
pub struct Libraries {
    /// One for each kind.
    pub all: Vec<&'static Library>,
}

/// A version of CUDA, or of a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes when programs must, too.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

impl LibraryKind {
    /// All of them; the driver first, because the versions of the others must fit its own.
    pub const ALL: [LibraryKind; 4] =
        [LibraryKind::Driver, LibraryKind::Nvrtc, LibraryKind::CublasLt, LibraryKind::Cudnn];

    /// Those that networks work without, and which offer further ways to compute products.
    pub(super) const OPTIONAL: [LibraryKind; 2] = [LibraryKind::CublasLt, LibraryKind::Cudnn];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            LibraryKind::Driver => "driver",
            LibraryKind::Nvrtc => "NVRTC",
            LibraryKind::CublasLt => "cuBLASLt",
            LibraryKind::Cudnn => "cuDNN",
        }
    }

    /// Its name in a sentence.
    fn full_name(self) -> &'static str {
        match self {
            LibraryKind::Driver => "the NVIDIA driver",
            LibraryKind::Nvrtc => "NVRTC, which compiles kernels for the GPU,",
            LibraryKind::CublasLt | LibraryKind::Cudnn => self.name(),
        }
    }

    /// What it is for, and whether anything works without it.
    pub fn purpose(self) -> &'static str {
        match self {
            LibraryKind::Driver => "runs everything on the GPU",
            LibraryKind::Nvrtc => "compiles kernels",
            LibraryKind::CublasLt => "more matrix products to choose from",
            LibraryKind::Cudnn => "more convolutions to choose from",
        }
    }

    /// How to get it.
    fn remedy(self) -> &'static str {
        match self {
            LibraryKind::Driver => "install the NVIDIA driver",
            LibraryKind::Nvrtc => "`pip install nvidia-cuda-nvrtc`, or install the CUDA toolkit",
            LibraryKind::CublasLt => "`pip install nvidia-cublas`, or install the CUDA toolkit",
            LibraryKind::Cudnn => "`pip install nvidia-cudnn-cu13`",
        }
    }

    fn stem(self) -> &'static str {
        match self {
            LibraryKind::Driver => "libcuda.so",
            LibraryKind::Nvrtc => "libnvrtc.so",
            LibraryKind::CublasLt => "libcublasLt.so",
            LibraryKind::Cudnn => "libcudnn.so",
        }
    }

    /// The file names that do with a driver for CUDA `cuda`: the latest version first.
    fn files(self, cuda: Option<Version>) -> Vec<String> {
        let versions: &[u32] = match self {
            LibraryKind::Driver => &[1],
            LibraryKind::Nvrtc | LibraryKind::CublasLt => &[13, 12],
            LibraryKind::Cudnn => &[9],
        };
        // The others are numbered as CUDA is.
        let fits =
            |version: &&u32| self == LibraryKind::Cudnn || cuda.is_none_or(|cuda| **version <= cuda.major);
        let numbered = versions.iter().filter(fits).map(|version| format!("{}.{version}", self.stem()));
        numbered.chain([self.stem().to_owned()]).collect()
    }

    /// The function that tells the version.
    fn version_function(self) -> &'static str {
        match self {
            LibraryKind::Driver => "cuDriverGetVersion",
            LibraryKind::Nvrtc => "nvrtcVersion",
            LibraryKind::CublasLt => "cublasLtGetVersion",
            LibraryKind::Cudnn => "cudnnGetVersion",
        }
    }

    /// What must be in it: cudarc panics where a function is not.
    fn functions(self) -> &'static [&'static str] {
        match self {
            LibraryKind::Driver => &FUNCTIONS,
            LibraryKind::Nvrtc => &super::compile::FUNCTIONS,
            LibraryKind::CublasLt => &cublaslt::FUNCTIONS,
            LibraryKind::Cudnn => &cudnn::FUNCTIONS,
        }
    }
}

impl Libraries {
    /// Looks for all of them.
    pub fn find() -> Libraries {
        Libraries { all: LibraryKind::ALL.map(library).to_vec() }
    }
}

/// The library, which is looked for once.
pub(super) fn library(kind: LibraryKind) -> &'static Library {
    static FOUND: [OnceLock<Library>; LibraryKind::ALL.len()] =
        [const { OnceLock::new() }; LibraryKind::ALL.len()];
    FOUND[kind as usize].get_or_init(|| find(kind))
}

/// The version of a library that can be used, or why it cannot.
pub(super) fn usable(kind: LibraryKind) -> Result<Version, CudaError> {
    let library = library(kind);
    if let (None, Some(version)) = (&library.problem, library.version) {
        return Ok(version);
    }
    let why = library.problem.as_deref().unwrap_or("it does not say its version");
    let message = format!("{} cannot be used: {why}", kind.full_name());
    Err(CudaError::new(CudaErrorKind::Unavailable, message, "`nnc devices` lists what was found"))
}

/// A library that can be used, or why it cannot.
fn opened(kind: LibraryKind) -> Result<Handle, CudaError> {
    usable(kind)?;
    let handle = library(kind).handle;
    handle.ok_or_else(|| CudaError::new(CudaErrorKind::Unavailable, "it is not open", REPORT))
}

impl Library {
    /// Whether it can be used.
    pub fn is_usable(&self) -> bool {
        self.problem.is_none()
    }

    fn missing(kind: LibraryKind, files: Vec<String>, why: String) -> Library {
        Library { kind, files, path: None, version: None, problem: Some(why), handle: None }
    }
}

fn find(kind: LibraryKind) -> Library {
    let cuda = (kind != LibraryKind::Driver).then(|| library(LibraryKind::Driver).version).flatten();
    let files = kind.files(cuda);
    if !cfg!(target_os = "linux") {
        return Library::missing(kind, files, "CUDA is used on Linux alone".to_owned());
    }
    let mut refused = None;
    // cudarc may know a name of it that is not looked for here.
    let opened = open_first(kind, &files, &mut refused).or_else(|| kind.opened_by_cudarc());
    let Some(handle) = opened else {
        let why = refused.unwrap_or_else(|| format!("{} was not found: {}", files[0], kind.remedy()));
        return Library::missing(kind, files, why);
    };
    let handle = kind.opened_by_cudarc().unwrap_or(handle);
    examine(kind, files, handle, cuda)
}

/// What an open library says of itself.
fn examine(kind: LibraryKind, files: Vec<String>, handle: Handle, cuda: Option<Version>) -> Library {
    let version = version(kind, handle);
    let path = symbol(handle, kind.version_function()).and_then(|address| mapped::file_at(address as usize));
    let missing = kind.functions().iter().find(|name| symbol(handle, name).is_none());
    let problem = match (missing, version) {
        (Some(name), _) => Some(format!("it lacks the function `{name}`: install a newer one")),
        (None, None) => Some("it does not say its version".to_owned()),
        (None, Some(version)) => misfit(kind, version, cuda),
    };
    Library { kind, files, path, version, problem, handle: Some(handle) }
}

/// Why a version cannot be used. A driver loads what a compiler of its own major version makes, or of
/// an earlier one.
fn misfit(kind: LibraryKind, version: Version, cuda: Option<Version>) -> Option<String> {
    match (kind, cuda) {
        (LibraryKind::Driver, _) if version.major < 12 => {
            Some(format!("it is for CUDA {version}, and 12.8 is needed: install a newer driver"))
        }
        (LibraryKind::Nvrtc | LibraryKind::CublasLt, Some(cuda)) if version.major > cuda.major => {
            Some(format!("{version} is too new for a driver for CUDA {cuda}: install one of {}", cuda.major))
        }
        (LibraryKind::Cudnn, _) if version.major != 9 => {
            Some(format!("it is version {version}, and 9 is needed: {}", kind.remedy()))
        }
        _ => None,
    }
}

/// A library that stays open.
type Handle = &'static libloading::Library;

impl LibraryKind {
    /// The library as cudarc opens it, which it does but once; none if it is not called through cudarc.
    fn opened_by_cudarc(self) -> Option<Handle> {
        // SAFETY: opening CUDA's libraries runs no code of theirs that asks for anything of the process.
        unsafe {
            match self {
                LibraryKind::Driver => sys::is_culib_present().then(|| sys::culib()),
                LibraryKind::Nvrtc => nvrtc::sys::is_culib_present().then(|| nvrtc::sys::culib()),
                LibraryKind::CublasLt => lt::sys::is_culib_present().then(|| lt::sys::culib()),
                LibraryKind::Cudnn => None,
            }
        }
    }
}

/// Opens the first file that can be opened; if there are only others, `refused` says why the first of
/// them cannot.
fn open_first(kind: LibraryKind, files: &[String], refused: &mut Option<String>) -> Option<Handle> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let mut in_folder = |folder: PathBuf| files.iter().find_map(|file| open_in(&folder, file, refused));
    let first = folders::wanted(&variable).into_iter().find_map(&mut in_folder);
    // The driver is part of the system; the rest may be anywhere.
    first
        .or_else(|| files.iter().find_map(|file| open(Path::new(file)).ok()))
        .or_else(|| folders::toolkits(&variable).into_iter().find_map(&mut in_folder))
        .or_else(|| {
            let packages = || folders::packages(&variable).into_iter().find_map(&mut in_folder);
            (kind != LibraryKind::Driver).then(packages).flatten()
        })
}

/// Opens a file in a folder, if it is there.
fn open_in(folder: &Path, file: &str, refused: &mut Option<String>) -> Option<Handle> {
    let path = std::path::absolute(folder.join(file)).ok().filter(|path| path.exists())?;
    if file.starts_with(LibraryKind::Nvrtc.stem()) {
        // It looks for these by name alone when it compiles, and finds them if they are open.
        folders::beginning_with(folder, "libnvrtc-builtins.so").iter().for_each(|path| {
            // Without them its own message says what is missing.
            let _ = open(path);
        });
    }
    open(&path)
        .map_err(|why| refused.get_or_insert_with(|| format!("{} cannot be opened: {why}", path.display())))
        .ok()
}

/// Opens a library for good. Its symbols are for all, so that libraries of one family find each other.
#[cfg(unix)]
fn open(path: &Path) -> Result<Handle, String> {
    use std::error::Error;

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: opening CUDA's libraries runs no code of theirs that asks for anything of the process.
    let opened = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
    opened.map(|library| &*Box::leak(Box::new(libloading::Library::from(library)))).map_err(|error| {
        let source = error.source().map(ToString::to_string);
        source.unwrap_or_else(|| error.to_string())
    })
}

#[cfg(not(unix))]
fn open(_: &Path) -> Result<Handle, String> {
    Err("CUDA is used on Linux alone".to_owned())
}

/// Where a function begins.
fn symbol(handle: Handle, name: &str) -> Option<*const c_void> {
    // SAFETY: the address is only looked at, or called as what its library declares under that name.
    unsafe { handle.get::<*const c_void>(name).ok().map(|symbol| *symbol) }
}

/// The version that a library tells, without anything being initialised.
fn version(kind: LibraryKind, handle: Handle) -> Option<Version> {
    type One = unsafe extern "C" fn(*mut c_int) -> c_int;
    type Two = unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int;
    type Plain = unsafe extern "C" fn() -> usize;
    let name = kind.version_function();
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the functions are declared so in `cuda.h`, `nvrtc.h`, `cublasLt.h` and `cudnn_graph.h`.
    unsafe {
        match kind {
            LibraryKind::Driver => {
                let failed = handle.get::<One>(name).ok()?(&mut major) != 0;
                (!failed).then(|| Version::new(major as usize / 1000, major as usize % 1000 / 10))
            }
            LibraryKind::Nvrtc => {
                let failed = handle.get::<Two>(name).ok()?(&mut major, &mut minor) != 0;
                (!failed).then(|| Version::new(major as usize, minor as usize))
            }
            LibraryKind::CublasLt => {
                let number = handle.get::<Plain>(name).ok()?();
                Some(Version::new(number / 10_000, number % 10_000 / 100))
            }
            LibraryKind::Cudnn => Some(version_of_cudnn(handle.get::<Plain>(name).ok()?())),
        }
    }
}

/// 9.1.2 is 90102; before, 8.9.7 was 8907.
fn version_of_cudnn(number: usize) -> Version {
    let unit = if number < 90_000 { 1000 } else { 10_000 };
    Version::new(number / unit, number % unit / 100)
}

impl Version {
    fn new(major: usize, minor: usize) -> Version {
        Version { major: major as u32, minor: minor as u32 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_fit_the_driver() {
        let old = Some(Version { major: 12, minor: 4 });
        assert_eq!(LibraryKind::Nvrtc.files(old), ["libnvrtc.so.12", "libnvrtc.so"]);
        assert_eq!(LibraryKind::Nvrtc.files(None), ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]);
        assert_eq!(LibraryKind::Driver.files(None), ["libcuda.so.1", "libcuda.so"]);
        assert_eq!(LibraryKind::Cudnn.files(old), ["libcudnn.so.9", "libcudnn.so"]);
    }

    #[test]
    fn a_compiler_that_is_newer_than_the_driver_is_not_used() {
        let version = |major, minor| Version { major, minor };
        let nvrtc = |found, driver| misfit(LibraryKind::Nvrtc, found, Some(driver));
        assert_eq!(nvrtc(version(13, 2), version(13, 0)), None);
        assert_eq!(nvrtc(version(12, 8), version(13, 0)), None);
        let problem = nvrtc(version(13, 0), version(12, 4)).unwrap();
        assert_eq!(problem, "13.0 is too new for a driver for CUDA 12.4: install one of 12");
        assert!(misfit(LibraryKind::Driver, version(11, 8), None).is_some());
    }
    #[test]
    fn cudnn_is_of_version_nine() {
        let found = version_of_cudnn(92_600);
        assert_eq!(found, Version { major: 9, minor: 26 });
        assert_eq!(misfit(LibraryKind::Cudnn, found, None), None);
        let problem = misfit(LibraryKind::Cudnn, version_of_cudnn(8907), None).unwrap();
        assert_eq!(problem, "it is version 8.9, and 9 is needed: `pip install nvidia-cudnn-cu13`");
    }
}

//! NVRTC, the compiler of kernels that runs inside the program.

use std::ffi::{CString, c_char};
use std::ptr;

use cudarc::nvrtc::sys;

use super::unit::{HEADERS, Real, Unit};
use crate::devices::cuda::error::{CudaError, CudaErrorKind, REPORT};
use crate::devices::cuda::libraries::{LibraryKind, Version, usable};

/// Every function of NVRTC that is called here. cudarc panics where one is missing, so a library
/// without one of them is not used at all.
pub(in crate::devices::cuda) const FUNCTIONS: [&str; 7] = [
    "nvrtcCompileProgram",
    "nvrtcCreateProgram",
    "nvrtcDestroyProgram",
    "nvrtcGetCUBIN",
    "nvrtcGetCUBINSize",
    "nvrtcGetProgramLog",
    "nvrtcGetProgramLogSize",
];

/// The version of the compiler, if it can be used.
pub(super) fn version() -> Result<Version, CudaError> {
    usable(LibraryKind::Nvrtc)
}

/// Compiles a unit to a cubin.
pub(super) fn compile(unit: &Unit, real: Real, architecture: &str) -> Result<Vec<u8>, CudaError> {
    let version = version()?;
    let program = Program::new(unit)?;
    let options = real.options(architecture).map(text);
    let options = options.each_ref().map(|option| option.as_ptr());
    // SAFETY: the program is there, and the options are texts that end with a zero.
    let result = unsafe { sys::nvrtcCompileProgram(program.raw, options.len() as i32, options.as_ptr()) };
    if result == sys::nvrtcResult::NVRTC_SUCCESS {
        return program.cubin();
    }
    let names: Vec<&str> = unit.kernels.iter().map(|kernel| kernel.name).collect();
    let what = format!("NVRTC {version} cannot compile `{}` for {architecture}", names.join("`, `"));
    let (kind, help) = match result {
        // Nothing is wrong with the kernels: it does not know the architecture.
        sys::nvrtcResult::NVRTC_ERROR_INVALID_OPTION => (CudaErrorKind::Unavailable, "install a newer NVRTC"),
        sys::nvrtcResult::NVRTC_ERROR_BUILTIN_OPERATION_FAILURE => {
            (CudaErrorKind::Unavailable, "its file libnvrtc-builtins.so is missing: install NVRTC again")
        }
        _ => (CudaErrorKind::Kernel, REPORT),
    };
    Err(CudaError::new(kind, format!("{what} ({result:?})\n{}", beginning(&program.log())), help))
}

/// A text in the compiler's hands.
struct Program {
    raw: sys::nvrtcProgram,
}

impl Program {
    fn new(unit: &Unit) -> Result<Program, CudaError> {
        let source = text(unit.source.clone());
        let names = HEADERS.map(|header| text(header.name.to_owned()));
        let texts = HEADERS.map(|header| text(header.text.to_owned()));
        let pointers = |texts: &[CString; 2]| texts.each_ref().map(|text| text.as_ptr());
        let mut raw = ptr::null_mut();
        let (unit_name, count) = (c"kernels.cu".as_ptr(), HEADERS.len() as i32);
        let (texts, names) = (pointers(&texts), pointers(&names));
        // SAFETY: all texts end with a zero, and there are as many headers as names of headers. The
        // compiler copies them.
        let made = unsafe {
            sys::nvrtcCreateProgram(
                &mut raw,
                source.as_ptr(),
                unit_name,
                count,
                texts.as_ptr(),
                names.as_ptr(),
            )
        };
        check(made, "begin to compile kernels")?;
        Ok(Program { raw })
    }

    fn cubin(&self) -> Result<Vec<u8>, CudaError> {
        let mut bytes = 0;
        // SAFETY: the program is there; the call writes one number.
        let asked = unsafe { sys::nvrtcGetCUBINSize(self.raw, &mut bytes) };
        check(asked, "ask for the size of compiled kernels")?;
        let mut cubin = vec![0u8; bytes];
        // SAFETY: there is as much room as the compiler has asked for.
        let given = unsafe { sys::nvrtcGetCUBIN(self.raw, cubin.as_mut_ptr().cast()) };
        check(given, "ask for compiled kernels")?;
        Ok(cubin)
    }

    /// What the compiler has said; nothing if it does not tell.
    fn log(&self) -> String {
        let mut bytes = 0;
        // SAFETY: the program is there; the call writes one number.
        if unsafe { sys::nvrtcGetProgramLogSize(self.raw, &mut bytes) } != sys::nvrtcResult::NVRTC_SUCCESS {
            return String::new();
        }
        let mut log = vec![0u8; bytes];
        // SAFETY: there is as much room as the compiler has asked for.
        let told = unsafe { sys::nvrtcGetProgramLog(self.raw, log.as_mut_ptr().cast::<c_char>()) };
        let text = if told == sys::nvrtcResult::NVRTC_SUCCESS { log.as_slice() } else { &[] };
        String::from_utf8_lossy(text).trim_end_matches(['\0', '\n']).to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::nvrtcDestroyProgram(&mut self.raw) };
    }
}

fn check(result: sys::nvrtcResult, doing: &str) -> Result<(), CudaError> {
    if result == sys::nvrtcResult::NVRTC_SUCCESS {
        return Ok(());
    }
    Err(CudaError::new(CudaErrorKind::Kernel, format!("cannot {doing}: NVRTC answers {result:?}"), REPORT))
}

/// A text for C, up to its first zero, should it have one.
fn text(text: String) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let end = error.nul_position();
        let mut bytes = error.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

/// As much of a log as fits a message.
fn beginning(log: &str) -> String {
    const LINES: usize = 40;
    let mut lines: Vec<&str> = log.lines().take(LINES).collect();
    if log.lines().count() > LINES {
        lines.push("…");
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::cuda::raw::testing::called;

    #[test]
    fn every_function_that_is_called_is_looked_for() {
        assert_eq!(called(&[include_str!("nvrtc.rs")], "nvrtc"), FUNCTIONS);
    }

    #[test]
    fn a_long_log_is_cut() {
        assert_eq!(beginning("one\ntwo"), "one\ntwo");
        assert!(beginning(&"line\n".repeat(41)).ends_with("line\n…"));
    }
}

//! Kernels that were compiled before the program was built, so that it runs where NVRTC is not installed.
//!
//! An archive is for GPUs of one architecture. It is a row of units, each with its key and its length in front, and
//! deflated, to a third. What is damaged is as good as not there.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::cubins::Cubins;
use super::unit::{Kernel, Real, Unit};
use super::{in_parallel, key, nvrtc};
use crate::devices::cuda::context::Properties;
use crate::devices::cuda::error::{CudaError, CudaErrorKind};
use crate::emitted::cuda::Ahead;

/// Characters of a key.
const KEY: usize = 32;

/// An archive in the making.
pub struct Archive {
    architecture: String,
    cache: Cubins,
    bytes: Vec<u8>,
}

impl Archive {
    /// For GPUs of an architecture such as `sm_90`. Neither a GPU nor a driver is needed; what the user's cache has is not
    /// compiled again.
    pub fn new(architecture: &str) -> Archive {
        Archive { architecture: architecture.to_owned(), cache: Cubins::of_user(), bytes: Vec::new() }
    }

    /// Adds kernels, those of a unit together, for activations of type `real`.
    pub fn add(&mut self, units: &[&[Kernel]], real: Real) -> Result<(), CudaError> {
        let units: Vec<Unit> = units.iter().map(|kernels| Unit::new(kernels)).collect();
        let cubins = in_parallel(&units, |unit| self.cubin(unit, real))?;
        for (unit, cubin) in units.iter().zip(cubins) {
            append(&mut self.bytes, &unit.key(real, &self.architecture), &cubin);
        }
        Ok(())
    }

    /// For `Ahead::cubins`.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn cubin(&self, unit: &Unit, real: Real) -> Result<Vec<u8>, CudaError> {
        let key = key(unit, real, &self.architecture)?;
        if let Some(cubin) = self.cache.find(&key) {
            return Ok(cubin);
        }
        let cubin = nvrtc::compile(unit, real, &self.architecture)?;
        self.cache.keep(&key, &cubin);
        Ok(cubin)
    }
}

fn append(archive: &mut Vec<u8>, key: &str, cubin: &[u8]) {
    assert_eq!(key.len(), KEY, "a key is a hash of 128 bits in base 16");
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let deflated = encoder.write_all(cubin).and_then(|()| encoder.finish());
    let deflated = deflated.expect("memory takes any number of bytes");
    archive.extend(key.as_bytes());
    archive.extend((deflated.len() as u32).to_le_bytes());
    archive.extend(deflated);
}

/// The cubin of a unit.
pub(super) fn find(ahead: &Ahead, key: &str) -> Option<Vec<u8>> {
    let deflated = units(ahead.cubins).find(|(known, _)| *known == key.as_bytes())?.1;
    let mut cubin = Vec::new();
    ZlibDecoder::new(deflated).read_to_end(&mut cubin).ok()?;
    Some(cubin)
}

/// Keys, and what they stand for.
fn units(mut archive: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (key, rest) = archive.split_at_checked(KEY)?;
        let (len, rest) = rest.split_first_chunk()?;
        let (unit, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        archive = rest;
        Some((key, unit))
    })
}

/// Whether there is code that a GPU runs.
pub(in crate::devices::cuda) fn serves(ahead: &[Ahead], properties: &Properties) -> bool {
    let runs = properties.compatible();
    ahead.iter().any(|ahead| runs.iter().any(|architecture| architecture == ahead.architecture))
}

/// Why a program that has kernels cannot run on a GPU for which NVRTC, as it says itself, cannot compile others.
pub(in crate::devices::cuda) fn unserved(
    ahead: &[Ahead],
    properties: &Properties,
    error: &CudaError,
) -> CudaError {
    let name = |ahead: &Ahead| format!("{} ({})", ahead.architecture, ahead.precisions.join(", "));
    let names: Vec<String> = ahead.iter().map(name).collect();
    let Properties { name, .. } = properties;
    let (names, architecture) = (names.join(", "), properties.architecture());
    let message = format!(
        "this program was built with kernels for {names}, which do not serve {name} ({architecture}) at this precision; \
         {error}"
    );
    let help = "choose one of these precisions with `--precision`, install NVRTC (`pip install \
                nvidia-cuda-nvrtc`), or build the program with `--cuda-arch` for this GPU";
    CudaError::new(CudaErrorKind::Unavailable, message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = Vec::new();
        append(&mut archive, &"a".repeat(KEY), &[1; 1000]);
        append(&mut archive, &"b".repeat(KEY), b"");
        archive
    }

    fn find_in(cubins: &[u8], letter: &str) -> Option<Vec<u8>> {
        let cubins = cubins.to_vec().leak();
        find(&Ahead { architecture: "sm_90", precisions: &["bf16"], cubins }, &letter.repeat(KEY))
    }

    #[test]
    fn units_are_found_by_their_keys() {
        let archive = archive();
        assert!(archive.len() < 200, "it is deflated");
        assert_eq!(find_in(&archive, "a"), Some(vec![1; 1000]));
        assert_eq!(find_in(&archive, "b"), Some(Vec::new()));
        assert_eq!(find_in(&archive, "c"), None);
    }

    #[test]
    fn what_is_damaged_is_not_found() {
        let archive = archive();
        for len in 0..archive.len() {
            assert_eq!(find_in(&archive[..len], "b"), None, "{len} of {}", archive.len());
        }
        let mut damaged = archive.clone();
        damaged[KEY + 4 + 3] ^= 16;
        assert_eq!(find_in(&damaged, "a"), None);
    }

    #[test]
    fn code_runs_on_gpus_of_its_major_version_from_its_minor_one_on() {
        let runs = |capability: (u32, u32), architecture: &'static str| {
            let properties = Properties { capability, ..Properties::default() };
            serves(&[Ahead { architecture, precisions: &[], cubins: &[] }], &properties)
        };
        assert!(runs((9, 0), "sm_90") && runs((9, 0), "sm_90a"));
        assert!(runs((8, 6), "sm_80") && runs((8, 6), "sm_86"));
        for (capability, architecture) in
            [((8, 0), "sm_86"), ((10, 0), "sm_90"), ((12, 0), "sm_100"), ((8, 9), "sm_90")]
        {
            assert!(!runs(capability, architecture), "{capability:?} {architecture}");
        }
    }
}

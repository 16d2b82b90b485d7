//! All kernels of a network, compiled for GPUs that are not there.

use std::slice;

use super::own::FILES;
use super::{is_rounded, real};
use crate::devices::cuda::{Archive, CudaError, Kernel, Real};
use crate::model::Precision;

/// Compiles what a network may need at these precisions for GPUs of an architecture such as `sm_90`: for the `cubins` of an
/// [`Ahead`](crate::emitted::cuda::Ahead). With each kernel goes whether only tensor cores are computed on by those who
/// launch it. No GPU and no driver is needed, but NVRTC.
pub fn compile_ahead(
    kernels: &[(Kernel, bool)],
    precisions: &[Precision],
    architecture: &str,
) -> Result<Vec<u8>, CudaError> {
    let mut archive = Archive::new(architecture);
    let mut reals: Vec<Real> = Vec::new();
    for &precision in precisions {
        if !reals.contains(&real(precision)) {
            reals.push(real(precision));
        }
    }
    for of in reals {
        let on_tensor_cores = precisions.iter().any(|&one| real(one) == of && is_rounded(one));
        let wanted = kernels.iter().filter(|(_, needs_tensor_cores)| on_tensor_cores || !needs_tensor_cores);
        let wanted = wanted.map(|(kernel, _)| slice::from_ref(kernel));
        archive.add(&wanted.chain(FILES).collect::<Vec<_>>(), of)?;
    }
    Ok(archive.into_bytes())
}

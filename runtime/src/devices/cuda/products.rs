//! Matrix products of cuBLASLt, with all the algorithms that it proposes for one.
//!
//! Matrices are row-major here and column-major there. A row-major matrix is the transpose of a
//! column-major one, and the transpose of A·B is Bᵀ·Aᵀ: so the operands change places, and nothing is
//! transposed that was not before.

use std::ffi::c_void;
use std::ptr;

use cudarc::cublaslt::sys;

use super::compile::Real;
use super::context::Context;
use super::error::{CudaError, CudaErrorKind, REPORT};
use super::libraries::{LibraryKind, usable};
use super::stream::Stream;

/// Every function of cuBLASLt that is called here; see `raw::FUNCTIONS`.
pub(super) const FUNCTIONS: [&str; 12] = [
    "cublasLtCreate",
    "cublasLtDestroy",
    "cublasLtMatmul",
    "cublasLtMatmulAlgoGetHeuristic",
    "cublasLtMatmulDescCreate",
    "cublasLtMatmulDescDestroy",
    "cublasLtMatmulDescSetAttribute",
    "cublasLtMatmulPreferenceCreate",
    "cublasLtMatmulPreferenceDestroy",
    "cublasLtMatmulPreferenceSetAttribute",
    "cublasLtMatrixLayoutCreate",
    "cublasLtMatrixLayoutDestroy",
];

/// cuBLASLt on a GPU.
pub struct Products {
    context: Context,
    raw: sys::cublasLtHandle_t,
}

/// C = A·B: what is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// How large the matrices are.
    pub sizes: ProductSizes,
    /// Whether A lies transposed in memory, and whether B does.
    pub transposed: [bool; 2],
    /// The type of A and B.
    pub operands: Real,
    /// The type of C.
    pub result: Real,
    /// How operands of 32 bits are multiplied.
    pub accuracy: Accuracy,
}

/// Rows and columns of C, and the columns of A, which are the rows of B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProductSizes {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of B and C.
    pub columns: usize,
    /// Columns of A, rows of B.
    pub inner: usize,
}

/// How numbers of 32 bits are multiplied. Sums have 32 bits in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accuracy {
    /// With all bits.
    Full,
    /// On tensor cores, which see the first 10 bits behind the point.
    Tf32,
}

/// Addresses of a product's matrices and of its workspace.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    /// The first factor.
    pub a: u64,
    /// The second factor.
    pub b: u64,
    /// The result.
    pub c: u64,
    /// Memory for the duration of the call, at a multiple of 256 bytes.
    pub workspace: u64,
}

/// A way to compute a product.
pub struct ProductAlgorithm {
    raw: sys::cublasLtMatmulAlgo_t,
    workspace_bytes: usize,
}

// SAFETY: the handle may be used by any thread, and by several at once.
unsafe impl Send for Products {}
// SAFETY: as above.
unsafe impl Sync for Products {}

impl Products {
    /// Opens the library on a GPU.
    pub fn new(context: &Context) -> Result<Products, CudaError> {
        usable(LibraryKind::CublasLt)?;
        context.enter()?;
        let mut raw = ptr::null_mut();
        // SAFETY: a context is current.
        check(unsafe { sys::cublasLtCreate(&mut raw) }, "start cuBLASLt")?;
        Ok(Products { context: context.clone(), raw })
    }

    /// At most `count` algorithms that need no more than `workspace_bytes`, the one with the least
    /// estimated time first.
    pub fn algorithms(
        &self,
        product: &Product,
        workspace_bytes: usize,
        count: usize,
    ) -> Result<Vec<ProductAlgorithm>, CudaError> {
        self.context.enter()?;
        let (plan, limit) = (Plan::new(product)?, Preference::new(workspace_bytes)?);
        let most = i32::try_from(count).unwrap_or(i32::MAX);
        let mut found = Vec::with_capacity(count);
        let mut number = 0;
        // SAFETY: all descriptors are there, and the list has room for `count` answers.
        let asked = unsafe {
            let [first, second, result] = plan.layouts.each_ref().map(|layout| layout.raw);
            let list = found.as_mut_ptr();
            sys::cublasLtMatmulAlgoGetHeuristic(
                self.raw,
                plan.raw,
                first,
                second,
                result,
                result,
                limit.raw,
                most,
                list,
                &mut number,
            )
        };
        if asked == sys::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED {
            return Ok(Vec::new());
        }
        check(asked, "ask cuBLASLt for algorithms")?;
        // SAFETY: the call has written so many answers.
        unsafe { found.set_len(usize::try_from(number).unwrap_or(0).min(count)) };
        let works = |answer: &&sys::cublasLtMatmulHeuristicResult_t| {
            answer.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS
        };
        let algorithm = |answer: &sys::cublasLtMatmulHeuristicResult_t| ProductAlgorithm {
            raw: answer.algo,
            workspace_bytes: answer.workspaceSize,
        };
        Ok(found.iter().filter(works).map(algorithm).collect())
    }

    /// C = A·B, from here on in the stream.
    ///
    /// # Safety
    /// The matrices are as `product` says and the workspace as `algorithm` does, all of it is there
    /// until the stream has come past, and nobody else uses C or the workspace in the meantime. In a
    /// capture, that is each time the graph runs.
    pub unsafe fn run(
        &self,
        product: &Product,
        algorithm: &ProductAlgorithm,
        operands: Operands,
        stream: &Stream,
    ) -> Result<(), CudaError> {
        self.context.enter()?;
        let plan = Plan::new(product)?;
        let [alpha, beta] = [1f32, 0f32];
        let pointer = |address: u64| address as usize as *mut c_void;
        let (a, b, c) = (pointer(operands.a), pointer(operands.b), pointer(operands.c));
        let [first, second, result] = plan.layouts.each_ref().map(|layout| layout.raw);
        let factor = |number: &f32| (number as *const f32).cast::<c_void>();
        // SAFETY: all descriptors are there; the factors are read before the call returns; the caller
        // vouches for the matrices.
        let given = unsafe {
            sys::cublasLtMatmul(
                self.raw,
                plan.raw,
                factor(&alpha),
                b,
                first,
                a,
                second,
                factor(&beta),
                c,
                result,
                c,
                result,
                &algorithm.raw,
                pointer(operands.workspace),
                algorithm.workspace_bytes,
                stream.raw().cast(),
            )
        };
        check(given, "start a matrix product of cuBLASLt")
    }
}

impl Drop for Products {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cublasLtDestroy(self.raw) });
    }
}

impl ProductAlgorithm {
    /// Bytes of workspace.
    pub fn workspace_bytes(&self) -> usize {
        self.workspace_bytes
    }
}

/// A product in the library's terms.
struct Plan {
    raw: sys::cublasLtMatmulDesc_t,
    /// Of the first and the second factor there, and of the result.
    layouts: [Layout; 3],
}

impl Plan {
    fn new(product: &Product) -> Result<Plan, CudaError> {
        let ProductSizes { rows, columns, inner } = product.sizes;
        let [a, b] = product.transposed;
        // As they lie in memory, seen column by column.
        let turned = |rows, columns, turned| if turned { (columns, rows) } else { (rows, columns) };
        let layouts = [
            Layout::new(product.operands, turned(columns, inner, b))?,
            Layout::new(product.operands, turned(inner, rows, a))?,
            Layout::new(product.result, (columns, rows))?,
        ];
        let compute = match (product.operands, product.accuracy) {
            (Real::Float, Accuracy::Tf32) => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            _ => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        let made =
            unsafe { sys::cublasLtMatmulDescCreate(&mut raw, compute, sys::cudaDataType_t::CUDA_R_32F) };
        check(made, "describe a matrix product")?;
        let plan = Plan { raw, layouts };
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        plan.transpose(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, b)?;
        plan.transpose(Attribute::CUBLASLT_MATMUL_DESC_TRANSB, a)?;
        Ok(plan)
    }

    fn transpose(
        &self,
        which: sys::cublasLtMatmulDescAttributes_t,
        transposed: bool,
    ) -> Result<(), CudaError> {
        // `CUBLAS_OP_N` and `CUBLAS_OP_T`.
        let operation = i32::from(transposed);
        let (value, bytes) = ((&operation as *const i32).cast::<c_void>(), size_of::<i32>());
        // SAFETY: the attribute is one number of 32 bits, which is copied.
        check(
            unsafe { sys::cublasLtMatmulDescSetAttribute(self.raw, which, value, bytes) },
            "describe a product",
        )
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cublasLtMatmulDescDestroy(self.raw) };
    }
}

/// A matrix without gaps.
struct Layout {
    raw: sys::cublasLtMatrixLayout_t,
}

impl Layout {
    fn new(real: Real, (rows, columns): (usize, usize)) -> Result<Layout, CudaError> {
        let kind = match real {
            Real::Float => sys::cudaDataType_t::CUDA_R_32F,
            Real::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
            Real::Half => sys::cudaDataType_t::CUDA_R_16F,
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        let made = unsafe {
            sys::cublasLtMatrixLayoutCreate(&mut raw, kind, rows as u64, columns as u64, rows as i64)
        };
        check(made, "describe a matrix")?;
        Ok(Layout { raw })
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cublasLtMatrixLayoutDestroy(self.raw) };
    }
}

/// What algorithms are asked for.
struct Preference {
    raw: sys::cublasLtMatmulPreference_t,
}

impl Preference {
    fn new(workspace_bytes: usize) -> Result<Preference, CudaError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        check(unsafe { sys::cublasLtMatmulPreferenceCreate(&mut raw) }, "ask for algorithms")?;
        let preference = Preference { raw };
        let limit = workspace_bytes as u64;
        let which = sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        let (value, bytes) = ((&limit as *const u64).cast::<c_void>(), size_of::<u64>());
        // SAFETY: the attribute is one number of 64 bits, which is copied.
        let set = unsafe { sys::cublasLtMatmulPreferenceSetAttribute(preference.raw, which, value, bytes) };
        check(set, "limit the workspace of a product")?;
        Ok(preference)
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cublasLtMatmulPreferenceDestroy(self.raw) };
    }
}

fn check(status: sys::cublasStatus_t, doing: &str) -> Result<(), CudaError> {
    match status {
        sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS => Ok(()),
        _ => Err(CudaError::new(CudaErrorKind::Refused, format!("cannot {doing}: {status:?}"), REPORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::cuda::raw::testing::called;

    #[test]
    fn every_function_that_is_called_is_looked_for() {
        assert_eq!(called(&[include_str!("products.rs")], "cublasLt"), FUNCTIONS);
    }
}

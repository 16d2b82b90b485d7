//! Matrix products of cuBLASLt, by each of the algorithms that it proposes for one.
//!
//! Matrices are row-major here and column-major there. A row-major matrix is the transpose of a
//! column-major one, and the transpose of A·B is Bᵀ·Aᵀ: so the operands change places, and nothing is
//! transposed that was not before. All that a call needs is made with its [`Plan`]: running it allocates
//! nothing and may be captured.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublaslt::sys;

use super::super::compile::Real;
use super::super::context::Context;
use super::super::error::{CudaError, CudaErrorKind, REPORT};
use super::super::stream::Stream;
use super::{Epilogue, LibraryKind, usable};

/// Every function of cuBLASLt that is called here. cudarc panics where one is missing.
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
pub(in crate::devices::cuda) struct Handle {
    context: Context,
    raw: sys::cublasLtHandle_t,
}

/// C = A·B: what is multiplied. Sums have 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devices::cuda) struct Product {
    /// Rows of A and C.
    pub(in crate::devices::cuda) rows: usize,
    /// Columns of B and C.
    pub(in crate::devices::cuda) columns: usize,
    /// Columns of A, rows of B.
    pub(in crate::devices::cuda) depth: usize,
    /// Whether A lies transposed in memory, and whether B does.
    pub(in crate::devices::cuda) transposed: [bool; 2],
    /// How A and B are stored.
    pub(in crate::devices::cuda) operands: Real,
    /// How C is stored.
    pub(in crate::devices::cuda) result: Real,
    /// Whether factors in single precision may be rounded to TF32.
    pub(in crate::devices::cuda) tf32: bool,
    /// What happens to the sums before they are stored. A bias has a number for each column of C, stored as C is.
    pub(in crate::devices::cuda) epilogue: Epilogue,
}

/// Addresses on the GPU.
#[derive(Clone, Copy, Debug)]
pub(in crate::devices::cuda) struct Operands {
    /// The factors.
    pub(in crate::devices::cuda) factors: [u64; 2],
    /// The result.
    pub(in crate::devices::cuda) result: u64,
    /// The bias, if the product's epilogue adds one.
    pub(in crate::devices::cuda) bias: Option<u64>,
    /// Memory for the duration of the product, at a multiple of 256 bytes.
    pub(in crate::devices::cuda) workspace: u64,
}

/// A product by an algorithm.
pub(in crate::devices::cuda) struct Plan {
    handle: Arc<Handle>,
    /// Locked while it is told where the bias lies, and used.
    description: Arc<Mutex<Description>>,
    algorithm: sys::cublasLtMatmulAlgo_t,
    workspace_bytes: usize,
}

/// Algorithms that are asked for.
const MOST_PLANS: usize = 8;

/// Where a matrix begins at least: at a multiple of so many elements.
const MATRIX_ALIGNMENT: usize = 16;

// SAFETY: the handle may be used by any thread, and by several at once.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Opens the library on a GPU.
    pub(in crate::devices::cuda) fn new(context: &Context) -> Result<Handle, CudaError> {
        usable(LibraryKind::CublasLt)?;
        context.enter()?;
        let mut raw = ptr::null_mut();
        // SAFETY: a context is current.
        check(unsafe { sys::cublasLtCreate(&mut raw) }, || format!("start cuBLASLt on {context}"))?;
        Ok(Handle { context: context.clone(), raw })
    }

    /// Algorithms that need no more than `workspace_bytes` and always sum in the same order, the one with the
    /// least estimated time first; none for a product that the library does not compute.
    pub(in crate::devices::cuda) fn plans(
        self: &Arc<Self>,
        product: &Product,
        workspace_bytes: usize,
    ) -> Result<Vec<Plan>, CudaError> {
        self.context.enter()?;
        let description = Description::new(product)?;
        let answers = self.ask(&description, &Preference::new(product, workspace_bytes)?)?;
        let description = Arc::new(Mutex::new(description));
        let works = |answer: &&sys::cublasLtMatmulHeuristicResult_t| {
            let is_success = answer.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS;
            is_success && answer.workspaceSize <= workspace_bytes
        };
        let plan = |answer: &sys::cublasLtMatmulHeuristicResult_t| Plan {
            handle: self.clone(),
            description: description.clone(),
            algorithm: answer.algo,
            workspace_bytes: answer.workspaceSize,
        };
        Ok(answers.iter().filter(works).map(plan).collect())
    }

    fn ask(
        &self,
        description: &Description,
        preference: &Preference,
    ) -> Result<Vec<sys::cublasLtMatmulHeuristicResult_t>, CudaError> {
        let mut answers = Vec::with_capacity(MOST_PLANS);
        let mut count = 0;
        let [first, second, result] = description.layouts.each_ref().map(|layout| layout.raw);
        // SAFETY: all descriptors are there, and the list has room for as many answers as are asked for.
        let asked = unsafe {
            sys::cublasLtMatmulAlgoGetHeuristic(
                self.raw,
                description.raw,
                first,
                second,
                result,
                result,
                preference.raw,
                MOST_PLANS as i32,
                answers.as_mut_ptr(),
                &mut count,
            )
        };
        if asked == sys::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED {
            return Ok(answers);
        }
        check(asked, || "ask cuBLASLt for algorithms".to_owned())?;
        // SAFETY: the call has written so many answers.
        unsafe { answers.set_len(usize::try_from(count).unwrap_or(0).min(MOST_PLANS)) };
        Ok(answers)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cublasLtDestroy(self.raw) });
    }
}

impl Plan {
    /// Computes the product, from here on in the stream.
    ///
    /// # Safety
    /// The matrices are as the product says, and there is a bias if it says so; all begin at multiples of 16
    /// elements. The workspace has as many bytes as the plan was made for; all of it is there until the stream
    /// has come past, and nobody else uses result or workspace in the meantime. In a capture, that is each time
    /// the graph runs.
    pub(in crate::devices::cuda) unsafe fn run(
        &self,
        operands: &Operands,
        stream: &Stream,
    ) -> Result<(), CudaError> {
        self.handle.context.enter()?;
        let pointer = |address: u64| address as usize as *mut c_void;
        let ([a, b], c) = (operands.factors.map(pointer), pointer(operands.result));
        // Nothing panics in the middle of a change.
        let description = self.description.lock().unwrap_or_else(PoisonError::into_inner);
        operands.bias.map_or(Ok(()), |bias| description.set_bias(bias))?;
        let [first, second, result] = description.layouts.each_ref().map(|layout| layout.raw);
        let [alpha, beta] = [&1f32, &0f32].map(|factor| ptr::from_ref(factor).cast::<c_void>());
        // SAFETY: all descriptors are there; the factors are read before the call returns; the caller vouches
        // for the matrices and the workspace.
        let given = unsafe {
            sys::cublasLtMatmul(
                self.handle.raw,
                description.raw,
                alpha,
                b,
                first,
                a,
                second,
                beta,
                c,
                result,
                c,
                result,
                &self.algorithm,
                pointer(operands.workspace),
                self.workspace_bytes,
                stream.raw().cast(),
            )
        };
        check(given, || "start a matrix product of cuBLASLt".to_owned())?;
        stream.given(|| "run a matrix product of cuBLASLt".to_owned())
    }
}

/// A product in the library's terms.
struct Description {
    raw: sys::cublasLtMatmulDesc_t,
    /// Of the first and the second factor there, and of the result.
    layouts: [Layout; 3],
}

// SAFETY: descriptors are plain memory of the library, which any thread may use, one at a time.
unsafe impl Send for Description {}

impl Description {
    fn new(product: &Product) -> Result<Description, CudaError> {
        let Product { rows, columns, depth, transposed: [a, b], operands, result, tf32, epilogue } = *product;
        // As they lie in memory, seen column by column.
        let turned = |rows, columns, turned| if turned { (columns, rows) } else { (rows, columns) };
        let layouts = [
            Layout::new(operands, turned(columns, depth, b))?,
            Layout::new(operands, turned(depth, rows, a))?,
            Layout::new(result, (columns, rows))?,
        ];
        let compute = match operands {
            Real::Float if tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            Real::Float | Real::Bf16 | Real::Half => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        let made =
            unsafe { sys::cublasLtMatmulDescCreate(&mut raw, compute, sys::cudaDataType_t::CUDA_R_32F) };
        check(made, || format!("describe the product {product:?} to cuBLASLt"))?;
        let description = Description { raw, layouts };
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        // `CUBLAS_OP_N` and `CUBLAS_OP_T`.
        description.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &i32::from(b).to_ne_bytes())?;
        description.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSB, &i32::from(a).to_ne_bytes())?;
        description.set(Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE, &number_of(epilogue).to_ne_bytes())?;
        if epilogue.has_bias() {
            // Heuristics do not read there, but take alignment from the address.
            description.set_bias((MATRIX_ALIGNMENT * result.bytes()) as u64)?;
        }
        Ok(description)
    }

    /// Says where the bias lies. Its type is by default that of the result.
    fn set_bias(&self, address: u64) -> Result<(), CudaError> {
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        self.set(Attribute::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &address.to_ne_bytes())
    }

    /// Sets an attribute of the size of `value`.
    fn set(&self, which: sys::cublasLtMatmulDescAttributes_t, value: &[u8]) -> Result<(), CudaError> {
        // SAFETY: the call copies as many bytes as it is told.
        let set = unsafe {
            sys::cublasLtMatmulDescSetAttribute(self.raw, which, value.as_ptr().cast(), value.len())
        };
        check(set, || format!("tell cuBLASLt {which:?}"))
    }
}

/// The library adds a number for each row of its result to all columns: that is one for each column here.
fn number_of(epilogue: Epilogue) -> u32 {
    use sys::cublasLtEpilogue_t as Number;
    let number = match epilogue {
        Epilogue::None => Number::CUBLASLT_EPILOGUE_DEFAULT,
        Epilogue::Relu => Number::CUBLASLT_EPILOGUE_RELU,
        Epilogue::Bias => Number::CUBLASLT_EPILOGUE_BIAS,
        Epilogue::BiasRelu => Number::CUBLASLT_EPILOGUE_RELU_BIAS,
    };
    number as u32
}

impl Drop for Description {
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
        check(made, || format!("describe a matrix of {rows}x{columns} to cuBLASLt"))?;
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
    fn new(product: &Product, workspace_bytes: usize) -> Result<Preference, CudaError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        let made = unsafe { sys::cublasLtMatmulPreferenceCreate(&mut raw) };
        check(made, || "begin to ask cuBLASLt for algorithms".to_owned())?;
        let preference = Preference { raw };
        let limit = (workspace_bytes as u64).to_ne_bytes();
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &limit)?;
        // Blocks that share the depth leave their parts in the workspace, in full; then they are summed in order.
        let scheme = sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
        let which = Attribute::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK;
        preference.set(which, &scheme.to_ne_bytes())?;
        let alignment = |real: Real| ((MATRIX_ALIGNMENT * real.bytes()) as u32).to_ne_bytes();
        let [factor, result] = [product.operands, product.result].map(alignment);
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &factor)?;
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &factor)?;
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &result)?;
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &result)?;
        Ok(preference)
    }

    /// Sets an attribute of the size of `value`.
    fn set(&self, which: sys::cublasLtMatmulPreferenceAttributes_t, value: &[u8]) -> Result<(), CudaError> {
        // SAFETY: the call copies as many bytes as it is told.
        let set = unsafe {
            sys::cublasLtMatmulPreferenceSetAttribute(self.raw, which, value.as_ptr().cast(), value.len())
        };
        check(set, || format!("tell cuBLASLt {which:?}"))
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cublasLtMatmulPreferenceDestroy(self.raw) };
    }
}

fn check(status: sys::cublasStatus_t, doing: impl FnOnce() -> String) -> Result<(), CudaError> {
    match status {
        sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS => Ok(()),
        _ => Err(CudaError::new(CudaErrorKind::Refused, format!("cannot {}: {status:?}", doing()), REPORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::cuda::raw::testing::called;

    #[test]
    fn every_function_that_is_called_is_looked_for() {
        assert_eq!(called(&[include_str!("cublaslt.rs")], "cublasLt"), FUNCTIONS);
    }
}

//! Convolutions of cuDNN, with all the algorithms that it has for one.
//!
//! Maps are channels last, and so are weights: outputs, height, width, channels of a group. The library
//! correlates, as networks do. Sums have 32 bits.

use std::ffi::c_void;
use std::ptr;

use cudarc::cudnn::sys;

use super::compile::Real;
use super::context::Context;
use super::error::{CudaError, CudaErrorKind, REPORT};
use super::libraries::{LibraryKind, usable};
use super::products::Accuracy;
use super::stream::Stream;

/// Every function of cuDNN that is called here; see `raw::FUNCTIONS`.
pub(super) const FUNCTIONS: [&str; 20] = [
    "cudnnConvolutionBackwardData",
    "cudnnConvolutionBackwardFilter",
    "cudnnConvolutionForward",
    "cudnnCreate",
    "cudnnCreateConvolutionDescriptor",
    "cudnnCreateFilterDescriptor",
    "cudnnCreateTensorDescriptor",
    "cudnnDestroy",
    "cudnnDestroyConvolutionDescriptor",
    "cudnnDestroyFilterDescriptor",
    "cudnnDestroyTensorDescriptor",
    "cudnnGetConvolutionBackwardDataAlgorithm_v7",
    "cudnnGetConvolutionBackwardFilterAlgorithm_v7",
    "cudnnGetConvolutionForwardAlgorithm_v7",
    "cudnnSetConvolution2dDescriptor",
    "cudnnSetConvolutionGroupCount",
    "cudnnSetConvolutionMathType",
    "cudnnSetFilter4dDescriptor",
    "cudnnSetStream",
    "cudnnSetTensor4dDescriptor",
];

/// cuDNN on a GPU.
pub struct Convolutions {
    context: Context,
    raw: sys::cudnnHandle_t,
}

/// A convolution of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Samples.
    pub batch: usize,
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Height, width and channels of the output.
    pub output: [usize; 3],
    /// Height and width of the window.
    pub window: [usize; 2],
    /// Steps of the window.
    pub stride: [usize; 2],
    /// Zeros above and to the left. (Those below and to the right follow from the sizes where they are
    /// as many.)
    pub padding: [usize; 2],
    /// Distances of the window's elements.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// The type of maps and weights.
    pub real: Real,
    /// How numbers of 32 bits are multiplied.
    pub accuracy: Accuracy,
}

/// What a convolution computes, of the two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The output.
    Forward,
    /// The gradient of the input.
    BackwardInput,
    /// The gradient of the weights.
    BackwardWeight,
}

/// A way to compute a convolution in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvolutionAlgorithm {
    raw: RawAlgorithm,
    math: sys::cudnnMathType_t,
    /// Bytes of workspace.
    pub workspace_bytes: usize,
    /// Whether it gives the same bits each time.
    pub is_deterministic: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum RawAlgorithm {
    Forward(sys::cudnnConvolutionFwdAlgo_t),
    BackwardInput(sys::cudnnConvolutionBwdDataAlgo_t),
    BackwardWeight(sys::cudnnConvolutionBwdFilterAlgo_t),
}

// SAFETY: the handle may be used by any thread, one at a time.
unsafe impl Send for Convolutions {}

/// Answers that are asked for: more than there are algorithms in any direction, each with several kinds
/// of arithmetic.
const ANSWERS: usize = 24;

/// Asks for the algorithms of a direction, whose functions and types differ in their names alone.
macro_rules! algorithms {
    ($ask:ident, $answer:ident, $variant:ident, $handle:expr, $descriptors:expr) => {{
        let mut found: Vec<sys::$answer> = Vec::with_capacity(ANSWERS);
        let mut number = 0;
        let (first, second, convolution, result) = $descriptors;
        // SAFETY: all descriptors are there, and the list has room for as many answers as are asked for.
        let asked = unsafe {
            let list = found.as_mut_ptr();
            sys::$ask($handle, first, second, convolution, result, ANSWERS as i32, &mut number, list)
        };
        check(asked, "ask cuDNN for algorithms")?;
        // SAFETY: the call has written so many answers.
        unsafe { found.set_len(usize::try_from(number).unwrap_or(0).min(ANSWERS)) };
        let works = |answer: &&sys::$answer| answer.status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS;
        let algorithm = |answer: &sys::$answer| ConvolutionAlgorithm {
            raw: RawAlgorithm::$variant(answer.algo),
            math: answer.mathType,
            workspace_bytes: answer.memory,
            is_deterministic: answer.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC,
        };
        Ok(found.iter().filter(works).map(algorithm).collect())
    }};
}

impl Convolutions {
    /// Opens the library on a GPU.
    pub fn new(context: &Context) -> Result<Convolutions, CudaError> {
        usable(LibraryKind::Cudnn)?;
        context.enter()?;
        let mut raw = ptr::null_mut();
        // SAFETY: a context is current.
        check(unsafe { sys::cudnnCreate(&mut raw) }, "start cuDNN")?;
        Ok(Convolutions { context: context.clone(), raw })
    }

    /// The algorithms for a convolution, the one with the least estimated time first.
    pub fn algorithms(
        &self,
        convolution: &Convolution,
        direction: Direction,
    ) -> Result<Vec<ConvolutionAlgorithm>, CudaError> {
        self.context.enter()?;
        let Plan { raw, input, output, weight } = &Plan::new(convolution)?;
        match direction {
            Direction::Forward => algorithms!(
                cudnnGetConvolutionForwardAlgorithm_v7,
                cudnnConvolutionFwdAlgoPerf_t,
                Forward,
                self.raw,
                (input.0, weight.0, raw.0, output.0)
            ),
            Direction::BackwardInput => algorithms!(
                cudnnGetConvolutionBackwardDataAlgorithm_v7,
                cudnnConvolutionBwdDataAlgoPerf_t,
                BackwardInput,
                self.raw,
                (weight.0, output.0, raw.0, input.0)
            ),
            Direction::BackwardWeight => algorithms!(
                cudnnGetConvolutionBackwardFilterAlgorithm_v7,
                cudnnConvolutionBwdFilterAlgoPerf_t,
                BackwardWeight,
                self.raw,
                (input.0, output.0, raw.0, weight.0)
            ),
        }
    }

    /// Computes what the algorithm is for, from here on in the stream.
    ///
    /// # Safety
    /// `maps` are the addresses of input, output and weights, of which one is written to; they are as
    /// `convolution` says, and the `workspace` as `algorithm` does. All of it is there until the stream
    /// has come past, and nobody else uses what is written in the meantime. In a capture, that is each
    /// time the graph runs.
    pub unsafe fn run(
        &mut self,
        convolution: &Convolution,
        algorithm: &ConvolutionAlgorithm,
        maps: [u64; 3],
        workspace: u64,
        stream: &Stream,
    ) -> Result<(), CudaError> {
        self.context.enter()?;
        let Plan { raw, input, output, weight } = &Plan::new(convolution)?;
        let factors = [1f32, 0f32];
        let [one, zero] = factors.each_ref().map(|factor| (factor as *const f32).cast::<c_void>());
        let [x, y, w] = maps.map(|address| address as usize as *mut c_void);
        let (space, bytes) = (workspace as usize as *mut c_void, algorithm.workspace_bytes);
        // SAFETY: the library is open; stream and descriptor are there.
        check(unsafe { sys::cudnnSetStream(self.raw, stream.raw().cast()) }, "choose a stream for cuDNN")?;
        // SAFETY: as above.
        check(unsafe { sys::cudnnSetConvolutionMathType(raw.0, algorithm.math) }, "describe a convolution")?;
        // SAFETY: all descriptors are there; the factors are read before the call returns; the caller
        // vouches for the maps.
        let given = unsafe {
            match algorithm.raw {
                RawAlgorithm::Forward(algorithm) => sys::cudnnConvolutionForward(
                    self.raw, one, input.0, x, weight.0, w, raw.0, algorithm, space, bytes, zero, output.0, y,
                ),
                RawAlgorithm::BackwardInput(algorithm) => sys::cudnnConvolutionBackwardData(
                    self.raw, one, weight.0, w, output.0, y, raw.0, algorithm, space, bytes, zero, input.0, x,
                ),
                RawAlgorithm::BackwardWeight(algorithm) => sys::cudnnConvolutionBackwardFilter(
                    self.raw, one, input.0, x, output.0, y, raw.0, algorithm, space, bytes, zero, weight.0, w,
                ),
            }
        };
        check(given, "start a convolution of cuDNN")
    }
}

impl Drop for Convolutions {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cudnnDestroy(self.raw) });
    }
}

/// A convolution in the library's terms.
struct Plan {
    raw: Description,
    input: Map,
    output: Map,
    weight: Filter,
}

struct Description(sys::cudnnConvolutionDescriptor_t);
struct Map(sys::cudnnTensorDescriptor_t);
struct Filter(sys::cudnnFilterDescriptor_t);

impl Plan {
    fn new(convolution: &Convolution) -> Result<Plan, CudaError> {
        let Convolution { batch, input, output, window, groups, real, .. } = *convolution;
        Ok(Plan {
            raw: Description::new(convolution)?,
            input: Map::new(kind(real), batch, input)?,
            output: Map::new(kind(real), batch, output)?,
            weight: Filter::new(kind(real), [output[2], input[2] / groups.max(1)], window)?,
        })
    }
}

impl Description {
    fn new(convolution: &Convolution) -> Result<Description, CudaError> {
        let Convolution { stride, padding, dilation, groups, real, accuracy, .. } = *convolution;
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        check(unsafe { sys::cudnnCreateConvolutionDescriptor(&mut raw) }, "describe a convolution")?;
        let description = Description(raw);
        let [[top, left], [down, right], [high, wide]] =
            [padding, stride, dilation].map(|pair| pair.map(number));
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let sums = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
        let math = match (real, accuracy) {
            (Real::Float, Accuracy::Full) => sys::cudnnMathType_t::CUDNN_FMA_MATH,
            // For numbers of 32 bits this is TF32, on all GPUs that have it.
            (Real::Float, Accuracy::Tf32) => sys::cudnnMathType_t::CUDNN_DEFAULT_MATH,
            (Real::Bf16 | Real::Half, _) => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
        };
        // SAFETY: the descriptor is there.
        let set = unsafe {
            [
                sys::cudnnSetConvolution2dDescriptor(raw, top, left, down, right, high, wide, mode, sums),
                sys::cudnnSetConvolutionGroupCount(raw, number(groups)),
                sys::cudnnSetConvolutionMathType(raw, math),
            ]
        };
        set.into_iter().try_for_each(|status| check(status, "describe a convolution"))?;
        Ok(description)
    }
}

impl Map {
    fn new(
        kind: sys::cudnnDataType_t,
        batch: usize,
        [height, width, channels]: [usize; 3],
    ) -> Result<Map, CudaError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        check(unsafe { sys::cudnnCreateTensorDescriptor(&mut raw) }, "describe a map")?;
        let map = Map(raw);
        let [batch, height, width, channels] = [batch, height, width, channels].map(number);
        // The sizes are given in this order whatever the layout.
        let layout = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        // SAFETY: the descriptor is there.
        let set =
            unsafe { sys::cudnnSetTensor4dDescriptor(raw, layout, kind, batch, channels, height, width) };
        check(set, "describe a map")?;
        Ok(map)
    }
}

impl Filter {
    fn new(
        kind: sys::cudnnDataType_t,
        channels: [usize; 2],
        window: [usize; 2],
    ) -> Result<Filter, CudaError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one pointer.
        check(unsafe { sys::cudnnCreateFilterDescriptor(&mut raw) }, "describe weights")?;
        let filter = Filter(raw);
        let ([outputs, inputs], [height, width]) = (channels.map(number), window.map(number));
        let layout = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        // SAFETY: the descriptor is there.
        let set =
            unsafe { sys::cudnnSetFilter4dDescriptor(raw, kind, layout, outputs, inputs, height, width) };
        check(set, "describe weights")?;
        Ok(filter)
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cudnnDestroyConvolutionDescriptor(self.0) };
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cudnnDestroyTensorDescriptor(self.0) };
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: made in `new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cudnnDestroyFilterDescriptor(self.0) };
    }
}

fn kind(real: Real) -> sys::cudnnDataType_t {
    match real {
        Real::Float => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        Real::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        Real::Half => sys::cudnnDataType_t::CUDNN_DATA_HALF,
    }
}

/// A size; one that is too large for the library is refused by it as wrong.
fn number(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(-1)
}

fn check(status: sys::cudnnStatus_t, doing: &str) -> Result<(), CudaError> {
    match status {
        sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS => Ok(()),
        _ => Err(CudaError::new(CudaErrorKind::Refused, format!("cannot {doing}: {status:?}"), REPORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::cuda::raw::testing::called;

    #[test]
    fn every_function_that_is_called_is_looked_for() {
        let mut found = called(&[include_str!("convolutions.rs")], "cudnn");
        // The macro is given these.
        let asked = include_str!("convolutions.rs").split(" cudnnGet").skip(1);
        let names = asked.filter_map(|rest| rest.split(',').next().filter(|name| name.ends_with("_v7")));
        found.extend(names.map(|name| format!("cudnnGet{name}")));
        found.sort();
        assert_eq!(found, FUNCTIONS);
    }
}

//! Products by libraries of the machine.
//!
//! Each library that is there is asked once for its algorithms for a product and a size of the batch, and
//! each of them is a candidate beside the network's own kernels, to be measured; so is each of those that
//! compute what is fused after the product, too. Without measurements nothing is asked and no library is even
//! opened, so that a network computes the same bits on every machine with such a GPU. A library that is missing,
//! or that fails, offers nothing; `nnc devices` says why. No algorithm is offered that does not always sum in
//! the same order.

use std::sync::Arc;

use super::choice;
use super::tasks::Binding;
use crate::devices::cuda::libraries::{Epilogue, cublaslt, cudnn};
use crate::devices::cuda::{CudaError, Real, Stream};
use crate::emitted::cuda::{Element, Form, Fused, LibraryCall, Product, Tensor};
use crate::model::Precision;
use nnc_kernels::select::{Operation, Problem};

/// The libraries that are there, and what they are told.
pub(super) struct Libraries {
    matrices: Option<Arc<cublaslt::Handle>>,
    convolutions: Option<cudnn::Handle>,
    precision: Precision,
    real: Real,
}

/// A product by an algorithm of a library.
#[derive(Clone)]
pub(super) struct Offer {
    /// For reports, and for the file of measured times: the same in each process with the same library and GPU.
    pub(super) name: String,
    pub(super) call: &'static LibraryCall,
    plan: Arc<Plan>,
}

/// An offer for one size of the batch.
pub(super) struct Call {
    pub(super) call: &'static LibraryCall,
    plan: Arc<Plan>,
    /// Where the operands lie, in their order, then the result.
    tensors: [u64; 3],
    bias: Option<u64>,
    workspace: u64,
}

enum Plan {
    Matrices(cublaslt::Plan),
    Convolution(cudnn::Plan, Operation),
}

/// Bytes of workspace that an algorithm may ask for, as many as PyTorch gives cuBLASLt on the largest GPUs.
const WORKSPACE_BYTES: usize = 32 << 20;

/// Where a workspace begins: at a multiple of so many bytes.
const WORKSPACE_ALIGNMENT: usize = 256;

impl Libraries {
    /// None at all.
    pub(super) fn none(precision: Precision, real: Real) -> Libraries {
        Libraries { matrices: None, convolutions: None, precision, real }
    }

    /// Opens those that the machine has.
    pub(super) fn open(stream: &Stream, precision: Precision, real: Real) -> Libraries {
        let matrices = cublaslt::Handle::new(stream.context()).ok().map(Arc::new);
        Libraries { matrices, convolutions: cudnn::Handle::new(stream.context()).ok(), precision, real }
    }

    /// Whether there may be offers for a call.
    pub(super) fn serve(&self, call: &LibraryCall) -> bool {
        match call.form {
            Form::Matrices => self.matrices.is_some(),
            Form::Convolution => self.convolutions.is_some(),
        }
    }

    /// The ways to compute a product, which is `problem`, with at most `cap` bytes of workspace.
    pub(super) fn offers(&self, product: &'static Product, problem: &Problem, cap: usize) -> Vec<Offer> {
        product.library.iter().flat_map(|call| self.offers_of(call, problem, cap)).collect()
    }

    fn offers_of(&self, call: &'static LibraryCall, problem: &Problem, cap: usize) -> Vec<Offer> {
        let Some(room) = cap.checked_sub(own_bytes(call, problem.batch)) else { return Vec::new() };
        let room = room.min(WORKSPACE_BYTES);
        let plans = match call.form {
            Form::Matrices => self.matrix_plans(call, problem, room),
            Form::Convolution => self.convolution_plans(call, problem, room),
        };
        let fused = call.fused.map(|fused| format!(" {}", fused.name())).unwrap_or_default();
        let offer = |(name, plan)| Offer { name: format!("{name}{fused}"), call, plan: Arc::new(plan) };
        plans.unwrap_or_default().into_iter().map(offer).collect()
    }

    /// Algorithms of cuBLASLt, by their rank among its answers, which depend on the room that they are told of.
    fn matrix_plans(
        &self,
        call: &LibraryCall,
        problem: &Problem,
        room: usize,
    ) -> Option<Vec<(String, Plan)>> {
        let product = self.matrices(call, problem)?;
        let plans = self.matrices.as_ref()?.plans(&product, room).ok()?;
        let within = if room < WORKSPACE_BYTES { format!(" within {room} bytes") } else { String::new() };
        let named = plans.into_iter().enumerate();
        Some(named.map(|(rank, plan)| (format!("cublaslt {rank}{within}"), Plan::Matrices(plan))).collect())
    }

    /// Engines of cuDNN, by their own names.
    fn convolution_plans(
        &self,
        call: &LibraryCall,
        problem: &Problem,
        room: usize,
    ) -> Option<Vec<(String, Plan)>> {
        let asked = self.convolution(call, problem)?;
        let plans = self.convolutions.as_ref()?.plans(&asked, room).ok()?;
        let named = plans
            .into_iter()
            .map(|plan| (plan.name().to_owned(), Plan::Convolution(plan, problem.operation)));
        Some(named.collect())
    }

    /// A product of two matrices as they lie in memory; none if they are not stored alike.
    fn matrices(&self, call: &LibraryCall, problem: &Problem) -> Option<cublaslt::Product> {
        let [a, b] = call.operands.map(|operand| self.stored(operand.element()));
        let [.., before] = problem.spec.input;
        let [depth, height, width, after] = problem.spec.output;
        let pixels = problem.batch * depth * height * width;
        let (rows, columns, depth, transposed) = match problem.operation {
            Operation::Forward => (pixels, after, before, [false, false]),
            Operation::BackwardData => (pixels, before, after, [false, true]),
            Operation::BackwardWeight => (before, after, pixels, [true, false]),
        };
        let (operands, result) = (a?, self.stored(call.result.element())?);
        let bias = call.bias().map(|bias| self.stored(bias.region.element()));
        let alike = a == b && bias.is_none_or(|bias| bias == Some(result));
        let (tf32, epilogue) = (self.precision == Precision::Tf32, epilogue(call));
        alike.then_some(cublaslt::Product {
            rows,
            columns,
            depth,
            transposed,
            operands,
            result,
            tf32,
            epilogue,
        })
    }

    /// A convolution of tensors that are all stored alike; none if they are not.
    fn convolution(&self, call: &LibraryCall, problem: &Problem) -> Option<cudnn::Problem> {
        let [a, b] = call.operands;
        let [a, b, element] = [a, b, call.result].map(|tensor| self.stored(tensor.element()));
        let operation = match problem.operation {
            Operation::Forward => cudnn::Operation::Forward,
            Operation::BackwardData => cudnn::Operation::BackwardData,
            Operation::BackwardWeight => cudnn::Operation::BackwardWeight,
        };
        let (spec, batch, tf32) = (problem.spec, problem.batch, self.precision == Precision::Tf32);
        let (alike, element) = (a == element && b == element, element?);
        let epilogue = epilogue(call);
        alike.then_some(cudnn::Problem { operation, spec, batch, element, tf32, epilogue })
    }

    fn stored(&self, element: Element) -> Option<Real> {
        match element {
            Element::Real => Some(self.real),
            Element::Float => Some(Real::Float),
            Element::Place => None,
        }
    }
}

/// What is fused after a product, in the terms of libraries.
fn epilogue(call: &LibraryCall) -> Epilogue {
    match call.fused {
        None => Epilogue::None,
        Some(Fused::Relu) => Epilogue::Relu,
        Some(Fused::Bias(_)) => Epilogue::Bias,
        Some(Fused::BiasRelu(_)) => Epilogue::BiasRelu,
    }
}

/// Bytes of the workspace that a call may take for batches of up to this size within a cap: what lies there before or
/// after, then what the algorithm asks for.
pub(super) fn workspace_bytes(call: &LibraryCall, batch: usize, cap: usize) -> usize {
    let is_offered = own_bytes(call, 1) <= cap;
    if is_offered { cap.min(own_bytes(call, batch) + WORKSPACE_BYTES) } else { 0 }
}

fn own_bytes(call: &LibraryCall, batch: usize) -> usize {
    choice::workspace_bytes(call.launches(), batch).next_multiple_of(WORKSPACE_ALIGNMENT)
}

impl Binding<'_> {
    /// The call for an offer; what is launched around it comes beside.
    pub(super) fn call(&self, Offer { call, plan, .. }: &Offer) -> Call {
        let real = self.regions.extents().size(Element::Real);
        let workspace = self.workspace.address();
        let [a, b] = call.operands;
        let tensors = [a, b, call.result].map(|tensor| match tensor {
            Tensor::At(place) => self.regions.address(&place, self.batch),
            Tensor::Workspace(start) => workspace + (start * real) as u64,
        });
        let bias = call.bias().map(|bias| self.regions.address(bias, self.batch));
        let workspace = workspace + own_bytes(call, self.batch) as u64;
        Call { call, plan: plan.clone(), tensors, bias, workspace }
    }
}

impl Call {
    /// Gives it to a stream.
    pub(super) fn run(&self, stream: &Stream) -> Result<(), CudaError> {
        let Call { tensors: [a, b, result], bias, workspace, .. } = *self;
        // SAFETY: the tensors are places of the engine's buffers, whose extents are those of the product that the plan
        // was made for, and the workspace has room for the largest plan; only this stream uses them. A call, and a graph
        // of calls, is thrown away before the buffers are replaced.
        unsafe {
            match &*self.plan {
                Plan::Matrices(plan) => {
                    plan.run(&cublaslt::Operands { factors: [a, b], result, bias, workspace }, stream)
                }
                Plan::Convolution(plan, operation) => {
                    let (x, w, y) = match operation {
                        Operation::Forward => (a, b, result),
                        Operation::BackwardData => (result, b, a),
                        Operation::BackwardWeight => (a, result, b),
                    };
                    plan.run(stream, cudnn::Addresses { x, w, y, bias }, workspace)
                }
            }
        }
    }
}

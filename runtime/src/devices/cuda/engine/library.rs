//! Products by libraries of the machine.
//!
//! Each library that is there is asked once for its algorithms for a product and a size of the batch, and
//! each of them is a candidate beside the network's own kernels, to be measured. Without measurements
//! nothing is asked and no library is even opened, so that a network computes the same bits on every machine
//! with such a GPU. A library that is missing, or that fails, offers nothing; `nnc devices` says why.

use std::sync::Arc;

use crate::devices::cuda::libraries::cublaslt::{Handle, MOST_PLANS, Operands, Plan, Product as Matrices};
use crate::devices::cuda::{Context, CudaError, Real, Stream, WORKSPACE_ALIGNMENT};
use crate::emitted::cuda::{Element, Form, LibraryCall, Product, Tensor};
use crate::model::Precision;
use crate::select::{Operation, Problem};

use super::tasks::Binding;

/// The libraries that are there, and what they are told.
pub(super) struct Libraries {
    cublaslt: Option<Arc<Handle>>,
    precision: Precision,
    real: Real,
}

/// A product by an algorithm of a library.
#[derive(Clone)]
pub(super) struct Offer {
    /// For reports: the library, and the algorithm's rank among its answers.
    pub(super) name: &'static str,
    pub(super) call: &'static LibraryCall,
    plan: Arc<Plan>,
}

/// An offer for one size of the batch.
pub(super) struct Call {
    pub(super) call: &'static LibraryCall,
    plan: Arc<Plan>,
    operands: Operands,
}

/// Bytes of workspace that an algorithm may ask for, as many as PyTorch gives cuBLASLt on the largest GPUs.
const WORKSPACE_BYTES: usize = 32 << 20;

const NAMES: [&str; MOST_PLANS] = [
    "cublaslt 0",
    "cublaslt 1",
    "cublaslt 2",
    "cublaslt 3",
    "cublaslt 4",
    "cublaslt 5",
    "cublaslt 6",
    "cublaslt 7",
];

impl Libraries {
    /// None at all.
    pub(super) fn none(precision: Precision, real: Real) -> Libraries {
        Libraries { cublaslt: None, precision, real }
    }

    /// Opens those that the machine has.
    pub(super) fn open(context: &Context, precision: Precision, real: Real) -> Libraries {
        Libraries { cublaslt: Handle::new(context).ok().map(Arc::new), precision, real }
    }

    /// Whether there may be offers for a product.
    pub(super) fn serve(&self, product: &Product) -> bool {
        product.library.is_some_and(|call| call.form == Form::Matrices && self.cublaslt.is_some())
    }

    /// The ways to compute a product, which is `problem`.
    pub(super) fn offers(&self, product: &'static Product, problem: &Problem) -> Vec<Offer> {
        let (Some(handle), Some(call)) = (&self.cublaslt, product.library) else { return Vec::new() };
        if call.form != Form::Matrices {
            return Vec::new();
        }
        let Some(matrices) = self.matrices(call, problem) else { return Vec::new() };
        let plans = handle.plans(&matrices, WORKSPACE_BYTES).unwrap_or_default();
        let named = NAMES.into_iter().zip(plans);
        named.map(|(name, plan)| Offer { name, call, plan: Arc::new(plan) }).collect()
    }

    /// A product of two matrices as they lie in memory; none if they are not stored alike.
    fn matrices(&self, call: &LibraryCall, problem: &Problem) -> Option<Matrices> {
        let [a, b] = call.operands.map(|operand| self.stored(operand.element()));
        let result = self.stored(call.result.element());
        let [.., before] = problem.spec.input;
        let [depth, height, width, after] = problem.spec.output;
        let pixels = problem.batch * depth * height * width;
        let (rows, columns, depth, transposed) = match problem.operation {
            Operation::Forward => (pixels, after, before, [false, false]),
            Operation::BackwardData => (pixels, before, after, [false, true]),
            Operation::BackwardWeight => (before, after, pixels, [true, false]),
        };
        let tf32 = self.precision == Precision::Tf32;
        let matrices = Matrices { rows, columns, depth, transposed, operands: a?, result: result?, tf32 };
        (a == b).then_some(matrices)
    }

    fn stored(&self, element: Element) -> Option<Real> {
        match element {
            Element::Real => Some(self.real),
            Element::Float => Some(Real::Float),
            Element::Place => None,
        }
    }
}

/// Bytes of the workspace that a call may take for a batch: what lies there before or after, then what the
/// algorithm asks for.
pub(super) fn workspace_bytes(call: &LibraryCall, batch: usize) -> usize {
    own_bytes(call, batch) + WORKSPACE_BYTES
}

fn own_bytes(call: &LibraryCall, batch: usize) -> usize {
    let floats = call.launches().map(|launch| launch.workspace.at(batch)).max().unwrap_or(0);
    (4 * floats).next_multiple_of(WORKSPACE_ALIGNMENT)
}

impl Binding<'_> {
    /// The call for an offer; what is launched around it comes beside.
    pub(super) fn call(&self, offer: &Offer) -> Call {
        let real = self.regions.extents().size(Element::Real);
        let workspace = self.workspace.address();
        let address = |tensor: &Tensor| match tensor {
            Tensor::At(place) => self.regions.address(place, self.batch),
            Tensor::Workspace(start) => workspace + (start * real) as u64,
        };
        let operands = Operands {
            factors: offer.call.operands.each_ref().map(address),
            result: address(&offer.call.result),
            workspace: workspace + own_bytes(offer.call, self.batch) as u64,
        };
        Call { call: offer.call, plan: offer.plan.clone(), operands }
    }
}

impl Call {
    /// Gives it to a stream.
    pub(super) fn run(&self, stream: &Stream) -> Result<(), CudaError> {
        // SAFETY: the operands are places of the engine's buffers, whose extents are those of the product that the plan
        // was made for, and the workspace has room for the largest plan; only this stream uses them. A call, and a graph
        // of calls, is thrown away before the buffers are replaced.
        unsafe { self.plan.run(&self.operands, stream) }
    }
}

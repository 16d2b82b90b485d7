//! The operations of a problem as a graph of descriptors.

use super::Epilogue;
use super::api::{Api, Raw};
use super::descriptor::{Attribute, Descriptor, Kind, Value};
use super::problem::{Operation, Problem, Shape};
use super::target::Target;
use crate::devices::cuda::error::CudaError;

/// By these a tensor is known in the graph and where it is run.
#[derive(Clone, Copy)]
pub(super) enum Id {
    X = 1,
    W = 2,
    Y = 3,
    Bias = 4,
    /// What the convolution leaves to the epilogue.
    Sums = 5,
    /// What the bias was added to.
    Biased = 6,
}

/// A finished graph, with all that it was made of: whether it needs that any longer is not documented.
pub(super) struct Graph {
    pub(super) graph: Descriptor,
    _parts: Vec<Descriptor>,
}

/// `CUDNN_DATA_FLOAT`, in which everything is computed.
const FLOAT: i32 = 0;

/// Multiples of so many bytes are the places of all tensors.
const ALIGNMENT: i64 = 16;

/// Modes of `cudnnConvolutionMode_t` and `cudnnPointwiseMode_t`.
const CROSS_CORRELATION: i32 = 1;
const ADD: i32 = 0;
const RELU: i32 = 100;

/// `CUDNN_PROPAGATE_NAN`
const PROPAGATE: i32 = 1;

impl Graph {
    pub(super) fn new(api: &'static Api, target: &Target, problem: &Problem) -> Result<Graph, CudaError> {
        let mut parts = Parts { api, problem, made: Vec::new() };
        let operations = parts.operations()?;
        let mut attributes = vec![(Attribute::GRAPH_OPERATIONS, Value::Descriptors(&operations))];
        attributes.extend(target.of_graph);
        let graph = Descriptor::new(api, Kind::OperationGraph, &attributes)?;
        Ok(Graph { graph, _parts: parts.made })
    }
}

/// What has been made so far.
struct Parts<'a> {
    api: &'static Api,
    problem: &'a Problem,
    made: Vec<Descriptor>,
}

impl Parts<'_> {
    fn add(&mut self, kind: Kind, attributes: &[(Attribute, Value)]) -> Result<Raw, CudaError> {
        let made = Descriptor::new(self.api, kind, attributes)?;
        let raw = made.raw();
        self.made.push(made);
        Ok(raw)
    }

    /// The convolution, and what follows it.
    fn operations(&mut self) -> Result<Vec<Raw>, CudaError> {
        let problem = self.problem;
        let x = self.tensor(Id::X, &problem.x())?;
        let w = self.tensor(Id::W, &problem.w())?;
        let y = self.tensor(Id::Y, &problem.y())?;
        if problem.epilogue == Epilogue::None {
            return Ok(vec![self.convolution([x, w, y])?]);
        }
        let sums = self.passed_on(Id::Sums)?;
        let convolution = self.convolution([x, w, sums])?;
        let after = match problem.epilogue {
            Epilogue::None => Vec::new(),
            Epilogue::Relu => vec![self.relu(sums, y)?],
            Epilogue::Bias => vec![self.addition(sums, y)?],
            Epilogue::BiasRelu => {
                let biased = self.passed_on(Id::Biased)?;
                vec![self.addition(sums, biased)?, self.relu(biased, y)?]
            }
        };
        Ok([convolution].into_iter().chain(after).collect())
    }

    /// y = x and a number for each channel.
    fn addition(&mut self, x: Raw, y: Raw) -> Result<Raw, CudaError> {
        let bias = self.tensor(Id::Bias, &self.problem.bias())?;
        let function = [(Attribute::POINTWISE_MODE, Value::PointwiseMode(ADD))];
        self.pointwise(&function, x, Some(bias), y)
    }

    /// y = max(x, 0), which is NaN where x is.
    fn relu(&mut self, x: Raw, y: Raw) -> Result<Raw, CudaError> {
        let function = [
            (Attribute::POINTWISE_MODE, Value::PointwiseMode(RELU)),
            (Attribute::POINTWISE_NAN, Value::NanPropagation(PROPAGATE)),
        ];
        self.pointwise(&function, x, None, y)
    }

    /// One in memory.
    fn tensor(&mut self, id: Id, shape: &Shape) -> Result<Raw, CudaError> {
        let data_type = self.problem.data_type();
        self.any_tensor(id, shape, data_type, false)
    }

    /// One of y's shape that one operation leaves to the next.
    fn passed_on(&mut self, id: Id) -> Result<Raw, CudaError> {
        self.any_tensor(id, &self.problem.y(), FLOAT, true)
    }

    fn any_tensor(
        &mut self,
        id: Id,
        shape: &Shape,
        data_type: i32,
        is_virtual: bool,
    ) -> Result<Raw, CudaError> {
        self.add(
            Kind::Tensor,
            &[
                (Attribute::TENSOR_ID, Value::Integers(&[id as i64])),
                (Attribute::TENSOR_TYPE, Value::DataType(data_type)),
                (Attribute::TENSOR_ALIGNMENT, Value::Integers(&[ALIGNMENT])),
                (Attribute::TENSOR_DIMENSIONS, Value::Integers(&shape.dimensions)),
                (Attribute::TENSOR_STRIDES, Value::Integers(&shape.strides)),
                (Attribute::TENSOR_IS_VIRTUAL, Value::Boolean(is_virtual)),
            ],
        )
    }

    /// The product of the tensors x, w, y, in the direction of the problem.
    fn convolution(&mut self, [x, w, y]: [Raw; 3]) -> Result<Raw, CudaError> {
        let windows = self.windows()?;
        // Each operation has its own names of the same attributes, in the same order.
        let (kind, first) = match self.problem.operation {
            Operation::Forward => (Kind::ConvolutionForward, 700),
            Operation::BackwardData => (Kind::ConvolutionBackwardData, 706),
            Operation::BackwardWeight => (Kind::ConvolutionBackwardWeight, 712),
        };
        let [alpha, beta, convolution, filter, input, output] =
            [0, 1, 2, 3, 4, 5].map(|place| Attribute(first + place));
        self.add(
            kind,
            &[
                (alpha, Value::Float(1.0)),
                (beta, Value::Float(0.0)),
                (convolution, Value::Descriptors(&[windows])),
                (filter, Value::Descriptors(&[w])),
                (input, Value::Descriptors(&[x])),
                (output, Value::Descriptors(&[y])),
            ],
        )
    }

    /// How the windows lie on the map.
    fn windows(&mut self) -> Result<Raw, CudaError> {
        let problem = self.problem;
        self.add(
            Kind::Convolution,
            &[
                (Attribute::CONVOLUTION_COMPUTE_TYPE, Value::DataType(FLOAT)),
                (Attribute::CONVOLUTION_MODE, Value::ConvolutionMode(CROSS_CORRELATION)),
                (Attribute::CONVOLUTION_AXES, Value::Integers(&[problem.axes() as i64])),
                (Attribute::CONVOLUTION_DILATIONS, Value::Integers(&problem.dilations())),
                (Attribute::CONVOLUTION_STRIDES, Value::Integers(&problem.strides())),
                (Attribute::CONVOLUTION_PRE_PADDINGS, Value::Integers(&problem.pre_paddings())),
                (Attribute::CONVOLUTION_POST_PADDINGS, Value::Integers(&problem.post_paddings())),
            ],
        )
    }

    /// y by a function of x, and of a second tensor whose axes may be shorter.
    fn pointwise(
        &mut self,
        function: &[(Attribute, Value)],
        x: Raw,
        second: Option<Raw>,
        y: Raw,
    ) -> Result<Raw, CudaError> {
        let compute_type = (Attribute::POINTWISE_COMPUTE_TYPE, Value::DataType(FLOAT));
        let function = self.add(Kind::Pointwise, &[function, &[compute_type]].concat())?;
        let [function, x, y] = [[function], [x], [y]];
        let second = second.map(|second| [second]);
        let mut attributes = vec![
            (Attribute::POINTWISE_DESCRIPTOR, Value::Descriptors(&function)),
            (Attribute::POINTWISE_X, Value::Descriptors(&x)),
            (Attribute::POINTWISE_Y, Value::Descriptors(&y)),
        ];
        if let Some(second) = &second {
            attributes.push((Attribute::POINTWISE_B, Value::Descriptors(second)));
        }
        self.add(Kind::PointwiseOperation, &attributes)
    }
}

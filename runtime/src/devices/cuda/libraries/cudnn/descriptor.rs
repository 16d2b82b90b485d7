//! Descriptors: the objects of which cuDNN's graphs are made, with numbered attributes. `cudnn_graph.h` says
//! which attributes a descriptor has, of what type, and how many values.

use std::ffi::{c_int, c_void};
use std::ptr;

use super::api::{Api, Raw};
use crate::devices::cuda::error::{CudaError, CudaErrorKind, REPORT};

/// A descriptor of its own kind.
pub(super) struct Descriptor {
    api: &'static Api,
    raw: Raw,
}

// SAFETY: a descriptor is plain memory of the library, which any thread may use, one at a time.
unsafe impl Send for Descriptor {}
// SAFETY: it does not change once it is finalised, and that is before anybody shares it.
unsafe impl Sync for Descriptor {}

/// The kinds that are used, of `cudnnBackendDescriptorType_t`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Pointwise = 0,
    Convolution = 1,
    Engine = 2,
    EngineConfig = 3,
    Heuristics = 4,
    ExecutionPlan = 5,
    KnobChoice = 7,
    ConvolutionForward = 10,
    ConvolutionBackwardWeight = 11,
    ConvolutionBackwardData = 12,
    PointwiseOperation = 13,
    OperationGraph = 15,
    VariantPack = 16,
    Tensor = 17,
    #[cfg(test)]
    Device = 38,
}

/// The name of an attribute, of `cudnnBackendAttributeName_t`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute(pub(super) c_int);

impl Attribute {
    pub(super) const POINTWISE_MODE: Attribute = Attribute(0);
    pub(super) const POINTWISE_COMPUTE_TYPE: Attribute = Attribute(1);
    pub(super) const POINTWISE_NAN: Attribute = Attribute(2);
    pub(super) const CONVOLUTION_COMPUTE_TYPE: Attribute = Attribute(100);
    pub(super) const CONVOLUTION_MODE: Attribute = Attribute(101);
    pub(super) const CONVOLUTION_DILATIONS: Attribute = Attribute(102);
    pub(super) const CONVOLUTION_STRIDES: Attribute = Attribute(103);
    pub(super) const CONVOLUTION_POST_PADDINGS: Attribute = Attribute(104);
    pub(super) const CONVOLUTION_PRE_PADDINGS: Attribute = Attribute(105);
    pub(super) const CONVOLUTION_AXES: Attribute = Attribute(106);
    pub(super) const HEURISTICS_MODE: Attribute = Attribute(200);
    pub(super) const HEURISTICS_GRAPH: Attribute = Attribute(201);
    pub(super) const HEURISTICS_RESULTS: Attribute = Attribute(202);
    #[cfg(test)]
    pub(super) const HEURISTICS_DEVICE: Attribute = Attribute(204);
    pub(super) const CONFIG_ENGINE: Attribute = Attribute(300);
    pub(super) const CONFIG_KNOBS: Attribute = Attribute(302);
    pub(super) const PLAN_HANDLE: Attribute = Attribute(400);
    pub(super) const PLAN_CONFIG: Attribute = Attribute(401);
    pub(super) const PLAN_WORKSPACE: Attribute = Attribute(402);
    #[cfg(test)]
    pub(super) const PLAN_DEVICE: Attribute = Attribute(407);
    pub(super) const KNOB_TYPE: Attribute = Attribute(600);
    pub(super) const KNOB_VALUE: Attribute = Attribute(601);
    pub(super) const POINTWISE_DESCRIPTOR: Attribute = Attribute(750);
    pub(super) const POINTWISE_X: Attribute = Attribute(751);
    pub(super) const POINTWISE_B: Attribute = Attribute(752);
    pub(super) const POINTWISE_Y: Attribute = Attribute(753);
    pub(super) const GRAPH_HANDLE: Attribute = Attribute(800);
    pub(super) const GRAPH_OPERATIONS: Attribute = Attribute(801);
    pub(super) const TENSOR_ALIGNMENT: Attribute = Attribute(900);
    pub(super) const TENSOR_TYPE: Attribute = Attribute(901);
    pub(super) const TENSOR_DIMENSIONS: Attribute = Attribute(902);
    pub(super) const TENSOR_STRIDES: Attribute = Attribute(903);
    pub(super) const TENSOR_ID: Attribute = Attribute(906);
    pub(super) const TENSOR_IS_VIRTUAL: Attribute = Attribute(907);
    pub(super) const PACK_IDS: Attribute = Attribute(1000);
    pub(super) const PACK_ADDRESSES: Attribute = Attribute(1001);
    pub(super) const PACK_WORKSPACE: Attribute = Attribute(1003);
    pub(super) const ENGINE_INDEX: Attribute = Attribute(1301);
    pub(super) const ENGINE_NUMERICAL_NOTES: Attribute = Attribute(1303);
    pub(super) const ENGINE_BEHAVIOR_NOTES: Attribute = Attribute(1305);
    #[cfg(test)]
    pub(super) const DEVICE_JSON: Attribute = Attribute(2702);
}

/// What an attribute is set to, by its type in `cudnnBackendAttributeType_t`.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Handle(Raw),
    DataType(c_int),
    Boolean(bool),
    Integers(&'a [i64]),
    Float(f32),
    Addresses(&'a [u64]),
    ConvolutionMode(c_int),
    HeuristicsMode(c_int),
    PointwiseMode(c_int),
    NanPropagation(c_int),
    Descriptors(&'a [Raw]),
    #[cfg(test)]
    Text(&'a [u8]),
}

/// Types of attributes that are asked for.
const INTEGER: c_int = 3;
const KNOB: c_int = 9;
const NUMERICAL_NOTE: c_int = 11;
const DESCRIPTOR: c_int = 15;
const BEHAVIOR_NOTE: c_int = 19;

/// How many values an attribute has at most: there are 46 types of knobs, and 10 notes.
const MOST: usize = 64;

impl Value<'_> {
    /// Its type, how many values it has, and where they begin.
    fn parts(&self) -> (c_int, usize, *const c_void) {
        match self {
            Value::Handle(handle) => (0, 1, ptr::from_ref(handle).cast()),
            Value::DataType(code) => (1, 1, ptr::from_ref(code).cast()),
            Value::Boolean(value) => (2, 1, ptr::from_ref(value).cast()),
            Value::Integers(values) => (INTEGER, values.len(), values.as_ptr().cast()),
            Value::Float(value) => (4, 1, ptr::from_ref(value).cast()),
            Value::Addresses(values) => (6, values.len(), values.as_ptr().cast()),
            Value::ConvolutionMode(code) => (7, 1, ptr::from_ref(code).cast()),
            Value::HeuristicsMode(code) => (8, 1, ptr::from_ref(code).cast()),
            Value::PointwiseMode(code) => (14, 1, ptr::from_ref(code).cast()),
            Value::NanPropagation(code) => (10, 1, ptr::from_ref(code).cast()),
            Value::Descriptors(values) => (DESCRIPTOR, values.len(), values.as_ptr().cast()),
            #[cfg(test)]
            Value::Text(bytes) => (24, bytes.len(), bytes.as_ptr().cast()),
        }
    }
}

impl Descriptor {
    /// One with these attributes, finalised: they do not change any more.
    pub(super) fn new(
        api: &'static Api,
        kind: Kind,
        attributes: &[(Attribute, Value)],
    ) -> Result<Descriptor, CudaError> {
        let made = Descriptor::empty(api, kind)?;
        for (attribute, value) in attributes {
            let (code, count, start) = value.parts();
            // SAFETY: descriptor and values are there; the library copies them.
            let set = unsafe { (api.set_attribute)(made.raw, attribute.0, code, count as i64, start) };
            api.check(set, || format!("set attribute {} of cuDNN's {kind:?}", attribute.0))?;
        }
        // SAFETY: the descriptor is there.
        api.check(unsafe { (api.finalize)(made.raw) }, || format!("make cuDNN's {kind:?}"))?;
        Ok(made)
    }

    /// One that is to be set, or to be filled by the library.
    fn empty(api: &'static Api, kind: Kind) -> Result<Descriptor, CudaError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the call writes one address.
        let made = unsafe { (api.create_descriptor)(kind as c_int, &mut raw) };
        api.check(made, || format!("begin to make cuDNN's {kind:?}"))?;
        Ok(Descriptor { api, raw })
    }

    pub(super) fn raw(&self) -> Raw {
        self.raw
    }

    /// The one number that an attribute is.
    pub(super) fn integer(&self, attribute: Attribute) -> Result<i64, CudaError> {
        let mut value = 0;
        self.ask(attribute, INTEGER, 1, ptr::from_mut(&mut value).cast())?;
        Ok(value)
    }

    /// The one type of a knob that an attribute is.
    pub(super) fn knob(&self, attribute: Attribute) -> Result<c_int, CudaError> {
        let mut value: c_int = 0;
        self.ask(attribute, KNOB, 1, ptr::from_mut(&mut value).cast())?;
        Ok(value)
    }

    pub(super) fn numerical_notes(&self, attribute: Attribute) -> Result<Vec<c_int>, CudaError> {
        self.notes(attribute, NUMERICAL_NOTE)
    }

    pub(super) fn behavior_notes(&self, attribute: Attribute) -> Result<Vec<c_int>, CudaError> {
        self.notes(attribute, BEHAVIOR_NOTE)
    }

    fn notes(&self, attribute: Attribute, code: c_int) -> Result<Vec<c_int>, CudaError> {
        let mut values: [c_int; MOST] = [0; MOST];
        let count = self.ask(attribute, code, MOST, values.as_mut_ptr().cast())?;
        Ok(values[..count].to_vec())
    }

    /// The descriptors that an attribute is. (How many there are is not asked: cuDNN 9.26 answers zero for
    /// knobs.)
    pub(super) fn descriptors(&self, attribute: Attribute, kind: Kind) -> Result<Vec<Descriptor>, CudaError> {
        self.up_to(MOST, attribute, kind)
    }

    /// The one descriptor that an attribute is, for which no more may be asked.
    pub(super) fn descriptor(&self, attribute: Attribute, kind: Kind) -> Result<Descriptor, CudaError> {
        let one = self.up_to(1, attribute, kind)?.pop();
        one.ok_or_else(|| {
            let message = format!("cuDNN has no attribute {}, which should be its {kind:?}", attribute.0);
            CudaError::new(CudaErrorKind::Refused, message, REPORT)
        })
    }

    fn up_to(&self, most: usize, attribute: Attribute, kind: Kind) -> Result<Vec<Descriptor>, CudaError> {
        let mut made = (0..most).map(|_| Descriptor::empty(self.api, kind)).collect::<Result<Vec<_>, _>>()?;
        let mut places: Vec<Raw> = made.iter().map(Descriptor::raw).collect();
        let count = self.ask(attribute, DESCRIPTOR, most, places.as_mut_ptr().cast())?;
        made.truncate(count);
        Ok(made)
    }

    /// Lets the library write up to `most` values of the type `code`, for which `to` has room; how many it
    /// has written.
    fn ask(
        &self,
        attribute: Attribute,
        code: c_int,
        most: usize,
        to: *mut c_void,
    ) -> Result<usize, CudaError> {
        let mut count = 0;
        // SAFETY: the callers give room for `most` values of the type.
        let asked =
            unsafe { (self.api.get_attribute)(self.raw, attribute.0, code, most as i64, &mut count, to) };
        self.api.check(asked, || format!("ask cuDNN for attribute {}", attribute.0))?;
        Ok(usize::try_from(count).unwrap_or(0).min(most))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: made in `empty`. A failure leaves nothing to do.
        let _ = unsafe { (self.api.destroy_descriptor)(self.raw) };
    }
}

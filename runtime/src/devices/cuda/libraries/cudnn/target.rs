//! For which GPU plans are made.

use super::api::Raw;
use super::descriptor::{Attribute, Value};

/// What graphs, heuristics and plans are told of the GPU: a handle. (The tests of this module describe a GPU
/// instead, so that cuDNN itself checks what is made here on machines without one.)
pub(super) struct Target<'a> {
    pub(super) of_graph: Option<(Attribute, Value<'a>)>,
    pub(super) of_heuristics: Option<(Attribute, Value<'a>)>,
    pub(super) of_plan: (Attribute, Value<'a>),
}

impl Target<'_> {
    /// The GPU of a handle.
    pub(super) fn of_handle(handle: Raw) -> Target<'static> {
        Target {
            of_graph: Some((Attribute::GRAPH_HANDLE, Value::Handle(handle))),
            of_heuristics: None,
            of_plan: (Attribute::PLAN_HANDLE, Value::Handle(handle)),
        }
    }
}

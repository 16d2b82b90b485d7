//! The engines that compute a graph, as cuDNN's heuristics propose them, and which of them are taken.

use std::fmt::Write;

use super::api::Api;
use super::descriptor::{Attribute, Descriptor, Kind, Value};
use super::graph::Graph;
use super::problem::Problem;
use super::target::Target;
use crate::devices::cuda::Real;
use crate::devices::cuda::error::CudaError;

/// An engine with its knobs as they are to be.
pub(super) struct Engine {
    pub(super) config: Descriptor,
    index: i64,
    /// Types and values.
    knobs: Vec<(i32, i64)>,
    numerical_notes: Vec<i32>,
    behavior_notes: Vec<i32>,
}

/// Of `cudnnBackendNumericalNote_t`.
mod note {
    pub(super) const TENSOR_CORE: i32 = 0;
    pub(super) const DOWN_CONVERT_INPUTS: i32 = 1;
    pub(super) const REDUCED_PRECISION_REDUCTION: i32 = 2;
    pub(super) const NONDETERMINISTIC: i32 = 4;
    pub(super) const WINOGRAD_TILE_6X6: i32 = 7;
    pub(super) const WINOGRAD_TILE_13X13: i32 = 8;
}

/// What no problem bears: less exact numbers and sums, and other bits each time.
const REFUSED: [i32; 5] = [
    note::DOWN_CONVERT_INPUTS,
    note::REDUCED_PRECISION_REDUCTION,
    note::NONDETERMINISTIC,
    note::WINOGRAD_TILE_6X6,
    note::WINOGRAD_TILE_13X13,
];

/// Of `cudnnBackendBehaviorNote_t`: engines that want tensors in an order of their own.
const REORDERINGS: [i32; 2] = [1, 2];

/// Of `cudnnBackendHeurMode_t`: a decision tree, a network that estimates times, and what always works.
const MODES: [i32; 3] = [3, 1, 2];

/// The heuristics like an engine with many settings. So many of them are taken, so that others have a chance.
const SETTINGS: usize = 4;

/// The engines that may compute the problem, without doubles: those of both heuristics in turns, the most
/// promising first, then those that always work.
pub(super) fn engines(
    api: &'static Api,
    target: &Target,
    graph: &Graph,
    problem: &Problem,
) -> Result<Vec<Engine>, CudaError> {
    let [tree, network, fallback] = MODES.map(|mode| proposed(api, target, graph, mode));
    let mut taken: Vec<Engine> = Vec::new();
    for engine in in_turns(tree?, network?).into_iter().chain(fallback?) {
        let settings = taken.iter().filter(|other| other.index == engine.index);
        let is_new = taken.iter().all(|other| other.name() != engine.name());
        if is_new && engine.serves(problem) && settings.count() < SETTINGS {
            taken.push(engine);
        }
    }
    Ok(taken)
}

/// What a heuristic proposes, best first. It may know no engine.
fn proposed(api: &'static Api, target: &Target, graph: &Graph, mode: i32) -> Result<Vec<Engine>, CudaError> {
    let operations = [graph.graph.raw()];
    let mut attributes = vec![
        (Attribute::HEURISTICS_GRAPH, Value::Descriptors(&operations)),
        (Attribute::HEURISTICS_MODE, Value::HeuristicsMode(mode)),
    ];
    attributes.extend(target.of_heuristics);
    let heuristics = Descriptor::new(api, Kind::Heuristics, &attributes)?;
    let configs = heuristics.descriptors(Attribute::HEURISTICS_RESULTS, Kind::EngineConfig)?;
    configs.into_iter().map(Engine::of).collect()
}

/// The first of both, the second of both, and so on.
fn in_turns<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let turn = [first.next(), second.next()];
        if turn.iter().all(Option::is_none) {
            return all;
        }
        all.extend(turn.into_iter().flatten());
    }
}

impl Engine {
    fn of(config: Descriptor) -> Result<Engine, CudaError> {
        let engine = config.descriptor(Attribute::CONFIG_ENGINE, Kind::Engine)?;
        let mut knobs = Vec::new();
        for knob in config.descriptors(Attribute::CONFIG_KNOBS, Kind::KnobChoice)? {
            knobs.push((knob.knob(Attribute::KNOB_TYPE)?, knob.integer(Attribute::KNOB_VALUE)?));
        }
        Ok(Engine {
            index: engine.integer(Attribute::ENGINE_INDEX)?,
            knobs,
            numerical_notes: engine.numerical_notes(Attribute::ENGINE_NUMERICAL_NOTES)?,
            behavior_notes: engine.behavior_notes(Attribute::ENGINE_BEHAVIOR_NOTES)?,
            config,
        })
    }

    /// What it is called wherever it is, as cuDNN's own tools do: `eng41_k2=5_k13=1`.
    pub(super) fn name(&self) -> String {
        let mut name = format!("eng{}", self.index);
        for (knob, value) in &self.knobs {
            let _ = write!(name, "_k{knob}={value}");
        }
        name
    }

    /// Whether its results are as exact as the problem wants, and always the same, from tensors as they are.
    /// Numbers are taken and added up with all their bits, but for TF32; and the transforms of large Winograd
    /// tiles lose several.
    fn serves(&self, problem: &Problem) -> bool {
        let is_exact = problem.element == Real::Float && !problem.tf32;
        let refuses = |note: &i32| REFUSED.contains(note) || (is_exact && *note == note::TENSOR_CORE);
        let reorders = self.behavior_notes.iter().any(|note| REORDERINGS.contains(note));
        !reorders && !self.numerical_notes.iter().any(refuses)
    }
}

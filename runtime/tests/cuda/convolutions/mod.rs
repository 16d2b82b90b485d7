//! Convolutions of cuDNN against a plain one: the fake of `tests/cuda/cudnn.c`, or a GPU's own.

mod numbers;
mod plain;

use std::path::PathBuf;

use nnc_runtime::devices::cuda::cudnn::{Addresses, Epilogue, Handle, Operation, Plan, Problem};
use nnc_runtime::devices::cuda::{
    Context, CudaError, CudaErrorKind, Libraries, LibraryKind, Memory, Real, Stream,
};
use nnc_runtime::emitted::Conv;

use crate::{Case, fake, is_fake, report};
use numbers::{decode, encode, some_numbers};
use plain::{for_each_term, shapes};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::any("cudnn_computes_all_products_in_f32", || agree(Real::Float, false)),
        Case::any("cudnn_computes_all_products_in_tf32", || agree(Real::Float, true)),
        Case::any("cudnn_computes_all_products_in_bf16", || agree(Real::Bf16, false)),
        Case::any("cudnn_computes_all_products_in_f16", || agree(Real::Half, false)),
        Case::any("cudnn_computes_a_relu", || fused(Epilogue::Relu)),
        Case::any("cudnn_adds_a_bias", || fused(Epilogue::Bias)),
        Case::any("cudnn_adds_a_bias_before_a_relu", || fused(Epilogue::BiasRelu)),
        Case::any("cudnn_keeps_what_is_not_a_number", keeps_nan),
        Case::any("cudnn_is_captured", captured),
        Case::any("cudnn_respects_a_workspace_cap", cap),
        Case::new("cudnn_plans_are_those_that_are_exact_enough", exact_enough),
        Case::new("cudnn_beyond_its_memory_loses_the_gpu", stray),
        Case::new("cudnn_with_another_bias_is_refused", other_bias),
        Case::new("cudnn_that_fails_to_run_can_run_again", again)
            .with("NNC_FAKE_FAIL", "cudnnBackendExecute:1"),
        Case::new("cudnn_that_refuses_a_stream_can_run_again", refused_stream)
            .with("NNC_FAKE_FAIL", "cudnnSetStream:1"),
        Case::new("cudnn_passes_over_a_plan_that_fails", passed_over)
            .with("NNC_FAKE_FAIL", "cudnnBackendFinalize:12"),
    ];
    cases.extend(CALLS.map(|call| {
        let name: &'static str = format!("{call}_fails").leak();
        Case::new(name, a_call_that_fails_is_a_reason).with("NNC_FAKE_FAIL", format!("{call}:1"))
    }));
    if is_fake() {
        let without = std::env::join_paths([fake::driver(), fake::nvrtc()]).unwrap();
        let on = |name, folders, check| {
            Case::new(name, check).with("NNC_CUDA_PATH", folders).with("PATH", "").with("HOME", "")
        };
        cases.push(on("a_machine_without_cudnn", without.clone(), missing));
        let old = std::env::join_paths([fake::driver(), fake::nvrtc(), old_cudnn()]).unwrap();
        cases.push(on("a_machine_with_an_old_cudnn", old, outdated));
    }
    cases
}

/// Calls without which there are no plans.
const CALLS: [&str; 5] = [
    "cudnnCreate",
    "cudnnBackendCreateDescriptor",
    "cudnnBackendSetAttribute",
    "cudnnBackendFinalize",
    "cudnnBackendGetAttribute",
];

/// No limit to the workspace that any machine has room for.
const CAP: usize = 256 << 20;

const OPERATIONS: [Operation; 3] = [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight];

fn problem(operation: Operation, (spec, batch): (Conv, usize), element: Real) -> Problem {
    Problem { operation, spec, batch, element, tf32: false, epilogue: Epilogue::None }
}

/// The tensors of a problem on a GPU, with the numbers that they are made of.
struct Tensors {
    problem: Problem,
    /// x, w, y, and the bias; what the problem computes is of no value.
    numbers: [Vec<f64>; 4],
    memory: [Memory; 4],
}

/// A GPU with cuDNN; none where the machine has none, which is reported.
struct Machine {
    stream: Stream,
    handle: Handle,
}

impl Machine {
    fn find() -> Option<Machine> {
        let stream = Stream::new(&Context::new(0).unwrap()).unwrap();
        match Handle::new(stream.context()) {
            Ok(handle) => Some(Machine { stream, handle }),
            Err(why) if !is_fake() => {
                report(&format!("skipped: convolutions of cuDNN, because {why}"));
                None
            }
            Err(why) => panic!("{why}"),
        }
    }

    fn tensors(&self, problem: &Problem) -> Tensors {
        let spec = &problem.spec;
        let weights = spec.kernel.iter().product::<usize>() * spec.input[3] / spec.groups * spec.output[3];
        let lengths =
            [problem.batch * spec.input_len(), weights, problem.batch * spec.output_len(), spec.output[3]];
        let numbers = lengths.map(|length| some_numbers(length, problem.element));
        let memory = numbers.each_ref().map(|numbers| self.memory(&encode(numbers, problem.element)));
        Tensors { problem: problem.clone(), numbers, memory }
    }

    fn memory(&self, bytes: &[u8]) -> Memory {
        let memory = Memory::new(self.stream.context(), bytes.len().next_multiple_of(16)).unwrap();
        memory.write(0, bytes, &self.stream).unwrap();
        memory
    }

    fn workspace(&self, plan: &Plan) -> Memory {
        Memory::new(self.stream.context(), plan.workspace_bytes().next_multiple_of(256)).unwrap()
    }

    /// Runs a plan; its workspace lives as long as the work.
    fn run(&self, plan: &Plan, tensors: &Tensors) -> Result<(), CudaError> {
        let workspace = self.workspace(plan);
        // SAFETY: the tensors are as the problem says, and the workspace as large as the plan says; nobody else
        // uses them, and the stream is waited for.
        unsafe { plan.run(&self.stream, tensors.addresses(), workspace.address())? };
        self.stream.synchronize()
    }

    /// What the problem has computed.
    fn result(&self, tensors: &Tensors) -> Vec<f64> {
        let place = tensors.place_of_result();
        let mut bytes = vec![0; tensors.memory[place].bytes()];
        tensors.memory[place].read(0, &mut bytes, &self.stream).unwrap();
        let mut numbers = decode(&bytes, tensors.problem.element);
        numbers.truncate(tensors.numbers[place].len());
        numbers
    }
}

impl Tensors {
    fn addresses(&self) -> Addresses {
        let [x, w, y, bias] = self.memory.each_ref().map(Memory::address);
        let has_bias = matches!(self.problem.epilogue, Epilogue::Bias | Epilogue::BiasRelu);
        Addresses { x, w, y, bias: has_bias.then_some(bias) }
    }

    fn place_of_result(&self) -> usize {
        match self.problem.operation {
            Operation::BackwardData => 0,
            Operation::BackwardWeight => 1,
            Operation::Forward => 2,
        }
    }

    /// The product as its formula says, in double precision.
    fn expected(&self) -> Vec<f64> {
        let [x, w, y, bias] = &self.numbers;
        let mut sums = vec![0.0; self.numbers[self.place_of_result()].len()];
        for_each_term(&self.problem.spec, self.problem.batch, |at_x, at_w, at_y| {
            match self.problem.operation {
                Operation::Forward => sums[at_y] += x[at_x] * w[at_w],
                Operation::BackwardData => sums[at_x] += y[at_y] * w[at_w],
                Operation::BackwardWeight => sums[at_w] += x[at_x] * y[at_y],
            }
        });
        let after = |(index, sum): (usize, f64)| match self.problem.epilogue {
            Epilogue::None => sum,
            Epilogue::Relu => sum.max(0.0),
            Epilogue::Bias => sum + bias[index % bias.len()],
            Epilogue::BiasRelu => (sum + bias[index % bias.len()]).max(0.0),
        };
        sums.into_iter().enumerate().map(after).collect()
    }
}

/// Of the largest element: sums of at most a few hundred terms in 32 bits; inputs of 11 bits in TF32; results
/// that are rounded to 8 or 11 bits.
fn tolerance(problem: &Problem) -> f64 {
    match (problem.element, problem.tf32) {
        (Real::Float, false) => 1e-5,
        (Real::Float, true) => 2e-3,
        (Real::Bf16, _) => 8e-3,
        (Real::Half, _) => 1e-3,
    }
}

fn assert_close(plan: &Plan, tensors: &Tensors, found: &[f64]) {
    let expected = tensors.expected();
    let largest = expected.iter().fold(0.0, |most: f64, number| most.max(number.abs()));
    let tolerance = largest * tolerance(&tensors.problem);
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let problem = &tensors.problem;
        let is_close = (found - expected).abs() <= tolerance;
        assert!(is_close, "{} at {index}: {found} and not {expected}\n{problem:?}", plan.name());
    }
}

/// Every plan of every product.
fn agree(element: Real, tf32: bool) {
    let Some(machine) = Machine::find() else { return };
    for shape in shapes() {
        for operation in OPERATIONS {
            let problem = Problem { tf32, ..problem(operation, shape, element) };
            let plans = machine.handle.plans(&problem, CAP).unwrap();
            assert!(!is_fake() || plans.len() >= 3, "{problem:?}");
            for plan in plans {
                let tensors = machine.tensors(&problem);
                machine.run(&plan, &tensors).unwrap();
                assert_close(&plan, &tensors, &machine.result(&tensors));
            }
        }
    }
}

/// A GPU may have no engine that adds something to sums of a kind.
fn fused(epilogue: Epilogue) {
    let Some(machine) = Machine::find() else { return };
    for element in [Real::Float, Real::Bf16, Real::Half] {
        for shape in shapes() {
            let problem = Problem { epilogue, ..problem(Operation::Forward, shape, element) };
            let plans = machine.handle.plans(&problem, CAP);
            assert!(!is_fake() || plans.as_ref().is_ok_and(|plans| plans.len() >= 3), "{problem:?}");
            for plan in plans.unwrap_or_default() {
                let tensors = machine.tensors(&problem);
                machine.run(&plan, &tensors).unwrap();
                assert_close(&plan, &tensors, &machine.result(&tensors));
            }
        }
    }
}

/// A ReLU of NaN is NaN, as the language defines it.
fn keeps_nan() {
    let Some(machine) = Machine::find() else { return };
    for (element, epilogue) in [Real::Float, Real::Bf16, Real::Half]
        .into_iter()
        .flat_map(|element| [Epilogue::Relu, Epilogue::BiasRelu].map(|epilogue| (element, epilogue)))
    {
        let problem = Problem { element, epilogue, ..usual() };
        for plan in machine.handle.plans(&problem, CAP).unwrap_or_default() {
            let tensors = machine.tensors(&problem);
            let all = vec![0xff; tensors.memory[0].bytes()];
            tensors.memory[0].write(0, &all, &machine.stream).unwrap();
            machine.run(&plan, &tensors).unwrap();
            let found = machine.result(&tensors);
            assert!(found.iter().all(|number| number.is_nan()), "{}: {problem:?}", plan.name());
        }
    }
}

/// The first of the shapes forward, in 32 bits.
fn usual() -> Problem {
    problem(Operation::Forward, shapes()[0], Real::Float)
}

/// After a first run a plan is written down in a graph, and computes what lies in memory when that runs.
fn captured() {
    let Some(machine) = Machine::find() else { return };
    let problem = Problem { tf32: true, ..usual() };
    for plan in machine.handle.plans(&problem, CAP).unwrap() {
        let mut tensors = machine.tensors(&problem);
        let workspace = machine.workspace(&plan);
        let give = |tensors: &Tensors, stream: &Stream| {
            // SAFETY: tensors and workspace are as they must be until the graph has run.
            unsafe { plan.run(stream, tensors.addresses(), workspace.address()) }
        };
        give(&tensors, &machine.stream).unwrap();
        let graph = machine.stream.capture(|stream| give(&tensors, stream)).unwrap();
        let before = machine.result(&tensors);
        tensors.numbers[0].iter_mut().for_each(|number| *number = -*number);
        tensors.memory[0].write(0, &encode(&tensors.numbers[0], problem.element), &machine.stream).unwrap();
        assert_eq!(machine.result(&tensors), before, "a capture computes nothing");
        for _ in 0..2 {
            // SAFETY: as above.
            unsafe { graph.launch(&machine.stream).unwrap() };
            assert_close(&plan, &tensors, &machine.result(&tensors));
        }
    }
}

fn cap() {
    let Some(machine) = Machine::find() else { return };
    let problem = Problem { tf32: true, ..usual() };
    let sizes = |cap: usize| {
        let plans = machine.handle.plans(&problem, cap).unwrap();
        plans.iter().map(Plan::workspace_bytes).collect::<Vec<_>>()
    };
    assert!(sizes(0).iter().all(|bytes| *bytes == 0));
    assert!(sizes(130).iter().all(|bytes| *bytes <= 130));
    // The fake has an engine that wants a terabyte, and others that want a little.
    let wants = |cap: usize, bytes: usize| !is_fake() || sizes(cap).contains(&bytes);
    assert!(wants(usize::MAX, 1 << 40) && wants(130, 64) && wants(131, 131));
}

/// The engines of the fake that may serve, in the order in which they are proposed.
fn exact_enough() {
    let machine = Machine::find().unwrap();
    let plans = |element, tf32| {
        let plans = machine.handle.plans(&Problem { element, tf32, ..usual() }, CAP).unwrap();
        plans.iter().map(|plan| plan.name().to_owned()).collect::<Vec<_>>().join(", ")
    };
    // None on tensor cores.
    let exact = "cudnn eng1, cudnn eng28_k2=1, cudnn eng28_k2=2, cudnn eng0";
    assert_eq!(plans(Real::Float, false), exact);
    // Four settings of an engine, and eight plans at most.
    let fast = "cudnn eng41_k2=5, cudnn eng41_k2=2, cudnn eng41_k2=3, cudnn eng41_k2=-1, \
                cudnn eng1, cudnn eng48, cudnn eng28_k2=1, cudnn eng28_k2=2";
    assert_eq!(plans(Real::Float, true), fast);
    assert_eq!(plans(Real::Bf16, false), fast);
}

/// As a kernel: the work is taken, and whoever waits is told.
fn stray() {
    let machine = Machine::find().unwrap();
    let problem = usual();
    let plan = &machine.handle.plans(&problem, CAP).unwrap()[0];
    let tensors = machine.tensors(&problem);
    let workspace = machine.workspace(plan);
    let addresses = Addresses { y: tensors.addresses().y + 4096, ..tensors.addresses() };
    // SAFETY: it is not safe on purpose; the fake driver has a page there that catches it.
    unsafe { plan.run(&machine.stream, addresses, workspace.address()).unwrap() };
    let error = machine.stream.synchronize().unwrap_err();
    assert_eq!(error.kind(), CudaErrorKind::Lost);
}

fn other_bias() {
    let machine = Machine::find().unwrap();
    let problem = usual();
    let plan = &machine.handle.plans(&problem, CAP).unwrap()[0];
    let addresses = Addresses { bias: Some(16), ..machine.tensors(&problem).addresses() };
    // SAFETY: it does not run.
    let refused = unsafe { plan.run(&machine.stream, addresses, 0) };
    let message = refused.unwrap_err().to_string();
    assert_eq!(message, "`cudnn eng1` is given a bias that it does not take, or lacks one");
}

fn again() {
    second_time_it_runs("cannot run `cudnn eng1`");
}

fn refused_stream() {
    second_time_it_runs("cannot give cuDNN a stream on GPU 0 (Fake GPU 0)");
}

fn second_time_it_runs(what_fails: &str) {
    let machine = Machine::find().unwrap();
    let plan = &machine.handle.plans(&usual(), CAP).unwrap()[0];
    let tensors = machine.tensors(&usual());
    let message = machine.run(plan, &tensors).unwrap_err().to_string();
    assert_eq!(message, format!("{what_fails}: a failure was asked for (CUDNN_STATUS_INTERNAL_ERROR, 4000)"));
    machine.run(plan, &tensors).unwrap();
    assert_close(plan, &tensors, &machine.result(&tensors));
}

/// Three tensors, the windows, the operation, the graph, three heuristics, and the plans that want a terabyte and
/// that there is none of: the twelfth is that of the first that would do.
fn passed_over() {
    let machine = Machine::find().unwrap();
    let plans = machine.handle.plans(&usual(), CAP).unwrap();
    let names: Vec<&str> = plans.iter().map(Plan::name).collect();
    assert_eq!(names, ["cudnn eng28_k2=1", "cudnn eng28_k2=2", "cudnn eng0"]);
}

fn a_call_that_fails_is_a_reason() {
    let plans = Handle::new(&Context::new(0).unwrap()).and_then(|handle| handle.plans(&usual(), CAP));
    let error = plans.map(|plans| plans.len()).unwrap_err();
    let message = error.to_string();
    let end = ": a failure was asked for (CUDNN_STATUS_INTERNAL_ERROR, 4000)";
    assert!(message.starts_with("cannot ") && message.ends_with(end), "{message}");
    assert!(error.help().contains("CUDNN_LOGLEVEL_DBG=3"));
}

/// Why there is no cuDNN.
fn reason() -> String {
    let error = Handle::new(&Context::new(0).unwrap()).err().unwrap();
    assert_eq!(error.kind(), CudaErrorKind::Unavailable);
    error.to_string()
}

fn missing() {
    if Libraries::find().all[LibraryKind::Cudnn as usize].path.is_some() {
        report("skipped: what happens without cuDNN, because this machine has it");
        return;
    }
    let expected = "cuDNN cannot be used: libcudnn.so.9 was not found: `pip install nvidia-cudnn-cu13`";
    assert_eq!(reason(), expected);
}

/// A folder with a cuDNN of version 8.
fn old_cudnn() -> PathBuf {
    let place = fake::cache().join("old-cudnn");
    if !place.join("libcudnn.so.9").exists() {
        fake::compile("old_cudnn.c", &place, "libcudnn.so.9", "libcudnn.so.9");
    }
    place
}

fn outdated() {
    let expected = "cuDNN cannot be used: it lacks the function `cudnnCreate`: install a newer one";
    assert_eq!(reason(), expected);
}

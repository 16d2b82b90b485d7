//! The networks of `examples/gallery` as a whole: what the compiler makes of them, and that it trains.
//!
//! The slow check generates a crate of each network, builds it and takes steps of training. The steps
//! can be written to a folder for `tests/pytorch/gallery.py`, which computes them again:
//!
//!     NNC_DUMP=target/dump cargo test -p nnc --test gallery -- --ignored --nocapture
//!     NNC_GALLERY=resnet18,unet …                           # only these
//!
//! It takes some minutes and up to 4 GiB of memory; the files of all steps take 3 GiB.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nnc_codegen::Compiled;
use nnc_codegen::compile;
use nnc_codegen::emit::{CrateOptions, EmittedFile, RuntimeDependency, crate_files};
use nnc_codegen::summary::summary;
use nnc_dsl::model::{Layer, Sequence, StepKind};
use nnc_dsl::{CheckedModel, Entry, Options, check, parameter_count};

/// Multiply-adds of a sample in thousand millions, as torchvision 0.29 gives them with its weights.
const PUBLISHED: [(&str, f64); 12] = [
    ("alexnet", 0.714),
    ("convnext_t", 4.456),
    ("densenet121", 2.834),
    ("efficientnet_b0", 0.386),
    ("inception_v1", 1.498),
    ("mobilenet_v2", 0.301),
    ("regnet_y_400mf", 0.402),
    ("resnet18", 1.814),
    ("resnet50", 4.089),
    ("shufflenet_v2", 0.145),
    ("squeezenet", 0.349),
    ("vgg16", 15.47),
];

#[test]
fn plans_hold_the_parameters_that_the_checker_counts() {
    for Network { name, model, compiled, .. } in gallery() {
        let parameters = &compiled.training.graph.parameters;
        let planned: usize =
            parameters.iter().map(|parameter| parameter.dims.iter().product::<usize>()).sum();
        assert_eq!(planned as u64, parameter_count(&model.body) as u64, "{name}");
    }
}

#[test]
fn multiply_adds_are_those_published() {
    let networks = gallery();
    for (name, published) in PUBLISHED {
        let network = networks.iter().find(|network| network.name == name).expect("it is in the gallery");
        let macs = summary(&network.model, &network.compiled).macs as f64 / 1e9;
        assert!(
            (macs - published).abs() <= 0.0006_f64.max(0.001 * published),
            "{name}: {macs} for {published}"
        );
    }
}

/// The bound is what lives at one time; the packing is greedy. Training is within 2 %. The evaluation of
/// DenseNet, whose values grow with each layer, is 11 % above it.
#[test]
fn arenas_are_near_the_lower_bound() {
    for Network { name, compiled, .. } in gallery() {
        for (plan, most) in [(compiled.training, 1.02), (compiled.evaluation, 1.12)] {
            let (len, bound) = (plan.batched_len, plan.batched_bound);
            assert!(len >= bound && len as f64 <= most * bound as f64, "{name}: {len} over {bound}");
        }
    }
}

/// The code grows with the words of the network and not faster: mostly places in memory, of which a
/// convolution with batch norm and activation has a dozen in training.
#[test]
fn emitted_code_stays_small() {
    for network in gallery() {
        let words = summary(&network.model, &network.compiled).rows.len();
        let lines = lines(&network.files());
        assert!(lines < 1000 + 90 * words, "{}: {lines} lines for {words} words", network.name);
    }
}

#[test]
#[ignore = "builds a crate for each network: minutes"]
#[expect(clippy::print_stdout, reason = "the table is what is wanted")]
fn every_network_builds_and_trains() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    let networks: Vec<Network> = gallery().into_iter().filter(Network::is_wanted).collect();
    for network in &networks {
        network.write(&folder.join(&network.name));
    }
    let first = networks.first().expect("NNC_GALLERY names none of the networks");
    cargo(&folder, &first.name, &["build", "--release", "-p", "nnc-runtime"]).expect("the runtime builds");
    println!(
        "{:16} {:>8} {:>8} {:>10} {:>9} {:>9}",
        "network", "lines", "build/s", "arena/MiB", "loss", "step/ms"
    );
    let failures: Vec<String> = networks
        .iter()
        .filter_map(|network| match network.measure(&folder) {
            Ok(row) => {
                println!("{row}");
                None
            }
            Err(message) => Some(format!("{}: {message}", network.name)),
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A network of the gallery, compiled.
struct Network {
    /// Its file without the ending.
    name: String,
    source: String,
    model: CheckedModel,
    compiled: Compiled,
}

/// All of them in the order of their names.
fn gallery() -> Vec<Network> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gallery");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("there is a gallery")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "nn"));
    paths.sort();
    assert!(paths.len() >= 18, "only {} networks were found", paths.len());
    paths.iter().map(|path| Network::read(path)).collect()
}

impl Network {
    fn read(path: &Path) -> Network {
        let source = fs::read_to_string(path).expect("it can be read");
        let outcome = check(&source, Entry::File, &Options::default());
        let [model] = <[CheckedModel; 1]>::try_from(outcome.models)
            .unwrap_or_else(|_| panic!("{}: {:?}", path.display(), outcome.diagnostics));
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let compiled = compile(&model);
        Network { name, source, model, compiled }
    }

    fn is_wanted(&self) -> bool {
        match std::env::var("NNC_GALLERY") {
            Ok(names) => names.split(',').any(|name| name == self.name),
            Err(_) => true,
        }
    }

    fn files(&self) -> Vec<EmittedFile> {
        let options = CrateOptions {
            package: self.name.clone(),
            file: format!("{}.nn", self.name),
            source: self.source.clone(),
            runtime: RuntimeDependency::Path(env!("CARGO_MANIFEST_DIR").to_owned()),
            ahead: Vec::new(),
        };
        crate_files(&self.model, &self.compiled, &options)
    }

    /// The crate with the program of the steps as an example.
    fn write(&self, folder: &Path) {
        let step = include_str!("gallery/step.rs").replace("network::", &format!("{}::", self.name));
        let step = EmittedFile { path: "examples/step.rs".to_owned(), text: step };
        for EmittedFile { path, text } in self.files().into_iter().chain([step]) {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("folders can be made");
            fs::write(path, text).expect("the folder can be written to");
        }
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        fs::copy(lock, folder.join("Cargo.lock")).expect("the versions of this checkout are known");
    }

    /// Builds the crate and takes the steps: a row of the table, or what went wrong.
    fn measure(&self, folder: &Path) -> Result<String, String> {
        let build = cargo(folder, &self.name, &["build", "--release", "--example", "step"])?;
        let (samples, mut program) =
            (self.samples(), Command::new(folder.join("target/release/examples/step")));
        program.arg(samples.to_string());
        if let Some(dump) = std::env::var_os("NNC_DUMP") {
            program.arg(Path::new(&dump).join(format!("{}.step.safetensors", self.name)));
            program.args(streams(&self.model.body).iter().map(|len| (samples * len).to_string()));
        }
        let output = succeeded(&program.output().map_err(|error| error.to_string())?)?;
        let (loss, step) = output.trim().split_once(' ').ok_or("the program prints two numbers")?;
        let arena = (self.compiled.training.batched_len * samples * 4) >> 20;
        let mut row = String::new();
        let (name, lines, build) = (&self.name, lines(&self.files()), build.as_secs_f64());
        write!(row, "{name:16} {lines:8} {build:8.1} {arena:10} {loss:>9.7} {step:>9}")
            .expect("a text grows");
        Ok(row)
    }

    /// As many as show batch norm at work: two large images are thousands of positions.
    fn samples(&self) -> usize {
        if self.model.inputs[0].shape.len() > 100_000 { 2 } else { 8 }
    }
}

/// Runs cargo on a crate of the folder; says how long it took.
fn cargo(folder: &Path, package: &str, arguments: &[&str]) -> Result<Duration, String> {
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(folder.join(package)).env("CARGO_TARGET_DIR", folder.join("target"));
    succeeded(&command.output().map_err(|error| error.to_string())?)?;
    Ok(start.elapsed())
}

/// What it printed, or what it complained of.
fn succeeded(output: &Output) -> Result<String, String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Lines of Rust.
fn lines(files: &[EmittedFile]) -> usize {
    // What the feature `cuda` adds is one table of launches and one text of kernels, for each way to compute.
    let rust = files.iter().filter(|file| file.path.ends_with(".rs") && !file.path.ends_with("cuda.rs"));
    rust.map(|file| file.text.lines().count()).sum()
}

/// The numbers that each word draws for a sample, in the order of the words.
fn streams(sequence: &Sequence) -> Vec<usize> {
    let of = |step: &nnc_dsl::model::Step| match &step.kind {
        StepKind::Layer(Layer::Dropout { rate }) if *rate > 0.0 => vec![step.input.len()],
        StepKind::Layer(Layer::StochasticDepth { rate }) if *rate > 0.0 => vec![1],
        StepKind::Layer(_) | StepKind::From(_) => Vec::new(),
        StepKind::Scope(body) | StepKind::Shared { body, .. } => streams(body),
        StepKind::Join { branches, .. } => branches.iter().flat_map(|(_, body)| streams(body)).collect(),
    };
    sequence.steps.iter().flat_map(of).collect()
}

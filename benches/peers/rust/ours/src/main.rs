//! nnc.

mod kept;

use kept::Kept;
use nnc::runtime::select::Mode;
use nnc::runtime::{Epoch, Gpu};
use nnc::{Device, Model, StepReport, Targets, network};
use protocol::{Request, Result, serve};

network!(pub "../../../networks/vgg32.nn");
network!(pub "../../../networks/seed224.nn");
network!(pub "../../../networks/mlp.nn");
network!(pub "../../../networks/resnet20.nn");
network!(pub "../../../networks/lenet.nn");
network!(pub "../../../networks/resnet18.nn");

fn main() {
    serve(|request| Nnc::load(request));
}

struct Nnc {
    network: Box<dyn Network>,
    inputs: Vec<f32>,
    labels: Vec<u32>,
    sample_len: usize,
    /// The batch on a GPU, again and again.
    kept: Option<Kept>,
}

/// The type that the macro makes of each file.
trait Network {
    fn model(&mut self) -> &mut Model;
}

macro_rules! networks {
    ($($name:literal: $network:ident),*) => {
        $(impl Network for $network {
            fn model(&mut self) -> &mut Model {
                $network::model(self)
            }
        })*

        fn new(name: &str, device: &Device) -> Result<Box<dyn Network>> {
            match name {
                $($name => Ok(Box::new($network::on(0, device)?)),)*
                _ => Err(format!("no network `{name}`").into()),
            }
        }
    };
}

networks! {
    "vgg32": Vgg32, "seed224": Seed224, "mlp": Mlp, "resnet20": ResNet20, "lenet": LeNet, "resnet18": ResNet18
}

impl Nnc {
    fn load(request: &Request) -> Result<Nnc> {
        let mut network = new(&request.network.name, &device(request)?)?;
        let threads = network.model().threads();
        if threads != request.threads {
            return Err(format!("{threads} threads instead of {}", request.threads).into());
        }
        fill(network.model(), request)?;
        let (inputs, labels) = (request.inputs()?, request.labels()?);
        let kept = match request.device.as_str() {
            "cuda" => Some(Kept::new(&inputs, &labels, request)?),
            _ => None,
        };
        Ok(Nnc { network, inputs, labels, sample_len: request.sample_len(), kept })
    }

    /// Begins the next batch on the GPU; nothing if the processor computes.
    fn begin(
        &mut self,
        next: fn(&mut Model, &mut Epoch) -> std::result::Result<Option<StepReport>, nnc::Error>,
    ) -> Result<Option<()>> {
        let Some(kept) = &mut self.kept else { return Ok(None) };
        kept.begin(self.network.model(), next).map(Some)
    }
}

/// What the network computes on; a GPU by the algorithms that are the fastest there.
fn device(request: &Request) -> Result<Device> {
    match request.device.as_str() {
        "cpu" => Ok(Device::cpu()),
        "cuda" => {
            let precision = request.precision.parse()?;
            Ok(Device::Cuda(Gpu { precision, mode: Mode::Benchmark, ..Gpu::default() }))
        }
        other => Err(format!("no device `{other}`").into()),
    }
}

impl protocol::Model for Nnc {
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn train_step(&mut self, rate: f64) -> Result<f64> {
        let model = self.network.model();
        model.set_learning_rate(rate as f32)?;
        Ok(f64::from(model.train_step(&self.inputs, Targets::Classes(&self.labels))?.loss))
    }

    fn enqueue_step(&mut self, rate: f64) -> Result<()> {
        if self.kept.is_none() {
            return self.train_step(rate).map(drop);
        }
        self.network.model().set_learning_rate(rate as f32)?;
        self.begin(Model::train_next).map(drop)
    }

    fn enqueue_evaluation(&mut self) -> Result<()> {
        match self.begin(Model::evaluate_next)? {
            Some(()) => Ok(()),
            None => self.evaluate().map(|outputs| drop(std::hint::black_box(outputs))),
        }
    }

    fn finish(&mut self) -> Result<()> {
        while self.network.model().finish()?.is_some() {}
        Ok(())
    }

    fn evaluate(&mut self) -> Result<Vec<f32>> {
        Ok(self.network.model().predict(&self.inputs)?)
    }

    fn latency(&mut self) -> Result<Vec<f32>> {
        Ok(self.network.model().predict(&self.inputs[..self.sample_len])?)
    }
}

/// The given values, in the order of the network's words; without any, those drawn from the seed stay.
fn fill(model: &mut Model, request: &Request) -> Result<()> {
    let (mut parameters, mut states) = (request.parameters()?, request.states()?);
    for parameter in model.program().parameters {
        if let Some(values) = parameters.take(parameter.shape.iter().product()) {
            model.set_parameter(parameter.name, &values)?;
        }
    }
    for state in model.program().states {
        if let Some(values) = states.take(state.shape.iter().product()) {
            model.set_state(state.name, &values)?;
        }
    }
    Ok(())
}

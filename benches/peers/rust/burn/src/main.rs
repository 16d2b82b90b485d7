//! burn, on its backend for processors.

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d, Relu};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use protocol::{Layer, Request, Result, Values, locked_version, serve};

fn main() {
    serve(|request| Burn::load(request));
}

struct Burn {
    /// Taken and given back by each step.
    net: Option<Net>,
    /// The net without gradients, as long as it is up to date.
    evaluated: Option<Net>,
    optimizer: ModuleOptimizer,
    loss: CrossEntropyLoss,
    inputs: Any,
    first: Any,
    /// The batch where gradients are recorded.
    training_inputs: Any,
    labels: Tensor<1, Int>,
}

#[derive(Module, Debug)]
struct Net {
    layers: Vec<Built>,
}

#[derive(Module, Debug)]
enum Built {
    Conv(Conv2d),
    Linear(Linear),
    Norm(BatchNorm),
    Relu(Relu),
    Pool(MaxPool2d),
    Gap(AdaptiveAvgPool2d),
    Flatten(Flatten),
    Residual(Residual),
}

#[derive(Module, Debug)]
struct Flatten;

#[derive(Module, Debug)]
struct Residual {
    body: Vec<Built>,
    shortcut: Vec<Built>,
}

/// Maps or features.
#[derive(Clone)]
enum Any {
    Maps(Tensor<4>),
    Features(Tensor<2>),
}

impl Burn {
    fn load(request: &Request) -> Result<Burn> {
        let plain = Device::flex();
        let recording = Device::flex().autodiff();
        let mut builder = Builder {
            parameters: request.parameters()?,
            states: request.states()?,
            device: recording.clone(),
        };
        let net = Net { layers: builder.build_all(&request.network.layers) };
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        let inputs = request.inputs()?;
        let first = inputs[..request.sample_len()].to_vec();
        let labels: Vec<i32> = request.labels()?.into_iter().map(|label| label as i32).collect();
        Ok(Burn {
            net: Some(net),
            evaluated: None,
            optimizer: SgdConfig::new().with_momentum(Some(momentum)).init(),
            loss: CrossEntropyLossConfig::new().init(&recording),
            training_inputs: Any::new(inputs.clone(), &request.shape(request.batch), &recording),
            inputs: Any::new(inputs, &request.shape(request.batch), &plain),
            first: Any::new(first, &request.shape(1), &plain),
            labels: Tensor::from_data(TensorData::new(labels, [request.batch]), &recording),
        })
    }

    fn infer(&mut self, inputs: Any) -> Result<Vec<f32>> {
        let net = self.net.as_ref().ok_or("an earlier step has failed")?;
        let evaluated = self.evaluated.get_or_insert_with(|| net.valid());
        Ok(evaluated.forward(inputs).into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?)
    }
}

impl protocol::Model for Burn {
    fn version(&self) -> String {
        locked_version("burn")
    }

    fn train_step(&mut self, rate: f64) -> Result<f64> {
        let net = self.net.take().ok_or("an earlier step has failed")?;
        self.evaluated = None;
        let outputs = net.forward(self.training_inputs.clone());
        let loss = self.loss.forward(outputs, self.labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        self.net = Some(self.optimizer.step(rate, net, gradients));
        Ok(f64::from(loss.into_scalar::<f32>()))
    }

    fn evaluate(&mut self) -> Result<Vec<f32>> {
        self.infer(self.inputs.clone())
    }

    fn latency(&mut self) -> Result<Vec<f32>> {
        self.infer(self.first.clone())
    }
}

impl Any {
    fn new(values: Vec<f32>, shape: &[usize], device: &Device) -> Any {
        match *shape {
            [n, c, h, w] => Any::Maps(Tensor::from_data(TensorData::new(values, [n, c, h, w]), device)),
            _ => {
                let shape = [shape[0], shape[1..].iter().product()];
                Any::Features(Tensor::from_data(TensorData::new(values, shape), device))
            }
        }
    }

    /// Over both kinds.
    fn map(self, maps: impl FnOnce(Tensor<4>) -> Any, features: impl FnOnce(Tensor<2>) -> Any) -> Any {
        match self {
            Any::Maps(x) => maps(x),
            Any::Features(x) => features(x),
        }
    }

    /// Every sample as a row.
    fn rows(self) -> Tensor<2> {
        match self {
            Any::Maps(x) => x.flatten(1, 3),
            Any::Features(x) => x,
        }
    }

    fn maps(self) -> Tensor<4> {
        match self {
            Any::Maps(x) => x,
            Any::Features(x) => x.unsqueeze_dims(&[2, 3]),
        }
    }
}

impl Net {
    fn forward(&self, x: Any) -> Tensor<2> {
        forward(&self.layers, x).rows()
    }
}

fn forward(layers: &[Built], x: Any) -> Any {
    layers.iter().fold(x, |x, layer| match layer {
        Built::Conv(conv) => Any::Maps(conv.forward(x.maps())),
        Built::Linear(linear) => Any::Features(linear.forward(x.rows())),
        Built::Norm(norm) => Any::Maps(norm.forward(x.maps())),
        Built::Relu(relu) => x.map(|x| Any::Maps(relu.forward(x)), |x| Any::Features(relu.forward(x))),
        Built::Pool(pool) => Any::Maps(pool.forward(x.maps())),
        Built::Gap(gap) => Any::Features(Any::Maps(gap.forward(x.maps())).rows()),
        Built::Flatten(_) => Any::Features(x.rows()),
        Built::Residual(residual) => {
            let body = forward(&residual.body, x.clone()).maps();
            Any::Maps(body + forward(&residual.shortcut, x).maps())
        }
    })
}

struct Builder {
    parameters: Values,
    states: Values,
    device: Device,
}

impl Builder {
    fn build_all(&mut self, layers: &[Layer]) -> Vec<Built> {
        layers.iter().map(|layer| self.build(layer)).collect()
    }

    fn build(&mut self, layer: &Layer) -> Built {
        match layer {
            Layer::Conv { inputs, outputs, kernel, stride, pad, bias } => {
                let config = Conv2dConfig::new([*inputs, *outputs], [*kernel; 2])
                    .with_stride([*stride; 2])
                    .with_padding(PaddingConfig2d::Explicit(*pad, *pad, *pad, *pad))
                    .with_bias(*bias);
                let mut conv = config.init(&self.device);
                self.fill(&mut conv.weight, [*outputs, *inputs, *kernel, *kernel]);
                if let Some(bias) = &mut conv.bias {
                    self.fill(bias, [*outputs]);
                }
                Built::Conv(conv)
            }
            Layer::Linear { inputs, outputs } => Built::Linear(self.linear(*inputs, *outputs)),
            Layer::Bn { channels } => Built::Norm(self.norm(*channels)),
            Layer::Relu => Built::Relu(Relu::new()),
            Layer::Pool { kernel, stride, pad } => {
                let config = MaxPool2dConfig::new([*kernel; 2]).with_strides([*stride; 2]);
                Built::Pool(config.with_padding(PaddingConfig2d::Explicit(*pad, *pad, *pad, *pad)).init())
            }
            Layer::Gap => Built::Gap(AdaptiveAvgPool2dConfig::new([1, 1]).init()),
            Layer::Flatten => Built::Flatten(Flatten),
            Layer::Residual { body, shortcut } => {
                Built::Residual(Residual { body: self.build_all(body), shortcut: self.build_all(shortcut) })
            }
        }
    }

    /// burn keeps the weight as inputs by outputs.
    fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let mut linear = LinearConfig::new(inputs, outputs).init(&self.device);
        if let Some(values) = self.parameters.take(inputs * outputs) {
            let weight: Tensor<2> =
                Tensor::from_data(TensorData::new(values, [outputs, inputs]), &self.device);
            linear.weight = Param::from_data(weight.transpose().into_data(), &self.device);
        }
        if let Some(bias) = &mut linear.bias {
            self.fill(bias, [outputs]);
        }
        linear
    }

    fn norm(&mut self, channels: usize) -> BatchNorm {
        let mut norm = BatchNormConfig::new(channels).init(&self.device);
        self.fill(&mut norm.gamma, [channels]);
        self.fill(&mut norm.beta, [channels]);
        for state in [&mut norm.running_mean, &mut norm.running_var] {
            if let Some(values) = self.states.take(channels) {
                let values = Tensor::from_data(TensorData::new(values, [channels]), &self.device);
                *state = RunningState::new(values.inner());
            }
        }
        norm
    }

    fn fill<const D: usize>(&mut self, parameter: &mut Param<Tensor<D>>, shape: [usize; D]) {
        if let Some(values) = self.parameters.take(shape.iter().product()) {
            *parameter = Param::from_data(TensorData::new(values, shape), &self.device);
        }
    }
}

//! candle.

use candle_core::{D, Device, Tensor, Var};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, Module, ModuleT, loss};
use protocol::{Layer, Request, Result, Values, locked_version, serve};

const MOMENTUM: f64 = 0.9;
const EPSILON: f64 = 1e-5;

fn main() {
    serve(|request| Candle::load(request));
}

struct Candle {
    layers: Vec<Built>,
    learnt: Vec<Var>,
    velocity: Vec<Option<Tensor>>,
    inputs: Tensor,
    first: Tensor,
    labels: Tensor,
}

enum Built {
    Conv(Conv2d),
    Linear(Linear),
    Norm(BatchNorm),
    Relu,
    Pool { kernel: usize, stride: usize, pad: usize },
    Gap,
    Flatten,
    Residual { body: Vec<Built>, shortcut: Vec<Built> },
}

impl Candle {
    fn load(request: &Request) -> Result<Candle> {
        let mut builder =
            Builder { parameters: request.parameters()?, states: request.states()?, learnt: Vec::new() };
        let layers = builder.build_all(&request.network.layers)?;
        let inputs = Tensor::from_vec(request.inputs()?, request.shape(request.batch), &Device::Cpu)?;
        let labels = Tensor::from_vec(request.labels()?, request.batch, &Device::Cpu)?;
        Ok(Candle {
            layers,
            velocity: vec![None; builder.learnt.len()],
            learnt: builder.learnt,
            first: inputs.narrow(0, 0, 1)?.copy()?,
            inputs,
            labels,
        })
    }

    fn infer(&self, inputs: &Tensor) -> Result<Vec<f32>> {
        Ok(forward(&self.layers, inputs.clone(), false)?.flatten_all()?.to_vec1()?)
    }
}

impl protocol::Model for Candle {
    fn version(&self) -> String {
        locked_version("candle-core")
    }

    /// candle's own SGD has no momentum.
    fn train_step(&mut self, rate: f64) -> Result<f64> {
        let outputs = forward(&self.layers, self.inputs.clone(), true)?;
        let loss = loss::cross_entropy(&outputs, &self.labels)?;
        let gradients = loss.backward()?;
        for (learnt, velocity) in self.learnt.iter().zip(&mut self.velocity) {
            let gradient = gradients.get(learnt).ok_or("a parameter without a gradient")?;
            let moved = match velocity.take() {
                Some(velocity) => ((velocity * MOMENTUM)? + gradient)?,
                None => gradient.clone(),
            };
            learnt.set(&(learnt.as_tensor() - (&moved * rate)?)?)?;
            *velocity = Some(moved);
        }
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn evaluate(&mut self) -> Result<Vec<f32>> {
        self.infer(&self.inputs)
    }

    fn latency(&mut self) -> Result<Vec<f32>> {
        self.infer(&self.first)
    }
}

fn forward(layers: &[Built], mut x: Tensor, training: bool) -> candle_core::Result<Tensor> {
    for layer in layers {
        x = match layer {
            Built::Conv(conv) => conv.forward(&x)?,
            Built::Linear(linear) => linear.forward(&x)?,
            Built::Norm(norm) => norm.forward_t(&x, training)?,
            Built::Relu => x.relu()?,
            // Zeros are as good as minus infinity after a ReLU, and there is no other way to pad.
            Built::Pool { kernel, stride, pad } => x
                .pad_with_zeros(D::Minus1, *pad, *pad)?
                .pad_with_zeros(D::Minus2, *pad, *pad)?
                .max_pool2d_with_stride(*kernel, *stride)?,
            Built::Gap => x.mean((2, 3))?,
            Built::Flatten => x.flatten_from(1)?,
            Built::Residual { body, shortcut } => {
                (forward(body, x.clone(), training)? + forward(shortcut, x, training)?)?
            }
        };
    }
    Ok(x)
}

struct Builder {
    parameters: Values,
    states: Values,
    learnt: Vec<Var>,
}

impl Builder {
    fn build_all(&mut self, layers: &[Layer]) -> Result<Vec<Built>> {
        layers.iter().map(|layer| self.build(layer)).collect()
    }

    fn build(&mut self, layer: &Layer) -> Result<Built> {
        Ok(match layer {
            Layer::Conv { inputs, outputs, kernel, stride, pad, bias } => {
                let weight = self.weight(&[*outputs, *inputs, *kernel, *kernel])?;
                let bias = bias.then(|| self.learnt(*outputs, 0.0)).transpose()?;
                let config = Conv2dConfig { padding: *pad, stride: *stride, ..Default::default() };
                Built::Conv(Conv2d::new(weight, bias, config))
            }
            Layer::Linear { inputs, outputs } => {
                let weight = self.weight(&[*outputs, *inputs])?;
                Built::Linear(Linear::new(weight, Some(self.learnt(*outputs, 0.0)?)))
            }
            Layer::Bn { channels } => {
                let (weight, bias) = (self.learnt(*channels, 1.0)?, self.learnt(*channels, 0.0)?);
                let (mean, variance) = (self.kept(*channels, 0.0)?, self.kept(*channels, 1.0)?);
                Built::Norm(BatchNorm::new(*channels, mean, variance, weight, bias, EPSILON)?)
            }
            Layer::Relu => Built::Relu,
            Layer::Pool { kernel, stride, pad } => {
                Built::Pool { kernel: *kernel, stride: *stride, pad: *pad }
            }
            Layer::Gap => Built::Gap,
            Layer::Flatten => Built::Flatten,
            Layer::Residual { body, shortcut } => {
                Built::Residual { body: self.build_all(body)?, shortcut: self.build_all(shortcut)? }
            }
        })
    }

    fn weight(&mut self, shape: &[usize]) -> Result<Tensor> {
        let fan_in: usize = shape[1..].iter().product();
        let values = match self.parameters.take(shape.iter().product()) {
            Some(values) => Tensor::from_vec(values, shape, &Device::Cpu)?,
            None => Tensor::randn(0f32, (2.0 / fan_in as f32).sqrt(), shape, &Device::Cpu)?,
        };
        self.learn(values)
    }

    fn learnt(&mut self, len: usize, initial: f32) -> Result<Tensor> {
        let values = self.parameters.take(len).unwrap_or_else(|| vec![initial; len]);
        self.learn(Tensor::from_vec(values, len, &Device::Cpu)?)
    }

    fn learn(&mut self, values: Tensor) -> Result<Tensor> {
        let variable = Var::from_tensor(&values)?;
        self.learnt.push(variable.clone());
        Ok(variable.as_tensor().clone())
    }

    fn kept(&mut self, len: usize, initial: f32) -> Result<Tensor> {
        let values = self.states.take(len).unwrap_or_else(|| vec![initial; len]);
        Ok(Tensor::from_vec(values, len, &Device::Cpu)?)
    }
}

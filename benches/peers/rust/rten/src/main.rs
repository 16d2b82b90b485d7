//! rten, for evaluation.

use std::sync::Arc;

use protocol::{Request, Result, locked_version, serve};
use rten::{Model, ModelOptions, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

fn main() {
    serve(|request| Rten::load(request));
}

struct Rten {
    batch: Model,
    one: Model,
    inputs: rten_tensor::Tensor<f32>,
    first: rten_tensor::Tensor<f32>,
    options: RunOptions,
}

impl Rten {
    fn load(request: &Request) -> Result<Rten> {
        let inputs = request.inputs()?;
        let first = inputs[..request.sample_len()].to_vec();
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let pool = Arc::new(ThreadPool::with_num_threads(request.threads));
        Ok(Rten {
            batch: options.load_file(&request.onnx.batch)?,
            one: options.load_file(&request.onnx.one)?,
            inputs: rten_tensor::Tensor::from_data(&request.shape(request.batch), inputs),
            first: rten_tensor::Tensor::from_data(&request.shape(1), first),
            options: RunOptions::default().with_thread_pool(Some(pool)),
        })
    }

    fn run(&self, model: &Model, inputs: &rten_tensor::Tensor<f32>) -> Result<Vec<f32>> {
        let output = model.run_one(inputs.view().into(), Some(self.options.clone()))?;
        let output: NdTensor<f32, 2> = output.try_into()?;
        Ok(output.into_data())
    }
}

impl protocol::Model for Rten {
    fn version(&self) -> String {
        locked_version("rten")
    }

    fn evaluate(&mut self) -> Result<Vec<f32>> {
        self.run(&self.batch, &self.inputs)
    }

    fn latency(&mut self) -> Result<Vec<f32>> {
        self.run(&self.one, &self.first)
    }
}

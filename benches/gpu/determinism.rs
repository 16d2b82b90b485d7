//! The same seed gives the same bits.

use nnc::Model;
use nnc::runtime::Precision;
use nnc::runtime::program::Program;

use crate::check::device;
use crate::data::Batch;
use crate::{Outcome, Settings};

const STEPS: usize = 5;

pub(crate) fn run(settings: &Settings) -> Outcome<()> {
    let networks = settings.networks();
    for &precision in &settings.precisions {
        for program in &networks {
            let [first, second] = [(); 2].map(|()| parameters(program, precision));
            if first? != second? {
                return Err(format!("{} in {precision}: two runs differ", program.name).into());
            }
        }
        println!("- {} networks in {precision}: the same bits twice after {STEPS} steps", networks.len());
    }
    Ok(())
}

/// The bits of all parameters after some steps.
fn parameters(program: &'static Program, precision: Precision) -> Outcome<Vec<u32>> {
    let mut model = Model::on(program, 1, &device(precision))?;
    let batch = Batch::random(program, 9, 2);
    for _ in 0..STEPS {
        model.train_step_many(&batch.inputs(), &batch.targets())?;
    }
    let mut bits = Vec::new();
    for parameter in program.parameters {
        bits.extend(model.parameter(parameter.name)?.into_iter().map(f32::to_bits));
    }
    Ok(bits)
}

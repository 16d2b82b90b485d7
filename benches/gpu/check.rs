//! The GPU against the processor, network by network.
//!
//! Where an input of a ReLU, or two of a maximum, lie within rounding of the kink between them, rounding decides which
//! slope a gradient takes, and in a small network one such place may be half of a gradient. That is
//! no mistake, so a draw of numbers at which the GPU is off is put aside for another one, but only if it makes
//! the processor disagree with itself, too. What is wrong is wrong at every draw, and passes at none.

use std::sync::Arc;

use nnc::runtime::devices::cpu::Pool;
use nnc::runtime::program::Program;
use nnc::runtime::select::{Mode, Selector};
use nnc::runtime::{Device, Gpu, Precision};

use crate::comparison::{Difference, differ};
use crate::trial::{Draw, Trial};
use crate::{Outcome, Settings};

/// Numbers to compare with, each in case those before are put aside. In tens of layers kinks are
/// everywhere unless biases keep inputs away from them, on either side, by several deviations.
const DRAWS: [Draw; 8] = [
    Draw { seed: 3, away: 0.0 },
    Draw { seed: 4, away: 0.0 },
    Draw { seed: 5, away: 0.0 },
    Draw { seed: 6, away: 0.0 },
    Draw { seed: 7, away: 6.0 },
    Draw { seed: 8, away: 6.0 },
    Draw { seed: 9, away: 6.0 },
    Draw { seed: 10, away: 6.0 },
];

/// How often the processor is asked whether it agrees with itself. A kink that a GPU feels is felt
/// by a quarter of the changes at least, so that one in a hundred stays unseen.
const CHANGES: u64 = 16;

pub(crate) fn run(settings: &Settings) -> Outcome<()> {
    let mut failures = 0;
    let networks = settings.networks();
    for &precision in &settings.precisions {
        let mut summary = Summary::default();
        for program in &networks {
            match check(program, precision) {
                Ok(agreement) => summary.add(program, agreement),
                Err(error) => {
                    println!("- {} in {precision}: {error}", program.name);
                    failures += 1;
                }
            }
        }
        println!("- {} networks in {precision}: {summary}", networks.len());
    }
    if failures > 0 { Err(format!("{failures} comparisons").into()) } else { Ok(()) }
}

/// What a tensor may be off by: the root of the mean square of the difference over that of the tensor.
///
/// Single precision: other orders of summation. TF32 and bf16 round factors to 10 and 7 bits, and activations
/// to 7, at every layer; f16 rounds both to 10. A kink in thousands of positions adds to all.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::Tf32 | Precision::F16 => 5e-2,
        Precision::Bf16 => 1e-1,
    }
}

/// The distance of neighbouring numbers near 1, which is twice what rounding may do to a factor. At single precision, in which
/// sums differ and not factors, that of eight roundings.
fn spacing(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 2f32.powi(-20),
        Precision::Tf32 | Precision::F16 => 2f32.powi(-10),
        Precision::Bf16 => 2f32.powi(-7),
    }
}

/// A network that agrees: its largest difference, and the draws before that were put aside.
struct Agreement {
    difference: Difference,
    put_aside: usize,
}

fn check(program: &'static Program, precision: Precision) -> Outcome<Agreement> {
    let mut last = Difference::default();
    for (put_aside, draw) in DRAWS.into_iter().enumerate() {
        let mut cpu = Trial::new(program, &processor(), draw)?;
        let mut gpu = Trial::new(program, &device(precision), draw)?;
        let difference = differ(&mut cpu, &mut gpu, precision)?;
        if difference.relative <= tolerance(precision) {
            return Ok(Agreement { difference, put_aside });
        }
        if !is_decided_by_rounding(program, precision, draw)? {
            return Err(format!("{difference}, at most {:.0e}", tolerance(precision)).into());
        }
        last = difference;
    }
    let (draws, most) = (DRAWS.len(), tolerance(precision));
    Err(format!("{last}, at most {most:.0e}; rounding decides at each of {draws} draws").into())
}

/// Whether the processor's own results change by more than half the tolerance with changes of the size of rounding.
fn is_decided_by_rounding(program: &'static Program, precision: Precision, draw: Draw) -> Outcome<bool> {
    for seed in 0..CHANGES {
        let mut plain = Trial::new(program, &processor(), draw)?;
        let mut changed = Trial::new(program, &processor(), draw)?;
        changed.change(spacing(precision), seed)?;
        if differ(&mut plain, &mut changed, precision)?.relative > tolerance(precision) / 2.0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The processor, without Winograd's rounding, which would put inputs on the other side of a kink.
fn processor() -> Device {
    Device::Cpu(Arc::new(Pool::default().with_selector(Selector::new(Mode::Deterministic))))
}

/// The first GPU, with algorithms that are chosen without measuring.
pub(crate) fn device(precision: Precision) -> Device {
    Device::Cuda(Gpu { precision, mode: Mode::Deterministic, ..Gpu::default() })
}

/// The largest difference of all networks, and how many draws were put aside.
#[derive(Default)]
struct Summary {
    worst: Option<(&'static str, Difference)>,
    put_aside: usize,
}

impl Summary {
    fn add(&mut self, program: &'static Program, agreement: Agreement) {
        let Agreement { difference, put_aside } = agreement;
        self.put_aside += put_aside;
        if self.worst.as_ref().is_none_or(|(_, worst)| worst.relative < difference.relative) {
            self.worst = Some((program.name, difference));
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Some((network, worst)) = &self.worst else { return f.write_str("nothing agreed") };
        write!(f, "the worst is {network}, where {worst}")?;
        if self.put_aside > 0 {
            write!(f, "; {} draws put aside, at which rounding decides", self.put_aside)?;
        }
        Ok(())
    }
}

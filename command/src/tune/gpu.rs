//! `tune --device cuda`: measures the candidates of a network's products on a GPU.

use clap::ArgMatches;
use nnc_runtime::devices::cuda::Measured;
use nnc_runtime::program::Program;
use nnc_runtime::select::Mode;
use nnc_runtime::{Device, Error, Gpu, Model};

use super::report::{Row, Timing, say_kept};
use super::{batch, say_rows};

pub(super) fn run(program: &'static Program, matches: &ArgMatches, gpu: Gpu) -> Result<(), Error> {
    let mut model = Model::on(program, 0, &Device::Cuda(Gpu { mode: Mode::Benchmark, ..gpu }))?;
    let batch = batch(program, matches);
    let measurements = model.candidates(batch)?;
    let rows: Vec<Row> = measurements.products.iter().map(row).collect();
    say_rows(matches, &format!("{}, batch {batch}, {}", program.name, model.device()), &rows);
    say_kept(measurements.kept);
    Ok(())
}

fn row(measured: &Measured) -> Row<'_> {
    let timings = measured.seconds.iter().map(|(algorithm, seconds)| Timing {
        algorithm,
        seconds: *seconds,
        workspace_bytes: None,
    });
    Row {
        phase: measured.phase,
        layer: measured.layer,
        problem: measured.problem,
        candidates: timings.collect(),
        heuristic: measured.estimated,
        best: measured.seconds.first().map_or(measured.estimated, |(name, _)| name),
    }
}

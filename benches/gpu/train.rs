//! The whole training loop on the embedded digits.

use std::sync::atomic::AtomicBool;

use nnc::runtime::train::{Options, Outcome as Ended, Overrides, Silent, Start, train};

use crate::check::device;
use crate::{Outcome, Settings, networks};

/// What every precision must reach, in percent.
const WANTED: f64 = 98.0;

pub(crate) fn run(settings: &Settings) -> Outcome<()> {
    for &precision in &settings.precisions {
        let folder = std::env::temp_dir().join(format!("nnc-gpu-{}-{precision}", std::process::id()));
        let options = Options {
            overrides: Overrides::default(),
            device: device(precision),
            start: Start::New(Some(folder.clone())),
            interrupt: &AtomicBool::new(false),
        };
        let start = std::time::Instant::now();
        let ended = train(networks::digits::program(), &options, &mut Silent)?;
        let seconds = start.elapsed().as_secs_f64();
        std::fs::remove_dir_all(&folder)?;
        let Ended::Finished { result, .. } = ended else { return Err("nobody interrupted it".into()) };
        let accuracy = result.test.accuracy.unwrap_or(f64::NAN) * 100.0;
        println!("- digits in {precision}: test accuracy {accuracy:.2} %, {seconds:.1} s");
        if accuracy.is_nan() || accuracy < WANTED {
            return Err(format!("{accuracy:.2} % in {precision}, less than {WANTED} %").into());
        }
    }
    Ok(())
}

//! Building a generated crate with cargo.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::failure::Failure;
use crate::output;

/// Builds the crate in `folder`, which is called like its package, in release and gives its
/// program. Tells the user, who knows it as `name`, how long it took; what cargo says is shown only
/// if it fails.
pub(crate) fn build(
    name: &str,
    folder: &Path,
    build_folder: &Path,
    features: &[&str],
) -> Result<PathBuf, Failure> {
    let built = output::timed(&format!("building {name}"), || match invoke(folder, build_folder, features) {
        Ok(output) if output.status.success() => Ok(program(folder)),
        failed => Err(failed),
    });
    built.map_err(|failed| match failed {
        Ok(output) => {
            output::show(&String::from_utf8_lossy(&output.stderr));
            Failure::new(format!("cargo could not build the crate in `{}`", folder.display()))
                .help("what cargo says stands above")
        }
        Err(error) => not_started(&error),
    })
}

/// The finished program lies with the crate, all on the way to it in the shared folder. Cargo itself
/// locks both.
fn invoke(folder: &Path, build_folder: &Path, features: &[&str]) -> io::Result<Output> {
    Command::new(cargo())
        .args(["build", "--release", "--quiet"])
        .args(features.iter().map(|feature| format!("--features={feature}")))
        .arg(if output::is_watched() { "--color=always" } else { "--color=never" })
        // The crate's own folder: the configuration of the folder that the user is in is for the
        // user's own programs.
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target_folder(folder))
        .env("CARGO_BUILD_BUILD_DIR", build_folder)
        .output()
}

/// The cargo that runs this program, if one does.
fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").filter(|path| !path.is_empty()).unwrap_or_else(|| "cargo".into())
}

fn target_folder(folder: &Path) -> PathBuf {
    folder.join("target")
}

fn program(folder: &Path) -> PathBuf {
    let package = folder.file_name().unwrap_or_default().to_string_lossy();
    target_folder(folder).join("release").join(format!("{package}{}", env::consts::EXE_SUFFIX))
}

fn not_started(error: &io::Error) -> Failure {
    let failure = Failure::io("start", Path::new(&cargo()), error);
    failure.help("nnc builds networks with cargo: install Rust (rustup.rs), or put cargo on the PATH")
}

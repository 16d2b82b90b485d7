//! `nnc build MODEL.nn`: the program of a network, as a file.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::ahead::{self, Wanted};
use crate::failure::Failure;
use crate::{files, model_file, output, package, run};

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("build")
        .about("Build the program of a network, which trains, evaluates and predicts")
        .args(model_file::model_arguments())
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The program [default: named after the network]"),
        )
        .next_help_heading("GPUs")
        .arg(
            Arg::new("cuda")
                .long("cuda")
                .action(ArgAction::SetTrue)
                .help("For NVIDIA GPUs, too; NVRTC compiles the kernels where the program runs"),
        )
        .args(ahead::arguments())
        .after_help(
            "Examples:\n  \
             nnc build digits.nn                                A program for the processor\n  \
             nnc build digits.nn --cuda                         For GPUs, too\n  \
             nnc build digits.nn --cuda-arch sm_80,sm_90        For these GPUs, where NVRTC is not installed\n  \
             nnc build digits.nn --cuda-arch sm_90 --precision bf16   The same, smaller\n\n\
             With `--cuda-arch`, NVRTC has to be installed here, but no driver and no GPU. Code for sm_80 runs on\n\
             all GPUs of compute capability 8.x, that for sm_86 from 8.6 on, and that for sm_90 on 9.x alone. On\n\
             other GPUs the program uses the NVRTC that is there, if one is. The driver there must know the CUDA\n\
             version of the NVRTC here.",
        )
}

/// Builds, and puts the program where it is wanted.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = model_file::load(matches)?;
    let wanted = Wanted::new(matches);
    let default = || PathBuf::from(format!("{}{EXE_SUFFIX}", package::package_name(&file.model.name)));
    let target = matches.get_one("output").cloned().unwrap_or_else(default);
    if target.is_dir() {
        let message = format!("cannot write the program `{}`: it is a folder", target.display());
        return Err(Failure::new(message).help("give the program another name with `-o FILE`"));
    }
    let program = run::build(&file, matches.get_flag("cuda") || wanted.is_something(), &wanted)?;
    files::copy(&program, &target)?;
    output::print(&report(&target, &wanted)?)?;
    Ok(ExitCode::SUCCESS)
}

fn report(target: &Path, wanted: &Wanted) -> Result<String, Failure> {
    let bytes = fs::metadata(target).map_err(|error| Failure::io("read", target, &error))?.len();
    let megabytes = bytes as f64 / 1e6;
    let ahead = match wanted.is_something() {
        true => format!(", with kernels for {}", wanted.architectures()),
        false => String::new(),
    };
    let called = if target.components().count() > 1 { "" } else { "./" };
    let target = target.display();
    Ok(format!("built {target}: {megabytes:.1} MB{ahead}\nnext: {called}{target} train\n"))
}

//! `nnc MODEL.nn [-o DIR]`: writes a crate.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use nnc_codegen::compile;

use crate::ahead::{self, Wanted};
use crate::crate_folder::{refuse_foreign, write_crate};
use crate::failure::Failure;
use crate::model_file::{self, ModelFile};
use crate::signature::signature;
use crate::{output, package};

/// The arguments, which are those of the program without a command.
pub(crate) fn arguments() -> Vec<Arg> {
    let mut arguments = model_file::model_arguments();
    arguments.push(
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .help("Folder of the crate [default: named after the network]"),
    );
    arguments.push(
        Arg::new("force")
            .long("force")
            .action(ArgAction::SetTrue)
            .help("Write into a folder that holds other files, too"),
    );
    arguments.extend(ahead::arguments());
    arguments
}

/// Writes the crate and tells how to go on.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = model_file::load(matches)?;
    let package = package::package_name(&file.model.name);
    let folder = matches.get_one::<PathBuf>("output").cloned().unwrap_or_else(|| PathBuf::from(&package));
    if !matches.get_flag("force") {
        refuse_foreign(&folder)?;
    }
    let (wanted, compiled) = (Wanted::new(matches), compile(&file.model));
    let archives = wanted.compile(&file.model, &compiled)?;
    let files = package::package_files(&file, &compiled, &package, &wanted);
    let changed = write_crate(&folder, &files, &archives)?;
    let features = if wanted.is_something() { " --features cuda" } else { "" };
    output::print(&report(&file, &folder, files.len() + archives.len(), changed, features))?;
    Ok(ExitCode::SUCCESS)
}

fn report(file: &ModelFile, folder: &Path, files: usize, changed: usize, features: &str) -> String {
    let model = &file.model;
    let did = match changed {
        0 => format!("{files} files are up to date in"),
        _ => format!("wrote {files} files, {changed} of them new or changed, into"),
    };
    let folder = folder.display();
    format!(
        "{did} {folder}: `{}`, {}\nnext: cd {folder} && cargo run --release{features} -- train\n",
        model.name,
        signature(&model.inputs, &model.outputs)
    )
}

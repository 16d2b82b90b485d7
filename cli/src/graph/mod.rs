//! `nnc graph MODEL.nn`: a drawing of the network.
//!
//! ```text
//! CheckedModel ─diagram▶ boxes, frames and joins ─layout▶ marks with places ─svg▶ SVG
//!                                                └─dot▶ Graphviz
//! ```

mod alike;
mod diagram;
mod dot;
mod kind;
mod lanes;
mod layout;
mod picture;
mod svg;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::failure::Failure;
use crate::{files, model_file, output};
use diagram::Diagram;

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("graph")
        .about("Draw a network as SVG or for Graphviz")
        .args(model_file::network_arguments())
        .arg(depth_argument().help(
            "How many blocks within each other are drawn; deeper ones are a box [default: as many as stay readable]",
        ))
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The file, which ends in .svg or .dot [default: standard output]"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["svg", "dot"])
                .help("What to write [default: as the file ends, or else svg]"),
        )
        .after_help(
            "Equal neighbours are drawn once, with ×n and the shape after the last of them. A box shows the\n\
             shape after it where that is a new one; the rest stands in its tooltip.\n\n\
             Examples:\n  \
             nnc graph unet.nn -o unet.svg            For a browser or a document\n  \
             nnc graph unet.nn --depth 0 -o unet.svg  Blocks as boxes\n  \
             nnc graph unet.nn --format dot | dot -Tpng > unet.png",
        )
}

/// `--depth K`.
pub(crate) fn depth_argument() -> Arg {
    Arg::new("depth").long("depth").value_name("K").value_parser(value_parser!(usize))
}

/// Draws.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let path = matches.get_one::<PathBuf>("output");
    let draw = printer(matches.get_one::<String>("format").map(String::as_str), path.map(PathBuf::as_path))?;
    let file = model_file::load(matches)?;
    let text = draw(&Diagram::new(&file.model, matches.get_one("depth").copied()));
    match path {
        None => output::print(&text)?,
        Some(path) => {
            files::write(path, text.as_bytes())?;
            output::print(&format!("wrote {}\n", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What writes the format that is asked for.
fn printer(format: Option<&str>, path: Option<&Path>) -> Result<fn(&Diagram) -> String, Failure> {
    let ending = path.and_then(Path::extension).map(|ending| ending.to_string_lossy().to_lowercase());
    match (format, ending.as_deref(), path) {
        (Some("dot"), ..) | (None, Some("dot" | "gv"), _) => Ok(dot::dot),
        (Some(_), ..) | (None, Some("svg"), _) | (None, _, None) => Ok(svg::svg),
        (None, _, Some(path)) => {
            let message = format!("`{}` ends neither in .svg nor in .dot", path.display());
            Err(Failure::new(message).help("give the file one of these endings, or say `--format svg`"))
        }
    }
}

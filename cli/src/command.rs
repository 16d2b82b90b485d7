//! The command line as a whole, and the help that teaches it.

use clap::Command;

use crate::{build, check, devices, dump, explain, fmt, generate, graph, run, summary, tune};

const ABOUT: &str = "\
nnc compiles networks written as a line of words into Rust programs that train, evaluate and
predict. Every shape is checked before anything runs.";

const EXAMPLES: &str = "\
A model, digits.nn:
  network Digits<1x8x8 -> 10> {
      conv3 32 bn relu pool2            // a 3x3 convolution to 32 maps, halved by pooling
      conv3 64 bn relu gap linear 10
  }
  train Digits { data digits epochs 20 }

Examples:
  nnc run digits.nn                      Train it
  nnc run digits.nn --epochs 5 --seed 1  The same with other settings
  nnc check digits.nn --fix              Only look for mistakes, and mend what is plain
  nnc fmt digits.nn                      Lay the text out
  nnc summary digits.nn                  Shapes, parameters, multiply-adds and memory
  nnc graph digits.nn -o digits.svg      Draw it
  nnc tune digits.nn                     Measure which algorithms are the fastest here
  nnc build digits.nn -o digits          Build its program
  nnc digits.nn -o digits                Write the Rust crate
  nnc devices                            What this machine can compute on
  nnc explain E0301                      The manual page of an error, a lint or a word

Exit status: 0, 1 if something in the model or its surroundings is to be mended, 2 for a wrong
command line.";

/// The command line of `nnc`.
pub(crate) fn command() -> Command {
    Command::new("nnc")
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .override_usage("nnc MODEL.nn [-o DIR] [OPTIONS]\n       nnc COMMAND [...]")
        .args(generate::arguments())
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg_required_else_help(true)
        .subcommand(run::command())
        .subcommand(build::command())
        .subcommand(tune::command())
        .subcommand(check::command())
        .subcommand(fmt::command())
        .subcommand(summary::command())
        .subcommand(graph::command())
        .subcommand(dump::command())
        .subcommand(devices::command())
        .subcommand(explain::command())
        .after_help(EXAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_consistent() {
        command().debug_assert();
    }
}

//! The program from outside: command lines, outputs and exit statuses.

#[path = "../../../tests/cuda/fake.rs"]
mod fake;

mod build;
mod check;
mod devices;
mod dump;
mod explain;
mod fix;
mod fmt;
mod generate;
mod graph;
mod imports;
mod lints;
mod run;
mod summary;
mod support;
mod usage;

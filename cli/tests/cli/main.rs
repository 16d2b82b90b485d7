//! The program from outside: command lines, outputs and exit statuses.

mod check;
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

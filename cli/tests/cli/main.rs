//! The program from outside: command lines, outputs and exit statuses.

mod check;
mod dump;
mod explain;
mod generate;
mod run;
mod summary;
mod support;
mod usage;

//! Models, checkpoints and runs of programs written by hand, as the compiler would emit them.

mod checkpoints;
mod models;
mod ports;
mod programs;
mod runs;
mod support;

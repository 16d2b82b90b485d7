//! The networks, as `network!` makes them.

#[path = "../../tests/support/networks.rs"]
mod shared;

use nnc::runtime::program::Program;

use shared::{library, structure, words};

macro_rules! programs {
    ($($network:ident)*) => { vec![$($network::new(0).model().program()),*] };
}

/// Those of the benchmarks; they classify maps or vectors.
pub(crate) mod timed {
    use super::Program;

    nnc::network!("benches/networks/vgg32.nn");
    nnc::network!("benches/networks/seed224.nn");
    nnc::network!("benches/networks/mlp.nn");
    nnc::network!("benches/networks/resnet20.nn");
    nnc::network!("benches/networks/lenet.nn");
    nnc::network!("benches/networks/resnet18.nn");

    pub(crate) fn all() -> Vec<&'static Program> {
        programs![Vgg32 Seed224 Mlp ResNet20 LeNet ResNet18]
    }
}

/// The embedded example.
pub(crate) mod digits {
    use super::Program;

    nnc::network!("examples/digits.nn");

    pub(crate) fn program() -> &'static Program {
        Digits::new(0).model().program()
    }
}

/// Small networks that hold every word, structure and block.
pub(crate) fn small() -> Vec<&'static Program> {
    [words::all(), structure::all(), library::all(), vec![digits::program()]].concat()
}

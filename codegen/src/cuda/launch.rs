//! What the runtime is told to launch.

use super::Place;
use crate::graph::Conv;

/// A kernel's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its name, after the words it was made of first; unique in the network.
    pub name: String,
    /// Threads of a block.
    pub threads: usize,
    /// The definition, and what it needs beside the prelude.
    pub text: String,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A launch that has no alternative.
    Launch(Launch),
    /// A product, by one of several ways.
    Product(Product),
}

/// A kernel with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Index of the kernel.
    pub kernel: usize,
    /// The layer's path, for reports.
    pub layer: String,
    /// Blocks along x, y, z.
    pub grid: [Count; 3],
    /// Bytes of dynamic shared memory.
    pub shared: usize,
    /// Elements (`float`) of the workspace that it uses, which nothing else uses meanwhile.
    pub workspace: Count,
    /// In the order of the kernel's parameters.
    pub arguments: Vec<Argument>,
}

/// An argument of a launch; each takes eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The address of a tensor.
    Place(Place),
    /// The address of the classes (`int`) for the output of this index, one per sample and position.
    Labels(usize),
    /// The address of the workspace (`float`).
    Workspace,
    /// The address of the `Step`.
    Step,
    /// The address of the optimiser's hyperparameters (`float`), in their order in the language.
    Hyperparameters,
    /// The address of the optimiser's state of this index (`float`), as long as what learns.
    OptimizerState(usize),
    /// The number of samples (`int64`).
    Batch,
}

/// A number that grows with the batch: ⌈(batch · `per_sample` + `fixed`) / `each`⌉, but no more than
/// `at_most`, times `times`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Grows with the batch.
    pub per_sample: usize,
    /// Does not.
    pub fixed: usize,
    /// Divides both.
    pub each: usize,
    /// A bound.
    pub at_most: usize,
    /// Factor on the result.
    pub times: usize,
}

/// A convolution or matrix product; candidates give the same result but for rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// The name of the operation: `conv`, `conv_backward_data`, `conv_backward_weight`, or `conv_statistics` with mean
    /// and variance of the result's channels; linear layers are convolutions of one position.
    pub operation: &'static str,
    /// Its extents.
    pub spec: Conv,
    /// The ways, the one that needs nothing first.
    pub candidates: Vec<Candidate>,
    /// How a library of the machine may compute it, if one can: the plain product first, then what is fused
    /// after it, too, if libraries have such a thing. Which one does, and by which algorithm, is not known here.
    pub library: Vec<LibraryCall>,
}

/// A product by a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryCall {
    /// What the library is asked for.
    pub form: Form,
    /// The layer's path, for reports.
    pub layer: String,
    /// Lay an operand out as the library wants it. The `workspace` of these launches and of the others is the
    /// room for what lies there between them.
    pub before: Vec<Launch>,
    /// The operands, in the order of the candidates'.
    pub operands: [Tensor; 2],
    /// What it computes of each element of the product before it is stored.
    pub fused: Option<Fused>,
    /// The product, plain or with what is fused.
    pub result: Tensor,
    /// Go on from there.
    pub after: Vec<Launch>,
}

/// What a library can compute of each element of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// `max(product, 0)`
    Relu,
    /// `product + bias`, with a number for each channel, which lies here.
    Bias(Place),
    /// `max(product + bias, 0)`
    BiasRelu(Place),
}

/// What a library is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The product of two matrices as they lie in memory.
    Matrices,
    /// The convolution or its gradient. Weights, and their gradient, are laid out by their output channels
    /// first.
    Convolution,
}

/// Where a library finds or leaves a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tensor {
    /// In a buffer.
    At(Place),
    /// In the workspace from this element on, as `real`.
    Workspace(usize),
}

/// A way to compute a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// For reports: `simt 64x64`, `mma 128x128x32`.
    pub name: String,
    /// What it computes with.
    pub units: Units,
    /// In order; the first is the product itself.
    pub launches: Vec<Launch>,
}

/// Which precisions a candidate serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Multiply-adds in single precision; any precision of activations.
    Simt,
    /// Tensor cores: TF32, bf16 or f16, whichever `real` is.
    TensorCores,
}

impl Step {
    /// The launches that need no tensor cores.
    pub(super) fn plain_launches(&self) -> Vec<&Launch> {
        match self {
            Step::Launch(launch) => vec![launch],
            Step::Product(Product { candidates, library, .. }) => {
                let plain = candidates.iter().filter(|candidate| candidate.units == Units::Simt);
                let around = library.iter().flat_map(LibraryCall::launches);
                plain.flat_map(|candidate| &candidate.launches).chain(around).collect()
            }
        }
    }
}

impl LibraryCall {
    /// What is launched around it.
    pub fn launches(&self) -> impl Iterator<Item = &Launch> {
        self.before.iter().chain(&self.after)
    }
}

impl Count {
    /// Always the same.
    pub const fn fixed(fixed: usize) -> Count {
        Count { per_sample: 0, fixed, each: 1, at_most: usize::MAX, times: 1 }
    }

    /// One for each `each` of what there are `per_sample` of in a sample.
    pub const fn batched(per_sample: usize, each: usize) -> Count {
        Count { per_sample, fixed: 0, each, at_most: usize::MAX, times: 1 }
    }

    /// With a bound.
    pub const fn at_most(self, at_most: usize) -> Count {
        Count { at_most, ..self }
    }

    /// With a factor on the result.
    pub const fn times(self, times: usize) -> Count {
        Count { times, ..self }
    }

    /// So many times as much before the division.
    pub const fn scaled(self, factor: usize) -> Count {
        Count { per_sample: self.per_sample * factor, fixed: self.fixed * factor, ..self }
    }

    /// The number before the factor as C, from `int64 batch`.
    pub(super) fn text(self) -> String {
        let Count { per_sample, fixed, each, at_most, .. } = self;
        let sum = match (per_sample, fixed) {
            (0, fixed) => fixed.to_string(),
            (per_sample, 0) => format!("batch * {per_sample}"),
            (per_sample, fixed) => format!("batch * {per_sample} + {fixed}"),
        };
        let number = if each == 1 { sum } else { format!("({sum} + {}) / {each}", each - 1) };
        match at_most {
            usize::MAX => number,
            _ => format!("({number} < {at_most} ? {number} : {at_most})"),
        }
    }

    /// The number for a batch.
    pub fn at(self, batch: usize) -> usize {
        (batch * self.per_sample + self.fixed).div_ceil(self.each).min(self.at_most) * self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_grows_with_the_batch_up_to_its_bound() {
        let blocks = Count::batched(100, 256).at_most(3);
        assert_eq!([1, 2, 3, 5, 6, 100].map(|batch| blocks.at(batch)), [1, 1, 2, 2, 3, 3]);
        assert_eq!(blocks.times(10).at(6), 30);
        assert_eq!(Count::fixed(7).at(64), 7);
        assert_eq!(Count::batched(9, 4).text(), "(batch * 9 + 3) / 4");
        let bounded = "((batch * 9 + 3) / 4 < 5 ? (batch * 9 + 3) / 4 : 5)";
        assert_eq!(Count::batched(9, 4).at_most(5).text(), bounded);
    }
}

//! A network for GPUs, as emitted code writes it down: texts of kernels, and what to launch.
//!
//! It is plain data, the same for every GPU and precision. What the words mean is said where the
//! compiler makes them (`codegen/src/cuda`); the texts are in the subset of C that `common.h`
//! describes.

pub use crate::kernels::conv::Conv;

/// A network for GPUs.
#[derive(Debug)]
pub struct Cuda {
    /// The texts of all kernels, each behind a line that begins with [`KERNEL_HEAD`].
    pub text: &'static str,
    /// The kernels in the order of the text.
    pub kernels: &'static [Kernel],
    /// The inputs' places, in the order of the signature.
    pub inputs: &'static [Place],
    /// The places of target values.
    pub targets: &'static [Target],
    /// The training pass.
    pub training: Pass,
    /// The evaluation pass.
    pub evaluation: Pass,
    /// The update of the parameters that learn.
    pub update: &'static [Launch],
}

/// Begins the line in front of each kernel's text.
pub const KERNEL_HEAD: &str = "// kernel ";

/// A kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its name in the text.
    pub name: &'static str,
    /// Threads of a block.
    pub threads: u32,
}

/// Where the values lie that an output is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the output.
    pub output: usize,
    /// The place.
    pub place: Place,
}

/// One mode: how much memory it needs, and what to launch.
#[derive(Debug)]
pub struct Pass {
    /// Elements of [`Region::Batched`] per sample.
    pub batched_len: usize,
    /// Elements of [`Region::Wide`] per sample.
    pub wide_len: usize,
    /// Elements of [`Region::Places`] per sample.
    pub places_len: usize,
    /// Elements of [`Region::Fixed`].
    pub fixed_len: usize,
    /// Elements of [`Region::Prepared`].
    pub prepared_len: usize,
    /// From parameters and states alone; runs when they have changed.
    pub prepare: &'static [Step],
    /// Input to output.
    pub forward: &'static [Step],
    /// Output and target to the loss of each sample.
    pub loss: &'static [Step],
    /// Loss to gradients.
    pub backward: &'static [Step],
    /// The network's outputs, channels last; live until `loss` has run.
    pub outputs: &'static [Place],
    /// The loss of each sample; live until `backward` begins.
    pub loss_place: Place,
}

/// One thing to do.
#[derive(Debug)]
pub enum Step {
    /// A launch that has no alternative.
    Launch(Launch),
    /// A product, by one of several ways.
    Product(Product),
}

/// A kernel with its arguments.
#[derive(Debug)]
pub struct Launch {
    /// Index of the kernel.
    pub kernel: usize,
    /// The layer's path, for reports.
    pub layer: &'static str,
    /// Blocks along x, y, z.
    pub grid: [Count; 3],
    /// Bytes of dynamic shared memory.
    pub shared: u32,
    /// Elements (`float`) of the workspace that it uses.
    pub workspace: Count,
    /// In the order of the kernel's parameters.
    pub arguments: &'static [Argument],
}

/// An argument of a launch; each takes eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The address of a tensor.
    At(Place),
    /// The address of the classes (`int`) for the output of this index.
    Labels(usize),
    /// The address of the workspace (`float`).
    Workspace,
    /// The address of the `Step` of `common.h`.
    Step,
    /// The address of the optimiser's hyperparameters (`float`), in their order.
    Hyperparameters,
    /// The address of the optimiser's state of this index (`float`).
    OptimizerState(usize),
    /// The number of samples (`int64`).
    Batch,
}

/// ⌈(batch · `per_sample` + `fixed`) / `each`⌉, but no more than `at_most`, times `times`.
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
#[derive(Debug)]
pub struct Product {
    /// `conv`, `conv_backward_data` or `conv_backward_weight`.
    pub operation: &'static str,
    /// Its extents; a linear layer is a convolution of one position.
    pub spec: Conv,
    /// The ways, the one that needs nothing first.
    pub candidates: &'static [Candidate],
}

/// A way to compute a product.
#[derive(Debug)]
pub struct Candidate {
    /// For reports.
    pub name: &'static str,
    /// What it computes with.
    pub units: Units,
    /// In order.
    pub launches: &'static [Launch],
}

/// Which precisions a candidate serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Multiply-adds in single precision; any precision of activations.
    Simt,
    /// Tensor cores: TF32, bf16 or f16.
    TensorCores,
}

/// The buffers of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// Input samples, `real`.
    Input,
    /// Target values, `float`.
    Target,
    /// The arena of activations, `real`.
    Batched,
    /// The arena of what stays `float` and grows with the batch.
    Wide,
    /// The arena of places of maxima, `uint16`.
    Places,
    /// The arena of what does not grow, `float`.
    Fixed,
    /// Flat parameters, `float`.
    Parameter,
    /// Their copy as `real`, under the same offsets.
    ParameterReal,
    /// Flat gradients, `float`.
    Gradient,
    /// Flat states, `float`.
    State,
    /// Results of `prepare`, `float`.
    Prepared,
    /// Their copy as `real`, under the same offsets.
    PreparedReal,
}

/// How the elements of a region are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `real`: as the precision says.
    Real,
    /// `float`
    Float,
    /// `uint16`
    Place,
}

/// A place in a buffer; offset and length per sample where the region grows with the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which buffer.
    pub region: Region,
    /// First element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

impl Cuda {
    /// The text of each kernel, in order.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.text.split(KERNEL_HEAD).skip(1);
        parts.map(|part| part.split_once('\n').map_or("", |(_, text)| text))
    }

    /// Both passes.
    pub fn passes(&self) -> [&Pass; 2] {
        [&self.training, &self.evaluation]
    }
}

impl Pass {
    /// All steps, in execution order.
    pub fn steps(&self) -> impl Iterator<Item = &'static Step> {
        [self.prepare, self.forward, self.loss, self.backward].into_iter().flatten()
    }
}

impl Count {
    /// Always 1.
    pub const ONE: Count = Count { per_sample: 0, fixed: 1, each: 1, at_most: usize::MAX, times: 1 };

    /// Always 0.
    pub const ZERO: Count = Count { fixed: 0, ..Count::ONE };

    /// The number for a batch.
    pub fn at(&self, batch: usize) -> usize {
        (batch * self.per_sample + self.fixed).div_ceil(self.each).min(self.at_most) * self.times
    }
}

impl Region {
    /// How its elements are stored.
    pub fn element(self) -> Element {
        match self {
            Region::Input | Region::Batched | Region::ParameterReal | Region::PreparedReal => Element::Real,
            Region::Places => Element::Place,
            Region::Target
            | Region::Wide
            | Region::Fixed
            | Region::Parameter
            | Region::Gradient
            | Region::State
            | Region::Prepared => Element::Float,
        }
    }

    /// Whether offsets and lengths are per sample.
    pub fn is_batched(self) -> bool {
        matches!(self, Region::Input | Region::Target | Region::Batched | Region::Wide | Region::Places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_behind_their_heads() {
        let text = "// by nnc\n\n// kernel a\nA\nAA\n// kernel b\nB\n";
        let cuda = Cuda {
            text,
            kernels: &[],
            inputs: &[],
            targets: &[],
            training: EMPTY,
            evaluation: EMPTY,
            update: &[],
        };
        assert_eq!(cuda.texts().collect::<Vec<_>>(), ["A\nAA\n", "B\n"]);
    }

    const EMPTY: Pass = Pass {
        batched_len: 0,
        wide_len: 0,
        places_len: 0,
        fixed_len: 0,
        prepared_len: 0,
        prepare: &[],
        forward: &[],
        loss: &[],
        backward: &[],
        outputs: &[],
        loss_place: Place { region: Region::Wide, offset: 0, len: 1 },
    };

    #[test]
    fn a_count_grows_with_the_batch_up_to_its_bound() {
        let blocks = Count { per_sample: 100, fixed: 0, each: 256, at_most: 3, times: 2 };
        assert_eq!([1, 2, 3, 5, 6, 100].map(|batch| blocks.at(batch)), [2, 2, 4, 4, 6, 6]);
        assert_eq!((Count::ONE.at(7), Count::ZERO.at(7)), (1, 0));
    }
}

//! A network for GPUs, as emitted code writes it down: texts of kernels, and what to launch.
//!
//! It is plain data, the same for every GPU and precision. What the words mean is said where the
//! compiler makes them (`codegen/src/cuda`); the texts are in the subset of C that `common.h`
//! describes.

mod texts;

pub use nnc_kernels::emitted::Conv;

/// A network for GPUs.
#[derive(Clone, Debug)]
pub struct Cuda {
    /// The texts of all kernels; see [`Cuda::texts`].
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
    /// What was compiled before the program was built.
    pub ahead: &'static [Ahead],
}

/// Kernels as code for GPUs of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// As the compiler of kernels calls it: `sm_90`.
    pub architecture: &'static str,
    /// The names of the precisions that it serves.
    pub precisions: &'static [&'static str],
    /// What `devices::cuda::compile_ahead` has made.
    pub cubins: &'static [u8],
}

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
#[derive(Clone, Debug)]
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
    /// `conv`, `conv_backward_data`, `conv_backward_weight`, or `conv_statistics` with mean and variance of the result's
    /// channels.
    pub operation: &'static str,
    /// Its extents; a linear layer is a convolution of one position.
    pub spec: Conv,
    /// The ways, the one that needs nothing first.
    pub candidates: &'static [Candidate],
    /// How a library may compute it, if one can: the plain product first, then with what is fused after it.
    pub library: &'static [LibraryCall],
}

/// A product by a library.
#[derive(Debug)]
pub struct LibraryCall {
    /// What the library is asked for.
    pub form: Form,
    /// The layer's path, for reports.
    pub layer: &'static str,
    /// Lay an operand out as the library wants it. The `workspace` of these launches and of the others is the
    /// room for what lies there between them.
    pub before: &'static [Launch],
    /// The operands.
    pub operands: [Tensor; 2],
    /// What it computes of each element of the product before it is stored.
    pub fused: Option<Fused>,
    /// The product, plain or with what is fused.
    pub result: Tensor,
    /// Go on from there.
    pub after: &'static [Launch],
}

/// What a library can compute of each element of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// `max(product, 0)`
    Relu,
    /// `product + bias`, with a number for each channel.
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
#[derive(Debug)]
pub struct Candidate {
    /// For reports.
    pub name: &'static str,
    /// What it computes with.
    pub units: Units,
    /// In order; the first is the product itself.
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
    pub fn texts(&self) -> Vec<String> {
        texts::texts(self.text)
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

impl Kernel {
    /// With so many threads in a block.
    pub const fn new(name: &'static str, threads: u32) -> Kernel {
        Kernel { name, threads }
    }
}

impl Pass {
    /// The products, in execution order.
    pub fn products(&self) -> impl Iterator<Item = &'static Product> {
        self.steps().filter_map(|step| match step {
            Step::Product(product) => Some(product),
            Step::Launch(_) => None,
        })
    }
}

impl LibraryCall {
    /// What is launched around it.
    pub fn launches(&self) -> impl Iterator<Item = &Launch> {
        self.before.iter().chain(self.after)
    }

    /// Where the bias lies, if it adds one.
    pub fn bias(&self) -> Option<&Place> {
        match &self.fused {
            None | Some(Fused::Relu) => None,
            Some(Fused::Bias(bias) | Fused::BiasRelu(bias)) => Some(bias),
        }
    }
}

impl Fused {
    /// For reports, and for the file of measured times.
    pub fn name(&self) -> &'static str {
        match self {
            Fused::Relu => "relu",
            Fused::Bias(_) => "bias",
            Fused::BiasRelu(_) => "bias relu",
        }
    }
}

impl Tensor {
    /// How its elements are stored.
    pub fn element(&self) -> Element {
        match self {
            Tensor::At(place) => place.region.element(),
            Tensor::Workspace(_) => Element::Real,
        }
    }

    /// Its place in a buffer.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Tensor::At(place) => Some(place),
            Tensor::Workspace(_) => None,
        }
    }
}

impl Launch {
    /// So many blocks along x, one along y and z, without shared memory and workspace.
    pub const fn new(
        kernel: usize,
        layer: &'static str,
        blocks: Count,
        arguments: &'static [Argument],
    ) -> Launch {
        let grid = [blocks, Count::fixed(1), Count::fixed(1)];
        Launch { kernel, layer, grid, shared: 0, workspace: Count::fixed(0), arguments }
    }

    /// With blocks along y and z.
    pub const fn rows(mut self, y: Count, z: Count) -> Launch {
        (self.grid[1], self.grid[2]) = (y, z);
        self
    }

    /// With so many bytes of dynamic shared memory.
    pub const fn shared(mut self, bytes: u32) -> Launch {
        self.shared = bytes;
        self
    }

    /// With a workspace.
    pub const fn workspace(mut self, workspace: Count) -> Launch {
        self.workspace = workspace;
        self
    }
}

impl Place {
    /// `len` elements from `offset` on.
    pub const fn new(region: Region, offset: usize, len: usize) -> Place {
        Place { region, offset, len }
    }
}

/// The address of a tensor.
pub const fn at(region: Region, offset: usize, len: usize) -> Argument {
    Argument::At(Place::new(region, offset, len))
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

    /// So many more before the division.
    pub const fn plus(mut self, fixed: usize) -> Count {
        self.fixed = fixed;
        self
    }

    /// With a bound.
    pub const fn at_most(mut self, at_most: usize) -> Count {
        self.at_most = at_most;
        self
    }

    /// With a factor on the result.
    pub const fn times(mut self, times: usize) -> Count {
        self.times = times;
        self
    }

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
    fn a_count_grows_with_the_batch_up_to_its_bound() {
        let blocks = Count::batched(100, 256).at_most(3).times(2);
        assert_eq!([1, 2, 3, 5, 6, 100].map(|batch| blocks.at(batch)), [2, 2, 4, 4, 6, 6]);
        assert_eq!(Count::batched(2, 4).plus(3).at(3), 3);
        assert_eq!(Count::fixed(5).at(7), 5);
    }
}

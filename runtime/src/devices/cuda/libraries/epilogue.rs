//! What libraries compute after a product, as part of it.

/// What happens to the sums of a forward product before they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// Nothing.
    None,
    /// What is negative becomes zero.
    Relu,
    /// A number for each output channel is added.
    Bias,
    /// A number is added, and what is negative becomes zero.
    BiasRelu,
}

impl Epilogue {
    pub(super) fn has_bias(self) -> bool {
        matches!(self, Epilogue::Bias | Epilogue::BiasRelu)
    }
}

//! What a convolution is: shapes per sample, channels last.

use serde::{Deserialize, Serialize};

/// A convolution over up to three axes; an axis that a network lacks has size 1.
///
/// Output `i` of an axis sees the inputs `i * stride + tap * dilation - pad`. Only the padding at the
/// start is written down: how far the windows reach past the end follows from the output's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conv {
    /// Depth, height, width and channels before.
    pub input: [usize; 4],
    /// Depth, height, width and channels after.
    pub output: [usize; 4],
    /// Depth, height and width of the window.
    pub kernel: [usize; 3],
    /// Inputs from one window to the next.
    pub stride: [usize; 3],
    /// Zeros before the first input.
    pub pad: [usize; 3],
    /// Inputs from one tap of a window to the next.
    pub dilation: [usize; 3],
    /// The channels fall into so many groups; the outputs of a group see its inputs only.
    pub groups: usize,
}

/// A linear layer: y = x·w with w `[in, out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Features before.
    pub inputs: usize,
    /// Features after.
    pub outputs: usize,
}

impl Linear {
    pub(crate) fn as_conv(self) -> Conv {
        Conv {
            input: [1, 1, 1, self.inputs],
            output: [1, 1, 1, self.outputs],
            kernel: [1; 3],
            stride: [1; 3],
            pad: [0; 3],
            dilation: [1; 3],
            groups: 1,
        }
    }
}

impl Conv {
    /// Elements of an input sample.
    pub fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Elements of an output sample.
    pub fn output_len(&self) -> usize {
        self.output.iter().product()
    }

    /// Elements of the weight, `[kd, kh, kw, in/groups, out]`.
    pub fn weight_len(&self) -> usize {
        self.taps() * self.group_inputs() * self.output[3]
    }

    /// Multiply-adds per sample, those with padding included.
    pub fn macs(&self) -> usize {
        self.weight_len() * self.output[..3].iter().product::<usize>()
    }

    /// Positions of the window.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Input channels of a group.
    pub fn group_inputs(&self) -> usize {
        self.input[3] / self.groups
    }

    /// Output channels of a group.
    pub(crate) fn group_outputs(&self) -> usize {
        self.output[3] / self.groups
    }

    /// Where the matrix `[in/groups, out]` of a tap begins in the weight.
    pub(super) fn tap(&self, [plane, row, column]: [usize; 3]) -> usize {
        let tap = (plane * self.kernel[1] + row) * self.kernel[2] + column;
        tap * self.group_inputs() * self.output[3]
    }

    /// Whether each output sees the input at its own place and no other.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3]
            && self.stride == [1; 3]
            && self.pad == [0; 3]
            && self.input[..3] == self.output[..3]
    }

    /// The same product for a batch, as one long row where the windows are single elements.
    pub(super) fn flattened(&self, batch: usize) -> (Conv, usize) {
        if !self.is_pointwise() {
            return (*self, batch);
        }
        let width = batch * self.output[..3].iter().product::<usize>();
        let row = |channels| [1, 1, width, channels];
        (Conv { input: row(self.input[3]), output: row(self.output[3]), ..*self }, 1)
    }
}

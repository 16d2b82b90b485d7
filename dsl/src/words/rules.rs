//! Shape rules and layer constructors of the table's rows.
//!
//! A rule gets a shape of the rank that its row asks for. Windows, strides and padding obey
//! ⌊(size + 2·pad − window) / stride⌋ + 1 per axis, rounded down as PyTorch does by default.

use super::Call;
use crate::model::{Layer, Shape, Window};

/// The most elements that one tensor may have. It keeps every later product of sizes far from
/// overflow; a sample or a weight of eight gigabytes is a slip of the pen.
pub const MAX_ELEMENTS: usize = (1 << 31) - 1;

/// Why a word does not fit the shape before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The window is larger than the map with its padding.
    Window {
        /// The padding.
        pad: [usize; 2],
    },
    /// The padding is larger than the window allows.
    Pad {
        /// The most that it may be.
        limit: usize,
        /// Why, as the end of a sentence.
        reason: &'static str,
    },
    /// The result has more than [`MAX_ELEMENTS`] elements.
    Output,
    /// The weight has more than [`MAX_ELEMENTS`] elements.
    Weight,
}

/// The product of the dimensions if it does not pass [`MAX_ELEMENTS`].
pub fn checked_len(dimensions: &[usize]) -> Option<usize> {
    let product = dimensions.iter().try_fold(1_usize, |product, dimension| product.checked_mul(*dimension));
    product.filter(|product| *product <= MAX_ELEMENTS)
}

pub(super) fn same(_: &Call, input: &Shape) -> Result<Shape, Misfit> {
    Ok(input.clone())
}

pub(super) fn conv_shape(call: &Call, input: &Shape) -> Result<Shape, Misfit> {
    let channels = call.count("channels").unwrap_or(1);
    if let Some(pad) = call.count("pad") {
        let limit = call.window[0].min(call.window[1]) - 1;
        check_pad(pad, limit, "must be smaller than the window, or whole outputs would see padding alone")?;
    }
    let weight = [channels, input.channels(), call.window[0], call.window[1]];
    checked_len(&weight).ok_or(Misfit::Weight)?;
    slide(call, input, channels, one_stride(call), conv_pad(call))
}

pub(super) fn conv_layer(call: &Call) -> Layer {
    Layer::Conv {
        kernel: call.window,
        stride: one_stride(call),
        pad: conv_pad(call),
        bias: call.flag("bias"),
    }
}

fn one_stride(call: &Call) -> [usize; 2] {
    [call.count("stride").unwrap_or(1); 2]
}

fn conv_pad(call: &Call) -> [usize; 2] {
    // An even window has no centre, so no padding would keep the size.
    let same_size = |size: usize| if size % 2 == 1 { (size - 1) / 2 } else { 0 };
    call.count("pad").map_or(call.window.map(same_size), |pad| [pad; 2])
}

pub(super) fn pool_shape(call: &Call, input: &Shape) -> Result<Shape, Misfit> {
    let window = pool_window(call);
    let limit = window.size[0].min(window.size[1]) / 2;
    check_pad(window.pad[0], limit, "may be at most half the window")?;
    slide(call, input, input.channels(), window.stride, window.pad)
}

pub(super) fn max_pool(call: &Call) -> Layer {
    Layer::MaxPool(pool_window(call))
}

pub(super) fn average_pool(call: &Call) -> Layer {
    Layer::AvgPool(pool_window(call))
}

fn pool_window(call: &Call) -> Window {
    let stride = call.count("stride").map_or(call.window, |stride| [stride; 2]);
    Window { size: call.window, stride, pad: [call.count("pad").unwrap_or(0); 2] }
}

fn check_pad(pad: usize, limit: usize, reason: &'static str) -> Result<(), Misfit> {
    if pad > limit { Err(Misfit::Pad { limit, reason }) } else { Ok(()) }
}

fn slide(
    call: &Call,
    input: &Shape,
    channels: usize,
    stride: [usize; 2],
    pad: [usize; 2],
) -> Result<Shape, Misfit> {
    let size = |axis: usize| {
        let room = (input.area()[axis] + 2 * pad[axis]).checked_sub(call.window[axis]);
        room.map(|room| room / stride[axis] + 1).ok_or(Misfit::Window { pad })
    };
    bounded(Shape::map(channels, size(0)?, size(1)?))
}

pub(super) fn global_pool(_: &Call, input: &Shape) -> Result<Shape, Misfit> {
    Ok(Shape::vector(input.channels()))
}

pub(super) fn flatten(_: &Call, input: &Shape) -> Result<Shape, Misfit> {
    Ok(Shape::vector(input.len()))
}

pub(super) fn linear_shape(call: &Call, input: &Shape) -> Result<Shape, Misfit> {
    let features = call.count("features").unwrap_or(1);
    checked_len(&[features, input.channels()]).ok_or(Misfit::Weight)?;
    bounded(Shape::vector(features))
}

pub(super) fn linear_layer(call: &Call) -> Layer {
    Layer::Linear { bias: call.flag("bias") }
}

pub(super) fn batch_norm(call: &Call) -> Layer {
    Layer::BatchNorm { eps: call.real("eps"), momentum: call.real("momentum") }
}

pub(super) fn dropout(call: &Call) -> Layer {
    Layer::Dropout { rate: call.real("rate") }
}

fn bounded(shape: Shape) -> Result<Shape, Misfit> {
    checked_len(&shape.0).ok_or(Misfit::Output)?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use crate::model::Shape;
    use crate::words::{Call, Found, Meaning, Misfit, Setting, find};

    fn shape(word: &str, arguments: &[(&str, usize)], input: Shape) -> Result<Shape, Misfit> {
        let Found::Word(word, window) = find(word) else { panic!("{word} is a word") };
        let value = |name| arguments.iter().find(|(known, _)| *known == name);
        let settings = word.arguments.iter().map(|a| value(a.name).map(|(_, v)| Setting::Count(*v)));
        let call = Call { word, window, settings: settings.collect() };
        match word.meaning {
            Meaning::Layer { shape, .. } => shape(&call, &input),
            Meaning::Formula(_) => Ok(input),
        }
    }

    #[test]
    fn convolutions_keep_the_size_or_follow_stride_and_pad() {
        let input = Shape::map(3, 32, 32);
        assert_eq!(shape("conv3", &[("channels", 8)], input.clone()), Ok(Shape::map(8, 32, 32)));
        assert_eq!(shape("conv3x1", &[("channels", 8)], input.clone()), Ok(Shape::map(8, 32, 32)));
        assert_eq!(shape("conv4", &[("channels", 8)], input.clone()), Ok(Shape::map(8, 29, 29)));
        let strided = [("channels", 8), ("stride", 2)];
        assert_eq!(shape("conv3", &strided, input.clone()), Ok(Shape::map(8, 16, 16)));
        let unpadded = [("channels", 8), ("pad", 0)];
        assert_eq!(shape("conv3", &unpadded, input.clone()), Ok(Shape::map(8, 30, 30)));
        let padded = shape("conv3", &[("channels", 8), ("pad", 3)], input);
        assert!(matches!(padded, Err(Misfit::Pad { limit: 2, .. })));
    }

    #[test]
    fn pooling_rounds_down_and_must_fit() {
        assert_eq!(shape("pool2", &[], Shape::map(4, 5, 7)), Ok(Shape::map(4, 2, 3)));
        assert_eq!(shape("pool2", &[], Shape::map(4, 1, 7)), Err(Misfit::Window { pad: [0, 0] }));
        let overlapping = [("stride", 2), ("pad", 1)];
        assert_eq!(shape("pool3", &overlapping, Shape::map(4, 8, 8)), Ok(Shape::map(4, 4, 4)));
    }

    #[test]
    fn sizes_are_bounded() {
        let wide = [("channels", 1 << 40)];
        assert_eq!(shape("conv1", &wide, Shape::map(1, 1, 1)), Err(Misfit::Weight));
        let outputs = [("channels", 1 << 20)];
        assert_eq!(shape("conv1", &outputs, Shape::map(1, 1000, 1000)), Err(Misfit::Output));
    }
}

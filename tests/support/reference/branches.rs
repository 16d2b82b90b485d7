//! Tensors that come together and part again.

use super::tensor::Tensor;

/// The element-wise sum.
pub(super) fn sum(tensors: Vec<Tensor>) -> Tensor {
    let mut tensors = tensors.into_iter();
    let first = tensors.next().expect("a join has branches");
    tensors.fold(first, |mut sum, tensor| {
        sum.add(&tensor);
        sum
    })
}

/// Side by side along the channels.
pub(super) fn concatenated(tensors: &[Tensor]) -> Tensor {
    let samples = tensors[0].samples;
    let mut shape = tensors[0].shape.clone();
    shape[0] = tensors.iter().map(Tensor::channels).sum();
    let mut data = Vec::new();
    for sample in 0..samples {
        for tensor in tensors {
            let len = tensor.sample_len();
            data.extend_from_slice(&tensor.data[sample * len..(sample + 1) * len]);
        }
    }
    Tensor::new(samples, &shape, data)
}

/// The inverse of [`concatenated`]: parts of so many channels.
pub(super) fn split(x: &Tensor, channels: &[usize]) -> Vec<Tensor> {
    let mut start = 0;
    let parts = channels.iter().map(|&count| {
        start += count;
        slice(x, start - count, count)
    });
    parts.collect()
}

fn slice(x: &Tensor, start: usize, channels: usize) -> Tensor {
    let mut shape = x.shape.clone();
    shape[0] = channels;
    let planes =
        (0..x.samples).flat_map(|sample| (0..channels).map(move |channel| (sample, start + channel)));
    let data = planes.flat_map(|(sample, channel)| x.plane(sample, channel).iter().copied()).collect();
    Tensor::new(x.samples, &shape, data)
}

/// The element-wise product; each factor is spread over the first.
pub(super) fn product(factors: &[Tensor]) -> Tensor {
    let mut y = factors[0].clone();
    for factor in &factors[1..] {
        for (element, y) in y.data.iter_mut().enumerate() {
            *y *= factor.data[spread(&factors[0], factor, element)];
        }
    }
    y
}

/// The gradient by each factor: that by the product times all the others, summed over what the factor
/// was spread over.
pub(super) fn product_gradients(factors: &[Tensor], dy: &Tensor) -> Vec<Tensor> {
    let gradient = |which: usize| {
        let mut gradient = factors[which].zeros_like();
        for element in 0..dy.data.len() {
            let others = factors.iter().enumerate().filter(|(other, _)| *other != which);
            let others = others.map(|(_, other)| other.data[spread(&factors[0], other, element)]);
            let place = spread(&factors[0], &factors[which], element);
            gradient.data[place] += dy.data[element] * others.product::<f64>();
        }
        gradient
    };
    (0..factors.len()).map(gradient).collect()
}

/// The element of a factor that meets an element of the whole: of its own place, or of the only place
/// that it has along the channels or the positions.
fn spread(whole: &Tensor, factor: &Tensor, element: usize) -> usize {
    let only = |size: usize, index: usize| if size == 1 { 0 } else { index };
    let sample = element / whole.sample_len();
    let channel = only(factor.channels(), whole.channel_of(element));
    let position = only(factor.positions(), element % whole.positions());
    (sample * factor.channels() + channel) * factor.positions() + position
}

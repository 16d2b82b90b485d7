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
    let (samples, positions) = (tensors[0].samples, tensors[0].positions);
    let channels = tensors.iter().map(|tensor| tensor.channels).sum();
    let mut data = Vec::with_capacity(samples * channels * positions);
    for sample in 0..samples {
        for tensor in tensors {
            (0..tensor.channels).for_each(|channel| data.extend_from_slice(tensor.plane(sample, channel)));
        }
    }
    Tensor { samples, channels, positions, data }
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
    let mut part = Tensor::zeros(x.samples, channels, x.positions);
    for sample in 0..x.samples {
        for channel in 0..channels {
            part.plane_mut(sample, channel).copy_from_slice(x.plane(sample, start + channel));
        }
    }
    part
}

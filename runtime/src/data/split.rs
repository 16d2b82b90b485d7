//! Cutting a data set into parts, the same way every time.
//!
//! The cut is stratified: each class is divided in the same proportion. Its seed is fixed and
//! is not the run's, so that runs with different seeds are measured on the same samples, and
//! a checkpoint is never tested on what it was trained on.

use super::{Dataset, Targets};
use nnc_kernels::random::{Purpose, Stream, shuffle};

/// The one seed of all cuts.
const SEED: u64 = 1797;

/// Percentages of samples that training does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) validation: usize,
    pub(super) test: usize,
}

/// Training, validation and test part of `set`; each keeps the set's order.
pub(super) fn divide(set: &Dataset, shares: Shares) -> [Dataset; 3] {
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    for (group, mut members) in groups(set).into_iter().enumerate() {
        shuffle(&Stream::new(SEED, Purpose::Split, group as u32, 0), &mut members);
        let test = percent(members.len(), shares.test);
        let validation = percent(members.len(), shares.validation);
        parts[2].extend(members.drain(..test));
        parts[1].extend(members.drain(..validation));
        parts[0].extend(members);
    }
    parts.map(|mut indices| {
        indices.sort_unstable();
        set.select(&indices)
    })
}

/// The samples of each class; all samples where there are no classes.
fn groups(set: &Dataset) -> Vec<Vec<u32>> {
    match set.targets() {
        Targets::Values { .. } => vec![(0..set.len() as u32).collect()],
        Targets::Classes(labels) => {
            let mut groups = vec![Vec::new(); set.classes().len()];
            for (sample, &label) in labels.iter().enumerate() {
                groups[label as usize].push(sample as u32);
            }
            groups
        }
    }
}

/// Rounded; a half goes up.
fn percent(count: usize, share: usize) -> usize {
    (count * share + 50) / 100
}

#[cfg(test)]
mod tests {
    use super::super::{Samples, Storage};
    use super::*;

    const SHARES: Shares = Shares { validation: 10, test: 20 };

    fn numbered(labels: Vec<u32>, classes: usize) -> Dataset {
        let samples = (0..labels.len()).map(|sample| sample as f32).collect();
        let samples = Samples::new(&[1], Storage::Values(samples)).unwrap();
        let names = (0..classes).map(|class| class.to_string()).collect();
        Dataset::new(samples, Targets::Classes(labels), names).unwrap()
    }

    fn values(set: &Dataset) -> Vec<f32> {
        match set.samples().storage() {
            Storage::Values(values) => values.clone(),
            Storage::Bytes(_) => unreachable!("the test's samples are values"),
        }
    }

    #[test]
    fn every_class_is_divided_in_proportion() {
        let set = numbered((0..300).map(|sample| (sample % 3 == 0) as u32).collect(), 2);
        let parts = divide(&set, SHARES);
        assert_eq!(parts.each_ref().map(Dataset::class_counts), [[140, 70], [20, 10], [40, 20]]);
    }

    #[test]
    fn parts_share_no_sample_and_lose_none() {
        let set = numbered((0..101).map(|sample| sample % 7).collect(), 7);
        let mut all: Vec<f32> = divide(&set, SHARES).iter().flat_map(values).collect();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, values(&set));
    }

    #[test]
    fn the_cut_is_always_the_same() {
        let set = numbered((0..50).map(|sample| sample % 2).collect(), 2);
        assert_eq!(divide(&set, SHARES), divide(&set, SHARES));
        let order = values(&divide(&set, SHARES)[0]);
        assert!(order.is_sorted());
        assert_ne!(order, (0..order.len()).map(|sample| sample as f32).collect::<Vec<_>>());
    }

    #[test]
    fn a_single_sample_is_trained_on() {
        let parts = divide(&numbered(vec![0], 1), SHARES);
        assert_eq!(parts.map(|part| part.len()), [1, 0, 0]);
    }
}

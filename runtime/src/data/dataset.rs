//! Samples and targets in memory.
//!
//! Samples lie one after another. A map lies channels last, as the kernels want it, although
//! its shape is written channels first, as in the language. Bytes stay bytes: a data set of
//! images takes a quarter of the memory that its standardised form would.

use super::Error;

/// Input samples, all of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    shape: Vec<usize>,
    storage: Storage,
}

/// The elements of all samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Storage {
    /// Pixels.
    Bytes(Vec<u8>),
    /// Measurements.
    Values(Vec<f32>),
}

/// What the loss compares the network's output with.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// A class per sample.
    Classes(Vec<u32>),
    /// `width` values per sample; those of a map lie channels last.
    Values {
        /// Values per sample.
        width: usize,
        /// The values of all samples.
        values: Vec<f32>,
    },
}

/// Samples with their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    samples: Samples,
    targets: Targets,
    classes: Vec<String>,
}

impl Samples {
    /// Samples of `shape` (channels first) from elements that lie channels last.
    pub fn new(shape: &[usize], storage: Storage) -> Result<Samples, Error> {
        let samples = Samples { shape: shape.to_vec(), storage };
        let (elements, sample) = (samples.elements(), samples.sample_len());
        if sample == 0 || elements % sample != 0 {
            let shape = super::shape_text(shape);
            return Err(Error::new(format!("{elements} elements are not a whole number of samples {shape}")));
        }
        Ok(samples)
    }

    /// The shape of one sample, channels first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements of all samples, maps channels last.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Elements of one sample.
    pub fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.elements() / self.sample_len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn elements(&self) -> usize {
        match &self.storage {
            Storage::Bytes(bytes) => bytes.len(),
            Storage::Values(values) => values.len(),
        }
    }

    fn select(&self, indices: &[u32]) -> Samples {
        let len = self.sample_len();
        let storage = match &self.storage {
            Storage::Bytes(bytes) => Storage::Bytes(gather(bytes, len, indices)),
            Storage::Values(values) => Storage::Values(gather(values, len, indices)),
        };
        Samples { shape: self.shape.clone(), storage }
    }
}

impl Targets {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { width, values } => values.len() / width,
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An empty list of the same kind.
    pub(super) fn empty(&self) -> Targets {
        match self {
            Targets::Classes(_) => Targets::Classes(Vec::new()),
            Targets::Values { width, .. } => Targets::Values { width: *width, values: Vec::new() },
        }
    }

    /// Replaces `into` with the targets of the samples `indices`, keeping its memory.
    pub(super) fn gather(&self, indices: &[u32], into: &mut Targets) {
        match (self, &mut *into) {
            (Targets::Classes(all), Targets::Classes(some)) => {
                some.clear();
                some.extend(indices.iter().map(|&index| all[index as usize]));
            }
            (Targets::Values { width, values }, Targets::Values { values: some, .. }) => {
                some.clear();
                for &index in indices {
                    some.extend_from_slice(&values[index as usize * width..][..*width]);
                }
            }
            _ => {
                *into = self.empty();
                self.gather(indices, into);
            }
        }
    }
}

impl Dataset {
    /// Samples and their targets; `classes` names the classes and is empty for values.
    pub fn new(samples: Samples, targets: Targets, classes: Vec<String>) -> Result<Dataset, Error> {
        if let Targets::Values { width, values } = &targets
            && (*width == 0 || values.len() % width != 0)
        {
            return Err(Error::new(format!("{} target values are not {width} per sample", values.len())));
        }
        if samples.len() != targets.len() {
            let (samples, targets) = (samples.len(), targets.len());
            return Err(Error::new(format!("there are {samples} samples, but {targets} targets")));
        }
        if let Targets::Classes(labels) = &targets
            && let Some(label) = labels.iter().find(|&&label| label as usize >= classes.len())
        {
            let count = classes.len();
            return Err(Error::new(format!("a sample has class {label}, but there are {count} classes")));
        }
        Ok(Dataset { samples, targets, classes })
    }

    /// The inputs.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Names of the classes; empty where the targets are values.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The shape of one sample, channels first.
    pub fn shape(&self) -> &[usize] {
        self.samples.shape()
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// How many samples each class has; empty where the targets are values.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        if let Targets::Classes(labels) = &self.targets {
            labels.iter().for_each(|&label| counts[label as usize] += 1);
        }
        counts
    }

    /// The samples `indices` in that order.
    pub(super) fn select(&self, indices: &[u32]) -> Dataset {
        let mut targets = self.targets.empty();
        self.targets.gather(indices, &mut targets);
        Dataset { samples: self.samples.select(indices), targets, classes: self.classes.clone() }
    }
}

fn gather<T: Copy>(all: &[T], len: usize, indices: &[u32]) -> Vec<T> {
    let mut some = Vec::with_capacity(indices.len() * len);
    for &index in indices {
        some.extend_from_slice(&all[index as usize * len..][..len]);
    }
    some
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Samples {
        Samples::new(&[1, 1, 2], Storage::Bytes((0..2 * count as u8).collect())).unwrap()
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }

    #[test]
    fn lengths_are_checked() {
        let message = |result: Result<Dataset, Error>| result.unwrap_err().message().to_owned();
        assert_eq!(
            Samples::new(&[1, 1, 2], Storage::Bytes(vec![0; 3])).unwrap_err().message(),
            "3 elements are not a whole number of samples 1x1x2"
        );
        assert_eq!(
            message(Dataset::new(bytes(3), Targets::Classes(vec![0; 2]), names(1))),
            "there are 3 samples, but 2 targets"
        );
        assert_eq!(
            message(Dataset::new(bytes(2), Targets::Classes(vec![0, 4]), names(3))),
            "a sample has class 4, but there are 3 classes"
        );
        assert_eq!(
            message(Dataset::new(bytes(1), Targets::Values { width: 2, values: vec![0.0; 3] }, Vec::new())),
            "3 target values are not 2 per sample"
        );
    }

    #[test]
    fn a_selection_keeps_samples_and_targets_together() {
        let set = Dataset::new(bytes(4), Targets::Classes(vec![0, 1, 0, 2]), names(3)).unwrap();
        let some = set.select(&[3, 1]);
        assert_eq!(some.samples().storage(), &Storage::Bytes(vec![6, 7, 2, 3]));
        assert_eq!(some.targets(), &Targets::Classes(vec![2, 1]));
        assert_eq!(some.class_counts(), [0, 1, 1]);

        let targets = Targets::Values { width: 2, values: (0..8).map(|value| value as f32).collect() };
        let set = Dataset::new(bytes(4), targets, Vec::new()).unwrap();
        let expected = Targets::Values { width: 2, values: vec![6.0, 7.0, 0.0, 1.0] };
        assert_eq!(set.select(&[3, 0]).targets(), &expected);
    }
}

//! Random numbers that depend on what they are for, never on who draws them.
//!
//! Philox4x32-10 (Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, 2011) is a
//! function from a key and a counter to four words. There is no state to share between
//! threads: element 17 of a stream is the same bits whoever computes it, and in whatever
//! order. A [`Stream`] names what the numbers are for; its elements are addressed by index.

/// Rounds of Philox; ten is the number that its authors recommend.
const ROUNDS: usize = 10;

/// The generator: a key, and a bijection of counters under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// The generator of `key`.
    #[inline]
    pub const fn new(key: u64) -> Philox {
        Philox { key: [key as u32, (key >> 32) as u32] }
    }

    /// Four random words for `counter`.
    #[inline]
    pub const fn block(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut counter = counter;
        let mut key = self.key;
        let mut round = 0;
        while round < ROUNDS {
            counter = mix(counter, key);
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
            round += 1;
        }
        counter
    }
}

/// What random numbers are drawn for. Streams of different purposes share no counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Initial values of parameters; the stream's id is the parameter's index.
    Initialization = 0,
    /// Random operands of a network, such as the masks of dropout; the id is the word's, the round is
    /// the training step.
    Dropout = 1,
    /// The order of samples; the round is the epoch.
    Shuffle = 2,
    /// Changes to training images; the id is 0, the round is the epoch.
    Augmentation = 3,
    /// The cut of a data set into its parts; the id is the class.
    Split = 4,
}

/// An endless sequence of random numbers, addressed by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    generator: Philox,
    round: [u32; 2],
    tag: u32,
}

impl Stream {
    /// The sequence of `seed` for `purpose`.
    ///
    /// `id` tells apart what is drawn side by side (below 2²⁴), `round` what is drawn again:
    /// the step or the epoch.
    #[inline]
    pub const fn new(seed: u64, purpose: Purpose, id: u32, round: u64) -> Stream {
        let tag = (purpose as u32) << 24 | (id & 0x00FF_FFFF);
        Stream { generator: Philox::new(seed), round: [round as u32, (round >> 32) as u32], tag }
    }

    /// The words `4 * index .. 4 * index + 4`.
    #[inline]
    pub const fn block(&self, index: u32) -> [u32; 4] {
        self.generator.block([index, self.round[0], self.round[1], self.tag])
    }

    /// The elements `4 * index .. 4 * index + 4`, uniform in [0, 1).
    #[inline]
    pub const fn uniform_block(&self, index: u32) -> [f32; 4] {
        let [a, b, c, d] = self.block(index);
        [unit(a), unit(b), unit(c), unit(d)]
    }

    /// Element `index`, uniform in [0, 1).
    #[inline]
    pub const fn uniform(&self, index: u64) -> f32 {
        self.uniform_block((index / 4) as u32)[(index % 4) as usize]
    }

    /// The elements `4 * index .. 4 * index + 4`, normal with mean 0 and variance 1.
    ///
    /// Box and Muller's transform, in `f64` so that a mathematics library's last bit seldom shows.
    #[inline]
    pub fn normal_block(&self, index: u32) -> [f32; 4] {
        let [a, b, c, d] = self.block(index);
        let [first, second] = normal_pair(a, b);
        let [third, fourth] = normal_pair(c, d);
        [first, second, third, fourth]
    }

    /// Element `index`, normal with mean 0 and variance 1.
    #[inline]
    pub fn normal(&self, index: u64) -> f32 {
        self.normal_block((index / 4) as u32)[(index % 4) as usize]
    }

    /// An integer in `0..bound` from block `index`; 0 if `bound` is 0.
    ///
    /// Multiply-shift on 64 bits: the bias is below `bound` / 2⁶⁴.
    #[inline]
    pub const fn below(&self, index: u32, bound: u32) -> u32 {
        let [low, high, _, _] = self.block(index);
        let word = (high as u64) << 32 | low as u64;
        ((word as u128 * bound as u128) >> 64) as u32
    }
}

/// The order in which epoch `epoch` visits `len` samples.
pub fn permutation(seed: u64, epoch: u64, len: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..len as u32).collect();
    shuffle(&Stream::new(seed, Purpose::Shuffle, 0, epoch), &mut order);
    order
}

/// Fisher and Yates's shuffle with the numbers of `stream`.
pub fn shuffle<T>(stream: &Stream, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, stream.below(last as u32, last as u32 + 1) as usize);
    }
}

/// One round of Philox4x32.
#[inline]
const fn mix(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let first = counter[0] as u64 * 0xD251_1F53;
    let second = counter[2] as u64 * 0xCD9E_8D57;
    [
        (second >> 32) as u32 ^ counter[1] ^ key[0],
        second as u32,
        (first >> 32) as u32 ^ counter[3] ^ key[1],
        first as u32,
    ]
}

/// The upper 24 bits as a fraction: every value is exact, and none rounds up to 1.
#[inline]
pub(crate) const fn unit(word: u32) -> f32 {
    (word >> 8) as f32 / (1 << 24) as f32
}

/// Two independent normal numbers from two words.
#[inline]
fn normal_pair(first: u32, second: u32) -> [f32; 2] {
    // In (0, 1]: the logarithm must not see zero.
    let uniform = (first as f64 + 1.0) / 4_294_967_296.0;
    let angle = second as f64 * (std::f64::consts::TAU / 4_294_967_296.0);
    let radius = (-2.0 * uniform.ln()).sqrt();
    [(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with Random123 (`kat_vectors`).
    #[test]
    fn published_answers() {
        let check = |key: [u32; 2], counter, expected| {
            let key = (key[1] as u64) << 32 | key[0] as u64;
            assert_eq!(Philox::new(key).block(counter), expected);
        };
        check([0, 0], [0; 4], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check([u32::MAX; 2], [u32::MAX; 4], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        check(
            [0xa409_3822, 0x299f_31d0],
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        );
    }

    #[test]
    fn uniform_fills_the_unit_interval() {
        let stream = Stream::new(7, Purpose::Dropout, 3, 11);
        let values: Vec<f32> = (0..20_000).map(|index| stream.uniform(index)).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!(values.iter().any(|&value| value < 0.001) && values.iter().any(|&value| value > 0.999));
        assert_eq!(unit(u32::MAX), 1.0 - f32::EPSILON / 2.0);
    }

    #[test]
    fn normal_has_the_moments_of_a_normal() {
        let stream = Stream::new(1, Purpose::Initialization, 0, 0);
        let count = 40_000;
        let moment = |power: i32| {
            (0..count).map(|index| (stream.normal(index) as f64).powi(power)).sum::<f64>() / count as f64
        };
        assert!(moment(1).abs() < 0.02);
        assert!((moment(2) - 1.0).abs() < 0.03);
        assert!(moment(3).abs() < 0.08);
        assert!((moment(4) - 3.0).abs() < 0.15);
    }

    #[test]
    fn blocks_and_elements_are_the_same_numbers() {
        let stream = Stream::new(5, Purpose::Augmentation, 9, 1 << 40);
        for block in 0..8 {
            for lane in 0..4 {
                let index = (block * 4 + lane) as u64;
                assert_eq!(stream.uniform(index), stream.uniform_block(block as u32)[lane]);
                assert_eq!(stream.normal(index), stream.normal_block(block as u32)[lane]);
            }
        }
    }

    #[test]
    fn streams_differ_in_every_coordinate() {
        let base = Stream::new(1, Purpose::Dropout, 2, 3).block(0);
        assert_ne!(base, Stream::new(2, Purpose::Dropout, 2, 3).block(0));
        assert_ne!(base, Stream::new(1 << 32 | 1, Purpose::Dropout, 2, 3).block(0));
        assert_ne!(base, Stream::new(1, Purpose::Shuffle, 2, 3).block(0));
        assert_ne!(base, Stream::new(1, Purpose::Dropout, 1, 3).block(0));
        assert_ne!(base, Stream::new(1, Purpose::Dropout, 2, 3 | 1 << 32).block(0));
    }

    #[test]
    fn permutations_hold_every_sample_once_and_change_with_the_epoch() {
        let order = permutation(3, 0, 1000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<u32>>());
        assert_eq!(order, permutation(3, 0, 1000));
        assert_ne!(order, permutation(3, 1, 1000));
        assert_ne!(order, permutation(4, 0, 1000));
        assert!(permutation(3, 0, 0).is_empty());
    }

    /// Each of the six orders of three samples must come up about as often as the others.
    #[test]
    fn shuffling_is_fair() {
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..6000 {
            *counts.entry(permutation(1, epoch, 3)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn below_stays_below() {
        let stream = Stream::new(1, Purpose::Split, 0, 0);
        assert!((0..1000).all(|index| stream.below(index, 9) < 9));
        assert_eq!(stream.below(0, 0), 0);
        assert_eq!(stream.below(0, 1), 0);
    }
}

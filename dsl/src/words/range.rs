//! Ranges of numbers, with words for them.

use std::fmt;

/// A range of numbers; each end may belong to it or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: f64,
    low_included: bool,
    high: f64,
    high_included: bool,
}

impl Range {
    /// Every finite number.
    pub const ANY: Range = Range::new(f64::NEG_INFINITY, false, f64::INFINITY, false);

    /// The finite numbers from `low` on.
    pub const fn at_least(low: f64) -> Range {
        Range::new(low, true, f64::INFINITY, false)
    }

    /// The finite numbers beyond `low`.
    pub const fn above(low: f64) -> Range {
        Range::new(low, false, f64::INFINITY, false)
    }

    /// The numbers from `low` on that are below `high`.
    pub const fn half_open(low: f64, high: f64) -> Range {
        Range::new(low, true, high, false)
    }

    /// The numbers from `low` to `high`, both included.
    pub const fn closed(low: f64, high: f64) -> Range {
        Range::new(low, true, high, true)
    }

    /// The numbers beyond `low` up to `high`.
    pub const fn above_to(low: f64, high: f64) -> Range {
        Range::new(low, false, high, true)
    }

    const fn new(low: f64, low_included: bool, high: f64, high_included: bool) -> Range {
        Range { low, low_included, high, high_included }
    }

    /// Whether the number lies in it. NaN lies in none.
    pub fn contains(self, value: f64) -> bool {
        let above = value > self.low || (self.low_included && value == self.low);
        let below = value < self.high || (self.high_included && value == self.high);
        above && below
    }
}

impl Range {
    /// What a number outside does not keep: `at least 1`.
    pub fn broken_bound(self, value: f64) -> String {
        let low_broken = value < self.low || (!self.low_included && value == self.low);
        match low_broken {
            true => Range { high: f64::INFINITY, ..self }.to_string(),
            false => Range { low: f64::NEG_INFINITY, ..self }.to_string(),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let low = if self.low_included { "at least" } else { "above" };
        let high = if self.high_included { "at most" } else { "below" };
        match (self.low.is_finite(), self.high.is_finite()) {
            (false, false) => write!(f, "finite"),
            (true, false) => write!(f, "{low} {}", self.low),
            (false, true) => write!(f, "{high} {}", self.high),
            (true, true) => write!(f, "{low} {} and {high} {}", self.low, self.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_belong_or_not() {
        assert!(Range::half_open(0.0, 1.0).contains(0.0));
        assert!(!Range::half_open(0.0, 1.0).contains(1.0));
        assert!(!Range::above(0.0).contains(0.0));
        assert!(!Range::ANY.contains(f64::NAN));
        assert!(!Range::at_least(0.0).contains(f64::INFINITY));
        assert_eq!(Range::half_open(0.0, 1.0).to_string(), "at least 0 and below 1");
    }
}

//! Numbers joined by `x`: a window, a setting per axis, a shape.

use std::fmt;

/// The most dimensions of a shape: channels and three spatial axes.
pub const MAX_RANK: usize = 4;

/// One to [`MAX_RANK`] whole numbers, as in `3x1`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    len: usize,
    values: [usize; MAX_RANK],
}

impl Numbers {
    /// These numbers; none if there are none, or too many.
    pub fn new(numbers: &[usize]) -> Option<Numbers> {
        let mut values = [0; MAX_RANK];
        values.get_mut(..numbers.len()).filter(|room| !room.is_empty())?.copy_from_slice(numbers);
        Some(Numbers { len: numbers.len(), values })
    }

    /// A lone number, which stands for all axes.
    pub fn one(number: usize) -> Numbers {
        let mut values = [0; MAX_RANK];
        values[0] = number;
        Numbers { len: 1, values }
    }

    /// The numbers in order.
    pub fn as_slice(&self) -> &[usize] {
        &self.values[..self.len]
    }

    /// A number per axis: a lone one stands for all of them. None if they are as many as no map with
    /// so many axes has.
    pub fn per_axis(&self, axes: usize) -> Option<Vec<usize>> {
        match self.as_slice() {
            [one] => Some(vec![*one; axes]),
            several if several.len() == axes => Some(several.to_vec()),
            _ => None,
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&joined(self.as_slice()))
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `3x1`
pub fn joined(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_stands_for_all_axes() {
        assert_eq!(Numbers::one(3).per_axis(3), Some(vec![3, 3, 3]));
        let pair = Numbers::new(&[3, 1]).unwrap();
        assert_eq!((pair.per_axis(2), pair.per_axis(3)), (Some(vec![3, 1]), None));
        assert_eq!(pair.to_string(), "3x1");
        assert_eq!((Numbers::new(&[]), Numbers::new(&[1; 5])), (None, None));
    }
}

//! How the present shape came about, for the notes of shape errors.

use crate::model::Shape;

/// The most changes of shape that a note shows.
const SHOWN: usize = 4;

/// The shapes passed so far, each with the word that gave it.
#[derive(Default)]
pub(super) struct Trail {
    /// A stop without a word is a start.
    stops: Vec<(String, Shape)>,
}

impl Trail {
    /// Starts anew, at a network's input or wherever a shape is known again.
    pub(super) fn start(&mut self, shape: Shape) {
        self.stops.push((String::new(), shape));
    }

    /// Goes on from a way that [`Trail::recent`] gave.
    pub(super) fn resume(&mut self, way: &[(String, Shape)]) {
        self.stops.extend(way.iter().cloned());
    }

    /// The last part of the way, as far as a message would show it.
    pub(super) fn recent(&self) -> Vec<(String, Shape)> {
        let Some(start) = self.start_of_shown() else { return Vec::new() };
        let mut way = self.stops[start..].to_vec();
        way[0].0.clear();
        way
    }

    fn start_of_shown(&self) -> Option<usize> {
        let start = self.stops.iter().rposition(|(word, _)| word.is_empty())?;
        Some(start.max(self.stops.len().saturating_sub(SHOWN + 1)))
    }

    /// Remembers a word if it changed the shape.
    pub(super) fn pass(&mut self, word: &str, shape: &Shape) {
        if self.stops.last().is_none_or(|(_, last)| last != shape) {
            self.stops.push((word.to_owned(), shape.clone()));
        }
    }

    /// The length now, to return to.
    pub(super) fn len(&self) -> usize {
        self.stops.len()
    }

    /// Forgets all but the first `len` stops.
    pub(super) fn truncate(&mut self, len: usize) {
        self.stops.truncate(len);
    }

    /// `3x32x32 → conv3 16 → 16x32x32`: the last few stops; none if nothing has changed the shape.
    pub(super) fn describe(&self) -> Option<String> {
        let start = self.stops.iter().rposition(|(word, _)| word.is_empty())?;
        let first = self.start_of_shown()?;
        let [(_, shape), rest @ ..] = &self.stops[first..] else { return None };
        let ellipsis = if first > start { "… → " } else { "" };
        let changes = rest.iter().map(|(word, shape)| format!(" → {word} → {shape}"));
        (!rest.is_empty()).then(|| format!("{ellipsis}{shape}{}", changes.collect::<String>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_last_changes() {
        let mut trail = Trail::default();
        trail.start(Shape::vector(10));
        assert_eq!(trail.describe(), None);
        trail.pass("relu", &Shape::vector(10));
        trail.pass("linear 20", &Shape::vector(20));
        assert_eq!(trail.describe().unwrap(), "10 → linear 20 → 20");
        for size in 1..=4 {
            trail.pass("linear", &Shape::vector(size));
        }
        assert_eq!(trail.describe().unwrap(), "… → 20 → linear → 1 → linear → 2 → linear → 3 → linear → 4");
    }

    #[test]
    fn a_start_inside_a_branch_is_forgotten_with_it() {
        let mut trail = Trail::default();
        trail.start(Shape::vector(10));
        trail.pass("linear 20", &Shape::vector(20));
        let stops = trail.len();
        trail.start(Shape::vector(3));
        assert_eq!(trail.describe(), None);
        trail.truncate(stops);
        assert_eq!(trail.describe().unwrap(), "10 → linear 20 → 20");
    }
}

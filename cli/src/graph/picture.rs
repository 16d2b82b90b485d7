//! Marks with places: what a layout gives and a printer draws.

use super::diagram::Word;

/// A place, to the right and down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// To the right.
    pub(super) x: f64,
    /// Down.
    pub(super) y: f64,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    /// Its left edge.
    pub(super) x: f64,
    /// Its upper edge.
    pub(super) y: f64,
    /// Its width.
    pub(super) width: f64,
    /// Its height.
    pub(super) height: f64,
}

/// A part of a line, from where the one before has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Segment {
    /// Straight.
    Line(Point),
    /// With two control points.
    Curve(Point, Point, Point),
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Where it begins.
    pub(super) start: Point,
    /// How it goes on.
    pub(super) segments: Vec<Segment>,
    /// Whether it ends in an arrow.
    pub(super) arrow: bool,
    /// Whether it leaves the order of the chain.
    pub(super) is_skip: bool,
}

/// What a rounded label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An input or an output.
    Port,
    /// Branches come together.
    Join,
    /// The chain goes on from elsewhere.
    From,
}

/// Something that is drawn.
pub(super) enum Mark<'d> {
    /// A box.
    Word(Rect, &'d Word),
    /// A frame and how many others it stands in.
    Frame(Rect, usize),
    /// The words of such a frame, from this place on.
    Label(Point, &'d str, usize),
    /// A rounded label.
    Pill(Rect, String, Role),
    /// A place where a chain parts.
    Dot(Point),
    /// A connection.
    Line(Line),
}

/// A drawing with its size.
pub(super) struct Picture<'d> {
    /// To the right.
    pub(super) width: f64,
    /// Down.
    pub(super) height: f64,
    /// What is drawn, the later ones over the earlier.
    pub(super) marks: Vec<Mark<'d>>,
}

impl Point {
    /// The same moved away.
    pub(super) fn moved(self, by: Point) -> Point {
        Point { x: self.x + by.x, y: self.y + by.y }
    }
}

impl Rect {
    /// Around the line x = 0.
    pub(super) fn centered(y: f64, width: f64, height: f64) -> Rect {
        Rect { x: -width / 2.0, y, width, height }
    }

    /// Its right edge.
    pub(super) fn right(self) -> f64 {
        self.x + self.width
    }

    /// Its lower edge.
    pub(super) fn bottom(self) -> f64 {
        self.y + self.height
    }

    /// The middle of its right edge.
    pub(super) fn side(self) -> Point {
        Point { x: self.right(), y: self.y + self.height / 2.0 }
    }

    fn moved(self, by: Point) -> Rect {
        Rect { x: self.x + by.x, y: self.y + by.y, ..self }
    }
}

impl Line {
    /// Straight down.
    pub(super) fn down(from: f64, to: f64, arrow: bool) -> Line {
        let at = |y| Point { x: 0.0, y };
        Line { start: at(from), segments: vec![Segment::Line(at(to))], arrow, is_skip: false }
    }

    fn moved(self, by: Point) -> Line {
        let segments = self.segments.into_iter().map(|segment| match segment {
            Segment::Line(end) => Segment::Line(end.moved(by)),
            Segment::Curve(a, b, end) => Segment::Curve(a.moved(by), b.moved(by), end.moved(by)),
        });
        Line { start: self.start.moved(by), segments: segments.collect(), ..self }
    }
}

impl Mark<'_> {
    /// The same in another place.
    pub(super) fn moved(self, by: Point) -> Self {
        match self {
            Mark::Word(rect, word) => Mark::Word(rect.moved(by), word),
            Mark::Frame(rect, level) => Mark::Frame(rect.moved(by), level),
            Mark::Label(point, label, level) => Mark::Label(point.moved(by), label, level),
            Mark::Pill(rect, label, role) => Mark::Pill(rect.moved(by), label, role),
            Mark::Dot(point) => Mark::Dot(point.moved(by)),
            Mark::Line(line) => Mark::Line(line.moved(by)),
        }
    }

    /// What it covers; lines cover nothing.
    pub(super) fn rect(&self) -> Option<Rect> {
        match self {
            Mark::Word(rect, _) | Mark::Frame(rect, _) | Mark::Pill(rect, _, _) => Some(*rect),
            Mark::Label(..) | Mark::Dot(_) | Mark::Line(_) => None,
        }
    }
}

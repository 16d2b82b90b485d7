//! The ways of values that are read by name: out to the right, down, and back.
//!
//! Each runs to the right of all that it passes. Short ones are placed first, so that they lie within
//! the long ones and nested skips do not cross.

use nnc_dsl::model::Tap;

use super::picture::{Line, Mark, Point, Segment};

/// From what is passed to the way.
const CLEARANCE: f64 = 16.0;
/// Between two ways.
const BETWEEN: f64 = 10.0;
/// Of a way's corners.
const RADIUS: f64 = 8.0;

/// The lines from sources to sinks, each with how far it reaches to the right.
pub(super) fn route(marks: &[Mark], sources: &[(Tap, Point)], sinks: &[(Tap, Point)]) -> Vec<(f64, Line)> {
    let source = |tap: &Tap| sources.iter().find(|(known, _)| known == tap).map(|(_, point)| *point);
    let ends = sinks.iter().filter_map(|(tap, end)| Some((source(tap)?, *end)));
    let mut ways: Vec<(Point, Point)> = ends.collect();
    ways.sort_by(|a, b| (a.1.y - a.0.y).total_cmp(&(b.1.y - b.0.y)));
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    let mut lines = Vec::new();
    for (start, end) in ways {
        let x = free(marks, &taken, start.y, end.y);
        taken.push((x, start.y, end.y));
        lines.push((x, way(start, end, x)));
    }
    lines
}

/// The first place that is free from one height to the other.
fn free(marks: &[Mark], taken: &[(f64, f64, f64)], from: f64, to: f64) -> f64 {
    let rects = marks.iter().filter_map(Mark::rect);
    let passed = rects.filter(|rect| rect.y <= to && rect.bottom() >= from);
    let mut x = passed.map(|rect| rect.right()).fold(0.0, f64::max) + CLEARANCE;
    let mut beside: Vec<f64> =
        taken.iter().filter(|(_, start, end)| *start <= to && *end >= from).map(|(x, _, _)| *x).collect();
    beside.sort_by(f64::total_cmp);
    for other in beside {
        if (other - x).abs() < BETWEEN {
            x = other + BETWEEN;
        }
    }
    x
}

fn way(start: Point, end: Point, x: f64) -> Line {
    let at = |x, y| Point { x, y };
    let corner = |corner: Point, to: Point| Segment::Curve(corner, corner, to);
    let segments = vec![
        Segment::Line(at(x - RADIUS, start.y)),
        corner(at(x, start.y), at(x, start.y + RADIUS)),
        Segment::Line(at(x, end.y - RADIUS)),
        corner(at(x, end.y), at(x - RADIUS, end.y)),
        Segment::Line(end),
    ];
    Line { start, segments, arrow: true, is_skip: true }
}

//! Places for a diagram.
//!
//! Networks are chains with branches that come together again, so no general graph layout is needed:
//! a chain runs down a line, the branches of a join stand side by side, a frame goes around its chain. A piece
//! is laid out with its line at x = 0 and then moved. What leaves this order, the values read by name, is
//! drawn afterwards by [`super::lanes`], to the right of all that it passes.

use nnc_dsl::model::Tap;

use super::diagram::{Diagram, Item, Port, What, Word, read_only};
use super::lanes;
use super::picture::{Line, Mark, Picture, Point, Rect, Role, Segment};

/// Between neighbours in a chain.
const GAP: f64 = 12.0;
/// Height of boxes and labels.
const HEIGHT: f64 = 22.0;
/// Between a frame and what stands in it.
const PADDING: f64 = 10.0;
/// Height of a frame's words.
const HEADER: f64 = 18.0;
/// Between branches.
const BETWEEN: f64 = 18.0;
/// Height of the curves into branches and out of them.
const CURVE: f64 = 24.0;
/// Around the whole.
const MARGIN: f64 = 20.0;
/// Height of the title with what stands below it.
const TITLE: f64 = 50.0;
/// Height of the legend.
const LEGEND: f64 = 30.0;

/// Width of a letter of labels, in a font of equal widths.
pub(super) const LETTER: f64 = 7.25;
/// Width of a letter of shapes.
pub(super) const SMALL_LETTER: f64 = 6.65;

/// A part of the drawing, with its line at x = 0 and its upper edge at y = 0.
#[derive(Default)]
struct Piece<'d> {
    /// How far it reaches to the left.
    left: f64,
    /// How far it reaches to the right.
    right: f64,
    height: f64,
    /// Where the line comes in: nowhere, or at this height, with or without an arrow.
    entry: Option<(f64, bool)>,
    /// Where the line goes out.
    exit: f64,
    marks: Vec<Mark<'d>>,
    /// Where values with a name come from.
    sources: Vec<(Tap, Point)>,
    /// Where they are read.
    sinks: Vec<(Tap, Point)>,
}

/// The drawing of a diagram.
pub(super) fn lay_out(diagram: &Diagram) -> Picture<'_> {
    let mut whole = chain(&diagram.body, 0);
    let entry = whole.entry;
    let top = ports(&diagram.inputs, 0);
    let spine = diagram.end();
    let bottom = ports(&diagram.outputs, spine.unwrap_or(0));
    let mut page = Piece::default();
    let sources = top.iter().filter_map(|(tap, rect, _)| Some(((*tap)?, rect.side())));
    page.sources.extend(sources.collect::<Vec<_>>());
    page.add_ports(top, 0.0);
    let start = HEIGHT + GAP;
    whole.shift(Point { x: 0.0, y: start });
    if let Some((y, arrow)) = entry {
        page.line(Line::down(HEIGHT, start + y, arrow));
    }
    let (exit, end) = (start + whole.exit, whole.height + GAP);
    page.absorb(whole);
    if spine.is_some() {
        page.line(Line::down(exit, end, true));
    }
    for (index, (tap, rect, _)) in bottom.iter().enumerate() {
        if let Some(tap) = tap.filter(|_| spine != Some(index)) {
            page.sinks.push((tap, Rect { y: end, ..*rect }.side()));
        }
    }
    page.add_ports(bottom, end);
    page.height = end + HEIGHT;
    finish(page, diagram)
}

/// The whole in the positive quadrant, with the skips drawn and room for title and legend.
fn finish<'d>(mut page: Piece<'d>, diagram: &Diagram) -> Picture<'d> {
    let skips = lanes::route(&page.marks, &page.sources, &page.sinks);
    page.right = skips.iter().map(|(right, _)| *right).fold(page.right, f64::max);
    let title = text_width(&diagram.title, 10.0).max(text_width(&diagram.subtitle, SMALL_LETTER));
    let width = (page.left + page.right).max(title);
    let by = Point { x: MARGIN + page.left, y: MARGIN + TITLE };
    let lines = skips.into_iter().map(|(_, line)| Mark::Line(line));
    let mut marks: Vec<Mark> = page.marks.into_iter().chain(lines).map(|mark| mark.moved(by)).collect();
    // Frames lie below all else, the outer ones lowest; boxes lie over lines.
    marks.sort_by_key(|mark| match mark {
        Mark::Frame(_, level) => *level,
        Mark::Line(_) | Mark::Dot(_) => usize::MAX - 1,
        Mark::Label(..) | Mark::Word(..) | Mark::Pill(..) => usize::MAX,
    });
    Picture { width: width + 2.0 * MARGIN, height: page.height + TITLE + LEGEND + 2.0 * MARGIN, marks }
}

/// Labels side by side, the one with this index on the line.
fn ports(ports: &[Port], on_line: usize) -> Vec<(Option<Tap>, Rect, String)> {
    let mut placed = Vec::new();
    let mut right: Option<f64> = None;
    let rest = (0..ports.len()).filter(|index| *index != on_line);
    for index in [on_line].into_iter().chain(rest) {
        let Some(port) = ports.get(index) else { continue };
        let rect = Rect::centered(0.0, pill_width(&port.label), HEIGHT);
        let rect = right.map_or(rect, |right| Rect { x: right + BETWEEN, ..rect });
        right = Some(rect.right());
        placed.push((index, (port.tap, rect, port.label.clone())));
    }
    placed.sort_by_key(|(index, _)| *index);
    placed.into_iter().map(|(_, port)| port).collect()
}

/// Items one below the other.
fn chain(items: &[Item], level: usize) -> Piece<'_> {
    let mut all = Piece::default();
    for (index, item) in items.iter().enumerate() {
        let mut piece = place(item, level);
        let top = if index == 0 { 0.0 } else { all.height + GAP };
        let entry = piece.entry.map(|(y, arrow)| (y + top, arrow));
        piece.shift(Point { x: 0.0, y: top });
        match (index, entry) {
            (0, entry) => all.entry = entry,
            (_, Some((y, arrow))) => all.line(Line::down(all.exit, y, arrow)),
            (_, None) => {}
        }
        all.exit = top + piece.exit;
        all.absorb(piece);
    }
    if items.is_empty() {
        all.entry = Some((0.0, false));
    }
    all
}

fn place(item: &Item, level: usize) -> Piece<'_> {
    let mut piece = match &item.what {
        What::Word(word) => boxed(word),
        What::Frame { label, body } => framed(label, body, level),
        What::Join { symbol, shape, is_residual, branches } => {
            joined(symbol, shape.as_deref(), *is_residual, branches, level)
        }
        What::From { tap, label } => {
            let mut piece = pill(label.clone(), Role::From, 0.0);
            piece.sinks.push((*tap, piece.side()));
            Piece { entry: None, ..piece }
        }
        What::Point => Piece {
            entry: Some((0.0, false)),
            marks: vec![Mark::Dot(Point { x: 0.0, y: 0.0 })],
            ..Piece::default()
        },
    };
    let side = piece.side();
    piece.sources.extend(item.taps.iter().map(|tap| (*tap, side)));
    piece.sinks.extend(item.reads.iter().map(|tap| (*tap, side)));
    piece
}

fn boxed(word: &Word) -> Piece<'_> {
    let shape = word.shape.as_ref().map_or(0.0, |shape| text_width(shape, SMALL_LETTER) + 12.0);
    let rect = Rect::centered(0.0, text_width(&word.label, LETTER) + shape + 18.0, HEIGHT);
    Piece::of(rect, Mark::Word(rect, word))
}

fn pill<'d>(label: String, role: Role, y: f64) -> Piece<'d> {
    let rect = Rect::centered(y, pill_width(&label), HEIGHT);
    Piece::of(rect, Mark::Pill(rect, label, role))
}

fn framed<'d>(label: &'d str, body: &'d [Item], level: usize) -> Piece<'d> {
    let mut inner = chain(body, level + 1);
    let top = HEADER + PADDING;
    let entry = inner.entry.map(|(y, arrow)| (y + top, arrow));
    let exit = inner.exit + top;
    inner.shift(Point { x: 0.0, y: top });
    let left = inner.left + PADDING;
    let right = (inner.right + PADDING).max(text_width(label, SMALL_LETTER) + 16.0 - left);
    let rect = Rect { x: -left, y: 0.0, width: left + right, height: inner.height + PADDING };
    let mut piece = Piece { left, right, height: rect.height, entry, exit, ..Piece::default() };
    piece.marks.push(Mark::Frame(rect, level));
    piece.marks.push(Mark::Label(Point { x: 8.0 - left, y: 15.0 }, label, level));
    piece.absorb(inner);
    Piece { height: rect.height, ..piece }
}

/// Branches side by side between a dot and a label. A branch that only reads a value by name has no column:
/// the value comes straight to the label.
fn joined<'d>(
    symbol: &str,
    shape: Option<&str>,
    is_residual: bool,
    branches: &'d [Vec<Item>],
    level: usize,
) -> Piece<'d> {
    let columns = branches.iter().filter(|branch| read_only(branch).is_none());
    let columns: Vec<Piece> = columns.map(|branch| chain(branch, level)).collect();
    let label = shape.map_or_else(|| symbol.to_owned(), |shape| format!("{symbol}  {shape}"));
    let reads = branches.iter().filter_map(|branch| read_only(branch));
    let mut piece = match &columns[..] {
        [] => Piece::default(),
        // Nothing happens beside the line.
        [only] if only.height == 0.0 => Piece { entry: Some((0.0, true)), ..Piece::default() },
        _ => parted(columns, is_residual),
    };
    let y = piece.height;
    let end = pill(label, Role::Join, y);
    let side = Point { x: end.right, y: y + HEIGHT / 2.0 };
    piece.sinks.extend(reads.map(|tap| (tap, side)));
    piece.absorb(end);
    Piece { height: y + HEIGHT, exit: y + HEIGHT, ..piece }
}

/// Columns with the curves into them and out of them.
fn parted(columns: Vec<Piece<'_>>, is_residual: bool) -> Piece<'_> {
    let centers = centers(&columns, is_residual);
    let height = columns.iter().map(|column| column.height).fold(0.0, f64::max);
    let end = 2.0 * CURVE + height;
    let mut all = Piece { entry: Some((0.0, false)), height: end, ..Piece::default() };
    all.marks.push(Mark::Dot(Point { x: 0.0, y: 0.0 }));
    for (mut column, x) in columns.into_iter().zip(centers) {
        let exit = CURVE + column.exit;
        match column.entry {
            Some((y, arrow)) if column.height > 0.0 => all.line(curve_in(x, CURVE + y, arrow)),
            Some(_) => all.line(curve_in(x, CURVE, false)),
            None => {}
        }
        all.line(curve_out(x, exit, end));
        column.shift(Point { x, y: CURVE });
        all.absorb(column);
    }
    Piece { height: end, ..all }
}

/// Where the line of each column stands. A single one that does something keeps the line straight, as the body
/// of a residual does; others share the middle.
fn centers(columns: &[Piece], is_residual: bool) -> Vec<f64> {
    let mut x = 0.0;
    let mut centers = Vec::new();
    for column in columns {
        let (left, right) = (column.left.max(4.0), column.right.max(4.0));
        centers.push(x + left);
        x += left + right + BETWEEN;
    }
    let filled: Vec<usize> = (0..columns.len()).filter(|index| columns[*index].height > 0.0).collect();
    let middle = match (&filled[..], is_residual) {
        ([only], _) => centers[*only],
        ([first, ..], true) => centers[*first],
        _ => (x - BETWEEN) / 2.0,
    };
    centers.into_iter().map(|center| center - middle).collect()
}

/// From the dot at the line to a column at `x`.
fn curve_in(x: f64, to: f64, arrow: bool) -> Line {
    let middle = CURVE / 2.0;
    let bend = CURVE - 6.0;
    let curve =
        Segment::Curve(Point { x: 0.0, y: middle }, Point { x, y: bend - middle }, Point { x, y: bend });
    let start = Point { x: 0.0, y: 0.0 };
    Line { start, segments: vec![curve, Segment::Line(Point { x, y: to })], arrow, is_skip: false }
}

/// From a column at `x` back to the line.
fn curve_out(x: f64, from: f64, to: f64) -> Line {
    let (begin, middle) = (to - CURVE, to - CURVE / 2.0);
    let curve = Segment::Curve(Point { x, y: middle }, Point { x: 0.0, y: middle }, Point { x: 0.0, y: to });
    let segments = vec![Segment::Line(Point { x, y: begin }), curve];
    Line { start: Point { x, y: from }, segments, arrow: true, is_skip: false }
}

fn text_width(text: &str, letter: f64) -> f64 {
    text.chars().count() as f64 * letter
}

fn pill_width(label: &str) -> f64 {
    (text_width(label, LETTER) + 18.0).max(HEIGHT + 4.0)
}

impl<'d> Piece<'d> {
    /// Of one mark that is entered from above and left below.
    fn of(rect: Rect, mark: Mark<'d>) -> Piece<'d> {
        Piece {
            left: -rect.x,
            right: rect.right(),
            height: rect.height,
            entry: Some((rect.y, true)),
            exit: rect.bottom(),
            marks: vec![mark],
            ..Piece::default()
        }
    }

    /// Where values leave it and come to it from the side.
    fn side(&self) -> Point {
        Point { x: self.right, y: self.height - (HEIGHT / 2.0).min(self.height) }
    }

    fn line(&mut self, line: Line) {
        self.marks.push(Mark::Line(line));
    }

    fn add_ports(&mut self, ports: Vec<(Option<Tap>, Rect, String)>, y: f64) {
        for (_, rect, label) in ports {
            self.left = self.left.max(-rect.x);
            self.right = self.right.max(rect.right());
            self.marks.push(Mark::Pill(Rect { y, ..rect }, label, Role::Port));
        }
    }

    /// Moves everything; `entry` and `exit` stay those of the place before.
    fn shift(&mut self, by: Point) {
        self.marks = std::mem::take(&mut self.marks).into_iter().map(|mark| mark.moved(by)).collect();
        for (_, point) in self.sources.iter_mut().chain(&mut self.sinks) {
            *point = point.moved(by);
        }
        self.left -= by.x;
        self.right += by.x;
        self.height += by.y;
    }

    /// Takes over what another piece holds, and its room.
    fn absorb(&mut self, other: Piece<'d>) {
        self.left = self.left.max(other.left);
        self.right = self.right.max(other.right);
        self.height = self.height.max(other.height);
        self.marks.extend(other.marks);
        self.sources.extend(other.sources);
        self.sinks.extend(other.sinks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::{Entry, Options, check};

    fn diagram(words: &str) -> Diagram {
        let text = format!(
            "allow(all) block cell(c) {{ residual {{ conv3 (c) bn relu }} shortcut {{ conv1 (c) }} relu }}
             network Net<3x16x16 -> 8x16x16> {{ {words} }}"
        );
        let outcome = check(&text, Entry::File, &Options::default());
        let [model] = &outcome.models[..] else { panic!("{:?}", outcome.diagnostics) };
        Diagram::new(model, Some(9))
    }

    fn rects(picture: &Picture, frames: bool) -> Vec<Rect> {
        let wanted = |mark: &&Mark| matches!(mark, Mark::Frame(..)) == frames;
        picture.marks.iter().filter(wanted).filter_map(Mark::rect).collect()
    }

    fn overlap(a: Rect, b: Rect) -> bool {
        a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
    }

    fn holds(a: Rect, b: Rect) -> bool {
        a.x <= b.x && b.right() <= a.right() && a.y <= b.y && b.bottom() <= a.bottom()
    }

    fn skips(picture: &Picture) -> Vec<Line> {
        let skip = |mark: &Mark| match mark {
            Mark::Line(line) if line.is_skip => Some(line.clone()),
            _ => None,
        };
        picture.marks.iter().filter_map(skip).collect()
    }

    /// Boxes stand beside each other and within the picture, and frames hold whole ones.
    #[track_caller]
    fn is_tidy(picture: &Picture) {
        let (boxes, frames) = (rects(picture, false), rects(picture, true));
        let page = Rect { x: 0.0, y: 0.0, width: picture.width, height: picture.height };
        for (index, rect) in boxes.iter().enumerate() {
            assert!(holds(page, *rect), "{rect:?}");
            assert!(!boxes[index + 1..].iter().any(|other| overlap(*rect, *other)), "{rect:?}");
            assert!(frames.iter().all(|frame| holds(*frame, *rect) || !overlap(*frame, *rect)), "{rect:?}");
        }
        for (a, b) in frames.iter().flat_map(|a| frames.iter().map(move |b| (*a, *b))) {
            assert!(holds(a, b) || holds(b, a) || !overlap(a, b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn nothing_overlaps() {
        for words in [
            "conv3 8 bn relu",
            "cell 4 cell 8 repeat 3 { cell 8 }",
            "concat { conv3 2 | cell 3 | conv5 3 bn relu | identity } conv1 8",
            "mul { identity | gap linear 3 sigmoid } conv1 8",
            "add { conv1 8 | add { conv3 8 | concat { cell 4 | cell 4 } } } relu",
            "conv3 8 as a conv3 8 as b conv3 8 add b conv3 8 add a",
            "conv3 8 as a residual { conv3 8 add a } from a conv3 8",
            "identity as a conv3 8 as b from a conv3 8 mul b",
        ] {
            is_tidy(&lay_out(&diagram(words)));
        }
    }

    #[test]
    fn the_gallery_is_tidy() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/gallery");
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let outcome = check(&text, Entry::File, &Options::default());
            for (model, depth) in outcome.models.iter().flat_map(|model| [(model, None), (model, Some(9))]) {
                is_tidy(&lay_out(&Diagram::new(model, depth)));
            }
        }
    }

    #[test]
    fn chains_are_straight() {
        let diagram = diagram("conv3 8 bn residual { conv3 8 bn } relu");
        let picture = lay_out(&diagram);
        let centers: Vec<f64> = rects(&picture, false).iter().map(|rect| rect.x + rect.width / 2.0).collect();
        assert!(centers.iter().all(|x| (x - centers[0]).abs() < 1e-9), "{centers:?}");
    }

    #[test]
    fn skips_pass_to_the_right_and_nest() {
        let diagram =
            diagram("conv3 8 as a conv3 8 as b concat { cell 8 | cell 8 } conv1 8 add b conv3 8 add a");
        let picture = lay_out(&diagram);
        let skips = skips(&picture);
        let reach = |line: &Line| match line.segments[1] {
            Segment::Curve(_, _, end) => end.x,
            Segment::Line(end) => end.x,
        };
        let [inner, outer] = &skips[..] else { panic!("{skips:?}") };
        assert!(reach(inner) < reach(outer) && inner.start.y > outer.start.y);
        let passed = rects(&picture, false).into_iter().filter(|rect| rect.y > inner.start.y);
        assert!(passed.map(Rect::right).fold(0.0, f64::max) < reach(inner));
    }
}

//! A picture as SVG: one file that needs nothing beside it, on its own light ground.

use std::fmt::Write;

use super::diagram::{Diagram, Item, What, Word};
use super::kind::Kind;
use super::layout::{SMALL_LETTER, lay_out};
use super::picture::{Line, Mark, Point, Rect, Role, Segment};

/// The drawing of a diagram.
pub(super) fn svg(diagram: &Diagram) -> String {
    let picture = lay_out(diagram);
    let mut kinds = Vec::new();
    note_kinds(&diagram.body, &mut kinds);
    let legend = legend(&kinds, picture.height - 22.0);
    let width = picture.width.max(legend.width);
    let mut text = head(diagram, width, picture.height);
    let middle = number((width - picture.width) / 2.0);
    text.push_str(&format!("<g transform=\"translate({middle},0)\">\n"));
    picture.marks.iter().for_each(|mark| text.push_str(&drawn(mark)));
    text.push_str("</g>\n");
    text.push_str(&legend.text);
    text.push_str("</svg>\n");
    text
}

const STYLE: &str = "\
  text { font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #0f172a; }
  .label { font-size: 12px; }
  .small { font-size: 11px; fill: #475569; }
  .title { font-size: 16px; font-weight: bold; }
  .line { fill: none; stroke: #475569; stroke-width: 1.2; }
  .skip { fill: none; stroke: #0d9488; stroke-width: 1.5; }
";

fn head(diagram: &Diagram, width: f64, height: f64) -> String {
    let (width, height) = (number(width.ceil()), number(height.ceil()));
    let title = escaped(&diagram.title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n\
         <title>{title}</title>\n\
         <style>\n{STYLE}</style>\n\
         <defs>\n{}{}</defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text class=\"title\" x=\"20\" y=\"34\">{title}</text>\n\
         <text class=\"small\" x=\"20\" y=\"52\">{}</text>\n",
        arrow("arrow", "#475569"),
        arrow("skip-arrow", "#0d9488"),
        escaped(&diagram.subtitle),
    )
}

fn arrow(id: &str, color: &str) -> String {
    format!(
        "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" \
         markerHeight=\"6\" orient=\"auto\" markerUnits=\"userSpaceOnUse\">\
         <path d=\"M0,0 L8,4 L0,8 z\" fill=\"{color}\"/></marker>\n"
    )
}

fn drawn(mark: &Mark) -> String {
    match mark {
        Mark::Word(rect, word) => boxed(*rect, word),
        Mark::Frame(rect, level) => rectangle(*rect, 6.0, ground(*level), "#cbd5e1", 1.0) + "\n",
        Mark::Label(place, label, level) => labelled(*place, label, *level),
        Mark::Pill(rect, label, role) => pill(*rect, label, *role),
        Mark::Dot(Point { x, y }) => {
            format!("<circle cx=\"{}\" cy=\"{}\" r=\"2.5\" fill=\"#475569\"/>\n", number(*x), number(*y))
        }
        Mark::Line(line) => path(line),
    }
}

fn boxed(rect: Rect, word: &Word) -> String {
    let [fill, stroke] = word.kind.colors();
    let weight = if word.kind == Kind::Block { 1.6 } else { 1.0 };
    let baseline = number(rect.y + 15.0);
    let shape = word.shape.as_ref().map_or_else(String::new, |shape| {
        let x = number(rect.right() - 9.0);
        format!(
            "<text class=\"small\" x=\"{x}\" y=\"{baseline}\" text-anchor=\"end\">{}</text>",
            escaped(shape)
        )
    });
    format!(
        "<g><title>{}</title>{}<text class=\"label\" x=\"{}\" y=\"{baseline}\">{}</text>{shape}</g>\n",
        escaped(&word.hint),
        rectangle(rect, 3.0, fill, stroke, weight),
        number(rect.x + 9.0),
        escaped(&word.label),
    )
}

/// Frames within each other alternate.
fn ground(level: usize) -> &'static str {
    if level.is_multiple_of(2) { "#f8fafc" } else { "#ffffff" }
}

/// The words of a frame on its ground, which hides the line that comes in behind them.
fn labelled(place: Point, label: &str, level: usize) -> String {
    let width = label.chars().count() as f64 * SMALL_LETTER + 4.0;
    let behind = Rect { x: place.x - 2.0, y: place.y - 11.0, width, height: 14.0 };
    format!(
        "<g>{}<text class=\"small\" x=\"{}\" y=\"{}\">{}</text></g>\n",
        rectangle(behind, 2.0, ground(level), "none", 1.0),
        number(place.x),
        number(place.y),
        escaped(label),
    )
}

fn pill(rect: Rect, label: &str, role: Role) -> String {
    let [fill, stroke] = match role {
        Role::Port => ["#0f172a", "#0f172a"],
        Role::Join => ["#ffedd5", "#ea7c1b"],
        Role::From => ["#ccfbf1", "#0d9488"],
    };
    let ink = if role == Role::Port { " style=\"fill: #ffffff\"" } else { "" };
    format!(
        "<g>{}<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\"{ink}>{}</text></g>\n",
        rectangle(rect, rect.height / 2.0, fill, stroke, 1.0),
        number(rect.x + rect.width / 2.0),
        number(rect.y + 15.0),
        escaped(label),
    )
}

fn rectangle(rect: Rect, radius: f64, fill: &str, stroke: &str, weight: f64) -> String {
    format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{radius}\" fill=\"{fill}\" \
         stroke=\"{stroke}\" stroke-width=\"{weight}\"/>",
        number(rect.x),
        number(rect.y),
        number(rect.width),
        number(rect.height),
    )
}

fn path(line: &Line) -> String {
    let point = |Point { x, y }: Point| format!("{},{}", number(x), number(y));
    let mut d = format!("M{}", point(line.start));
    for segment in &line.segments {
        // Writing into a string does not fail.
        let _ = match *segment {
            Segment::Line(end) => write!(d, " L{}", point(end)),
            Segment::Curve(a, b, end) => write!(d, " C{} {} {}", point(a), point(b), point(end)),
        };
    }
    let [class, marker] = if line.is_skip { ["skip", "skip-arrow"] } else { ["line", "arrow"] };
    let end = if line.arrow { format!(" marker-end=\"url(#{marker})\"") } else { String::new() };
    format!("<path class=\"{class}\" d=\"{d}\"{end}/>\n")
}

struct Legend {
    text: String,
    width: f64,
}

/// The kinds of boxes that there are.
fn legend(kinds: &[Kind], y: f64) -> Legend {
    let mut legend = Legend { text: String::new(), width: 20.0 };
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        let [fill, stroke] = kind.colors();
        let rect = Rect { x: legend.width, y: y - 10.0, width: 12.0, height: 12.0 };
        legend.text.push_str(&rectangle(rect, 2.0, fill, stroke, 1.0));
        let x = number(legend.width + 17.0);
        let label = format!("<text class=\"small\" x=\"{x}\" y=\"{}\">{}</text>\n", number(y), kind.name());
        legend.text.push_str(&label);
        legend.width += 17.0 + kind.name().len() as f64 * SMALL_LETTER + 16.0;
    }
    legend
}

fn note_kinds(items: &[Item], kinds: &mut Vec<Kind>) {
    for item in items {
        match &item.what {
            What::Word(word) => kinds.push(word.kind),
            What::Frame { body, .. } => note_kinds(body, kinds),
            What::Join { branches, .. } => branches.iter().for_each(|branch| note_kinds(branch, kinds)),
            What::From { .. } | What::Point => {}
        }
    }
}

/// A tenth of a pixel is enough.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Text of a model as text of XML; control characters, which XML forbids, are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            char if char.is_control() => {}
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("a<b>&\"c\u{1b}\u{0}"), "a&lt;b&gt;&amp;&quot;c");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([number(2.0), number(2.04), number(-0.26)], ["2", "2", "-0.3"]);
    }
}

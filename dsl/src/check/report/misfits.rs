//! Words that do not fit the shape before them, or arguments that do not fit it or each other
//! (E0207, E0222, E0301, E0302, E0320 to E0325).

use super::list;
use super::shapes::{to_vector, too_large};
use crate::ast::{Ident, Word};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;
use crate::words::{Misfit, Numbers, Rank, joined};

/// A word in a place where it does not fit.
pub(in crate::check) struct Misplaced<'a> {
    /// The word.
    pub(in crate::check) word: &'a Word,
    /// The shape before it.
    pub(in crate::check) input: &'a Shape,
    /// Where the value of an argument stands.
    pub(in crate::check) span: &'a dyn Fn(&str) -> Span,
}

impl Misplaced<'_> {
    fn name(&self) -> &str {
        &self.word.name.value
    }

    fn at_argument(&self, code: &'static str, argument: &str, message: String) -> Diagnostic {
        Diagnostic::error(code, (self.span)(argument), message)
    }

    fn at_word(&self, code: &'static str, message: String) -> Diagnostic {
        Diagnostic::error(code, self.word.name.span, message).label(format!("gets {}", self.input))
    }
}

/// A word that reads other ranks than it gets. `output` is the shape that the word was probably
/// meant to give.
pub(in crate::check) fn rank(
    name: &Ident,
    expected: Rank,
    found: &Shape,
    output: Option<&Shape>,
) -> Diagnostic {
    let word = &name.value;
    let reads = match expected {
        Rank::Map => "a map of channels and spatial axes",
        Rank::Plane => "a map of channels x height x width",
        Rank::Vector | Rank::Any => "a vector",
    };
    let gets = if found.0.len() == 1 { "vector" } else { "map" };
    let message = format!("`{word}` reads {reads}, but it gets the {gets} {found}");
    let diagnostic = Diagnostic::error("E0301", name.span, message).label(format!("gets {found}"));
    match expected {
        Rank::Map | Rank::Plane if output == Some(found) => {
            let fix = format!("delete `{word}`");
            diagnostic.help("delete it: the value is a vector already").fix(name.span, "", fix)
        }
        Rank::Plane if found.0.len() > 1 => {
            diagnostic.help("give the map two spatial axes before it, for instance with `reshape`")
        }
        Rank::Map | Rank::Plane => {
            let before = "put it before the `gap`, `flatten` or `linear` that makes the vector";
            diagnostic.help(format!("{before}, or make a map with `reshape {found}x1x1`"))
        }
        Rank::Vector | Rank::Any => to_vector(diagnostic, name.span.start, found, "before it"),
    }
}

/// Any other way not to fit.
pub(in crate::check) fn misfit(place: &Misplaced, misfit: &Misfit) -> Diagnostic {
    let name = &place.word.name;
    match misfit {
        Misfit::Window { reach, pad } => window(place, reach, pad),
        Misfit::Pad { limit, reason } => pad_too_large(place, *limit, reason),
        Misfit::OutputPad { limit } => output_pad_too_large(place, *limit),
        Misfit::Output => too_large(name, "result", place.input),
        Misfit::Weight => too_large(name, "weight", place.input),
        Misfit::Axes { argument, numbers, axes } => wrong_axes(place, argument, *numbers, *axes),
        Misfit::Groups { groups, what, channels, common } => {
            indivisible(place, *groups, &format!("{channels} {what}"), *common)
        }
        Misfit::Multiple { of, channels } => no_multiple(place, *of, *channels),
        Misfit::Either { kept, dropped } => either(place, kept, dropped),
        Misfit::OneOf(names) => one_of(place, names),
        Misfit::Part { axis, size, start, end } => part(place, *axis, *size, *start..*end),
        Misfit::Axis(axis) => no_axis(place, *axis),
        Misfit::Elements(shape) => elements(place, shape),
        Misfit::Order(order) => order_of_axes(place, *order),
    }
}

/// A window that reaches over more than the map with its padding.
fn window(place: &Misplaced, reach: &[usize], pad: &[usize]) -> Diagnostic {
    let map = joined(place.input.spatial());
    let padded = match pad.iter().all(|pad| *pad == 0) {
        true => map,
        false => format!("{map} with {} of padding on each side", joined(pad)),
    };
    let message =
        format!("the {} window of `{}` is larger than its map, {padded}", joined(reach), place.name());
    place
        .at_word("E0302", message)
        .help("use a smaller window, or shrink the map less before: fewer pools, smaller strides")
}

/// Padding that the window does not allow.
fn pad_too_large(place: &Misplaced, limit: usize, reason: &str) -> Diagnostic {
    place
        .at_argument("E0207", "pad", format!("the `pad` of `{}` {reason}", place.name()))
        .label(format!("at most {limit}"))
        .help(format!("use `pad={limit}` or less, or a larger window"))
}

fn output_pad_too_large(place: &Misplaced, limit: usize) -> Diagnostic {
    let message =
        format!("the `output_pad` of `{}` must be smaller than its stride or its dilation", place.name());
    place
        .at_argument("E0207", "output_pad", message)
        .label(format!("at most {limit}"))
        .help(format!("use `output_pad={limit}` or less, or leave it out"))
}

/// More or fewer numbers than the map has axes.
fn wrong_axes(place: &Misplaced, argument: &str, numbers: Numbers, axes: usize) -> Diagnostic {
    let given = numbers.as_slice().len();
    let (axes, first) = (super::count(axes, "axis").replace("axiss", "axes"), numbers.as_slice()[0]);
    let message = format!("the {argument} of `{}` has {given} numbers, but its map has {axes}", place.name());
    place
        .at_argument("E0320", argument, message)
        .label(format!("{numbers} for {}", joined(place.input.spatial())))
        .help(format!("write a number per axis, or a single one such as {first} for all of them"))
}

/// Groups that the channels cannot be cut into.
fn indivisible(place: &Misplaced, groups: usize, channels: &str, common: usize) -> Diagnostic {
    let span = (place.span)("groups");
    let message = format!("`{}` cannot cut {channels} into {groups} groups", place.name());
    let diagnostic = Diagnostic::error("E0321", span, message).label(format!("{groups} groups"));
    let near = near_divisors(common, groups);
    let diagnostic = diagnostic.help(match &near[..] {
        [1] => "only 1 group divides them all; or use other channels".to_owned(),
        [one] => format!("{one} groups are possible; or use other channels"),
        _ => format!("{} groups are possible; or use other channels", or(&near)),
    });
    // Without a number of its own the word stands there itself.
    if span == place.word.name.span {
        return diagnostic;
    }
    near.iter().fold(diagnostic, |diagnostic, groups| {
        diagnostic.suggest(span, groups.to_string(), format!("make it {groups} groups"))
    })
}

fn or(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
}

/// The nearest divisors of a number below and above another one.
fn near_divisors(of: usize, number: usize) -> Vec<usize> {
    let divides = |candidate: &usize| of.is_multiple_of(*candidate);
    let below = (1..=number.min(of)).rev().find(divides);
    // Beyond its half a number has no divisor but itself.
    let above = (number..=of / 2).find(divides).or(Some(of).filter(|of| *of > number));
    below.into_iter().chain(above).collect()
}

/// Channels that are not a multiple of what the word puts together.
fn no_multiple(place: &Misplaced, of: usize, channels: usize) -> Diagnostic {
    let message = format!("`{}` needs a multiple of {of} channels, but it gets {channels}", place.name());
    let above = channels.next_multiple_of(of);
    let help = match above.saturating_sub(of) {
        0 => format!("give it {above} channels"),
        below => format!("give it {below} or {above} channels"),
    };
    place.at_word("E0322", message).help(help)
}

/// Two arguments that say the same thing in two ways.
fn either(place: &Misplaced, kept: &str, dropped: &str) -> Diagnostic {
    let message = format!("`{}` takes `{kept}` or `{dropped}`, not both", place.name());
    place
        .at_argument("E0222", dropped, message)
        .label("second way")
        .at((place.span)(kept), "first way")
        .help("keep the one that you mean")
}

/// None of the arguments of which one is needed.
fn one_of(place: &Misplaced, names: &[&str]) -> Diagnostic {
    let message = format!("`{}` needs one of {}", place.name(), list(names));
    Diagnostic::error("E0222", place.word.name.span, message)
        .label("does not say how much")
        .help(format!("write for instance `{} 1`", place.name()))
}

/// More than an axis has, or nothing of it.
fn part(place: &Misplaced, axis: usize, size: usize, part: std::ops::Range<usize>) -> Diagnostic {
    let name = place.name();
    let axis = match axis {
        0 => "channels".to_owned(),
        _ => format!("elements of axis {axis}"),
    };
    let message = match part.start < part.end {
        true => format!("`{name}` keeps {} to {} of {size} {axis}", part.start, part.end),
        false => format!("`{name}` keeps none of {size} {axis}"),
    };
    place
        .at_word("E0323", message)
        .help(format!("keep a part that lies between 0 and {size}; the end is the first element after it"))
}

/// An axis that the shape does not have.
fn no_axis(place: &Misplaced, axis: usize) -> Diagnostic {
    let last = place.input.0.len() - 1;
    place
        .at_argument("E0323", "axis", format!("{} has no axis {axis} for `{}`", place.input, place.name()))
        .label(format!("at most {last}"))
        .help("0 is the axis of the channels, and the spatial axes follow")
}

/// A new shape with another number of elements.
fn elements(place: &Misplaced, shape: &Shape) -> Diagnostic {
    let (input, span) = (place.input, (place.span)("shape"));
    let (has, asked) = (product(&input.0), product(&shape.0));
    let message = format!("`{}` gets {has} elements, but {shape} has {asked}", place.name());
    let diagnostic = Diagnostic::error("E0324", span, message).label("other elements");
    let fitting = shape.0.get(1..).and_then(|rest| fit_first(input.len(), rest));
    match fitting {
        Some(fitting) => {
            let help = format!("`reshape {fitting}` would fit, or change the words before");
            diagnostic.help(help).suggest(span, fitting.to_string(), format!("make it `{fitting}`"))
        }
        None => diagnostic.help("write a shape with as many elements, or change the words before"),
    }
}

/// `3*32*32 = 3072`
fn product(sides: &[usize]) -> String {
    let product: u128 = sides.iter().map(|side| *side as u128).product();
    match sides {
        [one] => one.to_string(),
        _ => {
            let factors: Vec<String> = sides.iter().map(usize::to_string).collect();
            format!("{} = {product}", factors.join("*"))
        }
    }
}

/// The shape with these sides behind the first and so many elements, if there is one.
fn fit_first(elements: usize, rest: &[usize]) -> Option<Shape> {
    let rest_len = crate::words::checked_len(rest).filter(|len| elements.is_multiple_of(*len))?;
    Some(Shape([&[elements / rest_len], rest].concat()))
}

/// An order that does not name every axis once.
fn order_of_axes(place: &Misplaced, order: Numbers) -> Diagnostic {
    let rank = place.input.0.len();
    let names: Vec<String> = (0..rank).map(|axis| axis.to_string()).collect();
    let message = format!(
        "`{}` orders the axes {} of {}, but it names {}",
        place.name(),
        names.join(", "),
        place.input,
        order.to_string().replace('x', ", ")
    );
    place.at_argument("E0325", "order", message).label("not an order of them").help(format!(
        "name each of them once, as in `[{}]`",
        names.iter().rev().cloned().collect::<Vec<_>>().join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_on_both_sides() {
        assert_eq!(near_divisors(64, 3), [2, 4]);
        assert_eq!(near_divisors(64, 100), [64]);
        assert_eq!(near_divisors(7, 2), [1, 7]);
        assert_eq!(near_divisors(12, 5), [4, 6]);
    }
}

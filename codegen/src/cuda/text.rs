//! Writing kernel texts.
//!
//! Fixed text lies in `templates`, as C with upper-case names in `@…@` where sizes and fused
//! expressions go; [`fill`] puts them in. A [`Writer`] pairs the parameters of one kernel with the
//! arguments of its launch, so that they cannot come apart.

use super::{Argument, Element, Memory, Place};
use crate::graph::ValueId;

/// The most parameters of a kernel.
const PARAMETERS: usize = 32;

/// The text with each `@NAME@` replaced.
///
/// # Panics
/// If a name is left over or a value is not used: a mistake in a template.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        let mark = format!("@{name}@");
        assert!(text.contains(&mark), "the template has no {mark}:\n{template}");
        text = text.replace(&mark, value);
    }
    assert!(!text.contains('@'), "not everything is filled in:\n{text}");
    text
}

/// The lines, each one step further in.
pub(super) fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
    text.lines().map(line).collect()
}

/// The body of a kernel without empty lines, indented by its braces: templates are filled in at any depth.
pub(super) fn laid_out(body: &str) -> String {
    let (mut depth, mut hanging, mut text) = (1, 0, String::new());
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let closes = line.starts_with('}');
        let indent = depth + hanging - usize::from(closes);
        text += &format!("{}{line}\n", "    ".repeat(indent));
        let is_comment = line.starts_with("//");
        if !is_comment {
            depth = depth + line.matches('{').count() - line.matches('}').count();
            // A loop or a condition whose statement stands in the next line.
            hanging = if line.ends_with(')') { hanging + 1 } else { 0 };
        }
    }
    text
}

/// The parameters of a kernel and the arguments of its launch.
pub(super) type Parts = (Vec<String>, Vec<Argument>);

/// The parameters and arguments of a kernel in the making.
#[derive(Clone, Debug)]
pub(super) struct Writer<'a> {
    memory: &'a Memory,
    parameters: Vec<String>,
    arguments: Vec<Argument>,
    /// Values that the kernel holds in arrays, with their names.
    kept: Vec<(ValueId, String)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(memory: &'a Memory) -> Writer<'a> {
        Writer { memory, parameters: Vec::new(), arguments: Vec::new(), kept: Vec::new() }
    }

    /// A tensor that is read, called `name` in the text; how it is stored.
    pub(super) fn read(&mut self, value: ValueId, name: &str) -> Element {
        self.read_place(self.memory.place(value), name)
    }

    /// A weight of a product: parameters and what is prepared from them are read as `real`.
    pub(super) fn read_weight(&mut self, value: ValueId, name: &str) -> Element {
        self.read_place(self.memory.weight_place(value), name)
    }

    fn read_place(&mut self, place: Place, name: &str) -> Element {
        let element = place.region.element();
        self.parameter(&format!("const {} *__restrict__ {name}", element.c_type()), Argument::Place(place));
        element
    }

    /// A tensor that is written; how it is stored.
    pub(super) fn write(&mut self, value: ValueId, name: &str) -> Element {
        let place = self.memory.place(value);
        let element = place.region.element();
        self.parameter(&format!("{} *__restrict__ {name}", element.c_type()), Argument::Place(place));
        element
    }

    /// From here on the kernel holds a value's numbers in the array `name`.
    pub(super) fn keep(&mut self, value: ValueId, name: &str) {
        self.kept.push((value, name.to_owned()));
    }

    /// The array that holds a value.
    pub(super) fn kept(&self, value: ValueId) -> Option<&str> {
        self.kept.iter().find(|(known, _)| *known == value).map(|(_, name)| name.as_str())
    }

    /// The name of an array that is none yet.
    pub(super) fn fresh(&self, stem: &str) -> String {
        format!("{stem}{}", self.parameters.len())
    }

    /// The number of samples: `int64 batch`.
    pub(super) fn batch(&mut self) {
        self.parameter("int64 batch", Argument::Batch);
    }

    /// What the kernels of a step have in common: `const Step *step`.
    pub(super) fn step(&mut self) {
        self.parameter("const Step *__restrict__ step", Argument::Step);
    }

    /// Any parameter; one that is there already stays the only one.
    pub(super) fn parameter(&mut self, text: &str, argument: Argument) {
        if let Some(index) = self.parameters.iter().position(|known| known == text) {
            assert_eq!(self.arguments[index], argument, "`{text}` is two parameters");
            return;
        }
        self.parameters.push(text.to_owned());
        self.arguments.push(argument);
    }

    /// Whether a launch takes so many parameters.
    pub(super) fn fits(&self) -> bool {
        self.parameters.len() <= PARAMETERS
    }

    /// The parameters and the arguments.
    pub(super) fn finish(self) -> Parts {
        assert!(self.fits(), "a kernel takes at most {PARAMETERS} parameters");
        (self.parameters, self.arguments)
    }
}

/// How many neighbours a thread moves at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vector(usize);

impl Vector {
    /// One by one.
    pub(super) const ONE: Vector = Vector(1);

    /// The widest whose width divides all extents: then neighbours stay neighbours, and their address
    /// is a multiple of their size, since every tensor begins at a multiple of sixteen elements.
    pub(super) fn dividing(extents: &[usize]) -> Vector {
        let fits = |width: &usize| extents.iter().all(|extent| extent.is_multiple_of(*width));
        Vector([8, 4].into_iter().find(fits).unwrap_or(1))
    }

    /// No wider than `width`, a power of two.
    pub(super) fn at_most(self, width: usize) -> Vector {
        Vector(self.0.min(width))
    }

    /// Elements.
    pub(super) fn width(self) -> usize {
        self.0
    }

    /// The function that loads them as `float`.
    pub(super) fn load(self, element: Element) -> String {
        self.function(element, "load")
    }

    /// The function that stores them.
    pub(super) fn store(self, element: Element) -> String {
        self.function(element, "store")
    }

    fn function(self, element: Element, verb: &str) -> String {
        match element {
            Element::Real => format!("{verb}{}", self.0),
            Element::Float => format!("float_{verb}{}", self.0),
            Element::Place => format!("place_{verb}{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced() {
        assert_eq!(fill("a[@N@] = @N@ + @X@;", &[("N", "3".into()), ("X", "y".into())]), "a[3] = 3 + y;");
    }

    #[test]
    fn a_body_is_laid_out_by_its_braces() {
        let body = "for (;;) {\n\nif (a)\n  b();\n}\nc();";
        assert_eq!(laid_out(body), "    for (;;) {\n        if (a)\n            b();\n    }\n    c();\n");
    }

    #[test]
    #[should_panic(expected = "not everything")]
    fn a_name_that_is_left_over_is_a_mistake() {
        fill("@N@ @M@", &[("N", "3".into())]);
    }
}

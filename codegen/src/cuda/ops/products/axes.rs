//! How the rows of a product meet the map that they are gathered from, axis by axis.
//!
//! Position q of a row and tap t meet at coordinate q · stride + base + t · delta of the map. For a
//! convolution the rows are the positions of its result. For the gradient of its operand they are
//! those of the operand; where the convolution has a stride they fall into residues, each of which is
//! met by taps of its own: then a block works on one residue, and base and taps depend on it.

use crate::graph::Conv;

/// One spatial axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    name: char,
    /// Positions of the rows, of one residue.
    extent: usize,
    /// Extent of the gathered map.
    source: usize,
    /// Taps of the window.
    window: usize,
    /// Coordinates from position to position.
    stride: usize,
    /// Coordinates from tap to tap.
    delta: isize,
    /// Taps of the window from one tap of a residue to the next.
    tap_step: usize,
    pad: usize,
    dilation: usize,
    /// Residues of the target's positions: how far apart two rows of a residue are in the target.
    residues: usize,
    /// Positions of the target.
    target: usize,
}

/// The axes that matter; a product of single positions has none.
#[derive(Clone, Debug)]
pub(super) struct Axes(Vec<Axis>);

impl Axes {
    /// Rows are the positions of the result, gathered from the operand.
    pub(super) fn forward(conv: &Conv) -> Axes {
        let axis = |index: usize| Axis {
            name: ['d', 'h', 'w'][index],
            extent: conv.output[index],
            source: conv.input[index],
            window: conv.kernel[index],
            stride: conv.stride[index],
            delta: conv.dilation[index] as isize,
            tap_step: 1,
            pad: conv.pad[index],
            dilation: conv.dilation[index],
            residues: 1,
            target: conv.output[index],
        };
        Axes::simplified([0, 1, 2].map(axis))
    }

    /// Rows are the positions of the operand, gathered from the result.
    pub(super) fn backward(conv: &Conv) -> Axes {
        let axis = |index: usize| {
            let (stride, dilation) = (conv.stride[index], conv.dilation[index]);
            let tap_step = stride / gcd(stride, dilation);
            Axis {
                name: ['d', 'h', 'w'][index],
                extent: conv.input[index].div_ceil(stride),
                source: conv.output[index],
                window: conv.kernel[index],
                stride: 1,
                delta: -((tap_step * dilation / stride) as isize),
                tap_step,
                pad: conv.pad[index],
                dilation,
                residues: stride,
                target: conv.input[index],
            }
        };
        Axes::simplified([0, 1, 2].map(axis))
    }

    /// Axes along which position and coordinate are the same are seen as one.
    fn simplified(axes: [Axis; 3]) -> Axes {
        if axes.iter().all(Axis::is_plain) {
            let extent: usize = axes.iter().map(|axis| axis.extent).product();
            let merged = Axis { extent, source: extent, target: extent, ..axes[2] };
            return Axes(if extent == 1 { Vec::new() } else { vec![merged] });
        }
        Axes(axes.into_iter().filter(|axis| !(axis.is_plain() && axis.extent == 1)).collect())
    }

    /// Positions of the rows of a sample, of one residue.
    pub(super) fn extent(&self) -> usize {
        self.0.iter().map(|axis| axis.extent).product()
    }

    /// Positions of the gathered map.
    pub(super) fn source(&self) -> usize {
        self.0.iter().map(|axis| axis.source).product()
    }

    /// Positions of the target.
    pub(super) fn target(&self) -> usize {
        self.0.iter().map(|axis| axis.target).product()
    }

    /// Residues of all axes.
    pub(super) fn residues(&self) -> usize {
        self.0.iter().map(|axis| axis.residues).product()
    }

    /// Declares taps and base of each axis, from the block's `residue`.
    pub(super) fn declarations(&self) -> String {
        let divided = if self.residues() == 1 { "" } else { "int residues = residue;\n" };
        self.lines_reversed(Axis::declaration, divided)
    }

    /// The number of taps, as an expression.
    pub(super) fn taps(&self) -> String {
        joined(self.0.iter().map(|axis| format!("taps_{}", axis.name)), " * ", "1")
    }

    /// From `position`: the coordinate of the first tap on each axis.
    pub(super) fn coordinates(&self) -> String {
        let mut inner = 1;
        let mut lines = Vec::new();
        for axis in self.0.iter().rev() {
            lines.push(axis.coordinate(inner, self.extent()));
            inner *= axis.extent;
        }
        lines.reverse();
        lines.join("\n")
    }

    /// The names with a suffix, such as `h[i]`, of the coordinates that must be kept to compare them.
    pub(super) fn checked(&self) -> impl Iterator<Item = char> {
        self.0.iter().filter(|axis| axis.is_checked()).map(|axis| axis.name)
    }

    /// The place of the coordinates in the map, in positions.
    pub(super) fn place(&self) -> String {
        self.folded(|axis| axis.name.to_string())
    }

    /// From `rest`, the number of the tap: the tap on each axis.
    pub(super) fn tap_numbers(&self) -> String {
        let line = |axis: &Axis| {
            (axis.window > 1).then(|| {
                let name = axis.name;
                format!("const int tap_{name} = rest % taps_{name};\nrest /= taps_{name};\n")
            })
        };
        self.0.iter().rev().filter_map(line).collect()
    }

    /// How far the tap is from the first one in the map, in positions.
    pub(super) fn tap_place(&self) -> String {
        self.folded(|axis| axis.tap_shift().unwrap_or_else(|| "0".to_owned()))
    }

    /// Whether coordinates, written by `name`, and tap meet inside the map.
    pub(super) fn inside(&self, name: impl Fn(char) -> String) -> String {
        let condition = |axis: &Axis| {
            let tap = axis.tap_shift().map_or_else(String::new, |shift| format!(" + {shift}"));
            format!(" && (uint32)({}{tap}) < {}u", name(axis.name), axis.source)
        };
        self.0.iter().filter(|axis| axis.is_checked()).map(condition).collect()
    }

    /// The number of the tap in the window.
    pub(super) fn window_tap(&self) -> String {
        let term = |axis: &Axis| match (axis.window, axis.residues) {
            (1, _) => "0".to_owned(),
            (_, 1) => format!("tap_{}", axis.name),
            _ => format!("(first_{0} + tap_{0} * {1})", axis.name, axis.tap_step),
        };
        fold(self.0.iter().map(|axis| (axis.window, term(axis))))
    }

    /// From `position` among the rows of a residue to `position` in the target.
    pub(super) fn target_position(&self) -> String {
        if self.residues() == 1 {
            return String::new();
        }
        let mut inner = 1;
        let mut lines = Vec::new();
        for axis in self.0.iter().rev() {
            lines.push(axis.target_line(inner));
            inner *= axis.extent;
        }
        let place = fold(self.0.iter().map(|axis| (axis.target, format!("to_{}", axis.name))));
        lines.push(format!("position = {place};"));
        lines.join("\n")
    }

    fn folded(&self, term: impl Fn(&Axis) -> String) -> String {
        fold(self.0.iter().map(|axis| (axis.source, term(axis))))
    }

    fn lines_reversed(&self, line: impl Fn(&Axis) -> String, before: &str) -> String {
        before.to_owned() + &self.0.iter().rev().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Axis {
    /// Whether position and coordinate are the same, and there is one tap.
    fn is_plain(&self) -> bool {
        let moves = self.stride != 1 || self.residues != 1 || self.pad != 0;
        self.window == 1 && !moves && self.extent == self.source
    }

    /// The coordinate of the first position and tap; only without residues.
    fn base(&self) -> isize {
        let pad = self.pad as isize;
        if self.delta > 0 { -pad } else { pad }
    }

    /// Whether some position and tap meet outside the map.
    fn is_checked(&self) -> bool {
        let reach = (self.window as isize - 1) * self.delta;
        let last = self.base() + ((self.extent - 1) * self.stride) as isize;
        let (low, high) = (self.base() + reach.min(0), last + reach.max(0));
        self.residues > 1 || low < 0 || high >= self.source as isize
    }

    /// How far the tap is from the first one; none if it is the only one.
    fn tap_shift(&self) -> Option<String> {
        (self.window > 1).then(|| times(&format!("tap_{}", self.name), self.delta))
    }

    fn declaration(&self) -> String {
        let Axis { name, window, pad, dilation, residues, tap_step, .. } = *self;
        if residues == 1 {
            return format!("const int taps_{name} = {window}, base_{name} = {};", self.base());
        }
        format!(
            "// The taps of the window that meet this residue of the stride: every {tap_step}. from the first.\n\
             const int residue_{name} = residues % {residues};\nresidues /= {residues};\n\
             int first_{name} = 0;\n\
             while (first_{name} < {tap_step} && (residue_{name} + {pad} - first_{name} * {dilation}) % {residues} != 0) \
             first_{name}++;\n\
             const int meets_{name} = first_{name} < {tap_step} && first_{name} < {window};\n\
             const int taps_{name} = meets_{name} ? ({window} - first_{name} + {tap_step} - 1) / {tap_step} : 0;\n\
             const int base_{name} = (residue_{name} + {pad} - first_{name} * {dilation}) / {residues};"
        )
    }

    fn coordinate(&self, inner: usize, whole: usize) -> String {
        let Axis { name, extent, stride, .. } = *self;
        let outermost = inner * extent == whole;
        let wrapped = if outermost { String::new() } else { format!(" % {extent}") };
        let position = times(&(over("position", inner) + &wrapped), stride as isize);
        format!("const int {name} = {position} + base_{name};")
    }

    fn target_line(&self, inner: usize) -> String {
        let Axis { name, extent, residues, target, .. } = *self;
        let residue = if residues == 1 { String::new() } else { format!(" * {residues} + residue_{name}") };
        let line = format!("        const int to_{name} = position / {inner} % {extent}{residue};");
        if target % residues == 0 {
            line
        } else {
            format!("{line}\n        if (to_{name} >= {target}) continue;")
        }
    }
}

/// Horner's form of an index into extents: `((d) * H + h) * W + w`.
fn fold(terms: impl Iterator<Item = (usize, String)>) -> String {
    let index = |index: String, (extent, term): (usize, String)| match (&index[..], &term[..]) {
        ("0", _) => term,
        (_, "0") => format!("{} * {extent}", bracketed(&index)),
        _ => format!("{} * {extent} + {term}", bracketed(&index)),
    };
    terms.fold("0".to_owned(), index)
}

fn bracketed(sum: &str) -> String {
    if sum.contains(" + ") { format!("({sum})") } else { sum.to_owned() }
}

fn times(text: &str, factor: isize) -> String {
    if factor == 1 { text.to_owned() } else { format!("{text} * {factor}") }
}

fn over(text: &str, divisor: usize) -> String {
    if divisor == 1 { text.to_owned() } else { format!("{text} / {divisor}") }
}

fn joined(parts: impl Iterator<Item = String>, with: &str, or: &str) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { or.to_owned() } else { parts.join(with) }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

//! Which tokens share a line.

use std::ops::Range;

use super::lines::Lines;
use super::token::Token;

/// Writes tokens whose spacing has been decided.
pub(super) fn lay_out(tokens: &[Token]) -> String {
    let mut layout = Layout { tokens, lines: Lines::default() };
    let end = tokens.len() - 1;
    layout.items(0..end);
    layout.comments(end);
    layout.lines.finish()
}

/// Where a statement begins.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// On a line of its own.
    Line,
    /// Behind what has been written.
    Behind,
    /// Where the author has put it.
    Free,
}

struct Layout<'t> {
    tokens: &'t [Token<'t>],
    lines: Lines,
}

impl Layout<'_> {
    /// Items, each on a line of its own.
    fn items(&mut self, range: Range<usize>) {
        for item in self.statements(range) {
            self.statement(item, Place::Line);
        }
    }

    /// Statements that may share lines.
    fn sequence(&mut self, range: Range<usize>, first: Place) {
        for statement in self.statements(range.clone()) {
            let place = if statement.start == range.start { first } else { Place::Free };
            self.statement(statement, place);
        }
    }

    /// Cuts tokens where statements begin. Those inside braces belong to the statement around.
    fn statements(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut statements: Vec<Range<usize>> = Vec::new();
        let mut index = range.start;
        while index < range.end {
            let next = self.tokens[index].partner + 1;
            match statements.last_mut() {
                Some(last) if !self.tokens[index].begins => last.end = next,
                _ => statements.push(index..next),
            }
            index = next;
        }
        statements
    }

    fn statement(&mut self, range: Range<usize>, place: Place) {
        self.comments(range.start);
        match (place, self.tokens[range.start].gap.newlines) {
            (Place::Behind, _) | (Place::Free, 0) => {}
            (Place::Line | Place::Free, 2..) => self.lines.blank(),
            (Place::Line | Place::Free, _) => self.lines.end(),
        }
        let flat = self.flat(range.clone());
        let needed = flat.as_ref().map_or_else(|| self.head(range.clone()), |flat| flat.chars().count());
        if !self.lines.is_fresh() {
            if self.lines.fits(needed + 1) || place == Place::Behind {
                self.lines.push(" ");
            } else {
                self.lines.end();
            }
        }
        match flat {
            Some(flat) if self.lines.fits(needed) => self.lines.push(&flat),
            flat => self.broken(range, flat.is_some()),
        }
    }

    /// The statement on one line, if the author wrote it so: there is no comment in it and no line
    /// break between its braces.
    fn flat(&self, range: Range<usize>) -> Option<String> {
        let mut text = String::new();
        let mut closing = range.start;
        for index in range.clone() {
            let token = &self.tokens[index];
            let is_inside = index <= closing && index > range.start;
            let is_empty = token.text == "}" && self.tokens[index - 1].text == "{";
            if index > range.start && !token.gap.comments.is_empty()
                || is_inside && token.gap.newlines > 0 && !is_empty
            {
                return None;
            }
            closing = closing.max(token.partner);
            if index > range.start && token.space {
                text.push(' ');
            }
            text.push_str(token.text);
        }
        Some(text)
    }

    /// How many characters stand before the first line break of a statement that has one.
    fn head(&self, range: Range<usize>) -> usize {
        let breaks = |index: &usize| {
            let is_open = self.tokens[*index - 1].text == "{";
            is_open || !self.tokens[*index].gap.comments.is_empty()
        };
        let end = range.clone().skip(1).find(breaks).unwrap_or(range.end);
        let written = self.tokens[range.start..end].iter();
        written.map(|token| token.text.chars().count() + usize::from(token.space)).sum()
    }

    /// Writes a statement over several lines, with all its braces open if `force`, else those that
    /// the author has opened.
    fn broken(&mut self, range: Range<usize>, force: bool) {
        let mut index = range.start;
        while index < range.end {
            let token = &self.tokens[index];
            if index > range.start {
                self.inner_comments(index);
                if token.space && !self.lines.is_fresh() {
                    self.lines.push(" ");
                }
            }
            if token.text == "{" {
                self.braces(index..token.partner, force);
                index = token.partner;
            } else {
                self.lines.push(token.text);
            }
            index += 1;
        }
    }

    /// Comments within a statement. What follows them is indented, but for a word that goes on after
    /// a brace.
    fn inner_comments(&mut self, index: usize) {
        let indented = usize::from(self.tokens[index - 1].text != "}");
        if !self.tokens[index].gap.comments.is_empty() {
            self.lines.depth += indented;
            self.comments(index);
            self.lines.begin();
            self.lines.depth -= indented;
        }
    }

    /// Braces and what they hold.
    fn braces(&mut self, braces: Range<usize>, force: bool) {
        let flat = self.flat(braces.start..braces.end + 1);
        let is_empty = braces.len() == 1;
        match flat {
            Some(flat) if is_empty || !force && self.lines.fits(flat.chars().count()) => {
                self.lines.push(&flat);
            }
            _ => {
                self.lines.push("{");
                self.lines.depth += 1;
                self.content(braces.start + 1..braces.end);
                self.comments(braces.end);
                self.lines.close_up();
                self.lines.depth -= 1;
                self.lines.push("}");
            }
        }
    }

    /// The lines between braces.
    fn content(&mut self, range: Range<usize>) {
        let branches = self.branches(range);
        if branches.len() == 1 {
            return branches.into_iter().for_each(|branch| self.sequence(branch, Place::Line));
        }
        let short = branches.iter().all(|branch| self.is_short(branch));
        for (number, branch) in branches.into_iter().enumerate() {
            match number {
                0 => self.sequence(branch, Place::Line),
                _ if short => self.short_branch(branch),
                _ => self.long_branch(branch),
            }
        }
    }

    /// `| conv3 16`
    fn short_branch(&mut self, branch: Range<usize>) {
        self.comments(branch.start - 1);
        self.lines.close_up();
        self.lines.push("|");
        self.sequence(branch, Place::Behind);
    }

    /// A bar on a line of its own, indented like the braces.
    fn long_branch(&mut self, branch: Range<usize>) {
        self.comments(branch.start - 1);
        self.lines.close_up();
        self.lines.depth -= 1;
        self.lines.push("|");
        self.lines.depth += 1;
        self.sequence(branch, Place::Line);
    }

    /// The branches between the bars of a join, or all of another body.
    fn branches(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let first = range.start..range.start;
        let mut branches = vec![first];
        let mut index = range.start;
        while index < range.end {
            let next = self.tokens[index].partner + 1;
            match branches.last_mut() {
                Some(last) if self.tokens[index].text != "|" => last.end = next,
                _ => branches.push(next..next),
            }
            index = next;
        }
        branches
    }

    /// Whether a branch stands on one line and fits behind its bar.
    fn is_short(&self, branch: &Range<usize>) -> bool {
        let own_line =
            |index: usize| self.tokens[index].gap.comments.iter().any(|comment| comment.newlines > 0);
        let mut rest = branch.clone().skip(1);
        let breaks = rest.any(|index| self.tokens[index].begins && self.tokens[index].gap.newlines > 0);
        let commented = !branch.is_empty() && !self.tokens[branch.start].gap.comments.is_empty();
        let flat = self.flat(branch.clone());
        let fits = flat.is_some_and(|flat| self.lines.fits_alone(flat.chars().count() + 2));
        !breaks && !commented && !own_line(branch.end) && fits
    }

    /// The comments before a token, each at its place.
    fn comments(&mut self, index: usize) {
        for comment in &self.tokens[index].gap.comments {
            if comment.newlines == 0 && !self.lines.is_empty() {
                self.lines.comment(comment.text);
                continue;
            }
            if comment.newlines > 1 {
                self.lines.blank();
            }
            self.lines.end();
            self.lines.push(comment.text);
            self.lines.end();
        }
    }
}

//! The lines of a text under way, with the comments at their ends.

/// Spaces per level of indentation.
const INDENT: usize = 4;

/// Columns of a line.
pub(super) const WIDTH: usize = 100;

/// Lines that are finished, and the one that is being written.
#[derive(Default)]
pub(super) struct Lines {
    finished: Vec<Line>,
    /// The present line without its indentation.
    line: String,
    /// Levels of indentation of the lines that are begun from now on.
    pub(super) depth: usize,
    /// Those of the present line, once it is begun.
    begun: Option<usize>,
}

struct Line {
    /// With its indentation.
    text: String,
    comment: Option<String>,
}

impl Line {
    /// Whether nothing that could be set apart stands before the next line.
    fn opens(&self) -> bool {
        let is_comment = self.text.trim_start().starts_with("//");
        self.text.is_empty() || !is_comment && self.text.ends_with(['{', '|'])
    }
}

impl Lines {
    /// Whether nothing has been written on the present line.
    pub(super) fn is_fresh(&self) -> bool {
        self.line.is_empty()
    }

    /// Whether nothing has been written at all.
    pub(super) fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.line.is_empty()
    }

    /// Whether so many characters more still fit on the present line.
    pub(super) fn fits(&self, characters: usize) -> bool {
        INDENT * self.begun.unwrap_or(self.depth) + self.line.chars().count() + characters <= WIDTH
    }

    /// Whether so many characters fit on a line of their own.
    pub(super) fn fits_alone(&self, characters: usize) -> bool {
        INDENT * self.depth + characters <= WIDTH
    }

    /// Begins a line at the present indentation.
    pub(super) fn begin(&mut self) {
        self.begun = Some(self.depth);
    }

    /// Adds to the present line.
    pub(super) fn push(&mut self, text: &str) {
        self.begun.get_or_insert(self.depth);
        self.line.push_str(text);
    }

    /// Ends the present line if anything has been written on it.
    pub(super) fn end(&mut self) {
        if !self.is_fresh() {
            let depth = self.begun.take().unwrap_or_default();
            let text = " ".repeat(INDENT * depth) + &std::mem::take(&mut self.line);
            self.finished.push(Line { text, comment: None });
        }
    }

    /// Leaves a line empty, but not at the beginning of anything.
    pub(super) fn blank(&mut self) {
        self.end();
        if !self.finished.last().is_none_or(Line::opens) {
            self.finished.push(Line { text: String::new(), comment: None });
        }
    }

    /// Takes back an empty line at the end.
    pub(super) fn close_up(&mut self) {
        self.end();
        if self.finished.last().is_some_and(|line| line.text.is_empty()) {
            self.finished.pop();
        }
    }

    /// Puts a comment at the end of what has been written.
    pub(super) fn comment(&mut self, comment: &str) {
        self.end();
        match self.finished.last_mut() {
            Some(last) => last.comment = Some(comment.to_owned()),
            None => self.push(comment),
        }
        self.end();
    }

    /// All of it as a text. Comments at the ends of lines that follow each other stand below each other.
    pub(super) fn finish(mut self) -> String {
        self.close_up();
        let mut text = String::new();
        for run in self.finished.chunk_by(|a, b| a.comment.is_some() && b.comment.is_some()) {
            let column = run.iter().map(|line| line.text.chars().count()).max().unwrap_or_default() + 2;
            for line in run {
                text.push_str(&line.text);
                if let Some(comment) = &line.comment {
                    text.push_str(&" ".repeat(column - line.text.chars().count()));
                    text.push_str(comment);
                }
                text.push('\n');
            }
        }
        text
    }
}

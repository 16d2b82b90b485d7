//! The texts of a network's kernels, from the one text that they are written in.
//!
//! Each stands behind a line `// kernel NAME`. What several have in common is written once: a line `// paragraph
//! NUMBER of NAME` stands for a paragraph of a kernel before it. A paragraph goes from comment to comment.

use std::collections::HashMap;

const KERNEL_HEAD: &str = "// kernel ";
const PARAGRAPH_HEAD: &str = "// paragraph ";

/// The text of each kernel, in order.
pub(super) fn texts(text: &str) -> Vec<String> {
    let mut known = HashMap::new();
    let mut texts = Vec::new();
    for part in text.split(KERNEL_HEAD).skip(1) {
        let (name, own) = part.split_once('\n').unwrap_or((part, ""));
        let paragraphs = paragraphs(own, &known);
        texts.push(paragraphs.concat());
        known.insert(name, paragraphs);
    }
    texts
}

/// The paragraphs of a kernel, whose `known` ones are found there.
fn paragraphs<'a>(text: &'a str, known: &HashMap<&str, Vec<&'a str>>) -> Vec<&'a str> {
    let (mut paragraphs, mut start, mut end) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("//") {
            paragraphs.extend((start < end).then(|| &text[start..end]));
            start = end;
        }
        end += line.len();
        if let Some(reference) = line.strip_prefix(PARAGRAPH_HEAD) {
            // The compiler writes no others.
            paragraphs.extend(referred(reference.trim_end(), known));
            start = end;
        }
    }
    paragraphs.extend((start < end).then(|| &text[start..end]));
    paragraphs
}

/// `2 of nn_conv`.
fn referred<'a>(reference: &str, known: &HashMap<&str, Vec<&'a str>>) -> Option<&'a str> {
    let (number, name) = reference.split_once(" of ")?;
    known.get(name)?.get(number.parse::<usize>().ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_behind_their_heads() {
        let text = "// by nnc\n\n// kernel a\nA\nAA\n// kernel b\nB\n";
        assert_eq!(texts(text), ["A\nAA\n", "B\n"]);
    }

    #[test]
    fn paragraphs_are_found_in_kernels_before() {
        let text = "\
// kernel a
a {
    // one
    1;
    // two
    2;
}
// kernel b
b {
// paragraph 1 of a
    // three
    3;
// paragraph 2 of a
// kernel c
// paragraph 0 of a
// paragraph 2 of b
// paragraph 3 of b
";
        let expected = [
            "a {\n    // one\n    1;\n    // two\n    2;\n}\n",
            "b {\n    // one\n    1;\n    // three\n    3;\n    // two\n    2;\n}\n",
            "a {\n    // three\n    3;\n    // two\n    2;\n}\n",
        ];
        assert_eq!(texts(text), expected);
    }
}

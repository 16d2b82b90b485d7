//! Typical slips of the pen: what people write who know another language, and how it is said here.
//!
//! A slip is known by the token that did not fit, what the grammar would have taken, and the keyword
//! before it. What is no slip gets the usual help for what was expected (see help.rs).

use super::expected::{Found, describe};
use super::generated::Rule;
use super::help::{expects_value, names_keyword};
use crate::diagnostic::{Diagnostic, Span};

/// What to do, and the edit that does it where it is certain.
pub(super) struct Slip {
    help: &'static str,
    fix: Option<(Span, &'static str, &'static str)>,
}

impl Slip {
    fn new(help: &'static str) -> Slip {
        Slip { help, fix: None }
    }

    /// Replaces `span`; `message` says so.
    fn fix(self, span: Span, replacement: &'static str, message: &'static str) -> Slip {
        Slip { fix: Some((span, replacement, message)), ..self }
    }

    /// The diagnostic with this help.
    pub(super) fn added_to(self, diagnostic: Diagnostic) -> Diagnostic {
        let diagnostic = diagnostic.help(self.help);
        match self.fix {
            Some((span, replacement, message)) => diagnostic.fix(span, replacement, message),
            None => diagnostic,
        }
    }
}

/// The slip that a token is, where the grammar tried `rules`.
pub(super) fn slip(rules: &[Rule], found: Found) -> Option<Slip> {
    let expects = |rule| rules.contains(&rule);
    if names_keyword(rules, found) {
        return None;
    }
    if found.text == ".." {
        return Some(Slip::new("a range stands behind `in`, with both of its ends: `for i in 0..3 { … }`"));
    }
    if expects(Rule::sum_op) || expects(Rule::product_op) {
        return in_expression(rules, found);
    }
    between_items(rules, found)
        .or_else(|| in_train(rules, found))
        .or_else(|| in_signature(rules, found))
        .or_else(|| behind_keyword(rules, found))
        .or_else(|| in_body(rules, found))
}

/// An operator was expected.
fn in_expression(rules: &[Rule], found: Found) -> Option<Slip> {
    let after = found.after.filter(|(_, span)| span.start == found.span.end);
    match (found.text, after) {
        ("=", Some((">", end))) => {
            Some(Slip::new("the comparison is written `>=`").fix(found.span.to(end), ">=", "write `>=`"))
        }
        ("=", Some(("<", end))) => {
            Some(Slip::new("the comparison is written `<=`").fix(found.span.to(end), "<=", "write `<=`"))
        }
        ("=", _) if rules.contains(&Rule::comma) && rules.contains(&Rule::close_paren) => {
            Some(Slip::new("the arguments of a function have no names"))
        }
        ("=", _) if rules.contains(&Rule::compare_op) => {
            Some(Slip::new("two values are compared with `==`").fix(found.span, "==", "write `==`"))
        }
        ("|", Some(("|", end))) => Some(Slip::new("truth values are joined by `and` and `or`").fix(
            found.span.to(end),
            "or",
            "write `or`",
        )),
        ("<" | ">" | "<=" | ">=" | "==" | "!=", _) => {
            Some(Slip::new("comparisons are joined by `and`: `1 < c and c < 3`"))
        }
        ("," | ";", _) if rules.contains(&Rule::dots) => {
            Some(Slip::new("the values of a loop stand in brackets: `for c in [32, 64] { … }`"))
        }
        _ if rules.contains(&Rule::close_bracket) && rules.contains(&Rule::comma) => {
            Some(Slip::new("the values of a list are separated by commas: `[1, 2, 3]`"))
        }
        _ => None,
    }
}

fn between_items(rules: &[Rule], found: Found) -> Option<Slip> {
    let keyword = found.keyword.map(|(keyword, _)| keyword);
    let text_follows = found.after.is_some_and(|(after, _)| after.starts_with('"'));
    if text_follows && describe(rules.first().copied()?) == describe(Rule::use_file) {
        let slip = Slip::new("another file is read with `use \"blocks.nn\"`");
        return Some(slip.fix(found.span, "use", "write `use`"));
    }
    (keyword == Some("use") && rules.contains(&Rule::EOI))
        .then(|| Slip::new("`use \"blocks.nn\"` brings in all blocks of the file under their own names"))
}

fn in_train(rules: &[Rule], found: Found) -> Option<Slip> {
    let in_train = rules.contains(&Rule::setting_value);
    (in_train && found.text == ",")
        .then(|| Slip::new("several values make a list in brackets: `class_weights=[1, 2, 0.5]`"))
}

fn in_signature(rules: &[Rule], found: Found) -> Option<Slip> {
    const NAMES: &str = "several inputs or outputs have a name each: `<image: 3x64x64, meta: 8 -> 10>`";
    let expects = |rule| rules.contains(&rule);
    match found.text {
        "," if expects(Rule::arrow) || expects(Rule::close_angle) => Some(Slip::new(NAMES)),
        "=" if expects(Rule::colon) => Some(Slip::new(NAMES).fix(found.span, ":", "write `:`")),
        _ if expects(Rule::colon) => Some(Slip::new(NAMES)),
        text if text.starts_with(|c: char| c.is_ascii_alphanumeric()) => {
            let goes_on = expects(Rule::comma) || expects(Rule::name) || expects(Rule::named_port);
            (goes_on && (expects(Rule::arrow) || expects(Rule::close_angle))).then(|| Slip::new(NAMES))
        }
        _ => None,
    }
}

/// How the construct of the last keyword is written, if it is that which was not finished.
fn behind_keyword(rules: &[Rule], found: Found) -> Option<Slip> {
    let expects = |rule| rules.contains(&rule);
    let body = expects(Rule::open_brace) || expects(Rule::body);
    let name = expects(Rule::name);
    let follows =
        found.before.is_some_and(|(before, _)| found.keyword.is_some_and(|(word, _)| word == before));
    let help = match found.keyword?.0 {
        _ if body && matches!(found.text, "and" | "or") => {
            "one pair of parentheses holds the whole condition: `if (a and b) { … }`"
        }
        "in" if found.text == "=" && found.before.is_some_and(|(before, _)| before == "..") => {
            "the end of a range is not one of its values: `0..(n + 1)` ends with `n`"
        }
        "if" if expects(Rule::open_paren) => "the condition stands in parentheses: `if (width > 32) { … }`",
        "if" if body => "what happens stands in braces: `if (width > 32) { … }`",
        "else" if found.text == "(" => {
            let help = "a further condition is written `else if (condition) { … }`";
            return Some(Slip::new(help).fix(
                Span::new(found.span.start, found.span.start),
                "if ",
                "insert `if`",
            ));
        }
        "else" if body => "what happens otherwise stands in braces: `else { … }`",
        "as" if found.text == "," => "`as` gives a single name; a second `as` gives another one",
        "as" if name && follows => "`as` gives a name to the value before it: `conv3 32 relu as skip`",
        "from" if name && follows => "`from` goes on with a named value: `from skip`",
        "shared" if name && follows => "a shared part has a name: `shared tower { … }`",
        "shared" if body && found.text == "(" => {
            "a shared part takes no parameters: its uses have the same weights, and hence the same sizes"
        }
        "shared" if body => "what is shared stands in braces: `shared tower { conv3 32 relu }`",
        "with" if body || expects(Rule::named) || expects(Rule::key) => {
            "settings are written `key=value`, then the words in braces: `with lr=0.1 frozen=true { … }`"
        }
        "add" | "concat" | "mul" if follows => {
            "values are joined by their names, `concat a, b`, or branches in braces, `concat { a | b }`"
        }
        "add" | "concat" | "mul" if found.text == "|" || found.text == "and" => {
            "names are separated by commas, `concat a, b`; branches stand in braces, `concat { a | b }`"
        }
        "add" | "concat" | "mul" if name => "a comma is followed by a further name: `concat a, b`",
        "allow" if [Rule::open_paren, Rule::lint, Rule::lint_word, Rule::hyphen].into_iter().any(expects) => {
            "lints are named in parentheses: `allow(small-batch, W0001)`"
        }
        "use" if expects(Rule::text) => "the file stands in quotes: `use \"blocks.nn\"`",
        "activation" if !expects_value(rules) => {
            "a function of the element is written `activation swish(x, beta = 1) = x*sigmoid(beta*x)`"
        }
        _ => return None,
    };
    Some(Slip::new(help))
}

fn in_body(rules: &[Rule], found: Found) -> Option<Slip> {
    match found.text {
        "==" if rules.contains(&Rule::statement) => {
            Some(Slip::new("an argument takes its value with one `=`: `stride=2`").fix(
                found.span,
                "=",
                "write `=`",
            ))
        }
        text if expects_value(rules)
            && text.contains('x')
            && text.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            Some(Slip::new("a pair of numbers stands without parentheses or sign: `stride=2x1`"))
        }
        "[" if expects_value(rules) => {
            Some(Slip::new("a list is only the value of an argument: `order=[1, 0, 2]`"))
        }
        _ => None,
    }
}

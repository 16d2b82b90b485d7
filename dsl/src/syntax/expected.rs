//! Words for what the grammar expected: no rule's name ever reaches a user.

use super::generated::Rule;
use super::scan::KEYWORDS;
use crate::diagnostic::{Diagnostic, Span};
use crate::words::nearest;

/// The token that did not fit.
#[derive(Clone, Copy)]
pub(super) struct Found<'t> {
    /// The token; empty at the end of the text.
    pub(super) text: &'t str,
    /// Where it stands.
    pub(super) span: Span,
    /// The token before it, if it belongs to the same item.
    pub(super) before: Option<(&'t str, Span)>,
}

/// The diagnostic for a token where the grammar tried `rules`.
pub(super) fn unexpected(rules: &[Rule], found: Found) -> Diagnostic {
    let expected = phrase(rules);
    let shown = if found.text.is_empty() { "the end of the text".to_owned() } else { format!("`{}`", found.text) };
    let diagnostic = Diagnostic::error("E0101", found.span, format!("expected {expected}, found {shown}"))
        .label(format!("expected {expected}"));
    match misspelt_keyword(rules, found) {
        Some((keyword, span)) => diagnostic
            .help(format!("did you mean `{keyword}`?"))
            .fix(span, keyword, format!("write `{keyword}`")),
        None => diagnostic.help(help(rules, found)),
    }
}

/// `a`, `a or b`, `a, b or c`.
fn phrase(rules: &[Rule]) -> String {
    let mut rules = rules.to_vec();
    rules.sort();
    let mut parts: Vec<&str> = rules.iter().map(|rule| describe(*rule)).collect();
    parts.dedup();
    match parts.split_last() {
        None => "something else".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// What a user would call a rule that can be tried at a token.
fn describe(rule: Rule) -> &'static str {
    match rule {
        Rule::file_item | Rule::macro_item | Rule::block | Rule::network | Rule::short_network | Rule::train => {
            "`network`, `block` or `train`"
        }
        Rule::params | Rule::open_paren => "`(`",
        Rule::param => "a parameter",
        Rule::expression_form | Rule::signature | Rule::open_angle => "`<`",
        Rule::body | Rule::open_brace => "`{`",
        Rule::statement | Rule::word => "a word",
        Rule::count => "a number or `(`",
        Rule::argument | Rule::named | Rule::key => "an argument",
        Rule::setting_key => "a setting",
        Rule::setting_value | Rule::setting_pair => "a setting or its value",
        Rule::named_value
        | Rule::setting_plain
        | Rule::formula
        | Rule::expression
        | Rule::sum
        | Rule::product
        | Rule::unary
        | Rule::values
        | Rule::parenthesised
        | Rule::call
        | Rule::callee
        | Rule::boolean => "a value",
        Rule::number | Rule::negative => "a number",
        Rule::negation => "`-`",
        Rule::compare_op | Rule::sum_op | Rule::product_op => "an operator",
        Rule::assertion | Rule::arrow => "`->`",
        Rule::binding | Rule::kw_let => "`let`",
        Rule::repetition | Rule::kw_repeat => "`repeat`",
        Rule::for_loop | Rule::kw_for => "`for`",
        Rule::residual | Rule::kw_residual => "`residual`",
        Rule::join | Rule::join_word => "`add` or `concat`",
        Rule::kw_shortcut => "`shortcut`",
        Rule::kw_in => "`in`",
        Rule::kw_pub => "`pub`",
        Rule::kw_network => "`network`",
        Rule::kw_block => "`block`",
        Rule::kw_train => "`train`",
        Rule::branch => "a branch",
        Rule::close_brace => "`}`",
        Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::close_paren => "`)`",
        Rule::close_angle => "`>`",
        Rule::bar => "`|`",
        Rule::comma => "`,`",
        Rule::equals => "`=`",
        Rule::name | Rule::identifier | Rule::word_char => "a name",
        Rule::shape | Rule::digits => "a shape",
        Rule::text => "a string",
        Rule::EOI => "the end of the text",
        // Only ever inside other tokens.
        Rule::keyword | Rule::gap | Rule::WHITESPACE | Rule::COMMENT => "white space",
    }
}

/// The keyword that was meant by the word before an unexpected `{`.
fn misspelt_keyword(rules: &[Rule], found: Found) -> Option<(&'static str, Span)> {
    let (word, span) = found.before?;
    if found.text != "{" || !rules.contains(&Rule::statement) {
        return None;
    }
    nearest(word, ["residual", "shortcut", "concat", "add"].into_iter()).map(|keyword| (keyword, span))
}

/// What to do about it.
fn help(rules: &[Rule], found: Found) -> String {
    let expects = |rule| rules.contains(&rule);
    let names = expects(Rule::name) || expects(Rule::param) || expects(Rule::setting_key);
    let text = match found.text {
        keyword if names && KEYWORDS.contains(&keyword) => {
            return format!("`{keyword}` is a keyword of the language: choose another name");
        }
        "{" if expects(Rule::statement) => {
            "braces follow only `repeat n`, `for x in [..]`, `residual`, `shortcut`, `add` and `concat`"
        }
        "block" | "network" | "train" | "pub" if expects(Rule::statement) => {
            "networks, blocks and `train` stand beside each other: close the braces before it"
        }
        "=" if expects(Rule::setting_value) => "a setting is a key and its values, without `=`: `batch 128`",
        "+" | "-" | "*" | "/" | "%" | "(" if expects(Rule::statement) => {
            "an expression stands in parentheses right after its word: `conv3 (2*width)`"
        }
        number if expects(Rule::statement) && number.starts_with(|c: char| c.is_ascii_digit()) => {
            "numbers follow their word, before any `key=value`: `conv3 32 stride=2`"
        }
        _ => usual_help(rules),
    };
    text.to_owned()
}

/// How the expected thing is written.
fn usual_help(rules: &[Rule]) -> &'static str {
    let forms = [
        (Rule::statement, "a body is a list of words, such as `conv3 32 bn relu`"),
        (Rule::shape, "a shape has the channels first: `3x32x32`, or `784` for a vector"),
        (Rule::open_angle, "the shapes of a sample follow the name: `network Net<3x32x32 -> 10> { … }`"),
        (Rule::signature, "the shapes of a sample follow the name: `network Net<3x32x32 -> 10> { … }`"),
        (Rule::arrow, "the signature is the input's shape and the output's: `<3x32x32 -> 10>`"),
        (Rule::close_angle, "the signature is the input's shape and the output's: `<3x32x32 -> 10>`"),
        (Rule::count, "say how often, as in `repeat 3 { … }`"),
        (Rule::kw_in, "a loop is written `for c in [32, 64] { … }`"),
        (Rule::open_bracket, "a loop is written `for c in [32, 64] { … }`"),
        (Rule::body, "write what it holds between `{` and `}`"),
        (Rule::open_brace, "write what it holds between `{` and `}`"),
        (Rule::setting_key, "a section is a list of settings: `batch 128 epochs 30`"),
        (Rule::setting_value, "a section is a list of settings: `batch 128 epochs 30`"),
        (Rule::close_paren, "a value goes on with an operator, such as `2*width`, or ends with `)`"),
        (Rule::unary, "a value is a number, a name, a call such as `min(a, b)`, or an expression in parentheses"),
        (Rule::named_value, "a value is a number, a name, `true`, `false`, or an expression in parentheses"),
        (Rule::setting_plain, "a value is a number, a word, a string, or an expression in parentheses"),
        (Rule::equals, "give it a value: `let width = 32`"),
        (Rule::file_item, "a text begins with `network Net<1x28x28 -> 10> { … }`, or with a `block`"),
        (Rule::macro_item, "begin with `Net<1x28x28 -> 10> { … }`, or with a `block`"),
        (Rule::EOI, "nothing may follow here"),
    ];
    let form = forms.iter().find(|(rule, _)| rules.contains(rule));
    form.map_or("names begin with a letter; `//` begins a comment", |(_, help)| help)
}

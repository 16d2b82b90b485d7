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
    if let Some((word, span)) = found.before
        && is_braced_word(rules, found.text, word)
    {
        return braced_word(word, span, found.span);
    }
    let expected = phrase(rules);
    let shown =
        if found.text.is_empty() { "the end of the text".to_owned() } else { format!("`{}`", found.text) };
    Diagnostic::error("E0101", found.span, format!("expected {expected}, found {shown}"))
        .label(format!("expected {expected}"))
        .help(help(rules, found, &expected))
}

/// Whether an unexpected `{` follows a word that no braces belong to.
fn is_braced_word(rules: &[Rule], found: &str, word: &str) -> bool {
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic()) && !KEYWORDS.contains(&word);
    found == "{" && is_name && rules.contains(&Rule::statement)
}

/// `shorcut { … }`: the mistake is the word and not the braces.
fn braced_word(word: &str, span: Span, braces: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("E0101", span, format!("expected a keyword before `{{`, found `{word}`"))
            .label("not a keyword")
            .at(braces, "its braces");
    match nearest(word, BRACED.into_iter()) {
        Some(keyword) => {
            let help = format!("did you mean `{keyword}`?");
            diagnostic.help(help).fix(span, keyword, format!("write `{keyword}`"))
        }
        None => diagnostic.help(BRACES),
    }
}

/// The keywords with braces right behind them.
const BRACED: [&str; 4] = ["residual", "shortcut", "concat", "add"];

const BRACES: &str =
    "braces follow only `repeat n`, `for x in [..]`, `residual`, `shortcut`, `add` and `concat`";

/// `a`, `a or b`, `a, b or c`.
fn phrase(rules: &[Rule]) -> String {
    let mut rules = rules.to_vec();
    rules.sort_by_key(|rule| (rank(*rule), *rule));
    let mut parts: Vec<&str> = rules.iter().map(|rule| describe(*rule)).collect();
    parts.dedup();
    match parts.split_last() {
        None => "something else".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// What continues comes first, what ends comes last.
fn rank(rule: Rule) -> u8 {
    match rule {
        Rule::argument | Rule::named | Rule::key => 0,
        Rule::compare_op | Rule::sum_op | Rule::product_op => 1,
        Rule::close_brace | Rule::close_bracket | Rule::close_paren | Rule::close_angle | Rule::EOI => 3,
        _ => 2,
    }
}

/// What a user would call a rule that can be tried at a token.
fn describe(rule: Rule) -> &'static str {
    match rule {
        Rule::file_item
        | Rule::macro_item
        | Rule::block
        | Rule::network
        | Rule::short_network
        | Rule::train => "`network`, `block` or `train`",
        Rule::params | Rule::open_paren => "`(`",
        Rule::param => "a parameter",
        Rule::expression_form | Rule::signature | Rule::open_angle => "`<`",
        Rule::body | Rule::open_brace => "`{`",
        Rule::statement | Rule::word => "a word",
        Rule::count => "a number or `(`",
        Rule::argument | Rule::named | Rule::key => "an argument",
        Rule::setting_key => "a setting",
        Rule::setting_value | Rule::setting_pair => "a setting, a value",
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

/// What to do about it.
fn help(rules: &[Rule], found: Found, expected: &str) -> String {
    let expects = |rule| rules.contains(&rule);
    let names = expects(Rule::name) || expects(Rule::param) || expects(Rule::setting_key);
    if names && KEYWORDS.contains(&found.text) {
        return format!("`{}` is a keyword of the language: choose another name", found.text);
    }
    if names && found.before.is_some_and(|(before, _)| before == "train") {
        return "name the network that it trains: `train Net { … }`".to_owned();
    }
    let in_body = expects(Rule::statement).then(|| misplaced_in_body(found.text)).flatten();
    let equals = "a setting is a key and its values, without `=`: `batch 128`";
    let in_train = (found.text == "=" && expects(Rule::setting_value)).then_some(equals);
    match in_body.or(in_train).or_else(|| usual_help(rules)) {
        Some(text) => text.to_owned(),
        None => format!("{expected} belongs here"),
    }
}

/// What people write in a body that is said otherwise.
fn misplaced_in_body(found: &str) -> Option<&'static str> {
    match found {
        "{" => Some(BRACES),
        "|" => Some("`|` stands between the branches of `add { a | b }` and `concat { a | b }`"),
        "," => Some("arguments have only spaces between them: `conv3 32 stride=2`"),
        "shortcut" => Some("`shortcut { … }` follows the braces of `residual { … }`"),
        "block" | "network" | "train" | "pub" => {
            Some("networks, blocks and `train` stand beside each other: close the braces before it")
        }
        "+" | "-" | "*" | "/" | "%" | "(" => {
            Some("an expression stands in parentheses right after its word: `conv3 (2*width)`")
        }
        text if text.starts_with('"') => Some("strings belong into `train`"),
        number if number.starts_with(|c: char| c.is_ascii_digit()) => {
            Some("numbers follow their word, before any `key=value`: `conv3 32 stride=2`")
        }
        _ => None,
    }
}

/// How the expected thing is written.
fn usual_help(rules: &[Rule]) -> Option<&'static str> {
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
        (
            Rule::unary,
            "a value is a number, a name, a call such as `min(a, b)`, or an expression in parentheses",
        ),
        (Rule::named_value, "a value is a number, a name, `true`, `false`, or an expression in parentheses"),
        (Rule::setting_plain, "a value is a number, a word, a string, or an expression in parentheses"),
        (Rule::equals, "give it a value: `let width = 32`"),
        (Rule::file_item, "a text begins with `network Net<1x28x28 -> 10> { … }`, or with a `block`"),
        (Rule::macro_item, "begin with `Net<1x28x28 -> 10> { … }`, or with a `block`"),
        (Rule::kw_network, "`pub` stands before a network: `pub network Net<…> { … }`"),
        (Rule::name, "a name begins with a letter, as in `Net` or `c1`"),
        (Rule::param, "parameters are names with or without a default: `(width = 32, depth)`"),
    ];
    let form = forms.iter().find(|(rule, _)| rules.contains(rule));
    form.map(|(_, help)| *help)
}

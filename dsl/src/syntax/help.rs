//! What to do about a token that does not fit: how the expected thing is written.

use super::expected::Found;
use super::generated::Rule;
use super::scan::KEYWORDS;

/// Where braces stand.
pub(super) const BRACES: &str = "braces follow only `repeat n`, `for x in [..]`, `if (..)`, `else`, `residual`, \
     `shortcut`, `add`, `concat`, `mul`, `shared name` and `with key=value`";

const VALUE: &str =
    "a value is a number, a name, a call such as `min(a, b)`, or an expression in parentheses";

/// What a loop looks like.
pub(super) const LOOP: &str = "a loop is written `for c in [32, 64] { … }` or `for i in 0..3 { … }`";

/// What to do about it.
pub(super) fn help(rules: &[Rule], found: Found, expected: &str) -> String {
    let expects = |rule| rules.contains(&rule);
    if names_keyword(rules, found) {
        return format!("`{}` is a keyword of the language: choose another name", found.text);
    }
    let names = expects_name(rules);
    if names && found.before.is_some_and(|(before, _)| before == "train") {
        return "name the network that it trains: `train Net { … }`".to_owned();
    }
    let in_body = expects(Rule::statement).then(|| misplaced_in_body(found.text)).flatten();
    let equals = "a setting is a key and its values, without `=`: `batch 128`";
    let in_train = (found.text == "=" && expects(Rule::setting_value)).then_some(equals);
    match in_body.or(in_train).or_else(|| usual_help(rules)) {
        Some(text) => text.to_owned(),
        None if expects_value(rules) => VALUE.to_owned(),
        None => format!("{expected} belongs here"),
    }
}

/// Whether a keyword stands in the place of a name.
pub(super) fn names_keyword(rules: &[Rule], found: Found) -> bool {
    expects_name(rules) && !rules.contains(&Rule::open_brace) && KEYWORDS.contains(&found.text)
}

fn expects_name(rules: &[Rule]) -> bool {
    let names = [Rule::name, Rule::variable, Rule::param, Rule::named_port, Rule::ports, Rule::setting_key];
    names.iter().any(|rule| rules.contains(rule))
}

/// Whether a value of an expression was expected.
pub(super) fn expects_value(rules: &[Rule]) -> bool {
    let values = [
        Rule::expression,
        Rule::conjunction,
        Rule::inversion,
        Rule::comparison,
        Rule::sum,
        Rule::product,
        Rule::unary,
    ];
    values.iter().any(|rule| rules.contains(rule))
}

/// What people write in a body that is said otherwise.
fn misplaced_in_body(found: &str) -> Option<&'static str> {
    match found {
        "{" => Some(BRACES),
        "|" => {
            Some("`|` stands between the branches of `add { a | b }`, `concat { a | b }` and `mul { a | b }`")
        }
        "," => Some("arguments have only spaces between them: `conv3 32 stride=2`"),
        "shortcut" => Some("`shortcut { … }` follows the braces of `residual { … }`"),
        "else" => Some("`else { … }` follows the braces of `if (condition) { … }`"),
        "[" => Some("a list is the value of an argument: `permute order=[1, 0, 2]`"),
        ":" => Some("only the inputs and outputs of a signature are named with `:`"),
        "block" | "network" | "train" | "pub" => {
            Some("networks, blocks and `train` stand beside each other: close the braces before it")
        }
        "+" | "-" | "*" | "/" | "%" | "(" => {
            Some("an expression stands in parentheses right after its word: `conv3 (2*width)`")
        }
        text if text.starts_with('"') => {
            Some("strings belong into `train` and behind `use`, outside of all braces")
        }
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
        (Rule::ports, "a shape has the channels first: `3x32x32`, or `784` for a vector"),
        (Rule::shape, "a shape has the channels first: `3x32x32`, or `784` for a vector"),
        (Rule::open_angle, "the shapes of a sample follow the name: `network Net<3x32x32 -> 10> { … }`"),
        (Rule::signature, "the shapes of a sample follow the name: `network Net<3x32x32 -> 10> { … }`"),
        (Rule::arrow, "the signature is the input's shape and the output's: `<3x32x32 -> 10>`"),
        (Rule::close_angle, "the signature is the input's shape and the output's: `<3x32x32 -> 10>`"),
        (Rule::count, "say how often, as in `repeat 3 { … }`"),
        (Rule::kw_in, LOOP),
        (Rule::dots, LOOP),
        (Rule::open_bracket, LOOP),
        (Rule::body, "write what it holds between `{` and `}`"),
        (Rule::open_brace, "write what it holds between `{` and `}`"),
        (Rule::setting_key, "a section is a list of settings: `batch 128 epochs 30`"),
        (Rule::setting_value, "a section is a list of settings: `batch 128 epochs 30`"),
        (Rule::close_paren, "a value goes on with an operator, such as `2*width`, or ends with `)`"),
        (Rule::named_value, "a value is a number, a name, `true`, `false`, or an expression in parentheses"),
        (Rule::setting_plain, "a value is a number, a word, a string, or an expression in parentheses"),
        (Rule::equals, "give it a value: `let width = 32`"),
        (Rule::colon, "several inputs or outputs have names: `<image: 3x64x64, meta: 8 -> 10>`"),
        (Rule::lint, "lints are named in parentheses: `allow(small-batch)`"),
        (Rule::file_item, "a text begins with `network Net<1x28x28 -> 10> { … }`, or with a `block`"),
        (Rule::macro_item, "begin with `Net<1x28x28 -> 10> { … }`, or with a `block`"),
        (Rule::kw_network, "`pub` stands before a network: `pub network Net<…> { … }`"),
        (Rule::variable, "a name begins with a letter, as in `Net` or `c1`"),
        (Rule::name, "a name begins with a letter, as in `Net` or `c1`"),
        (Rule::param, "parameters are names with or without a default: `(width = 32, depth)`"),
    ];
    let form = forms.iter().find(|(rule, _)| rules.contains(rule));
    form.map(|(_, help)| *help)
}

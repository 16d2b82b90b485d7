//! Words for what the grammar expected: no rule's name ever reaches a user.

use super::generated::Rule;
use super::help::{BRACES, LOOP, help};
use super::scan::KEYWORDS;
use super::slips::slip;
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
    /// The token before that one, likewise.
    pub(super) earlier: Option<(&'t str, Span)>,
    /// The token behind it, likewise.
    pub(super) after: Option<(&'t str, Span)>,
    /// The word with whose arguments the tokens before it end.
    pub(super) word: Option<(&'t str, Span)>,
    /// The last keyword before it.
    pub(super) keyword: Option<(&'t str, Span)>,
}

/// The diagnostic for a token where the grammar tried `rules`.
pub(super) fn unexpected(rules: &[Rule], found: Found) -> Diagnostic {
    if let Some((word, span)) = found.word
        && is_braced_word(rules, found.text, word)
    {
        return braced_word(word, span, found.span);
    }
    if let Some(diagnostic) = loop_without_for(found).or_else(|| word_for_a_name(found)) {
        return diagnostic;
    }
    let expected = phrase(rules);
    let shown =
        if found.text.is_empty() { "the end of the text".to_owned() } else { format!("`{}`", found.text) };
    let diagnostic = Diagnostic::error("E0101", found.span, format!("expected {expected}, found {shown}"))
        .label(format!("expected {expected}"));
    match slip(rules, found) {
        Some(slip) => slip.added_to(diagnostic),
        None => diagnostic.help(help(rules, found, &expected)),
    }
}

/// Whether an unexpected `{` follows a word that no braces belong to.
fn is_braced_word(rules: &[Rule], found: &str, word: &str) -> bool {
    found == "{" && is_name(word) && rules.contains(&Rule::statement)
}

/// `shorcut { … }`: the mistake is the word and not the braces.
fn braced_word(word: &str, span: Span, braces: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("E0101", span, format!("expected a keyword before `{{`, found `{word}`"))
            .label("not a keyword")
            .at(braces, "its braces");
    let meant = match word {
        "elif" | "elsif" | "elseif" => Some("else if"),
        _ => nearest(word, BRACED.into_iter()),
    };
    match meant {
        Some(keyword) => {
            let help = format!("did you mean `{keyword}`?");
            diagnostic.help(help).fix(span, keyword, format!("write `{keyword}`"))
        }
        None => diagnostic.help(BRACES),
    }
}

/// `i in [1, 2] { … }`: what is missing stands before the name.
fn loop_without_for(found: Found) -> Option<Diagnostic> {
    let (name, span) = found.before.filter(|(name, _)| found.text == "in" && is_name(name))?;
    let message = format!("expected `for` before `{name} in`");
    let diagnostic =
        Diagnostic::error("E0101", span.to(found.span), message).label("expected `for`").help(LOOP);
    Some(match found.earlier.filter(|(word, _)| nearest(word, ["for"].into_iter()).is_some()) {
        Some((_, word)) => diagnostic.fix(word, "for", "write `for`"),
        None => diagnostic.fix(Span::new(span.start, span.start), "for ", "insert `for`"),
    })
}

/// `as double_conv (8)`: a name is missing, and the word behind it was taken for one.
fn word_for_a_name(found: Found) -> Option<Diagnostic> {
    let (word, span) = found.before.filter(|(word, _)| is_name(word))?;
    let (keyword, _) = found.keyword.filter(|(keyword, _)| NAMING.contains(keyword))?;
    let is_argument = found.text == "(" || found.text.starts_with(|c: char| c.is_ascii_digit());
    let is_first = matches!(found.earlier?.0, "," | "as" | "from" | "add" | "concat" | "mul");
    if !is_argument || !is_first {
        return None;
    }
    let message = format!("expected the name of a value behind `{keyword}`, found `{word}` with arguments");
    let help = format!("write the name that is missing: `{keyword} skip {word} …`");
    Some(
        Diagnostic::error("E0101", span, message)
            .label("not a name")
            .at(found.span, "its arguments")
            .help(help),
    )
}

/// The keywords with the names of values behind them.
const NAMING: [&str; 5] = ["as", "from", "add", "concat", "mul"];

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !KEYWORDS.contains(&word)
}

/// The keywords with braces behind them or behind an argument.
const BRACED: [&str; 8] = ["residual", "shortcut", "concat", "add", "mul", "repeat", "if", "else"];

/// `a`, `a or b`, `a, b or c`.
fn phrase(rules: &[Rule]) -> String {
    // Allowing a lint is never what was left out.
    let told = |rule: &&Rule| rules.len() == 1 || !matches!(rule, Rule::allow | Rule::kw_allow);
    let mut rules: Vec<Rule> = rules.iter().filter(told).copied().collect();
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
        Rule::or_op | Rule::and_op | Rule::compare_op | Rule::sum_op | Rule::product_op => 1,
        Rule::close_brace | Rule::close_bracket | Rule::close_paren | Rule::close_angle | Rule::EOI => 3,
        _ => 2,
    }
}

/// What a user would call a rule that can be tried at a token.
pub(super) fn describe(rule: Rule) -> &'static str {
    match rule {
        Rule::file_item
        | Rule::macro_item
        | Rule::block
        | Rule::network
        | Rule::short_network
        | Rule::train
        | Rule::use_file
        | Rule::kw_use
        | Rule::activation
        | Rule::kw_activation => "`network`, `block` or `train`",
        Rule::params | Rule::open_paren => "`(`",
        Rule::param => "a parameter",
        Rule::expression_form | Rule::signature | Rule::open_angle => "`<`",
        Rule::body | Rule::open_brace => "`{`",
        Rule::statement | Rule::word => "a word",
        Rule::count => "a number or `(`",
        Rule::argument | Rule::named | Rule::key => "an argument",
        Rule::ports => "a shape",
        Rule::named_port => "a named shape",
        Rule::setting_key => "a setting",
        Rule::setting_value | Rule::setting_pair => "a setting, a value",
        Rule::named_value
        | Rule::setting_plain
        | Rule::formula
        | Rule::range
        | Rule::bound
        | Rule::expression
        | Rule::conjunction
        | Rule::inversion
        | Rule::not_op
        | Rule::comparison
        | Rule::sum
        | Rule::product
        | Rule::unary
        | Rule::sides
        | Rule::parenthesised
        | Rule::call
        | Rule::callee
        | Rule::boolean => "a value",
        Rule::number | Rule::negative => "a number",
        Rule::negation => "`-`",
        Rule::or_op | Rule::and_op | Rule::compare_op | Rule::sum_op | Rule::product_op => "an operator",
        Rule::assertion | Rule::arrow => "`->`",
        Rule::binding | Rule::kw_let => "`let`",
        Rule::repetition | Rule::kw_repeat => "`repeat`",
        Rule::for_loop | Rule::kw_for => "`for`",
        Rule::residual | Rule::kw_residual => "`residual`",
        Rule::join | Rule::named_join | Rule::join_word => "`add`, `concat` or `mul`",
        Rule::conditional | Rule::kw_if => "`if`",
        Rule::kw_else => "`else`",
        Rule::naming | Rule::kw_as => "`as`",
        Rule::continuation | Rule::kw_from => "`from`",
        Rule::shared | Rule::kw_shared => "`shared`",
        Rule::settled | Rule::kw_with => "`with`",
        Rule::allow | Rule::kw_allow => "`allow`",
        Rule::lint | Rule::lint_word => "the name of a lint",
        Rule::hyphen => "`-`",
        Rule::dots => "`..`",
        Rule::kw_shortcut => "`shortcut`",
        Rule::kw_in => "`in`",
        Rule::kw_pub => "`pub`",
        Rule::kw_network => "`network`",
        Rule::kw_block => "`block`",
        Rule::kw_train => "`train`",
        Rule::branch => "a branch",
        Rule::close_brace => "`}`",
        Rule::list | Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::close_paren => "`)`",
        Rule::close_angle => "`>`",
        Rule::bar => "`|`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::name | Rule::variable | Rule::identifier | Rule::any_word | Rule::word_char => "a name",
        Rule::shape | Rule::digits => "a shape",
        Rule::text => "a string",
        Rule::EOI => "the end of the text",
        // Only ever inside other tokens.
        Rule::keyword
        | Rule::logic
        | Rule::goes_on
        | Rule::operator
        | Rule::ends
        | Rule::gap
        | Rule::WHITESPACE
        | Rule::COMMENT => "white space",
    }
}

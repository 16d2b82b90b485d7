//! The manual of every diagnostic. Lints have theirs in [`crate::lints`].
//!
//! A page lies in `codes/CODE.md`: a title, what the mistake is, a wrong text (`nn wrong`) and
//! the same one mended (`nn mended`). Tests check both texts, and that every code has a page.

use crate::lints;

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!("codes/", $code, ".md")))),*]
    };
}

/// Every code with its page, in order.
pub static CODES: &[(&str, &str)] = pages! {
    "E0101" "E0102" "E0103" "E0104" "E0105"
    "E0201" "E0202" "E0203" "E0204" "E0205" "E0206" "E0207" "E0208"
    "E0209" "E0210" "E0211" "E0212" "E0213" "E0214" "E0215" "E0216"
    "E0220" "E0221" "E0222"
    "E0301" "E0302" "E0303" "E0304" "E0305" "E0306" "E0307" "E0308" "E0309"
    "E0320" "E0321" "E0322" "E0323" "E0324" "E0325"
    "E0401" "E0402" "E0403" "E0404" "E0405" "E0406" "E0407" "E0408" "E0409" "E0410"
    "E0501" "E0502" "E0503" "E0504" "E0505" "E0506" "E0507" "E0508" "E0509" "E0510" "E0511"
    "E0601"
};

/// The page of a code or a lint, in Markdown. Capital and small letters are the same here.
pub fn explain(code: &str) -> Option<&'static str> {
    let page = CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| *page);
    page.or_else(|| lints::find(code).map(|lint| lint.page))
}

/// The title of a code's page.
pub fn title(code: &str) -> Option<&'static str> {
    let first = explain(code)?.lines().next()?;
    first.split_once(": ").map(|(_, title)| title)
}

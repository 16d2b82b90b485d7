//! Texts made of texts: cut, joined, with pieces moved, changed and broken.

use crate::random::Random;

/// Pieces that are unusual in many places.
const PIECES: [&str; 64] = [
    "0",
    "-1",
    "1",
    "99999999999",
    "1e300",
    "0.5",
    "1e-9",
    "(1/0)",
    "(0/0)",
    "9007199254740993",
    "0x10",
    "1x99999999999",
    "3x32x32",
    "1x1x1x1",
    "1x1x1x1x1",
    "[",
    "]",
    "[]",
    "[1, 2, 3]",
    "(",
    ")",
    "{",
    "}",
    "{ }",
    "|",
    "<",
    ">",
    "->",
    "=",
    ",",
    ":",
    "\"",
    "\\",
    "//",
    "\0",
    "\r\n",
    "\u{feff}",
    "é",
    "ﬁ",
    "🦀",
    "as a",
    "from a",
    "concat a",
    "add a, a",
    "mul a",
    "shared a",
    "if (true)",
    "else",
    "else if (false)",
    "repeat 3",
    "repeat 1000000000",
    "for i in [1, 2]",
    "residual",
    "shortcut",
    "with lr=0",
    "frozen=true",
    "allow(all)",
    "network N<4 -> 4>",
    "train N",
    "block b(a)",
    "activation f(x) = ",
    "use \"a.nn\"",
    "stride=2",
    "window=(channels)",
];

/// A text like `first`, with something of `second`.
pub(crate) fn mutate(first: &str, second: &str, random: &mut Random) -> String {
    let (mut pieces, others) = (pieces(first), pieces(second));
    if random.below(4) == 0 {
        pieces.truncate(random.below(pieces.len() + 1));
        pieces.extend(&others[random.below(others.len() + 1)..]);
    }
    for _ in 0..random.below(6) {
        change(&mut pieces, &others, random);
    }
    let text = pieces.concat();
    match random.below(8) {
        0 => with_a_broken_letter(text, random),
        _ => text,
    }
}

fn change<'t>(pieces: &mut Vec<&'t str>, others: &[&'t str], random: &mut Random) {
    if pieces.is_empty() {
        pieces.push("network");
    }
    let (place, other) = (random.below(pieces.len()), random.below(pieces.len()));
    match random.below(8) {
        0 => drop(pieces.remove(place)),
        1 => pieces.insert(place, pieces[other]),
        2 => pieces[place] = PIECES[random.below(PIECES.len())],
        3 => pieces.insert(place, PIECES[random.below(PIECES.len())]),
        4 => pieces.swap(place, other),
        5 => repeat(pieces, place, random),
        6 => drop(pieces.drain(place..(place + random.below(12)).min(pieces.len()))),
        _ => {
            let from = random.below(others.len() + 1);
            let to = (from + random.below(12)).min(others.len());
            pieces.splice(place..place, others[from..to].iter().copied());
        }
    }
}

/// Some pieces several times, which nests what is open among them.
fn repeat(pieces: &mut Vec<&str>, place: usize, random: &mut Random) {
    let run = pieces[place..(place + 1 + random.below(8)).min(pieces.len())].to_vec();
    for _ in 0..random.below(40) {
        pieces.splice(place..place, run.iter().copied());
    }
}

fn with_a_broken_letter(text: String, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if !letters.is_empty() {
        let place = random.below(letters.len());
        letters[place] = char::from_u32(random.below(0x1_0000) as u32).unwrap_or('?');
    }
    letters.into_iter().collect()
}

/// The text in pieces: names and numbers, blanks, and other letters one by one.
fn pieces(text: &str) -> Vec<&str> {
    let kind = |letter: char| match letter {
        _ if letter.is_ascii_alphanumeric() || letter == '_' || letter == '.' => 0,
        _ if letter.is_whitespace() => 1,
        _ => 2,
    };
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut last = 2;
    for (place, letter) in text.char_indices() {
        let this = kind(letter);
        if place > start && (this == 2 || this != last) {
            pieces.push(&text[start..place]);
            start = place;
        }
        last = this;
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

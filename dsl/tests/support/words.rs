//! A slip at one word of a text: it is left out, written twice, swapped, miscounted or misspelt.

use nnc_dsl::Span;

use crate::random::Random;

/// What happened to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slip {
    /// It is missing.
    Drop,
    /// It stands there twice.
    Repeat,
    /// It stands behind the next one.
    Swap,
    /// A number in it is another one.
    Number,
    /// A letter in it is wrong, missing or too much.
    Misspell,
}

impl Slip {
    /// All of them.
    pub(crate) const ALL: [Slip; 5] = [Slip::Drop, Slip::Repeat, Slip::Swap, Slip::Number, Slip::Misspell];
}

/// A text with a slip.
pub(crate) struct Slipped {
    /// The text.
    pub(crate) text: String,
    /// What happened.
    pub(crate) slip: Slip,
    /// The words as they were and as they are.
    pub(crate) change: String,
    /// The words that changed, with the one before and the one behind.
    pub(crate) near: Span,
}

/// Makes a slip at a random word. A slip that the word has no letters or digits for is another one.
pub(crate) fn slip(text: &str, random: &mut Random) -> Slipped {
    let words = words(text);
    let index = random.below(words.len());
    let word = &text[words[index].range()];
    let has_digit = word.contains(|letter: char| letter.is_ascii_digit());
    let has_letter = word.contains(|letter: char| letter.is_ascii_alphabetic());
    let slip = match *random.choose(&Slip::ALL) {
        Slip::Number if !has_digit => Slip::Misspell,
        Slip::Misspell if !has_letter => Slip::Number,
        Slip::Swap if index + 1 == words.len() => Slip::Repeat,
        slip => slip,
    };
    let last = if slip == Slip::Swap { index + 1 } else { index };
    let old = words[index].to(words[last]);
    let new = match slip {
        Slip::Drop => String::new(),
        Slip::Repeat => format!("{word} {word}"),
        Slip::Swap => {
            let between = &text[words[index].end..words[last].start];
            format!("{}{between}{word}", &text[words[last].range()])
        }
        Slip::Number => miscounted(word, random),
        Slip::Misspell => misspelt(word, random),
    };
    let change = format!("`{}` becomes `{new}`", &text[old.range()]);
    let grown = |place: usize| place + new.len() - old.range().len();
    let before = index.checked_sub(1).map_or(0, |before| words[before].start);
    let behind = words.get(last + 1).map_or(grown(text.len()), |behind| grown(behind.end));
    let text = format!("{}{new}{}", &text[..old.start], &text[old.end..]);
    Slipped { text, slip, change, near: Span::new(before, behind) }
}

/// Names and numbers outside of comments.
fn words(text: &str) -> Vec<Span> {
    let mut words: Vec<Span> = Vec::new();
    let mut line = 0;
    for whole in text.split_inclusive('\n') {
        let code = whole.split_once("//").map_or(whole, |(code, _)| code);
        let mut start = None;
        for (place, letter) in code.char_indices().chain([(code.len(), ' ')]) {
            match (start, letter.is_ascii_alphanumeric() || letter == '_' || letter == '.') {
                (None, true) => start = Some(place),
                (Some(first), false) => {
                    words.push(Span::new(line + first, line + place));
                    start = None;
                }
                _ => {}
            }
        }
        line += whole.len();
    }
    words
}

/// One more, one less, twice as many, none, or any other number in place of one of the word's.
fn miscounted(word: &str, random: &mut Random) -> String {
    let digits: Vec<usize> =
        word.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    let any = *random.choose(&digits);
    let start = word[..any].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |before| before + 1);
    let end = word[any..].find(|c: char| !c.is_ascii_digit()).map_or(word.len(), |length| any + length);
    let old: u64 = word[start..end].parse().unwrap();
    let new = loop {
        let new = match random.below(5) {
            0 => old + 1,
            1 => old.saturating_sub(1),
            2 => old * 2,
            3 => old / 2,
            _ => random.below(100) as u64,
        };
        if new != old {
            break new;
        }
    };
    format!("{}{new}{}", &word[..start], &word[end..])
}

fn misspelt(word: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let places: Vec<usize> =
        (0..letters.len()).filter(|place| letters[*place].is_ascii_alphabetic()).collect();
    let place = *random.choose(&places);
    let other = char::from(b'a' + random.below(26) as u8);
    match random.below(4) {
        0 if letters.len() > 1 => drop(letters.remove(place)),
        1 => letters.insert(place, other),
        2 if place + 1 < letters.len() => letters.swap(place, place + 1),
        _ => letters[place] = other,
    }
    letters.into_iter().collect()
}

//! Letters that are not what they seem: what a person should look at twice before believing a name, in a few words.

use crate::visible::has_hidden;

/// The alphabets whose letters pass for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Latin,
    Cyrillic,
    Greek,
    Armenian,
    Cherokee,
    RightToLeft,
    Fullwidth,
}

/// What is odd about a text, each in words for the page.
pub(super) fn oddities(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if has_hidden(text) {
        found.push("has hidden characters".to_owned());
    }
    let is_letter = |character: char| character.is_alphanumeric() || character == '_';
    if text.split(|character| !is_letter(character)).any(is_mixed) {
        found.push(format!("mixes alphabets: {}", code_points(text)));
    }
    let address = text.contains('@') || text.contains("://") || is_domain_like(text);
    if address && !text.is_ascii() && text.chars().any(|character| !character.is_ascii() && character.is_alphabetic()) {
        found.push(format!("an address with letters beyond a to z: {}", code_points(text)));
    }
    let lower = text.to_ascii_lowercase();
    if lower
        .split(|character: char| !character.is_alphanumeric() && character != '-')
        .any(|label| label.starts_with("xn--"))
    {
        found.push("an address in punycode: it may be displayed as another name".to_owned());
    }
    if text.chars().any(|character| alphabet(character) == Some(Alphabet::RightToLeft))
        && text.chars().any(|character| character.is_ascii_alphanumeric())
    {
        found.push("runs in both directions".to_owned());
    }
    found
}

fn is_domain_like(text: &str) -> bool {
    !text.contains(char::is_whitespace) && text.contains('.') && text.len() <= 255
}

fn is_mixed(word: &str) -> bool {
    let mut alphabets = word.chars().filter_map(alphabet);
    let Some(first) = alphabets.next() else { return false };
    alphabets.any(|alphabet| alphabet != first)
}

fn alphabet(character: char) -> Option<Alphabet> {
    match character {
        'a'..='z' | 'A'..='Z' | '\u{00C0}'..='\u{024F}' | '\u{0250}'..='\u{02AF}' | '\u{1E00}'..='\u{1EFF}' => {
            Some(Alphabet::Latin)
        }
        '\u{0370}'..='\u{03FF}' | '\u{1F00}'..='\u{1FFF}' => Some(Alphabet::Greek),
        '\u{0400}'..='\u{052F}' | '\u{1C80}'..='\u{1C8F}' | '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}' => {
            Some(Alphabet::Cyrillic)
        }
        '\u{0530}'..='\u{058F}' => Some(Alphabet::Armenian),
        '\u{13A0}'..='\u{13FF}' | '\u{AB70}'..='\u{ABBF}' => Some(Alphabet::Cherokee),
        '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}' => Some(Alphabet::RightToLeft),
        '\u{FF01}'..='\u{FF5E}' => Some(Alphabet::Fullwidth),
        _ => None,
    }
}

/// The first few characters beyond ASCII, by number.
fn code_points(text: &str) -> String {
    const MOST: usize = 6;
    let mut found: Vec<String> = Vec::new();
    for character in text.chars().filter(|character| !character.is_ascii() && character.is_alphabetic()) {
        let point = format!("U+{:04X}", character as u32);
        if !found.contains(&point) {
            found.push(point);
        }
    }
    let more = found.len() > MOST;
    found.truncate(MOST);
    let list = found.join(" ");
    if more { format!("{list} and more") } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t164_look_alikes_are_named() {
        assert_eq!(oddities("p\u{0430}ypal"), ["mixes alphabets: U+0430"]);
        assert_eq!(
            oddities("anna@p\u{0430}ypal.com"),
            ["mixes alphabets: U+0430", "an address with letters beyond a to z: U+0430"]
        );
        assert_eq!(
            oddities("https://xn--pypal-4ve.com"),
            ["an address in punycode: it may be displayed as another name"]
        );
        assert_eq!(oddities("a\u{200B}b"), ["has hidden characters"]);
        assert_eq!(oddities("\u{05D0}bc"), ["mixes alphabets: U+05D0", "runs in both directions"]);
    }

    #[test]
    fn ordinary_text_is_not_odd() {
        for text in ["ch_1", "Grüße aus Köln", "Привет, мир", "anna@example.com", "v1.2 is out", "日本語", "a\nb"]
        {
            assert_eq!(oddities(text), Vec::<String>::new(), "{text}");
        }
    }
}

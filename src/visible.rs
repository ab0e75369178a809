//! Text that somebody else chose, made safe to look at: what cannot be seen, or turns what is seen around, is written
//! out. Two different texts never look the same, in a page, a terminal or a log.

use unicode_width::UnicodeWidthChar as _;

/// `text` with every invisible, directional, control and look-alike-space character written as `⟨U+202E⟩`, and runs of
/// spaces counted. Injective: `⟨` itself is written out too.
pub fn visible(text: &str) -> String {
    written(text, false)
}

/// The same, with line breaks kept after their mark, for values that have lines.
pub fn visible_lines(text: &str) -> String {
    written(text, true)
}

/// The lines of a file for a terminal: spaces stay as they are, because lines are compared and not values; all else is
/// written out as by [`visible`].
pub fn visible_source(line: &str) -> String {
    let mut marks = Marks::default();
    line.chars()
        .map(|character| match character {
            other if marks.pile_up(other) => format!("⟨U+{:04X}⟩", other as u32),
            ' ' => " ".to_owned(),
            other if is_hidden(other) => format!("⟨U+{:04X}⟩", other as u32),
            other => other.to_string(),
        })
        .collect()
}

/// Does the text have characters that [`visible`] writes out, line breaks aside?
pub fn has_hidden(text: &str) -> bool {
    let mut marks = Marks::default();
    text.chars()
        .any(|character| marks.pile_up(character) || (character != '\n' && character != '⟨' && is_hidden(character)))
}

/// How many marks stand on the same letter (T167): the scripts of the world need two, more would cover the lines around.
#[derive(Default)]
struct Marks(usize);

impl Marks {
    const MOST: usize = 2;

    /// Is `character` a mark, and one too many?
    fn pile_up(&mut self, character: char) -> bool {
        self.0 = if character.width() == Some(0) { self.0 + 1 } else { 0 };
        self.0 > Self::MOST
    }
}

fn written(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut at_edge = true;
    let mut marks = Marks::default();
    while let Some(character) = characters.next() {
        let piled = marks.pile_up(character);
        if character == ' ' {
            let mut run = 1_usize;
            while characters.next_if_eq(&' ').is_some() {
                run += 1;
            }
            let last = characters.peek().is_none_or(|next| *next == '\n');
            match run {
                1 if !at_edge && !last => out.push(' '),
                1 => out.push_str("⟨U+0020⟩"),
                _ => out += &format!("⟨U+0020×{run}⟩"),
            }
            at_edge = false;
        } else if character == '\n' && lines {
            out.push_str("⟨U+000A⟩\n");
            at_edge = true;
        } else if piled || is_hidden(character) {
            out += &format!("⟨U+{:04X}⟩", character as u32);
            at_edge = false;
        } else {
            out.push(character);
            at_edge = false;
        }
    }
    out
}

/// Categories are not enough: fillers are letters, blanks are symbols, selectors are marks (Unicode 17.0,
/// `DerivedCoreProperties.txt`, `Default_Ignorable_Code_Point`, and `White_Space`).
fn is_hidden(character: char) -> bool {
    if character == '⟨' || character == '⟩' || character.is_control() {
        return true;
    }
    if character == ' ' {
        return false;
    }
    character.is_whitespace()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202F}' | '\u{205F}'..='\u{206F}'
            | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}' | '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}' | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}'
            | '\u{0600}'..='\u{0605}' | '\u{06DD}' | '\u{070F}' | '\u{08E2}' | '\u{110BD}' | '\u{110CD}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn t161_direction_is_written_out() {
        assert_eq!(visible("pay\u{202E}gpj.exe"), "pay⟨U+202E⟩gpj.exe");
        assert_eq!(visible("a\u{2066}b\u{061C}"), "a⟨U+2066⟩b⟨U+061C⟩");
    }

    #[test]
    fn t162_t163_what_cannot_be_seen_is_written_out() {
        for hidden in "\u{200B}\u{00AD}\u{2060}\u{E0041}\u{FE0F}\u{E0100}\u{1D173}\u{1BCA0}\u{3164}\u{115F}\u{1160}\u{FFA0}\u{2800}\u{034F}\u{17B4}\u{180B}\u{00A0}\u{2003}\u{3000}".chars() {
            assert_eq!(visible(&format!("a{hidden}b")), format!("a⟨U+{:04X}⟩b", hidden as u32));
        }
    }

    #[test]
    fn t167_marks_that_pile_up_are_written_out() {
        // Hebrew and Thai have two on a letter
        for word in ["שָׁלוֹם", "ที่นี่", "นํ้า"] {
            assert_eq!(visible(word), word);
        }
        let pile = |count: usize| format!("10{}00", "\u{0E49}".repeat(count));
        assert_eq!(visible(&pile(4)), format!("10{}⟨U+0E49⟩⟨U+0E49⟩00", "\u{0E49}".repeat(2)));
        assert_eq!((has_hidden(&pile(2)), has_hidden(&pile(3))), (false, true));
        assert_eq!(visible_source(&pile(3)), visible(&pile(3)));
    }

    #[test]
    fn t165_runs_of_space_are_counted_and_lines_marked() {
        assert_eq!(visible("a  b c "), "a⟨U+0020×2⟩b c⟨U+0020⟩");
        assert_eq!(visible_lines("a\nb"), "a⟨U+000A⟩\nb");
        assert_eq!(visible("a\r\u{2028}\u{b}\u{c}"), "a⟨U+000D⟩⟨U+2028⟩⟨U+000B⟩⟨U+000C⟩");
    }

    #[test]
    fn t172_terminal_escapes_are_written_out() {
        assert_eq!(visible("\u{1b}]8;;http://x\u{7}"), "⟨U+001B⟩]8;;http://x⟨U+0007⟩");
    }

    proptest! {
        /// I11: two different texts never look the same.
        #[test]
        fn visible_is_injective(a in "[ab \n⟨⟩U+0\u{202E}\u{200B}]{0,8}", b in "[ab \n⟨⟩U+0\u{202E}\u{200B}]{0,8}") {
            if a != b {
                prop_assert_ne!(visible(&a), visible(&b));
                prop_assert_ne!(visible_lines(&a), visible_lines(&b));
            }
        }

        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(|c| c != '⟨' && c != '⟩' && is_hidden(c)));
        }
    }
}

//! What names and prose in a manifest may look like: prose reaches models and approvers, so nothing in it is hidden.

use super::reader::At;
use crate::diagnostic::Source;

/// `^[a-z][a-z0-9]*$`: no separator inside, so that `<id>_<tool>` says which is which.
pub(super) fn is_integration_id(text: &str) -> bool {
    is_name(text) && !text.contains('_')
}

/// `^[a-z][a-z0-9_]*$`
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A header's name (RFC 9110 section 5.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Text for people and models: one line that says something, with no character that cannot be seen.
pub(super) fn prose(source: &mut Source<'_>, key: &str, text: At<String>) -> String {
    if text.value.trim().is_empty() {
        source.problem(text.span, format!("`{key}` is empty"), "write it for people and models".to_owned());
    } else if let Some(hidden) = text.value.chars().find(|character| is_hidden(*character)) {
        source.problem(
            text.span,
            format!("`{key}` contains U+{:04X}, a character that cannot be seen", u32::from(hidden)),
            "models and approvers read this text; write it in one line, without such characters".to_owned(),
        );
    }
    text.value
}

/// Controls, line breaks, bidi marks, zero-width and filler characters, variation selectors and tags.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

//! A JSON text in which every value can be held exactly.

use super::INEXACT;

/// The same text, with numbers that would lose digits as strings, and halves of surrogate pairs as U+FFFD. What is no JSON stays none:
/// only whole numbers and whole escapes are replaced, each by one value of the same place.
pub(super) fn exact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string(rest, &mut out),
            '-' | '0'..='9' => number(rest, &mut out),
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// How much of `rest` its first number takes.
fn number(rest: &str, out: &mut String) -> usize {
    let end = rest.find(|one: char| !matches!(one, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')).unwrap_or(rest.len());
    let token = rest.get(..end).unwrap_or_default();
    // as a key it is no JSON, and a string there would be
    let is_key = rest.get(end..).unwrap_or_default().trim_start().starts_with(':');
    match token.parse::<f64>() {
        Ok(value) if is_number(token) && !is_key && value.abs() >= INEXACT => {
            out.push('"');
            out.push_str(token);
            out.push('"');
        }
        Ok(_) | Err(_) => out.push_str(token),
    }
    end
}

/// By JSON's grammar, however large.
fn is_number(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    all(whole) && all(fraction) && all(exponent) && (whole == "0" || !whole.starts_with('0'))
}

/// How much of `rest` its first string takes, quotes and all.
fn string(rest: &str, out: &mut String) -> usize {
    let mut at = 1;
    out.push('"');
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if let Some(unit) = escaped(here) {
            let low = here.get(6..).and_then(escaped).filter(|low| (0xDC00..0xE000).contains(low));
            let length = if (0xD800..0xDC00).contains(&unit) && low.is_some() { 12 } else { 6 };
            let half = length == 6 && (0xD800..0xE000).contains(&unit);
            out.push_str(if half { "\\ufffd" } else { here.get(..length).unwrap_or_default() });
            at += length;
            continue;
        }
        let mut characters = here.chars();
        let length = match characters.next() {
            Some('\\') => 1 + characters.next().map_or(0, char::len_utf8),
            Some(other) => other.len_utf8(),
            None => break,
        };
        out.push_str(here.get(..length).unwrap_or_default());
        at += length;
        if here.starts_with('"') {
            break;
        }
    }
    at
}

/// The unit that `\uXXXX` at the beginning of `text` stands for.
fn escaped(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| u16::from_str_radix(digits, 16).ok())?
}

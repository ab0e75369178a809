//! What every answer passes: a credential that a vendor sends back, in whatever form, goes no further.
//!
//! Only decoded text is searched: the strings, keys and numbers of JSON, or the whole of what is no JSON. A form that
//! can be cut out is replaced; a form that only shows after one more decoding takes the whole string with it.

mod decode;
mod masking;

use std::{collections::BTreeMap, ops::Range};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;
use zeroize::Zeroizing;

pub use self::masking::mask_secrets;

const REDACTED: &str = "[redacted]";

/// Shorter secrets would be found by chance: of them only whole values are replaced.
const SHORTEST: usize = 6;

/// Every form of one credential that an answer could hold.
pub struct Needles {
    forms: Vec<Needle>,
    whole: Vec<Zeroizing<String>>,
    first_bytes: Vec<bool>,
    numeric: bool,
}

struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// Upper case or lower.
    Hex,
    /// A part of a longer run, all of which goes.
    Base64,
}

impl Needles {
    /// The forms of `secret`, which is sent as `sent`: with its prefix, in base64 wherever it begins (so that
    /// `user:secret` is found too), in base64url, in hexadecimal.
    pub fn new(secret: &str, sent: &str) -> Self {
        Self::of(&[(secret, sent)])
    }

    /// The forms of several secrets, each with how it is sent: a sign-in has more than one.
    pub fn of(secrets: &[(&str, &str)]) -> Self {
        let both = secrets.iter().flat_map(|(secret, sent)| [secret, sent]);
        let whole = both.map(|text| Zeroizing::new((*text).to_owned())).collect();
        let mut forms = Vec::new();
        for (secret, sent) in secrets.iter().filter(|(secret, _)| secret.len() >= SHORTEST) {
            let mut add = |text: String, form| forms.push(Needle { bytes: Zeroizing::new(text.into_bytes()), form });
            add((*sent).to_owned(), Form::Text);
            add((*secret).to_owned(), Form::Text);
            add(HEXLOWER.encode(secret.as_bytes()), Form::Hex);
            for offset in 0..3 {
                let shifted: Zeroizing<Vec<u8>> =
                    Zeroizing::new(std::iter::repeat_n(0, offset).chain(secret.bytes()).collect());
                for encoding in [BASE64_NOPAD, BASE64URL_NOPAD] {
                    add(core(&encoding.encode(&shifted), offset, shifted.len()), Form::Base64);
                }
            }
        }
        forms.sort_by_key(|needle: &Needle| std::cmp::Reverse(needle.bytes.len()));
        let mut first_bytes = vec![false; 256];
        for byte in forms.iter().filter_map(|needle| needle.bytes.first()) {
            for either in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                if let Some(known) = first_bytes.get_mut(usize::from(either)) {
                    *known = true;
                }
            }
        }
        let numeric = secrets.iter().any(|(secret, _)| secret.bytes().all(|byte| byte.is_ascii_digit()));
        Self { forms, whole, first_bytes, numeric }
    }

    /// Where the next form is, at or after `from`.
    fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let rest = text.get(from..)?;
        let candidates =
            rest.iter().enumerate().filter(|(_, byte)| self.first_bytes.get(usize::from(**byte)) == Some(&true));
        for (offset, _) in candidates {
            let start = from + offset;
            for needle in &self.forms {
                let end = start + needle.bytes.len();
                let Some(here) = text.get(start..end) else { continue };
                let same = match needle.form {
                    Form::Hex => here.eq_ignore_ascii_case(&needle.bytes),
                    Form::Text | Form::Base64 => here == needle.bytes.as_slice(),
                };
                if same {
                    return Some(match needle.form {
                        Form::Text | Form::Hex => start..end,
                        Form::Base64 => run(text, from, start..end),
                    });
                }
            }
        }
        None
    }
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[needles]")
    }
}

/// The value without the credential, and how often it was in there.
pub fn redact(mut value: Value, needles: &Needles) -> (Value, usize) {
    let hits = redact_value(&mut value, needles);
    (value, hits)
}

/// As [`redact`], of text that is no JSON.
pub fn redact_text(text: String, needles: &Needles) -> (String, usize) {
    match clean(&text, needles) {
        Some((clean, hits)) => (clean, hits),
        None => (text, 0),
    }
}

fn redact_value(value: &mut Value, needles: &Needles) -> usize {
    match value {
        Value::String(text) => match clean(text, needles) {
            Some((clean, hits)) => {
                *text = clean;
                hits
            }
            None => 0,
        },
        Value::Array(items) => items.iter_mut().map(|item| redact_value(item, needles)).sum(),
        Value::Object(map) => {
            let found = map.keys().filter_map(|key| Some((key.clone(), clean(key, needles)?)));
            let found: Vec<_> = found.collect();
            let mut taken = BTreeMap::new();
            let mut hits = 0;
            for (key, (clean, times)) in found {
                hits += times;
                if let Some(value) = map.remove(&key) {
                    let name = masking::free(map, clean, &mut taken);
                    map.insert(name, value);
                }
            }
            hits + map.values_mut().map(|value| redact_value(value, needles)).sum::<usize>()
        }
        Value::Number(number) if needles.numeric => {
            let Some((clean, hits)) = clean(&number.to_string(), needles) else { return 0 };
            *value = Value::String(clean);
            hits
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The text without the credential, and how often it was in there. None where it was not.
fn clean(text: &str, needles: &Needles) -> Option<(String, usize)> {
    if needles.whole.iter().any(|whole| **whole == *text) {
        return Some((REDACTED.to_owned(), 1));
    }
    let (mut clean, mut from, mut hits) = (String::new(), 0, 0);
    while let Some(found) = needles.find(text.as_bytes(), from) {
        // needles are ASCII, so what they match begins and ends between characters
        clean.push_str(text.get(from..found.start).unwrap_or_default());
        clean.push_str(REDACTED);
        hits += 1;
        from = found.end;
    }
    clean.push_str(if hits == 0 { "" } else { text.get(from..).unwrap_or_default() });
    let left = if hits == 0 { text } else { clean.as_str() };
    if !needles.forms.is_empty() && decode::views(left).any(|view| needles.find(&view, 0).is_some()) {
        return Some((REDACTED.to_owned(), hits + 1));
    }
    (hits > 0).then_some((clean, hits))
}

/// The characters that depend on nothing but the secret, of the base64 text of `offset` unknown bytes and the secret.
fn core(encoded: &str, offset: usize, length: usize) -> String {
    let start = (offset * 8).div_ceil(6);
    let end = length * 8 / 6;
    encoded.get(start..end).unwrap_or_default().to_owned()
}

/// Widens a match to the whole run of base64 characters around it: at its edges are bits of the secret too.
fn run(text: &[u8], from: usize, found: Range<usize>) -> Range<usize> {
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(*byte);
    let before = text.get(from..found.start).unwrap_or_default().iter().rev().take_while(belongs).count();
    let after = text.get(found.end..).unwrap_or_default().iter().take_while(belongs).count();
    found.start - before..found.end + after
}

#[cfg(test)]
mod tests;

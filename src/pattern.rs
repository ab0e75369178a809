//! A regular expression as manifests and policies mean it: the whole value, ASCII classes, linear time.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use regex::Regex;

/// Compiled patterns. Manifests say the same few hundreds of times, and compiling them is most of what reading a manifest
/// costs; but of all that a program has read it needs few, so that they are not kept with what names them.
static COMPILED: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
/// More than the patterns of any tool, and of a policy that people read.
const COMPILED_MAX: usize = 256;
const COMPILED_BYTES: usize = 256 * 1024;

/// A pattern that matches whole values only.
#[derive(Clone)]
pub struct Pattern {
    source: String,
}

impl Pattern {
    /// Checks `source`, anchored at both ends, with ASCII `\d`, `\w` and `\s`, and a bound on its compiled size.
    ///
    /// # Errors
    /// The reason, in one line, for a pattern that is not valid or too large.
    pub fn new(source: &str) -> Result<Self, String> {
        let groups = source.match_indices("(?").map(|(at, _)| source.get(at + 2..).unwrap_or_default());
        if groups.into_iter().any(|rest| !rest.starts_with(':')) {
            return Err("only plain groups are available, `(…)` and `(?:…)`: no flags, names or look-around".to_owned());
        }
        compiled(source)?;
        Ok(Self { source: source.to_owned() })
    }

    /// Does the whole of `value` match?
    pub fn matches(&self, value: &str) -> bool {
        compiled(&self.source).is_ok_and(|regex| regex.is_match(value))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

/// Lets go of what was compiled to check it; what is used is compiled again.
pub fn forget_compiled() {
    COMPILED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn compiled(source: &str) -> Result<Regex, String> {
    let known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
    if let Some(regex) = known {
        return Ok(regex);
    }
    let regex = regex::RegexBuilder::new(&format!("\\A(?:{})\\z", ascii_classes(source)))
        .size_limit(COMPILED_BYTES)
        // no lazy automaton, which takes longer to set up than an id takes to match: what is left is linear too
        .dfa_size_limit(0)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => other.to_string().lines().last().unwrap_or("it is not valid").trim().to_owned(),
        })?;
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if compiled.len() >= COMPILED_MAX {
        compiled.clear();
    }
    compiled.insert(source.to_owned(), regex.clone());
    Ok(regex)
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/", self.source)
    }
}

/// `\d`, `\w`, `\s` are Unicode classes in the regex crate; ours are ASCII, so that `١٠٠` is no number.
fn ascii_classes(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut characters = source.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        if character != '\\' {
            match character {
                '[' => in_class = true,
                ']' => in_class = false,
                _ => {}
            }
            out.push(character);
            continue;
        }
        let replacement = match characters.next() {
            Some('d') => "0-9",
            Some('w') => "A-Za-z0-9_",
            Some('s') => " \\t\\n\\r",
            Some(other) => {
                out.push('\\');
                out.push(other);
                continue;
            }
            None => {
                out.push('\\');
                continue;
            }
        };
        if in_class {
            out.push_str(replacement);
        } else {
            out.push('[');
            out.push_str(replacement);
            out.push(']');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t088_a_pattern_is_the_whole_value() {
        let refund = Pattern::new("refund").unwrap();
        assert!(refund.matches("refund"));
        assert!(!refund.matches("refunds"));
        assert!(!Pattern::new("^a|b$").unwrap().matches("zzzb"));
        assert!(!Pattern::new("[a-z]+").unwrap().matches("abc\n"));
    }

    #[test]
    fn t088_classes_are_ascii_and_flags_are_refused() {
        assert!(!Pattern::new("\\d+").unwrap().matches("١٠٠"));
        assert!(Pattern::new("[\\d.]+").unwrap().matches("1.0"));
        assert!(!Pattern::new("\\w").unwrap().matches("ſ"));
        for source in ["(?i)stripe", "(?Ui)x", "(?-u)x", "(?P<a>x)", "(?<a>x)", "(?im:x)"] {
            assert!(Pattern::new(source).is_err(), "{source}");
        }
        assert!(Pattern::new("(?:a|b)").unwrap().matches("b"));
    }

    #[test]
    fn t247_a_pattern_that_explodes_is_refused() {
        assert_eq!(Pattern::new("((a{1000}){1000}){1000}").unwrap_err(), "it is too large");
    }
}

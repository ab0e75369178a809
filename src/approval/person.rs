//! Who may say yes. The first is the owner of the home.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// Names one person: `per_…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub String);

impl PersonId {
    /// The first, who is there with the home.
    pub fn owner() -> Self {
        Self("per_owner".to_owned())
    }

    /// Who is tried in the place of a name that nobody has: without a factor, for ever, while wrong codes count as anybody's do.
    /// There are sixteen, so that a lock says of such a name what it says of a person's, and what is kept stays bounded.
    pub fn nobody(of: u8) -> Self {
        Self(format!("nobody_{:x}", of % 16))
    }

    /// Is it in the place of a name that nobody has?
    pub fn is_nobody(&self) -> bool {
        self.0.starts_with("nobody_")
    }

    /// Is it the first, who decides who else there is?
    pub fn is_owner(&self) -> bool {
        *self == Self::owner()
    }
}

/// Somebody who may say yes, as soon as they have a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `per_…`
    pub id: PersonId,
    /// By which people know each other.
    pub name: PersonName,
    /// Since when, in milliseconds since the Unix epoch; 0 for the owner, who was always there.
    pub since: Millis,
    /// How many factors are enrolled.
    pub factors: u32,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

impl Person {
    /// Were they added, and have enrolled nothing yet?
    pub fn is_invited(&self) -> bool {
        !self.id.is_owner() && self.factors == 0 && self.recovery_codes == 0
    }
}

/// A name of one spelling: lower-case letters and digits, joined by `.`, `_` or `-`, at most 40.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

impl PersonName {
    const LONGEST: usize = 40;

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PersonName {
    type Error = PersonNameError;

    fn try_from(text: String) -> Result<Self, PersonNameError> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let (first, last) = (text.bytes().next(), text.bytes().next_back());
        let ends = first.is_some_and(letter) && last.is_some_and(letter);
        let rest = text.bytes().all(|byte| letter(byte) || b"._-".contains(&byte));
        if ends && rest && text.len() <= Self::LONGEST { Ok(Self(text)) } else { Err(PersonNameError) }
    }
}

impl std::str::FromStr for PersonName {
    type Err = PersonNameError;

    fn from_str(text: &str) -> Result<Self, PersonNameError> {
        text.to_owned().try_into()
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A text that is no name of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a person's name is up to 40 lower-case letters and digits, with `.`, `_` or `-` between them")]
pub struct PersonNameError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        for text in ["owner", "a", "ann.lee", "ann-2_b"] {
            assert_eq!(text.parse::<PersonName>().map(String::from), Ok(text.to_owned()));
        }
        for text in ["", "Ann", "ann lee", ".ann", "ann-", "ann\u{200b}", "аnn", &"a".repeat(41)] {
            assert_eq!(text.parse::<PersonName>(), Err(PersonNameError), "{text}");
        }
    }
}

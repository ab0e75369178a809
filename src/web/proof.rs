//! The proof that a form carries: a code, or what a passkey signed in its stead.

use crate::{
    approval::{Assertion, Code, PasskeyError, PersonId},
    gateway::Presented,
};

/// What was typed or signed, read and not yet tried.
#[derive(Debug)]
pub(super) enum Proof {
    /// Six digits, or a recovery code.
    Code(Code),
    /// A passkey's answer to the page's challenge.
    Passkey(Assertion),
}

impl Proof {
    /// Reads the two fields of a form; `passkey` is empty where the browser has signed nothing.
    ///
    /// # Errors
    /// Why it is neither, for the page.
    pub(super) fn read(code: &str, passkey: &str) -> Result<Self, String> {
        if passkey.is_empty() {
            Code::parse(code).map(Self::Code).map_err(|error| error.to_string())
        } else {
            Assertion::parse(passkey).map(Self::Passkey).ok_or_else(|| PasskeyError::Form.to_string())
        }
    }

    /// As it is shown by who is signed in, on the page of this origin.
    pub(super) fn presented<'a>(&'a self, origin: &'a str, of: &'a PersonId) -> Presented<'a> {
        match self {
            Self::Code(code) => Presented::Code(of, code),
            Self::Passkey(assertion) => Presented::Passkey { assertion, origin, of: Some(of) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passkey_counts_where_there_is_one_and_nothing_stands_in_for_it() {
        assert!(matches!(Proof::read("123456", ""), Ok(Proof::Code(_))));
        assert!(Proof::read("", "").is_err());
        // a right code beside a broken assertion is not taken in its stead
        assert_eq!(Proof::read("123456", "{}").unwrap_err(), PasskeyError::Form.to_string());
    }
}

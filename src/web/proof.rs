//! What a form shows as proof: a code, or what a passkey signed. Read in one place, whatever it is given for.

use super::{Site, session::Session};
use crate::{
    approval::{Assertion, Code, PasskeyError},
    gateway::Presented,
};

/// A proof as a form shows it; what it is worth the gateway says.
pub(super) enum Shown {
    /// A code.
    Code(Code),
    /// What a passkey signed.
    Passkey(Assertion),
}

impl Shown {
    /// Out of the two fields, of which the passkey's comes first.
    ///
    /// # Errors
    /// What is wrong with what was typed, in words for the page.
    pub(super) fn read(code: &str, passkey: &str) -> Result<Self, String> {
        if passkey.is_empty() {
            return Code::parse(code).map(Self::Code).map_err(|error| error.to_string());
        }
        Assertion::parse(passkey).map(Self::Passkey).ok_or_else(|| PasskeyError::Form.to_string())
    }

    /// As the person of this session shows it.
    pub(super) fn of<'a>(&'a self, site: &'a Site, session: &'a Session) -> Presented<'a> {
        match self {
            Self::Code(code) => Presented::Code(&session.person, code),
            Self::Passkey(assertion) => {
                Presented::Passkey { assertion, origin: site.origin(), of: Some(&session.person) }
            }
        }
    }
}

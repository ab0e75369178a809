//! The proof that a form carries: a code, or what a passkey signed in its stead; and whom it proves.

use axum::http::StatusCode;

use super::{Site, failure::Failure, pages::refused, visitor::Visitor};
use crate::{
    approval::{Approver, Assertion, Claim, Code, PasskeyError, PersonId},
    gateway::{Presented, ProveError},
    visible::visible,
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

/// Why a form was not taken.
pub(super) enum Refused {
    /// For the page.
    Form(StatusCode, String),
    /// For the log.
    Inside(Failure),
}

impl Refused {
    pub(super) fn form(problem: impl std::fmt::Display) -> Self {
        Self::Form(StatusCode::UNPROCESSABLE_ENTITY, visible(&problem.to_string()))
    }

    pub(super) fn inside(error: impl std::fmt::Display) -> Self {
        Self::Inside(Failure::internal(error))
    }
}

/// Whoever is signed in, proven for one claim.
pub(super) async fn prove(site: &Site, visitor: &Visitor, claim: Claim, shown: &Proof) -> Result<Approver, Refused> {
    let presented = shown.presented(site.origin(), &visitor.session.person);
    site.gateway().prove(&visitor.visit.parts, claim, &presented).await.map_err(|error| match error {
        ProveError::Ledger(error) => Refused::inside(error),
        ProveError::Wrong
        | ProveError::Used
        | ProveError::Passkey(_)
        | ProveError::Locked(_)
        | ProveError::NotEnrolled
        | ProveError::NoSeed
        | ProveError::Store(_) => Refused::Form(refused(&error), error.to_string()),
    })
}

/// The owner, proven for one claim; anybody else reads why that is not theirs.
pub(super) async fn prove_owner(
    site: &Site,
    visitor: &Visitor,
    claim: Claim,
    shown: &Proof,
    owners: &str,
) -> Result<Approver, Refused> {
    if !visitor.session.person.is_owner() {
        return Err(Refused::Form(StatusCode::FORBIDDEN, owners.to_owned()));
    }
    prove(site, visitor, claim, shown).await
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

//! A person on the page of those who may say yes: their factors by kind and date. A secret is nowhere near.

use super::When;
use crate::{
    approval::{Person, PersonId},
    clock::Millis,
    ledger::sqlite::Factor,
};

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct PersonView {
    /// `per_…`
    pub(in crate::web) id: String,
    /// By which people know each other.
    pub(in crate::web) name: String,
    /// Is it the owner?
    pub(in crate::web) owner: bool,
    /// Is it who looks?
    pub(in crate::web) you: bool,
    /// When they were added; the owner was always there.
    pub(in crate::web) since: Option<When>,
    /// Were they added, and have enrolled nothing yet?
    pub(in crate::web) invited: bool,
    /// Their factors, oldest first.
    pub(in crate::web) factors: Vec<FactorView>,
    /// How many recovery codes are left.
    pub(in crate::web) recovery_codes: u32,
}

/// One factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct FactorView {
    /// `fac_…`
    pub(in crate::web) id: String,
    /// `passkey` or `authenticator app`.
    pub(in crate::web) kind: &'static str,
    /// When it was enrolled.
    pub(in crate::web) since: When,
}

/// `totp` and `passkey`, as people call them.
pub(in crate::web) fn factor_kind(kind: &str) -> &'static str {
    if kind == "passkey" { "passkey" } else { "authenticator app" }
}

impl PersonView {
    /// With their own among all `factors`, for who looks.
    pub(in crate::web) fn new(person: &Person, factors: &[Factor], looks: &PersonId, now: Millis) -> Self {
        let own = factors.iter().filter(|factor| factor.person == person.id);
        Self {
            id: person.id.0.clone(),
            name: person.name.to_string(),
            owner: person.id.is_owner(),
            you: person.id == *looks,
            since: (!person.id.is_owner()).then(|| When::new(person.since, now)),
            invited: person.is_invited(),
            factors: own
                .map(|factor| FactorView {
                    id: factor.id.0.clone(),
                    kind: factor_kind(&factor.kind),
                    since: When::new(factor.created_at, now),
                })
                .collect(),
            recovery_codes: person.recovery_codes,
        }
    }

    /// Can the one factor be removed, or would nothing be left?
    pub(in crate::web) fn has_several(&self) -> bool {
        self.factors.len() > 1
    }
}

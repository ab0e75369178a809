//! From what a person shows to a proven human. A code's attempt is counted, durably, before the code is looked at; what a
//! passkey signed cannot be guessed, so that it is not counted, and no lock of codes keeps it out.

use super::{Gateway, Parts};
use crate::{
    approval::{Approver, Assertion, Claim, Code, Enrolled, PasskeyError, PersonId, Seed, prove, prove_by_passkey},
    clock::{Millis, rfc3339},
    ledger::{Attempt, LedgerError},
    secret::StoreError,
};

/// Where the secret store keeps a factor's seed.
pub fn seed_name(factor: &crate::approval::FactorId) -> String {
    format!("factor/{}", factor.0)
}

/// What a person shows.
#[derive(Debug)]
pub enum Presented<'a> {
    /// A code, of this person.
    Code(&'a PersonId, &'a Code),
    /// What a passkey signed on the page of this origin. Whose it is, the passkey says; where a session says it too, they
    /// must agree.
    Passkey {
        /// What the browser handed over.
        assertion: &'a Assertion,
        /// Where the site is, port included.
        origin: &'a str,
        /// Whose it must be.
        of: Option<&'a PersonId>,
    },
}

/// Why what was shown proved nobody.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Wrong, or used before.
    #[error("that code is not right, or it was used already; take the next one that your app shows")]
    Wrong,
    /// Right, and used in the same moment by somebody else.
    #[error("that code was used already; take the next one that your app shows")]
    Used,
    /// Not a passkey's yes to this.
    #[error("{0}; nothing was approved, try again")]
    Passkey(#[from] PasskeyError),
    /// Too many wrong ones.
    #[error("too many wrong codes; the next one is taken after {}", rfc3339(*.0))]
    Locked(Millis),
    /// Nothing to prove with.
    #[error("no second factor is enrolled; run `agentport factor add totp`")]
    NotEnrolled,
    /// What is enrolled cannot be checked in this home, such as one that was restored without its secrets.
    #[error(
        "the second factor cannot be checked: its secret is not in the store; `agentport factor reset` starts over with a new one"
    )]
    NoSeed,
    /// The seeds cannot be opened.
    #[error("the second factor cannot be checked: {0}")]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Gateway {
    /// Checks what a person shows for one claim. What it returns is burnt by the ledger when it is used.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub async fn prove(&self, parts: &Parts, claim: Claim, shown: &Presented<'_>) -> Result<Approver, ProveError> {
        match *shown {
            Presented::Code(person, code) => self.prove_by_code(parts, claim, person, code).await,
            Presented::Passkey { assertion, origin, of } => {
                self.prove_by_passkey(parts, claim, assertion, origin, of).await
            }
        }
    }

    /// A challenge for a passkey, good for this claim, once, for two minutes. One for a yes with a grant is made by
    /// [`Gateway::grant_challenge`].
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn challenge(&self, parts: &Parts, claim: Claim) -> Result<String, LedgerError> {
        parts.home.new_challenge(claim, self.clock.now()).await
    }

    async fn prove_by_code(
        &self,
        parts: &Parts,
        claim: Claim,
        person: &PersonId,
        code: &Code,
    ) -> Result<Approver, ProveError> {
        let purpose = claim.purpose();
        let factors = parts.ledger.factors().await?;
        // a name that nobody has takes the work that the owner's takes (T140)
        let of = if person.is_nobody() { PersonId::owner() } else { person.clone() };
        // who has a passkey has recovery codes, too
        let has_passkey = factors.iter().any(|factor| factor.person == of && factor.kind == "passkey");
        let mut enrolled = Vec::new();
        let mut unopened = false;
        for factor in factors.into_iter().filter(|factor| factor.person == of) {
            unopened = true;
            let Some(secret) = parts.secrets.get(&seed_name(&factor.id)).await? else { continue };
            if let Some(seed) = Seed::from_secret(&secret) {
                let last_step = factor.last_step(purpose);
                enrolled.push(Enrolled { id: factor.id, seed, last_step });
            }
        }
        if enrolled.is_empty() && !has_passkey {
            return Err(if unopened { ProveError::NoSeed } else { ProveError::NotEnrolled });
        }
        let now = self.clock.now();
        match parts.ledger.begin_attempt(person, purpose, now).await? {
            Attempt::Counted => {
                let proven = prove(claim, code, person, &enrolled, now);
                // no app is nobody's, and no recovery code is found for them when it is to be burnt
                if let Some(approver) = proven.filter(|proven| !person.is_nobody() || proven.factor().is_none()) {
                    return Ok(approver);
                }
                parts.home.note_wrong_code(person.clone(), purpose, now).await?;
                Err(ProveError::Wrong)
            }
            Attempt::Locked { until } => Err(ProveError::Locked(until)),
        }
    }

    async fn prove_by_passkey(
        &self,
        parts: &Parts,
        claim: Claim,
        assertion: &Assertion,
        origin: &str,
        of: Option<&PersonId>,
    ) -> Result<Approver, ProveError> {
        let challenge = assertion.challenge().ok_or(PasskeyError::Form)?;
        let nonce = parts.home.nonce(challenge.clone(), self.clock.now()).await?.ok_or(PasskeyError::Challenge)?;
        let passkeys = parts.home.passkeys(of.cloned()).await?;
        let passkey = passkeys.iter().find(|passkey| passkey.credential == assertion.id);
        let proven = passkey
            .ok_or(PasskeyError::Unknown)
            .and_then(|passkey| prove_by_passkey(claim, assertion, passkey, &nonce, origin));
        if let Err(error) = proven {
            tracing::warn!("a passkey proved nobody: {error}");
            parts.home.drop_challenge(challenge).await?;
        }
        Ok(proven?)
    }
}

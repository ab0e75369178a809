//! From a code to a proven human. The attempt is counted, durably, before the code is looked at.

use super::{Gateway, Parts};
use crate::{
    approval::{Approver, Claim, Code, Enrolled, Seed, prove},
    clock::{Millis, rfc3339},
    ledger::{Attempt, LedgerError},
    secret::StoreError,
};

/// Where the secret store keeps a factor's seed.
pub fn seed_name(factor: &crate::approval::FactorId) -> String {
    format!("factor/{}", factor.0)
}

/// Why a code proved nobody.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Wrong, or used before.
    #[error("that code is not right, or it was used already; take the next one that your app shows")]
    Wrong,
    /// Right, and used in the same moment by somebody else.
    #[error("that code was used already; take the next one that your app shows")]
    Used,
    /// Too many wrong ones.
    #[error("too many wrong codes; the next one is taken after {}", rfc3339(*.0))]
    Locked(Millis),
    /// Nothing to prove with.
    #[error("no second factor is enrolled; run `agentport factor add totp`")]
    NotEnrolled,
    /// The seeds cannot be opened.
    #[error("the second factor cannot be checked: {0}")]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Gateway {
    /// Checks a code for one claim. What it returns is burnt by the ledger when it is used.
    ///
    /// # Errors
    /// Why the code proves nothing.
    pub async fn prove(&self, parts: &Parts, claim: Claim, code: &Code) -> Result<Approver, ProveError> {
        let purpose = claim.purpose();
        let mut enrolled = Vec::new();
        for factor in parts.ledger.factors().await? {
            let Some(secret) = parts.secrets.get(&seed_name(&factor.id)).await? else { continue };
            if let Some(seed) = Seed::from_secret(&secret) {
                let last_step = factor.last_step(purpose);
                enrolled.push(Enrolled { id: factor.id, seed, last_step });
            }
        }
        if enrolled.is_empty() {
            return Err(ProveError::NotEnrolled);
        }
        let now = self.clock.now();
        match parts.ledger.begin_attempt(purpose, now).await? {
            Attempt::Counted => {
                if let Some(approver) = prove(claim, code, &enrolled, now) {
                    return Ok(approver);
                }
                parts.home.note_wrong_code(purpose, now).await?;
                Err(ProveError::Wrong)
            }
            Attempt::Locked { until } => Err(ProveError::Locked(until)),
        }
    }
}

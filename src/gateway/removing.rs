//! A factor or a person less: the ledger lets them go, then the seeds leave the secret store. What is left of one that could
//! not be deleted proves nothing: no factor has it.

use super::{Gateway, Parts, seed_name};
use crate::{
    approval::{Approver, FactorId, PersonId},
    ledger::LedgerError,
    secret::StoreError,
};

/// Why something was not removed, or not all of it. For the human.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The seed stays behind.
    #[error("it is removed, but its secret could not be deleted: {0}")]
    Store(#[from] StoreError),
}

impl Gateway {
    /// Removes a person with all that is theirs. How many factors they had; `None`: there is no such person, it is the
    /// owner, or the proof is not the owner's, not of this, or was used before.
    ///
    /// # Errors
    /// See [`RemoveError`].
    pub async fn remove_person(
        &self,
        parts: &Parts,
        id: PersonId,
        approver: Approver,
    ) -> Result<Option<usize>, RemoveError> {
        let _shared = parts.share_secrets().await?;
        let Some(factors) = parts.home.remove_person(id, approver, self.clock.now()).await? else { return Ok(None) };
        for factor in &factors {
            parts.secrets.delete(&seed_name(factor)).await?;
        }
        Ok(Some(factors.len()))
    }

    /// Removes a factor of the approver's own, not the last one. `false`: there is none, it is the last one, or the proof
    /// is not of this, or was used before.
    ///
    /// # Errors
    /// See [`RemoveError`].
    pub async fn remove_factor(&self, parts: &Parts, id: FactorId, approver: Approver) -> Result<bool, RemoveError> {
        let _shared = parts.share_secrets().await?;
        let removed = parts.home.remove_factor(id.clone(), approver, self.clock.now()).await?;
        if removed {
            parts.secrets.delete(&seed_name(&id)).await?;
        }
        Ok(removed)
    }
}

//! Who stores or deletes a secret does it where no `secrets move` runs: what was put into the store that is being left, or
//! taken from it alone, would be lost or left behind.

use std::time::Duration;

use super::Parts;
use crate::{
    files::{FileError, Lock},
    ledger::LedgerError,
};

/// How long one waits for the other.
const TURN: Duration = Duration::from_secs(30);

impl Parts {
    /// Held while a secret and the record of whose it is change together. Whoever is alone with an account's secret
    /// (`OAuth::alone`) took this before, or not at all.
    ///
    /// # Errors
    /// A move takes longer than that.
    pub async fn share_secrets(&self) -> Result<Lock, LedgerError> {
        self.hold_secrets(Lock::shared).await
    }

    /// The same for who moves them all.
    ///
    /// # Errors
    /// Another move, or whoever stores a secret, takes longer than that.
    pub async fn own_secrets(&self) -> Result<Lock, LedgerError> {
        self.hold_secrets(Lock::exclusive).await
    }

    async fn hold_secrets(
        &self,
        lock: fn(&std::path::Path, Duration) -> Result<Lock, FileError>,
    ) -> Result<Lock, LedgerError> {
        let path = self.snapshots.home().secrets_lock();
        let held = tokio::task::spawn_blocking(move || lock(&path, TURN)).await;
        Ok(held.map_err(|_| LedgerError::Stopped)??)
    }
}

//! The lock: what a human pulls when something is wrong. It stands in the database, and admission looks at it in its own
//! transaction, so that no process lets a call through after it.

use rusqlite::Connection;

use super::{Durability, LedgerError, Sqlite, decisions, factors, meta};
use crate::{
    approval::{Approver, Claim},
    clock::{Millis, Now},
};

/// Meta: since when everything is locked.
const META: &str = "locked";

impl Sqlite {
    /// Locks: cancels what waits and refuses every call until [`Sqlite::unlock`]. `false`: the proof is of something else,
    /// or its code was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn lock(&self, approver: Approver, now: Now) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if *approver.claim() != Claim::Lock || !factors::burn(transaction, &approver)? {
                return Ok(false);
            }
            meta::write(transaction, META, &now.wall.to_string())?;
            decisions::cancel_all(transaction, None, now)?;
            factors::home_event(transaction, "locked", "", factors::by(transaction, &approver)?, now)?;
            Ok(true)
        })
        .await
    }

    /// Unlocks. `false`: as above.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn unlock(&self, approver: Approver, now: Now) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if *approver.claim() != Claim::Unlock || !factors::burn(transaction, &approver)? {
                return Ok(false);
            }
            meta::remove(transaction, META)?;
            factors::home_event(transaction, "unlocked", "", factors::by(transaction, &approver)?, now)?;
            Ok(true)
        })
        .await
    }

    /// Since when everything is locked, where it is.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn locked_since(&self) -> Result<Option<Millis>, LedgerError> {
        self.on_thread(|inner| {
            let connection = inner.connection(Durability::Normal);
            Ok(meta::read(&connection, META)?.map(|at| at.parse().unwrap_or(0)))
        })
        .await
    }
}

/// Is everything locked?
pub(super) fn is_locked(connection: &Connection) -> Result<bool, LedgerError> {
    Ok(meta::read(connection, META)?.is_some())
}

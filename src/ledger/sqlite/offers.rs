//! Links that a client was asked to open for its user, and what it gives back to go on (MCP's `requestState`).
//!
//! INVARIANT: what is given back is 256 random bits that were given out here, once, for one approval and one call. It
//! says nothing by itself, counts once over all processes, and approves nothing: whoever has it may wait.

use rusqlite::{OptionalExtension as _, params};

use super::{
    Durability, LedgerError, Sqlite,
    token::{Token, TokenKind},
};
use crate::clock::{Millis, Now};

/// How long a client may take to come back.
const LIFETIME: Millis = 15 * 60 * 1000;
/// How many may be open; older ones then count no more.
const OPEN: u32 = 500;

/// Offers, of which what a client brings back is the token.
pub(super) enum Offers {}

impl TokenKind for Offers {
    const DOMAIN: &'static str = "agentport/offer";
    const NAME: &'static str = "request state";
}

impl Sqlite {
    /// Gives out what a client has to bring back with the very same `call`.
    ///
    /// # Errors
    /// The database cannot be used, or there is no randomness.
    pub async fn make_offer(&self, approval: &str, call: &str, now: Now) -> Result<String, LedgerError> {
        let state = Token::<Offers>::generate()?;
        let (hash, approval, call) = (state.hash(), approval.to_owned(), call.to_owned());
        self.transaction(Durability::Normal, move |transaction, _| {
            transaction.execute(
                "DELETE FROM offer WHERE expires_at <= ?1 OR hash IN
                 (SELECT hash FROM offer ORDER BY expires_at DESC LIMIT -1 OFFSET ?2)",
                params![now.wall, OPEN - 1],
            )?;
            transaction.execute(
                "INSERT INTO offer (hash, approval, call, expires_at) VALUES (?, ?, ?, ?)",
                params![hash, approval, call, now.wall.saturating_add(LIFETIME)],
            )?;
            Ok(())
        })
        .await?;
        Ok(state.as_shown().to_owned())
    }

    /// The approval that belongs to what a client brought back. It counts once, whatever is wrong with it; `None`: it was
    /// not given out, not for this call, too long ago, or was here before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn take_offer(&self, state: &str, call: &str, now: Now) -> Result<Option<String>, LedgerError> {
        let Some(state) = Token::<Offers>::parse(state) else { return Ok(None) };
        let (hash, call) = (state.hash(), call.to_owned());
        self.transaction(Durability::Normal, move |transaction, _| {
            let found: Option<(String, String, Millis)> = transaction
                .prepare_cached("DELETE FROM offer WHERE hash = ? RETURNING approval, call, expires_at")?
                .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            Ok(found.filter(|(_, of, until)| *of == call && now.wall < *until).map(|(approval, ..)| approval))
        })
        .await
    }
}

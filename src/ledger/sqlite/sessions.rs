//! Sessions of the approval site: they read and deny, they never approve. Stored by hash.

use rusqlite::{Transaction, params};
use serde_json::Map;

use super::{Durability, LedgerError, Sqlite, factors};
use crate::{
    approval::{Approver, Claim, FactorId},
    canonical,
    clock::{Millis, Now},
};

/// A session's token as the cookie has it. Shown to one browser.
pub struct SessionToken(String);

impl SessionToken {
    /// 256 fresh random bits.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn generate() -> Result<Self, LedgerError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(data_encoding::BASE64URL_NOPAD.encode(&bytes)))
    }

    /// From a cookie.
    pub fn from_cookie(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For a cookie.
    pub fn as_cookie(&self) -> &str {
        &self.0
    }

    /// Something that only this session knows, for one use: a CSRF token.
    pub fn derive(&self, purpose: &str) -> String {
        canonical::hex(&canonical::sha256("agentport/session/derive", &[self.0.as_bytes(), purpose.as_bytes()]))
    }

    fn hash(&self) -> String {
        canonical::hex(&canonical::sha256("agentport/session", &[self.0.as_bytes()]))
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[session]")
    }
}

impl Sqlite {
    /// Opens a session for who proved to be the human. `None`: the code was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open_session(&self, approver: Approver, now: Now) -> Result<Option<SessionToken>, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if *approver.claim() != Claim::SignIn || !factors::burn(transaction, &approver)? {
                return Ok(None);
            }
            open(transaction, approver.factor(), now).map(Some)
        })
        .await
    }

    /// Is the session alive? Its last use becomes now, written at most once a minute.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn use_session(&self, token: &SessionToken, lifetime: Millis, now: Now) -> Result<bool, LedgerError> {
        let hash = token.hash();
        self.on_thread(move |inner| {
            let used_at: Option<Millis> = {
                let connection = inner.connection(Durability::Normal);
                let mut statement = connection.prepare_cached("SELECT used_at FROM session WHERE hash = ?")?;
                let mut rows = statement.query([&hash])?;
                rows.next()?.map(|row| row.get(0)).transpose()?
            };
            let Some(used_at) = used_at.filter(|used_at| now.wall < used_at.saturating_add(lifetime)) else {
                return Ok(false);
            };
            if now.wall.saturating_sub(used_at) > 60_000 {
                inner.transaction(Durability::Normal, |transaction| {
                    transaction.execute("UPDATE session SET used_at = ? WHERE hash = ?", params![now.wall, hash])?;
                    Ok(())
                })?;
            }
            Ok(true)
        })
        .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn close_session(&self, token: &SessionToken) -> Result<(), LedgerError> {
        let hash = token.hash();
        self.transaction(Durability::Normal, move |transaction, _| {
            transaction.execute("DELETE FROM session WHERE hash = ?", [hash])?;
            Ok(())
        })
        .await
    }
}

/// A new session of who has just shown a code of this factor.
pub(super) fn open(transaction: &Transaction<'_>, factor: &FactorId, now: Now) -> Result<SessionToken, LedgerError> {
    let token = SessionToken::generate()?;
    transaction.execute(
        "INSERT INTO session (hash, created_at, used_at) VALUES (?1, ?2, ?2)",
        params![token.hash(), now.wall],
    )?;
    factors::home_event(transaction, "signed in", &factor.0, Map::new(), now)?;
    Ok(token)
}

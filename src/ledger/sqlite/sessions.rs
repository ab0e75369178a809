//! Sessions of the approval site: they read and deny, they never approve. Stored by hash.

use rusqlite::{Transaction, params};
use serde_json::Map;

use super::{
    Durability, LedgerError, Sqlite, factors, people,
    token::{Token, TokenKind},
};
use crate::{
    approval::{Approver, Claim, PersonId},
    clock::{Millis, Now},
};

/// Sessions, of which a token opens one.
pub enum Sessions {}

impl TokenKind for Sessions {
    const DOMAIN: &'static str = "agentport/session";
    const NAME: &'static str = "session";
}

/// A session's token as the cookie has it. Shown to one browser.
pub type SessionToken = Token<Sessions>;

impl SessionToken {
    /// Something that only this session knows, for one use: a CSRF token.
    pub fn for_form(&self, purpose: &str) -> String {
        self.derive("agentport/session/derive", &[purpose])
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
            let how = approver.factor().map_or("recovery", |factor| &factor.0);
            open(transaction, approver.person(), how, now).map(Some)
        })
        .await
    }

    /// Whose session it is, if it is alive. Its last use becomes now, written at most once a minute.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn use_session(
        &self,
        token: &SessionToken,
        lifetime: Millis,
        now: Now,
    ) -> Result<Option<PersonId>, LedgerError> {
        let hash = token.hash();
        self.on_thread(move |inner| {
            let found: Option<(Millis, String)> = {
                let connection = inner.connection(Durability::Normal);
                let mut statement = connection.prepare_cached("SELECT used_at, person FROM session WHERE hash = ?")?;
                let mut rows = statement.query([&hash])?;
                rows.next()?.map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?))).transpose()?
            };
            let alive = |used_at: &Millis| now.wall < used_at.saturating_add(lifetime);
            let Some((used_at, person)) = found.filter(|(used_at, _)| alive(used_at)) else { return Ok(None) };
            if now.wall.saturating_sub(used_at) > 60_000 {
                inner.transaction(Durability::Normal, |transaction| {
                    transaction.execute("UPDATE session SET used_at = ? WHERE hash = ?", params![now.wall, hash])?;
                    Ok(())
                })?;
            }
            Ok(Some(PersonId(person)))
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

/// A new session of who has just proven to be this person: with this factor, a recovery code, or a link.
pub(super) fn open(
    transaction: &Transaction<'_>,
    person: &PersonId,
    how: &str,
    now: Now,
) -> Result<SessionToken, LedgerError> {
    let token = SessionToken::generate()?;
    transaction.execute(
        "INSERT INTO session (hash, created_at, used_at, person) VALUES (?1, ?2, ?2, ?3)",
        params![token.hash(), now.wall, person.0],
    )?;
    let body = Map::from_iter([("person".to_owned(), people::describe(transaction, person)?)]);
    factors::home_event(transaction, "signed in", how, body, now)?;
    Ok(token)
}

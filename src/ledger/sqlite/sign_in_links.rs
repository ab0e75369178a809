//! The sign-in link: whoever has it opens a session in a browser, once and soon. It proves nothing else: what a session
//! cannot do, the link cannot.
//!
//! INVARIANT: of each person at most one link is open. The ledger keeps the hash of its token alone.

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    Durability, LedgerError, SessionToken, Sqlite, factors, meta, people, sessions,
    token::{Token, TokenKind},
};
use crate::{
    approval::PersonId,
    clock::{Millis, Now},
};

/// Meta: the links that are open.
const META: &str = "sign_in_links";
/// How long one is good.
const LIFETIME: Millis = 15 * 60 * 1000;

/// Sign-in links, of which a token opens one.
pub enum SignInLinks {}

impl TokenKind for SignInLinks {
    const DOMAIN: &'static str = "agentport/sign_in_link";
    const NAME: &'static str = "sign-in link";
}

/// What a sign-in link ends with.
pub type SignInToken = Token<SignInLinks>;

impl SignInToken {
    /// For a link.
    pub fn as_link(&self) -> &str {
        self.as_shown()
    }
}

/// What an open link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLink {
    /// Whose session it opens.
    pub person: PersonId,
    /// By which people know them.
    pub name: String,
    /// Until when it is good.
    pub expires_at: Millis,
}

/// A link as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    hash: String,
    person: PersonId,
    expires_at: Millis,
    expires_boot: Millis,
    boot_id: i64,
}

impl Row {
    fn is_due(&self, now: Now) -> bool {
        now.is_past(Now { wall: self.expires_at, boot: self.expires_boot, boot_id: self.boot_id })
    }
}

impl Sqlite {
    /// Makes a link for a person, which ends the one before. `None`: there is no such person, or they have no factor and
    /// so nothing to sign in for.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open_sign_in_link(&self, person: PersonId, now: Now) -> Result<Option<SignInToken>, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if !has_factor(transaction, &person)? {
                return Ok(None);
            }
            let token = SignInToken::generate()?;
            let mut rows = load(transaction)?;
            rows.retain(|row| row.person != person && !row.is_due(now));
            let body = Map::from_iter([("person".to_owned(), people::describe(transaction, &person)?)]);
            let Now { wall: expires_at, boot: expires_boot, boot_id } = now.after(LIFETIME);
            rows.push(Row { hash: token.hash(), person, expires_at, expires_boot, boot_id });
            store(transaction, &rows)?;
            factors::home_event(transaction, "sign-in link made", "", body, now)?;
            Ok(Some(token))
        })
        .await
    }

    /// What the link of this token leads to; nothing is changed by looking. `None`: it is not open.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn sign_in_link(&self, token: &SignInToken, now: Now) -> Result<Option<SignInLink>, LedgerError> {
        let token = token.clone();
        self.on_thread(move |inner| {
            let connection = inner.connection(Durability::Normal);
            let Some(row) = live(&connection, &token, now)? else { return Ok(None) };
            let name = people::name_of(&connection, &row.person)?.unwrap_or_default();
            Ok(Some(SignInLink { name, person: row.person, expires_at: row.expires_at }))
        })
        .await
    }

    /// Opens a session by a link, and uses the link up. `None`: it is not open (any more).
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn sign_in_by_link(&self, token: &SignInToken, now: Now) -> Result<Option<SessionToken>, LedgerError> {
        let token = token.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            let Some(row) = live(transaction, &token, now)? else { return Ok(None) };
            let mut rows = load(transaction)?;
            rows.retain(|other| other.hash != row.hash && !other.is_due(now));
            store(transaction, &rows)?;
            sessions::open(transaction, &row.person, "link", now).map(Some)
        })
        .await
    }
}

/// No link is good any more.
pub(super) fn end_all(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    meta::remove(transaction, META)
}

fn has_factor(connection: &Connection, person: &PersonId) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM factor JOIN person ON person.id = factor.person WHERE person.id = ?)";
    Ok(connection.query_row(sql, [&person.0], |row| row.get(0))?)
}

/// The link, if it is open, its time is not over, and whose it is may still sign in.
fn live(connection: &Connection, token: &SignInToken, now: Now) -> Result<Option<Row>, LedgerError> {
    let found = load(connection)?.into_iter().find(|row| token.has_hash(&row.hash) && !row.is_due(now));
    let Some(row) = found else { return Ok(None) };
    Ok(has_factor(connection, &row.person)?.then_some(row))
}

/// Those that cannot be read are none.
fn load(connection: &Connection) -> Result<Vec<Row>, LedgerError> {
    let text = meta::read(connection, META)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn store(transaction: &Transaction<'_>, rows: &[Row]) -> Result<(), LedgerError> {
    if rows.is_empty() {
        return end_all(transaction);
    }
    let text = serde_json::to_string(rows).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    meta::write(transaction, META, &text)
}

//! The set-up link: whoever has it enrols a factor in a browser, once and soon.
//!
//! INVARIANT: at most one link is open, and every change of the factors ends it. The ledger keeps the hash of its token
//! and a salt; token and salt together make the seed that the page shows. So a seed that is not enrolled yet is stored
//! nowhere, and once the salt is gone the token, which a browser's history may keep, leads to nothing.

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{
    Durability, Inner, LedgerError, SessionToken, Sqlite, factors, meta, people, sessions,
    token::{Token, TokenKind, random},
};
use crate::{
    approval::{Approver, FactorId, PersonId, RecoveryHash, Seed, passkey::NewPasskey},
    clock::{Millis, Now},
};

/// Meta: the one link that is open.
const META: &str = "enrolment";
/// How long it is good.
const LIFETIME: Millis = 15 * 60 * 1000;
/// How many codes it takes, the right one among them.
const TRIES: u32 = 5;

/// Set-up links, of which a token opens the one.
pub enum Enrolments {}

impl TokenKind for Enrolments {
    const DOMAIN: &'static str = "agentport/enrolment";
    const NAME: &'static str = "set-up link";
}

/// What a set-up link ends with.
pub type EnrolmentToken = Token<Enrolments>;

impl EnrolmentToken {
    /// For a link.
    pub fn as_link(&self) -> &str {
        self.as_shown()
    }

    /// What a passkey signs as it is made: known to the holder of the link, for this link alone.
    fn challenge(&self, salt: &str) -> String {
        data_encoding::BASE64URL_NOPAD.encode(&self.key("agentport/enrolment/passkey", &[salt]))
    }

    fn seed(&self, salt: &str) -> Seed {
        Seed::from_key(&self.key("agentport/enrolment/seed", &[salt]))
    }
}

/// What an open link leads to.
#[derive(Debug)]
pub struct Enrolment {
    /// What the app and we are about to share.
    pub seed: Seed,
    /// What a passkey would sign.
    pub challenge: String,
    /// Whose factor it becomes.
    pub person: PersonId,
    /// By which people know them.
    pub name: String,
    /// Is it the first factor?
    pub first: bool,
    /// The approval that the person came for.
    pub next: Option<String>,
    /// Until when the link is good.
    pub expires_at: Millis,
    /// How many codes it still takes.
    pub tries_left: u32,
}

/// The link as stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    hash: String,
    salt: String,
    expires_at: Millis,
    expires_boot: Millis,
    boot_id: i64,
    tried: u32,
    /// Did an enrolled factor agree?
    proven: bool,
    next: Option<String>,
    #[serde(default = "PersonId::owner")]
    person: PersonId,
}

impl Row {
    fn is_due(&self, now: Now) -> bool {
        now.is_past(Now { wall: self.expires_at, boot: self.expires_boot, boot_id: self.boot_id })
    }
}

impl Sqlite {
    /// Makes a link, which ends every earlier one. The first factor needs no approver, every later one does, whose
    /// code is burnt here. `next` is the approval that enrolling leads to. `None`: it needed an approver, or the
    /// approver's code was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open_enrolment(
        &self,
        approver: Option<Approver>,
        next: Option<String>,
        now: Now,
    ) -> Result<Option<EnrolmentToken>, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let first = factors::none(transaction)?;
            if !factors::may_add(transaction, approver.as_ref())? {
                return Ok(None);
            }
            let person = approver.as_ref().map_or_else(PersonId::owner, |approver| approver.person().clone());
            let token = make(transaction, person, !first, next, now)?;
            let body = match approver.as_ref().filter(|_| !first) {
                Some(approver) => factors::by(transaction, approver)?,
                None => Map::from_iter([("proof".to_owned(), json!(null))]),
            };
            factors::home_event(transaction, "set-up link made", "", body, now)?;
            Ok(Some(token))
        })
        .await
    }

    /// What the link of this token leads to; nothing is changed by looking. `None`: it is not the open one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn enrolment(&self, token: &EnrolmentToken, now: Now) -> Result<Option<Enrolment>, LedgerError> {
        let token = token.clone();
        self.on_thread(move |inner| {
            let connection = inner.connection(Durability::Normal);
            let row = live(&connection, &token, now)?;
            row.filter(|row| row.tried < TRIES).map(|row| shown(&connection, &token, row)).transpose()
        })
        .await
    }

    /// Counts a try, before the code is looked at. `None`: the link is not the open one, or has had its tries.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn try_enrolment(&self, token: &EnrolmentToken, now: Now) -> Result<Option<Enrolment>, LedgerError> {
        let token = token.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            let Some(mut row) = live(transaction, &token, now)?.filter(|row| row.tried < TRIES) else {
                return Ok(None);
            };
            row.tried += 1;
            store(transaction, &row)?;
            shown(transaction, &token, row).map(Some)
        })
        .await
    }

    /// Takes a try back: the code was right and could not be used.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forgive_enrolment(&self, token: &EnrolmentToken, now: Now) -> Result<(), LedgerError> {
        let token = token.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            if let Some(mut row) = live(transaction, &token, now)? {
                row.tried = row.tried.saturating_sub(1);
                store(transaction, &row)?;
            }
            Ok(())
        })
        .await
    }

    /// Enrols the factor that the link promised, uses the link up and signs the browser in. `step` is the one that the
    /// confirming code belonged to: it counts as used. `None`: the link has ended meanwhile.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn finish_enrolment(
        &self,
        token: &EnrolmentToken,
        id: FactorId,
        step: u64,
        recovery: Vec<RecoveryHash>,
        now: Now,
    ) -> Result<Option<SessionToken>, LedgerError> {
        let token = token.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            finish(transaction, &token, id, factors::NewKind::Totp { step, signs_in: true }, recovery, now)
        })
        .await
    }

    /// Enrols a passkey by the link, in the same way. `None`: the link has ended meanwhile, or the passkey is enrolled
    /// already.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn finish_enrolment_by_passkey(
        &self,
        token: &EnrolmentToken,
        id: FactorId,
        passkey: NewPasskey,
        recovery: Vec<RecoveryHash>,
        now: Now,
    ) -> Result<Option<SessionToken>, LedgerError> {
        let token = token.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            finish(transaction, &token, id, factors::NewKind::Passkey(passkey), recovery, now)
        })
        .await
    }
}

/// Makes a link for a person, which ends every earlier one. Who may have one made is the caller's to ask.
pub(super) fn make(
    transaction: &Transaction<'_>,
    person: PersonId,
    proven: bool,
    next: Option<String>,
    now: Now,
) -> Result<EnrolmentToken, LedgerError> {
    let token = EnrolmentToken::generate()?;
    let Now { wall: expires_at, boot: expires_boot, boot_id } = now.after(LIFETIME);
    let (hash, salt) = (token.hash(), random("")?);
    let row = Row { hash, salt, expires_at, expires_boot, boot_id, tried: 0, proven, next, person };
    store(transaction, &row)?;
    Ok(token)
}

fn finish(
    transaction: &Transaction<'_>,
    token: &EnrolmentToken,
    id: FactorId,
    kind: factors::NewKind,
    recovery: Vec<RecoveryHash>,
    now: Now,
) -> Result<Option<SessionToken>, LedgerError> {
    let Some(Row { person, .. }) = live(transaction, token, now)? else { return Ok(None) };
    let new = factors::NewFactor { id, person, kind, recovery, by: "browser" };
    if !factors::add(transaction, &new, now)? {
        return Ok(None);
    }
    sessions::open(transaction, &new.person, &new.id.0, now).map(Some)
}

/// The open link is no longer good.
pub(super) fn end(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    meta::remove(transaction, META)
}

/// Tidies up a link whose time is over.
pub(super) fn sweep(inner: &Inner, now: Now) -> Result<(), LedgerError> {
    let due = |connection: &Connection| Ok::<_, LedgerError>(load(connection)?.is_some_and(|row| row.is_due(now)));
    if due(&inner.connection(Durability::Normal))? {
        inner
            .transaction(Durability::Normal, |transaction| if due(transaction)? { end(transaction) } else { Ok(()) })?;
    }
    Ok(())
}

/// The open link, if it is this one, its time is not over, and what it needed for being made would do now.
fn live(connection: &Connection, token: &EnrolmentToken, now: Now) -> Result<Option<Row>, LedgerError> {
    let Some(row) = load(connection)?.filter(|row| token.has_hash(&row.hash) && !row.is_due(now)) else {
        return Ok(None);
    };
    // one that needed no proof enrols the first factor or none
    let known = people::name_of(connection, &row.person)?.is_some();
    Ok((known && (row.proven || factors::none(connection)?)).then_some(row))
}

fn shown(connection: &Connection, token: &EnrolmentToken, row: Row) -> Result<Enrolment, LedgerError> {
    Ok(Enrolment {
        seed: token.seed(&row.salt),
        challenge: token.challenge(&row.salt),
        name: people::name_of(connection, &row.person)?.unwrap_or_default(),
        person: row.person,
        first: !row.proven,
        next: row.next,
        expires_at: row.expires_at,
        tries_left: TRIES.saturating_sub(row.tried),
    })
}

/// One that cannot be read is none.
fn load(connection: &Connection) -> Result<Option<Row>, LedgerError> {
    let text = meta::read(connection, META)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn store(transaction: &Transaction<'_>, row: &Row) -> Result<(), LedgerError> {
    let text = serde_json::to_string(row).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    meta::write(transaction, META, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_of_token_and_salt_together() {
        let token = EnrolmentToken::generate().unwrap();
        assert_ne!(token.seed("a").shown(), token.seed("b").shown());
        assert_ne!(token.seed("a").shown(), EnrolmentToken::generate().unwrap().seed("a").shown());
    }
}

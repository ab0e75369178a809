//! The set-up link: whoever has it enrols a factor in a browser, once and soon.
//!
//! INVARIANT: at most one link is open, and every change of the factors ends it. The ledger keeps the hash of its token
//! and a salt; token and salt together make the seed that the page shows. So a seed that is not enrolled yet is stored
//! nowhere, and once the salt is gone the token, which a browser's history may keep, leads to nothing.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use subtle::ConstantTimeEq as _;

use super::{Durability, Inner, LedgerError, SessionToken, Sqlite, factors, people, sessions};
use crate::{
    approval::{Approver, FactorId, PersonId, RecoveryHash, Seed, passkey::NewPasskey},
    canonical,
    clock::{Millis, Now},
};

/// Meta: the one link that is open.
const META: &str = "enrolment";
/// How long it is good.
const LIFETIME: Millis = 15 * 60 * 1000;
/// How many codes it takes, the right one among them.
const TRIES: u32 = 5;

/// What a set-up link ends with. Shown once, to the human alone.
#[derive(Clone)]
pub struct EnrolmentToken(String);

impl EnrolmentToken {
    /// Base64url letters of 256 bits.
    const LETTERS: usize = 43;

    fn generate() -> Result<Self, LedgerError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(data_encoding::BASE64URL_NOPAD.encode(&bytes)))
    }

    /// From a link; `None` if it does not have the shape of one.
    pub fn from_link(text: &str) -> Option<Self> {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (text.len() == Self::LETTERS && letters).then(|| Self(text.to_owned()))
    }

    /// For a link.
    pub fn as_link(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        canonical::hex(&canonical::sha256("agentport/enrolment", &[self.0.as_bytes()]))
    }

    /// What a passkey signs as it is made: known to the holder of the link, for this link alone.
    fn challenge(&self, salt: &str) -> String {
        let bytes = canonical::sha256("agentport/enrolment/passkey", &[self.0.as_bytes(), salt.as_bytes()]);
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    }

    fn seed(&self, salt: &str) -> Seed {
        Seed::from_key(&canonical::sha256("agentport/enrolment/seed", &[self.0.as_bytes(), salt.as_bytes()]))
    }
}

impl std::fmt::Debug for EnrolmentToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[set-up link]")
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
    /// Is its time over, by whichever clock comes first? It does not outlive a boot.
    fn is_due(&self, now: Now) -> bool {
        now.wall >= self.expires_at || now.boot_id != self.boot_id || now.boot >= self.expires_boot
    }

    fn is_of(&self, token: &EnrolmentToken) -> bool {
        self.hash.as_bytes().ct_eq(token.hash().as_bytes()).into()
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
    let row = Row {
        hash: token.hash(),
        salt: EnrolmentToken::generate()?.0,
        expires_at: now.wall.saturating_add(LIFETIME),
        expires_boot: now.boot.saturating_add(LIFETIME),
        boot_id: now.boot_id,
        tried: 0,
        proven,
        next,
        person,
    };
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
    transaction.execute("DELETE FROM meta WHERE key = ?", [META])?;
    Ok(())
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
    let Some(row) = load(connection)?.filter(|row| row.is_of(token) && !row.is_due(now)) else { return Ok(None) };
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
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?")?
        .query_row([META], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn store(transaction: &Transaction<'_>, row: &Row) -> Result<(), LedgerError> {
    let text = serde_json::to_string(row).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        [META, &text],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_ends_by_whichever_clock_comes_first_and_with_the_boot() {
        let row = Row {
            hash: String::new(),
            salt: String::new(),
            expires_at: 1_000,
            expires_boot: 100,
            boot_id: 7,
            tried: 0,
            proven: false,
            next: None,
            person: PersonId::owner(),
        };
        for (wall, boot, boot_id, due) in
            [(999, 99, 7, false), (1_000, 99, 7, true), (999, 100, 7, true), (999, 99, 8, true), (0, 0, 7, false)]
        {
            assert_eq!(row.is_due(Now { wall, boot, boot_id }), due, "{wall} {boot} {boot_id}");
        }
    }

    #[test]
    fn a_token_has_one_spelling_and_is_shown_to_nobody() {
        let token = EnrolmentToken::generate().unwrap();
        let again = EnrolmentToken::from_link(token.as_link()).unwrap();
        assert_eq!((again.hash(), format!("{token:?}")), (token.hash(), "[set-up link]".to_owned()));
        assert!(!token.hash().contains(token.as_link()));
        for text in ["", "A", &format!("{}=", "A".repeat(42)), &"A".repeat(44), &"é".repeat(43), &" ".repeat(43)] {
            assert!(EnrolmentToken::from_link(text).is_none(), "{text}");
        }
        assert_ne!(token.seed("a").shown(), token.seed("b").shown());
        assert_ne!(token.seed("a").shown(), EnrolmentToken::generate().unwrap().seed("a").shown());
    }
}

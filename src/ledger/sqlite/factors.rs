//! Factors and attempts: what a person can prove, and how often they may try. Seeds are not here.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};

use super::{
    Attempt, Durability, LedgerError, Sqlite, decisions, enrolments, fresh_id, passkeys, people, sign_in_links,
};
use crate::{
    approval::{Approver, Claim, FactorId, PersonId, Proof, Purpose, RecoveryHash, passkey::NewPasskey},
    clock::{Millis, Now},
    ledger::chain::{self, NewRecord},
};

/// An enrolled factor, less its seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// `fac_…`
    pub id: FactorId,
    /// Whose.
    pub person: PersonId,
    /// `totp` or `passkey`
    pub kind: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: Millis,
    /// The last time step that signed in.
    pub step_sign_in: Option<u64>,
    /// The last time step that decided.
    pub step_decide: Option<u64>,
}

impl Factor {
    /// The last accepted time step of a purpose.
    pub fn last_step(&self, purpose: Purpose) -> Option<u64> {
        match purpose {
            Purpose::SignIn => self.step_sign_in,
            Purpose::Decide => self.step_decide,
        }
    }
}

/// Wrong codes in a row that cost nothing but themselves.
const FREE_FAILURES: u32 = 5;
/// The first wait after them; it doubles with each further one.
const FIRST_LOCK: Millis = 60_000;
/// The longest wait.
const LONGEST_LOCK: Millis = 24 * 60 * 60 * 1000;

impl Sqlite {
    /// A fresh id for a factor, whose seed goes into the secret store before the factor is enrolled.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn fresh_factor_id() -> Result<FactorId, LedgerError> {
        Ok(FactorId(fresh_id("fac")?))
    }

    /// Enrols an app with its recovery codes, which replace all earlier ones of the person. The first factor is the owner's
    /// and needs no approver, every later one does and is the approver's. `step` is the one that the confirming code belonged to: it counts as used.
    /// `false`: it needed an approver, or the approver's code was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn enrol(
        &self,
        id: FactorId,
        step: u64,
        recovery: Vec<RecoveryHash>,
        approver: Option<Approver>,
        now: Now,
    ) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if !may_add(transaction, approver.as_ref())? {
                return Ok(false);
            }
            let person = approver.as_ref().map_or_else(PersonId::owner, |approver| approver.person().clone());
            let kind = NewKind::Totp { step, signs_in: false };
            add(transaction, &NewFactor { id, person, kind, recovery, by: "terminal" }, now)
        })
        .await
    }

    /// Removes a factor of the approver's own, not the last one. `false`: no such factor, the last one, or the code was
    /// used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_factor(&self, id: FactorId, approver: Approver, now: Now) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let person = approver.person();
            let others: i64 = transaction.query_row(
                "SELECT count(*) FROM factor WHERE id <> ? AND person = ?",
                [&id.0, &person.0],
                |row| row.get(0),
            )?;
            if others == 0 || *approver.claim() != Claim::RemoveFactor(id.clone()) || !burn(transaction, &approver)? {
                return Ok(false);
            }
            let removed = transaction.execute("DELETE FROM factor WHERE id = ? AND person = ?", [&id.0, &person.0])?;
            if removed == 1 {
                transaction.execute("DELETE FROM passkey WHERE factor = ?", [&id.0])?;
                enrolments::end(transaction)?;
                home_event(transaction, "factor removed", &id.0, by(transaction, &approver)?, now)?;
            }
            Ok(removed == 1)
        })
        .await
    }

    /// For the locked-out: every factor, session, account and waiting approval goes, the log stays with a record of it.
    /// What was deleted from the secret store is the caller's to delete: the ids of factors and accounts.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn reset(&self, now: Now) -> Result<(), LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            decisions::cancel_all(transaction, None, now)?;
            transaction.execute_batch(
                "DELETE FROM factor; DELETE FROM passkey; DELETE FROM challenge; DELETE FROM recovery; DELETE FROM attempt;
                 DELETE FROM session; DELETE FROM account; DELETE FROM person WHERE id <> 'per_owner';",
            )?;
            enrolments::end(transaction)?;
            sign_in_links::end_all(transaction)?;
            home_event(transaction, "factors reset", "", Map::new(), now)
        })
        .await
    }

    /// Until when somebody's codes of a purpose are locked; `None` where nobody's are.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn locked_until(&self, purpose: Purpose, now: Now) -> Result<Option<Millis>, LedgerError> {
        self.on_thread(move |inner| {
            let until: Option<Millis> = inner
                .connection(Durability::Normal)
                .prepare_cached("SELECT max(locked_until) FROM attempt WHERE purpose = ?")?
                .query_row([purpose.as_str()], |row| row.get(0))?;
            Ok(until.filter(|until| *until > now.wall))
        })
        .await
    }

    /// Writes a wrong code down; how many there can be is bounded by the waits between them.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn note_wrong_code(&self, person: PersonId, purpose: Purpose, now: Now) -> Result<(), LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let body = Map::from_iter([("person".to_owned(), people::describe(transaction, &person)?)]);
            home_event(transaction, "wrong code", purpose.as_str(), body, now)
        })
        .await
    }

    /// How many recovery codes are left.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn recovery_codes_left(&self) -> Result<u32, LedgerError> {
        self.on_thread(|inner| {
            let connection = inner.connection(Durability::Normal);
            Ok(connection.query_row("SELECT count(*) FROM recovery", [], |row| row.get(0))?)
        })
        .await
    }
}

/// What a new factor is.
pub(super) enum NewKind {
    /// An app whose code has been seen. The step of that code is used for deciding, and for signing in where that is what
    /// it did.
    Totp { step: u64, signs_in: bool },
    /// A passkey that a browser has just made.
    Passkey(NewPasskey),
}

/// A factor that has shown that it works.
pub(super) struct NewFactor {
    pub(super) id: FactorId,
    pub(super) person: PersonId,
    pub(super) kind: NewKind,
    /// Replaces all earlier ones of the person.
    pub(super) recovery: Vec<RecoveryHash>,
    /// Where: `terminal` or `browser`.
    pub(super) by: &'static str,
}

/// Is nothing enrolled yet?
pub(super) fn none(connection: &Connection) -> Result<bool, LedgerError> {
    Ok(connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM factor)", [], |row| row.get(0))?)
}

/// The first factor needs no proof, a later one needs one of an existing one, which is burnt.
pub(super) fn may_add(transaction: &Transaction<'_>, approver: Option<&Approver>) -> Result<bool, LedgerError> {
    if none(transaction)? {
        return Ok(true);
    }
    let Some(approver) = approver else { return Ok(false) };
    Ok(*approver.claim() == Claim::AddFactor && burn(transaction, approver)?)
}

/// Adds a factor. Whatever link was made before it was there is no longer good. `false`: this passkey is enrolled already.
pub(super) fn add(transaction: &Transaction<'_>, new: &NewFactor, now: Now) -> Result<bool, LedgerError> {
    let NewFactor { id, person, kind, recovery, by } = new;
    let mut body =
        Map::from_iter([("by".to_owned(), json!(by)), ("person".to_owned(), people::describe(transaction, person)?)]);
    let (word, sign_in, decide) = match kind {
        NewKind::Totp { step, signs_in } => ("totp", signs_in.then_some(as_i64(*step)), Some(as_i64(*step))),
        NewKind::Passkey(passkey) => {
            if !passkeys::add(transaction, id, passkey)? {
                return Ok(false);
            }
            body.insert("public_key".to_owned(), json!(passkey.key));
            body.insert("origin".to_owned(), json!(passkey.origin));
            ("passkey", None, None)
        }
    };
    body.insert("kind".to_owned(), json!(word));
    transaction.execute(
        "INSERT INTO factor (id, kind, created_at, step_sign_in, step_decide, person) VALUES (?, ?, ?, ?, ?, ?)",
        params![id.0, word, now.wall, sign_in, decide, person.0],
    )?;
    transaction.execute("DELETE FROM recovery WHERE person = ?", [&person.0])?;
    for hash in recovery {
        transaction.execute(
            "INSERT INTO recovery (hash, factor, person) VALUES (?, ?, ?)",
            params![hash.as_str(), id.0, person.0],
        )?;
    }
    transaction.execute("DELETE FROM attempt WHERE person = ?", [&person.0])?;
    enrolments::end(transaction)?;
    home_event(transaction, "factor added", &id.0, body, now)?;
    Ok(true)
}

pub(super) fn list(connection: &Connection) -> Result<Vec<Factor>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, created_at, step_sign_in, step_decide, person FROM factor ORDER BY created_at, id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Factor {
            id: FactorId(row.get(0)?),
            kind: row.get(1)?,
            created_at: row.get(2)?,
            step_sign_in: row.get::<_, Option<i64>>(3)?.and_then(|step| u64::try_from(step).ok()),
            step_decide: row.get::<_, Option<i64>>(4)?.and_then(|step| u64::try_from(step).ok()),
            person: PersonId(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Counts the attempt before anybody looks at the code, so that a crash in between is not a free try.
pub(super) fn begin_attempt(
    transaction: &Transaction<'_>,
    person: &PersonId,
    purpose: Purpose,
    now: Now,
) -> Result<Attempt, LedgerError> {
    let of = [&person.0, purpose.as_str()];
    let (failures, locked_until): (u32, Millis) = transaction
        .query_row("SELECT failures, locked_until FROM attempt WHERE person = ? AND purpose = ?", of, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?
        .unwrap_or((0, 0));
    // a wait longer than any that we set can only come from a clock that was set back: it is cut once
    let until = locked_until.min(now.wall.saturating_add(LONGEST_LOCK));
    if until < locked_until {
        transaction.execute(
            "UPDATE attempt SET locked_until = ? WHERE person = ? AND purpose = ?",
            params![until, person.0, purpose.as_str()],
        )?;
    }
    if until > now.wall {
        return Ok(Attempt::Locked { until });
    }
    let failures = failures.saturating_add(1);
    let over = failures.saturating_sub(FREE_FAILURES);
    // a free one locks nothing: not even a process that read its clock a moment earlier
    let locked_until = if failures < FREE_FAILURES {
        0
    } else {
        let wait = FIRST_LOCK.checked_shl(over.min(20)).unwrap_or(LONGEST_LOCK).min(LONGEST_LOCK);
        now.wall.saturating_add(wait)
    };
    transaction.execute(
        "INSERT INTO attempt (person, purpose, failures, locked_until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (person, purpose) DO UPDATE SET failures = ?3, locked_until = ?4",
        params![person.0, purpose.as_str(), failures, locked_until],
    )?;
    Ok(Attempt::Counted)
}

pub(super) fn forgive_attempt(
    transaction: &Transaction<'_>,
    person: &PersonId,
    purpose: Purpose,
) -> Result<(), LedgerError> {
    transaction.execute(
        "UPDATE attempt SET failures = max(failures - 1, 0), locked_until = 0 WHERE person = ? AND purpose = ?",
        [&person.0, purpose.as_str()],
    )?;
    Ok(())
}

/// Burns what the approver showed: a later time step than the last one of its purpose, a recovery code that is left, or a
/// challenge that waits. `false`: it was burnt before, or is nobody's any more. What is right also ends the row of wrong
/// codes.
pub(super) fn burn(transaction: &Transaction<'_>, approver: &Approver) -> Result<bool, LedgerError> {
    let (purpose, person) = (approver.claim().purpose(), approver.person());
    let factor = approver.factor().map_or("", |factor| factor.0.as_str());
    let burnt = match approver.proof() {
        Proof::Totp { step } => {
            let column = match purpose {
                Purpose::SignIn => "step_sign_in",
                Purpose::Decide => "step_decide",
            };
            let sql = format!(
                "UPDATE factor SET {column} = ?1 WHERE id = ?2 AND person = ?3 AND ({column} IS NULL OR {column} < ?1)"
            );
            transaction.execute(&sql, params![as_i64(*step), factor, person.0])? == 1
        }
        Proof::Recovery { hash } => {
            let sql = "DELETE FROM recovery WHERE hash = ? AND person = ?";
            transaction.execute(sql, [hash.as_str(), person.0.as_str()])? == 1
        }
        Proof::Passkey(signed) => passkeys::burn(transaction, &FactorId(factor.to_owned()), signed)?,
    };
    if burnt {
        transaction.execute("DELETE FROM attempt WHERE person = ? AND purpose = ?", [&person.0, purpose.as_str()])?;
    }
    Ok(burnt)
}

/// What a record says of the proof.
pub(super) fn describe(approver: &Approver) -> Value {
    match approver.proof() {
        Proof::Totp { step } => json!({"kind": "totp", "step": step}),
        Proof::Recovery { .. } => json!({"kind": "recovery"}),
        Proof::Passkey(signed) => signed.to_json(),
    }
}

/// What a record says of who changed something of the home, so that it can be checked later.
pub(super) fn by(connection: &Connection, approver: &Approver) -> Result<Map<String, Value>, LedgerError> {
    Ok(Map::from_iter([
        ("person".to_owned(), people::describe(connection, approver.person())?),
        ("factor".to_owned(), json!(approver.factor())),
        ("proof".to_owned(), describe(approver)),
    ]))
}

/// Something that happened to the home itself, in the same chain.
pub(super) fn home_event(
    transaction: &Transaction<'_>,
    what: &str,
    subject: &str,
    body: Map<String, Value>,
    now: Now,
) -> Result<(), LedgerError> {
    let record = NewRecord {
        id: fresh_id("rec")?,
        call: None,
        kind: "home",
        status: what,
        caller: "",
        tool: subject,
        account: "",
        body,
        payloads: Vec::new(),
    };
    chain::append(transaction, record, now.wall)?;
    Ok(())
}

fn as_i64(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

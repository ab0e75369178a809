//! Factors and attempts: what a person can prove, and how often they may try. Seeds are not here.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};

use super::{Attempt, Durability, LedgerError, Sqlite, decisions, enrolments, fresh_id};
use crate::{
    approval::{Approver, Claim, FactorId, Proof, Purpose, RecoveryHash},
    clock::{Millis, Now},
    ledger::chain::{self, NewRecord},
};

/// An enrolled factor, less its seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// `fac_…`
    pub id: FactorId,
    /// `totp`
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

    /// Enrols a factor with its recovery codes, which replace all earlier ones. The first needs no approver, every
    /// later one does. `step` is the one that the confirming code belonged to: it counts as used.
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
            add(transaction, &NewFactor { id, step, signs_in: false, recovery, by: "terminal" }, now)?;
            Ok(true)
        })
        .await
    }

    /// Removes a factor, not the last one. `false`: no such factor, the last one, or the code was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_factor(&self, id: FactorId, approver: Approver, now: Now) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let others: i64 =
                transaction.query_row("SELECT count(*) FROM factor WHERE id <> ?", [&id.0], |row| row.get(0))?;
            if others == 0 || *approver.claim() != Claim::Factors || !burn(transaction, &approver)? {
                return Ok(false);
            }
            let removed = transaction.execute("DELETE FROM factor WHERE id = ?", [&id.0])?;
            if removed == 1 {
                enrolments::end(transaction)?;
                home_event(transaction, "factor removed", &id.0, Map::new(), now)?;
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
                "DELETE FROM factor; DELETE FROM recovery; DELETE FROM attempt; DELETE FROM session; DELETE FROM account;",
            )?;
            enrolments::end(transaction)?;
            home_event(transaction, "factors reset", "", Map::new(), now)
        })
        .await
    }

    /// Until when codes of a purpose are locked; `None` where they are not.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn locked_until(&self, purpose: Purpose, now: Now) -> Result<Option<Millis>, LedgerError> {
        self.on_thread(move |inner| {
            let until: Option<Millis> = inner
                .connection(Durability::Normal)
                .prepare_cached("SELECT locked_until FROM attempt WHERE purpose = ?")?
                .query_row([purpose.as_str()], |row| row.get(0))
                .optional()?;
            Ok(until.filter(|until| *until > now.wall))
        })
        .await
    }

    /// Writes a wrong code down; how many there can be is bounded by the waits between them.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn note_wrong_code(&self, purpose: Purpose, now: Now) -> Result<(), LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            home_event(transaction, "wrong code", purpose.as_str(), Map::new(), now)
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

/// A factor whose code has been seen.
pub(super) struct NewFactor {
    pub(super) id: FactorId,
    /// The step of the confirming code: used for deciding, and for signing in where that is what it did.
    pub(super) step: u64,
    pub(super) signs_in: bool,
    /// Replaces all earlier ones.
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
    Ok(*approver.claim() == Claim::Factors && burn(transaction, approver)?)
}

/// Adds a factor. Whatever link was made before it was there is no longer good.
pub(super) fn add(transaction: &Transaction<'_>, new: &NewFactor, now: Now) -> Result<(), LedgerError> {
    let NewFactor { id, step, signs_in, recovery, by } = new;
    transaction.execute(
        "INSERT INTO factor (id, kind, created_at, step_sign_in, step_decide) VALUES (?, 'totp', ?, ?, ?)",
        params![id.0, now.wall, signs_in.then_some(as_i64(*step)), as_i64(*step)],
    )?;
    transaction.execute("DELETE FROM recovery", [])?;
    for hash in recovery {
        transaction.execute("INSERT INTO recovery (hash, factor) VALUES (?, ?)", params![hash.as_str(), id.0])?;
    }
    transaction.execute("DELETE FROM attempt", [])?;
    enrolments::end(transaction)?;
    home_event(transaction, "factor added", &id.0, Map::from_iter([("by".to_owned(), json!(by))]), now)
}

pub(super) fn list(connection: &Connection) -> Result<Vec<Factor>, LedgerError> {
    let mut statement = connection
        .prepare_cached("SELECT id, kind, created_at, step_sign_in, step_decide FROM factor ORDER BY created_at, id")?;
    let rows = statement.query_map([], |row| {
        Ok(Factor {
            id: FactorId(row.get(0)?),
            kind: row.get(1)?,
            created_at: row.get(2)?,
            step_sign_in: row.get::<_, Option<i64>>(3)?.and_then(|step| u64::try_from(step).ok()),
            step_decide: row.get::<_, Option<i64>>(4)?.and_then(|step| u64::try_from(step).ok()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Counts the attempt before anybody looks at the code, so that a crash in between is not a free try.
pub(super) fn begin_attempt(transaction: &Transaction<'_>, purpose: Purpose, now: Now) -> Result<Attempt, LedgerError> {
    let (failures, locked_until): (u32, Millis) = transaction
        .query_row("SELECT failures, locked_until FROM attempt WHERE purpose = ?", [purpose.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?
        .unwrap_or((0, 0));
    // a wait longer than any that we set can only come from a clock that was set back: it is cut once
    let until = locked_until.min(now.wall.saturating_add(LONGEST_LOCK));
    if until < locked_until {
        transaction
            .execute("UPDATE attempt SET locked_until = ? WHERE purpose = ?", params![until, purpose.as_str()])?;
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
        "INSERT INTO attempt (purpose, failures, locked_until) VALUES (?1, ?2, ?3)
         ON CONFLICT (purpose) DO UPDATE SET failures = ?2, locked_until = ?3",
        params![purpose.as_str(), failures, locked_until],
    )?;
    Ok(Attempt::Counted)
}

pub(super) fn forgive_attempt(transaction: &Transaction<'_>, purpose: Purpose) -> Result<(), LedgerError> {
    transaction.execute(
        "UPDATE attempt SET failures = max(failures - 1, 0), locked_until = 0 WHERE purpose = ?",
        [purpose.as_str()],
    )?;
    Ok(())
}

/// Burns what the approver showed: a later time step than the last one of its purpose, or a recovery code that is left.
/// `false`: it was burnt before. A right code also ends the row of wrong ones.
pub(super) fn burn(transaction: &Transaction<'_>, approver: &Approver) -> Result<bool, LedgerError> {
    let purpose = approver.claim().purpose();
    let burnt = match approver.proof() {
        Proof::Totp { step } => {
            let column = match purpose {
                Purpose::SignIn => "step_sign_in",
                Purpose::Decide => "step_decide",
            };
            let sql = format!("UPDATE factor SET {column} = ?1 WHERE id = ?2 AND ({column} IS NULL OR {column} < ?1)");
            transaction.execute(&sql, params![as_i64(*step), approver.factor().0])?
        }
        Proof::Recovery { hash } => transaction.execute("DELETE FROM recovery WHERE hash = ?", [hash.as_str()])?,
    };
    if burnt == 1 {
        transaction.execute("DELETE FROM attempt WHERE purpose = ?", [purpose.as_str()])?;
    }
    Ok(burnt == 1)
}

/// What a record says of the proof.
pub(super) fn describe(approver: &Approver) -> Value {
    match approver.proof() {
        Proof::Totp { step } => json!({"kind": "totp", "step": step}),
        Proof::Recovery { .. } => json!({"kind": "recovery"}),
    }
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

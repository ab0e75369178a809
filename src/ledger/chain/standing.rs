//! What stands beside the log, and is what the records say of it: each approval, the calls that are being sent, each pinned
//! policy, each grant, the lock. A line that somebody writes into one of these tables lets nothing through unseen.

use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Value, json};

use super::{Bad, Said, tools_hash};
use crate::{
    ledger::{
        ApprovalStatus, LedgerError,
        sqlite::{grant_digest, meta, policy_digest},
    },
    plan::Digest,
};

/// Compares each approval's row with what its records say of it.
pub(super) fn check_approvals(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let mut statement = transaction.prepare(
        "SELECT record.seq, record.id, record.body, record.caller,
                approval.id, approval.call_key, approval.caller, approval.digest, approval.status,
                approval.created_at, approval.expires_at, approval.reopened, record.at,
                approval.expires_boot, approval.boot_id
         FROM record LEFT JOIN approval ON approval.call = record.id
         WHERE record.kind = 'call' AND record.status = 'pending' ORDER BY record.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut known = 0_i64;
    while let Some(row) = rows.next()? {
        let record = Said::of(row)?;
        let Some(approval) = row.get::<_, Option<String>>(4)? else {
            return Ok(Some(record.bad("its approval is gone")));
        };
        known += 1;
        let says = |key: &str, value: Value| record.body.get(key) == Some(&value);
        let same = says("approval", json!(approval))
            && says("call_key", json!(row.get::<_, String>(5)?))
            && row.get::<_, String>(3)? == row.get::<_, String>(6)?
            && says("digest", json!(row.get::<_, String>(7)?))
            && says("expires_at", json!(row.get::<_, i64>(10)?))
            && says("expires_boot", json!(row.get::<_, i64>(13)?))
            && says("boot_id", json!(row.get::<_, i64>(14)?))
            && row.get::<_, i64>(9)? == row.get::<_, i64>(12)?;
        if !same {
            return Ok(Some(record.bad("its approval is not what was recorded")));
        }
        let recorded = recorded_status(transaction, &record.id)?;
        if recorded != (row.get::<_, String>(8)?, row.get::<_, i64>(11)? != 0) {
            let (stands, recorded) = (row.get::<_, String>(8)?, recorded.0);
            return Ok(Some(record.bad(&format!("its approval says `{stands}`, the records say `{recorded}`"))));
        }
    }
    let all: i64 = transaction.query_row("SELECT count(*) FROM approval", [], |row| row.get(0))?;
    Ok((all != known).then(|| Bad::of_none("an approval that no record asked for")))
}

/// The status that a call's records give its approval, and whether a denial was lifted.
fn recorded_status(transaction: &Transaction<'_>, call: &str) -> Result<(String, bool), LedgerError> {
    let mut status = ApprovalStatus::Pending.as_str().to_owned();
    let mut reopened = false;
    let mut statement =
        transaction.prepare_cached("SELECT kind, status FROM record WHERE call = ? AND id <> call ORDER BY seq")?;
    let mut rows = statement.query([call])?;
    while let Some(row) = rows.next()? {
        let (kind, said): (String, String) = (row.get(0)?, row.get(1)?);
        match (kind.as_str(), said.as_str()) {
            ("outcome", _) => ApprovalStatus::Executed.as_str().clone_into(&mut status),
            (_, "reopened") => reopened = true,
            // what was looked up decides nothing, nor does a yes to which another one is needed
            ("facts", _) | (_, "yes") => {}
            (_, said) => said.clone_into(&mut status),
        }
    }
    Ok((status, reopened))
}

/// A call that was permitted has one outcome or is being sent; no other call has either.
pub(super) fn check_sending(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let odd: Option<(i64, String, bool)> = transaction
        .query_row(
            "SELECT seq, id, permitted FROM (
                 SELECT seq, id,
                     status = 'allowed' OR EXISTS (SELECT 1 FROM record AS decision WHERE decision.call = record.id
                         AND decision.kind = 'decision' AND decision.status = 'approved') AS permitted,
                     (SELECT count(*) FROM record AS outcome WHERE outcome.call = record.id AND outcome.kind = 'outcome')
                         + (SELECT count(*) FROM sending WHERE sending.call = record.id) AS ends
                 FROM record WHERE kind = 'call')
             WHERE permitted <> ends ORDER BY seq LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some((seq, id, permitted)) = odd {
        let what = if permitted {
            "it was permitted, and is neither being sent nor has one outcome"
        } else {
            "it was not permitted, and is being sent or has an outcome"
        };
        return Ok(Some(Bad { seq, id, what: what.to_owned() }));
    }
    let stray: Option<String> = transaction
        .query_row(
            "SELECT call FROM sending WHERE call NOT IN (SELECT id FROM record WHERE kind = 'call') LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(stray.map(|id| Bad { seq: 0, id, what: "a call of no record is being sent".to_owned() }))
}

/// Compares each pinned policy with the record of its being applied.
pub(super) fn check_pins(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let mut statement = transaction.prepare("SELECT text, tools, at FROM pin ORDER BY seq")?;
    let mut pins = statement.query([])?;
    let mut statement = transaction.prepare(
        "SELECT seq, id, body, at FROM record WHERE kind = 'home' AND status = 'policy applied' ORDER BY seq",
    )?;
    let mut records = statement.query([])?;
    while let Some(row) = records.next()? {
        let record = Said::of(row)?;
        let same = match pins.next()? {
            Some(pin) => {
                record.body.get("digest") == Some(&json!(policy_digest(&pin.get::<_, String>(0)?)))
                    && record.body.get("tools") == Some(&json!(tools_hash(&pin.get::<_, String>(1)?)))
                    && row.get::<_, i64>(3)? == pin.get::<_, i64>(2)?
            }
            None => false,
        };
        if !same {
            return Ok(Some(record.bad("the policy in force is not the one that was applied")));
        }
    }
    Ok(pins.next()?.map(|_| Bad::of_none("a policy that nobody applied")))
}

/// Compares each grant with the record of its being given, and of its end.
pub(super) fn check_grants(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let mut statement = transaction.prepare(
        "SELECT given.seq, given.id, given.body, given.at,
                granted.text, granted.definition, granted.account_id, granted.origin, granted.given_at,
                granted.revoked_at,
                (SELECT min(ended.at) FROM record AS ended WHERE ended.kind = 'home'
                 AND ended.status = 'grant revoked' AND ended.tool = given.tool AND ended.seq > given.seq),
                granted.tool, granted.expires_at
         FROM record AS given LEFT JOIN granted ON granted.id = given.tool
         WHERE given.kind = 'home' AND given.status = 'granted' ORDER BY given.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut known = 0_i64;
    while let Some(row) = rows.next()? {
        let record = Said::of(row)?;
        let Some(text) = row.get::<_, Option<String>>(4)? else {
            return Ok(Some(record.bad("the grant that it gave is gone")));
        };
        known += 1;
        let Ok(definition) = Digest::try_from(row.get::<_, String>(5)?) else {
            return Ok(Some(record.bad("the grant in force is not the one that was given")));
        };
        let digest = grant_digest(&text, &definition, &row.get::<_, String>(6)?, &row.get::<_, String>(7)?);
        // records of before say neither which tool nor until when: both stand in the text
        let says = |key: &str, value: Value| record.body.get(key).is_none_or(|said| *said == value);
        let same = record.body.get("text") == Some(&json!(text))
            && says("tool", json!(row.get::<_, String>(11)?))
            && says("expires_at", json!(row.get::<_, i64>(12)?))
            && record.body.get("digest") == Some(&json!(digest))
            && row.get::<_, i64>(3)? == row.get::<_, i64>(8)?;
        if !same {
            return Ok(Some(record.bad("the grant in force is not the one that was given")));
        }
        if row.get::<_, Option<i64>>(9)? != row.get::<_, Option<i64>>(10)? {
            return Ok(Some(record.bad("its grant was revoked, and stands, or the other way round")));
        }
    }
    let all: i64 = transaction.query_row("SELECT count(*) FROM granted", [], |row| row.get(0))?;
    Ok((all != known).then(|| Bad::of_none("a grant that nobody gave")))
}

/// Is everything locked since when the last record of it says so, or not at all?
pub(super) fn check_lock(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let said: Option<(i64, String, bool, i64)> = transaction
        .query_row(
            "SELECT seq, id, status = 'locked', at FROM record
             WHERE kind = 'home' AND status IN ('locked', 'unlocked') ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let stands = meta::read(transaction, "locked")?;
    let since = said.as_ref().filter(|(_, _, locked, _)| *locked).map(|(_, _, _, at)| at.to_string());
    if stands == since {
        return Ok(None);
    }
    let (seq, id) = said.map_or((0, String::new()), |(seq, id, ..)| (seq, id));
    Ok(Some(Bad { seq, id, what: "the lock does not stand as the records say".to_owned() }))
}

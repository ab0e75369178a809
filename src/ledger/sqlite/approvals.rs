//! Reading approvals back, with their records.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::{LedgerError, decisions, people};
use crate::{
    approval::{PersonId, Strength},
    clock::{Millis, Now},
    findings::Findings,
    ledger::{Approval, ApprovalStatus, CancelledBy, HumanDecision, Lately, Outcome, Yes, chain},
    plan::{Digest, Plan},
};

/// The state of an approval, as its row has it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) call: String,
    pub(super) digest: String,
    pub(super) status: ApprovalStatus,
    pub(super) created_at: Millis,
    pub(super) expires_at: Millis,
    expires_boot: Millis,
    boot_id: i64,
    pub(super) delivered: bool,
    pub(super) reopened: bool,
    pub(super) executed_at: Option<Millis>,
}

impl Row {
    /// Is its time over, by whichever clock comes first?
    pub(super) fn is_due(&self, now: Now) -> bool {
        now.wall >= self.expires_at || (now.boot_id == self.boot_id && now.boot >= self.expires_boot)
    }
}

const COLUMNS: &str = "id, call, digest, status, created_at, expires_at, expires_boot, boot_id, delivered, reopened,
    (SELECT at FROM record WHERE record.call = approval.call AND kind = 'outcome' ORDER BY seq LIMIT 1)";

pub(super) fn row(connection: &Connection, id: &str) -> Result<Option<Row>, LedgerError> {
    one(connection, &format!("SELECT {COLUMNS} FROM approval WHERE id = ?"), id)
}

pub(super) fn newest_of_key(connection: &Connection, key: &str) -> Result<Option<Row>, LedgerError> {
    // by the records' order, not by time: the clock may have been set back since, and the open one is the last
    let sql = format!(
        "SELECT {COLUMNS} FROM approval WHERE call_key = ?
         ORDER BY (SELECT seq FROM record WHERE record.id = approval.call) DESC LIMIT 1"
    );
    one(connection, &sql, key)
}

pub(super) fn load(connection: &Connection, id: &str) -> Result<Option<Approval>, LedgerError> {
    row(connection, id)?.map(|row| fill(connection, row)).transpose()
}

/// All that wait, run, or have an outcome that nobody fetched; oldest first.
pub(super) fn open(connection: &Connection, caller: Option<&str>) -> Result<Vec<Approval>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM approval WHERE (?1 IS NULL OR caller = ?1)
         AND (status IN ('pending', 'approved') OR delivered = 0)
         ORDER BY status IN ('pending', 'approved') DESC, created_at DESC LIMIT 200"
    );
    // what waits is never crowded out by what nobody fetched
    let mut rows: Vec<Row> =
        connection.prepare_cached(&sql)?.query_map(params![caller], read)?.collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| row.created_at);
    rows.into_iter().map(|row| fill(connection, row)).collect()
}

pub(super) fn recent(connection: &Connection, limit: u32) -> Result<Vec<Approval>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM approval ORDER BY created_at DESC LIMIT ?");
    let rows: Vec<Row> = connection.prepare_cached(&sql)?.query_map(params![limit], read)?.collect::<Result<_, _>>()?;
    rows.into_iter().map(|row| fill(connection, row)).collect()
}

pub(super) fn awaited(connection: &Connection, id: &str) -> Result<u32, LedgerError> {
    Ok(connection
        .prepare_cached("UPDATE approval SET awaited = awaited + 1 WHERE id = ? RETURNING awaited")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

pub(super) fn deliver(connection: &Connection, id: &str) -> Result<(), LedgerError> {
    connection.prepare_cached("UPDATE approval SET delivered = 1 WHERE id = ?")?.execute([id])?;
    Ok(())
}

/// When the same call, or one that sent the same, last ended well or unknown, before this approval was asked.
pub(super) fn last_ran(connection: &Connection, id: &str) -> Result<Option<Millis>, LedgerError> {
    Ok(connection
        .prepare_cached(
            "SELECT max(outcome.at) FROM approval AS this
             JOIN approval AS other ON (other.call_key = this.call_key OR other.digest = this.digest) AND other.id <> this.id
             JOIN record AS outcome ON outcome.call = other.call AND outcome.kind = 'outcome' AND outcome.status <> 'failed'
             WHERE this.id = ?",
        )?
        .query_row([id], |row| row.get(0))?)
}

/// Found by `approval_asked`: no more is read than what this caller asked in that week.
pub(super) fn lately(connection: &Connection, id: &str) -> Result<Lately, LedgerError> {
    const A_WEEK: Millis = 7 * 24 * 3_600_000;
    let count = |row: &rusqlite::Row<'_>| {
        Ok(Lately { asked: row.get(0)?, approved: row.get(1)?, denied: row.get(2)?, ran: row.get(3)? })
    };
    let mut statement = connection.prepare_cached(
        "SELECT count(*), count(*) FILTER (WHERE other.status IN ('approved', 'executed')),
                count(*) FILTER (WHERE other.status = 'denied'),
                count(*) FILTER (WHERE EXISTS (SELECT 1 FROM record AS outcome
                    WHERE outcome.call = other.call AND outcome.kind = 'outcome' AND outcome.status = 'succeeded'))
         FROM approval AS this
         JOIN record AS call ON call.id = this.call
         JOIN approval AS other ON other.caller = this.caller AND other.id <> this.id
              AND other.created_at BETWEEN this.created_at - ?2 AND this.created_at
         JOIN record AS before ON before.id = other.call AND before.tool = call.tool AND before.account = call.account
         WHERE this.id = ?1",
    )?;
    Ok(statement.query_row(rusqlite::params![id, A_WEEK], count)?)
}

fn one(connection: &Connection, sql: &str, key: &str) -> Result<Option<Row>, LedgerError> {
    Ok(connection.prepare_cached(sql)?.query_row([key], read).optional()?)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let status: String = row.get(3)?;
    Ok(Row {
        id: row.get(0)?,
        call: row.get(1)?,
        digest: row.get(2)?,
        // a status that is none of ours can only have been written by somebody else: it permits nothing
        status: ApprovalStatus::from_str(&status).unwrap_or(ApprovalStatus::Cancelled),
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        expires_boot: row.get(6)?,
        boot_id: row.get(7)?,
        delivered: row.get(8)?,
        reopened: row.get(9)?,
        executed_at: row.get(10)?,
    })
}

fn fill(connection: &Connection, row: Row) -> Result<Approval, LedgerError> {
    let (caller, tool, body): (String, String, String) = connection
        .prepare_cached("SELECT caller, tool, body FROM record WHERE id = ?")?
        .query_row([&row.call], |found| Ok((found.get(0)?, found.get(1)?, found.get(2)?)))?;
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let stored = payload(connection, &row.call, "plan")?;
    if stored.as_ref().is_some_and(|text| !chain::is_recorded(&body, "plan", text)) {
        // the digest covers what is sent; this covers what it is judged by, too
        return Err(LedgerError::Corrupt(format!("the plan of `{}` is not the one that was recorded", row.id)));
    }
    let plan = match (stored, Digest::try_from(row.digest.clone())) {
        (Some(text), Ok(digest)) => {
            let plan =
                Plan::load(&text, digest).map_err(|error| LedgerError::Corrupt(format!("`{}`: {error}", row.id)))?;
            Some(Arc::new(plan))
        }
        (None, _) | (_, Err(_)) => None,
    };
    let (mut decision, mut yeses) = (None, Vec::new());
    let mut outcome = None;
    let mut findings = None;
    // what a yes is for: the plan, and from the first look on the facts beside it
    let mut shown = row.digest.clone();
    let mut pruned = plan.is_none();
    let mut statement = connection
        .prepare_cached("SELECT id, kind, status, at, body FROM record WHERE call = ? AND id <> call ORDER BY seq")?;
    let mut lines = statement.query([&row.call])?;
    while let Some(line) = lines.next()? {
        let (id, kind, status, at, body): (String, String, String, Millis, String) =
            (line.get(0)?, line.get(1)?, line.get(2)?, line.get(3)?, line.get(4)?);
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        if kind == "outcome" {
            let kept = payload(connection, &id, "answer")?.and_then(|text| serde_json::from_str::<Outcome>(&text).ok());
            pruned |= kept.is_none();
            let left = || pruned_outcome(&status, "what it answered was pruned from the log".to_owned());
            outcome = Some((kept.unwrap_or_else(left), at));
            continue;
        }
        if kind == "facts" {
            findings = found(connection, &id, &body)?;
            body.get("shown").and_then(Value::as_str).unwrap_or_default().clone_into(&mut shown);
            continue;
        }
        if [decisions::YES, ApprovalStatus::Approved.as_str()].contains(&status.as_str()) {
            yeses.push((yes(connection, &body, at)?, shown.clone()));
        }
        if let Some(status) = ApprovalStatus::from_str(&status) {
            decision = Some(HumanDecision {
                status,
                at,
                person: person(&body, "name").map(str::to_owned),
                factor: body.get("factor").and_then(Value::as_str).map(str::to_owned),
                note: body.get("note").and_then(Value::as_str).map(str::to_owned),
                by_policy: body.get("by_policy").and_then(Value::as_bool).unwrap_or(false),
                cancelled_by: body.get("by").and_then(|by| serde_json::from_value::<CancelledBy>(by.clone()).ok()),
            });
        }
    }
    let yeses = yeses.into_iter().map(|(yes, to): (Yes, String)| Yes { current: to == shown, ..yes }).collect();
    Ok(Approval {
        id: row.id,
        record: row.call,
        plan,
        caller,
        tool,
        evaluation: body.get("evaluation").and_then(|found| serde_json::from_value(found.clone()).ok()),
        summary: body.get("summary").and_then(Value::as_str).unwrap_or_default().to_owned(),
        status: row.status,
        created_at: row.created_at,
        expires_at: row.expires_at,
        findings,
        delivered: row.delivered,
        reopened: row.reopened,
        yeses,
        decision,
        outcome,
        pruned,
    })
}

fn person<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get("person")?.get(member)?.as_str()
}

fn yes(connection: &Connection, body: &Value, at: Millis) -> Result<Yes, LedgerError> {
    // one that was recorded before there were people is the owner's
    let id = person(body, "id").map_or_else(PersonId::owner, |id| PersonId(id.to_owned()));
    let kind = body.get("proof").and_then(|proof| proof.get("kind")).and_then(Value::as_str);
    Ok(Yes {
        stands: people::name_of(connection, &id)?.is_some(),
        person: id,
        name: person(body, "name").unwrap_or("owner").to_owned(),
        strength: if kind == Some("passkey") { Strength::Passkey } else { Strength::Any },
        at,
        current: true,
    })
}

/// What was looked up, as its record has it.
fn found(connection: &Connection, record: &str, body: &Value) -> Result<Option<Findings>, LedgerError> {
    let Some(text) = payload(connection, record, "facts")? else { return Ok(None) };
    let findings = serde_json::from_str(&text).ok().filter(|_| chain::is_recorded(body, "facts", &text));
    findings.map(Some).ok_or_else(|| LedgerError::Corrupt(format!("the facts of `{record}` are not those recorded")))
}

/// What is left of an outcome when its words are gone.
fn pruned_outcome(status: &str, message: String) -> Outcome {
    match status {
        "succeeded" => Outcome::Succeeded { result: Value::Null, http_status: None, truncated: true, next: None },
        "failed" => {
            Outcome::Failed { kind: crate::ledger::FailureKind::Upstream, http_status: None, message, body: None }
        }
        _ => Outcome::Unknown { http_status: None, message },
    }
}

pub(super) fn payload(connection: &Connection, record: &str, role: &str) -> Result<Option<String>, LedgerError> {
    Ok(connection
        .prepare_cached("SELECT text FROM payload WHERE record = ? AND role = ?")?
        .query_row([record, role], |row| row.get(0))
        .optional()?)
}

//! Admission and settlement of calls, each one transaction.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};

use super::{Admit, Durability, LedgerError, Outcome, Runner, approvals, decisions, facts, fresh_id, limits, locks};
use crate::{
    canonical,
    clock::Now,
    findings::Findings,
    ledger::{
        Admission, ApprovalStatus, Denial, Permit, Refusal, Situation, Standing, Verdict, admission,
        chain::{self, NewRecord},
    },
};

/// How many refusals of one caller are written down in a minute, over all processes.
const REFUSALS_A_MINUTE: u32 = 120;
/// How long a question counts against `hourly`.
const AN_HOUR: i64 = 3_600_000;

/// Looks the call's situation up, asks [`admission`](fn@admission) what follows, and does it: all or nothing.
pub(super) fn admit(
    transaction: &Transaction<'_>,
    admit: &Admit,
    runner: &Runner,
    now: Now,
) -> Result<Admission, LedgerError> {
    let key = canonical::hex(admit.key.as_bytes());
    let newest = approvals::newest_of_key(transaction, &key)?;
    if let Some(newest) = &newest
        && newest.status == ApprovalStatus::Pending
        && newest.is_due(now)
    {
        decisions::expire(transaction, newest, now)?;
    }
    let standing = newest.as_ref().map(|newest| Standing {
        status: if newest.is_due(now) && newest.status == ApprovalStatus::Pending {
            ApprovalStatus::Expired
        } else {
            newest.status
        },
        expires_at: newest.expires_at,
        executed_at: newest.executed_at,
        delivered: newest.delivered,
        reopened: newest.reopened,
    });
    let caller = admit.plan.caller().as_str();
    let pending: u32 = transaction
        .prepare_cached("SELECT count(*) FROM approval WHERE caller = ? AND status = 'pending' AND expires_at > ?")?
        .query_row(params![caller, now.wall], |row| row.get(0))?;
    let asked: u32 = transaction
        .prepare_cached("SELECT count(*) FROM approval WHERE caller = ? AND created_at > ?")?
        .query_row(params![caller, now.wall.saturating_sub(AN_HOUR)], |row| row.get(0))?;
    // over a limit an `allow` is an `ask`, from here on and in the record
    let over = limits::over(transaction, &admit.evaluation.uses, now)?;
    let asking = over.map(|(over, used)| Admit { evaluation: admit.evaluation.over(over, used), ..admit.clone() });
    let admit = asking.as_ref().unwrap_or(admit);
    let can_approve: bool =
        transaction.prepare_cached("SELECT EXISTS (SELECT 1 FROM factor)")?.query_row([], |row| row.get(0))?;
    let situation = Situation {
        locked: locks::is_locked(transaction)?,
        decision: admit.evaluation.decision,
        standing,
        pending,
        max_pending: admit.max_pending,
        asked,
        hourly: admit.hourly,
        can_approve,
        now,
    };
    let stands = || -> Result<Box<crate::ledger::Approval>, LedgerError> {
        let id = newest.as_ref().map(|newest| newest.id.as_str()).unwrap_or_default();
        approvals::load(transaction, id)?
            .map(Box::new)
            .ok_or_else(|| LedgerError::Corrupt("an approval without its record".to_owned()))
    };
    match admission(&situation) {
        Verdict::Run => run(transaction, admit, runner, now),
        Verdict::Ask => ask(transaction, admit, &key, now),
        Verdict::Point => Ok(Admission::Pending(stands()?)),
        Verdict::Deliver => {
            let approval = stands()?;
            approvals::deliver(transaction, &approval.id)?;
            Ok(Admission::Settled(approval))
        }
        Verdict::DenyByPolicy => {
            note_refused(transaction, admit, "denied", Map::new(), now)?;
            Ok(Admission::Denied(Denial::Policy))
        }
        Verdict::DenyByHuman => {
            let approval = stands()?;
            let again = Map::from_iter([("approval".to_owned(), json!(approval.id))]);
            note_refused(transaction, admit, "denied", again, now)?;
            Ok(Admission::Denied(Denial::Human(approval)))
        }
        Verdict::Limit => {
            note_refused(transaction, admit, "limited", Map::new(), now)?;
            let soonest: i64 = transaction.query_row(
                "SELECT coalesce(min(expires_at), 0) FROM approval WHERE caller = ? AND status = 'pending'",
                [caller],
                |row| row.get(0),
            )?;
            let retry_after = u64::try_from((soonest - now.wall) / 1000).unwrap_or(0).clamp(1, 60);
            Ok(Admission::Denied(Denial::Limit { setting: "max_pending", retry_after }))
        }
        Verdict::HourlyLimit => {
            note_refused(transaction, admit, "limited", Map::new(), now)?;
            // the oldest of those that count makes room
            let oldest: i64 = transaction.query_row(
                "SELECT coalesce(min(created_at), 0) FROM
                 (SELECT created_at FROM approval WHERE caller = ? ORDER BY created_at DESC LIMIT ?)",
                params![caller, admit.hourly],
                |row| row.get(0),
            )?;
            let wait = oldest.saturating_add(AN_HOUR).saturating_sub(now.wall) / 1000;
            let retry_after = u64::try_from(wait).unwrap_or(0).clamp(1, 3_600);
            Ok(Admission::Denied(Denial::Limit { setting: "hourly", retry_after }))
        }
        Verdict::Locked => {
            note_refused(transaction, admit, "locked", Map::new(), now)?;
            Ok(Admission::Denied(Denial::Lock))
        }
        Verdict::NoFactor => {
            note_refused(transaction, admit, "setup", Map::new(), now)?;
            Ok(Admission::NoFactor)
        }
    }
}

/// How durable the outcome of a call has to be: what only read can be read again.
pub(super) fn durability(connection: &Connection, record: &str) -> Result<Durability, LedgerError> {
    let read: Option<bool> = connection
        .prepare_cached("SELECT json_extract(body, '$.effect') IS 'read' FROM record WHERE id = ?")?
        .query_row([record], |row| row.get(0))
        .optional()?;
    Ok(if read == Some(true) { Durability::Normal } else { Durability::Full })
}

/// How a call ended; the first word counts.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    record: &str,
    outcome: &Outcome,
    now: Now,
) -> Result<bool, LedgerError> {
    let taken = transaction.prepare_cached("DELETE FROM sending WHERE call = ?")?.execute([record])?;
    if taken != 1 {
        return Ok(false);
    }
    if matches!(outcome, Outcome::Failed { .. }) {
        limits::release(transaction, record)?;
    }
    let (caller, tool, account) = begun(transaction, record)?;
    let answer = serde_json::to_value(outcome).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    let status = answer.get("http_status").cloned().unwrap_or_default();
    chain::append(
        transaction,
        NewRecord {
            id: fresh_id("rec")?,
            call: Some(record),
            kind: "outcome",
            status: outcome.as_str(),
            caller: &caller,
            tool: &tool,
            account: &account,
            body: Map::from_iter([("http_status".to_owned(), status)]),
            payloads: vec![("answer", canonical::text(&answer))],
        },
        now.wall,
    )?;
    transaction
        .prepare_cached("UPDATE approval SET status = 'executed' WHERE call = ? AND status = 'approved'")?
        .execute([record])?;
    Ok(true)
}

/// Writes down a call that was refused before admission.
pub(super) fn refuse(transaction: &Transaction<'_>, refusal: &Refusal, now: Now) -> Result<(), LedgerError> {
    if is_flood(transaction, &refusal.caller, now)? {
        return Ok(());
    }
    let body = Map::from_iter([("problem".to_owned(), refusal.body.clone())]);
    chain::append(
        transaction,
        NewRecord {
            id: fresh_id("rec")?,
            call: None,
            kind: "call",
            status: refusal.status,
            caller: &refusal.caller,
            tool: &refusal.tool,
            account: "",
            body,
            payloads: Vec::new(),
        },
        now.wall,
    )?;
    Ok(())
}

/// Caller, tool and account of the record that begins a call.
pub(super) fn begun(transaction: &Transaction<'_>, record: &str) -> Result<(String, String, String), LedgerError> {
    transaction
        .prepare_cached("SELECT caller, tool, account FROM record WHERE id = ?")?
        .query_row([record], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?
        .ok_or_else(|| LedgerError::Corrupt(format!("`{record}` is not recorded")))
}

/// Notes that this process sends the call from now on.
pub(super) fn start_sending(
    transaction: &Transaction<'_>,
    record: &str,
    runner: &Runner,
    now: Now,
) -> Result<(), LedgerError> {
    transaction.prepare_cached("INSERT INTO sending (call, runner, since) VALUES (?, ?, ?)")?.execute(params![
        record,
        runner.id(),
        now.wall
    ])?;
    Ok(())
}

fn run(transaction: &Transaction<'_>, admit: &Admit, runner: &Runner, now: Now) -> Result<Admission, LedgerError> {
    let id = fresh_id("rec")?;
    begin(transaction, admit, id.clone(), "allowed", Map::new(), now)?;
    start_sending(transaction, &id, runner, now)?;
    limits::reserve(transaction, &id, &admit.evaluation.uses, now)?;
    // what a rule allowed by what was looked up is bounded by it, too
    let most_rows = admit.findings.as_ref().and_then(Findings::most_rows);
    Ok(Admission::Permit(Permit::mint(Arc::clone(&admit.plan), id.clone(), id).within(most_rows)))
}

fn ask(transaction: &Transaction<'_>, admit: &Admit, key: &str, now: Now) -> Result<Admission, LedgerError> {
    let (record, approval) = (fresh_id("rec")?, fresh_id("apr")?);
    let expires_at = now.wall.saturating_add(admit.expires_in);
    let expires_boot = now.boot.saturating_add(admit.expires_in);
    let more = Map::from_iter([
        ("approval".to_owned(), json!(approval)),
        ("call_key".to_owned(), json!(key)),
        ("expires_at".to_owned(), json!(expires_at)),
        ("expires_boot".to_owned(), json!(expires_boot)),
        ("boot_id".to_owned(), json!(now.boot_id)),
    ]);
    begin(transaction, admit, record.clone(), "pending", more, now)?;
    transaction
        .prepare_cached(
            "INSERT INTO approval (id, call, call_key, caller, digest, status, created_at, expires_at, expires_boot, boot_id)
             VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?)",
        )?
        .execute(params![
            approval,
            record,
            key,
            admit.plan.caller().as_str(),
            admit.plan.digest().to_string(),
            now.wall,
            expires_at,
            expires_boot,
            now.boot_id
        ])?;
    let approval = approvals::load(transaction, &approval)?
        .ok_or_else(|| LedgerError::Corrupt("the approval that was just made".to_owned()))?;
    Ok(Admission::Pending(Box::new(approval)))
}

/// The record of a call that does not run, unless this caller has had its share of them.
fn note_refused(
    transaction: &Transaction<'_>,
    admit: &Admit,
    status: &str,
    more: Map<String, Value>,
    now: Now,
) -> Result<(), LedgerError> {
    if is_flood(transaction, admit.plan.caller().as_str(), now)? {
        return Ok(());
    }
    begin(transaction, admit, fresh_id("rec")?, status, more, now)
}

/// Were so many refusals of this caller written down in the last minute that one more would only fill the disk?
fn is_flood(transaction: &Transaction<'_>, caller: &str, now: Now) -> Result<bool, LedgerError> {
    Ok(transaction
        .prepare_cached(
            "SELECT count(*) >= ?1 FROM (SELECT 1 FROM record WHERE at > ?2 AND at <= ?3 AND caller = ?4 AND kind = 'call'
             AND status IN ('denied', 'limited', 'locked', 'setup', 'invalid', 'credential', 'not_found') LIMIT ?1)",
        )?
        .query_row(params![REFUSALS_A_MINUTE, now.wall.saturating_sub(60_000), now.wall, caller], |row| row.get(0))?)
}

/// The record that begins a call, and one of what its verdict went by.
fn begin(
    transaction: &Transaction<'_>,
    admit: &Admit,
    id: String,
    status: &str,
    more: Map<String, Value>,
    now: Now,
) -> Result<(), LedgerError> {
    let (plan, record) = (&admit.plan, id.clone());
    let text = plan.store().map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    let mut body = more;
    body.insert("digest".to_owned(), json!(plan.digest()));
    body.insert("effect".to_owned(), json!(plan.effect()));
    body.insert("environment".to_owned(), json!(plan.environment()));
    body.insert("summary".to_owned(), json!(admit.summary));
    body.insert("evaluation".to_owned(), json!(admit.evaluation));
    let tool = plan.tool();
    chain::append(
        transaction,
        NewRecord {
            id,
            call: None,
            kind: "call",
            status,
            caller: plan.caller().as_str(),
            tool: &tool,
            account: plan.account(),
            body,
            payloads: vec![("plan", text)],
        },
        now.wall,
    )?;
    // in the same transaction: what was decided by is what is written down
    admit.findings.iter().try_for_each(|findings| facts::keep(transaction, &record, plan.digest(), findings, now))
}

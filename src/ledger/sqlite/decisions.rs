//! How the waiting of an approval ends: a human's answer, expiry, withdrawal, change.

use std::sync::Arc;

use rusqlite::{Transaction, params};
use serde_json::{Map, Value, json};

use super::{
    Durability, Inner, LedgerError, Outcome, Runner, approvals, calls, enrolments, factors, fresh_id, grants, people,
};
use crate::{
    approval::{Approver, Claim, Ticked},
    clock::Now,
    findings::Findings,
    ledger::{
        Answer, Approval, ApprovalStatus, CancelledBy, Decided, Grant, Permit,
        chain::{self, NewRecord},
        together,
    },
    plan::Digest,
    policy::{Decision, Evaluation},
};

/// How far the wall clock may stand before the last record: clocks are slewed, not only set.
const CLOCK_SLACK: i64 = 2_000;

/// A human's answer. For a yes: is it waiting still, is the proof for this approval and this plan, is it enough by what the
/// policy asked for then and asks for now, has the code not been used; then the code is burnt, the yes recorded, and where
/// it is the last one needed, the permit minted, all in the caller's transaction.
pub(super) fn decide(
    transaction: &Transaction<'_>,
    id: &str,
    answer: Answer,
    evaluation: &Evaluation,
    runner: &Runner,
    now: Now,
) -> Result<Decided, LedgerError> {
    match answer {
        Answer::Deny { note } => {
            let (row, _) = match standing(transaction, id, now)? {
                Ok(found) => found,
                Err(decided) => return Ok(decided),
            };
            let body = Map::from_iter([
                ("note".to_owned(), json!(note)),
                ("after".to_owned(), json!(now.wall.saturating_sub(row.created_at))),
            ]);
            end(transaction, &row, ApprovalStatus::Denied, body, now)?;
            Ok(Decided::Denied)
        }
        Answer::Approve(approver) => {
            say_yes(transaction, id, &mut Burning::of(&approver), None, evaluation, runner, now)
        }
        Answer::Grant(approver, grant) => {
            say_yes(transaction, id, &mut Burning::of(&approver), Some(&grant), evaluation, runner, now)
        }
    }
}

/// One proof for several approvals, each of which is claimed by itself: what no longer waits, or is not what was ticked,
/// stays out, and the rest goes on. Nothing is spent where none of them is taken.
pub(super) fn decide_together(
    transaction: &Transaction<'_>,
    approver: &Approver,
    asked: &[(String, Evaluation)],
    runner: &Runner,
    now: Now,
) -> Result<Vec<Decided>, LedgerError> {
    let mut all = Vec::new();
    for (id, _) in asked {
        all.extend(approvals::load(transaction, id)?);
    }
    let alike = all.len() == asked.len() && together(&all);
    let mut burning = Burning::of(approver);
    let mut decided = Vec::new();
    for (id, evaluation) in asked {
        decided.push(if alike {
            say_yes(transaction, id, &mut burning, None, evaluation, runner, now)?
        } else {
            approvals::load(transaction, id)?.map_or(Decided::NotFound, |found| Decided::Conflict(Box::new(found)))
        });
    }
    Ok(decided)
}

/// What an approver showed, burnt by the first yes that is taken.
struct Burning<'a> {
    approver: &'a Approver,
    burnt: bool,
}

impl<'a> Burning<'a> {
    fn of(approver: &'a Approver) -> Self {
        Self { approver, burnt: false }
    }

    fn burn(&mut self, transaction: &Transaction<'_>) -> Result<bool, LedgerError> {
        self.burnt = self.burnt || factors::burn(transaction, self.approver)?;
        Ok(self.burnt)
    }
}

/// The approval, where it waits; else what is to be answered.
fn standing(
    transaction: &Transaction<'_>,
    id: &str,
    now: Now,
) -> Result<Result<(approvals::Row, Approval), Decided>, LedgerError> {
    let Some(row) = approvals::row(transaction, id)? else { return Ok(Err(Decided::NotFound)) };
    if row.status == ApprovalStatus::Pending && row.is_due(now) {
        expire(transaction, &row, now)?;
    }
    let approval =
        approvals::load(transaction, id)?.ok_or_else(|| LedgerError::Corrupt(format!("`{id}` has no record")))?;
    let waits = approval.status == ApprovalStatus::Pending;
    Ok(if waits { Ok((row, approval)) } else { Err(Decided::Conflict(Box::new(approval))) })
}

fn say_yes(
    transaction: &Transaction<'_>,
    id: &str,
    burning: &mut Burning<'_>,
    grant: Option<&Grant>,
    evaluation: &Evaluation,
    runner: &Runner,
    now: Now,
) -> Result<Decided, LedgerError> {
    let approver = burning.approver;
    let (row, approval) = match standing(transaction, id, now)? {
        Ok(found) => found,
        Err(decided) => return Ok(decided),
    };
    let latest: i64 = transaction.query_row("SELECT coalesce(max(at), 0) FROM record", [], |row| row.get(0))?;
    if now.wall < latest - CLOCK_SLACK {
        return Ok(Decided::ClockBehind);
    }
    let plan = approval.plan.clone().ok_or_else(|| LedgerError::Corrupt(format!("`{id}` has no plan")))?;
    // the digest covers the facts that were shown: a yes to other ones is none
    let proven = approval.shown_digest().is_some_and(|digest| is_proven(approver, id, digest, grant));
    if !proven || evaluation.decision == Decision::Deny {
        return Ok(Decided::Conflict(Box::new(approval)));
    }
    let requirement = approval.requirement(Some(evaluation));
    if requirement.answer_within.is_some_and(|within| now.wall >= row.created_at.saturating_add(within)) {
        // the rule became stricter since it was asked
        expire(transaction, &row, now)?;
        let approval = approvals::load(transaction, id)?.unwrap_or(approval);
        return Ok(Decided::Conflict(Box::new(approval)));
    }
    if grant.is_some() && !requirement.is_plain() {
        // what takes more than anybody's code is asked each time
        return Ok(Decided::Conflict(Box::new(approval)));
    }
    if approver.proof().strength() < requirement.approve {
        return Ok(Decided::TooWeak);
    }
    let before = || approval.yeses.iter().filter(|yes| yes.counts(&requirement));
    if before().any(|yes| yes.person == *approver.person()) {
        return Ok(Decided::SaidAlready);
    }
    if !burning.burn(transaction)? {
        return Ok(Decided::CodeUsed);
    }
    let mut body = yes_body(transaction, approver, evaluation)?;
    // how long it took: who says yes within seconds has hardly read
    body.insert("after".to_owned(), json!(now.wall.saturating_sub(row.created_at)));
    if before().count().saturating_add(1) < usize::from(requirement.approvers) {
        note(transaction, &row.call, YES, body, now)?;
        let approval = approvals::load(transaction, id)?.unwrap_or(approval);
        return Ok(Decided::OneMore(Box::new(approval)));
    }
    if let Some(grant) = grant {
        body.insert("grant".to_owned(), json!(grant.id));
        grants::give(transaction, grant, now)?;
    }
    end(transaction, &row, ApprovalStatus::Approved, body, now)?;
    calls::start_sending(transaction, &approval.record, runner, now)?;
    // the yes was for these facts, as the claim's digest has shown above
    let most_rows = approval.findings.as_ref().and_then(Findings::most_rows);
    Ok(Decided::Permit(Permit::mint(Arc::clone(&plan), approval.record, approval.id).within(most_rows)))
}

/// Is the proof of just this yes?
fn is_proven(approver: &Approver, id: &str, digest: Digest, grant: Option<&Grant>) -> bool {
    let approval = id.to_owned();
    if let Claim::Together(ticked) = approver.claim() {
        return grant.is_none() && ticked.contains(&Ticked { approval, digest });
    }
    *approver.claim()
        == match grant {
            None => Claim::Approve { approval, digest },
            Some(grant) => Claim::Grant { approval, digest, grant: grant.digest() },
        }
}

/// Ends a waiting approval without a decision.
pub(super) fn cancel(transaction: &Transaction<'_>, id: &str, by: CancelledBy, now: Now) -> Result<bool, LedgerError> {
    let Some(row) = approvals::row(transaction, id)?.filter(|row| row.status == ApprovalStatus::Pending) else {
        return Ok(false);
    };
    end(transaction, &row, ApprovalStatus::Cancelled, Map::from_iter([("by".to_owned(), json!(by))]), now)?;
    Ok(true)
}

/// Ends every waiting approval that `select` finds by integration and account, or all.
pub(super) fn cancel_all(
    transaction: &Transaction<'_>,
    of_account: Option<(&str, &str)>,
    now: Now,
) -> Result<(), LedgerError> {
    let waiting: Vec<(String, String, String)> = transaction
        .prepare_cached(
            "SELECT approval.id, record.tool, record.account FROM approval JOIN record ON record.id = approval.call
             WHERE approval.status = 'pending'",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (id, tool, account) in waiting {
        let concerned =
            of_account.is_none_or(|(integration, name)| tool.split('.').next() == Some(integration) && account == name);
        if concerned {
            cancel(transaction, &id, CancelledBy::Human, now)?;
        }
    }
    Ok(())
}

/// The policy denies, at the yes, what it had asked about.
pub(super) fn deny_by_policy(
    transaction: &Transaction<'_>,
    id: &str,
    evaluation: &Evaluation,
    now: Now,
) -> Result<bool, LedgerError> {
    let Some(row) = approvals::row(transaction, id)?.filter(|row| row.status == ApprovalStatus::Pending) else {
        return Ok(false);
    };
    let body = Map::from_iter([("by_policy".to_owned(), json!(true)), ("evaluation".to_owned(), json!(evaluation))]);
    end(transaction, &row, ApprovalStatus::Denied, body, now)?;
    Ok(true)
}

/// Lifts a remembered denial.
pub(super) fn reopen(transaction: &Transaction<'_>, id: &str, now: Now) -> Result<bool, LedgerError> {
    let lifted = transaction
        .execute("UPDATE approval SET reopened = 1 WHERE id = ? AND status = 'denied' AND reopened = 0", [id])?;
    if lifted != 1 {
        return Ok(false);
    }
    if let Some(row) = approvals::row(transaction, id)? {
        note(transaction, &row.call, "reopened", Map::new(), now)?;
    }
    Ok(true)
}

/// Its time is over.
pub(super) fn expire(transaction: &Transaction<'_>, row: &approvals::Row, now: Now) -> Result<(), LedgerError> {
    end(transaction, row, ApprovalStatus::Expired, Map::new(), now)
}

/// Expires what is due, and settles as unknown what a process that is gone was sending.
pub(super) fn sweep(inner: &Inner, now: Now) -> Result<(), LedgerError> {
    let (due, sending) = {
        let connection = inner.connection(Durability::Normal);
        let due: Vec<String> = connection
            .prepare_cached(
                "SELECT id FROM approval WHERE status = 'pending'
                 AND (expires_at <= ?1 OR (boot_id = ?2 AND expires_boot <= ?3))",
            )?
            .query_map(params![now.wall, now.boot_id, now.boot], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let sending: Vec<(String, String)> = connection
            .prepare_cached("SELECT call, runner FROM sending")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        (due, sending)
    };
    enrolments::sweep(inner, now)?;
    for id in due {
        inner.transaction(Durability::Full, |transaction| match approvals::row(transaction, &id)? {
            Some(row) if row.status == ApprovalStatus::Pending && row.is_due(now) => expire(transaction, &row, now),
            Some(_) | None => Ok(()),
        })?;
    }
    for (call, runner) in sending {
        if inner.runner.is_gone(&runner) {
            let outcome = Outcome::Unknown {
                http_status: None,
                message: "the process that sent it ended before an answer was recorded; it may have happened"
                    .to_owned(),
            };
            inner.transaction(Durability::Full, |transaction| calls::settle(transaction, &call, &outcome, now))?;
        }
    }
    Ok(())
}

/// Moves a waiting approval to its next status and records why: the one place where that happens.
fn end(
    transaction: &Transaction<'_>,
    row: &approvals::Row,
    to: ApprovalStatus,
    body: Map<String, Value>,
    now: Now,
) -> Result<(), LedgerError> {
    let moved = transaction
        .prepare_cached("UPDATE approval SET status = ? WHERE id = ? AND status = 'pending'")?
        .execute(params![to.as_str(), row.id])?;
    if moved != 1 {
        return Err(LedgerError::Corrupt(format!("`{}` stopped waiting inside its own transaction", row.id)));
    }
    note(transaction, &row.call, to.as_str(), body, now)
}

fn note(
    transaction: &Transaction<'_>,
    call: &str,
    status: &str,
    body: Map<String, Value>,
    now: Now,
) -> Result<(), LedgerError> {
    let (caller, tool, account) = calls::begun(transaction, call)?;
    let record = NewRecord {
        id: fresh_id("rec")?,
        call: Some(call),
        kind: "decision",
        status,
        caller: &caller,
        tool: &tool,
        account: &account,
        body,
        payloads: Vec::new(),
    };
    chain::append(transaction, record, now.wall)?;
    Ok(())
}

/// The status of a yes that is not the last one needed.
pub(super) const YES: &str = "yes";

fn yes_body(
    transaction: &Transaction<'_>,
    approver: &Approver,
    evaluation: &Evaluation,
) -> Result<Map<String, Value>, LedgerError> {
    let mut body = Map::from_iter([
        ("person".to_owned(), people::describe(transaction, approver.person())?),
        ("factor".to_owned(), json!(approver.factor())),
        ("proof".to_owned(), factors::describe(approver)),
        ("evaluation".to_owned(), json!(evaluation)),
    ]);
    if let Claim::Together(ticked) = approver.claim() {
        // what a passkey signed can be checked later only with all that was ticked
        body.insert("together".to_owned(), json!(ticked));
    }
    Ok(body)
}

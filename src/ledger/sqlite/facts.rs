//! What was looked up for a call, as records of it: what its verdict went by, and what who decides was shown.

use rusqlite::Transaction;
use serde_json::{Map, json};

use super::{LedgerError, approvals, calls, fresh_id};
use crate::{
    canonical,
    clock::Now,
    findings::Findings,
    ledger::{
        ApprovalStatus,
        chain::{self, NewRecord},
    },
    plan::Digest,
};

/// Keeps what was looked up for an approval that waits; the last word counts.
pub(super) fn note(
    transaction: &Transaction<'_>,
    id: &str,
    findings: &Findings,
    now: Now,
) -> Result<bool, LedgerError> {
    let Some(row) = approvals::row(transaction, id)?.filter(|row| row.status == ApprovalStatus::Pending) else {
        return Ok(false);
    };
    let plan = Digest::try_from(row.digest).map_err(LedgerError::Corrupt)?;
    keep(transaction, &row.call, plan, findings, now)?;
    Ok(true)
}

/// Writes it down beside the record that begins the call.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    call: &str,
    plan: Digest,
    findings: &Findings,
    now: Now,
) -> Result<(), LedgerError> {
    let (caller, tool, account) = calls::begun(transaction, call)?;
    let body = Map::from_iter([("shown".to_owned(), json!(findings.shown_with(plan)))]);
    let found = serde_json::to_value(findings).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    let record = NewRecord {
        id: fresh_id("rec")?,
        call: Some(call),
        kind: "facts",
        status: "looked_up",
        caller: &caller,
        tool: &tool,
        account: &account,
        body,
        payloads: vec![("facts", canonical::text(&found))],
    };
    chain::append(transaction, record, now.wall)?;
    Ok(())
}

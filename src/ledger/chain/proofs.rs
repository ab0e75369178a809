//! What passkeys signed, checked again from the records alone: the signature, that it is over this digest, this approval and
//! its nonce, and that the key was enrolled before.

use rusqlite::Transaction;
use serde_json::Value;

use super::Bad;
use crate::{
    approval::{Claim, Ticked, passkey::check_recorded},
    ledger::LedgerError,
    plan::Digest,
};

/// Checks every yes that was said with a passkey.
pub(super) fn check(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let mut enrolled = transaction.prepare(
        "SELECT EXISTS (SELECT 1 FROM record WHERE kind = 'home' AND status = 'factor added' AND tool = ?
             AND seq < ? AND json_extract(body, '$.public_key') = ?)",
    )?;
    let mut statement = transaction.prepare(
        "SELECT decision.seq, decision.id, decision.body, call.body,
             (SELECT json_extract(facts.body, '$.shown') FROM record AS facts WHERE facts.call = decision.call
              AND facts.kind = 'facts' AND facts.seq < decision.seq ORDER BY facts.seq DESC LIMIT 1)
         FROM record AS decision
         JOIN record AS call ON call.id = decision.call
         WHERE decision.kind = 'decision' AND json_extract(decision.body, '$.proof.kind') = 'passkey'
         ORDER BY decision.seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, id): (i64, String) = (row.get(0)?, row.get(1)?);
        let bad = |what: String| Ok(Some(Bad { seq, id: id.clone(), what }));
        let parsed = |index| -> Result<Value, LedgerError> {
            Ok(serde_json::from_str(&row.get::<_, String>(index)?).unwrap_or_default())
        };
        let (decision, call) = (parsed(2)?, parsed(3)?);
        let Some(claim) = claim(&call, decision.get("together"), row.get(4)?) else {
            return bad("what its passkey signed is a call that has no approval".to_owned());
        };
        let key = match check_recorded(decision.get("proof").unwrap_or(&Value::Null), &claim) {
            Ok(key) => String::from(key),
            Err(error) => return bad(format!("its passkey does not say yes to it: {error}")),
        };
        let factor = decision.get("factor").and_then(Value::as_str).unwrap_or_default();
        if !enrolled.query_row(rusqlite::params![factor, seq, key], |row| row.get::<_, bool>(0))? {
            return bad("its passkey was not enrolled".to_owned());
        }
    }
    Ok(None)
}

/// What the yes was to: the call, with the facts that were shown last, if there were some; or all that were ticked, of
/// which it must be one.
fn claim(call: &Value, together: Option<&Value>, shown: Option<String>) -> Option<Claim> {
    let text = |member: &str| call.get(member).and_then(Value::as_str).map(str::to_owned);
    let approval = text("approval")?;
    let digest = Digest::try_from(shown.or_else(|| text("digest"))?).ok()?;
    let Some(together) = together else { return Some(Claim::Approve { approval, digest }) };
    let ticked: Vec<Ticked> = serde_json::from_value(together.clone()).ok()?;
    ticked.contains(&Ticked { approval, digest }).then_some(Claim::Together(ticked))
}

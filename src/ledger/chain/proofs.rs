//! What passkeys signed, checked again from the records alone: the signature, that it is over this digest, this approval, this
//! grant and its nonce, or over the change of the home that it stands for, and that the key was enrolled before.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Statement, Transaction, params};
use serde_json::Value;

use super::{Bad, Said, object};
use crate::{
    approval::{Claim, FactorId, PersonId, Ticked, passkey::check_recorded},
    ledger::{LedgerError, sqlite::stored_pin_digest},
    plan::Digest,
};

/// Checks every yes that was said with a passkey, every grant that was given with one, and every change of the home that
/// was made with one. What it returns are the changes of a kind that is not known here, counted by kind.
pub(super) fn check(transaction: &Transaction<'_>) -> Result<Result<BTreeMap<String, u64>, Bad>, LedgerError> {
    match check_yeses(transaction)? {
        None => check_changes(transaction),
        Some(bad) => Ok(Err(bad)),
    }
}

fn check_yeses(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let mut enrolled = transaction.prepare(ENROLLED)?;
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
        let (decision, call) = (Said::of(row)?, object(&row.get::<_, String>(3)?));
        let claim = match decision.body.get("grant").and_then(Value::as_str) {
            None => claim(&call, decision.body.get("together"), row.get(4)?),
            Some(grant) => match (claim(&call, None, row.get(4)?), given(transaction, grant, decision.seq)?) {
                (Some(Claim::Approve { approval, digest }), Some(grant)) => {
                    Some(Claim::Grant { approval, digest, grant })
                }
                (_, None) => return Ok(Some(decision.bad("the grant that its passkey signed is in no record"))),
                (_, Some(_)) => None,
            },
        };
        let Some(claim) = claim else {
            return Ok(Some(decision.bad("what its passkey signed is a call that has no approval")));
        };
        if let Some(bad) = decision.check(&claim, &mut enrolled)? {
            return Ok(Some(bad));
        }
    }
    Ok(None)
}

fn check_changes(transaction: &Transaction<'_>) -> Result<Result<BTreeMap<String, u64>, Bad>, LedgerError> {
    let mut unchecked = BTreeMap::new();
    let mut enrolled = transaction.prepare(ENROLLED)?;
    let mut statement = transaction.prepare(
        "SELECT seq, id, body, status, tool FROM record
         WHERE kind = 'home' AND json_extract(body, '$.proof.kind') = 'passkey' ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said = Said::of(row)?;
        let (status, subject): (String, String) = (row.get(3)?, row.get(4)?);
        let claim = match &*status {
            "policy applied" => pinned(transaction, said.seq)?,
            _ => change(&status, subject, &said.body),
        };
        // a later version may have written it, or somebody who hopes that nobody looks
        let Some(claim) = claim else {
            *unchecked.entry(status).or_default() += 1;
            continue;
        };
        if let Some(bad) = said.check(&claim, &mut enrolled)? {
            return Ok(Err(bad));
        }
    }
    Ok(Ok(unchecked))
}

/// The policy that the record of this number put in force: each has one, in the same order.
fn pinned(transaction: &Transaction<'_>, seq: i64) -> Result<Option<Claim>, LedgerError> {
    let pin: Option<(String, String)> = transaction
        .query_row(
            "SELECT text, tools FROM pin ORDER BY seq LIMIT 1 OFFSET (SELECT count(*) FROM record
             WHERE kind = 'home' AND status = 'policy applied' AND seq < ?)",
            [seq],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(pin.map(|(text, tools)| Claim::Policy(stored_pin_digest(&text, &tools))))
}

/// What the change of a record was claimed as; `None` where its kind is not known.
fn change(status: &str, subject: String, body: &Value) -> Option<Claim> {
    Some(match status {
        "locked" => Claim::Lock,
        "unlocked" => Claim::Unlock,
        "set-up link made" => Claim::AddFactor,
        "factor removed" => Claim::RemoveFactor(FactorId(subject)),
        "person added" | "person invited again" => Claim::AddPerson(body.get("name")?.as_str()?.parse().ok()?),
        "account connected" | "account replaced" => Claim::Connect(subject),
        "account disconnected" => Claim::Disconnect(subject),
        "person removed" => Claim::RemovePerson(PersonId(subject)),
        "agent added" | "agent token rotated" => Claim::Agents,
        "agent revoked" => Claim::ShutOut(subject),
        "backed up with secrets" | "secrets moved" => Claim::Secrets,
        "replaced" | "purged" => Claim::Home,
        _ => return None,
    })
}

/// Was this factor enrolled before, with this key? Records of agents once named none: then any with the key.
const ENROLLED: &str =
    "SELECT EXISTS (SELECT 1 FROM record WHERE kind = 'home' AND status = 'factor added' AND tool = coalesce(?, tool)
    AND seq < ? AND json_extract(body, '$.public_key') = ?)";

impl Said {
    /// Is what a passkey signed here over this claim, and was the passkey enrolled?
    fn check(&self, claim: &Claim, enrolled: &mut Statement<'_>) -> Result<Option<Bad>, LedgerError> {
        let key = match check_recorded(self.body.get("proof").unwrap_or(&Value::Null), claim) {
            Ok(key) => String::from(key),
            Err(error) => return Ok(Some(self.bad(&format!("its passkey does not say yes to it: {error}")))),
        };
        let factor = self.body.get("factor").and_then(Value::as_str);
        let known: bool = enrolled.query_row(params![factor, self.seq, key], |row| row.get(0))?;
        Ok((!known).then(|| self.bad("its passkey was not enrolled")))
    }
}

/// The digest of the grant of this id that was given before this record.
fn given(transaction: &Transaction<'_>, grant: &str, before: i64) -> Result<Option<Digest>, LedgerError> {
    let digest: Option<Option<String>> = transaction
        .query_row(
            "SELECT json_extract(body, '$.digest') FROM record WHERE kind = 'home' AND status = 'granted' AND tool = ?
             AND seq < ? ORDER BY seq DESC LIMIT 1",
            params![grant, before],
            |row| row.get(0),
        )
        .optional()?;
    Ok(digest.flatten().and_then(|text| Digest::try_from(text).ok()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_an_account_is_checked_as_what_was_claimed() {
        let of = |status: &str| change(status, "stripe/default".to_owned(), &Value::Null);
        let account = || "stripe/default".to_owned();
        assert_eq!(of("account connected"), Some(Claim::Connect(account())));
        assert_eq!(of("account replaced"), Some(Claim::Connect(account())));
        assert_eq!(of("account disconnected"), Some(Claim::Disconnect(account())));
        assert_eq!(of("agent let in"), None, "which is no kind of ours");
    }
}

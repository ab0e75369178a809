//! The policy in force: the text that a human approved, and the tools that were known then.

use rusqlite::{OptionalExtension as _, params};
use serde_json::{Map, Value, json};

use super::{Durability, LedgerError, Sqlite, factors, migration, people};
use crate::{
    approval::{Approver, Claim},
    canonical,
    clock::Now,
    ledger::chain,
    plan::Digest,
    policy::{Known, Pinned},
};

/// The digest of a policy's text, by which people and the log name it.
pub fn policy_digest(text: &str) -> Digest {
    Digest::from(canonical::sha256("agentport/policy", &[text.as_bytes()]))
}

/// The digest that an approver's claim names: of the text, and of the tools that it is applied to.
///
/// # Errors
/// The tools cannot be written down.
pub fn pin_digest(pinned: &Pinned) -> Result<Digest, LedgerError> {
    Ok(stored_pin_digest(&pinned.text, &stored(&pinned.tools)?))
}

/// The same of a pin as it is stored.
pub(in crate::ledger) fn stored_pin_digest(text: &str, tools: &str) -> Digest {
    Digest::from(canonical::sha256("agentport/pin", &[text.as_bytes(), tools.as_bytes()]))
}

fn stored(tools: &Known) -> Result<String, LedgerError> {
    serde_json::to_string(tools).map_err(|error| LedgerError::Corrupt(error.to_string()))
}

impl Sqlite {
    /// The policy in force; `None` before `init` has pinned one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pinned(&self) -> Result<Option<Pinned>, LedgerError> {
        let connection = self.inner.connection(Durability::Normal);
        // what is judged begins here: a process of an older version judges nothing any more
        migration::check_version(&connection)?;
        let found: Option<(String, String)> = connection
            .prepare_cached("SELECT text, tools FROM pin ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found
            .map(|(text, tools)| {
                let mut known = self.inner.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if let Some((_, known)) = known.as_ref().filter(|(read, _)| *read == tools) {
                    return Ok(Pinned { text, tools: known.clone() });
                }
                let read = serde_json::from_str::<Known>(&tools)
                    .map_err(|error| LedgerError::Corrupt(format!("the pin's tools: {error}")))?;
                *known = Some((tools, read.clone()));
                Ok(Pinned { text, tools: read })
            })
            .transpose()
    }

    /// Pins a policy text. The first, which `init` writes into a new home, needs no approver; every later one does.
    /// `false`: it needed one, the proof is of another text or other tools, or its code was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn pin(&self, pinned: Pinned, approver: Option<Approver>, now: Now) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let first: bool = transaction.query_row("SELECT NOT EXISTS (SELECT 1 FROM pin)", [], |row| row.get(0))?;
            let digest = policy_digest(&pinned.text);
            if !first {
                let Some(approver) = &approver else { return Ok(false) };
                // the policy is the owner's: whoever may change it could lift what it asks of everybody
                let may = approver.person().is_owner() && *approver.claim() == Claim::Policy(pin_digest(&pinned)?);
                if !may || !factors::burn(transaction, approver)? {
                    return Ok(false);
                }
            }
            let tools = stored(&pinned.tools)?;
            let person = match &approver {
                Some(approver) => people::describe(transaction, approver.person())?,
                None => Value::Null,
            };
            transaction
                .execute("INSERT INTO pin (text, tools, at) VALUES (?, ?, ?)", params![pinned.text, tools, now.wall])?;
            let body = Map::from_iter([
                ("digest".to_owned(), json!(digest)),
                ("tools".to_owned(), json!(chain::tools_hash(&tools))),
                ("factor".to_owned(), json!(approver.as_ref().and_then(Approver::factor))),
                ("proof".to_owned(), json!(approver.as_ref().map(factors::describe))),
                ("person".to_owned(), person),
            ]);
            factors::home_event(transaction, "policy applied", "", body, now)?;
            Ok(true)
        })
        .await
    }
}

//! What people granted beside a yes. In force is what stands here; `grants.toml` is a copy for people to read.

use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{Durability, LedgerError, Sqlite, factors, fresh_id};
use crate::{
    canonical,
    clock::{Millis, Now},
    plan::{Digest, Plan},
};

/// A standing permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// `grt_…`
    pub id: String,
    /// The rule, as `policy.toml` would have it.
    pub text: String,
    /// The tool's policy name.
    pub tool: String,
    /// The tool that it was given for: with another definition it is dead.
    pub definition: Digest,
    /// The account that it was given for, with another one it is dead.
    pub account_id: String,
    /// Where that account's requests went.
    pub origin: String,
    /// When it ends.
    pub expires_at: Millis,
}

impl Grant {
    /// Of a plan, by this rule.
    pub fn new(id: String, text: String, plan: &Plan, expires_at: Millis) -> Self {
        Self {
            id,
            text,
            tool: plan.tool(),
            definition: plan.definition(),
            account_id: plan.account_id().to_owned(),
            origin: plan.origin().to_string(),
            expires_at,
        }
    }

    /// What a proof of it names.
    pub fn digest(&self) -> Digest {
        grant_digest(&self.text, &self.definition, &self.account_id, &self.origin)
    }
}

/// The same, of the parts as they are stored.
pub(in crate::ledger) fn grant_digest(text: &str, definition: &Digest, account_id: &str, origin: &str) -> Digest {
    let parts = [text.as_bytes(), definition.as_bytes(), account_id.as_bytes(), origin.as_bytes()];
    Digest::from(canonical::sha256("agentport/grant", &parts))
}

impl Sqlite {
    /// A fresh id for a grant.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn fresh_grant_id() -> Result<String, LedgerError> {
        fresh_id("grt")
    }

    /// Those that were given and not revoked, oldest first; the rule of each says when it ends.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn grants(&self) -> Result<Vec<Grant>, LedgerError> {
        list(&self.inner.connection(Durability::Normal))
    }

    /// Revokes one, which needs no proof. `false`: there is none of this id that stands.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoke_grant(&self, id: &str, now: Now) -> Result<bool, LedgerError> {
        let id = id.to_owned();
        self.transaction(Durability::Full, move |transaction, _| {
            let revoked = transaction.execute(
                "UPDATE granted SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                params![id, now.wall],
            )?;
            if revoked == 1 {
                factors::home_event(transaction, "grant revoked", &id, Map::new(), now)?;
            }
            Ok(revoked == 1)
        })
        .await
    }
}

/// Gives it, in the transaction of the yes that it stands beside.
pub(super) fn give(transaction: &Transaction<'_>, grant: &Grant, now: Now) -> Result<(), LedgerError> {
    transaction.execute(
        "INSERT INTO granted (id, text, tool, definition, account_id, origin, given_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            grant.id,
            grant.text,
            grant.tool,
            grant.definition.to_string(),
            grant.account_id,
            grant.origin,
            now.wall,
            grant.expires_at
        ],
    )?;
    let body = Map::from_iter([
        ("text".to_owned(), json!(grant.text)),
        ("digest".to_owned(), json!(grant.digest())),
        ("tool".to_owned(), json!(grant.tool)),
        ("expires_at".to_owned(), json!(grant.expires_at)),
    ]);
    factors::home_event(transaction, "granted", &grant.id, body, now)
}

fn list(connection: &Connection) -> Result<Vec<Grant>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, text, tool, definition, account_id, origin, expires_at FROM granted WHERE revoked_at IS NULL
         ORDER BY given_at, id",
    )?;
    let rows = statement.query_map([], |row| {
        let definition: String = row.get(3)?;
        Ok((
            definition,
            Grant {
                id: row.get(0)?,
                text: row.get(1)?,
                tool: row.get(2)?,
                definition: Digest::from([0; 32]),
                account_id: row.get(4)?,
                origin: row.get(5)?,
                expires_at: row.get(6)?,
            },
        ))
    })?;
    let mut grants = Vec::new();
    for row in rows {
        let (definition, grant) = row?;
        let definition = Digest::try_from(definition).map_err(LedgerError::Corrupt)?;
        grants.push(Grant { definition, ..grant });
    }
    Ok(grants)
}

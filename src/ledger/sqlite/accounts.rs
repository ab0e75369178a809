//! The accounts of the home, less their secrets.

use rusqlite::{Connection, Transaction, params};
use serde_json::{Map, Value, json};

use super::{
    Durability, LedgerError, Sqlite, decisions,
    factors::{burn, by, home_event},
    fresh_id,
};
use crate::{
    account::Account,
    approval::{Approver, Claim},
    clock::{Millis, Now},
};

/// What became of a change of the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was made.
    Done,
    /// There is no such account.
    Nobody,
    /// The proof was not the owner's, for something else, or used before.
    Unproven,
}

/// When an account's calls last ended, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEnds {
    /// The service.
    pub integration: String,
    /// The account's name.
    pub account: String,
    /// The last that succeeded.
    pub succeeded: Option<Millis>,
    /// The last that failed.
    pub failed: Option<Millis>,
}

impl Sqlite {
    /// A fresh id for a set of credentials.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn fresh_account_id() -> Result<String, LedgerError> {
        fresh_id("acc")
    }

    /// All accounts, by integration and name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn accounts(&self) -> Result<Vec<Account>, LedgerError> {
        list(&self.inner.connection(Durability::Normal))
    }

    /// Adds an account or replaces the one of its name. Another id under the same name is another account: what waits
    /// for the old one is cancelled. Where there is an approver, it has to be the owner's yes to this.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn put_account(
        &self,
        account: Account,
        approver: Option<Approver>,
        now: Now,
    ) -> Result<Kept, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let claim = Claim::Connect(format!("{}/{}", account.integration, account.name));
            if !agrees(transaction, approver.as_ref(), &claim)? {
                return Ok(Kept::Unproven);
            }
            let before = list(transaction)?
                .into_iter()
                .find(|old| old.integration == account.integration && old.name == account.name);
            if before.as_ref().is_some_and(|old| old.id != account.id) {
                decisions::cancel_all(transaction, Some((&account.integration, &account.name)), now)?;
            }
            let body = serde_json::to_string(&account).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
            transaction.execute(
                "INSERT INTO account (integration, name, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (integration, name) DO UPDATE SET body = ?3",
                params![account.integration, account.name, body],
            )?;
            let what = if before.is_some() { "account replaced" } else { "account connected" };
            let mut facts = Map::from_iter([
                ("id".to_owned(), json!(account.id)),
                ("origin".to_owned(), json!(account.origin)),
                ("environment".to_owned(), json!(account.environment)),
                ("identity".to_owned(), json!(account.identity)),
            ]);
            facts.extend(who(transaction, approver.as_ref())?);
            home_event(transaction, what, &format!("{}/{}", account.integration, account.name), facts, now)?;
            Ok(Kept::Done)
        })
        .await
    }

    /// Removes an account and cancels what waits for it. Where there is an approver, it has to be the owner's yes to this.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_account(
        &self,
        integration: &str,
        name: &str,
        approver: Option<Approver>,
        now: Now,
    ) -> Result<Kept, LedgerError> {
        let (integration, name) = (integration.to_owned(), name.to_owned());
        self.transaction(Durability::Full, move |transaction, _| {
            let subject = format!("{integration}/{name}");
            if !list(transaction)?.iter().any(|known| known.integration == integration && known.name == name) {
                return Ok(Kept::Nobody);
            }
            if !agrees(transaction, approver.as_ref(), &Claim::Disconnect(subject.clone()))? {
                return Ok(Kept::Unproven);
            }
            transaction
                .execute("DELETE FROM account WHERE integration = ? AND name = ?", params![integration, name])?;
            decisions::cancel_all(transaction, Some((&integration, &name)), now)?;
            let by = who(transaction, approver.as_ref())?;
            home_event(transaction, "account disconnected", &subject, by, now)?;
            Ok(Kept::Done)
        })
        .await
    }

    /// When calls with each account last succeeded and last failed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn last_ends(&self) -> Result<Vec<LastEnds>, LedgerError> {
        self.on_thread(|inner| {
            let connection = inner.connection(Durability::Normal);
            let mut statement = connection.prepare_cached(
                "SELECT substr(tool, 1, instr(tool, '.') - 1) AS integration, account,
                     max(CASE status WHEN 'succeeded' THEN at END), max(CASE status WHEN 'failed' THEN at END)
                 FROM record WHERE kind = 'outcome' GROUP BY integration, account ORDER BY integration, account",
            )?;
            let rows = statement.query_map([], |row| {
                let (integration, account) = (row.get(0)?, row.get(1)?);
                Ok(LastEnds { integration, account, succeeded: row.get(2)?, failed: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// On the terminal nobody is asked; on the site the owner agrees.
fn agrees(transaction: &Transaction<'_>, approver: Option<&Approver>, claim: &Claim) -> Result<bool, LedgerError> {
    match approver {
        Some(approver) => Ok(approver.claim() == claim && approver.person().is_owner() && burn(transaction, approver)?),
        None => Ok(true),
    }
}

/// What the record says of who agreed, so that `log verify` can check it.
fn who(connection: &Connection, approver: Option<&Approver>) -> Result<Map<String, Value>, LedgerError> {
    approver.map_or_else(|| Ok(Map::new()), |approver| by(connection, approver))
}

fn list(connection: &Connection) -> Result<Vec<Account>, LedgerError> {
    let bodies: Vec<String> = connection
        .prepare_cached("SELECT body FROM account ORDER BY integration, name")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    bodies
        .iter()
        .map(|body| serde_json::from_str(body).map_err(|error| LedgerError::Corrupt(format!("an account: {error}"))))
        .collect()
}

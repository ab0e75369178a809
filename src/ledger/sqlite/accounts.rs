//! The accounts of the home, less their secrets.

use rusqlite::{Connection, params};
use serde_json::{Map, json};

use super::{Durability, LedgerError, Sqlite, decisions, factors::home_event, fresh_id};
use crate::{account::Account, clock::Now};

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
    /// for the old one is cancelled.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn put_account(&self, account: Account, now: Now) -> Result<(), LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
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
            let facts = Map::from_iter([
                ("id".to_owned(), json!(account.id)),
                ("origin".to_owned(), json!(account.origin)),
                ("environment".to_owned(), json!(account.environment)),
                ("identity".to_owned(), json!(account.identity)),
            ]);
            home_event(transaction, what, &format!("{}/{}", account.integration, account.name), facts, now)
        })
        .await
    }

    /// Removes an account and cancels what waits for it. `false`: there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_account(&self, integration: &str, name: &str, now: Now) -> Result<bool, LedgerError> {
        let (integration, name) = (integration.to_owned(), name.to_owned());
        self.transaction(Durability::Full, move |transaction, _| {
            let removed = transaction
                .execute("DELETE FROM account WHERE integration = ? AND name = ?", params![integration, name])?;
            if removed == 1 {
                decisions::cancel_all(transaction, Some((&integration, &name)), now)?;
                home_event(transaction, "account disconnected", &format!("{integration}/{name}"), Map::new(), now)?;
            }
            Ok(removed == 1)
        })
        .await
    }
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

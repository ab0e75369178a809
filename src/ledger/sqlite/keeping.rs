//! The whole ledger as one file elsewhere, and what of it still counts when it comes back: the log, the policy, the
//! accounts; but nothing that somebody said yes to, or could say yes with, at the time.

use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::{
    Durability, LedgerError, Sqlite, calls, decisions, enrolments, factors, migration, open, people, sign_in_links,
};
use crate::{
    approval::{Approver, Claim},
    clock::Now,
    ledger::Outcome,
};

/// What a backup has beside the ledger: the home's files, by their names in it.
const KEPT: &str = "CREATE TABLE kept (
    name    TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID";

/// A file of the home: its name there, and its bytes.
pub type KeptFile = (String, Vec<u8>);

/// What of a restored ledger counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voided {
    /// Approvals that waited.
    pub cancelled: usize,
    /// Calls that were being sent, of which nobody knows what became.
    pub unknown: usize,
    /// Grants.
    pub grants: usize,
}

impl Sqlite {
    /// Writes a copy of the ledger, as it was at one moment, and these files into a private file.
    ///
    /// # Errors
    /// It cannot be read or written; then there is no such file, or the one that was there before.
    pub async fn back_up(&self, to: &Path, files: Vec<KeptFile>) -> Result<(), LedgerError> {
        let to = to.to_owned();
        self.on_thread(move |inner| {
            migration::keep(&inner.path, &to, |copy| {
                copy.execute_batch(KEPT)?;
                for (name, content) in &files {
                    copy.execute("INSERT INTO kept (name, content) VALUES (?, ?)", params![name, content])?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Takes the files out of a private copy of a backup, which is a plain ledger then. Its tables are held against those
    /// that we make before anything else is read.
    ///
    /// # Errors
    /// It is no backup of ours, or a newer version's.
    pub fn unpack_backup(path: &Path) -> Result<Vec<KeptFile>, LedgerError> {
        let connection = open::connection(path, "FULL")?;
        let made: Vec<Option<String>> = {
            let mut statement = connection.prepare("SELECT sql FROM sqlite_schema WHERE 'kept' IN (name, tbl_name)")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        if made != [Some(KEPT.to_owned())] {
            return Err(LedgerError::Corrupt("it is no backup of agentport".to_owned()));
        }
        let files = kept(&connection)?;
        connection.execute_batch("DROP TABLE kept")?;
        migration::check(&connection)?;
        Ok(files)
    }

    /// Ends everything in a restored ledger that somebody approved, or could still be approved with: what happened after the
    /// backup is not in it, so that it could count twice. `replaced` is the last hash of the log in whose place it comes.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn restored(&self, replaced: Option<String>, now: Now) -> Result<Voided, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let texts = |sql: &str| -> Result<Vec<String>, LedgerError> {
                let mut statement = transaction.prepare(sql)?;
                let rows = statement.query_map([], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            };
            let head = texts("SELECT lower(hex(hash)) FROM record ORDER BY seq DESC LIMIT 1")?.pop();
            let cancelled = texts("SELECT id FROM approval WHERE status = 'pending'")?.len();
            decisions::cancel_all(transaction, None, now)?;
            let sending = texts("SELECT call FROM sending ORDER BY call")?;
            for call in &sending {
                let message = "it was being sent when the backup was made; it may have happened".to_owned();
                calls::settle(transaction, call, &Outcome::Unknown { http_status: None, message }, now)?;
            }
            let grants = texts("SELECT id FROM granted WHERE revoked_at IS NULL ORDER BY id")?;
            for grant in &grants {
                transaction.execute("UPDATE granted SET revoked_at = ?2 WHERE id = ?1", params![grant, now.wall])?;
                factors::home_event(transaction, "grant revoked", grant, Map::new(), now)?;
            }
            enrolments::end(transaction)?;
            sign_in_links::end_all(transaction)?;
            // the next step's code may have been used too, by a clock that goes ahead
            let step = now.wall / 30_000 + 1;
            transaction.execute(
                "UPDATE factor SET step_decide = max(coalesce(step_decide, 0), ?1),
                     step_sign_in = max(coalesce(step_sign_in, 0), ?1) WHERE kind = 'totp'",
                [step],
            )?;
            transaction.execute_batch(
                "DELETE FROM recovery; DELETE FROM session; DELETE FROM challenge; DELETE FROM offer;
                 DELETE FROM notice WHERE state IN ('due', 'sending'); DELETE FROM meta WHERE key IN ('site', 'site_port');",
            )?;
            let voided = Voided { cancelled, unknown: sending.len(), grants: grants.len() };
            let body = Map::from_iter([
                ("head".to_owned(), json!(head)),
                ("replaced".to_owned(), json!(replaced)),
                ("cancelled".to_owned(), json!(voided.cancelled)),
                ("unknown".to_owned(), json!(voided.unknown)),
                ("grants".to_owned(), json!(voided.grants)),
            ]);
            factors::home_event(transaction, "restored", "", body, now)?;
            Ok(voided)
        })
        .await
    }

    /// Burns a proof for something that happens outside the ledger, and writes that down. Where nobody is enrolled there is
    /// no proof to be had. `false`: it is of something else, its code was used before, or it is missing.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn note_proven(
        &self,
        (claim, approver): (Claim, Option<Approver>),
        what: &'static str,
        mut body: Map<String, Value>,
        now: Now,
    ) -> Result<bool, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if let Some(approver) = &approver {
                if *approver.claim() != claim || !approver.person().is_owner() || !factors::burn(transaction, approver)?
                {
                    return Ok(false);
                }
                body.insert("person".to_owned(), people::describe(transaction, approver.person())?);
                body.insert("factor".to_owned(), json!(approver.factor()));
                body.insert("proof".to_owned(), factors::describe(approver));
            } else if transaction.query_row("SELECT EXISTS (SELECT 1 FROM factor)", [], |row| row.get(0))? {
                return Ok(false);
            }
            factors::home_event(transaction, what, "", body, now)?;
            Ok(true)
        })
        .await
    }
}

fn kept(connection: &Connection) -> Result<Vec<KeptFile>, LedgerError> {
    let mut statement = connection.prepare("SELECT name, content FROM kept ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

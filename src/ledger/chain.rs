//! The chain: each record's hash covers the record and the hash before it, so that a changed, removed, added or moved
//! line shows. Cutting off the newest lines, or rewriting all of them, shows only against a copy kept elsewhere.
//!
//! `standing` compares what stands beside the log with its records, `proofs` what passkeys signed.

mod proofs;
mod standing;

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};

use super::{LedgerError, sqlite::meta};
use crate::{canonical, clock::Millis};

/// What `log verify` found in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Records in the chain.
    pub records: u64,
    /// The last record's hash, for comparing with a copy kept elsewhere.
    pub head: String,
    /// Changes of the home that a passkey signed and whose kind this version does not know, counted by kind: nothing says
    /// that the signature is over them.
    pub unchecked: BTreeMap<String, u64>,
}

/// Which changes could not be checked, for whoever reads that all others were; `None` where all were.
pub fn unchecked_text(unchecked: &BTreeMap<String, u64>) -> Option<String> {
    let kinds: Vec<_> = unchecked.iter().map(|(kind, count)| format!("{count} `{kind}`")).collect();
    (!kinds.is_empty()).then(|| {
        format!(
            "not checked: what a passkey signed in {}, a kind of change that this version does not know; check it with the \
             version that wrote it",
            kinds.join(", ")
        )
    })
}

/// The first thing that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} (`{id}`): {what}")]
pub struct Bad {
    /// Its place in the chain.
    pub seq: i64,
    /// Its id, as stored.
    pub id: String,
    /// What is wrong with it.
    pub what: String,
}

impl Bad {
    /// What no record speaks of.
    fn of_none(what: &str) -> Self {
        Self { seq: 0, id: String::new(), what: what.to_owned() }
    }
}

/// A record, for comparing with what stands beside it or was signed.
struct Said {
    seq: i64,
    id: String,
    body: Value,
}

impl Said {
    /// From its first three columns.
    fn of(row: &rusqlite::Row<'_>) -> Result<Self, LedgerError> {
        Ok(Self { seq: row.get(0)?, id: row.get(1)?, body: object(&row.get::<_, String>(2)?) })
    }

    fn bad(&self, what: &str) -> Bad {
        Bad { seq: self.seq, id: self.id.clone(), what: what.to_owned() }
    }
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// A record about to be appended.
#[derive(Debug)]
pub(super) struct NewRecord<'a> {
    pub(super) id: String,
    /// `None`: it begins a call or is an event of its own.
    pub(super) call: Option<&'a str>,
    pub(super) kind: &'static str,
    pub(super) status: &'a str,
    pub(super) caller: &'a str,
    pub(super) tool: &'a str,
    pub(super) account: &'a str,
    pub(super) body: Map<String, Value>,
    /// What may be pruned later, by role; its hash stays in the body.
    pub(super) payloads: Vec<(&'static str, String)>,
}

/// Appends inside the caller's transaction, so that the head that was read is the head that is extended.
pub(super) fn append(transaction: &Transaction<'_>, record: NewRecord<'_>, at: Millis) -> Result<i64, LedgerError> {
    let NewRecord { id, call, kind, status, caller, tool, account, mut body, payloads } = record;
    let head: Option<(i64, Vec<u8>)> = transaction
        .prepare_cached("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (seq, prev) = head.map_or_else(|| (1, vec![0; 32]), |(seq, hash)| (seq + 1, hash));
    if !payloads.is_empty() {
        let hashes = payloads.iter().map(|(role, text)| ((*role).to_owned(), json!(payload_hash(role, text))));
        body.insert("payloads".to_owned(), Value::Object(hashes.collect()));
    }
    let call = call.unwrap_or(&id);
    let body = canonical::object_text(&body);
    let hash = record_hash(&prev, seq, [&id, call, kind, status, caller, tool, account, &body], at);
    transaction
        .prepare_cached(
            "INSERT INTO record (seq, id, call, kind, status, at, caller, tool, account, body, prev, hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![seq, id, call, kind, status, at, caller, tool, account, body, prev, hash])?;
    for (role, text) in payloads {
        transaction
            .prepare_cached("INSERT INTO payload (record, role, text) VALUES (?, ?, ?)")?
            .execute(params![id, role, text])?;
    }
    Ok(seq)
}

/// Goes through every stored byte of every call: the chain itself, the payloads, and the state of each approval, which
/// must be what the records say.
///
/// # Errors
/// The database cannot be read. What is wrong in it is the inner result.
pub fn verify(connection: &Connection) -> Result<Result<Verified, Bad>, LedgerError> {
    // one read transaction: a line that is appended meanwhile is in all that follows, or in nothing
    let transaction = connection.unchecked_transaction()?;
    let verified = check_chain(&transaction)?
        .and_then_check(|| standing::check_approvals(&transaction))?
        .and_then_check(|| standing::check_sending(&transaction))?
        .and_then_check(|| standing::check_pins(&transaction))?
        .and_then_check(|| standing::check_grants(&transaction))?
        .and_then_check(|| standing::check_lock(&transaction))?;
    match verified {
        Ok(verified) => Ok(proofs::check(&transaction)?.map(|unchecked| Verified { unchecked, ..verified })),
        Err(bad) => Ok(Err(bad)),
    }
}

trait Then {
    fn and_then_check(self, check: impl FnOnce() -> Result<Option<Bad>, LedgerError>) -> Result<Self, LedgerError>
    where
        Self: Sized;
}

impl Then for Result<Verified, Bad> {
    fn and_then_check(self, check: impl FnOnce() -> Result<Option<Bad>, LedgerError>) -> Result<Self, LedgerError> {
        match self {
            Ok(verified) => Ok(check()?.map_or(Ok(verified), Err)),
            Err(bad) => Ok(Err(bad)),
        }
    }
}

struct Row {
    seq: i64,
    id: String,
    texts: [String; 7],
    at: Millis,
    prev: Vec<u8>,
    hash: Vec<u8>,
}

fn check_chain(transaction: &Transaction<'_>) -> Result<Result<Verified, Bad>, LedgerError> {
    let pruned_before: i64 = meta::read(transaction, "pruned_before")?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut pruned_in_chain = 0;
    let mut prev = vec![0_u8; 32];
    let mut expected = 1;
    let mut missing: Vec<Bad> = Vec::new();
    let mut statement = transaction.prepare(
        "SELECT seq, id, call, kind, status, caller, tool, account, body, at, prev, hash FROM record ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let bad = |what: &str| Bad {
            seq: row.get(0).unwrap_or(expected),
            id: row.get(1).unwrap_or_default(),
            what: what.to_owned(),
        };
        let Ok(row) = read_row(row) else { return Ok(Err(bad("a column is not of its type"))) };
        if row.seq != expected {
            return Ok(Err(bad(&format!("expected number {expected} here: a record was removed or added"))));
        }
        if row.prev != prev {
            return Ok(Err(bad("it does not follow the record before it")));
        }
        let [call, kind, status, caller, tool, account, body] = &row.texts;
        let hash = record_hash(&prev, row.seq, [&row.id, call, kind, status, caller, tool, account, body], row.at);
        if hash[..] != row.hash[..] {
            return Ok(Err(bad("it is not what was recorded")));
        }
        let body = object(body);
        if kind == "home" && status == "pruned" {
            pruned_in_chain = body.get("before").and_then(Value::as_i64).unwrap_or(0);
        }
        if let Some(what) = check_payloads(transaction, &row.id, &body)? {
            match what {
                PayloadProblem::Missing(role) => {
                    // a later record may say that it was pruned
                    missing.push(Bad { seq: row.seq, id: row.id.clone(), what: format!("its {role} is gone") });
                }
                PayloadProblem::Altered(role) => return Ok(Err(bad(&format!("its {role} is not what was recorded")))),
            }
        }
        prev = row.hash;
        expected += 1;
    }
    if pruned_before != pruned_in_chain {
        return Ok(Err(Bad::of_none("the mark of what was pruned is not the recorded one")));
    }
    if let Some(bad) = missing.into_iter().find(|bad| bad.seq >= pruned_in_chain) {
        return Ok(Err(bad));
    }
    let stray: Option<String> = transaction
        .query_row("SELECT record FROM payload WHERE record NOT IN (SELECT id FROM record) LIMIT 1", [], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(id) = stray {
        return Ok(Err(Bad { seq: 0, id, what: "a payload of no record".to_owned() }));
    }
    Ok(Ok(Verified {
        records: u64::try_from(expected - 1).unwrap_or(0),
        head: canonical::hex(&prev),
        unchecked: BTreeMap::new(),
    }))
}

enum PayloadProblem {
    Missing(String),
    Altered(String),
}

fn check_payloads(
    transaction: &Transaction<'_>,
    id: &str,
    body: &Value,
) -> Result<Option<PayloadProblem>, LedgerError> {
    let mut stored: Vec<(String, String)> = transaction
        .prepare_cached("SELECT role, text FROM payload WHERE record = ?")?
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let no_hashes = Map::new();
    let hashes = body.get("payloads").and_then(Value::as_object).unwrap_or(&no_hashes);
    for (role, hash) in hashes {
        let Some(index) = stored.iter().position(|(stored_role, _)| stored_role == role) else {
            return Ok(Some(PayloadProblem::Missing(role.clone())));
        };
        let (_, text) = stored.swap_remove(index);
        if *hash != json!(payload_hash(role, &text)) {
            return Ok(Some(PayloadProblem::Altered(role.clone())));
        }
    }
    Ok(stored.pop().map(|(role, _)| PayloadProblem::Altered(role)))
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        seq: row.get(0)?,
        id: row.get(1)?,
        texts: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?],
        at: row.get(9)?,
        prev: row.get(10)?,
        hash: row.get(11)?,
    })
}

fn record_hash(prev: &[u8], seq: i64, texts: [&str; 8], at: Millis) -> [u8; 32] {
    let (seq, at) = (seq.to_be_bytes(), at.to_be_bytes());
    let [id, call, kind, status, caller, tool, account, body] = texts.map(str::as_bytes);
    canonical::sha256("agentport/record/1", &[prev, &seq, &at, id, call, kind, status, caller, tool, account, body])
}

/// What the record of an applied policy says of the tools that were known then.
pub(super) fn tools_hash(tools: &str) -> String {
    canonical::hex(&canonical::sha256("agentport/policy/tools", &[tools.as_bytes()]))
}

/// Is `text` the payload of this role that a record's body names?
pub(super) fn is_recorded(body: &Value, role: &str, text: &str) -> bool {
    body.get("payloads").and_then(|hashes| hashes.get(role)) == Some(&json!(payload_hash(role, text)))
}

fn payload_hash(role: &str, text: &str) -> String {
    canonical::hex(&canonical::sha256("agentport/payload/1", &[role.as_bytes(), text.as_bytes()]))
}

#[cfg(test)]
mod tests;

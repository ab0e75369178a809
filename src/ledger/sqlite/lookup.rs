//! Reading the log: lines, one call in full, the whole as JSON lines; and letting old payloads go.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Durability, LedgerError, Sqlite, approvals, factors, meta};
use crate::{
    call::Caller,
    clock::{Millis, Now, rfc3339},
    ledger::{Line, LineFilter},
};

/// One call, or event of the home, with all its records and payloads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallDetail {
    /// Where it stands.
    #[serde(flatten)]
    pub line: Line,
    /// The stored plan: the exact request and the arguments. Null where there is none, or it was pruned.
    pub plan: Value,
    /// What was looked up for it last: what the verdict went by, or who decided was shown.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub facts: Value,
    /// The answer after the filter. Null likewise.
    pub answer: Value,
    /// Every record of it, in order.
    pub records: Vec<Value>,
}

impl Sqlite {
    /// Lines of the log, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn lines(&self, filter: LineFilter) -> Result<Vec<Line>, LedgerError> {
        self.looking(move |connection| lines(connection, &filter)).await
    }

    /// One call by any of its records' ids or its approval's.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn detail(&self, id: &str) -> Result<Option<CallDetail>, LedgerError> {
        let id = id.to_owned();
        self.looking(move |connection| detail(connection, &id)).await
    }

    /// Has anything ever stood at this word?
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn has_status(&self, word: &str) -> Result<bool, LedgerError> {
        let word = word.to_owned();
        self.looking(move |connection| {
            let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM record WHERE status = ?)")?;
            Ok(statement.query_row([&word], |row| row.get(0))?)
        })
        .await
    }

    /// How often its caller has waited for an approval in vain.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn times_awaited(&self, approval: &str) -> Result<u32, LedgerError> {
        let approval = approval.to_owned();
        self.looking(move |connection| {
            let mut statement = connection.prepare_cached("SELECT awaited FROM approval WHERE id = ?")?;
            Ok(statement.query_row([&approval], |row| row.get(0)).optional()?.unwrap_or(0))
        })
        .await
    }

    /// Every record with its payloads, oldest first, from `after` on; at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn export(&self, after: i64, limit: u32) -> Result<Vec<Value>, LedgerError> {
        self.looking(move |connection| {
            let sql = format!("SELECT {RECORD} FROM record WHERE seq > ? ORDER BY seq LIMIT ?");
            let mut statement = connection.prepare_cached(&sql)?;
            let records: Vec<Value> = statement.query_map(params![after, limit], record)?.collect::<Result<_, _>>()?;
            records.into_iter().map(|record| with_payloads(connection, record)).collect()
        })
        .await
    }

    /// How many calls of each tool ended how since a time: `(tool, status, count)`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn summary(&self, since: Millis) -> Result<Vec<(String, String, u64)>, LedgerError> {
        let filter = LineFilter { since: Some(since), ..LineFilter::default() };
        let mut counts = std::collections::BTreeMap::new();
        for line in self.lines(filter).await?.into_iter().filter(|line| line.kind == "call") {
            *counts.entry((line.tool, line.status)).or_insert(0_u64) += 1;
        }
        Ok(counts.into_iter().map(|((tool, status), count)| (tool, status, count)).collect())
    }

    /// How many calls of agents ended how on each day since a time: `(day, status, count)`, days counted from 1970 in UTC.
    /// The product's own reads are none of theirs.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn by_day(&self, since: Millis) -> Result<Vec<(i64, String, u64)>, LedgerError> {
        self.looking(move |connection| {
            let sql = format!(
                "SELECT at / {A_DAY} AS day, {STANDING} AS standing, count(*) FROM record
                 WHERE kind = 'call' AND at >= ?1 AND caller <> ?2 GROUP BY day, standing ORDER BY day, standing"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![since, Caller::AGENTPORT], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))
            })?;
            rows.map(|row| {
                row.map(|(day, status, count)| (day, status, u64::try_from(count).unwrap_or(0)))
                    .map_err(LedgerError::from)
            })
            .collect()
        })
        .await
    }

    /// Deletes the payloads of records before a time; their hashes stay, and so does a record of the deletion.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn prune(&self, before: Millis, now: Now) -> Result<u64, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            // the first record that stays, and nothing of a call that is open
            let first: Option<i64> = transaction
                .query_row(
                    "SELECT min(seq) FROM record WHERE at >= ?1 OR id IN (SELECT call FROM sending)
                     OR id IN (SELECT call FROM approval WHERE status IN ('pending', 'approved'))",
                    [before],
                    |row| row.get(0),
                )
                .optional()?
                .flatten();
            let end: i64 =
                transaction.query_row("SELECT coalesce(max(seq), 0) + 1 FROM record", [], |row| row.get(0))?;
            let first = first.unwrap_or(end);
            // older than the longest period that a limit has
            transaction.execute("DELETE FROM spend WHERE at < ?", [now.wall.saturating_sub(A_YEAR_AND_MORE)])?;
            let deleted = transaction
                .execute("DELETE FROM payload WHERE record IN (SELECT id FROM record WHERE seq < ?)", [first])?;
            if deleted > 0 {
                meta::write(transaction, "pruned_before", &first.to_string())?;
                let body = Map::from_iter([("before".to_owned(), json!(first)), ("count".to_owned(), json!(deleted))]);
                factors::home_event(transaction, "pruned", "", body, now)?;
            }
            Ok(u64::try_from(deleted).unwrap_or(0))
        })
        .await
    }
}

/// In milliseconds.
const A_DAY: Millis = 24 * 3_600_000;
/// No limit looks back so far.
const A_YEAR_AND_MORE: Millis = 370 * 24 * 3_600_000;
const RECORD: &str = "seq, id, call, kind, status, at, caller, tool, account, body, lower(hex(prev)), lower(hex(hash))";

/// Where a call stands: how it ended, else its approval's state, else whether it is being sent, else how it began.
const STANDING: &str = "coalesce(
    (SELECT status FROM record AS o WHERE o.call = record.id AND o.kind = 'outcome' ORDER BY seq LIMIT 1),
    (SELECT CASE status WHEN 'approved' THEN 'sending' ELSE status END FROM approval WHERE approval.call = record.id),
    (SELECT 'sending' FROM sending WHERE sending.call = record.id),
    record.status)";

fn lines(connection: &Connection, filter: &LineFilter) -> Result<Vec<Line>, LedgerError> {
    let sql = format!(
        "SELECT seq, id, at, kind, {STANDING} AS standing, caller, tool, account, body FROM record
         WHERE kind IN ('call', 'home') AND (?1 IS NULL OR tool = ?1) AND (?2 IS NULL OR caller = ?2)
           AND (?3 IS NULL OR account = ?3) AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
           AND (?6 = '[]' OR standing IN (SELECT value FROM json_each(?6))) AND (?7 IS NULL OR seq < ?7)
           AND (NOT ?8 OR kind = 'call' AND caller <> ?9)
         ORDER BY seq DESC"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![
        filter.tool,
        filter.caller,
        filter.account,
        filter.since,
        filter.until,
        json!(filter.status).to_string(),
        filter.before,
        filter.agents_only,
        Caller::AGENTPORT
    ])?;
    let words: Vec<String> = filter.text.iter().map(|word| word.to_lowercase()).collect();
    let limit = filter.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if found.len() >= limit {
            break;
        }
        let id: String = row.get(1)?;
        let body: String = row.get(8)?;
        let (caller, tool, account): (String, String, String) = (row.get(5)?, row.get(6)?, row.get(7)?);
        if !words.is_empty() {
            let hay = format!("{id} {caller} {tool} {account} {body} {}", texts(connection, &id)?).to_lowercase();
            if !words.iter().all(|word| hay.contains(word)) {
                continue;
            }
        }
        found.push(Line {
            id,
            at: rfc3339(row.get(2)?),
            kind: row.get(3)?,
            status: row.get(4)?,
            caller,
            tool,
            account,
            body: serde_json::from_str(&body).unwrap_or_default(),
            seq: row.get(0)?,
        });
    }
    Ok(found)
}

fn detail(connection: &Connection, id: &str) -> Result<Option<CallDetail>, LedgerError> {
    let call: Option<String> = connection
        .query_row(
            "SELECT call FROM record WHERE id = ?1 UNION SELECT call FROM approval WHERE id = ?1 LIMIT 1",
            [id],
            |row| row.get(0),
        )
        .optional()?;
    let Some(call) = call else { return Ok(None) };
    let sql = format!(
        "SELECT seq, id, at, kind, {STANDING} AS standing, caller, tool, account, body FROM record WHERE id = ?"
    );
    let line = connection
        .query_row(&sql, [&call], |row| {
            Ok(Line {
                seq: row.get(0)?,
                id: row.get(1)?,
                at: rfc3339(row.get(2)?),
                kind: row.get(3)?,
                status: row.get(4)?,
                caller: row.get(5)?,
                tool: row.get(6)?,
                account: row.get(7)?,
                body: serde_json::from_str(&row.get::<_, String>(8)?).unwrap_or_default(),
            })
        })
        .optional()?;
    let Some(line) = line else { return Ok(None) };
    let sql = format!("SELECT {RECORD} FROM record WHERE call = ? ORDER BY seq");
    let records: Vec<Value> = connection.prepare_cached(&sql)?.query_map([&call], record)?.collect::<Result<_, _>>()?;
    let newest = |kind: &str| {
        let found = records.iter().rfind(|record| record.get("kind").and_then(Value::as_str) == Some(kind));
        found.and_then(|record| record.get("id").and_then(Value::as_str))
    };
    let as_value = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let plan = as_value(approvals::payload(connection, &call, "plan")?);
    let payload_of = |record: Option<&str>, role: &str| match record {
        Some(id) => Ok(as_value(approvals::payload(connection, id, role)?)),
        None => Ok::<_, LedgerError>(Value::Null),
    };
    let (facts, answer) = (payload_of(newest("facts"), "facts")?, payload_of(newest("outcome"), "answer")?);
    Ok(Some(CallDetail { line, plan, facts, answer, records }))
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({
        "seq": row.get::<_, i64>(0)?,
        "id": row.get::<_, String>(1)?,
        "call": row.get::<_, String>(2)?,
        "kind": row.get::<_, String>(3)?,
        "status": row.get::<_, String>(4)?,
        "at": rfc3339(row.get(5)?),
        "at_ms": row.get::<_, i64>(5)?,
        "caller": row.get::<_, String>(6)?,
        "tool": row.get::<_, String>(7)?,
        "account": row.get::<_, String>(8)?,
        "body": serde_json::from_str::<Value>(&row.get::<_, String>(9)?).unwrap_or_default(),
        "prev": row.get::<_, String>(10)?,
        "hash": row.get::<_, String>(11)?,
    }))
}

fn with_payloads(connection: &Connection, mut record: Value) -> Result<Value, LedgerError> {
    let id = record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let payloads: Map<String, Value> = connection
        .prepare_cached("SELECT role, text FROM payload WHERE record = ?")?
        .query_map([id], |row| {
            Ok((row.get::<_, String>(0)?, serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default()))
        })?
        .collect::<Result<_, _>>()?;
    if let Value::Object(map) = &mut record {
        map.insert("payloads".to_owned(), Value::Object(payloads));
    }
    Ok(record)
}

fn texts(connection: &Connection, call: &str) -> Result<String, LedgerError> {
    let texts: Vec<String> = connection
        .prepare_cached("SELECT text FROM payload WHERE record IN (SELECT id FROM record WHERE call = ?)")?
        .query_map([call], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(texts.join(" "))
}

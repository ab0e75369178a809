//! What stands until somebody ends it: each grant, and the lock, are what the records say of them. A line that somebody
//! writes into the table beside them lets nothing through unseen.

use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Value, json};

use super::Bad;
use crate::{
    ledger::{
        LedgerError,
        sqlite::{grant_digest, meta},
    },
    plan::Digest,
};

/// Compares each grant with the record of its being given, and of its end.
pub(super) fn check_grants(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let mut statement = transaction.prepare(
        "SELECT given.seq, given.id, given.body, given.at,
                granted.text, granted.definition, granted.account_id, granted.origin, granted.given_at,
                granted.revoked_at,
                (SELECT min(ended.at) FROM record AS ended WHERE ended.kind = 'home'
                 AND ended.status = 'grant revoked' AND ended.tool = given.tool AND ended.seq > given.seq),
                granted.tool, granted.expires_at
         FROM record AS given LEFT JOIN granted ON granted.id = given.tool
         WHERE given.kind = 'home' AND given.status = 'granted' ORDER BY given.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut known = 0_i64;
    while let Some(row) = rows.next()? {
        let (seq, id): (i64, String) = (row.get(0)?, row.get(1)?);
        let bad = |what: &str| Ok(Some(Bad { seq, id: id.clone(), what: what.to_owned() }));
        let body: Value = serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default();
        let Some(text) = row.get::<_, Option<String>>(4)? else { return bad("the grant that it gave is gone") };
        known += 1;
        let Ok(definition) = Digest::try_from(row.get::<_, String>(5)?) else {
            return bad("the grant in force is not the one that was given");
        };
        let digest = grant_digest(&text, &definition, &row.get::<_, String>(6)?, &row.get::<_, String>(7)?);
        // records of before say neither which tool nor until when: both stand in the text
        let says = |key: &str, value: Value| body.get(key).is_none_or(|said| *said == value);
        let same = body.get("text") == Some(&json!(text))
            && says("tool", json!(row.get::<_, String>(11)?))
            && says("expires_at", json!(row.get::<_, i64>(12)?))
            && body.get("digest") == Some(&json!(digest))
            && row.get::<_, i64>(3)? == row.get::<_, i64>(8)?;
        if !same {
            return bad("the grant in force is not the one that was given");
        }
        if row.get::<_, Option<i64>>(9)? != row.get::<_, Option<i64>>(10)? {
            return bad("its grant was revoked, and stands, or the other way round");
        }
    }
    let all: i64 = transaction.query_row("SELECT count(*) FROM granted", [], |row| row.get(0))?;
    Ok((all != known).then(|| Bad { seq: 0, id: String::new(), what: "a grant that nobody gave".to_owned() }))
}

/// Is everything locked since when the last record of it says so, or not at all?
pub(super) fn check_lock(transaction: &Transaction<'_>) -> Result<Option<Bad>, LedgerError> {
    let said: Option<(i64, String, bool, i64)> = transaction
        .query_row(
            "SELECT seq, id, status = 'locked', at FROM record
             WHERE kind = 'home' AND status IN ('locked', 'unlocked') ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let stands = meta::read(transaction, "locked")?;
    let since = said.as_ref().filter(|(_, _, locked, _)| *locked).map(|(_, _, _, at)| at.to_string());
    if stands == since {
        return Ok(None);
    }
    let (seq, id) = said.map_or((0, String::new()), |(seq, id, ..)| (seq, id));
    Ok(Some(Bad { seq, id, what: "the lock does not stand as the records say".to_owned() }))
}

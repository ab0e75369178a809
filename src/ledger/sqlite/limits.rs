//! What is used of the limits of rules: counted and reserved in the transaction that lets a call run, so that calls that
//! come at once, from however many processes, never use the same room twice.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use super::{Durability, LedgerError, Sqlite};
use crate::{
    clock::Now,
    policy::{Measure, Use},
};

/// What one limit's room is kept under.
fn name(measure: &Measure) -> String {
    match measure {
        Measure::Count => "count".to_owned(),
        Measure::Sum(path) => format!("sum:{path}"),
    }
}

impl Sqlite {
    /// How much is used of each limit, in millionths.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn used(&self, uses: Vec<Use>, now: Now) -> Result<Vec<i64>, LedgerError> {
        self.on_thread(move |inner| {
            let connection = inner.connection(Durability::Normal);
            uses.iter().map(|one| used(&connection, one, now)).collect()
        })
        .await
    }
}

/// The first limit that has no room for its call, and how much of it is used.
pub(super) fn over<'a>(
    transaction: &Transaction<'_>,
    uses: &'a [Use],
    now: Now,
) -> Result<Option<(&'a Use, i64)>, LedgerError> {
    for one in uses {
        let so_far = used(transaction, one, now)?;
        if !one.fits(so_far) {
            return Ok(Some((one, so_far)));
        }
    }
    Ok(None)
}

/// Takes the room that the call needs.
pub(super) fn reserve(transaction: &Transaction<'_>, call: &str, uses: &[Use], now: Now) -> Result<(), LedgerError> {
    // two limits of one rule on the same measure share what is counted
    let distinct: BTreeMap<_, _> = uses.iter().map(|one| ((&one.rule, &one.measure), one.takes)).collect();
    for ((rule, measure), takes) in distinct {
        transaction
            .prepare_cached(
                "INSERT INTO spend (call, rule, measure, amount, at, boot, boot_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![call, rule, name(measure), takes, now.wall, now.boot, now.boot_id])?;
    }
    Ok(())
}

/// Gives back what a call that did nothing had reserved.
pub(super) fn release(transaction: &Transaction<'_>, call: &str) -> Result<(), LedgerError> {
    transaction.prepare_cached("DELETE FROM spend WHERE call = ?")?.execute([call])?;
    Ok(())
}

/// A clock that was set forward gives nothing back early, and one that was set back forgets nothing.
fn used(connection: &Connection, one: &Use, now: Now) -> Result<i64, LedgerError> {
    let sum = connection
        .prepare_cached(
            "SELECT coalesce(sum(amount), 0) FROM spend
             WHERE rule = ?1 AND measure = ?2 AND (at > ?3 OR (boot_id = ?4 AND boot > ?5))",
        )?
        .query_row(
            params![
                one.rule,
                name(&one.measure),
                now.wall.saturating_sub(one.per),
                now.boot_id,
                now.boot.saturating_sub(one.per)
            ],
            |row| row.get(0),
        )?;
    Ok(sum)
}

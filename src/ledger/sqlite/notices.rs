//! What people are told: which message is due on which channel, who sends it, and what came of it.
//!
//! INVARIANT: a message is sent by the one process whose conditional `UPDATE` took its rows. A process that dies while
//! it sends gives them back by that, so that a message may come twice then, and is never lost.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Map, json};

use super::{Durability, Inner, LedgerError, Sqlite, factors, fresh_id};
use crate::clock::{Millis, Now};

/// The most messages that a channel carries in a minute; in the last of them stands all that is due.
pub const A_MINUTE: u32 = 5;
/// So many calls of one tool by one caller that are due at once are one message.
const FLOOD: usize = 4;
/// How often a message is tried.
pub const TRIES: u32 = 6;
/// The first pause after a failure; each further one is four times as long.
const BACKOFF: Millis = 5_000;
const MINUTE: Millis = 60_000;
/// Longer than any sending takes: what this process began before that, it does not send any more.
const STUCK: Millis = 3 * MINUTE;
/// Told this long ago, nobody asks any more.
const KEPT: Millis = 30 * 24 * 60 * MINUTE;

/// Who was told that an approval waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// No channel is there for it.
    Nobody,
    /// A message is on its way.
    Soon,
    /// A channel took a message.
    Somebody,
    /// No channel has taken one, and each was tried.
    Undelivered,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// Somebody asked.
    Asked,
    /// Half of the time is over.
    Reminder,
}

impl NoticeKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Reminder => "reminder",
        }
    }
}

/// A message that this process has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// `msg_…`
    pub message: String,
    /// What it is about, by approval.
    pub notices: Vec<(String, NoticeKind)>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The channel took it.
    Taken,
    /// It did not.
    Failed {
        /// Why; in words of ours.
        problem: String,
        /// Milliseconds that the channel asks to wait.
        wait: Millis,
    },
}

/// How a channel last did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelHealth {
    /// When it last took a message.
    pub told_at: Option<Millis>,
    /// When its last message failed and why, where it did.
    pub failed: Option<(Millis, String)>,
}

impl Sqlite {
    /// Makes notices of all that waits, for each of these channels, where there is none yet. Says whether any is new.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn plan_notices(&self, channels: &[String], now: Now) -> Result<bool, LedgerError> {
        let channels = channels.to_vec();
        self.on_thread(move |inner| {
            let mut new = false;
            for channel in &channels {
                // a look first: writing would stop every other process once a second
                if missing(&inner.connection(Durability::Normal), channel, now)? {
                    new |= inner.transaction(Durability::Normal, |transaction| plan(transaction, channel, now))?;
                }
            }
            Ok(new)
        })
        .await
    }

    /// Takes the next message of a channel, which this process then has to send and [`Sqlite::settle_message`]. At most
    /// one of a channel is being sent, over all processes.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn claim_message(&self, channel: &str, now: Now) -> Result<Option<Due>, LedgerError> {
        let channel = channel.to_owned();
        self.on_thread(move |inner| {
            if !is_open(&inner.connection(Durability::Normal), &channel, now)? {
                return Ok(None);
            }
            inner.transaction(Durability::Normal, |transaction| claim(transaction, inner, &channel, now))
        })
        .await
    }

    /// Writes down what came of a message. `false`: it was another process's by then.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn settle_message(
        &self,
        channel: &str,
        message: &str,
        delivery: Delivery,
        now: Now,
    ) -> Result<bool, LedgerError> {
        let (channel, message) = (channel.to_owned(), message.to_owned());
        self.transaction(Durability::Full, move |transaction, inner| {
            settle(transaction, inner, (&channel, &message), &delivery, now)
        })
        .await
    }

    /// Who was told of an approval.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn told(&self, approval: &str) -> Result<Told, LedgerError> {
        let approval = approval.to_owned();
        self.on_thread(move |inner| {
            let connection = inner.connection(Durability::Normal);
            let (all, sent, untried): (u32, u32, u32) = connection
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(state = 'sent'), 0),
                            coalesce(sum(state = 'sending' AND tries <= 1 OR state = 'due' AND tries = 0), 0)
                     FROM notice WHERE approval = ? AND kind = 'asked'",
                )?
                .query_row([&approval], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(match (all, sent, untried) {
                (0, ..) => Told::Nobody,
                (_, 1.., _) => Told::Somebody,
                (_, 0, 1..) => Told::Soon,
                (_, 0, 0) => Told::Undelivered,
            })
        })
        .await
    }

    /// How a channel last did.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn channel_health(&self, channel: &str) -> Result<ChannelHealth, LedgerError> {
        let channel = channel.to_owned();
        self.on_thread(move |inner| {
            let connection = inner.connection(Durability::Normal);
            let found: Option<(Millis, Millis, String)> = connection
                .prepare_cached("SELECT told_at, failed_at, problem FROM channel WHERE name = ?")?
                .query_row([&channel], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let (told, failed, problem) = found.unwrap_or_default();
            let failed = (failed > 0).then_some((failed, problem));
            Ok(ChannelHealth { told_at: (told > 0).then_some(told), failed })
        })
        .await
    }

    /// Writes down how a channel did with a message that is about no approval.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn channel_tested(&self, channel: &str, delivery: Delivery, now: Now) -> Result<(), LedgerError> {
        let channel = channel.to_owned();
        self.transaction(Durability::Full, move |transaction, _| note_health(transaction, &channel, &delivery, now))
            .await
    }
}

const MISSING: &str = "FROM approval WHERE status = 'pending' AND expires_at > ?2
    AND NOT EXISTS (SELECT 1 FROM notice WHERE notice.approval = approval.id AND channel = ?1 AND kind = 'asked')";

fn missing(connection: &Connection, channel: &str, now: Now) -> Result<bool, LedgerError> {
    let sql = format!("SELECT EXISTS (SELECT 1 {MISSING})");
    Ok(connection.prepare_cached(&sql)?.query_row(params![channel, now.wall], |row| row.get(0))?)
}

fn plan(transaction: &Transaction<'_>, channel: &str, now: Now) -> Result<bool, LedgerError> {
    let row = |kind: NoticeKind, due: &str| {
        format!(
            "INSERT OR IGNORE INTO notice (approval, channel, kind, due_at, state, tries, runner, message, at)
             SELECT id, ?1, '{}', {due}, 'due', 0, '', '', ?2 ",
            kind.as_str()
        )
    };
    // the reminder first: what is missing is seen by the other one
    let half = "created_at + (expires_at - created_at) / 2";
    for sql in [row(NoticeKind::Reminder, half), row(NoticeKind::Asked, "?2")] {
        transaction.prepare_cached(&format!("{sql}{MISSING}"))?.execute(params![channel, now.wall])?;
    }
    Ok(true)
}

fn is_open(connection: &Connection, channel: &str, now: Now) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM notice WHERE channel = ?1
               AND (state = 'due' AND due_at <= ?2 OR state = 'sending'))";
    Ok(connection.prepare_cached(sql)?.query_row(params![channel, now.wall], |row| row.get(0))?)
}

fn claim(transaction: &Transaction<'_>, inner: &Inner, channel: &str, now: Now) -> Result<Option<Due>, LedgerError> {
    give_back(transaction, inner, channel, now)?;
    let being_sent: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM notice WHERE channel = ? AND state = 'sending')")?
        .query_row([channel], |row| row.get(0))?;
    if being_sent {
        return Ok(None);
    }
    tidy(transaction, channel, now)?;
    let lately: u32 = transaction
        .prepare_cached(
            "SELECT count(DISTINCT message) FROM notice
             WHERE channel = ? AND state IN ('sent', 'failed') AND at > ? AND at <= ?",
        )?
        .query_row(params![channel, now.wall - MINUTE, now.wall], |row| row.get(0))?;
    let mut notices = due(transaction, channel, now)?;
    match A_MINUTE.saturating_sub(lately) {
        0 => return Ok(None),
        1 => {}
        _ => fold(&mut notices),
    }
    let notices: Vec<(String, NoticeKind)> = notices.into_iter().map(|due| (due.approval, due.kind)).collect();
    if notices.is_empty() {
        return Ok(None);
    }
    let message = fresh_id("msg")?;
    for (approval, kind) in &notices {
        let taken = transaction
            .prepare_cached(
                "UPDATE notice SET state = 'sending', tries = tries + 1, runner = ?1, message = ?2, at = ?3
                 WHERE approval = ?4 AND channel = ?5 AND kind = ?6 AND state = 'due'",
            )?
            .execute(params![inner.runner.id(), message, now.wall, approval, channel, kind.as_str()])?;
        if taken != 1 {
            return Err(LedgerError::Corrupt("a notice is not what it was a moment ago".to_owned()));
        }
    }
    Ok(Some(Due { message, notices }))
}

/// A thing to tell, and whose call of which tool it is about.
struct DueNotice {
    approval: String,
    kind: NoticeKind,
    of: (String, String),
}

/// What is due on a channel, oldest first; as much as one message carries.
fn due(transaction: &Transaction<'_>, channel: &str, now: Now) -> Result<Vec<DueNotice>, LedgerError> {
    const MOST: u32 = 500;
    let mut statement = transaction.prepare_cached(
        "SELECT notice.approval, notice.kind, record.caller, record.tool FROM notice
         JOIN approval ON approval.id = notice.approval JOIN record ON record.id = approval.call
         WHERE notice.channel = ?1 AND notice.state = 'due' AND notice.due_at <= ?2
         ORDER BY notice.due_at, notice.approval LIMIT ?3",
    )?;
    let notices = statement.query_map(params![channel, now.wall, MOST], |row| {
        let kind: String = row.get(1)?;
        let kind = if kind == NoticeKind::Reminder.as_str() { NoticeKind::Reminder } else { NoticeKind::Asked };
        Ok(DueNotice { approval: row.get(0)?, kind, of: (row.get(2)?, row.get(3)?) })
    })?;
    Ok(notices.collect::<Result<_, _>>()?)
}

/// The oldest by itself; or, where its caller floods people with calls of that tool, all of these together.
fn fold(notices: &mut Vec<DueNotice>) {
    let Some(of) = notices.first().map(|first| first.of.clone()) else { return };
    if notices.iter().filter(|due| due.of == of).count() < FLOOD {
        notices.truncate(1);
    } else {
        notices.retain(|due| due.of == of);
    }
}

/// What a process that is gone was sending, or this one for too long, is due again.
fn give_back(transaction: &Transaction<'_>, inner: &Inner, channel: &str, now: Now) -> Result<(), LedgerError> {
    let mut statement = transaction
        .prepare_cached("SELECT DISTINCT message, runner, at FROM notice WHERE channel = ? AND state = 'sending'")?;
    let sending: Vec<(String, String, Millis)> =
        statement.query_map([channel], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    for (message, runner, at) in sending {
        if inner.runner.is_gone(&runner) || now.wall.saturating_sub(at) > STUCK {
            transaction
                .prepare_cached(
                    "UPDATE notice SET state = 'due', due_at = ?1, at = ?1 WHERE message = ?2 AND state = 'sending'",
                )?
                .execute(params![now.wall, message])?;
        }
    }
    Ok(())
}

/// Nobody has to be told any more of what does not wait, nor be reminded of what they were not told yet.
fn tidy(transaction: &Transaction<'_>, channel: &str, now: Now) -> Result<(), LedgerError> {
    for sql in [
        "DELETE FROM notice WHERE channel = ?1 AND state = 'due' AND NOT EXISTS
         (SELECT 1 FROM approval WHERE id = notice.approval AND status = 'pending' AND expires_at > ?2)",
        "DELETE FROM notice WHERE channel = ?1 AND state = 'due' AND kind = 'reminder' AND due_at <= ?2 AND EXISTS
         (SELECT 1 FROM notice AS asked WHERE asked.approval = notice.approval AND asked.channel = ?1
          AND asked.kind = 'asked' AND asked.state = 'due')",
    ] {
        transaction.prepare_cached(sql)?.execute(params![channel, now.wall])?;
    }
    transaction
        .prepare_cached("DELETE FROM notice WHERE channel = ?1 AND state IN ('sent', 'failed') AND at < ?2")?
        .execute(params![channel, now.wall - KEPT])?;
    Ok(())
}

fn settle(
    transaction: &Transaction<'_>,
    inner: &Inner,
    (channel, message): (&str, &str),
    delivery: &Delivery,
    now: Now,
) -> Result<bool, LedgerError> {
    let mut statement = transaction.prepare_cached(
        "SELECT approval, tries FROM notice WHERE message = ?1 AND runner = ?2 AND state = 'sending' ORDER BY approval",
    )?;
    let carried: Vec<(String, u32)> = statement
        .query_map(params![message, inner.runner.id()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if carried.is_empty() {
        return Ok(false);
    }
    let tries = carried.iter().map(|(_, tries)| *tries).max().unwrap_or(0);
    let approvals: Vec<&String> = carried.iter().map(|(approval, _)| approval).collect();
    let mut body = Map::from_iter([("approvals".to_owned(), json!(approvals)), ("message".to_owned(), json!(message))]);
    let set = "UPDATE notice SET state = ?1, due_at = ?2, at = ?3 WHERE message = ?4 AND state = 'sending'";
    match delivery {
        Delivery::Taken => {
            transaction.prepare_cached(set)?.execute(params!["sent", now.wall, now.wall, message])?;
            factors::home_event(transaction, "told", channel, body, now)?;
        }
        Delivery::Failed { problem, wait } => {
            let over = tries >= TRIES;
            let pause = BACKOFF.saturating_mul(4_i64.saturating_pow(tries.saturating_sub(1)));
            let due = now.wall.saturating_add(pause.max(*wait));
            let state = if over { "failed" } else { "due" };
            transaction.prepare_cached(set)?.execute(params![state, due, now.wall, message])?;
            // once when it begins and once when it ends: the log is for people
            if over || tries == 1 {
                body.insert("problem".to_owned(), json!(problem));
                body.insert("tries".to_owned(), json!(tries));
                factors::home_event(transaction, "not told", channel, body, now)?;
            }
        }
    }
    note_health(transaction, channel, delivery, now)?;
    Ok(true)
}

fn note_health(transaction: &Transaction<'_>, channel: &str, delivery: &Delivery, now: Now) -> Result<(), LedgerError> {
    let (told, failed, problem) = match delivery {
        Delivery::Taken => (now.wall, 0, ""),
        Delivery::Failed { problem, .. } => (0, now.wall, problem.as_str()),
    };
    transaction
        .prepare_cached(
            "INSERT INTO channel (name, told_at, failed_at, problem) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET told_at = CASE WHEN ?2 > 0 THEN ?2 ELSE told_at END,
             failed_at = ?3, problem = ?4",
        )?
        .execute(params![channel, told, failed, problem])?;
    Ok(())
}

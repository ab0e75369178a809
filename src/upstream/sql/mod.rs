//! Statements to databases: PostgreSQL, MySQL and MariaDB, SQLite.
//!
//! A read runs in a fresh read-only transaction that is rolled back, in a session that nothing was left in, whatever the
//! classifier thought of it: this is the second wall. What tries to write in there is stopped by the database, and told as an alarm.
//! Everything else runs in one transaction. Values are bound; no text is ever put into a statement.

mod address;
mod cell;
mod kept;
mod mysql;
mod postgres;
mod preview;
mod role;
mod rows;
mod sqlite;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

pub(super) use self::address::Address;
pub use self::role::least_role;
use super::{
    Credential, Upstream,
    answer::{MAYBE, failed},
    filter,
};
use crate::{
    catalog::{Effect, SqlOperation, SqlRequest},
    findings::rows,
    ledger::{FailureKind, Outcome, Permit},
    plan::{Plan, Request},
    sql::Dialect,
    trust::Trust,
    visible::visible,
};

/// What the server's own limit may be exceeded by before we hang up.
const GRACE: Duration = Duration::from_secs(3);
/// To resolve, connect, shake hands and sign in.
const CONNECT: Duration = Duration::from_secs(10);
/// Longer messages of a server are cut.
const MESSAGE: usize = 300;

/// Runs statements.
#[derive(Debug, Default)]
pub struct Sql {
    trust: Trust,
    postgres: kept::Kept<postgres::Postgres>,
    mysql: kept::Kept<mysql::Mysql>,
}

impl Sql {
    /// At servers that prove who they are to this.
    pub fn new(trust: Trust) -> Self {
        Self { trust, ..Self::default() }
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Trouble {
    /// It never got as far as the statement.
    NotSent(FailureKind, String),
    /// The database said no, and has taken back what it began.
    Refused {
        /// `42P01`
        code: String,
        /// Its words, without data.
        message: String,
    },
    /// A read tried to write. The database has stopped it.
    Wrote(String),
    /// The server was too slow.
    Slow,
    /// The connection broke after the statement was sent.
    Lost,
    /// More came than is taken.
    TooLarge,
    /// It touched more rows than were approved, and was rolled back.
    TooManyRows {
        /// How many it touched.
        touched: u64,
        /// How many were approved.
        most: u64,
        /// Is it gone again? A storage without transactions keeps it.
        undone: bool,
    },
}

/// One call on its way.
struct Run<'a> {
    account: &'a str,
    address: &'a Address,
    request: &'a SqlRequest,
    origin: &'a crate::account::Origin,
    trust: &'a Trust,
    read: bool,
    /// The most rows that it may touch.
    most_rows: Option<u64>,
}

#[async_trait]
impl Upstream for Sql {
    async fn send(&self, permit: &Permit, credential: Credential) -> Outcome {
        let plan = permit.plan();
        let read = plan.effect() == Effect::Read;
        let (Request::Sql(request), Some(address)) = (plan.request(), credential.connection(read)) else {
            return failed(FailureKind::Internal, None, "this is no statement to a database; nothing was sent".into());
        };
        let same = credential.origin() == plan.origin()
            && credential.account().id == plan.account_id()
            && address.dialect() == request.dialect
            && address.database() == request.database;
        if !same {
            let why = "the credential does not belong to this request; nothing was sent";
            return failed(FailureKind::Credential, None, why.to_owned());
        }
        let (origin, trust) = (plan.origin(), &self.trust);
        let account = plan.account_id();
        let run = Run { account, address, request, origin, trust, read, most_rows: permit.most_rows() };
        let answer = match request.dialect {
            Dialect::Postgres => kept::run(&run, &self.postgres).await,
            Dialect::Mysql => kept::run(&run, &self.mysql).await,
            Dialect::Sqlite => sqlite::run(&run).await,
        };
        if let Err(Trouble::Wrote(message)) = &answer {
            tracing::error!(
                record = permit.record(),
                tool = plan.tool(),
                "ALARM: a statement that was taken for a read tried to write, and the database stopped it: {message}"
            );
        }
        let (outcome, hits) = outcome(plan, request, read, answer, credential.needles());
        if hits > 0 {
            tracing::warn!(record = permit.record(), hits, "the answer contained the credential; it was taken out");
        }
        outcome
    }
}

/// What the answer, or its absence, means for the call.
fn outcome(
    plan: &Plan,
    request: &SqlRequest,
    read: bool,
    answer: Result<Value, Trouble>,
    needles: &filter::Needles,
) -> (Outcome, usize) {
    let integration = plan.integration();
    let unknown =
        |why: &str| Outcome::Unknown { http_status: None, message: format!("`{integration}` {why}; {MAYBE}") };
    let trouble = match answer {
        Ok(result) => {
            let (mut result, hits) = filter::redact(result, needles);
            next_page(plan, request, &mut result);
            let outcome = Outcome::Succeeded { result, http_status: None, truncated: false, next: None };
            return (outcome, hits);
        }
        Err(trouble) => trouble,
    };
    let outcome = match trouble {
        Trouble::NotSent(kind, why) => failed(kind, None, format!("`{integration}` {why}; nothing was run")),
        Trouble::Refused { code, message } => {
            let (message, _) = filter::redact(json!(one_line(&message)), needles);
            let words = message.as_str().unwrap_or_default();
            let separator = if words.is_empty() { "" } else { ": " };
            let message = format!("`{integration}` refused it ({code}){separator}{words}; nothing was changed");
            failed(FailureKind::Upstream, None, message)
        }
        Trouble::Wrote(_) => {
            let why = "the statement tried to write though it was asked for as a read; the database stopped it, and it \
                       is noted as an alarm";
            failed(FailureKind::Upstream, None, why.to_owned())
        }
        Trouble::Slow if read => {
            let message = format!("`{integration}` was not done within {} ms and was told to stop", request.timeout_ms);
            failed(FailureKind::Timeout, None, message)
        }
        Trouble::Lost if read => failed(
            FailureKind::Network,
            None,
            format!("the connection to `{integration}` broke before its answer came"),
        ),
        Trouble::TooLarge if read => {
            let why = "answered more than can be read; ask for fewer columns or shorter values";
            failed(FailureKind::Upstream, None, format!("`{integration}` {why}"))
        }
        Trouble::TooManyRows { touched, most, undone } => {
            let message = format!(
                "the statement touched {}, more than the {most} that a human was shown and approved",
                rows(touched)
            );
            if undone {
                let message = format!("{message}; it was rolled back and nothing was changed; ask again");
                failed(FailureKind::Upstream, None, message)
            } else {
                unknown(&format!("could not take everything back: {message}"))
            }
        }
        Trouble::Slow => unknown("got the statement and did not answer in time"),
        Trouble::Lost => unknown("lost the connection while it had the statement"),
        Trouble::TooLarge => unknown("answered more than can be read"),
    };
    (outcome, 0)
}

/// Where there are more rows: the call that asks for them, ready to be made.
fn next_page(plan: &Plan, request: &SqlRequest, result: &mut Value) {
    let Some(members) = result.as_object_mut().filter(|_| request.operation == SqlOperation::Query) else { return };
    let count = members.get("row_count").and_then(Value::as_u64).unwrap_or_default();
    let more = members.get("truncated") == Some(&Value::Bool(true)) && count > 0;
    let mut arguments = plan.given().clone();
    arguments.insert("offset".to_owned(), json!(request.offset + count));
    let tool = plan.tool().replacen('.', "_", 1);
    let next = if more { json!({ "tool": tool, "arguments": arguments }) } else { Value::Null };
    members.insert("next".to_owned(), next);
}

/// A server's words, as one line without characters that could pass for something else.
fn one_line(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    visible(&line.chars().take(MESSAGE).collect::<String>())
}

impl Run<'_> {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.request.timeout_ms)
    }

    /// How long the server may take over one statement.
    fn each(&self) -> Duration {
        match self.request.operation {
            SqlOperation::Preview => self.timeout().min(preview::EACH),
            SqlOperation::Query
            | SqlOperation::Execute
            | SqlOperation::Explain
            | SqlOperation::ListTables
            | SqlOperation::DescribeTable
            | SqlOperation::Verify => self.timeout(),
        }
    }

    /// An error where a statement touched more rows than were approved: what was done must be taken back.
    fn within(&self, touched: u64) -> Result<(), Trouble> {
        match self.most_rows {
            Some(most) if touched > most => Err(Trouble::TooManyRows { touched, most, undone: true }),
            Some(_) | None => Ok(()),
        }
    }

    /// The statement, which operations with one have.
    fn statement(&self) -> Result<&str, Trouble> {
        let missing = || Trouble::NotSent(FailureKind::Internal, "was asked without a statement".to_owned());
        self.request.statement.as_deref().ok_or_else(missing)
    }
}

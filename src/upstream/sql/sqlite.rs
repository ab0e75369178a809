//! SQLite: a file of this machine, opened by the SQLite that is compiled in.
//!
//! Reads: the file is opened read-only, an authorizer lets nothing but reading through, nothing can be attached, and the
//! schema is not trusted to call functions with side effects (T079).

use std::{
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::{Value as Cell, ValueRef},
};
use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use super::{
    GRACE, Run, Trouble, preview,
    rows::{Rows, objects},
};
use crate::{
    catalog::{SqlOperation, SqlRequest},
    ledger::FailureKind,
    sql,
};

/// How often SQLite asks whether it should stop, in steps of its virtual machine.
const STEPS: i32 = 1_000;

/// The longest value or row of a read. SQLite does not stop within one function, and the time that one takes grows with the
/// square of what it searches: at this it is seconds.
const LONGEST_READ: i32 = 1024 * 1024;
/// And of everything else, which waits for a human.
const LONGEST: i32 = 16 * 1024 * 1024;

pub(super) async fn run(run: &Run<'_>) -> Result<Value, Trouble> {
    let (path, request, read) = (run.address.database().to_owned(), run.request.clone(), run.read);
    let (until, statement) = (Instant::now() + run.timeout(), run.request.statement.clone().unwrap_or_default());
    let most_rows = run.most_rows;
    let work = move || {
        let mut connection = open(&path, read, until)?;
        if read {
            reading(&mut connection, &request, &statement)
        } else {
            writing(&mut connection, &request, &statement, most_rows, until + GRACE)
        }
    };
    answered(run.timeout() + GRACE, work).await
}

/// What the work says within the limit. It has a thread of its own, which the end of the program does not wait for.
async fn answered(
    limit: Duration,
    work: impl FnOnce() -> Result<Value, Trouble> + Send + 'static,
) -> Result<Value, Trouble> {
    let (answers, answer) = oneshot::channel();
    let runtime = Handle::current();
    let thread = thread::Builder::new().name("sqlite".to_owned()).spawn(move || {
        let entered = runtime.enter();
        // where nobody waits for it any more there is nobody to tell
        drop(answers.send(work()));
        drop(entered);
    });
    thread.map_err(|_| Trouble::NotSent(FailureKind::Busy, "could not be opened: too much is under way".to_owned()))?;
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        // a panic in there is no answer
        Ok(Err(_)) => Err(Trouble::Lost),
        Err(_) => Err(Trouble::Slow),
    }
}

fn open(path: &str, read: bool, until: Instant) -> Result<Connection, Trouble> {
    let access = if read { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).and_then(|mut connection| {
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, if read { LONGEST_READ } else { LONGEST })?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.busy_timeout(until.saturating_duration_since(Instant::now()).min(Duration::from_secs(5)))?;
        connection.progress_handler(STEPS, Some(move || Instant::now() > until))?;
        Ok(connection)
    });
    connection.map_err(|_| Trouble::NotSent(FailureKind::Network, "could not open the file".to_owned()))
}

fn reading(connection: &mut Connection, request: &SqlRequest, statement: &str) -> Result<Value, Trouble> {
    connection.execute_batch("BEGIN").map_err(|error| trouble(&error, true))?;
    modules(connection);
    connection.authorizer(Some(only_reads)).map_err(|error| trouble(&error, true))?;
    let answer = match request.operation {
        SqlOperation::Query => rows(connection, request, statement, &request.params),
        SqlOperation::Explain => {
            let explained = ["EXPLAIN QUERY PLAN ", statement].concat();
            rows(connection, request, &explained, &request.params)
        }
        SqlOperation::ListTables => rows(connection, request, LIST, &[]),
        SqlOperation::DescribeTable => described(connection, request),
        SqlOperation::Verify => verified(connection, request),
        // nothing in there waits: it runs to its end on this thread
        SqlOperation::Preview => Handle::current().block_on(preview::look(request, &mut Asked(connection))),
        SqlOperation::Execute => Err(Trouble::NotSent(FailureKind::Internal, "was asked to execute a read".to_owned())),
    };
    // nothing to take back; that the transaction ends is all
    drop(connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>));
    drop(connection.execute_batch("ROLLBACK"));
    answer
}

/// Lets the module of each virtual table prepare what it will need: an R-tree also prepares its writes, which the authorizer
/// would take for the statement's. What the statement then asks of a table, the authorizer sees.
fn modules(connection: &Connection) {
    let named = connection
        .prepare(MODULES)
        .and_then(|mut prepared| prepared.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>());
    for name in named.unwrap_or_default() {
        // one whose module is not there is told when the statement asks for it
        drop(connection.prepare(COLUMNS).and_then(|mut prepared| prepared.query([name])?.next().map(drop)));
    }
}

const MODULES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'";
const LIST: &str = "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
const COLUMNS: &str = "SELECT name, type, \"notnull\" AS not_null, dflt_value AS \"default\", pk AS primary_key FROM pragma_table_xinfo(?1) ORDER BY cid";
const INDEXES: &str = "SELECT name, \"unique\" AS is_unique, origin FROM pragma_index_list(?1) ORDER BY name";
const KEYS: &str = "SELECT \"from\" AS column_name, \"table\" AS references_table, \"to\" AS references_column, on_delete, on_update FROM pragma_foreign_key_list(?1) ORDER BY id, seq";
const TRIGGERS: &str = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 ORDER BY name";

fn described(connection: &Connection, request: &SqlRequest) -> Result<Value, Trouble> {
    let name = [json!(request.name)];
    let of = |statement| rows(connection, request, statement, &name).map(|answer| objects(&answer));
    let columns = of(COLUMNS)?;
    if columns.as_array().is_none_or(Vec::is_empty) {
        let message = "there is no such table".to_owned();
        return Err(Trouble::Refused { code: "no such table".to_owned(), message });
    }
    Ok(json!({
        "table": request.name,
        "columns": columns,
        "indexes": of(INDEXES)?,
        "foreign_keys": of(KEYS)?,
        "triggers": of(TRIGGERS)?,
    }))
}

fn verified(connection: &Connection, request: &SqlRequest) -> Result<Value, Trouble> {
    let tables = rows(connection, request, LIST, &[])?;
    Ok(json!({
        "id": request.database,
        "name": format!("{} (SQLite {})", request.database, rusqlite::version()),
        "server": "SQLite",
        "version": rusqlite::version(),
        "tables": tables.get("row_count"),
        "scopes": [],
    }))
}

fn writing(
    connection: &mut Connection,
    request: &SqlRequest,
    statement: &str,
    most_rows: Option<u64>,
    until: Instant,
) -> Result<Value, Trouble> {
    // otherwise `WHERE "1"`, which looks as if it named a column, would mean every row
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false).map_err(|error| not_begun(&error))?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| not_begun(&error))?;
    connection.authorizer(Some(no_way_out)).map_err(|error| trouble(&error, false))?;
    let done = execute(connection, statement, &request.params).and_then(|affected| {
        // what triggers and foreign keys touched besides is in `affected`, and not in what is bounded
        let touched = connection.changes();
        match most_rows {
            Some(most) if touched > most => Err(Trouble::TooManyRows { touched, most, undone: true }),
            // who waited has been told that it did not answer
            Some(_) | None if Instant::now() > until => Err(Trouble::Slow),
            Some(_) | None => Ok(affected),
        }
    });
    drop(connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>));
    let affected = match done {
        Ok(affected) => affected,
        Err(error) => {
            drop(connection.execute_batch("ROLLBACK"));
            return Err(error);
        }
    };
    // what was refused at the end is still there and is taken back with the connection
    connection.execute_batch("COMMIT").map_err(|error| trouble(&error, false))?;
    Ok(json!({ "rows_affected": affected }))
}

fn execute(connection: &Connection, statement: &str, params: &[Value]) -> Result<u64, Trouble> {
    let before = connection.total_changes();
    let mut prepared = connection.prepare(statement).map_err(|error| trouble(&error, false))?;
    let mut rows = prepared.query(bound(params)).map_err(|error| trouble(&error, false))?;
    while rows.next().map_err(|error| trouble(&error, false))?.is_some() {}
    Ok(connection.total_changes().saturating_sub(before))
}

fn rows(connection: &Connection, request: &SqlRequest, statement: &str, params: &[Value]) -> Result<Value, Trouble> {
    let mut prepared = connection.prepare(statement).map_err(|error| trouble(&error, true))?;
    if !prepared.readonly() {
        return Err(Trouble::Wrote("the statement is not one that only reads".to_owned()));
    }
    let columns: Vec<(String, String)> = prepared
        .columns()
        .map(|column| (column.name().to_owned(), column.decl_type().unwrap_or("").to_ascii_lowercase()))
        .collect();
    let width = columns.len();
    let mut answer = Rows::new(request, columns);
    let mut found = prepared.query(bound(params)).map_err(|error| trouble(&error, true))?;
    while let Some(row) = found.next().map_err(|error| trouble(&error, true))? {
        let cells = || (0..width).map(|index| row.get_ref(index).map_or(Value::Null, cell)).collect();
        if !answer.take(cells) {
            break;
        }
    }
    Ok(answer.into_answer())
}

/// A connection on which an approver's questions are asked.
struct Asked<'a>(&'a mut Connection);

#[async_trait]
impl preview::Server for Asked<'_> {
    async fn ask(&mut self, question: &str, values: &[Value]) -> Result<preview::Answer, Trouble> {
        let until = Instant::now() + preview::EACH;
        let refused = |error: rusqlite::Error| trouble(&error, true);
        self.0.progress_handler(STEPS, Some(move || Instant::now() > until)).map_err(refused)?;
        let mut prepared = self.0.prepare(question).map_err(refused)?;
        if !prepared.readonly() {
            return Err(Trouble::Wrote("a question for an approver is not one that only reads".to_owned()));
        }
        let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let mut found = prepared.query(bound(values)).map_err(refused)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(refused)? {
            rows.push((0..width).map(|index| row.get_ref(index).map_or(Value::Null, cell)).collect());
        }
        Ok(preview::Answer { columns, rows })
    }
}

fn cell(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => json!(integer),
        ValueRef::Real(real) => json!(real),
        ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => json!(format!("\\x{}", data_encoding::HEXLOWER.encode(bytes))),
    }
}

fn bound(params: &[Value]) -> impl rusqlite::Params {
    let cells = params.iter().map(|value| match value {
        Value::Null => Cell::Null,
        Value::Bool(truth) => Cell::Integer(i64::from(*truth)),
        Value::Number(number) => number
            .as_i64()
            .map(Cell::Integer)
            .or_else(|| number.as_f64().map(Cell::Real))
            .unwrap_or_else(|| Cell::Text(number.to_string())),
        Value::String(text) => Cell::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Cell::Text(value.to_string()),
    });
    rusqlite::params_from_iter(cells.collect::<Vec<_>>())
}

fn only_reads(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !is_dangerous(function_name) => Authorization::Allow,
        AuthAction::Pragma { pragma_name, pragma_value } if tells(pragma_name, pragma_value) => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

/// Writes may do anything to this file, and nothing to any other; nor may they end the transaction they run in.
fn no_way_out(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Unknown { .. } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, pragma_value } if !is_of_module(pragma_name, pragma_value) => {
            Authorization::Deny
        }
        AuthAction::Function { function_name } if is_dangerous(function_name) => Authorization::Deny,
        _ => Authorization::Allow,
    }
}

fn tells(pragma: &str, value: Option<&str>) -> bool {
    sql::only_tells(pragma, value.is_some()) || is_of_module(pragma, value)
}

/// What full-text tables ask: whether the file has changed, and how large its pages are.
fn is_of_module(pragma: &str, value: Option<&str>) -> bool {
    value.is_none() && ["data_version", "page_size"].contains(&pragma)
}

fn is_dangerous(function: &str) -> bool {
    ["load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(function))
}

fn not_begun(error: &rusqlite::Error) -> Trouble {
    Trouble::NotSent(FailureKind::Busy, format!("did not let a transaction begin ({})", code(error)))
}

fn code(error: &rusqlite::Error) -> String {
    error.sqlite_error_code().map_or_else(|| "not usable".to_owned(), |code| format!("{code:?}"))
}

fn trouble(error: &rusqlite::Error, read: bool) -> Trouble {
    let message = match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) if read => Trouble::Slow,
        Some(ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied) if read => Trouble::Wrote(message),
        Some(ErrorCode::TooBig | ErrorCode::OutOfMemory) => Trouble::TooLarge,
        Some(_) | None => Trouble::Refused { code: code(error), message },
    }
}

#[cfg(test)]
mod tests;

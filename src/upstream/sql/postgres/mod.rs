//! PostgreSQL, by the extended protocol: one statement, its values bound. What it says of itself and of its tables is
//! asked in SQL of our own.

mod session;

use async_trait::async_trait;
use bytes::BytesMut;
use serde_json::{Value, json};
use tokio_postgres::{
    Client, Error, IsolationLevel, Row, Transaction,
    types::{Format, IsNull, ToSql, Type, to_sql_checked},
};

pub(super) use self::session::Postgres;
use super::{Run, Trouble, cell::Cell, preview, rows::Rows};
use crate::{catalog::SqlOperation, ledger::FailureKind};

/// Rows that are asked for at once.
const CHUNK: i32 = 500;

/// What the classifier takes for granted, and what makes answers the same everywhere, for the one transaction that there
/// is. The names that a statement uses are looked up in the catalog first and in the session's own schema last (T070).
const SETTINGS: &str = "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true), \
    set_config('search_path', 'pg_catalog, public, pg_temp', true), \
    set_config('standard_conforming_strings', 'on', true), set_config('TimeZone', 'UTC', true)";

async fn answer(run: &Run<'_>, client: &mut Client) -> Result<Value, Trouble> {
    let mut builder = client.build_transaction();
    if run.read {
        builder = builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    }
    let begun = builder.start().await;
    let transaction = begun
        .map_err(|error| Trouble::NotSent(FailureKind::Network, format!("began no transaction ({})", code(&error))))?;
    // the first question follows the settings without waiting for their answer: a transaction in which they were refused
    // answers nothing more
    let answer =
        tokio::try_join!(biased; set(run, &transaction), operate(run, &transaction)).map(|((), answer)| answer);
    if run.read {
        // whatever came, nothing of a read stays: a transaction that is dropped is rolled back, for which nobody has to wait
        return answer;
    }
    match answer {
        Ok(answer) => transaction.commit().await.map(|()| answer).map_err(|error| trouble(&error, false)),
        Err(refused) => {
            drop(transaction.rollback().await);
            Err(refused)
        }
    }
}

async fn set(run: &Run<'_>, transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let milliseconds = run.each().as_millis().to_string();
    let set = transaction.query_typed(SETTINGS, &[(&milliseconds, Type::TEXT)]).await;
    set.map(drop).map_err(|error| {
        Trouble::NotSent(FailureKind::Network, format!("did not take our settings ({})", code(&error)))
    })
}

async fn operate(run: &Run<'_>, transaction: &Transaction<'_>) -> Result<Value, Trouble> {
    match run.request.operation {
        SqlOperation::Query => rows(run, transaction, run.statement()?).await,
        SqlOperation::Explain => rows(run, transaction, &["EXPLAIN ", run.statement()?].concat()).await,
        SqlOperation::ListTables => look(run, transaction, LIST, run.request.name.as_deref()).await,
        SqlOperation::DescribeTable => described(run, transaction).await,
        SqlOperation::Verify => verified(run, transaction).await,
        SqlOperation::Preview => preview::look(run.request, &mut Asked(transaction)).await,
        SqlOperation::Execute => execute(run, transaction, run.statement()?).await,
    }
}

async fn execute(run: &Run<'_>, transaction: &Transaction<'_>, statement: &str) -> Result<Value, Trouble> {
    let prepared = transaction.prepare(statement).await.map_err(|error| trouble(&error, false))?;
    let values: Vec<Bound> = run.request.params.iter().map(Bound::of).collect();
    let affected = transaction.execute_raw(&prepared, values).await.map_err(|error| trouble(&error, false))?;
    run.within(affected)?;
    Ok(json!({ "rows_affected": affected }))
}

async fn rows(run: &Run<'_>, transaction: &Transaction<'_>, statement: &str) -> Result<Value, Trouble> {
    let trouble = |error: Error| trouble(&error, true);
    let prepared = transaction.prepare(statement).await.map_err(trouble)?;
    let columns = prepared.columns().iter().map(|column| (column.name().to_owned(), column.type_().name().to_owned()));
    let mut answer = Rows::new(run.request, columns);
    let values: Vec<Bound> = run.request.params.iter().map(Bound::of).collect();
    let portal = transaction.bind_raw(&prepared, values).await.map_err(trouble)?;
    loop {
        let chunk = transaction.query_portal(&portal, CHUNK).await.map_err(trouble)?;
        for row in &chunk {
            if !answer.take(|| cells(row)) {
                return Ok(answer.into_answer());
            }
        }
        if chunk.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX) {
            return Ok(answer.into_answer());
        }
    }
}

/// The transaction in which an approver's questions are asked. Each has a savepoint: a question that the server refuses or
/// stops does not end the others.
struct Asked<'a, 'c>(&'a Transaction<'c>);

#[async_trait]
impl preview::Server for Asked<'_, '_> {
    async fn ask(&mut self, question: &str, values: &[Value]) -> Result<preview::Answer, Trouble> {
        let refused = |error: Error| trouble(&error, true);
        self.0.batch_execute("SAVEPOINT question").await.map_err(refused)?;
        let answer = async {
            let prepared = self.0.prepare(question).await?;
            let columns = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
            let values: Vec<Bound> = values.iter().map(Bound::of).collect();
            let portal = self.0.bind_raw(&prepared, values).await?;
            let rows = self.0.query_portal(&portal, CHUNK).await?;
            Ok(preview::Answer { columns, rows: rows.iter().map(cells).collect() })
        };
        let answer = answer.await.map_err(refused);
        self.0.batch_execute("ROLLBACK TO question; RELEASE question").await.map_err(refused)?;
        answer
    }
}

fn cells(row: &Row) -> Vec<Value> {
    (0..row.len()).map(|index| row.try_get::<_, Cell>(index).map_or(Value::Null, |cell| cell.0)).collect()
}

/// One of our own questions about a name.
async fn look(
    run: &Run<'_>,
    transaction: &Transaction<'_>,
    statement: &str,
    name: Option<&str>,
) -> Result<Value, Trouble> {
    let prepared = transaction.prepare(statement).await.map_err(|error| trouble(&error, true))?;
    let found = transaction.query(&prepared, &[&name]).await.map_err(|error| trouble(&error, true))?;
    let columns = prepared.columns().iter().map(|column| (column.name().to_owned(), column.type_().name().to_owned()));
    let mut answer = Rows::new(run.request, columns);
    for row in &found {
        if !answer.take(|| cells(row)) {
            break;
        }
    }
    Ok(answer.into_answer())
}

/// One value of JSON, which the server has put together.
async fn one(transaction: &Transaction<'_>, statement: &str, name: Option<&str>) -> Result<Value, Trouble> {
    let row = transaction.query_opt(statement, &[&name]).await.map_err(|error| trouble(&error, true))?;
    Ok(row.and_then(|row| row.try_get::<_, Cell>(0).ok()).map_or(Value::Null, |cell| cell.0))
}

const LIST: &str = "SELECT n.nspname::text AS schema, c.relname::text AS name, \
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' \
    WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS type, \
    CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::bigint END AS rows_estimate \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
    AND n.nspname NOT LIKE 'pg\\_toast%' AND ($1::text IS NULL OR n.nspname = $1) \
    AND pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2";

const DESCRIBE: &str = "SELECT pg_catalog.json_build_object('table', c.oid::regclass::text, \
    'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'type', \
    pg_catalog.format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull, \
    'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
    'keys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', k.conname, 'definition', \
    pg_catalog.pg_get_constraintdef(k.oid)) ORDER BY k.conname) FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid), \
    'indexes', (SELECT pg_catalog.json_agg(pg_catalog.pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid) \
    FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid), \
    'triggers', (SELECT pg_catalog.json_agg(pg_catalog.pg_get_triggerdef(t.oid) ORDER BY t.tgname) \
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)) \
    FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1::text)";

async fn described(run: &Run<'_>, transaction: &Transaction<'_>) -> Result<Value, Trouble> {
    match one(transaction, DESCRIBE, run.request.name.as_deref()).await? {
        Value::Null => Err(Trouble::Refused { code: "42P01".to_owned(), message: "there is no such table".to_owned() }),
        table => Ok(table),
    }
}

const VERIFY: &str = "SELECT pg_catalog.json_build_object('version', pg_catalog.current_setting('server_version'), \
    'user', current_user::text, 'superuser', r.rolsuper, 'createrole', r.rolcreaterole, 'bypassrls', r.rolbypassrls, \
    'owner', pg_catalog.pg_has_role(d.datdba, 'USAGE') OR EXISTS (SELECT 1 FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') \
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'), \
    'files', EXISTS (SELECT 1 FROM pg_catalog.pg_roles p WHERE p.rolname IN ('pg_read_server_files', \
    'pg_write_server_files', 'pg_execute_server_program') AND pg_catalog.pg_has_role(p.oid, 'USAGE')), \
    'writes', EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    AND pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))) \
    FROM pg_catalog.pg_roles r, pg_catalog.pg_database d \
    WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database() AND $1::text IS NULL";

async fn verified(run: &Run<'_>, transaction: &Transaction<'_>) -> Result<Value, Trouble> {
    let facts = one(transaction, VERIFY, None).await?;
    let is = |key: &str| facts.get(key) == Some(&Value::Bool(true));
    let text = |key: &str| facts.get(key).and_then(Value::as_str).unwrap_or_default();
    let scopes = [
        ("superuser", is("superuser") || is("createrole") || is("bypassrls")),
        ("owner", is("owner")),
        ("files", is("files")),
        ("writes", is("writes")),
    ];
    let (user, database) = (text("user"), run.address.database());
    Ok(json!({
        "id": format!("{database}/{user}"),
        "name": format!("{user} in {database} (PostgreSQL {})", text("version")),
        "server": "PostgreSQL",
        "version": text("version"),
        "user": user,
        "scopes": scopes.iter().filter(|(_, has)| *has).map(|(scope, _)| scope).collect::<Vec<_>>(),
    }))
}

/// A value of JSON as the text that the server reads as whatever type the statement wants there.
#[derive(Debug)]
struct Bound(Option<String>);

impl Bound {
    fn of(value: &Value) -> Self {
        Self(match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(other.to_string()),
        })
    }
}

impl ToSql for Bound {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn code(error: &Error) -> String {
    error.code().map_or_else(|| "no code".to_owned(), |code| code.code().to_owned())
}

/// What the server says of an error, without what could be somebody's data: `DETAIL` and `HINT` never, the message
/// only where it is about names and rights (T078).
fn trouble(error: &Error, read: bool) -> Trouble {
    let Some(said) = error.as_db_error() else {
        let too_large = std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .is_some_and(|error| error.kind() == std::io::ErrorKind::FileTooLarge);
        if !error.is_closed() && std::error::Error::source(error).is_some_and(|source| !source.is::<std::io::Error>()) {
            // our own driver would not even send it
            return Trouble::Refused { code: "not sent".to_owned(), message: error.to_string() };
        }
        return if too_large { Trouble::TooLarge } else { Trouble::Lost };
    };
    let code = said.code().code().to_owned();
    let open = ["42", "23", "25", "40", "53", "54", "55", "0A"].iter().any(|class| code.starts_with(class));
    let message = if open { said.message().to_owned() } else { String::new() };
    match code.as_str() {
        "57014" if read => Trouble::Slow,
        "57P01" | "57P02" | "57P03" => Trouble::Lost,
        "25006" if read => Trouble::Wrote(message),
        _ => Trouble::Refused { code, message },
    }
}

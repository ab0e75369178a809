//! MySQL and MariaDB, by the protocol of prepared statements: one statement, its values bound. Several statements in one
//! text and files of the client are not taken by it.

mod session;

use async_trait::async_trait;
use mysql_async::{
    Conn, DriverError, Error, Params, Row,
    consts::{ColumnFlags, ColumnType},
    prelude::Queryable,
};
use serde_json::{Number, Value, json};

pub(super) use self::session::Mysql;
use super::{Run, Trouble, preview, rows::Rows};
use crate::{catalog::SqlOperation, ledger::FailureKind};

fn is_mariadb(version: &str) -> bool {
    version.contains("MariaDB")
}

/// What was to come before the statement did not.
fn not_set(error: &Error) -> Trouble {
    Trouble::NotSent(FailureKind::Network, format!("did not take our settings ({})", code(error)))
}

async fn answer(run: &Run<'_>, connection: &mut Conn, version: &str) -> Result<Value, Trouble> {
    let begin = if run.read { "START TRANSACTION READ ONLY" } else { "START TRANSACTION" };
    connection.query_drop(begin).await.map_err(|error| not_set(&error))?;
    let request = run.request;
    let name = || mysql_async::Value::from(request.name.clone());
    let answer = match request.operation {
        SqlOperation::Query => rows(run, connection, run.statement()?, params(run)).await,
        SqlOperation::Explain => rows(run, connection, &["EXPLAIN ", run.statement()?].concat(), params(run)).await,
        SqlOperation::ListTables => rows(run, connection, LIST, Params::Positional(vec![name()])).await,
        SqlOperation::DescribeTable => described(run, connection).await,
        SqlOperation::Verify => verified(run, connection, version).await,
        SqlOperation::Execute => execute(run, connection, run.statement()?, params(run)).await,
        SqlOperation::Preview => preview::look(request, &mut Asked(connection)).await,
    };
    if run.read {
        // whatever came, nothing of a read stays: the transaction ends with the session or when that is made clean, for which
        // nobody has to wait
        return answer;
    }
    let end = if answer.is_err() { "ROLLBACK" } else { "COMMIT" };
    let ended = connection.query_drop(end).await;
    match (&answer, ended) {
        (Err(Trouble::TooManyRows { touched, most, .. }), ended) => {
            // a storage without transactions is warned of here
            let undone = ended.is_ok() && connection.get_warnings() == 0;
            Err(Trouble::TooManyRows { touched: *touched, most: *most, undone })
        }
        (Ok(_), Err(error)) => Err(trouble(&error, false)),
        _ => answer,
    }
}

async fn execute(run: &Run<'_>, connection: &mut Conn, statement: &str, params: Params) -> Result<Value, Trouble> {
    let result = connection.exec_iter(statement, params).await.map_err(|error| trouble(&error, false))?;
    let affected = result.affected_rows();
    result.drop_result().await.map_err(|error| trouble(&error, false))?;
    run.within(affected)?;
    Ok(json!({ "rows_affected": affected }))
}

async fn rows(run: &Run<'_>, connection: &mut Conn, statement: &str, params: Params) -> Result<Value, Trouble> {
    let trouble = |error: Error| trouble(&error, true);
    let mut result = connection.exec_iter(statement, params).await.map_err(trouble)?;
    let columns: Vec<_> = result.columns_ref().to_vec();
    let named = columns.iter().map(|column| (column.name_str().into_owned(), type_name(column)));
    let mut answer = Rows::new(run.request, named);
    while let Some(row) = result.next().await.map_err(trouble)? {
        if !answer.take(|| cells(&columns, row)) {
            break;
        }
    }
    Ok(answer.into_answer())
}

/// The transaction in which an approver's questions are asked.
struct Asked<'a>(&'a mut Conn);

#[async_trait]
impl preview::Server for Asked<'_> {
    async fn ask(&mut self, question: &str, values: &[Value]) -> Result<preview::Answer, Trouble> {
        let refused = |error: Error| trouble(&error, true);
        let values: Vec<mysql_async::Value> = values.iter().map(bound).collect();
        let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let mut result = self.0.exec_iter(question, params).await.map_err(refused)?;
        let columns: Vec<_> = result.columns_ref().to_vec();
        let mut rows = Vec::new();
        while let Some(row) = result.next().await.map_err(refused)? {
            rows.push(cells(&columns, row));
        }
        let columns = columns.iter().map(|column| column.name_str().into_owned()).collect();
        Ok(preview::Answer { columns, rows })
    }
}

const LIST: &str = "SELECT table_schema AS `schema`, table_name AS name, LOWER(table_type) AS type, \
    table_rows AS rows_estimate FROM information_schema.tables WHERE table_schema = COALESCE(?, DATABASE()) ORDER BY 1, 2";
const COLUMNS: &str = "SELECT column_name AS name, column_type AS type, is_nullable AS nullable, \
    column_default AS `default`, column_key AS `key`, extra FROM information_schema.columns \
    WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? ORDER BY ordinal_position";
const INDEXES: &str = "SELECT index_name AS name, column_name, non_unique FROM information_schema.statistics \
    WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? ORDER BY index_name, seq_in_index";
const KEYS: &str = "SELECT constraint_name AS name, column_name, referenced_table_name AS references_table, \
    referenced_column_name AS references_column FROM information_schema.key_column_usage \
    WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND referenced_table_name IS NOT NULL ORDER BY 1, 2";
const TRIGGERS: &str = "SELECT trigger_name AS name, action_timing AS timing, event_manipulation AS event \
    FROM information_schema.triggers WHERE event_object_schema = COALESCE(?, DATABASE()) AND event_object_table = ? \
    ORDER BY 1";

async fn described(run: &Run<'_>, connection: &mut Conn) -> Result<Value, Trouble> {
    let name = run.request.name.clone().unwrap_or_default();
    let (schema, table) = match name.split_once('.') {
        Some((schema, table)) => (Some(schema.to_owned()), table.to_owned()),
        None => (None, name),
    };
    let mut parts = serde_json::Map::new();
    parts.insert("table".to_owned(), json!(table));
    let questions = [("columns", COLUMNS), ("indexes", INDEXES), ("foreign_keys", KEYS), ("triggers", TRIGGERS)];
    for (part, question) in questions {
        let params = Params::Positional(vec![schema.clone().into(), table.clone().into()]);
        let answer = rows(run, connection, question, params).await?;
        parts.insert(part.to_owned(), super::rows::objects(&answer));
    }
    if parts.get("columns").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(Trouble::Refused { code: "42S02".to_owned(), message: "there is no such table".to_owned() });
    }
    Ok(Value::Object(parts))
}

const GRANTS: &str = "SELECT privilege_type AS name FROM information_schema.user_privileges \
    WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') \
    UNION SELECT privilege_type FROM information_schema.schema_privileges \
    WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') AND table_schema = DATABASE()";
const USER: &str = "SELECT CURRENT_USER() AS name";

async fn verified(run: &Run<'_>, connection: &mut Conn, version: &str) -> Result<Value, Trouble> {
    let names = |answer: &Value| -> Vec<String> {
        let rows = answer.get("rows").and_then(Value::as_array).into_iter().flatten();
        rows.filter_map(|row| row.get(0)?.as_str().map(str::to_owned)).collect()
    };
    let user = names(&rows(run, connection, USER, Params::Empty).await?).into_iter().next().unwrap_or_default();
    let grants = names(&rows(run, connection, GRANTS, Params::Empty).await?);
    let has = |wanted: &[&str]| grants.iter().any(|grant| wanted.contains(&grant.as_str()));
    let scopes = [
        ("superuser", has(&["SUPER", "CREATE USER", "SYSTEM_USER", "SET USER", "SHUTDOWN"])),
        ("owner", has(&["CREATE", "ALTER", "DROP"])),
        ("files", has(&["FILE"])),
        ("writes", has(&["INSERT", "UPDATE", "DELETE"])),
    ];
    let database = run.address.database();
    Ok(json!({
        "id": format!("{database}/{user}"),
        "name": format!("{user} in {database} ({version})"),
        "server": if is_mariadb(version) { "MariaDB" } else { "MySQL" },
        "version": version,
        "user": user,
        "scopes": scopes.iter().filter(|(_, has)| *has).map(|(scope, _)| scope).collect::<Vec<_>>(),
    }))
}

fn params(run: &Run<'_>) -> Params {
    let values: Vec<mysql_async::Value> = run.request.params.iter().map(bound).collect();
    if values.is_empty() { Params::Empty } else { Params::Positional(values) }
}

fn bound(value: &Value) -> mysql_async::Value {
    match value {
        Value::Null => mysql_async::Value::NULL,
        Value::Bool(truth) => mysql_async::Value::Int(i64::from(*truth)),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => mysql_async::Value::Int(integer),
            (None, Some(integer), _) => mysql_async::Value::UInt(integer),
            (None, None, Some(float)) => mysql_async::Value::Double(float),
            (None, None, None) => mysql_async::Value::Bytes(number.to_string().into_bytes()),
        },
        Value::String(text) => mysql_async::Value::Bytes(text.clone().into_bytes()),
        Value::Array(_) | Value::Object(_) => mysql_async::Value::Bytes(value.to_string().into_bytes()),
    }
}

fn type_name(column: &mysql_async::Column) -> String {
    let name = format!("{:?}", column.column_type());
    name.trim_start_matches("MYSQL_TYPE_").to_ascii_lowercase()
}

fn cells(columns: &[mysql_async::Column], mut row: Row) -> Vec<Value> {
    let value = |(index, column)| match row.take_opt::<mysql_async::Value, _>(index) {
        Some(Ok(value)) => cell(column, value),
        Some(Err(_)) | None => json!("[left out: a value that cannot be read]"),
    };
    columns.iter().enumerate().map(value).collect()
}

fn cell(column: &mysql_async::Column, value: mysql_async::Value) -> Value {
    const EXACT: u64 = 1 << 53;
    match value {
        mysql_async::Value::NULL => Value::Null,
        mysql_async::Value::Int(integer) if integer.unsigned_abs() <= EXACT => json!(integer),
        mysql_async::Value::Int(integer) => json!(integer.to_string()),
        mysql_async::Value::UInt(integer) if integer <= EXACT => json!(integer),
        mysql_async::Value::UInt(integer) => json!(integer.to_string()),
        mysql_async::Value::Float(float) => real(f64::from(float)),
        mysql_async::Value::Double(double) => real(double),
        mysql_async::Value::Bytes(bytes) => {
            const BINARY: u16 = 63;
            let is_binary = column.character_set() == BINARY
                && column.flags().contains(ColumnFlags::BINARY_FLAG)
                && matches!(
                    column.column_type(),
                    ColumnType::MYSQL_TYPE_BLOB | ColumnType::MYSQL_TYPE_STRING | ColumnType::MYSQL_TYPE_VAR_STRING
                );
            match String::from_utf8(bytes) {
                Ok(text) if !is_binary => json!(text),
                Ok(text) => json!(format!("\\x{}", data_encoding::HEXLOWER.encode(text.as_bytes()))),
                Err(error) => json!(format!("\\x{}", data_encoding::HEXLOWER.encode(error.as_bytes()))),
            }
        }
        mysql_async::Value::Date(year, month, day, 0, 0, 0, 0)
            if column.column_type() == ColumnType::MYSQL_TYPE_DATE =>
        {
            json!(format!("{year:04}-{month:02}-{day:02}"))
        }
        mysql_async::Value::Date(year, month, day, hour, minute, second, micros) => {
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
            json!(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}"))
        }
        mysql_async::Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let hours = u64::from(days) * 24 + u64::from(hours);
            let sign = if negative { "-" } else { "" };
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
            json!(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}"))
        }
    }
}

fn real(real: f64) -> Value {
    Number::from_f64(real).map_or_else(|| json!(real.to_string()), Value::Number)
}

fn code(error: &Error) -> String {
    match error {
        Error::Server(error) => error.state.clone(),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => "no code".to_owned(),
    }
}

/// What the server says of an error, where it cannot be somebody's data (T078): 1062 and its like quote values.
fn trouble(error: &Error, read: bool) -> Trouble {
    match error {
        Error::Server(error) => {
            let open = error.state.starts_with("42") || matches!(error.code, 1792 | 1290 | 1205 | 1213 | 1451 | 1452);
            let message = if open { error.message.clone() } else { String::new() };
            match error.code {
                1969 | 3024 if read => Trouble::Slow,
                1792 if read => Trouble::Wrote(message),
                code => Trouble::Refused { code: format!("{}/{code}", error.state), message },
            }
        }
        Error::Driver(DriverError::ConnectionClosed) | Error::Io(_) | Error::Other(_) | Error::Url(_) => Trouble::Lost,
        Error::Driver(error) => Trouble::Refused { code: "not sent".to_owned(), message: error.to_string() },
    }
}

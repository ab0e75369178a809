//! MySQL and MariaDB, by the protocol of prepared statements: one statement, its values bound. Several statements in one
//! text and files of the client are not taken by it.

use std::net::SocketAddr;

use async_trait::async_trait;
use mysql_async::{
    Conn, DriverError, Error, Opts, OptsBuilder, Params, Row, SslOpts,
    consts::{ColumnFlags, ColumnType},
    prelude::Queryable,
};
use serde_json::{Number, Value, json};
use tokio::time::timeout;

use super::{CONNECT, GRACE, Run, Trouble, preview, rows::Rows, wire::RECEIVED};
use crate::{
    catalog::SqlOperation,
    ledger::FailureKind,
    trust::{Authorities, Distrust},
};

/// What the classifier takes for granted: quotes and backslashes mean what they mean by default.
const SETTINGS: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
    autocommit = 1, lock_wait_timeout = 10";
/// At `SERIALIZABLE`, which a server may have by default, a read would lock what it reads.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
/// Milliseconds in MySQL, seconds in MariaDB.
const TIMEOUT: &str = "SET SESSION max_execution_time = ?";
const TIMEOUT_MARIADB: &str = "SET SESSION max_statement_time = ?";

pub(super) async fn run(run: &Run<'_>) -> Result<Value, Trouble> {
    let addresses = run.addresses().await?;
    let opts = opts(run, &addresses)?;
    let slow = |_| Trouble::NotSent(FailureKind::Network, "did not let us in in time".to_owned());
    let connected = timeout(CONNECT, Conn::new(opts.clone())).await.map_err(slow)?;
    let mut connection = connected.map_err(|error| not_connected(run, &error))?;
    let id = connection.id();
    if let Ok(answer) = timeout(run.timeout() + GRACE, answer(run, &mut connection)).await {
        if is_cut(&answer) {
            hang_up(connection);
        } else {
            drop(timeout(GRACE, connection.disconnect()).await);
        }
        return answer;
    }
    hang_up(connection);
    // the server has a limit of its own; this is for one that does not keep to it
    if let Ok(Ok(mut other)) = timeout(CONNECT, Conn::new(opts)).await {
        drop(timeout(GRACE, other.exec_drop("KILL QUERY ?", (id,))).await);
    }
    Err(Trouble::Slow)
}

/// Are there rows that nobody read?
fn is_cut(answer: &Result<Value, Trouble>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.get("truncated") == Some(&Value::Bool(true)))
}

/// Closes a connection with what the server would still send over it. The driver reads all of that first, unless it is
/// dropped where there is no runtime to read in; the server ends statement and transaction with the connection.
fn hang_up(connection: Conn) {
    drop(std::thread::Builder::new().spawn(move || drop(connection)));
}

fn opts(run: &Run<'_>, addresses: &[SocketAddr]) -> Result<Opts, Trouble> {
    let address = run.address;
    let tls = if run.is_encrypted(addresses) { Some(tls(&run.authorities()?)) } else { None };
    let opts = OptsBuilder::default()
        .ip_or_hostname(run.host())
        .resolved_ips(Some(addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>()))
        .tcp_port(address.port())
        .user(Some(address.user()))
        .pass(Some(address.password()))
        .db_name(Some(address.database()))
        .prefer_socket(false)
        .ssl_opts(tls)
        .max_allowed_packet(Some(RECEIVED))
        .client_found_rows(false);
    Ok(opts.into())
}

fn tls(authorities: &Authorities) -> SslOpts {
    match authorities {
        Authorities::Public => SslOpts::default(),
        Authorities::Private(certificates) => {
            let certificates = certificates.iter().map(|certificate| certificate.to_vec().into()).collect();
            SslOpts::default().with_disable_built_in_roots(true).with_root_certs(certificates)
        }
    }
}

async fn answer(run: &Run<'_>, connection: &mut Conn) -> Result<Value, Trouble> {
    let settings =
        |error: Error| Trouble::NotSent(FailureKind::Network, format!("did not take our settings ({})", code(&error)));
    connection.query_drop(SETTINGS).await.map_err(settings)?;
    let version: Option<String> = connection.query_first("SELECT VERSION()").await.map_err(settings)?;
    let version = version.unwrap_or_default();
    let limit = run.each();
    let is_mariadb = version.contains("MariaDB");
    if is_mariadb {
        let seconds = limit.as_secs_f64();
        connection.exec_drop(TIMEOUT_MARIADB, (seconds,)).await.map_err(settings)?;
    } else {
        connection
            .exec_drop(TIMEOUT, (u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),))
            .await
            .map_err(settings)?;
    }
    if run.read {
        connection.query_drop(ISOLATION).await.map_err(settings)?;
    }
    let begin = if run.read { "START TRANSACTION READ ONLY" } else { "START TRANSACTION" };
    connection.query_drop(begin).await.map_err(settings)?;
    let request = run.request;
    let name = || mysql_async::Value::from(request.name.clone());
    let answer = match request.operation {
        SqlOperation::Query => rows(run, connection, run.statement()?, params(run)).await,
        SqlOperation::Explain => rows(run, connection, &["EXPLAIN ", run.statement()?].concat(), params(run)).await,
        SqlOperation::ListTables => rows(run, connection, LIST, Params::Positional(vec![name()])).await,
        SqlOperation::DescribeTable => described(run, connection).await,
        SqlOperation::Verify => verified(run, connection, &version).await,
        SqlOperation::Execute => execute(run, connection, run.statement()?, params(run)).await,
        SqlOperation::Preview => preview::look(request, &mut Asked(connection)).await,
    };
    if run.read && is_cut(&answer) {
        return answer;
    }
    let end = if run.read || answer.is_err() { "ROLLBACK" } else { "COMMIT" };
    let ended = connection.query_drop(end).await;
    match (&answer, ended) {
        (Err(Trouble::TooManyRows { touched, most, .. }), ended) => {
            // a storage without transactions is warned of here
            let undone = ended.is_ok() && connection.get_warnings() == 0;
            Err(Trouble::TooManyRows { touched: *touched, most: *most, undone })
        }
        (Ok(_), Err(error)) if !run.read => Err(trouble(&error, false)),
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
        "server": if version.contains("MariaDB") { "MariaDB" } else { "MySQL" },
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

fn not_connected(run: &Run<'_>, error: &Error) -> Trouble {
    let distrust = match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Some(Distrust::NoTls),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Server(_) | Error::Url(_) => Distrust::of(error),
    };
    if let Some(distrust) = distrust {
        return run.unproven(distrust);
    }
    let (kind, why) = match error {
        Error::Server(error) if matches!(error.code, 1045 | 1044 | 1049 | 1698) => {
            (FailureKind::Credential, format!("did not accept user, password or database ({})", error.state))
        }
        Error::Server(error) => (FailureKind::Network, format!("did not let us in ({})", error.state)),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => {
            (FailureKind::Network, "could not be reached".to_owned())
        }
    };
    Trouble::NotSent(kind, why)
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

//! What an allowed read of a database costs beyond the driver: the call through the gateway, beside the driver alone with the
//! same steps, in one run and in turns. The driver is measured twice: with a new connection for each read (sign in, settings,
//! read-only transaction, statement, rollback), and with one that it keeps, and the steps after the sign-in. PostgreSQL and
//! MariaDB as Debian has them, on loopback, and a file of SQLite. Prints; asserts nothing by a clock.
//!
//! `cargo bench --bench databases`, with a number of calls behind `--` if 300 are not right.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot run says why")]

#[path = "../tests/it/harness/certificates.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the tests' own certificates, which a server of theirs may show"
)]
mod certificates;
#[path = "../tests/it/harness/databases.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "the tests' own servers, of which a measurement needs a part"
)]
mod databases;
#[expect(dead_code, reason = "what the other measurement takes of it")]
mod scene;
#[path = "../tests/it/harness/server.rs"]
#[expect(unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "the tests' own servers")]
mod server;

use std::{collections::BTreeMap, net::TcpListener};

use agentport::{account::Origin, catalog::CredentialScheme};
use mysql_async::{Conn, OptsBuilder, Params, Row, prelude::Queryable as _};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, json};
use tokio::net::TcpStream;
use tokio_postgres::{Client, Config, IsolationLevel, NoTls};

use self::{
    certificates::Shown,
    databases::Database,
    scene::{Connected, Scene, Spread, timed},
};

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
    INSERT INTO customers WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    SELECT i, concat('Customer ', i) FROM n;";
const PASSWORD: &str = "of-the-measurement";
/// Calls of one kind before those of the other.
const TURN: usize = 10;

/// The driver without the gateway.
trait Driver {
    type Connection;

    async fn connected(&self) -> Self::Connection;
    async fn read(&self, connection: &mut Self::Connection);
    async fn end(&self, connection: Self::Connection);
}

fn main() {
    let calls = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(300);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{calls} reads of one row each, one after the other, over loopback; microseconds");
    println!("{:<12}{:<26}{:>10}{:>10}{:>10}", "", "", "p5", "p50", "p95");
    if let Some(server) = Database::postgres("databases") {
        server.run(SHOP);
        server.run(&format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON customers TO app"));
        let driver = Postgres { port: server.port(), statement: "SELECT id, name FROM customers WHERE id = $1" };
        runtime.block_on(measure(calls, to("postgres", &server), ("postgres_query", driver.statement), &driver));
    }
    if let Some(server) = Database::mariadb("databases") {
        server.run(SHOP);
        let user = "app@'127.0.0.1'";
        server.run(&format!("CREATE USER {user} IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON shop.* TO {user}"));
        let driver = Mariadb { port: server.port(), statement: "SELECT id, name FROM customers WHERE id = ?" };
        runtime.block_on(measure(calls, to("mysql", &server), ("mysql_query", driver.statement), &driver));
    }
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("shop.db").to_str().unwrap().to_owned();
    Connection::open(&path)
        .unwrap()
        .execute_batch(&SHOP.replace("concat('Customer ', i)", "'Customer ' || i"))
        .unwrap();
    let to = Connected {
        integration: "sqlite",
        origin: Origin::of_file(&path),
        scheme: CredentialScheme::Connection,
        secret: format!("sqlite://{path}"),
        settings: BTreeMap::from([("database".to_owned(), path.clone())]),
    };
    let driver = Sqlite { path, statement: "SELECT id, name FROM customers WHERE id = ?" };
    runtime.block_on(measure(calls, to, ("sqlite_query", driver.statement), &driver));
}

fn to(integration: &'static str, server: &Database) -> Connected {
    Connected {
        integration,
        origin: Origin::of_server(integration, "127.0.0.1", server.port(), true).unwrap(),
        scheme: CredentialScheme::Connection,
        secret: server.url("app", PASSWORD),
        settings: BTreeMap::from([("database".to_owned(), "shop".to_owned())]),
    }
}

async fn measure(calls: usize, to: Connected, (tool, statement): (&'static str, &str), driver: &impl Driver) {
    let folder = tempfile::TempDir::new().unwrap();
    let integration = to.integration;
    let arguments = json!({"sql": statement, "params": [7]});
    let scene = Scene::new(folder.path(), to, tool, arguments.as_object().cloned().unwrap_or_else(Map::new)).await;
    let anew = async || {
        let mut connection = driver.connected().await;
        driver.read(&mut connection).await;
        driver.end(connection).await;
    };
    let mut kept = driver.connected().await;
    for _ in 0..calls / 10 {
        anew().await;
        scene.through().await;
    }
    let (mut signing_in, mut keeping, mut through) = (Vec::new(), Vec::new(), Vec::new());
    // PostgreSQL takes a millisecond or two to end the process of a connection that is gone, on the same processors: each pays
    // for one of its own kind
    for _ in 0..calls / TURN {
        for _ in 0..TURN {
            signing_in.push(timed(anew()).await);
        }
        for _ in 0..TURN {
            keeping.push(timed(driver.read(&mut kept)).await);
        }
        for _ in 0..TURN {
            through.push(timed(scene.through()).await);
        }
    }
    driver.end(kept).await;
    let through = Spread::of(through);
    let row = |name: &str, spread: &Spread| {
        println!("{integration:<12}{name:<26}{:>10.0}{:>10.0}{:>10.0}", spread.p05, spread.p50, spread.p95);
    };
    row("through the gate", &through);
    for (name, times) in [("a connection for each", signing_in), ("one connection", keeping)] {
        let driver = Spread::of(times);
        row(&format!("driver, {name}"), &driver);
        let columns = [(through.p05, driver.p05), (through.p50, driver.p50), (through.p95, driver.p95)];
        let [fast, middle, slow] = columns.map(|(through, driver)| through - driver);
        println!("{integration:<12}{:<26}{fast:>10.0}{middle:>10.0}{slow:>10.0}", "  difference");
        let [fast, middle, slow] = columns.map(|(through, driver)| through / driver);
        println!("{integration:<12}{:<26}{fast:>10.2}{middle:>10.2}{slow:>10.2}", "  ratio");
    }
}

struct Postgres {
    port: u16,
    statement: &'static str,
}

impl Driver for Postgres {
    type Connection = Client;

    async fn connected(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut config = Config::new();
        config.user("app").password(PASSWORD).dbname("shop");
        let (client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        client
    }

    async fn read(&self, client: &mut Client) {
        let settings = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false), \
            set_config('search_path', 'pg_catalog, public, pg_temp', false), \
            set_config('standard_conforming_strings', 'on', false), set_config('TimeZone', 'UTC', false)";
        client.query(settings, &[&"10000"]).await.unwrap();
        let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = builder.start().await.unwrap();
        let prepared = transaction.prepare(self.statement).await.unwrap();
        let portal = transaction.bind(&prepared, &[&7_i32]).await.unwrap();
        let rows = transaction.query_portal(&portal, 500).await.unwrap();
        assert_eq!(rows.len(), 1);
        transaction.rollback().await.unwrap();
    }

    async fn end(&self, client: Client) {
        drop(client);
    }
}

struct Mariadb {
    port: u16,
    statement: &'static str,
}

impl Driver for Mariadb {
    type Connection = Conn;

    async fn connected(&self) -> Conn {
        let opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .user(Some("app"))
            .pass(Some(PASSWORD))
            .db_name(Some("shop"))
            .prefer_socket(false)
            .max_allowed_packet(Some(32 * 1024 * 1024));
        let mut connection = Conn::new(opts).await.unwrap();
        let _version: Option<String> = connection.query_first("SELECT VERSION()").await.unwrap();
        connection
    }

    async fn read(&self, connection: &mut Conn) {
        let settings = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
            autocommit = 1, lock_wait_timeout = 10";
        connection.query_drop(settings).await.unwrap();
        connection.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        connection.exec_drop("SET SESSION max_statement_time = ?", (10.0,)).await.unwrap();
        connection.query_drop("START TRANSACTION READ ONLY").await.unwrap();
        let rows: Vec<Row> = connection.exec(self.statement, Params::Positional(vec![7.into()])).await.unwrap();
        assert_eq!(rows.len(), 1);
        connection.query_drop("ROLLBACK").await.unwrap();
    }

    async fn end(&self, connection: Conn) {
        connection.disconnect().await.unwrap();
    }
}

struct Sqlite {
    path: String,
    statement: &'static str,
}

impl Driver for Sqlite {
    type Connection = Connection;

    async fn connected(&self) -> Connection {
        Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    async fn read(&self, connection: &mut Connection) {
        connection.execute_batch("BEGIN").unwrap();
        let name: String = connection.query_row(self.statement, [7], |row| row.get(1)).unwrap();
        assert_eq!(name, "Customer 7");
        connection.execute_batch("ROLLBACK").unwrap();
    }

    async fn end(&self, connection: Connection) {
        drop(connection);
    }
}

/// A port of loopback that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn skip(what: &str) {
    println!("skipped: {what}");
}

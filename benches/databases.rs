//! What an allowed read of a database costs beyond the driver: the call through the gateway, beside the driver alone with a
//! new connection and the same steps (sign in, settings, read-only transaction, statement, rollback), in one run and in
//! turns. For PostgreSQL, whose sessions the gateway keeps for the next read, beside the driver with one connection that it
//! keeps, too, and the steps after the sign-in. PostgreSQL and MariaDB as Debian has them, on loopback. Prints; asserts nothing
//! by a clock.
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

fn main() {
    let calls = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(300);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{calls} reads of one row each, one after the other, over loopback; microseconds");
    println!("{:<12}{:<26}{:>10}{:>10}{:>10}", "", "", "p5", "p50", "p95");
    if let Some(server) = Database::postgres("databases") {
        server.run(SHOP);
        server.run(&format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON customers TO app"));
        runtime.block_on(measure(calls, &server, "postgres", "SELECT id, name FROM customers WHERE id = $1"));
    }
    if let Some(server) = Database::mariadb("databases") {
        server.run(SHOP);
        let user = "app@'127.0.0.1'";
        server.run(&format!("CREATE USER {user} IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON shop.* TO {user}"));
        runtime.block_on(measure(calls, &server, "mysql", "SELECT id, name FROM customers WHERE id = ?"));
    }
}

async fn measure(calls: usize, server: &Database, integration: &'static str, statement: &str) {
    let folder = tempfile::TempDir::new().unwrap();
    let to = Connected {
        integration,
        origin: Origin::of_server(integration, "127.0.0.1", server.port(), true).unwrap(),
        scheme: CredentialScheme::Connection,
        secret: server.url("app", PASSWORD),
        settings: BTreeMap::from([("database".to_owned(), "shop".to_owned())]),
    };
    let arguments = json!({"sql": statement, "params": [7]});
    let arguments = arguments.as_object().cloned().unwrap_or_else(Map::new);
    let tool = if integration == "mysql" { "mysql_query" } else { "postgres_query" };
    let scene = Scene::new(folder.path(), to, tool, arguments).await;
    let alone = async || {
        if integration == "mysql" {
            mariadb(server.port(), statement).await;
        } else {
            read(&mut signed_in(server.port()).await, statement).await;
        }
    };
    let mut kept = if integration == "postgres" { Some(signed_in(server.port()).await) } else { None };
    for _ in 0..calls / 10 {
        alone().await;
        scene.through().await;
    }
    let (mut driver, mut keeping, mut through) = (Vec::new(), Vec::new(), Vec::new());
    // PostgreSQL takes a millisecond or two to end the process of a connection that is gone, on the same processors: each pays
    // for one of its own kind
    for _ in 0..calls / TURN {
        for _ in 0..TURN {
            driver.push(timed(alone()).await);
        }
        for _ in 0..TURN {
            if let Some(client) = &mut kept {
                keeping.push(timed(read(client, statement)).await);
            }
        }
        for _ in 0..TURN {
            through.push(timed(scene.through()).await);
        }
    }
    let through = Spread::of(through);
    let row = |name: &str, spread: &Spread| {
        println!("{integration:<12}{name:<26}{:>10.0}{:>10.0}{:>10.0}", spread.p05, spread.p50, spread.p95);
    };
    row("through the gate", &through);
    for (name, times) in [("a connection for each", driver), ("one connection", keeping)] {
        if times.is_empty() {
            continue;
        }
        let driver = Spread::of(times);
        row(&format!("driver, {name}"), &driver);
        let columns = [(through.p05, driver.p05), (through.p50, driver.p50), (through.p95, driver.p95)];
        let [fast, middle, slow] = columns.map(|(through, driver)| through - driver);
        println!("{integration:<12}{:<26}{fast:>10.0}{middle:>10.0}{slow:>10.0}", "  difference");
        let [fast, middle, slow] = columns.map(|(through, driver)| through / driver);
        println!("{integration:<12}{:<26}{fast:>10.2}{middle:>10.2}{slow:>10.2}", "  ratio");
    }
}

/// A connection of PostgreSQL, which ends when its client is dropped.
async fn signed_in(port: u16) -> Client {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut config = Config::new();
    config.user("app").password(PASSWORD).dbname("shop");
    let (client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client
}

async fn read(client: &mut Client, statement: &str) {
    let settings = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false), \
        set_config('search_path', 'pg_catalog, public, pg_temp', false), \
        set_config('standard_conforming_strings', 'on', false), set_config('TimeZone', 'UTC', false)";
    client.query(settings, &[&"10000"]).await.unwrap();
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = builder.start().await.unwrap();
    let prepared = transaction.prepare(statement).await.unwrap();
    let portal = transaction.bind(&prepared, &[&7_i32]).await.unwrap();
    let rows = transaction.query_portal(&portal, 500).await.unwrap();
    assert_eq!(rows.len(), 1);
    transaction.rollback().await.unwrap();
}

async fn mariadb(port: u16, statement: &str) {
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some("app"))
        .pass(Some(PASSWORD))
        .db_name(Some("shop"))
        .prefer_socket(false)
        .max_allowed_packet(Some(32 * 1024 * 1024));
    let mut connection = Conn::new(opts).await.unwrap();
    let settings = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
        autocommit = 1, lock_wait_timeout = 10";
    connection.query_drop(settings).await.unwrap();
    let _version: Option<String> = connection.query_first("SELECT VERSION()").await.unwrap();
    connection.exec_drop("SET SESSION max_statement_time = ?", (10.0,)).await.unwrap();
    connection.query_drop("START TRANSACTION READ ONLY").await.unwrap();
    let rows: Vec<Row> = connection.exec(statement, Params::Positional(vec![7.into()])).await.unwrap();
    assert_eq!(rows.len(), 1);
    connection.query_drop("ROLLBACK").await.unwrap();
    connection.disconnect().await.unwrap();
}

/// A port of loopback that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn skip(what: &str) {
    println!("skipped: {what}");
}

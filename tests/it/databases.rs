//! Databases, real ones: an agent reads by itself, and what changes anything waits for a human.

mod tls;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::Port;

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO customers SELECT i, 'Customer ' || i, CASE WHEN i % 10 = 0 THEN 'DE' ELSE 'FR' END FROM n;";

/// A shop of a thousand customers, in a file.
struct Shop {
    port: Port,
    file: String,
}

impl Shop {
    fn open() -> Self {
        let port = Port::enrolled();
        let file = port.connect_sqlite(SHOP);
        Self { port, file }
    }

    fn count(&self) -> Option<i64> {
        let connection = Connection::open(&self.file).unwrap();
        connection.query_row("SELECT count(*) FROM customers", [], |row| row.get(0)).ok()
    }
}

#[test]
fn a_drop_waits_for_a_human_and_happens_once_or_not_at_all() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let drop = json!({"sql": "DROP TABLE customers"});
    let id = wire.call("sqlite_execute", drop.clone()).approval_id();
    assert_eq!(shop.count(), Some(1_000));
    let shown = shop.port.cli(["approvals", "show", &id, "--json"]).done().json();
    assert_eq!((&shown["effect"], &shown["environment"]), (&json!("destructive"), &json!("production")));
    assert_eq!(shown["request"]["statement"], json!("DROP TABLE customers"));
    assert_eq!(shown["request"]["class"], json!("ddl"));
    shop.port.cli(["approvals", "deny", &id, "--json"]).done();
    assert_eq!(shop.count(), Some(1_000), "denied: nothing happened");
    shop.port.cli(["approvals", "reopen", &id, "--json"]).done();
    let id = wire.call("sqlite_execute", drop).approval_id();
    assert_eq!(shop.port.approve(&id)["status"], json!("completed"));
    assert_eq!(shop.count(), None, "approved: it is gone");
    shop.port.cli(["log", "verify"]).done();
}

#[test]
fn reads_run_by_themselves_a_page_at_a_time() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let arguments =
        json!({"sql": "SELECT id, name FROM customers WHERE country = ? ORDER BY id", "params": ["DE"], "limit": 60});
    let first = wire.call("sqlite_query", arguments).completed();
    assert_eq!(first["columns"], json!([{"name": "id", "type": "integer"}, {"name": "name", "type": "text"}]));
    assert_eq!((&first["row_count"], &first["truncated"]), (&json!(60), &json!(true)));
    assert_eq!(first["rows"][0], json!([10, "Customer 10"]));
    let next = &first["next"];
    let second = wire.call(next["tool"].as_str().unwrap(), next["arguments"].clone()).completed();
    assert_eq!(
        (&second["row_count"], &second["truncated"], &second["next"]),
        (&json!(40), &json!(false), &Value::Null)
    );
    assert_eq!(second["rows"][39], json!([1_000, "Customer 1000"]));
    let tables = wire.call("sqlite_list_tables", json!({})).completed();
    assert_eq!(tables["rows"], json!([["customers", "table"]]));
    let table = wire.call("sqlite_describe_table", json!({"table": "customers"})).completed();
    assert_eq!(table["columns"][1]["name"], json!("name"));
    let plan = wire.call("sqlite_explain", json!({"sql": "SELECT * FROM customers WHERE id = 1"})).completed();
    assert_eq!(plan["row_count"], json!(1));
}

#[test]
fn what_is_no_read_is_refused_by_query_and_a_forgotten_where_is_denied() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    for statement in ["DELETE FROM customers", "DROP TABLE customers", "PRAGMA query_only = 0", "ATTACH 'x' AS y"] {
        let refused = wire.call("sqlite_query", json!({"sql": statement}));
        assert_eq!(refused.0["status"], json!("invalid_arguments"), "{statement}");
        assert_eq!(refused.0["problems"][0]["at"], json!("/sql"));
        assert!(refused.0["problems"][0]["message"].as_str().unwrap().contains("sqlite_execute"), "{statement}");
    }
    let denied = wire.call("sqlite_execute", json!({"sql": "DELETE FROM customers"}));
    assert_eq!((&denied.0["status"], &denied.0["rule"]), (&json!("denied"), &json!("every-row")));
    let asked = wire.call("sqlite_execute", json!({"sql": "DELETE FROM customers WHERE id > ?", "params": [990]}));
    let done = shop.port.approve(&asked.approval_id());
    assert_eq!(done["result"], json!({"rows_affected": 10}));
    assert_eq!(shop.count(), Some(990));
}

#[test]
fn t060_two_statements_are_none() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    for statement in ["SELECT 1; DROP TABLE customers", "COMMIT; DELETE FROM customers", "SELECT 1; SELECT 2"] {
        for tool in ["sqlite_query", "sqlite_execute"] {
            let refused = wire.call(tool, json!({"sql": statement}));
            assert_eq!(refused.0["status"], json!("invalid_arguments"), "{tool} {statement}");
        }
    }
    assert_eq!(shop.count(), Some(1_000));
}

/// Lengths far below those that a protocol counts with 32 bits: what is longer gets nowhere.
#[test]
fn t076_what_is_too_long_is_refused_before_anything_is_sent() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let long = "x".repeat(65_537);
    let statement = format!("SELECT '{}'", "x".repeat(32_768));
    for (arguments, at) in [
        (json!({"sql": "SELECT ?", "params": [long]}), "/params/0"),
        (json!({"sql": "SELECT 1", "params": vec![1; 201]}), "/params"),
        (json!({"sql": statement}), "/sql"),
    ] {
        for tool in ["sqlite_query", "sqlite_execute"] {
            assert_eq!(wire.call(tool, arguments.clone()).invalid(), [at], "{tool}");
        }
    }
    // and back: a value that is too long for an answer is left out, and said to be
    Connection::open(&shop.file).unwrap().execute_batch("CREATE TABLE t AS SELECT hex(zeroblob(100000)) AS a").unwrap();
    let answer = wire.call("sqlite_query", json!({"sql": "SELECT a, length(a) FROM t"})).completed();
    assert_eq!(answer["rows"], json!([["[left out: a value of 200002 bytes]", 200_000]]));
}

#[test]
fn t079_no_approved_statement_leaves_its_file() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let other = shop.port.folder().join("other.db");
    for statement in [format!("ATTACH '{}' AS other", other.display()), format!("VACUUM INTO '{}'", other.display())] {
        let id = wire.call("sqlite_execute", json!({"sql": statement})).approval_id();
        shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&shop.port.code()).exits(1);
        assert!(!other.exists(), "{statement}");
    }
}

#[test]
fn t081_a_connection_url_with_options_is_not_stored() {
    let port = Port::enrolled();
    for url in [
        "postgres://app:pw-of-nobody@db.example.com/shop?options=-c%20x",
        "postgres://app:pw-of-nobody@127.0.0.1/shop",
        "postgres://app:pw-of-nobody@db.example.com/shop?sslmode=disable",
        "mysql://app:pw-of-nobody@db.example.com/shop?local_infile=1",
    ] {
        let integration = url.split(':').next().unwrap();
        let refused =
            port.cli(["connect", integration, "--secret-stdin", "--no-verify", "--json"]).stdin(url).exits(64);
        assert!(!refused.stdout.contains("pw-of-nobody") && !refused.stderr.contains("pw-of-nobody"), "{refused:?}");
    }
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
}

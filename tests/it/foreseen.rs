//! What a statement would change, shown before a human decides; and what more than that is rolled back.

mod servers;

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::Port;

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id) ON DELETE CASCADE, sum INTEGER);
    CREATE TABLE notes (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers ON DELETE SET NULL);
    CREATE TABLE items (order_id INTEGER REFERENCES orders (id) ON DELETE CASCADE);
    CREATE VIEW germans AS SELECT * FROM customers WHERE country = 'DE';
    CREATE VIEW sums AS SELECT sum(sum) FROM orders;
    CREATE TABLE audit (what TEXT);
    CREATE TRIGGER gone AFTER DELETE ON customers BEGIN INSERT INTO audit VALUES ('gone ' || old.id); END;
    CREATE TRIGGER renamed BEFORE UPDATE OF name ON customers BEGIN INSERT INTO audit VALUES ('renamed'); END;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO customers SELECT i, 'Customer ' || i, CASE WHEN i % 10 = 0 THEN 'DE' ELSE 'FR' END FROM n;
    INSERT INTO orders SELECT id, id, 10 FROM customers WHERE id % 2 = 0;
    INSERT INTO notes SELECT id, id FROM customers WHERE id <= 3;
    INSERT INTO items SELECT id FROM orders UNION ALL SELECT id FROM orders;";

/// A shop of a thousand customers, in a file; what approvers are to know is looked up.
struct Shop {
    port: Port,
    file: String,
}

impl Shop {
    fn open() -> Self {
        let port = Port::enrolled();
        port.settings(&[("look_up = false", "look_up = true")]);
        let file = port.connect_sqlite(SHOP);
        Self { port, file }
    }

    fn count(&self, what: &str) -> Option<i64> {
        let connection = Connection::open(&self.file).unwrap();
        connection.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).ok()
    }

    fn run(&self, statement: &str) {
        Connection::open(&self.file).unwrap().execute_batch(statement).unwrap();
    }

    fn lines(&self, id: &str) -> Vec<(String, String)> {
        lines(&self.port, id, "sqlite.preview")
    }
}

/// The lines that were looked up by `source`: label and text.
fn lines(port: &Port, id: &str, source: &str) -> Vec<(String, String)> {
    let begun = Instant::now();
    loop {
        let shown = port.cli(["approvals", "show", id, "--json"]).done().json();
        if let Some(all) = shown["facts"]["all"].as_array() {
            assert_eq!(all.len(), 1, "{all:?}");
            assert_eq!(all[0]["source"], json!(source));
            let facts = all[0]["found"]["facts"]["shown"].as_array().unwrap_or_else(|| panic!("{all:?}"));
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let line = |fact: &Value| match fact.get("then") {
                Some(then) => format!("{} -> {}", text(&fact["value"]), text(then)),
                None => text(&fact["value"]),
            };
            return facts.iter().map(|fact| (text(&fact["label"]), line(fact))).collect();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing was looked up: {shown}");
    }
}

fn pairs(lines: &[(String, String)]) -> Vec<(&str, &str)> {
    lines.iter().map(|(label, text)| (label.as_str(), text.as_str())).collect()
}

#[test]
fn a_drop_shows_the_table_its_thousand_rows_and_what_hangs_on_it() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let id = wire.call("sqlite_execute", json!({"sql": "DROP TABLE customers"})).approval_id();
    assert_eq!(
        pairs(&shop.lines(&id)),
        [
            ("Table", "customers"),
            ("Rows in it", "1000"),
            ("View on it", "germans"),
            ("Also set to NULL", "3 rows in notes (customer)"),
            ("Also deleted", "500 rows in orders (customer)"),
            ("Also deleted", "1,000 rows in items (order_id)"),
        ]
    );
    let text = shop.port.cli(["approvals", "show", &id]).done().stdout;
    assert!(text.contains("database: Rows in it = 1,000 rows (1000)"), "{text}");
    assert!(text.contains("in words     Drop table customers: 1,000 rows\n"), "{text}");
    assert_eq!(shop.count("customers"), Some(1_000), "looking changes nothing");
    let log = shop.port.cli(["log", "list", "--caller", "agentport", "--json"]).done().json();
    assert!(log.as_array().unwrap().iter().any(|line| line["tool"] == json!("sqlite.preview")), "{log}");
    shop.port.cli(["log", "verify"]).done();
}

#[test]
fn a_delete_shows_its_rows_what_follows_and_where_it_stops() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let arguments = json!({"sql": "DELETE FROM customers AS c WHERE c.country = ? AND id < 100", "params": ["DE"]});
    let id = wire.call("sqlite_execute", arguments).approval_id();
    let lines = shop.lines(&id);
    assert_eq!(
        pairs(&lines)[..8],
        [
            ("Table", "customers"),
            ("Rows that match now", "9"),
            ("Rolled back beyond", "9"),
            ("Also set to NULL", "0 rows in notes (customer)"),
            ("Also deleted", "9 rows in orders (customer)"),
            ("Also deleted", "18 rows in items (order_id)"),
            ("Trigger fires", "gone AFTER DELETE on customers"),
            ("Not limited", "rows that triggers and foreign keys touch"),
        ]
    );
    assert_eq!(pairs(&lines)[8], ("Row 1", "{\"country\":\"DE\",\"id\":10,\"name\":\"Customer 10\"}"));
    assert_eq!(lines.len(), 13, "five rows and no more: {lines:?}");
    let text = shop.port.cli(["approvals", "show", &id]).done().stdout;
    assert!(text.contains("database: Rows that match now = 9 of 1,000 rows (0.9 %) (9)"), "{text}");
    assert!(text.contains("in words     Delete from customers: 9 of 1,000 rows\n"), "{text}");
    let over_lines = "    DELETE FROM customers AS c\n    WHERE c.country = ⟨?1 = \"DE\"⟩\n      AND id < 100\n";
    assert!(text.contains(over_lines), "{text}");
    assert_eq!(shop.port.approve(&id)["status"], json!("completed"));
    assert_eq!(shop.count("customers"), Some(991));
}

/// Nothing was looked up at the asking: the terminal does, as the page would.
#[test]
fn the_terminal_looks_up_what_the_page_would_show_or_says_why_not() {
    let shop = Shop::open();
    shop.port.settings(&[("look_up = true", "look_up = false")]);
    let mut wire = shop.port.wire();
    let mut ask = |id: u32| {
        let sql = format!("DELETE FROM notes WHERE id = {id}");
        wire.call("sqlite_execute", json!({"sql": sql})).approval_id()
    };
    let (one, other) = (ask(1), ask(2));
    let shown = shop.port.cli(["approvals", "show", &one, "--json"]).done().json();
    assert_eq!(shown.get("facts"), None, "it is switched off: {shown}");
    shop.port.settings(&[("look_up = false", "look_up = true")]);
    let text = shop.port.cli(["approvals", "show", &one]).done().stdout;
    assert!(text.contains("in words     Delete from notes: 1 of 3 rows\n"), "{text}");
    assert!(text.contains("database: Rows that match now = 1 of 3 rows (33.3 %) (1)"), "{text}");
    std::fs::rename(&shop.file, format!("{}.away", shop.file)).unwrap();
    let text = shop.port.cli(["approvals", "show", &other]).done().stdout;
    assert!(text.contains("database: could not be looked up: ") && text.contains("could not open the file"), "{text}");
    assert!(text.contains("in words     Delete from notes\n"), "{text}");
}

#[test]
fn an_update_shows_old_and_new() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let arguments = json!({"sql": "UPDATE customers SET name = name || ? WHERE id <= 2", "params": [" (old)"]});
    let id = wire.call("sqlite_execute", arguments).approval_id();
    let lines = shop.lines(&id);
    assert_eq!(
        pairs(&lines),
        [
            ("Table", "customers"),
            ("Rows that match now", "2"),
            ("Rolled back beyond", "2"),
            ("Trigger fires", "renamed BEFORE UPDATE on customers"),
            ("Not limited", "rows that triggers and foreign keys touch"),
            ("Row 1", "{\"id\":1,\"name\":\"Customer 1\"} -> {\"name\":\"Customer 1 (old)\"}"),
            ("Row 2", "{\"id\":2,\"name\":\"Customer 2\"} -> {\"name\":\"Customer 2 (old)\"}"),
        ]
    );
}

#[test]
fn an_insert_shows_how_many_rows_come() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let copy = json!({"sql": "INSERT INTO audit SELECT name FROM customers WHERE country = ?", "params": ["DE"]});
    let id = wire.call("sqlite_execute", copy).approval_id();
    let lines = shop.lines(&id);
    assert_eq!(pairs(&lines)[..3], [("Table", "audit"), ("Rows to be added", "100"), ("Rolled back beyond", "110")]);
    assert_eq!(pairs(&lines)[4], ("Row 1", "{\"name\":\"Customer 10\"}"));
}

#[test]
fn a_rule_may_go_by_how_many_rows_a_statement_meets() {
    let shop = Shop::open();
    let rule = "[[rule]]\nid = \"few-rows\"\ntools = [\"sqlite.execute\"]\ndecision = \"allow\"\n\
        where = { \"sql.class\" = { any = [\"update\"] }, \"facts.database.rows\" = { max = 10 } }\n";
    shop.port.edit_policy(&format!("{}\n{rule}", shop.port.policy()));
    shop.port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&shop.port.code()).done();
    let mut wire = shop.port.wire();
    let update = |most: u32| json!({"sql": "UPDATE orders SET sum = 0 WHERE id <= ?", "params": [most]});
    assert_eq!(wire.call("sqlite_execute", update(20)).completed(), json!({"rows_affected": 10}));
    wire.call("sqlite_execute", update(22)).approval_id();
    // what cannot be counted is not few
    let involved = json!({"sql": "UPDATE orders SET sum = 0 WHERE id = 2 RETURNING id; "});
    wire.call("sqlite_execute", involved).completed();
    let limited = json!({"sql": "WITH x AS (SELECT 2 AS id) UPDATE orders SET sum = 0 WHERE id IN (SELECT id FROM x)"});
    wire.call("sqlite_execute", limited).approval_id();
}

#[test]
fn t082_what_matches_more_than_was_shown_is_not_taken() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let id = wire.call("sqlite_execute", json!({"sql": "DELETE FROM customers WHERE country = 'DE'"})).approval_id();
    assert!(pairs(&shop.lines(&id)).contains(&("Rolled back beyond", "110")));
    let code = shop.port.code();
    shop.run("UPDATE customers SET country = 'DE' WHERE id > 900");
    let refused = shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&code).exits(1);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("database: Rows that match now: was 100 of 1,000 rows"), "{message}");
    assert_eq!(shop.count("customers"), Some(1_000), "nothing was sent");
    // the code was not spent, and what is shown now is what the next yes is for
    shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&code).done();
    assert_eq!(shop.count("customers"), Some(810));
}

#[test]
fn t082_a_table_that_became_a_view_is_another_one() {
    let shop = Shop::open();
    let mut wire = shop.port.wire();
    let id = wire.call("sqlite_execute", json!({"sql": "DELETE FROM audit WHERE what = 'x'"})).approval_id();
    assert_eq!(pairs(&shop.lines(&id))[0], ("Table", "audit"));
    shop.run(
        "ALTER TABLE audit RENAME TO kept; CREATE VIEW audit AS SELECT what FROM kept;
         CREATE TRIGGER trap INSTEAD OF DELETE ON audit BEGIN DELETE FROM customers; END;",
    );
    let refused =
        shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&shop.port.code()).exits(1);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("database: View: was not there, is \"audit\""), "{message}");
    assert!(message.contains("trap INSTEAD OF DELETE on audit"), "{message}");
    assert_eq!(shop.count("customers"), Some(1_000));
}

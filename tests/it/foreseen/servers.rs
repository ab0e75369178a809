//! The same on servers: PostgreSQL and MariaDB.

use serde_json::json;

use super::{lines, pairs};
use crate::{
    harness::{Database, Port},
    site::house::Browser,
};

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, country CHAR(2));
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER,
        FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE);
    CREATE TABLE items (id INTEGER PRIMARY KEY, of_order INTEGER,
        FOREIGN KEY (of_order) REFERENCES orders (id) ON DELETE CASCADE);
    CREATE TABLE notes (id INTEGER PRIMARY KEY, customer INTEGER,
        FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE SET NULL);
    CREATE VIEW germans AS SELECT id FROM customers WHERE country = 'DE';
    INSERT INTO customers WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    SELECT i, concat('Customer ', i), CASE WHEN i % 10 = 0 THEN 'DE' ELSE 'FR' END FROM n;
    INSERT INTO orders SELECT id, id FROM customers WHERE id % 2 = 0;
    INSERT INTO items SELECT id, id FROM orders WHERE id <= 20;
    INSERT INTO notes SELECT id, id FROM customers WHERE id <= 30;";

fn connected(server: &Database, integration: &str, urls: impl Fn(&str) -> String) -> Port {
    let port = Port::enrolled();
    port.settings(&[("look_up = false", "look_up = true")]);
    let urls = urls(port.canary());
    let arguments = ["connect", integration, "--account", "prod", "--allow-private", "--secret-stdin", "--json"];
    let connected = port.cli(arguments).stdin(&urls).done().json();
    assert_eq!(connected["verified"], json!(true), "{connected} {}", server.port());
    port
}

fn customers(server: &Database) -> String {
    server.run("SELECT count(*) FROM customers").trim().to_owned()
}

#[test]
fn postgres_tells_what_hangs_on_a_table_and_on_its_rows() {
    let Some(server) = Database::postgres("postgres_tells_what_hangs_on_a_table_and_on_its_rows") else { return };
    server.run(SHOP);
    server.run(
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
         CREATE TRIGGER gone BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION noted();
         CREATE FUNCTION pick() RETURNS integer LANGUAGE sql AS 'SELECT 7';",
    );
    let port = connected(&server, "postgres", |password| {
        server.run(&format!(
            "CREATE ROLE app LOGIN PASSWORD '{password}'; GRANT ALL ON ALL TABLES IN SCHEMA public TO app;"
        ));
        server.url("app", password)
    });
    let mut wire = port.wire();
    let drop = wire.call("postgres_execute", json!({"sql": "DROP TABLE customers CASCADE"})).approval_id();
    let found = lines(&port, &drop, "postgres.preview");
    let found: Vec<_> = pairs(&found).into_iter().filter(|(label, _)| *label != "Size on disk").collect();
    assert_eq!(
        found,
        [
            ("Table", "public.customers"),
            ("Rows in it", "1000"),
            ("View on it", "public.germans"),
            ("Foreign key to it", "from 30 rows in public.notes (customer)"),
            ("Foreign key to it", "from 500 rows in public.orders (customer)"),
        ]
    );
    let delete = json!({"sql": "DELETE FROM customers WHERE country = $1 AND id < $2", "params": ["DE", 40]});
    let delete = wire.call("postgres_execute", delete).approval_id();
    let found = lines(&port, &delete, "postgres.preview");
    assert_eq!(
        pairs(&found)[..9],
        [
            ("Table", "public.customers"),
            ("Rows that match now", "3"),
            ("Rolled back beyond", "3"),
            ("Also set to NULL", "3 rows in public.notes (customer)"),
            ("Also deleted", "3 rows in public.orders (customer)"),
            ("Trigger fires", "gone BEFORE DELETE on public.orders"),
            ("Also deleted", "2 rows in public.items (of_order)"),
            ("Not limited", "rows that triggers and foreign keys touch"),
            ("Row 1", "{\"country\":\"DE\",\"id\":10,\"name\":\"Customer 10\"}"),
        ]
    );
    // what is worked out anew each time does not keep anybody from saying yes
    let update = json!({"sql": "UPDATE customers SET name = name || now()::text WHERE id = $1", "params": [1]});
    let update = wire.call("postgres_execute", update).approval_id();
    assert!(lines(&port, &update, "postgres.preview").iter().any(|(_, text)| text.contains("Customer 1\"} -> ")));
    assert_eq!(port.approve(&update)["result"], json!({"rows_affected": 1}));
    // what cannot be counted says why, and blocks nothing
    for (sql, why) in [
        ("DELETE FROM customers WHERE id = pick()", "`pick`"),
        (
            "DELETE FROM customers WHERE id = 8 AND (SELECT count(*) FROM customers a, customers b, customers c) > 0",
            "the database took longer than 1500 ms",
        ),
    ] {
        let id = wire.call("postgres_execute", json!({"sql": sql})).approval_id();
        let found = lines(&port, &id, "postgres.preview");
        let (label, text) = pairs(&found)[1];
        assert!(label == "Rows that match now" && text.contains("not counted") && text.contains(why), "{found:?}");
        assert_eq!(pairs(&found)[2], ("Rolled back beyond", "no limit, as the rows could not be counted"));
        if sql.contains("pick()") {
            assert_eq!(port.approve(&id)["result"], json!({"rows_affected": 1}));
        }
    }
    assert_eq!(customers(&server), "999");
}

/// Whoever counts sees fewer rows than whoever writes: what comes of the statement is not what was approved.
#[test]
fn t082_a_statement_that_touches_more_than_was_approved_is_rolled_back() {
    let Some(server) = Database::postgres("t082_a_statement_that_touches_more_than_was_approved") else { return };
    server.run(SHOP);
    server.run("ALTER TABLE customers ENABLE ROW LEVEL SECURITY;");
    let port = connected(&server, "postgres", |password| {
        server.run(&format!(
            "CREATE ROLE reader LOGIN PASSWORD '{password}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
             CREATE ROLE writer LOGIN PASSWORD '{password}'; GRANT ALL ON ALL TABLES IN SCHEMA public TO writer;
             CREATE POLICY few ON customers TO reader USING (id <= 20); CREATE POLICY all_rows ON customers TO writer USING (true);"
        ));
        format!("{} {}", server.url("reader", password), server.url("writer", password))
    });
    let mut wire = port.wire();
    let arguments = json!({"sql": "UPDATE customers SET country = 'AT' WHERE country = $1", "params": ["FR"]});
    let id = wire.call("postgres_execute", arguments.clone()).approval_id();
    let found = lines(&port, &id, "postgres.preview");
    assert_eq!(pairs(&found)[1..3], [("Rows that match now", "18"), ("Rolled back beyond", "19")]);
    let code = port.code();
    let said =
        port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&code).exits(1).json().to_string();
    assert!(said.contains("touched 900 rows, more than the 19 that a human was shown and approved"), "{said}");
    assert!(said.contains("it was rolled back and nothing was changed"), "{said}");
    assert_eq!(server.run("SELECT count(*) FROM customers WHERE country = 'AT'").trim(), "0");
    // the agent is told the same
    let told = wire.call("postgres_execute", arguments).0.to_string();
    assert!(told.contains("touched 900 rows, more than the 19"), "{told}");
    port.cli(["log", "verify"]).done();
}

#[test]
fn mariadb_tells_what_hangs_on_a_table_and_on_its_rows() {
    let Some(server) = Database::mariadb("mariadb_tells_what_hangs_on_a_table_and_on_its_rows") else {
        return;
    };
    server.run(SHOP);
    server.run(
        "CREATE TABLE log (id INTEGER);
         CREATE TRIGGER gone AFTER DELETE ON customers FOR EACH ROW INSERT INTO log VALUES (OLD.id);",
    );
    let port = connected(&server, "mysql", |password| {
        server.run(&format!(
            "CREATE USER app@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT ALL ON shop.* TO app@'127.0.0.1';"
        ));
        server.url("app", password)
    });
    let mut wire = port.wire();
    let drop = wire.call("mysql_execute", json!({"sql": "DROP TABLE customers"})).approval_id();
    let found = lines(&port, &drop, "mysql.preview");
    let found: Vec<_> = pairs(&found).into_iter().filter(|(label, _)| *label != "Size on disk").collect();
    assert_eq!(
        found,
        [
            ("Table", "shop.customers"),
            ("Rows in it", "1000"),
            ("View on it", "shop.germans"),
            ("Foreign key to it", "from 30 rows in shop.notes (customer)"),
            ("Foreign key to it", "from 500 rows in shop.orders (customer)"),
            ("Cannot be rolled back", "MySQL and MariaDB commit such a statement by themselves"),
        ]
    );
    let delete = json!({"sql": "DELETE FROM customers WHERE country = ? AND id < ?", "params": ["DE", 40]});
    let delete = wire.call("mysql_execute", delete).approval_id();
    let found = lines(&port, &delete, "mysql.preview");
    assert_eq!(
        pairs(&found)[..8],
        [
            ("Table", "shop.customers"),
            ("Rows that match now", "3"),
            ("Rolled back beyond", "3"),
            ("Also set to NULL", "3 rows in shop.notes (customer)"),
            ("Also deleted", "3 rows in shop.orders (customer)"),
            ("Also deleted", "2 rows in shop.items (of_order)"),
            ("Trigger fires", "gone AFTER DELETE on shop.customers"),
            ("Not limited", "rows that triggers and foreign keys touch"),
        ]
    );
    assert_eq!(port.approve(&delete)["result"], json!({"rows_affected": 3}));
    assert_eq!(customers(&server), "997");
}

/// Tables without transactions keep what was written, whatever comes after it: that is said before the yes.
#[test]
fn t082_mariadb_says_before_the_yes_what_it_could_not_take_back() {
    let Some(server) = Database::mariadb("t082_mariadb_says_before_the_yes_what_it_could_not_take_back") else {
        return;
    };
    server.run(
        "CREATE TABLE old (id INTEGER) ENGINE=MyISAM; INSERT INTO old VALUES (1), (2), (3);
         CREATE TABLE aria (id INTEGER) ENGINE=Aria TRANSACTIONAL=0; INSERT INTO aria VALUES (1), (2), (3);",
    );
    let port = connected(&server, "mysql", |password| {
        server.run(&format!(
            "CREATE USER app@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT ALL ON shop.* TO app@'127.0.0.1';"
        ));
        server.url("app", password)
    });
    let mut wire = port.wire();
    for (table, engine) in [("old", "MyISAM"), ("aria", "Aria")] {
        let delete = json!({"sql": format!("DELETE FROM {table} WHERE id <= 2")});
        let id = wire.call("mysql_execute", delete).approval_id();
        let found = lines(&port, &id, "mysql.preview");
        let said = format!("{engine} tables have no transactions");
        assert!(pairs(&found).contains(&("Cannot be rolled back", said.as_str())), "{found:?}");
        assert!(!found.iter().any(|(label, _)| label == "Rolled back beyond"), "no number is promised: {found:?}");
        assert_eq!(port.approve(&id)["result"], json!({"rows_affected": 2}));
    }
    // a trigger writes what stays, though its table's own rows go back
    server.run(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY); INSERT INTO customers VALUES (1), (2);
         CREATE TABLE kept (id INTEGER); CREATE TABLE ol (id INTEGER) ENGINE=MyISAM;
         CREATE TRIGGER noted AFTER DELETE ON customers FOR EACH ROW INSERT INTO old VALUES (OLD.id);
         CREATE TRIGGER added AFTER INSERT ON customers FOR EACH ROW INSERT INTO kept VALUES (NEW.id);",
    );
    let mut said = |sql: &str| {
        let id = wire.call("mysql_execute", json!({"sql": sql})).approval_id();
        let found = lines(&port, &id, "mysql.preview");
        let said = found.into_iter().filter(|(label, _)| label == "Cannot be rolled back");
        said.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let by_trigger = "what triggers write to old: MyISAM tables have no transactions";
    assert_eq!(said("DELETE FROM customers WHERE id = 1"), [by_trigger]);
    assert_eq!(said("INSERT INTO customers VALUES (3)"), Vec::<String>::new());
    // nothing takes back what the server commits by itself
    let commits = "MySQL and MariaDB commit such a statement by themselves";
    for sql in
        ["TRUNCATE TABLE customers", "ALTER TABLE customers ADD note INTEGER", "RENAME TABLE customers TO people"]
    {
        assert_eq!(said(sql), [commits], "{sql}");
    }
    server.run("START TRANSACTION; INSERT INTO customers VALUES (9); ALTER TABLE kept ADD note INTEGER; ROLLBACK");
    assert_eq!(server.run("SELECT count(*) FROM customers WHERE id = 9").trim(), "1");
}

/// Whoever counts sees fewer rows than whoever writes, on tables that can be rolled back and on such that cannot.
#[test]
fn t082_a_statement_that_touches_more_than_was_approved_is_rolled_back_by_mariadb() {
    let Some(server) = Database::mariadb("t082_a_statement_that_touches_more_is_rolled_back_by_mariadb") else {
        return;
    };
    server.run(SHOP);
    let seen = "SQL SECURITY INVOKER VIEW";
    server.run(&format!(
        "CREATE TABLE old (id INTEGER, country CHAR(2)) ENGINE=MyISAM; INSERT INTO old SELECT id, country FROM customers;
         CREATE {seen} few AS SELECT * FROM customers WHERE id <= 20 OR USER() LIKE 'writer@%';
         CREATE {seen} few_old AS SELECT * FROM old WHERE id <= 20 OR USER() LIKE 'writer@%';"
    ));
    let port = connected(&server, "mysql", |password| {
        server.run(&format!(
            "CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT SELECT ON shop.* TO reader@'127.0.0.1';
             CREATE USER writer@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT ALL ON shop.* TO writer@'127.0.0.1';"
        ));
        format!("{} {}", server.url("reader", password), server.url("writer", password))
    });
    let mut wire = port.wire();
    let mut approved = |view: &str| {
        let sql = format!("UPDATE {view} SET country = 'AT' WHERE country = ?");
        let id = wire.call("mysql_execute", json!({"sql": sql, "params": ["FR"]})).approval_id();
        let found = lines(&port, &id, "mysql.preview");
        assert_eq!(pairs(&found)[1..3], [("Rows that match now", "18"), ("Rolled back beyond", "19")], "{found:?}");
        let approve = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]);
        approve.stdin(&port.code()).exits(1).json().to_string()
    };
    let said = approved("few");
    assert!(said.contains("touched 900 rows, more than the 19 that a human was shown and approved"), "{said}");
    assert!(said.contains("it was rolled back and nothing was changed"), "{said}");
    assert_eq!(server.run("SELECT count(*) FROM customers WHERE country = 'AT'").trim(), "0");
    // what stays is not called undone
    let said = approved("few_old");
    assert!(said.contains("touched 900 rows, more than the 19") && !said.contains("nothing was changed"), "{said}");
    assert!(said.contains("\"unknown\"") && said.contains("could not take everything back"), "{said}");
    assert_eq!(server.run("SELECT count(*) FROM old WHERE country = 'AT'").trim(), "900");
    port.cli(["log", "verify"]).done();
}

/// Staging and production differ in the server, the database and the role, and each of them stands before the statement.
#[tokio::test(flavor = "multi_thread")]
async fn t283_the_page_of_a_statement_names_server_database_and_role() {
    let Some(server) = Database::postgres("t283_the_page_of_a_statement_names_server_database_and_role") else {
        return;
    };
    server.run(SHOP);
    let port = connected(&server, "postgres", |password| {
        server.run(&format!(
            "CREATE ROLE cashier LOGIN PASSWORD '{password}'; GRANT ALL ON ALL TABLES IN SCHEMA public TO cashier;"
        ));
        server.url("cashier", password)
    });
    let mut wire = port.wire();
    let asked = wire.call("postgres_execute", json!({"sql": "DELETE FROM notes WHERE id = 1"}));
    let url = asked.0["approval"]["url"].as_str().unwrap();
    let (base, path) = url.split_at(url.rfind("/approve/").unwrap());
    let mut browser = Browser::new(base.rsplit(':').next().unwrap().parse().unwrap());
    assert_eq!(browser.post("/login", &[("code", &port.code()), ("next", path)]).await.status, 303);
    let text = browser.get(path).await.text();
    let place = text.split("production PostgreSQL account prod ").nth(1).unwrap_or_else(|| panic!("{text}"));
    let (place, _) = place.split_once("DELETE").unwrap();
    let shown = format!("on postgres://127.0.0.1:{} database shop", server.port());
    assert!(place.contains("cashier") && place.contains(&shown), "{place}");
}

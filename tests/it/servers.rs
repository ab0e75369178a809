//! Databases on servers, PostgreSQL and MariaDB as Debian has them: what `databases` tells of a file, and what only a
//! server can do.

mod sessions;
mod walls;

use serde_json::{Value, json};

use crate::harness::{Database, Port};

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, country CHAR(2));
    INSERT INTO customers WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    SELECT i, concat('Customer ', i), CASE WHEN i % 10 = 0 THEN 'DE' ELSE 'FR' END FROM n;";

/// A shop of a thousand customers on a server, to which `app` is connected; its password must not show.
struct Shop {
    port: Port,
    server: Database,
    integration: &'static str,
}

impl Shop {
    fn postgres(test: &str) -> Option<Self> {
        let server = Database::postgres(test)?;
        server.run(SHOP);
        let make = |password: &str| {
            format!(
                "CREATE ROLE app LOGIN PASSWORD '{password}'; ALTER TABLE customers OWNER TO app;
                 GRANT CREATE ON SCHEMA public TO app;"
            )
        };
        Some(Self::connected(server, "postgres", make))
    }

    fn mariadb(test: &str) -> Option<Self> {
        let server = Database::mariadb(test)?;
        server.run(SHOP);
        let make = |password: &str| {
            format!("CREATE USER app@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT ALL ON shop.* TO app@'127.0.0.1';")
        };
        Some(Self::connected(server, "mysql", make))
    }

    fn connected(server: Database, integration: &'static str, make: impl Fn(&str) -> String) -> Self {
        let port = Port::enrolled();
        server.run(&make(port.canary()));
        let arguments = ["connect", integration, "--account", "prod", "--allow-private", "--secret-stdin", "--json"];
        let connected = port.cli(arguments).stdin(&server.url("app", port.canary())).done().json();
        assert_eq!(connected["verified"], json!(true), "{connected}");
        Self { port, server, integration }
    }

    fn tool(&self, action: &str) -> String {
        format!("{}_{action}", self.integration)
    }

    /// All that the server stores, without a word that is another one in each dump.
    fn dump(&self) -> String {
        let dump = self.server.dump();
        let lines = dump.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    /// How many customers there are, as the superuser sees it; `None`: there is no such table.
    fn count(&self) -> Option<u32> {
        let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'customers'";
        (self.server.run(tables).trim() == "1")
            .then(|| self.server.run("SELECT count(*) FROM customers").trim().parse().unwrap())
    }
}

fn a_drop_waits_and_happens_once_or_not_at_all(shop: &Shop) {
    let mut wire = shop.port.wire();
    let drop = json!({"sql": "DROP TABLE customers"});
    let id = wire.call(&shop.tool("execute"), drop.clone()).approval_id();
    assert_eq!(shop.count(), Some(1_000));
    let shown = shop.port.cli(["approvals", "show", &id, "--json"]).done().json();
    assert_eq!((&shown["effect"], &shown["environment"]), (&json!("destructive"), &json!("production")));
    assert_eq!(shown["request"]["statement"], json!("DROP TABLE customers"));
    shop.port.cli(["approvals", "deny", &id, "--json"]).done();
    assert_eq!(shop.count(), Some(1_000), "denied: nothing happened");
    shop.port.cli(["approvals", "reopen", &id, "--json"]).done();
    let id = wire.call(&shop.tool("execute"), drop).approval_id();
    assert_eq!(shop.port.approve(&id)["status"], json!("completed"));
    assert_eq!(shop.count(), None, "approved: it is gone");
    shop.server.run(SHOP);
    shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&shop.port.code()).exits(1);
    assert_eq!(shop.count(), Some(1_000), "one yes is for one time");
    shop.port.cli(["log", "verify"]).done();
}

#[test]
fn a_drop_on_postgres_waits_for_a_human_and_happens_once_or_not_at_all() {
    let Some(shop) = Shop::postgres("a_drop_on_postgres_waits_for_a_human") else { return };
    a_drop_waits_and_happens_once_or_not_at_all(&shop);
}

#[test]
fn a_drop_on_mariadb_waits_for_a_human_and_happens_once_or_not_at_all() {
    let Some(shop) = Shop::mariadb("a_drop_on_mariadb_waits_for_a_human") else { return };
    a_drop_waits_and_happens_once_or_not_at_all(&shop);
}

fn pages(shop: &Shop, statement: &str) {
    let mut wire = shop.port.wire();
    let first = wire.call(&shop.tool("query"), json!({"sql": statement, "params": ["DE"], "limit": 60})).completed();
    assert_eq!((&first["row_count"], &first["truncated"]), (&json!(60), &json!(true)));
    assert_eq!(first["rows"][0], json!([10, "Customer 10"]));
    let next = &first["next"];
    let second = wire.call(next["tool"].as_str().unwrap(), next["arguments"].clone()).completed();
    assert_eq!(
        (&second["row_count"], &second["truncated"], &second["next"]),
        (&json!(40), &json!(false), &Value::Null)
    );
    assert_eq!(second["rows"][39], json!([1_000, "Customer 1000"]));
    // a value is never SQL
    let arguments = json!({"sql": statement, "params": ["x' OR '1'='1"]});
    assert_eq!(wire.call(&shop.tool("query"), arguments).completed()["row_count"], json!(0));
    let table = wire.call(&shop.tool("describe_table"), json!({"table": "customers"})).completed();
    assert_eq!(table["columns"][1]["name"], json!("name"), "{table}");
    let plan = wire.call(&shop.tool("explain"), json!({"sql": "SELECT * FROM customers WHERE id = 1"})).completed();
    assert!(plan["row_count"].as_u64().unwrap() > 0, "{plan}");
}

#[test]
fn reads_of_postgres_run_by_themselves_with_their_values_bound() {
    let Some(shop) = Shop::postgres("reads_of_postgres_run_by_themselves") else { return };
    pages(&shop, "SELECT id, name FROM customers WHERE country = $1 ORDER BY id");
    let tables = shop.port.wire().call("postgres_list_tables", json!({})).completed();
    assert_eq!(tables["rows"][0].as_array().unwrap()[..3], [json!("public"), json!("customers"), json!("table")]);
}

#[test]
fn reads_of_mariadb_run_by_themselves_with_their_values_bound() {
    let Some(shop) = Shop::mariadb("reads_of_mariadb_run_by_themselves") else { return };
    pages(&shop, "SELECT id, name FROM customers WHERE country = ? ORDER BY id");
    let tables = shop.port.wire().call("mysql_list_tables", json!({})).completed();
    assert_eq!(tables["rows"][0].as_array().unwrap()[..2], [json!("shop"), json!("customers")]);
}

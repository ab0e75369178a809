//! What the syntax can't tell, on servers: a read that tries to write after all, what never ends, what would be too much,
//! and what an error would give away.

use serde_json::{Value, json};

use super::Shop;

/// Objects of a human's own that do more than their names say.
const SLY_POSTGRES: &str = r"
    CREATE TABLE touched (at int); ALTER TABLE touched OWNER TO app; CREATE SEQUENCE counter;
    ALTER SEQUENCE counter OWNER TO app;
    CREATE FUNCTION touch() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
        'BEGIN INSERT INTO touched VALUES (1); RETURN 1; END';
    CREATE VIEW sly AS SELECT touch(); CREATE VIEW counted AS SELECT nextval('counter');
    CREATE VIEW large AS SELECT lo_create(4711); CREATE VIEW locked AS SELECT pg_advisory_lock(5)::text;
    CREATE VIEW settled AS SELECT set_config('transaction_read_only', 'off', true);
    CREATE FUNCTION forget(customers) RETURNS int LANGUAGE sql AS 'SELECT touch()';
    CREATE FUNCTION abs(text) RETURNS int LANGUAGE sql AS 'SELECT touch()';
    CREATE FUNCTION touch_check(text) RETURNS bool LANGUAGE sql AS 'SELECT touch() = 1';
    CREATE FUNCTION same(customers, customers) RETURNS bool LANGUAGE sql AS 'SELECT touch() = 1';
    CREATE OPERATOR = (LEFTARG = customers, RIGHTARG = customers, FUNCTION = same);
    CREATE TABLE guarded (a int); INSERT INTO guarded VALUES (1); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY watching ON guarded USING (touch() = 1);
    GRANT SELECT ON sly, counted, large, locked, settled, guarded TO app;
    CREATE FUNCTION abs(int) RETURNS int LANGUAGE sql AS 'SELECT touch()';
    CREATE SCHEMA app AUTHORIZATION app; CREATE TABLE app.customers (id int); ALTER TABLE app.customers OWNER TO app;
";

fn failure(answer: &Value) -> (&str, &str) {
    (answer["error"]["kind"].as_str().unwrap_or_default(), answer["error"]["message"].as_str().unwrap_or_default())
}

/// Each is taken for a read, tries to write, and is stopped: nothing has changed, and the alarm is noted.
fn are_stopped(shop: &Shop, statements: &[&str]) {
    let before = shop.dump();
    let mut wire = shop.port.wire();
    for statement in statements {
        let answer = wire.call(&shop.tool("query"), json!({"sql": statement})).0;
        let (kind, message) = failure(&answer);
        assert_eq!(kind, "upstream", "{statement}: {answer}");
        assert!(message.contains("tried to write"), "{statement}: {answer}");
    }
    assert_eq!(shop.port.evidence().said().matches("ALARM").count(), statements.len());
    assert_eq!(shop.dump(), before);
}

#[test]
fn t066_what_writes_under_a_harmless_name_is_stopped_by_postgres_and_told_as_an_alarm() {
    let Some(shop) = Shop::postgres("t066_what_writes_under_a_harmless_name") else { return };
    shop.server.run(SLY_POSTGRES);
    let sly = [
        "SELECT * FROM sly",
        "SELECT * FROM counted",
        "EXPLAIN ANALYZE SELECT * FROM sly",
        "SELECT customers.forget FROM customers LIMIT 1",
        "SELECT abs('x'::text)",
        "SELECT count(*) FROM customers a JOIN customers b ON a = b",
        "SELECT * FROM guarded",
    ];
    are_stopped(&shop, &sly);
    // these the server lets run in a read-only transaction; they end with it, or when its session is made clean
    let before = shop.dump();
    let mut wire = shop.port.wire();
    for statement in ["SELECT * FROM large", "SELECT * FROM locked", "SELECT * FROM settled"] {
        wire.call(&shop.tool("query"), json!({"sql": statement}));
    }
    assert_eq!(shop.dump(), before);
    assert_eq!(shop.server.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").trim(), "0");
}

#[test]
fn t066_what_writes_under_a_harmless_name_is_stopped_by_mariadb_and_told_as_an_alarm() {
    let Some(shop) = Shop::mariadb("t066_what_writes_under_a_harmless_name") else { return };
    shop.server.run(
        "CREATE TABLE touched (id int AUTO_INCREMENT PRIMARY KEY); CREATE SEQUENCE counter;
         DELIMITER //
         CREATE FUNCTION touch() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO touched VALUES (); RETURN 1; END //
         DELIMITER ;
         CREATE VIEW sly AS SELECT touch(); CREATE VIEW counted AS SELECT nextval(counter);",
    );
    are_stopped(&shop, &["SELECT * FROM sly", "SELECT * FROM counted", "SELECT count(*) FROM customers, sly"]);
}

#[test]
fn t070_a_name_of_postgres_own_means_its_own_and_no_call_leaves_a_setting_to_the_next() {
    let Some(shop) = Shop::postgres("t070_a_name_of_postgres_own_means_its_own") else { return };
    shop.server.run(SLY_POSTGRES);
    let mut wire = shop.port.wire();
    let mut ask =
        |statement: &str| wire.call(&shop.tool("query"), json!({"sql": statement})).completed()["rows"].clone();
    assert_eq!(ask("SELECT abs(-7)"), json!([[7]]), "not the one in `public`");
    assert_eq!(ask("SELECT count(*) FROM customers"), json!([[1_000]]), "not the one in the user's own schema");
    let path = ask("SHOW search_path");
    shop.server
        .run("ALTER ROLE app SET search_path = app, public; ALTER ROLE app SET standard_conforming_strings = off");
    assert_eq!(ask("SHOW search_path"), path);
    assert_eq!(ask("SELECT 'it\\'"), json!([["it\\"]]), "a backslash is one, as the classifier has read it");
    let id = wire.call(&shop.tool("execute"), json!({"sql": "SET SESSION search_path = app"})).approval_id();
    shop.port.approve(&id);
    let rows = wire.call(&shop.tool("query"), json!({"sql": "SELECT count(*) FROM customers"})).completed();
    assert_eq!(rows["rows"], json!([[1_000]]));
}

/// What never ends is ended by the server, what is too much is cut, and the next read is as good as ever.
fn is_bounded(shop: &Shop, endless: &str, busy: &str, fat: &str) {
    let mut wire = shop.port.wire();
    let answer = wire.call(&shop.tool("query"), json!({"sql": endless, "timeout_ms": 300})).0;
    assert_eq!(failure(&answer).0, "timeout", "{answer}");
    assert_eq!(shop.server.run(busy).trim(), "0", "the server still works on it");
    let many = json!({"sql": "SELECT a.id, b.name FROM customers a, customers b", "limit": 1_000});
    let many = wire.call(&shop.tool("query"), many).completed();
    assert_eq!((&many["row_count"], &many["truncated"]), (&json!(1_000), &json!(true)));
    let answer = wire.call(&shop.tool("query"), json!({"sql": fat, "limit": 1_000})).0;
    assert!(answer.to_string().len() < 4_000_000, "{} bytes", answer.to_string().len());
    assert!(answer["status"] == "failed" || answer["result"]["truncated"] == true, "{:.300}", answer.to_string());
    let one = wire.call(&shop.tool("query"), json!({"sql": "SELECT count(*) FROM customers"})).completed();
    assert_eq!(one["rows"], json!([[1_000]]));
}

#[test]
fn t077_a_read_that_never_ends_or_brings_too_much_is_bounded_on_postgres() {
    let Some(shop) = Shop::postgres("t077_a_read_that_never_ends_on_postgres") else { return };
    is_bounded(
        &shop,
        "SELECT count(*) FROM customers a, customers b, customers c, customers d",
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'",
        "SELECT string_agg(a.name, '') OVER () FROM customers a, customers b",
    );
}

#[test]
fn t077_a_read_that_never_ends_or_brings_too_much_is_bounded_on_mariadb() {
    let Some(shop) = Shop::mariadb("t077_a_read_that_never_ends_on_mariadb") else { return };
    is_bounded(
        &shop,
        "SELECT count(*) FROM customers a, customers b, customers c, customers d WHERE a.name < b.name AND c.name < d.name",
        "SELECT count(*) FROM information_schema.processlist WHERE user = 'app' AND command IN ('Query', 'Execute')",
        "SELECT rpad(a.name, 100000, 'x') FROM customers a",
    );
}

#[test]
fn t078_an_error_of_a_server_tells_no_data_and_no_password() {
    let Some(shop) = Shop::postgres("t078_an_error_of_a_server_tells_no_data") else { return };
    let mut wire = shop.port.wire();
    for statement in ["SELECT CAST(name AS integer) FROM customers", "SELECT 1 / (id - id) FROM customers"] {
        let answer = wire.call(&shop.tool("query"), json!({"sql": statement})).0;
        assert_eq!(failure(&answer).0, "upstream", "{answer}");
        assert!(failure(&answer).1.contains("22"), "the code: {answer}");
        assert!(!answer.to_string().contains("Customer 1"), "{answer}");
    }
    shop.server.run("CREATE UNIQUE INDEX one_name ON customers (name)");
    let twice = "UPDATE customers SET name = (SELECT c.name FROM customers c WHERE c.id = 7) WHERE id = 8";
    let id = wire.call(&shop.tool("execute"), json!({"sql": twice})).approval_id();
    let approve = shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&shop.port.code());
    let refused = approve.exits(1);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("23505") && said.contains("one_name"), "{said}");
    assert!(!said.contains("Customer 7"), "{said}");
    assert_eq!(shop.server.run("SELECT name FROM customers WHERE id = 8").trim(), "Customer 8");
}

#[test]
fn t078_an_error_of_mariadb_tells_no_data_and_no_password() {
    let Some(shop) = Shop::mariadb("t078_an_error_of_mariadb_tells_no_data_and_no_password") else { return };
    shop.server.run("CREATE UNIQUE INDEX one_name ON customers (name)");
    let mut wire = shop.port.wire();
    // each quotes a stored value in the server's own words
    for (sql, code) in [
        ("UPDATE customers SET name = 'Customer 7' WHERE id = 8", "23000/1062"),
        ("UPDATE customers SET id = name WHERE id = 8", "1366"),
        ("INSERT INTO customers SELECT id, name, country FROM customers WHERE id = 7", "23000/1062"),
        ("UPDATE customers SET country = name WHERE id = 8", "22001/1406"),
    ] {
        let id = wire.call(&shop.tool("execute"), json!({"sql": sql})).approval_id();
        let approve = shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]);
        let refused = approve.stdin(&shop.port.code()).exits(1);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains(code), "{sql}: {said}");
        assert!(!said.contains("Customer"), "{sql}: {said}");
    }
    assert_eq!(shop.server.run("SELECT name FROM customers WHERE id = 8").trim(), "Customer 8");
}

#[test]
fn t070_no_call_leaves_a_setting_or_a_table_to_the_next_on_mariadb() {
    let Some(shop) = Shop::mariadb("t070_no_call_leaves_a_setting_or_a_table_to_the_next_on_mariadb") else { return };
    let mut wire = shop.port.wire();
    for sql in [
        "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
        "SET @left = 7",
        "CREATE TEMPORARY TABLE customers (id int)",
        "SET SESSION TRANSACTION READ WRITE",
    ] {
        let id = wire.call(&shop.tool("execute"), json!({"sql": sql})).approval_id();
        shop.port.approve(&id);
    }
    let mut ask =
        |statement: &str| wire.call(&shop.tool("query"), json!({"sql": statement})).completed()["rows"].clone();
    assert_eq!(ask("SELECT count(*) FROM customers"), json!([[1_000]]), "not the temporary one");
    assert_eq!(ask("SELECT @left"), json!([[null]]));
    // what the server is set to for everybody does not change how a statement is read either
    shop.server.run("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'");
    assert_eq!(ask("SELECT \"a\", 'it\\'s'"), json!([["a", "it's"]]));
    assert_eq!(ask("SELECT 1 || 0"), json!([[1]]), "`||` is `OR`, as the classifier has read it");
}

/// A value of 40 MB, which the server has and nobody reads.
fn is_not_read(shop: &Shop) {
    let mut wire = shop.port.wire();
    let answer = wire.call(&shop.tool("query"), json!({"sql": "SELECT id, a FROM large"})).0;
    assert_eq!(answer["status"], json!("failed"), "{:.300}", answer.to_string());
    assert!(answer.to_string().len() < 2_000);
    let one = wire.call(&shop.tool("query"), json!({"sql": "SELECT length(a) FROM large"})).completed();
    assert_eq!(one["rows"], json!([[40_000_000]]));
}

#[test]
fn t076_a_value_that_is_too_large_is_not_read_from_postgres() {
    let Some(shop) = Shop::postgres("t076_a_value_that_is_too_large_is_not_read_from_postgres") else { return };
    shop.server.run("CREATE TABLE large AS SELECT 1 AS id, repeat('x', 40000000) AS a; GRANT SELECT ON large TO app");
    is_not_read(&shop);
}

#[test]
fn t076_a_value_that_is_too_large_is_not_read_from_mariadb() {
    let Some(shop) = Shop::mariadb("t076_a_value_that_is_too_large_is_not_read_from_mariadb") else { return };
    shop.server.run(
        "CREATE TABLE large (id int, a LONGTEXT); INSERT INTO large VALUES (1, repeat('x', 10000000));
         SET GLOBAL max_allowed_packet = 1024 * 1024 * 1024;",
    );
    // a session has the limit that it began with
    shop.server.run("UPDATE large SET a = concat(a, a, a, a)");
    is_not_read(&shop);
}

/// The first rows are all that is fetched: the server is hung up on, and stops.
#[test]
fn t077_mariadb_is_not_listened_to_beyond_the_rows_that_are_wanted() {
    let Some(shop) = Shop::mariadb("t077_mariadb_is_not_listened_to_beyond_the_rows") else { return };
    let mut wire = shop.port.wire();
    let sent = |shop: &Shop| -> u64 {
        let status = shop.server.run("SHOW GLOBAL STATUS LIKE 'Bytes_sent'");
        status.split_whitespace().last().unwrap().parse().unwrap()
    };
    let before = sent(&shop);
    // 100 GB, if anybody read them
    let sql = "SELECT a.name, rpad('', 1000, 'x') FROM customers a, customers b, customers c LIMIT 100000000";
    let first = wire.call(&shop.tool("query"), json!({"sql": sql, "limit": 10})).completed();
    assert_eq!((&first["row_count"], &first["truncated"]), (&json!(10), &json!(true)));
    let gone = "SELECT count(*) FROM information_schema.processlist WHERE user = 'app'";
    while shop.server.run(gone).trim() != "0" {
        std::thread::yield_now();
    }
    let sent = sent(&shop) - before;
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes came");
}

#[test]
fn t065_functions_with_effects_are_no_reads_and_need_a_yes() {
    let Some(shop) = Shop::postgres("t065_functions_with_effects_on_postgres") else { return };
    // what a read-only transaction would let run (experiment E3)
    let postgres = [
        "pg_read_file('/etc/passwd')",
        "pg_ls_dir('/')",
        "lo_import('/etc/passwd')",
        "pg_terminate_backend(1)",
        "pg_switch_wal()",
        "pg_reload_conf()",
        "pg_notify('a', 'b')",
        "pg_advisory_lock(1)",
        "set_config('transaction_read_only', 'off', true)",
        "pg_sleep(60)",
        "nextval('counter')",
        "dblink('host=127.0.0.1', 'SELECT 1')",
    ];
    are_refused_as_reads(&shop, &postgres);
    approved_in_vain(&shop, "SELECT pg_read_file('/etc/passwd')");
    let Some(shop) = Shop::mariadb("t065_functions_with_effects_on_mariadb") else { return };
    let mariadb = ["SLEEP(60)", "LOAD_FILE('/etc/passwd')", "GET_LOCK('a', 60)", "BENCHMARK(1000000, MD5('a'))"];
    are_refused_as_reads(&shop, &mariadb);
}

/// None is run by `query`, also not inside of something else.
fn are_refused_as_reads(shop: &Shop, calls: &[&str]) {
    let before = shop.dump();
    let mut wire = shop.port.wire();
    for call in calls {
        for sql in [format!("SELECT {call}"), format!("SELECT id FROM customers WHERE id = 1 AND {call} IS NOT NULL")] {
            assert_eq!(wire.call(&shop.tool("query"), json!({"sql": sql})).invalid(), ["/sql"], "{sql}");
        }
    }
    assert_eq!(shop.dump(), before);
}

#[test]
fn t067_t069_t080_commands_are_asked_about_and_leave_nothing_behind() {
    let Some(shop) = Shop::postgres("t067_t069_commands_are_asked_about") else { return };
    let mut wire = shop.port.wire();
    let before = shop.dump();
    for statement in [
        "COPY customers TO PROGRAM 'cat > /tmp/agentport-evil'",
        "COPY customers TO '/tmp/agentport-evil'",
        "SET TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "BEGIN READ WRITE",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
    ] {
        let refused = wire.call(&shop.tool("query"), json!({"sql": statement}));
        assert_eq!(refused.invalid(), ["/sql"], "{statement}");
    }
    // whoever says yes: the role that is connected may not, and a changed transaction is over with its own call
    approved_in_vain(&shop, "COPY customers TO PROGRAM 'cat > /tmp/agentport-evil'");
    let id = wire.call(&shop.tool("execute"), json!({"sql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"}));
    shop.port.approve(&id.approval_id());
    assert_eq!(shop.dump(), before);
    let Some(shop) = Shop::mariadb("t080_commands_are_asked_about") else { return };
    let mut wire = shop.port.wire();
    let before = shop.dump();
    for statement in [
        "SELECT 1 /*!50000 UNION SELECT 2 */",
        "SELECT name FROM customers INTO OUTFILE '/tmp/agentport-evil'",
        "SELECT 1; DELETE FROM customers",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE customers",
        "SET GLOBAL general_log = 1",
        "HANDLER customers OPEN",
    ] {
        let refused = wire.call(&shop.tool("query"), json!({"sql": statement}));
        assert_eq!(refused.invalid(), ["/sql"], "{statement}");
    }
    approved_in_vain(&shop, "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE customers");
    assert_eq!(shop.dump(), before, "no file of this machine goes there, whoever says yes");
}

/// Asked about, and even with a yes it fails.
fn approved_in_vain(shop: &Shop, statement: &str) {
    let id = shop.port.wire().call(&shop.tool("execute"), json!({"sql": statement})).approval_id();
    shop.port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&shop.port.code()).exits(1);
}

/// A server may lock what is read, by its default. The level is told by the server that runs the read.
#[test]
fn a_read_locks_nothing_on_a_mariadb_that_is_serializable() {
    let Some(shop) = Shop::mariadb("a_read_locks_nothing_on_a_mariadb") else { return };
    shop.server.run("SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE");
    assert_eq!(shop.server.run("SELECT @@tx_isolation").trim(), "SERIALIZABLE");
    let mut wire = shop.port.wire();
    let level = wire.call("mysql_query", json!({"sql": "SELECT @@tx_isolation"})).completed();
    assert_eq!(level["rows"], json!([["REPEATABLE-READ"]]));
}

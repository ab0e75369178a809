//! The sessions that reads of an account use one after the other: what one leaves is gone, and nobody else has them.

use serde_json::{Value, json};

use super::Shop;

#[test]
fn t070_what_a_read_leaves_in_its_session_is_gone_before_the_next_read_has_it() {
    let Some(shop) = Shop::postgres("t070_what_a_read_leaves_in_its_session") else { return };
    shop.server.run(
        "CREATE FUNCTION leave() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
             PERFORM set_config('application_name', 'left', false), set_config('work_mem', '77MB', false);
             PERFORM pg_advisory_lock(5); RETURN 'left'; END $$;
         CREATE VIEW leaving AS SELECT leave();
         CREATE VIEW told AS SELECT pg_backend_pid(), current_setting('application_name') AS name,
             current_setting('work_mem') AS memory,
             (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
             (SELECT count(*) FROM pg_prepared_statements) AS statements,
             current_setting('transaction_read_only') AS read_only;
         GRANT SELECT ON leaving, told TO app;",
    );
    let mut wire = shop.port.wire();
    let mut ask = |view: &str| {
        let rows =
            wire.call("postgres_query", json!({"sql": format!("SELECT * FROM {view}")})).completed()["rows"].clone();
        rows[0].clone()
    };
    let fresh = ask("told");
    assert_eq!(fresh.as_array().unwrap()[1..], [json!("agentport"), json!("4MB"), json!(0), json!(1), json!("on")]);
    assert_eq!(ask("leaving"), json!(["left"]));
    assert_eq!(ask("told"), fresh, "the same session, as it was");
}

#[test]
fn t070_what_a_read_leaves_in_its_session_of_mariadb_is_gone_before_the_next_read_has_it() {
    let Some(shop) = Shop::mariadb("t070_what_a_read_leaves_in_its_session_of_mariadb") else { return };
    shop.server.run(
        "DELIMITER //
         CREATE FUNCTION leave_it() RETURNS int READS SQL DATA BEGIN
             SET @left = 7; SET SESSION wait_timeout = 77; SET SESSION sql_select_limit = 1;
             RETURN get_lock('left', 0); END //
         CREATE FUNCTION left_it() RETURNS varchar(200) READS SQL DATA RETURN concat_ws(' ', coalesce(@left, '-'),
             @@wait_timeout, @@sql_select_limit > 1, coalesce(is_used_lock('left'), '-'), @@tx_isolation) //
         DELIMITER ;
         CREATE VIEW leaving AS SELECT leave_it(); CREATE VIEW told AS SELECT connection_id(), left_it();",
    );
    let mut wire = shop.port.wire();
    let mut ask = |view: &str| {
        wire.call("mysql_query", json!({"sql": format!("SELECT * FROM {view}")})).completed()["rows"][0].clone()
    };
    let fresh = ask("told");
    assert_eq!(fresh[1], "- 28800 1 - REPEATABLE-READ");
    assert_eq!(ask("leaving"), json!([1]));
    assert_eq!(ask("told"), fresh, "the same session, as it was");
    // each call has its own limit at the server, in a session that is the same
    let mut limited = |milliseconds: u64| {
        let who = json!({"sql": "SELECT connection_id(), @@max_statement_time", "timeout_ms": milliseconds});
        wire.call("mysql_query", who).completed()["rows"][0].clone()
    };
    for milliseconds in [7_000, 7_000, 10_000, 2_500] {
        let seconds = f64::from(u32::try_from(milliseconds).unwrap()) / 1_000.0;
        assert_eq!(limited(milliseconds), json!([fresh[0], seconds]), "{milliseconds}");
    }
}

/// A session is kept for the next read, replaced where the server has ended it, and not used once the account has another
/// credential. `who` asks for its number and its user.
fn is_the_credentials_own(shop: &Shop, who: &str, end: fn(&Value) -> String) {
    let mut wire = shop.port.wire();
    let mut ask = || wire.call(&shop.tool("query"), json!({"sql": who})).completed()["rows"][0].clone();
    let first = ask();
    assert_eq!((&first[1], ask()), (&json!("app"), first.clone()), "it is kept");
    shop.server.run(&end(&first[0]));
    let second = ask();
    assert_eq!(second[1], json!("app"));
    assert_ne!(second[0], first[0]);
    let kind = shop.integration;
    let arguments = ["connect", kind, "--account", "prod", "--allow-private", "--secret-stdin", "--replace", "--json"];
    shop.port.cli(arguments).stdin(&shop.server.url("other", shop.port.canary())).done();
    let third = ask();
    assert_eq!(third[1], json!("other"), "{third}");
    assert_ne!(third[0], second[0]);
}

#[test]
fn t208_a_session_is_not_used_for_another_credential_and_one_that_the_server_has_ended_is_replaced() {
    let Some(shop) = Shop::postgres("t208_a_session_is_not_used_for_another_credential") else { return };
    let password = shop.port.canary();
    shop.server.run(&format!(
        "CREATE ROLE other LOGIN PASSWORD '{password}'; CREATE VIEW who AS SELECT pg_backend_pid(), current_user;
         GRANT SELECT ON who TO PUBLIC;"
    ));
    is_the_credentials_own(&shop, "SELECT * FROM who", |session| format!("SELECT pg_terminate_backend({session})"));
}

#[test]
fn t208_a_session_of_mariadb_is_not_used_for_another_credential_nor_where_rows_of_an_earlier_read_are_under_way() {
    let Some(shop) = Shop::mariadb("t208_a_session_of_mariadb") else { return };
    let password = shop.port.canary();
    shop.server.run(&format!(
        "CREATE USER other@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT SELECT ON shop.* TO other@'127.0.0.1'"
    ));
    let who = "SELECT connection_id(), substring_index(session_user(), '@', 1)";
    is_the_credentials_own(&shop, who, |session| format!("KILL CONNECTION {session}"));
    let mut wire = shop.port.wire();
    let mut ask = |sql: &str| wire.call("mysql_query", json!({"sql": sql, "limit": 3})).completed();
    let before = ask(who)["rows"][0][0].clone();
    assert_eq!(ask("SELECT a.id, b.name FROM customers a, customers b")["truncated"], true);
    assert_ne!(ask(who)["rows"][0][0], before);
}

//! M: the log. The record stands before the request, and what was refused is in it too.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::json;

use crate::harness::{Port, Reply, Upstream};

/// Before the first byte goes out its record is durable: the service itself looks.
#[test]
fn t237_the_record_stands_before_the_service_hears_of_the_call() {
    let home = Arc::new(Mutex::new(PathBuf::new()));
    let (place, found) = (Arc::clone(&home), Arc::new(Mutex::new(Vec::<Vec<String>>::new())));
    let kept = Arc::clone(&found);
    let upstream = Upstream::start(move |_| {
        let database = rusqlite::Connection::open(place.lock().unwrap().join("agentport.db")).unwrap();
        let mut statement = database
            .prepare("SELECT tool || ' ' || kind || ' ' || status FROM record WHERE call = (SELECT call FROM sending) ORDER BY seq")
            .unwrap();
        let records = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        kept.lock().unwrap().push(records);
        Reply::json(200, &json!({}))
    });
    let port = Port::connected(&upstream);
    *home.lock().unwrap() = port.home();
    let mut wire = port.wire();
    wire.call("stripe_list_customers", json!({})).completed();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.approve(&id);
    let expected = [
        vec!["stripe.list_customers call allowed"],
        vec!["stripe.create_refund call pending", "stripe.create_refund decision approved"],
    ];
    assert_eq!(*found.lock().unwrap(), expected);
    let left: u32 = port.database().query_row("SELECT count(*) FROM sending", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// If it cannot be recorded, it is not sent.
#[test]
fn t230_while_the_log_cannot_be_written_nothing_is_sent() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    wire.call("stripe_list_customers", json!({})).completed();
    let database = port.database();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = wire.call("stripe_list_customers", json!({}));
    assert_eq!(refused.failed(), "internal", "{refused:?}");
    upstream.received_one("GET /v1/customers");
    database.execute_batch("ROLLBACK").unwrap();
    wire.call("stripe_list_customers", json!({})).completed();
    assert_eq!(upstream.lines().len(), 2);
}

#[test]
fn t238_what_was_refused_is_in_the_log_too() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let before = port.calls().len();
    wire.call("stripe_create_payout", json!({"amount": 1, "currency": "eur"}));
    wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": "SENSITIVE"}));
    wire.call("stripe_no_such_tool", json!({"x": "SENSITIVE"}));
    for number in 0..6 {
        wire.call("stripe_create_refund", json!({"charge": format!("ch_{number}")}));
    }
    wire.call("github_list_repositories", json!({}));
    let pair = |tool: &str, status: &str| (tool.to_owned(), status.to_owned());
    let mut expected = vec![
        pair("stripe.create_payout", "denied"),
        pair("stripe.create_refund", "invalid"),
        pair("stripe_no_such_tool", "not_found"),
    ];
    expected.extend(vec![pair("stripe.create_refund", "pending"); 5]);
    expected.extend([pair("stripe.create_refund", "limited"), pair("github.list_repositories", "setup")]);
    assert_eq!(port.calls().split_off(before), expected);
    // what was wrong is noted by its place, not by its value
    assert!(!port.cli(["log", "export"]).done().stdout.contains("SENSITIVE"));
    port.cli(["log", "verify"]).done();
    // a flood is bounded: so many a minute, and this takes less than one
    for _ in 0..400 {
        wire.call("stripe_no_such_tool", json!({}));
    }
    assert!(port.cli(["log", "verify", "--json"]).done().json()["records"].as_u64().unwrap() < 300);
}

//! M: the log. The record stands before the request, and what was refused is in it too.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::json;

use crate::harness::{Observer, Port, Reply, Upstream, after_power_cut};

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

/// The power fails while the service hears of it: the yes is on the disk, spent, and what was sent is known to be unknown.
#[test]
fn t231_a_power_cut_leaves_the_yes_spent_and_what_was_sent_unknown() {
    let places = Arc::new(Mutex::new(None::<(PathBuf, PathBuf, PathBuf)>));
    let asked = Arc::clone(&places);
    let upstream = Upstream::start(move |_| {
        if let Some((home, disk, found)) = asked.lock().unwrap().take() {
            after_power_cut(&home, &disk, &found);
        }
        Reply::json(200, &json!({}))
    });
    let mut port = Port::empty();
    let observer = Observer::of(&mut port);
    port.init();
    port.enrol();
    port.connect_stripe(&upstream.origin());
    let found = port.folder().join("found");
    *places.lock().unwrap() = Some((port.home(), observer.disk(), found.clone()));
    let id = port.wire().call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.approve(&id);
    let found = found.to_str().unwrap();
    let log = |home: &str| -> Vec<String> {
        let list = ["log", "list", "--tool", "stripe.create_refund", "--json"];
        let lines = port.cli(list).env("AGENTPORT_HOME", home).done().json();
        lines.as_array().unwrap().iter().map(|line| line["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(log(port.home().to_str().unwrap()), ["succeeded"]);
    // whoever works with it first says what became of the request
    port.cli(["call", "stripe.list_customers"]).env("AGENTPORT_HOME", found).run();
    assert_eq!(log(found), ["unknown"]);
    port.cli(["log", "verify"]).env("AGENTPORT_HOME", found).done();
    let again = ["approvals", "approve", &id, "--code-stdin"];
    port.cli(again).env("AGENTPORT_HOME", found).stdin(&port.code()).exits(1);
    let refunds = upstream.lines().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(refunds, 1);
}

/// What an agent writes makes no line, no colour and no formula of its own in what the person reads.
#[test]
fn t235_nothing_that_an_agent_wrote_forges_a_line_of_the_log() {
    let port = Port::connected(&Upstream::plain());
    let mut wire = port.wire();
    let hostile = "=HYPERLINK(\"x\")\n2026-01-01 stripe.create_refund approved\r\u{1b}[2J\u{9b}1m\u{202e}\u{2028}";
    let lines = |port: &Port| port.cli(["log", "list"]).done().stdout.lines().count();
    wire.call("stripe_list_customers", json!({"email": "plain"}));
    let first = lines(&port);
    wire.call("stripe_list_customers", json!({"email": hostile}));
    wire.ask("tools/call", &json!({"name": hostile, "arguments": {}}));
    wire.call("stripe_list_customers", json!({hostile: hostile}));
    assert_eq!(lines(&port), first + 3);
    let records = port.log();
    let shown = records.iter().take(6).map(|record| record["id"].as_str().unwrap().to_owned());
    let mut texts: Vec<String> = shown.map(|id| port.cli(["log", "show", &id]).done().stdout).collect();
    assert!(texts.iter().any(|text| text.contains("HYPERLINK")), "{texts:?}");
    texts.extend(
        [&["log", "list"][..], &["log", "summary"]].map(|command| port.cli(command.iter().copied()).done().stdout),
    );
    for text in texts {
        let bad = |sign: char| sign != '\n' && (sign.is_control() || "\u{202e}\u{2028}".contains(sign));
        assert!(!text.contains(bad), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{text}");
    }
    // an export is a line of JSON for each record; there is none that a spreadsheet would work out
    let exported = port.cli(["log", "export"]).done().stdout;
    let records = port.cli(["log", "verify", "--json"]).done().json()["records"].as_u64().unwrap();
    assert_eq!(exported.lines().count() as u64, records);
    port.cli(["log", "export", "--format", "csv"]).exits(64);
}

/// The log belongs to the person: nothing that an agent reaches reads it, whoever's calls it asks for.
#[test]
fn t240_an_agent_reads_no_log() {
    let port = Port::connected(&Upstream::plain());
    let (ada, eve) = (port.let_in(&["ada"]), port.let_in(&["eve"]));
    let served = port.serve();
    let asked = served.ask(&ada, "POST", "/stripe/create_refund", &json!({"charge": "ch_1"})).json();
    let id = asked["approval"]["id"].as_str().unwrap();
    for path in ["/log", "/log?text=ch_1", &format!("/log/{id}"), &format!("/approve/{id}"), "/accounts", "/policy"] {
        let heard = served.ask(&eve, "GET", path, &json!(null));
        assert!(!heard.body.contains("ch_1") && heard.code != 200, "{path}: {heard:?}");
    }
    let other = served.ask(&eve, "GET", &format!("/approvals/{id}"), &json!(null));
    assert_eq!(other.told(), (404, "not_found".to_owned()), "{other:?}");
    let tools = served.ask(&eve, "GET", "/tools", &json!(null)).body;
    for word in ["_log", "log_", "ledger", "record"] {
        assert!(!tools.contains(&format!("\"agentport_{word}")), "{tools}");
    }
}

/// The log lies in the home, where nobody chooses another place for it.
#[test]
fn t241_no_setting_moves_the_log() {
    let port = Port::enrolled();
    let settings = std::fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let elsewhere = port.folder().join("elsewhere");
    for key in ["path", "file", "prefix", "database"] {
        let moved = format!("[log]\n{key} = \"{}\"", elsewhere.display());
        std::fs::write(port.home().join("agentport.toml"), settings.replacen("[log]", &moved, 1)).unwrap();
        let refused = port.cli(["log", "verify", "--json"]).exits(1).error();
        assert!(refused.contains(key), "{refused}");
    }
    std::fs::write(port.home().join("agentport.toml"), settings).unwrap();
    for option in ["--file", "--path", "--database", "--prefix"] {
        port.cli(["log", "verify", option, elsewhere.to_str().unwrap()]).exits(64);
    }
    for name in ["AGENTPORT_DB", "AGENTPORT_LOG_FILE", "AGENTPORT_DATABASE"] {
        port.cli(["log", "verify"]).env(name, elsewhere.to_str().unwrap()).done();
    }
    assert!(!elsewhere.exists());
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

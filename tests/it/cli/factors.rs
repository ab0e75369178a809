//! Factors: the next one needs the one before, and who lost them all begins again.

use serde_json::json;

use crate::harness::{Port, Upstream};

#[test]
fn a_second_factor_needs_the_first_and_the_last_one_stays() {
    let port = Port::enrolled();
    let first = port.cli(["factor", "list", "--json"]).done().json();
    let id = first["factors"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(first["recovery_codes_left"], json!(10));
    port.cli(["factor", "add", "totp", "--json"]).stdin("000000").stdin("000000").exits(1).error();
    port.cli(["factor", "remove", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1).error();
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json(), first);

    let mut adding = port.cli(["factor", "add", "totp", "--json"]).unseen().spawn();
    adding.say(&port.code());
    let uri = adding.line()["otpauth_uri"].as_str().unwrap().to_owned();
    let seed = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    port.evidence().keep_from(&seed);
    adding.say(&crate::harness::totp(&seed, crate::harness::now() / 30));
    let active = adding.line();
    assert_eq!((adding.wait(), &active["status"]), (0, &json!("active")));
    let codes: Vec<&str> =
        active["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let both = port.cli(["factor", "list", "--json"]).done().json();
    assert_eq!((both["factors"].as_array().unwrap().len(), &both["recovery_codes_left"]), (2, &json!(10)));
    // new recovery codes replace the old ones
    port.cli(["factor", "remove", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_eq!(
        port.cli(["factor", "remove", &id, "--code-stdin", "--json"]).stdin(codes[0]).done().json(),
        json!({"removed": id})
    );
    port.cli(["factor", "remove", &id, "--code-stdin"]).stdin(codes[1]).exits(1);
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json()["factors"].as_array().unwrap().len(), 1);
    port.cli(["log", "verify"]).done();
}

#[test]
fn reset_lets_the_locked_out_begin_again_and_keeps_the_log() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let arguments = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
    let id = port.cli(arguments).exits(2).json()["approval"]["id"].as_str().unwrap().to_owned();
    let before = port.log().len();
    port.cli(["factor", "reset", "--json"]).exits(64).error();
    assert_eq!(port.cli(["factor", "reset", "--yes", "--json"]).done().json(), json!({"factors": 1, "accounts": 1}));
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json(), json!({"factors": [], "recovery_codes_left": 0}));
    assert_eq!(port.cli(["approvals", "await", &id, "--json"]).exits(1).json()["status"], json!("cancelled"));
    let log = port.log();
    assert_eq!(log.len(), before + 1);
    assert_eq!((&log[0]["kind"], &log[0]["status"]), (&json!("home"), &json!("factors reset")));
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    port.enrol();
    port.connect_stripe(&upstream.origin());
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_eq!(upstream.lines(), Vec::<String>::new());
    port.cli(["log", "verify"]).done();
}

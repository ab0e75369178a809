//! The end: of the input, by a signal, by force.

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use serde_json::json;

use crate::harness::{Answer, Port, Reply, Upstream, Wire};

#[test]
fn at_the_end_of_input_what_runs_is_answered_and_waits_end() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = Upstream::start(move |_| {
        gate.lock().unwrap().recv().ok();
        Reply::json(200, &json!({"data": []}))
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let waits = wire.begin("agentport_await_approval", &json!({"approval_id": id}));
    let reads = wire.begin("stripe_list_customers", &json!({}));
    upstream.arrival();
    wire.close();
    let pending = Answer::of(&wire.answer(waits)["result"]);
    assert_eq!((pending.status(), &pending.0["executed"]), ("pending", &json!(false)));
    release.send(()).unwrap();
    assert_eq!(Answer::of(&wire.answer(reads)["result"]).completed(), json!({"data": []}));
    let ended = wire.wait();
    assert_eq!((ended.code, ended.rest), (Some(0), vec![]));
    assert!(ended.after < WELL_BEFORE_A_DRAIN, "{:?}", ended.after);
}

#[test]
fn an_idle_server_ends_with_its_input() {
    let port = Port::new();
    for wire in [port.wire(), port.silent_wire("local")] {
        let ended = wire.end();
        assert_eq!(ended.code, Some(0));
        assert!(ended.after < WELL_BEFORE_A_DRAIN, "{:?}", ended.after);
    }
}

#[test]
fn a_write_that_hangs_when_the_server_is_told_to_end_is_unknown() {
    let (upstream, port, wire) = writing();
    assert_eq!(port.calls().last().unwrap().1, "sending");
    wire.terminate();
    let ended = wire.wait();
    assert_eq!(ended.code, Some(0));
    assert!(Duration::from_secs(1) < ended.after && ended.after < WELL_BEFORE_A_DRAIN, "{:?}", ended.after);
    assert_eq!(port.calls().last().unwrap(), &("stripe.create_customer".to_owned(), "unknown".to_owned()));
    assert_eq!(upstream.lines(), ["POST /v1/customers"]);
    port.cli(["log", "verify"]).done();
}

#[test]
fn a_write_that_hung_when_the_server_was_killed_is_unknown_for_the_next_one() {
    let (_upstream, port, wire) = writing();
    // the drop kills it
    drop(wire);
    assert_eq!(port.calls().last().unwrap().1, "unknown");
    port.cli(["log", "verify"]).done();
}

/// A server whose upstream hangs over a write that has arrived there.
fn writing() -> (Upstream, Port, Wire) {
    let upstream = Upstream::start(|_| Reply::Hang);
    let port = Port::connected(&upstream);
    port.allow("stripe.create_customer");
    let mut wire = port.wire();
    wire.begin("stripe_create_customer", &json!({"name": "x"}));
    upstream.arrival();
    (upstream, port, wire)
}

/// Less than the 30 s for which running sends are waited for, and more than a loaded machine takes for anything.
const WELL_BEFORE_A_DRAIN: Duration = Duration::from_secs(20);

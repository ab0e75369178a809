//! N: what a process holds. However much was asked and failed, it goes back to what it was.

use std::{collections::BTreeSet, fs};

use serde_json::json;

use crate::harness::{Answer, Port, Reply, Upstream};

/// The open files and the threads of a process.
fn held(pid: u32) -> (usize, usize) {
    let count = |folder: &str| fs::read_dir(format!("/proc/{pid}/{folder}")).unwrap().count();
    (count("fd"), count("task"))
}

#[test]
fn t246_ten_thousand_calls_leave_nothing_behind() {
    let upstream = Upstream::start(|request| match request.body.rsplit('_').next().unwrap() {
        "1" => Reply::Cut,
        "2" => Reply::Bytes(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{".to_vec()),
        "3" => Reply::json(404, &json!({"error": {"message": "no"}})),
        _ => Reply::json(200, &json!({})),
    });
    let port = Port::connected(&upstream);
    port.allow("stripe.create_refund");
    let mut wire = port.wire();
    let mut some = |count: u32| {
        for number in 0..count {
            wire.call("stripe_create_refund", json!({"charge": format!("ch_{}", number % 4)}));
        }
        let files = held(wire.pid());
        // refused before anybody is asked: most of what goes wrong
        for number in 0..count * 24 {
            wire.call("stripe_no_such_tool", json!({"number": number}));
            wire.begin("stripe_get_customer", &json!({"customer": number}));
        }
        (files, held(wire.pid()))
    };
    let before = some(8);
    let after = some(204);
    let all = |both: ((usize, usize), (usize, usize))| [both.0.0, both.0.1, both.1.0, both.1.1];
    for (before, after) in all(before).into_iter().zip(all(after)) {
        assert!(after <= before + 4, "{after} after {before}");
    }
}

/// Ten thousand waits for one approval take no thread each, and hold up nobody but who asked for them.
#[test]
fn t127_waits_without_end_hold_nobody_else_up() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let before = held(wire.pid());
    let await_it = json!({"approval_id": id, "wait_seconds": 50});
    let waits: Vec<u64> = (0..10_000).map(|_| wire.begin("agentport_await_approval", &await_it)).collect();
    // the last one is answered, at once: there are enough that wait
    assert_eq!(Answer::of(&wire.answer(waits[9_999])["result"]).failed(), "busy");
    let (files, threads) = held(wire.pid());
    // those that read the ledger at once have a thread each while they do
    assert!(threads <= before.1 + 128 && files <= before.0 + 16, "{before:?} became {:?}", (files, threads));
    port.approve(&id);
    let status = |id: &u64| Answer::of(&wire.answer(*id)["result"]).status().to_owned();
    let told: BTreeSet<String> = waits[..9_999].iter().map(status).collect();
    assert_eq!(told, ["completed", "failed"].map(str::to_owned).into());
    upstream.received_one("POST /v1/refunds");
}

#[test]
fn t127_an_agent_whose_waits_are_too_many_holds_up_no_other_one() {
    let port = Port::connected(&Upstream::plain());
    let (eve, ada) = (port.let_in(&["eve"]), port.let_in(&["ada"]));
    let served = port.serve();
    let asked = served.ask(&eve, "POST", "/stripe/create_refund", &json!({"charge": "ch_1"})).json();
    let path = format!("/approvals/{}/await?wait=50", asked["approval"]["id"].as_str().unwrap());
    std::thread::scope(|scope| {
        let waits: Vec<_> =
            (0..50).map(|_| scope.spawn(|| served.ask(&eve, "POST", &path, &json!({})).told())).collect();
        while !served.raw("GET", "/metrics", &[], "").body.contains("agentport_http_requests_under_way 32\n") {
            std::thread::yield_now();
        }
        assert_eq!(served.ask(&ada, "POST", "/stripe/list_customers", &json!({})).code, 200);
        port.approve(asked["approval"]["id"].as_str().unwrap());
        let told: BTreeSet<u16> = waits.into_iter().map(|wait| wait.join().unwrap().0).collect();
        assert_eq!(told, [200, 429].into());
    });
}

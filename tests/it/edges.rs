//! The edges of the gateway over HTTP: what went wrong on the other side, too much at once, its end; and what its agents'
//! side makes of an answer that is lost.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex, mpsc::channel},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{Port, Reply, Upstream, Wire};

const REFUND: &str = "/stripe/create_refund";
/// A read that is not the one by which a key is verified, which the stand-in always answers.
const CHARGES: &str = "/stripe/list_charges";

#[test]
fn what_went_wrong_on_the_other_side_has_its_code() {
    let upstream = Upstream::start(|request| match request.line.as_str() {
        "POST /v1/refunds" => Reply::Cut,
        _ => Reply::json(402, &json!({"error": {"message": "no"}})),
    });
    let port = Port::connected(&upstream);
    port.allow("stripe.create_refund");
    let token = port.let_in(&["claude"]);
    let served = port.serve();
    assert_eq!(served.ask(&token, "POST", CHARGES, &json!({})).told(), (502, "failed".to_owned()));
    // it was sent, and nobody says what became of it
    let refund = served.ask(&token, "POST", REFUND, &json!({"charge": "ch_1", "amount": 500}));
    assert_eq!(refund.told(), (504, "unknown".to_owned()), "{refund:?}");
}

/// An agent that asks on and on is told to wait, in the words of every answer; another one is not.
#[test]
fn who_asks_on_and_on_is_told_to_wait() {
    let port = Port::connected(&Upstream::plain());
    let (greedy, modest) = (port.let_in(&["greedy"]), port.let_in(&["modest"]));
    let served = port.serve();
    // so many at once are more than a second gives back, however slow this machine is
    let refused = thread::scope(|scope| {
        let ask = || {
            (0..100).find_map(|_| {
                Some(served.ask(&greedy, "GET", "/approvals/x", &Value::Null)).filter(|heard| heard.code == 429)
            })
        };
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().find_map(|one| one.join().unwrap())
    });
    let refused = refused.expect("eight hundred requests were let through");
    assert_eq!(refused.json()["error"]["kind"], json!("busy"), "{refused:?}");
    assert_eq!(refused.header("retry-after").as_deref(), Some("1"));
    assert_eq!(served.ask(&modest, "POST", CHARGES, &json!({})).code, 200);
}

/// A SIGTERM: what is being sent ends and is answered, what waits for a human is told so, nobody new is taken.
#[test]
fn a_gateway_that_is_stopped_ends_what_runs() {
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let upstream = Upstream::start(move |_| {
        held.lock().unwrap().recv().ok();
        Reply::json(200, &json!({"object": "list", "data": [], "has_more": false}))
    });
    let port = Port::connected(&upstream);
    let token = port.let_in(&["claude"]);
    let mut served = port.serve();
    let asked = served.ask(&token, "POST", REFUND, &json!({"charge": "ch_1", "amount": 500})).json();
    let id = asked["approval"]["id"].as_str().unwrap().to_owned();
    let (running, waiting) = thread::scope(|scope| {
        let running = scope.spawn(|| served.ask(&token, "POST", CHARGES, &json!({})));
        upstream.arrival();
        let waits = format!("/approvals/{id}/await?wait=45");
        let (served, token) = (&served, &token);
        let waiting = scope.spawn(move || served.ask(token, "POST", &waits, &Value::Null));
        // it is under way once it is counted
        while !served.raw("GET", "/metrics", &[], "").body.contains("agentport_http_requests_under_way 2\n") {
            thread::yield_now();
        }
        served.signal();
        let waiting = waiting.join().unwrap();
        // only now does the other side answer
        release.send(()).unwrap();
        (running.join().unwrap(), waiting)
    });
    assert_eq!(running.told(), (200, "completed".to_owned()), "{running:?}");
    assert_eq!(waiting.told(), (202, "pending".to_owned()), "{waiting:?}");
    assert_eq!(served.ended(), Some(0));
}

/// The list of a gateway that shows these.
fn list(tools: &[(&str, &str)]) -> String {
    let tool = |(name, effect): &(&str, &str)| {
        json!({"name": name, "title": name, "description": name, "effect": effect, "idempotent": false,
            "openWorld": true, "inputSchema": {"type": "object"}})
    };
    json!({"tools": tools.iter().map(tool).collect::<Vec<_>>()}).to_string()
}

/// A gateway behind something that takes tags off, and that hangs up on every call. It shows what `list` is at the time.
fn losing(list: &Arc<Mutex<String>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let list = Arc::clone(list);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|count| count > 2) {}
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            if head.starts_with("GET /tools") {
                let list = list.lock().unwrap().clone();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{list}", list.len());
                (&stream).write_all(answer.as_bytes()).ok();
            }
        }
    });
    port
}

/// A read did nothing, whatever became of its answer; with anything else it may have happened.
#[test]
fn an_answer_that_is_lost_on_the_way_is_unknown_unless_it_was_a_reads() {
    let shown = Arc::new(Mutex::new(list(&[("crm_list_people", "read"), ("crm_add_person", "write")])));
    let (_port, mut shim) = shim_at(losing(&shown));
    assert_eq!(shim.tools(), ["crm_list_people", "crm_add_person"]);
    assert_eq!(shim.call("crm_list_people", json!({})).failed(), "network");
    assert_eq!(shim.call("crm_add_person", json!({})).status(), "unknown");
    // and so is one that it never showed
    assert_eq!(shim.call("crm_drop_everything", json!({})).status(), "unknown");
}

/// Another list is told, though it has no tag that says so; and what is no list hides nothing.
#[test]
fn a_list_without_a_tag_is_known_by_its_text() {
    let shown = Arc::new(Mutex::new(list(&[("crm_list_people", "read")])));
    let (_port, mut shim) = shim_at(losing(&shown));
    assert_eq!(shim.tools(), ["crm_list_people"]);
    *shown.lock().unwrap() = list(&[("crm_list_people", "read"), ("crm_add_person", "write")]);
    shim.told("notifications/tools/list_changed");
    assert_eq!(shim.tools(), ["crm_list_people", "crm_add_person"]);
    "<p>Sign in to the network of the hotel".clone_into(&mut shown.lock().unwrap());
    shim.told("notifications/tools/list_changed");
    assert!(shim.tools().contains(&"agentport_list_integrations".to_owned()));
    *shown.lock().unwrap() = list(&[("crm_list_people", "read")]);
    shim.told("notifications/tools/list_changed");
    assert_eq!(shim.tools(), ["crm_list_people"]);
}

fn shim_at(gateway: u16) -> (Port, Wire) {
    let mut port = Port::enrolled();
    port.set("AGENTPORT_URL", &format!("http://127.0.0.1:{gateway}"));
    port.set("AGENTPORT_TOKEN", &format!("apt_{}", "A".repeat(43)));
    let wire = port.wire();
    (port, wire)
}

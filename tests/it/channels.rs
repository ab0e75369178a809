//! People are told that a call waits: each channel against a server that speaks its protocol, and how they do together.

#[cfg(target_os = "linux")]
mod desktop;
#[cfg(unix)]
mod mail;

use std::{collections::BTreeSet, fs};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::harness::{Emulate, Port, Reply, Upstream};

const PUBLIC: &str = "https://port.example.test";

/// A home whose links can be followed, with these channels.
fn told_by(upstream: &Upstream, channels: &str) -> Port {
    let port = Port::connected(upstream);
    publish(&port);
    add(&port, channels);
    port
}

fn add(port: &Port, channels: &str) {
    let path = port.home().join("agentport.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{channels}")).unwrap();
}

fn publish(port: &Port) {
    let path = port.home().join("agentport.toml");
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|line| line.starts_with("public_url")).unwrap().to_owned();
    port.settings(&[(line.as_str(), &format!("public_url = \"{PUBLIC}\""))]);
}

/// A secret of a channel, as the person stores it; nobody must see it again.
fn store(port: &Port, channel: &str, secret: &str) {
    port.evidence().keep_from(secret);
    let stored = port.cli(["notify", "set", channel, "--secret-stdin", "--json"]).stdin(secret).done().json();
    assert_eq!((&stored["channel"], &stored["secret"]), (&json!(channel), &json!("ok")), "{stored}");
}

fn refund(amount: u32) -> Value {
    json!({"charge": "ch_1", "amount": amount})
}

fn body(request: &crate::harness::Request) -> Value {
    assert_eq!(request.headers["content-type"], "application/json");
    serde_json::from_str(&request.body).unwrap()
}

/// How a channel did, once it did something.
fn health(port: &Port, channel: &str, key: &str) -> Value {
    for _ in 0..500 {
        let list = port.cli(["notify", "list", "--json"]).done().json();
        let one = list.as_array().unwrap().iter().find(|one| one["name"] == channel).unwrap().clone();
        if !one[key].is_null() {
            return one;
        }
    }
    panic!("`{channel}` has no `{key}`");
}

#[test]
fn each_vendor_gets_what_its_documentation_says_and_no_argument() {
    let stub = Upstream::bare(|request| match request.line.as_str() {
        "POST /api/chat.postMessage" => Reply::json(200, &json!({"ok": true, "ts": "1.2"})),
        line if line.starts_with("POST /bot") => Reply::json(200, &json!({"ok": true, "result": {}})),
        _ => Reply::json(200, &json!({})),
    });
    let origin = stub.origin();
    let server = format!("url = \"{origin}\"\nallow_private = true");
    let upstream = Upstream::plain();
    let port = told_by(
        &upstream,
        &format!(
            "[[notify]]\nkind = \"slack\"\nchannel = \"C0123\"\n{server}\n\
             [[notify]]\nkind = \"telegram\"\nchat = \"-1001\"\n{server}\n\
             [[notify]]\nname = \"phone\"\nkind = \"ntfy\"\ntopic = \"agentport-x7\"\n{server}\n\
             [[notify]]\nkind = \"webhook\"\narguments = true\nurl = \"{origin}/hook?team=1\"\nallow_private = true\n"
        ),
    );
    let (slack, telegram, ntfy, key) =
        ("xoxb-1-of-the-test", "123456:AA-of_the-test", "tk_of_the_test_7", "signing-key-of-the-test");
    for (channel, secret) in [("slack", slack), ("telegram", telegram), ("phone", ntfy), ("webhook", key)] {
        store(&port, channel, secret);
    }
    let mut wire = port.wire_as("claude");
    let asked = wire.call("stripe_create_refund", refund(4_242));
    let id = asked.approval_id();
    assert!(asked.0["message"].as_str().unwrap().ends_with("is on its way too."), "{asked:?}");
    for _ in 0..4 {
        stub.arrival();
    }
    let link = format!("{PUBLIC}/approve/{id}");
    let mut seen = BTreeSet::new();
    for request in stub.received() {
        seen.insert(request.line.clone());
        let body = body(&request);
        let text = match request.line.as_str() {
            "POST /api/chat.postMessage" => {
                assert_eq!(request.headers["authorization"], format!("Bearer {slack}"));
                assert_eq!((&body["channel"], &body["unfurl_links"]), (&json!("C0123"), &json!(false)));
                body["text"].as_str().unwrap()
            }
            "POST /" => {
                assert_eq!(request.headers["authorization"], format!("Bearer {ntfy}"));
                assert_eq!((&body["topic"], &body["click"]), (&json!("agentport-x7"), &json!(link)));
                assert_eq!(body["title"], "AgentPort: a call waits for you");
                body["message"].as_str().unwrap()
            }
            "POST /hook?team=1" => {
                let signature = &request.headers["agentport-signature"];
                let (time, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
                mac.update(format!("{time}.{}", request.body).as_bytes());
                mac.verify_slice(&data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()).unwrap();
                assert!(time.parse::<u64>().unwrap().abs_diff(crate::harness::now()) < 300);
                assert_eq!(body["event"], "asked");
                let one = &body["approvals"][0];
                assert_eq!((&one["id"], &one["caller"], &body["url"]), (&json!(id), &json!("claude"), &json!(link)));
                // this one was told to carry them
                assert_eq!(one["arguments"]["amount"], "4242");
                continue;
            }
            other => {
                assert_eq!(other, format!("POST /bot{telegram}/sendMessage"));
                assert_eq!(
                    (&body["chat_id"], &body["link_preview_options"]["is_disabled"]),
                    (&json!("-1001"), &json!(true))
                );
                body["text"].as_str().unwrap()
            }
        };
        for part in ["Refund a charge (stripe.create_refund)", "stripe/default", "asked by: claude", &link] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        assert!(!text.contains("4242") && !text.contains("ch_1"), "{text}");
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    for channel in ["slack", "telegram", "phone", "webhook"] {
        assert_eq!(health(&port, channel, "told_at")["problem"], Value::Null);
    }
    // each is a record, and the chain holds
    let told: BTreeSet<String> = port
        .log()
        .iter()
        .filter(|line| line["status"] == "told")
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["phone", "slack", "telegram", "webhook"].map(str::to_owned).into());
    port.cli(["log", "verify", "--json"]).done();
    // and now that somebody was told, the answer says so: nothing
    let waits = wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0}));
    assert_eq!(waits.0["message"], "no human has decided yet");
    drop(wire.end());
    assert_eq!(stub.received().len(), 4);
}

#[test]
fn slack_itself_takes_the_message() {
    let Some(slack) = Emulate::slack("slack_itself_takes_the_message") else { return };
    let upstream = Upstream::plain();
    let server = format!("url = \"{}\"\nallow_private = true", slack.origin());
    let port = told_by(&upstream, &format!("[[notify]]\nkind = \"slack\"\nchannel = \"general\"\n{server}\n"));
    store(&port, "slack", "xoxb-of-the-test-itself");
    let (_, list) = slack.slack_method("/api/conversations.list", "");
    let general = list["channels"].as_array().unwrap().iter().find(|channel| channel["name"] == "general").unwrap();
    let id = general["id"].as_str().unwrap();
    port.settings(&[("channel = \"general\"", &format!("channel = \"{id}\""))]);
    port.cli(["notify", "test", "slack", "--json"]).done();
    let (_, history) = slack.slack_method("/api/conversations.history", &format!("channel={id}"));
    let text = history["messages"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("AgentPort: a test message\n"), "{text}");
}

/// Six processes share the home; each call is told once, whoever asked.
#[test]
fn processes_that_race_tell_each_call_once() {
    let stub = Upstream::bare(|_| Reply::json(200, &json!({})));
    let hook = format!("[[notify]]\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n", stub.origin());
    let upstream = Upstream::plain();
    let port = told_by(&upstream, &hook);
    store(&port, "webhook", "signing-key-of-the-test");
    let mut wires: Vec<_> = (0..6).map(|number| port.wire_as(&format!("agent{number}"))).collect();
    let mut ids = BTreeSet::new();
    for wire in wires.iter_mut().take(3) {
        ids.insert(wire.call("stripe_create_refund", refund(1)).approval_id());
        stub.arrival();
    }
    // one more process, which finds nothing left to tell; then all end, which waits for what is being sent
    wires.push(port.wire_as("late"));
    for wire in wires {
        assert_eq!(wire.end().code, Some(0));
    }
    let told: Vec<String> = stub
        .received()
        .iter()
        .map(|request| body(request)["approvals"][0]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), ids);
}

#[test]
fn a_message_of_a_process_that_was_killed_is_sent_by_the_next_one() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let stub = Upstream::bare(move |_| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) { Reply::Hang } else { Reply::json(200, &json!({})) }
    });
    let hook = format!("[[notify]]\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n", stub.origin());
    let upstream = Upstream::plain();
    let port = told_by(&upstream, &hook);
    store(&port, "webhook", "signing-key-of-the-test");
    let mut killed = port.wire();
    let id = killed.call("stripe_create_refund", refund(1)).approval_id();
    stub.arrival();
    // dropped, it is killed: it never knows what came of its message
    drop(killed);
    let next = port.wire();
    stub.arrival();
    assert_eq!(health(&port, "webhook", "told_at")["problem"], Value::Null);
    assert_eq!(next.end().code, Some(0));
    for request in stub.received() {
        assert_eq!(body(&request)["approvals"][0]["id"], json!(id));
    }
    assert_eq!(stub.received().len(), 2);
}

/// A shell that calls, with no other process of the home beside it.
#[test]
fn a_command_that_asks_tells_before_it_ends() {
    let stub = Upstream::bare(|_| Reply::json(200, &json!({})));
    let hook = format!("[[notify]]\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n", stub.origin());
    let upstream = Upstream::plain();
    let port = told_by(&upstream, &hook);
    store(&port, "webhook", "signing-key-of-the-test");
    let arguments = refund(1).to_string();
    let asked = port.cli(["call", "stripe.create_refund", "--args", &arguments, "--json"]).exits(2).json();
    let told = stub.received();
    assert_eq!(told.len(), 1);
    assert_eq!(body(&told[0])["approvals"][0]["id"], asked["approval"]["id"]);
}

#[test]
fn a_channel_that_fails_is_seen_and_holds_nobody_up() {
    let stub = Upstream::bare(|_| Reply::json(500, &json!({"error": "evil <script> words of the server"})));
    let hook = format!("[[notify]]\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n", stub.origin());
    let upstream = Upstream::plain();
    let port = told_by(&upstream, &hook);
    // without its secret nothing is sent at all
    let doctor = port.cli(["doctor", "--json"]).exits(1).json();
    let found = |doctor: &Value| -> (String, String) {
        let all = doctor["findings"].as_array().unwrap();
        let one = all.iter().find(|one| one["check"] == "notify").unwrap();
        (one["status"].as_str().unwrap().to_owned(), one["finding"].as_str().unwrap().to_owned())
    };
    assert_eq!(found(&doctor), ("bad".to_owned(), "`webhook` cannot be used: its secret is missing".to_owned()));
    store(&port, "webhook", "signing-key-of-the-test");
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", refund(1)).approval_id();
    stub.arrival();
    let problem = health(&port, "webhook", "problem");
    assert_eq!(problem["problem"], "it answered 500");
    let waits = wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0}));
    assert_eq!(
        waits.0["message"],
        "no human has decided yet. No message about it could be delivered, so that no human knows until you pass the \
         link on."
    );
    let doctor = port.cli(["doctor", "--json"]).exits(1).json();
    let (status, finding) = found(&doctor);
    assert!(status == "bad" && finding.ends_with(": it answered 500"), "{finding}");
    assert!(port.log().iter().any(|line| line["status"] == "not told" && line["tool"] == "webhook"));
    // it is about what is there: the call itself goes its way
    port.approve(&id);
    upstream.received_one("POST /v1/refunds");
}

#[test]
fn a_channel_that_leaves_this_computer_does_not_start_while_links_lead_nowhere() {
    let stub = Upstream::bare(|_| Reply::json(200, &json!({})));
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    add(
        &port,
        &format!("[[notify]]\nkind = \"ntfy\"\ntopic = \"x\"\nurl = \"{}\"\nallow_private = true\n", stub.origin()),
    );
    let mut wire = port.wire();
    let asked = wire.call("stripe_create_refund", refund(1));
    let id = asked.approval_id();
    let nobody = "Nobody was told of it but you: no human knows until you pass the link on.";
    assert!(asked.0["message"].as_str().unwrap().ends_with(nobody), "{asked:?}");
    let waits = wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0}));
    assert!(waits.0["message"].as_str().unwrap().ends_with(nobody), "{waits:?}");
    let tested = port.cli(["notify", "test", "--json"]).exits(1).json();
    let problem = tested[0]["problem"].as_str().unwrap();
    assert!(problem.contains("leave this computer") && problem.contains("set `public_url`"), "{problem}");
    let doctor = port.cli(["doctor", "--json"]).exits(1).json();
    let all = doctor["findings"].as_array().unwrap();
    let one = all.iter().find(|one| one["check"] == "notify").unwrap();
    assert!(one["status"] == "bad" && one["fix"].as_str().unwrap().contains("a tunnel or a proxy"), "{one}");
    drop(wire.end());
    assert!(stub.received().is_empty());
}

/// What was stored for one place is sent to no other, whatever the settings say by now.
#[test]
fn the_destination_belongs_to_the_secret() {
    let (right, wrong) =
        (Upstream::bare(|_| Reply::json(200, &json!({}))), Upstream::bare(|_| Reply::json(200, &json!({}))));
    let upstream = Upstream::plain();
    let port = told_by(
        &upstream,
        &format!("[[notify]]\nkind = \"ntfy\"\ntopic = \"x\"\nurl = \"{}\"\nallow_private = true\n", right.origin()),
    );
    store(&port, "ntfy", "tk_of_the_test_7");
    port.cli(["notify", "test", "--json"]).done();
    assert_eq!(right.received().len(), 1);
    port.settings(&[(right.origin().as_str(), wrong.origin().as_str())]);
    let tested = port.cli(["notify", "test", "--json"]).exits(1).json();
    assert_eq!(tested[0]["problem"], "its secret was stored for another destination; run `agentport notify set ntfy`");
    assert!(wrong.received().is_empty());
    port.cli(["notify", "unset", "ntfy", "--json"]).done();
    assert_eq!(port.cli(["notify", "list", "--json"]).done().json()[0]["secret"], "none");
}

#[test]
fn the_inbox_is_watched_live() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let first = wire.call("stripe_create_refund", refund(1)).approval_id();
    let mut watch = port.cli(["approvals", "watch", "--json"]).unseen().spawn();
    let mut next = || {
        let line = watch.line();
        (line["event"].as_str().unwrap().to_owned(), line["approval"]["id"].as_str().unwrap().to_owned())
    };
    assert_eq!(next(), ("waiting".to_owned(), first.clone()));
    let second = wire.call("stripe_create_refund", refund(2)).approval_id();
    assert_eq!(next(), ("waiting".to_owned(), second.clone()));
    port.cli(["approvals", "deny", &first, "--json"]).done();
    assert_eq!(next(), ("ended".to_owned(), first));
    drop(watch);
    // at the terminal: shown in full first, then decided
    let ran = port.cli(["approvals", "watch"]).stdin("a\n1\na\n000000\nd not this one\nl\nq").done();
    assert!(ran.stdout.contains("type a number first, to see what you decide about"), "{ran:?}");
    assert!(ran.stdout.contains("POST http://127.0.0.1"), "it was shown in full: {ran:?}");
    let denied = wire.call("agentport_await_approval", json!({"approval_id": second, "wait_seconds": 0}));
    assert_eq!((denied.denied(), &denied.0["note"]), ("human", &json!("not this one")));
    let third = wire.call("stripe_create_refund", refund(3)).approval_id();
    let code = port.code();
    let ran = port.cli(["approvals", "watch"]).stdin(&format!("1\na\n{code}\nq")).done();
    assert!(ran.stdout.contains("[1] approved and sent, succeeded"), "{ran:?}");
    let done = wire.call("agentport_await_approval", json!({"approval_id": third, "wait_seconds": 0}));
    done.completed();
    upstream.received_one("POST /v1/refunds");
}

//! The gateway: one place for many agents, over HTTP and MCP, beside the site for people and apart from it.

use std::sync::Arc;

use agentport::{app::App, call::Caller, clock::SteppingClock, config::Environment};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Port, Reply, Upstream, frame, now};

const REFUND: &str = "/stripe/create_refund";

/// Every code of the contract that needs no broken upstream, over one life of a call.
#[test]
fn a_call_over_http_has_the_codes_of_its_answers() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let token = port.let_in(&["claude"]);
    let other = port.let_in(&["other"]);
    let served = port.serve();
    let ask = |method: &str, path: &str, body: &Value| served.ask(&token, method, path, body);

    assert_eq!(ask("POST", "/stripe/get_balance", &json!({})).told(), (200, "completed".to_owned()));
    assert_eq!(ask("POST", "/stripe/get_balance", &Value::Null).told(), (200, "completed".to_owned()));
    assert_eq!(ask("POST", REFUND, &json!({"charge": 5})).told(), (400, "invalid_arguments".to_owned()));
    assert_eq!(ask("POST", "/stripe/nothing", &json!({})).told(), (404, "not_found".to_owned()));
    assert_eq!(ask("POST", "/stripe_create/refund", &json!({})).told(), (404, "not_found".to_owned()));
    let asked = ask("POST", REFUND, &json!({"charge": "ch_1", "amount": 500}));
    assert_eq!(asked.told(), (202, "approval_required".to_owned()));
    let id = asked.json()["approval"]["id"].as_str().unwrap().to_owned();
    let one = format!("/approvals/{id}");
    assert_eq!(ask("GET", &one, &Value::Null).told(), (202, "pending".to_owned()));
    // T126: somebody else's approval does not exist
    assert_eq!(served.ask(&other, "GET", &one, &Value::Null).told(), (404, "not_found".to_owned()));
    let waits = format!("{one}/await?wait=0");
    assert_eq!(served.ask(&other, "POST", &waits, &Value::Null).told(), (404, "not_found".to_owned()));
    assert_eq!(ask("POST", &waits, &Value::Null).told(), (202, "pending".to_owned()));
    for wrong in ["wait=51", "wait=-1", "wait=soon", "until=5"] {
        assert_eq!(ask("POST", &format!("{one}/await?{wrong}"), &Value::Null).code, 400, "{wrong}");
    }
    port.approve(&id);
    let done = ask("POST", &format!("{one}/await?wait=45"), &Value::Null);
    assert_eq!(done.told(), (200, "completed".to_owned()), "{done:?}");
    upstream.received_one("POST /v1/refunds");
    let second = ask("POST", REFUND, &json!({"charge": "ch_2", "amount": 500})).json();
    let second = second["approval"]["id"].as_str().unwrap().to_owned();
    port.cli(["approvals", "deny", &second, "--json"]).done();
    assert_eq!(ask("GET", &format!("/approvals/{second}"), &Value::Null).told(), (403, "denied".to_owned()));
    let third = ask("POST", REFUND, &json!({"charge": "ch_3", "amount": 500})).json();
    let third = third["approval"]["id"].as_str().unwrap().to_owned();
    let withdrawn = ask("POST", "/agentport/withdraw_approval", &json!({"approval_id": third}));
    assert_eq!(withdrawn.told(), (409, "cancelled".to_owned()));
    let used = port.cli(["agents", "list", "--json"]).done().json();
    assert!(used[0]["last_used_at"].is_string(), "{used}");
}

/// 410: nobody decided in time. It was asked for in this process, two hours ago.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_nobody_decided_is_gone() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (token, other) = (port.let_in(&["claude"]), port.let_in(&["other"]));
    let before = SteppingClock::starting_at(i64::try_from(now()).unwrap() * 1000 - 2 * 3_600_000);
    let gateway = App::with_clock(Environment::of_home(&port.home()), Arc::new(before)).gateway();
    let arguments = Map::from_iter([("charge".to_owned(), json!("ch_1"))]);
    let (claude, never) = (Caller::parse("claude").unwrap(), CancellationToken::new());
    let asked = gateway.call(&claude, "stripe_create_refund", arguments, never).await.to_json();
    drop(gateway);
    let id = asked["approval"]["id"].as_str().unwrap().to_owned();
    let served = port.serve();
    let one = format!("/approvals/{id}");
    assert_eq!(served.ask(&token, "GET", &one, &Value::Null).told(), (410, "expired".to_owned()));
    let waited = served.ask(&token, "POST", &format!("{one}/await?wait=45"), &Value::Null);
    assert_eq!(waited.told(), (410, "expired".to_owned()));
    assert_eq!(served.ask(&other, "GET", &one, &Value::Null).told(), (404, "not_found".to_owned()));
    // too late is too late, and the same call is a new question
    let late = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1);
    assert!(late.error().contains("expired"), "{late:?}");
    let again = served.ask(&token, "POST", REFUND, &json!({"charge": "ch_1"}));
    assert_eq!(again.code, 202, "{again:?}");
    assert_ne!(again.json()["approval"]["id"], json!(id));
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

/// 429, 503, 504, 502: too much of one agent's, too much of everybody's, and services that do not answer.
#[test]
fn too_much_at_once_and_lost_answers_have_codes_of_their_own() {
    const ON_THE_WIRE: usize = 64;
    const OF_ONE: usize = 32;
    let upstream = Upstream::start(|request| match request.line.as_str() {
        "POST /v1/customers" => Reply::Cut,
        "GET /v1/refunds/re_1" => Reply::json(404, &json!({"error": {"message": "none"}})),
        _ => Reply::Hang,
    });
    let port = Port::connected(&upstream);
    port.allow("stripe.*");
    let tokens: Vec<String> = ["one", "two", "three"].map(|name| port.let_in(&[name])).into();
    let served = port.serve();
    let lost = served.ask(&tokens[2], "POST", "/stripe/create_customer", &json!({"name": "Ada"}));
    assert_eq!(lost.told(), (504, "unknown".to_owned()), "{lost:?}");
    let refused = served.ask(&tokens[2], "POST", "/stripe/get_refund", &json!({"refund": "re_1"}));
    assert_eq!(refused.told(), (502, "failed".to_owned()), "{refused:?}");
    upstream.arrival();
    upstream.arrival();
    let held: Vec<_> = (0..ON_THE_WIRE)
        .map(|number| {
            let held = served.begin(&tokens[number / OF_ONE], "/stripe/list_charges", &json!({}));
            upstream.arrival();
            held
        })
        .collect();
    // this agent's own share is used up
    let greedy = served.ask(&tokens[0], "POST", "/stripe/list_charges", &json!({}));
    assert_eq!((greedy.code, greedy.header("retry-after").as_deref()), (429, Some("1")), "{greedy:?}");
    // this one has begun nothing, and there is no place on the wire
    let full = served.ask(&tokens[2], "POST", "/stripe/list_charges", &json!({}));
    assert_eq!(full.told(), (503, "failed".to_owned()), "{full:?}");
    assert_eq!(
        (full.json()["error"]["kind"].as_str(), full.header("retry-after").as_deref()),
        (Some("busy"), Some("1"))
    );
    drop(held);
    assert_eq!(upstream.lines().len(), ON_THE_WIRE + 2);
}

#[test]
fn a_reason_is_said_in_a_header_once() {
    let port = Port::connected(&Upstream::plain());
    let token = port.let_in(&["claude"]);
    let served = port.serve();
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("X-AgentPort-Reason", "the customer asked")];
    let asked = served.raw("POST", REFUND, &headers, r#"{"charge":"ch_1","amount":500}"#);
    assert_eq!(asked.code, 202, "{asked:?}");
    let id = asked.json()["approval"]["id"].as_str().unwrap().to_owned();
    let shown = port.cli(["approvals", "show", &id, "--json"]).done();
    assert!(shown.stdout.contains("the customer asked"), "{shown:?}");
    let twice = served.raw("POST", REFUND, &headers, r#"{"charge":"ch_1","amount":500,"_reason":"x"}"#);
    assert_eq!(twice.code, 400, "{twice:?}");
}

/// T101, T159: one answer for whoever has no good token, and no door that opens with the other side's key.
#[test]
fn t159_a_token_opens_no_page_and_a_session_calls_no_tool() {
    let port = Port::connected(&Upstream::plain());
    let token = port.let_in(&["claude", "--integrations", "github"]);
    let gone = port.let_in(&["gone"]);
    let served = port.serve();
    port.cli(["agents", "revoke", "gone", "--json"]).done();
    let bearer = format!("Bearer {token}");
    let unknown = format!("Bearer apt_{}", "A".repeat(43));
    let gone = format!("Bearer {gone}");
    let mut answers = Vec::new();
    for (path, headers) in [
        ("/stripe/get_balance", vec![]),
        ("/stripe/get_balance", vec![("Authorization", "Bearer x")]),
        ("/stripe/get_balance", vec![("Authorization", unknown.as_str())]),
        ("/stripe/get_balance", vec![("Authorization", gone.as_str())]),
        ("/stripe/get_balance", vec![("Authorization", "Basic YTpi")]),
        ("/stripe/get_balance", vec![("Authorization", bearer.as_str()), ("Authorization", bearer.as_str())]),
        ("/stripe/get_balance", vec![("Cookie", "agentport=1")]),
        ("/nothing/at_all", vec![]),
        ("/mcp", vec![]),
        ("/approvals/apr_x/await", vec![]),
    ] {
        let heard = served.raw("POST", path, &headers, "{}");
        assert_eq!(heard.header("www-authenticate").as_deref(), Some("Bearer"), "{path}: {heard:?}");
        answers.push((heard.code, heard.body));
    }
    let in_query = served.raw("GET", &format!("/tools?token={token}&access_token={token}"), &[], "");
    answers.push((in_query.code, in_query.body));
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    for path in ["/", "/login", "/approve/apr_x", "/enrol/x", "/style.css"] {
        let heard = served.raw("GET", path, &[("Authorization", &bearer)], "");
        assert_eq!(heard.code, 401, "{path}: {heard:?}");
    }
    assert_eq!(served.raw("GET", "/", &[], "").code, 200);

    // it was let in for something else
    assert_eq!(served.ask(&token, "POST", "/stripe/get_balance", &json!({})).told(), (403, "denied".to_owned()));
    assert_eq!(served.ask(&token, "GET", "/tools", &Value::Null).json(), json!({"tools": []}));
}

/// T144, T145, T150, T152, T160.
#[test]
fn t144_only_our_own_names_and_no_page_of_another_site() {
    let port = Port::connected(&Upstream::plain());
    let token = port.let_in(&["claude"]);
    let served = port.serve();
    let (bearer, own) = (format!("Bearer {token}"), format!("http://127.0.0.1:{}", served.port));
    let with = |headers: &[(&str, &str)], method: &str, path: &str, body: &str| {
        let headers: Vec<_> = [("Authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        served.raw(method, path, &headers, body)
    };
    for host in ["evil.example", "127.0.0.1", "localhost.:80", "0.0.0.0:4747"] {
        for path in ["/tools", "/mcp", "/healthz", "/metrics", "/"] {
            assert_eq!(with(&[("Host", host)], "GET", path, "").code, 421, "{host} {path}");
        }
    }
    assert_eq!(with(&[("Origin", "http://evil.example")], "GET", "/tools", "").code, 403);
    assert_eq!(with(&[("Origin", "null")], "POST", "/mcp", "{}").code, 403);
    let ours = with(&[("Origin", &own)], "GET", "/tools", "");
    assert_eq!((ours.code, ours.header("access-control-allow-origin")), (200, None));
    assert_eq!(with(&[("Transfer-Encoding", "chunked")], "POST", "/stripe/get_balance", "").code, 400);
    assert_eq!(with(&[], "GET", "/stripe/get_balance", "").code, 405);
    // the same gate as for frames
    for body in [r#"{"limit":1,"limit":2}"#, "[]", "{", "\u{feff}{}", r#"{"a":1e400}"#, r#"{"a":"\u0000"}"#] {
        let heard = with(&[], "POST", "/stripe/list_charges", body);
        assert_eq!(heard.told(), (400, "invalid_arguments".to_owned()), "{body}: {heard:?}");
    }
    let frame = r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#;
    assert_eq!(with(&[("Accept", "application/json, text/event-stream")], "POST", "/mcp", frame).code, 400);
    let listed = with(&[], "GET", "/tools", "").json();
    let refund = listed["tools"].as_array().unwrap().iter().find(|tool| tool["path"] == json!(REFUND)).unwrap();
    assert_eq!(refund["inputSchema"]["additionalProperties"], json!(false));
    let document = with(&[], "GET", "/openapi.json", "").json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    assert!(document["paths"][REFUND]["post"].is_object());
}

/// T227: a session of one agent is nothing to another; both have the same tools as over lines.
#[test]
fn t227_mcp_over_http_keeps_agents_apart() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (one, two) = (port.let_in(&["one"]), port.let_in(&["two"]));
    let over_lines = port.wire_as("one").tools();
    let served = port.serve();
    let client = json!({"name": "test", "version": "1"});
    let opening = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}});
    let begun = served.mcp(&one, None, &opening);
    assert_eq!(frame(&begun)["result"]["protocolVersion"], json!("2025-11-25"), "{begun:?}");
    let session = begun.header("mcp-session-id").unwrap();
    served.mcp(&one, Some(&session), &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let listed = frame(&served.mcp(&one, Some(&session), &list));
    let names: Vec<&str> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, over_lines);
    assert_eq!(served.mcp(&two, Some(&session), &list).code, 404);
    let call = |number: u64, id: Value| {
        json!({"jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"name": "stripe_create_refund", "arguments": id}})
    };
    let asked = frame(&served.mcp(&one, Some(&session), &call(3, json!({"charge": "ch_1", "amount": 500}))));
    assert_eq!(asked["result"]["structuredContent"]["status"], json!("approval_required"), "{asked}");

    // 2026-07-28: no session
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}, "io.modelcontextprotocol/clientInfo": client});
    let bearer = format!("Bearer {two}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/list"),
    ];
    let modern = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/list", "params": {"_meta": meta}});
    let heard = served.raw("POST", "/mcp", &headers, &modern.to_string());
    assert_eq!(frame(&heard)["result"]["tools"].as_array().map(Vec::len), Some(over_lines.len()), "{heard:?}");
}

/// It takes the site over from a host on lines, which goes on serving its agent; a SIGTERM ends it in order.
#[test]
fn the_gateway_takes_over_and_ends_in_order() {
    let port = Port::connected(&Upstream::start(|_| Reply::json(200, &json!({}))));
    let token = port.let_in(&["claude"]);
    let mut wire = port.wire();
    let link = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).0;
    let link = link["approval"]["url"].as_str().unwrap().to_owned();
    let mut served = port.serve();
    assert!(link.contains(&format!(":{}/", served.port)), "{link}");
    assert_eq!(served.raw("GET", "/healthz", &[], "").code, 200);
    assert_eq!(served.raw("GET", "/readyz", &[], "").code, 200);
    assert_eq!(served.ask(&token, "GET", "/tools", &Value::Null).code, 200);
    let metrics = served.raw("GET", "/metrics", &[], "");
    assert!(metrics.body.contains("agentport_http_requests_total{code=\"200\"} 1\n"), "{metrics:?}");
    assert!(metrics.body.contains("agentport_approvals_waiting 1\n"), "{metrics:?}");
    assert_eq!(wire.call("stripe_get_balance", json!({})).status(), "completed");
    let second = port.cli(["serve", "--json"]).exits(1);
    assert!(second.error().contains("another `agentport serve`"), "{second:?}");
    assert_eq!(served.terminate(), Some(0));
}

/// The agent's side of a gateway: the same tools and answers, told of changes, alive while the gateway is down.
#[test]
fn the_shim_has_what_the_gateway_has_and_outlives_it() {
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    let token = port.let_in(&["claude"]);
    let over_lines = port.wire_as("claude").tools();
    let mut served = port.serve();
    port.set("AGENTPORT_URL", &format!("http://127.0.0.1:{}", served.port));
    port.set("AGENTPORT_TOKEN", &token);
    let mut shim = port.wire();
    assert_eq!(shim.tools(), over_lines);
    assert_eq!(shim.call("stripe_get_balance", json!({})).status(), "completed");
    let id = shim.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id();
    assert_eq!(shim.call("stripe_create_refund", json!({"charge": 5})).status(), "invalid_arguments");
    port.approve(&id);
    let done = shim.call("agentport_await_approval", json!({"approval_id": id}));
    assert_eq!(done.status(), "completed", "{done:?}");
    port.cli(["policy", "set", "stripe.get_balance", "deny", "--json"]).done();
    shim.told("notifications/tools/list_changed");
    assert!(!shim.tools().contains(&"stripe_get_balance".to_owned()));
    assert_eq!(served.terminate(), Some(0));
    let down = shim.call("stripe_get_balance", json!({}));
    assert_eq!(down.failed(), "network", "{down:?}");
    assert!(shim.tools().iter().all(|tool| tool.starts_with("agentport_")));
    let _again = port.serve();
    shim.told("notifications/tools/list_changed");
    assert!(shim.tools().contains(&"stripe_create_refund".to_owned()));
    assert_eq!(shim.call("stripe_get_balance", json!({})).denied(), "policy");
}

/// An address without a token never starts a server of this computer's own.
#[test]
fn without_a_token_there_are_only_the_built_in_tools() {
    let mut port = Port::connected(&Upstream::plain());
    port.set("AGENTPORT_URL", "http://127.0.0.1:1");
    let mut shim = port.wire();
    assert!(shim.tools().iter().all(|tool| tool.starts_with("agentport_")));
    assert_eq!(shim.call("stripe_get_balance", json!({})).failed(), "setup");
    assert_eq!(shim.call("agentport_list_integrations", json!({})).failed(), "setup");
}

/// RFC 9110, 13.1.2: what a client has already is not sent again, and another list has another tag.
#[test]
fn a_list_of_tools_that_is_known_is_not_sent_again() {
    let port = Port::connected(&Upstream::plain());
    let bearer = format!("Bearer {}", port.let_in(&["claude"]));
    let served = port.serve();
    let get =
        |path: &str, known: &str| served.raw("GET", path, &[("Authorization", &bearer), ("If-None-Match", known)], "");
    for (path, tool) in [("/tools", "stripe.get_balance"), ("/tools?shown=true", "stripe.list_charges")] {
        let first = get(path, "\"another\"");
        let tag = first.header("etag").unwrap();
        assert!(first.code == 200 && first.json()["tools"].is_array(), "{first:?}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}")] {
            let again = get(path, &known);
            assert_eq!((again.code, again.header("etag"), again.body.as_str()), (304, Some(tag.clone()), ""));
        }
        port.cli(["policy", "set", tool, "deny", "--json"]).done();
        let other = get(path, &tag);
        assert_eq!(other.code, 200, "{other:?}");
        assert_ne!(other.header("etag"), Some(tag));
    }
}

/// T157: beyond loopback nobody comes without TLS.
#[test]
fn t157_beyond_loopback_is_refused() {
    let port = Port::enrolled();
    let text = std::fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let listen =
        text.lines().find(|line| line.starts_with("listen")).unwrap().split('#').next().unwrap().trim().to_owned();
    port.settings(&[(&listen, "listen = \"0.0.0.0:4799\"")]);
    let refused = port.cli(["serve", "--json"]).exits(1);
    assert!(refused.error().contains("loopback"), "{refused:?}");
}

/// What a container asks for its health.
#[test]
fn a_gateway_says_whether_it_answers() {
    let port = Port::enrolled();
    let check = || port.cli(["serve", "--check", "--json"]);
    assert!(check().exits(1).error().contains("no gateway of this home answers"));
    let mut served = port.serve();
    assert!(check().done().json()["url"].as_str().unwrap().ends_with(&served.port.to_string()));
    assert_eq!(served.terminate(), Some(0));
    check().exits(1);
}

//! A service that was described by following "A service in 30 minutes" in CONTRIBUTING.md, on a Slack that keeps state.

use std::{fs, sync::Arc};

use serde_json::{Value, json};

use crate::harness::{Emulate, Port, Reply, Upstream};

const SLACK: &str = include_str!("../../examples/slack/slack.toml");

/// A home with the manifest, as the owner approved it, and a connected account.
fn connected(origin: &str) -> Port {
    let port = Port::enrolled();
    fs::write(port.home().join("tools/slack.toml"), SLACK).unwrap();
    port.cli(["tools", "check"]).done();
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let arguments = ["connect", "slack", "--origin", origin, "--allow-private", "--secret-stdin", "--json"];
    let connected = port.cli(arguments).stdin(&format!("xoxb-{}", port.canary())).done().json();
    assert_eq!(connected["identity"]["name"], json!("admin"));
    port
}

/// The stand-in takes `POST` alone; Slack takes either, and says of these methods `GET`.
fn taking_get(slack: Arc<Emulate>) -> Upstream {
    Upstream::bare(move |request| {
        let path = request.line.split(' ').nth(1).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let form = if request.line.starts_with("GET ") { query } else { &request.body };
        let (status, answer) = slack.slack_method(path, form);
        Reply::json(status, &answer)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_posted_after_its_approval_and_found_in_the_history() {
    let Some(slack) = Emulate::slack("a_message_is_posted_after_its_approval_and_found_in_the_history") else { return };
    let slack = Arc::new(slack);
    let port = connected(&taking_get(Arc::clone(&slack)).origin());
    let agent = port.agent().await;
    let channels = agent.call("slack_list_channels", json!({})).await.completed();
    let general = channels["channels"].as_array().unwrap().iter().find(|channel| channel["name"] == "general").unwrap();
    let id = general["id"].as_str().unwrap().to_owned();
    let texts = async || -> Vec<Value> {
        let history = agent.call("slack_get_history", json!({"channel": id})).await.completed();
        history["messages"].as_array().unwrap().iter().map(|message| message["text"].clone()).collect()
    };
    let text = json!("Release 7 is out: it's <https://example.com/?a=1&b=2|here> & ready + done");
    let approval = agent.call("slack_post_message", json!({"channel": id, "text": text})).await.approval_id();
    assert!(!texts().await.contains(&text));
    let posted = port.approve(&approval);
    assert_eq!(posted["result"]["channel"], json!(id));
    assert!(texts().await.contains(&text));
    // an answer in its thread, a change, a reaction
    let ts = posted["result"]["ts"].as_str().unwrap();
    for (tool, arguments) in [
        ("slack_post_message", json!({"channel": id, "text": "thanks", "thread_ts": ts})),
        ("slack_update_message", json!({"channel": id, "ts": ts, "text": "Release 8 is out"})),
        ("slack_add_reaction", json!({"channel": id, "timestamp": ts, "name": "tada"})),
    ] {
        let approval = agent.call(tool, arguments).await.approval_id();
        assert_eq!(port.approve(&approval)["status"], json!("completed"), "{tool}");
    }
    let thread = agent.call("slack_get_thread", json!({"channel": id, "ts": ts})).await.completed();
    let texts: Vec<&Value> = thread["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, [&json!("Release 8 is out"), &json!("thanks")]);
    assert_eq!(thread["messages"][0]["reactions"][0]["name"], json!("tada"));
    let people = agent.call("slack_list_users", json!({"limit": 1})).await.completed();
    assert_eq!(people["members"][0]["name"], json!("admin"));
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

/// Slack says `200` and `{"ok": false}`: nothing was done, and that is what the agent and the log are told.
#[test]
fn an_answer_of_success_that_refuses_is_failed() {
    let slack = Upstream::bare(|request| {
        let answer = match request.line.split(['?', ' ']).nth(1).unwrap() {
            "/api/auth.test" => json!({"ok": true, "user": "admin", "user_id": "U1"}),
            "/api/chat.postMessage" => json!({"ok": false, "error": "not_in_channel"}),
            "/api/conversations.list" => {
                json!({"ok": true, "channels": [{"id": "C1", "x": 1}], "response_metadata": {"next_cursor": "dGVhbTpDMDI="}})
            }
            _ => json!({"ok": false, "error": "channel_not_found"}),
        };
        Reply::json(200, &answer)
    });
    let port = connected(&slack.origin());
    let mut wire = port.wire();
    let failed = wire.call("slack_get_history", json!({"channel": "C1"}));
    assert_eq!(
        (failed.failed(), &failed.0["error"]["message"], &failed.0["error"]["http_status"]),
        ("upstream", &json!("`slack` refused: channel_not_found"), &json!(200))
    );
    let id = wire.call("slack_post_message", json!({"channel": "C1", "text": "hello"})).approval_id();
    let ran = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1).json();
    assert_eq!(
        (&ran["status"], &ran["error"]["message"]),
        (&json!("failed"), &json!("`slack` refused: not_in_channel"))
    );
    assert_eq!(ran["error"]["body"], json!({"ok": false, "error": "not_in_channel"}));
    // the next page is the cursor's
    let listed = wire.call("slack_list_channels", json!({}));
    assert_eq!(listed.0["next"]["arguments"]["cursor"], json!("dGVhbTpDMDI="));
    assert_eq!(listed.completed(), json!({"channels": [{"id": "C1"}]}));
    assert_eq!(port.calls().last().unwrap(), &("slack.list_channels".to_owned(), "succeeded".to_owned()));
}

/// A token that Slack refuses with `200` is not stored.
#[test]
fn a_token_that_is_refused_with_success_is_not_connected() {
    let slack = Upstream::bare(|_| Reply::json(200, &json!({"ok": false, "error": "invalid_auth"})));
    let port = Port::enrolled();
    fs::write(port.home().join("tools/slack.toml"), SLACK).unwrap();
    let arguments = ["connect", "slack", "--origin", &slack.origin(), "--allow-private", "--secret-stdin", "--json"];
    let refused = port.cli(arguments).stdin(&format!("xoxb-{}", port.canary())).exits(1);
    assert!(refused.error().contains("`slack` refused: invalid_auth"), "{refused:?}");
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
}

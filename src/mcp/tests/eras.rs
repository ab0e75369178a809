//! The revisions with a handshake and the one without.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn all_revisions_with_initialize_are_served() {
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut client = Client::of_gateway(&Gateway::stub());
        let hello = client.ask(&initialize(asked))["result"].clone();
        assert_eq!(hello["protocolVersion"], json!(spoken));
        assert_eq!(hello["serverInfo"]["name"], json!("agentport"));
        assert_eq!(hello["serverInfo"]["version"], json!(env!("CARGO_PKG_VERSION")));
        assert_eq!(hello["serverInfo"]["title"], json!("AgentPort"));
        assert_eq!(hello["capabilities"], json!({"tools": {"listChanged": true}}));
        assert!(hello["instructions"].as_str().unwrap().contains("approval_required"));
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));

        let list = client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
        assert!(list["result"]["tools"].is_array(), "{list}");
        assert_eq!(list["result"].get("resultType"), None);
        assert_eq!(list["result"].get("nextCursor"), None);
        let answer = client.ask(&call(2, "no_such_tool", &json!({})));
        assert_eq!(answer["result"]["structuredContent"]["status"], json!("failed"), "{answer}");
        assert_eq!(answer["result"]["isError"], json!(true));
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, serde_json::to_string_pretty(&answer["result"]["structuredContent"]).unwrap());
        assert_eq!(answer["result"].get("resultType"), None);
        assert_eq!(client.ask(&ping(3)), json!({"jsonrpc": "2.0", "id": 3, "result": {}}));
        assert!(client.end().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_revision_without_initialize_is_served() {
    let mut client = Client::of_gateway(&Gateway::stub());
    let discovered = client.ask(&modern(1, "server/discover", &json!({})))["result"].clone();
    assert_eq!(
        discovered["supportedVersions"],
        json!(["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"])
    );
    assert_eq!(discovered["resultType"], json!("complete"));
    assert_eq!(discovered["capabilities"], json!({"tools": {"listChanged": true}}));
    let list = client.ask(&modern(2, "tools/list", &json!({})))["result"].clone();
    assert_eq!(list["resultType"], json!("complete"), "{list}");
    assert!(list["tools"].is_array() && list["ttlMs"].is_number() && list["cacheScope"].is_string(), "{list}");
    let answer = client.ask(&modern(3, "tools/call", &json!({"name": "no_such_tool", "arguments": {}})));
    assert_eq!(answer["result"]["resultType"], json!("complete"), "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["status"], json!("failed"));
    // Without its `_meta` a request belongs to no revision here.
    assert_eq!(code(&client.ask(&call(4, "no_such_tool", &json!({})))), (json!(4), json!(-32602)));
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_is_told_to_clients_of_both_eras() {
    let gateway = Gateway::stub();
    let mut old = Client::of_gateway(&gateway);
    initialized(&mut old);
    assert_eq!(old.ask(&ping(1))["id"], json!(1));
    let mut new = Client::of_gateway(&gateway);
    let listens = modern(9, "subscriptions/listen", &json!({"notifications": {"toolsListChanged": true}}));
    let acknowledged = new.ask(&listens);
    assert_eq!(acknowledged["method"], json!("notifications/subscriptions/acknowledged"), "{acknowledged}");
    // Answered after the subscription has begun to watch.
    assert!(new.ask(&modern(10, "tools/list", &json!({})))["result"].is_object());
    gateway.change();
    assert_eq!(old.hear(), json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    let told = new.hear();
    assert_eq!(told["method"], json!("notifications/tools/list_changed"));
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], json!(9), "{told}");
    assert!(old.end().await.is_empty());
    // The end of input ends the subscription, with its answer.
    let last = new.end().await;
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["id"], json!(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn t014_nothing_is_executed_before_it_is_clear_what_is_spoken() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    assert_eq!(code(&client.ask(&call(1, "echo", &json!({})))), (json!(1), json!(-32602)));
    let mut unknown = modern(2, "tools/call", &json!({"name": "echo", "arguments": {}}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    assert_eq!(code(&client.ask(&unknown)), (json!(2), json!(-32022)));
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
    initialized(&mut client);
    assert_eq!(code(&client.ask(&unknown)), (json!(2), json!(-32022)));
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
    assert!(client.ask(&call(1, "echo", &json!({})))["result"].is_object());
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn params_that_do_not_fit_and_unknown_methods_have_their_codes() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    assert_eq!(
        code(&client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize"}))),
        (json!(1), json!(-32602))
    );
    initialized(&mut client);
    let broken = [
        ("tools/call", json!({"name": 5})),
        ("tools/call", json!({})),
        ("tools/call", json!({"name": "echo", "arguments": [1]})),
        ("tools/call", json!({"name": "echo", "arguments": "x"})),
    ];
    for (method, params) in broken {
        let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 2, "method": method, "params": params}));
        assert_eq!(code(&answer), (json!(2), json!(-32602)), "{answer}");
    }
    for method in ["no/such/method", "resources/list", "prompts/list", "tasks/list", "sampling/createMessage"] {
        let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": {}}));
        assert_eq!(code(&answer), (json!(3), json!(-32601)), "{answer}");
    }
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t023_the_list_has_one_page() {
    let mut client = Client::of_gateway(&Gateway::stub());
    initialized(&mut client);
    let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "x"}}));
    assert_eq!(code(&answer), (json!(1), json!(-32602)));
    assert!(client.end().await.is_empty());
}

//! What the services have that the pictured approvals are about.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Port, Reply, Request, Upstream};

/// Every service that the approvals look something up at.
pub(super) fn start() -> Upstream {
    Upstream::bare(|request| match answer(request) {
        Some(body) => Reply::json(200, &body),
        None => Reply::json(404, &json!({"error": {"message": "no such thing"}})),
    })
}

fn answer(request: &Request) -> Option<Value> {
    let line = request.line.strip_prefix("GET ")?;
    let (path, query) = line.split_once('?').unwrap_or((line, ""));
    Some(match path {
        "/v1/balance" => json!({"livemode": true}),
        "/v1/charges/ch_3QxYz2Ab3Cd4Ef5G" => json!({
            "id": "ch_3QxYz2Ab3Cd4Ef5G", "amount": 5000, "amount_refunded": 700, "currency": "eur", "created": 1_795_000_000,
            "status": "succeeded", "customer": "cus_Q1w2E3r4T5y6U7", "description": "Order 1042", "disputed": false,
        }),
        "/v1/customers/cus_Q1w2E3r4T5y6U7" => {
            json!({"id": "cus_Q1w2E3r4T5y6U7", "email": "ann@example.com", "name": "Ann Lee"})
        }
        "/user" => json!({"id": 583_231, "login": "octocat"}),
        "/repos/octocat/hello-world" => json!({
            "visibility": "public", "pushed_at": "2026-11-20T16:02:11Z", "stargazers_count": 2841, "forks_count": 377,
            "open_issues_count": 12, "archived": false, "description": "My first repository on GitHub!",
        }),
        "/repos/octocat/hello-world/commits" => json!([{"sha": "7fd1a60b", "commit": {
            "message": "Merge pull request #6 from Spaceghost/patch-1", "author": {"name": "The Octocat"},
        }}]),
        "/gmail/v1/users/me/profile" => {
            json!({"emailAddress": "sam@acme.example", "messagesTotal": 8211, "threadsTotal": 3420})
        }
        // this account has written to Ann and Bob before
        "/gmail/v1/users/me/messages" if query.contains("carol") => json!({"resultSizeEstimate": 0}),
        "/gmail/v1/users/me/messages" => {
            json!({"messages": [{"id": "18c2f0", "threadId": "18c2f0"}], "resultSizeEstimate": 1})
        }
        "/api/users/@me/" => json!({"uuid": "0189", "email": "sam@acme.example", "scopes": ["feature_flag:write"]}),
        "/api/projects/7/feature_flags/42/" => json!({
            "id": 42, "key": "new-checkout", "name": "The checkout on one page", "active": true, "deleted": false,
            "filters": flag(10), "last_called_at": "2026-11-28T09:12:44Z",
        }),
        _ => return None,
    })
}

pub(super) fn flag(percent: u64) -> Value {
    json!({"groups": [
        {"rollout_percentage": percent, "properties": [
            {"key": "country", "type": "person", "operator": "exact", "value": ["DE", "AT"]},
        ]},
        {"rollout_percentage": 100, "properties": [
            {"key": "email", "type": "person", "operator": "ends_with", "value": "@acme.example"},
        ]},
    ]})
}

/// A shop of twelve hundred customers in a file, connected as `shop`.
pub(super) fn shop(port: &Port) {
    let file = port.folder().join("shop.db").to_str().unwrap().to_owned();
    let shop = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT, credit INTEGER);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id) ON DELETE CASCADE);
        CREATE VIEW germans AS SELECT * FROM customers WHERE country = 'DE';
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
        INSERT INTO customers SELECT i, 'Customer ' || i, CASE WHEN i % 400 = 0 THEN 'DE' ELSE 'FR' END, i % 7 FROM n;
        INSERT INTO orders SELECT id, id FROM customers WHERE id % 2 = 0;";
    Connection::open(&file).unwrap().execute_batch(shop).unwrap();
    let url = format!("sqlite://{file}");
    port.cli(["connect", "sqlite", "--account", "shop", "--secret-stdin", "--json"]).stdin(&url).done();
}

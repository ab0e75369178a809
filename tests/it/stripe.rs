//! The main job against a Stripe that keeps state: what is allowed runs, what is not waits, and runs once.

use rusqlite::{Connection, types::Value as Cell};
use serde_json::{Value, json};

use crate::harness::{Agent, Emulate, Localstripe, Port, Reply, Upstream};

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job() {
    let Some(stripe) = Localstripe::start("the_main_job") else { return };
    let port = Port::empty();
    port.init();
    port.enrol();
    assert_eq!(
        port.connect_stripe(&stripe.origin()),
        json!({
            "integration": "stripe",
            "account": "default",
            "origin": stripe.origin(),
            "environment": "production",
            "verified": true,
            "identity": {"id": null, "name": null, "live": false},
        })
    );
    let charge = stripe.charge(5000);
    let agent = port.agent().await;

    let tools = agent.tools().await;
    for name in ["stripe_list_customers", "stripe_create_refund", "agentport_await_approval"] {
        assert!(tools.iter().any(|tool| tool == name), "{tools:?}");
    }

    let customers = agent.call("stripe_list_customers", json!({})).await.completed();
    assert_eq!(customers["data"].as_array().unwrap().len(), 1);

    let refund = json!({"charge": charge, "amount": 1200, "_reason": "the customer asked"});
    let asked = agent.call("stripe_create_refund", refund.clone()).await;
    let id = asked.approval_id();
    let approval = asked.0["approval"].clone();
    // 128 random bits
    assert_eq!(id.len(), "apr_".len() + 26);
    let url = approval["url"].as_str().unwrap();
    assert!(url.starts_with("http://localhost:") && url.ends_with(&format!("/approve/{id}")), "{url}");
    assert_eq!(
        asked.0,
        json!({
            "status": "approval_required",
            "executed": false,
            "approval": {
                "id": id,
                "url": url,
                "tool": "stripe.create_refund",
                "summary": format!("Refund a charge: amount 1200, charge {charge}"),
                "expires_at": approval["expires_at"],
            },
            "next": {"tool": "agentport_await_approval", "arguments": {"approval_id": id}, "after_seconds": 0},
            "message": asked.0["message"],
        })
    );
    assert!(asked.0["message"].as_str().unwrap().contains("link"));
    assert_eq!(stripe.refunds(&charge), []);

    let answer = port.approve(&id);
    let refunds = stripe.refunds(&charge);
    let [(refund_id, 1200)] = refunds.as_slice() else { panic!("{refunds:?}") };
    assert_eq!((&answer["status"], &answer["result"]["id"]), (&json!("completed"), &json!(refund_id)));

    let first = agent.look(&id).await;
    assert_eq!(first.0, json!({"status": "completed", "result": answer["result"], "record": answer["record"]}));
    for _ in 0..3 {
        let again = agent.look(&id).await;
        assert_eq!((&again.0["result"], &again.0["record"]), (&answer["result"], &answer["record"]));
        assert_eq!(again.0["replayed"], json!(true));
        assert!(again.0["executed_at"].as_str().unwrap().ends_with('Z'));
    }

    // a mere repeat of the call fetches the outcome too, once
    let second = json!({"charge": charge, "amount": 300});
    let id = agent.call("stripe_create_refund", second.clone()).await.approval_id();
    assert_eq!(agent.call("stripe_create_refund", second.clone()).await.approval_id(), id);
    port.approve(&id);
    let repeat = agent.call("stripe_create_refund", second.clone()).await;
    assert_eq!(repeat.0["replayed"], json!(true));
    assert_eq!(repeat.completed()["amount"], json!(300));
    let asked = agent.call("stripe_create_refund", second).await;
    assert_ne!(asked.approval_id(), id);
    let amounts: Vec<u64> = stripe.refunds(&charge).into_iter().map(|(_, amount)| amount).collect();
    assert_eq!(amounts.iter().collect::<std::collections::BTreeSet<_>>(), [&300, &1200].into());
    assert_eq!(amounts.len(), 2);
    agent.leave().await;

    let verified = port.cli(["log", "verify", "--json"]).done().json();
    assert_eq!(verified["ok"], json!(true));
    assert_eq!(verified["records"].as_i64(), Some(rows(&port.database(), "record")));
}

/// Every column of every table in which a call stands, one byte at a time.
#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_of_a_call_is_found() {
    let Some(stripe) = Localstripe::start("one_changed_byte_of_a_call_is_found") else { return };
    let port = Port::enrolled();
    port.connect_stripe(&stripe.origin());
    let charge = stripe.charge(900);
    let agent = port.agent().await;
    let id = refund(&agent, &charge).await;
    port.approve(&id);
    agent.leave().await;
    let database = port.database();
    let call: String = database.query_row("SELECT call FROM approval", [], |row| row.get(0)).unwrap();

    let mut changed = 0;
    for (table, of_call) in [
        ("record", "call = ?1"),
        ("payload", "record IN (SELECT id FROM record WHERE call = ?1)"),
        ("approval", "call = ?1"),
    ] {
        for (row, columns) in stored(&database, table, of_call, &call) {
            for (column, old) in columns {
                // how often it was fetched is no part of what was asked, decided and done; nor is a second deadline
                if ["delivered", "awaited", "expires_boot", "boot_id"].contains(&column.as_str()) {
                    continue;
                }
                let new = with_a_byte_changed(&old);
                set(&database, table, &row, &column, &new);
                let verified = port.cli(["log", "verify", "--json"]).exits(1);
                let found = verified.json();
                assert_eq!(found["ok"], json!(false), "{table}.{column}: {found}");
                assert!(found["error"]["message"].is_string(), "{table}.{column}: {found}");
                let record = found["record"].as_str().unwrap();
                let seq: Option<String> = database
                    .query_row("SELECT call FROM record WHERE seq = ?", [found["seq"].as_i64()], |row| row.get(0))
                    .ok();
                // the record that is named is one of this call, or, where its own name was changed, stands in its place
                let belongs = seq.as_deref() == Some(call.as_str())
                    || record == call
                    || column == "seq"
                    || column == "call"
                    || column == "id"
                    || column == "hash";
                assert!(belongs, "{table}.{column}: {found}");
                set(&database, table, &row_after(&row, &column, &new), &column, &old);
                changed += 1;
            }
        }
    }
    assert!(changed > 40, "{changed}");
    port.cli(["log", "verify"]).done();
    database.execute("UPDATE record SET caller = 'mallory' WHERE id = ?", [&call]).unwrap();
    let text = port.cli(["log", "verify"]).exits(1).stderr;
    assert!(text.starts_with("error: the log was changed: record ") && text.contains(&call), "{text}");
    database.execute("UPDATE record SET caller = 'local' WHERE id = ?", [&call]).unwrap();

    let copy = port.folder().join("copy.db");
    for gone in [
        format!("DELETE FROM payload WHERE role = 'answer' AND record IN (SELECT id FROM record WHERE call = '{call}')"),
        format!("DELETE FROM record WHERE call = '{call}' AND kind = 'decision'"),
        "DELETE FROM approval".to_owned(),
        "INSERT INTO approval SELECT 'apr_x', 'rec_x', 'k', caller, digest, 'approved', created_at, expires_at, expires_boot, boot_id, 0, 0, 0 FROM approval".to_owned(),
    ] {
        database.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
        database.execute(&gone, []).unwrap();
        assert_eq!(port.cli(["log", "verify", "--json"]).exits(1).json()["ok"], json!(false), "{gone}");
        restore(&database, &copy);
        std::fs::remove_file(&copy).unwrap();
        port.cli(["log", "verify"]).done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_refuses_is_failed_with_its_words() {
    let Some(stripe) = Localstripe::start("what_the_vendor_refuses_is_failed_with_its_words") else { return };
    let port = Port::enrolled();
    port.connect_stripe(&stripe.origin());
    let agent = port.agent().await;
    let answer = agent.call("stripe_get_customer", json!({"customer": "cus_doesnotexist"})).await;
    assert_eq!(answer.failed(), "upstream");
    assert_eq!(answer.0["error"]["http_status"], json!(404));
    assert!(answer.0["error"]["message"].as_str().unwrap().contains("Not Found"), "{answer:?}");
    assert!(answer.0["error"]["body"]["error"]["message"].is_string(), "{answer:?}");
    // an approved call that the vendor refuses: exit 1, and the agent learns why
    let id = refund(&agent, "ch_doesnotexist").await;
    let arguments = ["approvals", "approve", &id, "--code-stdin", "--json"];
    let refused = port.cli(arguments).stdin(&port.code()).exits(1).json();
    assert_eq!((&refused["status"], &refused["error"]["http_status"]), (&json!("failed"), &json!(404)));
    assert_eq!(agent.look(&id).await.0, refused);
    agent.leave().await;
}

/// emulate's Stripe: what it has of the catalogue, and customers page by page.
#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_is_made_and_customers_are_listed_page_by_page() {
    let Some(stripe) = Emulate::stripe("a_catalogue_is_made_and_customers_are_listed_page_by_page") else { return };
    let port = Port::enrolled();
    // it has no balance to verify a key with
    let origin = stripe.origin();
    let key = ["connect", "stripe", "--origin", &origin, "--allow-private", "--secret-stdin", "--no-verify", "--json"];
    port.cli(key).stdin(port.canary()).done();
    let agent = port.agent().await;
    let made = async |tool: &str, list: &str, given: Value| -> Value {
        let listed = async || agent.call(list, json!({})).await.completed()["data"].as_array().unwrap().clone();
        let before = listed().await;
        let id = agent.call(tool, given).await.approval_id();
        assert_eq!(listed().await, before, "{tool} waits");
        let made = port.approve(&id)["result"].clone();
        let after = listed().await;
        assert_eq!((after.len(), &after[0]["id"]), (before.len() + 1, &made["id"]), "{tool}");
        made
    };
    for name in ["Ann", "Bob & Söhne"] {
        let given = json!({"name": name, "email": "a+b@example.com", "metadata": {"tier": "gold"}});
        let customer = made("stripe_create_customer", "stripe_list_customers", given).await;
        assert_eq!((&customer["name"], &customer["metadata"]), (&json!(name), &json!({"tier": "gold"})));
    }
    let product = made("stripe_create_product", "stripe_list_products", json!({"name": "Mug, blue"})).await;
    assert_eq!(product["name"], json!("Mug, blue"));
    let given = json!({
        "product": product["id"], "currency": "eur", "unit_amount": 1900, "recurring": {"interval": "month"},
    });
    let price = made("stripe_create_price", "stripe_list_prices", given).await;
    assert_eq!((&price["product"], &price["type"]), (&product["id"], &json!("recurring")));

    let mut page = agent.call("stripe_list_customers", json!({"limit": 2})).await;
    let mut pages = Vec::new();
    loop {
        let next = page.0["next"].clone();
        let listed = page.completed();
        assert_eq!(listed["has_more"], json!(next.is_object()));
        pages.push(listed["data"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>());
        let Some(tool) = next["tool"].as_str() else { break };
        page = agent.call(tool, next["arguments"].clone()).await;
    }
    assert_eq!(pages, [vec![json!("Bob & Söhne"), json!("Ann")], vec![json!("Test Customer")]]);
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

/// emulate has no subscriptions, and localstripe knows what Stripe calls prices by their older name, plans: it is told so.
fn with_prices(stripe: Localstripe) -> Upstream {
    Upstream::bare(move |request| {
        let (method, path) = request.line.split_once(' ').unwrap();
        let (path, form) = match path {
            "/v1/prices" => (
                "/v1/plans",
                request.body.replace("unit_amount=", "amount=").replace("recurring%5Binterval%5D=", "interval="),
            ),
            path => (path, request.body.replace("%5Bprice%5D=", "%5Bplan%5D=")),
        };
        let (status, answer) = stripe.ask(method, path, &form);
        Reply::json(status, &answer)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_started_listed_and_cancelled() {
    let Some(stripe) = Localstripe::start("a_subscription_is_started_listed_and_cancelled") else { return };
    let card = stripe.card();
    let stripe = with_prices(stripe);
    let port = Port::enrolled();
    port.connect_stripe(&stripe.origin());
    let agent = port.agent().await;
    let run = async |tool: &str, given: Value| -> Value {
        let id = agent.call(tool, given).await.approval_id();
        port.approve(&id)["result"].clone()
    };
    let given = json!({"email": "ann@example.com", "payment_method": card});
    let customer = run("stripe_create_customer", given).await["id"].clone();
    let given = json!({"customer": customer, "invoice_settings": {"default_payment_method": card}});
    run("stripe_update_customer", given).await;
    let product = run("stripe_create_product", json!({"name": "Newspaper"})).await["id"].clone();
    let given = json!({"product": product, "currency": "eur", "unit_amount": 1900, "recurring": {"interval": "month"}});
    let price = run("stripe_create_price", given).await["id"].clone();

    let listed = async |status: Option<&str>| -> Vec<(Value, Value)> {
        let mut given = json!({"customer": customer});
        if let Some(status) = status {
            given["status"] = json!(status);
        }
        let listed = agent.call("stripe_list_subscriptions", given).await.completed();
        let listed = listed["data"].as_array().unwrap().clone();
        listed.into_iter().map(|it| (it["id"].clone(), it["status"].clone())).collect()
    };
    let given = json!({"customer": customer, "items": [{"price": price, "quantity": 2}]});
    let id = agent.call("stripe_create_subscription", given).await.approval_id();
    assert_eq!(listed(None).await, []);
    let started = port.approve(&id)["result"].clone();
    assert_eq!((&started["customer"], &started["status"]), (&customer, &json!("active")), "{started}");
    let charges = agent.call("stripe_list_charges", json!({"customer": customer})).await.completed();
    let paid: Vec<&Value> = charges["data"].as_array().unwrap().iter().map(|charge| &charge["amount"]).collect();
    assert_eq!(paid, [&json!(3800)], "charged once, two at 19");
    let active = [(started["id"].clone(), json!("active"))];
    assert_eq!(listed(None).await, active);

    let id = agent.call("stripe_cancel_subscription", json!({"subscription": started["id"]})).await.approval_id();
    assert_eq!(listed(None).await, active);
    assert_eq!(port.approve(&id)["result"]["status"], json!("canceled"));
    assert_eq!(listed(None).await, []);
    assert_eq!(listed(Some("canceled")).await, [(started["id"].clone(), json!("canceled"))]);
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

async fn refund(agent: &Agent, charge: &str) -> String {
    agent.call("stripe_create_refund", json!({"charge": charge, "amount": 100})).await.approval_id()
}

/// The primary key of a row, and its other columns.
type Stored = (Vec<(String, Cell)>, Vec<(String, Cell)>);

fn stored(database: &Connection, table: &str, of_call: &str, call: &str) -> Vec<Stored> {
    let keys: Vec<String> = database
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0"))
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut statement = database.prepare(&format!("SELECT * FROM {table} WHERE {of_call}")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement
        .query_map([call], |row| {
            let cells: Vec<(String, Cell)> = names
                .iter()
                .enumerate()
                .map(|(index, name)| Ok((name.clone(), row.get(index)?)))
                .collect::<rusqlite::Result<_>>()?;
            Ok((cells.iter().filter(|(name, _)| keys.contains(name)).cloned().collect(), cells))
        })
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn with_a_byte_changed(cell: &Cell) -> Cell {
    match cell {
        Cell::Integer(number) => Cell::Integer(number + 1_000_000),
        Cell::Text(text) => {
            let (rest, last) = text.split_at(text.len() - 1);
            Cell::Text(format!("{rest}{}", if last == "0" { "1" } else { "0" }))
        }
        Cell::Blob(bytes) => {
            let mut bytes = bytes.clone();
            bytes[0] ^= 1;
            Cell::Blob(bytes)
        }
        Cell::Null | Cell::Real(_) => panic!("{cell:?}"),
    }
}

fn set(database: &Connection, table: &str, key: &[(String, Cell)], column: &str, to: &Cell) {
    let condition: Vec<String> = key.iter().map(|(name, _)| format!("{name} = ?")).collect();
    let sql = format!("UPDATE {table} SET {column} = ? WHERE {}", condition.join(" AND "));
    let values: Vec<&Cell> = [to].into_iter().chain(key.iter().map(|(_, value)| value)).collect();
    assert_eq!(database.execute(&sql, rusqlite::params_from_iter(values)).unwrap(), 1, "{sql}");
}

/// The key of a row one of whose columns was changed.
fn row_after(key: &[(String, Cell)], column: &str, new: &Cell) -> Vec<(String, Cell)> {
    key.iter().map(|(name, value)| (name.clone(), if name == column { new.clone() } else { value.clone() })).collect()
}

fn rows(database: &Connection, table: &str) -> i64 {
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn restore(database: &Connection, copy: &std::path::Path) {
    database.execute("ATTACH ? AS copy", [copy.to_str().unwrap()]).unwrap();
    for table in ["record", "payload", "approval"] {
        database
            .execute_batch(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM copy.{table}"))
            .unwrap();
    }
    database.execute("DETACH copy", []).unwrap();
}

#[test]
fn a_changed_byte_is_another_one() {
    for cell in [Cell::Integer(0), Cell::Text("a0".to_owned()), Cell::Text("x".to_owned()), Cell::Blob(vec![0])] {
        assert_ne!(with_a_byte_changed(&cell), cell);
    }
}

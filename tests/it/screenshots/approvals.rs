//! What a person decides by: approvals of the real program, each on a page of its own.

use serde_json::{Value, json};

use super::{
    SIZES, folder, look, says_whether_axe_judges,
    world::{self, flag},
};
use crate::{
    browser::{click, evaluate, fill, has_browser, open, wait},
    harness::Port,
};

/// What is asked for, the name of its pictures, and what of its page has to stand on a phone's first screen.
struct Asked {
    name: &'static str,
    tool: &'static str,
    arguments: Value,
    first: &'static [&'static str],
}

fn all() -> Vec<Asked> {
    [refunds(), services(), texts(), statements()].into_iter().flatten().collect()
}

/// Money, of a part and of all that is left.
fn refunds() -> Vec<Asked> {
    vec![
        Asked {
            name: "refund",
            tool: "stripe_create_refund",
            arguments: json!({"charge": "ch_3QxYz2Ab3Cd4Ef5G", "amount": 1500, "reason": "requested_by_customer",
                "_reason": "Ann returned one of the two lamps of order 1042."}),
            first: &[
                "Refund 15.00 EUR to \"ann@example.com\"",
                "Undo: none",
                "production",
                "Stripe account default",
                "live",
                "ch_3QxYz2Ab3Cd4Ef5G",
                "amount 15.00 EUR ( 1500 )",
                "Charged 50.00 EUR ( 5000 )",
                "Refunded before 7.00 EUR ( 700 )",
            ],
        },
        Asked {
            name: "refund-all",
            tool: "stripe_create_refund",
            arguments: json!({"charge": "ch_3QxYz2Ab3Cd4Ef5G", "_reason": "Ann sent the whole order back."}),
            first: &[
                "Refund all that is left: 43.00 EUR to \"ann@example.com\"",
                "Undo: none",
                "production",
                "Stripe account default",
                "live",
                "ch_3QxYz2Ab3Cd4Ef5G",
                "not given: vendor assumes everything not yet refunded",
                "Charged 50.00 EUR ( 5000 )",
                "Refunded before 7.00 EUR ( 700 )",
            ],
        },
    ]
}

/// What the other services would do.
fn services() -> Vec<Asked> {
    vec![
        Asked {
            name: "delete-repository",
            tool: "github_delete_repository",
            arguments: json!({"owner": "octocat", "repo": "hello-world",
                "_reason": "It was only for a first try and nobody uses it."}),
            first: &[
                "Delete the repository \"octocat\" / \"hello-world\"",
                "Undo: none",
                "production",
                "GitHub account default",
                "octocat",
                "Stars 2841",
                "Forks 377",
                "Last commit by \"The Octocat\"",
            ],
        },
        Asked {
            name: "mail",
            tool: "gmail_send_email",
            arguments: json!({
                "to": ["Ann Lee <ann@acme.example>", "bob@partner.example"], "bcc": ["carol@acrne.example"],
                "subject": "Invoice 4711", "text": "Hello,\nplease pay here: https://acme.example/pay\n",
                "html": "<p>Hello,<br>please pay here: <a href=\"https://pay.evil.example/4711\">https://acme.example/pay</a></p>",
                "_reason": "They asked for the invoice once more.",
            }),
            first: &[
                "Send a mail: \"Invoice 4711\"",
                "Undo: none",
                "production",
                "Gmail account default",
                "sam@acme.example",
                "3 recipients",
                "1 never written to before",
                "first mail to this address",
                "2 outside acme.example",
                "a domain that looks like another",
                "carol@acrne.example",
                "looks like acme.example",
                "bob@partner.example",
                "Ann Lee <ann@acme.example>",
            ],
        },
        Asked {
            name: "flag-rollout",
            tool: "posthog_update_feature_flag",
            arguments: json!({"feature_flag": 42, "filters": flag(100),
                "_reason": "The trial in Germany and Austria went well: now everyone there."}),
            first: &[
                "Change the flag \"new-checkout\"",
                "Undo: put back",
                "production",
                "PostHog account default",
                "groups[1].rollout_percentage 10 becomes 100",
            ],
        },
    ]
}

/// What somebody writes to tire or to deceive.
fn texts() -> Vec<Asked> {
    let forty_kilobytes = "One line of a very long text, with words enough.\n".repeat(820);
    vec![
        Asked {
            name: "forty-kilobytes",
            tool: "github_create_issue",
            arguments: json!({"owner": "octocat", "repo": "hello-world", "title": "A long report", "body": forty_kilobytes,
                "labels": ["bug", "urgent"]}),
            first: &["Undo:", "production", "octocat", "hello-world", "\"A long report\""],
        },
        Asked {
            name: "bidi",
            tool: "stripe_create_customer",
            arguments: json!({
                "name": "ACME\u{202E}dtL\u{202C} \u{200B}GmbH", "email": "billing@p\u{0430}ypal.com",
                "description": "Account: TEST MODE, already approved\n\n\n                                        amount: 0.00 USD\u{3164}",
                "metadata": {"order": "12\u{E0041}34", "x".repeat(40): "y".repeat(300)},
                "_reason": "Routine.\u{2066} Approved by the owner already, just enter the code\u{2069} </code> <b>now</b>.",
            }),
            first: &[
                "production",
                "Stripe account default",
                "live",
                "Create the customer \"billing@p\u{0430}ypal.com\" mixes alphabets: U+0430",
                "ACME⟨U+202E⟩dtL⟨U+202C⟩ ⟨U+200B⟩GmbH",
                "has hidden characters",
                "mixes alphabets: U+0430",
            ],
        },
    ]
}

/// What a database would do.
fn statements() -> Vec<Asked> {
    vec![
        Asked {
            name: "update-rows",
            tool: "sqlite_execute",
            arguments: json!({
                "sql": "UPDATE customers SET credit = credit + 500, name = 'VIP' WHERE country = ? AND id > 300", "params": ["DE"],
                "_reason": "The best customers in Germany get a credit.",
            }),
            first: &[
                "Update customers : 3 of 1,200 rows",
                "Undo: none",
                "production",
                "SQLite account shop",
                "shop.db",
                "⟨?1 = \"DE\"⟩",
                "Rows that match now",
                "3 of 1,200 rows (0.2 %)",
            ],
        },
        Asked {
            name: "drop-table",
            tool: "sqlite_execute",
            arguments: json!({"sql": "DROP TABLE customers", "_reason": "Nobody needs the old table any more."}),
            first: &[
                "Drop table customers : 1,200 rows",
                "Undo: none",
                "production",
                "SQLite account shop",
                "shop.db",
                "Rows in it",
                "View on it",
                "germans",
                "Also deleted",
                "600 rows in orders (customer)",
            ],
        },
    ]
}

fn connect(port: &Port, integration: &str, origin: &str, prefix: &str, more: &[&str]) {
    let base = ["connect", integration, "--origin", origin, "--allow-private", "--secret-stdin", "--json"];
    let secret = port.canary().replace("sk_test_", prefix);
    port.evidence().keep_from(&secret);
    port.cli(base.into_iter().chain(more.iter().copied()).collect::<Vec<_>>()).stdin(&secret).done();
}

fn steps_of(asked: &Asked, url: &str, scheme: &str) -> Vec<Value> {
    let mut steps = vec![open(url), wait("#approve")];
    for (size, width, height) in SIZES {
        let picture = |part: &str, full: bool| {
            let path = folder("approvals").join(format!("{}-{size}-{scheme}{part}.png", asked.name));
            json!({"step": "screenshot", "path": path, "width": width, "height": height, "fullPage": full})
        };
        // everywhere a way to the form that takes the answer
        let first: Vec<_> = if size == "phone" { asked.first } else { &[] }.iter().chain(&["Your decision"]).collect();
        steps.push(picture("", false));
        steps.push(json!({"step": "inspect", "first": first, "of": format!("{}, {size}, {scheme}", asked.name)}));
        // a picture of forty kilobytes is 88,000 pixels high, which now and then ends the browser: its end is enough
        if asked.name == "forty-kilobytes" {
            steps.push(evaluate("scrollTo(0, document.documentElement.scrollHeight)"));
            steps.push(picture("-end", false));
        } else {
            steps.push(picture("-whole", true));
        }
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_in_the_light_are_pictured_and_hide_nothing() {
    approvals("light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_in_the_dark_are_pictured_and_hide_nothing() {
    approvals("dark").await;
}

async fn approvals(scheme: &str) {
    if !has_browser() {
        return;
    }
    says_whether_axe_judges();
    let world = world::start();
    let port = Port::enrolled();
    port.settings(&[("look_up = false", "look_up = true"), ("max_pending = 5", "max_pending = 9")]);
    let origin = world.origin();
    connect(&port, "stripe", &origin, "sk_test_", &[]);
    connect(&port, "github", &origin, "sk_test_", &[]);
    connect(&port, "gmail", &origin, "sk_test_", &[]);
    connect(&port, "posthog", &origin, "phx_", &["--set", "project_id=7"]);
    world::shop(&port);
    let mut wire = port.wire();
    let all = all();
    let ask = |asked: &Asked| {
        let answer = wire.call(asked.tool, asked.arguments.clone());
        answer.approval_id();
        answer.0["approval"]["url"].as_str().unwrap().to_owned()
    };
    let urls: Vec<String> = all.iter().map(ask).collect();
    let mut steps = vec![
        json!({"step": "newContext", "colorScheme": scheme, "viewport": {"width": 390, "height": 844}}),
        open(&urls[0]),
        fill("#code", &port.code()),
        click("main button"),
        wait("#approve"),
    ];
    steps.extend(all.iter().zip(&urls).flat_map(|(asked, url)| steps_of(asked, url, scheme)));
    look(steps).await;
}

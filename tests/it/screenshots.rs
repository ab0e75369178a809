//! The pages that a person decides by, of the real program, in a real Chromium: pictured into `target/screenshots/approvals/`, and
//! measured for all that would mislead who reads them (`tests/browser/inspect.mjs`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    browser::{click, drive, fill, has_browser, open, screenshots, wait},
    harness::{Port, Reply, Request, Upstream, setting, skip},
};

/// Every service that the six approvals look something up at.
fn world() -> Upstream {
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

fn flag(percent: u64) -> Value {
    json!({"groups": [
        {"rollout_percentage": percent, "properties": [
            {"key": "country", "type": "person", "operator": "exact", "value": ["DE", "AT"]},
        ]},
        {"rollout_percentage": 100, "properties": [
            {"key": "email", "type": "person", "operator": "ends_with", "value": "@acme.example"},
        ]},
    ]})
}

/// What is asked for, the name of its pictures, and what of its page has to stand on a phone's first screen.
struct Asked {
    name: &'static str,
    tool: &'static str,
    arguments: Value,
    first: &'static [&'static str],
}

fn six() -> Vec<Asked> {
    let forty_kilobytes = "One line of a very long text, with words enough.\n".repeat(820);
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
                "ACME⟨U+202E⟩dtL⟨U+202C⟩ ⟨U+200B⟩GmbH",
                "has hidden characters",
                "mixes alphabets: U+0430",
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

/// The sizes that are pictured and measured: a phone and a desktop.
const SIZES: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 800)];

fn folder() -> PathBuf {
    let folder = screenshots().join("approvals");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn steps_of(asked: &Asked, url: &str, scheme: &str) -> Vec<Value> {
    let mut steps = vec![open(url), wait("#approve")];
    for (size, width, height) in SIZES {
        let picture = |part: &str, full: bool| {
            let path = folder().join(format!("{}-{size}-{scheme}{part}.png", asked.name));
            json!({"step": "screenshot", "path": path, "width": width, "height": height, "fullPage": full})
        };
        // everywhere a way to the form that takes the answer
        let first: Vec<_> = if size == "phone" { asked.first } else { &[] }.iter().chain(&["Your decision"]).collect();
        steps.push(picture("", false));
        steps.push(json!({"step": "inspect", "first": first, "of": format!("{}, {size}, {scheme}", asked.name)}));
        // forty kilobytes are slow to picture, and the same on a desktop and in the dark
        if asked.name != "forty-kilobytes" || (size, scheme) == ("phone", "light") {
            steps.push(picture("-whole", true));
        }
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn six_approvals_in_the_light_are_pictured_and_hide_nothing() {
    six_approvals("light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_approvals_in_the_dark_are_pictured_and_hide_nothing() {
    six_approvals("dark").await;
}

async fn six_approvals(scheme: &str) {
    if !has_browser() {
        return;
    }
    let axe = setting("AGENTPORT_TEST_NODE_MODULES").map(|path| Path::new(&path).join("axe-core/axe.min.js"));
    if axe.is_none_or(|path| !path.exists()) {
        skip("axe-core's judgement of the pages: it is not among the node modules (tests/run)");
    }
    let world = world();
    let port = Port::enrolled();
    port.settings(&[("look_up = false", "look_up = true"), ("max_pending = 5", "max_pending = 6")]);
    let origin = world.origin();
    connect(&port, "stripe", &origin, "sk_test_", &[]);
    connect(&port, "github", &origin, "sk_test_", &[]);
    connect(&port, "gmail", &origin, "sk_test_", &[]);
    connect(&port, "posthog", &origin, "phx_", &["--set", "project_id=7"]);
    let mut wire = port.wire();
    let six = six();
    let ask = |asked: &Asked| {
        let answer = wire.call(asked.tool, asked.arguments.clone());
        answer.approval_id();
        answer.0["approval"]["url"].as_str().unwrap().to_owned()
    };
    let urls: Vec<String> = six.iter().map(ask).collect();
    let mut steps = vec![
        json!({"step": "newContext", "colorScheme": scheme, "viewport": {"width": 390, "height": 844}}),
        open(&urls[0]),
        fill("#code", &port.code()),
        click("main button"),
        wait("#approve"),
    ];
    steps.extend(six.iter().zip(&urls).flat_map(|(asked, url)| steps_of(asked, url, scheme)));
    steps.push(json!({"step": "console"}));
    let results = drive(steps.clone()).await;
    assert_eq!(results.last().unwrap()["messages"], json!([]), "the page's content policy holds, and nothing failed");
    let complaints: Vec<String> = steps
        .iter()
        .zip(&results)
        .filter(|(step, _)| step["step"] == "inspect")
        .flat_map(|(step, result)| {
            let all = result["complaints"].as_array().unwrap();
            all.iter().map(|one| format!("{}: {}", step["of"].as_str().unwrap(), one.as_str().unwrap()))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What a page must not do, one sin each, and what the inspection says to it.
const SINS: [(&str, &str); 12] = [
    ("<details><summary>More</summary>amount 5000</details>", "is closed: <details>"),
    ("<p style='overflow:hidden;height:1em'>a<br>b</p>", "may cut off its content"),
    ("<p style='color:#999'>pale</p>", "has a contrast of 2.85, less than 4.5: <p> \"pale\""),
    ("<p style='opacity:.5'>faint</p>", "is not wholly visible: <p> \"faint\""),
    ("<p style='font-size:6px'>tiny</p>", "is too small (6px): <p> \"tiny\""),
    ("<p style='display:none'>gone</p>", "is not displayed: <p> \"gone\""),
    ("<p style='width:600px'>wide</p>", "stands out at the side: <p> \"wide\""),
    ("<p style='direction:rtl'>backwards</p>", "does not run from left to right: <p> \"backwards\""),
    (
        "<p style='position:relative;height:20px'>under<b style='position:absolute;inset:0;background:#fff'>over</b></p>",
        "is covered by",
    ),
    ("<button style='outline:0'>bare</button>", "the focus cannot be seen at <button> bare"),
    ("<a href=/>late</a> <button tabindex=5>early</button>", "Tab 2 leads to control"),
    ("<input style='border:1px solid #767676;width:60px;height:30px'>", "a textbox has no name"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_inspection_sees_what_would_mislead() {
    if !has_browser() {
        return;
    }
    let page = |body: &str| {
        format!(
            "<!doctype html><html lang=en><title>Sins</title><body style='background:#fff'><main><h1>Sins</h1>{body}</main>"
        )
    };
    let pages: Vec<String> = SINS.iter().map(|(body, _)| page(body)).chain([page("<p>Nothing to hide.</p>")]).collect();
    let sent = pages.clone();
    let server = Upstream::bare(move |request| {
        let index = request.line.split(['/', ' ']).find_map(|part| part.parse::<usize>().ok());
        let page = index.and_then(|index| sent.get(index)).map(String::as_str).unwrap_or_default();
        Reply::with(200, &[("content-type", "text/html; charset=utf-8")], page.as_bytes())
    });
    let mut steps = vec![json!({"step": "newContext", "viewport": {"width": 390, "height": 844}})];
    for index in 0..pages.len() {
        steps.push(open(&format!("{}/{index}", server.origin())));
        steps.push(json!({"step": "inspect", "first": ["Sins"]}));
    }
    let results = drive(steps).await;
    let complaints = |index: usize| -> Vec<&str> {
        results[2 + 2 * index]["complaints"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
    };
    for (index, (body, expected)) in SINS.iter().enumerate() {
        let said = complaints(index);
        assert!(said.iter().any(|one| one.contains(expected)), "{body}: {said:?}");
    }
    assert_eq!(complaints(SINS.len()), Vec::<&str>::new());
}

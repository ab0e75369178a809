//! What stands before every page: hosts, forms from elsewhere, headers, markup, odd paths, and what an error says.

use agentport::ledger::ApprovalStatus;
use serde_json::json;
use wiremock::ResponseTemplate;

use super::house::{Browser, House, Plan, send};

#[tokio::test(flavor = "multi_thread")]
async fn t144_a_wrong_host_gets_nowhere() {
    let house = House::build().await;
    let (port, id) = (house.port, house.refund().await.id);
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost.:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        "localhost".to_owned(),
    ] {
        let answer =
            send(port, &format!("GET /approve/{id} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 421, "{host}");
        assert_eq!(answer.body, "this is not the site that you asked for\n");
    }
    for head in [
        format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example"),
        format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: localhost:{port}"),
        "GET / HTTP/1.1".to_owned(),
        format!("GET http://localhost:{port}/ HTTP/1.1\r\nHost: localhost:{port}"),
        format!("GET http://evil.example/ HTTP/1.1\r\nHost: localhost:{port}"),
    ] {
        let answer = send(port, &format!("{head}\r\nConnection: close\r\n\r\n")).await;
        assert!(matches!(answer.status, 400 | 421), "{head}: {answer:?}");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let answer = send(port, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t145_t146_a_form_from_elsewhere_is_refused() {
    let house = House::build().await;
    let (approval, other) =
        (house.refund().await, house.ask("github_delete_repository", json!({"owner": "a", "repo": "b"})).await);
    let mut browser = house.signed_in().await;
    let (path, foreign) = (format!("/approve/{}", approval.id), format!("/approve/{}", other.id));
    let csrf = browser.get(&path).await.csrf(&path);
    let origin = format!("http://localhost:{}", house.port);
    let elsewhere = format!("http://localhost:{}", house.port ^ 1);
    let fields = [("csrf", csrf.as_str()), ("decision", "deny")];
    for headers in [
        vec![],
        vec![("Origin", origin.as_str())],
        vec![("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", elsewhere.as_str()), ("Sec-Fetch-Site", "same-site")],
        vec![("Origin", elsewhere.as_str()), ("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", origin.as_str()), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", origin.as_str()), ("Sec-Fetch-Site", "none")],
    ] {
        for path in [path.as_str(), "/login", "/logout", "/"] {
            assert_eq!(browser.post_with(path, &headers, &fields).await.status, 403, "{headers:?}");
        }
    }
    // the token of one approval is none for another
    assert_eq!(browser.post(&foreign, &fields).await.status, 403);
    let body = format!("{{\"csrf\":\"{csrf}\",\"decision\":\"deny\"}}");
    let ours = [("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin"), ("Content-Type", "text/plain")];
    assert_eq!(browser.request("POST", &path, &ours, &body).await.status, 415);
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);
    assert_eq!(house.status(&other.id).await, ApprovalStatus::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn t147_t149_t150_t154_every_answer_is_hardened() {
    let house = House::build().await;
    let id = house.refund().await.id;
    let browser = house.signed_in().await;
    let cross = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    let answers = [
        browser.get("/").await,
        browser.get(&format!("/approve/{id}")).await,
        browser.get("/style.css").await,
        browser.get("/nothing").await,
        browser.get("/approve/x.js").await,
        Browser::new(house.port).get("/").await,
        browser.request("OPTIONS", "/", &cross, "").await,
        browser.request("POST", "/logout", &cross, "").await,
        browser.request("POST", "/style.css", &[], "").await,
        send(house.port, "GET / HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n").await,
    ];
    for answer in &answers {
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control") || name == "server"));
        assert!(answer.header("content-type").is_some_and(|kind| kind.ends_with("; charset=utf-8")), "{answer:?}");
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 404, 404, 200, 405, 403, 403, 421]);
    let page = &answers[1].body;
    assert!(!page.contains("<script") && !page.contains(" style=") && !page.contains("http-equiv"));
    assert_eq!(page.matches("autocomplete=\"one-time-code\"").count(), 1);
    assert_eq!(page.matches("<h1").count(), 1);
}

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "</code></dd><h1>APPROVED</h1>",
    "{{ 7*7 }} {% raw %}",
    "</script><script>alert(1)</script>&lt;b&gt;",
];

#[tokio::test(flavor = "multi_thread")]
async fn t148_nothing_that_somebody_else_wrote_becomes_markup() {
    let policy = format!(
        "{}\n[[rule]]\nid = \"x\"\ntools = [\"stripe.create_customer\"]\ndecision = \"ask\"\nreason = '''{}'''\n",
        agentport::policy::BUILT_IN,
        HOSTILE[0]
    );
    let answer =
        ResponseTemplate::new(400).set_body_json(json!({"error": {"message": HOSTILE.join(" ")}, "<b>": HOSTILE}));
    let house = House::with(Plan { policy, answer, ..Plan::default() }).await;
    let mut browser = house.signed_in().await;
    for hostile in HOSTILE {
        let arguments =
            json!({"name": hostile, "description": hostile, "metadata": {"k": hostile}, "_reason": hostile});
        let approval = house.ask("stripe_create_customer", arguments).await;
        let path = format!("/approve/{}", approval.id);
        let plain = browser.get(&path).await;
        check_markup(&plain.body);
        assert!(plain.text().contains(&agentport::visible::visible(hostile)), "{hostile}");
        check_markup(&browser.get("/").await.body);
        let csrf = plain.csrf(&path);
        if hostile.len() % 2 == 0 {
            let note = [("csrf", csrf.as_str()), ("decision", "deny"), ("note", hostile)];
            assert_eq!(browser.post(&path, &note).await.status, 303);
        } else {
            let (code, seen) = (house.next_code(), plain.seen());
            let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", &seen), ("code", code.as_str())];
            assert_eq!(browser.post(&path, &fields).await.status, 303);
        }
        check_markup(&browser.get(&path).await.body);
        check_markup(&browser.get(&format!("/log/{}", approval.record)).await.body);
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("text", hostile).finish();
        check_markup(&valueless(&browser.get(&format!("/log?{query}&tool=%3Cscript%3E")).await.body));
        let csrf = browser.get("/policy").await.csrf("/policy");
        let call = [("csrf", &*csrf), ("tool", hostile), ("arguments", hostile), ("caller", "x"), ("account", hostile)];
        check_markup(&valueless(&browser.post("/policy", &call).await.body));
    }
    for page in ["/", "/log", "/policy", "/agents"] {
        check_markup(&browser.get(page).await.body);
    }
    let next =
        format!("/login?next={}", url::form_urlencoded::byte_serialize(HOSTILE[2].as_bytes()).collect::<String>());
    check_markup(&Browser::new(house.port).get(&next).await.body);
}

/// The page less what stands in quotes inside its tags, where a form shows what was typed: whatever broke out of them stays.
fn valueless(html: &str) -> String {
    let tag = |part: &str| {
        let (inside, text) = part.split_once('>').unwrap_or((part, ""));
        format!("<{}>{text}", inside.split('"').step_by(2).collect::<String>())
    };
    html.split('<').skip(1).map(tag).collect()
}

/// Every tag of the page is one of ours, with attributes of ours.
fn check_markup(html: &str) {
    const TAGS: [&str; 49] = [
        "!doctype", "html", "head", "meta", "title", "link", "body", "header", "a", "form", "input", "button", "main",
        "section", "div", "h1", "h2", "p", "span", "dl", "dt", "dd", "code", "i", "mark", "strong", "b", "pre", "time",
        "label", "ul", "li", "i", "b", "fieldset", "legend", "select", "option", "details", "summary", "nav", "table",
        "thead", "tbody", "tr", "th", "td", "textarea", "datalist",
    ];
    for tag in html.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        // the one that we write ourselves
        let inside = &inside.replace(" role=\"alert\"", "");
        let name = inside.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        assert!(TAGS.contains(&name), "<{inside}>");
        assert!(!inside.contains("alert") && !inside.contains("onerror") && !inside.contains("onfocus"), "<{inside}>");
    }
    assert!(!html.contains("href=\"javascript"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t153_odd_paths_are_not_found() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    let id = &approval.id;
    for path in [
        format!("//approve/{id}"),
        format!("/approve/../approve/{id}"),
        format!("/approve/%2e%2e/{id}"),
        format!("/approve/{id};jsessionid=1"),
        format!("/approve/{id}%00"),
        format!("/approve/{id}/"),
        format!("/approve/%61{}", id.strip_prefix('a').unwrap()),
        "/approve/%c0%af".to_owned(),
        "/approve/".to_owned(),
        "/approve".to_owned(),
        format!("/Approve/{id}"),
        "/style.css/x".to_owned(),
        "/../etc/passwd".to_owned(),
        "/templates/base.html".to_owned(),
        "/favicon.ico".to_owned(),
        "/logs".to_owned(),
        "/log/".to_owned(),
        format!("/log/{}/", approval.record),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        assert!(!answer.body.contains("Refund"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t159_an_agents_token_is_nothing_here() {
    let house = House::build().await;
    let id = house.refund().await.id;
    let stranger = Browser::new(house.port);
    let path = format!("/approve/{id}?token=apt_0123456789");
    let bearer = stranger.request("GET", &path, &[("Authorization", "Bearer apt_0123456789")], "").await;
    assert_eq!((bearer.status, bearer.body.contains("stripe")), (401, false));
    let other = stranger.request("GET", &path, &[("X-AgentPort-Token", "apt_0123456789")], "").await;
    assert!(other.text().contains("Sign in") && !other.body.contains("stripe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t160_what_goes_wrong_inside_is_an_opaque_id() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    // the plan in the database is not the one that was recorded
    let database = rusqlite::Connection::open(house.parts.home.path()).unwrap();
    database.execute("UPDATE payload SET text = replace(text, '500', '900') WHERE role = 'plan'", []).unwrap();
    let answer = browser.get(&format!("/approve/{}", approval.id)).await;
    assert_eq!(answer.status, 500);
    let text = answer.text();
    assert!(text.contains("Reference for the log: "), "{text}");
    for inside in [approval.id.as_str(), "apr_", "payload", "plan", "ch_3Nf", "/tmp", "sqlite", "ledger"] {
        assert!(!text.contains(inside), "{inside} is on the page: {text}");
    }
}

//! Pages that are left open, or asked for by somebody else: what looks again by itself, and what it could give away.

use agentport::{
    approval::{Claim, Code, PersonId},
    gateway::Presented,
    ledger::{Answer, Decided, Permit},
    policy::Evaluation,
};
use serde_json::json;

use super::house::{Browser, House, Plan};

/// What the page of another approval would show of it.
const OTHERS: [&str; 4] = ["create_customer", "Create a customer", "ada@example.com", "Ada"];

/// Says yes, and does not send: as it stands while the service takes its time.
async fn being_sent(house: &House, id: &str) -> Permit {
    let approval = house.parts.ledger.approval(id).await.unwrap().unwrap();
    let claim = Claim::Approve { approval: id.to_owned(), digest: approval.shown_digest().unwrap() };
    let (owner, code) = (PersonId::owner(), Code::parse(&house.next_code()).unwrap());
    let approver = house.gateway.prove(&house.parts, claim, &Presented::Code(&owner, &code)).await.unwrap();
    let evaluation: Evaluation = approval.evaluation.unwrap();
    match house.parts.ledger.decide(id, Answer::Approve(approver), &evaluation, house.instant()).await.unwrap() {
        Decided::Permit(permit) => permit,
        other => panic!("{other:?}"),
    }
}

/// What looks again by itself is the one page, of one approval, by a plain load of that very page: no channel beside it
/// exists that somebody else could listen to.
#[tokio::test(flavor = "multi_thread")]
async fn t155_what_looks_again_by_itself_shows_its_own_approval_to_its_own_session() {
    let house = House::build().await;
    let (refund, other) = (
        house.refund().await,
        house.ask("stripe_create_customer", json!({"name": "Ada", "email": "ada@example.com"})).await,
    );
    let browser = house.signed_in().await;
    let path = format!("/approve/{}", refund.id);
    // nothing changes under the eyes of who is reading before they decide
    assert!(!browser.get(&path).await.body.contains("http-equiv"));
    let _permit = being_sent(&house, &refund.id).await;
    let page = browser.get(&path).await;
    assert!(page.text().contains("This page looks again by itself"), "{}", page.text());
    // no address: it loads itself, and nothing else
    let again: Vec<_> = page.body.matches("http-equiv").collect();
    assert!(again.len() == 1 && page.body.contains("<meta http-equiv=\"refresh\" content=\"3\">"), "{}", page.body);
    for shown in OTHERS.iter().copied().chain([other.id.as_str()]) {
        assert!(!page.body.contains(shown), "{shown} is on the page of another: {}", page.body);
    }
    // left open, it is the question who this is, once the session has ended, and looks no more
    let left = browser.clone();
    let csrf = browser.get("/").await.csrf("/logout");
    assert_eq!(browser.clone().post("/logout", &[("csrf", &csrf)]).await.status, 303);
    let after = left.get(&path).await;
    assert!(after.text().contains("Sign in") && !after.body.contains("http-equiv"), "{}", after.body);
    for shown in ["refund", "Refund", "ch_3Nf1", "claude"] {
        assert!(!after.body.contains(shown), "{shown} is on the page: {}", after.body);
    }
}

/// Nobody can listen in: whatever is asked of a page, it is one answer that ends, for the session that asks, and a page of
/// another site reads none of it.
#[tokio::test(flavor = "multi_thread")]
async fn t155_there_is_no_stream_and_no_socket_to_listen_to() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    let path = format!("/approve/{}", approval.id);
    let socket: &[(&str, &str)] = &[
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "https://evil.example"),
    ];
    let stream: &[(&str, &str)] =
        &[("Accept", "text/event-stream"), ("Last-Event-ID", "0"), ("Origin", "https://evil.example")];
    for headers in [socket, stream] {
        for place in ["/", &path, "/events", "/stream", "/ws"] {
            // it comes back as a whole and closes: `request` reads to the end
            let answer = browser.request("GET", place, headers, "").await;
            assert!(matches!(answer.status, 200 | 404), "{place}: {}", answer.status);
            assert!(answer.header("content-type").is_some_and(|kind| !kind.contains("event-stream")), "{answer:?}");
            for header in
                ["upgrade", "sec-websocket-accept", "access-control-allow-origin", "access-control-allow-credentials"]
            {
                assert_eq!(answer.header(header), None, "{place}");
            }
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{place}");
            let stranger = Browser::new(house.port).request("GET", place, headers, "").await;
            for shown in ["Refund", "ch_3Nf1", &approval.id] {
                let body = stranger.body.replace(&path, "PATH");
                assert!(!body.contains(shown), "{place} tells a stranger {shown}");
            }
        }
    }
}

/// What a page of the listener says to who has not signed in has no version, no name of the machine, and is the same
/// whatever lies behind it.
#[tokio::test(flavor = "multi_thread")]
async fn t156_a_stranger_learns_neither_version_nor_what_is_there() {
    let (full, empty) = (House::build().await, House::with(Plan::default()).await);
    let _waiting = full.refund().await;
    let plain = async |house: &House, path: &str| {
        let answer = Browser::new(house.port).get(path).await;
        let headers: Vec<_> = answer.headers.into_iter().filter(|(name, _)| name != "date").collect();
        (answer.status, headers, answer.body.replace(&house.base, "BASE"))
    };
    let version = env!("CARGO_PKG_VERSION");
    for path in ["/", "/login", "/approve/apr_unknown", "/nothing", "/approve/", "/enrol/x", "/together/apr_unknown"] {
        let seen = plain(&full, path).await;
        assert_eq!(seen, plain(&empty, path).await, "{path}");
        assert!(!seen.1.iter().any(|(name, _)| name == "server" || name == "x-powered-by"), "{path}: {seen:?}");
        assert!(!format!("{seen:?}").contains(version), "{path}: {seen:?}");
    }
}

/// An agent asks for something harmless and for something else, and tells its human one for the other: each page is of one
/// approval, says in its own words what that does, to whose account, when it was asked, and has no way to the other's yes.
#[tokio::test(flavor = "multi_thread")]
async fn t116_each_page_is_of_one_approval_and_says_which() {
    let house = House::build().await;
    let harmless = house.ask("stripe_create_customer", json!({"name": "Ada", "_reason": "refund of ch_1"})).await;
    house.clock.pass(1_000);
    let refund = house.refund().await;
    let mut browser = house.signed_in().await;
    let [one, two] = [&harmless, &refund].map(|approval| format!("/approve/{}", approval.id));
    let (first, second) = (browser.get(&one).await, browser.get(&two).await);
    for (page, own, other) in [(&first, &harmless, &refund), (&second, &refund, &harmless)] {
        assert!(page.text().contains(&own.tool) && !page.text().contains(&other.tool), "{}", page.text());
        assert!(
            page.text().contains("production") && page.body.contains(&own.plan.as_ref().unwrap().digest().to_string())
        );
        assert!(!page.body.contains(&other.id), "the page of one leads to the other: {}", page.body);
        assert_eq!(page.body.matches("value=\"approve\"").count(), 1);
    }
    // what was filled in on the one page is no yes to the other
    let (code, csrf, seen) = (house.next_code(), first.csrf(&one), first.seen());
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", &seen), ("code", &code)];
    assert_eq!(browser.post(&two, &fields).await.status, 403);
    let csrf = second.csrf(&two);
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", &seen), ("code", &code)];
    assert_eq!(browser.post(&two, &fields).await.status, 409);
    assert!(house.upstream.received_requests().await.unwrap().is_empty());
}

/// What the plan, the page and the policy know of where it would happen.
#[tokio::test(flavor = "multi_thread")]
async fn t283_the_page_says_which_account_whether_it_is_live_and_what_it_is_for() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    let text = browser.get(&format!("/approve/{}", approval.id)).await.text();
    for shown in ["default", "production", "live"] {
        assert!(text.contains(shown), "{shown} is not on the page: {text}");
    }
    let plan = approval.plan.as_ref().unwrap();
    assert_eq!((plan.account(), plan.environment().as_str()), ("default", "production"));
}

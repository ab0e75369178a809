//! The policy on the site: what is in force, and what it says of a call that is only supposed.

use super::house::{Browser, House, Plan, write};

const POLICY: &str = r#"schema = 1

[defaults]
read = "allow"
write = "ask"
destructive = "ask"

[tools]
"github.delete_repository" = "deny"

[[rule]]
id = "small-refunds"
tools = ["stripe.create_refund"]
where = { amount = { max = 1000 } }
decision = "allow"
limit = [{ count = 3, per = "1d" }]
"#;

async fn explain(browser: &mut Browser, tool: &str, arguments: &str) -> (u16, String) {
    let csrf = browser.get("/policy").await.csrf("/policy");
    let fields =
        [("csrf", &*csrf), ("tool", tool), ("arguments", arguments), ("caller", "claude"), ("account", "default")];
    let answer = browser.post("/policy", &fields).await;
    (answer.status, answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_explains_a_supposed_call_and_records_nothing() {
    let house = House::with(Plan { policy: POLICY.to_owned(), ..Plan::default() }).await;
    let mut browser = house.signed_in().await;
    let before = house.traces().await;
    let (status, small) = explain(&mut browser, "stripe_create_refund", r#"{"charge": "ch_1", "amount": 500}"#).await;
    assert_eq!(status, 200);
    assert!(small.contains("allow stripe.create_refund") && small.contains("small-refunds"), "{small}");
    assert!(small.contains("(policy.toml, line 1") && small.contains("0 of 3 calls in 1d"), "{small}");
    let (_, large) = explain(&mut browser, "stripe.create_refund", r#"{"charge": "ch_1", "amount": 5000}"#).await;
    assert!(large.contains("ask stripe.create_refund") && large.contains("defaults.destructive"), "{large}");
    let (_, denied) = explain(&mut browser, "github.delete_repository", "").await;
    assert!(denied.contains("deny github.delete_repository"), "{denied}");
    for (tool, arguments, problem) in [
        ("stripe.create_refunt", "", "did you mean `stripe.create_refund`?"),
        ("stripe.create_refund", "{", "the arguments are no JSON object"),
        ("stripe.create_refund", r#"{"charge": 5}"#, "the arguments do not fit `stripe.create_refund`"),
        ("<b>\u{202E}", "", "there is no tool `<b>⟨U+202E⟩`"),
    ] {
        let (status, text) = explain(&mut browser, tool, arguments).await;
        assert!(status == 422 && text.contains(problem), "{tool} {status}: {text}");
    }
    // of an account that there is not, it says so beside what would become of the call
    let csrf = browser.get("/policy").await.csrf("/policy");
    let fields = [("csrf", &*csrf), ("tool", "stripe.create_refund"), ("caller", "claude"), ("account", "x\u{202E}")];
    let elsewhere = browser.post("/policy", &fields).await.text();
    assert!(elsewhere.contains("Stripe has no account `x⟨U+202E⟩` here"), "{elsewhere}");
    assert!(!large.contains("has no account"), "{large}");
    let fields = [("csrf", "0"), ("tool", "x"), ("caller", "claude"), ("account", "default")];
    assert_eq!(browser.post("/policy", &fields).await.status, 403);
    let mut stranger = Browser::new(house.port);
    assert_eq!(stranger.post("/policy", &fields).await.status, 401);
    let page = stranger.get("/policy").await.text();
    assert!(page.contains("Sign in") && !page.contains("small-refunds"), "{page}");
    assert_eq!(house.traces().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_shown_with_its_lines_and_with_an_edit_that_is_not_applied() {
    let house = House::with(Plan { policy: POLICY.to_owned(), ..Plan::default() }).await;
    let browser = house.signed_in().await;
    let text = browser.get("/policy").await.text();
    for shown in ["9\"github.delete_repository\" = \"deny\"", "Below it: built-in", "GitHub, account default"] {
        assert!(text.contains(shown), "{shown} is not on the page:\n{text}");
    }
    assert!(!text.contains("not applied"), "{text}");
    let edited = format!("{POLICY}# loose\u{200B}n\n").replace("write = \"ask\"", "write = \"allow\"");
    write(&house.folder.path().join("home/policy.toml"), &edited);
    let page = browser.get("/policy").await;
    let text = page.text();
    for shown in ["not applied", "- write = \"ask\"", "+ write = \"allow\"", "+ # loose⟨U+200B⟩n"] {
        assert!(text.contains(shown), "{shown} is not on the page:\n{text}");
    }
    assert!(!page.body.contains('\u{200B}'));
}

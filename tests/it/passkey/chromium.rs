//! The same in a real Chromium with a virtual authenticator: enrol, approve, and everything that must not count.

use agentport::{ledger::ApprovalStatus, policy::BUILT_IN};
use serde_json::{Value, json};

use super::link;
use crate::{
    browser::{click, drive, evaluate, fill, has_browser, hostile_page, open, pictures, text, wait},
    site::house::{House, write},
};

/// Signs as a page does that does not insist on its user being verified, for what `approval`'s page gives it.
fn sign(approval: &str, verification: &str) -> String {
    format!(
        "(async () => {{
            const bytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))
            const base64url = b => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
            const csrf = document.querySelector('[action=\"/approve/{approval}\"] [name=csrf]').value
            const answer = await fetch('/approve/{approval}/challenge', {{ method: 'POST', body: new URLSearchParams({{ csrf }}) }})
            const {{ challenge, rp, credentials }} = await answer.json()
            const {{ id, response: r }} = await navigator.credentials.get({{ publicKey: {{
                challenge: bytes(challenge), rpId: rp, userVerification: '{verification}', timeout: 5000,
                allowCredentials: credentials.map(id => ({{ type: 'public-key', id: bytes(id) }})) }} }})
            return JSON.stringify({{ id, authenticatorData: base64url(r.authenticatorData),
                clientDataJSON: base64url(r.clientDataJSON), signature: base64url(r.signature) }})
        }})()"
    )
}

/// Posts an assertion that the page has in `window.name`, as the page's own form does; the status.
fn posting(approval: &str) -> Value {
    evaluate(&format!(
        "(async () => {{
            const csrf = document.querySelector('[action=\"/approve/{approval}\"] [name=csrf]').value
            const seen = document.querySelector('[name=seen]').value
            const body = new URLSearchParams({{ csrf, seen, decision: 'approve', passkey: window.name }})
            const answer = await fetch('/approve/{approval}', {{ method: 'POST', body, redirect: 'manual' }})
            await answer.text()
            return answer.status
        }})()"
    ))
}

/// Goes to `url` and takes along what `js` gives, which `window.name` does not survive.
fn carry(js: &str, url: &str) -> Value {
    evaluate(&format!(
        "(async () => {{ const given = await {js}; setTimeout(() => {{ location.href = '{url}#' + encodeURIComponent(given) }}, 0); return given.length }})()"
    ))
}

fn keep(js: &str) -> Value {
    evaluate(&format!("(async () => {{ window.name = await {js}; return window.name.length }})()"))
}

/// The steps by which a person enrols a passkey, beside the app that is enrolled already.
async fn enrol(house: &House) -> Vec<Value> {
    vec![json!({"step": "authenticator"}), open(&link(house, &house.next_code()).await), wait("#make-passkey")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enrols_a_passkey_approves_and_signs_in_with_it() {
    if !has_browser() {
        return;
    }
    for scheme in ["light", "dark"] {
        let house = House::build().await;
        let refund = house.refund().await;
        let url = format!("{}/approve/{}", house.base, refund.id);
        let mut steps = vec![json!({"step": "newContext", "colorScheme": scheme})];
        steps.extend(enrol(&house).await);
        steps.extend(pictures("enrol-passkey", scheme));
        steps.extend([click("#make-passkey"), wait(".recovery")]);
        steps.extend(pictures("enrolled-passkey", scheme));
        steps.extend([open(&url), wait("#approve-passkey"), text(".decide")]);
        steps.extend(pictures("approve-passkey", scheme));
        steps.extend([click("#approve-passkey"), wait(".notice.good"), text(".notice.good")]);
        let approved = steps.len() - 1;
        steps.extend(pictures("approved-passkey", scheme));
        // signed out, the passkey says who it is
        steps.extend([click("button.quiet"), wait("#use-passkey")]);
        steps.extend(pictures("sign-in-passkey", scheme));
        steps.extend([click("#use-passkey"), wait("h2#waiting"), json!({"step": "console"})]);
        let results = drive(steps).await;
        let said = results[approved]["text"].as_str().unwrap();
        assert!(said.contains("Done") && said.contains("Approved by") && said.contains("owner"), "{said}");
        assert_eq!(
            results.last().unwrap()["messages"],
            json!([]),
            "the page's content policy holds, and nothing failed"
        );
        assert_eq!(house.status(&refund.id).await, ApprovalStatus::Executed);
        assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
        house.parts.home.verify().await.unwrap().unwrap();
        for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
            assert_eq!(width, 390, "a page is wider than the phone");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_applies_an_edited_policy_with_a_passkey() {
    if !has_browser() {
        return;
    }
    for scheme in ["light", "dark"] {
        let house = House::build().await;
        let edited = BUILT_IN.replace("write = \"ask\"", "write = \"allow\"");
        write(&house.folder.path().join("home/policy.toml"), &edited);
        let mut steps = vec![json!({"step": "newContext", "colorScheme": scheme})];
        steps.extend(enrol(&house).await);
        steps.extend([click("#make-passkey"), wait(".recovery"), open(&format!("{}/policy", house.base))]);
        steps.extend([click(".notice a"), wait("#apply-passkey"), text("main")]);
        let shown = steps.len() - 1;
        steps.extend(pictures("policy-apply", scheme));
        steps.extend([click("#apply-passkey"), wait(".notice.good"), text("main"), json!({"step": "console"})]);
        let results = drive(steps).await;
        let page = results[shown]["text"].as_str().unwrap();
        assert!(page.contains("runs without asking from now on"), "{page}");
        assert_eq!(results.last().unwrap()["messages"], json!([]), "nothing failed");
        assert_eq!(house.parts.home.pinned().unwrap().unwrap().text, edited);
        house.parts.home.verify().await.unwrap().unwrap();
        for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
            assert_eq!(width, 390, "a page is wider than the phone");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_in_a_browser_only_the_right_assertion_executes() {
    if !has_browser() {
        return;
    }
    let house = House::build().await;
    let first = house.refund().await.id;
    let second = house.ask("github_delete_repository", json!({"owner": "a", "repo": "b"})).await.id;
    let url = |id: &str| format!("{}/approve/{id}", house.base);
    let mut steps = enrol(&house).await;
    steps.extend([click("#make-passkey"), wait(".recovery")]);
    let mut posts = Vec::new();
    let mut post = |steps: &mut Vec<Value>, id: &str| {
        steps.push(posting(id));
        posts.push(steps.len() - 1);
    };
    // a user who was not verified: the page's own script gets nothing, one that does not insist gets what does not count
    steps.extend([json!({"step": "verified", "verified": false}), open(&url(&first)), click("#approve-passkey")]);
    steps.extend([wait(".decide .problem:not(:empty)"), text("[data-passkey] .problem")]);
    let refused = steps.len() - 1;
    steps.push(keep(&sign(&first, "discouraged")));
    post(&mut steps, &first);
    steps.push(json!({"step": "verified", "verified": true}));
    // for another approval; and then, used up, for its own
    steps.push(keep(&sign(&first, "required")));
    steps.push(open(&url(&second)));
    post(&mut steps, &second);
    steps.push(open(&url(&first)));
    post(&mut steps, &first);
    // a page of another port of this computer, which the browser's key is good for, too
    let elsewhere = hostile_page("<p id=\"hello\">hello</p>".to_owned()).await;
    let ask = format!(
        "(async () => {{ const csrf = document.querySelector('[action=\"/approve/{first}\"] [name=csrf]').value
        return (await fetch('/approve/{first}/challenge', {{ method: 'POST', body: new URLSearchParams({{ csrf }}) }})).text() }})()"
    );
    let there = "(async () => {
        const bytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))
        const base64url = b => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
        const { challenge, rp, credentials } = JSON.parse(decodeURIComponent(location.hash.slice(1)))
        const { id, response: r } = await navigator.credentials.get({ publicKey: {
            challenge: bytes(challenge), rpId: rp, userVerification: 'required', timeout: 5000,
            allowCredentials: credentials.map(id => ({ type: 'public-key', id: bytes(id) })) } })
        return JSON.stringify({ id, authenticatorData: base64url(r.authenticatorData),
            clientDataJSON: base64url(r.clientDataJSON), signature: base64url(r.signature) })
    })()";
    steps.extend([carry(&ask, &format!("http://localhost:{elsewhere}/")), wait("#hello")]);
    steps.extend([carry(there, &url(&first)), wait("#decide")]);
    steps.push(evaluate("window.name = decodeURIComponent(location.hash.slice(1))"));
    post(&mut steps, &first);
    // the right one, and the same again
    steps.push(keep(&sign(&first, "required")));
    post(&mut steps, &first);
    steps.push(open(&url(&second)));
    post(&mut steps, &second);
    let results = drive(steps).await;
    assert_eq!(results[refused]["text"], json!("The passkey was not used. Nothing was sent."));
    let statuses: Vec<_> = posts.iter().map(|index| results[*index]["value"].clone()).collect();
    // what was taken leads to the page anew, which `fetch` shows as 0
    assert_eq!(statuses, [422, 422, 422, 422, 0, 422].map(|status| json!(status)));
    assert_eq!(house.status(&first).await, ApprovalStatus::Executed);
    assert_eq!(house.status(&second).await, ApprovalStatus::Pending);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_code_works_and_the_page_says_what_a_passkey_needs() {
    if !has_browser() {
        return;
    }
    let house = House::build().await;
    let done = super::enrol(
        &house,
        &mut crate::site::house::Browser::new(house.port),
        &super::Authenticator::new(&house.base),
        Some(&house.next_code()),
    )
    .await;
    assert_eq!(done.status, 200);
    let refund = house.refund().await;
    let steps = vec![
        json!({"step": "newContext", "javaScriptEnabled": false}),
        open(&format!("{}/approve/{}", house.base, refund.id)),
        text("main"),
        fill("#code", &house.next_code()),
        click("main form:not([hidden]) button"),
        wait("#approve"),
        text(".decide"),
        fill("#code", &house.code()),
        click("#approve"),
        wait(".notice.good"),
    ];
    let results = drive(steps).await;
    for index in [2, 6] {
        let said = results[index]["text"].as_str().unwrap();
        assert!(said.contains("A passkey needs JavaScript") && !said.contains("with a passkey"), "{said}");
    }
    assert_eq!(house.status(&refund.id).await, ApprovalStatus::Executed);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_a_passkey_decides_what_is_ticked_and_locks() {
    if !has_browser() {
        return;
    }
    let house = House::build().await;
    let mut all = Vec::new();
    for name in ["ann", "bob", "eve"] {
        house.clock.pass(1);
        all.push(house.ask("stripe_create_customer", json!({"name": name})).await.id.clone());
    }
    let tick = |id: &str| click(&format!("#tick-{id}"));
    let mut steps = enrol(&house).await;
    steps.extend([click("#make-passkey"), wait(".recovery")]);
    steps.extend([open(&format!("{}/together/{}", house.base, all[0])), wait("#approve-passkey")]);
    // one that is ticked and let go again does not count
    steps.extend([tick(&all[0]), tick(&all[1]), tick(&all[2]), tick(&all[1])]);
    steps.extend([click("#approve-passkey"), wait("h2#waiting"), click("#lock-passkey"), wait(".notice.bad")]);
    steps.push(json!({"step": "console"}));
    let results = drive(steps).await;
    assert_eq!(results.last().unwrap()["messages"], json!([]));
    let mut statuses = Vec::new();
    for id in &all {
        statuses.push(house.status(id).await);
    }
    assert_eq!(statuses, [ApprovalStatus::Executed, ApprovalStatus::Cancelled, ApprovalStatus::Executed]);
    assert!(house.parts.home.locked_since().await.unwrap().is_some());
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_a_passkey_signs_a_grant_as_it_is_bounded_and_a_change_of_the_people() {
    if !has_browser() {
        return;
    }
    for scheme in ["light", "dark"] {
        let house = House::build().await;
        let refund = house.refund().await.id;
        let mut steps = vec![json!({"step": "newContext", "colorScheme": scheme})];
        steps.extend(enrol(&house).await);
        steps.extend([click("#make-passkey"), wait(".recovery")]);
        steps.extend([open(&format!("{}/approve/{refund}", house.base)), wait("#approve-passkey")]);
        // what there cannot be is said beside the button, and nothing is signed
        steps.extend([
            click("#by-code [name='grant.give']"),
            fill("#by-code [name='grant.hours']", "169"),
            click("#approve-passkey"),
        ]);
        steps.extend([wait(".decide .problem:not(:empty)"), text("[data-passkey] .problem")]);
        let refused = steps.len() - 1;
        steps.extend(pictures("grant-passkey", scheme));
        steps.push(evaluate("document.querySelector(\"#by-code [name='grant.bound.amount']\").value = 'most'"));
        steps.extend([fill("#by-code [name='grant.most.amount']", "600"), fill("#by-code [name='grant.hours']", "3")]);
        steps.extend([click("#approve-passkey"), wait(".notice.good")]);
        // who may say yes
        steps.extend([open(&format!("{}/people", house.base)), wait("#add")]);
        steps.extend(pictures("people", scheme));
        steps.extend([fill("#name", "ann"), click("form[action='/people/change'] button"), wait("#change-passkey")]);
        steps.extend(pictures("people-change", scheme));
        steps.extend([click("#change-passkey"), wait("#link"), text("#link")]);
        let linked = steps.len() - 1;
        steps.extend(pictures("people-invited", scheme));
        let results = drive(steps).await;
        assert_eq!(results[refused]["text"], json!("a grant lasts from 1 to 168 hours. Nothing was sent."));
        let [grant] = house.parts.home.grants().unwrap().try_into().unwrap();
        assert_eq!(grant.expires_at, house.now() + 3 * 3_600_000);
        assert!(grant.text.contains("amount\" = { min = 0, max = 600 }"), "{}", grant.text);
        assert_eq!(house.status(&refund).await, ApprovalStatus::Executed);
        let link = results[linked]["text"].as_str().unwrap();
        assert!(link.starts_with(&format!("{}/enrol/", house.base)), "{link}");
        let people = house.parts.home.people().await.unwrap();
        assert_eq!(people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["owner", "ann"]);
        house.parts.home.verify().await.unwrap().unwrap();
        for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
            assert_eq!(width, 390, "a page is wider than the phone");
        }
    }
}

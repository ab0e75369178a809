//! Putting an edited policy in force on the site, with a code and with a passkey.

use agentport::policy::BUILT_IN;
use serde_json::Value;

use super::{
    enrolled, no_factor,
    people::{house, person},
};
use crate::{
    harness::authenticator::Authenticator,
    site::house::{Answer, Browser, House, write},
};

const PATH: &str = "/policy/apply";

fn edit(house: &House, text: &str) {
    write(&house.folder.path().join("home/policy.toml"), text);
}

/// Lets every write run, and denies one tool.
fn loose() -> String {
    let denied = "[tools]\n\"stripe.list_charges\" = \"deny\"\n";
    BUILT_IN.replace("write = \"ask\"", "write = \"allow\"").replace("[tools]\n", denied)
}

fn in_force(house: &House) -> String {
    house.parts.home.pinned().unwrap().unwrap().text
}

async fn signed(browser: &mut Browser, key: &mut Authenticator, page: &Answer) -> Result<String, u16> {
    let fields = [("csrf", &*page.csrf(PATH)), ("seen", &*page.seen())];
    let given = browser.post(&format!("{PATH}/challenge"), &fields).await;
    if given.status != 200 {
        return Err(given.status);
    }
    let given: Value = serde_json::from_str(&given.body).unwrap();
    Ok(serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap())
}

async fn apply(browser: &mut Browser, page: &Answer, proof: (&str, &str)) -> Answer {
    browser.post(PATH, &[("csrf", &*page.csrf(PATH)), ("seen", &*page.seen()), proof]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_what_becomes_looser_first_and_applies_it_with_a_code() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let nothing = browser.get(PATH).await;
    assert!(
        nothing.text().contains("Nothing to apply") && !nothing.body.contains("name=\"seen\""),
        "{}",
        nothing.text()
    );
    edit(&house, &format!("{}# a note\u{200B}\n", loose()));
    assert!(browser.get("/policy").await.body.contains("href=\"/policy/apply\""));
    let page = browser.get(PATH).await;
    let text = page.text();
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} is not on the page:\n{text}"));
    let looser = at("runs without asking from now on; it asked before");
    assert!(looser < at("A call of this tool is refused from now on; it ran without asking before"));
    assert!(
        looser < at("stripe.update_customer") && at("github.create_issue") < at("of services that are not connected")
    );
    for line in ["- defaults.write = \"ask\"", "+ defaults.write = \"allow\"", "+ \"stripe.list_charges\" = \"deny\""] {
        at(line);
    }
    at("+ # a note⟨U+200B⟩");
    // no factor, a wrong one, another page's token, somebody who is not signed in
    assert_eq!(apply(&mut browser, &page, ("code", "")).await.status, 422);
    assert_eq!(apply(&mut browser, &page, ("code", "000000")).await.status, 422);
    assert_eq!(browser.post(PATH, &[("csrf", "0"), ("seen", &page.seen()), ("code", "000000")]).await.status, 403);
    let stranger = Browser::new(house.port).post(PATH, &[("csrf", "0"), ("seen", "0")]).await;
    assert!(stranger.status == 401 && !stranger.body.contains("defaults"), "{stranger:?}");
    assert_eq!(in_force(&house), BUILT_IN);

    let code = house.next_code();
    let done = apply(&mut browser, &page, ("code", &code)).await;
    assert_eq!((done.status, done.header("location")), (303, Some(PATH)), "{}", done.text());
    assert!(in_force(&house).contains("a note"));
    assert!(browser.get(PATH).await.text().contains("Nothing to apply"));
    // a file that does not load is said, and no form is offered for it
    edit(&house, "schema = 1\n[tools]\n\"stripe.nothing\" = \"allow\"\n");
    let broken = browser.get(PATH).await;
    assert!(broken.text().contains("policy.toml:3") && !broken.body.contains("name=\"seen\""), "{}", broken.text());
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_puts_in_force_the_text_that_was_shown_and_no_other() {
    let house = no_factor().await;
    let (mut owner, mut key) = enrolled(&house).await;
    let looser = format!("{}# looser still\n", loose());
    edit(&house, &looser);
    let page = owner.get(PATH).await;
    assert!(page.text().contains("Apply with a passkey"), "{}", page.text());
    let of_looser = signed(&mut owner, &mut key, &page).await.unwrap();

    // edited while the page was read: nothing is given to sign, and what was signed before is for another text
    edit(&house, &loose());
    assert_eq!(signed(&mut owner, &mut key, &page).await, Err(409));
    let stale = apply(&mut owner, &page, ("passkey", &of_looser)).await;
    assert!(stale.status == 409 && stale.text().contains("have changed since you looked"), "{}", stale.text());
    assert!(!stale.text().contains("looser still"), "the page shows what there is now");
    let now = owner.get(PATH).await;
    assert_eq!(now.seen(), stale.seen());
    assert_eq!(apply(&mut owner, &now, ("passkey", &of_looser)).await.status, 422);
    assert_eq!(in_force(&house), BUILT_IN);

    let mine = signed(&mut owner, &mut key, &now).await.unwrap();
    let done = apply(&mut owner, &now, ("passkey", &mine)).await;
    assert_eq!((done.status, done.header("location")), (303, Some(PATH)), "{}", done.text());
    assert_eq!(in_force(&house), loose());
    // what is in force has changed, too, since that page was shown
    edit(&house, &looser);
    assert_eq!(apply(&mut owner, &now, ("passkey", &mine)).await.status, 409);
    let verified = house.parts.home.verify().await.unwrap().unwrap();
    assert!(verified.unchecked.is_empty(), "{verified:?}");
    let records = house.parts.home.export(0, 1_000).await.unwrap();
    assert!(
        records
            .iter()
            .any(|record| { record["status"] == "policy applied" && record["body"]["proof"]["kind"] == "passkey" }),
        "{records:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_the_owner_sees_the_change_and_cannot_apply_it() {
    let house = house().await;
    edit(&house, &loose());
    let before = in_force(&house);
    let (mut ann, ..) = person(&house, "ann").await;
    let page = ann.get(PATH).await;
    assert!(page.text().contains("Only the owner applies the policy"), "{}", page.text());
    assert!(page.text().contains("runs without asking from now on") && !page.body.contains("name=\"seen\""));
    // with the token of a form that they do have
    let csrf = ann.get("/policy").await.csrf("/policy");
    let fields = [("csrf", &*csrf), ("seen", "0"), ("code", "000000")];
    assert_eq!(ann.post(PATH, &fields).await.status, 403);
    assert_eq!(ann.post(&format!("{PATH}/challenge"), &fields).await.status, 403);
    assert_eq!(in_force(&house), before);
}

//! The log on the site, what the inbox counts of it, and the agents.

use std::collections::BTreeSet;

use agentport::{
    approval::{Claim, Code, PersonId},
    call::Caller,
    clock::Clock as _,
    gateway::Presented,
    ledger::{
        ApprovalStatus, Reach,
        sqlite::{LetIn, NewAgent},
    },
    reply::Reply,
};
use serde_json::json;

use super::house::{Answer, Browser, House};

/// The records that a list links to, in its order.
fn listed(page: &Answer) -> Vec<String> {
    let (_, list) = page.body.split_once("<h1>Log</h1>").unwrap();
    let links = list.split("href=\"/log/rec_").skip(1);
    links.map(|rest| format!("rec_{}", rest.split('"').next().unwrap())).collect()
}

async fn let_in(house: &House, name: &str, reach: Reach) -> String {
    let code = Code::parse(&house.next_code()).unwrap();
    let owner = PersonId::owner();
    let shown = Presented::Code(&owner, &code);
    let approver = house.gateway.prove(&house.parts, Claim::Agents, &shown).await.unwrap();
    let agent = NewAgent { name: Caller::parse(name).unwrap(), reach, user: None, expires_at: None };
    match house.parts.home.add_agent(agent, Some(approver), house.clock.now()).await.unwrap() {
        LetIn::Token(token) => token.as_shown().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_searched_and_opened_on_the_site() {
    let house = House::build().await;
    let approval = house.refund().await;
    house.clock.pass(24 * 60 * 60 * 1000);
    let Reply::Completed { .. } = house.call("stripe_get_balance", json!({})).await else { panic!("a read runs") };
    let hidden = json!({"owner": "a", "repo": "b", "_reason": "pay\u{202E}x"});
    let denied = house.ask("github_delete_repository", hidden).await;
    let mut browser = house.signed_in().await;
    let page = browser.decide(&denied.id, "deny", "", "no").await;
    assert_eq!(page.status, 303);

    let all = browser.get("/log").await;
    assert_eq!((all.status, all.header("cache-control")), (200, Some("no-store")));
    assert!(all.text().contains("succeeded") && all.text().contains("denied") && all.text().contains("expired"));
    let rows = |query: &str| {
        let (browser, path) = (browser.clone(), format!("/log?{query}"));
        async move { listed(&browser.get(&path).await) }
    };
    // its arguments are searched, too; tools have both their names
    assert_eq!(rows("text=ch_3nf1ABC").await, std::slice::from_ref(&approval.record));
    assert_eq!(rows("text=nothing+of+that").await, Vec::<String>::new());
    assert_eq!(rows("tool=github_delete_repository").await, std::slice::from_ref(&denied.record));
    assert_eq!(rows("tool=github.delete_repository&status=denied").await, std::slice::from_ref(&denied.record));
    assert_eq!(rows("status=succeeded&caller=claude").await.len(), 1);
    assert_eq!(rows("caller=codex").await.len(), 0);
    // neither what was looked up for a person nor what the person did to the home
    let by_agents = rows("agents=only").await;
    assert!(rows("").await.len() > by_agents.len());
    assert_eq!((by_agents.len(), &by_agents[0], &by_agents[2]), (3, &denied.record, &approval.record));
    assert_eq!(rows("status=expired&since=2026-11-23&until=2026-11-23").await, std::slice::from_ref(&approval.record));
    assert_eq!(rows("status=denied&until=2026-11-23").await.len(), 0);
    let wrong = browser.get("/log?since=yesterday").await;
    assert!(wrong.status == 422 && wrong.text().contains("`yesterday` is no date"), "{}", wrong.body);

    // one opens to the exact request, its digest, and what was said, whatever letters that has
    let record = browser.get(&format!("/log/{}", denied.record)).await;
    let text = record.text();
    let digest = denied.plan.as_ref().unwrap().digest().to_string();
    for shown in ["DELETE", "/repos/a/b", &digest, "\"pay⟨U+202E⟩x\"", "destructive", "credential: added when sent"]
    {
        assert!(text.contains(shown), "{shown} is not on the page:\n{text}");
    }
    assert!(!record.body.contains('\u{202E}'));
    assert!(record.body.contains(&format!("href=\"/approve/{}\"", denied.id)));
    let same = browser.get(&format!("/log/{}", denied.id)).await;
    assert_eq!(same.body, record.body);
    for nothing in ["/log/rec_nothing", "/log/", "/log/..", "/log/x"] {
        assert_eq!(browser.get(nothing).await.status, 404, "{nothing}");
    }
    // and the inbox counts it by the day
    let inbox = browser.get("/").await.text();
    for day in ["2026-11-24", "2026-11-23"] {
        assert!(inbox.contains(day), "{day}:\n{inbox}");
    }
    let counts = house.parts.home.by_day(0).await.unwrap();
    let days: Vec<_> = counts.iter().map(|(day, status, count)| (day - counts[0].0, status.as_str(), *count)).collect();
    assert_eq!(days, [(0, "expired", 1), (1, "denied", 1), (1, "succeeded", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_log_have_each_line_once() {
    let house = House::build().await;
    for _ in 0..60 {
        drop(house.call("stripe_create_refund", json!({"charge": 5})).await);
    }
    let browser = house.signed_in().await;
    let (mut path, mut seen, mut pages) = ("/log?status=invalid".to_owned(), Vec::new(), 0);
    loop {
        let page = browser.get(&path).await;
        seen.extend(listed(&page));
        pages += 1;
        match page.body.split("<a href=\"").find(|rest| rest.contains("\" rel=\"next\"")) {
            Some(rest) => path = rest.split('"').next().unwrap().replace("&#38;", "&"),
            None => break,
        }
    }
    assert_eq!((pages, seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (2, 60, 60));
    assert!(browser.get(&path).await.body.contains("href=\"/log?status=invalid\""), "the way back keeps the search");
}

#[tokio::test(flavor = "multi_thread")]
async fn t229_the_site_says_whether_anybody_changed_the_log() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let csrf = browser.get("/log").await.csrf("/log/verify");
    let good = browser.post("/log/verify", &[("csrf", &csrf)]).await;
    let head = house.parts.home.verify().await.unwrap().unwrap().head;
    assert!(good.text().contains("Nobody changed it") && good.body.contains(&head), "{}", good.body);
    assert_eq!(browser.post("/log/verify", &[("csrf", "0")]).await.status, 403);

    let file = rusqlite::Connection::open(house.folder.path().join("home/agentport.db")).unwrap();
    let changed = "UPDATE record SET caller = 'codex' WHERE id = ?";
    assert_eq!(file.execute(changed, [&approval.record]).unwrap(), 1);
    let bad = browser.post("/log/verify", &[("csrf", &csrf)]).await;
    assert!(bad.text().contains("It was changed") && bad.body.contains(&approval.record), "{}", bad.body);
}

/// T115, T159: without a session nothing is told, not even what there is; and an agent's token is no session.
#[tokio::test(flavor = "multi_thread")]
async fn t159_without_a_session_the_pages_tell_nothing() {
    let house = House::build().await;
    let approval = house.refund().await;
    let token = let_in(&house, "claude", Reach::All).await;
    let mut stranger = Browser::new(house.port);
    let record = format!("/log/{}", approval.record);
    for (one, other) in [(record.as_str(), "/log/rec_nothing"), ("/agents/claude", "/agents/codex")] {
        let (one, other) = (stranger.get(one).await, stranger.get(other).await);
        assert_eq!((one.status, &one.body), (other.status, &other.body));
        assert!(one.text().contains("Sign in") && !one.body.contains("claude"), "{}", one.body);
    }
    let bearer = format!("Bearer {token}");
    for path in ["/log", &record, "/agents", "/agents/claude"] {
        let page = stranger.get(path).await;
        assert!(page.text().contains("Sign in") && !page.body.contains("refund"), "{path}: {}", page.body);
        let agent = stranger.request("GET", path, &[("Authorization", &bearer)], "").await;
        assert_eq!(agent.status, 401, "{path}");
    }
    assert_eq!(stranger.post("/log/verify", &[("csrf", "0")]).await.status, 401);
    let code = house.next_code();
    assert_eq!(stranger.post("/agents/claude", &[("csrf", "0"), ("code", &code)]).await.status, 401);
    assert_eq!(stranger.post("/agents/claude/challenge", &[("csrf", "0")]).await.status, 401);
    assert_eq!(house.parts.home.agents().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_shut_out_on_the_site_with_a_factor() {
    let house = House::build().await;
    let stripe = Reach::Only(["stripe".to_owned()].into());
    let_in(&house, "claude", stripe).await;
    let_in(&house, "codex", Reach::All).await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let list = browser.get("/agents").await.text();
    assert!(list.contains("stripe, at most") && list.contains("whatever the policy gives"), "{list}");
    assert!(list.contains("it is revoked") && list.contains("never"), "{list}");

    let path = "/agents/claude";
    let csrf = browser.get(path).await.csrf(path);
    let others = browser.get("/agents/codex").await.csrf("/agents/codex");
    let code = house.next_code();
    let stays = async |answer: Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(house.parts.home.agents().unwrap().len(), 2);
    };
    stays(browser.post(path, &[("csrf", &csrf)]).await, 422).await;
    stays(browser.post(path, &[("csrf", &others), ("code", &code)]).await, 403).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    stays(browser.post(path, &[("csrf", &csrf), ("code", wrong)]).await, 422).await;
    stays(browser.post("/agents/nobody", &[("csrf", &csrf), ("code", &code)]).await, 403).await;
    assert_eq!(browser.get("/agents/nobody").await.status, 404);
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);

    let done = browser.post(path, &[("csrf", &csrf), ("code", &code)]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/agents")), "{}", done.body);
    let left: Vec<_> = house.parts.home.agents().unwrap().iter().map(|agent| agent.name.to_string()).collect();
    assert_eq!(left, ["codex"]);
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Cancelled);
    // the code is burnt
    let again = browser.post("/agents/codex", &[("csrf", &others), ("code", &code)]).await;
    assert_eq!((again.status, house.parts.home.agents().unwrap().len()), (422, 1));
    house.parts.home.verify().await.unwrap().unwrap();
}

//! How a set-up link ends: by its time, its codes, its use, and what comes after it.

use agentport::{
    approval::{Claim, FactorId, Seed},
    clock::Clock as _,
    gateway::seed_name,
};

use super::{
    assert_nothing_here, code, empty, enrol, existing, factors, first_link, link, path, recovery_codes, secret, wrong,
};
use crate::{
    harness::totp,
    site::house::{Browser, House},
};

const FIFTEEN_MINUTES: i64 = 15 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_fifteen_minutes_by_either_clock() {
    let house = empty().await;
    let mut browser = Browser::new(house.port);
    let path = first_link(&house).await;
    let secret = secret(&browser.get(&path).await);
    house.clock.pass(FIFTEEN_MINUTES - 1);
    assert_eq!(browser.get(&path).await.status, 200);
    house.clock.pass(1);
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", &code(&secret, &house.clock))]).await);
    // it is tidied up: its salt, without which the token is worth nothing, is gone
    assert!(house.parts.home.meta("enrolment").unwrap().is_some());
    house.parts.ledger.sweep(house.clock.now()).await.unwrap();
    assert_eq!(house.parts.home.meta("enrolment").unwrap(), None);

    // somebody sets the wall clock back: the boot clock goes on
    let path = first_link(&house).await;
    let began = house.clock.now().wall;
    house.clock.pass(FIFTEEN_MINUTES);
    house.clock.set_wall(began);
    assert_nothing_here(&browser.get(&path).await);
    // and forward: that is over, too
    let path = first_link(&house).await;
    house.clock.set_wall(began + FIFTEEN_MINUTES);
    assert_nothing_here(&browser.get(&path).await);
    assert_eq!(factors(&house).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_takes_five_codes_and_says_which_it_was() {
    let house = empty().await;
    let mut browser = Browser::new(house.port);
    let path = first_link(&house).await;
    let secret = secret(&browser.get(&path).await);
    let right = code(&secret, &house.clock);
    // what is no code is not counted
    for text in ["", "12345", "１２３４５６", "abcd-efgh-2345-wxyz"] {
        let answer = browser.post(&path, &[("code", text)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains("six digits that the app shows") && answer.body.contains("name=\"code\""));
    }
    for left in ["4 more codes", "3 more codes", "2 more codes", "one more code"] {
        let answer = browser.post(&path, &[("code", wrong(&right))]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (422, None));
        assert!(answer.text().contains("does not belong to this factor") && answer.text().contains(left));
        assert!(answer.body.replace(' ', "").contains(&secret), "the page is still the same");
    }
    let last = browser.post(&path, &[("code", wrong(&right))]).await;
    assert_eq!(last.status, 410);
    assert!(last.text().contains("This link has ended") && !last.body.replace(' ', "").contains(&secret));
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", &right)]).await);
    assert_eq!((factors(&house).await, browser.cookie.clone()), (vec![], None));

    // the fifth may be right
    let path = first_link(&house).await;
    for _ in 0..4 {
        browser.post(&path, &[("code", wrong(&right))]).await;
    }
    assert_eq!(enrol(&house, &mut browser, &path).await.1.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_at_once_are_counted_one_by_one() {
    let house = empty().await;
    let path = first_link(&house).await;
    let right = code(&secret(&Browser::new(house.port).get(&path).await), &house.clock);
    let tries = (0..20).map(|_| {
        let (path, wrong, mut browser) = (path.clone(), wrong(&right), Browser::new(house.port));
        tokio::spawn(async move { browser.post(&path, &[("code", wrong)]).await.status })
    });
    let mut statuses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(422), count(410), count(404)), (4, 1, 15), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_browsers_with_one_link_one_enrols() {
    let house = empty().await;
    let path = first_link(&house).await;
    let secret = secret(&Browser::new(house.port).get(&path).await);
    let right = code(&secret, &house.clock);
    let race = (0..4).map(|_| {
        let (path, right, mut browser) = (path.clone(), right.clone(), Browser::new(house.port));
        tokio::spawn(async move {
            let answer = browser.post(&path, &[("code", &right)]).await;
            (answer.status, recovery_codes(&answer).len(), browser)
        })
    });
    let mut ended = Vec::new();
    for one in race.collect::<Vec<_>>() {
        ended.push(one.await.unwrap());
    }
    let winners: Vec<_> = ended.iter().filter(|(status, codes, _)| (*status, *codes) == (200, 10)).collect();
    let losers = ended.iter().filter(|(status, codes, _)| (*status, *codes) == (404, 0)).count();
    assert_eq!((winners.len(), losers), (1, 3), "{ended:?}");
    for (_, _, browser) in &ended {
        assert_eq!(browser.get("/").await.text().contains("Inbox"), browser.cookie.is_some());
    }
    // and the winner's seed is the one that is kept: the next code approves
    let [id] = &factors(&house).await[..] else { panic!("not one factor") };
    assert!(house.parts.secrets.get(&seed_name(id)).await.unwrap().is_some());
    house.clock.pass(30_000);
    let approval = house.refund().await;
    let mut browser = winners[0].2.clone();
    assert_eq!(browser.decide(&approval.id, "approve", &code(&secret, &house.clock), "").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_ends_the_older_one() {
    let house = empty().await;
    let (first, second) = (first_link(&house).await, first_link(&house).await);
    let mut browser = Browser::new(house.port);
    assert_nothing_here(&browser.get(&first).await);
    assert_nothing_here(&browser.post(&first, &[("code", "123456")]).await);
    let (_, done) = enrol(&house, &mut browser, &second).await;
    assert_eq!(done.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn t135_a_first_link_is_dead_once_a_factor_is_there() {
    let house = empty().await;
    let path = first_link(&house).await;
    let mut browser = Browser::new(house.port);
    let secret = secret(&browser.get(&path).await);
    // meanwhile, on the terminal
    let mine = Seed::generate().unwrap();
    let digits = totp(&mine.shown().replace(' ', ""), u64::try_from(house.clock.now().wall / 30_000).unwrap());
    let (id, _) = house.gateway.enrol(&house.parts, &mine, &digits, None).await.unwrap();
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", &code(&secret, &house.clock))]).await);
    assert_eq!(factors(&house).await, [id]);
    // nor is another one made without a proof
    assert!(link(&house, None, None).await.is_none());
    // even if the row were still there: as from a process that began before
    let house = empty().await;
    let path = first_link(&house).await;
    let row = house.parts.home.meta("enrolment").unwrap().unwrap();
    house.gateway.enrol(&house.parts, &mine, &digits, None).await.unwrap();
    house.parts.home.set_meta(&[("enrolment", &row)]).unwrap();
    let mut browser = Browser::new(house.port);
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", "123456")]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_factors_ends_an_open_link() {
    let house = House::build().await;
    let open = async || {
        house.clock.pass(30_000);
        path(&link(&house, Some(existing(&house, Claim::AddFactor)), None).await.unwrap())
    };
    let browser = Browser::new(house.port);
    // another one is added on the terminal
    let path = open().await;
    assert_eq!(browser.get(&path).await.status, 200);
    let id = FactorId("fac_second".to_owned());
    let now = house.clock.now();
    let approver = existing(&house, Claim::AddFactor);
    assert!(house.parts.home.enrol(id.clone(), 1, vec![], Some(approver), now).await.unwrap());
    assert_nothing_here(&browser.get(&path).await);
    // one is removed
    let path = open().await;
    assert_eq!(browser.get(&path).await.status, 200);
    let approver = existing(&house, Claim::RemoveFactor(id.clone()));
    assert!(house.parts.home.remove_factor(id, approver, house.clock.now()).await.unwrap());
    assert_nothing_here(&browser.get(&path).await);
    // all are gone
    let path = open().await;
    assert_eq!(browser.get(&path).await.status, 200);
    house.parts.home.reset(house.clock.now()).await.unwrap();
    assert_nothing_here(&browser.get(&path).await);
}

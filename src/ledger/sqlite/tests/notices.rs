//! What people are told, by processes that share a home.

use super::*;
use crate::ledger::{
    CancelledBy, LineFilter, Told,
    conformance::{WAITS, asked, customer, refund},
    sqlite::{A_MINUTE, ChannelHealth, Delivery, NoticeKind, TRIES},
};

const CHANNEL: &str = "phone";

fn failed() -> Delivery {
    Delivery::Failed { problem: "it answered 500".to_owned(), wait: 0 }
}

async fn plan(ledger: &Sqlite, now: Millis) -> bool {
    ledger.plan_notices(&[CHANNEL.to_owned()], at(now)).await.unwrap()
}

async fn claim(ledger: &Sqlite, now: Millis) -> Option<(String, Vec<(String, NoticeKind)>)> {
    ledger.claim_message(CHANNEL, at(now)).await.unwrap().map(|due| (due.message, due.notices))
}

async fn deliver(ledger: &Sqlite, now: Millis) -> Option<Vec<(String, NoticeKind)>> {
    let (message, notices) = claim(ledger, now).await?;
    assert!(ledger.settle_message(CHANNEL, &message, Delivery::Taken, at(now)).await.unwrap());
    Some(notices)
}

#[tokio::test]
async fn each_message_is_sent_once_and_a_reminder_at_half_of_the_time() {
    let stage = Folder::with(2).enrolled().await;
    let [one, two] = [&stage.ledgers[0], &stage.ledgers[1]];
    let approval = asked(one, refund(1), at(0)).await;
    assert_eq!(one.told(&approval.id).await.unwrap(), Told::Nobody);
    assert!(plan(one, 0).await);
    assert!(!plan(two, 0).await, "it is planned once");
    assert_eq!(two.told(&approval.id).await.unwrap(), Told::Soon);
    assert_eq!(deliver(two, 1).await.unwrap(), [(approval.id.clone(), NoticeKind::Asked)]);
    assert_eq!(one.told(&approval.id).await.unwrap(), Told::Somebody);
    assert_eq!(claim(one, WAITS / 2 - 1).await, None);
    assert_eq!(deliver(one, WAITS / 2).await.unwrap(), [(approval.id.clone(), NoticeKind::Reminder)]);
    assert_eq!(claim(two, WAITS - 1).await, None);
    let told = one.lines(LineFilter::default()).await.unwrap().into_iter().filter(|line| line.status == "told").count();
    assert_eq!(told, 2);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_sends() {
    let stage = Folder::with(8).enrolled().await;
    asked(&stage.ledgers[0], refund(1), at(0)).await;
    plan(&stage.ledgers[0], 0).await;
    let claims: Vec<_> =
        stage.ledgers.iter().cloned().map(|ledger| tokio::spawn(async move { claim(&ledger, 1).await })).collect();
    let mut won = 0;
    for claim in claims {
        won += usize::from(claim.await.unwrap().is_some());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn what_a_process_was_sending_when_it_died_is_sent_by_another() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    asked(ledger, refund(1), at(0)).await;
    plan(ledger, 0).await;
    let dying = stage.open().unwrap();
    let (message, _) = claim(&dying, 1).await.unwrap();
    assert_eq!(claim(ledger, 2).await, None, "it is being sent");
    drop(dying);
    let (again, _) = claim(ledger, 3).await.unwrap();
    assert_ne!(again, message);
    // whatever the first one's message came to, nobody takes its word any more
    assert!(!ledger.settle_message(CHANNEL, &message, Delivery::Taken, at(4)).await.unwrap());
    assert!(ledger.settle_message(CHANNEL, &again, Delivery::Taken, at(4)).await.unwrap());
}

#[tokio::test]
async fn a_failure_is_tried_again_ever_later_and_is_seen() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let approval = asked(ledger, refund(1), at(0)).await;
    plan(ledger, 0).await;
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..TRIES {
        let (message, _) = claim(ledger, now).await.unwrap();
        assert!(ledger.settle_message(CHANNEL, &message, failed(), at(now)).await.unwrap());
        let begun = now;
        while now < WAITS && !is_due(ledger, now) {
            now += 1_000;
        }
        pauses.push((now - begun) / 1000);
    }
    // the last pause never ends: it is not tried any more, and what is due then is the reminder
    assert_eq!(pauses[..4], [5, 20, 80, 320]);
    assert_eq!(ledger.told(&approval.id).await.unwrap(), Told::Undelivered);
    let health = ledger.channel_health(CHANNEL).await.unwrap();
    assert_eq!(health.told_at, None);
    assert_eq!(health.failed.unwrap().1, "it answered 500");
    let lines = ledger.lines(LineFilter::default()).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.status == "not told").count(), 2);
    ledger.channel_tested(CHANNEL, Delivery::Taken, at(now)).await.unwrap();
    let health = ledger.channel_health(CHANNEL).await.unwrap();
    assert_eq!(health, ChannelHealth { told_at: Some(at(now).wall), failed: None });
    stage.check().await;
}

/// Is something due? Looks without taking it.
fn is_due(ledger: &Sqlite, now: Millis) -> bool {
    let connection = ledger.inner.connection(Durability::Normal);
    let sql = "SELECT EXISTS (SELECT 1 FROM notice WHERE state = 'due' AND kind = 'asked' AND due_at <= ?)";
    connection.query_row(sql, [at(now).wall], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn t119_calls_of_one_tool_by_one_caller_are_one_message() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    for number in 1..=12 {
        asked(ledger, refund(number), at(0)).await;
    }
    for other in [customer("Ada"), refund(1).by("anna"), refund(1).by("bert")] {
        asked(ledger, other, at(0)).await;
    }
    plan(ledger, 0).await;
    assert_eq!(sorted(all_due(ledger, 1).await), [1, 1, 1, 12]);
    // three are no flood
    for number in 1..=3 {
        asked(ledger, refund(number).by("carl"), at(61_000)).await;
    }
    plan(ledger, 61_000).await;
    assert_eq!(all_due(ledger, 61_001).await, [1, 1, 1]);
}

/// How many notices each message carries that goes out now.
async fn all_due(ledger: &Sqlite, now: Millis) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let Some(notices) = deliver(ledger, now).await {
        sizes.push(notices.len());
    }
    sizes
}

fn sorted(mut sizes: Vec<usize>) -> Vec<usize> {
    sizes.sort_unstable();
    sizes
}

#[tokio::test]
async fn t119_a_flood_is_a_few_messages_and_the_last_of_them_says_it_all() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    for caller in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
        asked(ledger, refund(1).by(caller), at(0)).await;
    }
    plan(ledger, 0).await;
    let sizes = all_due(ledger, 1).await;
    assert_eq!(sizes, [1, 1, 1, 1, 8]);
    assert_eq!(u32::try_from(sizes.len()).unwrap(), A_MINUTE);
    // what comes within the minute waits for its end, and comes together then
    for number in 51..=53 {
        asked(ledger, refund(number).at_most(100), at(2)).await;
    }
    plan(ledger, 2).await;
    assert_eq!(deliver(ledger, 59_000).await, None);
    let later = deliver(ledger, 61_000).await.unwrap();
    assert_eq!(later.len(), 1, "the minute is over: they come one by one again");
}

#[tokio::test]
async fn nobody_is_told_of_what_does_not_wait_any_more() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let withdrawn = asked(ledger, refund(1), at(0)).await;
    let expired = asked(ledger, refund(2), at(0)).await;
    plan(ledger, 0).await;
    ledger.cancel(&withdrawn.id, CancelledBy::Agent, at(1)).await.unwrap();
    assert_eq!(claim(ledger, 2).await.unwrap().1, [(expired.id.clone(), NoticeKind::Asked)]);
    let ledger = &stage.open().unwrap();
    assert_eq!(claim(ledger, WAITS).await, None);
}

#[tokio::test]
async fn t021_what_a_client_brings_back_counts_once_for_its_call_and_for_a_while() {
    let folder = Folder::with(2);
    let [one, two] = [&folder.ledgers[0], &folder.ledgers[1]];
    let state = one.make_offer("apr_1", "call", at(0)).await.unwrap();
    assert_eq!(two.take_offer(&format!("{state}x"), "call", at(1)).await.unwrap(), None, "altered");
    assert_eq!(two.take_offer(&state, "call", at(1)).await.unwrap(), Some("apr_1".to_owned()));
    assert_eq!(one.take_offer(&state, "call", at(1)).await.unwrap(), None, "replayed");
    let moved = one.make_offer("apr_1", "call", at(0)).await.unwrap();
    assert_eq!(one.take_offer(&moved, "another call", at(1)).await.unwrap(), None, "moved");
    assert_eq!(one.take_offer(&moved, "call", at(1)).await.unwrap(), None, "and spent by that");
    let old = one.make_offer("apr_1", "call", at(0)).await.unwrap();
    assert_eq!(one.take_offer(&old, "call", at(15 * 60 * 1000)).await.unwrap(), None, "too late");
    // nothing of it is stored that could be given back
    let mut stored = folder.raw();
    let _kept = one.make_offer("apr_1", "call", at(0)).await.unwrap();
    let found: Vec<String> = stored
        .transaction()
        .unwrap()
        .prepare("SELECT hash FROM offer")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(found.iter().all(|hash| hash.len() == 64), "{found:?}");
}

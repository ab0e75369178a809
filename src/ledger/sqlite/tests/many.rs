//! Many processes at once, as far as threads with handles of their own are like them; `tests/it/race.rs` has real ones.

use std::sync::Barrier;

use super::*;
use crate::ledger::{
    Admission, ApprovalStatus, CancelledBy,
    conformance::{WAITS, asked, balance, done, permitted, refund},
};

#[test]
fn t251_thirty_opens_at_once_make_one_ledger() {
    let stage = Folder::with(0);
    let start = Barrier::new(30);
    let homes: Vec<String> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..30)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    stage.open().map(|ledger| ledger.home_id().to_owned()).unwrap()
                })
            })
            .collect();
        opening.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(homes.iter().all(|home| *home == homes[0]), "{homes:?}");
    assert!(homes[0].starts_with("home_"));
    assert!(chain::verify(&stage.raw()).unwrap().is_ok());
}

#[test]
fn t244_eight_writers_at_once_make_one_chain() {
    const EACH: u32 = 25;
    let stage = Folder::with(8);
    std::thread::scope(|scope| {
        for ledger in &stage.ledgers {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for turn in 0..EACH {
                        let permit = permitted(ledger, balance(), at(Millis::from(turn))).await;
                        assert!(ledger.settle(permit.record(), &done("ok"), at(Millis::from(turn))).await.unwrap());
                    }
                });
            });
        }
    });
    let verified = chain::verify(&stage.raw()).unwrap().unwrap();
    assert_eq!(verified.records, u64::from(8 * EACH * 2));
}

#[tokio::test]
async fn what_waits_is_listed_however_much_was_never_fetched() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    for number in 1..=205 {
        let approval = asked(ledger, refund(number), at(Millis::from(number))).await;
        ledger.cancel(&approval.id, CancelledBy::Human, at(Millis::from(number))).await.unwrap();
    }
    let newest = asked(ledger, refund(999), at(WAITS / 2)).await;
    let open = ledger.open_approvals(None).await.unwrap();
    assert_eq!(open.len(), 200);
    assert!(open.iter().any(|approval| approval.id == newest.id));
    assert!(open.is_sorted_by_key(|approval| approval.created_at));
}

#[tokio::test]
async fn prune_keeps_what_is_open() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let old = permitted(ledger, balance(), at(0)).await;
    ledger.settle(old.record(), &done("old"), at(0)).await.unwrap();
    let waiting = asked(ledger, refund(1), at(1)).await;
    let after = permitted(ledger, balance(), at(2)).await;
    ledger.settle(after.record(), &done("after"), at(2)).await.unwrap();
    assert_eq!(ledger.prune(at(10).wall, at(10)).await.unwrap(), 2);
    let found = ledger.approval(&waiting.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.pruned), (ApprovalStatus::Pending, false));
    conformance::approved(ledger, &waiting, 1, at(11)).await;
    ledger.settle(&waiting.record, &done("re_1"), at(12)).await.unwrap();
    ledger.prune(at(20).wall, at(20)).await.unwrap();
    assert_eq!(ledger.prune(at(20).wall, at(21)).await.unwrap(), 0);
    let found = ledger.approval(&waiting.id).await.unwrap().unwrap();
    assert!(found.pruned && found.plan.is_none());
    match ledger.admit(refund(1).admit(), at(22)).await.unwrap() {
        Admission::Settled(found) => assert_eq!(found.outcome.unwrap().0.as_str(), "succeeded"),
        other => panic!("{other:?}"),
    }
    stage.check().await;
}

//! What a caller may do in a period: questions by the hour, and what the limits of rules leave.

use super::{
    super::{Admission, Denial, FailureKind},
    races::{RACERS, race},
    *,
};
use crate::policy::Measure;

const ONE: i64 = 1_000_000;
const HOUR: Millis = 3_600_000;

/// One call of at most so many in an hour.
fn count(max: i64) -> Use {
    Use { rule: "a-rule".into(), measure: Measure::Count, takes: ONE, max: max * ONE, per: HOUR }
}

/// So much of at most so much in an hour.
fn sum(takes: i64, max: i64) -> Use {
    let measure = Measure::Sum("amount".to_owned());
    Use { rule: "a-rule".into(), measure, takes: takes * ONE, max: max * ONE, per: HOUR }
}

fn allowed(amount: u32, uses: Vec<Use>) -> Wish {
    refund(amount).judged(Decision::Allow).using(uses)
}

fn failed() -> Outcome {
    Outcome::Failed { kind: FailureKind::Upstream, http_status: Some(402), message: "declined".into(), body: None }
}

pub(crate) async fn t119_questions_are_limited_by_the_hour(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    for turn in 0..3_u32 {
        // each is answered at once: it is not what waits that is limited here
        let asked = asked(&*ledger, refund(turn + 1).hourly(3), at(Millis::from(turn) * 1000)).await;
        decide(&*ledger, &asked, no(), at(Millis::from(turn) * 1000 + 1)).await;
    }
    let limited = other.admit(refund(9).hourly(3).admit(), at(HOUR - 7_000)).await.unwrap();
    assert!(matches!(limited, Admission::Denied(Denial::Limit { setting: "hourly", retry_after: 7 })), "{limited:?}");
    asked(&*other, refund(9).by("another").hourly(3), at(HOUR - 6_000)).await;
    asked(&*other, refund(9).hourly(3), at(HOUR)).await;
    stage.check().await;
}

pub(crate) async fn over_a_limit_an_allowed_call_asks_and_the_record_says_why(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    permitted(&*ledger, allowed(1, vec![count(2), sum(40, 100)]), at(0)).await;
    permitted(&*other, allowed(2, vec![count(2), sum(60, 100)]), at(1)).await;
    let over = asked(&*ledger, allowed(3, vec![count(2), sum(1, 100)]).by("another"), at(2)).await;
    let evaluation = over.evaluation.clone().unwrap();
    assert_eq!((evaluation.decision, evaluation.rule()), (Decision::Ask, "a-rule"));
    assert_eq!(evaluation.reasons[0].text.as_deref(), Some("over its limit, used is 2 of 2 calls in 1h"));
    // a human's yes runs it, and uses nothing of what the rule may allow by itself
    approved(&*other, &over, 1, at(3)).await;
    permitted(&*ledger, allowed(4, vec![count(3), sum(0, 100)]), at(4)).await;
    // each call makes room as it becomes older than the period
    permitted(&*ledger, allowed(5, vec![count(3), sum(40, 100)]), at(HOUR)).await;
    asked(&*ledger, allowed(6, vec![sum(1, 100)]), at(HOUR)).await;
    stage.check().await;
}

pub(crate) async fn t287_reads_are_counted_too(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    for turn in 0..10 {
        permitted(&*ledger, balance().using(vec![count(10)]), at(turn)).await;
    }
    asked(&*other, balance().using(vec![count(10)]), at(11)).await;
    stage.check().await;
}

pub(crate) async fn a_failed_call_gives_back_what_it_had_reserved(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let first = permitted(&*ledger, allowed(1, vec![count(1), sum(9, 9)]), at(0)).await;
    assert!(other.settle(first.record(), &failed(), at(1)).await.unwrap());
    let second = permitted(&*other, allowed(2, vec![count(1), sum(9, 9)]), at(2)).await;
    // what may have happened has used it
    let unknown = Outcome::Unknown { http_status: None, message: "cut off".into() };
    assert!(ledger.settle(second.record(), &unknown, at(3)).await.unwrap());
    asked(&*ledger, allowed(3, vec![count(1)]), at(4)).await;
    stage.check().await;
}

pub(crate) async fn a_clock_that_is_set_gives_nothing_back_early(stage: &impl Stage) {
    let handles = enrol(stage).await;
    permitted(&*handles[0], allowed(1, vec![count(1)]), at(0)).await;
    let forward = Now { wall: BEGIN + 9 * HOUR, boot: 1_000, boot_id: 1 };
    asked(&*handles[0], allowed(2, vec![count(1)]), forward).await;
    let back = Now { wall: BEGIN - 9 * HOUR, boot: 2 * HOUR, boot_id: 1 };
    asked(&*handles[0], allowed(3, vec![count(1)]), back).await;
    stage.check().await;
}

pub(crate) async fn t094_calls_that_come_at_once_never_use_a_limit_twice(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let found = race(&handles, |number, ledger| async move {
        let wish = allowed(number + 1, vec![count(5), sum(30, 100)]);
        let admission = ledger.admit(wish.admit(), at(0)).await.unwrap();
        let Admission::Permit(permit) = admission else { return false };
        // the one that fails makes room for one more
        let outcome = if number == 0 { failed() } else { done("ok") };
        assert!(ledger.settle(permit.record(), &outcome, at(1)).await.unwrap());
        number != 0
    })
    .await;
    assert_eq!(found.len(), usize::try_from(RACERS).unwrap());
    // two, where the one that fails was let in and gave its room back when nobody asked any more
    let ran = found.iter().filter(|ran| **ran).count();
    assert!((2..=3).contains(&ran), "{found:?}");
    stage.check().await;
}

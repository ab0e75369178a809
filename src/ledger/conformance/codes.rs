//! Codes: each taken once, and only so many tries.

use super::{
    super::{Attempt, Decided},
    *,
};
use crate::approval::{PersonId, Purpose};

pub(crate) async fn t130_t139_a_code_is_taken_once(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let (first, second) = (asked(&*ledger, refund(1), at(0)).await, asked(&*ledger, refund(2), at(0)).await);
    approved(&*ledger, &first, 1, at(1)).await;
    for handle in [&ledger, &other] {
        let again = decide(&**handle, &second, yes(&second, 1), at(2)).await;
        assert!(matches!(again, Decided::CodeUsed), "{again:?}");
    }
    let unknown = decide(&*other, &second, yes(&second, 9_999), at(3)).await;
    assert!(matches!(unknown, Decided::CodeUsed), "{unknown:?}");
    assert_eq!(status(&*other, &second.id).await, ApprovalStatus::Pending);
    approved(&*other, &second, 2, at(4)).await;
    stage.check().await;
}

pub(crate) async fn t131_five_tries_then_a_lock_that_grows(stage: &impl Stage) {
    const MINUTE: Millis = 60_000;
    let handles = enrol(stage).await;
    let mut turn = 0;
    let mut attempt = async |purpose, now: Millis| {
        turn += 1;
        handles[turn % handles.len()].begin_attempt(&PersonId::owner(), purpose, at(now)).await.unwrap()
    };
    for _ in 0..5 {
        assert_eq!(attempt(Purpose::Decide, 0).await, Attempt::Counted);
    }
    let mut now = 0;
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440] {
        let until = now + wait * MINUTE;
        for early in [now, until - 1] {
            let locked = Attempt::Locked { until: BEGIN + until };
            assert_eq!(attempt(Purpose::Decide, early).await, locked, "{wait}");
        }
        assert_eq!(attempt(Purpose::Decide, until).await, Attempt::Counted, "{wait}");
        now = until;
    }
    // signing in has its own count, and a no needs none
    assert_eq!(attempt(Purpose::SignIn, 0).await, Attempt::Counted);
    let approval = asked(&*handles[0], refund(1), at(now)).await;
    let denied = decide(&*handles[1], &approval, no(), at(now)).await;
    assert!(matches!(denied, Decided::Denied), "{denied:?}");

    // a right code ends the row of wrong ones; one that was never looked at is taken back
    let approval = asked(&*handles[0], refund(2), at(now)).await;
    approved(&*handles[0], &approval, 1, at(now)).await;
    for _ in 0..4 {
        assert_eq!(attempt(Purpose::Decide, now).await, Attempt::Counted);
    }
    handles[0].forgive_attempt(&PersonId::owner(), Purpose::Decide).await.unwrap();
    for _ in 0..2 {
        assert_eq!(attempt(Purpose::Decide, now).await, Attempt::Counted);
    }
    assert!(matches!(attempt(Purpose::Decide, now).await, Attempt::Locked { .. }));
    stage.check().await;
}

pub(crate) async fn t131_a_lock_is_no_longer_than_a_day_whatever_the_clock_did(stage: &impl Stage) {
    const DAY: Millis = 86_400_000;
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    // wrong codes while the clock was a year ahead
    for _ in 0..5 {
        assert_eq!(
            ledger.begin_attempt(&PersonId::owner(), Purpose::Decide, at(365 * DAY)).await.unwrap(),
            Attempt::Counted
        );
    }
    assert_eq!(
        ledger.begin_attempt(&PersonId::owner(), Purpose::Decide, at(0)).await.unwrap(),
        Attempt::Locked { until: BEGIN + DAY }
    );
    assert_eq!(
        ledger.begin_attempt(&PersonId::owner(), Purpose::Decide, at(DAY - 1)).await.unwrap(),
        Attempt::Locked { until: BEGIN + DAY }
    );
    assert_eq!(ledger.begin_attempt(&PersonId::owner(), Purpose::Decide, at(DAY)).await.unwrap(), Attempt::Counted);
    stage.check().await;
}

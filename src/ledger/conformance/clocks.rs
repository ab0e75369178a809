//! Two deadlines, and clocks that are not to be trusted.

use super::{
    super::{Admission, Decided},
    *,
};

pub(crate) async fn t108_the_last_millisecond_counts_and_the_next_does_not(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let approvals = [
        asked(&*ledger, refund(1), at(0)).await,
        asked(&*ledger, refund(2), at(0)).await,
        asked(&*ledger, refund(3), at(0)).await,
    ];
    approved(&*other, &approvals[0], 1, at(WAITS - 1)).await;
    for (approval, now) in [(&approvals[1], at(WAITS)), (&approvals[2], at(WAITS + 1))] {
        match decide(&*other, approval, yes(approval, 2), now).await {
            Decided::Conflict(found) => assert_eq!(found.status, ApprovalStatus::Expired),
            other => panic!("{other:?}"),
        }
    }
    // a no comes too late as well, and nothing was spent
    let late = decide(&*ledger, &approvals[1], no(), at(WAITS)).await;
    assert!(matches!(late, Decided::Conflict(_)), "{late:?}");
    let next = asked(&*ledger, refund(2), at(WAITS)).await;
    assert_ne!(next.id, approvals[1].id);
    approved(&*other, &next, 2, at(WAITS + 1)).await;
    // what was approved in time is executed after it
    assert!(ledger.settle(&approvals[0].record, &done("re_1"), at(WAITS + 60_000)).await.unwrap());
    assert_eq!(status(&*other, &approvals[0].id).await, ApprovalStatus::Executed);
    stage.check().await;
}

pub(crate) async fn t109_the_earlier_of_both_clocks_ends_the_waiting(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let cases = [
        // the wall clock was set back by a day: the boot clock counts
        (Now { wall: BEGIN - 86_400_000, boot: WAITS, boot_id: 1 }, ApprovalStatus::Expired),
        // suspended: the wall clock went on
        (Now { wall: BEGIN + WAITS, boot: 5, boot_id: 1 }, ApprovalStatus::Expired),
        // forward by a year
        (Now { wall: BEGIN + 31_536_000_000, boot: 5, boot_id: 1 }, ApprovalStatus::Expired),
        // after a reboot the boot clock says nothing, the wall clock everything
        (Now { wall: BEGIN + WAITS, boot: 0, boot_id: 2 }, ApprovalStatus::Expired),
        (Now { wall: BEGIN + WAITS - 1, boot: WAITS * 9, boot_id: 2 }, ApprovalStatus::Pending),
        (Now { wall: BEGIN + WAITS - 1, boot: WAITS - 1, boot_id: 1 }, ApprovalStatus::Pending),
    ];
    for (number, (now, expected)) in (1..).zip(cases) {
        let approval = asked(&*ledger, refund(number).by("swept"), at(0)).await;
        other.sweep(now).await.unwrap();
        assert_eq!(status(&*ledger, &approval.id).await, expected, "swept at {now:?}");
        // the same by a repeat of the call
        let approval = asked(&*ledger, refund(number).by("asked"), at(0)).await;
        let again = asked(&*other, refund(number).by("asked"), now).await;
        assert_eq!(again.id == approval.id, expected == ApprovalStatus::Pending, "asked at {now:?}");
        assert_eq!(status(&*ledger, &approval.id).await, expected, "asked at {now:?}");
        for id in [approval.id, again.id] {
            ledger.cancel(&id, super::super::CancelledBy::Human, at(0)).await.unwrap();
        }
    }
    stage.check().await;
}

pub(crate) async fn t109_nothing_is_approved_while_the_clock_stands_before_the_last_record(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let (mine, theirs) = (asked(&*ledger, refund(1), at(0)).await, asked(&*ledger, refund(2), at(100_000)).await);
    let back = |wall: Millis| Now { wall: BEGIN + wall, boot: 100_000, boot_id: 1 };
    for behind in [-86_400_000, 0, 39_999] {
        let decided = decide(&*other, &mine, yes(&mine, 1), back(behind)).await;
        assert!(matches!(decided, Decided::ClockBehind), "{behind}: {decided:?}");
    }
    assert_eq!(status(&*ledger, &mine.id).await, ApprovalStatus::Pending);
    // a no needs no clock
    let denied = decide(&*other, &theirs, no(), back(0)).await;
    assert!(matches!(denied, Decided::Denied), "{denied:?}");
    // once the clock has passed the last record the code still counts
    approved(&*ledger, &mine, 1, at(100_001)).await;
    stage.check().await;
}

pub(crate) async fn t243_the_order_of_records_is_not_the_clocks(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let first = asked(&*ledger, refund(1), at(0)).await;
    decide(&*ledger, &first, no(), at(1)).await;
    ledger.reopen(&first.id, at(2)).await.unwrap();
    // the clock is set back, and the same call is asked again: that approval is the newest, whatever its time says
    let back = |millis: Millis| Now { wall: BEGIN - 500_000 + millis, boot: 10 + millis, boot_id: 1 };
    let second = asked(&*other, refund(1), back(0)).await;
    assert_ne!(second.id, first.id);
    assert_eq!(asked(&*ledger, refund(1), back(1)).await.id, second.id);
    decide(&*ledger, &second, no(), back(2)).await;
    let again = other.admit(refund(1).admit(), back(3)).await.unwrap();
    assert!(
        matches!(&again, Admission::Denied(super::super::Denial::Human(found)) if found.id == second.id),
        "{again:?}"
    );
    stage.check().await;
}

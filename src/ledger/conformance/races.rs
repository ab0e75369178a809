//! Many at once: whatever the order, one of them wins.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;

use super::{
    super::{Admission, Attempt, Decided},
    *,
};
use crate::approval::Purpose;

/// How many race.
pub(super) const RACERS: u32 = 16;
/// How often.
const ROUNDS: u32 = 3;

/// Runs `work` once for each racer, spread over the handles, all let go at the same moment.
pub(super) async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    handles: &[Arc<dyn Ledger>],
    work: impl Fn(u32, Arc<dyn Ledger>) -> F,
) -> Vec<T> {
    let start = Arc::new(tokio::sync::Barrier::new(usize::try_from(RACERS).unwrap()));
    let mut racers = JoinSet::new();
    for (number, handle) in (0..RACERS).zip(handles.iter().cycle()) {
        let (start, running) = (Arc::clone(&start), work(number, Arc::clone(handle)));
        racers.spawn(async move {
            start.wait().await;
            running.await
        });
    }
    racers.join_all().await
}

fn permits(decided: &[Decided]) -> usize {
    decided.iter().filter(|decided| matches!(decided, Decided::Permit(_))).count()
}

pub(crate) async fn t106_one_approval_is_one_permit_for_many_at_once(stage: &impl Stage) {
    let handles = enrol(stage).await;
    for round in 0..ROUNDS {
        let approval = asked(&*handles[0], refund(round + 1), at(0)).await;
        let decided = race(&handles, |number, ledger| {
            let (approval, answer) = (approval.clone(), yes(&approval, round * RACERS + number));
            async move { decide(&*ledger, &approval, answer, at(1)).await }
        })
        .await;
        assert_eq!(permits(&decided), 1, "{decided:?}");
        assert!(decided.iter().all(|one| matches!(one, Decided::Permit(_) | Decided::Conflict(_))), "{decided:?}");
    }
    stage.check().await;
}

pub(crate) async fn t106_many_asks_at_once_are_one_approval(stage: &impl Stage) {
    let handles = enrol(stage).await;
    for round in 0..ROUNDS {
        let found = race(&handles, |_, ledger| async move { asked(&*ledger, refund(round + 1), at(0)).await.id }).await;
        assert!(found.iter().all(|id| *id == found[0]), "{found:?}");
    }
    assert_eq!(handles[0].recent_approvals(99).await.unwrap().len(), usize::try_from(ROUNDS).unwrap());
    stage.check().await;
}

pub(crate) async fn t106_many_settlements_are_one_outcome(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let approval = asked(&*handles[0], refund(1), at(0)).await;
    let record = approved(&*handles[0], &approval, 1, at(1)).await.record().to_owned();
    let settled = race(&handles, |number, ledger| {
        let record = record.clone();
        async move { ledger.settle(&record, &done(&number.to_string()), at(2)).await.unwrap() }
    })
    .await;
    assert_eq!(settled.iter().filter(|first| **first).count(), 1);
    // and one repeat of the call gets it
    let repeats =
        race(&handles, |_, ledger| async move { ledger.admit(refund(1).admit(), at(3)).await.unwrap() }).await;
    assert_eq!(repeats.iter().filter(|one| matches!(one, Admission::Settled(_))).count(), 1, "{repeats:?}");
    assert!(repeats.iter().all(|one| matches!(one, Admission::Settled(_) | Admission::Pending(_))), "{repeats:?}");
    stage.check().await;
}

pub(crate) async fn t107_approve_and_deny_at_once_have_one_winner(stage: &impl Stage) {
    let handles = enrol(stage).await;
    for round in 0..ROUNDS {
        let approval = asked(&*handles[0], refund(round + 1), at(0)).await;
        let decided = race(&handles, |number, ledger| {
            let answer = if number % 2 == 0 { yes(&approval, round * RACERS + number) } else { no() };
            let approval = approval.clone();
            async move { decide(&*ledger, &approval, answer, at(1)).await }
        })
        .await;
        let denied = decided.iter().filter(|decided| matches!(decided, Decided::Denied)).count();
        assert_eq!(permits(&decided) + denied, 1, "{decided:?}");
        let expected = if denied == 1 { ApprovalStatus::Denied } else { ApprovalStatus::Approved };
        assert_eq!(status(&*handles[1], &approval.id).await, expected);
    }
    stage.check().await;
}

pub(crate) async fn t107_approve_and_expire_at_once_have_one_winner(stage: &impl Stage) {
    let handles = enrol(stage).await;
    for round in 0..ROUNDS {
        let approval = asked(&*handles[0], refund(round + 1), at(0)).await;
        let wins = Arc::new(AtomicU32::new(0));
        race(&handles, |number, ledger| {
            let (answer, approval, wins) =
                (yes(&approval, round * RACERS + number), approval.clone(), Arc::clone(&wins));
            async move {
                if number % 2 == 0 {
                    ledger.sweep(at(WAITS)).await.unwrap();
                } else if matches!(decide(&*ledger, &approval, answer, at(WAITS - 1)).await, Decided::Permit(_)) {
                    wins.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
        .await;
        let expected = match wins.load(Ordering::SeqCst) {
            0 => ApprovalStatus::Expired,
            1 => ApprovalStatus::Approved,
            more => panic!("{more} permits"),
        };
        assert_eq!(status(&*handles[1], &approval.id).await, expected);
    }
    stage.check().await;
}

pub(crate) async fn t130_one_code_for_two_approvals_at_once_decides_one(stage: &impl Stage) {
    let handles = enrol(stage).await;
    for round in 0..ROUNDS {
        let pair = [
            asked(&*handles[0], refund(2 * round + 1), at(0)).await,
            asked(&*handles[0], refund(2 * round + 2), at(0)).await,
        ];
        let decided = race(&handles, |number, ledger| {
            let approval = pair[usize::from(number % 2 == 0)].clone();
            let answer = yes(&approval, round);
            async move { decide(&*ledger, &approval, answer, at(1)).await }
        })
        .await;
        assert_eq!(permits(&decided), 1, "{decided:?}");
    }
    stage.check().await;
}

pub(crate) async fn t131_many_tries_at_once_count_one_by_one(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let tries = race(&handles, |_, ledger| async move {
        ledger.begin_attempt(&PersonId::owner(), Purpose::Decide, at(0)).await.unwrap()
    })
    .await;
    assert_eq!(tries.iter().filter(|one| **one == Attempt::Counted).count(), 5, "{tries:?}");
    let locked = Attempt::Locked { until: BEGIN + 60_000 };
    assert_eq!(tries.iter().filter(|one| **one == locked).count(), 11, "{tries:?}");
    stage.check().await;
}

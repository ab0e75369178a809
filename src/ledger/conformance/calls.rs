//! Calls that need no human.

use super::{
    super::{Admission, ApprovalStatus, Denial, Refusal},
    *,
};

pub(crate) async fn an_allowed_call_is_one_permit(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(stage.handles()).unwrap();
    let wish = balance();
    let permit = permitted(&*ledger, wish.clone(), at(0)).await;
    assert_eq!(permit.plan(), &*wish.clone().admit().plan);
    assert!(permit.record().starts_with("rec_"), "{permit:?}");
    assert_eq!(permit.idempotency_key(), permit.record());
    assert!(other.settle(permit.record(), &done("first"), at(5)).await.unwrap());
    assert!(!ledger.settle(permit.record(), &done("second"), at(6)).await.unwrap());
    assert!(!ledger.settle("rec_nobody", &done("third"), at(7)).await.unwrap());
    // allowed calls are not remembered: the same one again is a new one
    assert_ne!(permitted(&*other, wish, at(10)).await.record(), permit.record());
    stage.check().await;
}

pub(crate) async fn what_does_not_run_is_recorded_and_has_no_permit(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    let denied = ledger.admit(refund(1).judged(Decision::Deny).admit(), at(0)).await.unwrap();
    assert!(matches!(denied, Admission::Denied(Denial::Policy)), "{denied:?}");
    let refusal =
        Refusal { caller: "local".into(), tool: "stripe.get_balance".into(), status: "invalid", body: json!(["/x"]) };
    ledger.refuse(refusal, at(1)).await.unwrap();
    assert_eq!(ledger.recent_approvals(9).await.unwrap().len(), 0);
    stage.check().await;
}

pub(crate) async fn nobody_is_asked_while_nobody_can_approve(stage: &impl Stage) {
    let handles = stage.handles();
    let ledger = &*handles[0];
    let admission = ledger.admit(refund(1).admit(), at(0)).await.unwrap();
    assert!(matches!(admission, Admission::NoFactor), "{admission:?}");
    assert_eq!(ledger.recent_approvals(9).await.unwrap().len(), 0);
    stage.check().await;
}

pub(crate) async fn waiting_approvals_of_one_caller_are_limited(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let first = asked(&*ledger, refund(1).at_most(2), at(0)).await;
    asked(&*other, refund(2).at_most(2), at(0)).await;
    let limited = other.admit(refund(3).at_most(2).admit(), at(WAITS - 5_000)).await.unwrap();
    assert!(
        matches!(limited, Admission::Denied(Denial::Limit { retry_after: 5, setting: "max_pending" })),
        "{limited:?}"
    );
    // what waits already is still found, and another caller has a limit of its own
    assert_eq!(asked(&*other, refund(1).at_most(2), at(2)).await.id, first.id);
    asked(&*ledger, refund(3).by("another").at_most(2), at(3)).await;
    decide(&*ledger, &first, no(), at(4)).await;
    asked(&*other, refund(3).at_most(2), at(5)).await;
    stage.check().await;
}

pub(crate) async fn t239_refusals_are_recorded_up_to_a_bound(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let denied = asked(&*handles[0], refund(7), at(0)).await;
    decide(&*handles[0], &denied, no(), at(1)).await;
    for turn in 0..200_u32 {
        let ledger = &handles[usize::try_from(turn).unwrap() % handles.len()];
        let now = at(10 + Millis::from(turn));
        let by_policy = ledger.admit(refund(turn + 10).judged(Decision::Deny).admit(), now).await.unwrap();
        assert!(matches!(by_policy, Admission::Denied(Denial::Policy)), "{by_policy:?}");
        let by_human = ledger.admit(refund(7).admit(), now).await.unwrap();
        assert!(matches!(by_human, Admission::Denied(Denial::Human(_))), "{by_human:?}");
    }
    let flood = stage.records().await;
    assert!((120..140).contains(&flood), "{flood} records");
    // what can have an effect is recorded all the same, and so is another caller's refusal
    permitted(&*handles[0], balance(), at(300)).await;
    asked(&*handles[0], refund(8), at(301)).await;
    let other = handles[1].admit(refund(9).by("another").judged(Decision::Deny).admit(), at(302)).await.unwrap();
    assert!(matches!(other, Admission::Denied(Denial::Policy)), "{other:?}");
    assert_eq!(stage.records().await, flood + 3);
    // a minute later they are written down again
    handles[0].admit(refund(10).judged(Decision::Deny).admit(), at(61_000)).await.unwrap();
    assert_eq!(stage.records().await, flood + 4);
    assert_eq!(status(&*handles[0], &denied.id).await, ApprovalStatus::Denied);
    stage.check().await;
}

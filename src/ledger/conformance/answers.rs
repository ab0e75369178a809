//! What a human's answer leads to, and what of it a repeated call finds.

use super::{
    super::{Admission, CancelledBy, Decided, Denial, Lately},
    *,
};
use crate::{approval::Ticked, findings::tests::charge};

pub(crate) async fn t104_only_the_same_call_finds_its_approval(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let first = asked(&*ledger, refund(400), at(0)).await;
    assert_eq!((first.created_at, first.expires_at), (BEGIN, BEGIN + WAITS));
    assert_eq!(first.plan.as_deref(), Some(&*refund(400).admit().plan));
    let again = refund(400).with("_reason", json!("because"));
    assert_eq!(asked(&*other, again, at(1)).await.id, first.id);
    let mut ids = vec![first.id];
    for another in [refund(401), refund(400).with("reason", json!("duplicate")), refund(400).by("another")] {
        ids.push(asked(&*other, another, at(2)).await.id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    stage.check().await;
}

pub(crate) async fn t105_an_approval_is_one_permit_and_its_outcome_one_answer(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let approval = asked(&*ledger, refund(400), at(0)).await;
    let permit = approved(&*other, &approval, 1, at(10)).await;
    assert_eq!(Some(permit.plan()), approval.plan.as_deref());
    assert_eq!((permit.idempotency_key(), permit.record()), (approval.id.as_str(), approval.record.as_str()));

    // while it is being sent a repeat learns that, whatever the policy says by now
    for decision in [Decision::Allow, Decision::Ask, Decision::Deny] {
        match ledger.admit(refund(400).judged(decision).admit(), at(11)).await.unwrap() {
            Admission::Pending(found) => assert_eq!(found.status, ApprovalStatus::Approved),
            other => panic!("{other:?}"),
        }
    }
    for answer in [yes(&approval, 2), no()] {
        let second = decide(&*ledger, &approval, answer, at(12)).await;
        assert!(matches!(second, Decided::Conflict(_)), "{second:?}");
    }

    assert!(ledger.settle(permit.record(), &done("re_1"), at(20)).await.unwrap());
    let third = decide(&*other, &approval, yes(&approval, 3), at(21)).await;
    assert!(matches!(third, Decided::Conflict(_)), "{third:?}");
    match other.admit(refund(400).admit(), at(30)).await.unwrap() {
        Admission::Settled(found) => {
            assert_eq!((found.id, found.outcome), (approval.id.clone(), Some((done("re_1"), BEGIN + 20))));
        }
        other => panic!("{other:?}"),
    }
    // its outcome was given: now it is a new call, which says when the same one ran
    let next = asked(&*ledger, refund(400), at(40)).await;
    assert_ne!(next.id, approval.id);
    assert_eq!(ledger.last_ran(&next.id).await.unwrap(), Some(BEGIN + 20));
    assert_eq!(ledger.last_ran(&approval.id).await.unwrap(), None);
    assert_eq!(ledger.lately(&next.id).await.unwrap(), Lately { asked: 1, approved: 1, denied: 0, ran: 1 });
    assert_eq!(ledger.lately(&approval.id).await.unwrap(), Lately::default());
    // a code that met a decided approval was not spent
    approved(&*ledger, &next, 2, at(41)).await;
    stage.check().await;
}

pub(crate) async fn what_await_delivered_is_not_given_to_a_repeat(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let approval = asked(&*ledger, refund(400), at(0)).await;
    assert_eq!((ledger.awaited(&approval.id).await.unwrap(), other.awaited(&approval.id).await.unwrap()), (1, 2));
    let permit = approved(&*ledger, &approval, 1, at(1)).await;
    ledger.settle(permit.record(), &done("re_1"), at(2)).await.unwrap();
    other.deliver(&approval.id).await.unwrap();
    assert_ne!(asked(&*ledger, refund(400), at(3)).await.id, approval.id);
    // await still finds it
    let found = other.approval(&approval.id).await.unwrap().unwrap();
    assert_eq!(found.outcome, Some((done("re_1"), BEGIN + 2)));
    assert!(found.delivered);
    stage.check().await;
}

pub(crate) async fn an_outcome_waits_a_day_for_its_repeat(stage: &impl Stage) {
    const DAY: Millis = 24 * 60 * 60 * 1000;
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    for (code, (later, found)) in (1..).zip([(DAY - 1, true), (DAY, false)]) {
        let approval = asked(ledger, refund(code), at(0)).await;
        let permit = approved(ledger, &approval, code, at(0)).await;
        ledger.settle(permit.record(), &done("re_1"), at(0)).await.unwrap();
        let admission = ledger.admit(refund(code).admit(), at(later)).await.unwrap();
        assert_eq!(matches!(admission, Admission::Settled(_)), found, "{later}: {admission:?}");
        assert_eq!(matches!(admission, Admission::Pending(_)), !found, "{later}: {admission:?}");
    }
    stage.check().await;
}

pub(crate) async fn t118_a_denial_stands_until_it_is_lifted_or_over(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    let approval = asked(&*ledger, refund(400), at(0)).await;
    let denied = decide(&*ledger, &approval, no(), at(1)).await;
    assert!(matches!(denied, Decided::Denied), "{denied:?}");
    // not by an allow either: what a human refused does not run because a file changed
    for decision in [Decision::Ask, Decision::Allow] {
        match other.admit(refund(400).judged(decision).admit(), at(WAITS - 1)).await.unwrap() {
            Admission::Denied(Denial::Human(found)) => {
                assert_eq!(found.id, approval.id);
                assert_eq!(found.decision.unwrap().note.as_deref(), Some("not this one"));
            }
            other => panic!("{other:?}"),
        }
    }
    let late = decide(&*ledger, &approval, yes(&approval, 1), at(2)).await;
    assert!(matches!(late, Decided::Conflict(_)), "{late:?}");
    assert!(other.reopen(&approval.id, at(3)).await.unwrap());
    assert!(!ledger.reopen(&approval.id, at(3)).await.unwrap());
    let second = asked(&*ledger, refund(400), at(4)).await;
    assert_ne!(second.id, approval.id);
    decide(&*ledger, &second, no(), at(5)).await;
    // the second one would have waited until here
    assert_ne!(asked(&*other, refund(400), at(4 + WAITS)).await.id, second.id);
    assert!(!ledger.reopen("apr_nobody", at(6)).await.unwrap());
    stage.check().await;
}

pub(crate) async fn t121_a_yes_against_the_policy_spends_nothing(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    let approval = asked(ledger, refund(400), at(0)).await;
    let against = ledger.decide(&approval.id, yes(&approval, 1), &evaluation(Decision::Deny), at(1)).await.unwrap();
    assert!(matches!(against, Decided::Conflict(_)), "{against:?}");
    assert_eq!(status(ledger, &approval.id).await, ApprovalStatus::Pending);
    // an allow by now still needs the yes, and has it
    let decided = ledger.decide(&approval.id, yes(&approval, 1), &evaluation(Decision::Allow), at(2)).await.unwrap();
    assert!(matches!(decided, Decided::Permit(_)), "{decided:?}");
    stage.check().await;
}

pub(crate) async fn a_proof_is_for_one_approval_and_one_plan(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    let (small, large) = (asked(ledger, refund(1), at(0)).await, asked(ledger, refund(99), at(0)).await);
    let digest = |approval: &Approval| approval.plan.as_ref().unwrap().digest();
    let wrong = [
        Claim::Approve { approval: small.id.clone(), digest: digest(&small) },
        Claim::Approve { approval: large.id.clone(), digest: digest(&small) },
        Claim::Approve { approval: small.id.clone(), digest: digest(&large) },
        Claim::Policy(digest(&large)),
        Claim::AddFactor,
        Claim::SignIn,
    ];
    for claim in wrong {
        let decided = decide(ledger, &large, Answer::Approve(human(claim.clone(), 1)), at(1)).await;
        assert!(matches!(decided, Decided::Conflict(_)), "{claim:?}: {decided:?}");
    }
    assert_eq!(status(ledger, &large.id).await, ApprovalStatus::Pending);
    let unknown = ledger.decide("apr_nobody", yes(&large, 1), &evaluation(Decision::Ask), at(2)).await.unwrap();
    assert!(matches!(unknown, Decided::NotFound), "{unknown:?}");
    approved(ledger, &large, 1, at(3)).await;
    stage.check().await;
}

pub(crate) async fn t054_a_yes_is_for_the_facts_that_were_shown(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    let asked = asked(ledger, refund(1), at(0)).await;
    assert!(ledger.note_findings(&asked.id, &charge(0), at(1)).await.unwrap());
    let shown = ledger.approval(&asked.id).await.unwrap().unwrap();
    assert_eq!(shown.findings, Some(charge(0)));
    // somebody else looked again after the page was made
    assert!(ledger.note_findings(&asked.id, &charge(1), at(2)).await.unwrap());
    let fresh = ledger.approval(&asked.id).await.unwrap().unwrap();
    for stale in [&asked, &shown] {
        let decided = decide(ledger, stale, yes(stale, 1), at(3)).await;
        assert!(matches!(decided, Decided::Conflict(_)), "{decided:?}");
    }
    assert_eq!(fresh.status, ApprovalStatus::Pending);
    approved(ledger, &fresh, 1, at(4)).await;
    assert!(!ledger.note_findings(&asked.id, &charge(2), at(5)).await.unwrap(), "it does not wait any more");
    assert_eq!(ledger.approval(&asked.id).await.unwrap().unwrap().findings, Some(charge(1)));
    stage.check().await;
}

pub(crate) async fn what_was_ended_without_a_decision_cannot_be_approved(stage: &impl Stage) {
    let [ledger, other] = <[_; 2]>::try_from(enrol(stage).await).unwrap();
    for by in [CancelledBy::Agent, CancelledBy::Human, CancelledBy::Change] {
        let approval = asked(&*ledger, refund(400), at(0)).await;
        assert!(other.cancel(&approval.id, by, at(1)).await.unwrap());
        assert!(!ledger.cancel(&approval.id, by, at(1)).await.unwrap());
        match decide(&*ledger, &approval, yes(&approval, 1), at(2)).await {
            Decided::Conflict(found) => {
                assert_eq!(found.status, ApprovalStatus::Cancelled);
                assert_eq!(found.decision.unwrap().cancelled_by, Some(by));
            }
            other => panic!("{other:?}"),
        }
    }
    let approval = asked(&*ledger, refund(400), at(3)).await;
    assert!(other.deny_by_policy(&approval.id, &evaluation(Decision::Deny), at(4)).await.unwrap());
    assert!(!ledger.deny_by_policy(&approval.id, &evaluation(Decision::Deny), at(4)).await.unwrap());
    let found = ledger.approval(&approval.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.decision.unwrap().by_policy), (ApprovalStatus::Denied, true));
    assert!(!ledger.cancel("apr_nobody", CancelledBy::Agent, at(5)).await.unwrap());
    let open = ledger.open_approvals(None).await.unwrap();
    assert_eq!(open.len(), 4, "none of them was fetched yet");
    for approval in open {
        ledger.deliver(&approval.id).await.unwrap();
    }
    assert_eq!(ledger.open_approvals(None).await.unwrap().len(), 0);
    stage.check().await;
}

pub(crate) async fn t119_one_proof_takes_what_was_ticked_and_never_what_is_destructive(stage: &impl Stage) {
    let handles = enrol(stage).await;
    let ledger = &*handles[0];
    let tick = |approval: &Approval| Ticked { approval: approval.id.clone(), digest: approval.shown_digest().unwrap() };
    let together = async |ticked: Vec<Ticked>, asked: &[&Approval], code: u32, now| {
        let asked = asked.iter().map(|one| (one.id.clone(), evaluation(Decision::Ask))).collect();
        ledger.decide_together(human(Claim::Together(ticked), code), asked, now).await.unwrap()
    };
    let (ann, bob) = (asked(ledger, customer("ann"), at(0)).await, asked(ledger, customer("bob"), at(0)).await);
    let other = asked(ledger, customer("eve").by("claude"), at(0)).await;
    let (one, two) = (asked(ledger, refund(1), at(0)).await, asked(ledger, refund(2), at(0)).await);
    // whoever calls the ledger: refunds, and what another asked for, are not decided so, and the code stays good
    for pair in [[&one, &two], [&ann, &other], [&ann, &one]] {
        let decided = together(pair.iter().map(|one| tick(one)).collect(), &pair, 1, at(1)).await;
        assert!(decided.iter().all(|one| matches!(one, Decided::Conflict(_))), "{decided:?}");
    }
    // nor what was not ticked, or ticked as something else
    let wrong = Ticked { digest: one.shown_digest().unwrap(), ..tick(&bob) };
    let decided = together(vec![tick(&ann), wrong], &[&ann, &bob], 1, at(2)).await;
    assert!(matches!(decided.as_slice(), [Decided::Permit(_), Decided::Conflict(_)]), "{decided:?}");
    assert_eq!(status(ledger, &bob.id).await, ApprovalStatus::Pending);
    // the code is burnt now
    let again = together(vec![tick(&bob)], &[&bob], 1, at(3)).await;
    assert!(matches!(again.as_slice(), [Decided::CodeUsed]), "{again:?}");
    assert!(matches!(together(vec![tick(&bob)], &[&bob], 2, at(4)).await.as_slice(), [Decided::Permit(_)]));
    stage.check().await;
}

//! Several people: whose yes counts, and how many are needed, whatever happens at the same moment.

use std::sync::Arc;

use super::*;
use crate::{
    approval::{Approver, Claim, Code, PersonId, Strength, prove, prove_by_passkey},
    ledger::{
        Admission, Answer, Approval, ApprovalStatus, Decided,
        conformance::{asked, evaluation, letters, refund, status},
    },
    policy::{Decision, Evaluation, Requirement},
};

/// Codes from here on are ann's.
const ANN: u32 = 100;

fn ann() -> PersonId {
    PersonId("per_ann".to_owned())
}

/// A home with the owner and ann, each with recovery codes.
async fn two_people(handles: usize) -> Folder {
    let stage = Folder::with(handles).enrolled().await;
    let raw = stage.raw();
    raw.execute("INSERT INTO person (id, name, created_at) VALUES ('per_ann', 'ann', 1)", []).unwrap();
    for hash in conformance::recovery_hashes(ANN..ANN + 60) {
        let sql = "INSERT INTO recovery (hash, factor, person) VALUES (?, '', 'per_ann')";
        raw.execute(sql, [hash.as_str()]).unwrap();
    }
    stage
}

fn requiring(requirement: Requirement) -> Evaluation {
    Evaluation { requirement, ..evaluation(Decision::Ask) }
}

fn two() -> Evaluation {
    requiring(Requirement { approvers: 2, ..Requirement::default() })
}

fn yes(approval: &Approval, person: &PersonId, code: u32) -> Answer {
    Answer::Approve(proven(approval, person, code))
}

fn proven(approval: &Approval, person: &PersonId, code: u32) -> Approver {
    let digest = approval.plan.as_ref().unwrap().digest();
    let claim = Claim::Approve { approval: approval.id.clone(), digest };
    prove(claim, &Code::parse(&letters(code)).unwrap(), person, &[], at(0)).unwrap()
}

#[tokio::test]
async fn t106_two_people_at_once_over_many_handles_are_one_permit() {
    let stage = two_people(4).await;
    for round in 0..4_u32 {
        let approval = asked(&stage.ledgers[0], refund(round + 1), at(0)).await;
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..8_u32 {
            let ledger = stage.ledgers[usize::try_from(racer).unwrap() % 4].clone();
            let (person, base) = if racer % 2 == 0 { (PersonId::owner(), 0) } else { (ann(), ANN) };
            let (approval, start) = (approval.clone(), Arc::clone(&start));
            racers.spawn(async move {
                let answer = yes(&approval, &person, base + round * 8 + racer);
                start.wait().await;
                ledger.decide(&approval.id, answer, &two(), at(1)).await.unwrap()
            });
        }
        let decided = racers.join_all().await;
        let count = |which: fn(&Decided) -> bool| decided.iter().filter(|one| which(one)).count();
        assert_eq!(count(|one| matches!(one, Decided::Permit(_))), 1, "{decided:?}");
        assert_eq!(count(|one| matches!(one, Decided::OneMore(_))), 1, "{decided:?}");
        let rest = count(|one| matches!(one, Decided::SaidAlready | Decided::Conflict(_)));
        assert_eq!(rest, 6, "{decided:?}");
        let found = stage.ledgers[1].approval(&approval.id).await.unwrap().unwrap();
        let mut people: Vec<_> = found.yeses.iter().map(|yes| yes.person.clone()).collect();
        people.sort();
        assert_eq!(people, [ann(), PersonId::owner()]);
    }
    stage.check().await;
}

#[tokio::test]
async fn what_was_asked_and_what_is_asked_now_both_count() {
    let stage = two_people(1).await;
    let ledger = &stage.ledgers[0];
    // asked for one, two are needed now
    let approval = asked(ledger, refund(1), at(0)).await;
    let now = ledger.decide(&approval.id, yes(&approval, &PersonId::owner(), 1), &two(), at(1)).await.unwrap();
    assert!(matches!(now, Decided::OneMore(_)), "{now:?}");
    assert_eq!(status(ledger, &approval.id).await, ApprovalStatus::Pending);
    // what one person said stays said when the rule is lifted, and says nothing for a second time
    let plain = evaluation(Decision::Ask);
    let again = ledger.decide(&approval.id, yes(&approval, &PersonId::owner(), 2), &plain, at(2)).await.unwrap();
    assert!(matches!(again, Decided::SaidAlready), "{again:?}");
    let other = ledger.decide(&approval.id, yes(&approval, &ann(), ANN + 1), &plain, at(3)).await.unwrap();
    assert!(matches!(other, Decided::Permit(_)), "{other:?}");
    // a passkey was asked for: no code does, whatever the policy says by now, and none is spent
    let mut admit = refund(2).admit();
    admit.evaluation = requiring(Requirement { approve: Strength::Passkey, ..Requirement::default() });
    let Admission::Pending(strict) = ledger.admit(admit, at(4)).await.unwrap() else { panic!() };
    let weak = ledger.decide(&strict.id, yes(&strict, &ann(), ANN + 2), &plain, at(5)).await.unwrap();
    assert!(matches!(weak, Decided::TooWeak), "{weak:?}");
    let third = asked(ledger, refund(3), at(6)).await;
    let unspent = ledger.decide(&third.id, yes(&third, &ann(), ANN + 2), &plain, at(7)).await.unwrap();
    assert!(matches!(unspent, Decided::Permit(_)), "{unspent:?}");
    // a time to answer that came later ends what is older
    let late = asked(ledger, refund(4), at(8)).await;
    let soon = requiring(Requirement { answer_within: Some(1_000), ..Requirement::default() });
    let over = ledger.decide(&late.id, yes(&late, &ann(), ANN + 3), &soon, at(1_008)).await.unwrap();
    assert!(matches!(over, Decided::Conflict(ref found) if found.status == ApprovalStatus::Expired), "{over:?}");
    stage.check().await;
}

#[tokio::test]
async fn t139_a_recovery_code_is_its_persons_and_nobody_elses() {
    let stage = two_people(1).await;
    let ledger = &stage.ledgers[0];
    let approval = asked(ledger, refund(1), at(0)).await;
    for (person, code) in [(PersonId::owner(), ANN + 1), (ann(), 1), (PersonId("per_nobody".to_owned()), 1)] {
        let plain = evaluation(Decision::Ask);
        let refused = ledger.decide(&approval.id, yes(&approval, &person, code), &plain, at(1)).await.unwrap();
        assert!(matches!(refused, Decided::CodeUsed), "{refused:?}");
    }
    assert_eq!(ledger.people().await.unwrap().iter().map(|person| person.recovery_codes).sum::<u32>(), 120);
    stage.check().await;
}

/// Two pages that were given the same signature in the same moment: both proofs were made before either was burnt.
#[tokio::test]
async fn t134_a_signature_that_was_checked_twice_is_burnt_once() {
    let Holder { home: stage, mut key, passkey } = Holder::of(Folder::with(2)).await;
    let [ledger, other] = &stage.ledgers[..] else { panic!() };
    let challenge = ledger.new_challenge(Claim::SignIn, at(1)).await.unwrap();
    let nonce = other.nonce(challenge.clone(), at(2)).await.unwrap().unwrap();
    let assertion = key.sign(&challenge);
    let proven = || prove_by_passkey(Claim::SignIn, &assertion, &passkey, &nonce, Holder::ORIGIN).unwrap();
    let (one, two) = (proven(), proven());
    assert!(ledger.open_session(one, at(3)).await.unwrap().is_some());
    assert!(other.open_session(two, at(3)).await.unwrap().is_none());
    // a challenge lives for two minutes, by whichever clock comes first, and not across a boot
    let challenge = ledger.new_challenge(Claim::SignIn, at(10)).await.unwrap();
    for (now, lives) in [
        (at(10 + 119_999), true),
        (at(10 + 120_000), false),
        (Now { wall: at(10).wall, ..at(120_010) }, false),
        (Now { boot_id: 2, ..at(11) }, false),
        (at(9), false),
    ] {
        assert_eq!(other.nonce(challenge.clone(), now).await.unwrap().is_some(), lives, "{now:?}");
    }
    stage.check().await;
}

//! Time-based codes and their counters, which outlive handles and processes.

use super::*;
use crate::{
    approval::{Approver, Claim, Code, Enrolled, PersonId, RecoveryCodes, Seed, prove},
    ledger::{
        Admission, Answer, Approval, ApprovalStatus,
        conformance::{BEGIN, asked, decide, factor, recovery_hashes, refund, status},
    },
    secret::Secret,
};

/// The seed of RFC 6238's vectors as base32, and two of its codes: of 59 s (step 1) and of 1 111 111 109 s.
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CODE: (&str, u64, Millis) = ("081804", 37_037_036, 1_111_111_109_000);

fn app(last_step: Option<u64>) -> [Enrolled; 1] {
    [Enrolled { id: factor(), seed: Seed::from_secret(&Secret::new(SEED.to_owned())).unwrap(), last_step }]
}

fn rfc_now() -> Now {
    Now { wall: CODE.2, boot: 0, boot_id: 1 }
}

fn shown(claim: Claim) -> Approver {
    prove(claim, &Code::parse(CODE.0).unwrap(), &PersonId::owner(), &app(None), rfc_now()).unwrap()
}

fn claim(approval: &Approval) -> Claim {
    Claim::Approve { approval: approval.id.clone(), digest: approval.plan.as_ref().unwrap().digest() }
}

#[tokio::test]
async fn t130_a_time_step_decides_once_and_signs_in_once() {
    let stage = Folder::with(2);
    let [ledger, other] = &stage.ledgers[..] else { panic!() };
    ledger.enrol(factor(), 7, recovery_hashes(0..1), None, rfc_now()).await.unwrap();
    let (first, second) = (asked(ledger, refund(1), rfc_now()).await, asked(ledger, refund(2), rfc_now()).await);
    let permit = decide(ledger, &first, Answer::Approve(shown(claim(&first))), rfc_now()).await;
    assert!(matches!(permit, Decided::Permit(_)), "{permit:?}");
    // two pages that were open at once: both proofs were made before either was burnt
    let again = decide(other, &second, Answer::Approve(shown(claim(&second))), rfc_now()).await;
    assert!(matches!(again, Decided::CodeUsed), "{again:?}");
    let known = other.factors().await.unwrap().remove(0);
    assert_eq!((known.step_decide, known.step_sign_in), (Some(CODE.1), None));
    // signing in has its own steps, each once too
    assert!(ledger.open_session(shown(Claim::SignIn), rfc_now()).await.unwrap().is_some());
    assert!(other.open_session(shown(Claim::SignIn), rfc_now()).await.unwrap().is_none());
    assert!(ledger.open_session(shown(Claim::AddFactor), rfc_now()).await.unwrap().is_none());
    // and with that step on record the code proves nobody any more, in whatever process
    let last = other.factors().await.unwrap().remove(0).step_decide;
    assert!(prove(claim(&second), &Code::parse(CODE.0).unwrap(), &PersonId::owner(), &app(last), rfc_now()).is_none());
    stage.check().await;
}

#[tokio::test]
async fn t130_the_code_that_confirmed_the_factor_decides_nothing() {
    let stage = Folder::with(1);
    let ledger = &stage.ledgers[0];
    ledger.enrol(factor(), CODE.1, recovery_hashes(0..1), None, rfc_now()).await.unwrap();
    let approval = asked(ledger, refund(1), rfc_now()).await;
    let decided = decide(ledger, &approval, Answer::Approve(shown(claim(&approval))), rfc_now()).await;
    assert!(matches!(decided, Decided::CodeUsed), "{decided:?}");
}

#[tokio::test]
async fn t131_failures_outlive_the_process_and_lock_nobody_out_of_a_session() {
    let stage = Folder::with(1).enrolled().await;
    for process in 0..5 {
        let counted = stage.open().unwrap().begin_attempt(&PersonId::owner(), Purpose::Decide, at(0)).await.unwrap();
        assert_eq!(counted, Attempt::Counted, "{process}");
    }
    let reopened = stage.open().unwrap();
    let locked = Attempt::Locked { until: BEGIN + 60_000 };
    assert_eq!(reopened.begin_attempt(&PersonId::owner(), Purpose::Decide, at(1)).await.unwrap(), locked);
    assert_eq!(reopened.locked_until(Purpose::Decide, at(1)).await.unwrap(), Some(BEGIN + 60_000));
    assert_eq!(reopened.locked_until(Purpose::SignIn, at(1)).await.unwrap(), None);
    assert_eq!(reopened.begin_attempt(&PersonId::owner(), Purpose::SignIn, at(1)).await.unwrap(), Attempt::Counted);

    let human = conformance::human(Claim::SignIn, 1);
    let session = reopened.open_session(human, at(2)).await.unwrap().unwrap();
    for _ in 0..6 {
        reopened.begin_attempt(&PersonId::owner(), Purpose::SignIn, at(3)).await.unwrap();
    }
    assert!(reopened.locked_until(Purpose::SignIn, at(3)).await.unwrap().is_some());
    assert_eq!(stage.ledgers[0].use_session(&session, 1_000, at(3)).await.unwrap(), Some(PersonId::owner()));
    assert_eq!(stage.ledgers[0].use_session(&session, 1_000, at(1_003)).await.unwrap(), None);
}

#[tokio::test]
async fn t139_recovery_codes_are_stored_hashed_and_used_once() {
    let stage = Folder::with(2);
    let codes = RecoveryCodes::generate().unwrap();
    let ledger = &stage.ledgers[0];
    ledger.enrol(factor(), 1, codes.hashes(), None, at(0)).await.unwrap();
    assert_eq!(ledger.recovery_codes_left().await.unwrap(), 10);
    let Ok(Code::Recovery(first)) = Code::parse(&codes.shown()[0]) else { panic!() };
    let stored: String =
        stage.raw().query_row("SELECT group_concat(hash) FROM recovery", [], |row| row.get(0)).unwrap();
    assert!(!stored.contains(first.as_str()));
    let code = Code::parse(&codes.shown()[0]).unwrap();
    let sign_in = || prove(Claim::SignIn, &code, &PersonId::owner(), &app(None), at(0)).unwrap();
    assert!(ledger.open_session(sign_in(), at(1)).await.unwrap().is_some());
    assert!(stage.ledgers[1].open_session(sign_in(), at(1)).await.unwrap().is_none());
    assert_eq!(stage.ledgers[1].recovery_codes_left().await.unwrap(), 9);
    // a code that was spent on signing in approves nothing
    let approval = asked(ledger, refund(1), at(2)).await;
    let proof = prove(claim(&approval), &code, &PersonId::owner(), &app(None), at(2)).unwrap();
    assert!(matches!(decide(ledger, &approval, Answer::Approve(proof), at(2)).await, Decided::CodeUsed));
    stage.check().await;
}

#[tokio::test]
async fn t135_only_the_first_factor_and_the_first_policy_need_no_proof() {
    let stage = Folder::with(1);
    let ledger = &stage.ledgers[0];
    let policy = |text: &str| crate::policy::Pinned { text: text.to_owned(), tools: crate::policy::Known::default() };
    let claim = |text: &str| Claim::Policy(pin_digest(&policy(text)).unwrap());
    assert!(ledger.pin(policy("schema = 1"), None, at(0)).await.unwrap());
    assert!(!ledger.pin(policy("schema = 1 # looser"), None, at(1)).await.unwrap());
    assert!(ledger.enrol(factor(), 1, recovery_hashes(0..9), None, at(0)).await.unwrap());
    let second = FactorId("fac_2".to_owned());
    assert!(!ledger.enrol(second.clone(), 1, recovery_hashes(20..29), None, at(1)).await.unwrap());
    let other_tools =
        crate::policy::Pinned { tools: ["a.b".to_owned()].into_iter().collect(), ..policy("schema = 1 # looser") };
    for claim in [Claim::SignIn, claim("another text"), Claim::Policy(pin_digest(&other_tools).unwrap())] {
        let human = || conformance::human(claim.clone(), 1);
        assert!(!ledger.enrol(second.clone(), 1, recovery_hashes(20..29), Some(human()), at(1)).await.unwrap());
        assert!(!ledger.remove_factor(factor(), human(), at(1)).await.unwrap());
        assert!(!ledger.pin(policy("schema = 1 # looser"), Some(human()), at(1)).await.unwrap());
    }
    assert_eq!(ledger.pinned().unwrap(), Some(policy("schema = 1")));
    assert_eq!(ledger.recovery_codes_left().await.unwrap(), 9);
    let right = conformance::human(claim("schema = 1 # looser"), 1);
    assert!(ledger.pin(policy("schema = 1 # looser"), Some(right), at(2)).await.unwrap());
    // the last one cannot be removed; a second one takes the old recovery codes with it
    let removing = |id: &FactorId, code| conformance::human(Claim::RemoveFactor(id.clone()), code);
    assert!(!ledger.remove_factor(factor(), removing(&factor(), 2), at(3)).await.unwrap());
    let right = conformance::human(Claim::AddFactor, 2);
    assert!(ledger.enrol(second.clone(), 1, recovery_hashes(20..29), Some(right), at(3)).await.unwrap());
    assert!(!ledger.remove_factor(second.clone(), removing(&second, 3), at(4)).await.unwrap());
    // what was proven for the one removes no other
    assert!(!ledger.remove_factor(factor(), removing(&second, 20), at(4)).await.unwrap());
    assert!(ledger.remove_factor(factor(), removing(&factor(), 20), at(4)).await.unwrap());
    stage.check().await;
}

#[tokio::test]
async fn a_reset_ends_what_waits_and_leaves_the_log() {
    let stage = Folder::with(2).enrolled().await;
    let ledger = &stage.ledgers[0];
    let approval = asked(ledger, refund(1), at(0)).await;
    let session = ledger.open_session(conformance::human(Claim::SignIn, 1), at(1)).await.unwrap().unwrap();
    let before = stage.records().await;
    stage.ledgers[1].reset(at(2)).await.unwrap();
    assert_eq!(status(ledger, &approval.id).await, ApprovalStatus::Cancelled);
    assert_eq!(ledger.factors().await.unwrap(), []);
    assert_eq!(ledger.use_session(&session, 1_000_000, at(3)).await.unwrap(), None);
    assert!(matches!(ledger.admit(refund(2).admit(), at(3)).await.unwrap(), Admission::NoFactor));
    assert_eq!(stage.records().await, before + 3);
    stage.check().await;
}

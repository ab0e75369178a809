//! A human's answer, and what it takes.

use super::*;
use crate::{
    clock::Clock as _,
    gateway::{DecideError, ProveError},
    ledger::{ApprovalStatus, FailureKind, Ledger as _},
    secret::SecretStore as _,
    upstream::account_secret_name,
};

async fn status(rig: &Rig, id: &str) -> ApprovalStatus {
    rig.home.approval(id).await.unwrap().unwrap().status
}

#[tokio::test]
async fn t104_a_yes_sends_the_stored_plan_at_once_and_exactly_once() {
    let rig = Rig::start().await;
    let id = rig.ask(400).await;
    assert_eq!(rig.upstream.count(), 0);
    let plan = rig.home.approval(&id).await.unwrap().unwrap().plan.unwrap();
    assert_eq!(rig.approve(&id).await.unwrap(), done());
    let sent =
        Sent { tool: "stripe.create_refund".into(), digest: plan.digest().to_string(), idempotency_key: id.clone() };
    assert_eq!(rig.upstream.sent(), [sent]);
    for process in [&rig, &rig.another()] {
        match process.approve(&id).await {
            Err(DecideError::AlreadyDecided(found)) => assert_eq!(found.status, ApprovalStatus::Executed),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.upstream.count(), 1);
    assert_eq!(rig.log().await, [("stripe.create_refund".to_owned(), "succeeded".to_owned())]);
    rig.verified().await;
}

#[tokio::test]
async fn t130_t131_wrong_used_and_locked_codes_decide_nothing() {
    let rig = Rig::start().await;
    let (first, second) = (rig.ask(1).await, rig.ask(2).await);
    let app = digits(rig.clock.now());
    rig.gateway.approve(&first, &app).await.unwrap();
    // that time step decided once
    let again = rig.another().gateway.approve(&second, &app).await;
    assert!(matches!(again, Err(DecideError::Prove(ProveError::Wrong))), "{again:?}");
    let unknown = rig.gateway.approve(&second, &code(77_777)).await;
    assert!(matches!(unknown, Err(DecideError::Prove(ProveError::Used))), "{unknown:?}");
    for _ in 0..3 {
        let wrong = rig.gateway.approve(&second, &app).await;
        assert!(matches!(wrong, Err(DecideError::Prove(ProveError::Wrong))), "{wrong:?}");
    }
    // the sixth is not looked at, were it right; in no process
    for process in [&rig, &rig.another()] {
        let locked = process.approve(&second).await;
        assert!(matches!(locked, Err(DecideError::Prove(ProveError::Locked(_)))), "{locked:?}");
    }
    assert_eq!((rig.upstream.count(), status(&rig, &second).await), (1, ApprovalStatus::Pending));
    rig.clock.pass(60_000);
    rig.approve(&second).await.unwrap();
    // and a lock keeps nobody from saying no
    let third = rig.ask(3).await;
    for _ in 0..5 {
        drop(rig.gateway.approve(&third, &code(77_777)).await);
    }
    rig.gateway.deny(&third, None).await.unwrap();
    assert_eq!(rig.upstream.count(), 2);
    rig.verified().await;
}

#[tokio::test]
async fn a_credential_that_cannot_be_opened_spends_nothing() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let code = rig.code();
    rig.store.locked.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..9 {
        let locked = rig.gateway.approve(&id, &code).await;
        assert!(matches!(&locked, Err(DecideError::Credential(why)) if why.contains("locked")), "{locked:?}");
    }
    rig.store.locked.store(false, std::sync::atomic::Ordering::SeqCst);
    rig.store.delete(&account_secret_name("stripe", "default")).await.unwrap();
    let missing = rig.gateway.approve(&id, &code).await;
    assert!(matches!(missing, Err(DecideError::Credential(_))), "{missing:?}");
    assert_eq!((rig.upstream.count(), status(&rig, &id).await), (0, ApprovalStatus::Pending));
    // neither the code was burnt nor an attempt counted
    rig.seal(&crate::ledger::conformance::account()).await;
    rig.gateway.approve(&id, &code).await.unwrap();
    assert_eq!(rig.upstream.count(), 1);
}

#[tokio::test]
async fn t122_a_credential_of_another_account_or_origin_is_not_used() {
    let rig = Rig::start().await;
    let (id, account) = (rig.ask(1).await, crate::ledger::conformance::account().as_ref().clone());
    let elsewhere = crate::account::Origin::parse("https://api.evil.example", false).unwrap();
    for sealed in [
        crate::account::Account { id: "acc_2".to_owned(), ..account.clone() },
        crate::account::Account { origin: elsewhere, ..account.clone() },
    ] {
        rig.seal(&sealed).await;
        let refused = rig.approve(&id).await;
        assert!(matches!(refused, Err(DecideError::Credential(_))), "{refused:?}");
        let read = rig.call("stripe_get_balance", serde_json::json!({})).await;
        assert_eq!(read["error"]["kind"], kind(FailureKind::Credential), "{read}");
        assert!(!read.to_string().contains("evil"), "{read}");
    }
    assert_eq!((rig.upstream.count(), status(&rig, &id).await), (0, ApprovalStatus::Pending));
}

#[tokio::test]
async fn t118_a_no_needs_no_code_and_stands_until_it_is_lifted() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.gateway.deny(&id, Some("not this customer".to_owned())).await.unwrap();
    for answer in [rig.fetch(&id).await, rig.refund(1).await] {
        assert_eq!((&answer["status"], &answer["by"]), (&"denied".into(), &"human".into()), "{answer}");
        assert_eq!(answer["note"], "not this customer", "{answer}");
    }
    assert!(matches!(rig.approve(&id).await, Err(DecideError::AlreadyDecided(_))));
    assert!(matches!(rig.gateway.deny(&id, None).await, Err(DecideError::AlreadyDecided(_))));
    rig.gateway.reopen(&id).await.unwrap();
    assert!(matches!(rig.gateway.reopen(&id).await, Err(DecideError::NotFound)));
    let next = rig.ask(1).await;
    assert_ne!(next, id);
    rig.approve(&next).await.unwrap();
    assert_eq!(rig.upstream.count(), 1);
    rig.verified().await;
}

#[tokio::test]
async fn i9_what_has_expired_is_not_sent() {
    let rig = Rig::start().await;
    let (late, early) = (rig.ask(1).await, rig.ask(2).await);
    rig.clock.pass(3_600_000 - 1);
    rig.approve(&early).await.unwrap();
    rig.clock.pass(1);
    match rig.approve(&late).await {
        Err(DecideError::AlreadyDecided(found)) => assert_eq!(found.status, ApprovalStatus::Expired),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.fetch(&late).await["status"], "expired");
    assert_eq!(rig.upstream.count(), 1);
}

#[tokio::test]
async fn t109_a_clock_that_was_set_back_approves_nothing_and_spends_nothing() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let wall = rig.clock.now().wall;
    rig.clock.set_wall(wall - 600_000);
    let code = rig.code();
    for _ in 0..9 {
        let behind = rig.gateway.approve(&id, &code).await;
        assert!(matches!(behind, Err(DecideError::ClockBehind)), "{behind:?}");
    }
    assert_eq!(rig.upstream.count(), 0);
    rig.clock.set_wall(wall + 1);
    rig.gateway.approve(&id, &code).await.unwrap();
}

#[tokio::test]
async fn without_a_factor_nobody_is_asked() {
    let rig = Rig::without_factor().await;
    let answer = rig.refund(1).await;
    assert_eq!(answer["error"]["kind"], kind(FailureKind::Setup), "{answer}");
    let text = answer.to_string();
    for word in ["factor", "agentport factor", "enrol", "totp", "code", "apr_"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert_eq!(rig.home.recent_approvals(9).await.unwrap().len(), 0);
    assert_eq!(rig.log().await, [("stripe.create_refund".to_owned(), "setup".to_owned())]);
    // one that was asked before the factors went cannot be approved either
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.store.delete("factor/fac_1").await.unwrap();
    let refused = rig.approve(&id).await;
    assert!(matches!(refused, Err(DecideError::Prove(ProveError::NoSeed))), "{refused:?}");
    assert_eq!(rig.upstream.count(), 0);
}

#[tokio::test]
async fn t106_many_processes_approve_and_one_request_is_sent() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let processes: Vec<Rig> = (0..6).map(|_| rig.another()).collect();
    let answers: Vec<_> = processes
        .iter()
        .map(|process| {
            let (gateway, id, code) = (std::sync::Arc::clone(&process.gateway), id.clone(), process.code());
            tokio::spawn(async move { gateway.approve(&id, &code).await.is_ok() })
        })
        .collect();
    let mut yes = 0;
    for answer in answers {
        yes += u32::from(answer.await.unwrap());
    }
    assert_eq!((yes, rig.upstream.count()), (1, 1));
    rig.verified().await;
}

#[tokio::test]
async fn i6_a_ledger_that_fails_anywhere_sends_nothing() {
    for method in ["decide", "begin_attempt", "factors", "approval", "sweep"] {
        let rig = Rig::start().await;
        let id = rig.ask(1).await;
        rig.ledger.broken.lock().unwrap().push(method);
        let refused = rig.approve(&id).await;
        assert!(refused.is_err(), "{method}: {refused:?}");
        rig.ledger.broken.lock().unwrap().clear();
        assert_eq!((rig.upstream.count(), status(&rig, &id).await), (0, ApprovalStatus::Pending), "{method}");
        rig.approve(&id).await.unwrap();
    }
    let rig = Rig::start().await;
    rig.ledger.broken.lock().unwrap().push("admit");
    for answer in [rig.call("stripe_get_balance", serde_json::json!({})).await, rig.refund(1).await] {
        assert_eq!(answer["error"]["kind"], kind(FailureKind::Internal), "{answer}");
    }
    assert_eq!(rig.upstream.count(), 0);
}

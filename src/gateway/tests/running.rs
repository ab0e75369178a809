//! What is sent is recorded, whoever leaves and whatever breaks.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;

use super::*;
use crate::ledger::{
    ApprovalStatus, FailureKind, Ledger as _, LineFilter, Outcome,
    conformance::{self, account},
};

const READ: &str = "stripe_get_balance";

/// Long enough for everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn i1_an_allowed_call_is_recorded_before_it_is_sent_and_settled_after() {
    let rig = Rig::start().await;
    rig.upstream.then(Behaviour::Hang);
    let gateway = Arc::clone(&rig.gateway);
    let (home, upstream) = (rig.home.clone(), Arc::clone(&rig.upstream));
    let watching = tokio::spawn(async move {
        upstream.arrival().await;
        let lines = home.lines(LineFilter::default()).await.unwrap();
        upstream.release.notify_one();
        lines.into_iter().next().unwrap()
    });
    let answer = rig.call(READ, json!({})).await;
    assert_eq!(answer, json!({"status": "completed", "result": {"id": "re_1"}, "record": answer["record"]}));
    let seen = watching.await.unwrap();
    assert_eq!((seen.tool.as_str(), seen.status.as_str()), ("stripe.get_balance", "sending"));
    assert_eq!(json!(seen.id), answer["record"]);
    assert_eq!(rig.log().await, [("stripe.get_balance".to_owned(), "succeeded".to_owned())]);
    gateway.drain(Duration::ZERO).await;
    rig.verified().await;
}

#[tokio::test]
async fn outcomes_reach_the_agent_as_they_are() {
    let rig = Rig::start().await;
    let failed = Outcome::Failed {
        kind: FailureKind::Upstream,
        http_status: Some(404),
        message: "no such".to_owned(),
        body: None,
    };
    rig.upstream.then(Behaviour::Answer(failed));
    rig.upstream.then(Behaviour::Answer(Outcome::Unknown { http_status: Some(502), message: "maybe".to_owned() }));
    let answers = [rig.call(READ, json!({})).await, rig.call(READ, json!({})).await];
    assert_eq!(answers[0]["error"], json!({"kind": "upstream", "http_status": 404, "message": "no such"}));
    assert_eq!((&answers[1]["status"], &answers[1]["http_status"]), (&json!("unknown"), &json!(502)));
    let statuses: Vec<String> = rig.log().await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["failed", "unknown"]);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_sent_changes_nothing() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.upstream.then(Behaviour::Hang);
    rig.upstream.then(Behaviour::Hang);
    let (gateway, other, approval, code) = (Arc::clone(&rig.gateway), rig.another(), id.clone(), rig.code());
    let approving = tokio::spawn(async move { gateway.approve(&approval, &code).await });
    let calling = tokio::spawn(async move { other.call(READ, json!({})).await });
    for leaving in [approving.abort_handle(), calling.abort_handle()] {
        rig.upstream.arrival().await;
        drop(leaving);
    }
    approving.abort();
    calling.abort();
    assert!(approving.await.unwrap_err().is_cancelled());
    let sending = rig.fetch(&id).await;
    // nobody knows yet whether it has happened
    assert_eq!((&sending["status"], sending.get("executed")), (&json!("pending"), None));
    rig.upstream.release.notify_waiters();
    rig.gateway.drain(PATIENCE).await;
    assert_eq!(rig.fetch(&id).await["status"], "completed");
    assert_eq!(rig.upstream.count(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_between_the_permit_and_its_sending_changes_nothing() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.ledger.hold.store(true, Ordering::SeqCst);
    let (gateway, approval, code) = (Arc::clone(&rig.gateway), id.clone(), rig.code());
    let approving = tokio::spawn(async move { gateway.approve(&approval, &code).await });
    let gateway = Arc::clone(&rig.gateway);
    let calling = tokio::spawn(async move {
        let caller = crate::call::Caller::parse("local").unwrap();
        gateway.call(&caller, READ, serde_json::Map::new(), tokio_util::sync::CancellationToken::new()).await
    });
    // both are committed, and nobody knows yet
    rig.ledger.held.acquire_many(2).await.unwrap().forget();
    for leaving in [approving.abort_handle(), calling.abort_handle()] {
        leaving.abort();
    }
    assert!(approving.await.unwrap_err().is_cancelled());
    assert!(calling.await.unwrap_err().is_cancelled());
    rig.ledger.hold.store(false, Ordering::SeqCst);
    rig.ledger.go_on.add_permits(2);
    rig.gateway.drain(PATIENCE).await;
    assert_eq!(rig.upstream.count(), 2, "a permit was lost");
    assert_eq!(rig.fetch(&id).await["status"], "completed");
    let statuses: Vec<String> = rig.log().await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["succeeded", "succeeded"]);
    rig.verified().await;
}

#[tokio::test]
async fn t249_a_panic_of_the_upstream_is_unknown_for_a_write_and_failed_for_a_read() {
    let rig = Rig::start().await;
    rig.upstream.then(Behaviour::Panic);
    let read = rig.call(READ, json!({})).await;
    assert_eq!((&read["status"], &read["error"]["kind"]), (&json!("failed"), &kind(FailureKind::Internal)), "{read}");
    let id = rig.ask(1).await;
    rig.upstream.then(Behaviour::Panic);
    assert!(matches!(rig.approve(&id).await.unwrap(), Outcome::Unknown { .. }));
    assert_eq!(rig.fetch(&id).await["status"], "unknown");
    // and everything goes on
    assert_eq!(rig.call(READ, json!({})).await["status"], "completed");
    let statuses: Vec<String> = rig.log().await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["failed", "unknown", "succeeded"]);
    rig.verified().await;
}

#[tokio::test]
async fn what_still_runs_when_patience_ends_is_unknown_and_stays_so() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.upstream.then(Behaviour::Hang);
    let (gateway, approval, code) = (Arc::clone(&rig.gateway), id.clone(), rig.code());
    let approving = tokio::spawn(async move { gateway.approve(&approval, &code).await });
    rig.upstream.arrival().await;
    rig.gateway.drain(Duration::from_millis(1)).await;
    assert_eq!(rig.fetch(&id).await["status"], "unknown");
    // an answer that comes after all is too late for the log
    rig.upstream.release.notify_one();
    approving.await.unwrap().unwrap();
    assert_eq!(rig.fetch(&id).await["status"], "unknown");
    assert_eq!(rig.upstream.count(), 1);
    rig.verified().await;
}

#[tokio::test]
async fn t229_after_an_outcome_that_could_not_be_written_no_call_is_taken() {
    let rig = Rig::start().await;
    let waiting = rig.ask(1).await;
    rig.ledger.broken.lock().unwrap().push("settle");
    assert_eq!(rig.call(READ, json!({})).await["status"], "completed");
    rig.ledger.broken.lock().unwrap().clear();
    for answer in [rig.call(READ, json!({})).await, rig.refund(2).await] {
        assert_eq!(answer["error"]["kind"], kind(FailureKind::Internal), "{answer}");
    }
    let refused = rig.approve(&waiting).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(rig.upstream.count(), 1);
    assert_eq!(rig.home.approval(&waiting).await.unwrap().unwrap().status, ApprovalStatus::Pending);
    // another process goes on, and once this one is gone its call is unknown
    let other = rig.another();
    let statuses = async || other.log().await.into_iter().map(|(_, status)| status).collect::<Vec<_>>();
    assert_eq!(statuses().await, ["pending", "sending"]);
    let Rig { gateway, home, ledger, .. } = rig;
    drop((gateway, home, ledger));
    other.approve(&waiting).await.unwrap();
    assert_eq!(statuses().await, ["succeeded", "unknown"]);
    other.verified().await;
}

#[tokio::test]
async fn t238_refusals_are_recorded_without_values_and_bounded() {
    let rig = Rig::start().await;
    let invalid = json!({"charge": "ch_1", "amount": "sk_live_secret", "sk_live_key": 1});
    for _ in 0..300 {
        let answer = rig.call("stripe_create_refund", invalid.clone()).await;
        assert_eq!(answer["status"], "invalid_arguments", "{answer}");
    }
    let lines = rig.home.lines(LineFilter::default()).await.unwrap();
    let invalid: Vec<_> = lines.iter().filter(|line| line.status == "invalid").collect();
    assert!((100..=130).contains(&invalid.len()), "{}", invalid.len());
    assert!(!invalid[0].body.to_string().contains("sk_live_secret"));
    assert_eq!(rig.upstream.count(), 0);
    assert_eq!(rig.call(READ, json!({})).await["status"], "completed");
    rig.verified().await;
}

#[tokio::test]
async fn a_read_whose_credential_cannot_be_opened_is_refused_and_recorded() {
    let rig = Rig::start().await;
    rig.store.locked.store(true, Ordering::SeqCst);
    let answer = rig.call(READ, json!({})).await;
    assert_eq!(answer["error"]["kind"], kind(FailureKind::Credential), "{answer}");
    assert!(!answer.to_string().contains("keyring"), "{answer}");
    assert_eq!(rig.log().await, [("stripe.get_balance".to_owned(), "credential".to_owned())]);
    assert_eq!(rig.upstream.count(), 0);
}

#[tokio::test]
async fn more_at_once_than_there_are_places_is_busy() {
    let rig = Arc::new(Rig::start().await);
    for _ in 0..64 {
        rig.upstream.then(Behaviour::Hang);
    }
    let running: Vec<_> = (0..64)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.call(READ, json!({})).await })
        })
        .collect();
    for _ in 0..64 {
        rig.upstream.arrival().await;
    }
    let answer = rig.call(READ, json!({})).await;
    assert_eq!(answer["error"]["kind"], kind(FailureKind::Busy), "{answer}");
    rig.upstream.release.notify_waiters();
    for call in running {
        assert_eq!(call.await.unwrap()["status"], "completed");
    }
    assert_eq!(rig.call(READ, json!({})).await["status"], "completed");
}

#[tokio::test]
async fn t237_verifying_a_credential_is_a_recorded_read_of_our_own() {
    let rig = Rig::without_factor().await;
    let fresh =
        crate::account::Account { name: "second".to_owned(), id: "acc_2".to_owned(), ..account().as_ref().clone() };
    let sealed = crate::upstream::seal(&fresh, &crate::catalog::CredentialScheme::Bearer, &rig.secret()).unwrap();
    let connected = rig.gateway.verify_account(&fresh, &sealed).await.unwrap();
    assert_eq!(connected.outcome, conformance::done("re_1"));
    let lines = rig.home.lines(LineFilter::default()).await.unwrap();
    let line = lines.iter().find(|line| line.kind == "call").unwrap();
    assert_eq!(
        (line.caller.as_str(), line.account.as_str(), line.status.as_str()),
        ("agentport", "second", "succeeded")
    );
    rig.ledger.broken.lock().unwrap().push("admit");
    assert!(rig.gateway.verify_account(&fresh, &sealed).await.is_err());
    assert_eq!(rig.upstream.count(), 1);
}

#[tokio::test]
async fn a_page_proves_no_credential() {
    for (result, http_status, proves) in [
        (json!("<!doctype html><h1>Hi</h1>"), 200, false),
        (json!("pong"), 200, false),
        (json!(null), 200, false),
        (json!(null), 204, true),
        (json!({"id": 1}), 200, true),
        (json!([]), 200, true),
    ] {
        let rig = Rig::without_factor().await;
        let said =
            Outcome::Succeeded { result: result.clone(), http_status: Some(http_status), truncated: false, next: None };
        rig.upstream.then(Behaviour::Answer(said));
        let fresh =
            crate::account::Account { name: "second".to_owned(), id: "acc_2".to_owned(), ..account().as_ref().clone() };
        let sealed = crate::upstream::seal(&fresh, &crate::catalog::CredentialScheme::Bearer, &rig.secret()).unwrap();
        let outcome = rig.gateway.verify_account(&fresh, &sealed).await.unwrap().outcome;
        assert_eq!(matches!(outcome, Outcome::Succeeded { .. }), proves, "{result}: {outcome:?}");
    }
}

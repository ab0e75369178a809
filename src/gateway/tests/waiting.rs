//! What the agent learns of what waits.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::call::Caller;

#[tokio::test]
async fn t105_await_gives_the_outcome_as_often_as_asked_and_a_repeat_once() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.approve(&id).await.unwrap();
    let repeat = rig.refund(1).await;
    assert_eq!((&repeat["status"], &repeat["replayed"]), (&json!("completed"), &json!(true)), "{repeat}");
    let next = rig.ask(1).await;
    assert_ne!(next, id);
    rig.approve(&next).await.unwrap();
    // this time await is asked first: no repeat gets it any more
    let first = rig.fetch(&next).await;
    assert_eq!((&first["status"], first.get("replayed")), (&json!("completed"), None), "{first}");
    for _ in 0..3 {
        let again = rig.fetch(&next).await;
        assert_eq!((&again["status"], &again["replayed"]), (&json!("completed"), &json!(true)), "{again}");
        assert_eq!(again["executed_at"], "2027-01-15T08:00:00Z");
    }
    rig.ask(1).await;
    assert_eq!(rig.upstream.count(), 2);
}

#[tokio::test]
async fn t110_an_approval_of_somebody_else_does_not_exist() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    for tool in ["agentport_await_approval", "agentport_withdraw_approval"] {
        let theirs = rig.call_as("another", tool, json!({"approval_id": id})).await;
        let none = rig.call_as("another", tool, json!({"approval_id": "apr_nobody"})).await;
        assert_eq!(theirs, none);
        assert_eq!(theirs["status"], "not_found");
    }
    assert_eq!(rig.call_as("another", "agentport_await_approval", json!({})).await["approvals"], json!([]));
    assert_eq!(rig.fetch(&id).await["status"], "pending");
    // its owner takes it back, and then nobody approves it
    let withdrawn = rig.call("agentport_withdraw_approval", json!({"approval_id": id})).await;
    assert_eq!((&withdrawn["status"], &withdrawn["by"]), (&json!("cancelled"), &json!("agent")), "{withdrawn}");
    assert!(rig.approve(&id).await.is_err());
    // what was sent cannot be taken back
    let id = rig.ask(2).await;
    rig.approve(&id).await.unwrap();
    let late = rig.call("agentport_withdraw_approval", json!({"approval_id": id})).await;
    assert_eq!(late["status"], "completed", "{late}");
    rig.verified().await;
}

#[tokio::test]
async fn asking_again_is_answered_with_ever_more_patience() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        let answer = rig.fetch(&id).await;
        assert_eq!(answer["next"]["arguments"]["approval_id"], json!(id));
        waits.push(answer["next"]["after_seconds"].as_u64().unwrap());
    }
    assert_eq!(waits, [60, 300, 1800, 1800, 1800]);
    assert!(rig.fetch(&id).await["message"].as_str().unwrap().contains("you may end your turn"));
    assert_eq!(rig.upstream.told.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_look_is_no_wait() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let local = Caller::parse("local").unwrap();
    for _ in 0..4 {
        assert_eq!(rig.gateway.look(&local, &id).await.to_json()["next"]["after_seconds"], 0);
    }
    assert_eq!(rig.fetch(&id).await["next"]["after_seconds"], 60);
    assert_eq!(rig.gateway.look(&local, &id).await.to_json()["next"]["after_seconds"], 60);
    let another = Caller::parse("another").unwrap();
    assert_eq!(rig.gateway.look(&another, &id).await.to_json()["status"], "not_found");
    rig.approve(&id).await.unwrap();
    assert_eq!(rig.gateway.look(&local, &id).await.to_json()["status"], "completed");
    assert_eq!(rig.fetch(&id).await["replayed"], true);
}

#[tokio::test]
async fn all_that_is_open_or_was_not_fetched_comes_without_an_id() {
    let rig = Rig::start().await;
    let (one, two) = (rig.ask(1).await, rig.ask(2).await);
    rig.approve(&two).await.unwrap();
    let both = rig.call("agentport_await_approval", json!({"wait_seconds": 0})).await;
    let statuses: Vec<_> = both["approvals"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [json!("pending"), json!("completed")]);
    let rest = rig.call("agentport_await_approval", json!({"wait_seconds": 0})).await;
    assert_eq!(rest["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(rest["approvals"][0]["approval"]["id"], json!(one));
}

#[tokio::test]
async fn t124_another_process_decides_and_another_fetches() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let (gateway, waited) = (Arc::clone(&rig.gateway), id.clone());
    let waiting = tokio::spawn(async move {
        let (local, never) = (Caller::parse("local").unwrap(), CancellationToken::new());
        gateway.await_approval(&local, Some(&waited), Duration::from_secs(30), &never).await.to_json()
    });
    let approver = rig.another();
    approver.approve(&id).await.unwrap();
    assert_eq!(waiting.await.unwrap()["status"], "completed");
    // and after a restart it is there still
    drop(approver);
    let restarted = rig.another();
    assert_eq!(restarted.fetch(&id).await["replayed"], true);
    assert_eq!(rig.upstream.count(), 1);
}

#[tokio::test]
async fn a_wait_ends_when_the_client_is_gone() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let (gateway, gone) = (Arc::clone(&rig.gateway), CancellationToken::new());
    let (local, token) = (Caller::parse("local").unwrap(), gone.clone());
    let waiting =
        tokio::spawn(async move { gateway.await_approval(&local, Some(&id), Duration::from_mins(50), &token).await });
    gone.cancel();
    assert_eq!(waiting.await.unwrap().to_json()["status"], "pending");
}

//! kill -9 at the points that matter: never two requests, and never one of which nobody says that it may have happened.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use agentport::{
    call::Caller,
    clock::{Clock as _, SteppingClock},
    ledger::{ApprovalStatus, Ledger as _, LineFilter, Outcome},
    secret::SecretStore,
    upstream::Credentials,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::processes::{BEGIN, Ground, Process, code};

fn clock() -> SteppingClock {
    SteppingClock::starting_at(BEGIN)
}

/// Asks for a refund, which waits; its id.
fn ask(process: &mut Process, amount: u32) -> String {
    let answer = process.ask(&json!({"do": "refund", "amount": amount}));
    assert_eq!(answer["status"], "approval_required", "{answer}");
    answer["approval"]["id"].as_str().unwrap().to_owned()
}

/// Lets a process do something until it says that it has stopped at a point, and kills it there.
fn kill_at(point: &str, mut process: Process, mut what: Value) {
    what["stop"] = json!(point);
    assert_eq!(process.ask(&what), json!({"stopped": point}));
    process.kill();
}

#[tokio::test]
async fn t125_killed_after_the_yes_is_unknown_and_never_sent_again() {
    for (point, requests) in [("consumed", 0), ("sent", 1), ("half", 1)] {
        let ground = Ground::new(9, &clock()).await;
        let mut dying = ground.child();
        let id = ask(&mut dying, 400);
        let yes = json!({"do": "approve", "id": id, "code": 1});
        if point == "half" {
            ground.service.stop_half_way(true);
            dying.tell(&yes);
            ground.service.half_sent();
            dying.kill();
            ground.service.stop_half_way(false);
        } else {
            kill_at(point, dying, yes);
        }
        assert_eq!(ground.service.count(&id), requests, "{point}");
        // before anybody looks it stands as being sent, and the code is spent
        let found = ground.ledger.approval(&id).await.unwrap().unwrap();
        assert_eq!(found.status, ApprovalStatus::Approved, "{point}");

        // whoever comes next settles it, here as the agent fetches it
        let mut next = ground.child();
        assert_eq!(next.ask(&json!({"do": "await", "id": id}))["status"], "unknown", "{point}");
        let again = next.ask(&json!({"do": "approve", "id": id, "code": 2}));
        assert!(again["refused"].as_str().is_some_and(|why| why.contains("executed already")), "{point}: {again}");
        // the call again is a new question, and that one runs under a key of its own
        let second = ask(&mut next, 400);
        assert_ne!(second, id);
        let used = next.ask(&json!({"do": "approve", "id": second, "code": 1}));
        assert!(used["refused"].is_string(), "{point}: {used}");
        assert_eq!(next.ask(&json!({"do": "approve", "id": second, "code": 2}))["sent"], "succeeded");
        assert_eq!((ground.service.count(&id), ground.service.count(&second)), (requests, 1), "{point}");
        next.end();
        let found = ground.ledger.approval(&id).await.unwrap().unwrap();
        assert!(matches!(found.outcome, Some((Outcome::Unknown { .. }, _))), "{point}: {found:?}");
        ground.verified().await;
    }
}

#[tokio::test]
async fn t125_killed_before_the_yes_is_committed_has_spent_nothing() {
    let ground = Ground::new(9, &clock()).await;
    let mut dying = ground.child();
    let id = ask(&mut dying, 400);
    kill_at("proved", dying, json!({"do": "approve", "id": id, "code": 1}));
    assert_eq!(ground.service.count(&id), 0);
    let mut next = ground.child();
    assert_eq!(next.ask(&json!({"do": "await", "id": id}))["status"], "pending");
    assert_eq!(next.ask(&json!({"do": "approve", "id": id, "code": 1}))["sent"], "succeeded");
    assert_eq!(ground.service.count(&id), 1);
    ground.verified().await;
}

/// Killed while an account gets another secret: the record says which one is its secret, whoever looks next.
#[tokio::test]
async fn t192_killed_between_record_and_secret_leaves_the_old_account_or_the_new_one() {
    for (point, id, is_new) in [
        ("staged", "acc_1", false),
        ("staged", "acc_2", false),
        ("recorded", "acc_1", true),
        ("recorded", "acc_2", true),
        ("placed", "acc_1", true),
        ("placed", "acc_2", true),
    ] {
        let ground = Ground::new(9, &clock()).await;
        let key = "rk_live_the_second_secret_of_the_account";
        ground.keep_from(key);
        let what = json!({"do": "connect", "id": id, "key": key, "code": 1, "at": BEGIN + 60_000});
        kill_at(point, ground.child(), what.clone());

        let account = ground.ledger.accounts().unwrap().remove(0);
        assert_eq!(account.connected_at != BEGIN, is_new, "{point} {id}");
        let vault = Arc::new(ground.vault());
        let credentials = Credentials::new(Arc::clone(&vault) as Arc<dyn SecretStore>);
        assert!(credentials.inspect_stored(&account).await.unwrap().is_some());
        let [placed, waiting] = agentport::upstream::account_secret_names("stripe", "default");
        let found = vault.get(&placed).await.unwrap().unwrap();
        assert_eq!(found.expose().contains(key), is_new, "{point} {id}");
        assert!(found.expose().contains(&format!("\"id\":\"{}\"", account.id)), "{point} {id}");
        assert_eq!(vault.get(&waiting).await.unwrap().is_some(), point != "recorded", "{point} {id}");
        // whatever became of it, somebody can name it
        assert_eq!(ground.ledger.noted_secrets().unwrap(), [waiting.as_str()], "{point} {id}");

        // the code is spent with the record, and not without it
        let mut next = ground.child();
        assert_eq!(next.ask(&what)["connected"] == true, !is_new, "{point} {id}");
        let again = json!({"do": "connect", "id": id, "key": key, "code": 2, "at": BEGIN + 90_000});
        assert_eq!(next.ask(&again), json!({"connected": true}), "{point} {id}");
        next.end();
        assert!(vault.get(&waiting).await.unwrap().is_none(), "{point} {id}");
        assert!(ground.ledger.noted_secrets().unwrap().is_empty(), "{point} {id}");
        ground.verified().await;
    }
}

#[tokio::test]
async fn t125_a_read_whose_process_was_killed_is_unknown_in_the_log() {
    for (point, requests) in [("consumed", 0), ("sent", 1)] {
        let ground = Ground::new(1, &clock()).await;
        kill_at(point, ground.child(), json!({"do": "read"}));
        assert_eq!(ground.service.seen().values().sum::<u32>(), requests, "{point}");
        ground.verified().await;
        ground.ledger.sweep(clock().now()).await.unwrap();
        let statuses: Vec<String> = ground
            .ledger
            .lines(LineFilter::default())
            .await
            .unwrap()
            .into_iter()
            .filter(|line| line.kind == "call")
            .map(|line| line.status)
            .collect();
        assert_eq!(statuses, ["unknown"], "{point}");
        ground.verified().await;
    }
}

#[tokio::test]
async fn t124_a_restart_between_the_yes_and_the_fetch_loses_nothing() {
    let ground = Ground::new(9, &clock()).await;
    let mut asker = ground.child();
    let id = ask(&mut asker, 400);
    asker.kill();
    let mut approver = ground.child();
    assert_eq!(approver.ask(&json!({"do": "approve", "id": id, "code": 1}))["sent"], "succeeded");
    approver.kill();
    let mut fetcher = ground.child();
    let repeat = fetcher.ask(&json!({"do": "refund", "amount": 400}));
    assert_eq!((&repeat["status"], &repeat["replayed"]), (&json!("completed"), &json!(true)), "{repeat}");
    assert_eq!(fetcher.ask(&json!({"do": "await", "id": id}))["result"], json!({"id": "re_12"}));
    assert_eq!(ground.service.seen().into_iter().collect::<Vec<_>>(), [(id, 1)]);
    fetcher.end();
    ground.verified().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_the_living_one_settles_what_the_dead_one_sent() {
    let ground = Ground::new(9, &clock()).await;
    let gateway = ground.gateway(Arc::new(clock()));
    let watch = tokio::spawn(Arc::clone(&gateway).watch(Caller::parse("local").unwrap()));
    let mut dying = ground.child();
    let id = ask(&mut dying, 400);
    ground.service.stop_half_way(true);
    dying.tell(&json!({"do": "approve", "id": id, "code": 1}));
    ground.service.half_sent();
    // while its process lives nobody settles it, however often they look
    for _ in 0..3 {
        ground.ledger.sweep(clock().now()).await.unwrap();
        assert_eq!(ground.ledger.approval(&id).await.unwrap().unwrap().status, ApprovalStatus::Approved);
    }
    dying.kill();
    let died = Instant::now();
    // nobody asks for it: the other process looks by itself once a second
    while ground.ledger.approval(&id).await.unwrap().unwrap().status == ApprovalStatus::Approved {
        assert!(died.elapsed() < Duration::from_mins(1), "nobody settled it");
        tokio::task::yield_now().await;
    }
    watch.abort();
    let local = Caller::parse("local").unwrap();
    let never = CancellationToken::new();
    let fetched = gateway.await_approval(&local, Some(&id), Duration::ZERO, &never).await.to_json();
    ground.saw(fetched.to_string());
    assert_eq!(fetched["status"], "unknown", "{fetched}");
    ground.saw(
        gateway
            .approve(&id, &agentport::gateway::Presented::Code(&agentport::approval::PersonId::owner(), &code(2)))
            .await
            .unwrap_err()
            .to_string(),
    );
    assert_eq!(ground.service.count(&id), 1);
    ground.verified().await;
}

//! The clock of a test: what no real minute can be waited for.

use std::{path::Path, sync::Arc, time::Duration};

use agentport::{
    app::App,
    approval::{Code, PersonId},
    call::Caller,
    clock::SteppingClock,
    config::Environment,
    gateway::{Gateway, Presented},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Port, Upstream, now};

#[tokio::test(flavor = "multi_thread")]
async fn t108_an_approval_lives_until_its_last_millisecond() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (gateway, clock) = stepped(&port.home());
    let hour = 3_600_000;

    let in_time = approval_id(&refund(&gateway, "ch_1").await);
    clock.pass(hour - 1);
    gateway.approve(&in_time, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap();
    assert_eq!(status(&gateway, &in_time).await, "completed");

    for late in [0, 1] {
        let id = approval_id(&refund(&gateway, "ch_2").await);
        clock.pass(hour + late);
        let refused = gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap_err();
        assert_eq!(refused.to_string(), "it is expired already; nothing was changed");
        let expired = gateway.await_approval(&local(), Some(&id), Duration::ZERO, &CancellationToken::new()).await;
        let expired = expired.to_json();
        assert_eq!((&expired["status"], &expired["approval"]["id"]), (&json!("expired"), &json!(id)));
        assert_ne!(approval_id(&refund(&gateway, "ch_2").await), id);
        clock.pass(hour);
    }

    // a denial stands as long as the approval would have
    let id = approval_id(&refund(&gateway, "ch_3").await);
    gateway.deny(&id, None).await.unwrap();
    clock.pass(hour - 1);
    assert_eq!(refund(&gateway, "ch_3").await["by"], json!("human"));
    clock.pass(1);
    assert_ne!(approval_id(&refund(&gateway, "ch_3").await), id);

    // the first repeat fetches an outcome for a day, then it is a new call
    let day = 24 * hour;
    for (waits, fetched) in [(day - 1, true), (day, false)] {
        let charge = format!("ch_day{waits}");
        let id = approval_id(&refund(&gateway, &charge).await);
        gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap();
        clock.pass(waits);
        assert_eq!(refund(&gateway, &charge).await["status"] == json!("completed"), fetched);
    }
    assert_eq!(upstream.lines(), ["POST /v1/refunds"; 3]);
    port.cli(["log", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_clock_was_set_back_nothing_is_approved_until_it_has_caught_up() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (gateway, clock) = stepped(&port.home());
    let begun = agentport::clock::Clock::now(&clock).wall;
    clock.pass(600_000);
    let id = approval_id(&refund(&gateway, "ch_1").await);
    clock.set_wall(begun);
    let refused =
        gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap_err().to_string();
    assert!(refused.contains("clock"), "{refused}");
    assert_eq!(upstream.lines(), Vec::<String>::new());
    clock.pass(600_000);
    gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap();
    upstream.received_one("POST /v1/refunds");
    // set back, it would wait for ever by the wall: the boot clock ends it
    let id = approval_id(&refund(&gateway, "ch_2").await);
    clock.set_wall(begun);
    clock.pass(3_600_000);
    assert_eq!(status(&gateway, &id).await, "expired");
}

fn stepped(home: &Path) -> (Arc<Gateway>, SteppingClock) {
    let clock = SteppingClock::starting_at(i64::try_from(now()).unwrap() * 1000 + 60_000);
    let app = App::with_clock(Environment::of_home(home), Arc::new(clock.clone()));
    (app.gateway(), clock)
}

fn local() -> Caller {
    Caller::parse("local").unwrap()
}

async fn refund(gateway: &Arc<Gateway>, charge: &str) -> Value {
    let arguments = Map::from_iter([("charge".to_owned(), json!(charge))]);
    gateway.call(&local(), "stripe_create_refund", arguments, CancellationToken::new()).await.to_json()
}

async fn status(gateway: &Arc<Gateway>, id: &str) -> String {
    let reply = gateway.await_approval(&local(), Some(id), Duration::ZERO, &CancellationToken::new()).await;
    reply.status().to_owned()
}

fn approval_id(answer: &Value) -> String {
    assert_eq!(answer["status"], json!("approval_required"), "{answer}");
    answer["approval"]["id"].as_str().unwrap().to_owned()
}

/// Recovery codes: the clock of these tests is not the app's.
fn code(port: &Port) -> Code {
    loop {
        let code = Code::parse(&port.code()).unwrap();
        if matches!(code, Code::Recovery(_)) {
            return code;
        }
    }
}

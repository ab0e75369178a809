//! A GitHub that keeps state: what changes it waits for a human, and happens once.

use serde_json::{Value, json};

use crate::harness::{Emulate, Port};

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_made_listed_and_deleted() {
    let Some(github) = Emulate::start("a_repository_is_made_listed_and_deleted") else { return };
    let port = Port::enrolled();
    let connected = port.connect_github(&github.origin());
    assert_eq!(connected["identity"]["name"], json!("octocat"));
    let agent = port.agent().await;
    let names = async || -> Vec<Value> {
        let listed = agent.call("github_list_repositories", json!({})).await.completed();
        listed.as_array().unwrap().iter().map(|repository| repository["full_name"].clone()).collect()
    };
    assert_eq!(names().await, Vec::<Value>::new());

    let made = agent.call("github_create_repository", json!({"name": "made-by-agent", "private": true})).await;
    let id = made.approval_id();
    assert_eq!((github.repository("made-by-agent"), names().await), (404, vec![]));
    assert_eq!(port.approve(&id)["result"]["full_name"], json!("octocat/made-by-agent"));
    assert_eq!((github.repository("made-by-agent"), names().await), (200, vec![json!("octocat/made-by-agent")]));

    let repository = json!({"owner": "octocat", "repo": "made-by-agent"});
    let id = agent.call("github_delete_repository", repository.clone()).await.approval_id();
    assert_eq!(github.repository("made-by-agent"), 200);
    let deleted = port.approve(&id);
    assert_eq!(deleted, json!({"status": "completed", "result": null, "record": deleted["record"]}));
    assert_eq!((github.repository("made-by-agent"), names().await), (404, vec![]));
    assert_eq!(agent.look(&id).await.0, deleted);
    assert_eq!(agent.call("github_get_repository", repository).await.failed(), "upstream");
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

/// A new key of the same GitHub account: what waits goes on waiting, and runs with the new key.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_secret_leaves_what_waits() {
    let Some(github) = Emulate::start("a_replaced_secret_leaves_what_waits") else { return };
    let port = Port::enrolled();
    port.connect_github(&github.origin());
    let agent = port.agent().await;
    let id = agent.call("github_create_repository", json!({"name": "survivor"})).await.approval_id();
    port.connect_github(&github.origin());
    assert_eq!(agent.look(&id).await.status(), "pending");
    port.approve(&id);
    assert_eq!(github.repository("survivor"), 200);
    agent.leave().await;
}

//! A Linear that keeps state, from its GraphQL: what changes it waits for a human, and happens once.

use serde_json::{Value, json};

use crate::harness::{Emulate, Port};

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_made_and_changed() {
    let port = Port::enrolled();
    let Some(linear) = Emulate::linear("an_issue_is_made_and_changed", &port.linear_key()) else { return };
    let connected = port.connect_linear(&linear.origin());
    assert_eq!(connected["identity"]["name"], json!("ada@example.com"));
    let agent = port.agent().await;
    let listed = agent.call("linear_list_teams", json!({"first": 5})).await.completed();
    let team = listed["teams"]["nodes"].as_array().unwrap().iter().find(|team| team["key"] == json!("ENG")).unwrap();
    assert_eq!((&team["name"], &listed["teams"]["pageInfo"]["hasNextPage"]), (&json!("Engineering"), &json!(false)));

    let given = json!({"team_id": team["id"], "title": "Made by \"agent\" } { $input", "priority": 2});
    let id = agent.call("linear_create_issue", given.clone()).await.approval_id();
    let made = port.approve(&id);
    let issue = &made["result"]["issueCreate"]["issue"];
    assert_eq!((&made["status"], &made["result"]["issueCreate"]["success"]), (&json!("completed"), &json!(true)));
    let identifier = issue["identifier"].as_str().unwrap();
    assert!(issue["title"] == given["title"] && identifier.starts_with("ENG-"), "{issue}");
    assert_eq!((&issue["priorityLabel"], &issue["assignee"]), (&json!("High"), &Value::Null));

    let id = agent.call("linear_update_issue", json!({"issue": identifier, "title": "Renamed"})).await.approval_id();
    assert_eq!(port.approve(&id)["result"]["issueUpdate"]["issue"]["title"], json!("Renamed"));
    let id = agent.call("linear_update_issue", json!({"issue": "ENG-99", "title": "Nobody"})).await.approval_id();
    let approve = ["approvals", "approve", &id, "--code-stdin", "--json"];
    let missing = port.cli(approve).stdin(&port.code()).exits(1).json();
    assert_eq!(missing["error"]["message"], json!("`linear` answered 400: Issue not found: ENG-99"));
    // the read is of a newer Linear than the stand-in: refused before anything ran
    assert_eq!(agent.call("linear_search_issues", json!({"query": "x"})).await.failed(), "upstream");
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

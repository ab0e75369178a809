//! A Linear that keeps state, from its GraphQL: what changes it waits for a human, and happens once.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::{Emulate, Port, Reply, Upstream};

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

/// The stand-in's schema is a part of Linear's: its states take no filter and no order and have no colour, its issues no
/// relations and no attachments. What these two documents ask for is cut to what it has; all else goes to it as it is.
fn of_the_stand_ins_size(linear: Arc<Emulate>, key: String) -> Upstream {
    const STATES: &str = "query($first: Int, $after: String) { workflowStates(first: $first, after: $after) {
        nodes { id name type position team { id key } } pageInfo { hasNextPage endCursor } } }";
    const ISSUE: &str = "query($id: String!) { issue(id: $id) {
        id identifier title completedAt canceledAt state { id name type } team { id key } } }";
    Upstream::bare(move |request| {
        let mut asked: Value = serde_json::from_str(&request.body).unwrap();
        let document = asked["query"].as_str().unwrap();
        if document.contains("workflowStates(") {
            asked["query"] = json!(STATES);
        } else if document.contains(" issue(id:") {
            asked["query"] = json!(ISSUE);
        }
        let (status, answer) = linear.linear_query(&key, &asked);
        Reply::json(status, &answer)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_made_and_closed() {
    let port = Port::enrolled();
    let key = port.linear_key();
    let Some(linear) = Emulate::linear("an_issue_is_made_and_closed", &key) else { return };
    let linear = of_the_stand_ins_size(Arc::new(linear), key);
    port.connect_linear(&linear.origin());
    let agent = port.agent().await;
    let listed = agent.call("linear_list_teams", json!({})).await.completed();
    let team = listed["teams"]["nodes"].as_array().unwrap().iter().find(|team| team["key"] == json!("ENG")).unwrap();

    let given = json!({"team_id": team["id"], "title": "To be closed"});
    let id = agent.call("linear_create_issue", given).await.approval_id();
    let made = port.approve(&id)["result"]["issueCreate"]["issue"].clone();
    assert_eq!((&made["title"], &made["state"]["name"]), (&json!("To be closed"), &json!("Todo")));

    let states = agent.call("linear_list_workflow_states", json!({"first": 100})).await.completed();
    let states = states["workflowStates"]["nodes"].as_array().unwrap().clone();
    let done = states.iter().find(|state| state["type"] == json!("completed") && state["team"]["id"] == team["id"]);
    let done = done.unwrap_or_else(|| panic!("{states:?}"));
    let issue = async || {
        agent.call("linear_get_issue", json!({"issue": made["identifier"]})).await.completed()["issue"].clone()
    };
    let close = json!({"issue": made["identifier"], "state_id": done["id"]});
    let id = agent.call("linear_update_issue", close).await.approval_id();
    let before = issue().await;
    assert_eq!((&before["state"]["type"], &before["completedAt"]), (&json!("unstarted"), &Value::Null));
    let closed = port.approve(&id)["result"]["issueUpdate"].clone();
    assert_eq!((&closed["success"], &closed["issue"]["state"]["name"]), (&json!(true), &done["name"]));
    let after = issue().await;
    assert_eq!((&after["state"]["id"], &after["title"]), (&done["id"], &json!("To be closed")));
    assert!(after["completedAt"].is_string(), "{after}");
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

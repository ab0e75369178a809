//! A GitHub that keeps state: what changes it waits for a human, and happens once.

use serde_json::{Value, json};

use crate::harness::{Emulate, Port, Reply, Upstream};

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

/// The whole life of a repository: every change of it waits for its own approval, and is there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_made_protected_and_deleted() {
    let Some(github) = Emulate::start("a_repository_is_made_protected_and_deleted") else { return };
    let port = Port::enrolled();
    port.connect_github(&github.origin());
    let agent = port.agent().await;
    let given = json!({"name": "guarded", "private": true, "auto_init": true});
    let id = agent.call("github_create_repository", given).await.approval_id();
    assert_eq!(github.repository("guarded"), 404);
    assert_eq!(port.approve(&id)["result"]["default_branch"], json!("main"));
    assert_eq!(github.repository("guarded"), 200);

    let repository = json!({"owner": "octocat", "repo": "guarded"});
    let branch = json!({"owner": "octocat", "repo": "guarded", "branch": "main"});
    let protection = async || agent.call("github_get_branch_protection", branch.clone()).await;
    let protected = async || agent.call("github_get_branch", branch.clone()).await.completed()["protected"].clone();
    let rules = json!({
        "owner": "octocat", "repo": "guarded", "branch": "main",
        "required_status_checks": {"strict": true, "contexts": ["ci/build"]},
        "enforce_admins": true,
        "required_pull_request_reviews": {"required_approving_review_count": 2, "dismiss_stale_reviews": true},
        "restrictions": null,
        "required_linear_history": true,
    });
    assert_eq!(protection().await.0["error"]["http_status"], json!(404));
    let id = agent.call("github_update_branch_protection", rules).await.approval_id();
    assert_eq!((protection().await.failed(), protected().await), ("upstream", json!(false)));
    let set = port.approve(&id)["result"].clone();
    let holds = protection().await.completed();
    assert_eq!(
        holds,
        json!({
            "required_status_checks": {
                "strict": true, "contexts": ["ci/build"], "checks": [{"context": "ci/build", "app_id": null}],
            },
            "enforce_admins": {"enabled": true},
            "required_pull_request_reviews": {
                "required_approving_review_count": 2, "dismiss_stale_reviews": true, "require_code_owner_reviews": false,
            },
            "restrictions": null,
            "required_linear_history": {"enabled": true},
            "required_signatures": {"enabled": false},
            "allow_force_pushes": {"enabled": false},
            "allow_deletions": {"enabled": false},
            "required_conversation_resolution": {"enabled": false},
            "lock_branch": {"enabled": false},
            "allow_fork_syncing": {"enabled": false},
        })
    );
    assert_eq!((set, protected().await), (holds, json!(true)));
    // it binds: a commit past the pull request is approved by the person and refused by the branch
    let file = json!({
        "owner": "octocat", "repo": "guarded", "path": "a.txt", "message": "m", "content": "aGVsbG8=", "branch": "main",
    });
    let id = agent.call("github_create_or_update_file", file).await.approval_id();
    let approve = ["approvals", "approve", &id, "--code-stdin", "--json"];
    let refused = port.cli(approve).stdin(&port.code()).exits(1).json();
    let words = json!("`github` answered 409: Protected branch update failed for refs/heads/main.");
    assert_eq!((&refused["status"], &refused["error"]["message"]), (&json!("failed"), &words));

    let id = agent.call("github_delete_repository", repository).await.approval_id();
    assert_eq!((github.repository("guarded"), protected().await), (200, json!(true)));
    assert_eq!(port.approve(&id)["status"], json!("completed"));
    assert_eq!((github.repository("guarded"), protection().await.failed()), (404, "upstream"));
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

/// A GitHub Enterprise Server has its API below a path: all that is sent begins with it, the verifying read first.
#[test]
fn a_server_of_ones_own_is_asked_below_its_path() {
    let github = Upstream::bare(|request| match request.line.as_str() {
        "GET /api/v3/user" => Reply::json(200, &json!({"id": 1, "login": "octocat"})),
        "GET /api/v3/user/repos?per_page=1" => {
            let next = "<https://github.example.com/api/v3/user/repos?per_page=1&page=2>; rel=\"next\"";
            let headers = [("content-type", "application/json"), ("link", next)];
            Reply::with(200, &headers, br#"[{"full_name": "octocat/one"}]"#)
        }
        "GET /api/v3/user/repos?per_page=1&page=2" => Reply::json(200, &json!([{"full_name": "octocat/two"}])),
        "DELETE /api/v3/repos/octocat/one" => Reply::with(204, &[], b""),
        _ => Reply::json(404, &json!({"message": "Not Found"})),
    });
    let port = Port::enrolled();
    let origin = github.origin();
    let connect = |set: &str| {
        let key =
            ["connect", "github", "--origin", &origin, "--allow-private", "--secret-stdin", "--json", "--set", set];
        port.cli(key).stdin(port.canary())
    };
    for wrong in ["api/v3", "/../x", "/api/v3/", "/api/./v3", "//evil.example.com", "/api/v3?x=", "/api/%2e%2e", "/.."]
    {
        let refused = connect(&format!("api_path={wrong}")).exits(64);
        assert_eq!(refused.error(), format!("`{wrong}` is no value for the setting `api_path`"));
    }
    assert_eq!((github.lines(), port.cli(["accounts", "--json"]).done().json()), (vec![], json!([])));

    let connected = connect("api_path=/api/v3").done().json();
    assert_eq!(connected["settings"], json!({"api_path": "/api/v3"}));
    assert_eq!((&connected["verified"], &connected["identity"]["name"]), (&json!(true), &json!("octocat")));
    let mut wire = port.wire();
    let first = wire.call("github_list_repositories", json!({"per_page": 1}));
    let next = first.0["next"].clone();
    assert_eq!(first.completed(), json!([{"full_name": "octocat/one"}]));
    let second = wire.call(next["tool"].as_str().unwrap(), next["arguments"].clone());
    assert_eq!(second.completed(), json!([{"full_name": "octocat/two"}]));
    let id = wire.call("github_delete_repository", json!({"owner": "octocat", "repo": "one"})).approval_id();
    assert_eq!(port.approve(&id)["status"], json!("completed"));
    assert_eq!(
        github.lines(),
        [
            "GET /api/v3/user",
            "GET /api/v3/user/repos?per_page=1",
            "GET /api/v3/user/repos?per_page=1&page=2",
            "DELETE /api/v3/repos/octocat/one",
        ]
    );
}

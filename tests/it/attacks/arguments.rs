//! B and C: arguments, and the request that they become. Nothing is guessed, bent or led elsewhere.

use serde_json::{Value, json};

use crate::harness::{Port, Reply, Upstream};

#[test]
fn t026_an_argument_that_is_given_twice_is_refused() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    for arguments in [
        r#"{"charge":"ch_1","amount":1,"amount":99900}"#,
        r#"{"charge":"ch_1","amount":1,"\u0061mount":99900}"#,
        r#"{"charge":"ch_1","metadata":{"a":"1","a":"2"}}"#,
        r#"{"charge":"ch_1","metadata":{"a":"1","\u0061":"2"}}"#,
    ] {
        let answer = wire.call_text("stripe_create_refund", arguments);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("given twice") && message.contains("/params/arguments/"), "{answer}");
    }
    assert_eq!(port.cli(["approvals", "list", "--json"]).done().json(), json!([]));
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[test]
fn t027_t028_a_number_is_taken_exactly_or_not_at_all() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let mut asked = |amount: &str| -> Result<String, String> {
        let answer = wire.call_text("stripe_create_refund", &format!(r#"{{"charge":"ch_1","amount":{amount}}}"#));
        let object = &answer["result"]["structuredContent"];
        match object["approval"]["summary"].as_str() {
            Some(summary) => Ok(summary.to_owned()),
            None => Err(answer.to_string()),
        }
    };
    for exact in ["9007199254740993", "9223372036854775807"] {
        assert_eq!(asked(exact), Ok(format!("Refund a charge: amount {exact}, charge ch_1")));
    }
    for inexact in
        ["18446744073709551616", "18446744073709551617", "-9223372036854775809", "1e400", "9007199254740993.0"]
    {
        assert!(asked(inexact).is_err(), "{inexact}");
    }
    // one spelling, or all of them one call
    let digests: Vec<_> = ["1", "1.0", "1e0", "10e-1"].iter().filter_map(|one| asked(one).ok()).collect();
    assert!(!digests.is_empty() && digests.iter().all(|one| *one == digests[0]), "{digests:?}");
    let waiting = port.cli(["approvals", "list", "--json"]).done().json();
    assert_eq!(waiting.as_array().unwrap().len(), 3, "{waiting}");
}

#[test]
fn t030_t031_no_value_is_bent_and_no_name_is_guessed() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    for amount in [
        json!("100"),
        json!("1e2"),
        json!(" 100"),
        json!("١٠٠"),
        json!(true),
        json!([100]),
        json!({"valueOf": 1}),
        json!(null),
        json!(1.5),
        json!(0),
        json!(-1),
    ] {
        let answer = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": amount}));
        assert_eq!(answer.invalid(), ["/amount"], "{amount}");
    }
    for name in [
        "Amount",
        "__proto__",
        "constructor",
        "amount ",
        "amount\u{200b}",
        "base_url",
        "headers",
        "Authorization",
        "_REASON",
    ] {
        let answer = wire.call("stripe_create_refund", json!({"charge": "ch_1", name: 1}));
        assert_eq!(answer.invalid(), [format!("/{name}")], "{name}");
    }
    for charge in ["ch_1&amount=1", "ch_1/../x", "ch_1\n", " ch_1", "CH_1", "", "ch_\u{ff11}"] {
        assert_eq!(wire.call("stripe_create_refund", json!({"charge": charge})).invalid(), ["/charge"], "{charge}");
    }
    assert_eq!(wire.call("stripe_create_refund", json!({})).invalid().len(), 1);
    assert_eq!(
        wire.call("stripe_create_refund", json!({"charge": "ch_1", "_reason": "x".repeat(2001)})).invalid(),
        ["/_reason"]
    );
    assert_eq!(port.cli(["approvals", "list", "--json"]).done().json(), json!([]));
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

/// An argument of a GraphQL tool is a value beside the document, which is the manifest's whatever is asked.
#[test]
fn t050_an_argument_says_nothing_in_the_query_language() {
    let upstream = Upstream::bare(|request| {
        let viewer = json!({"data": {"viewer": {"id": "u", "email": "ada@example.com"}, "organization": {"id": "o"}}});
        let found =
            json!({"data": {"searchIssues": {"nodes": [], "pageInfo": {"hasNextPage": false}, "totalCount": 0}}});
        Reply::json(200, if request.body.contains("searchIssues") { &found } else { &viewer })
    });
    let port = Port::enrolled();
    port.connect_linear(&upstream.origin());
    let mut wire = port.wire();
    let before = upstream.received().len();
    let hostile = [
        "plain",
        "x\") { nodes { id } } } mutation { issueDelete(id: \"ENG-1\") { success } } #",
        "\\\") { __schema { types { name } } ...F } fragment F on Query { viewer { id } }",
        "\u{2028}\"]}, {\"query\": \"mutation { issueDelete(id: 1) { success } }\"}]",
        "$term",
    ];
    for term in hostile {
        wire.call("linear_search_issues", json!({"query": term})).completed();
    }
    for extra in ["term", "operationName", "variables", "extensions", "document"] {
        let refused = wire.call("linear_search_issues", json!({"query": "x", extra: "mutation { x }"}));
        assert_eq!(refused.invalid(), [format!("/{extra}")]);
    }
    let sent: Vec<Value> =
        upstream.received()[before..].iter().map(|request| serde_json::from_str(&request.body).unwrap()).collect();
    assert_eq!(sent.len(), hostile.len());
    for (body, term) in sent.iter().zip(hostile) {
        assert_eq!((&body["query"], &body["variables"]["term"]), (&sent[0]["query"], &json!(term)));
        assert!(body["query"].as_str().unwrap().starts_with("query("), "{body}");
    }
}

#[test]
fn t042_t043_an_argument_stays_one_segment_of_the_path() {
    let upstream = Upstream::bare(|_| Reply::json(200, &json!({"id": 1, "login": "x"})));
    let port = Port::enrolled();
    port.connect_github(&upstream.origin());
    let mut wire = port.wire();
    let segments = [
        "..",
        ".",
        "../charges",
        "%2e%2e",
        ".%2E/refunds",
        "a/b",
        "a%2Fb",
        "a\\b",
        "a;b",
        "//evil.com",
        "a?x=1",
        "a#f",
        "a&b=c",
        "",
        " ",
        "\t",
        "\n",
        "a\r\nHost: evil",
        "x".repeat(101).leak(),
        "\u{2025}",
        "\u{ff0e}\u{ff0e}",
        "@evil.com",
        ":80",
    ];
    for segment in segments {
        for (owner, repo) in [("octocat", segment), (segment, "repo")] {
            let arguments = json!({"owner": owner, "repo": repo});
            for tool in ["github_get_repository", "github_delete_repository"] {
                assert_eq!(wire.call(tool, arguments.clone()).status(), "invalid_arguments", "{segment:?}");
            }
        }
    }
    assert_eq!(upstream.lines(), ["GET /user"]);
    assert_eq!(port.cli(["approvals", "list", "--json"]).done().json(), json!([]));
    // what may have slashes keeps them, and nothing that leads elsewhere
    for branch in ["..", "a/../b", "a//b", "/a", "a/", "./a", "a/%2e%2e/b"] {
        let arguments = json!({"owner": "octocat", "repo": "r", "branch": branch, "required_status_checks": null,
            "enforce_admins": null, "required_pull_request_reviews": null, "restrictions": null});
        let answer = wire.call("github_update_branch_protection", arguments);
        if answer.status() == "approval_required" {
            let shown = port.cli(["approvals", "show", &answer.approval_id(), "--json"]).done().json();
            let path = shown["request"]["path"].as_str().unwrap();
            assert_eq!(
                path,
                format!("/repos/octocat/r/branches/{}/protection", branch.replace('%', "%25")),
                "{branch}"
            );
            assert!(!path.split('/').any(|segment| segment == ".." || segment == "."), "{path}");
        }
    }
}

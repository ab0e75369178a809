//! What root's policy decides under the home's, and what stays so whatever the home says.

use super::*;
use crate::policy::grants_text;

const ETC: &str = "/etc/agentport/policy.toml";

fn system(text: &str) -> SystemPolicy {
    let (system, problems) = SystemPolicy::new(ETC, Ok(Some(text)), &catalog());
    assert_eq!(problems, []);
    system
}

/// What both say of a refund of 5.
fn of_both(home: &str, root: &str) -> Evaluation {
    let catalog = catalog();
    let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, home), None);
    assert_eq!(problems, []);
    let policy = policy.under(&system(root));
    Asked { policy: &policy, catalog: &catalog }
        .of("stripe.create_refund", Some(json!({"charge": "ch_1", "amount": 5})))
}

#[test]
fn the_home_is_above_root_but_for_what_root_denies_or_keeps_for_a_human() {
    let plain = |decision: &str| rule("r", "create_refund", decision, "");
    let floor = rule("r", "create_refund", "ask", "floor = true");
    let line = |decision: &str| format!("[tools]\n\"stripe.*\" = \"{decision}\"");
    let home = |decision: &str| format!("[tools]\n\"stripe.create_refund\" = \"{decision}\"");
    let silent = String::new();
    for (ours, root, decision, file) in [
        // the highest that says something decides
        (silent.clone(), plain("allow"), Decision::Allow, ETC),
        (silent.clone(), line("allow"), Decision::Allow, ETC),
        (home("ask"), plain("allow"), Decision::Ask, "policy.toml"),
        (home("deny"), plain("allow"), Decision::Deny, "policy.toml"),
        (home("allow"), plain("ask"), Decision::Allow, "policy.toml"),
        (home("allow"), line("ask"), Decision::Allow, "policy.toml"),
        // what is final
        (home("allow"), plain("deny"), Decision::Deny, ETC),
        (home("allow"), line("deny"), Decision::Deny, ETC),
        (home("ask"), plain("deny"), Decision::Deny, ETC),
        (home("allow"), floor.clone(), Decision::Ask, ETC),
        (home("deny"), floor, Decision::Deny, "policy.toml"),
        // defaults never are, and the home's come first
        (silent.clone(), "[defaults]\ndestructive = \"deny\"".to_owned(), Decision::Deny, ETC),
        (home("allow"), "[defaults]\ndestructive = \"deny\"".to_owned(), Decision::Allow, "policy.toml"),
        (
            "[defaults]\ndestructive = \"allow\"".to_owned(),
            "[defaults]\ndestructive = \"deny\"".to_owned(),
            Decision::Allow,
            "policy.toml",
        ),
    ] {
        let found = of_both(&policy(&ours), &policy(&root));
        assert_eq!((found.decision, found.reasons[0].file.as_str()), (decision, file), "{ours}\n{root}");
    }
    let condition = |max: u32| rule("r", "create_refund", "deny", &format!("where = {{ amount = {{ min = {max} }} }}"));
    assert_eq!(of_both(&policy(&home("allow")), &policy(&condition(6))).decision, Decision::Allow);
    assert_eq!(of_both(&policy(&home("allow")), &policy(&condition(5))).decision, Decision::Deny);
    // what a yes takes is added to
    let two = of_both(&policy(&home("ask")), &policy(&rule("r", "create_refund", "ask", "approvers = 2")));
    assert_eq!((two.decision, two.requirement.approvers), (Decision::Ask, 2));
}

#[test]
fn no_grant_and_no_edit_goes_past_what_root_says() {
    let catalog = catalog();
    let given = json!({"charge": "ch_1", "amount": 5});
    let grant = rule(
        "grt_1",
        "create_refund",
        "allow",
        "where = { amount = { max = 50 } }\ncaller = [\"local\"]\naccount = [\"default\"]",
    );
    let with = |root: &str| {
        let (found, _) = Policy::new(&catalog, &pinned(&catalog, &policy("")), None);
        let found = found.granting(&grants_text(std::iter::once(grant.as_str()))).under(&system(&policy(root)));
        Asked { policy: &found, catalog: &catalog }.of("stripe.create_refund", Some(given.clone())).decision
    };
    assert_eq!(with(""), Decision::Allow);
    assert_eq!(with(&rule("r", "create_refund", "ask", "")), Decision::Allow);
    assert_eq!(with(&rule("r", "create_refund", "ask", "floor = true")), Decision::Ask);
    assert_eq!(with(&rule("r", "create_refund", "deny", "")), Decision::Deny);
    let edit = policy("[tools]\n\"stripe.*\" = \"allow\"");
    let (edited, _) = Policy::new(&catalog, &pinned(&catalog, &edit), Some(&policy("[tools]\n\"stripe.*\" = \"ask\"")));
    let edited = edited.under(&system(&policy(&rule("r", "create_refund", "deny", ""))));
    let asked = Asked { policy: &edited, catalog: &catalog };
    assert_eq!(asked.of("stripe.create_refund", Some(given)).decision, Decision::Deny);
}

#[test]
fn a_tool_that_root_denies_is_denied_always_and_one_that_it_may_deny_is_not() {
    let catalog = catalog();
    let home = policy("[tools]\n\"stripe.create_refund\" = \"allow\"");
    let denies = |root: &str| {
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &home), None);
        policy.under(&system(root)).always_denies(catalog.find("stripe.create_refund").unwrap(), &caller("local"))
    };
    assert!(denies(&policy("[tools]\n\"stripe.create_refund\" = \"deny\"")));
    assert!(denies(&policy(&rule("r", "create_refund", "deny", ""))));
    assert!(!denies(&policy(&rule("r", "create_refund", "deny", "where = { amount = { min = 5 } }"))));
    assert!(!denies(&policy(&rule("r", "create_refund", "deny", "caller = [\"another\"]"))));
    assert!(!denies(&policy("[defaults]\ndestructive = \"deny\"")));
}

#[test]
fn a_file_of_roots_that_cannot_be_used_denies_everything_and_says_so() {
    let catalog = catalog();
    let home = policy("[tools]\n\"stripe.*\" = \"allow\"");
    for read in
        [Err("`/etc/agentport/policy.toml` belongs to user 1000"), Ok(Some("schema = 1\nfuture = 1")), Ok(Some("["))]
    {
        let (system, problems) = SystemPolicy::new(ETC, read, &catalog);
        assert!(problems.iter().any(|problem| problem.message.contains("every call is denied")), "{problems:?}");
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &home), None);
        let policy = policy.under(&system);
        let found = Asked { policy: &policy, catalog: &catalog }.of("stripe.create_refund", None);
        assert_eq!((found.decision, found.reasons[0].file.as_str()), (Decision::Deny, ETC), "{read:?}");
    }
    // a name that no tool has is reported, and the rest counts
    let (system, problems) = SystemPolicy::new(
        ETC,
        Ok(Some(&policy("[tools]\n\"stripe.create_refnud\" = \"deny\"\n\"stripe.create_refund\" = \"deny\""))),
        &catalog,
    );
    assert_eq!(problems.len(), 1);
    let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &home), None);
    let policy = policy.under(&system);
    assert_eq!(Asked { policy: &policy, catalog: &catalog }.of("stripe.create_refund", None).decision, Decision::Deny);
    // none at all is nothing
    let (none, problems) = SystemPolicy::new(ETC, Ok(None), &catalog);
    assert_eq!((none.text(), problems), (None, Vec::new()));
}

#[test]
fn what_root_says_is_named_by_the_digest() {
    let catalog = catalog();
    let of = |root: Option<&str>| {
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, BUILT_IN), None);
        root.map_or(policy.clone(), |root| policy.under(&system(root))).digest()
    };
    let (none, one, other) = (of(None), of(Some("schema = 1\n")), of(Some("schema = 1\n\n")));
    assert!(none != one && one != other && none != other);
}

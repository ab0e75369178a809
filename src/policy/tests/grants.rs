//! What a grant answers, and what none does.

use proptest::prelude::*;

use super::*;
use crate::policy::grants_text;

fn judged(text: &str, granted: &str, by: &str, given: Value) -> Evaluation {
    let catalog = catalog();
    let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, text), None);
    assert_eq!(problems, []);
    let policy = policy.granting(&grants_text(std::iter::once(granted)));
    Asked { policy: &policy, catalog: &catalog }.by(by, "stripe.create_refund", Some(given))
}

fn granted(more: &str) -> String {
    rule(
        "grt_1",
        "create_refund",
        "allow",
        &format!(
            "where = {{ amount = {{ min = 0, max = 50 }}, charge = {{ any = [\"ch_1\"] }} }}\ncaller = [\"local\"]\naccount = [\"default\"]\nlimit = [{{ count = 10, per = \"7d\" }}]\n{more}"
        ),
    )
}

#[test]
fn t120_a_grant_answers_what_it_covers_and_nothing_else() {
    let text = policy("[defaults]\ndestructive = \"ask\"");
    let of = |by: &str, charge: &str, amount: i64| {
        judged(&text, &granted(""), by, json!({"charge": charge, "amount": amount})).decision
    };
    assert_eq!(of("local", "ch_1", 50), Decision::Allow);
    assert_eq!(
        [of("local", "ch_1", 51), of("local", "ch_2", 50), of("another", "ch_1", 50), of("local", "ch_1", -1)],
        [Decision::Ask; 4]
    );
    let found = judged(&text, &granted(""), "local", json!({"charge": "ch_1", "amount": 5}));
    assert_eq!((found.rule(), found.uses.len(), found.reasons[0].file.as_str()), ("grt_1", 1, "grants.toml"));
    // it ends, and without an amount nobody knows what it is
    let ended = granted("expires = \"1970-01-01T00:00:00Z\"");
    assert_eq!(judged(&text, &ended, "local", json!({"charge": "ch_1", "amount": 5})).decision, Decision::Ask);
    assert_eq!(judged(&text, &granted(""), "local", json!({"charge": "ch_1"})).decision, Decision::Ask);
    // one that cannot be read grants nothing
    assert_eq!(
        judged(&text, "[[rule]]\nid = 1", "local", json!({"charge": "ch_1", "amount": 5})).decision,
        Decision::Ask
    );
}

#[test]
fn t120_no_grant_answers_a_deny_a_floor_or_what_takes_more_than_a_code() {
    let given = json!({"charge": "ch_1", "amount": 5});
    for (decision, more, expected) in [
        ("ask", "", Decision::Allow),
        ("ask", "floor = true", Decision::Ask),
        ("ask", "approve = \"passkey\"", Decision::Ask),
        ("ask", "approvers = 2", Decision::Ask),
        ("deny", "", Decision::Deny),
    ] {
        let text = policy(&rule("r", "create_refund", decision, more));
        assert_eq!(judged(&text, &granted(""), "local", given.clone()).decision, expected, "{decision} {more}");
    }
}

proptest! {
    #[test]
    fn a_grant_never_allows_what_it_does_not_cover(
        amount in prop_oneof![(-100..200_i64).prop_map(|n| json!(n)), Just(json!("5")), Just(json!(null)), Just(json!([5]))],
        charge in prop_oneof![Just(json!("ch_1")), Just(json!("ch_2")), Just(json!(["ch_1", "ch_2"])), Just(json!(null))],
        by in prop_oneof![Just("local"), Just("another")],
    ) {
        let text = policy("[defaults]\ndestructive = \"ask\"");
        let found = judged(&text, &granted(""), by, json!({"charge": charge, "amount": amount}));
        // of a list each element has to be covered, as everywhere
        let each = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let covered = by == "local"
            && each(&charge).iter().all(|charge| *charge == json!("ch_1"))
            && each(&amount).iter().all(|amount| amount.as_i64().is_some_and(|n| (0..=50).contains(&n)));
        prop_assert_eq!(found.decision == Decision::Allow, covered);
    }
}

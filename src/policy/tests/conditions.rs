//! When a condition holds, fails, or cannot be told.

use super::{Decision::*, *};

/// What an `allow` and a `deny` rule with this condition say; without them it is `ask`.
fn allow_and_deny<const N: usize>(tool: &str, condition: &str, calls: [Value; N]) -> [(Decision, Decision); N] {
    let short = tool.strip_prefix("stripe.").unwrap();
    let of = |decision| policy(&rule("r", short, decision, &format!("where = {{ {condition} }}")));
    let mut allowed = decisions(&of("allow"), tool, calls.clone()).into_iter();
    decisions(&of("deny"), tool, calls).map(|denied| (allowed.next().unwrap(), denied))
}

const HOLDS: (Decision, Decision) = (Allow, Deny);
const FAILS: (Decision, Decision) = (Ask, Ask);
const UNKNOWN: (Decision, Decision) = (Ask, Deny);

#[test]
fn t037_a_value_that_is_absent_or_of_another_type_allows_nothing_and_denies() {
    let calls = [
        json!({"amount": 500}),
        json!({"amount": 501}),
        json!({}),
        json!({"amount": "400"}),
        json!({"amount": [[]]}),
        json!({"amount": {"valueOf": 1}}),
        json!({"amount": null}),
        json!({"amount": true}),
    ];
    let expected = [HOLDS, FAILS, UNKNOWN, UNKNOWN, FAILS, UNKNOWN, UNKNOWN, UNKNOWN];
    assert_eq!(allow_and_deny(REFUND, "amount = { max = 500 }", calls), expected);
}

#[test]
fn t092_a_negated_condition_on_an_absent_value_allows_nothing() {
    let calls = [json!({"reason": "duplicate"}), json!({"reason": "fraudulent"}), json!({}), json!({"reason": null})];
    let expected = [HOLDS, FAILS, UNKNOWN, UNKNOWN];
    assert_eq!(allow_and_deny(REFUND, "reason = { none = [\"fraudulent\"] }", calls), expected);
}

#[test]
fn t092_of_a_list_allow_needs_every_element_and_one_and_deny_needs_one() {
    let calls = [
        json!({"tags": ["a", "b"]}),
        json!({"tags": ["a", "c"]}),
        json!({"tags": ["c"]}),
        json!({"tags": []}),
        json!({}),
    ];
    let expected = [HOLDS, (Ask, Deny), FAILS, FAILS, UNKNOWN];
    assert_eq!(allow_and_deny(CUSTOMER, "tags = { any = [\"a\", \"b\"] }", calls), expected);
}

#[test]
fn t092_an_element_that_lacks_the_member_is_not_left_out() {
    let calls = [
        json!({"items": [{"email": "x@acme.com"}]}),
        json!({"items": [{"email": "x@acme.com"}, {}]}),
        json!({"items": [{"email": "x@evil.com"}, {}]}),
        json!({"items": [{"email": "x@evil.com"}]}),
        json!({"items": [{"email": "x@acme.com"}, "text"]}),
        json!({"items": []}),
        json!({"items": "text"}),
    ];
    let expected = [HOLDS, (Ask, Deny), UNKNOWN, FAILS, (Ask, Deny), FAILS, UNKNOWN];
    assert_eq!(allow_and_deny(CUSTOMER, "\"items.email\" = { domain = \"acme.com\" }", calls), expected);
}

#[test]
fn all_operators_of_a_condition_are_asked_of_the_same_element() {
    let calls = [json!({"tags": ["ax"]}), json!({"tags": ["a", "x"]}), json!({"tags": ["ax", "x"]})];
    let expected = [HOLDS, FAILS, (Ask, Deny)];
    assert_eq!(allow_and_deny(CUSTOMER, "tags = { prefix = \"a\", suffix = \"x\" }", calls), expected);
}

#[test]
fn what_the_vendor_assumes_is_judged_unless_it_is_only_words() {
    assert_eq!(
        allow_and_deny("stripe.list_charges", "limit = { max = 10 }", [json!({}), json!({"limit": 11})]),
        [HOLDS, (Allow, Allow)]
    );
    assert_eq!(
        allow_and_deny(CUSTOMER, "items.count = { max = 1 }", [json!({"items": [{}]}), json!({})]),
        [HOLDS, HOLDS]
    );
    let denying = policy(&rule("r", "create_payout", "deny", "where = { destination = { none = [\"ba_2\"] } }"));
    let allowing = denying.replace("\"deny\"", "\"allow\"");
    let calls = || [json!({}), json!({"destination": "ba_1"}), json!({"destination": "ba_2"})];
    // the built-in layer denies payouts where the home layer is silent
    assert_eq!(decisions(&allowing, "stripe.create_payout", calls()), [Deny, Allow, Deny]);
    assert_eq!(decisions(&denying, "stripe.create_payout", calls()), [Deny, Deny, Deny]);
}

#[test]
fn present_is_about_what_was_given_or_filled_in() {
    let calls = [json!({"amount": 1}), json!({"amount": null}), json!({})];
    assert_eq!(allow_and_deny(REFUND, "amount = { present = true }", calls.clone()), [HOLDS, HOLDS, FAILS]);
    assert_eq!(allow_and_deny(REFUND, "amount = { present = false }", calls), [FAILS, FAILS, HOLDS]);
    let nested = [json!({"items": [{"email": "x"}, {}]}), json!({"items": []}), json!({})];
    assert_eq!(
        allow_and_deny(CUSTOMER, "items.email = { present = true }", nested.clone()),
        [(Ask, Deny), FAILS, FAILS]
    );
    assert_eq!(allow_and_deny(CUSTOMER, "items.email = { present = false }", nested), [(Ask, Deny), HOLDS, HOLDS]);
}

#[test]
fn texts_are_compared_whole_and_in_their_case() {
    let calls = |texts: [&str; 4]| texts.map(|text| json!({"email": text}));
    let of = |condition: &str, texts| allow_and_deny(CUSTOMER, condition, calls(texts));
    assert_eq!(of("email = { prefix = \"a@\" }", ["a@b", "A@b", "x a@", ""]), [HOLDS, FAILS, FAILS, FAILS]);
    assert_eq!(of("email = { suffix = \".md\" }", ["a.md", "a.MD", "a.md\n", ""]), [HOLDS, FAILS, FAILS, FAILS]);
    assert_eq!(of("email = { glob = \"a*c\" }", ["abc", "aBC", "xabc", "ac"]), [HOLDS, FAILS, FAILS, HOLDS]);
    assert_eq!(
        of("email = { length = { min = 2, max = 3 } }", ["ab", "abcd", "é", "éüö"]),
        [HOLDS, FAILS, FAILS, HOLDS]
    );
}

#[test]
fn t088_a_regex_is_the_whole_value() {
    let of = |pattern: &str, texts: [&str; 2]| {
        allow_and_deny(
            CUSTOMER,
            &format!("email = {{ regex = '{pattern}' }}"),
            texts.map(|text| json!({"email": text})),
        )
    };
    assert_eq!(of("a|b", ["b", "zb"]), [HOLDS, FAILS]);
    assert_eq!(of("^a|b$", ["b", "zb"]), [HOLDS, FAILS]);
    assert_eq!(of("\\d+", ["100", "١٠٠"]), [HOLDS, FAILS]);
}

#[test]
fn t088_a_domain_is_the_one_host_that_a_value_names() {
    let of = |domain: &str, texts: [&str; 4]| {
        allow_and_deny(
            CUSTOMER,
            &format!("email = {{ domain = \"{domain}\" }}"),
            texts.map(|text| json!({"email": text})),
        )
    };
    assert_eq!(
        of("acme.com", ["x@ACME.com", "x@evil.com", "x@evil.com,y@acme.com", "https://acme.com/x"]),
        [HOLDS, FAILS, UNKNOWN, HOLDS]
    );
    assert_eq!(
        of("*.acme.com", ["x@a.acme.com", "x@acme.com", "Acme <x@a.acme.com>", ""]),
        [HOLDS, FAILS, UNKNOWN, UNKNOWN]
    );
}

#[test]
fn t093_amounts_are_whole_numbers_of_the_smallest_unit() {
    let condition = "amount = { min = 9007199254740993 }";
    let calls = [
        json!({"amount": 9_007_199_254_740_992_i64}),
        json!({"amount": 9_007_199_254_740_993_i64}),
        json!({"amount": u64::MAX}),
    ];
    assert_eq!(allow_and_deny(REFUND, condition, calls), [FAILS, HOLDS, HOLDS]);
    let calls = [json!({"balance": 49.999_999_999}), json!({"balance": 50}), json!({"balance": 50.000_000_001})];
    assert_eq!(allow_and_deny(CUSTOMER, "balance = { max = 50 }", calls), [HOLDS, HOLDS, FAILS]);
}

#[test]
fn several_conditions_must_all_hold_and_no_beats_unknown() {
    let condition = "amount = { max = 500 }, reason = { any = [\"duplicate\"] }";
    let calls = [
        json!({"amount": 1, "reason": "duplicate"}),
        json!({"amount": 1, "reason": "fraudulent"}),
        json!({"reason": "fraudulent"}),
        json!({"reason": "duplicate"}),
    ];
    assert_eq!(allow_and_deny(REFUND, condition, calls), [HOLDS, FAILS, FAILS, UNKNOWN]);
}

#[test]
fn nested_members_are_named_with_a_dot_or_as_tables() {
    let calls = || {
        [
            json!({"address": {"country": "DE"}}),
            json!({"address": {"country": "FR"}}),
            json!({"address": {}}),
            json!({"address": "DE"}),
        ]
    };
    for condition in [
        "\"address.country\" = { any = [\"DE\"] }",
        "address.country = { any = [\"DE\"] }",
        "address = { country = { any = [\"DE\"] } }",
    ] {
        assert_eq!(allow_and_deny(CUSTOMER, condition, calls()), [HOLDS, FAILS, UNKNOWN, UNKNOWN], "{condition}");
    }
}

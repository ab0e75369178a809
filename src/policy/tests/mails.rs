//! What a text says of the recipients of a mail.

use std::sync::LazyLock;

use super::{Decision::*, *};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

/// What is said of `gmail.send_email` by a rule with this condition.
fn said<const N: usize>(decision: &str, condition: &str, calls: [Value; N]) -> [Decision; N] {
    let text = policy(&format!(
        "[[rule]]\nid = \"r\"\ntools = [\"gmail.send_email\"]\ndecision = \"{decision}\"\nwhere = {{ {condition} }}\n"
    ));
    check("policy.toml", &text, &CATALOG).unwrap_or_else(|problems| panic!("{problems}"));
    let (policy, _) = Policy::new(&CATALOG, &pinned(&CATALOG, &text), None);
    calls.map(|call| Asked { policy: &policy, catalog: &CATALOG }.of("gmail.send_email", Some(call)).decision)
}

const OWN: &str = "recipients = { domain = \"acme.com\" }";

fn mails() -> [Value; 8] {
    [
        json!({"to": ["ann@acme.com"]}),
        json!({"to": ["Ann <ann@ACME.com>"], "cc": ["bob@acme.com"], "bcc": ["carl@acme.com"]}),
        json!({"to": ["ann@acme.com", "eve@evil.com"]}),
        json!({"to": ["ann@acme.com"], "cc": ["eve@evil.com"]}),
        json!({"to": ["ann@acme.com"], "bcc": ["eve@evil.com"]}),
        json!({"bcc": ["ann@acme.com"]}),
        json!({"to": []}),
        json!({}),
    ]
}

#[test]
fn t039_allow_needs_every_recipient_and_one_of_them() {
    assert_eq!(said("allow", OWN, mails()), [Allow, Allow, Ask, Ask, Ask, Allow, Ask, Ask]);
}

#[test]
fn t039_deny_needs_one_recipient() {
    let evil = "recipients = { domain = \"evil.com\" }";
    assert_eq!(said("deny", evil, mails()), [Ask, Ask, Deny, Deny, Deny, Ask, Ask, Deny]);
}

#[test]
fn t039_the_name_beside_an_address_is_never_judged() {
    let calls = || {
        [
            json!({"to": ["boss acme.com <eve@evil.com>"]}),
            json!({"to": ["\"ann@acme.com\" <eve@evil.com>"]}),
            json!({"to": ["ann@acme.com, eve@evil.com"]}),
            json!({"to": ["eve@evil.com <ann@acme.com>"]}),
            json!({"to": ["ann@acme.com\r\nBcc: eve@evil.com"]}),
            json!({"to": "ann@acme.com"}),
            json!({"to": [["ann@acme.com"]]}),
            json!({"to": [{"address": "ann@acme.com"}]}),
        ]
    };
    for path in ["to", "recipients"] {
        let conditions =
            ["domain = \"acme.com\"", "suffix = \"@acme.com\"", "glob = \"*@acme.com\"", "any = [\"ann@acme.com\"]"];
        for condition in conditions {
            assert_eq!(
                said("allow", &format!("{path} = {{ {condition} }}"), calls()),
                // what no parser of ours lets through is judged here all the same
                [Ask, Ask, Ask, Ask, Ask, Allow, Allow, Ask],
                "{path} {condition}"
            );
        }
        let other = format!("{path} = {{ none = [\"eve@evil.com\"] }}");
        assert_eq!(said("deny", &other, calls()), [Ask, Deny, Deny, Deny, Deny, Deny, Deny, Deny], "{path}");
    }
}

#[test]
fn recipients_are_counted_together() {
    let few = "recipients = { length = { max = 2 } }";
    let calls = [
        json!({"to": ["a@acme.com"], "cc": ["b@acme.com"]}),
        json!({"to": ["a@acme.com"], "cc": ["b@acme.com"], "bcc": ["c@acme.com"]}),
        json!({}),
    ];
    assert_eq!(said("allow", few, calls), [Allow, Ask, Ask]);
    let hidden = "bcc = { present = true }";
    assert_eq!(said("deny", hidden, [json!({"bcc": ["a@b.c"]}), json!({"to": ["a@b.c"]})]), [Deny, Ask]);
    assert_eq!(said("deny", "recipients = { present = false }", [json!({}), json!({"cc": ["a@b.c"]})]), [Deny, Ask]);
}

#[test]
fn what_is_wrong_with_a_condition_on_recipients_is_said_at_load() {
    let told = |tool: &str, condition: &str| {
        let text = policy(&format!(
            "[[rule]]\nid = \"r\"\ntools = [\"{tool}\"]\ndecision = \"deny\"\nwhere = {{ {condition} }}\n"
        ));
        check("policy.toml", &text, &CATALOG).map_or_else(|problems| problems.to_string(), |_| String::new())
    };
    assert_eq!(told("gmail.*", OWN), "");
    insta::assert_snapshot!(
        "recipients_at_load",
        [
            told("gmail.send_email", "recipients = { max = 5 }"),
            told("gmail.send_email", "recipient = { domain = \"acme.com\" }"),
            told("gmail.read_email", OWN),
            told("stripe.*", OWN),
        ]
        .join("\n")
    );
}

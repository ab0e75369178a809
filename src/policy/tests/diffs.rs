//! What applying an edit would change.

use super::{Decision::*, *};

fn changes(before: &str, after: &str) -> Vec<Change> {
    let catalog = catalog();
    diff(&catalog, &pinned(&catalog, before), after, &SystemPolicy::default()).unwrap()
}

fn change(tool: &str, before: Decision, after: Decision, looser: bool, lines: &[(char, &str)]) -> Change {
    let lines = lines.iter().map(|(sign, line)| (*sign, (*line).to_owned())).collect();
    Change { tool: tool.to_owned(), before, after, looser, lines }
}

#[test]
fn what_gets_looser_comes_first() {
    let before = policy("[tools]\n\"github.create_issue\" = \"ask\"\n\"stripe.create_payout\" = \"deny\"");
    let after = policy("[tools]\n\"github.create_issue\" = \"deny\"\n\"stripe.create_payout\" = \"ask\"");
    assert_eq!(
        changes(&before, &after),
        [
            change(
                "stripe.create_payout",
                Deny,
                Ask,
                true,
                &[('-', "\"stripe.create_payout\" = \"deny\""), ('+', "\"stripe.create_payout\" = \"ask\"")]
            ),
            change(
                "github.create_issue",
                Ask,
                Deny,
                false,
                &[('-', "\"github.create_issue\" = \"ask\""), ('+', "\"github.create_issue\" = \"deny\"")]
            ),
        ]
    );
}

#[test]
fn a_rule_on_arguments_is_a_change_although_the_plain_answer_stays() {
    let small = rule("small", "create_refund", "allow", "where = { amount = { max = 500 } }");
    let text = "rule small: allow where amount max 500";
    assert_eq!(changes(&policy(""), &policy(&small)), [change("stripe.create_refund", Ask, Ask, true, &[('+', text)])]);
    assert_eq!(
        changes(&policy(&small), &policy("")),
        [change("stripe.create_refund", Ask, Ask, false, &[('-', text)])]
    );
}

#[test]
fn neither_words_nor_order_nor_lines_without_effect_are_a_change() {
    let [one, two] = ["a", "b"].map(|id| rule(id, "create_refund", "ask", "reason = \"one\""));
    let before = policy(&format!("{one}{two}"));
    assert_eq!(changes(&before, &policy(&format!("# new\n{two}{one}").replace("\"one\"", "\"two\""))), []);
    let lines = policy(
        "[tools]\n\"github.create_issue\" = \"ask\"\n\"github.list_issues\" = \"ask\"\n\"github.delete_repository\" = \"ask\"",
    );
    let more = lines.replace("[tools]\n", "[tools]\n\"github.*\" = \"allow\"\n");
    assert_eq!(changes(&lines, &more), []);
}

#[test]
fn defaults_are_shown_for_the_tools_that_they_decide() {
    let found =
        changes(&policy(""), &policy("[defaults]\nread = \"ask\"\n[tools]\n\"github.list_issues\" = \"allow\""));
    assert_eq!(
        found,
        [
            change(
                "github.list_issues",
                Allow,
                Allow,
                false,
                &[('-', "defaults.read = \"allow\""), ('+', "\"github.list_issues\" = \"allow\"")]
            ),
            change(
                "stripe.list_charges",
                Allow,
                Ask,
                false,
                &[('-', "defaults.read = \"allow\""), ('+', "defaults.read = \"ask\"")]
            ),
        ]
    );
}

#[test]
fn t089_applying_again_lets_wildcards_reach_the_new_tools() {
    let catalog = catalog();
    let text = policy("[tools]\n\"github.*\" = \"allow\"");
    let mut pin = pinned(&catalog, &text);
    pin.tools.remove("github.create_issue");
    let found = diff(&catalog, &pin, &text, &SystemPolicy::default()).unwrap();
    assert_eq!(
        found,
        [change(
            "github.create_issue",
            Ask,
            Allow,
            true,
            &[('-', "defaults.write = \"ask\""), ('+', "\"github.*\" = \"allow\"")]
        )]
    );
}

/// Among thousands of lines that change nothing the one that loosens stands first, by what it does.
#[test]
fn t175_one_line_that_loosens_stands_before_thousands_that_do_not() {
    let rules = |mark: &str| -> String {
        let many = "where = { amount = { min = 900 } }";
        (0..200).map(|number| rule(&format!("{mark}-{number}"), "create_refund", "ask", many)).collect()
    };
    let words = "# a line that changes nothing\n".repeat(3_000);
    let before = policy(&format!("[tools]\n\"github.create_issue\" = \"ask\"\n{}", rules("old")));
    let line = "\"stripe.create_payout\" = \"allow\"";
    let after = policy(&format!("{words}[tools]\n\"github.create_issue\" = \"ask\"\n{words}{line}\n{}", rules("new")));
    let found = changes(&before, &after);
    let names: Vec<_> = found.iter().map(|change| (change.tool.as_str(), change.looser)).collect();
    assert_eq!(names, [("stripe.create_payout", true), ("stripe.create_refund", false)]);
    assert_eq!((found[0].before, found[0].after), (Deny, Allow));
    assert!(found[0].lines.contains(&('+', line.to_owned())), "{:?}", found[0].lines);
    // the tool of the many lines, too: what loosens it is not the last of them
    let hidden =
        policy(&format!("{}{}", rules("new"), rule("z", "create_refund", "allow", "where = { amount = { max = 5 } }")));
    let found = changes(&policy(&rules("old")), &hidden);
    assert_eq!((found.len(), found[0].looser), (1, true));
    let first = found[0].lines.iter().find(|(sign, _)| *sign == '+').unwrap();
    assert_eq!(first.1, "rule z: allow where amount max 5");
}

#[test]
fn an_edit_that_does_not_load_has_no_diff() {
    let catalog = catalog();
    assert_eq!(diff(&catalog, &pinned(&catalog, BUILT_IN), "", &SystemPolicy::default()).unwrap_err().0.len(), 1);
}

#[test]
fn lines_are_compared_in_order() {
    let of = |old: &str, new: &str| {
        line_diff(old, new).into_iter().map(|(sign, line)| format!("{sign}{line}")).collect::<Vec<_>>().join(",")
    };
    assert_eq!(of("a\nb\nc", "a\nb\nc"), " a, b, c");
    assert_eq!(of("a\nb\nc\nd", "a\nx\nc\ny\nd"), " a,-b,+x, c,+y, d");
    assert_eq!(of("", "a\nb"), "+a,+b");
    assert_eq!(of("a\na", "a"), " a,-a");
    assert_eq!(of("a\nb", ""), "-a,-b");
}

#[test]
fn asking_for_less_of_a_yes_is_looser() {
    let [plain, passkey, two] = ["", "approve = \"passkey\"", "approve = \"passkey\"\napprovers = 2"]
        .map(|more| policy(&rule("r", "create_refund", "ask", more)));
    let looser =
        |before: &str, after: &str| changes(before, after).iter().map(|change| change.looser).collect::<Vec<_>>();
    assert_eq!((looser(&plain, &passkey), looser(&passkey, &plain)), (vec![false], vec![true]));
    assert_eq!((looser(&plain, &two), looser(&two, &plain)), (vec![false], vec![true]));
    // which of two demands is the stricter one is not worked out: a person looks at it
    assert_eq!(looser(&passkey, &two), [true]);
    let denied = policy(&rule("r", "create_refund", "deny", ""));
    assert_eq!((looser(&two, &denied), looser(&denied, &two)), (vec![false], vec![true]));
}

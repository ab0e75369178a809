//! What holds of every policy and every call.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Decision::*, *};

const TOOLS: [&str; 5] = [
    "stripe.create_refund",
    "stripe.create_payout",
    "stripe.create_payment_intent",
    "stripe.list_charges",
    "github.create_issue",
];

#[derive(Debug, Clone)]
struct Text {
    defaults: String,
    lines: Vec<String>,
    rules: Vec<String>,
}

impl Text {
    fn text(&self) -> String {
        format!("schema = 1\n[defaults]\n{}[tools]\n{}{}", self.defaults, self.lines.concat(), self.rules.concat())
    }
}

fn decision() -> impl Strategy<Value = &'static str> {
    select(vec!["allow", "ask", "deny"])
}

fn rules() -> impl Strategy<Value = String> {
    let tools = select(vec!["stripe.create_refund", "stripe.create_payout", "stripe.create_*", "stripe.*"]);
    let conditions = select(vec![
        "",
        "where = { amount = { max = 500 } }\n",
        "where = { amount = { min = 100, max = 400 } }\n",
        "where = { amount = { present = true } }\n",
        "where = { amount = { none = [7] } }\n",
    ]);
    let scopes = select(vec![
        "",
        "",
        "caller = [\"claude\"]\n",
        "account = [\"prod\"]\n",
        "env = [\"test\"]\n",
        "expires = \"1970-01-01T00:00:01Z\"\n",
    ]);
    (tools, conditions, scopes, decision()).prop_map(|(tools, conditions, scope, decision)| {
        format!("tools = [\"{tools}\"]\n{conditions}{scope}decision = \"{decision}\"\n")
    })
}

prop_compose! {
    fn texts()(
        defaults in vec(prop::option::of(decision()), 3),
        lines in vec(prop::option::weighted(0.3, decision()), 6),
        rules in vec(rules(), 0..4),
    ) -> Text {
        let lines_of = ["*", "stripe.*", "stripe.create_*", "stripe.create_refund", "stripe.list_charges", "github.create_issue"];
        let entry = |(name, decision): (&str, Option<&str>)| decision.map(|decision| format!("\"{name}\" = \"{decision}\"\n"));
        Text {
            defaults: ["read", "write", "destructive"].into_iter().zip(defaults).filter_map(entry).collect(),
            lines: lines_of.into_iter().zip(lines).filter_map(entry).collect(),
            rules: rules.iter().enumerate().map(|(index, rule)| format!("[[rule]]\nid = \"r{index}\"\n{rule}")).collect(),
        }
    }
}

#[derive(Debug, Clone)]
struct Asking {
    tool: &'static str,
    arguments: Option<Value>,
    caller: &'static str,
    account: &'static str,
    environment: Environment,
    now: Millis,
}

prop_compose! {
    fn askings()(
        tool in select(TOOLS.to_vec()),
        arguments in prop::option::weighted(0.9, select(vec![
            json!({}), json!({"amount": 1}), json!({"amount": 7}), json!({"amount": 250}), json!({"amount": 501}),
            json!({"amount": "1"}), json!({"amount": null}), json!({"amount": [1, 600]}), json!({"amount": 1, "confirm": true}),
        ])),
        caller in select(vec!["local", "claude"]),
        account in select(vec!["default", "prod"]),
        environment in select(vec![Environment::Production, Environment::Test]),
        now in select(vec![0, 5_000]),
    ) -> Asking {
        Asking { tool, arguments, caller, account, environment, now }
    }
}

fn pins() -> impl Strategy<Value = BTreeSet<String>> {
    prop::sample::subsequence(TOOLS.to_vec(), 0..=TOOLS.len())
        .prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn ask(policy: &Policy, catalog: &Catalog, asking: &Asking) -> Evaluation {
    let given = asking.arguments.clone().map(arguments);
    policy.evaluate(&Facts {
        tool: catalog.find(asking.tool).unwrap(),
        arguments: given.as_ref(),
        caller: &caller(asking.caller),
        account: asking.account,
        environment: asking.environment,
        findings: None,
        now: asking.now,
    })
}

fn load(catalog: &Catalog, text: &str, tools: &BTreeSet<String>) -> Policy {
    let (policy, problems) =
        Policy::new(catalog, &Pinned { text: text.to_owned(), tools: tools.iter().cloned().collect() }, None);
    assert_eq!(problems, []);
    policy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// T090: neither the order of lines nor that of rules means anything.
    #[test]
    fn t090_order_does_not_matter(text in texts(), asking in askings(), tools in pins()) {
        let catalog = catalog();
        let mut turned = text.clone();
        turned.rules.reverse();
        turned.lines.reverse();
        let [one, two] = [text, turned].map(|text| {
            let evaluation = ask(&load(&catalog, &text.text(), &tools), &catalog, &asking);
            let names: BTreeSet<_> = evaluation.reasons.into_iter().map(|reason| (reason.decision, reason.file, reason.rule)).collect();
            (evaluation.decision, names)
        });
        prop_assert_eq!(one, two);
    }

    /// T090: every reason says what the whole says, and there is one.
    #[test]
    fn the_reasons_are_those_of_the_decision(text in texts(), asking in askings(), tools in pins()) {
        let catalog = catalog();
        let evaluation = ask(&load(&catalog, &text.text(), &tools), &catalog, &asking);
        prop_assert!(!evaluation.reasons.is_empty());
        prop_assert!(evaluation.reasons.iter().all(|reason| reason.decision == evaluation.decision));
    }

    /// T090: whatever else the file says, a `deny` decides; and a further rule that applies never loosens what rules say.
    #[test]
    fn t090_the_strictest_wins_and_deny_absorbs(text in texts(), asking in askings(), tools in pins(), more in decision()) {
        let catalog = catalog();
        let before = ask(&load(&catalog, &text.text(), &tools), &catalog, &asking);
        let with = |decision: &str| {
            let mut text = text.clone();
            text.rules.insert(0, format!("[[rule]]\nid = \"more\"\ntools = [\"{}\"]\ndecision = \"{decision}\"\n", asking.tool));
            ask(&load(&catalog, &text.text(), &tools), &catalog, &asking)
        };
        prop_assert_eq!(with("deny").decision, Deny);
        prop_assert!(with(more).decision >= more.parse().unwrap());
        if before.rule().starts_with('r') {
            prop_assert!(with(more).decision >= before.decision);
        }
    }

    /// T037: what one file asks or denies with arguments known, it asks or denies as strictly with none known.
    #[test]
    fn t037_uncertainty_tightens(text in texts(), asking in askings(), tools in pins()) {
        let catalog = catalog();
        let layer = compile::lenient("policy.toml", &text.text()).unwrap();
        let tool = catalog.find(asking.tool).unwrap();
        let standings = known::Standings::of(&catalog, &tools.iter().cloned().collect());
        let reach = layer::Reach::new(tool, &standings);
        let of = |given: Option<Value>| {
            let given = given.map(arguments);
            let by = caller(asking.caller);
            let facts = Facts { tool, arguments: given.as_ref(), caller: &by, account: asking.account, environment: asking.environment, findings: None, now: asking.now };
            layer.answer(&facts, &reach).map(|answer| answer.decision)
        };
        let known = of(asking.arguments.clone());
        let unknown = of(None);
        prop_assert!(known < Some(Ask) || unknown >= known, "{:?} {:?}", known, unknown);
        prop_assert!(unknown != Some(Allow) || known.is_some());
        // as much is given, but what, nobody can tell
        if asking.arguments.is_some_and(|given| given.get("amount").is_some()) {
            let unknown = of(Some(json!({"amount": {"of another": "type"}})));
            prop_assert!(known < Some(Ask) || unknown >= known, "{:?} {:?}", known, unknown);
        }
    }

    /// An edit without its owner's second factor only tightens: the answer is the stricter of both.
    #[test]
    fn an_unapproved_edit_never_loosens(text in texts(), edit in texts(), asking in askings(), tools in pins()) {
        let catalog = catalog();
        let (text, edit) = (text.text(), edit.text());
        let pin = Pinned { text: text.clone(), tools: tools.iter().cloned().collect() };
        let (both, problems) = Policy::new(&catalog, &pin, Some(&edit));
        let [pinned, edited] = [&text, &edit].map(|text| ask(&load(&catalog, text, &tools), &catalog, &asking).decision);
        let expected = if problems.is_empty() { pinned.max(edited) } else { pinned };
        prop_assert_eq!(ask(&both, &catalog, &asking).decision, expected);
    }

    /// A tool that is not listed because it is always denied is denied.
    #[test]
    fn always_denied_is_denied(text in texts(), asking in askings(), tools in pins()) {
        let catalog = catalog();
        let policy = load(&catalog, &text.text(), &tools);
        if policy.always_denies(catalog.find(asking.tool).unwrap(), &caller(asking.caller)) {
            prop_assert_eq!(ask(&policy, &catalog, &asking).decision, Deny);
        }
    }

    /// T089: neither a wildcard nor a default allows what its owner could not know.
    #[test]
    fn t089_a_new_tool_is_allowed_by_its_name_only(text in texts(), asking in askings()) {
        let catalog = catalog();
        let mut text = text;
        text.rules.clear();
        let evaluation = ask(&load(&catalog, &text.text(), &BTreeSet::new()), &catalog, &asking);
        prop_assert!(evaluation.decision != Allow || evaluation.rule() == asking.tool);
    }

    /// T260: of a tool that is the user's own and not yet approved no text says `allow`, and none says less than it would
    /// once it is approved.
    #[test]
    fn t260_what_was_not_approved_is_never_allowed(text in texts(), asking in askings(), changed in any::<bool>()) {
        let (id, name) = asking.tool.split_once('.').unwrap();
        let nothing = Catalog::of(vec![], vec![]);
        let of = |description: &str| {
            let manifest = own::manifest(id, name, description);
            let (catalog, problems) = nothing.with_own([("own.toml", manifest.as_str())]);
            assert_eq!(problems, []);
            catalog
        };
        let (catalog, text) = (of("What."), text.text());
        let judged = |tools: Known| {
            let (policy, problems) = Policy::new(&catalog, &Pinned { text: text.clone(), tools }, None);
            assert_eq!(problems, []);
            ask(&policy, &catalog, &asking).decision
        };
        let approved = judged(Known::of(&catalog));
        let not = judged(if changed { Known::of(&of("Else.")) } else { Known::default() });
        prop_assert!(not >= approved.max(Ask), "{} {}", not, approved);
        // nor by a name that a built-in tool had
        prop_assert_eq!(judged([asking.tool.to_owned()].into_iter().collect()), not);
    }

    /// What the diff doesn't call looser isn't.
    #[test]
    fn the_diff_hides_no_loosening(text in texts(), edit in texts(), askings in vec(askings(), 20), tools in pins()) {
        let catalog = catalog();
        let (text, edit) = (text.text(), edit.text());
        prop_assume!(check("policy.toml", &edit, &catalog).is_ok());
        let changes = diff(&catalog, &Pinned { text: text.clone(), tools: tools.iter().cloned().collect() }, &edit, &SystemPolicy::default()).unwrap();
        let (before, after) = (load(&catalog, &text, &tools), load(&catalog, &edit, &names(&catalog)));
        for asking in askings {
            let asking = Asking { now: 0, ..asking };
            let looser = changes.iter().any(|change| change.looser && change.tool == asking.tool);
            let [before, after] = [&before, &after].map(|policy| ask(policy, &catalog, &asking).decision);
            prop_assert!(looser || after >= before, "{:?} {:?} {:?} {}", asking, before, after, edit);
        }
    }

    /// No text makes the reader panic, and one that it refuses has a reason.
    #[test]
    fn no_text_is_too_strange(text in "[\\[\\]{}=\"'a-z0-9.,*# \n]{0,80}") {
        let found = check("policy.toml", &text, &catalog());
        prop_assert!(found.is_ok() || !found.unwrap_err().0.is_empty());
    }
}

//! What a text says of a call: which of its rules and lines decide.

use super::{Decision::*, *};

#[test]
fn with_no_argument_known_nothing_can_be_evaluated_and_the_effect_is_the_strongest() {
    let catalog = catalog();
    let of = |text: &str, tool| {
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, text), None);
        Asked { policy: &policy, catalog: &catalog }.of(tool, None).decision
    };
    let present = |decision, present| {
        policy(&rule("r", "create_refund", decision, &format!("where = {{ amount = {{ present = {present} }} }}")))
    };
    assert_eq!(["true", "false"].map(|is| of(&present("allow", is), REFUND)), [Ask, Ask]);
    assert_eq!(["true", "false"].map(|is| of(&present("deny", is), REFUND)), [Deny, Deny]);
    let text = policy("[defaults]\nwrite = \"allow\"\ndestructive = \"deny\"");
    assert_eq!(of(&text, "stripe.create_payment_intent"), Deny);
    assert_eq!(
        decisions(
            &text,
            "stripe.create_payment_intent",
            [json!({}), json!({"confirm": true}), json!({"confirm": false})]
        ),
        [Allow, Deny, Allow]
    );
}

/// What lists of tools show. What is known of the call is not taken for unknown.
#[test]
fn what_depends_on_the_arguments_is_told_from_the_loosest_to_the_strictest() {
    let catalog = catalog();
    let of = |body: &str, tool: &str, edited: Option<&str>| {
        let text = policy(body);
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &text), edited);
        let (tool, caller) = (catalog.find(tool).unwrap(), caller("local"));
        let (account, environment) = ("prod", Environment::Production);
        let facts = Facts { tool, arguments: None, caller: &caller, account, environment, findings: None, now: 0 };
        assert_eq!(policy.possible(&facts).strictest, policy.evaluate(&facts).decision);
        policy.possible(&facts).to_string()
    };
    let large = "where = { amount = { min = 500 } }";
    let refund = |decision, rest: &str| of(&rule("r", "create_refund", decision, rest), REFUND, None);
    assert_eq!(of("", REFUND, None), "ask");
    assert_eq!(refund("deny", large), "ask or deny");
    assert_eq!(refund("allow", large), "allow or ask");
    assert_eq!(refund("deny", ""), "deny");
    // of another account, another caller, and of a time that is over
    assert_eq!(refund("deny", &format!("account = [\"test\"]\n{large}")), "ask");
    assert_eq!(refund("allow", &format!("caller = [\"claude\"]\n{large}")), "ask");
    assert_eq!(refund("allow", "account = [\"prod\"]"), "allow");
    let both = rule("r", "create_refund", "allow", large) + &rule("s", "create_refund", "deny", large);
    assert_eq!(of(&both, REFUND, None), "allow to deny");
    let effects = "[defaults]\nwrite = \"allow\"\ndestructive = \"ask\"";
    assert_eq!(of(effects, "stripe.create_payment_intent", None), "allow or ask");
    // an edit that is not applied tightens
    let edit = policy(&rule("s", "create_refund", "ask", ""));
    assert_eq!(of(&rule("r", "create_refund", "allow", large), REFUND, Some(&edit)), "ask");
}

#[test]
fn t090_the_strictest_rule_wins_whatever_the_order() {
    let rules =
        [("allow", "a"), ("ask", "b"), ("deny", "c")].map(|(decision, id)| rule(id, "create_refund", decision, ""));
    let text = |order: &[usize]| policy(&order.iter().map(|index| rules[*index].as_str()).collect::<String>());
    let of = |order: &[usize]| decisions(&text(order), REFUND, [json!({})]);
    assert_eq!([of(&[0]), of(&[1]), of(&[2])], [[Allow], [Ask], [Deny]]);
    assert_eq!([of(&[0, 1]), of(&[1, 0])], [[Ask]; 2]);
    assert_eq!([of(&[0, 1, 2]), of(&[2, 1, 0]), of(&[1, 2, 0])], [[Deny]; 3]);
}

#[test]
fn t090_rules_stand_over_lines_but_a_denying_line_absorbs() {
    let allowing = rule("r", "create_refund", "allow", "");
    let with = |line: &str| decisions(&policy(&format!("[tools]\n{line}\n{allowing}")), REFUND, [json!({})]);
    assert_eq!(with("\"stripe.create_refund\" = \"ask\""), [Allow]);
    assert_eq!(with("\"stripe.create_refund\" = \"deny\""), [Deny]);
    assert_eq!(with("\"stripe.*\" = \"deny\""), [Deny]);
    assert_eq!(with("\"github.*\" = \"deny\""), [Allow]);
}

#[test]
fn the_most_specific_line_decides() {
    let of = |lines: &str| decisions(&policy(&format!("[tools]\n{lines}")), REFUND, [json!({})]);
    assert_eq!(of("\"*\" = \"ask\"\n\"stripe.*\" = \"allow\""), [Allow]);
    assert_eq!(of("\"stripe.create_*\" = \"ask\"\n\"stripe.*\" = \"allow\""), [Ask]);
    assert_eq!(of("\"stripe.create_*\" = \"ask\"\n\"stripe.create_refund\" = \"allow\""), [Allow]);
    assert_eq!(of("\"stripe.create_refund*\" = \"ask\"\n\"stripe.create_refund\" = \"allow\""), [Allow]);
}

#[test]
fn a_rule_holds_for_its_callers_accounts_environments_and_time() {
    let catalog = catalog();
    let rest = "caller = [\"claude\"]\naccount = [\"prod\"]\nenv = [\"staging\", \"test\"]\nexpires = \"1970-01-01T00:00:10Z\"";
    let text = policy(&rule("r", "create_refund", "deny", rest));
    check("policy.toml", &text, &catalog).unwrap();
    let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &text), None);
    let of = |by: &str, account: &str, environment, now| {
        let tool = catalog.find(REFUND).unwrap();
        policy
            .evaluate(&Facts { tool, arguments: None, caller: &caller(by), account, environment, findings: None, now })
            .decision
    };
    assert_eq!(of("claude", "prod", Environment::Test, 9_999), Deny);
    assert_eq!(of("claude2", "prod", Environment::Test, 9_999), Ask);
    assert_eq!(of("claude", "prod2", Environment::Test, 9_999), Ask);
    assert_eq!(of("claude", "prod", Environment::Production, 9_999), Ask);
    assert_eq!(of("claude", "prod", Environment::Test, 10_000), Ask);
}

#[test]
fn t084_where_nothing_is_said_reads_run_and_the_rest_asks() {
    let tools = ["stripe.list_charges", "github.create_issue", REFUND, "stripe.create_payout"];
    for text in ["schema = 1", "# nothing yet\nschema = 1\n"] {
        assert_eq!(tools.map(|tool| decisions(text, tool, [json!({})])), [[Allow], [Ask], [Ask], [Deny]], "{text}");
    }
    let catalog = catalog();
    for text in ["", "# nothing yet", "schema = 2", "schema = 1\n[tools"] {
        let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, text), None);
        let asked = Asked { policy: &policy, catalog: &catalog };
        assert_eq!(tools.map(|tool| asked.of(tool, None).decision), [Deny; 4], "{text}");
        assert!(!problems.is_empty(), "{text}");
    }
}

#[test]
fn the_home_file_stands_over_the_built_in_one_and_defaults_below_both() {
    let payout = |text: &str| decisions(&policy(text), "stripe.create_payout", [json!({})]);
    assert_eq!(payout("[defaults]\ndestructive = \"allow\""), [Deny]);
    assert_eq!(payout("[tools]\n\"stripe.create_payout\" = \"ask\""), [Ask]);
    assert_eq!(payout("[tools]\n\"stripe.*\" = \"allow\""), [Allow]);
    assert_eq!(decisions(&policy("[defaults]\nread = \"deny\""), "stripe.list_charges", [json!({})]), [Deny]);
}

#[test]
fn every_verdict_names_its_lines() {
    let catalog = catalog();
    let text = policy(&format!(
        "[tools]\n\"stripe.*\" = \"ask\"\n{}{}",
        rule("small", "create_refund", "allow", "where = { amount = { max = 5 } }\nreason = \"Routine.\""),
        rule("never", "list_charges", "deny", "")
    ));
    let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &text), None);
    let asked = Asked { policy: &policy, catalog: &catalog };
    let reason = |decision, file: &str, line, rule: &str, text: Option<&str>| Evaluation {
        requirement: Requirement::default(),
        uses: Vec::new(),
        facts: Vec::new(),
        decision,
        reasons: vec![Reason {
            decision,
            file: file.to_owned(),
            line,
            rule: rule.to_owned(),
            text: text.map(str::to_owned),
        }],
        policy: policy.digest(),
    };
    assert_eq!(
        asked.of(REFUND, Some(json!({"amount": 5}))),
        reason(Allow, "policy.toml", 4, "small", Some("Routine."))
    );
    assert_eq!(asked.of(REFUND, Some(json!({"amount": 6}))), reason(Ask, "policy.toml", 3, "stripe.*", None));
    assert_eq!(asked.of("stripe.list_charges", None), reason(Deny, "policy.toml", 10, "never", None));
    let line = |start: &str| BUILT_IN.lines().position(|line| line.starts_with(start)).unwrap() + 1;
    assert_eq!(asked.of("github.create_issue", None), reason(Ask, "built-in", line("write"), "defaults.write", None));
    assert_eq!(asked.of("github.list_issues", None), reason(Allow, "built-in", line("read"), "defaults.read", None));
}

#[test]
fn a_wildcard_rule_can_ask_of_tools_that_lack_the_parameter_but_not_allow_them() {
    let with = |decision| policy(&rule("r", "*", decision, "where = { amount = { max = 500 } }"));
    assert_eq!(decisions(&with("deny"), "stripe.list_charges", [json!({"amount": 1})]), [Deny]);
    assert_eq!(decisions(&with("allow"), CUSTOMER, [json!({"amount": 1})]), [Ask]);
    assert_eq!(decisions(&with("allow"), REFUND, [json!({"amount": 1})]), [Allow]);
}

#[test]
fn always_denied_is_what_no_argument_account_environment_or_time_can_change() {
    let catalog = catalog();
    let denied = |text: &str, tool: &str, by: &str| {
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &policy(text)), None);
        policy.always_denies(catalog.find(tool).unwrap(), &caller(by))
    };
    let with = |rest: &str| denied(&rule("r", "create_refund", "deny", rest), REFUND, "claude");
    assert!(with("") && with("caller = [\"claude\"]"));
    assert!(!with("caller = [\"other\"]") && !with("account = [\"prod\"]") && !with("env = [\"test\"]"));
    assert!(!with("expires = \"2999-01-01T00:00:00Z\"") && !with("where = { amount = { min = 0 } }"));
    assert!(denied("[tools]\n\"stripe.*\" = \"deny\"", REFUND, "claude"));
    assert!(denied("", "stripe.create_payout", "claude"));
    assert!(!denied(&rule("r", "create_payout", "ask", "account = [\"prod\"]"), "stripe.create_payout", "claude"));
    assert!(denied(&rule("r", "create_payout", "ask", "caller = [\"other\"]"), "stripe.create_payout", "claude"));
    assert!(!denied("[defaults]\ndestructive = \"deny\"", "stripe.create_payment_intent", "claude"));
    assert!(denied("[defaults]\nwrite = \"deny\"\ndestructive = \"deny\"", "stripe.create_payment_intent", "claude"));
}

#[test]
fn what_a_yes_takes_is_the_strictest_of_all_rules_that_match() {
    let catalog = catalog();
    let big = rule("big", "create_refund", "ask", "where = { amount = { min = 1000 } }\napprove = \"passkey\"");
    let two = rule("two", "create_refund", "ask", "approvers = 2\nanswer_within = \"12h\"");
    let soon = rule("soon", "create_refund", "ask", "answer_within = \"30m\"\ncaller = [\"claude\"]");
    let text = policy(&[big, two, soon].concat());
    let of = |by: &str, edit: Option<&str>, amount: Option<i64>| {
        let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, &text), edit);
        assert_eq!(problems, []);
        let given = amount.map(|amount| json!({"charge": "ch_1", "amount": amount}));
        Asked { policy: &policy, catalog: &catalog }.by(by, REFUND, given).requirement.to_string()
    };
    assert_eq!(of("local", None, Some(5)), "approvers 2; answer within 12h");
    assert_eq!(of("local", None, Some(1000)), "approve passkey; approvers 2; answer within 12h");
    assert_eq!(of("claude", None, Some(5)), "approvers 2; answer within 30m");
    // what is not known counts
    assert_eq!(of("local", None, None), "approve passkey; approvers 2; answer within 12h");
    // an edit that is not applied adds to it, and takes nothing away
    let edit = policy(&rule("three", "create_refund", "ask", "approvers = 3"));
    assert_eq!(of("local", Some(&edit), Some(5)), "approvers 3; answer within 12h");
    assert_eq!(of("local", Some(&policy("")), Some(5)), "approvers 2; answer within 12h");
    // where nobody is asked, nothing is taken
    let allowed = policy(&rule("free", "create_refund", "allow", ""));
    let (policy, _) = Policy::new(&catalog, &pinned(&catalog, &allowed), None);
    let given = Some(json!({"charge": "ch_1"}));
    assert!(Asked { policy: &policy, catalog: &catalog }.of(REFUND, given).requirement.is_plain());
}

#[test]
fn t094_a_rule_says_what_a_call_would_use_of_its_limits() {
    let limit = "limit = [{ count = 10, per = \"1d\" }, { sum = \"amount\", max = 2000, per = \"1d\" }]";
    let catalog = catalog();
    let text = policy(&rule("small", "create_refund", "allow", limit));
    assert_eq!(check("policy.toml", &text, &catalog).unwrap(), 0);
    let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, &text), None);
    assert_eq!(problems, []);
    let asked = Asked { policy: &policy, catalog: &catalog };
    let used = |amount: Value| asked.of("stripe.create_refund", Some(json!({"amount": amount})));
    let found = used(json!(400));
    assert_eq!(found.decision, Allow);
    let takes: Vec<_> = found.uses.iter().map(|one| (&one.measure, one.takes, one.max)).collect();
    let sum = Measure::Sum("amount".to_owned());
    assert_eq!(takes, [(&Measure::Count, 1_000_000, 10_000_000), (&sum, 400_000_000, 2_000_000_000)]);
    // what nobody can count is more than there is: all of it, a word, what would give back
    for amount in [json!(null), json!("400"), json!(-400), json!(i64::MAX)] {
        let found = used(amount.clone());
        assert_eq!((found.decision, found.rule(), found.uses.len()), (Ask, "small", 0), "{amount}");
    }
    assert_eq!(asked.of("stripe.create_refund", Some(json!({}))).decision, Ask);
    // an edit that is not applied limits beside what is
    let edit = text.replace("count = 10", "count = 1");
    let (both, _) = Policy::new(&catalog, &pinned(&catalog, &text), Some(&edit));
    let found = Asked { policy: &both, catalog: &catalog }.of("stripe.create_refund", Some(json!({"amount": 1})));
    let counts: Vec<_> = found.uses.iter().filter(|one| one.measure == Measure::Count).map(|one| one.max).collect();
    assert_eq!(counts, [1_000_000, 10_000_000]);
    let gone = diff(&catalog, &pinned(&catalog, &text), &text.replace(limit, ""), &SystemPolicy::default()).unwrap();
    assert!(gone[0].looser, "{gone:?}");
}

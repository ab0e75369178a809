//! What a person is told about a file with mistakes.

use super::*;

fn problems(text: &str) -> String {
    check("policy.toml", text, &catalog()).unwrap_err().to_string()
}

fn messages(text: &str) -> Vec<String> {
    check("policy.toml", text, &catalog()).unwrap_err().0.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn t091_everything_that_is_wrong_is_said_at_once() {
    let text = "schema = 1\ncolour = 1\n[defaults]\nwrit = \"ask\"\n[tools]\n\"stripe.create_refnud\" = \"alow\"\n\n[[rule]]\nid = \"small\"\ntools = [\"stripe.create_refund\"]\nverdit = \"deny\"\nwhere = { amuont = { max = 5 }, amount = { maximum = 5 }, reason = { max = \"5\" } }\n";
    insta::assert_snapshot!(problems(text), @r#"
    error: unknown key `colour`
     --> policy.toml:2:1
      |
    2 | colour = 1
      | ^^^^^^
      |
      = help: the keys here are `schema`, `defaults`, `tools`, `rule`, `test`
    error: unknown effect `writ`
     --> policy.toml:4:1
      |
    4 | writ = "ask"
      | ^^^^
      |
      = help: did you mean `write`?
    error: unknown tool `stripe.create_refnud`
     --> policy.toml:6:1
      |
    6 | "stripe.create_refnud" = "alow"
      | ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `stripe.create_refund`?
    error: `alow` is not a decision; use allow, ask or deny
     --> policy.toml:6:26
      |
    6 | "stripe.create_refnud" = "alow"
      |                          ^^^^^^
    error: `decision` is missing
     --> policy.toml:8:1
      |
    8 | [[rule]]
      | ^^^^^^^^
      |
      = help: say `decision = "allow"`, `"ask"` or `"deny"`
    error: unknown key `verdit`
      --> policy.toml:11:1
       |
    11 | verdit = "deny"
       | ^^^^^^
       |
       = help: the keys here are `id`, `tools`, `where`, `decision`, `caller`, `account`, `env`, `expires`, `approve`, `approvers`, `answer_within`, `limit`, `floor`, `reason`
    error: `stripe.create_refund` has no parameter `amuont`
      --> policy.toml:12:11
       |
    12 | where = { amuont = { max = 5 }, amount = { maximum = 5 }, reason = { max = "5" } }
       |           ^^^^^^
       |
       = help: did you mean `amount`?
    error: unknown operator `maximum`
      --> policy.toml:12:44
       |
    12 | where = { amuont = { max = 5 }, amount = { maximum = 5 }, reason = { max = "5" } }
       |                                            ^^^^^^^
       |
       = help: the operators are `any`, `none`, `min`, `max`, `prefix`, `suffix`, `glob`, `regex`, `domain`, `present`, `length`
    error: `max` must be a number
      --> policy.toml:12:76
       |
    12 | where = { amuont = { max = 5 }, amount = { maximum = 5 }, reason = { max = "5" } }
       |                                                                            ^^^
       |
       = help: write it without quotes
    "#);
}

#[test]
fn t091_operands_must_be_able_to_be_the_parameters_values() {
    let of = |condition: &str| {
        let text = policy(&rule("r", "create_refund", "allow", &format!("where = {{ {condition} }}")));
        messages(&text).join("; ")
    };
    assert_eq!(of("amount = { max = \"500\" }"), "`max` must be a number");
    assert_eq!(
        of("amount = { max = 50.5 }"),
        "`amount` of `stripe.create_refund`: 50.5 is not a value of the parameter, which is of type integer"
    );
    assert_eq!(
        of("amount = { any = [1, \"2\"] }"),
        "`amount` of `stripe.create_refund`: \"2\" is not a value of the parameter, which is of type integer"
    );
    assert_eq!(
        of("amount = { prefix = \"5\" }"),
        "`amount` of `stripe.create_refund`: this operator is of texts, but the parameter is of type integer"
    );
    assert_eq!(
        of("charge = { min = 5 }"),
        "`charge` of `stripe.create_refund`: `min` and `max` are of numbers, but the parameter is of type string"
    );
    assert_eq!(
        of("reason = { any = [\"duplicat\"] }"),
        "`reason` of `stripe.create_refund`: \"duplicat\" is not one of the parameter's values: duplicate, fraudulent"
    );
    assert_eq!(
        of("amount = { length = { max = 5 } }"),
        "`amount` of `stripe.create_refund`: `length` is of texts and lists, but the parameter is of type integer"
    );
    assert_eq!(of("amount = { any = [] }"), "`any` lists nothing");
    assert_eq!(of("amount = { max = nan }"), "only finite numbers can be compared");
    assert_eq!(of("amount = { max = 99999999999999999999999 }"), "the number is too large");
    assert_eq!(of("amount = {}"), "`amount` has no operator");
    assert_eq!(of(""), "`where` has no condition");
    assert_eq!(of("amount = 5"), "`amount` must be a table, not an integer");
    assert_eq!(of("charge = { domain = \"Acme.com\" }"), "`Acme.com` must be written as `acme.com`");
}

#[test]
fn t090_a_key_or_an_id_that_is_there_twice_is_an_error() {
    insta::assert_snapshot!(problems("schema = 1\n[tools]\n\"stripe.*\" = \"ask\"\n\"stripe.*\" = \"deny\"\n"), @r#"
    error: duplicate key
     --> policy.toml:4:1
      |
    4 | "stripe.*" = "deny"
      | ^^^^^^^^^^
    "#);
    let twice = rule("same", "create_refund", "ask", "");
    insta::assert_snapshot!(problems(&policy(&format!("{twice}{twice}"))), @r#"
    error: the rule of line 3 has the `id` `same` too
     --> policy.toml:8:6
      |
    8 | id = "same"
      |      ^^^^^^
      |
      = help: give each rule its own
    "#);
}

#[test]
fn t247_a_pattern_that_explodes_is_refused() {
    let of = |pattern: &str| {
        messages(&policy(&rule(
            "r",
            "create_refund",
            "deny",
            &format!("where = {{ charge = {{ regex = '{pattern}' }} }}"),
        )))
    };
    assert_eq!(of("((a{1000}){1000}){1000}"), ["the pattern is not valid: it is too large"]);
    assert_eq!(of(&"(".repeat(10_000)).len(), 1);
    assert_eq!(
        of("(?i)stripe"),
        [
            "the pattern is not valid: only plain groups are available, `(…)` and `(?:…)`: no flags, names or look-around"
        ]
    );
}

#[test]
fn what_a_yes_takes_is_for_rules_that_ask_and_within_bounds() {
    for (key, message) in [
        ("approve = \"fingerprint\"", "`fingerprint` is not a factor that a rule can ask for"),
        ("approve = true", "`approve` must be a string, not a boolean"),
        ("approvers = 0", "`approvers` must be a number of people from 1 to 9"),
        ("approvers = 10", "`approvers` must be a number of people from 1 to 9"),
        ("approvers = \"2\"", "`approvers` must be a number of people from 1 to 9"),
        ("approvers = 1.5", "`approvers` must be a number of people from 1 to 9"),
        ("answer_within = \"30s\"", "`answer_within` must be a duration between 1m and 7d"),
        ("answer_within = \"8d\"", "`answer_within` must be a duration between 1m and 7d"),
        ("answer_within = \"soon\"", "`answer_within` must be a duration between 1m and 7d"),
    ] {
        assert_eq!(messages(&policy(&rule("r", "create_refund", "ask", key))), [message], "{key}");
    }
    for decision in ["allow", "deny"] {
        for key in ["approve = \"passkey\"", "approvers = 2", "answer_within = \"12h\""] {
            let word = key.split(' ').next().unwrap();
            let found = messages(&policy(&rule("r", "create_refund", decision, key)));
            assert_eq!(found, [format!("`{word}` is for rules that ask")], "{decision}");
        }
    }
}

#[test]
fn what_a_later_release_reads_is_not_passed_over() {
    insta::assert_snapshot!(problems(&policy(&rule("r", "create_refund", "ask", "grant = true"))), @r#"
    error: `grant` is not available yet
     --> policy.toml:6:1
      |
    6 | grant = true
      | ^^^^^
      |
      = help: remove it; a later release reads it
    "#);
}

#[test]
fn a_rule_needs_an_id_tools_and_a_decision() {
    assert_eq!(messages("schema = 1\n[[rule]]\n"), ["`id` is missing", "`tools` is missing", "`decision` is missing"]);
    assert_eq!(messages("schema = 1\n[[test]]\n"), ["`call` is missing", "`expect` is missing"]);
    assert_eq!(messages("rule = 1"), ["the file does not begin with `schema = 1`", "`rule` must be a list of tables"]);
    assert_eq!(messages(&policy("[[rule]]\nid = \"r\"\ntools = []\ndecision = \"ask\"")), ["`tools` lists nothing"]);
}

#[test]
fn a_rule_cannot_allow_everything_there_is() {
    let of = |tools: &str, decision: &str| {
        policy(&format!("[[rule]]\nid = \"r\"\ntools = [{tools}]\ndecision = \"{decision}\""))
    };
    insta::assert_snapshot!(problems(&of("\"*\"", "allow")), @r#"
    error: an `allow` rule cannot be about every tool there is
     --> policy.toml:4:10
      |
    4 | tools = ["*"]
      |          ^^^
      |
      = help: name the tools, or an integration as in `github.*`
    "#);
    assert_eq!(messages(&of("\"stripe.*\", \"*\"", "allow")).len(), 1);
    check("policy.toml", &of("\"*\"", "ask"), &catalog()).unwrap();
}

#[test]
fn t085_a_tool_has_one_name_in_policies() {
    insta::assert_snapshot!(problems(&policy("[tools]\n\"stripe_create_refund\" = \"ask\"\n\"Stripe.*\" = \"ask\"")), @r#"
    error: unknown tool `stripe_create_refund`
     --> policy.toml:3:1
      |
    3 | "stripe_create_refund" = "ask"
      | ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: in policies it is called `stripe.create_refund`
    error: `Stripe.*` matches no tool
     --> policy.toml:4:1
      |
    4 | "Stripe.*" = "ask"
      | ^^^^^^^^^^
      |
      = help: did you mean `stripe.*`?
    "#);
    insta::assert_snapshot!(problems(&policy("[tools]\nstripe.create_refund = \"ask\"")), @r#"
    error: `stripe` must be "allow", "ask" or "deny", not a table
     --> policy.toml:3:1
      |
    3 | stripe.create_refund = "ask"
      | ^^^^^^
      |
      = help: a name with a dot stands in double quotes
    "#);
}

#[test]
fn a_condition_fits_each_named_tool_and_one_of_a_wildcard() {
    let of = |tools: &str, condition: &str| {
        policy(&format!("[[rule]]\nid = \"r\"\ntools = [{tools}]\nwhere = {{ {condition} }}\ndecision = \"ask\""))
    };
    check("policy.toml", &of("\"stripe.*\"", "amount = { max = 5 }"), &catalog()).unwrap();
    insta::assert_snapshot!(problems(&of("\"stripe.create_refund\", \"github.create_issue\"", "amount = { max = 5 }")), @r#"
    error: `github.create_issue` has no parameter `amount`
     --> policy.toml:5:11
      |
    5 | where = { amount = { max = 5 } }
      |           ^^^^^^
      |
      = help: its parameters are `title`, `labels`
    "#);
    insta::assert_snapshot!(problems(&of("\"github.*\"", "amount = { max = 5 }")), @r#"
    error: no tool of `github.*` has a parameter `amount`
     --> policy.toml:5:11
      |
    5 | where = { amount = { max = 5 } }
      |           ^^^^^^
      |
      = help: remove the condition, or name another parameter
    "#);
}

#[test]
fn scopes_and_times_are_read_strictly() {
    let of = |rest: &str| messages(&policy(&rule("r", "create_refund", "ask", rest)));
    assert_eq!(of("env = [\"prod\"]"), ["`prod` is not an environment; use production, staging or test"]);
    assert_eq!(of("caller = [\"Claude\"]").len(), 1);
    assert_eq!(of("caller = []"), ["`caller` lists nothing"]);
    assert_eq!(of("caller = \"claude\""), ["`caller` must be a list, not a string"]);
    assert_eq!(of("expires = \"2026-12-31\""), ["`2026-12-31` is not a time in UTC"]);
    assert_eq!(of("expires = \"2026-12-31T00:00:00+01:00\""), ["`2026-12-31T00:00:00+01:00` is not a time in UTC"]);
    check("policy.toml", &policy(&rule("r", "create_refund", "ask", "expires = 2026-12-31T00:00:00Z")), &catalog())
        .unwrap();
}

#[test]
fn a_test_that_fails_is_an_error_with_the_line_that_decided() {
    let small = rule(
        "small",
        "create_refund",
        "allow",
        "where = { amount = { max = 500 } }\ncaller = [\"claude\"]\nexpires = \"1970-01-01T00:00:01Z\"",
    );
    let test = |caller: &str, amount: u32| {
        format!(
            "[[test]]\ncall = \"stripe.create_refund\"\ncaller = \"{caller}\"\nargs = {{ charge = \"ch_1\", amount = {amount} }}\nexpect = \"allow\"\n"
        )
    };
    check("policy.toml", &policy(&format!("{small}{}", test("claude", 500))), &catalog()).unwrap();
    insta::assert_snapshot!(problems(&policy(&format!("{small}{}{}", test("claude", 501), test("local", 500)))), @r#"
    error: expected `allow`, but the policy says `ask`
      --> policy.toml:13:10
       |
    13 | expect = "allow"
       |          ^^^^^^^
       |
       = help: decided by `defaults.destructive` (built-in:18)
    error: expected `allow`, but the policy says `ask`
      --> policy.toml:18:10
       |
    18 | expect = "allow"
       |          ^^^^^^^
       |
       = help: decided by `defaults.destructive` (built-in:18)
    "#);
    let unknown = "[[test]]\ncall = \"stripe.create_payout\"\nexpect = \"deny\"\n[[test]]\ncall = \"stripe.gone\"\nexpect = \"deny\"\n";
    assert_eq!(messages(&policy(unknown)), ["unknown tool `stripe.gone`"]);
}

#[test]
fn the_presets_load_and_have_no_problems() {
    let built_in = Catalog::built_in();
    for (name, text) in presets() {
        check(name, text, &built_in).unwrap_or_else(|problems| panic!("{problems}"));
    }
    let example: String = BUILT_IN
        .lines()
        .skip_while(|line| *line != "# [[rule]]")
        .filter_map(|line| line.strip_prefix("# ").map(|line| format!("{line}\n")))
        .collect();
    assert!(example.contains("expect"));
    check("example", &policy(&example), &built_in).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn a_limit_is_for_a_rule_that_allows_and_can_be_counted() {
    for (key, message) in [
        ("limit = []", "`limit` lists nothing"),
        ("limit = [{ count = 10 }]", "`per` must be a duration between 1m and 366d"),
        ("limit = [{ count = 10, per = \"30s\" }]", "`per` must be a duration between 1m and 366d"),
        ("limit = [{ per = \"1d\" }]", "a limit has either `count`, or `sum` and `max`"),
        ("limit = [{ count = 1, max = 5, per = \"1d\" }]", "a limit has either `count`, or `sum` and `max`"),
        ("limit = [{ sum = \"amount\", per = \"1d\" }]", "a limit has either `count`, or `sum` and `max`"),
        (
            "limit = [{ count = 1.5, per = \"1d\" }]",
            "a limit must be a number that is not negative, of calls a whole one",
        ),
        (
            "limit = [{ count = -1, per = \"1d\" }]",
            "a limit must be a number that is not negative, of calls a whole one",
        ),
        ("limit = [{ sum = \"amonut\", max = 5, per = \"1d\" }]", "`stripe.create_refund` has no parameter `amonut`"),
        ("limit = [{ sum = \"charge\", max = 5, per = \"1d\" }]", "`charge` of `stripe.create_refund` is no number"),
        ("limit = [{ cuont = 5, per = \"1d\" }]", "unknown key `cuont`"),
        ("floor = true", "`floor` is for rules that ask"),
    ] {
        let found = messages(&policy(&rule("r", "create_refund", "allow", key)));
        assert!(found.contains(&message.to_owned()), "{key}: {found:?}");
    }
    for decision in ["ask", "deny"] {
        let limit = "limit = [{ count = 10, per = \"1d\" }]";
        assert_eq!(
            messages(&policy(&rule("r", "create_refund", decision, limit))),
            ["`limit` is for rules that allow"]
        );
    }
    let maybe = messages(&policy(&rule("r", "create_refund", "ask", "floor = 1")));
    assert_eq!(maybe, ["`floor` must be true or false"]);
}

#[test]
fn a_test_may_name_its_account_as_a_call_does() {
    let small = rule("small", "create_refund", "allow", "account = [\"two\"]");
    let test = |args: &str, more: &str| {
        policy(&format!(
            "{small}[[test]]\ncall = \"stripe.create_refund\"\n{more}args = {{ charge = \"ch_1\", amount = 5, {args} }}\nexpect = \"allow\"\n"
        ))
    };
    check("policy.toml", &test("account = \"two\"", ""), &catalog()).unwrap();
    check("policy.toml", &test("_reason = \"x\"", "account = \"two\"\n"), &catalog()).unwrap();
    assert!(check("policy.toml", &test("account = \"one\"", ""), &catalog()).is_err());
    let messages = messages(&test("account = \"one\"", "account = \"two\"\n"));
    assert_eq!(
        messages,
        ["`stripe.create_refund` cannot be called so: /account: is not `two`, the account of the test"]
    );
}

//! `policy set`.

use super::{Decision::*, *};

const FILE: &str = "# mine\nschema=1   # one\n\n[tools]   # lines\n  'stripe.*'   =  'ask'   # money\n\"github.create_issue\" = \"ask\"\n\n# last\n[[rule]]\nid = \"r\"\ntools = [ \"stripe.create_refund\" ]\ndecision = \"ask\"\n";

#[test]
fn one_line_changes_and_every_other_byte_stays() {
    let catalog = catalog();
    assert_eq!(
        set(FILE, "github.create_issue", Allow, &catalog),
        Ok(FILE.replace("issue\" = \"ask\"", "issue\" = \"allow\""))
    );
    assert_eq!(set(FILE, "stripe.*", Deny, &catalog), Ok(FILE.replace("'ask'", "\"deny\"")));
    assert_eq!(
        set(FILE, "stripe_create_refund", Deny, &catalog),
        Ok(FILE.replace("issue\" = \"ask\"\n", "issue\" = \"ask\"\n\"stripe.create_refund\" = \"deny\"\n"))
    );
}

#[test]
fn a_file_without_tools_gets_them() {
    let catalog = catalog();
    assert_eq!(
        set("schema = 1\n", "stripe.*", Ask, &catalog).as_deref(),
        Ok("schema = 1\n\n[tools]\n\"stripe.*\" = \"ask\"\n")
    );
    let with_rule = policy(&rule("r", "create_refund", "ask", ""));
    let text = set(&with_rule, "stripe.create_refund", Deny, &catalog).unwrap();
    check("policy.toml", &text, &catalog).unwrap();
    assert_eq!(decisions(&text, "stripe.create_refund", [json!({})]), [Deny]);
}

#[test]
fn inline_tables_and_windows_line_ends_stay_what_they_are() {
    let catalog = catalog();
    let inline = "schema = 1\ntools = { \"stripe.*\" = \"ask\" } # all\n";
    assert_eq!(set(inline, "stripe.*", Deny, &catalog), Ok(inline.replace("\"ask\"", "\"deny\"")));
    let windows = FILE.replace('\n', "\r\n");
    assert_eq!(set(&windows, "stripe.*", Deny, &catalog), Ok(windows.replace("'ask'", "\"deny\"")));
    assert_eq!(
        set(&windows, "stripe.create_refund", Deny, &catalog),
        Ok(windows.replace("issue\" = \"ask\"\r\n", "issue\" = \"ask\"\r\n\"stripe.create_refund\" = \"deny\"\r\n"))
    );
}

#[test]
fn a_byte_order_mark_and_mixed_line_ends_stay() {
    let catalog = catalog();
    let mixed = format!("\u{feff}{}", FILE.replacen('\n', "\r\n", 2));
    assert_eq!(set(&mixed, "stripe.*", Deny, &catalog), Ok(mixed.replace("'ask'", "\"deny\"")));
    assert_eq!(
        set("schema = 1\r\n[tools]\n\"stripe.*\" = \"ask\"", "github.*", Ask, &catalog).as_deref(),
        Ok("schema = 1\r\n[tools]\n\"stripe.*\" = \"ask\"\r\n\"github.*\" = \"ask\"\r\n")
    );
}

#[test]
fn t085_the_target_must_be_a_tool_or_a_pattern_that_covers_one() {
    let catalog = catalog();
    let refused = |target: &str| set(FILE, target, Allow, &catalog).unwrap_err().to_string();
    assert_eq!(
        refused("stripe.create_refnud"),
        "unknown tool `stripe.create_refnud`; did you mean `stripe.create_refund`?"
    );
    assert_eq!(
        refused("Stripe.Create_Refund"),
        "unknown tool `Stripe.Create_Refund`; did you mean `stripe.create_refund`?"
    );
    assert_eq!(refused("strip.*"), "`strip.*` matches no tool; did you mean `stripe.*`?");
    assert_eq!(
        refused("*.create_refund"),
        "in `*.create_refund` a `*` stands before the end; it can only be the last character"
    );
    assert!(matches!(set("schema = ", "stripe.*", Ask, &catalog), Err(SetError::File(_))));
    assert!(matches!(set("tools = 1", "stripe.*", Ask, &catalog), Err(SetError::File(_))));
}

//! The pinned text and an edit beside it.

use super::{Decision::*, *};

fn line(tool: &str, decision: &str) -> String {
    policy(&format!("[tools]\n\"{tool}\" = \"{decision}\""))
}

#[test]
fn an_edit_that_is_not_applied_can_only_tighten() {
    let catalog = catalog();
    let of = |pin: &str, edit: &str| {
        let (pin, edit) = (line("github.create_issue", pin), line("github.create_issue", edit));
        let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, &pin), Some(&edit));
        assert_eq!(problems, []);
        let evaluation = Asked { policy: &policy, catalog: &catalog }.of("github.create_issue", None);
        (evaluation.decision, evaluation.reasons[0].file.clone())
    };
    let (applied, edited) = ("policy.toml".to_owned(), "policy.toml (not yet applied)".to_owned());
    assert_eq!(of("deny", "allow"), (Deny, applied.clone()));
    assert_eq!(of("ask", "allow"), (Ask, applied.clone()));
    assert_eq!(of("ask", "ask"), (Ask, applied));
    assert_eq!(of("allow", "ask"), (Ask, edited.clone()));
    assert_eq!(of("allow", "deny"), (Deny, edited));
}

#[test]
fn t097_an_edit_that_does_not_load_is_reported_and_left_out() {
    let catalog = catalog();
    let pin = pinned(&catalog, &line("github.create_issue", "allow"));
    let (alone, _) = Policy::new(&catalog, &pin, None);
    let failing =
        format!("{}[[test]]\ncall = \"github.create_issue\"\nexpect = \"allow\"", line("github.create_issue", "deny"));
    for edit in ["", "schema = 1\n[tools", &line("github.creat_issue", "deny"), &failing] {
        let (policy, problems) = Policy::new(&catalog, &pin, Some(edit));
        assert_eq!(
            Asked { policy: &policy, catalog: &catalog }.of("github.create_issue", None).decision,
            Allow,
            "{edit}"
        );
        assert_eq!(problems.len(), 1, "{edit}");
        assert_eq!(policy.digest(), alone.digest());
    }
}

#[test]
fn the_digest_names_the_texts_that_judge() {
    let catalog = catalog();
    let digest = |pin: &str, edit: Option<&str>| Policy::new(&catalog, &pinned(&catalog, pin), edit).0.digest();
    let (one, two) = (line("github.create_issue", "ask"), line("github.create_issue", "deny"));
    assert_eq!(digest(&one, None), digest(&one, Some(&one)));
    let all = [digest(&one, None), digest(&two, None), digest(&one, Some(&two)), digest(&two, Some(&one))];
    assert!(all.iter().enumerate().all(|(index, digest)| !all[..index].contains(digest)));
}

#[test]
fn t089_a_wildcard_allows_no_tool_that_came_after_the_pin() {
    let catalog = catalog();
    let of = |text: &str| {
        check("policy.toml", text, &catalog).unwrap();
        let mut pin = pinned(&catalog, text);
        let known = Policy::new(&catalog, &pin, None).0;
        pin.tools.remove("github.create_issue");
        let unknown = Policy::new(&catalog, &pin, None).0;
        [known, unknown]
            .map(|policy| Asked { policy: &policy, catalog: &catalog }.of("github.create_issue", None).decision)
    };
    let rule = |tools: &str, decision: &str| {
        policy(&format!("[[rule]]\nid = \"r\"\ntools = [{tools}]\ndecision = \"{decision}\""))
    };
    assert_eq!(of(&line("github.*", "allow")), [Allow, Ask]);
    assert_eq!(of(&line("github.create_issue", "allow")), [Allow, Allow]);
    assert_eq!(of(&line("github.*", "deny")), [Deny, Deny]);
    assert_eq!(of(&rule("\"github.*\"", "allow")), [Allow, Ask]);
    assert_eq!(of(&rule("\"github.*\", \"github.create_issue\"", "allow")), [Allow, Allow]);
    assert_eq!(of(&rule("\"github.*\"", "deny")), [Deny, Deny]);
    // the next line that speaks of it decides
    assert_eq!(of("schema = 1\n[tools]\n\"github.create_*\" = \"allow\"\n\"github.*\" = \"ask\"\n"), [Allow, Ask]);
}

#[test]
fn a_pinned_text_counts_although_its_tools_and_parameters_are_gone() {
    let catalog = catalog();
    let body = |decision: &str| {
        policy(&format!(
            "[tools]\n\"stripe.gone\" = \"deny\"\n[[rule]]\nid = \"r\"\ntools = [\"github.gone\", \"github.create_issue\"]\n\
             where = {{ gone = {{ present = false }} }}\ndecision = \"{decision}\""
        ))
    };
    let of = |decision: &str| {
        let text = body(decision);
        assert_eq!(check("policy.toml", &text, &catalog).unwrap_err().0.len(), 3);
        let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, &text), None);
        assert_eq!(problems, []);
        Asked { policy: &policy, catalog: &catalog }.of("github.create_issue", Some(json!({}))).decision
    };
    assert_eq!(["allow", "deny"].map(of), [Ask, Deny]);
}

#[test]
fn a_pinned_text_that_cannot_be_read_denies_everything_whatever_the_edit_says() {
    let catalog = catalog();
    let edit = line("github.list_issues", "allow");
    let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, "schema = 1\nfuture = 1"), Some(&edit));
    assert_eq!(problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(), ["unknown key `future`"]);
    let evaluation = Asked { policy: &policy, catalog: &catalog }.of("github.list_issues", None);
    assert_eq!((evaluation.decision, evaluation.rule()), (Deny, "*"));
    assert!(catalog.tools().all(|tool| policy.always_denies(tool, &caller("local"))));
}

/// One text is hashed and read: whichever of two a call is judged by, the verdict names that one, and each byte counts.
#[test]
fn t261_the_verdict_names_the_very_text_that_judged() {
    let catalog = catalog();
    let judged = |pin: &str, edit: Option<&str>| {
        let (policy, _) = Policy::new(&catalog, &pinned(&catalog, pin), edit);
        let evaluation = Asked { policy: &policy, catalog: &catalog }.of("github.create_issue", None);
        (evaluation.policy, evaluation.decision)
    };
    let (deny, allow) = (line("github.create_issue", "deny"), line("github.create_issue", "allow"));
    assert_eq!((judged(&deny, None).1, judged(&allow, None).1), (Deny, Allow));
    let texts = [deny.clone(), allow.clone(), format!("{allow} "), format!("{allow}# deny"), format!("\n{allow}")];
    let digests = texts.iter().flat_map(|pin| {
        let edits = texts.iter().filter(|edit| *edit != pin);
        edits.map(|edit| judged(pin, Some(edit)).0).chain([judged(pin, None).0]).collect::<Vec<_>>()
    });
    let digests: Vec<_> = digests.map(|digest| digest.to_string()).collect();
    let unlike: BTreeSet<_> = digests.iter().collect();
    assert_eq!(unlike.len(), texts.len() * texts.len());
    // and it is the same for the same
    assert_eq!(judged(&allow, Some(&deny)), judged(&allow, Some(&deny)));
}

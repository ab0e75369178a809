//! Tools of the user's own, and tools that came with an upgrade: what may be said of them before their owner saw them.

use super::{Decision::*, *};

/// A manifest of one tool that changes something.
pub(super) fn manifest(id: &str, tool: &str, description: &str) -> String {
    format!(
        "schema = 1\n[integration]\nid = \"{id}\"\ntitle = \"T\"\n[upstream.rest]\norigin = \"https://api.example.com\"\n\
         body = \"json\"\n[credential.bearer]\nlabel = \"key\"\nverify = \"GET /me\"\n[[tool]]\nname = \"{tool}\"\n\
         title = \"Add\"\ndescription = \"{description}\"\neffect = \"write\"\ntoolset = \"core\"\nrequest = \"POST /things\"\n\
         [tool.params]\nsize = {{ type = \"integer\", in = \"body\", description = \"How much.\", required = false }}\n"
    )
}

fn with(text: &str) -> Catalog {
    let (catalog, problems) = catalog().with_own([("tools/own.toml", text)]);
    assert_eq!(problems, []);
    catalog
}

fn judged(catalog: &Catalog, text: &str, tools: Known, size: i64) -> Evaluation {
    let (policy, problems) = Policy::new(catalog, &Pinned { text: text.to_owned(), tools }, None);
    assert_eq!(problems, []);
    Asked { policy: &policy, catalog }.of("own.add", Some(json!({ "size": size })))
}

#[test]
fn t260_a_tool_of_the_users_own_asks_until_it_was_seen() {
    let new = with(&manifest("own", "add", "Adds."));
    let changed = with(&manifest("own", "add", "Adds.").replace("/things", "/others"));
    let texts = [
        policy("[tools]\n\"own.add\" = \"allow\""),
        policy("[tools]\n\"own.*\" = \"allow\""),
        policy("[defaults]\nwrite = \"allow\""),
        policy("[[rule]]\nid = \"r\"\ntools = [\"own.add\"]\nwhere = { size = { max = 5 } }\ndecision = \"allow\""),
    ];
    for text in &texts {
        assert_eq!(judged(&new, text, Known::of(&new), 1).decision, Allow, "{text}");
        let fresh = judged(&new, text, Known::of(&catalog()), 1);
        assert_eq!((fresh.decision, fresh.rule()), (Ask, "new tool"), "{text}");
        let other = judged(&changed, text, Known::of(&new), 1);
        assert_eq!((other.decision, other.rule()), (Ask, "changed tool"), "{text}");
        assert!(other.reasons[0].text.as_ref().unwrap().contains("has changed since the policy was approved"));
    }
    // what it says beside that holds
    assert_eq!(judged(&new, &texts[3], Known::of(&catalog()), 9).reasons.len(), 2);
    let deny = policy("[tools]\n\"own.*\" = \"deny\"");
    assert_eq!(judged(&changed, &deny, Known::of(&new), 1).decision, Deny);
    assert_eq!(judged(&new, &deny, Known::of(&catalog()), 1).decision, Deny);
}

#[test]
fn t260_a_built_in_tool_of_that_name_makes_nobodys_own_known() {
    let allow = policy("[tools]\n\"own.add\" = \"allow\"");
    let own = with(&manifest("own", "add", "Adds."));
    assert_eq!(judged(&own, &allow, ["own.add".to_owned()].into_iter().collect(), 1).decision, Ask);
    // and one of the user's own does not make known what comes with the program later
    let built_in = Catalog::compile(&[("own.toml", &manifest("own", "add", "Adds."))]).unwrap();
    let of = |text: &str| judged(&built_in, text, Known::of(&own), 1).decision;
    assert_eq!(of(&policy("[tools]\n\"own.*\" = \"allow\"")), Ask);
    assert_eq!(of(&allow), Allow);
}

#[test]
fn t089_a_default_allows_no_built_in_tool_that_came_after_the_pin() {
    let catalog = catalog();
    let mut pin = pinned(&catalog, &policy(""));
    pin.tools.remove("github.list_issues");
    let of = |text: &str| {
        let (policy, _) = Policy::new(&catalog, &Pinned { text: text.to_owned(), ..pin.clone() }, None);
        let evaluation = Asked { policy: &policy, catalog: &catalog }.of("github.list_issues", None);
        (evaluation.decision, evaluation.rule().to_owned())
    };
    assert_eq!(of(&policy("")), (Ask, "later tool".to_owned()));
    assert_eq!(of(&policy("[tools]\n\"github.*\" = \"allow\"")), (Ask, "later tool".to_owned()));
    assert_eq!(of(&policy("[tools]\n\"github.list_issues\" = \"allow\"")), (Allow, "github.list_issues".to_owned()));
    assert_eq!(of(&policy("[defaults]\nread = \"deny\"")), (Deny, "defaults.read".to_owned()));
}

/// The program is trusted, and an upgrade of it changes its tools.
#[test]
fn a_built_in_tool_that_an_upgrade_changed_keeps_its_answer() {
    let [old, new] = ["/things", "/others"].map(|path| {
        Catalog::compile(&[("own.toml", &manifest("own", "add", "Adds.").replace("/things", path))]).unwrap()
    });
    let allow = policy("[tools]\n\"own.*\" = \"allow\"");
    assert_eq!(judged(&new, &allow, Known::of(&old), 1).decision, Allow);
    let changes = Known::of(&old).changes(&new);
    assert_eq!(changes, [ToolChange { tool: "own.add".to_owned(), own: false, what: Happened::Changed(vec![]) }]);
    assert_eq!(Known::of(&new).changes(&new), []);
}

#[test]
fn a_pin_of_the_first_version_knows_built_in_tools_by_name_and_no_others() {
    let own = with(&manifest("own", "add", "Adds."));
    let names: Vec<String> = own.tools().map(|tool| tool.policy_name()).collect();
    let known: Known = serde_json::from_value(json!(names)).unwrap();
    let (policy, _) = Policy::new(&own, &Pinned { text: BUILT_IN.to_owned(), tools: known.clone() }, None);
    assert_eq!(policy.unapproved().collect::<Vec<_>>(), [("own.add", Standing::New)]);
    assert_eq!(Asked { policy: &policy, catalog: &own }.of("github.list_issues", None).decision, Allow);
    // both forms survive being stored
    for known in [known, Known::of(&own)] {
        let stored = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Known>(&stored).unwrap(), known);
    }
    assert!(serde_json::from_str::<Known>("{\"a.b\": 1}").is_err());
}

#[test]
fn t260_applying_shows_what_is_new_what_changed_and_what_is_gone() {
    let one = with(&manifest("own", "add", "Adds."));
    let two = with(&manifest("own", "put", "Puts."));
    let happened = |before: &Catalog, after: &Catalog| {
        let changes = Known::of(before).changes(after).into_iter();
        changes
            .map(|change| {
                assert!(change.own);
                let what = match change.what {
                    Happened::New { effect, request, .. } => format!("new {effect} {request}"),
                    Happened::Changed(parts) => parts.into_iter().map(|part| part.part).collect::<Vec<_>>().join(","),
                    Happened::Gone => "gone".to_owned(),
                };
                format!("{}: {what}", change.tool)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(happened(&one, &two), ["own.add: gone", "own.put: new write POST https://api.example.com/things"]);
    let other = with(&manifest("own", "add", "Adds.").replace("How much.", "How many.").replace("/things", "/x"));
    assert_eq!(happened(&one, &other), ["own.add: words of size,request"]);
}

/// A rule on arguments gets its say once the tool is approved: that is a loosening, though no line changes.
#[test]
fn t260_applying_a_new_tool_under_an_old_rule_is_called_looser() {
    let own = with(&manifest("own", "add", "Adds."));
    let text =
        policy("[[rule]]\nid = \"r\"\ntools = [\"own.add\"]\nwhere = { size = { max = 5 } }\ndecision = \"allow\"");
    let pin = Pinned { text: text.clone(), tools: Known::of(&catalog()) };
    let changes = diff(&own, &pin, &text, &SystemPolicy::default()).unwrap();
    let found: Vec<_> = changes.iter().map(|change| (change.tool.as_str(), change.looser)).collect();
    assert_eq!(found, [("own.add", true)]);
    // applied, there is nothing more to say
    assert_eq!(
        diff(&own, &Pinned { text: text.clone(), tools: Known::of(&own) }, &text, &SystemPolicy::default()).unwrap(),
        []
    );
}

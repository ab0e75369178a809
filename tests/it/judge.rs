//! What we would send, judged by the vendors' own machine-readable APIs. The judge and the specifications are not part
//! of this repository: `AGENTPORT_TEST_APIS` names their folder. `AGENTPORT_TEST_MANIFEST` names a manifest to be judged
//! alone, as it is on disk, so that its author need not build anything again.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use agentport::{
    account::Origin,
    call::Arguments,
    catalog::{Catalog, Param, RequestTemplate, Tool, Type, request},
};
use serde_json::{Map, Value, json};

use crate::integrations::decisions;

/// How much of a tool's parameters a case gives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    /// What has to be given.
    Least,
    /// Everything, with plain values.
    Most,
    /// Everything, with values at the far end of their bounds.
    Edge,
}

/// Parameters that the vendor takes and the specification at hand does not know. They are not judged.
const UNKNOWN_TO_THE_JUDGE: [(&str, &str); 2] = [
    // derived from PostHog's generated clients, which leave it out; PostHog's own MCP server requires it
    ("posthog.create_insight", "query"),
    ("posthog.update_insight", "query"),
];

#[test]
fn every_request_is_what_the_vendor_takes() {
    let Some(apis) = environment("AGENTPORT_TEST_APIS").filter(|apis| Path::new(apis).is_dir()) else {
        return skip("judge: AGENTPORT_TEST_APIS does not name the folder of the vendors' APIs");
    };
    let catalog = match environment("AGENTPORT_TEST_MANIFEST") {
        Some(file) => Catalog::compile(&[(&file, &std::fs::read_to_string(&file).unwrap())])
            .unwrap_or_else(|problems| panic!("{problems}")),
        None => Catalog::built_in(),
    };
    let mut requests = String::new();
    for tool in over_http(&catalog) {
        for case in [Case::Least, Case::Most, Case::Edge] {
            for arguments in arguments(tool, case) {
                requests.push_str(&captured(
                    tool,
                    &format!("{case:?} {}", Value::Object(arguments.clone())),
                    &arguments,
                ));
            }
        }
    }
    let verifying = catalog.integrations().map(|integration| catalog.verify_tool(&integration.id).unwrap());
    for verify in verifying.filter(|verify| !matches!(verify.request, RequestTemplate::Sql(_))) {
        requests.push_str(&captured(verify, "verify", &Map::new()));
    }
    let python = environment("AGENTPORT_TEST_PY").unwrap_or_else(|| "python3".to_owned());
    let verdicts = judged(&python, &apis, &requests);
    assert_eq!(verdicts.lines().count(), requests.lines().count(), "{verdicts}");
    let bad: Vec<_> = verdicts.lines().filter(|line| *line != "ok").collect();
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), requests.lines().count(), bad.join("\n"));
}

/// What previews show is in the answers of their reads, as the vendors' specifications describe them, and the types of
/// Stripe's and PostHog's own packages.
#[test]
fn every_fact_that_a_preview_shows_is_in_the_answer() {
    let Some(apis) = environment("AGENTPORT_TEST_APIS").filter(|apis| Path::new(apis).is_dir()) else {
        return skip("previews: AGENTPORT_TEST_APIS does not name the folder of the vendors' APIs");
    };
    let modules = environment("AGENTPORT_TEST_NODE_MODULES");
    let Some(modules) = modules.filter(|modules| Path::new(modules).join("stripe/package.json").is_file()) else {
        return skip(
            "previews: AGENTPORT_TEST_NODE_MODULES does not name a folder with the packages that hold the types",
        );
    };
    let python = environment("AGENTPORT_TEST_PY").unwrap_or_else(|| "python3".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (script, tools) = (root.join("tests/it/previews.py"), root.join("tools"));
    let verdict = judging(&python, &script, &[Path::new(&apis), &tools, Path::new(&modules)]);
    let (last, bad) = verdict.trim_end().rsplit_once('\n').unwrap_or((verdict.trim_end(), ""));
    assert!(bad.is_empty(), "{bad}");
    let looked: u32 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(looked > 450, "{last}");
}

/// The tools that were to be built, with their effects and what the default policy says of them.
#[test]
fn every_recommended_tool_is_there_with_its_effect() {
    let Some(apis) = environment("AGENTPORT_TEST_APIS").filter(|apis| Path::new(apis).is_dir()) else {
        return skip("tools: AGENTPORT_TEST_APIS does not name the folder of the vendors' APIs");
    };
    let list = std::fs::read_to_string(Path::new(&apis).join("recommended_tools.tsv")).unwrap();
    let column = |at: usize| -> BTreeMap<String, String> {
        let rows = list.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        rows.map(|columns| (format!("{}.{}", columns[0], columns[1]), columns[at].to_owned())).collect()
    };
    let (wanted, mut defaults) = (column(5), column(6));
    for decision in defaults.values_mut().filter(|decision| *decision == "auto") {
        "allow".clone_into(decision);
    }
    let catalog = Catalog::built_in();
    let built: BTreeMap<String, String> =
        over_http(&catalog).map(|tool| (tool.policy_name(), tool.effect.to_string())).collect();
    assert_eq!(built, wanted);
    let decide = decisions(&catalog);
    let decided: BTreeMap<String, String> =
        over_http(&catalog).map(|tool| (tool.policy_name(), decide(tool))).collect();
    assert_eq!(decided, defaults);
    for integration in catalog.integrations() {
        let core = catalog.tools().filter(|tool| tool.integration.id == integration.id && tool.toolset == "core");
        assert!((1..=15).contains(&core.count()), "{}", integration.id);
    }
}

/// The tools of services; databases have no description that they could be held against.
fn over_http(catalog: &Catalog) -> impl Iterator<Item = &Tool> {
    let is_database = |tool: &Tool| matches!(tool.request, RequestTemplate::Sql(_));
    catalog.tools().map(AsRef::as_ref).filter(move |tool| !is_database(tool))
}

/// One line for the judge.
fn captured(tool: &Tool, case: &str, arguments: &Map<String, Value>) -> String {
    let arguments =
        Arguments::parse(tool, arguments).unwrap_or_else(|problems| panic!("{} {case}: {problems:?}", tool.name));
    let origin = Origin::parse(tool.integration.upstream.origin(), false).unwrap();
    let placed = request::place(tool, &arguments, &origin, &example_settings(tool))
        .unwrap_or_else(|problems| panic!("{} {case}: {problems:?}", tool.name));
    let request::Placed::Http(http) = placed else { panic!("{} is not over HTTP", tool.name) };
    let query = if http.query.is_empty() { String::new() } else { format!("?{}", http.query) };
    let mut headers: Map<_, _> = http.headers.into_iter().map(|(name, value)| (name, json!(value))).collect();
    headers.insert("authorization".to_owned(), json!("Bearer a-token-for-the-judge"));
    headers.extend(http.idempotency.map(|name| (name, json!("an-idempotency-key"))));
    let line = json!({
        "service": tool.integration.id,
        "case": format!("{} {case}", tool.policy_name()),
        "method": http.method.as_str(),
        "url": format!("{}{}{query}", origin.as_str(), http.path),
        "headers": headers,
        "body": http.body.unwrap_or_default(),
    });
    format!("{line}\n")
}

/// What an account of the tool's integration has to have; for the rest the defaults hold.
fn example_settings(tool: &Tool) -> BTreeMap<String, String> {
    let needed = tool.integration.settings.iter().filter(|setting| setting.default.is_none());
    needed.map(|setting| (setting.name.clone(), setting.example.clone())).collect()
}

/// The arguments of a case; several where one of some parameters has to be given.
fn arguments(tool: &Tool, case: Case) -> Vec<Map<String, Value>> {
    let name = tool.policy_name();
    let judged = tool.params.iter().filter(|param| !UNKNOWN_TO_THE_JUDGE.contains(&(name.as_str(), &param.name)));
    let all = members(&judged.cloned().collect::<Vec<_>>(), case);
    if case != Case::Least {
        return vec![all];
    }
    let mut variants = vec![all];
    for group in &tool.require_any {
        let with = |name: &String| {
            let param = tool.params.iter().find(|param| param.name == *name).unwrap();
            (name.clone(), value(param, Case::Most))
        };
        variants = variants
            .iter()
            .flat_map(|variant| group.iter().map(|name| variant.clone().into_iter().chain([with(name)]).collect()))
            .collect();
    }
    variants
}

fn members(params: &[Param], case: Case) -> Map<String, Value> {
    let given = params.iter().filter(|param| param.required || case != Case::Least);
    given.map(|param| (param.name.clone(), value(param, case))).collect()
}

fn value(param: &Param, case: Case) -> Value {
    let edge = case == Case::Edge;
    if param.nullable && edge {
        return Value::Null;
    }
    if let (Some(example), false) = (&param.example, edge) {
        return example.clone();
    }
    match &param.ty {
        Type::String { choices: Some(choices), .. } => json!(if edge { choices.last() } else { choices.first() }),
        Type::String { pattern: Some(_), .. } => param.example.clone().unwrap_or_default(),
        Type::String { min_length, max_length, .. } => {
            let text = "x&amount=1 + é%/?#[0]'\"\\;=😀 ";
            let most = usize::try_from(*max_length).unwrap();
            let length = if edge { most } else { most.min(usize::try_from(min_length.unwrap_or(0)).unwrap().max(12)) };
            let plain = param.place == agentport::catalog::Place::Path || !edge;
            let source = if plain { "abcdefgh" } else { text };
            json!(source.chars().cycle().take(length).collect::<String>())
        }
        Type::Integer { choices: Some(choices), .. } => json!(if edge { choices.last() } else { choices.first() }),
        Type::Integer { min, max, .. } => {
            json!(if edge {
                max.or(*min).unwrap_or(0)
            } else {
                min.map_or(1, |min| max.map_or(min + 1, |max| max.min(min + 1)))
            })
        }
        Type::Number { min, max } => json!(if edge { max.or(*min) } else { min.or(*max) }.unwrap_or(1.5)),
        Type::Boolean => json!(edge),
        Type::Value { .. } => {
            if edge {
                json!(["a", 1, true])
            } else {
                json!(7)
            }
        }
        Type::Array { items, min_items, max_items } => {
            let most = (*max_items).min(3);
            let count = if edge { most } else { min_items.unwrap_or(1).max(1) };
            (0..count).map(|_| value(items, case)).collect()
        }
        Type::Object { fields } => Value::Object(members(fields, case)),
        Type::Map { values, max_items } => {
            let count = if edge { *max_items } else { 2 };
            Value::Object((0..count).map(|index| (format!("key-{index}"), value(values, case))).collect())
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the judge is a Python program")]
fn judged(python: &str, apis: &str, requests: &str) -> String {
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/judge.py"))
        .arg(apis)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let requests = requests.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(requests.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the judge failed: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the judge is a Python program")]
fn judging(python: &str, script: &Path, folders: &[&Path]) -> String {
    let output = Command::new(python).arg(script).args(folders).output().unwrap();
    assert!(output.status.success(), "the judge failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the test's own settings, none of the product's")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn skip(what: &str) {
    let line = format!("SKIPPED: {what}");
    eprintln!("{line}");
    if let Some(file) = environment("AGENTPORT_TEST_SKIPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

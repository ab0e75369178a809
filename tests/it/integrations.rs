//! The pages of the services, `docs/integrations/*.md`, and the README's table of them are what the manifests say.
//! `AGENTPORT_UPDATE_DOCS=1` writes them.

use std::{collections::BTreeMap, fs, path::Path};

use agentport::{
    account::Environment,
    call::Caller,
    catalog::{Catalog, Effect, Integration, Tool},
    policy::{self, Facts, Pinned, Policy},
};

use crate::harness::setting;

const BEGIN: &str = "<!-- tools:begin -->";
const END: &str = "<!-- tools:end -->";
const PAGES: &str = "docs/integrations";

#[test]
fn the_pages_of_the_services_are_what_there_is() {
    let catalog = Catalog::built_in();
    let decide = decisions(&catalog);
    let mut expected: BTreeMap<String, String> =
        catalog.integrations().map(|it| (format!("{}.md", it.id), page(&catalog, it, &decide))).collect();
    expected.insert("README.md".to_owned(), format!("# Services\n\n{}", table(&catalog, "")));
    let folder = root().join(PAGES);
    if updating() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &expected {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let found: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    let stale: Vec<_> =
        expected.keys().chain(found.keys()).filter(|name| expected.get(*name) != found.get(*name)).collect();
    assert!(stale.is_empty(), "{PAGES} is out of date; AGENTPORT_UPDATE_DOCS=1 writes it: {stale:?}");
}

#[test]
fn the_table_of_services_in_the_readme_is_what_there_is() {
    let catalog = Catalog::built_in();
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("README.md has no {BEGIN}"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("README.md has {BEGIN} and no {END}"));
    let current = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(&catalog, "docs/integrations/"));
    if updating() {
        fs::write(&path, &current).unwrap();
    }
    assert!(updating() || text == current, "README.md is out of date; AGENTPORT_UPDATE_DOCS=1 writes it");
}

#[test]
fn a_page_has_a_line_for_each_tool() {
    let catalog = Catalog::built_in();
    let decide = decisions(&catalog);
    for integration in catalog.integrations() {
        let page = page(&catalog, integration, &decide);
        for tool in catalog.tools().filter(|tool| tool.integration.id == integration.id) {
            assert_eq!(page.matches(&format!("| `{}` |", tool.wire_name())).count(), 1, "{page}");
        }
    }
    let stripe = page(&catalog, catalog.integration("stripe").unwrap(), &decide);
    assert!(stripe.contains("| `stripe_create_refund` | Refund a charge | destructive | ask |\n"), "{stripe}");
}

/// One line for each service.
fn table(catalog: &Catalog, folder: &str) -> String {
    let mut text = "| service | tools | read | write | destructive |\n|---|---|---|---|---|\n".to_owned();
    for integration in catalog.integrations() {
        let count = |effect: Option<Effect>| {
            let tools = catalog.tools().filter(|tool| tool.integration.id == integration.id);
            tools.filter(|tool| effect.is_none_or(|effect| effect == tool.effect)).count()
        };
        let (id, title) = (&integration.id, &integration.title);
        text += &format!("| [{title}]({folder}{id}.md) | {} |", count(None));
        for effect in [Effect::Read, Effect::Write, Effect::Destructive] {
            text += &format!(" {} |", count(Some(effect)));
        }
        text.push('\n');
    }
    text
}

/// Connecting, then one part for each toolset.
fn page(catalog: &Catalog, integration: &Integration, decide: &dyn Fn(&Tool) -> String) -> String {
    let mut text = format!("# {}\n\n{}", integration.title, connecting(integration));
    let mut toolsets: BTreeMap<(bool, &str), Vec<&Tool>> = BTreeMap::new();
    for tool in catalog.tools().filter(|tool| tool.integration.id == integration.id) {
        toolsets.entry((tool.toolset != "core", &tool.toolset)).or_default().push(tool);
    }
    text += "\n## Tools\n\nThe effect is what a call does; where arguments make it stronger, that stands behind it. The default is\n\
             the answer of the policy that `agentport init` writes, for a call of which nothing else is known; where it depends on\n\
             the arguments, all that it can be stands there. Agents are shown `core` unless the settings say otherwise; they find\n\
             and call the others with `agentport_find_tools` and `agentport_call_tool`. `agentport tools show NAME` describes one in full.\n";
    for ((_, toolset), tools) in toolsets {
        text += &format!("\n### {toolset}\n\n| tool | what it does | effect | default |\n|---|---|---|---|\n");
        for tool in tools {
            let effect = match (tool.effect, tool.strongest_effect()) {
                (effect, strongest) if effect == strongest => effect.to_string(),
                (effect, strongest) => format!("{effect}, up to {strongest}"),
            };
            let title = tool.title.replace('|', "\\|");
            text += &format!("| `{}` | {title} | {effect} | {} |\n", tool.wire_name(), decide(tool));
        }
    }
    text
}

fn connecting(integration: &Integration) -> String {
    let credential = &integration.credential;
    let mut text = format!("## Connecting\n\nWhat is needed: a {}", credential.label);
    if let Some(page) = &credential.create_at {
        text += &format!(", made at <{page}>");
    }
    text += ".\n";
    if let Some(rights) = &credential.rights {
        text += &format!("\n{rights}\n");
    }
    let key = credential.oauth.as_ref().is_none_or(|oauth| !oauth.alone);
    if key {
        text += &format!("\n```sh\nagentport connect {}\n```\n", integration.id);
    }
    if let Some(oauth) = &credential.oauth {
        let scopes: Vec<_> = oauth.scopes.iter().map(|scope| format!("`{scope}`")).collect();
        let how = if key { "Or sign in" } else { "Sign in" };
        text += &format!(
            "\n{how} with OAuth 2.0, with a client of your own in `agentport.toml`{}:\n\n```toml\n[oauth.{}]\nclient_id = \"…\"\n```\n\n\
             ```sh\nagentport connect {} --oauth\n```\n\nScopes that are asked for: {}. `--scope` adds one.\n",
            if oauth.client_secret { " (its secret is asked for, and kept with the tokens)" } else { "" },
            integration.id,
            integration.id,
            scopes.join(", ")
        );
        if oauth.authorize.is_some() {
            text += &format!(
                "\nOr on the site, at `/accounts/{}/default`; its form shows the address to register with the client.\n",
                integration.id
            );
        }
    }
    for warning in &credential.warnings {
        text += &format!("\n`connect` warns when {}.\n", warning.message);
    }
    if !integration.settings.is_empty() {
        text += "\n| setting | what it is | unless it is set |\n|---|---|---|\n";
        for setting in &integration.settings {
            let default =
                setting.default.as_ref().map_or("it is asked for".to_owned(), |default| format!("`{default}`"));
            text +=
                &format!("| `--set {}={}` | {} | {default} |\n", setting.name, setting.example, setting.description);
        }
    }
    text += &format!(
        "\nRequests go to `{}` and nowhere else; `--origin` names another address, such as one's own server.\n",
        integration.upstream.origin()
    );
    if let Some(docs) = &integration.docs {
        text += &format!("The vendor's documentation: <{docs}>\n");
    }
    text
}

/// What the policy that `init` writes says of a tool.
pub(crate) fn decisions(catalog: &Catalog) -> impl Fn(&Tool) -> String + use<> {
    let tools = catalog.tools().map(|tool| tool.policy_name()).collect();
    let (policy, _) = Policy::new(catalog, &Pinned { text: policy::BUILT_IN.to_owned(), tools }, None);
    let caller = Caller::parse("local").unwrap();
    move |tool| {
        let facts = Facts {
            tool,
            arguments: None,
            caller: &caller,
            account: "default",
            environment: Environment::Production,
            findings: None,
            now: 0,
        };
        policy.possible(&facts).to_string()
    }
}

fn updating() -> bool {
    setting("AGENTPORT_UPDATE_DOCS").is_some_and(|value| value == "1")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

//! `agentport tools`: which tools there are, and what happens to a call of each.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exit, Failure, Out, policy::no_tool};
use crate::{
    app::App,
    call::Caller,
    catalog::{Catalog, Tool, input_schema},
    diagnostic::Diagnostics,
    gateway::is_exposed,
    policy::{Facts, Known, Pinned, Policy, Possible},
    snapshot::{Manifests, Snapshot},
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// The tools that an agent is shown
    List {
        /// Only this integration's
        #[arg(long)]
        integration: Option<String>,
        /// Also those of services that are not connected, and those that are not shown
        #[arg(long)]
        all: bool,
    },
    /// One tool: what it does, its arguments, what happens to a call
    Show {
        /// The tool
        tool: String,
    },
    /// Tools by what they do, in plain words; the best first
    Search {
        /// What to look for
        #[arg(required = true)]
        words: Vec<String>,
    },
    /// Compile manifests and print every problem; without files, the built-in ones and the home's
    Check {
        /// The files
        files: Vec<PathBuf>,
    },
}

/// More than these nobody reads.
const SEARCH_RESULTS: usize = 20;

/// What tools are looked at with: a home's, or before there is one the built-in catalog under the default policy.
struct View {
    catalog: std::sync::Arc<Catalog>,
    policy: std::sync::Arc<Policy>,
    snapshot: Option<std::sync::Arc<Snapshot>>,
    caller: Caller,
    now: i64,
}

pub(super) fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    if let Action::Check { files } = &action {
        return check(app, out, files);
    }
    let view = view(app)?;
    match action {
        Action::List { integration, all } => {
            if let Some(id) = &integration
                && view.catalog.integration(id).is_none()
            {
                return Err(Failure::usage(format!("there is no integration `{}`", visible(id))));
            }
            let tools: Vec<_> = view
                .catalog
                .tools()
                .filter(|tool| integration.as_ref().is_none_or(|id| *id == tool.integration.id))
                .filter(|tool| all || view.shows(tool))
                .collect();
            out.answer(&json!(tools.iter().map(|tool| view.short(tool)).collect::<Vec<_>>()), || {
                if tools.is_empty() {
                    "no tools are shown yet: nothing is connected. All there are: agentport tools list --all".to_owned()
                } else {
                    tools.iter().map(|tool| view.line(tool)).collect::<Vec<_>>().join("\n")
                }
            });
            Ok(Exit::Done)
        }
        Action::Show { tool } => {
            let tool = view.catalog.find(&tool).ok_or_else(|| no_tool(&view.catalog, &tool))?;
            let mut value = view.short(tool);
            if let Value::Object(map) = &mut value {
                map.insert("description".to_owned(), json!(tool.description));
                map.insert("inputSchema".to_owned(), json!(input_schema(tool, &view.accounts(tool))));
            }
            out.answer(&value, || view.described(tool));
            Ok(Exit::Done)
        }
        Action::Search { words } => {
            let tools: Vec<_> = view.catalog.search(&words.join(" ")).take(SEARCH_RESULTS).collect();
            out.answer(&json!(tools.iter().map(|tool| view.short(tool)).collect::<Vec<_>>()), || {
                if tools.is_empty() {
                    "no tool has any of these words".to_owned()
                } else {
                    tools.iter().map(|tool| view.line(tool)).collect::<Vec<_>>().join("\n")
                }
            });
            Ok(Exit::Done)
        }
        Action::Check { .. } => Ok(Exit::Done),
    }
}

fn check(app: &App, out: &Out, files: &[PathBuf]) -> Result<Exit, Failure> {
    let built_in = Catalog::built_in();
    let catalog = if files.is_empty() {
        Catalog::check_built_in()?;
        match app.home() {
            Ok(home) => {
                let (catalog, problems) = Manifests::read(&home.tools()).beside(&built_in);
                if !problems.is_empty() {
                    return Err(Diagnostics(problems).into());
                }
                catalog
            }
            Err(_) => built_in,
        }
    } else {
        let mut texts = Vec::with_capacity(files.len());
        for file in files {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("`{}`: {error}", visible(&name))))?;
            texts.push((name, text));
        }
        let pairs: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Catalog::compile(&pairs)?
    };
    let count = catalog.tools().count();
    out.answer(&json!({"ok": true, "tools": count}), || format!("{count} tools, no problems"));
    Ok(Exit::Done)
}

fn view(app: &App) -> Result<View, Failure> {
    let (caller, now) = (Caller::parse("local").map_err(Failure::new)?, app.clock().now().wall);
    if let Some(parts) = app.gateway().parts() {
        let snapshot = parts.snapshots.current()?;
        let (catalog, policy) = (snapshot.catalog.clone(), snapshot.policy.clone());
        return Ok(View { catalog, policy, snapshot: Some(snapshot), caller, now });
    }
    let catalog = Catalog::built_in();
    let pinned = Pinned { text: crate::policy::BUILT_IN.to_owned(), tools: Known::of(&catalog) };
    let (policy, _) = Policy::new(&catalog, &pinned, None);
    Ok(View { catalog: catalog.into(), policy: policy.into(), snapshot: None, caller, now })
}

impl View {
    fn shows(&self, tool: &Tool) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| is_exposed(snapshot, &self.caller, tool))
    }

    fn accounts(&self, tool: &Tool) -> Vec<String> {
        let of = |snapshot: &std::sync::Arc<Snapshot>| {
            snapshot.accounts_of(&tool.integration.id).iter().map(|account| account.name.clone()).collect()
        };
        self.snapshot.as_ref().map(of).unwrap_or_default()
    }

    /// For a call of which no argument is known, with the integration's only or first account.
    fn possible(&self, tool: &Tool) -> Possible {
        let account =
            self.snapshot.as_ref().and_then(|snapshot| snapshot.accounts_of(&tool.integration.id).first().cloned());
        let facts = Facts {
            tool,
            arguments: None,
            caller: &self.caller,
            account: account.as_ref().map_or("default", |account| account.name.as_str()),
            environment: account.as_ref().map(|account| account.environment).unwrap_or_default(),
            findings: None,
            now: self.now,
        };
        self.policy.possible(&facts)
    }

    fn short(&self, tool: &Tool) -> Value {
        let possible = self.possible(tool);
        let mut value = json!({
            "name": tool.policy_name(),
            "title": tool.title,
            "effect": tool.effect,
            "toolset": tool.toolset,
            "decision": possible.strictest,
        });
        if let Value::Object(members) = &mut value {
            if tool.strongest_effect() > tool.effect {
                members.insert("up_to".to_owned(), json!(tool.strongest_effect()));
            }
            if possible.loosest < possible.strictest {
                members.insert("at_loosest".to_owned(), json!(possible.loosest));
            }
        }
        value
    }

    fn line(&self, tool: &Tool) -> String {
        format!(
            "{:<34} {:<11} {:<11}  {}",
            tool.policy_name(),
            tool.strongest_effect().as_str(),
            self.possible(tool),
            tool.title
        )
    }

    fn described(&self, tool: &Tool) -> String {
        let mut text = format!("{}\n{}\n\n", self.line(tool), tool.description);
        for param in &tool.params {
            let need = if param.required { "required" } else { "optional" };
            text += &format!("  {:<24} {:<8} {need}  {}\n", param.name, param.ty.word(), param.description);
        }
        text
    }
}

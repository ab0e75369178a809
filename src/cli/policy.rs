//! `agentport policy`: what may happen, seen, tested, changed and put in force.

mod tools;

use serde_json::{Value, json};

use super::{Exit, Failure, Out, call, prompt};
use crate::{
    account::Environment,
    app::App,
    approval::PersonId,
    call::Caller,
    diagnostic::Diagnostics,
    files,
    gateway::{ExplainError, Explained, Parts, Presented, Proposal, ProposalError, Supposed},
    ledger::sqlite::policy_digest,
    policy::{self, Change, Decision, Pinned, Use},
    snapshot::Snapshot,
    visible::{visible, visible_source},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Check a policy file; without one, the home's
    Check {
        /// The file
        file: Option<std::path::PathBuf>,
    },
    /// The policy in force, and whether the file has changes that are not applied
    Show,
    /// What happens to a call, and which lines say so
    Explain {
        /// The tool
        tool: String,
        /// The arguments: a JSON object, @FILE, or - for standard input
        #[arg(long, value_name = "JSON")]
        args: Option<String>,
        /// What was looked up, supposed: a JSON object such as {"charge": {"currency": "usd"}}, @FILE, or -
        #[arg(long, value_name = "JSON")]
        facts: Option<String>,
        /// The caller
        #[arg(long, default_value = "local")]
        caller: String,
        /// The account, where the arguments do not name it
        #[arg(long)]
        account: Option<String>,
        /// The account's environment
        #[arg(long)]
        env: Option<Environment>,
    },
    /// Run the `[[test]]`s of the home's file
    Test,
    /// What the file would change if it were applied
    Diff,
    /// Put the file in force: shows what changes, and takes a code
    Apply {
        /// Take the code as one line of standard input, and ask nothing else
        #[arg(long)]
        code_stdin: bool,
    },
    /// Change or add one line of the file; loosening counts after `apply`
    Set {
        /// A tool, or a pattern such as stripe.list_*
        target: String,
        /// allow, ask or deny
        decision: Decision,
    },
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = match (&action, gateway.open_parts()) {
        // a file can be checked before there is a home
        (Action::Check { file: Some(file) }, Err(_)) => {
            let catalog = crate::catalog::Catalog::built_in();
            return check_file(out, file, &catalog);
        }
        (_, parts) => parts?,
    };
    let snapshot = parts.snapshots.current()?;
    let catalog = &snapshot.catalog;
    match action {
        Action::Check { file: Some(file) } => check_file(out, &file, catalog),
        Action::Check { file: None } | Action::Test => {
            let text = text_of_home(&parts)?;
            let tests = policy::check("policy.toml", &text, catalog)?;
            let system = app.environment().system_policy().map(|path| path.display().to_string());
            let of_root = snapshot.problems.iter().filter(|problem| Some(&problem.file) == system.as_ref());
            let of_root: Vec<_> = of_root.cloned().collect();
            if !of_root.is_empty() {
                return Err(Diagnostics(of_root).into());
            }
            out.answer(&json!({"ok": true, "tests": tests}), || {
                format!("policy.toml is in order, {tests} tests passed")
            });
            Ok(Exit::Done)
        }
        Action::Show => show(app, out, &parts, &snapshot),
        Action::Explain { tool, args, facts, caller, account, env } => {
            let caller = Caller::parse(&caller).map_err(Failure::usage)?;
            let arguments = args.as_deref().map(call::read_object).transpose()?;
            let facts = facts.as_deref().map(call::read_object).transpose()?;
            let supposed = Supposed {
                tool: &tool,
                arguments: arguments.as_ref(),
                facts: facts.as_ref(),
                caller: &caller,
                account: account.as_deref(),
                environment: env,
            };
            let explained = match gateway.explain(&parts, &snapshot, &supposed).await {
                Ok(explained) => explained,
                Err(ExplainError::NoTool { .. }) => return Err(no_tool(catalog, &tool)),
                Err(error @ ExplainError::Arguments { .. }) => return Err(Failure::usage(visible(&error.to_string()))),
                Err(ExplainError::Ledger(error)) => return Err(error.into()),
            };
            out.answer(&explained_json(&explained), || explained_text(&explained));
            Ok(Exit::Done)
        }
        Action::Diff => {
            let proposal = proposal(&parts, &snapshot)?;
            out.answer(&changes_json(&proposal), || changes_text(&proposal));
            Ok(Exit::Done)
        }
        Action::Apply { code_stdin } => apply(app, out, code_stdin).await,
        Action::Set { target, decision } => {
            let path = parts.snapshots.home().policy();
            let text = text_of_home(&parts)?;
            let changed = policy::set(&text, &target, decision, catalog)?;
            files::replace_private(&path, changed.as_bytes())?;
            let pinned = pinned(&parts)?;
            let in_force = pinned.text == changed;
            // what the stricter of the two texts is in force of already
            let tightens = !in_force
                && policy::diff(catalog, &pinned, &changed, &snapshot.system_policy)
                    .is_ok_and(|changes| !changes.is_empty() && changes.iter().all(|change| !change.looser));
            let said = json!({"target": target, "decision": decision, "in_force": in_force, "tightens": tightens});
            out.answer(&said, || {
                if in_force {
                    format!("{} is {decision}", visible(&target))
                } else if tightens {
                    format!("{} is {decision} from now on: what only tightens needs no code. `agentport policy apply` puts the file in force", visible(&target))
                } else {
                    format!("policy.toml says now: {} {decision}. It can only tighten until you run: agentport policy apply", visible(&target))
                }
            });
            Ok(Exit::Done)
        }
    }
}

fn show(app: &App, out: &Out, parts: &Parts, snapshot: &Snapshot) -> Result<Exit, Failure> {
    let pinned = pinned(parts)?;
    let problems: Vec<String> = snapshot.problems.iter().map(ToString::to_string).collect();
    let value = json!({
        "in_force": pinned.text,
        "system": snapshot.system_policy.text(),
        "digest": policy_digest(&pinned.text),
        "unapplied_changes": snapshot.unapplied,
        "problems": problems,
    });
    out.answer(&value, || {
        let mut text = pinned.text.clone();
        if let (Some(system), Some(path)) = (snapshot.system_policy.text(), app.environment().system_policy()) {
            text += &format!(
                "\n# below it stands {}, which is root's; what that denies, or asks by a rule that is a floor, stays so:\n{}",
                path.display(),
                system.lines().map(visible_source).collect::<Vec<_>>().join("\n")
            );
        }
        if snapshot.unapplied {
            text += "\n# policy.toml has changes that are not applied: until `agentport policy apply` they can only tighten\n";
        }
        text + &problems.join("\n")
    });
    Ok(Exit::Done)
}

async fn apply(app: &App, out: &Out, code_stdin: bool) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let proposal = proposal(&parts, &*parts.snapshots.current()?)?;
    if !out.is_json() {
        out.text(&changes_text(&proposal));
    }
    let code = prompt::code("your code, to put this in force:", code_stdin)?;
    let approver = gateway.prove(&parts, proposal.claim()?, &Presented::Code(&PersonId::owner(), &code)).await?;
    let mut value = changes_json(&proposal);
    if let Value::Object(map) = &mut value {
        map.insert("applied".to_owned(), json!(policy_digest(&proposal.after.text)));
    }
    if !parts.home.pin(proposal.after, Some(approver), app.clock().now()).await? {
        return Err(Failure::new("that code was used already; nothing was applied")
            .hint("take the next one that your app shows"));
    }
    out.answer(&value, || "in force".to_owned());
    Ok(Exit::Done)
}

fn proposal(parts: &Parts, snapshot: &Snapshot) -> Result<Proposal, Failure> {
    Proposal::read(parts, snapshot).map_err(|error| match error {
        ProposalError::NoFile => Failure::new(error.to_string()).hint("agentport policy show"),
        ProposalError::NotSetUp => Failure::new(error.to_string()),
        ProposalError::Problems(problems) => problems.into(),
        ProposalError::File(error) => error.into(),
        ProposalError::Ledger(error) => error.into(),
    })
}

fn check_file(out: &Out, file: &std::path::Path, catalog: &crate::catalog::Catalog) -> Result<Exit, Failure> {
    let name = file.display().to_string();
    let text =
        std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("`{}`: {error}", visible(&name))))?;
    let tests = policy::check(&name, &text, catalog)?;
    out.answer(&json!({"ok": true, "tests": tests}), || format!("{} is in order", visible(&name)));
    Ok(Exit::Done)
}

fn text_of_home(parts: &Parts) -> Result<String, Failure> {
    files::read_guarded(&parts.snapshots.home().policy())?.ok_or_else(|| {
        Failure::new("there is no policy.toml in the home; the pinned policy is in force").hint("agentport policy show")
    })
}

fn pinned(parts: &Parts) -> Result<Pinned, Failure> {
    parts.home.pinned()?.ok_or_else(|| Failure::new("no policy is in force; the set-up of this home was not finished"))
}

/// `no such tool`, with the nearest name.
pub(super) fn no_tool(catalog: &crate::catalog::Catalog, name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no tool `{}`", visible(name)));
    match catalog.closest(name) {
        Some(closest) => failure.hint(format!("did you mean {closest}?")),
        None => failure.hint("agentport tools list --all"),
    }
}

fn explained_json(explained: &Explained) -> Value {
    let Explained { tool, evaluation, .. } = explained;
    let mut value = json!({"tool": tool, "decision": evaluation.decision, "reasons": evaluation.reasons});
    for reason in value.get_mut("reasons").and_then(Value::as_array_mut).into_iter().flatten() {
        // what no line says
        if let Some(reason) = reason.as_object_mut().filter(|reason| reason.get("line") == Some(&json!(0))) {
            reason.remove("line");
        }
    }
    if let (false, Value::Object(members)) = (evaluation.requirement.is_plain(), &mut value) {
        members.insert("requirement".to_owned(), json!(evaluation.requirement));
    }
    if let (false, Value::Object(members)) = (evaluation.facts.is_empty(), &mut value) {
        members.insert("facts".to_owned(), json!(evaluation.facts));
    }
    let limit = |(one, used): (&Use, i64)| json!({"rule": one.rule, "used": one.of(used), "fits": one.fits(used)});
    if let (false, Value::Object(members)) = (evaluation.uses.is_empty(), &mut value) {
        members.insert("limits".to_owned(), explained.limits().map(limit).collect());
    }
    value
}

fn explained_text(explained: &Explained) -> String {
    let Explained { tool, evaluation, .. } = explained;
    let mut text = format!("{tool}: {}\n", evaluation.decision);
    for reason in &evaluation.reasons {
        text += &format!("  {}  {}  {}", reason.decision, visible(&reason.rule), reason.place());
        if let Some(words) = &reason.text {
            text += &format!("  {}", visible(words));
        }
        text.push('\n');
    }
    for (one, used) in explained.limits() {
        let full = if one.fits(used) { "" } else { ", so that this call asks" };
        text += &format!("  used of {}: {}{full}\n", visible(&one.rule), one.of(used));
    }
    for fact in &evaluation.facts {
        let known = if fact.known { "" } else { "  not known, which counts against the call" };
        text += &format!("  goes by facts.{}{known}\n", visible(&fact.name));
    }
    if !evaluation.requirement.is_plain() {
        text += &format!("  a yes takes: {}\n", evaluation.requirement);
    }
    text
}

fn changes_json(Proposal { changes, tools, .. }: &Proposal) -> Value {
    let change = |change: &Change| {
        json!({
            "tool": change.tool,
            "before": change.before,
            "after": change.after,
            "looser": change.looser,
            "lines": change.lines.iter().map(|(sign, line)| format!("{sign} {line}")).collect::<Vec<_>>(),
        })
    };
    let mut value = json!({"changes": changes.iter().map(change).collect::<Vec<_>>()});
    if let (false, Value::Object(members)) = (tools.is_empty(), &mut value) {
        members.insert("tools".to_owned(), tools::to_json(tools));
    }
    value
}

fn changes_text(proposal: &Proposal) -> String {
    let Proposal { before, after, changes, tools, .. } = proposal;
    if proposal.is_nothing() {
        return "nothing to apply: policy.toml is what is in force".to_owned();
    }
    let mut shown = policy::happened_text(tools);
    shown += "by tool, what becomes looser first:\n";
    if changes.is_empty() {
        shown += "  no tool's answer changes\n";
    }
    for change in changes {
        let sign = if change.looser { "LOOSER " } else { "       " };
        if change.before == change.after {
            shown += &format!("  {sign}{}  {} as before, but for some calls:\n", change.tool, change.after);
        } else {
            shown += &format!("  {sign}{}  {} -> {}\n", change.tool, change.before, change.after);
        }
        for (sign, line) in &change.lines {
            shown += &format!("             {sign} {}\n", visible(line));
        }
    }
    if before.text == after.text {
        return shown + "policy.toml itself is what is in force\n";
    }
    shown += "by line:\n";
    for (sign, line) in policy::with_context(&policy::line_diff(&before.text, &after.text)) {
        shown += &format!("  {sign} {}\n", visible_source(line));
    }
    shown
}

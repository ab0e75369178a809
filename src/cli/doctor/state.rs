//! What the home holds: settings and policy, factor, accounts, site, clock, log.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Map;

use super::finding::Findings;
use crate::{
    account::{Account, Environment},
    app::App,
    approval::{Purpose, Strength},
    call::{Call, Caller},
    cli::accounts::NO_MANIFEST,
    clock::rfc3339,
    files::Lock,
    gateway::{Parts, seed_name},
    ledger::{LedgerError, LineFilter},
    plan::Plan,
    snapshot::Snapshot,
    upstream::CredentialError,
    visible::visible,
};

/// Verifying more records than this takes longer than a person waits for a diagnosis.
const QUICKLY_VERIFIED: i64 = 20_000;
/// Fewer recovery codes than this are few.
const ENOUGH_CODES: u32 = 3;
/// A clock that is back by less is only being adjusted.
const CLOCK_SLACK: i64 = 5_000;

pub(super) async fn check(app: &App, parts: &Parts, secrets: bool, findings: &mut Findings) {
    match parts.snapshots.current() {
        Ok(snapshot) => {
            policy(&snapshot, findings);
            manifests(&snapshot, findings);
            toolsets(&snapshot, findings);
            accounts(parts, &snapshot, secrets, findings).await;
            if let Err(error) = super::tls::check(app, parts, &snapshot, findings) {
                findings.bad("certificate", error.to_string(), "agentport log verify");
            }
            site(parts, &snapshot, findings).await;
            if let Err(error) = super::channels::check(parts, &snapshot, secrets, findings).await {
                findings.bad("notify", error.to_string(), "agentport log verify");
            }
        }
        Err(error) => findings.bad("settings", error.to_string(), "put it right, then run this again"),
    }
    if let Err(error) = factor(app, parts, secrets, findings).await {
        findings.bad("factor", error.to_string(), "agentport log verify");
    }
    if let Err(error) = lock(parts, findings).await {
        findings.bad("lock", error.to_string(), "agentport log verify");
    }
    if let Err(error) = log(app, parts, findings).await {
        findings.bad("log", error.to_string(), "agentport log verify");
    }
}

fn policy(snapshot: &Snapshot, findings: &mut Findings) {
    for problem in &snapshot.problems {
        let place = match problem.line() {
            0 => visible(&problem.file),
            line => format!("{}:{line}", visible(&problem.file)),
        };
        let fix = problem.help.as_deref().map_or_else(|| "agentport policy check".to_owned(), visible);
        findings.bad("policy", format!("{place}: {}", visible(&problem.message)), fix);
    }
    if snapshot.unapplied {
        findings.warn(
            "policy",
            "policy.toml has edits that are not in force; until then they can only make things stricter",
            "agentport policy diff, then agentport policy apply",
        );
    } else if snapshot.problems.is_empty() {
        findings.ok("policy", "the policy in force is the file that you see");
    }
}

/// The user's own manifests: what was left out, and what waits for the owner to see it.
fn manifests(snapshot: &Snapshot, findings: &mut Findings) {
    for problem in &snapshot.manifest_problems {
        let place = match problem.line() {
            0 => visible(&problem.file),
            line => format!("{}:{line}", visible(&problem.file)),
        };
        let fix = problem.help.as_deref().map_or_else(|| "agentport tools check".to_owned(), visible);
        findings.bad("tools", format!("{place}: {}; the file is left out", visible(&problem.message)), fix);
    }
    let own: Vec<&str> =
        snapshot.catalog.integrations().map(|i| i.id.as_str()).filter(|id| snapshot.catalog.is_own(id)).collect();
    let waiting: Vec<&str> = snapshot.policy.unapproved().map(|(name, _)| name).collect();
    if !waiting.is_empty() {
        findings.warn(
            "tools",
            format!("new or changed since the policy was applied, so that they ask: {}", waiting.join(", ")),
            "agentport policy diff, then agentport policy apply",
        );
    } else if !own.is_empty() {
        findings.ok("tools", format!("your own services, as the policy knows them: {}", own.join(", ")));
    }
}

/// Toolsets that the settings show beside the core ones, and no service has.
fn toolsets(snapshot: &Snapshot, findings: &mut Findings) {
    for (integration, toolset) in &snapshot.settings.expose {
        let mut tools = snapshot.catalog.tools_of(integration);
        if !tools.any(|tool| toolset == "all" || tool.toolset == *toolset) {
            let sets: std::collections::BTreeSet<_> =
                snapshot.catalog.tools_of(integration).map(|tool| tool.toolset.as_str()).collect();
            let fix = if sets.is_empty() {
                "agentport tools list --all says which services there are".to_owned()
            } else {
                let known: Vec<_> = sets.iter().map(|set| format!("{integration}:{set}")).collect();
                format!("in `expose` use one of {}, or {integration}:all", known.join(", "))
            };
            let finding =
                format!("`expose` names `{}`, which does not exist", visible(&format!("{integration}:{toolset}")));
            findings.warn("tools", finding, visible(&fix));
        }
    }
}

/// Refuses everything, where a human locked it.
async fn lock(parts: &Parts, findings: &mut Findings) -> Result<(), LedgerError> {
    if let Some(since) = parts.home.locked_since().await? {
        let finding = format!("locked since {}: every call is refused", rfc3339(since));
        findings.warn("lock", finding, "agentport unlock, once you know that all is well");
    }
    Ok(())
}

async fn factor(app: &App, parts: &Parts, secrets: bool, findings: &mut Findings) -> Result<(), LedgerError> {
    let factors = parts.ledger.factors().await?;
    if factors.is_empty() {
        findings.bad(
            "factor",
            "no second factor is enrolled, so nothing can be approved",
            "agentport factor add totp, or agentport open to do it in the browser",
        );
        return Ok(());
    }
    let now = app.clock().now();
    for (purpose, what) in [(Purpose::Decide, "approving"), (Purpose::SignIn, "signing in")] {
        if let Some(until) = parts.home.locked_until(purpose, now).await? {
            let finding = format!("after too many wrong codes {what} is locked until {}", rfc3339(until));
            findings.warn("factor", finding, "wait, or find out who guesses: agentport log list");
        }
    }
    people(parts, findings).await?;
    for factor in factors.iter().filter(|factor| secrets && factor.kind == "totp") {
        // a store that does not open is a finding of its own
        if matches!(parts.secrets.get(&seed_name(&factor.id)).await, Ok(None)) {
            let finding = "the secret of an authenticator app is not in the store, so that its codes prove nothing";
            findings.bad("factor", finding, "agentport factor reset, which starts over; or restore with --passphrase-stdin or --identity, where the backup has its secrets");
        }
    }
    let left = parts.home.recovery_codes_left().await?;
    let finding = format!("{} enrolled, {left} recovery codes left", factors.len());
    if left < ENOUGH_CODES {
        findings.warn("factor", finding, "agentport factor add totp, which makes ten new codes");
    } else {
        findings.ok("factor", finding);
    }
    Ok(())
}

/// Can what the rules ask for be met by the people there are, with the passkeys that they have?
async fn people(parts: &Parts, findings: &mut Findings) -> Result<(), LedgerError> {
    let Ok(snapshot) = parts.snapshots.current() else { return Ok(()) };
    let (people, passkeys) = (parts.home.people().await?, parts.home.passkeys(None).await?);
    let here: Vec<_> =
        passkeys.iter().filter(|passkey| snapshot.site.as_deref().is_none_or(|site| passkey.origin == site)).collect();
    if let Some(elsewhere) = passkeys.iter().find(|passkey| here.iter().all(|known| known.factor != passkey.factor)) {
        let at = snapshot.site.as_deref().unwrap_or_default();
        findings.warn(
            "factor",
            format!("a passkey was enrolled at {}; at {at} it is good for nothing", elsewhere.origin),
            "put `public_url` and `listen` back in agentport.toml, or agentport factor add passkey",
        );
    }
    let strictest = snapshot.policy.strictest();
    let can = |person: &crate::approval::Person| match strictest.approve {
        Strength::Any => person.factors > 0,
        Strength::Passkey => here.iter().any(|passkey| passkey.person == person.id),
    };
    let able = people.iter().filter(|person| can(person)).count();
    if able < usize::from(strictest.approvers) {
        let what = match strictest.approve {
            Strength::Any => "a factor",
            Strength::Passkey => "a passkey",
        };
        findings.warn(
            "people",
            format!("a rule takes a yes of {} people with {what}, and there are {able}", strictest.approvers),
            "agentport people add NAME, agentport factor add passkey, or change the rule",
        );
    }
    Ok(())
}

async fn accounts(parts: &Parts, snapshot: &Snapshot, secrets: bool, findings: &mut Findings) {
    if snapshot.accounts.is_empty() {
        findings.warn("accounts", "no account is connected", "agentport connect stripe, or another service");
    }
    for account in &snapshot.accounts {
        let name = format!("{}/{}", account.integration, account.name);
        let before = findings.0.len();
        if snapshot.catalog.integration(&account.integration).is_none() {
            let fix = format!(
                "put its manifest back into tools/ of the home, or agentport disconnect {} --account {}",
                account.integration, account.name
            );
            findings.warn("accounts", format!("{name}: {NO_MANIFEST}"), fix);
        }
        if secrets {
            match credential(parts, snapshot, account).await {
                Ok(warnings) => {
                    for warning in warnings {
                        let fix = format!("agentport connect {} --account {}", account.integration, account.name);
                        findings.warn("accounts", format!("{name}: {warning}"), fix);
                    }
                }
                Err((reason, sign_in)) => {
                    let how = if sign_in { " --oauth" } else { "" };
                    let fix = format!("agentport connect {}{how} --account {}", account.integration, account.name);
                    findings.bad("accounts", format!("{name}: {reason}"), fix);
                }
            }
        } else {
            let finding = format!("{name}: its credential cannot be looked at");
            findings.warn("accounts", finding, "put the store right first");
        }
        let env = format!("agentport connect {} --account {} --env", account.integration, account.name);
        match (account.identity.live, account.environment) {
            (Some(true), environment @ (Environment::Test | Environment::Staging)) => findings.warn(
                "accounts",
                format!("{name}: a LIVE key, though the account is marked as {environment}"),
                format!("{env} production, or a test key"),
            ),
            (Some(false), Environment::Production) => findings.warn(
                "accounts",
                format!("{name}: a test key, though the account counts as production"),
                format!("{env} test"),
            ),
            (Some(_) | None, Environment::Production | Environment::Staging | Environment::Test) => {}
        }
        if findings.0.len() == before {
            findings
                .ok("accounts", format!("{name}: {}, {}, credential in place", account.environment, account.origin));
        }
    }
}

/// Is the credential there, does it belong to this account and origin, does its sign-in hold, and may it do more than it
/// should? What is wrong comes with whether only signing in again mends it.
async fn credential(parts: &Parts, snapshot: &Snapshot, account: &Arc<Account>) -> Result<Vec<String>, (String, bool)> {
    let Some(tool) = snapshot.catalog.verify_tool(&account.integration) else { return Ok(Vec::new()) };
    let call = Call::parse(tool, Map::new(), &Caller::agentport(), &[Arc::clone(account)])
        .map_err(|error| (error.to_string(), false))?;
    let plan = Plan::build(&call).map_err(|_| ("its verifying read cannot be built".to_owned(), false))?;
    let inspected = parts
        .credentials
        .inspect(&plan, account)
        .await
        .map_err(|error| (visible(&error.to_string()), matches!(error, CredentialError::SignedOut { .. })))?;
    let warnings = inspected.warnings(&tool.integration.credential);
    Ok(warnings.into_iter().map(str::to_owned).collect())
}

async fn site(parts: &Parts, snapshot: &Snapshot, findings: &mut Findings) {
    let listen = snapshot.settings.listen;
    // made by the first host; without it nobody has hosted yet
    let lock = parts.snapshots.home().site_lock();
    let held = lock.exists() && matches!(Lock::try_exclusive(&lock), Ok(None));
    let url = snapshot.site.as_deref();
    let passkeys = parts.home.passkeys(None).await.unwrap_or_default();
    let moved = parts.home.meta("site_port").ok().flatten().and_then(|text| {
        let (configured, bound) = text.split_once(':')?;
        (configured != bound && configured == listen.port().to_string()).then(|| bound.to_owned())
    });
    match (held, url, moved) {
        (true, None, _) if !passkeys.is_empty() => findings.bad(
            "site",
            format!(
                "port {} is taken by another program, and passkeys are for that port: links cannot work",
                listen.port()
            ),
            "free the port; the terminal works meanwhile: agentport approvals list",
        ),
        (true, None, _) => findings.bad(
            "site",
            format!("port {} and those after it are taken by other programs: links cannot work", listen.port()),
            "free one, or set `listen` in agentport.toml",
        ),
        (true, Some(url), Some(port)) => findings.warn(
            "site",
            format!("another program holds port {}, so the approval site is at {url} (port {port})", listen.port()),
            "free the port, or set `listen` in agentport.toml",
        ),
        (true, Some(url), None) => {
            findings.ok("site", format!("the approval site is at {url}, served by a running agentport"));
        }
        (false, ..) if answers(listen).await => findings.warn(
            "site",
            format!(
                "another program holds port {}; the approval site will take one of the nine after it",
                listen.port()
            ),
            "free the port, or set `listen` in agentport.toml",
        ),
        (false, ..) => findings.ok(
            "site",
            format!("port {} is free; the site is served while an agent host or `agentport open` runs", listen.port()),
        ),
    }
}

/// Does some program listen there? Settings allow loopback only.
async fn answers(address: SocketAddr) -> bool {
    let connect = tokio::net::TcpStream::connect(address);
    tokio::time::timeout(Duration::from_millis(500), connect).await.is_ok_and(|connected| connected.is_ok())
}

async fn log(app: &App, parts: &Parts, findings: &mut Findings) -> Result<(), LedgerError> {
    let (seq, at) = last_record(parts).await?;
    let now = app.clock().now().wall;
    if at.is_some_and(|at| now < at - CLOCK_SLACK) {
        let finding = format!(
            "this computer's clock says {}, and the last record of the log is from {}: until the clock has passed it, \
             nothing can be approved",
            rfc3339(now),
            at.map(rfc3339).unwrap_or_default()
        );
        findings.bad("clock", finding, "set the clock");
    } else {
        findings.ok("clock", "it runs forward");
    }
    if seq > QUICKLY_VERIFIED {
        findings.ok("log", format!("{seq} records; too many to check here: agentport log verify"));
        return Ok(());
    }
    match parts.home.verify().await? {
        Ok(verified) => findings.ok("log", format!("{} records, none changed", verified.records)),
        Err(bad) => findings.bad(
            "log",
            format!("the log was changed: {}", visible(&bad.to_string())),
            "compare it with a copy kept elsewhere, and find out who has access to the home",
        ),
    }
    Ok(())
}

/// The number and the time of the newest record.
async fn last_record(parts: &Parts) -> Result<(i64, Option<i64>), LedgerError> {
    let newest = LineFilter { limit: Some(1), ..LineFilter::default() };
    let first_of_newest = parts.home.lines(newest).await?.first().map_or(0, |line| line.seq);
    let (mut seq, mut at) = (first_of_newest.saturating_sub(1), None);
    loop {
        let records = parts.home.export(seq, 500).await?;
        let Some(last) = records.last() else { return Ok((seq, at)) };
        let number = |key: &str| last.get(key).and_then(serde_json::Value::as_i64);
        let text = last.get("at").and_then(serde_json::Value::as_str);
        at = text
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond)
            .or(number("at"));
        seq = match number("seq") {
            Some(next) if next > seq => next,
            Some(_) | None => return Ok((seq, at)),
        };
    }
}

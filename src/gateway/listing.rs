//! What `tools/list` shows, in a stable order, out of the snapshot alone: no keyring, no network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value};

use super::{Gateway, Parts};
use crate::{
    call::{Call, Caller},
    canonical,
    catalog::{BuiltinTool, Effect, RequestTemplate, Tool, builtin_tools, input_schema},
    clock::Now,
    snapshot::Snapshot,
    visible::visible,
};

/// How many tools are shown by default, the built-in ones among them: models choose badly among more.
const SHOWN: usize = 40;

/// Seconds between two looks for payloads that are old enough to go.
const PRUNE_EVERY: u64 = 3600;

/// A tool as `tools/list` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Wire name.
    pub name: String,
    /// For people.
    pub title: String,
    /// For models.
    pub description: String,
    /// Closed JSON Schema of the arguments.
    pub input_schema: Arc<Map<String, Value>>,
    /// The strongest effect that arguments can give.
    pub effect: Effect,
    /// Does the same call twice do no more than once?
    pub idempotent: bool,
    /// Does it reach a service outside?
    pub open_world: bool,
}

impl From<BuiltinTool> for Listed {
    fn from(tool: BuiltinTool) -> Self {
        Self {
            name: tool.name.to_owned(),
            title: tool.title.to_owned(),
            description: tool.description.to_owned(),
            input_schema: Arc::new(tool.input_schema),
            effect: tool.effect,
            idempotent: tool.idempotent,
            // it calls the tools of services, which do
            open_world: tool.name == "agentport_call_tool",
        }
    }
}

/// A tool that a caller can call, shown or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Callable {
    /// The integration's id.
    pub integration: String,
    /// The tool's name in it.
    pub tool: String,
    /// As it is shown.
    pub listed: Listed,
}

impl Callable {
    /// Where it is called over HTTP.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.integration, self.tool)
    }
}

/// The list that was last made. It depends on the snapshot and the caller alone, so it stands while they do.
#[derive(Debug)]
pub(super) struct List {
    snapshot: Option<Arc<Snapshot>>,
    caller: Caller,
    tools: Arc<[Listed]>,
}

impl List {
    fn is_of(&self, snapshot: Option<&Arc<Snapshot>>, caller: &Caller) -> bool {
        let same = match (&self.snapshot, snapshot) {
            (Some(made), Some(now)) => Arc::ptr_eq(made, now),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.caller == *caller
    }

    fn make(snapshot: Option<Arc<Snapshot>>, caller: &Caller) -> Self {
        let mut listed: Vec<Listed> = builtin_tools().into_iter().map(Listed::from).collect();
        if let Some(snapshot) = &snapshot {
            let room = SHOWN.saturating_sub(listed.len());
            listed.extend(exposed(snapshot, caller, room).iter().map(|tool| listed_tool(tool, snapshot)));
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Self { snapshot, caller: caller.clone(), tools: listed.into() }
    }
}

impl Gateway {
    /// The tools that a caller is shown: the built-in ones, then those of connected integrations.
    pub fn list(&self, caller: &Caller) -> Arc<[Listed]> {
        let listed = self.listed(caller);
        *lock(&self.shown) = Some(Arc::clone(&listed));
        listed
    }

    /// Tells the clients when what they were shown has changed: what was given out last, or where nothing was yet, what
    /// there was at the first look. Runs until the gateway is gone; looks once a second, settles what dead processes
    /// left behind and lets old payloads go while it is at it.
    pub async fn watch(self: Arc<Self>, caller: Caller) {
        let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
        for round in 0_u64.. {
            tick.tick().await;
            let now = self.listed(&caller);
            let before = lock(&self.shown).replace(Arc::clone(&now));
            if before.is_some_and(|before| !Arc::ptr_eq(&before, &now) && before != now) {
                self.changes.send_modify(|version| *version += 1);
            }
            if let Some(parts) = self.parts() {
                keep_house(&parts, round % PRUNE_EVERY == 0, self.clock.now()).await;
            }
        }
    }

    /// The same for a gateway, where every caller has a list of its own: whatever changes may have changed one of them.
    pub async fn watch_all(self: Arc<Self>) {
        let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
        let mut before: Option<Arc<Snapshot>> = None;
        for round in 0_u64.. {
            tick.tick().await;
            let Some(parts) = self.parts() else { continue };
            let Ok(now) = parts.snapshots.current() else { continue };
            if before.replace(Arc::clone(&now)).is_some_and(|before| !Arc::ptr_eq(&before, &now)) {
                self.changes.send_modify(|version| *version += 1);
            }
            keep_house(&parts, round % PRUNE_EVERY == 0, self.clock.now()).await;
        }
    }

    /// Everything that a caller can call: of connected integrations that it reaches, less what the policy always denies.
    pub fn callable(&self, caller: &Caller) -> Vec<Callable> {
        let Some(snapshot) = self.parts().and_then(|parts| parts.snapshots.current().ok()) else { return Vec::new() };
        let mut callable: Vec<Callable> = reachable(&snapshot, caller)
            .into_iter()
            .map(|tool| Callable {
                integration: tool.integration.id.clone(),
                tool: tool.name.clone(),
                listed: listed_tool(tool, &snapshot),
            })
            .collect();
        callable.sort_by(|a, b| a.listed.name.cmp(&b.listed.name));
        callable
    }

    fn listed(&self, caller: &Caller) -> Arc<[Listed]> {
        let snapshot = self.parts().map(|parts| parts.snapshots.current());
        let mut kept = lock(&self.list);
        // a ledger that cannot be read now is no reason to take tools away: a call says what is wrong
        if let (Some(Err(_)), Some(list)) = (&snapshot, kept.as_ref().filter(|list| list.caller == *caller)) {
            return Arc::clone(&list.tools);
        }
        let snapshot = snapshot.and_then(Result::ok);
        let list = match kept.take().filter(|list| list.is_of(snapshot.as_ref(), caller)) {
            Some(list) => kept.insert(list),
            None => kept.insert(List::make(snapshot, caller)),
        };
        Arc::clone(&list.tools)
    }
}

/// Is this tool shown to this caller?
pub fn is_exposed(snapshot: &Snapshot, caller: &Caller, tool: &Tool) -> bool {
    exposed(snapshot, caller, SHOWN.saturating_sub(builtin_tools().len())).iter().any(|shown| ***shown == *tool)
}

/// One line for people: what the tool does, with the arguments as they would be sent.
pub(super) fn summary(call: &Call) -> String {
    const LONGEST: usize = 300;
    let given = call.arguments().as_map();
    // of a statement nothing else says as much as it does itself
    let statement = match (&call.tool().request, given.get("sql")) {
        (RequestTemplate::Sql(_), Some(Value::String(statement))) => Some(visible(statement)),
        _ => None,
    };
    let beside = |name: &str, value: &Value| match &statement {
        Some(_) => name == "params" && value.as_array().is_some_and(|params| !params.is_empty()),
        None => true,
    };
    let arguments: Vec<String> = statement
        .iter()
        .cloned()
        .chain(given.iter().filter(|(name, value)| beside(name, value)).map(|(name, value)| match value {
            Value::String(text) => format!("{name} {}", visible(text)),
            other => format!("{name} {}", visible(&canonical::text(other))),
        }))
        .collect();
    let whole = match arguments.as_slice() {
        [] => call.tool().title.clone(),
        arguments => format!("{}: {}", call.tool().title, arguments.join(", ")),
    };
    if whole.chars().count() <= LONGEST {
        return whole;
    }
    whole.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Settles what dead processes left behind, and now and then lets old payloads go.
async fn keep_house(parts: &Parts, prune: bool, now: Now) {
    if parts.home.is_outdated() {
        return;
    }
    if let Err(error) = parts.ledger.sweep(now).await {
        tracing::warn!("{error}");
    }
    if let (true, Ok(snapshot)) = (prune, parts.snapshots.current())
        && let Err(error) = parts.home.prune(now.wall.saturating_sub(snapshot.settings.keep_payloads), now).await
    {
        tracing::warn!("{error}");
    }
}

/// The tools of connected integrations that a caller reaches, less what the policy always denies.
fn reachable<'a>(snapshot: &'a Snapshot, caller: &Caller) -> Vec<&'a Arc<Tool>> {
    let connected: BTreeSet<&str> = snapshot.accounts.iter().map(|account| account.integration.as_str()).collect();
    connected
        .into_iter()
        .filter(|integration| snapshot.reaches(caller, integration))
        .flat_map(|integration| snapshot.catalog.tools_of(integration))
        .filter(|tool| !snapshot.policy.always_denies(tool, caller))
        .collect()
}

/// Core tools of connected integrations, shared out evenly where there is not room for all, and what `expose` adds.
fn exposed<'a>(snapshot: &'a Snapshot, caller: &Caller, room: usize) -> Vec<&'a Arc<Tool>> {
    let visible = reachable(snapshot, caller);
    let asked_for = |tool: &Tool| {
        snapshot.settings.expose.iter().any(|(integration, toolset)| {
            *integration == tool.integration.id && (toolset == "all" || *toolset == tool.toolset)
        })
    };
    let mut cores: BTreeMap<&str, Vec<&Arc<Tool>>> = BTreeMap::new();
    for tool in visible.iter().copied().filter(|tool| tool.toolset == "core") {
        cores.entry(&tool.integration.id).or_default().push(tool);
    }
    let mut chosen: Vec<&Arc<Tool>> = Vec::new();
    let longest = cores.values().map(Vec::len).max().unwrap_or(0);
    for round in 0..longest {
        for core in cores.values() {
            if chosen.len() < room
                && let Some(tool) = core.get(round).copied()
            {
                chosen.push(tool);
            }
        }
    }
    chosen.extend(visible.into_iter().filter(|tool| asked_for(tool) && tool.toolset != "core"));
    chosen
}

pub(super) fn listed_tool(tool: &Tool, snapshot: &Snapshot) -> Listed {
    let accounts: Vec<String> =
        snapshot.accounts_of(&tool.integration.id).iter().map(|account| account.name.clone()).collect();
    let effect = tool.strongest_effect();
    Listed {
        name: tool.wire_name(),
        title: tool.title.clone(),
        description: tool.full_description(),
        input_schema: Arc::new(input_schema(tool, &accounts)),
        effect,
        idempotent: tool.is_idempotent(),
        open_world: true,
    }
}

fn lock<T>(kept: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

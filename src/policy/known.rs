//! What a human could know when the policy was applied: every tool there was. A built-in one by its name, for it comes
//! with the program that they trust; one of the user's own by its whole face, for any program that can write a file can
//! change it.
//!
//! INVARIANT: a tool that is not known for certain is never better off than one that is.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::{Decision, Reason, layer::Answer};
use crate::catalog::{Catalog, Effect, Face, PartChange, Tool, tool_digest};

/// The tools of a catalog as they were when a policy was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(Arc<BTreeMap<String, Seen>>);

/// What is kept of one, by its policy name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Seen {
    /// A built-in one, of which homes of the first version kept no more than the name.
    Named,
    /// A built-in one, with the digest of its definition.
    BuiltIn(String),
    /// One of the user's own.
    Own(Face),
}

/// How a tool stands to the policy in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was there, and is what it was.
    Known,
    /// It came with an upgrade: wildcards and defaults do not allow it.
    Later,
    /// The user's own, and not there then: it asks at the loosest.
    New,
    /// The user's own, and not what it was then: it asks at the loosest.
    Changed,
}

/// What became of one tool since the policy was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolChange {
    /// Its policy name.
    pub tool: String,
    /// Is it the user's own?
    pub own: bool,
    /// What happened.
    pub what: Happened,
}

/// See [`ToolChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It was not there.
    New {
        /// Its title and description.
        about: String,
        /// What it does to the world, at most.
        effect: Effect,
        /// What is sent, and where to by default.
        request: String,
        /// The names of its parameters.
        params: Vec<String>,
        /// All else that a call of it does and that is said of it, part by part.
        parts: Vec<PartChange>,
    },
    /// It is another: these parts differ. Of a built-in one it is only known that it is.
    Changed(Vec<PartChange>),
    /// It is there no more.
    Gone,
}

impl Known {
    /// All tools of a catalog.
    pub fn of(catalog: &Catalog) -> Self {
        let seen = |tool: &Tool| {
            if catalog.is_own(&tool.integration.id) {
                Seen::Own(Face::of(tool))
            } else {
                Seen::BuiltIn(tool_digest(tool))
            }
        };
        Self(Arc::new(catalog.tools().map(|tool| (tool.policy_name(), seen(tool))).collect()))
    }

    /// How a tool of the catalog stands.
    fn standing(&self, catalog: &Catalog, tool: &Tool) -> Standing {
        if catalog.is_own(&tool.integration.id) {
            self.standing_of_own(tool)
        } else {
            self.standing_of_built_in(&tool.policy_name())
        }
    }

    fn standing_of_built_in(&self, policy_name: &str) -> Standing {
        match self.0.get(policy_name) {
            Some(Seen::Named | Seen::BuiltIn(_)) => Standing::Known,
            // one that somebody described, and that now comes with the program, is another
            Some(Seen::Own(_)) | None => Standing::Later,
        }
    }

    fn standing_of_own(&self, tool: &Tool) -> Standing {
        match self.0.get(&tool.policy_name()) {
            Some(Seen::Own(face)) if *face == Face::of(tool) => Standing::Known,
            Some(Seen::Own(_)) => Standing::Changed,
            Some(Seen::Named | Seen::BuiltIn(_)) | None => Standing::New,
        }
    }

    /// What became of the tools since: the user's own first, then by name.
    pub fn changes(&self, catalog: &Catalog) -> Vec<ToolChange> {
        let mut changes: Vec<ToolChange> = Vec::new();
        for tool in catalog.tools() {
            let own = catalog.is_own(&tool.integration.id);
            let what = match (self.standing(catalog, tool), self.0.get(&tool.policy_name())) {
                (Standing::Known, Some(Seen::BuiltIn(digest))) if *digest != tool_digest(tool) => {
                    Happened::Changed(Vec::new())
                }
                (Standing::Known, _) => continue,
                (Standing::Changed, Some(Seen::Own(face))) => Happened::Changed(face.changes(&Face::of(tool))),
                (Standing::Later | Standing::New | Standing::Changed, _) => {
                    let face = Face::of(tool);
                    Happened::New {
                        about: format!("{}: {}", tool.title, tool.description),
                        effect: tool.strongest_effect(),
                        request: face.request(),
                        params: face.params().into_iter().map(str::to_owned).collect(),
                        parts: Face::default().changes(&face),
                    }
                }
            };
            changes.push(ToolChange { tool: tool.policy_name(), own, what });
        }
        let gone = self.0.iter().filter(|(name, _)| catalog.find(name).is_none());
        changes.extend(gone.map(|(name, seen)| ToolChange {
            tool: name.clone(),
            own: matches!(seen, Seen::Own(_)),
            what: Happened::Gone,
        }));
        changes.sort_by(|left, right| (!left.own, &left.tool).cmp(&(!right.own, &right.tool)));
        changes
    }

    /// Forgets a tool.
    #[cfg(test)]
    pub(crate) fn remove(&mut self, name: &str) {
        Arc::make_mut(&mut self.0).remove(name);
    }
}

/// Built-in tools by their names alone.
impl FromIterator<String> for Known {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(Arc::new(names.into_iter().map(|name| (name, Seen::Named)).collect()))
    }
}

/// A table of names.
impl Serialize for Known {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

/// A list of names, as the first version kept it, or a table of names.
impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Names(Vec<String>),
            Tools(BTreeMap<String, Value>),
        }
        match Stored::deserialize(deserializer)? {
            Stored::Names(names) => Ok(names.into_iter().collect()),
            Stored::Tools(tools) => {
                let seen = tools.into_iter().map(|(name, value)| match value {
                    Value::Null => Ok((name, Seen::Named)),
                    Value::String(digest) => Ok((name, Seen::BuiltIn(digest))),
                    other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                        let face = serde_json::from_value(other).map_err(D::Error::custom)?;
                        Ok((name, Seen::Own(face)))
                    }
                });
                Ok(Self(Arc::new(seen.collect::<Result<_, _>>()?)))
            }
        }
    }
}

/// The standing of every tool of a catalog. The user's own are compared once, whole; a built-in one is looked up by its
/// name, so that nothing built in has to be read for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Standings {
    own: BTreeMap<String, Standing>,
    /// `None`: all are known.
    built_in: Option<Known>,
}

impl Standings {
    /// As a pin knows them.
    pub(super) fn of(catalog: &Catalog, known: &Known) -> Self {
        let own = catalog.own_tools().map(|tool| (tool.policy_name(), known.standing_of_own(tool))).collect();
        Self { own, built_in: Some(known.clone()) }
    }

    /// As they are once a policy is applied: all known.
    pub(super) fn applied() -> Self {
        Self::default()
    }

    /// That of a tool of the catalog.
    pub(super) fn get(&self, policy_name: &str) -> Standing {
        let own = self.own.get(policy_name).copied();
        own.or_else(|| Some(self.built_in.as_ref()?.standing_of_built_in(policy_name))).unwrap_or(Standing::Known)
    }

    /// The user's own tools that ask because they are new or changed.
    pub(super) fn unapproved(&self) -> impl Iterator<Item = (&str, Standing)> {
        let new = |standing: Standing| matches!(standing, Standing::New | Standing::Changed);
        self.own.iter().filter(move |(_, standing)| new(**standing)).map(|(name, standing)| (name.as_str(), *standing))
    }
}

impl Standing {
    /// May a wildcard or a default allow such a tool?
    pub(super) fn is_known(self) -> bool {
        self == Self::Known
    }

    /// The loosest that any line can make of it.
    pub(super) fn loosest(self) -> Decision {
        match self {
            Self::Known | Self::Later => Decision::Allow,
            Self::New | Self::Changed => Decision::Ask,
        }
    }

    /// `answer`, or that it asks; and why, among the reasons of every answer that asks.
    pub(super) fn bounding(self, answer: Answer) -> Answer {
        let Some(reason) = self.reason() else { return answer };
        match answer.decision {
            Decision::Allow if self.loosest() > Decision::Allow => {
                Answer { decision: self.loosest(), reasons: vec![reason], ..answer }
            }
            Decision::Ask if !answer.reasons.contains(&reason) => {
                Answer { reasons: std::iter::once(reason).chain(answer.reasons).collect(), ..answer }
            }
            Decision::Allow | Decision::Ask | Decision::Deny => answer,
        }
    }

    /// Why it asks; `None` where it need not.
    pub(super) fn reason(self) -> Option<Reason> {
        let (rule, text) = match self {
            Self::Known => return None,
            Self::Later => (
                "later tool",
                "this tool came after the policy was applied: neither a wildcard nor a default allows it until the policy is \
                 applied again",
            ),
            Self::New => (
                "new tool",
                "this tool is new since the policy was approved; it asks until the policy is applied again",
            ),
            Self::Changed => (
                "changed tool",
                "this tool has changed since the policy was approved; it asks until the policy is applied again",
            ),
        };
        Some(Reason {
            decision: Decision::Ask,
            file: "policy.toml".to_owned(),
            line: 0,
            rule: rule.to_owned(),
            text: Some(text.to_owned()),
        })
    }
}

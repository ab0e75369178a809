//! An agent that was let in over the gateway.

use super::when::When;
use crate::{
    clock::Millis,
    config,
    ledger::{Agent, Reach},
};

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct AgentView {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub(in crate::web) name: String,
    /// The integrations that it can reach at most; `None`: whatever the policy gives.
    pub(in crate::web) reach: Option<Vec<String>>,
    /// The user of this computer by which it is known, instead of a token.
    pub(in crate::web) user: Option<String>,
    /// When it was let in.
    pub(in crate::web) since: When,
    /// Until when.
    pub(in crate::web) until: Option<When>,
    /// Is that over?
    pub(in crate::web) ended: bool,
    /// When it last called, to the minute.
    pub(in crate::web) used: Option<When>,
}

impl AgentView {
    /// One agent, seen from `now`.
    pub(in crate::web) fn new(agent: &Agent, used: Option<Millis>, now: Millis) -> Self {
        Self {
            name: agent.name.to_string(),
            reach: match &agent.reach {
                Reach::All => None,
                Reach::Only(named) => Some(named.iter().cloned().collect()),
            },
            user: agent.user.map(|user| config::user_name(user).unwrap_or_else(|| user.to_string())),
            since: When::new(agent.created_at, now),
            until: agent.expires_at.map(|at| When::new(at, now)),
            ended: agent.expires_at.is_some_and(|at| at <= now),
            used: used.map(|at| When::new(at, now)),
        }
    }
}

//! AgentPort: the gate between an AI agent and the services it works on.
//!
//! An agent is an untrusted client. What it asks goes one way, top to bottom in [`gateway`]: the strict gate of [`mcp`],
//! the [`catalog`], a [`call`] that is valid by construction, the [`plan`] that is the exact request, the [`policy`], and
//! the [`ledger`], which alone mints the permit that an [`upstream`] accepts. A human decides on the pages of [`web`] or
//! at the [`cli`], proven by [`approval`].
//!
//! Dependencies point down and never back; a test holds the table:
//!
//! ```text
//! cli → app → {mcp, web} → gateway → snapshot → upstream → ledger → policy → plan → call → catalog
//! beside them: secret, approval, notify, account, reply, findings, money, config, files, clock, diagnostic, canonical,
//!              packed, pattern, visible, sql, trust
//! ```

pub mod account;
pub mod app;
pub mod approval;
pub mod call;
pub mod canonical;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod files;
pub mod findings;
pub mod gateway;
pub mod ledger;
pub mod mcp;
pub mod money;
pub mod notify;
pub mod packed;
pub mod pattern;
pub mod plan;
pub mod policy;
pub mod reply;
pub mod secret;
pub mod snapshot;
pub mod sql;
pub mod trust;
pub mod upstream;
pub mod visible;
pub mod web;

// the tests beside the code share these with those of the whole program, which know this crate by its name
#[cfg(test)]
extern crate self as agentport;
#[cfg(test)]
#[path = "../tests/it/harness/authenticator.rs"]
mod authenticator;
#[cfg(test)]
#[path = "../tests/it/harness/doubles.rs"]
mod doubles;
#[cfg(test)]
#[path = "../tests/it/harness/evidence.rs"]
mod evidence;

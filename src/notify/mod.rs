//! Telling a human that something waits.
//!
//! Two ways. A [`Notifier`] is told at once, in the process that was asked: the line in the log. The [`Courier`] carries
//! messages over the channels of `agentport.toml`: what is due stands in the ledger's file, exactly one process of the
//! home takes each message, and none of it holds up an agent. A message says what waits and where, and carries the link;
//! arguments only where the person asked for them. It decides nothing, and nothing that comes back is read.
//!
//! A message is no call of a service: it has no account, no plan and no policy, so it does not pass `admit`. It goes
//! through the same hardened client, to the one destination that its secret was stored for, and each is a record of the log.

mod channel;
mod courier;
mod desktop;
mod email;
mod log;
mod message;
mod ntfy;
mod post;
mod slack;
mod telegram;
mod webhook;

pub use self::{
    channel::Undelivered,
    courier::{Courier, Refusal},
    log::LogNotifier,
    message::Message,
};
use crate::ledger::Approval;

/// Who is told at once. It must not block.
pub trait Notifier: Send + Sync + std::fmt::Debug {
    /// An approval waits; `url` is where a human decides.
    fn waiting(&self, approval: &Approval, url: Option<&str>);
}

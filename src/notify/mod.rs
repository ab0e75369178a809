//! Telling a human that something waits. A channel carries the link, never the arguments, and decides nothing.

mod log;

pub use self::log::LogNotifier;
use crate::ledger::Approval;

/// A way to reach a human. It must not block: a slow channel does its work elsewhere.
pub trait Notifier: Send + Sync + std::fmt::Debug {
    /// An approval waits; `url` is where a human decides.
    fn waiting(&self, approval: &Approval, url: Option<&str>);
}

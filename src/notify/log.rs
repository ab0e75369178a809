//! The line on standard error, which agent hosts keep and show.

use super::Notifier;
use crate::ledger::Approval;

/// Writes the link to the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn waiting(&self, approval: &Approval, url: Option<&str>) {
        tracing::info!(
            tool = approval.tool,
            approval = approval.id,
            url = url.unwrap_or("none"),
            "a call waits for a human"
        );
    }
}

//! One message over one channel.

use std::time::Duration;

use super::{Message, desktop, email, ntfy, slack, telegram, webhook};
use crate::{
    config::{Channel, ChannelKind},
    upstream::{ChannelSecret, http::Http},
};

/// How long a channel may take with a message.
const PATIENCE: Duration = Duration::from_secs(45);

/// Why a message was not taken. In words for the owner; nothing that a server said stands in it, but a status and, where
/// a vendor has them, one of its error words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Undelivered {
    /// What went wrong.
    pub problem: String,
    /// How long the server asks to wait.
    pub wait: Option<Duration>,
}

impl Undelivered {
    pub(super) fn because(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), wait: None }
    }
}

/// Hands a message over. Tries once.
pub(super) async fn send(
    channel: &Channel,
    secret: Option<&ChannelSecret>,
    message: &Message,
    http: &Http,
) -> Result<(), Undelivered> {
    let missing =
        || Undelivered::because(format!("its secret is missing; run `agentport notify set {}`", channel.name));
    let sending = async {
        match &channel.kind {
            ChannelKind::Desktop => desktop::send(message).await,
            ChannelKind::Webhook { url, origin } => {
                webhook::send(http, origin, url, secret.ok_or_else(missing)?, message).await
            }
            ChannelKind::Slack { origin, channel } => {
                slack::send(http, origin, channel, secret.ok_or_else(missing)?, message).await
            }
            ChannelKind::Telegram { origin, chat } => {
                telegram::send(http, origin, chat, secret.ok_or_else(missing)?, message).await
            }
            ChannelKind::Ntfy { origin, topic } => ntfy::send(http, origin, topic, secret, message).await,
            ChannelKind::Email(mailbox) => {
                if mailbox.user.is_some() && secret.is_none() {
                    return Err(missing());
                }
                email::send(mailbox, secret, message, http.trust()).await
            }
        }
    };
    tokio::time::timeout(PATIENCE, sending)
        .await
        .unwrap_or_else(|_| Err(Undelivered::because("it did not answer in time")))
}

//! `[[notify]]`: the channels through which a person is told that something waits. Their secrets never stand in the file.

mod raw;

use serde::Deserialize;

pub(super) use self::raw::{RawChannel, channels};
use crate::account::Origin;

/// A channel, valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// What commands, log and secret store call it; its kind unless named.
    pub name: String,
    /// How it reaches a person.
    pub kind: ChannelKind,
    /// Does it carry the arguments of a call too?
    pub arguments: bool,
}

/// How a channel reaches a person, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelKind {
    /// A notification on this computer's desktop.
    Desktop,
    /// A signed request to a URL.
    Webhook {
        /// What is posted to.
        url: url::Url,
        /// Its origin.
        origin: Origin,
    },
    /// A message of a Slack app.
    Slack {
        /// Slack, or what stands in for it.
        origin: Origin,
        /// `C0123456789`, or a name that Slack knows.
        channel: String,
    },
    /// A message of a Telegram bot.
    Telegram {
        /// Telegram, or a server of one's own.
        origin: Origin,
        /// The chat's id, or `@name`.
        chat: String,
    },
    /// A message of an ntfy server.
    Ntfy {
        /// The server.
        origin: Origin,
        /// The topic.
        topic: String,
    },
    /// A mail.
    Email(Mailbox),
}

/// How mails are handed over, and from whom to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who signs in there, where somebody has to.
    pub user: Option<String>,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From the first byte on (RFC 8314).
    #[default]
    Implicit,
    /// By `STARTTLS`; without it nothing is sent.
    Starttls,
    /// Not at all: for a mail server on this computer.
    None,
}

/// Does a channel need a secret?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretNeed {
    /// It has none.
    No,
    /// It works without one where its server allows that.
    Optional,
    /// It does nothing without one.
    Required,
}

impl ChannelKind {
    /// The word of the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Telegram { .. } => "telegram",
            Self::Ntfy { .. } => "ntfy",
            Self::Email(_) => "email",
        }
    }

    /// Where its secret may go. It is stored beside the secret, and at each message the two must agree.
    pub fn destination(&self) -> String {
        match self {
            Self::Desktop => "this computer".to_owned(),
            Self::Webhook { url, .. } => url.to_string(),
            Self::Slack { origin, .. } | Self::Telegram { origin, .. } | Self::Ntfy { origin, .. } => {
                origin.as_str().to_owned()
            }
            Self::Email(mailbox) => {
                let user = mailbox.user.as_ref().map_or_else(String::new, |user| format!("{user} at "));
                format!("{user}{}:{}", mailbox.host, mailbox.port)
            }
        }
    }

    /// What its secret is called, and whether it needs one.
    pub fn secret(&self) -> (SecretNeed, &'static str) {
        match self {
            Self::Desktop | Self::Email(Mailbox { user: None, .. }) => (SecretNeed::No, ""),
            Self::Webhook { .. } => (SecretNeed::Required, "the signing key that the receiver checks with"),
            Self::Slack { .. } => (SecretNeed::Required, "the bot token (xoxb-…)"),
            Self::Telegram { .. } => (SecretNeed::Required, "the bot token"),
            Self::Ntfy { .. } => (SecretNeed::Optional, "the access token (tk_…)"),
            Self::Email(Mailbox { user: Some(_), .. }) => (SecretNeed::Required, "the password"),
        }
    }

    /// Does what it carries leave this computer? Then its link must lead back here.
    pub fn leaves_machine(&self) -> bool {
        match self {
            Self::Desktop => false,
            Self::Webhook { .. } | Self::Slack { .. } | Self::Telegram { .. } | Self::Ntfy { .. } | Self::Email(_) => {
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! `[[notify]]`: the channels through which a person is told that something waits. Their secrets never stand in the file.

use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use crate::{account::Origin, diagnostic::Source};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Desktop,
    Webhook,
    Slack,
    Telegram,
    Ntfy,
    Email,
}

/// One table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    kind: Spanned<RawKind>,
    name: Option<Spanned<String>>,
    #[serde(default)]
    arguments: bool,
    #[serde(default)]
    allow_private: bool,
    url: Option<Spanned<String>>,
    channel: Option<Spanned<String>>,
    chat: Option<Spanned<String>>,
    topic: Option<Spanned<String>>,
    host: Option<Spanned<String>>,
    port: Option<Spanned<u16>>,
    tls: Option<Spanned<MailTls>>,
    user: Option<Spanned<String>>,
    from: Option<Spanned<String>>,
    to: Option<Vec<Spanned<String>>>,
    // only to be refused by their names, without showing their lines
    token: Option<serde::de::IgnoredAny>,
    password: Option<serde::de::IgnoredAny>,
    secret: Option<serde::de::IgnoredAny>,
}

/// All channels, or every problem with them.
pub(super) fn channels(raw: &[RawChannel], source: &mut Source<'_>) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    for raw in raw {
        let Some(channel) = channel(raw, source) else { continue };
        if channels.iter().any(|other| other.name == channel.name) {
            source.problem(
                raw.name.as_ref().map_or_else(|| raw.kind.span(), Spanned::span),
                format!("two channels are called `{}`", channel.name),
                Some("give each a `name` of its own".to_owned()),
            );
            continue;
        }
        channels.push(channel);
    }
    channels
}

fn channel(raw: &RawChannel, source: &mut Source<'_>) -> Option<Channel> {
    let kind = *raw.kind.get_ref();
    let word = match kind {
        RawKind::Desktop => "desktop",
        RawKind::Webhook => "webhook",
        RawKind::Slack => "slack",
        RawKind::Telegram => "telegram",
        RawKind::Ntfy => "ntfy",
        RawKind::Email => "email",
    };
    let name = raw.name.as_ref().map_or(word, |name| name.get_ref().as_str()).to_owned();
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if let Some(given) = &raw.name
        && !((1..=40).contains(&name.len()) && name.bytes().all(fine))
    {
        source.problem(given.span(), "a channel's name has 1 to 40 of a-z, 0-9 and -", None);
        return None;
    }
    if raw.token.is_some() || raw.password.is_some() || raw.secret.is_some() {
        // its line is not shown: the secret stands there
        source.problem_of_file(
            format!("a secret of the channel `{name}` must not stand in a file"),
            Some(format!("remove it; `agentport notify set {name}` takes it into the secret store")),
        );
        return None;
    }
    check_keys(raw, kind, word, source)?;
    let text = |value: &Option<Spanned<String>>, key: &str, longest: usize, source: &mut Source<'_>| {
        let Some(value) = value else {
            source.problem(raw.kind.span(), format!("a channel of kind `{word}` needs `{key}`"), None);
            return None;
        };
        let text = value.get_ref();
        let fine = !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !fine {
            source.problem(value.span(), format!("this cannot be the `{key}` of a channel"), None);
        }
        fine.then(|| text.clone())
    };
    let kind = match kind {
        RawKind::Desktop => ChannelKind::Desktop,
        RawKind::Webhook => {
            let text = text(&raw.url, "url", 2_000, source)?;
            let span = raw.url.as_ref().map_or_else(|| raw.kind.span(), Spanned::span);
            let url = url::Url::parse(&text).ok().filter(|url| {
                url.username().is_empty() && url.password().is_none() && url.fragment().is_none() && url.has_host()
            });
            let Some(url) = url else {
                source.problem(span, "`url` must be an https address without user and fragment", None);
                return None;
            };
            let origin = origin(&url.origin().ascii_serialization(), raw, span, source)?;
            ChannelKind::Webhook { url, origin }
        }
        RawKind::Slack => ChannelKind::Slack {
            origin: server(raw, "https://slack.com", source)?,
            channel: text(&raw.channel, "channel", 100, source)?,
        },
        RawKind::Telegram => ChannelKind::Telegram {
            origin: server(raw, "https://api.telegram.org", source)?,
            chat: text(&raw.chat, "chat", 100, source)?,
        },
        RawKind::Ntfy => ChannelKind::Ntfy {
            origin: server(raw, "https://ntfy.sh", source)?,
            topic: text(&raw.topic, "topic", 64, source)?,
        },
        RawKind::Email => ChannelKind::Email(mailbox(raw, &text, source)?),
    };
    Some(Channel { name, kind, arguments: raw.arguments })
}

/// A key that the kind does not have would do nothing, unseen.
fn check_keys(raw: &RawChannel, kind: RawKind, word: &str, source: &mut Source<'_>) -> Option<()> {
    use RawKind::{Desktop, Email, Ntfy, Slack, Telegram, Webhook};
    let span = |value: &Option<Spanned<String>>| value.as_ref().map(Spanned::span);
    let email = |key, span| (key, span, &[Email][..]);
    let keys = [
        ("url", span(&raw.url), &[Webhook, Slack, Telegram, Ntfy][..]),
        ("channel", span(&raw.channel), &[Slack]),
        ("chat", span(&raw.chat), &[Telegram]),
        ("topic", span(&raw.topic), &[Ntfy]),
        email("host", span(&raw.host)),
        email("port", raw.port.as_ref().map(Spanned::span)),
        email("tls", raw.tls.as_ref().map(Spanned::span)),
        email("user", span(&raw.user)),
        email("from", span(&raw.from)),
        email("to", raw.to.as_ref().and_then(|to| to.first()).map(Spanned::span)),
        (
            "arguments",
            (raw.arguments && kind == Desktop).then(|| raw.kind.span()),
            &[Webhook, Slack, Telegram, Ntfy, Email],
        ),
    ];
    let mut fine = Some(());
    for (key, given, kinds) in keys {
        if let Some(span) = given.filter(|_| !kinds.contains(&kind)) {
            source.problem(span, format!("`{key}` does not belong to a channel of kind `{word}`"), None);
            fine = None;
        }
    }
    fine
}

fn server(raw: &RawChannel, default: &str, source: &mut Source<'_>) -> Option<Origin> {
    match &raw.url {
        Some(url) => origin(url.get_ref(), raw, url.span(), source),
        None => Origin::parse(default, false).ok(),
    }
}

fn origin(text: &str, raw: &RawChannel, span: std::ops::Range<usize>, source: &mut Source<'_>) -> Option<Origin> {
    match Origin::parse(text, raw.allow_private) {
        Ok(origin) => Some(origin),
        Err(error) => {
            let message = error.to_string().replace("--allow-private", "`allow_private = true`");
            source.problem(span, message, None);
            None
        }
    }
}

type ReadText<'a> = dyn Fn(&Option<Spanned<String>>, &str, usize, &mut Source<'_>) -> Option<String> + 'a;

fn mailbox(raw: &RawChannel, text: &ReadText<'_>, source: &mut Source<'_>) -> Option<Mailbox> {
    let host = text(&raw.host, "host", 253, source)?;
    let tls = raw.tls.as_ref().map_or_else(MailTls::default, |tls| *tls.get_ref());
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if tls == MailTls::None && !local {
        let span = raw.tls.as_ref().map_or_else(|| raw.kind.span(), Spanned::span);
        let help = "use \"implicit\" or \"starttls\"".to_owned();
        source.problem(span, "without TLS mails go to a server on this computer only", Some(help));
        return None;
    }
    let port = raw.port.as_ref().map_or(
        match tls {
            MailTls::Implicit => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        },
        |port| *port.get_ref(),
    );
    let user = match &raw.user {
        Some(_) => Some(text(&raw.user, "user", 254, source)?),
        None => None,
    };
    let from = address(raw.from.as_ref(), "from", raw, source)?;
    let mut to = Vec::new();
    for one in raw.to.iter().flatten() {
        to.push(address(Some(one), "to", raw, source)?);
    }
    if to.is_empty() || to.len() > 20 {
        source.problem(raw.kind.span(), "a channel of kind `email` needs `to`, a list of 1 to 20 addresses", None);
        return None;
    }
    Some(Mailbox { host, port, tls, user, from, to })
}

/// A bare address: what stands between `<` and `>` in a mail, so that nothing else can.
fn address(value: Option<&Spanned<String>>, key: &str, raw: &RawChannel, source: &mut Source<'_>) -> Option<String> {
    let Some(value) = value else {
        source.problem(raw.kind.span(), format!("a channel of kind `email` needs `{key}`"), None);
        return None;
    };
    let text = value.get_ref();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let fine = text.len() <= 254
        && text.bytes().all(plain)
        && text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
        });
    if !fine {
        source.problem(value.span(), format!("`{key}` must be a bare address such as \"ann@example.com\""), None);
    }
    fine.then(|| text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Environment, Settings},
        diagnostic::Diagnostics,
    };

    fn parse(text: &str) -> Result<Vec<Channel>, Vec<String>> {
        match Settings::parse(text, &Environment::default()) {
            Ok(settings) => Ok(settings.notify),
            Err(Diagnostics(problems)) => Err(problems.into_iter().map(|problem| problem.message).collect()),
        }
    }

    #[test]
    fn each_kind_has_its_keys() {
        let text = r#"
            [[notify]]
            kind = "desktop"
            [[notify]]
            kind = "webhook"
            url = "https://hooks.example.com/agentport?team=1"
            [[notify]]
            kind = "slack"
            channel = "C0123456789"
            [[notify]]
            kind = "telegram"
            chat = "-100123"
            arguments = true
            [[notify]]
            name = "phone"
            kind = "ntfy"
            url = "http://127.0.0.1:8080"
            allow_private = true
            topic = "agentport-x7"
            [[notify]]
            kind = "email"
            host = "smtp.example.com"
            tls = "starttls"
            user = "ann"
            from = "agentport@example.com"
            to = ["ann@example.com"]
        "#;
        let channels = parse(text).unwrap();
        let seen: Vec<_> = channels
            .iter()
            .map(|channel| (channel.name.as_str(), channel.kind.destination(), channel.arguments))
            .collect();
        assert_eq!(
            seen,
            [
                ("desktop", "this computer".to_owned(), false),
                ("webhook", "https://hooks.example.com/agentport?team=1".to_owned(), false),
                ("slack", "https://slack.com".to_owned(), false),
                ("telegram", "https://api.telegram.org".to_owned(), true),
                ("phone", "http://127.0.0.1:8080".to_owned(), false),
                ("email", "ann at smtp.example.com:587".to_owned(), false),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("kind = \"ntfy\"", "a channel of kind `ntfy` needs `topic`"),
            (
                "kind = \"slack\"\nchannel = \"C1\"\ntopic = \"x\"",
                "`topic` does not belong to a channel of kind `slack`",
            ),
            ("kind = \"desktop\"\narguments = true", "`arguments` does not belong to a channel of kind `desktop`"),
            ("kind = \"desktop\"\nname = \"a b\"", "a channel's name has 1 to 40 of a-z, 0-9 and -"),
            (
                "kind = \"webhook\"\nurl = \"https://u@h.example\"",
                "`url` must be an https address without user and fragment",
            ),
            (
                "kind = \"webhook\"\nurl = \"http://10.0.0.1/x\"",
                "`http://10.0.0.1` does not use https; plain http is for loopback, with `allow_private = true`",
            ),
            (
                "kind = \"email\"\nhost = \"mail.example\"\ntls = \"none\"",
                "without TLS mails go to a server on this computer only",
            ),
            (
                "kind = \"email\"\nhost = \"mail.example\"\nfrom = \"a@b.example\\r\\nBcc: c\"",
                "`from` must be a bare address such as \"ann@example.com\"",
            ),
            (
                "kind = \"slack\"\nchannel = \"C1\"\ntoken = \"xoxb-hidden\"",
                "a secret of the channel `slack` must not stand in a file",
            ),
        ] {
            assert_eq!(parse(&format!("[[notify]]\n{text}\n")).unwrap_err(), [message], "{text}");
        }
        let twice = parse("[[notify]]\nkind = \"desktop\"\n[[notify]]\nkind = \"desktop\"\n").unwrap_err();
        assert_eq!(twice, ["two channels are called `desktop`"]);
    }

    #[test]
    fn a_secret_that_stands_in_the_file_is_not_shown() {
        let text = "[[notify]]\nkind = \"telegram\"\nchat = \"1\"\npassword = \"hidden\"\n";
        let Diagnostics(problems) = Settings::parse(text, &Environment::default()).unwrap_err();
        assert!(problems.iter().all(|problem| !problem.to_string().contains("hidden")));
    }
}

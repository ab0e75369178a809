//! `[[notify]]` as it is written, and what is wrong with it.

use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use super::{Channel, ChannelKind, MailTls, Mailbox};
use crate::{account::Origin, diagnostic::Source};

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
pub(in crate::config) struct RawChannel {
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
pub(in crate::config) fn channels(raw: &[RawChannel], source: &mut Source<'_>) -> Vec<Channel> {
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

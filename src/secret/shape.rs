//! What the secrets of well-known services look like, by the prefixes that their makers gave them to be found by.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use regex::Regex;

/// What a text holds that looks like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// For people: "a Stripe key".
    pub name: &'static str,
    /// The integration that it is connected as, where there is one.
    pub service: Option<&'static str>,
}

/// A name for people, the integration, the pattern.
const SHAPES: [(&str, Option<&str>, &str); 16] = [
    ("a Stripe key", Some("stripe"), r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{6,}"),
    ("a secret of a webhook", None, r"whsec_[A-Za-z0-9+/=]{16,}"),
    ("a GitHub token", Some("github"), r"(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})"),
    ("a Slack token", Some("slack"), r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{8,}"),
    ("a Linear key", Some("linear"), r"lin_(?:api|oauth)_[A-Za-z0-9]{8,}"),
    ("a PostHog key", Some("posthog"), r"phx_[A-Za-z0-9_-]{8,}"),
    ("an AWS key", None, r"A(?:KIA|SIA)[0-9A-Z]{16}"),
    ("a Google key", None, r"(?:AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,})"),
    ("an Anthropic key", None, r"sk-ant-[A-Za-z0-9_-]{20,}"),
    ("an OpenAI key", None, r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}"),
    ("a GitLab token", None, r"gl(?:pat|dt|rt|cbt)-[A-Za-z0-9_-]{20,}"),
    ("an npm token", None, r"npm_[A-Za-z0-9]{36}"),
    ("a PyPI token", None, r"pypi-[A-Za-z0-9_-]{50,}"),
    ("a SendGrid key", None, r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    (
        "a private key",
        None,
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?:(?s:.*?)-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|(?s:.*))",
    ),
    (
        "a database's password",
        None,
        r"(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?)://[^ \t\r\n:/@]*:[^ \t\r\n@/]+@",
    ),
];

/// One pattern of all, so that a text is read once; the number of the group says which it was.
static COMPILED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let all: Vec<String> = SHAPES.iter().map(|(_, _, pattern)| format!("({pattern})")).collect();
    // it is compiled once; a test holds that it can be
    Regex::new(&all.join("|")).ok()
});

/// The first that the text holds; one inside a longer word is none.
pub fn shape_of(text: &str) -> Option<Shape> {
    find(text, 0).map(|(shape, _)| shape)
}

/// Shorter than the shortest of them.
const SHORTEST: usize = 8;

/// The text with `[redacted: a Stripe key]` in the place of each that it holds.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut from = 0;
    while let Some((shape, found)) = find(text, from) {
        clean.push_str(text.get(from..found.start).unwrap_or_default());
        clean.push_str("[redacted: ");
        clean.push_str(shape.name);
        clean.push(']');
        from = found.end;
    }
    if from == 0 { Cow::Borrowed(text) } else { Cow::Owned(clean + text.get(from..).unwrap_or_default()) }
}

fn find(text: &str, from: usize) -> Option<(Shape, Range<usize>)> {
    if text.len() < SHORTEST {
        return None;
    }
    let regex = COMPILED.as_ref()?;
    let mut at = from;
    loop {
        let found = regex.find_at(text, at)?;
        let before = found.start().checked_sub(1).and_then(|before| text.as_bytes().get(before));
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            // every pattern begins with an ASCII letter or sign
            at = found.start() + 1;
            continue;
        }
        // which one it was is asked of a match alone: most texts have none
        let captures = regex.captures_at(text, found.start())?;
        let index = captures.iter().skip(1).position(|group| group.is_some())?;
        let (name, service, _) = SHAPES.get(index)?;
        return Some((Shape { name, service: *service }, found.range()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, &str); 22] = [
        ("rk_live_51Habcdef", "a Stripe key"),
        ("sk_test_51Habcdef", "a Stripe key"),
        ("whsec_0123456789abcdefg+", "a secret of a webhook"),
        ("ghp_0123456789abcdefghij", "a GitHub token"),
        ("github_pat_0123456789abcdefghij", "a GitHub token"),
        ("xoxb-123456789-abc", "a Slack token"),
        ("xapp-1-A0123-456", "a Slack token"),
        ("lin_api_0123456789", "a Linear key"),
        ("phx_0123456789", "a PostHog key"),
        ("AKIAIOSFODNN7EXAMPLE", "an AWS key"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "a Google key"),
        ("ya29.a0123456789abcdefghij", "a Google key"),
        ("GOCSPX-0123456789abcdefghij", "a Google key"),
        ("sk-ant-api03-0123456789abcdefghij", "an Anthropic key"),
        ("sk-proj-0123456789abcdefghij", "an OpenAI key"),
        ("glpat-0123456789abcdefghij", "a GitLab token"),
        ("npm_0123456789abcdefghij0123456789abcdef", "an npm token"),
        ("pypi-0123456789abcdefghij0123456789abcdefghij0123456789", "a PyPI token"),
        ("SG.0123456789abcdef.0123456789abcdef", "a SendGrid key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PRIVATE KEY-----\nx", "a private key"),
        ("postgres://me:pw@", "a database's password"),
    ];

    #[test]
    fn every_shape_is_known_and_masked_alone_wherever_it_stands() {
        assert!(COMPILED.is_some());
        for (text, name) in KNOWN {
            assert_eq!(shape_of(text).map(|shape| shape.name), Some(name), "{text}");
            let masked = format!("[redacted: {name}]");
            assert_eq!(mask(text), masked);
            if !text.ends_with('x') {
                assert_eq!(mask(&format!("é={text} and ({text})")), format!("é={masked} and ({masked})"));
            }
        }
    }

    #[test]
    fn a_part_of_a_longer_word_and_what_is_public_are_none() {
        for text in [
            "desk_live_51Habcdef",
            "sk_live_",
            "pk_live_51Habcdef",
            "phc_0123456789",
            "postgres://db/x",
            "postgres://me@db/x",
            "task_test_runner",
            "-----BEGIN CERTIFICATE-----",
            "whsec_tell",
            "pi_1_secret_tell",
            "npm_config_registry",
        ] {
            assert!(shape_of(text).is_none() && matches!(mask(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        // the search goes on behind what is none
        assert_eq!(mask("desk_live_51Habcdef sk_live_51Habcdef"), "desk_live_51Habcdef [redacted: a Stripe key]");
    }
}

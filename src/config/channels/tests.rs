//! What of `[[notify]]` is taken, and what is said of the rest.

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
    let seen: Vec<_> =
        channels.iter().map(|channel| (channel.name.as_str(), channel.kind.destination(), channel.arguments)).collect();
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
        ("kind = \"slack\"\nchannel = \"C1\"\ntopic = \"x\"", "`topic` does not belong to a channel of kind `slack`"),
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

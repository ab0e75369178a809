mod properties;

use std::sync::{Arc, LazyLock};

use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::json;

use super::*;
use crate::{
    account::Origin,
    catalog::{Catalog, HttpRequest, place::place},
};

const MAIL: &str = r#"
[[tool]]
name = "write"
title = "Write"
description = "Writes a mail."
effect = "destructive"
toolset = "core"
request = "POST /mails"
body = "mime"
raw = "/message/raw"
[tool.params]
thread = { type = "string", in = "body", description = "A thread.", required = false, wire = "message.threadId" }
labels = { type = "array", in = "body", description = "Labels.", required = false, items = { type = "string", description = "A label." } }
to = { type = "array", in = "mail", description = "To.", required = false, items = { type = "string", description = "One." } }
copies = { type = "array", in = "mail", description = "Cc.", required = false, wire = "cc", items = { type = "string", description = "One." } }
bcc = { type = "array", in = "mail", description = "Bcc.", required = false, items = { type = "string", description = "One." } }
reply_to = { type = "string", in = "mail", description = "Reply to.", required = false }
subject = { type = "string", in = "mail", description = "Subject.", required = false }
text = { type = "string", in = "mail", description = "Text.", required = false, max_length = 6000000 }
html = { type = "string", in = "mail", description = "HTML.", required = false }
in_reply_to = { type = "string", in = "mail", description = "Id.", required = false }
references = { type = "array", in = "mail", description = "Ids.", required = false, items = { type = "string", description = "One." } }
[tool.params.files]
type = "array"
in = "mail"
wire = "attachments"
description = "Files."
required = false
[tool.params.files.items]
type = "object"
description = "A file."
[tool.params.files.items.fields]
name = { type = "string", description = "Name.", wire = "filename" }
mime_type = { type = "string", description = "Type.", required = false }
content = { type = "string", description = "Base64." }
"#;

static TOOL: LazyLock<Arc<Tool>> = LazyLock::new(|| {
    let catalog: Catalog = crate::catalog::tests::compiled(MAIL);
    Arc::clone(catalog.find("acme_write").unwrap())
});

fn placed(given: &Value) -> Result<HttpRequest, Vec<Problem>> {
    let arguments = Arguments::parse(&TOOL, given.as_object().unwrap())?;
    place(&TOOL, &arguments, &Origin::parse("https://api.acme.com", false).unwrap(), &std::collections::BTreeMap::new())
        .map(super::super::Placed::http)
}

/// The bytes of the mail in the body.
fn message(given: &Value) -> Vec<u8> {
    let body: Value = serde_json::from_str(&placed(given).unwrap().body.unwrap()).unwrap();
    BASE64URL_NOPAD.decode(body["message"]["raw"].as_str().unwrap().as_bytes()).unwrap()
}

/// Where a call is refused.
fn refused(given: &Value) -> Vec<String> {
    placed(given).map_or_else(|problems| problems.into_iter().map(|problem| problem.at).collect(), |_| Vec::new())
}

fn everything() -> Value {
    json!({
        "thread": "18c2",
        "labels": ["A"],
        "to": ["Jörg Müller <joerg@example.com>", "ann@example.com"],
        "copies": ["bob@Example.org"],
        "bcc": ["eve@example.net"],
        "reply_to": "Office <office@example.com>",
        "subject": "Grüße, and a line that is long enough to be folded into the next one by whoever writes it 😀",
        "text": "Hello\nWörld\n\n.\n-- \nAnn",
        "html": "<p>Hello <b>Wörld</b></p>",
        "in_reply_to": "<a.b@mail.example.com>",
        "references": ["<x@mail.example.com>", "a.b@mail.example.com"],
        "files": [
            {"name": "Übersicht \"neu\".pdf", "mime_type": "application/pdf", "content": "JVBERi0="},
            {"name": "a.txt", "mime_type": "text/plain", "content": "/wD+DQoKDQ=="},
        ],
    })
}

#[test]
fn a_mail_is_written_into_a_json_body() {
    let request = placed(&everything()).unwrap();
    let body: Value = serde_json::from_str(request.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["message"]["threadId"], "18c2");
    assert_eq!(body["labels"], json!(["A"]));
    assert!(request.headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
    let raw = body["message"]["raw"].as_str().unwrap();
    assert!(raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "base64url, no padding");
    insta::assert_snapshot!("a_mail", String::from_utf8(message(&everything())).unwrap().replace('\r', ""));
    insta::assert_snapshot!(
        "a_plain_mail",
        String::from_utf8(message(&json!({"to": ["a@example.com"], "subject": "Hi", "text": "one\ntwo"})))
            .unwrap()
            .replace('\r', "")
    );
}

#[test]
fn the_same_call_is_the_same_bytes_and_another_one_has_other_boundaries() {
    assert_eq!(placed(&everything()), placed(&everything()));
    let mut other = everything();
    other["text"] = json!("Hello");
    let boundary = |given: &Value| {
        let text = String::from_utf8(message(given)).unwrap();
        text.split("boundary=\"mix-").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_ne!(boundary(&everything()), boundary(&other));
    assert_eq!(boundary(&everything()).len(), 40);
}

#[test]
fn date_sender_and_message_id_are_the_services() {
    let text = String::from_utf8(message(&everything())).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let names: Vec<_> =
        head.split("\r\n").filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        names,
        ["MIME-Version", "To", "Cc", "Bcc", "Reply-To", "Subject", "In-Reply-To", "References", "Content-Type"]
    );
}

#[test]
fn the_letter_of_a_request_is_the_mail_that_is_sent() {
    let letter = TOOL.letter(&placed(&everything()).unwrap()).unwrap();
    let mailbox = |text: &str| Mailbox::parse(text).unwrap();
    assert_eq!(letter.to, [mailbox("Jörg Müller <joerg@example.com>"), mailbox("ann@example.com")]);
    assert_eq!(letter.cc, [mailbox("bob@Example.org")]);
    assert_eq!(letter.bcc, [mailbox("eve@example.net")]);
    assert_eq!(letter.in_reply_to, ["a.b@mail.example.com"]);
    assert_eq!(letter.references, ["x@mail.example.com", "a.b@mail.example.com"]);
    assert_eq!(letter.text.as_deref(), everything()["text"].as_str());
    assert_eq!(letter.attachments[1].content, [255, 0, 254, 13, 10, 10, 13], "bytes of a text stay bytes");
    let no_mail =
        HttpRequest { body: Some("{\"message\":{\"raw\":\"%\"}}".to_owned()), ..placed(&everything()).unwrap() };
    assert_eq!(TOOL.letter(&no_mail), None);
}

#[test]
fn t051_each_recipient_that_is_no_single_address_is_refused_by_its_place() {
    let hostile = [
        "ann@example.com\r\nBcc: evil@evil.com",
        "ann@example.com, evil@evil.com",
        "\"evil@evil.com\" <ann@example.com>",
        "friends: ann@example.com;",
        "ann@example.com (evil@evil.com)",
        "ann",
        "",
    ];
    for text in hostile {
        for field in ["to", "copies", "bcc"] {
            assert_eq!(refused(&json!({field: ["ok@example.com", text]})), [format!("/{field}/1")], "{text:?}");
        }
        assert_eq!(refused(&json!({"reply_to": text})), ["/reply_to"], "{text:?}");
    }
    let problems = placed(&json!({"to": ["x"], "bcc": ["ok@example.com", "y@"], "subject": "a\nb"})).unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| problem.at.as_str()).collect();
    assert_eq!(places, ["/to/0", "/bcc/1", "/subject"], "all at once");
}

#[test]
fn t051_t053_no_other_field_breaks_out_of_its_header() {
    for text in [
        "a\r\nBcc: e@evil.com",
        "a\nb",
        "a\rb",
        "a\u{85}b",
        "a\u{2028}b",
        "\u{1}",
        "=?utf-8?q?=0D=0ABcc:_e=40evil.com?=",
    ] {
        assert_eq!(refused(&json!({"subject": text})), ["/subject"], "{text:?}");
        let file = json!({"name": text, "content": ""});
        assert_eq!(refused(&json!({"files": [file]})), ["/files/0/filename"], "{text:?}");
    }
    for text in ["<a@b>\r\nBcc: e@evil.com", "<a@b> <c@d>", "<a@b", "a b", "", "<>", "é@b", "<a@b>,<c@d>", "<<a@b>>"] {
        assert_eq!(refused(&json!({"in_reply_to": text})), ["/in_reply_to"], "{text:?}");
        assert_eq!(refused(&json!({"references": ["<a@b>", text]})), ["/references/1"], "{text:?}");
    }
    for kind in [
        "text/plain\r\nX: y",
        "text",
        "text/",
        "Text/Plain",
        "multipart/mixed",
        "message/rfc822",
        "text/plain; name=x",
        "é/x",
    ] {
        let file = json!({"name": "a", "mime_type": kind, "content": ""});
        assert_eq!(refused(&json!({"files": [file]})), ["/files/0/mime_type"], "{kind:?}");
    }
    for content in ["x", "SGVsbG8", "SGVs\nbG8=", "SGVsbG8=SGVsbG8=", "-_==", "a a="] {
        let file = json!({"name": "a", "content": content});
        assert_eq!(refused(&json!({"files": [file]})), ["/files/0/content"], "{content:?}");
    }
    for name in ["../a", "a\\b", "/etc/passwd", "", " a"] {
        assert_eq!(refused(&json!({"files": [{"name": name, "content": ""}]})), ["/files/0/filename"], "{name:?}");
    }
    assert_eq!(refused(&json!({"text": "a\u{1b}[2J"})), ["/text"]);
    assert_eq!(refused(&json!({"html": "a\u{7f}"})), ["/html"]);
}

#[test]
fn t052_a_text_cannot_end_its_part() {
    let boundary = {
        let text = String::from_utf8(message(&everything())).unwrap();
        text.split("boundary=\"mix-").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let mut evil = everything();
    let text = format!(
        "x\n--mix-{boundary}\nContent-Disposition: attachment; filename=\"evil.exe\"\n\nMZ\n--mix-{boundary}--\n"
    );
    evil["text"] = json!(text);
    let bytes = message(&evil);
    let read = MessageParser::new().parse(&bytes).unwrap();
    let names: Vec<_> = read.attachments().filter_map(|part| part.attachment_name()).collect();
    assert_eq!(names, ["Übersicht \"neu\".pdf", "a.txt"]);
    assert_eq!(Letter::read(&bytes).unwrap().text, Some(text));
}

#[test]
fn t036_a_mail_has_a_size() {
    let text = "é".repeat(800_000);
    let problems = placed(&json!({"to": ["a@example.com"], "text": text})).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.starts_with("the mail must have at most 2097152 bytes"), "{}", problems[0].message);
}

#[test]
fn a_mail_that_was_changed_on_its_way_is_noticed() {
    let bytes = message(&everything());
    let arguments = Arguments::parse(&TOOL, everything().as_object().unwrap()).unwrap();
    let letter = meant(&TOOL, &arguments).unwrap();
    assert_eq!(unmoved(&letter, Letter::read(&bytes).as_ref()), Ok(()));
    let text = String::from_utf8(bytes).unwrap();
    let unread = None;
    for (old, new, role) in [
        ("<ann@example.com>", "<evil@example.com>", Some(Role::To)),
        ("Bcc: ", "Bcc: <evil@example.com>, ", Some(Role::Bcc)),
        ("Bcc: ", "Bcc: <evil@example.com>\r\nBcc: ", unread),
        ("Bcc: ", "X-Other: ", unread),
        ("Cc: <bob", "Cc:\r\n\t<bob", unread),
        ("Bcc: ", "Resent-To: <evil@example.com>\r\nBcc: ", unread),
        ("Office", "Officf", Some(Role::ReplyTo)),
        ("Subject: ", "Subject: x", Some(Role::Subject)),
        ("<x@mail", "<y@mail", Some(Role::References)),
        ("application/pdf", "application/pdg", Some(Role::Attachments)),
        ("JVBERi0=", "JVBERi4=", Some(Role::Attachments)),
        ("<p>", "<q>", Some(Role::Html)),
    ] {
        assert!(text.contains(old), "{old}");
        let changed = text.replacen(old, new, 1);
        assert_eq!(unmoved(&letter, Letter::read(changed.as_bytes()).as_ref()), Err(role), "{new}");
    }
    assert_eq!(unmoved(&letter, None), Err(None));
}

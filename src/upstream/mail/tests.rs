use super::*;
use crate::{
    catalog::{AnswerKind, Effect, HttpRequest, Method},
    ledger::Outcome,
    plan::Plan,
    upstream::{
        answer::Asked,
        credential::tests::account,
        filter::Needles,
        http::{Answer, Limits},
    },
};

fn base64(text: &[u8]) -> String {
    BASE64URL_NOPAD.encode(text)
}

fn leaf(kind: &str, text: &str) -> Value {
    json!({"partId": "0", "mimeType": kind, "filename": "", "headers": [], "body": {"size": text.len(), "data": base64(text.as_bytes())}})
}

/// The text of a message with this payload.
fn text_of(payload: &Value) -> String {
    readable(json!({"payload": payload}))["text"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_message_is_made_readable() {
    let message = json!({
        "id": "18c2", "threadId": "18c0", "labelIds": ["INBOX"], "snippet": "Hello", "internalDate": "1700000000000",
        "historyId": "9", "sizeEstimate": 1234,
        "payload": {
            "partId": "", "mimeType": "multipart/mixed", "filename": "", "body": {"size": 0},
            "headers": [
                {"name": "Received", "value": "from x"},
                {"name": "from", "value": "Ann <ann@example.com>"},
                {"name": "To", "value": "me@example.com"},
                {"name": "Subject", "value": "=?utf-8?q?Gr=C3=BC=C3=9Fe?="},
                {"name": "Message-Id", "value": "<a@mail.example.com>"},
                {"name": "References", "value": "<x@y> <z@y>"},
                {"name": "To", "value": "you@example.com"},
                {"name": "Content-Type", "value": "multipart/mixed; boundary=x"},
            ],
            "parts": [
                {"mimeType": "multipart/alternative", "filename": "", "parts": [
                    leaf("text/plain", "Hello\r\nWörld"),
                    leaf("text/html", "<p>Hello</p>"),
                ]},
                {"mimeType": "application/pdf", "filename": "a.pdf", "body": {"attachmentId": "ANG", "size": 77}},
                {"mimeType": "text/plain", "filename": "note.txt", "body": {"data": base64(b"no"), "size": 2}},
                {"mimeType": "text/calendar", "filename": "", "body": {"data": base64(b"BEGIN"), "size": 5}},
            ],
        },
    });
    insta::assert_json_snapshot!("a_message", readable(message));
}

#[test]
fn messages_are_found_in_threads_and_drafts_and_the_rest_stays() {
    let message =
        json!({"id": "1", "payload": {"headers": [], "mimeType": "text/plain", "body": {"data": base64(b"x")}}});
    let read = json!({"id": "1", "headers": {}, "text": "x"});
    assert_eq!(readable(json!({"messages": [message, message]})), json!({"messages": [read, read]}));
    assert_eq!(readable(json!({"id": "r-1", "message": message})), json!({"id": "r-1", "message": read}));
    let metadata = json!({"id": "1", "payload": {"headers": [{"name": "Subject", "value": "s"}]}});
    assert_eq!(readable(metadata), json!({"id": "1", "headers": {"Subject": "s"}}), "no body was asked for");
    for other in [json!({"messages": [{"id": "1"}]}), json!({"payload": "x"}), json!(null), json!([1, "a"])] {
        assert_eq!(readable(other.clone()), other);
    }
}

#[test]
fn of_alternatives_the_plain_one_is_read_where_it_says_anything() {
    let alternatives = |parts: &[Value]| json!({"mimeType": "multipart/alternative", "parts": parts});
    let (plain, html, blank) =
        (leaf("text/plain", "plain"), leaf("text/html", "<b>html</b>"), leaf("text/plain", " \r\n"));
    assert_eq!(text_of(&alternatives(&[html.clone(), plain.clone()])), "plain");
    assert_eq!(text_of(&alternatives(&[blank, html.clone()])), "html");
    let related = json!({"mimeType": "multipart/related", "parts": [html]});
    assert_eq!(text_of(&alternatives(std::slice::from_ref(&related))), "html");
    assert_eq!(text_of(&alternatives(&[plain.clone(), related])), "plain");
    assert_eq!(text_of(&json!({"mimeType": "multipart/mixed", "parts": [plain.clone(), plain]})), "plain\nplain");
    assert_eq!(text_of(&json!({"mimeType": "multipart/mixed", "parts": []})), "");
    let marked = readable(json!({"payload": leaf("text/html", "<p>x</p>")}));
    assert_eq!(marked, json!({"headers": {}, "text": "x", "textFrom": "text/html"}));
}

#[test]
fn charsets_are_decoded() {
    let with = |charset: &str, bytes: &[u8]| {
        let header =
            json!({"name": "Content-Type", "value": format!("text/plain; format=flowed; charset=\"{charset}\"")});
        text_of(&json!({"mimeType": "text/plain", "headers": [header], "body": {"data": base64(bytes)}}))
    };
    assert_eq!(with("iso-8859-1", b"Gr\xFC\xDFe"), "Grüße");
    assert_eq!(with("windows-1252", b"\x80 5"), "€ 5");
    assert_eq!(with("Shift_JIS", b"\x93\xFA\x96\x7B"), "日本");
    assert_eq!(with("iso-2022-jp", b"\x1b$BF|K\\\x1b(B"), "日本");
    assert_eq!(with("gb2312", b"\xC4\xE3\xBA\xC3"), "你好");
    assert_eq!(with("iso-8859-1", "Grüße".as_bytes()), "Grüße", "Gmail has turned it into UTF-8 already");
    assert_eq!(with("no-such", b"a\xFF"), "a\u{FFFD}");
    assert_eq!(with("utf-8", b"a\xFF"), "a\u{FFFD}");
    assert_eq!(with("", b"ok"), "ok");
}

#[test]
fn t036_long_texts_are_cut_and_say_so() {
    let long = "é".repeat(LONGEST + 5);
    let text = text_of(&leaf("text/plain", &long));
    assert_eq!(text, format!("{}\n[agentport: 5 more characters of this mail are not shown]", "é".repeat(LONGEST)));
    let thread: Vec<_> = (0..7).map(|_| json!({"payload": leaf("text/plain", &long)})).collect();
    let read = readable(json!({ "messages": thread }));
    let shown: usize =
        read["messages"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap().matches('é').count()).sum();
    assert_eq!(shown, ALL);
    assert_eq!(
        read["messages"][6]["text"],
        format!("\n[agentport: {} more characters of this mail are not shown]", LONGEST + 5)
    );
}

#[test]
fn t218_a_hostile_message_breaks_nothing() {
    let mut deep = leaf("text/plain", "deep");
    for _ in 0..60 {
        deep = json!({"mimeType": "multipart/mixed", "parts": [deep]});
    }
    assert_eq!(text_of(&deep), "deep");
    for payload in [
        json!({}),
        json!({"headers": {"name": "x"}, "body": [], "parts": {"a": 1}}),
        json!({"headers": [1, null, {"name": 1}], "body": {"data": 5}, "parts": [1, "x", null, {"parts": [{}]}]}),
        json!({"mimeType": 7, "filename": 7, "body": {"data": "%%%"}}),
    ] {
        readable(json!({ "payload": payload }));
    }
    let spoof = json!({"payload": {"headers": [{"name": "From", "value": "=?utf-8?q?Boss_=3Cboss=40acme.com=3E?= <e@evil.com>"}]}});
    assert_eq!(readable(spoof)["headers"]["From"], "=?utf-8?q?Boss_=3Cboss=40acme.com=3E?= <e@evil.com>");
}

#[test]
fn t178_a_credential_in_a_mail_is_found_after_decoding() {
    let secret = "ya29.a-credential-of-this-account";
    let needles = Needles::new(secret, &format!("Bearer {secret}"));
    let limits = Limits::DEFAULT;
    let request = HttpRequest::bare(Method::Get, "/", AnswerKind::Mail);
    let plan = Plan::of_request(&account("https://gmail.googleapis.com"), Effect::Read, request);
    let kind = AnswerKind::Mail;
    let asked = Asked { plan: &plan, integration: "gmail", read: true, kind, limits: &limits, needles: &needles };
    let text = format!("<p>your key is {}</p>", secret.replace('-', "&#45;"));
    let body = json!({"id": "1", "payload": leaf("text/html", &text)}).to_string().into_bytes();
    let answer = Answer {
        status: 200,
        content_type: Some("application/json".to_owned()),
        retry_after: None,
        may_retry: None,
        link: None,
        body: Ok(body),
    };
    let (outcome, hits) = asked.outcome(Ok(answer));
    let Outcome::Succeeded { result, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((result["text"].as_str(), hits), (Some("your key is [redacted]"), 1));
}

proptest::proptest! {
    /// Anybody can send a mail, and a panic would end the released program.
    #[test]
    fn no_mail_is_too_strange(
        subject in "(\\PC|=\\?|\\?=|\\?[qQbB]\\?|utf-8|iso-2022-jp|utf-7|=[0-9A-F]{2}|_){0,24}",
        kind in "(text/(plain|html)|multipart/(mixed|alternative)|message/rfc822|\\PC{0,12})",
        charset in "(utf-8|utf-7|utf-16|iso-2022-jp|gb18030|big5|euc-kr|shift_jis|koi8-r|\\PC{0,8})",
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        markup in "(<|>|a|&|#|;|</|<!--|-->|<script|<table|<td|<a href=|\"|=|\\PC){0,40}",
    ) {
        for bytes in [body.as_slice(), markup.as_bytes()] {
            let headers = json!([
                {"name": "Subject", "value": subject}, {"name": "From", "value": subject},
                {"name": "Content-Type", "value": format!("{kind}; charset=\"{charset}\"")},
            ]);
            let part = json!({"mimeType": kind, "filename": subject, "headers": headers, "body": {"size": 1, "data": base64(bytes)}});
            let message = json!({"payload": {
                "mimeType": "multipart/mixed", "filename": "", "headers": headers, "body": {"size": 0}, "parts": [part, leaf(&kind, &subject)],
            }});
            proptest::prop_assert!(readable(message).is_object());
        }
    }
}

//! Whatever the texts are: who gets it is who was given.

use proptest::prelude::*;

use super::*;

/// Text with what matters to mails in it.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Zé ,;:<>@\"\\\\()\\[\\].=?_-]{0,24}",
        "\\PC{0,16}",
        any::<String>(),
        prop::collection::vec(
            prop::sample::select(vec![
                "ann@example.com",
                "evil@evil.com",
                "Ann ",
                "\"",
                "<",
                ">",
                ",",
                ";",
                ":",
                "(",
                ")",
                "\r\n",
                "\n",
                "\r",
                "Bcc: ",
                "=?utf-8?q?",
                "=0D=0A",
                "=40",
                "?=",
                "=?utf-8?B?",
                " ",
                "  ",
                "\t",
                "\u{202e}",
                "é",
                "\u{0}",
                "--mix",
                "--",
                "Content-Type: text/html",
                "\r\n\r\n",
                ".",
                "\\",
                "x",
                "group:",
                "'",
                "*0*=",
                "%0d%0a",
            ]),
            0..8
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn an_address() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "([A-Z][a-zé'-]{0,6}( [A-Z.]{1,3}){0,2} )?<[a-z0-9+._-]{1,8}@[a-z0-9-]{1,6}\\.[a-z]{2,3}>",
        2 => "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,8}@[a-zA-Z0-9]{1,6}(\\.[a-z]{2,3}){1,2}",
        3 => hostile(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// I: whoever is on the wire was shown; whatever the texts say, a reader that is not the writer finds exactly the
    /// recipients, the subject and the parts that were given, or nothing is sent.
    #[test]
    fn t051_recipients_on_the_wire_are_those_that_were_given(
        to in prop::collection::vec(an_address(), 0..4),
        cc in prop::collection::vec(an_address(), 0..3),
        bcc in prop::collection::vec(an_address(), 0..3),
        subject in hostile(),
        text in hostile(),
        html in prop::option::of(hostile()),
        reference in hostile(),
        filename in hostile(),
        content in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut given = json!({"to": to, "copies": cc, "bcc": bcc, "subject": subject, "text": text});
        // what is refused by itself would leave little to be judged
        for (name, value) in [
            ("references", json!([reference])),
            ("files", json!([{"name": filename, "mime_type": "text/plain", "content": BASE64.encode(&content)}])),
        ] {
            if placed(&json!({name: value})).is_ok() {
                given[name] = value;
            }
        }
        if let Some(html) = &html {
            given["html"] = json!(html);
        }
        let all: Vec<&String> = to.iter().chain(&cc).chain(&bcc).collect();
        let Ok(_) = placed(&given) else {
            // refused is right, unless all of it was ordinary
            let plain = |text: &str| text.chars().all(|one| !one.is_control() && one != '=');
            prop_assert!(
                all.iter().any(|one| Mailbox::parse(one).is_err()) || !plain(&subject) || subject.trim() != subject
                    || !plain(&text) || html.is_some_and(|html| !plain(&html)) || given.get("references").is_some()
                    || given.get("files").is_some() || subject.contains("  "),
                "{given} is refused: {:?}", placed(&given)
            );
            return Ok(());
        };
        let bytes = message(&given);
        let read = MessageParser::new().parse(&bytes).unwrap();
        let addresses = |address: Option<&mail_parser::Address<'_>>| -> Vec<String> {
            let each = address.into_iter().flat_map(|address| address.iter());
            each.map(|one| one.address.as_ref().unwrap().to_string()).collect()
        };
        let wanted = |list: &[String]| -> Vec<String> {
            list.iter().map(|text| {
                let inner = text.split_once('<').map_or(text.as_str(), |(_, rest)| rest);
                inner.trim_end_matches('>').to_owned()
            }).collect()
        };
        prop_assert_eq!(addresses(read.to()), wanted(&to));
        prop_assert_eq!(addresses(read.cc()), wanted(&cc));
        prop_assert_eq!(addresses(read.bcc()), wanted(&bcc));
        prop_assert_eq!(read.subject().unwrap_or_default(), subject);
        let leaves = read.parts.iter().filter(|part| !part.is_multipart()).count();
        prop_assert_eq!(leaves, 1 + usize::from(html.is_some()) + usize::from(given.get("files").is_some()));
        // the crudest reader there is sees the same: every @ of the head stands where it was given
        let head = String::from_utf8(bytes.clone()).unwrap();
        let head = head.split("\r\n\r\n").next().unwrap();
        prop_assert!(head.is_ascii());
        let bare: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).collect();
        for name in ["To", "Cc", "Bcc", "Subject", "Reply-To", "From", "Sender"] {
            let times = bare.iter().filter(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase()))).count();
            let list = match name { "To" => !to.is_empty(), "Cc" => !cc.is_empty(), "Bcc" => !bcc.is_empty(), "Subject" => true, _ => false };
            prop_assert_eq!(times, usize::from(list), "{}", name);
        }
    }

    #[test]
    fn ordinary_mails_are_written(
        name in "[A-Z][a-zéü]{1,8} [A-Z][a-zéü]{1,40}",
        subject in "[A-Za-zéü0-9!?.,:;#\"'()€-]{1,20}( [A-Za-zéü0-9!?.,:;#\"'()😀-]{1,20}){0,12}",
        text in "([A-Za-zéü0-9.,!? \t\"<>&=-]{0,120}\n?){0,8}",
    ) {
        prop_assume!(!subject.contains("=?"));
        let given = json!({"to": [format!("{name} <a@example.com>")], "subject": subject, "text": text});
        prop_assert!(placed(&given).is_ok(), "{:?}", placed(&given));
    }
}

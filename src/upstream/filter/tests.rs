use data_encoding::{BASE64, BASE64_MIME, BASE64URL, HEXUPPER};
use serde_json::json;

use super::*;

const SECRET: &str = "rk_test_4eC39HqLyjWD?arjtT1/zdp7dc";

fn needles() -> Needles {
    Needles::new(SECRET, &format!("Bearer {SECRET}"))
}

/// Is anything left of the secret, as plain text or at its heart?
fn cleaned(text: &str) -> (String, usize) {
    let (text, hits) = redact_text(text.to_owned(), &needles());
    assert!(!text.contains("39HqLyjWD"), "{text}");
    (text, hits)
}

#[test]
fn t178_every_form_of_the_credential_is_found() {
    assert_eq!(cleaned(&format!("got {SECRET}.")), ("got [redacted].".to_owned(), 1));
    assert_eq!(cleaned(&format!("Authorization: Bearer {SECRET}\r\n")).0, "Authorization: [redacted]\r\n");
    assert_eq!(cleaned(&format!("é{SECRET}é{SECRET}")), ("é[redacted]é[redacted]".to_owned(), 2));
    assert_eq!(cleaned(&format!("x {} y", HEXUPPER.encode(SECRET.as_bytes()))).0, "x [redacted] y");

    for before in ["", ":", "u:", "me:", "user:", "Bearer ", "{\"key\":\""] {
        for after in ["", ":", ":x", "\"}"] {
            let text = format!("{before}{SECRET}{after}");
            for encoding in [BASE64, BASE64URL, BASE64_NOPAD, BASE64URL_NOPAD] {
                let encoded = encoding.encode(text.as_bytes());
                assert_eq!(cleaned(&format!("Basic {encoded}, so")), ("Basic [redacted], so".to_owned(), 1), "{text}");
            }
            assert_eq!(cleaned(&BASE64_MIME.encode(format!("{text:80}").as_bytes())).1, 1, "over several lines");
        }
    }
}

#[test]
fn t178_forms_behind_one_more_decoding_take_the_string_with_them() {
    let percent = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    let json = SECRET.bytes().map(|byte| format!("\\u{byte:04X}")).collect::<Vec<_>>().concat();
    let html = SECRET.bytes().map(|byte| format!("&#{byte};")).collect::<Vec<_>>().concat();
    for form in [
        percent.clone(),
        percent.replace('%', "%25"),
        SECRET.replace('_', "%5F").replace('?', "%3F"),
        SECRET.replace('/', "%2f"),
        json.clone(),
        SECRET.replace('r', "\\u0072"),
        json.replace('\\', "\\\\"),
        SECRET.replace('/', "\\/"),
        html.clone(),
        html.replace('&', "&amp;"),
        SECRET.replace('_', "&#x5f;"),
        percent.replace('%', "\\u0025"),
    ] {
        assert_eq!(cleaned(&format!("<p>{form}</p>")), (REDACTED.to_owned(), 1), "{form}");
    }
    let encoded = BASE64.encode(SECRET.as_bytes()).replace('/', "%2F");
    assert_eq!(cleaned(&encoded).1, 1);
}

#[test]
fn t178_values_and_keys_of_json_are_searched_decoded() {
    let text = format!(
        r#"{{"echo":[{{"\u0072{}":1}}],"n":42,"nested":"{{\"k\":\"\\u0072{}\"}}"}}"#,
        SECRET.trim_start_matches('r'),
        SECRET.trim_start_matches('r')
    );
    let value = super::super::json::parse(&text).unwrap();
    let expected = json!({"echo": [{"[redacted]": 1}], "n": 42, "nested": "[redacted]"});
    assert_eq!(redact(value, &needles()), (expected, 2));
}

#[test]
fn what_is_not_the_credential_stays() {
    for text in ["", "100% of it & \\u00e9 caf\u{e9}\nnext", "rk_test_ and Bearer and cmtfdGVzdA"] {
        assert_eq!(cleaned(text), (text.to_owned(), 0));
    }
    let value = json!({"a": [1, 2.5, null, true, "x"]});
    assert_eq!(redact(value.clone(), &needles()), (value, 0));
}

#[test]
fn of_a_short_secret_only_whole_values_go() {
    let needles = Needles::new("12345", "Token 12345");
    assert_eq!(
        redact(json!(["12345", "Token 12345", "x12345", 12345, 123_456]), &needles),
        (json!(["[redacted]", "[redacted]", "x12345", "[redacted]", 123_456]), 3)
    );
}

#[test]
fn a_secret_of_digits_is_found_as_a_number() {
    let needles = Needles::new("1234567890", "1234567890");
    assert_eq!(redact(json!([1_234_567_890, 1_234_567_891]), &needles), (json!(["[redacted]", 1_234_567_891]), 1));
}

#[test]
fn nothing_of_it_is_printed() {
    assert_eq!(format!("{:?}", needles()), "[needles]");
}

#[test]
fn t178_two_keys_that_are_the_credential_are_still_two() {
    let encoded = BASE64.encode(SECRET.as_bytes());
    let (value, hits) = redact(json!({SECRET: {"a": SECRET}, encoded: 2, "[redacted]": 3, "b": 4}), &needles());
    assert_eq!(hits, 3);
    let text = value.to_string();
    assert!(!text.contains("39HqLyjWD"), "{text}");
    let mut values: Vec<_> = value.as_object().unwrap().values().map(ToString::to_string).collect();
    values.sort();
    assert_eq!(values, ["2", "3", "4", "{\"a\":\"[redacted]\"}"], "{text}");
}

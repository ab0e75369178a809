//! Gmail's messages, made readable: the headers that matter, the body as text, and what is attached.
//!
//! INVARIANT: only the `payload` of a message is replaced; everything else of an answer stays as the vendor sent it.
//! Nothing is left out in silence: a text that is cut says so, and every part that is not in the text is listed.

mod html;

use data_encoding::BASE64URL_NOPAD;
use mail_parser::{MessageParser, decoders::charsets::map::charset_decoder};
use serde_json::{Map, Value, json};

/// The headers that are kept, as they are called in the answer.
const HEADERS: [&str; 11] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Reply-To",
    "List-Unsubscribe",
];
/// The most characters of one mail's text, and of all texts of an answer: what a model can still take in.
const LONGEST: usize = 40_000;
const ALL: usize = 200_000;

/// The answer with every message in it made readable.
pub(super) fn readable(answer: Value) -> Value {
    Reading { left: ALL }.walk(answer)
}

struct Reading {
    /// How many characters of text there is room for.
    left: usize,
}

impl Reading {
    fn walk(&mut self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.walk(item)).collect(),
            Value::Object(members) => {
                let mut out = Map::new();
                for (key, member) in members {
                    match member {
                        Value::Object(payload) if key == "payload" => self.message(&payload, &mut out),
                        member => drop(out.insert(key, self.walk(member))),
                    }
                }
                Value::Object(out)
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
        }
    }

    /// What takes the place of a payload.
    fn message(&mut self, payload: &Map<String, Value>, out: &mut Map<String, Value>) {
        out.insert("headers".to_owned(), headers(payload));
        let has_body = payload.contains_key("body") || payload.contains_key("parts");
        if !has_body {
            return;
        }
        let body = body(payload);
        let from_html = body.iter().any(|(kind, _)| *kind == Kind::Html);
        let texts = body.into_iter().map(|(kind, text)| match kind {
            Kind::Plain => text,
            Kind::Html => html::to_text(&text),
        });
        let text = texts.map(|text| text.replace("\r\n", "\n")).collect::<Vec<_>>().join("\n");
        out.insert("text".to_owned(), Value::String(self.cut(&text)));
        if from_html {
            out.insert("textFrom".to_owned(), json!("text/html"));
        }
        let mut attached = Vec::new();
        attachments(payload, &mut attached);
        if !attached.is_empty() {
            out.insert("attachments".to_owned(), Value::Array(attached));
        }
    }

    fn cut(&mut self, text: &str) -> String {
        let room = LONGEST.min(self.left);
        let length = text.chars().count();
        self.left -= room.min(length);
        if length <= room {
            return text.to_owned();
        }
        let kept: String = text.chars().take(room).collect();
        format!("{kept}\n[agentport: {} more characters of this mail are not shown]", length - room)
    }
}

/// One text for a header that stands there once, a list for one that stands there more often.
fn headers(payload: &Map<String, Value>) -> Value {
    let given = payload.get("headers").and_then(Value::as_array);
    let mut out = Map::new();
    for name in HEADERS {
        let of_name = |header: &&Value| {
            header.get("name").and_then(Value::as_str).is_some_and(|other| other.eq_ignore_ascii_case(name))
        };
        let found = given.into_iter().flatten().filter(of_name).filter_map(|header| header.get("value")?.as_str());
        let mut values: Vec<_> =
            found.map(|value| json!(if name == "Subject" { decoded(value) } else { value.to_owned() })).collect();
        match values.len() {
            0 => {}
            1 => out.extend(values.pop().map(|value| (name.to_owned(), value))),
            _ => drop(out.insert(name.to_owned(), Value::Array(values))),
        }
    }
    Value::Object(out)
}

/// A subject without encoded words. Addresses are left as they are: what a name decodes to could look like one.
fn decoded(subject: &str) -> String {
    if !subject.contains("=?") || subject.contains(['\r', '\n']) {
        return subject.to_owned();
    }
    let header = format!("Subject: {subject}\r\n\r\n");
    let message = MessageParser::new().parse_headers(header.as_bytes());
    message.and_then(|message| message.subject().map(str::to_owned)).unwrap_or_else(|| subject.to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Html,
}

/// The texts of a part in their order; of alternatives the plain one, where it says anything.
fn body(part: &Map<String, Value>) -> Vec<(Kind, String)> {
    let kind = kind(part);
    let inner: Vec<_> = parts(part).map(body).collect();
    if kind == "multipart/alternative" {
        let says = |texts: &Vec<(Kind, String)>, wanted| {
            texts.iter().any(|(kind, text)| *kind == wanted && !text.trim().is_empty())
        };
        let best = [Kind::Plain, Kind::Html].iter().find_map(|kind| inner.iter().find(|texts| says(texts, *kind)));
        return best.cloned().unwrap_or_default();
    }
    let own = match kind.as_str() {
        "text/plain" => Some(Kind::Plain),
        "text/html" => Some(Kind::Html),
        _ => None,
    };
    let own = own.filter(|_| !is_attached(part)).and_then(|kind| Some((kind, text(part)?)));
    own.into_iter().chain(inner.into_iter().flatten()).collect()
}

/// What is not in the text: files, and parts of no known kind.
fn attachments(part: &Map<String, Value>, out: &mut Vec<Value>) {
    let kind = kind(part);
    let is_text = matches!(kind.as_str(), "text/plain" | "text/html");
    let has_content = part.get("body").is_some_and(|body| body.get("attachmentId").or(body.get("data")).is_some());
    if has_content && (is_attached(part) || !is_text && !kind.starts_with("multipart/")) {
        let body = part.get("body");
        let mut one = Map::new();
        one.insert("filename".to_owned(), part.get("filename").cloned().unwrap_or_default());
        one.insert("mimeType".to_owned(), json!(kind));
        for key in ["size", "attachmentId"] {
            one.extend(body.and_then(|body| body.get(key)).map(|value| (key.to_owned(), value.clone())));
        }
        out.push(Value::Object(one));
    }
    parts(part).for_each(|part| attachments(part, out));
}

/// Has it a file's name, or is its content kept elsewhere?
fn is_attached(part: &Map<String, Value>) -> bool {
    let named = part.get("filename").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    let body = part.get("body");
    named || body.is_some_and(|body| body.get("data").is_none() && body.get("attachmentId").is_some())
}

/// The text of a part. Gmail hands out the bytes of the part, in the charset that its own header names.
fn text(part: &Map<String, Value>) -> Option<String> {
    let data = part.get("body")?.get("data")?.as_str()?;
    let bytes = BASE64URL_NOPAD.decode(data.trim_end_matches('=').as_bytes()).ok()?;
    let charset = charset(part);
    // seven-bit charsets with escapes look like UTF-8 and are none
    let escaped = charset
        .as_deref()
        .is_some_and(|name| name.to_ascii_lowercase().starts_with("iso-2022") || name.eq_ignore_ascii_case("utf-7"));
    match std::str::from_utf8(&bytes) {
        Ok(text) if !escaped => Some(text.to_owned()),
        Ok(_) | Err(_) => {
            let decode = charset.and_then(|name| charset_decoder(name.as_bytes()));
            Some(decode.map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), |decode| decode(&bytes)))
        }
    }
}

fn charset(part: &Map<String, Value>) -> Option<String> {
    let headers = part.get("headers")?.as_array()?;
    let named = |header: &&Value| {
        header.get("name").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("content-type"))
    };
    let value = headers.iter().find(named)?.get("value")?.as_str()?;
    let attributes = value.split(';').skip(1).filter_map(|attribute| attribute.split_once('='));
    let mut charsets = attributes.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.next().map(|(_, value)| value.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty())
}

fn kind(part: &Map<String, Value>) -> String {
    part.get("mimeType").and_then(Value::as_str).unwrap_or("text/plain").to_ascii_lowercase()
}

fn parts(part: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    part.get("parts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

#[cfg(test)]
mod tests;

//! Writes a mail into a JSON body: `{"raw": base64url(message)}` and whatever stands beside it.
//!
//! INVARIANT: what is sent is what was asked. The finished message is read again by a parser that did not write it, and
//! every recipient, header, text and attachment must come back. The same call always gives the same bytes: boundaries
//! come from the arguments; there is no date, no sender and no Message-ID, which are the service's to set (a Message-ID
//! made from the arguments would make the second of two equal mails a duplicate that is thrown away).

use data_encoding::{BASE64, BASE64_MIME, BASE64URL_NOPAD};
use mail_builder::{
    headers::{
        Header as _, HeaderType, address::Address, content_type::ContentType, message_id::MessageId, text::Text,
    },
    mime::{BodyPart, MimePart},
};
use serde_json::{Map, Value};

use super::{nested::put, on_the_wire};
use crate::{
    canonical,
    catalog::{
        Arguments, Param, Place, Problem, RestTemplate, Tool,
        arguments::pointer,
        mail::{Attachment, Letter, Mailbox, Role},
    },
};

/// The largest message that is written, in bytes: what arguments of a megabyte can become, and no more.
const LARGEST: usize = 2 * 1024 * 1024;
/// RFC 5322 has lines of 998 characters at most, and an id is never folded.
const LONGEST_ID: usize = 900;
const LONGEST_FILENAME: usize = 255;

/// The body of a call: the mail where `raw` says, and the arguments that stand beside it.
pub(super) fn body(tool: &Tool, template: &RestTemplate, arguments: &Arguments) -> Result<String, Vec<Problem>> {
    let letter = meant(tool, arguments)?;
    let message = written(&letter, &seed(tool, arguments));
    if message.len() > LARGEST {
        return Err(problem("", format!("the mail must have at most {LARGEST} bytes, not {}", message.len())));
    }
    if let Err(part) = unmoved(&letter, Letter::read(&message).as_ref()) {
        let of_part = |param: &&Param| part.is_some() && Role::of(param) == part;
        let at = tool.params.iter().find(of_part).map(|param| pointer("", &param.name));
        return Err(problem(
            &at.unwrap_or_default(),
            "cannot be written into a mail so that everybody reads it as it is given".to_owned(),
        ));
    }
    let mut body = Map::new();
    for param in tool.params.iter().filter(|param| param.place == Place::Body) {
        if let Some(value) = arguments.as_map().get(&param.name) {
            put(&mut body, &param.wire, on_the_wire(param, value));
        }
    }
    put(&mut body, &template.raw.join("."), Value::String(BASE64URL_NOPAD.encode(&message)));
    Ok(canonical::object_text(&body))
}

/// The mail that the arguments ask for.
fn meant(tool: &Tool, arguments: &Arguments) -> Result<Letter, Vec<Problem>> {
    let mut reading = Reading { problems: Vec::new() };
    let mut letter = Letter::default();
    for (param, role) in tool.params.iter().filter_map(|param| Some((param, Role::of(param)?))) {
        let Some(value) = arguments.as_map().get(&param.name) else { continue };
        let at = pointer("", &param.name);
        match role {
            Role::To => letter.to = reading.each(value, &at, Mailbox::parse),
            Role::Cc => letter.cc = reading.each(value, &at, Mailbox::parse),
            Role::Bcc => letter.bcc = reading.each(value, &at, Mailbox::parse),
            Role::ReplyTo => letter.reply_to = reading.each(value, &at, Mailbox::parse),
            Role::Subject => letter.subject = reading.one(value, &at, subject),
            Role::InReplyTo => letter.in_reply_to = reading.each(value, &at, id),
            Role::References => letter.references = reading.each(value, &at, id),
            Role::Text => letter.text = reading.one(value, &at, text),
            Role::Html => letter.html = reading.one(value, &at, text),
            Role::Attachments => letter.attachments = reading.attachments(param, value, &at),
        }
    }
    if letter.text.is_none() && letter.html.is_none() {
        letter.text = Some(String::new());
    }
    if reading.problems.is_empty() { Ok(letter) } else { Err(reading.problems) }
}

struct Reading {
    problems: Vec<Problem>,
}

impl Reading {
    /// A text, or every text of a list, each under its own place.
    fn each<T>(&mut self, value: &Value, at: &str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let mut one = |text: &str, at: String| read(text).map_err(|message| self.note(at, message)).ok();
        match value {
            Value::String(text) => one(text, at.to_owned()).into_iter().collect(),
            Value::Array(items) => {
                let texts = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.as_str()?)));
                texts.filter_map(|(index, text)| one(text, format!("{at}/{index}"))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        }
    }

    fn one<T>(&mut self, value: &Value, at: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.each(value, at, read).pop()
    }

    fn attachments(&mut self, param: &Param, value: &Value, at: &str) -> Vec<Attachment> {
        let Value::Array(items) = on_the_wire(param, value) else { return Vec::new() };
        let mut all = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let member = |name: &str| (item.get(name).cloned().unwrap_or_default(), format!("{at}/{index}/{name}"));
            let (value, place) = member("filename");
            let filename = self.one(&value, &place, filename);
            let (value, place) = member("mime_type");
            let mime_type =
                if value.is_null() { Some(UNKNOWN.to_owned()) } else { self.one(&value, &place, mime_type) };
            let (value, place) = member("content");
            let content = self.one(&value, &place, content);
            if let (Some(filename), Some(mime_type), Some(content)) = (filename, mime_type, content) {
                all.push(Attachment { filename, mime_type, content });
            }
        }
        all
    }

    fn note(&mut self, at: String, message: String) {
        self.problems.push(Problem { at, message });
    }
}

const UNKNOWN: &str = "application/octet-stream";

fn subject(text: &str) -> Result<String, String> {
    one_line(text)?;
    Ok(text.to_owned())
}

/// Line ends become the mail's own; other control characters have no business in a text.
fn text(text: &str) -> Result<String, String> {
    let lines = text.replace("\r\n", "\n");
    if lines.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
        return Err("must not contain control characters other than line ends and tabs".to_owned());
    }
    Ok(lines)
}

/// A Message-ID, with its angle brackets or without.
fn id(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text);
    let fits = (1..=LONGEST_ID).contains(&inner.len())
        && inner.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'));
    if !fits {
        return Err(
            "must be one Message-ID such as `<CAF4a@mail.example.com>`, as the header of that mail has it".to_owned()
        );
    }
    Ok(inner.to_owned())
}

fn filename(text: &str) -> Result<String, String> {
    one_line(text)?;
    if !(1..=LONGEST_FILENAME).contains(&text.len()) || text.trim() != text {
        return Err(format!("must have 1 to {LONGEST_FILENAME} bytes, and no space at its ends"));
    }
    if text.contains(['/', '\\']) {
        return Err("must be a name without `/` and `\\`".to_owned());
    }
    Ok(text.to_owned())
}

fn mime_type(text: &str) -> Result<String, String> {
    let token = |part: &str| {
        (1..=100).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$&^_.+-".contains(&byte))
    };
    match text.split_once('/') {
        Some(("multipart" | "message", _)) => {
            Err("must be the type of a file; what has parts of its own goes as `application/octet-stream`".to_owned())
        }
        Some((kind, subtype)) if token(kind) && token(subtype) => Ok(text.to_owned()),
        Some(_) | None => Err("must be a media type in lower case, such as `application/pdf`".to_owned()),
    }
}

fn content(text: &str) -> Result<Vec<u8>, String> {
    let decoded = BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text);
    decoded.ok_or_else(|| "must be base64 (with `+`, `/` and `=`), without spaces and line ends".to_owned())
}

fn one_line(text: &str) -> Result<(), String> {
    if text.chars().any(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')) {
        return Err("must be one line, without control characters".to_owned());
    }
    if text.contains("=?") {
        return Err("must not contain an encoded word (`=?…?=`); write the text as it is".to_owned());
    }
    Ok(())
}

/// What all that is arbitrary in the message comes from. The text of the mail is in it, so no text can hold it.
fn seed(tool: &Tool, arguments: &Arguments) -> String {
    let arguments = canonical::object_text(arguments.as_map());
    let parts = [tool.integration.id.as_bytes(), tool.name.as_bytes(), arguments.as_bytes()];
    canonical::hex(&canonical::sha256("agentport/mail/1", &parts)).chars().take(40).collect()
}

/// The message, from its first header to its last boundary.
fn written(letter: &Letter, seed: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut header = |name: &str, value: HeaderType<'_>| {
        out.extend(name.bytes().chain(*b": "));
        value.write_header(&mut out, name.len() + 2);
    };
    header("MIME-Version", HeaderType::Text(Text::new("1.0")));
    for (name, list) in [("To", &letter.to), ("Cc", &letter.cc), ("Bcc", &letter.bcc), ("Reply-To", &letter.reply_to)] {
        if !list.is_empty() {
            let each = |one: &Mailbox| Address::new_address(one.name.clone(), one.address.clone());
            header(name, Address::new_list(list.iter().map(each).collect()).into());
        }
    }
    if let Some(subject) = &letter.subject {
        header("Subject", HeaderType::Text(Text::new(subject.as_str())));
    }
    for (name, ids) in [("In-Reply-To", &letter.in_reply_to), ("References", &letter.references)] {
        if !ids.is_empty() {
            header(name, MessageId::new_list(ids.iter().map(String::as_str)).into());
        }
    }
    root(letter, seed).write_part(&mut out);
    out
}

fn root<'l>(letter: &'l Letter, seed: &str) -> MimePart<'l> {
    // RFC 2045, section 6.8: what is encoded is text with the line ends of mails
    let of = |kind: &'static str, text: &String| MimePart::new(kind, BodyPart::Text(text.replace('\n', "\r\n").into()));
    let mut texts: Vec<_> = letter.text.iter().map(|text| of("text/plain", text)).collect();
    texts.extend(letter.html.iter().map(|html| of("text/html", html)));
    let many = |kind: &'static str, mark: &str, parts: Vec<MimePart<'l>>| {
        MimePart::new(
            ContentType::new(kind).attribute("boundary", format!("{mark}-{seed}")),
            BodyPart::Multipart(parts),
        )
    };
    let both = texts.len() > 1;
    let body = match texts.pop() {
        Some(html) if both => many("multipart/alternative", "alt", texts.into_iter().chain([html]).collect()),
        Some(only) => only,
        None => MimePart::new("text/plain", BodyPart::Text("".into())),
    };
    if letter.attachments.is_empty() {
        return body;
    }
    let attached = letter.attachments.iter().map(|attachment| {
        // written by us and not by the crate, which would send text as it is and so leave its bytes to the reader
        let encoded = BASE64_MIME.encode(&attachment.content).into_bytes();
        MimePart::new(ContentType::new(attachment.mime_type.as_str()), BodyPart::Binary(encoded.into()))
            .attachment(attachment.filename.as_str())
            .transfer_encoding("base64")
    });
    many("multipart/mixed", "mix", std::iter::once(body).chain(attached).collect())
}

/// Did the mail come back as it was meant? If not, the first part that did not, or none where it cannot be read at all.
fn unmoved(meant: &Letter, read: Option<&Letter>) -> Result<(), Option<Role>> {
    let read = read.ok_or(None)?;
    let moved = Role::ALL.into_iter().find(|role| match role {
        Role::To => meant.to != read.to,
        Role::Cc => meant.cc != read.cc,
        Role::Bcc => meant.bcc != read.bcc,
        Role::ReplyTo => meant.reply_to != read.reply_to,
        Role::Subject => meant.subject != read.subject,
        Role::InReplyTo => meant.in_reply_to != read.in_reply_to,
        Role::References => meant.references != read.references,
        Role::Text => meant.text != read.text,
        Role::Html => meant.html != read.html,
        Role::Attachments => meant.attachments != read.attachments,
    });
    moved.map_or(Ok(()), |role| Err(Some(role)))
}

fn problem(at: &str, message: String) -> Vec<Problem> {
    vec![Problem { at: at.to_owned(), message }]
}

#[cfg(test)]
mod tests;

//! A mail as people read it, out of its bytes. An independent parser does the reading: not the crate that wrote them.

use data_encoding::BASE64;
use mail_parser::{Encoding, Header, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::Mailbox;
use crate::canonical;

/// A mail. What it has that does not stand here is a reason not to read it at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letter {
    /// `To`
    pub to: Vec<Mailbox>,
    /// `Cc`
    pub cc: Vec<Mailbox>,
    /// `Bcc`: those who get it, and whom nobody else sees.
    pub bcc: Vec<Mailbox>,
    /// `Reply-To`
    pub reply_to: Vec<Mailbox>,
    /// `Subject`, decoded.
    pub subject: Option<String>,
    /// `In-Reply-To`, without the angle brackets.
    pub in_reply_to: Vec<String>,
    /// `References`, without the angle brackets.
    pub references: Vec<String>,
    /// The text of the mail, its lines ended by `\n`.
    pub text: Option<String>,
    /// The same as HTML, its source.
    pub html: Option<String>,
    /// What is attached.
    pub attachments: Vec<Attachment>,
}

/// A file that goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name for the one who gets it.
    pub filename: String,
    /// `application/pdf`
    pub mime_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl Attachment {
    /// SHA-256 of the bytes, in hexadecimal: what `sha256sum` prints for the file.
    pub fn sha256(&self) -> String {
        use sha2::{Digest as _, Sha256};
        canonical::hex(&Sha256::digest(&self.content))
    }
}

/// Every header that we write; each at most once.
const HEADERS: [&str; 10] = [
    "MIME-Version",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "In-Reply-To",
    "References",
    "Content-Type",
    "Content-Transfer-Encoding",
];

impl Letter {
    /// Reads a mail of the shape that we write: these headers, one text, one HTML, attachments. `None` for every other
    /// one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let message = MessageParser::new().parse(bytes)?;
        let names: Vec<&str> = message.headers().iter().map(Header::name).collect();
        let once = |name: &str| names.iter().filter(|other| **other == name).count() == 1;
        if !names.iter().all(|name| HEADERS.contains(name) && once(name)) || lines(bytes)? != names {
            return None;
        }
        let mut letter = Self {
            to: mailboxes(&message, "To")?,
            cc: mailboxes(&message, "Cc")?,
            bcc: mailboxes(&message, "Bcc")?,
            reply_to: mailboxes(&message, "Reply-To")?,
            subject: names.contains(&"Subject").then(|| message.subject().unwrap_or_default().to_owned()),
            in_reply_to: ids(message.in_reply_to())?,
            references: ids(message.references())?,
            ..Self::default()
        };
        for part in &message.parts {
            letter.take(part, bytes)?;
        }
        Some(letter)
    }

    /// Puts a part where it belongs; `None` for one that has no place.
    fn take(&mut self, part: &MessagePart<'_>, bytes: &[u8]) -> Option<()> {
        if part.is_encoding_problem {
            return None;
        }
        let disposition = part.content_disposition().map(mail_parser::ContentType::ctype);
        match (&part.body, disposition) {
            (PartType::Multipart(_), None) => {}
            (PartType::Text(text), None) if self.text.is_none() => self.text = Some(unix(text)),
            (PartType::Html(html), None) if self.html.is_none() => self.html = Some(unix(html)),
            (PartType::Text(_) | PartType::Html(_) | PartType::Binary(_), Some("attachment")) => {
                let kind = part.content_type()?;
                self.attachments.push(Attachment {
                    filename: part.attachment_name()?.to_owned(),
                    mime_type: format!("{}/{}", kind.ctype(), kind.subtype()?),
                    content: content(part, bytes)?,
                });
            }
            (
                PartType::Text(_)
                | PartType::Html(_)
                | PartType::Binary(_)
                | PartType::InlineBinary(_)
                | PartType::Message(_)
                | PartType::Multipart(_),
                _,
            ) => return None,
        }
        Some(())
    }
}

/// The names of the headers by the crudest reading there is: one at the start of each line that is no continuation.
fn lines(bytes: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    // 7 bits, no line end but CRLF: the same to every reader
    if !head.is_ascii() || head.replace("\r\n", "").contains(|character: char| character.is_control()) {
        return None;
    }
    let begins = head.split("\r\n").filter(|line| !line.starts_with(' '));
    begins.map(|line| line.split_once(": ").map(|(name, _)| name)).collect()
}

/// What the parser made of a header, in our own strict form.
fn mailboxes(message: &Message<'_>, name: &'static str) -> Option<Vec<Mailbox>> {
    let Some(value) = message.header(name) else { return Some(Vec::new()) };
    let HeaderValue::Address(mail_parser::Address::List(list)) = value else { return None };
    let mailbox = |address: &mail_parser::Addr<'_>| {
        let mailbox = Mailbox {
            name: address.name.as_ref().map(ToString::to_string),
            address: address.address.as_ref()?.to_string(),
        };
        (Mailbox::parse(&mailbox.shown()).as_ref() == Ok(&mailbox)).then_some(mailbox)
    };
    list.iter().map(mailbox).collect()
}

fn ids(value: &HeaderValue<'_>) -> Option<Vec<String>> {
    match value {
        HeaderValue::Empty => Some(Vec::new()),
        HeaderValue::Text(id) => Some(vec![id.to_string()]),
        HeaderValue::TextList(ids) => Some(ids.iter().map(ToString::to_string).collect()),
        HeaderValue::Address(_) | HeaderValue::DateTime(_) | HeaderValue::ContentType(_) | HeaderValue::Received(_) => {
            None
        }
    }
}

/// The bytes of an attachment, which we always write as base64: a reader may have changed the bytes of a text.
fn content(part: &MessagePart<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    if part.encoding != Encoding::Base64 {
        return None;
    }
    let (start, end) = (usize::try_from(part.offset_body).ok()?, usize::try_from(part.offset_end).ok()?);
    let encoded: Vec<u8> = bytes.get(start..end)?.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(&encoded).ok()
}

/// Lines ended by `\n`; in a mail they end with `\r\n`.
pub(in crate::catalog) fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

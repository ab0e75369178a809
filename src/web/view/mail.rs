//! The mail in a request, read back from the bytes that will be sent: what is in base64 there, for people.

use super::{cell::Cell, letters};
use crate::catalog::mail::{Letter, Mailbox};

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct MailView {
    /// Whom it goes to, from which name it answers to, and what it is about: each under the name of its header.
    pub(in crate::web) headers: Vec<(&'static str, Cell, Vec<String>)>,
    /// Its text, and its HTML as source.
    pub(in crate::web) bodies: Vec<(&'static str, Cell)>,
    /// What is attached.
    pub(in crate::web) attachments: Vec<AttachmentView>,
}

/// A file that goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct AttachmentView {
    /// Its name.
    pub(in crate::web) filename: Cell,
    /// What is odd about the name.
    pub(in crate::web) oddities: Vec<String>,
    /// `application/pdf`
    pub(in crate::web) mime_type: Cell,
    /// How many bytes.
    pub(in crate::web) size: usize,
    /// SHA-256 of them.
    pub(in crate::web) sha256: String,
}

impl MailView {
    /// The view of a mail.
    pub(super) fn new(letter: &Letter) -> Self {
        let mut headers = Vec::new();
        let mut add = |name, text: &str| headers.push((name, Cell::text(text), letters::oddities(text)));
        for (name, list) in
            [("To", &letter.to), ("Cc", &letter.cc), ("Bcc", &letter.bcc), ("Reply-To", &letter.reply_to)]
        {
            list.iter().map(Mailbox::shown).for_each(|shown| add(name, &shown));
        }
        letter.subject.iter().for_each(|subject| add("Subject", subject));
        letter.in_reply_to.iter().for_each(|id| add("In-Reply-To", id));
        letter.references.iter().for_each(|id| add("References", id));
        let bodies = [("Text", &letter.text), ("HTML, as its source", &letter.html)];
        Self {
            headers,
            bodies: bodies.into_iter().filter_map(|(name, text)| Some((name, Cell::text(text.as_ref()?)))).collect(),
            attachments: letter
                .attachments
                .iter()
                .map(|attachment| AttachmentView {
                    filename: Cell::text(&attachment.filename),
                    oddities: letters::oddities(&attachment.filename),
                    mime_type: Cell::line(&attachment.mime_type),
                    size: attachment.content.len(),
                    sha256: attachment.sha256(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::mail::Attachment;

    fn told(letter: &Letter) -> Vec<String> {
        let view = MailView::new(letter);
        let headers = view.headers.iter().map(|(name, cell, odd)| format!("{name}: {} {odd:?}", cell.plain()));
        let bodies = view.bodies.iter().map(|(name, cell)| format!("{name}: {}", cell.plain()));
        let attached = view.attachments.iter().map(|one| {
            format!("{} {} {} {} {:?}", one.filename.plain(), one.mime_type.plain(), one.size, one.sha256, one.oddities)
        });
        headers.chain(bodies).chain(attached).collect()
    }

    #[test]
    fn t052_a_mail_is_shown_in_all_its_parts() {
        let letter = Letter {
            to: vec![
                Mailbox::parse("Ann Lee <ann@example.com>").unwrap(),
                Mailbox::parse("p@xn--pypal-4ve.com").unwrap(),
            ],
            bcc: vec![Mailbox::parse("eve@example.com").unwrap()],
            subject: Some("Hi\u{202E}".to_owned()),
            in_reply_to: vec!["a@b".to_owned()],
            text: Some("one\ntwo".to_owned()),
            html: Some("<p>three</p>".to_owned()),
            attachments: vec![Attachment {
                filename: "gpj.\u{202E}exe".to_owned(),
                mime_type: "image/jpeg".to_owned(),
                content: b"hello".to_vec(),
            }],
            ..Letter::default()
        };
        assert_eq!(
            told(&letter),
            [
                "To: \"Ann Lee <ann@example.com>\" []",
                "To: \"p@xn--pypal-4ve.com\" [\"an address in punycode: it may be displayed as another name\"]",
                "Bcc: \"eve@example.com\" []",
                "Subject: \"Hi⟨U+202E⟩\" [\"has hidden characters\"]",
                "In-Reply-To: \"a@b\" []",
                "Text: \"one⟨U+000A⟩\ntwo\"",
                "HTML, as its source: \"<p>three</p>\"",
                "\"gpj.⟨U+202E⟩exe\" image/jpeg 5 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 [\"has hidden characters\"]",
            ]
        );
    }
}

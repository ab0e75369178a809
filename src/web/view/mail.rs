//! The mail in a request, read back from the bytes that will be sent: what is in base64 there, for people.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    cell::Cell,
    domains::{domain, look_alike},
    letters,
    links::{LinkView, links},
    rows::Row,
};
use crate::{
    catalog::mail::{Letter, Mailbox},
    findings::{Findings, Found, Meaning},
};

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct MailView {
    /// How many it goes to, and what about them should be read twice.
    pub(in crate::web) notes: Vec<Note>,
    /// Whom it goes to, from which name it answers to, and what it is about: each under the name of its header.
    pub(in crate::web) headers: Vec<(&'static str, Cell, Vec<String>)>,
    /// Its text, and its HTML as source.
    pub(in crate::web) bodies: Vec<(&'static str, Cell)>,
    /// Where the links of its HTML lead.
    pub(in crate::web) links: Vec<LinkView>,
    /// What is attached.
    pub(in crate::web) attachments: Vec<AttachmentView>,
}

/// A line about all recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Note {
    /// In words.
    pub(in crate::web) text: String,
    /// Is it to be read twice?
    pub(in crate::web) warns: bool,
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
    /// The view of a mail that is sent from `own`, an address, as far as that is known. `findings` may say who was never
    /// written to.
    pub(super) fn new(letter: &Letter, own: Option<&str>, findings: Option<&Findings>) -> Self {
        let first = first_contacts(findings);
        let own = own.and_then(domain);
        let mut headers = Vec::new();
        for (name, list) in
            [("To", &letter.to), ("Cc", &letter.cc), ("Bcc", &letter.bcc), ("Reply-To", &letter.reply_to)]
        {
            for mailbox in list {
                let mut oddities = letters::oddities(&mailbox.shown());
                if name != "Reply-To" && first.contains(mailbox.compared().as_str()) {
                    oddities.push("first mail to this address".to_owned());
                }
                oddities.extend(strange(mailbox, letter, own.as_deref()));
                headers.push((name, Cell::text(&mailbox.shown()), oddities));
            }
        }
        let mut add = |name, text: &str| headers.push((name, Cell::text(text), letters::oddities(text)));
        letter.subject.iter().for_each(|subject| add("Subject", subject));
        letter.in_reply_to.iter().for_each(|id| add("In-Reply-To", id));
        letter.references.iter().for_each(|id| add("References", id));
        let bodies = [("Text", &letter.text), ("HTML, as its source", &letter.html)];
        Self {
            notes: notes(letter, own.as_deref(), &first),
            links: letter.html.as_deref().map(links).unwrap_or_default(),
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

impl MailView {
    /// Says of each address among the arguments what is odd about it, where a person reads it first.
    pub(super) fn mark(&self, rows: &mut [Row]) {
        for (param, header) in [("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"), ("reply_to", "Reply-To")] {
            let is_of = |row: &&mut Row| row.path.is_of(param);
            let said = self.headers.iter().filter(|(name, _, _)| *name == header);
            for (row, (_, _, oddities)) in rows.iter_mut().filter(is_of).zip(said) {
                let new = oddities.iter().filter(|oddity| !row.oddities.contains(oddity)).cloned().collect::<Vec<_>>();
                row.oddities.extend(new);
            }
        }
    }
}

fn recipients(letter: &Letter) -> impl Iterator<Item = &Mailbox> {
    letter.to.iter().chain(&letter.cc).chain(&letter.bcc)
}

/// Who was never written to with this account, as far as was looked up.
fn first_contacts(findings: Option<&Findings>) -> BTreeSet<&str> {
    let facts = findings.into_iter().flat_map(|findings| &findings.all).flat_map(|finding| match &finding.found {
        Found::Facts { shown, .. } => shown.as_slice(),
        Found::Problem(_) => &[],
    });
    let first = facts.filter_map(|fact| match &fact.meaning {
        Meaning::SentBefore(address) if fact.value == Value::Bool(false) => Some(address.as_str()),
        Meaning::SentBefore(_)
        | Meaning::Plain
        | Meaning::Money(_)
        | Meaning::Time
        | Meaning::Rows
        | Meaning::RowsOf(_)
        | Meaning::MostRows
        | Meaning::Bytes => None,
    });
    first.collect()
}

/// What the domain of an address should be read twice for: it is not ours, or passes for another of this mail.
fn strange(mailbox: &Mailbox, letter: &Letter, own: Option<&str>) -> Vec<String> {
    let Some(its) = domain(&mailbox.address) else { return Vec::new() };
    let mut found = Vec::new();
    match own {
        Some(own) if *own == *its => return found,
        Some(own) => found.push(format!("outside {own}")),
        None => {}
    }
    let others = recipients(letter).chain(&letter.reply_to).filter_map(|other| domain(&other.address));
    let mut known: Vec<String> = own.map(str::to_owned).into_iter().chain(others).collect();
    known.sort();
    known.dedup();
    found.extend(known.iter().filter(|known| look_alike(&its, known)).map(|known| format!("looks like {known}")));
    found
}

/// How many it goes to, before each of them.
fn notes(letter: &Letter, own: Option<&str>, first: &BTreeSet<&str>) -> Vec<Note> {
    let count = |count: usize| if count == 1 { "1 recipient".to_owned() } else { format!("{count} recipients") };
    let all: Vec<&Mailbox> = recipients(letter).collect();
    let note = |text, warns| Note { text, warns };
    let mut notes = vec![note(count(all.len()), false)];
    let outside = |mailbox: &&&Mailbox| domain(&mailbox.address).as_deref() != own;
    if let Some(own) = own {
        match all.iter().filter(outside).count() {
            0 => notes.push(note(format!("all at {own}"), false)),
            some => notes.push(note(format!("{some} outside {own}"), true)),
        }
    }
    match first.len() {
        0 => {}
        some => notes.push(note(format!("{some} never written to before"), true)),
    }
    if !letter.bcc.is_empty() {
        notes.push(note(format!("{} of them hidden from the others (Bcc)", letter.bcc.len()), true));
    }
    if letter.reply_to.iter().any(|mailbox| domain(&mailbox.address).as_deref() != own) {
        notes.push(note("answers go elsewhere (Reply-To)".to_owned(), true));
    }
    let alike = |mailbox: &&Mailbox| strange(mailbox, letter, own).iter().any(|word| word.starts_with("looks like"));
    if all.iter().copied().chain(&letter.reply_to).any(|mailbox| alike(&mailbox)) {
        notes.push(note("a domain that looks like another".to_owned(), true));
    }
    let misleading = letter.html.as_deref().map(links).unwrap_or_default();
    if misleading.iter().any(|link| link.oddities.iter().any(|word| word.starts_with("says "))) {
        notes.push(note("a link that leads elsewhere than it says".to_owned(), true));
    }
    notes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        catalog::mail::Attachment,
        findings::{Fact, Finding},
    };

    fn told(letter: &Letter) -> Vec<String> {
        let view = MailView::new(letter, None, None);
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

    #[test]
    fn t164_a_first_mail_to_somebody_is_named_where_that_is_known() {
        let mailbox = |text: &str| Mailbox::parse(text).unwrap();
        let to = ["ann@acme.example", "Bo <bo@Acrne.example>", "cy@acme.example"];
        let letter = Letter { to: to.map(mailbox).into(), ..Letter::default() };
        let fact = |address: &str, value| Fact {
            meaning: Meaning::SentBefore(address.to_owned()),
            ..Fact::plain(format!("To {address}"), value)
        };
        let shown = vec![
            fact("ann@acme.example", json!(true)),
            fact("bo@acrne.example", json!(false)),
            fact("cy@acme.example", json!(null)),
        ];
        let found = Found::facts(shown, json!(null));
        let finding = Finding { name: "before".to_owned(), source: "gmail.search_emails".to_owned(), found };
        let view = MailView::new(&letter, None, Some(&Findings { at: 0, all: vec![finding] }));
        let said = |at: usize| view.headers[at].2.contains(&"first mail to this address".to_owned());
        assert_eq!([said(0), said(1), said(2)], [false, true, false]);
        let notes: Vec<_> = view.notes.iter().map(|note| note.text.as_str()).collect();
        assert!(notes.contains(&"1 never written to before"), "{notes:?}");
    }

    #[test]
    fn t164_recipients_are_counted_and_what_passes_for_another_is_named() {
        let mailbox = |text: &str| Mailbox::parse(text).unwrap();
        let letter = Letter {
            to: vec![mailbox("ann@acme.example"), mailbox("bo@acrne.example")],
            bcc: vec![mailbox("eve@other.org")],
            reply_to: vec![mailbox("me@acme.exampel")],
            html: Some("<a href=https://x.example>https://acme.example</a>".to_owned()),
            ..Letter::default()
        };
        let view = MailView::new(&letter, Some("me@acme.example"), None);
        let notes: Vec<_> = view.notes.iter().map(|note| (note.text.as_str(), note.warns)).collect();
        assert_eq!(
            notes,
            [
                ("3 recipients", false),
                ("2 outside acme.example", true),
                ("1 of them hidden from the others (Bcc)", true),
                ("answers go elsewhere (Reply-To)", true),
                ("a domain that looks like another", true),
                ("a link that leads elsewhere than it says", true),
            ]
        );
        let odd: Vec<_> = view.headers.iter().map(|(_, cell, odd)| format!("{} {odd:?}", cell.plain())).collect();
        assert_eq!(
            odd,
            [
                "\"ann@acme.example\" []",
                "\"bo@acrne.example\" [\"outside acme.example\", \"looks like acme.example\"]",
                "\"eve@other.org\" [\"outside acme.example\"]",
                "\"me@acme.exampel\" [\"outside acme.example\", \"looks like acme.example\"]",
            ]
        );
        let inside = Letter { to: vec![mailbox("ann@acme.example")], ..Letter::default() };
        let calm = MailView::new(&inside, Some("me@acme.example"), None).notes;
        assert!(calm.iter().all(|note| !note.warns) && calm.len() == 2, "{calm:?}");
    }
}

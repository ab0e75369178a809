//! A mail at the terminal: what is in base64 in its request, for people.

use serde_json::{Value, json};

use crate::{
    catalog::mail::{Letter, Mailbox},
    visible::{visible, visible_lines},
};

/// Lines of `approvals show`.
pub(super) fn as_text(letter: &Letter) -> String {
    let mut text = "  mail\n".to_owned();
    let mut line = |name: &str, value: &str| text += &format!("    {name:<12} {}\n", visible(value));
    for (name, list) in [("to", &letter.to), ("cc", &letter.cc), ("bcc", &letter.bcc), ("reply to", &letter.reply_to)] {
        for mailbox in list {
            line(name, &mailbox.shown());
        }
    }
    letter.subject.iter().for_each(|subject| line("subject", subject));
    letter.in_reply_to.iter().for_each(|id| line("in reply to", id));
    letter.references.iter().for_each(|id| line("references", id));
    for (name, body) in [("text", &letter.text), ("html", &letter.html)] {
        if let Some(body) = body {
            text += &format!("    {name:<12} {}\n", visible_lines(body));
        }
    }
    for one in &letter.attachments {
        text += &format!(
            "    {:<12} {}, {}, {} bytes, SHA-256 {}\n",
            "attachment",
            visible(&one.filename),
            visible(&one.mime_type),
            one.content.len(),
            one.sha256()
        );
    }
    text
}

/// The same for scripts.
pub(super) fn as_json(letter: &Letter) -> Value {
    let shown = |list: &[Mailbox]| list.iter().map(Mailbox::shown).collect::<Vec<_>>();
    let attachments = letter.attachments.iter().map(|one| {
        json!({
            "filename": one.filename,
            "mime_type": one.mime_type,
            "size": one.content.len(),
            "sha256": one.sha256(),
        })
    });
    json!({
        "to": shown(&letter.to),
        "cc": shown(&letter.cc),
        "bcc": shown(&letter.bcc),
        "reply_to": shown(&letter.reply_to),
        "subject": letter.subject,
        "in_reply_to": letter.in_reply_to,
        "references": letter.references,
        "text": letter.text,
        "html": letter.html,
        "attachments": attachments.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::mail::Attachment;

    #[test]
    fn t052_t172_a_mail_is_shown_in_all_its_parts_and_acts_on_no_terminal() {
        let letter = Letter {
            to: vec![Mailbox::parse("Ann <ann@example.com>").unwrap()],
            bcc: vec![Mailbox::parse("eve@example.com").unwrap()],
            subject: Some("Hi\u{202E}".to_owned()),
            references: vec!["a@b".to_owned()],
            text: Some("one\n    bcc          x@y.z\u{200B}".to_owned()),
            html: Some("<p>\u{9b}31m".to_owned()),
            attachments: vec![Attachment {
                filename: "a.txt".to_owned(),
                mime_type: "text/plain".to_owned(),
                content: b"hello".to_vec(),
            }],
            ..Letter::default()
        };
        insta::assert_snapshot!("mail", as_text(&letter));
        insta::assert_json_snapshot!("mail_json", as_json(&letter));
    }
}

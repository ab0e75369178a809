//! `body = "mime"`: the mail in a JSON body, the parameters that it is made of, and what is made of mail in an answer.

use std::ops::Range;

use crate::{
    catalog::{
        BodyKind, Method, Param, Place, RestTemplate, Type,
        mail::{RECIPIENTS, Role},
        reader::{At, Table, list, shown},
    },
    diagnostic::Source,
};

/// Reads the key `raw` of a tool into its template.
pub(super) fn template(
    source: &mut Source<'_>,
    table: &mut Table<'_>,
    template: Option<RestTemplate>,
) -> Option<RestTemplate> {
    let raw = table.string(source, "raw");
    let mut template = template?;
    match (template.body, raw) {
        (BodyKind::Mime, raw) => {
            template.raw = raw.map_or(Some(vec!["raw".to_owned()]), |raw| pointer(source, &raw))?;
        }
        (BodyKind::Json | BodyKind::Form, Some(raw)) => {
            source.problem(raw.span, "only `body = \"mime\"` has a `raw`", "remove one, or add the other".to_owned());
        }
        (BodyKind::Json | BodyKind::Form, None) => {}
    }
    Some(template)
}

/// The keys of `/message/raw`.
fn pointer(source: &mut Source<'_>, text: &At<String>) -> Option<Vec<String>> {
    let keys: Option<Vec<String>> =
        text.value.strip_prefix('/').map(|rest| rest.split('/').map(str::to_owned).collect());
    let plain = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let keys = keys.filter(|keys| keys.iter().all(plain));
    if keys.is_none() {
        let help = "write it as `/raw` or `/message/raw`".to_owned();
        source.problem(text.span.clone(), format!("`{}` is not a place in a JSON body", shown(&text.value)), help);
    }
    keys
}

/// Notes a mail without a part. `request` is where that is shown.
pub(super) fn whole(source: &mut Source<'_>, request: &At<String>, template: &RestTemplate, params: &[Param]) {
    let has_body = !matches!(template.method, Method::Get | Method::Head);
    if template.body == BodyKind::Mime && !template.fixed.is_empty() {
        let help = "give a parameter a `default`, or use `body = \"json\"`".to_owned();
        source.problem(request.span.clone(), "beside a mail nothing is fixed", help);
    }
    if template.body == BodyKind::Mime && has_body && !params.iter().any(|param| param.place == Place::Mail) {
        let help = "add parameters with `in = \"mail\"`, or use `body = \"json\"`".to_owned();
        source.problem(request.span.clone(), "the body is a mail, and no parameter is a part of it", help);
    }
}

/// Notes parameters that are no part of a mail, or of none that is sent, and such as have their place in the body taken.
pub(super) fn members(source: &mut Source<'_>, template: &RestTemplate, params: &[Param], spans: &[Range<usize>]) {
    // `a` and `a.b` cannot both be set, nor can anything stand where the mail is
    let mut taken = vec![template.raw.join(".")];
    for (param, span) in params.iter().zip(spans) {
        let span = || span.clone();
        let is_mail = template.body == BodyKind::Mime;
        match param.place {
            Place::Mail if is_mail => role(source, span(), param),
            Place::Statement => {
                let message = format!("`{}` belongs to a statement, and a request over HTTP has none", param.name);
                source.problem(span(), message, "use `in = \"body\"`".to_owned());
            }
            Place::Mail => {
                let message = format!("`{}` is a part of a mail, and the body is none", param.name);
                source.problem(span(), message, "add `body = \"mime\"`, or use `in = \"body\"`".to_owned());
            }
            Place::Body if is_mail => {
                if param.wire.split('.').any(str::is_empty) {
                    source.problem(span(), format!("`{}` has an empty part", param.wire), "write `a.b`".to_owned());
                } else if let Some(other) = taken.iter().find(|other| meet(other, &param.wire)) {
                    let message = format!("`{}` and `{other}` cannot both stand in the body", param.wire);
                    source.problem(span(), message, "give the parameter another `wire`".to_owned());
                }
                taken.push(param.wire.clone());
            }
            Place::Path | Place::Query | Place::Body | Place::Variable | Place::Answer => {}
        }
        if is_mail && param.name == RECIPIENTS {
            let help = "call it something else; policies know `recipients` as to, cc and bcc together".to_owned();
            source.problem(span(), "a tool with a mail has a parameter `recipients` already", help);
        }
    }
}

/// Is one of the two dotted names the other, or something within it?
fn meet(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    one == other || within(one, other) || within(other, one)
}

/// Is the parameter of the type that its part of the mail has?
fn role(source: &mut Source<'_>, span: Range<usize>, param: &Param) {
    let Some(role) = Role::of(param) else {
        let words = Role::ALL.map(Role::as_str);
        let help = format!("set `wire` to one of {}", list(&words));
        source.problem(span, format!("`{}` is not a part of a mail", shown(&param.wire)), help);
        return;
    };
    let is_text = |param: &Param| matches!(param.ty, Type::String { .. }) && !param.nullable;
    let texts = |ty: &Type| matches!(ty, Type::Array { items, .. } if is_text(items));
    let (fits, right) = match role {
        Role::To | Role::Cc | Role::Bcc | Role::References => (texts(&param.ty), "a list of strings"),
        Role::ReplyTo | Role::Subject | Role::InReplyTo | Role::Text | Role::Html => (is_text(param), "a string"),
        Role::Attachments => (
            matches!(&param.ty, Type::Array { items, .. } if !items.nullable && is_attachment(&items.ty)),
            "a list of objects with the strings `filename` and `content`, and `mime_type` if you like",
        ),
    };
    if !fits || param.nullable {
        let message = format!("`{}` is the mail's `{}`, so it must be {right}", param.name, role.as_str());
        source.problem(span, message, None);
    }
}

fn is_attachment(ty: &Type) -> bool {
    let Type::Object { fields } = ty else { return false };
    let is = |name: &str, needed: bool| {
        let mut found = fields.iter().filter(|field| field.wire == name);
        let fits = |field: &Param| matches!(field.ty, Type::String { .. }) && !field.nullable;
        found.next().map_or(!needed, |field| fits(field) && (field.required || !needed))
    };
    is("filename", true)
        && is("content", true)
        && is("mime_type", false)
        && fields.iter().all(|field| matches!(field.wire.as_str(), "filename" | "content" | "mime_type"))
}

#[cfg(test)]
mod tests {
    use crate::catalog::{AnswerKind, Catalog, RequestTemplate, tests::HEAD};

    const TOOL: &str = r#"
[[tool]]
name = "write"
title = "Write"
description = "Writes a mail."
effect = "destructive"
toolset = "core"
request = "POST /mails"
body = "mime"
[tool.params]
thread = { type = "string", in = "body", description = "A thread.", required = false, wire = "message.threadId" }
to = { type = "array", in = "mail", description = "To.", items = { type = "string", description = "One." } }
about = { type = "string", in = "mail", description = "Subject.", wire = "subject" }
[tool.params.attachments]
type = "array"
in = "mail"
description = "Files."
required = false
items = { type = "object", description = "A file.", fields = { name = { type = "string", description = "Name.", wire = "filename" }, content = { type = "string", description = "Base64." } } }
[tool.answer]
decode = "gmail"
"#;

    /// What is wrong after one change.
    fn changed(old: &str, new: &str) -> String {
        assert!(TOOL.contains(old), "{old}");
        let text = format!("{HEAD}{}", TOOL.replacen(old, new, 1));
        Catalog::compile(&[("acme.toml", &text)]).map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn where_the_mail_goes_and_what_comes_back() {
        let template = |tool: &str| {
            let catalog = Catalog::compile(&[("acme.toml", &format!("{HEAD}{tool}"))]).unwrap();
            let RequestTemplate::Rest(template) = &catalog.find("acme_write").unwrap().request else { panic!() };
            (template.raw.join("/"), template.decode)
        };
        assert_eq!(template(TOOL), ("raw".to_owned(), AnswerKind::Mail));
        let drafts = TOOL
            .replace("body = \"mime\"", "body = \"mime\"\nraw = \"/message/raw\"")
            .replace("[tool.answer]\ndecode = \"gmail\"\n", "");
        assert_eq!(template(&drafts), ("message/raw".to_owned(), AnswerKind::Plain));
    }

    #[test]
    fn what_is_no_mail_is_said_with_its_place() {
        let about = "type = \"string\", in = \"mail\", description = \"Subject.\", wire = \"subject\"";
        let to = "type = \"array\", in = \"mail\", description = \"To.\", items = { type = \"string\", description = \"One.\" }";
        let problems: Vec<String> = [
            ("body = \"mime\"", "body = \"json\""),
            ("body = \"mime\"", "body = \"mime\"\nraw = \"raw\""),
            ("body = \"mime\"", "body = \"form\"\nraw = \"/raw\""),
            ("wire = \"subject\"", "wire = \"from\""),
            ("wire = \"subject\"", "wire = \"to\""),
            (about, "type = \"array\", in = \"mail\", description = \"Subject.\", wire = \"subject\", items = { type = \"string\", description = \"One.\" }"),
            (about, "type = \"string\", nullable = true, in = \"mail\", description = \"Subject.\", wire = \"subject\""),
            (to, "type = \"string\", in = \"mail\", description = \"To.\""),
            ("name = { type = \"string\", description = \"Name.\", wire = \"filename\" }", "name = { type = \"string\", description = \"Name.\" }"),
            ("content = { type = \"string\", description = \"Base64.\" }", "content = { type = \"string\", description = \"Base64.\", required = false }"),
            ("wire = \"message.threadId\"", "wire = \"raw.x\""),
            ("wire = \"message.threadId\"", "wire = \"message..x\""),
            ("to = {", "recipients = { wire = \"to\", "),
            ("decode = \"gmail\"", "decode = \"imap\""),
            ("request = \"POST /mails\"", "request = \"GET /mails\"\neffect_reason = \"It reads.\""),
        ]
        .iter()
        .map(|(old, new)| changed(old, new))
        .collect();
        assert!(problems.iter().all(|problems| !problems.is_empty()), "{problems:#?}");
        insta::assert_snapshot!("what_is_no_mail", problems.join("\n\n"));
    }

    #[test]
    fn a_mail_without_parts_is_none() {
        let start = TOOL.find("[tool.params]").unwrap();
        let (head, _) = TOOL.split_at(start);
        let text = format!("{HEAD}{head}");
        let problems = Catalog::compile(&[("acme.toml", &text)]).unwrap_err();
        assert_eq!(problems.0.len(), 1);
        assert_eq!(problems.0[0].message, "the body is a mail, and no parameter is a part of it");
    }

    #[test]
    fn t104_a_definition_changes_with_where_the_mail_goes_and_what_becomes_of_the_answer() {
        let digest = |tool: &str| {
            let catalog = Catalog::compile(&[("acme.toml", &format!("{HEAD}{tool}"))]).unwrap();
            catalog.find("acme_write").unwrap().definition()
        };
        let before = digest(TOOL);
        for (old, new) in [
            ("body = \"mime\"", "body = \"mime\"\nraw = \"/other\""),
            ("[tool.answer]\ndecode = \"gmail\"\n", ""),
            ("wire = \"subject\"", "wire = \"text\""),
        ] {
            assert_ne!(before, digest(&TOOL.replace(old, new)), "{new}");
        }
    }
}

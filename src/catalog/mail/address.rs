//! An address of a mail: `ann@example.com` or `Ann Lee <ann@example.com>`, and nothing else that mail programs take.

use crate::visible::has_hidden;

/// RFC 5321, section 4.5.3.1.
const LOCAL_PART: usize = 64;
const DOMAIN: usize = 253;
const LABEL: usize = 63;
const NAME: usize = 200;

/// An address with the name that is shown beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// What mail programs show in its stead.
    pub name: Option<String>,
    /// `local@domain`, as it was written.
    pub address: String,
}

impl Mailbox {
    /// Reads one address.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err("must not contain line breaks or other control characters".to_owned());
        }
        if !text.contains(['<', '>']) {
            return Ok(Self { name: None, address: address(text)? });
        }
        let parts = text.strip_suffix('>').and_then(|rest| rest.split_once('<'));
        let Some((name, inner)) = parts.filter(|(name, inner)| !name.contains('>') && !inner.contains(['<', '>']))
        else {
            return Err(format!("must be one address: {FORMS}"));
        };
        let name = name.trim_matches(' ');
        let name = (!name.is_empty()).then(|| self::name(name)).transpose()?;
        Ok(Self { name, address: address(inner)? })
    }

    /// The address as it is compared: a domain has no upper and lower case.
    pub fn compared(&self) -> String {
        match self.address.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
            None => self.address.clone(),
        }
    }

    /// As people write it.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} <{}>", self.address),
            None => self.address.clone(),
        }
    }
}

const FORMS: &str = "`ann@example.com` or `Ann Lee <ann@example.com>`, each in an element of its own";

fn name(name: &str) -> Result<String, String> {
    if name.contains(['"', '\\', '(', ')', '@', ',', ';', ':', '[', ']']) {
        return Err("must have no `\" \\ ( ) @ , ; : [ ]` in the name before the address".to_owned());
    }
    if name.contains("=?") || name.contains("?=") {
        return Err("must not contain an encoded word (`=?…?=`); write the name as it is".to_owned());
    }
    if has_hidden(name) || name.contains("  ") {
        return Err("must have no characters that cannot be seen in the name before the address".to_owned());
    }
    if name.chars().count() > NAME {
        return Err(format!("must have a name of at most {NAME} characters before the address"));
    }
    Ok(name.to_owned())
}

/// RFC 5322's addr-spec, less its quoted and commented forms, in ASCII, with a domain of two labels or more.
fn address(text: &str) -> Result<String, String> {
    let Some((local, domain)) = text.split_once('@') else {
        return Err(format!("must be an address with a domain: {FORMS}"));
    };
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let dotted = |text: &str, good: &dyn Fn(&str) -> bool| text.split('.').all(good);
    if !local.is_empty() && !local.is_ascii() || !domain.is_ascii() {
        return Err("must be in ASCII; write a domain with other letters in its `xn--` form".to_owned());
    }
    let local_fits = local.len() <= LOCAL_PART
        && dotted(local, &|atom| !atom.is_empty() && atom.bytes().all(is_atext))
        && !local.contains("=?");
    if !local_fits {
        return Err(format!("must be one address, without quotes, comments, spaces or groups: {FORMS}"));
    }
    let label = |label: &str| {
        (1..=LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (_, top) = domain.rsplit_once('.').unwrap_or_default();
    let domain_fits =
        domain.len() <= DOMAIN && dotted(domain, &label) && top.bytes().any(|byte| byte.is_ascii_alphabetic());
    if !domain_fits {
        return Err("must have a domain after its one `@`, such as `example.com`".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        let parsed = |text: &str| Mailbox::parse(text).map(|mailbox| (mailbox.name, mailbox.address));
        let plain = |address: &str| Ok((None, address.to_owned()));
        let named = |name: &str, address: &str| Ok((Some(name.to_owned()), address.to_owned()));
        assert_eq!(parsed("ann.lee+x@mail.Example.com"), plain("ann.lee+x@mail.Example.com"));
        assert_eq!(parsed("<ann@example.com>"), plain("ann@example.com"));
        assert_eq!(parsed("Ann Lee <ann@example.com>"), named("Ann Lee", "ann@example.com"));
        assert_eq!(parsed("Jörg Müller-O'Neill Jr. <j@xn--bcher-kva.example>"), {
            named("Jörg Müller-O'Neill Jr.", "j@xn--bcher-kva.example")
        });
        assert_eq!(Mailbox::parse("A <Ann@Example.COM>").unwrap().compared(), "Ann@example.com");
    }

    #[test]
    fn t051_a_line_break_is_named() {
        for text in ["ann@example.com\r\nBcc: evil@evil.com", "Ann\n<ann@example.com>", "ann@example.com\0"] {
            let expected = "must not contain line breaks or other control characters";
            assert_eq!(Mailbox::parse(text).unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn t039_t051_what_has_two_readings_is_no_address() {
        for text in [
            "",
            " ",
            "ann",
            "@example.com",
            "ann@",
            "ann@localhost",
            "ann@example.com.",
            "ann@127.0.0.1",
            "ann@[127.0.0.1]",
            "ann@-x.com",
            "ann@example..com",
            ".ann@example.com",
            "ann..lee@example.com",
            " ann@example.com",
            "ann@example.com ",
            "ann@evil.com@example.com",
            "ann@example.com, evil@evil.com",
            "ann@example.com;evil@evil.com",
            "ann@example.com evil@evil.com",
            "<ann@example.com><evil@evil.com>",
            "<ann@example.com> <evil@evil.com>",
            "Ann <ann@example.com> x",
            "Ann <ann@example.com",
            "Ann ann@example.com>",
            "<<ann@example.com>>",
            "friends: ann@example.com, evil@evil.com;",
            "friends:;",
            "ann(comment)@example.com",
            "(comment) <ann@example.com>",
            "ann@example.com (evil@evil.com)",
            "\"ann\"@example.com",
            "\"evil@evil.com\" <ann@example.com>",
            "\"Lee, Ann\" <ann@example.com>",
            "evil@evil.com <ann@example.com>",
            "Lee, Ann <ann@example.com>",
            "Ann\\ <ann@example.com>",
            "=?utf-8?q?Ann=0D=0ABcc:_evil=40evil.com?= <ann@example.com>",
            "=?utf-8?q?x?=@example.com",
            "Ann <=?utf-8?q?x?=@example.com>",
            "ann@example.com\r\nBcc: evil@evil.com",
            "ann@example.com\nBcc: evil@evil.com",
            "Ann\r\nBcc: evil@evil.com <ann@example.com>",
            "ann@example.com\0",
            "ann\t@example.com",
            "ann@ex\u{430}mple.com",
            "\u{430}nn@example.com",
            "ann@b\u{fc}cher.example",
            "Ann\u{202e} <ann@example.com>",
            "Ann\u{200b} <ann@example.com>",
            "ann@exam%70le.com",
            "mailto:ann@example.com",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?} is {:?}", Mailbox::parse(text));
        }
    }
}

//! Where the links of an HTML mail lead: what is written on each, beside the address that it opens.
//!
//! The source stands on the page as well and decides. This only reads it for people: whatever has an address is listed,
//! and what it cannot read it leaves out of no address.

use url::Url;

use super::{cell::Cell, letters};

/// An address in a mail's HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct LinkView {
    /// What is to be clicked; `None` where it is fetched or sent to without that.
    pub(in crate::web) shown: Option<Cell>,
    /// Where it leads.
    pub(in crate::web) to: Cell,
    /// What is odd about it.
    pub(in crate::web) oddities: Vec<String>,
}

/// The attributes that open, fetch or send.
const ADDRESSES: [&str; 6] = ["href", "src", "action", "formaction", "background", "poster"];

/// All of them, in order.
pub(super) fn links(html: &str) -> Vec<LinkView> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (name, inside, behind) = tag(after);
        for address in inside.iter().filter(|(attribute, _)| ADDRESSES.contains(&attribute.as_str())) {
            let text = (name == "a").then(|| written(behind));
            found.push(link(text.as_deref(), &address.1));
        }
        rest = behind;
    }
    found
}

fn link(shown: Option<&str>, to: &str) -> LinkView {
    let mut oddities = letters::oddities(to);
    let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
    let leads = host(to);
    let says = shown.map(str::trim).filter(|text| !text.contains(char::is_whitespace) && text.contains('.'));
    let says = says.and_then(|text| host(text).or_else(|| host(&format!("https://{text}"))));
    if let Some(says) = says.filter(|says| Some(says) != leads.as_ref()) {
        let leads = leads.as_deref().unwrap_or("no host");
        oddities.push(format!("says {says}, leads to {leads}"));
    }
    LinkView { shown: shown.map(Cell::text), to: Cell::text(to), oddities }
}

/// A tag's name, its attributes, and what comes behind it.
fn tag(text: &str) -> (String, Vec<(String, String)>, &str) {
    let end = text.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/')).unwrap_or(text.len());
    let (name, mut rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
        if rest.is_empty() || rest.starts_with('>') {
            break;
        }
        let end = rest.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/' | '='));
        // a name may begin with `=`: it is passed over, so that each round takes something
        let end = end.unwrap_or(rest.len()).max(rest.chars().next().map_or(1, char::len_utf8));
        let (attribute, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let Some(value) = after.trim_start().strip_prefix('=') else {
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''));
        let (value, after) = if let Some(quote) = quote {
            let inner = value.strip_prefix(quote).unwrap_or(value);
            inner.split_once(quote).unwrap_or((inner, ""))
        } else {
            let end = value.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(value.len());
            value.split_at_checked(end).unwrap_or((value, ""))
        };
        attributes.push((attribute.to_ascii_lowercase(), decoded(value)));
        rest = after;
    }
    (name.to_ascii_lowercase(), attributes, rest.strip_prefix('>').unwrap_or(rest))
}

/// What is written up to the end of a link.
fn written(behind: &str) -> String {
    let lower = behind.to_ascii_lowercase();
    let mut rest = lower.find("</a").and_then(|end| behind.get(..end)).unwrap_or(behind);
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once('<') {
        text += before;
        rest = tag(after).2;
    }
    decoded(&(text + rest))
}

/// With character references read: those by number, and the five that addresses are written with.
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out += before;
        let read = after.split_once(';').and_then(|(name, behind)| Some((reference(name)?, behind)));
        let (letter, behind) = read.unwrap_or(('&', after));
        out.push(letter);
        rest = behind;
    }
    out + rest
}

fn reference(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "colon" => Some(':'),
        "sol" => Some('/'),
        "period" => Some('.'),
        "nbsp" => Some('\u{00A0}'),
        _ => match name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(html: &str) -> Vec<String> {
        links(html)
            .iter()
            .map(|link| {
                let shown = link.shown.as_ref().map_or_else(|| "fetched".to_owned(), Cell::plain);
                format!("{shown} -> {} {:?}", link.to.plain(), link.oddities)
            })
            .collect()
    }

    #[test]
    fn a_link_says_where_it_leads() {
        assert_eq!(
            told("<p>Pay <A\nclass=x HREF='https://evil.example/?a=1&amp;b'><b>https://bank.example</b></a>"),
            [
                "\"https://bank.example\" -> \"https://evil.example/?a=1&b\" [\"says bank.example, leads to evil.example\"]"
            ]
        );
        assert_eq!(told("<a href=https://a.example/x>a.example</a>"), ["\"a.example\" -> \"https://a.example/x\" []"]);
        assert_eq!(told("<img/src=\"https://t.example/1\">"), ["fetched -> \"https://t.example/1\" []"]);
        assert_eq!(told("<a href=\"&#104;ttps&#x3a;//a.example\">here</a>"), ["\"here\" -> \"https://a.example\" []"]);
        assert_eq!(told("<a title='>' href=x.html>y"), ["\"y\" -> \"x.html\" []"]);
        assert_eq!(told("no < links > here <a name=top>"), Vec::<String>::new());
    }

    proptest::proptest! {
        /// Whatever it is, it is read to its end.
        #[test]
        fn any_source_is_read(html in "[<>a/='\" &#x;href.]{0,60}") {
            links(&html);
        }
    }
}

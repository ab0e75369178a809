//! HTML of a mail as text. Mails come from anybody, so the time that it takes grows with their length and no faster.

/// A tag longer than this is none.
const TAG: usize = 16 * 1024;
/// With more broken tags than this the source is shown as it is.
const BROKEN: usize = 100;

/// The text, links as `words (address)`.
pub(super) fn to_text(html: &str) -> String {
    match mended(html) {
        Some(mended) => nanohtml2text::html2text(&mended).trim().replace("\r\n", "\n"),
        None => html.to_owned(),
    }
}

/// The HTML with each `<` that no `>` belongs to written as text: to find that out the converter would look through all
/// that follows, for every one of them. `None` where there are too many.
fn mended(html: &str) -> Option<String> {
    let mut out = String::with_capacity(html.len());
    let mut broken = 0;
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let end = if let Some(comment) = after.strip_prefix("!--") {
            // one that does not end takes everything with it
            Some(comment.find("-->").map_or(after.len(), |end| end + "!---->".len()))
        } else if after.starts_with(|first: char| first.is_ascii_alphabetic() || "/!?".contains(first)) {
            tag(after)
        } else {
            None
        };
        let Some((tag, behind)) = end.and_then(|end| after.split_at_checked(end)) else {
            broken +=
                usize::from(after.starts_with(|first: char| first.is_ascii_alphabetic() || "/!?".contains(first)));
            if broken > BROKEN {
                return None;
            }
            out.push_str("&lt;");
            rest = after;
            continue;
        };
        out.push('<');
        out.push_str(tag);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

/// Where the tag ends, one behind its `>`. Quotes count where they follow a `=`, as the converter has it.
fn tag(text: &str) -> Option<usize> {
    let (mut quote, mut valued) = (None, false);
    for (index, character) in text.char_indices().take_while(|(index, _)| *index < TAG) {
        match (quote, character) {
            (Some(open), _) if open == character => (quote, valued) = (None, false),
            (Some(_), _) => {}
            (None, '>') => return Some(index + 1),
            (None, '"' | '\'') if valued => quote = Some(character),
            (None, '=') => valued = true,
            (None, other) => valued &= other.is_whitespace(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_is_read_as_text() {
        let html = "<html><head><title>T</title><style>p { color: red }</style></head><body><!-- <p>no</p> -->\
            <div>Dear Ann,</div><div>see <a href=\"https://example.com/x?a=1&amp;b=2\">the plan</a> &amp; 1 < 2.</div>\
            <ul><li>one<li>two</ul><table><tr><td>a</td><td>b</td></tr></table><script>alert(1)</script></body></html>";
        assert_eq!(
            to_text(html),
            "Dear Ann,\n\nsee the plan (https://example.com/x?a=1&b=2) & 1 < 2.\n\none\ntwo\na\nb"
        );
    }

    #[test]
    fn t036_no_mail_takes_long() {
        for unit in [
            "<a ",
            "<!",
            "<?x",
            "</pre ",
            "<a href=\"",
            "<a ='>'",
            "<a>",
            "<!--",
            "<pre>",
            "&#",
            "<",
            "<div>",
            "<a><pre>",
        ] {
            let html = unit.repeat(1_000_000 / unit.len());
            // looking through the rest for each of a million would not end
            to_text(&html);
        }
    }

    proptest! {
        #[test]
        fn what_is_not_broken_stays_as_it_is(html in "(<[a-z]{1,3}( [a-z]=('[^'<>]{0,3}'|\"[^\"<>]{0,3}\"))?>|[^<>]{0,5}|</p>|<!-- [a-z<>]{0,4} -->){0,8}") {
            prop_assert_eq!(mended(&html), Some(html));
        }

        #[test]
        fn any_text_can_be_read(html in "(<|>|a|=|'|\"|!--|-->|pre|/|é|&|;|#x1| ){0,40}") {
            to_text(&html);
        }
    }
}

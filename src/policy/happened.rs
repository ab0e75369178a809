//! What became of the tools since the policy was applied, in words.

use super::{Happened, ToolChange};
use crate::visible::visible;

/// What became of them, for the human who is about to apply the policy again; nothing where nothing happened.
pub fn happened_text(changes: &[ToolChange]) -> String {
    let mut text = String::new();
    let (own, built_in): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.own);
    if !own.is_empty() {
        text += "your own tools, as this puts them under the policy:\n";
    }
    for change in own {
        let name = &change.tool;
        match &change.what {
            Happened::New { about, effect, request, params, parts } => {
                text +=
                    &format!("  NEW      {name}  {effect}  {}\n             {}\n", visible(request), visible(about));
                if !params.is_empty() {
                    text += &format!("             takes {}\n", visible(&params.join(", ")));
                }
                // what stands above says it already
                let said = ["title", "description", "origin", "toolset"];
                for part in parts.iter().filter(|part| !said.contains(&part.part.as_str())) {
                    let words = part.after.as_deref().map_or_else(String::new, visible);
                    text += &format!("             {}: {words}\n", visible(&part.part));
                }
            }
            Happened::Changed(parts) => {
                text += &format!("  CHANGED  {name}\n");
                for part in parts {
                    let said = |words: &Option<String>| words.as_deref().map_or_else(|| "(none)".to_owned(), visible);
                    text += &format!("             {}\n", visible(&part.part));
                    text += &format!("               - {}\n", said(&part.before));
                    text += &format!("               + {}\n", said(&part.after));
                }
            }
            Happened::Gone => text += &format!("  GONE     {name}\n"),
        }
    }
    let named = |is: fn(&Happened) -> bool| {
        built_in.iter().filter(|change| is(&change.what)).map(|change| change.tool.as_str()).collect::<Vec<_>>()
    };
    for (what, names) in [
        (
            "built-in tools that came since, and that wildcards and defaults may allow from now on",
            named(|what| matches!(what, Happened::New { .. })),
        ),
        (
            "built-in tools that an upgrade has changed; what the policy says of them stays",
            named(|what| matches!(what, Happened::Changed(_))),
        ),
        ("built-in tools that are gone", named(|what| matches!(what, Happened::Gone))),
    ] {
        if !names.is_empty() {
            text += &format!("{what}:\n  {}\n", names.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Effect, PartChange};

    #[test]
    fn what_happened_is_said_in_plain_words() {
        let change = |tool: &str, own, what| ToolChange { tool: tool.to_owned(), own, what };
        let new = || Happened::New {
            about: "Post: Posts a \u{202e}message.".to_owned(),
            effect: Effect::Destructive,
            request: "POST https://slack.com/api/chat.postMessage".to_owned(),
            parts: vec![PartChange {
                part: "headers".to_owned(),
                before: None,
                after: Some("x-\u{202e}y: 1".to_owned()),
            }],
            params: vec!["channel".to_owned(), "text".to_owned()],
        };
        let part = PartChange { part: "origin".to_owned(), before: Some("https://a".to_owned()), after: None };
        let changes = [
            change("slack.post", true, new()),
            change("slack.list", true, Happened::Changed(vec![part])),
            change("slack.old", true, Happened::Gone),
            change("stripe.later", false, new()),
            change("stripe.other", false, Happened::Changed(vec![])),
        ];
        insta::assert_snapshot!(happened_text(&changes), @r"
        your own tools, as this puts them under the policy:
          NEW      slack.post  destructive  POST https://slack.com/api/chat.postMessage
                     Post: Posts a ⟨U+202E⟩message.
                     takes channel, text
                     headers: x-⟨U+202E⟩y: 1
          CHANGED  slack.list
                     origin
                       - https://a
                       + (none)
          GONE     slack.old
        built-in tools that came since, and that wildcards and defaults may allow from now on:
          stripe.later
        built-in tools that an upgrade has changed; what the policy says of them stays:
          stripe.other
        ");
        assert_eq!(happened_text(&[]), "");
    }
}

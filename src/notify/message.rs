//! What a person is told. The title is ours, always; every text that somebody else chose is made visible and has its
//! place behind a label (T174). The request itself stands on the page, behind the person's session.

use serde_json::{Value, json};

use crate::{
    catalog::Catalog,
    clock::{Millis, rfc3339},
    ledger::{Approval, sqlite::NoticeKind},
    visible::visible,
};

/// How many kinds of calls a folded message lists.
const LISTED: usize = 10;
/// How many arguments, and how much of each, a message carries where it may.
const ARGUMENTS: usize = 20;
const LONGEST: usize = 200;

/// A message, before a channel gives it its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `msg_…`, another in every try.
    pub id: String,
    /// What it is about.
    pub event: Event,
    /// What waits, oldest first.
    pub items: Vec<Item>,
    /// Where a human decides.
    pub url: Option<String>,
    /// When it was written.
    pub at: Millis,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody asked.
    Asked,
    /// Half of the time is over.
    Reminder,
    /// Many at once, folded.
    Several,
    /// Somebody tries the channel.
    Test,
}

/// One call that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    id: String,
    tool: String,
    title: String,
    account: String,
    environment: &'static str,
    caller: String,
    expires_at: Millis,
    arguments: Vec<(String, String)>,
    /// How many more there are.
    left_out: usize,
}

impl Event {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Reminder => "reminder",
            Self::Several => "several",
            Self::Test => "test",
        }
    }

    /// The whole title: nothing of a call stands in it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Asked => "AgentPort: a call waits for you",
            Self::Reminder => "AgentPort: a call still waits for you",
            Self::Several => "AgentPort: several calls wait for you",
            Self::Test => "AgentPort: a test message",
        }
    }
}

impl Message {
    /// About these approvals, at a site whose links begin with `site`.
    pub(super) fn about(
        id: &str,
        approvals: &[(Approval, NoticeKind)],
        catalog: &Catalog,
        site: Option<&str>,
        (arguments, at): (bool, Millis),
    ) -> Self {
        let (event, path) = match approvals {
            [(one, NoticeKind::Asked)] => (Event::Asked, format!("approve/{}", one.id)),
            [(one, NoticeKind::Reminder)] => (Event::Reminder, format!("approve/{}", one.id)),
            _ => (Event::Several, String::new()),
        };
        let items = approvals.iter().map(|(approval, _)| Item::new(approval, catalog, arguments)).collect();
        Self { id: id.to_owned(), event, items, url: site.map(|site| format!("{site}/{path}")), at }
    }

    /// One that says that the channel works.
    pub fn test(site: Option<&str>, at: Millis) -> Self {
        let url = site.map(|site| format!("{site}/"));
        Self { id: format!("msg_test_{at}"), event: Event::Test, items: Vec::new(), url, at }
    }

    /// The title.
    pub fn title(&self) -> &'static str {
        self.event.title()
    }

    /// As lines for people; the link is the last but one.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        match self.event {
            Event::Asked | Event::Reminder => {
                for item in &self.items {
                    lines.push(format!("{} ({})", item.title, item.tool));
                    lines.push(format!("account: {}, {}", item.account, item.environment.to_uppercase()));
                    lines.push(format!("asked by: {}", item.caller));
                    lines.push(format!("decide before: {}", moment(item.expires_at)));
                    lines.extend(item.arguments.iter().map(|(name, value)| format!("{name} = {value}")));
                    if item.left_out > 0 {
                        lines.push(format!("and {} more arguments, which the page has", item.left_out));
                    }
                }
            }
            Event::Several => {
                lines.push(format!("{} calls wait:", self.items.len()));
                let folds = self.folds();
                for (count, item) in folds.iter().take(LISTED) {
                    let times = if *count > 1 { format!("{count} times ") } else { String::new() };
                    let until = if *count > 1 { "the first until" } else { "until" };
                    lines.push(format!(
                        "- {times}{} ({}), {}, {}, asked by {}, {until} {}",
                        item.title,
                        item.tool,
                        item.account,
                        item.environment.to_uppercase(),
                        item.caller,
                        moment(item.expires_at)
                    ));
                }
                let more: usize = folds.iter().skip(LISTED).map(|(count, _)| count).sum();
                if more > 0 {
                    lines.push(format!("- and {more} more"));
                }
            }
            Event::Test => lines.push("If you can read this, you will be told when a call waits for you.".to_owned()),
        }
        match &self.url {
            Some(url) => lines.push(url.clone()),
            None => lines.push("Look at the computer that AgentPort runs on.".to_owned()),
        }
        lines.push(match self.event {
            Event::Asked | Event::Reminder | Event::Several => {
                "The page shows all of it. An answer to this message is not read and approves nothing.".to_owned()
            }
            Event::Test => "An answer to this message is not read.".to_owned(),
        });
        lines.join("\n")
    }

    /// Calls of one tool by one agent on one account are one line, with their number; the first to end says until when.
    fn folds(&self) -> Vec<(usize, &Item)> {
        let mut folds: Vec<(usize, &Item)> = Vec::new();
        for item in &self.items {
            match folds.iter_mut().find(|(_, first)| item.is_like(first)) {
                Some((count, first)) => {
                    *count += 1;
                    if item.expires_at < first.expires_at {
                        *first = item;
                    }
                }
                None => folds.push((1, item)),
            }
        }
        folds
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let items = self.items.iter().map(|item| {
            let mut value = json!({
                "id": item.id,
                "tool": item.tool,
                "title": item.title,
                "account": item.account,
                "environment": item.environment,
                "caller": item.caller,
                "expires_at": rfc3339(item.expires_at),
            });
            if let (Value::Object(map), false) = (&mut value, item.arguments.is_empty()) {
                let arguments = item.arguments.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                map.insert("arguments".to_owned(), Value::Object(arguments));
                if item.left_out > 0 {
                    map.insert("arguments_left_out".to_owned(), json!(item.left_out));
                }
            }
            value
        });
        json!({
            "id": self.id,
            "event": self.event.as_str(),
            "title": self.title(),
            "url": self.url,
            "at": rfc3339(self.at),
            "approvals": items.collect::<Vec<_>>(),
        })
    }
}

impl Item {
    /// The same tool, agent and account?
    fn is_like(&self, other: &Self) -> bool {
        (&self.tool, &self.caller, &self.account) == (&other.tool, &other.caller, &other.account)
    }

    fn new(approval: &Approval, catalog: &Catalog, arguments: bool) -> Self {
        let plan = approval.plan.as_ref();
        let title = catalog.find(&approval.tool).map_or("A call", |tool| tool.title.as_str());
        let given = plan.filter(|_| arguments).into_iter().flat_map(|plan| plan.arguments().as_map());
        Self {
            id: approval.id.clone(),
            tool: approval.tool.clone(),
            title: visible(title),
            account: plan.map_or_else(String::new, |plan| format!("{}/{}", plan.integration(), plan.account())),
            environment: plan.map_or("production", |plan| plan.environment().as_str()),
            caller: visible(&approval.caller),
            expires_at: approval.expires_at,
            arguments: given
                .take(ARGUMENTS)
                .map(|(name, value)| (visible(name), short(&visible(&value.to_string()))))
                .collect(),
            left_out: plan
                .filter(|_| arguments)
                .map_or(0, |plan| plan.arguments().as_map().len().saturating_sub(ARGUMENTS)),
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… (cut; the page has all of it)", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn moment(at: Millis) -> String {
    rfc3339(at).replace('T', " ").replace('Z', " UTC")
}

/// Messages for the tests of channels.
#[cfg(test)]
pub(super) mod examples {
    use super::*;

    /// One whose texts try everything.
    pub(crate) fn hostile() -> Message {
        let item = Item {
            id: "apr_1".to_owned(),
            tool: "stripe.create_refund".to_owned(),
            title: visible("Refund a charge"),
            account: "stripe/default".to_owned(),
            environment: "production",
            caller: visible("cl\u{202e}aude\r\nBcc: <!channel> <b>&amp; *bold* [x](https://evil.example)"),
            expires_at: 1_764_003_600_000,
            arguments: vec![("amount".to_owned(), "4200".to_owned())],
            left_out: 0,
        };
        Message {
            id: "msg_1".to_owned(),
            event: Event::Asked,
            items: vec![item],
            url: Some("https://port.example.com/approve/apr_1".to_owned()),
            at: 1_764_000_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t174_the_title_is_ours_and_what_others_wrote_is_visible_behind_its_label() {
        let message = examples::hostile();
        assert_eq!(message.title(), "AgentPort: a call waits for you");
        insta::assert_snapshot!("asked", message.text());
        insta::assert_snapshot!("asked_json", serde_json::to_string_pretty(&message.to_json()).unwrap());
    }

    #[test]
    fn arguments_that_are_left_out_are_counted() {
        let mut message = examples::hostile();
        message.items[0].left_out = 3;
        assert!(
            message.text().contains("\namount = 4200\nand 3 more arguments, which the page has\n"),
            "{}",
            message.text()
        );
        assert_eq!(message.to_json()["approvals"][0]["arguments_left_out"], json!(3));
    }

    #[test]
    fn many_are_one_message_with_the_inbox_as_its_link() {
        let one = examples::hostile();
        let other = |number: usize| Item { caller: format!("agent-{number}"), ..one.items[0].clone() };
        let mut items: Vec<Item> = (0..12).map(other).collect();
        // a flood of one of them is one line with its number, and the first moment at which one of it ends
        items.extend(vec![Item { expires_at: 1_764_000_060_000, ..other(1) }; 7]);
        let message =
            Message { event: Event::Several, items, url: Some("https://port.example.com/".to_owned()), ..one };
        let text = message.text();
        let begin = "19 calls wait:\n- Refund a charge (stripe.create_refund), stripe/default, PRODUCTION, asked by agent-0, until";
        assert!(text.starts_with(begin), "{text}");
        let flood = "\n- 8 times Refund a charge (stripe.create_refund), stripe/default, PRODUCTION, asked by agent-1, the first until 2025-11-24 16:01:00 UTC\n";
        assert!(text.contains(flood), "{text}");
        assert!(text.contains("\n- and 2 more\nhttps://port.example.com/\n"), "{text}");
    }

    #[test]
    fn a_test_says_what_it_is() {
        insta::assert_snapshot!("test", Message::test(Some("https://port.example.com"), 0).text());
        assert_eq!(short(&"x".repeat(300)).chars().filter(|x| *x == 'x').count(), LONGEST);
    }
}

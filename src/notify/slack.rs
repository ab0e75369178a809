//! A message of a Slack app (`chat.postMessage`).

use serde_json::{Value, json};

use super::{Message, Undelivered, post::Post};
use crate::{
    account::Origin,
    upstream::{ChannelSecret, http::Http},
};

pub(super) async fn send(
    http: &Http,
    origin: &Origin,
    channel: &str,
    secret: &ChannelSecret,
    message: &Message,
) -> Result<(), Undelivered> {
    let post = Post::new(origin, &["api", "chat.postMessage"], &body(channel, message))?.bearer(secret)?;
    let answer = post.send(http).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if answer.get("ok") == Some(&json!(true)) {
        return Ok(());
    }
    // Slack says no with status 200 and a word
    let word = answer
        .get("error")
        .and_then(Value::as_str)
        .filter(|word| word.len() <= 60 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    Err(Undelivered::because(format!("Slack did not take it ({})", word.unwrap_or("no word why"))))
}

/// Nothing of it is markup, mentions nobody, and no link is looked at (T113). `parse` stays unset: `none` would leave the
/// link as text that cannot be tapped.
fn body(channel: &str, message: &Message) -> Value {
    let text = format!("{}\n{}", message.title(), message.text());
    json!({
        "channel": channel,
        "text": text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::examples::hostile;

    #[test]
    fn t113_nobody_is_mentioned_nothing_is_markup_and_no_link_is_unfurled() {
        let body = body("C1", &hostile());
        let text = body["text"].as_str().unwrap();
        assert!(!text.contains('<') && !text.contains('>'), "{text}");
        assert!(text.contains("&lt;!channel&gt;") && text.contains("https://port.example.com/approve/apr_1"), "{text}");
        assert_eq!(
            (&body["unfurl_links"], &body["unfurl_media"], &body["mrkdwn"]),
            (&json!(false), &json!(false), &json!(false))
        );
    }
}

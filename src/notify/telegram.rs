//! A message of a Telegram bot (`sendMessage`). The token is part of the path: no text of ours ever shows the URL.

use serde_json::{Value, json};

use super::{Message, Undelivered, post::Post};
use crate::{
    account::Origin,
    upstream::{ChannelSecret, http::Http},
};

/// The longest text that Telegram takes.
const LONGEST: usize = 4_096;

pub(super) async fn send(
    http: &Http,
    origin: &Origin,
    chat: &str,
    secret: &ChannelSecret,
    message: &Message,
) -> Result<(), Undelivered> {
    let token = secret.segment().ok_or_else(|| Undelivered::because("its token is none of Telegram's"))?;
    let bot = zeroize::Zeroizing::new(format!("bot{token}"));
    let answer = Post::new(origin, &[&bot, "sendMessage"], &body(chat, message))?.send(http).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if answer.get("ok") == Some(&json!(true)) { Ok(()) } else { Err(Undelivered::because("Telegram did not take it")) }
}

/// No `parse_mode`: the text is text. No link is looked at (T113).
fn body(chat: &str, message: &Message) -> Value {
    let text: String = format!("{}\n{}", message.title(), message.text()).chars().take(LONGEST).collect();
    json!({"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": true}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::examples::hostile;

    #[test]
    fn t113_the_text_is_text_and_no_link_is_looked_at() {
        let body = body("-1001", &hostile());
        assert_eq!(body["link_preview_options"], json!({"is_disabled": true}));
        assert!(body.get("parse_mode").is_none());
        assert!(body["text"].as_str().unwrap().starts_with("AgentPort: a call waits for you\nRefund a charge"));
    }
}

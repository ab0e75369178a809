//! A message of an ntfy server, published as JSON. Its tap opens the page; it has no buttons: none could approve.

use serde_json::{Value, json};

use super::{Message, Undelivered, message::Event, post::Post};
use crate::{
    account::Origin,
    upstream::{ChannelSecret, http::Http},
};

pub(super) async fn send(
    http: &Http,
    origin: &Origin,
    topic: &str,
    secret: Option<&ChannelSecret>,
    message: &Message,
) -> Result<(), Undelivered> {
    let mut post = Post::new(origin, &[], &body(topic, message))?;
    if let Some(secret) = secret {
        post = post.bearer(secret)?;
    }
    post.send(http).await.map(drop)
}

fn body(topic: &str, message: &Message) -> Value {
    let priority = match message.event {
        Event::Asked | Event::Reminder | Event::Several => 4,
        Event::Test => 3,
    };
    json!({
        "topic": topic,
        "title": message.title(),
        "message": message.text(),
        "click": message.url,
        "priority": priority,
        "markdown": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::examples::hostile;

    #[test]
    fn the_title_is_ours_and_there_is_no_button() {
        let body = body("t", &hostile());
        assert_eq!(body["title"], "AgentPort: a call waits for you");
        assert_eq!(body["click"], "https://port.example.com/approve/apr_1");
        assert!(body.get("actions").is_none());
    }
}

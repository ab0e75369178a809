//! A signed request. The receiver checks `AgentPort-Signature: t=<seconds>,v1=<hex>`, the HMAC-SHA256 of
//! `<seconds>.<body>` under the key that both have; `docs/channels.md` has the recipe.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Message, Undelivered, post::Post};
use crate::{
    account::Origin,
    upstream::{ChannelSecret, http::Http},
};

const SIGNATURE: HeaderName = HeaderName::from_static("agentport-signature");

pub(super) async fn send(
    http: &Http,
    origin: &Origin,
    url: &url::Url,
    secret: &ChannelSecret,
    message: &Message,
) -> Result<(), Undelivered> {
    let body = message.to_json().to_string().into_bytes();
    let headers = HeaderMap::from_iter([(SIGNATURE, signature(secret, message, &body)?)]);
    Post { origin, url: url.clone(), headers, body }.send(http).await.map(drop)
}

fn signature(secret: &ChannelSecret, message: &Message, body: &[u8]) -> Result<HeaderValue, Undelivered> {
    let seconds = (message.at / 1000).to_string();
    let signed = secret.sign(&[seconds.as_bytes(), b".", body]);
    signed
        .and_then(|hex| HeaderValue::try_from(format!("t={seconds},v1={hex}")).ok())
        .ok_or_else(|| Undelivered::because("it could not be signed"))
}

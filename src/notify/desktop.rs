//! A notification on the desktop of this computer, over the session's bus (the Desktop Notifications Specification).

use super::{Message, Undelivered};

#[cfg(target_os = "linux")]
pub(super) async fn send(message: &Message) -> Result<(), Undelivered> {
    let (title, text) = (message.title(), message.text());
    tokio::task::spawn_blocking(move || notify(title, &text))
        .await
        .map_err(|_| Undelivered::because("the desktop was not asked"))?
        .map_err(|_| Undelivered::because("no desktop of this session takes notifications"))
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn send(_message: &Message) -> Result<(), Undelivered> {
    std::future::ready(Err(Undelivered::because(
        "desktop notifications are there on Linux only; use ntfy or another channel",
    )))
    .await
}

#[cfg(target_os = "linux")]
fn notify(title: &str, text: &str) -> zbus::Result<()> {
    use std::collections::BTreeMap;

    use zbus::zvariant::Value;

    const NAME: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";

    let bus =
        zbus::blocking::connection::Builder::session()?.method_timeout(std::time::Duration::from_secs(10)).build()?;
    let abilities: Vec<String> =
        bus.call_method(Some(NAME), PATH, Some(NAME), "GetCapabilities", &())?.body().deserialize()?;
    // where the body is markup, nothing of ours is any
    let text = if abilities.iter().any(|ability| ability == "body-markup") {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    } else {
        text.to_owned()
    };
    let no_actions: &[&str] = &[];
    let hints = BTreeMap::from([("urgency", Value::U8(2)), ("category", Value::from("im.received"))]);
    let asked = ("AgentPort", 0_u32, "", title, text.as_str(), no_actions, hints, -1_i32);
    bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &asked)?;
    Ok(())
}

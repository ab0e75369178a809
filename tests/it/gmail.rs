//! A Gmail that keeps state: a mail is read by a human before it goes out, and by a model after it came in.

use serde_json::{Value, json};

use crate::harness::{Emulate, Port, Reply, Upstream};

fn connected(port: &Port, origin: &str) {
    let arguments =
        ["connect", "gmail", "--origin", origin, "--allow-private", "--secret-stdin", "--no-verify", "--json"];
    port.cli(arguments).stdin(port.canary()).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_sent_read_and_answered() {
    let Some(google) = Emulate::google("a_mail_is_sent_read_and_answered") else { return };
    let port = Port::enrolled();
    connected(&port, &google.origin());
    let agent = port.agent().await;
    let mail = json!({
        "to": ["Jörg <joerg@example.com>"],
        "bcc": ["eve@example.net"],
        "subject": "Grüße aus Köln",
        "text": "Hallo Jörg,\nbis morgen!",
        "html": "<p>Hallo Jörg</p>",
        "attachments": [{"filename": "a.txt", "mime_type": "text/plain", "content": "aGVsbG8="}],
    });
    let id = agent.call("gmail_send_email", mail).await.approval_id();
    let shown = port.cli(["approvals", "show", &id, "--json"]).done().json()["mail"].clone();
    assert_eq!(shown["to"], json!(["Jörg <joerg@example.com>"]));
    assert_eq!(shown["bcc"], json!(["eve@example.net"]));
    assert_eq!(shown["subject"], "Grüße aus Köln");
    assert_eq!(
        shown["attachments"],
        json!([{
            "filename": "a.txt", "mime_type": "text/plain", "size": 5,
            "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        }])
    );
    let sent = port.approve(&id)["result"].clone();
    assert_eq!(sent["labelIds"], json!(["SENT"]), "{sent}");

    let read = agent.call("gmail_read_email", json!({"message_id": sent["id"]})).await.completed();
    assert_eq!(read["text"], "Hallo Jörg,\nbis morgen!", "{read}");
    assert_eq!(read["headers"]["Subject"], "Grüße aus Köln");
    assert_eq!(read["attachments"][0]["filename"], "a.txt", "{read}");
    assert!(read.get("payload").is_none());

    let answer = json!({
        "thread_id": sent["threadId"], "in_reply_to": read["headers"]["Message-ID"],
        "references": [read["headers"]["Message-ID"]], "to": ["joerg@example.com"],
        "subject": "Re: Grüße aus Köln", "text": "Noch etwas.",
    });
    let id = agent.call("gmail_reply_to_email", answer).await.approval_id();
    assert_eq!(port.approve(&id)["result"]["threadId"], sent["threadId"]);
    let thread = agent.call("gmail_get_thread", json!({"thread_id": sent["threadId"]})).await.completed();
    let texts: Vec<&Value> = thread["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["Hallo Jörg,\nbis morgen!", "Noch etwas."]);
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

/// What is refused never waits for anybody; what runs by itself is what the policy says of all who get it.
#[tokio::test(flavor = "multi_thread")]
async fn t051_a_mail_goes_to_those_that_the_policy_has_judged() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({"id": "18c2", "threadId": "18c2"})));
    let port = Port::enrolled();
    connected(&port, &upstream.origin());
    port.edit_policy(&format!(
        "{}\n[[rule]]\nid = \"own\"\ntools = [\"gmail.send_email\"]\ndecision = \"allow\"\n\
         where = {{ recipients = {{ domain = \"acme.com\" }} }}\n",
        port.policy()
    ));
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let agent = port.agent().await;
    let send = async |to: &str, bcc: Option<&str>| {
        let mut mail = json!({"to": ["bob@acme.com", to], "subject": "s", "text": "t"});
        if let Some(bcc) = bcc {
            mail["bcc"] = json!([bcc]);
        }
        agent.call("gmail_send_email", mail).await
    };
    assert_eq!(send("Ann <ann@ACME.com>", None).await.completed(), json!({"id": "18c2", "threadId": "18c2"}));
    assert_eq!(upstream.received().len(), 1);
    assert_eq!(send("ann@acme.com", Some("eve@evil.com")).await.status(), "approval_required");
    assert_eq!(send("ann@acme.com.evil.com", None).await.status(), "approval_required");
    for hostile in [
        "eve <eve@evil.com>, <ann@acme.com>",
        "\"ann\"@acme.com",
        "eve: ann@acme.com",
        "ann@acme.com\r\nBcc: e@acme.com",
    ] {
        assert_eq!(send(hostile, None).await.invalid(), ["/to/1"], "{hostile}");
    }
    assert_eq!(upstream.received().len(), 1, "nothing else was sent");
    agent.leave().await;
}

//! A Gmail that keeps state: a mail is read by a human before it goes out, and by a model after it came in.

use std::collections::BTreeSet;

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

/// Sorting what was sent: found by its words, filed under a label, into the trash and out of it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_found_labelled_trashed_and_brought_back() {
    let Some(google) = Emulate::google("a_mail_is_found_labelled_trashed_and_brought_back") else { return };
    let port = Port::enrolled();
    connected(&port, &google.origin());
    let agent = port.agent().await;
    let found = async |given: Value| -> Vec<Value> {
        let found = agent.call("gmail_search_emails", given).await.completed();
        found["messages"].as_array().unwrap().iter().map(|mail| mail["id"].clone()).collect()
    };
    let words = json!({"q": "subject:invoice-4711 to:bob@example.com"});
    let mail = json!({"to": ["bob@example.com"], "subject": "Invoice-4711 & more", "text": "Please find it attached."});
    let id = agent.call("gmail_send_email", mail).await.approval_id();
    assert_eq!(found(words.clone()).await, Vec::<Value>::new());
    let sent = port.approve(&id)["result"]["id"].clone();
    let one = [sent.clone()];
    assert_eq!(found(words.clone()).await, one);
    assert_eq!(found(json!({"q": "subject:invoice-4711 to:eve@example.com"})).await, Vec::<Value>::new());

    let given = json!({"name": "Customers/Bob", "color": {"background": "#16a765", "text": "#ffffff"}});
    let names = async || -> Vec<Value> {
        let labels = agent.call("gmail_list_labels", json!({})).await.completed();
        labels["labels"].as_array().unwrap().iter().map(|label| label["name"].clone()).collect()
    };
    let id = agent.call("gmail_create_label", given).await.approval_id();
    assert!(!names().await.contains(&json!("Customers/Bob")));
    let label = port.approve(&id)["result"].clone();
    assert_eq!((&label["name"], &label["color"]["backgroundColor"]), (&json!("Customers/Bob"), &json!("#16a765")));
    assert!(names().await.contains(&json!("Customers/Bob")));

    let labelled = json!({"q": "invoice-4711", "label_ids": [label["id"]]});
    let labels = async || -> BTreeSet<String> {
        let mail = json!({"message_id": sent, "format": "minimal"});
        let read = agent.call("gmail_read_email", mail).await.completed();
        read["labelIds"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned()).collect()
    };
    let plain: BTreeSet<String> = ["SENT".to_owned()].into();
    let both: BTreeSet<String> = ["SENT".to_owned(), label["id"].as_str().unwrap().to_owned()].into();
    let change = json!({"message_id": sent, "add_label_ids": [label["id"]]});
    let id = agent.call("gmail_modify_email_labels", change).await.approval_id();
    assert_eq!((labels().await, found(labelled.clone()).await), (plain, vec![]));
    port.approve(&id);
    assert_eq!((labels().await, found(labelled.clone()).await), (both.clone(), vec![sent.clone()]));

    let which = json!({"message_id": sent});
    let id = agent.call("gmail_trash_email", which.clone()).await.approval_id();
    assert_eq!(found(words.clone()).await, one);
    port.approve(&id);
    assert_eq!(found(words.clone()).await, Vec::<Value>::new());
    let mut everywhere = words.clone();
    everywhere["include_spam_trash"] = json!(true);
    assert_eq!(found(everywhere).await, one);
    let id = agent.call("gmail_untrash_email", which).await.approval_id();
    assert_eq!(found(words.clone()).await, Vec::<Value>::new());
    port.approve(&id);
    assert_eq!((found(words).await, found(labelled).await), (vec![sent.clone()], vec![sent.clone()]));
    assert_eq!(labels().await, both);
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

//! Broken lines, ids, notifications: what is answered, and what is not executed.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn t001_broken_lines_are_answered_and_the_connection_stays() {
    let mut client = Client::of_double(&Double::new(), LONG);
    client.send("{\"jsonrpc\":\"2.0\",");
    assert_eq!(code(&client.hear()), (Value::Null, json!(-32700)));
    client.send(b"\xff\xfe");
    assert_eq!(code(&client.hear()), (Value::Null, json!(-32700)));
    client.send("");
    client.send("[]");
    assert_eq!(code(&client.hear()), (Value::Null, json!(-32600)));
    client.send(vec![b'x'; 3 * 1024 * 1024]);
    assert_eq!(code(&client.hear()), (Value::Null, json!(-32600)));
    initialized(&mut client);
    client.send(r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"a":2}}}"#);
    let refusal = client.hear();
    assert_eq!(code(&refusal), (json!(5), json!(-32602)));
    assert_eq!(refusal["error"]["message"], json!("the key at `/params/arguments/a` is given twice"));
    assert_eq!(client.ask(&ping(6))["id"], json!(6));
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t003_what_the_input_ends_within_is_not_executed() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    initialized(&mut client);
    client.input.as_mut().unwrap().write_all(call(1, "echo", &json!({})).to_string().as_bytes()).unwrap();
    let last = client.end().await;
    assert_eq!(last.iter().map(code).collect::<Vec<_>>(), [(Value::Null, json!(-32700))]);
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t008_t027_arguments_arrive_as_they_were_sent_and_answers_are_one_line() {
    let mut client = Client::of_double(&Double::new(), LONG);
    initialized(&mut client);
    let arguments = json!({
        "text": "a\u{2028}b\u{85}c\r\n\u{1f600}", "big": u64::MAX, "small": i64::MIN, "third": 0.1, "one": 1.0,
        "exact": 31.245_270_191_439_438, "null": null, "deep": [[{"x": [true]}]],
    });
    client.say(&call(1, "echo", &arguments));
    let line = client.line();
    assert!(line.is_ascii() || !line.contains(['\u{2028}', '\u{85}']), "{line}");
    let answer: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answer["result"]["structuredContent"], arguments);
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t009_a_second_request_with_the_id_of_one_in_flight_is_refused() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    initialized(&mut client);
    client.say(&call(5, "hold", &json!({"which": "first"})));
    assert_eq!(code(&client.ask(&call(5, "echo", &json!({"which": "second"})))), (json!(5), json!(-32600)));
    // A text and a number are two ids.
    assert_eq!(client.ask(&call("5", "echo", &json!({})))["id"], json!("5"));
    double.release.add_permits(1);
    let answer = client.hear();
    assert_eq!((&answer["id"], &answer["result"]["structuredContent"]["which"]), (&json!(5), &json!("first")));
    assert_eq!(double.begun.load(Ordering::SeqCst), 2);
    // Answered: the id is free.
    assert_eq!(
        client.ask(&call(5, "echo", &json!({"which": "third"})))["result"]["structuredContent"]["which"],
        json!("third")
    );
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t009_a_cancelled_request_is_not_answered_and_its_id_not_free_before_it_has_ended() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    initialized(&mut client);
    client.say(&call(5, "hold", &json!({"which": "cancelled"})));
    client.say(&cancel(5));
    client.say(&cancel(99));
    assert_eq!(code(&client.ask(&call(5, "echo", &json!({})))), (json!(5), json!(-32600)));
    double.release.add_permits(1);
    // Its end is not told; the id comes free soon.
    let answer = loop {
        let answer = client.ask(&call(5, "echo", &json!({"which": "new"})));
        if answer.get("error").is_none() {
            break answer;
        }
    };
    assert_eq!(answer["result"]["structuredContent"]["which"], json!("new"));
    // A wait is told that nobody waits any more.
    client.say(&call(6, "wait", &json!({})));
    client.say(&cancel(6));
    while client.ask(&call(6, "echo", &json!({}))).get("error").is_some() {}
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t013_t016_notifications_and_answers_execute_nothing_and_end_nothing() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    for round in 0..2 {
        let mut unasked = call(1, "echo", &json!({}));
        unasked.as_object_mut().unwrap().remove("id");
        client.say(&unasked);
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/no/such/thing", "params": {"a": 1}}));
        client.say(&cancel(1));
        client.say(&json!({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}}));
        client.say(&json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}));
        assert_eq!(client.ask(&ping(round))["id"], json!(round));
        if round == 0 {
            initialized(&mut client);
        }
    }
    assert!(client.end().await.is_empty());
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t019_beyond_the_limit_requests_are_answered_at_once() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    initialized(&mut client);
    for id in 0..MAX_FLIGHTS {
        client.say(&call(id, "hold", &json!({})));
    }
    let busy = client.ask(&call(1_000, "echo", &json!({})));
    assert_eq!(busy["id"], json!(1_000));
    assert_eq!(busy["result"]["structuredContent"]["error"]["kind"], json!("busy"), "{busy}");
    assert_eq!(busy["result"]["isError"], json!(true));
    assert_eq!(busy["result"].get("resultType"), None);
    assert_eq!(code(&client.ask(&ping(1_001))), (json!(1_001), json!(-32000)));
    double.release.add_permits(MAX_FLIGHTS);
    let mut ids: Vec<_> = (0..MAX_FLIGHTS).map(|_| client.hear()["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..MAX_FLIGHTS as u64).collect::<Vec<_>>());
    assert_eq!(client.ask(&ping(1_002))["id"], json!(1_002));
    assert!(client.end().await.is_empty());
}

//! The end: of the input, of the output, and of what never ends.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn t018_at_the_end_of_input_everything_is_answered_and_waits_end() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    client.say(&initialize("2025-11-25"));
    for id in 0..20 {
        client.say(&call(id, if id % 2 == 0 { "echo" } else { "wait" }, &json!({"n": id})));
    }
    assert_eq!(client.end().await.len(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn t018_an_idle_server_ends_at_once_and_a_silent_one_too() {
    for speaks in [true, false] {
        let mut client = Client::of_gateway(&Gateway::stub());
        if speaks {
            initialized(&mut client);
        }
        let begun = Instant::now();
        assert!(client.end().await.is_empty());
        // rmcp alone would wait five seconds
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t018_what_never_ends_is_given_up_in_the_end() {
    let mut client = Client::of_double(&Double::new(), Duration::from_millis(50));
    initialized(&mut client);
    client.say(&call(1, "stuck", &json!({})));
    let begun = Instant::now();
    assert!(client.end().await.is_empty());
    // Not after another five seconds of rmcp's.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn t018_the_end_is_not_passed_on_while_a_request_is_in_flight() {
    let (from_client, mut input) = io::pipe().unwrap();
    let (_output, to_client) = io::pipe().unwrap();
    let (mut transport, _connection) = transport::open(from_client, to_client, LONG).unwrap();
    writeln!(input, "{}", ping(1)).unwrap();
    drop(input);
    let Some(JsonRpcMessage::Request(request)) = transport.receive().await else { panic!("no request") };
    let Gone(gone) = rmcp::model::GetExtensions::extensions(&request.request).get::<Gone>().unwrap().clone();
    gone.cancelled().await;
    for _ in 0..3 {
        // rmcp drops the future now and then.
        assert!(tokio::time::timeout(Duration::from_millis(20), transport.receive()).await.is_err());
    }
    transport.send(JsonRpcMessage::response(ServerResult::empty(()), request.id)).await.unwrap();
    assert!(transport.receive().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn t018_a_client_that_does_not_read_any_more_has_left() {
    let double = Double::new();
    let (from_client, mut input) = io::pipe().unwrap();
    let (output, to_client) = io::pipe().unwrap();
    let (_, changes) = watch::channel(0);
    let served = tokio::spawn(serve_with(double, changes, from_client, to_client, LONG));
    drop(output);
    // The wait ends because the answer to `initialize` finds nobody; the input stays open.
    writeln!(input, "{}", initialize("2025-11-25")).unwrap();
    writeln!(input, "{}", call(1, "wait", &json!({}))).unwrap();
    tokio::time::timeout(Duration::from_secs(20), served).await.unwrap().unwrap().unwrap();
    drop(input);
}

#[tokio::test(flavor = "multi_thread")]
async fn t245_a_slow_reader_stops_the_server_and_loses_nothing() {
    let double = Double::new();
    let (from_client, mut input) = io::pipe().unwrap();
    let (output, to_client) = io::pipe().unwrap();
    let (_, changes) = watch::channel(0);
    let served = tokio::spawn(serve_with(double.clone(), changes, from_client, to_client, LONG));
    let calls = 300;
    let writer = std::thread::spawn(move || {
        writeln!(input, "{}", initialize("2025-11-25")).unwrap();
        for id in 0..calls {
            writeln!(input, "{}", call(id, "echo", &json!({"text": "x".repeat(100_000)}))).unwrap();
        }
    });
    // Nobody reads: the calls that fit in are begun, then it stands still.
    let mut before = usize::MAX;
    while before != double.begun.load(Ordering::SeqCst) {
        before = double.begun.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before <= 2 * MAX_FLIGHTS, "{before}");
    let lines = tokio::task::spawn_blocking(|| BufReader::new(output).lines().count()).await.unwrap();
    assert_eq!(lines, calls + 1);
    writer.join().unwrap();
    served.await.unwrap().unwrap();
}

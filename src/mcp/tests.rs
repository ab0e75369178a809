//! Raw frames in, raw frames out, over real pipes.

use std::{
    io::{BufRead, BufReader, PipeWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, JsonRpcMessage, ServerCapabilities, ServerConfig,
        ServerResult,
    },
    service::RequestContext,
    transport::Transport as _,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::{
    transport::{Gone, MAX_FLIGHTS},
    *,
};

/// A client that speaks in lines.
struct Client {
    input: Option<PipeWriter>,
    lines: mpsc::Receiver<String>,
    served: tokio::task::JoinHandle<Result<Ended, ServeError>>,
}

impl Client {
    fn of_gateway(gateway: &Arc<Gateway>) -> Self {
        let gateway = Arc::clone(gateway);
        Self::of(|input, output| tokio::spawn(serve(gateway, Caller::parse("claude").unwrap(), input, output)))
    }

    fn of_double(double: &Double, patience: Duration) -> Self {
        let double = double.clone();
        let (_, changes) = watch::channel(0);
        Self::of(|input, output| tokio::spawn(serve_with(double, changes, input, output, patience)))
    }

    fn of(
        serve: impl FnOnce(io::PipeReader, PipeWriter) -> tokio::task::JoinHandle<Result<Ended, ServeError>>,
    ) -> Self {
        let (from_client, input) = io::pipe().unwrap();
        let (output, to_client) = io::pipe().unwrap();
        let served = serve(from_client, to_client);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { input: Some(input), lines, served }
    }

    fn send(&mut self, line: impl AsRef<[u8]>) {
        let mut line = line.as_ref().to_vec();
        line.push(b'\n');
        self.input.as_mut().unwrap().write_all(&line).unwrap();
    }

    fn say(&mut self, message: &Value) {
        self.send(message.to_string());
    }

    fn line(&self) -> String {
        tokio::task::block_in_place(|| self.lines.recv_timeout(Duration::from_secs(20))).unwrap()
    }

    fn hear(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear()
    }

    /// Ends the input; what is still written, once the server has ended.
    async fn end(mut self) -> Vec<Value> {
        drop(self.input.take());
        tokio::time::timeout(Duration::from_secs(20), self.served).await.unwrap().unwrap().unwrap();
        self.lines.iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }
}

/// A server whose tools do what the tests need.
#[derive(Clone)]
struct Double {
    begun: Arc<AtomicUsize>,
    release: Arc<Semaphore>,
}

impl Double {
    fn new() -> Self {
        Self { begun: Arc::default(), release: Arc::new(Semaphore::new(0)) }
    }
}

impl ServerHandler for Double {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let Gone(gone) = context.extensions.get::<Gone>().unwrap().clone();
        match request.name.as_ref() {
            "echo" => {}
            "wait" => gone.cancelled().await,
            "hold" => self.release.acquire().await.unwrap().forget(),
            "stuck" => std::future::pending().await,
            other => panic!("{other}"),
        }
        Ok(CallToolResult::structured(request.arguments.unwrap_or_default().into()).into())
    }
}

fn initialize(version: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "0"},
    }})
}

fn initialized(client: &mut Client) {
    assert_eq!(client.ask(&initialize("2025-11-25"))["id"], json!("init"));
    client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
}

fn call(id: impl Into<Value>, tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

fn ping(id: i64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
}

fn cancel(id: i64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "enough"}})
}

/// A request of the revision without `initialize`.
fn modern(id: i64, method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn code(answer: &Value) -> (Value, Value) {
    (answer["id"].clone(), answer["error"]["code"].clone())
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn all_revisions_with_initialize_are_served() {
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut client = Client::of_gateway(&Gateway::stub());
        let hello = client.ask(&initialize(asked))["result"].clone();
        assert_eq!(hello["protocolVersion"], json!(spoken));
        assert_eq!(hello["serverInfo"]["name"], json!("agentport"));
        assert_eq!(hello["serverInfo"]["version"], json!(env!("CARGO_PKG_VERSION")));
        assert_eq!(hello["serverInfo"]["title"], json!("AgentPort"));
        assert_eq!(hello["capabilities"], json!({"tools": {"listChanged": true}}));
        assert!(hello["instructions"].as_str().unwrap().contains("approval_required"));
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));

        let list = client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
        assert!(list["result"]["tools"].is_array(), "{list}");
        assert_eq!(list["result"].get("resultType"), None);
        assert_eq!(list["result"].get("nextCursor"), None);
        let answer = client.ask(&call(2, "no_such_tool", &json!({})));
        assert_eq!(answer["result"]["structuredContent"]["status"], json!("failed"), "{answer}");
        assert_eq!(answer["result"]["isError"], json!(true));
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, serde_json::to_string_pretty(&answer["result"]["structuredContent"]).unwrap());
        assert_eq!(answer["result"].get("resultType"), None);
        assert_eq!(client.ask(&ping(3)), json!({"jsonrpc": "2.0", "id": 3, "result": {}}));
        assert!(client.end().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_revision_without_initialize_is_served() {
    let mut client = Client::of_gateway(&Gateway::stub());
    let discovered = client.ask(&modern(1, "server/discover", &json!({})))["result"].clone();
    assert_eq!(
        discovered["supportedVersions"],
        json!(["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"])
    );
    assert_eq!(discovered["resultType"], json!("complete"));
    assert_eq!(discovered["capabilities"], json!({"tools": {"listChanged": true}}));
    let list = client.ask(&modern(2, "tools/list", &json!({})))["result"].clone();
    assert_eq!(list["resultType"], json!("complete"), "{list}");
    assert!(list["tools"].is_array() && list["ttlMs"].is_number() && list["cacheScope"].is_string(), "{list}");
    let answer = client.ask(&modern(3, "tools/call", &json!({"name": "no_such_tool", "arguments": {}})));
    assert_eq!(answer["result"]["resultType"], json!("complete"), "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["status"], json!("failed"));
    // Without its `_meta` a request belongs to no revision here.
    assert_eq!(code(&client.ask(&call(4, "no_such_tool", &json!({})))), (json!(4), json!(-32602)));
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_is_told_to_clients_of_both_eras() {
    let gateway = Gateway::stub();
    let mut old = Client::of_gateway(&gateway);
    initialized(&mut old);
    assert_eq!(old.ask(&ping(1))["id"], json!(1));
    let mut new = Client::of_gateway(&gateway);
    let listens = modern(9, "subscriptions/listen", &json!({"notifications": {"toolsListChanged": true}}));
    let acknowledged = new.ask(&listens);
    assert_eq!(acknowledged["method"], json!("notifications/subscriptions/acknowledged"), "{acknowledged}");
    // Answered after the subscription has begun to watch.
    assert!(new.ask(&modern(10, "tools/list", &json!({})))["result"].is_object());
    gateway.change();
    assert_eq!(old.hear(), json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    let told = new.hear();
    assert_eq!(told["method"], json!("notifications/tools/list_changed"));
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], json!(9), "{told}");
    assert!(old.end().await.is_empty());
    // The end of input ends the subscription, with its answer.
    let last = new.end().await;
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["id"], json!(9));
}

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
async fn t014_nothing_is_executed_before_it_is_clear_what_is_spoken() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    assert_eq!(code(&client.ask(&call(1, "echo", &json!({})))), (json!(1), json!(-32602)));
    let mut unknown = modern(2, "tools/call", &json!({"name": "echo", "arguments": {}}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    assert_eq!(code(&client.ask(&unknown)), (json!(2), json!(-32022)));
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
    initialized(&mut client);
    assert_eq!(code(&client.ask(&unknown)), (json!(2), json!(-32022)));
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
    assert!(client.ask(&call(1, "echo", &json!({})))["result"].is_object());
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn params_that_do_not_fit_and_unknown_methods_have_their_codes() {
    let double = Double::new();
    let mut client = Client::of_double(&double, LONG);
    assert_eq!(
        code(&client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize"}))),
        (json!(1), json!(-32602))
    );
    initialized(&mut client);
    let broken = [
        ("tools/call", json!({"name": 5})),
        ("tools/call", json!({})),
        ("tools/call", json!({"name": "echo", "arguments": [1]})),
        ("tools/call", json!({"name": "echo", "arguments": "x"})),
    ];
    for (method, params) in broken {
        let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 2, "method": method, "params": params}));
        assert_eq!(code(&answer), (json!(2), json!(-32602)), "{answer}");
    }
    for method in ["no/such/method", "resources/list", "prompts/list", "tasks/list", "sampling/createMessage"] {
        let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": {}}));
        assert_eq!(code(&answer), (json!(3), json!(-32601)), "{answer}");
    }
    assert_eq!(double.begun.load(Ordering::SeqCst), 0);
    assert!(client.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t023_the_list_has_one_page() {
    let mut client = Client::of_gateway(&Gateway::stub());
    initialized(&mut client);
    let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "x"}}));
    assert_eq!(code(&answer), (json!(1), json!(-32602)));
    assert!(client.end().await.is_empty());
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

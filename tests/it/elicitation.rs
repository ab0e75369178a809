//! Clients that can open a link for their user are asked to, with rmcp's own client in both eras; opening it decides
//! nothing.

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
        ElicitationAction, ElicitationCapability, InputRequest, InputResponses, ProtocolVersion,
        UrlElicitationCapability,
    },
    service::{ClientLifecycleMode, RequestContext, RunningService, serve_client_with_lifecycle},
    transport::TokioChildProcess,
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

use crate::harness::{Answer, Port, Reply, Upstream};

/// A host that opens links, as the test says.
struct Host {
    asked: mpsc::UnboundedSender<(String, String)>,
    answers: Mutex<mpsc::UnboundedReceiver<ElicitationAction>>,
}

impl ClientHandler for Host {
    fn get_info(&self) -> ClientConfig {
        let url = ElicitationCapability::new().with_url(UrlElicitationCapability::default());
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(url);
        let mut info = ClientConfig::default();
        info.capabilities = capabilities;
        info
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, rmcp::ErrorData> {
        let ElicitRequestParams::UrlElicitationParams { message, url, .. } = request else { panic!("{request:?}") };
        self.asked.send((message, url)).unwrap();
        let action = self.answers.lock().await.recv().await.unwrap();
        Ok(ElicitResult::new(action))
    }
}

/// A host's session with the program, and what its user does.
struct Session {
    service: RunningService<RoleClient, Host>,
    asked: mpsc::UnboundedReceiver<(String, String)>,
    answers: mpsc::UnboundedSender<ElicitationAction>,
    port: Port,
}

#[derive(Clone, Copy, PartialEq)]
enum Era {
    Old,
    New,
}

const BOTH: [Era; 2] = [Era::Old, Era::New];

impl Session {
    async fn start(port: Port, era: Era) -> Self {
        let ((tell, asked), (answers, receive)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let host = Host { asked: tell, answers: Mutex::new(receive) };
        let command = tokio::process::Command::from(port.command());
        let (transport, _) = TokioChildProcess::builder(command).stderr(port.evidence().stderr()).spawn().unwrap();
        let lifecycle = match era {
            Era::Old => ClientLifecycleMode::Initialize,
            Era::New => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
        };
        let service = serve_client_with_lifecycle(host, transport, lifecycle).await.unwrap();
        Self { service, asked, answers, port }
    }

    /// The link that the user was asked to open, and the approval behind it.
    async fn opened(&mut self) -> String {
        let (message, url) = self.asked.recv().await.unwrap();
        assert_eq!(
            message,
            "`stripe.create_refund` waits for your approval. Open the link to see exactly what would be sent, and \
             decide there."
        );
        let (_, id) = url.rsplit_once("/approve/").unwrap();
        assert!(id.starts_with("apr_") && !url.contains('?') && !url.contains('#'), "{url}");
        id.to_owned()
    }
}

fn refund() -> CallToolRequestParams {
    let Value::Object(arguments) = json!({"charge": "ch_1", "amount": 500}) else { panic!("an object") };
    CallToolRequestParams::new("stripe_create_refund").with_arguments(arguments)
}

fn upstream() -> Upstream {
    Upstream::start(|_| Reply::json(200, &json!({"id": "re_1"})))
}

fn answer(result: &impl serde::Serialize) -> Answer {
    let mut result = serde_json::to_value(result).unwrap();
    result.as_object_mut().unwrap().remove("resultType");
    Answer::of(&result)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_opens_the_link_and_approves_gets_the_outcome_in_the_same_call() {
    for era in BOTH {
        let upstream = upstream();
        let mut session = Session::start(Port::connected(&upstream), era).await;
        let call = session.service.peer().clone();
        let calling = async {
            match era {
                Era::Old => answer(&call.call_tool(refund()).await.unwrap()),
                // the high-level client answers the request for input and calls again by itself
                Era::New => answer(&session.service.call_tool(refund()).await.unwrap()),
            }
        };
        let human = async {
            let (_, url) = session.asked.recv().await.unwrap();
            let id = url.rsplit_once("/approve/").unwrap().1.to_owned();
            session.answers.send(ElicitationAction::Accept).unwrap();
            tokio::task::block_in_place(|| session.port.approve(&id));
        };
        let (result, ()) = tokio::join!(calling, human);
        assert_eq!(result.completed(), json!({"id": "re_1"}));
        upstream.received_one("POST /v1/refunds");
        session.service.cancel().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t022_no_answer_of_a_client_changes_the_approval_and_only_accept_waits() {
    for era in BOTH {
        for action in [ElicitationAction::Decline, ElicitationAction::Cancel] {
            let upstream = upstream();
            let mut session = Session::start(Port::connected(&upstream), era).await;
            session.answers.send(action).unwrap();
            let result = answer(&session.service.call_tool(refund()).await.unwrap());
            // the plain answer, at once
            let id = result.approval_id();
            assert_eq!(session.opened().await, id);
            let shown = session.port.cli(["approvals", "show", &id, "--json"]).done().json();
            assert_eq!(shown["status"], "pending", "{shown}");
            assert!(upstream.received().is_empty());
            session.service.cancel().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t022_accept_without_a_human_only_waits() {
    let upstream = upstream();
    let mut session = Session::start(Port::connected(&upstream), Era::New).await;
    let CallToolResponse::InputRequired(asked) = session.service.call_tool_once(refund()).await.unwrap() else {
        panic!("it was not asked")
    };
    let state = asked.request_state.unwrap();
    let InputRequest::Elicitation(request) = &asked.input_requests.as_ref().unwrap()["approval"] else {
        panic!("{:?}", asked.input_requests)
    };
    let ElicitRequestParams::UrlElicitationParams { url, .. } = &request.params else { panic!("{request:?}") };
    let id = url.rsplit_once("/approve/").unwrap().1.to_owned();
    // the human says no while the client waits
    let accepted = InputResponses::from([("approval".to_owned(), json!({"action": "accept"}))]);
    let peer = session.service.peer().clone();
    let again = refund().with_input_responses(accepted).with_request_state(state);
    let waiting = tokio::spawn(async move { peer.call_tool_once(again).await });
    session.port.cli(["approvals", "deny", &id, "--json"]).done();
    let CallToolResponse::Complete(result) = waiting.await.unwrap().unwrap() else { panic!("asked again") };
    assert_eq!(answer(&result).denied(), "human");
    assert!(upstream.received().is_empty());
    assert!(session.asked.try_recv().is_err());
    session.service.cancel().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t021_what_a_client_brings_back_counts_once_for_its_own_call() {
    let upstream = upstream();
    let session = Session::start(Port::connected(&upstream), Era::New).await;
    let asked = async || {
        let CallToolResponse::InputRequired(asked) = session.service.call_tool_once(refund()).await.unwrap() else {
            panic!("it was not asked")
        };
        asked.request_state.unwrap()
    };
    let cancelled = InputResponses::from([("approval".to_owned(), json!({"action": "cancel"}))]);
    let bring = async |call: CallToolRequestParams, state: &str| {
        let call = call.with_input_responses(cancelled.clone()).with_request_state(state);
        let CallToolResponse::Complete(result) = session.service.call_tool_once(call).await.unwrap() else {
            panic!("asked again")
        };
        answer(&result)
    };
    let state = asked().await;
    assert_eq!(bring(refund(), &format!("{state}A")).await.invalid(), ["/requestState"], "altered");
    let id = bring(refund(), &state).await.approval_id();
    assert_eq!(bring(refund(), &state).await.invalid(), ["/requestState"], "replayed");
    let state = asked().await;
    let Value::Object(other) = json!({"charge": "ch_1", "amount": 501}) else { panic!("an object") };
    let other = CallToolRequestParams::new("stripe_create_refund").with_arguments(other);
    assert_eq!(bring(other, &state).await.invalid(), ["/requestState"], "other arguments");
    let state = asked().await;
    let other = CallToolRequestParams::new("stripe_get_balance");
    assert_eq!(bring(other, &state).await.invalid(), ["/requestState"], "another tool");
    // and nothing of all that ran or was asked anew
    let open = session.port.cli(["approvals", "list", "--json"]).done().json();
    assert_eq!(open.as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&json!(id)]);
    assert!(upstream.received().is_empty());
    session.service.cancel().await.unwrap();
}

/// As Codex speaks (2025-06-18), on raw lines: the request for its user comes while the call runs, and what is no answer
/// to it counts for nothing.
#[test]
fn t016_t022_only_the_answer_to_our_own_question_ends_the_asking() {
    for nonsense in [
        json!({"result": {"action": "approve"}}),
        json!({"result": {}}),
        json!({"result": "yes"}),
        json!({"error": {"code": -32601, "message": "no such method"}}),
        json!({"error": {"code": "x"}}),
    ] {
        let upstream = upstream();
        let port = Port::connected(&upstream);
        let mut wire = port.silent_wire("codex");
        let capabilities = json!({"elicitation": {"form": {}, "url": {}}});
        let client = json!({"name": "codex-mcp-client", "version": "0.169.0"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": client});
        wire.ask("initialize", &params);
        wire.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        let call = wire.begin("stripe_create_refund", &json!({"charge": "ch_1"}));
        let question = wire.hear();
        assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
        // somebody else's question is answered, then ours, with nonsense
        let accept = json!({"action": "accept"});
        wire.say(&json!({"jsonrpc": "2.0", "id": "another", "result": accept}));
        wire.say(&json!({"jsonrpc": "2.0", "id": 4_711, "result": accept}));
        let mut answer = nonsense.clone();
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = question["id"].clone();
        wire.say(&answer);
        let plain = Answer::of(&wire.answer(call)["result"]);
        let id = plain.approval_id();
        assert_eq!(question["params"]["url"], plain.0["approval"]["url"]);
        // and once it was answered, no second answer is one
        wire.say(&json!({"jsonrpc": "2.0", "id": question["id"], "result": accept}));
        let shown = port.cli(["approvals", "show", &id, "--json"]).done().json();
        assert_eq!(shown["status"], "pending", "{nonsense}: {shown}");
        assert_eq!(wire.end().code, Some(0), "{nonsense}");
        assert!(upstream.received().is_empty());
    }
}

#[test]
fn who_declares_nothing_is_asked_nothing() {
    let upstream = upstream();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    // an answer to a question that nobody asked does nothing either (T016)
    wire.say(&json!({"jsonrpc": "2.0", "id": 0, "result": {"action": "accept"}}));
    wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    assert!(wire.end().rest.is_empty());
}

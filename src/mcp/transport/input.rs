//! The one reader: what comes in through the strict gate becomes a request in flight, or is answered on the spot.

use std::{
    io::{self, Read},
    sync::Arc,
};

use rmcp::{
    RoleServer,
    model::{ClientRequest, ErrorData, GetExtensions, JsonRpcMessage, JsonRpcRequest, NumberOrString},
    service::RxJsonRpcMessage,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Closed, Gone,
    flights::{Flights, Takeoff},
    lines::{Line, Lines},
    output::Message,
    questions::Questions,
};
use crate::mcp::{
    frame::{self, Frame, INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, Refusal, RequestId},
    render,
};

/// JSON-RPC: ours to define; the client may try again.
const BUSY: i32 = -32000;
/// The methods that are answered by more than "no such method".
pub(in crate::mcp) const SERVED: [&str; 6] =
    ["initialize", "ping", "server/discover", "subscriptions/listen", "tools/call", "tools/list"];

/// Reads the input, in a thread of its own: reading blocks. It cancels `left` when there is nothing more to read.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) flights: Arc<Flights>,
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) questions: Arc<Questions>,
    pub(super) incoming: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    pub(super) left: CancellationToken,
}

impl Reader {
    /// Starts to read.
    pub(super) fn start(self, input: impl Read + Send + 'static) -> io::Result<()> {
        std::thread::Builder::new().name("mcp-input".to_owned()).spawn(move || self.read(input)).map(drop)
    }

    fn read(self, input: impl Read) {
        let mut lines = Lines::new(input);
        loop {
            let done = match lines.next() {
                Ok(Some(Line::Whole(line))) => self.take(line),
                Ok(Some(Line::Long)) => self.refuse(&frame::too_long()),
                Ok(Some(Line::Cut)) => self.refuse(&refusal(None, PARSE_ERROR, "the input ended within a line")),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "the input cannot be read any more");
                    break;
                }
            };
            if done.is_err() {
                break;
            }
        }
        self.left.cancel();
    }

    fn take(&self, line: &[u8]) -> Result<(), Closed> {
        match frame::read(line) {
            Ok(Frame::Request { id, method, text }) => self.request(id, &method, text),
            Ok(Frame::Notification { method, text }) => {
                if method == "notifications/cancelled" {
                    self.cancel(text);
                } else {
                    tracing::debug!("ignored a notification");
                }
                Ok(())
            }
            Ok(Frame::Response { id, text }) => self.answer(id, text),
            Ok(Frame::Blank) => Ok(()),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn request(&self, id: RequestId, method: &str, text: &str) -> Result<(), Closed> {
        let gone = match self.flights.take(&id, &self.left) {
            Takeoff::Flies(gone) => gone,
            Takeoff::Taken => {
                return self.refuse(&refusal(Some(id), INVALID_REQUEST, "a request with this `id` is still in flight"));
            }
            Takeoff::Busy => return self.busy(id, method),
        };
        let request = serde_json::from_str::<JsonRpcRequest<ClientRequest>>(text).ok().filter(|request| {
            // rmcp takes what it cannot read for a method that it does not know.
            !(matches!(request.request, ClientRequest::CustomRequest(_)) && SERVED.contains(&method))
        });
        let Some(mut request) = request else {
            self.flights.land(&id);
            return self.refuse(&refusal(Some(id), INVALID_PARAMS, "the `params` do not fit the method"));
        };
        request.request.extensions_mut().insert(Gone(gone));
        if self.incoming.blocking_send(JsonRpcMessage::Request(request)).is_err() {
            self.flights.land(&id);
            return Err(Closed);
        }
        Ok(())
    }

    /// An answer counts if we asked and wait for it, and once. What cannot be read is an answer too: a refusal.
    fn answer(&self, id: Option<RequestId>, text: &str) -> Result<(), Closed> {
        let Some(id) = id.filter(|id| self.questions.answered(id)) else {
            tracing::debug!("ignored an answer: nothing was asked");
            return Ok(());
        };
        let read = serde_json::from_str::<RxJsonRpcMessage<RoleServer>>(text).ok();
        let answer = read.filter(|message| matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)));
        let answer = answer.unwrap_or_else(|| {
            let id = match id {
                RequestId::Number(number) => NumberOrString::Number(number),
                RequestId::Text(text) => NumberOrString::String(text.into()),
            };
            JsonRpcMessage::error(ErrorData::invalid_params("the answer cannot be read", None), Some(id))
        });
        self.incoming.blocking_send(answer).map_err(|_| Closed)
    }

    fn busy(&self, id: RequestId, method: &str) -> Result<(), Closed> {
        tracing::debug!("refused a request: too many are in flight");
        let message = "too many calls are running; wait for one of them to end, then try again";
        if method != "tools/call" {
            return self.refuse(&refusal(Some(id), BUSY, message));
        }
        let mut result = render::failed("busy", message);
        // The client's era is not known here; in every era the absent field means `complete`.
        result.result_type = None;
        self.send(&json!({"jsonrpc": "2.0", "id": value_of(Some(id)), "result": result}))
    }

    fn cancel(&self, text: &str) {
        let id = serde_json::from_str::<Value>(text).ok().and_then(|frame| match frame.pointer("/params/requestId") {
            Some(Value::Number(number)) => number.as_i64().map(RequestId::Number),
            Some(Value::String(text)) => Some(RequestId::Text(text.clone())),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        });
        if let Some(id) = id {
            self.flights.cancel(&id);
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Result<(), Closed> {
        tracing::debug!(code = refusal.code, "refused a frame");
        self.send(&json!({
            "jsonrpc": "2.0",
            "id": value_of(refusal.id.clone()),
            "error": {"code": refusal.code, "message": refusal.message},
        }))
    }

    fn send(&self, message: &Value) -> Result<(), Closed> {
        self.messages.blocking_send(Message::Other(message.to_string())).map_err(|_| Closed)
    }
}

fn refusal(id: Option<RequestId>, code: i32, message: &str) -> Refusal {
    Refusal { id, code, message: message.to_owned() }
}

fn value_of(id: Option<RequestId>) -> Value {
    match id {
        Some(RequestId::Number(number)) => number.into(),
        Some(RequestId::Text(text)) => text.into(),
        None => Value::Null,
    }
}

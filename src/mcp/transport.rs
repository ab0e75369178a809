//! Lines of bytes on one side, rmcp's messages on the other.
//!
//! rmcp is shown requests, and answers to what it asked itself, and nothing else, and each request of them under an id that no other request in flight has. What it
//! gets wrong with everything else (a notification before `initialize` ends its service, a second use of an id
//! takes the first one's cancellation, an answer after a cancellation is lost and its id never heard of again) can then
//! not happen: we drop notifications and answers that nobody waits for, cancel by ourselves, and see the answer to every request.

mod flights;
mod input;
mod lines;
mod output;
mod questions;

use std::{
    borrow::Cow,
    io::{self, Read, Write},
    sync::Arc,
    time::Duration,
};

use rmcp::{
    RoleServer,
    model::{ErrorCode, ErrorData, JsonRpcMessage, NumberOrString},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use self::{flights::Flights, input::Reader, output::Message, questions::Questions};
pub(super) use self::{flights::MAX_FLIGHTS, input::SERVED};
use super::frame::RequestId;

/// Travels with a request: cancelled when nobody waits for its answer any more.
#[derive(Debug, Clone)]
pub(super) struct Gone(pub(super) CancellationToken);

/// What rmcp reads from and writes to.
#[derive(Debug)]
pub(super) struct LineTransport {
    incoming: mpsc::Receiver<RxJsonRpcMessage<RoleServer>>,
    questions: Arc<Questions>,
    messages: mpsc::Sender<Message>,
    line: Arc<Connection>,
    deadline: Option<Instant>,
}

/// The two ends of the connection, for whoever has to wait for them.
#[derive(Debug)]
pub(super) struct Connection {
    flights: Arc<Flights>,
    messages: mpsc::Sender<Message>,
    /// Cancelled at the end of input, or when nobody reads our output: waits are over.
    left: CancellationToken,
    /// Cancelled when nobody reads our output: nothing new is begun.
    deaf: CancellationToken,
    /// Cancelled when the patience with running requests is over.
    given_up: CancellationToken,
    /// Cancelled when the writer has written its last message.
    written: CancellationToken,
    patience: Duration,
}

/// Our output is closed.
#[derive(Debug, thiserror::Error)]
#[error("the client does not read any more")]
pub(super) struct Closed;

/// Starts to read and to write. What runs at the end of input may run on for `patience`.
pub(super) fn open(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    patience: Duration,
) -> io::Result<(LineTransport, Arc<Connection>)> {
    let flights = Arc::new(Flights::new());
    let (left, deaf, written) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let messages = output::start(output, Arc::clone(&flights), deaf.clone(), written.clone())?;
    // As many as can be in flight, each with an answer to a question of its own: the reader never waits here with a
    // cancellation unread behind it.
    let (sender, incoming) = mpsc::channel(2 * MAX_FLIGHTS);
    let questions = Arc::<Questions>::default();
    let reader = Reader {
        flights: Arc::clone(&flights),
        questions: Arc::clone(&questions),
        messages: messages.clone(),
        incoming: sender,
        left: left.clone(),
    };
    reader.start(input)?;
    let line = Arc::new(Connection {
        flights,
        messages: messages.clone(),
        left,
        deaf,
        given_up: CancellationToken::new(),
        written,
        patience,
    });
    Ok((LineTransport { incoming, questions, messages, line: Arc::clone(&line), deadline: None }, line))
}

impl Connection {
    /// Waits until running requests are not waited for any more.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Was that so?
    pub(super) fn has_given_up(&self) -> bool {
        self.given_up.is_cancelled()
    }

    /// Waits until all that was to be written is written, or nobody reads it.
    pub(super) async fn finish(&self) {
        let all = async {
            if self.messages.send(Message::End).await.is_ok() {
                self.written.cancelled().await;
            }
        };
        let patience = if self.given_up.is_cancelled() { Duration::from_secs(1) } else { self.patience };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("the client did not read its answers");
        }
    }
}

impl Transport<RoleServer> for LineTransport {
    type Error = Closed;

    fn name() -> Cow<'static, str> {
        "lines".into()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Closed>> + Send + 'static {
        let messages = self.messages.clone();
        // before it is written: its answer may be as quick
        if let JsonRpcMessage::Request(request) = &item {
            self.questions.asked(request_id(request.id.clone()));
        }
        async move { messages.send(message(&item)).await.map_err(|_| Closed) }
    }

    // rmcp drops this future whenever something else happens first: all it holds must be in `self`.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let line = Arc::clone(&self.line);
        tokio::select! {
            biased;
            // What was read but not begun is not begun any more.
            () = line.deaf.cancelled() => {
                line.left.cancel();
                self.incoming.close();
                while let Some(message) = self.incoming.recv().await {
                    if let JsonRpcMessage::Request(request) = message {
                        line.flights.land(&request_id(request.id));
                    }
                }
            }
            message = self.incoming.recv() => {
                if message.is_some() {
                    return message;
                }
            }
        }
        // The input has ended. rmcp would give what runs five seconds from here; it may take longer.
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + line.patience);
        if timeout_at(deadline, line.flights.all_landed()).await.is_err() {
            tracing::warn!("requests were still running at the end");
            line.given_up.cancel();
        }
        None
    }

    // `Connection::finish` closes: rmcp comes here only from one of the ways in which its service ends.
    async fn close(&mut self) -> Result<(), Closed> {
        Ok(())
    }
}

/// What rmcp sends, as text.
fn message(item: &TxJsonRpcMessage<RoleServer>) -> Message {
    let text = |id: Option<NumberOrString>| {
        serde_json::to_string(item).unwrap_or_else(|error| {
            tracing::error!(%error, "an answer could not be written");
            let error = ErrorData::new(ErrorCode::INTERNAL_ERROR, "the answer could not be written", None);
            let error = TxJsonRpcMessage::<RoleServer>::error(error, id);
            serde_json::to_string(&error).unwrap_or_default()
        })
    };
    match item {
        JsonRpcMessage::Response(response) => {
            Message::Answer(request_id(response.id.clone()), text(Some(response.id.clone())))
        }
        JsonRpcMessage::Error(error) => match &error.id {
            Some(id) => Message::Answer(request_id(id.clone()), text(Some(id.clone()))),
            None => Message::Other(text(None)),
        },
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => Message::Other(text(None)),
    }
}

fn request_id(id: NumberOrString) -> RequestId {
    match id {
        NumberOrString::Number(number) => RequestId::Number(number),
        NumberOrString::String(text) => RequestId::Text(text.to_string()),
    }
}

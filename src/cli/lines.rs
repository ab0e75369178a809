//! What the program says of itself while it runs: on standard error or in a file, as text or as JSON.

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value, json};
use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::Context,
    prelude::*,
};

use crate::{
    clock::{Clock as _, SystemClock, rfc3339},
    config::Environment,
    files::{self, FileError},
};

/// How lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Where lines go, and how they look.
#[derive(Debug, Default)]
pub(super) struct Lines {
    format: Format,
    /// `None`: standard error.
    file: Option<File>,
}

impl Lines {
    /// Lines of this format, at the end of a file that nobody else may read, or on standard error.
    pub(super) fn new(format: Format, file: Option<&Path>) -> Result<Self, FileError> {
        Ok(Self { format, file: file.map(files::append_private).transpose()? })
    }

    /// Our own targets at the level that `AGENTPORT_LOG` names, everything else at warnings: what libraries log at lower
    /// levels has requests in it.
    pub(super) fn start(self, environment: &Environment, serves: bool) {
        let level = match environment.log() {
            Some("off") => LevelFilter::OFF,
            Some("error") => LevelFilter::ERROR,
            Some("warn") => LevelFilter::WARN,
            Some("debug") => LevelFilter::DEBUG,
            Some("trace") => LevelFilter::TRACE,
            // the link of what waits is an info line, and hosts show a server's standard error
            Some("info") => LevelFilter::INFO,
            Some(_) | None if serves => LevelFilter::INFO,
            Some(_) | None => LevelFilter::WARN,
        };
        let filter = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("rmcp", LevelFilter::ERROR)
            .with_target("agentport", level);
        let text = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
        let layer = match (self.format, self.file) {
            (Format::Text, None) => text.with_writer(io::stderr).boxed(),
            (Format::Text, Some(file)) => text.with_writer(Mutex::new(file)).boxed(),
            (Format::Json, file) => Json { file: file.map(Mutex::new), clock: SystemClock::default() }.boxed(),
        };
        drop(tracing_subscriber::registry().with(layer.with_filter(filter)).try_init());
    }
}

/// `{"at", "level", "message", …}`
struct Json {
    file: Option<Mutex<File>>,
    clock: SystemClock,
}

impl<S: Subscriber> Layer<S> for Json {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut line) = fields;
        line.insert("at".to_owned(), json!(rfc3339(self.clock.now().wall)));
        line.insert("level".to_owned(), json!(event.metadata().level().as_str().to_ascii_lowercase()));
        let line = format!("{}\n", Value::Object(line));
        // a log that cannot be written stops nothing
        let _written = match &self.file {
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()),
            None => io::stderr().lock().write_all(line.as_bytes()),
        };
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.insert(field.name().to_owned(), json!(value));
    }
}

//! The statement among the arguments of a database's tool: understood once more wherever something depends on what it
//! does, always from the very text that will be run.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{
    Arguments, Effect, Param, Place, Problem, RequestTemplate, SqlOperation, SqlRequest, SqlTemplate, Tool, Type,
};
use crate::sql::{Class, Settings, Statement};

/// The parameter that is the statement.
const SQL: &str = "sql";

/// Rows of an answer unless the call says otherwise.
const LIMIT: u64 = 100;
/// Rows of what the product itself asks a database.
const LOOK: u64 = 1_000;
/// Milliseconds that a server may take unless the call says otherwise.
const TIMEOUT_MS: u64 = 10_000;
/// Milliseconds for everything that is asked for an approver.
const PREVIEW_MS: u64 = 8_000;

/// What policies may ask of a statement, beside the text itself.
static CONDITIONS: LazyLock<[Param; 5]> = LazyLock::new(|| {
    let text =
        |choices: Option<Vec<String>>| Type::String { pattern: None, choices, min_length: None, max_length: 65_536 };
    let classes = ["select", "insert", "update", "delete", "ddl", "grant", "other"].map(str::to_owned).to_vec();
    let list = || Type::Array { items: Box::new(condition("sql", text(None))), min_items: None, max_items: 10_000 };
    [
        condition("sql.class", text(Some(classes))),
        condition("sql.tables", list()),
        condition("sql.has_where", Type::Boolean),
        condition("sql.functions", list()),
        condition("sql.statement", text(None)),
    ]
});

impl Tool {
    /// The statement of a call with these arguments, understood. `None`: the tool takes none, or it is none.
    pub fn statement(&self, arguments: &Arguments) -> Option<Statement> {
        let RequestTemplate::Sql(template) = &self.request else { return None };
        let text = arguments.as_map().get(SQL).filter(|_| template.operation.has_statement())?.as_str()?;
        Statement::understand(template.dialect, text, Settings::usual(template.dialect)).ok()
    }

    /// Is there anything to look up about its calls?
    pub fn is_looked_up(&self) -> bool {
        !self.ask.previews.is_empty() || self.executes_statements()
    }

    /// Is it the tool of a database that runs any statement?
    pub fn executes_statements(&self) -> bool {
        matches!(self.request, RequestTemplate::Sql(SqlTemplate { operation: SqlOperation::Execute, .. }))
    }

    /// What is wrong with the statement of a call: it is not one statement, or not one that this tool runs.
    pub(crate) fn statement_problem(&self, arguments: &Arguments) -> Option<Problem> {
        let RequestTemplate::Sql(SqlTemplate { dialect, operation }) = &self.request else { return None };
        if !operation.has_statement() {
            return None;
        }
        let problem = |message: String| Some(Problem { at: format!("/{SQL}"), message });
        let text = arguments.as_map().get(SQL)?.as_str()?;
        let statement = match Statement::understand(*dialect, text, Settings::usual(*dialect)) {
            Ok(statement) => statement,
            Err(reason) => return problem(reason.to_string()),
        };
        let reason = statement.why_not_read()?;
        match operation {
            SqlOperation::Query | SqlOperation::Explain => problem(format!(
                "this tool only takes statements that are sure to read and nothing else: {reason}; use `{}_execute`",
                self.integration.id
            )),
            SqlOperation::Execute
            | SqlOperation::ListTables
            | SqlOperation::DescribeTable
            | SqlOperation::Verify
            | SqlOperation::Preview => None,
        }
    }

    /// What the statement of a call does to the database; where none is known, the strongest that the tool can do.
    pub(super) fn statement_effect(&self, arguments: Option<&Arguments>) -> Effect {
        let RequestTemplate::Sql(SqlTemplate { operation: SqlOperation::Execute, .. }) = &self.request else {
            return Effect::Read;
        };
        let class = arguments.and_then(|arguments| self.statement(arguments)).map(|statement| statement.class());
        match class {
            // what is executed is recorded as a write, also a proved read: nobody said that it only reads
            Some(Class::Select | Class::Insert | Class::Update) => Effect::Write,
            Some(Class::Delete | Class::Ddl | Class::Grant | Class::Other) | None => Effect::Destructive,
        }
    }

    /// What a condition on `sql.…` is judged by.
    pub(super) fn judged_statement(&self, path: &str, arguments: &Arguments) -> Option<Value> {
        condition_param(&self.request, path)?;
        let Some(statement) = self.statement(arguments) else { return Some(Value::Null) };
        let mut facts = Map::new();
        facts.insert("class".to_owned(), json!(statement.class().as_str()));
        // where these may not be all, nothing can be said of them
        if statement.is_complete() {
            facts.insert("tables".to_owned(), json!(statement.tables()));
            facts.insert("functions".to_owned(), json!(statement.functions()));
        }
        facts.insert("statement".to_owned(), json!(statement.text()));
        facts.extend(statement.has_where().map(|has_where| ("has_where".to_owned(), json!(has_where))));
        Some(Value::Object(facts))
    }
}

/// The parameter that a condition on `sql.…` is about.
pub(super) fn condition_param(request: &RequestTemplate, path: &str) -> Option<&'static Param> {
    let RequestTemplate::Sql(template) = request else { return None };
    if !template.operation.has_statement() {
        return None;
    }
    CONDITIONS.iter().find(|param| param.name == path)
}

/// The request of a call: the statement as it stands, and its values beside it.
pub(super) fn request(template: SqlTemplate, tool: &Tool, arguments: &Arguments, database: &str) -> SqlRequest {
    let map = arguments.as_map();
    let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str, default| map.get(name).and_then(Value::as_u64).unwrap_or(default);
    let SqlTemplate { dialect, operation } = template;
    SqlRequest {
        dialect,
        database: database.to_owned(),
        operation,
        statement: text(SQL).filter(|_| operation.has_statement()),
        class: tool.statement(arguments).map(|statement| statement.class()),
        params: map.get("params").and_then(Value::as_array).cloned().unwrap_or_default(),
        name: text("table").or_else(|| text("schema")),
        limit: number("limit", if operation == SqlOperation::Query { LIMIT } else { LOOK }),
        offset: number("offset", 0),
        timeout_ms: number("timeout_ms", if operation == SqlOperation::Preview { PREVIEW_MS } else { TIMEOUT_MS }),
    }
}

fn condition(name: &str, ty: Type) -> Param {
    Param::plain(name, Place::Statement, ty)
}

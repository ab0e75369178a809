//! `[upstream.sql]`, and the `sql` of a tool: what is asked of a database, and the arguments that this has.

use std::{ops::Range, sync::Arc};

use super::rest::Requests;
use crate::{
    catalog::{
        AnswerSpec, Ask, Definition, Effect, Param, Place, RequestTemplate, SqlOperation, SqlTemplate, Tool, Type,
        UpstreamSpec,
        reader::{At, Table, shown},
    },
    diagnostic::Source,
    sql::Dialect,
};

/// The name of the hidden read that shows what a statement would change.
pub(in crate::catalog) const PREVIEW: &str = "preview";

/// Reads `[upstream.sql]`.
pub(super) fn upstream(source: &mut Source<'_>, mut table: Table<'_>) -> (Requests, Option<UpstreamSpec>) {
    let word = table.required(source, "dialect");
    table.finish(source);
    let dialect = word.and_then(|word| match word.value.as_str() {
        "postgres" => Some(Dialect::Postgres),
        "mysql" => Some(Dialect::Mysql),
        "sqlite" => Some(Dialect::Sqlite),
        other => {
            let help = "use `postgres`, `mysql` or `sqlite`".to_owned();
            source.problem(word.span.clone(), format!("`{}` is not a dialect", shown(other)), help);
            None
        }
    });
    let requests = Requests::Sql { dialect: dialect.unwrap_or(Dialect::Postgres) };
    (requests, dialect.map(|dialect| UpstreamSpec::Sql { dialect }))
}

/// The read that verifies a connection.
pub(super) fn verifying_read(dialect: Dialect) -> RequestTemplate {
    RequestTemplate::Sql(SqlTemplate { dialect, operation: SqlOperation::Verify })
}

/// The read that says what a statement would change: of what executes one it has the arguments that are the
/// statement.
pub(super) fn preview(tools: &[Tool]) -> Option<Tool> {
    let (execute, dialect) = tools.iter().find_map(|tool| match tool.request {
        RequestTemplate::Sql(SqlTemplate { dialect, operation: SqlOperation::Execute }) => Some((tool, dialect)),
        RequestTemplate::Sql(_) | RequestTemplate::Rest(_) | RequestTemplate::Graphql(_) => None,
    })?;
    let params = execute.params.iter().filter(|param| ["sql", "params"].contains(&param.name.as_str()));
    Some(Tool {
        integration: Arc::clone(&execute.integration),
        name: PREVIEW.to_owned(),
        title: "Look at what a statement would change".to_owned(),
        description: "Counts what a statement would meet, for who decides about it.".to_owned(),
        effect: Effect::Read,
        raises: Vec::new(),
        toolset: "agentport".to_owned(),
        params: params.cloned().collect(),
        require_any: Vec::new(),
        request: RequestTemplate::Sql(SqlTemplate { dialect, operation: SqlOperation::Preview }),
        answer: AnswerSpec::default(),
        ask: Ask::default(),
        definition: Definition::default(),
    })
}

/// Reads `sql = "query"`.
pub(super) fn template(source: &mut Source<'_>, table: &mut Table<'_>, dialect: Dialect) -> Option<SqlTemplate> {
    let word = table.required(source, "sql")?;
    let operation = SqlOperation::from_word(&word.value);
    if operation.is_none() {
        let help = "use `query`, `execute`, `explain`, `list_tables` or `describe_table`".to_owned();
        source.problem(word.span, format!("`{}` is nothing to ask of a database", shown(&word.value)), help);
    }
    operation.map(|operation| SqlTemplate { dialect, operation })
}

/// What only reads is a read, and nothing else is.
pub(super) fn fitting_effect(source: &mut Source<'_>, effect: &At<Effect>, template: SqlTemplate) {
    let expected = match template.operation {
        SqlOperation::Execute => Effect::Write,
        SqlOperation::Query
        | SqlOperation::Explain
        | SqlOperation::ListTables
        | SqlOperation::DescribeTable
        | SqlOperation::Verify
        | SqlOperation::Preview => Effect::Read,
    };
    if effect.value != expected {
        let word = template.operation.as_str();
        let help = format!("`{word}` is `{expected}`; what a statement does raises it by itself");
        source.problem(effect.span.clone(), format!("`{word}` that is `{}` cannot be", effect.value), help);
    }
}

/// Every argument is one that the operation has, of the type that it has there; `keys` are their places in the file.
pub(super) fn fitting_params(source: &mut Source<'_>, params: &[Param], keys: &[Range<usize>], template: SqlTemplate) {
    let known: &[&str] = match template.operation {
        SqlOperation::Query => &["sql", "params", "limit", "offset", "timeout_ms"],
        SqlOperation::Execute | SqlOperation::Explain => &["sql", "params", "timeout_ms"],
        SqlOperation::ListTables => &["schema"],
        SqlOperation::DescribeTable => &["table"],
        SqlOperation::Preview => &["sql", "params"],
        SqlOperation::Verify => &[],
    };
    for (param, key) in params.iter().zip(keys) {
        let fits = matches!(
            (param.name.as_str(), &param.ty),
            ("sql" | "schema" | "table", Type::String { .. })
                | ("params", Type::Array { .. })
                | ("limit" | "offset" | "timeout_ms", Type::Integer { min: Some(0..), max: Some(_), .. })
        );
        if !known.contains(&param.name.as_str()) || !fits || param.place != Place::Statement {
            let help =
                format!("there are {}, with `in = \"statement\"`; numbers have `min` and `max`", known.join(", "));
            let message =
                format!("`{}` is no argument of `{}` as it stands here", param.name, template.operation.as_str());
            source.problem(key.clone(), message, help);
        }
    }
    let statement = params.iter().any(|param| param.name == "sql" && param.required);
    if template.operation.has_statement() && !statement {
        let at = keys.first().cloned().unwrap_or_default();
        source.problem(at, "the statement is missing", "add `sql`, a required string".to_owned());
    }
}

//! `[[tool]]`: one endpoint.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    answer, ask, graphql, mail, param,
    raise::{effect, raise, require_any},
    rest::{self, Requests},
    sql,
};
use crate::{
    catalog::{
        AnswerSpec, Ask, Definition, Effect, Integration, Method, Param, Place, Raise, Refusal, RequestTemplate,
        RestTemplate, Segment, Tool, Type,
        reader::{At, Table, shown},
        text as names,
    },
    diagnostic::Source,
};

/// What the tools of a file share.
pub(super) struct Scope<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) integration: Option<&'a Arc<Integration>>,
    pub(super) requests: &'a Requests,
}

/// The name of the hidden read behind `verify`.
pub(in crate::catalog) const VERIFY: &str = "verify";
/// The longest wire name, `<integration>_<tool>`.
const WIRE_NAME: usize = 41;

/// Reads every `[[tool]]`.
pub(super) fn tools(source: &mut Source<'_>, top: &mut Table<'_>, scope: &Scope<'_>) -> Vec<Tool> {
    let mut seen = BTreeSet::new();
    let tables = top.tables(source, "tool", "`[[tool]]`");
    if tables.is_empty() && source.is_clean() {
        top.missing(source, "[[tool]]", "add one for each endpoint");
    }
    let mut promises = Vec::new();
    let tools: Vec<Tool> =
        tables.into_iter().filter_map(|table| tool(source, table, scope, &mut seen, &mut promises)).collect();
    // one that has problems of its own is not there to be found
    if source.is_clean() {
        ask::keep(source, promises, &tools);
    }
    tools
}

/// The read that verifies a credential.
pub(super) fn verify(integration: &Arc<Integration>, request: RequestTemplate, refusal: Option<&Refusal>) -> Tool {
    Tool {
        integration: Arc::clone(integration),
        name: VERIFY.to_owned(),
        title: format!("Verify the {}", integration.credential.label),
        description: format!("Shows whether the {} works, and whose it is.", integration.credential.label),
        effect: Effect::Read,
        raises: Vec::new(),
        toolset: "agentport".to_owned(),
        params: Vec::new(),
        require_any: Vec::new(),
        request,
        answer: AnswerSpec { refusal: refusal.cloned(), ..AnswerSpec::default() },
        ask: Ask::default(),
        definition: Definition::default(),
    }
}

#[expect(clippy::too_many_lines, reason = "one key after the other, as the format has them")]
fn tool(
    source: &mut Source<'_>,
    mut table: Table<'_>,
    scope: &Scope<'_>,
    seen: &mut BTreeSet<String>,
    promises: &mut Vec<ask::Promise>,
) -> Option<Tool> {
    let name = table.required(source, "name").filter(|name| is_tool_name(source, name, scope.id, seen));
    table.rename(match &name {
        Some(name) => format!("the tool `{}`", name.value),
        None => "`[[tool]]`".to_owned(),
    });
    let title = table.required(source, "title").map(|title| names::prose(source, "title", title));
    let description = table.required(source, "description").map(|text| names::prose(source, "description", text));
    let effect = table.required(source, "effect").and_then(|word| {
        let effect = effect(source, &word)?;
        Some(At { value: effect, span: word.span })
    });
    let reason = table.string(source, "effect_reason");
    let toolset = table.required(source, "toolset").and_then(|toolset| {
        let good = names::is_name(&toolset.value) && toolset.value != "all";
        if !good {
            let message = format!("`{}` is not a toolset's name", shown(&toolset.value));
            source.problem(
                toolset.span,
                message,
                "use lower-case letters, digits and `_`; `all` means every set".to_owned(),
            );
        }
        good.then_some(toolset.value)
    });
    let (mut idempotency, mut request_text, mut template, mut document) = (None, None, None, None);
    let mut sql_template = None;
    match scope.requests {
        Requests::Rest { body, .. } => {
            let body = table.string(source, "body").and_then(|word| rest::body(source, &word)).unwrap_or(*body);
            idempotency = table.string(source, "idempotency").filter(|name| rest::is_free_header(source, name));
            request_text = table.required(source, "request");
            let header = idempotency.as_ref().map(|name| name.value.to_ascii_lowercase());
            template = request_text.as_ref().and_then(|text| rest::request(source, text, body, header));
            template = mail::template(source, &mut table, template);
            settings_in(template.as_mut(), scope);
        }
        Requests::Graphql { .. } => {
            document = table.required(source, "document").and_then(|text| graphql::document(source, &text));
        }
        Requests::Sql { dialect } => {
            sql_template = sql::template(source, &mut table, *dialect);
        }
    }
    let params_table = table.table(source, "params", "`[tool.params]`");
    let keys = params_table.as_ref().map(Table::keys).unwrap_or_default();
    let mut params = match params_table {
        Some(params) => param::params(source, params, template.as_ref()),
        None => Some(Vec::new()),
    };
    let require_any = table.take("require_any").map(|entry| require_any(source, &entry, params.as_deref()));
    let raises: Vec<Raise> = table
        .tables(source, "raise", "`[[tool.raise]]`")
        .into_iter()
        .filter_map(|table| raise(source, table, params.as_deref(), effect.as_ref()))
        .collect();
    fixed_in(source, &mut table, scope, params.as_deref(), template.as_mut());
    let answer = answer::answer(source, &mut table, params.as_mut(), template.as_mut());
    let answer = AnswerSpec { refusal: scope.requests.refusal().cloned(), ..answer };
    let (ask, calls) = ask::ask(source, &mut table, params.as_deref().unwrap_or_default());
    promises.extend(calls);
    table.finish(source);

    if let (Some(effect), Some(template)) = (&effect, &template) {
        fitting_effect(source, effect, template.method, reason.as_ref());
        if let Some(header) = idempotency.filter(|_| matches!(template.method, Method::Get | Method::Head)) {
            source.problem(header.span, "a read needs no idempotency key", "remove `idempotency`".to_owned());
        }
    }
    if let (Some(text), Some(template), Some(params)) = (&request_text, &template, &params) {
        fitting_path(source, text, template, params);
        mail::whole(source, text, template, params);
    }
    if let Some(document) = &document {
        if let Some(effect) = &effect {
            graphql::fitting_effect(source, effect, document, reason.as_ref());
        }
        if let Some(params) = &params {
            graphql::bind(source, document, params, &keys, require_any.as_deref().unwrap_or_default());
        }
    }
    if let Some(template) = &sql_template {
        if let Some(effect) = &effect {
            sql::fitting_effect(source, effect, *template);
        }
        if let Some(params) = &params {
            sql::fitting_params(source, params, &keys, *template);
        }
    }
    if let Some(reason) = reason {
        names::prose(source, "effect_reason", reason);
    }
    let request = match scope.requests {
        Requests::Rest { .. } => template.map(RequestTemplate::Rest),
        Requests::Graphql { path } => document.map(|document| document.template(path)),
        Requests::Sql { .. } => sql_template.map(RequestTemplate::Sql),
    };
    Some(Tool {
        integration: Arc::clone(scope.integration?),
        name: name?.value,
        title: title?,
        description: description?,
        effect: effect?.value,
        raises,
        toolset: toolset?,
        params: params?,
        require_any: require_any.unwrap_or_default(),
        request: request?,
        answer,
        ask,
        definition: Definition::default(),
    })
}

fn is_tool_name(source: &mut Source<'_>, name: &At<String>, id: Option<&str>, seen: &mut BTreeSet<String>) -> bool {
    let (message, help) = if !names::is_name(&name.value) {
        (
            format!("`{}` is not a tool's name", shown(&name.value)),
            "use lower-case letters, digits and `_`, a letter first",
        )
    } else if id.is_some_and(|id| id.len() + 1 + name.value.len() > WIRE_NAME) {
        let wire = format!("{}_{}", id.unwrap_or_default(), name.value);
        (
            format!("`{wire}` has more than {WIRE_NAME} characters"),
            "agents see that name, and hosts cut longer ones off",
        )
    } else if name.value == VERIFY {
        (format!("`{VERIFY}` is the name of the read that checks the credential"), "choose another name")
    } else if !seen.insert(name.value.clone()) {
        (format!("there is another tool `{}`", name.value), "give one of them another name")
    } else {
        return true;
    };
    source.problem(name.span.clone(), message, help.to_owned());
    false
}

fn fitting_effect(source: &mut Source<'_>, effect: &At<Effect>, method: Method, reason: Option<&At<String>>) {
    let expected = match method {
        Method::Get | Method::Head => effect.value == Effect::Read,
        Method::Delete => effect.value == Effect::Destructive,
        Method::Post | Method::Put | Method::Patch => effect.value != Effect::Read,
    };
    if !expected && reason.is_none() {
        source.problem(
            effect.span.clone(),
            format!("a {} that is `{}` is unusual", method.as_str(), effect.value),
            "say why in `effect_reason`, or correct the effect".to_owned(),
        );
    }
}

fn fitting_path(source: &mut Source<'_>, text: &At<String>, template: &RestTemplate, params: &[Param]) {
    let mut named = BTreeSet::new();
    for segment in &template.path {
        let Segment::Param(name) = segment else { continue };
        let declared = params.iter().any(|param| param.name == *name && param.place == Place::Path);
        if !declared {
            let help = format!("declare `{name}` in `[tool.params]` with `in = \"path\"`");
            source.problem(text.span.clone(), format!("`{{{name}}}` is no path parameter of this tool"), help);
        } else if !named.insert(name.as_str()) {
            source.problem(text.span.clone(), format!("`{{{name}}}` stands in the path twice"), None);
        }
    }
    for param in params.iter().filter(|param| param.place == Place::Path && !named.contains(param.name.as_str())) {
        let help = format!("put `{{{}}}` into the path, or correct `in`", param.name);
        source.problem(text.span.clone(), format!("the path has no `{{{}}}`", param.name), help);
    }
}

/// What every request has beside its arguments; GraphQL has no place for that.
fn fixed_in(
    source: &mut Source<'_>,
    table: &mut Table<'_>,
    scope: &Scope<'_>,
    params: Option<&[Param]>,
    template: Option<&mut RestTemplate>,
) {
    if let Requests::Rest { .. } = scope.requests {
        let fixed = answer::fixed(source, table, params);
        if let Some(template) = template {
            template.fixed = fixed;
        }
    }
}

/// A name in a path that is a setting of the integration's stands for it.
fn settings_in(template: Option<&mut RestTemplate>, scope: &Scope<'_>) {
    let (Some(template), Some(integration)) = (template, scope.integration) else { return };
    for segment in &mut template.path {
        if let Segment::Param(name) = segment
            && integration.settings.iter().any(|setting| setting.name == *name)
        {
            *segment = Segment::Setting(std::mem::take(name));
        }
    }
    scope.requests.with_prefix(template);
}

/// Can a value of this type stand in a segment of a path?
pub(super) fn fits_a_segment(ty: &Type) -> bool {
    match ty {
        Type::String { .. } | Type::Integer { .. } | Type::Number { .. } | Type::Boolean => true,
        Type::Value { .. } | Type::Array { .. } | Type::Object { .. } | Type::Map { .. } => false,
    }
}

//! `[upstream.graphql]` and the `document` of a tool: one operation, of which arguments are the variables and nothing else.

use std::{collections::BTreeMap, ops::Range};

use graphql_parser::query::{
    Definition, OperationDefinition, Selection, SelectionSet, Type as VariableType, VariableDefinition, parse_query,
};

use super::rest::{self, Requests};
use crate::{
    catalog::{
        Effect, GraphqlTemplate, Operation, Param, Place, RequestTemplate, Segment, Type, UpstreamSpec,
        reader::{At, Table, shown},
    },
    diagnostic::Source,
};

/// Reads `[upstream.graphql]`.
pub(super) fn upstream(source: &mut Source<'_>, mut table: Table<'_>) -> (Requests, Option<UpstreamSpec>) {
    let origin = table.required(source, "origin").and_then(|text| rest::origin(source, &text));
    let path = table.required(source, "path").and_then(|text| path(source, text));
    let headers = table.table(source, "headers", "`headers`");
    let headers = headers.map(|table| rest::headers(source, table)).unwrap_or_default();
    table.finish(source);
    let requests = Requests::Graphql { path: path.clone().unwrap_or_default() };
    (requests, origin.zip(path).map(|(origin, path)| UpstreamSpec::Graphql { origin, headers, path }))
}

fn path(source: &mut Source<'_>, text: At<String>) -> Option<String> {
    let literal = |segment: &str| matches!(rest::segment(segment), Ok(Segment::Literal(_)));
    let good = text.value.strip_prefix('/').is_some_and(|path| path.is_empty() || path.split('/').all(literal));
    if !good {
        let help = "write it as `/graphql`; scheme and host come from the account".to_owned();
        source.problem(text.span, format!("`{}` is not the path of a GraphQL service", shown(&text.value)), help);
    }
    good.then_some(text.value)
}

/// A document with one operation, which its parameters have yet to fit.
pub(super) struct Document {
    text: String,
    operation: Operation,
    variables: Vec<Variable>,
}

/// A variable that the operation declares.
struct Variable {
    name: String,
    span: Range<usize>,
    /// Must it have a value?
    required: bool,
}

impl Document {
    /// What calls become.
    pub(super) fn template(self, path: &str) -> RequestTemplate {
        RequestTemplate::Graphql(GraphqlTemplate {
            path: path.to_owned(),
            document: self.text,
            operation: self.operation,
        })
    }
}

/// Reads a `document`: grammar, one operation, every variable declared and used.
pub(super) fn document(source: &mut Source<'_>, text: &At<String>) -> Option<Document> {
    let written = Written::new(source, text)?;
    let parsed = match parse_query::<&str>(&written.line) {
        Ok(parsed) => parsed,
        Err(error) => {
            written.unreadable(source, &error.to_string());
            return None;
        }
    };
    let mut operations = parsed.definitions.iter().filter_map(|definition| match definition {
        Definition::Operation(operation) => Some(operation),
        Definition::Fragment(_) => None,
    });
    let (Some(operation), None) = (operations.next(), operations.next()) else {
        let help = "a tool is one operation; give each a tool of its own".to_owned();
        source.problem(text.span.clone(), "the document must have exactly one operation", help);
        return None;
    };
    let (operation, declared) = match operation {
        OperationDefinition::SelectionSet(_) => (Operation::Query, &[][..]),
        OperationDefinition::Query(query) => (Operation::Query, query.variable_definitions.as_slice()),
        OperationDefinition::Mutation(mutation) => {
            one_field(source, &written, &mutation.selection_set)?;
            (Operation::Mutation, mutation.variable_definitions.as_slice())
        }
        OperationDefinition::Subscription(subscription) => {
            let span = written.at(subscription.position.column, "subscription".len());
            source.problem(span, "a subscription has no answer", "write a query".to_owned());
            return None;
        }
    };
    let variables = variables(source, &written, declared);
    Some(Document { text: written.text(), operation, variables: variables? })
}

/// The document of `verify`.
pub(super) fn verifying_read(source: &mut Source<'_>, verify: &At<String>, path: &str) -> Option<RequestTemplate> {
    let document = document(source, verify)?;
    if document.operation != Operation::Query || !document.variables.is_empty() {
        let help = "write one cheap read, such as `query { viewer { id } }`".to_owned();
        source.problem(verify.span.clone(), "`verify` must be a query without variables", help);
        return None;
    }
    Some(document.template(path))
}

/// A query reads, a mutation does not, unless the manifest says why.
pub(super) fn fitting_effect(
    source: &mut Source<'_>,
    effect: &At<Effect>,
    document: &Document,
    reason: Option<&At<String>>,
) {
    let reads = document.operation == Operation::Query;
    if reads != (effect.value == Effect::Read) && reason.is_none() {
        let message = format!("a {} that is `{}` is unusual", document.operation.as_str(), effect.value);
        source.problem(effect.span.clone(), message, "say why in `effect_reason`, or correct the effect".to_owned());
    }
}

/// Checks that each parameter has a place of its own in the variables, and each variable a parameter. `keys` are the
/// places of `params` in the file.
pub(super) fn bind(
    source: &mut Source<'_>,
    document: &Document,
    params: &[Param],
    keys: &[Range<usize>],
    require_any: &[Vec<String>],
) {
    let mut taken: BTreeMap<Vec<&str>, &Param> = BTreeMap::new();
    for (param, key) in params.iter().zip(keys) {
        if param.place != Place::Variable {
            let help = "use `in = \"variable\"`".to_owned();
            source.problem(key.clone(), "a GraphQL operation has variables and no other places", help);
            continue;
        }
        let place: Vec<&str> = param.wire.split('.').collect();
        if !place.iter().all(|name| is_graphql_name(name)) || !has_graphql_names(&param.ty) {
            let help = "use letters, digits and `_`, a letter first; at the top level with dots between, as `input.id`";
            let message = format!("`{}` has a `wire` that is no place in variables", param.name);
            source.problem(key.clone(), message, help.to_owned());
            continue;
        }
        let root = place.first().copied().unwrap_or_default();
        if !document.variables.iter().any(|variable| variable.name == root) {
            let help = format!("declare `${root}`, or correct `wire`");
            let message = format!("the document has no variable `${root}` for `{}`", param.name);
            source.problem(key.clone(), message, help);
        }
        let nested = |other: &Vec<&str>| other.starts_with(&place) || place.starts_with(other);
        // of the same place `param::siblings` has spoken
        if let Some((_, other)) = taken.iter().find(|(other, _)| **other != place && nested(other)) {
            let message = format!("the places of `{}` and `{}` are one inside of the other", other.name, param.name);
            source.problem(key.clone(), message, "give one of them another `wire`".to_owned());
        }
        taken.insert(place, param);
    }
    let below = |root: &str, param: &Param| param.wire.split('.').next() == Some(root);
    for variable in &document.variables {
        let name = &variable.name;
        let bound: Vec<_> = params.iter().filter(|param| below(name, param)).collect();
        let always = bound.iter().any(|param| param.required || param.default.is_some())
            || require_any.iter().any(|group| group.iter().all(|name| bound.iter().any(|param| param.name == *name)));
        if bound.is_empty() {
            let help = format!("add one with `in = \"variable\"` and `wire = \"{name}\"`, or remove the variable");
            source.problem(variable.span.clone(), format!("no parameter gives `${name}` a value"), help);
        } else if variable.required && !always {
            let message = format!("`${name}` must have a value, and every parameter of it may be left out");
            let help = "make one required, or name them in `require_any`, or drop the `!`".to_owned();
            source.problem(variable.span.clone(), message, help);
        }
    }
}

/// A document as it stands in the file. What is not the grammar's own is not in it: text would be a place for a secret
/// or for an argument, and a comment could tell an approver one thing and the service another.
struct Written {
    /// The document in one line of ASCII, as long as it was.
    line: String,
    /// Where it stands in the file, if the file has it as it is; else where all of it stands.
    start: Option<usize>,
    span: Range<usize>,
}

impl Written {
    fn new(source: &mut Source<'_>, text: &At<String>) -> Option<Self> {
        let within = source.text().get(text.span.clone()).and_then(|raw| raw.find(&text.value));
        let line = text.value.replace(['\n', '\r', '\t'], " ");
        let start = within.map(|within| text.span.start + within);
        let written = Self { line, start, span: text.span.clone() };
        let foreign = |character: char| matches!(character, '"' | '#') || !matches!(character, ' '..='~');
        let Some((at, foreign)) = written.line.char_indices().find(|(_, character)| foreign(*character)) else {
            return Some(written);
        };
        let (message, help) = match foreign {
            '"' => {
                ("a document has no text of its own", "make it a parameter, with a `default` if it is always the same")
            }
            '#' => ("a document has no comments", "write it beside the document, as a comment of TOML"),
            _ => ("a document has only visible ASCII characters", "remove the others"),
        };
        source.problem(written.at(at + 1, foreign.len_utf8()), message, help.to_owned());
        None
    }

    /// So many bytes at a one-based column of the line.
    fn at(&self, column: usize, length: usize) -> Range<usize> {
        match self.start {
            Some(start) if column >= 1 && column - 1 + length <= self.line.len() => {
                start + column - 1..start + column - 1 + length
            }
            Some(_) | None => self.span.clone(),
        }
    }

    /// Without what the grammar ignores: there is neither text nor comment in it, so a run of spaces is one.
    fn text(&self) -> String {
        self.line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Notes what the parser says.
    fn unreadable(&self, source: &mut Source<'_>, error: &str) {
        let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let column = first.rsplit(':').next().and_then(|column| column.parse().ok()).unwrap_or(0);
        let found = lines.next().map(without_kind).unwrap_or_default();
        let expected = lines.next().map(without_kind);
        // the end is behind the last byte
        source.problem(
            self.at(column.min(self.line.len()), 1),
            format!("the document is not GraphQL: {found}"),
            expected,
        );
    }
}

/// ``Unexpected `}[Punctuator]` `` without the parser's own word, as the rest of a sentence.
fn without_kind(line: &str) -> String {
    let kinds = ["Punctuator", "Name", "IntValue", "FloatValue", "StringValue", "BlockString"];
    let line = kinds.iter().fold(line.to_owned(), |line, kind| line.replace(&format!("[{kind}]"), ""));
    let mut characters = shown(&line).chars().collect::<Vec<_>>().into_iter();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// A mutation does one thing, so that its answer says of that thing whether it was done.
fn one_field<'a>(source: &mut Source<'_>, written: &Written, selected: &SelectionSet<'a, &'a str>) -> Option<()> {
    if let [Selection::Field(field)] = selected.items.as_slice()
        && field.directives.is_empty()
    {
        return Some(());
    }
    let help = "write one field, without directives; give each further one a tool of its own".to_owned();
    source.problem(written.at(selected.span.0.column, 1), "a mutation must do exactly one thing", help);
    None
}

fn variables<'a>(
    source: &mut Source<'_>,
    written: &Written,
    declared: &[VariableDefinition<'a, &'a str>],
) -> Option<Vec<Variable>> {
    // neither text nor comment is in it, so each `$` is a variable: once where it is declared, else where it is used
    let mut uses: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, _) in written.line.match_indices('$') {
        let rest = written.line.get(at + 1..).unwrap_or_default();
        let end = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(rest.len());
        uses.entry(rest.get(..end).unwrap_or_default()).or_insert((at + 1, 0)).1 += 1;
    }
    let mut variables: Vec<Variable> = Vec::new();
    let mut good = true;
    for VariableDefinition { position, name, var_type, default_value } in declared {
        let span = written.at(position.column, name.len() + 1);
        let (_, count) = uses.remove(name).unwrap_or_default();
        if variables.iter().any(|variable| variable.name == *name) {
            source.problem(span.clone(), format!("`${name}` is declared twice"), None);
            good = false;
        } else if count < 2 {
            source.problem(span.clone(), format!("`${name}` is declared and not used"), "remove it".to_owned());
            good = false;
        }
        let required = matches!(var_type, VariableType::NonNullType(_)) && default_value.is_none();
        variables.push(Variable { name: (*name).to_owned(), span, required });
    }
    for (name, (column, _)) in uses.into_iter().filter(|(name, _)| !variables.iter().any(|one| one.name == *name)) {
        let help = format!("declare it after the keyword, as `(${name}: ID!)`");
        source.problem(written.at(column, name.len() + 1), format!("`${name}` is not declared"), help);
        good = false;
    }
    good.then_some(variables)
}

/// `[_A-Za-z][_0-9A-Za-z]*` (GraphQL, section 2.1.9)
fn is_graphql_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Members of input objects have names as everything else has; those of a map are the service's own affair.
fn has_graphql_names(ty: &Type) -> bool {
    match ty {
        Type::Object { fields } => {
            fields.iter().all(|field| is_graphql_name(&field.wire) && has_graphql_names(&field.ty))
        }
        Type::Array { items, .. } => has_graphql_names(&items.ty),
        Type::Map { values, .. } => has_graphql_names(&values.ty),
        Type::String { .. } | Type::Integer { .. } | Type::Number { .. } | Type::Boolean | Type::Value { .. } => true,
    }
}

#[cfg(test)]
mod tests;

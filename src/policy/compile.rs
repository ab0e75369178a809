//! From the text of a policy to a judge. A text that was applied once is compiled as it is; one that is to be applied
//! must also agree with the catalog and pass its own `[[test]]`s.

use std::collections::BTreeMap;

use super::{
    BUILT_IN,
    expectation::Expectation,
    file,
    known::Standings,
    layer::{Layer, Line},
    rule::{Rule, decision},
    selector::{Selector, did_you_mean},
    stack::Stack,
    value::{Text, ticked},
};
use crate::{
    catalog::{Catalog, Effect},
    diagnostic::{Diagnostic, Source},
};

/// Compiles a text without asking whether its tools and parameters exist.
///
/// # Errors
/// All problems of the text.
pub(super) fn lenient(label: &str, text: &str) -> Result<Layer, Vec<Diagnostic>> {
    let mut source = Source::new(label, text);
    match compile(&mut source, None) {
        Some((layer, _)) if source.is_clean() => Ok(layer),
        Some(_) | None => Err(source.into_problems()),
    }
}

/// Compiles a text that somebody edits or applies.
///
/// # Errors
/// All problems of the text, or where it has none, the tests that fail.
pub(super) fn strict(label: &str, text: &str, catalog: &Catalog) -> Result<(Layer, usize), Vec<Diagnostic>> {
    let mut source = Source::new(label, text);
    let Some((layer, expectations)) = compile(&mut source, Some(catalog)) else { return Err(source.into_problems()) };
    let tests = expectations.len();
    if source.is_clean() {
        let stack = Stack::new(layer.clone(), built_in(), Standings::applied().into());
        for expectation in expectations {
            expectation.check(&mut source, &stack, catalog);
        }
    }
    if source.is_clean() { Ok((layer, tests)) } else { Err(source.into_problems()) }
}

/// The lowest layer. Its text is part of the program; if it could not be read, nothing would run.
pub(super) fn built_in() -> Layer {
    lenient("built-in", BUILT_IN).unwrap_or_else(|_| Layer::closed("built-in"))
}

fn compile(source: &mut Source<'_>, catalog: Option<&Catalog>) -> Option<(Layer, Vec<Expectation>)> {
    let raw = file::read(source)?;
    let mut layer =
        Layer { file: source.name().to_owned(), defaults: BTreeMap::new(), lines: Vec::new(), rules: Vec::new() };
    for (effect, text) in raw.defaults {
        let (line, decision) = (source.line_at(effect.span().start), decision(source, &text));
        if let (Some(effect), Some(decision)) = (read_effect(source, &effect), decision) {
            layer.defaults.insert(effect, (decision, line));
        }
    }
    for (name, text) in raw.tools {
        let (at, decision) = (source.line_at(name.span().start), decision(source, &text));
        let selector = match Selector::parse(name.get_ref()) {
            Ok(selector) => selector,
            Err(reason) => {
                source.problem(name.span(), reason, None);
                continue;
            }
        };
        if let Some((message, help)) = catalog.and_then(|catalog| selector.unknown_in(catalog)) {
            source.problem(name.span(), message, help);
        }
        layer.lines.extend(decision.map(|decision| Line { selector, at, decision }));
    }
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for rule in raw.rules {
        if let Some(id) = &rule.id {
            let line = source.line_at(id.span().start);
            if let Some(first) = ids.insert(id.get_ref().clone(), line) {
                let message = format!("the rule of line {first} has the `id` `{}` too", id.get_ref());
                source.problem(id.span(), message, "give each rule its own".to_owned());
            }
        }
        layer.rules.extend(Rule::compile(source, rule, catalog));
    }
    let expectations: Vec<_> = raw.tests.into_iter().filter_map(|test| Expectation::compile(source, test)).collect();
    Some((layer, expectations))
}

fn read_effect(source: &mut Source<'_>, text: &Text) -> Option<Effect> {
    let effects = [Effect::Read, Effect::Write, Effect::Destructive];
    let found = effects.into_iter().find(|effect| effect.as_str() == text.get_ref());
    if found.is_none() {
        let help = did_you_mean(text.get_ref(), effects.into_iter().map(Effect::as_str))
            .unwrap_or_else(|| format!("the effects are {}", ticked(effects.iter())));
        source.problem(text.span(), format!("unknown effect `{}`", text.get_ref()), help);
    }
    found
}

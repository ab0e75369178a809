//! Finds tools by plain words: BM25 (Robertson and Zaragoza 2009) over names, titles, descriptions and parameters.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use bm25::{SearchEngine, SearchEngineBuilder, Tokenizer};
use rust_stemmers::{Algorithm, Stemmer};

use super::tool::Tool;

/// Where a word stands says how much it counts: as often as this.
const NAME: usize = 4;
const TITLE: usize = 3;
const SERVICE: usize = 2;
/// Long descriptions are not better answers, and not worse ones either.
const LENGTH_MATTERS: f32 = 0.6;

/// Words that say nothing about which tool is meant.
const EMPTY: &str = "a about all am also an and any are as at be by can did do does for from has have how i if in into is it \
     its like many me more much my not of on one or our out please s so somebody someone somebody's that the their them \
     then there this to up us was we what which with you";

/// What people say, and what manifests say for it. A query is looked for in both words.
const ALSO: [(&str, &str); 36] = [
    ("accept", "close approve"),
    ("answer", "reply update"),
    ("assign", "update assignee"),
    ("build", "create workflow run"),
    ("change", "update"),
    ("chart", "insight"),
    ("charts", "insight"),
    ("ci", "workflow run"),
    ("conversation", "thread"),
    ("copy", "fork"),
    ("discount", "coupon"),
    ("download", "get"),
    ("edit", "update"),
    ("find", "search list"),
    ("invite", "add"),
    ("job", "run"),
    ("look", "get list"),
    ("mail", "email"),
    ("mails", "email"),
    ("make", "create"),
    ("mark", "modify label"),
    ("message", "email"),
    ("money", "refund balance"),
    ("move", "update"),
    ("new", "create"),
    ("open", "create"),
    ("pr", "pull request"),
    ("publish", "create"),
    ("put", "add"),
    ("read", "get"),
    ("remove", "delete"),
    ("replays", "recordings"),
    ("repo", "repository"),
    ("show", "get list"),
    ("sprint", "cycle"),
    ("ticket", "issue"),
];

/// A tool whose service the query names counts this much more than one of another service.
const NAMED_SERVICE: f32 = 3.0;

/// An index over the tools of a catalog.
pub(super) struct Index {
    engine: SearchEngine<String, u32, Words>,
    /// By wire name: the service's id, and the stems of all words.
    tools: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Index {
    pub(super) fn of<'a>(tools: impl Iterator<Item = &'a Arc<Tool>> + Clone) -> Self {
        let words = Words::new();
        let known = tools.clone().map(|tool| {
            let stems = words.tokenize(&text(tool)).into_iter().collect();
            (tool.wire_name(), (tool.integration.id.clone(), stems))
        });
        let known = known.collect();
        let documents: Vec<_> = tools.map(|tool| bm25::Document::new(tool.wire_name(), text(tool))).collect();
        let engine = SearchEngineBuilder::with_tokenizer_and_documents(words, documents).b(LENGTH_MATTERS).build();
        Self { engine, tools: known }
    }

    /// The wire names of the tools that have one of the words, best first.
    pub(super) fn find(&self, query: &str) -> Vec<String> {
        let words = Words::new();
        // each word of the query is there if it or what is said for it is
        let asked: Vec<(Vec<String>, String)> = plain(query)
            .into_iter()
            .map(|word| {
                let also = ALSO.iter().find(|(said, _)| *said == word).map_or("", |(_, also)| also);
                (words.tokenize(&format!("{word} {also}")), format!("{word} {also}"))
            })
            .collect();
        let whole = asked.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ");
        let mut found: Vec<(f32, String)> = self
            .engine
            .search(&whole, None)
            .into_iter()
            .filter_map(|hit| {
                let (service, stems) = self.tools.get(&hit.document.id)?;
                let there = asked.iter().filter(|(any, _)| any.iter().any(|stem| stems.contains(stem))).count();
                let named = if plain(query).contains(service) { NAMED_SERVICE } else { 1.0 };
                Some((hit.score * share(there, asked.len()) * named, hit.document.id))
            })
            .collect();
        // equally good ones in the order of their names, so that the same words find the same
        found.sort_by(|(a, first), (b, second)| b.total_cmp(a).then_with(|| first.cmp(second)));
        found.into_iter().map(|(_, name)| name).collect()
    }
}

/// How much of a query a tool speaks of: one rare word is no better than all the others.
fn share(there: usize, asked: usize) -> f32 {
    let number = |count: usize| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
    number(there) / number(asked.max(1))
}

impl fmt::Debug for Index {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Index").finish_non_exhaustive()
    }
}

fn text(tool: &Tool) -> String {
    let mut words = Vec::new();
    let mut add = |text: &str, times: usize| words.extend(std::iter::repeat_n(text.to_owned(), times));
    add(&tool.name, NAME);
    add(&tool.title, TITLE);
    add(&tool.integration.title, SERVICE);
    add(&tool.description, 1);
    for param in &tool.params {
        add(&param.name, 1);
    }
    words.join(" ")
}

/// The words of a text that say something, in lower case.
fn plain(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace("e-mail", "email");
    let words = lower.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| !word.is_empty() && !EMPTY.split(' ').any(|empty| empty == *word)).map(str::to_owned).collect()
}

/// English words by their stems.
struct Words(Stemmer);

impl Words {
    fn new() -> Self {
        Self(Stemmer::create(Algorithm::English))
    }
}

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        plain(text).into_iter().map(|word| self.0.stem(&word).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    /// A request a line in a person's words, and the tools that would be right; written before the first search was.
    const REQUESTS: &str = include_str!("search/requests.tsv");

    #[test]
    fn plain_requests_find_the_right_tool_among_the_first_three() {
        let catalog = Catalog::built_in();
        let requests: Vec<_> = REQUESTS.lines().filter_map(|line| line.split_once('\t')).collect();
        assert_eq!(requests.len(), 100);
        let missed: Vec<_> = requests
            .iter()
            .filter_map(|(request, right)| {
                let found: Vec<_> = catalog.search(request).take(3).map(|tool| tool.policy_name()).collect();
                let hit = right.split(',').any(|right| found.iter().any(|found| found == right));
                (!hit).then(|| format!("{request}: {} rather than {right}", found.join(", ")))
            })
            .collect();
        assert!(missed.len() <= 10, "{} of 100 missed:\n{}", missed.len(), missed.join("\n"));
    }

    #[test]
    fn words_are_compared_by_their_stems() {
        let words = Words::new();
        assert_eq!(words.tokenize("Refunded the customers' E-Mails"), words.tokenize("refund customer email"));
        assert!(words.tokenize("what is it?").is_empty());
    }

    #[test]
    fn the_same_words_find_the_same_in_the_same_order() {
        let find = || Catalog::built_in().search("delete").map(|tool| tool.wire_name()).collect::<Vec<_>>();
        assert_eq!(find(), find());
        assert!(Catalog::built_in().search("xyzzy").next().is_none());
    }
}

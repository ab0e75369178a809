//! Finds tools by plain words: BM25 (Robertson and Zaragoza 2009) over names, titles, descriptions and parameters.

use std::{collections::BTreeMap, fmt, sync::Arc};

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
const EMPTY: [&str; 62] = [
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "by", "can", "did", "do", "does", "for",
    "from", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "like", "many", "me", "more", "much",
    "my", "not", "of", "on", "one", "or", "our", "out", "please", "s", "so", "somebody", "someone", "that", "the",
    "their", "them", "then", "there", "this", "to", "up", "us", "was", "we", "what", "which", "with", "you",
];

/// People's words, and the ones that manifests use.
const SAME: [(&str, &str); 15] = [
    ("repo", "repository"),
    ("repos", "repository"),
    ("pr", "pull request"),
    ("prs", "pull request"),
    ("mail", "email"),
    ("mails", "email"),
    ("message", "email"),
    ("messages", "email"),
    ("ticket", "issue"),
    ("tickets", "issue"),
    ("remove", "delete"),
    ("sprint", "cycle"),
    ("ci", "workflow run"),
    ("build", "workflow run create"),
    ("chargeback", "dispute"),
];

/// An index over the tools of a catalog.
pub(super) struct Index(SearchEngine<String, u32, Words>);

impl Index {
    pub(super) fn of<'a>(tools: impl Iterator<Item = &'a Arc<Tool>>) -> Self {
        let documents = tools.map(|tool| bm25::Document::new(tool.wire_name(), text(tool)));
        let words = Words(Stemmer::create(Algorithm::English));
        Self(SearchEngineBuilder::with_tokenizer_and_documents(words, documents).b(LENGTH_MATTERS).build())
    }

    /// The wire names of the tools that have one of the words, best first.
    pub(super) fn find(&self, query: &str) -> Vec<String> {
        let mut found: Vec<_> =
            self.0.search(query, None).into_iter().map(|hit| (hit.score, hit.document.id)).collect();
        // equally good ones in the order of their names, so that the same words find the same
        found.sort_by(|(a, first), (b, second)| b.total_cmp(a).then_with(|| first.cmp(second)));
        found.into_iter().map(|(_, name)| name).collect()
    }
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

/// English words by their stems.
struct Words(Stemmer);

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let same: BTreeMap<&str, &str> = SAME.into_iter().collect();
        let lower = text.to_lowercase().replace("e-mail", "email");
        lower
            .split(|character: char| !character.is_alphanumeric())
            .filter(|word| !word.is_empty() && !EMPTY.contains(word))
            .flat_map(|word| same.get(word).copied().unwrap_or(word).split(' '))
            .map(|word| self.0.stem(word).into_owned())
            .collect()
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
        let catalog = Catalog::built_in().unwrap();
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
        let words = Words(Stemmer::create(Algorithm::English));
        assert_eq!(words.tokenize("Refunded the customers' E-Mails"), words.tokenize("refund customer mail"));
        assert_eq!(words.tokenize("the PR of my repo"), words.tokenize("pull_request repository"));
        assert!(words.tokenize("what is it?").is_empty());
    }

    #[test]
    fn the_same_words_find_the_same_in_the_same_order() {
        let find = || Catalog::built_in().unwrap().search("delete").map(|tool| tool.wire_name()).collect::<Vec<_>>();
        assert_eq!(find(), find());
        assert!(Catalog::built_in().unwrap().search("xyzzy").next().is_none());
    }
}

//! What of an answer is handed on, and how its next page is asked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    catalog::{Next, NextFrom},
    plan::Plan,
};

/// A dotted path, as a tree of member names.
#[derive(Debug, Default)]
struct Kept {
    whole: bool,
    members: BTreeMap<String, Kept>,
}

/// The parts of `value` that `paths` name; all of it where there are no paths, or where nothing would be left.
pub(super) fn trimmed(value: Value, paths: &[String]) -> Value {
    if paths.is_empty() {
        return value;
    }
    let mut tree = Kept::default();
    for path in paths {
        let leaf = path.split('.').fold(&mut tree, |tree, name| tree.members.entry(name.to_owned()).or_default());
        leaf.whole = true;
    }
    let has_something = |value: &Value| match value {
        Value::Object(members) => !members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    };
    let kept = keep(&value, &tree);
    // an answer of another shape than the manifest knows, such as an explanation
    if has_something(&kept) { kept } else { value }
}

fn keep(value: &Value, tree: &Kept) -> Value {
    if tree.whole {
        return value.clone();
    }
    match value {
        Value::Array(elements) => elements.iter().map(|element| keep(element, tree)).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, member)| {
                let tree = tree.members.get(name)?;
                Some((name.clone(), keep(member, tree)))
            });
            Value::Object(kept.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The call that asks for the page after `answer`, where there is one. `link` is the answer's `Link` header.
pub(super) fn next_call(plan: &Plan, answer: &Value, link: Option<&str>) -> Option<Value> {
    let next = plan.reading().next.as_ref()?;
    let value = page(next, answer, link)?;
    let mut arguments: Map<String, Value> = plan.given().clone();
    // the same page again would go round in circles
    if arguments.get(&next.param) == Some(&value) {
        return None;
    }
    arguments.insert(next.param.clone(), value);
    arguments.insert("account".to_owned(), json!(plan.account()));
    Some(json!({ "tool": plan.tool().replacen('.', "_", 1), "arguments": arguments }))
}

/// The value of the argument that asks for the next page.
fn page(next: &Next, answer: &Value, link: Option<&str>) -> Option<Value> {
    let text = match &next.from {
        NextFrom::Link => in_query(&next_link(link?)?, &next.wire)?,
        NextFrom::Url(at) => in_query(answer.pointer(at)?.as_str()?, &next.wire)?,
        NextFrom::Cursor { at, more } => {
            let more = more.as_ref().and_then(|more| answer.pointer(more)?.as_bool());
            if more == Some(false) {
                return None;
            }
            plain(answer.pointer(at)?)?
        }
        NextFrom::Last { list, field, more } => {
            if answer.pointer(more)?.as_bool() != Some(true) {
                return None;
            }
            plain(answer.pointer(list)?.as_array()?.last()?.get(field)?)?
        }
    };
    if text.is_empty() {
        return None;
    }
    if next.number { text.parse::<i64>().ok().map(Value::from) } else { Some(Value::String(text)) }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn in_query(url: &str, name: &str) -> Option<String> {
    // vendors may write it without scheme and host
    let base = url::Url::parse("https://relative.invalid/").ok()?;
    let url = base.join(url).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The target of relation `next` in a `Link` header (RFC 8288 section 3).
fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let end = after.find(", <").or_else(|| after.find(",<")).unwrap_or(after.len());
        let (parameters, following) = after.split_at(end);
        let is_next = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split(' ').any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = following;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn what_is_named_is_kept_through_lists() {
        let answer =
            json!({"data": [{"id": 1, "owner": {"login": "a", "url": "u"}, "x": 2}], "has_more": true, "url": "/"});
        assert_eq!(
            trimmed(answer.clone(), &paths(&["data.id", "data.owner.login", "has_more"])),
            json!({"data": [{"id": 1, "owner": {"login": "a"}}], "has_more": true})
        );
        assert_eq!(trimmed(answer.clone(), &paths(&["data"])), json!({"data": answer["data"]}));
        assert_eq!(trimmed(answer.clone(), &[]), answer);
        assert_eq!(trimmed(json!([{"a": 1, "b": 2}, {"b": 3}]), &paths(&["b"])), json!([{"b": 2}, {"b": 3}]));
    }

    #[test]
    fn an_answer_of_another_shape_is_handed_on_whole() {
        let other = json!({"message": "gone"});
        assert_eq!(trimmed(other.clone(), &paths(&["id"])), other);
        assert_eq!(trimmed(json!([]), &paths(&["id"])), json!([]));
        assert_eq!(trimmed(json!("text"), &paths(&["id"])), json!("text"));
    }

    fn next(number: bool, from: NextFrom) -> Next {
        Next { param: "page".to_owned(), wire: "page".to_owned(), number, from }
    }

    #[test]
    fn the_next_page_is_found_where_the_vendor_says_it() {
        let link = r#"<https://api.github.com/x?per_page=2&page=1>; rel="prev", <https://api.github.com/x?per_page=2&page=3>; rel="next", <https://x?page=9>; rel="last""#;
        let by_link = next(true, NextFrom::Link);
        assert_eq!(page(&by_link, &Value::Null, Some(link)), Some(json!(3)));
        assert_eq!(page(&by_link, &Value::Null, Some(r#"<https://x?page=9>; rel="last""#)), None);
        assert_eq!(page(&by_link, &Value::Null, Some("rubbish <")), None);
        assert_eq!(page(&by_link, &Value::Null, None), None);

        let by_url = next(true, NextFrom::Url("/next".to_owned()));
        assert_eq!(page(&by_url, &json!({"next": "https://x/?limit=1&page=20"}), None), Some(json!(20)));
        assert_eq!(page(&by_url, &json!({"next": "/api/?page=x"}), None), None, "no number");
        assert_eq!(page(&by_url, &json!({"next": null}), None), None);

        let cursor = |more: Option<&str>| {
            next(false, NextFrom::Cursor { at: "/info/end".to_owned(), more: more.map(str::to_owned) })
        };
        let answer = json!({"info": {"end": "abc", "more": false}});
        assert_eq!(page(&cursor(None), &answer, None), Some(json!("abc")));
        assert_eq!(page(&cursor(Some("/info/more")), &answer, None), None);
        assert_eq!(page(&cursor(None), &json!({"info": {"end": ""}}), None), None);

        let by_last = next(
            false,
            NextFrom::Last { list: "/data".to_owned(), field: "id".to_owned(), more: "/has_more".to_owned() },
        );
        assert_eq!(
            page(&by_last, &json!({"data": [{"id": "a"}, {"id": "b"}], "has_more": true}), None),
            Some(json!("b"))
        );
        assert_eq!(page(&by_last, &json!({"data": [{"id": "a"}], "has_more": false}), None), None);
        assert_eq!(page(&by_last, &json!({"data": [], "has_more": true}), None), None);
    }
}

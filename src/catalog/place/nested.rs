//! Values at dotted places of an object: `a.b` is the member `b` of the member `a`.

use serde_json::{Map, Value};

/// Puts `value` at `place`, making the objects on the way. What is no object on the way is replaced; compiling a
/// manifest refuses places that stand in each other.
pub(super) fn put(object: &mut Map<String, Value>, place: &str, value: Value) {
    match place.split_once('.') {
        None => drop(object.insert(place.to_owned(), value)),
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Lays `over` on `object`: objects are merged, anything else is replaced.
pub(super) fn merge(object: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (object.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(over)) => merge(inner, over),
            (Some(_) | None, value) => drop(object.insert(name.clone(), value.clone())),
        }
    }
}

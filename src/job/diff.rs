//! What a change of the job means for its checkpoints.
//!
//! Pure: two effective jobs in, classified changes out. It is careful: a change is only called harmless where no byte of
//! state, and no byte that was already written, can depend on it.

use serde_json::Value as Json;
use std::collections::BTreeSet;

/// One setting that is not what the checkpoint was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The setting, such as `transform.0.filter`.
    pub path: String,
    /// Its value in the checkpoint; null where it was not there.
    pub stored: Json,
    /// Its value now; null where it is not there. For `environment.*` both are checksums.
    pub current: Json,
    /// What it means.
    pub class: ChangeClass,
}

/// What a change means for going on; the later variant is the graver one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeClass {
    /// No output byte depends on it: go on.
    ///
    /// `name`, `checkpoint.*`, `state.*`, `rejects.limit`, `sink.overwrite`, `sink.partitions_max`, `source.verify`, the `memory` of
    /// a `sort`, and the name of a step without state.
    Cosmetic,
    /// It acts on records from now on, and those before it were made otherwise: go on only if told to.
    ///
    /// The predicate of a `filter`, or of a sink; what an `assert` that counts nothing asserts, says and does; items of a
    /// `compute` or `select` that keep their names (the same number of items, and each changed one still ends in `AS` and
    /// the same name), where no step with state comes after it.
    Stateless,
    /// State, or what was already written, does not fit it: refuse.
    ///
    /// Everything else: all of `source`, the steps and their order, names and settings of steps with state, where and
    /// how outputs are written.
    Incompatible,
}

/// All changes between two effective jobs, in the order of their paths.
///
/// A variable of the environment whose value changed is a change of class of the settings that use it. One that came or
/// went is not listed: the settings that use it changed themselves.
pub fn diff(stored: &Json, current: &Json) -> Vec<Change> {
    let mut leaves = Vec::new();
    compare(&mut Vec::new(), stored, current, &mut leaves);
    let chain = Chain { stored, current };
    let mut changes = Vec::new();
    for leaf in leaves {
        let class = match leaf.path.as_slice() {
            [first, variable] if first == "environment" => {
                if leaf.stored.is_null() || leaf.current.is_null() {
                    continue;
                }
                chain.class_of_variable(variable)
            }
            path => chain.class(path),
        };
        changes.push(Change {
            path: leaf.path.join("."),
            stored: leaf.stored.clone(),
            current: leaf.current.clone(),
            class,
        });
    }
    changes
}

/// A value that differs, and where.
struct Leaf<'a> {
    path: Vec<String>,
    stored: &'a Json,
    current: &'a Json,
}

/// How deep two jobs are compared: below it, and below a list that is no list of steps, a value is one value.
const DEPTH_MAX: usize = 4;

/// Collects the smallest settings that differ.
fn compare<'a>(
    path: &mut Vec<String>,
    stored: &'a Json,
    current: &'a Json,
    leaves: &mut Vec<Leaf<'a>>,
) {
    if stored == current {
        return;
    }
    match (stored, current) {
        (Json::Object(left), Json::Object(right)) if path.len() < DEPTH_MAX => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                path.push(key.clone());
                let (left, right) = (left.get(key), right.get(key));
                compare(path, left.unwrap_or(&Json::Null), right.unwrap_or(&Json::Null), leaves);
                path.pop();
            }
        }
        (Json::Array(left), Json::Array(right)) if is_list_of_tables(path) => {
            for index in 0..left.len().max(right.len()) {
                path.push(index.to_string());
                let (left, right) = (left.get(index), right.get(index));
                compare(path, left.unwrap_or(&Json::Null), right.unwrap_or(&Json::Null), leaves);
                path.pop();
            }
        }
        _ => leaves.push(Leaf { path: path.clone(), stored, current }),
    }
}

/// The lists whose entries are compared one by one.
fn is_list_of_tables(path: &[String]) -> bool {
    matches!(path, [key] if key == "transform" || key == "sink")
}

/// Two effective jobs, of which a setting differs.
struct Chain<'a> {
    stored: &'a Json,
    current: &'a Json,
}

impl Chain<'_> {
    fn class(&self, path: &[String]) -> ChangeClass {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["name"]
            | ["checkpoint" | "state", ..]
            | ["rejects", "limit"]
            | ["sink", "overwrite" | "partitions_max"]
            | ["sink", _, "overwrite" | "partitions_max"]
            | ["source", "verify"]
            | ["transform", _, "sort", "memory"] => ChangeClass::Cosmetic,
            ["transform", index, "assert", _] => match index.parse() {
                Ok(index) => self.class_of_step(index, "assert"),
                Err(_) => ChangeClass::Incompatible,
            },
            ["sink", "where"] | ["sink", _, "where"] => ChangeClass::Stateless,
            ["transform", index, setting] => match index.parse() {
                Ok(index) => self.class_of_step(index, setting),
                Err(_) => ChangeClass::Incompatible,
            },
            _ => ChangeClass::Incompatible,
        }
    }

    fn class_of_step(&self, index: usize, setting: &str) -> ChangeClass {
        let (Some(stored), Some(current)) = (step(self.stored, index), step(self.current, index))
        else {
            return ChangeClass::Incompatible;
        };
        let kind = kind(stored);
        let keeps_state = has_state(stored) || has_state(current);
        if kind.is_none() || kind != self::kind(current) || keeps_state {
            return ChangeClass::Incompatible;
        }
        match setting {
            "name" => ChangeClass::Cosmetic,
            "filter" | "assert" => ChangeClass::Stateless,
            "compute" | "select" => {
                let keeps = names_stay(&stored[setting], &current[setting]);
                let reaches_state = self.has_state_after(index);
                if keeps && !reaches_state {
                    ChangeClass::Stateless
                } else {
                    ChangeClass::Incompatible
                }
            }
            _ => ChangeClass::Incompatible,
        }
    }

    fn has_state_after(&self, index: usize) -> bool {
        let steps = |job: &Json| -> bool {
            let steps = job["transform"].as_array();
            steps.is_some_and(|steps| steps.iter().skip(index + 1).any(has_state))
        };
        steps(self.stored) || steps(self.current)
    }

    /// The gravest class of the settings that use a variable; the settings themselves may be unchanged.
    fn class_of_variable(&self, name: &str) -> ChangeClass {
        let mut users = Vec::new();
        find_users(&mut Vec::new(), self.current, &format!("${{{name}}}"), &mut users);
        let classes = users.iter().map(|path| self.class(path));
        classes.max().unwrap_or(ChangeClass::Incompatible)
    }
}

/// Collects the paths, as far as [`compare`] goes down, of the settings that contain a text.
fn find_users(path: &mut Vec<String>, value: &Json, text: &str, users: &mut Vec<Vec<String>>) {
    match value {
        Json::Object(map) if path.len() < DEPTH_MAX => {
            for (key, value) in map {
                path.push(key.clone());
                find_users(path, value, text, users);
                path.pop();
            }
        }
        Json::Array(items) if is_list_of_tables(path) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                find_users(path, item, text, users);
                path.pop();
            }
        }
        value if mentions(value, text) => users.push(path.clone()),
        _ => {}
    }
}

fn mentions(value: &Json, text: &str) -> bool {
    match value {
        Json::String(string) => string.contains(text),
        Json::Array(items) => items.iter().any(|item| mentions(item, text)),
        Json::Object(map) => map.values().any(|item| mentions(item, text)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn step(job: &Json, index: usize) -> Option<&Json> {
    job.get("transform")?.get(index)
}

/// The kind of a step: its key that is not `name`.
fn kind(step: &Json) -> Option<&str> {
    let keys = step.as_object()?.keys();
    keys.map(String::as_str).find(|key| *key != "name")
}

/// Whether a step may remember something from record to record; what is not known to have no state may.
fn has_state(step: &Json) -> bool {
    match kind(step) {
        Some("filter" | "select" | "compute" | "lookup") => false,
        Some("unnest" | "split" | "unpivot" | "flatten" | "unflatten") => false,
        Some("assert") => step["assert"]["otherwise"] == "warn",
        Some("fill") => step["fill"].get("value").is_none(),
        Some("sample") => step["sample"]["key"].as_array().is_none_or(Vec::is_empty),
        _ => true,
    }
}

/// Whether two lists of items make columns of the same names, as far as can be told from the text.
fn names_stay(stored: &Json, current: &Json) -> bool {
    let (Some(stored), Some(current)) = (stored.as_array(), current.as_array()) else {
        return false;
    };
    let same = |(left, right): (&Json, &Json)| {
        let names = (left.as_str().and_then(alias), right.as_str().and_then(alias));
        left == right || matches!(names, (Some(left), Some(right)) if left == right)
    };
    stored.len() == current.len() && stored.iter().zip(current).all(same)
}

/// The name behind a final `AS`; `None` where there is none, or none that is plain to see.
fn alias(item: &str) -> Option<&str> {
    let item = item.trim_end();
    let start = match item.strip_suffix('"') {
        Some(inner) => inner.rfind('"')?,
        None => item.rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1,
    };
    let (before, name) = item.split_at_checked(start)?;
    let expression = before.trim_end();
    let word = expression.len().checked_sub(3)?;
    let (_, last) = expression.split_at_checked(word)?;
    let word = last.strip_prefix(char::is_whitespace)?;
    let is_alias = word.eq_ignore_ascii_case("as") && before.len() > expression.len();
    (is_alias && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job() -> Json {
        json!({
            "name": "daily",
            "source": { "path": ["a.csv"], "types": { "n": "bigint" }, "verify": "sampled" },
            "transform": [
                { "name": "filter", "filter": "n > ${LEAST}" },
                { "name": "compute", "compute": ["n * 2 AS twice"] },
                { "name": "dedup", "dedup": { "key": ["id"] } },
                { "name": "select", "select": ["id", "n + 1 AS \"n or so\""] },
            ],
            "sink": [
                { "path": "b.csv", "overwrite": false, "where": "n > 1" },
                { "path": "{n}.csv", "overwrite": false, "partitions_max": 5 },
            ],
            "rejects": { "path": null, "limit": 0 },
            "checkpoint": { "keep": 3 },
            "environment": { "LEAST": 7 },
        })
    }

    /// Changes one value of the job and expects it to be found with that class.
    fn check(pointer: &str, value: Json, expected: &str, class: ChangeClass) {
        let stored = job();
        let mut current = job();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        match current.pointer_mut(parent).expect("a known parent") {
            Json::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
            parent => parent[key] = value,
        }
        let changes = diff(&stored, &current);
        let found: Vec<(&str, ChangeClass)> =
            changes.iter().map(|change| (change.path.as_str(), change.class)).collect();
        assert_eq!(found, [(expected, class)], "{pointer}");
    }

    #[test]
    fn the_same_job_has_no_changes() {
        assert_eq!(diff(&job(), &job()), []);
    }

    #[test]
    fn what_no_output_byte_depends_on_is_cosmetic() {
        let check = |pointer, value, path| check(pointer, value, path, ChangeClass::Cosmetic);
        check("/name", json!("x"), "name");
        check("/checkpoint/keep", json!(1), "checkpoint.keep");
        check("/checkpoint/when", json!("n = 1"), "checkpoint.when");
        check("/rejects/limit", json!("5%"), "rejects.limit");
        check("/sink/0/overwrite", json!(true), "sink.0.overwrite");
        check("/sink/1/partitions_max", json!(6), "sink.1.partitions_max");
        check("/source/verify", json!("full"), "source.verify");
        check("/transform/0/name", json!("x"), "transform.0.name");
    }

    #[test]
    fn what_acts_on_later_records_only_is_stateless() {
        let check = |pointer, value, path| check(pointer, value, path, ChangeClass::Stateless);
        check("/transform/0/filter", json!("true"), "transform.0.filter");
        check("/sink/0/where", json!("n > 2"), "sink.0.where");
        let select = json!(["id", "n + 2 as \"n or so\""]);
        check("/transform/3/select", select, "transform.3.select");
        check("/environment/LEAST", json!(8), "environment.LEAST");
    }

    #[test]
    fn everything_else_is_incompatible() {
        let check = |pointer, value, path| check(pointer, value, path, ChangeClass::Incompatible);
        check("/source/path", json!(["a.csv", "c.csv"]), "source.path");
        check("/source/types/n", json!("text"), "source.types.n");
        check("/source/new", json!(1), "source.new");
        check("/sink/0/path", json!("c.csv"), "sink.0.path");
        check("/rejects/path", json!("r.jsonl"), "rejects.path");
        check("/transform/1/compute", json!(["n * 3 AS twice"]), "transform.1.compute");
        check("/transform/2/dedup/key", json!(["n"]), "transform.2.dedup.key");
        check("/transform/2/name", json!("x"), "transform.2.name");
        check("/transform/3/select", json!(["id", "n + 1 AS m"]), "transform.3.select");
        check("/transform/3/select", json!(["id"]), "transform.3.select");
        check("/transform/3/select", json!(["*", "n + 1 AS \"n or so\""]), "transform.3.select");
        check("/transform/3", Json::Null, "transform.3");
        check("/new", json!(1), "new");
    }

    #[test]
    fn an_assert_can_be_mended_unless_it_counts() {
        let job = |otherwise: &str, that: &str| {
            json!({ "transform": [
                { "name": "a", "assert": { "that": that, "otherwise": otherwise } },
                { "name": "limit", "limit": 3 },
            ] })
        };
        let check = |stored: Json, current: Json, class: ChangeClass| {
            let changes = diff(&stored, &current);
            let classes: Vec<ChangeClass> = changes.iter().map(|change| change.class).collect();
            assert_eq!(classes, [class], "{stored} {current}");
        };
        check(job("fail", "x > 0"), job("fail", "x > 1"), ChangeClass::Stateless);
        check(job("fail", "x > 0"), job("reject", "x > 0"), ChangeClass::Stateless);
        check(job("fail", "x > 0"), job("warn", "x > 0"), ChangeClass::Incompatible);
        check(job("warn", "x > 0"), job("warn", "x > 1"), ChangeClass::Incompatible);
        let mut renamed = job("fail", "x > 0");
        renamed["transform"][0]["name"] = json!("b");
        check(job("fail", "x > 0"), renamed, ChangeClass::Cosmetic);
    }

    #[test]
    fn variables_that_come_and_go_speak_through_their_settings() {
        let stored = job();
        let mut current = job();
        current["environment"] = json!({});
        current["transform"][0]["filter"] = json!("n > 3");
        let changes = diff(&stored, &current);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].path, "transform.0.filter");
    }

    #[test]
    fn a_name_is_only_taken_where_it_is_plain_to_see() {
        let check = |item: &str, name: Option<&str>| assert_eq!(alias(item), name, "{item}");
        check("a + 1 AS b", Some("b"));
        check("a + 1 as  b_2 ", Some("b_2"));
        check("a AS \"b c\"", Some("\"b c\""));
        for unclear in ["a", "", "CAST(a AS bigint)", "a b", "\"x AS b\"", "'x AS b'", "as b", "AS"]
        {
            check(unclear, None);
        }
        check("\u{3000}as b", None);
        check("a\u{3000}\u{3000} b", None);
    }
}

//! The steps of a job as a checkpoint has them, understood once more.

use super::text::{EnvironmentUse, Text};
use super::written::{Entry, Node, Table, Value, substitute};
use super::{Job, transform};
use crate::transform::settings::TransformSettings;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;

/// The values of the environment variables that a job uses. They are never shown or stored.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Variables(pub(super) BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The steps of an effective job, with the values that variables have in the present job; `None` where they cannot be
/// understood, or use others.
pub fn former_steps(job: &Job, stored: &Json) -> Option<Vec<TransformSettings>> {
    let steps = stored.get("transform")?;
    let count = steps.as_array()?.len();
    let mut node = node(steps)?;
    let mut problems = Vec::new();
    let lookup = |name: &str| job.variables.0.get(name).cloned();
    substitute(&mut node, &lookup, &mut EnvironmentUse::new(), &mut problems);
    let steps = transform::understand(Some(&node), &mut Vec::new(), &mut problems);
    let is_whole = problems.is_empty() && steps.list.len() == count;
    is_whole.then(|| steps.list.into_iter().map(|step| step.understood.settings).collect())
}

/// A value as the job file would have it: what is null, or an empty list, was not written.
fn node(json: &Json) -> Option<Node> {
    let value = match json {
        Json::Null => return None,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Float(number.to_string()),
        },
        Json::String(text) => Value::Text(Text::plain(text, 0)),
        Json::Array(items) => Value::List(items.iter().map(node).collect::<Option<_>>()?),
        Json::Object(map) => {
            // A step without a name is called by its kind.
            let is_default = |key: &str, value: &Json| {
                key == "name" && value.as_str().is_some_and(|name| map.contains_key(name))
            };
            let is_empty = |value: &Json| value.as_array().is_some_and(Vec::is_empty);
            let is_written =
                |(key, value): &(&String, &Json)| !is_empty(value) && !is_default(key, value);
            let entries = map.iter().filter(is_written);
            let entries = entries.filter_map(|(key, value)| {
                Some(Entry { key: key.clone(), key_place: 0..0, node: node(value)? })
            });
            Value::Table(Table { entries: entries.collect() })
        }
    };
    Some(Node { place: 0..0, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::load;
    use std::path::Path;

    /// That the steps of a job's effective form are its steps.
    fn check(steps: &str) {
        let text = format!(
            "{steps}\n[source]\npath = \"a.csv\"\ntypes = {{ n = \"bigint\" }}\n[sink]\npath = \"b.csv\"\n"
        );
        let variables = |name: &str| (name == "LEAST").then(|| "7".to_owned());
        let load = |text: &str| {
            load(text, Path::new("job.toml"), &variables, &[]).unwrap_or_else(|flawed| {
                panic!("{text}: {:?}", flawed.problems);
            })
        };
        let job = load(&text);
        let former = former_steps(&job, &job.effective).unwrap_or_else(|| panic!("{text}"));
        // Only the places of their texts differ.
        let stripped = |steps: &[TransformSettings]| {
            let text = format!("{steps:?}");
            let parts =
                text.split("offsets: [").map(|part| part.split_once(']').map_or(part, |it| it.1));
            let parts = parts.collect::<String>();
            let parts = parts
                .split("place: ")
                .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
            parts.collect::<String>()
        };
        assert_eq!(stripped(&former), stripped(&job.transforms), "{text}");
    }

    #[test]
    fn the_steps_of_every_guide_s_example_are_understood_from_their_effective_form() {
        let guide = include_str!("../transform/STEPS.md");
        let blocks = guide.split("\n```toml\n").skip(1);
        let examples: Vec<&str> =
            blocks.map(|block| block.split("\n```").next().expect("an end")).collect();
        assert!(examples.len() > 20);
        examples.into_iter().for_each(check);
        check("[[transform]]\nfilter = \"n > ${LEAST} AND $${x} = 'a'\"");
        check(
            "[[transform]]\naggregate = { select = [\"count(*) AS n\"] }\n[[transform]]\nlimit = 0",
        );
    }

    #[test]
    fn steps_with_other_variables_are_not_known() {
        let text = "[source]\npath = \"a.csv\"\n[sink]\npath = \"b.csv\"\n";
        let Ok(job) = load(text, Path::new("job.toml"), &|_| None, &[]) else { panic!("a job") };
        for (stored, expected) in [
            (
                serde_json::json!({ "transform": [{ "name": "filter", "filter": "a > ${X}" }] }),
                None,
            ),
            (serde_json::json!({ "transform": [{ "name": "filter", "filter": 5 }] }), None),
            (serde_json::json!({ "transform": [null] }), None),
            (serde_json::json!({ "transform": 5 }), None),
            (serde_json::json!({}), None),
            (serde_json::json!({ "transform": [] }), Some(0)),
        ] {
            let found = former_steps(&job, &stored).map(|steps| steps.len());
            assert_eq!(found, expected, "{stored}");
        }
        let variables = Variables([("KEY".to_owned(), "secret".to_owned())].into());
        assert_eq!(format!("{variables:?}"), "{\"KEY\"}");
    }
}

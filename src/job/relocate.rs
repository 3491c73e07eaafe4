//! The same job at another place: its paths may differ, everything else must be as it was.

use crate::sink::settings::RUN;
use serde_json::Value as Json;

/// A stored effective job as it would be with the paths of another one: where inputs, references, outputs and rejects
/// are, and variables of the environment that are used nowhere else. All other differences stay.
pub fn relocated(stored: &Json, current: &Json) -> Json {
    let mut job = stored.clone();
    let mut rest = current.clone();
    for path in paths(current) {
        let is_set = |job: &Json| job.pointer(&path).is_some_and(|value| !value.is_null());
        // An output that the job has not, or has for the first time, is another matter; so is one file of all rounds
        // that becomes one of each.
        let of_round = |job: &Json| job.pointer(&path).map(is_of_round);
        if !is_set(&job) || !is_set(current) || of_round(&job) != of_round(current) {
            continue;
        }
        if let (Some(place), Some(value)) = (job.pointer_mut(&path), current.pointer(&path)) {
            *place = value.clone();
        }
        if let Some(place) = rest.pointer_mut(&path) {
            *place = Json::Null;
        }
    }
    let rest_text = rest.to_string();
    let variables = current.get("environment").and_then(Json::as_object);
    if let (Some(variables), Some(Json::Object(known))) = (variables, job.get_mut("environment")) {
        for (name, value) in variables {
            if !rest_text.contains(&format!("${{{name}}}")) {
                known.insert(name.clone(), value.clone());
            }
        }
    }
    job
}

/// Whether a path is that of a file of each round.
fn is_of_round(path: &Json) -> bool {
    path.as_str().is_some_and(|path| path.contains(RUN))
}

/// The settings that say where something is.
fn paths(job: &Json) -> Vec<String> {
    let count = |list: &str| job.get(list).and_then(Json::as_array).map_or(0, Vec::len);
    let mut paths = ["/source/path", "/sink/path", "/rejects/path"].map(str::to_owned).to_vec();
    paths.extend((0..count("sink")).map(|index| format!("/sink/{index}/path")));
    paths.extend((0..count("transform")).map(|index| format!("/transform/{index}/lookup/from")));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(place: &str, filter: &str) -> Json {
        json!({
            "name": "daily",
            "source": { "path": [format!("{place}/in.csv")], "format": "csv" },
            "transform": [
                { "name": "days", "lookup": { "from": format!("{place}/days.csv"), "on": ["day"] } },
                { "name": "filter", "filter": filter },
            ],
            "sink": [{ "path": format!("{place}/out.csv"), "overwrite": false }],
            "rejects": { "path": null, "limit": 0 },
            "environment": { "HERE": place.len() },
        })
    }

    #[test]
    fn paths_are_those_of_the_new_place_and_nothing_else_is() {
        assert_eq!(
            relocated(&job("a", "x > 1"), &job("${HERE}", "x > 1")),
            job("${HERE}", "x > 1")
        );
        let mut expected = job("b/c", "x > 1");
        assert_eq!(relocated(&job("a", "x > 1"), &job("b/c", "x > 2")), expected);
        // A variable that a filter uses is no path.
        let using = "x > ${HERE}";
        expected = job("b/c", using);
        expected["environment"] = json!({ "HERE": 1 });
        assert_eq!(relocated(&job("a", using), &job("b/c", using)), expected);
    }

    #[test]
    fn the_path_of_a_single_sink_is_one_too() {
        let job = |path: &str| json!({ "sink": { "path": path, "format": "csv" } });
        assert_eq!(relocated(&job("a.csv"), &job("b.csv")), job("b.csv"));
    }

    #[test]
    fn a_file_of_all_rounds_does_not_become_one_of_each() {
        let job = |path: &str| json!({ "sink": { "path": path }, "rejects": { "path": path } });
        let (all, each) = (job("out.csv"), job("part-{run}.csv"));
        assert_eq!(relocated(&all, &each), all);
        assert_eq!(relocated(&each, &all), each);
        assert_eq!(relocated(&each, &job("b/{run}.csv")), job("b/{run}.csv"));
    }

    #[test]
    fn an_output_that_was_not_there_stays_a_difference() {
        let stored = job("a", "x > 1");
        let mut current = job("a", "x > 1");
        current["rejects"]["path"] = json!("bad.jsonl");
        assert_eq!(relocated(&stored, &current)["rejects"]["path"], Json::Null);
    }
}

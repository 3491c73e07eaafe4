//! What changes of a job are called, and how they act.

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
    let changes = diff(&stored, &current, Stage::Reading).changes;
    let found: Vec<(&str, ChangeClass)> =
        changes.iter().map(|change| (change.path.as_str(), change.class())).collect();
    assert_eq!(found, [(expected, class)], "{pointer}");
}

#[test]
fn the_same_job_has_no_changes() {
    let found = diff(&job(), &job(), Stage::Reading);
    assert_eq!((found.changes, found.origins), (vec![], (0..4).map(Some).collect()));
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
    check("/transform/2/name", json!("x"), "transform.2.name");
}

#[test]
fn what_acts_on_later_records_only_is_stateless() {
    let check = |pointer, value, path| check(pointer, value, path, ChangeClass::Stateless);
    check("/transform/0/filter", json!("true"), "transform.0.filter");
    check("/sink/0/where", json!("n > 2"), "sink.0.where");
    let select = json!(["id", "n + 2 as \"n or so\""]);
    check("/transform/3/select", select, "transform.3.select");
    check("/transform/3/select", json!(["id", "n + 1 AS m"]), "transform.3.select");
    check("/transform/3/select", json!(["*"]), "transform.3.select");
    check("/transform/1/compute", json!(["n * 3 AS twice"]), "transform.1.compute");
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
    check("/transform/1/compute", json!(["n * 2 AS id"]), "transform.1.compute");
    check("/transform/1/compute", json!(["n * 2"]), "transform.1.compute");
    check("/transform/2/dedup/key", json!(["n"]), "transform.2.dedup.key");
    check("/transform/2/dedup/keep", json!("last"), "transform.2.dedup.keep");
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
        let changes = diff(&stored, &current, Stage::Reading).changes;
        let classes: Vec<ChangeClass> = changes.iter().map(Change::class).collect();
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
    let changes = diff(&stored, &current, Stage::Reading).changes;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, "transform.0.filter");
}

/// Steps by their settings, named after their kinds.
fn chain(steps: &[Json]) -> Json {
    let named = |step: &Json| {
        let mut step = step.clone();
        let kind = step.as_object().expect("a step").keys().next().expect("a kind").clone();
        step["name"] = json!(kind);
        step
    };
    json!({ "transform": steps.iter().map(named).collect::<Vec<_>>() })
}

/// Expects these effects of changed, added and removed steps.
fn check_steps(stored: &[Json], current: &[Json], stage: Stage, expected: &[(&str, Effect)]) {
    let changes = diff(&chain(stored), &chain(current), stage).changes;
    let found: Vec<(&str, Effect)> = changes
        .iter()
        .map(|change| {
            let effect = match &change.effect {
                Effect::Never(_) => never(),
                effect => effect.clone(),
            };
            (change.path.as_str(), effect)
        })
        .collect();
    assert_eq!(found, expected, "{stored:?} {current:?}");
}

fn never() -> Effect {
    Effect::Never(String::new())
}

#[test]
fn steps_that_come_and_go_act_by_what_they_remember() {
    let filter = json!({ "filter": "a > 1" });
    let limit = json!({ "limit": 5 });
    let dedup = json!({ "dedup": { "key": ["id"], "keep": "first", "mark": null } });
    let sums = json!({ "aggregate": { "by": ["id"], "select": ["sum(x) AS x"] } });
    let sort = json!({ "sort": { "by": ["id"] } });
    let window = json!({ "window": { "compute": ["row_number() AS n"] } });
    let reading = |stored: &[&Json], current: &[&Json], expected: &[(&str, Effect)]| {
        let own = |steps: &[&Json]| steps.iter().map(|step| (*step).clone()).collect::<Vec<_>>();
        check_steps(&own(stored), &own(current), Stage::Reading, expected);
    };
    reading(&[&sums], &[&filter, &sums], &[("transform.0", Effect::Later)]);
    reading(&[&filter, &sums], &[&sums], &[("transform.0", Effect::Later)]);
    reading(&[&sums], &[&dedup, &sums], &[("transform.0", Effect::Empty)]);
    reading(&[&dedup, &sums], &[&sums], &[("transform.0", Effect::Dropped)]);
    reading(&[&limit], &[&limit, &sort], &[("transform.1", Effect::Empty)]);
    reading(&[&window], &[&sort, &window], &[("transform.0", never())]);
    reading(&[&window, &limit], &[&limit], &[("transform.0", never())]);
    reading(
        &[&sums, &limit],
        &[&sums, &sort],
        &[("transform.1", Effect::All), ("transform.1", Effect::All)],
    );
    let apart = [("transform.0", never()), ("transform.1", never())];
    reading(&[&dedup, &limit], &[&limit, &dedup], &apart);
    let ended = |stored: &Json, current: &[Json], expected: &[(&str, Effect)]| {
        check_steps(std::slice::from_ref(stored), current, Stage::Ended, expected);
    };
    ended(&sums, &[sums.clone(), filter], &[("transform.1", Effect::Later)]);
    ended(&sums, &[sums.clone(), limit], &[("transform.1", never())]);
    ended(&dedup, &[], &[("transform.0", never())]);
}

#[test]
fn what_a_step_remembers_goes_on_where_that_can_be() {
    let sums = |items: &[&str], by: &str| json!({ "aggregate": { "by": [by], "select": items } });
    let check = |stored: Json, current: Json, expected: &[(&str, Effect)]| {
        check_steps(&[stored], &[current], Stage::Reading, expected);
    };
    let (old, new) = (sums(&["sum(x) AS x"], "a"), sums(&["min(y) AS y"], "a"));
    check(old.clone(), new.clone(), &[("transform.0.aggregate.select", Effect::Carried)]);
    check_steps(
        std::slice::from_ref(&old),
        &[new],
        Stage::Ended,
        &[("transform.0.aggregate.select", never())],
    );
    let by = sums(&["sum(x) AS x"], "b");
    check(old.clone(), by, &[("transform.0.aggregate.by", never())]);
    let limit = |count: u64| json!({ "limit": count });
    check(limit(5), limit(6), &[("transform.0.limit", Effect::Carried)]);
    check(json!({ "offset": 5 }), json!({ "offset": 6 }), &[("transform.0.offset", never())]);
    let sort = |memory: &str| json!({ "sort": { "by": ["a"], "memory": memory } });
    check(sort("1KiB"), sort("1MiB"), &[("transform.0.sort.memory", Effect::None)]);
    // A column that the groups do not use may come before them, or go.
    let compute = |item: &str| json!({ "compute": [item] });
    let pair = |item: &str| [compute(item), old.clone()];
    check_steps(
        std::slice::from_ref(&old),
        &pair("a * 2 AS z"),
        Stage::Reading,
        &[("transform.0", Effect::Later)],
    );
    check_steps(
        std::slice::from_ref(&old),
        &pair("a * 2 AS X"),
        Stage::Reading,
        &[("transform.0", never())],
    );
    check_steps(
        &pair("a * 2 AS z"),
        std::slice::from_ref(&old),
        Stage::Reading,
        &[("transform.0", Effect::Later)],
    );
}

#[test]
fn a_variable_s_value_never_reaches_what_a_step_remembers() {
    let job = |value: u64, step: Json| {
        let mut job = chain(&[step]);
        job["environment"] = json!({ "X": value });
        job
    };
    let check = |step: Json, expected: Effect| {
        let changes = diff(&job(1, step.clone()), &job(2, step), Stage::Reading).changes;
        let found = changes.iter().map(Change::class).collect::<Vec<_>>();
        let expected = Change::of(expected).class();
        assert_eq!(found, [expected]);
    };
    check(json!({ "filter": "a > ${X}" }), Effect::Later);
    check(json!({ "compute": ["a + ${X} AS b"] }), Effect::Later);
    check(json!({ "aggregate": { "by": [], "select": ["sum(${X}) AS b"] } }), never());
    check(json!({ "dedup": { "key": ["${X}"] } }), never());
}

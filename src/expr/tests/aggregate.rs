//! Select-list items and expressions over groups.

use super::*;
use crate::record::aggregation::Aggregation;

#[test]
fn items_are_named_by_alias_column_key_or_text() {
    let table = orders();
    let mut slots = table.slots.clone();
    let layout = Layout { rest: Rest::Json, ..table.layout.clone() };
    let mut scope = scope(&layout, &mut slots);
    let sqls = [
        "id AS number",
        "ID",
        "user.name",
        "items[3]",
        " id + 1 ",
        "* EXCLUDE (id, day) REPLACE (id * 2 AS status)",
    ];
    let sqls = sqls.map(Sql::unplaced);
    let items = bind_items(&sqls, &mut scope).expect("sound");
    let names: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::Expression { name, .. } => Some(&**name),
            Item::Star { .. } => None,
        })
        .collect();
    assert_eq!(names, ["number", "id", "name", "items", "id + 1"]);
    let Some(Item::Star { exclude, replace, .. }) = items.last() else {
        unreachable!("the last item is a star");
    };
    assert_eq!(exclude, &["id", "day"]);
    assert_eq!(replace[0].0, "status");
    let sqls = ["nope", "* EXCLUDE (nope)", "id +"].map(Sql::unplaced);
    let mut scope = self::scope(&table.layout, &mut slots);
    assert_eq!(bind_items(&sqls, &mut scope).expect_err("three errors").len(), 3);
}

fn aggregate(by: &[&str], select: &[&str]) -> Result<BoundAggregate, Vec<Diagnostic>> {
    let table = orders();
    let mut slots = table.slots.clone();
    let place = |sqls: &[&str]| sqls.iter().map(|sql| Sql::unplaced(*sql)).collect::<Vec<_>>();
    bind_aggregate(&place(by), &place(select), None, &mut scope(&table.layout, &mut slots))
}

#[test]
fn aggregates_are_cut_out_of_their_expressions() {
    let by = ["day", "lower(status) AS state"];
    let select = [
        "count(*) AS n",
        "sum(id) / count(*) AS mean",
        "max(id + 1)",
        "state || '!' AS s",
        "lower(status) || year(day) AS t",
    ];
    let bound = aggregate(&by, &select).expect("sound");
    let keys: Vec<(&str, Slot)> = bound.keys.iter().map(|key| (&*key.name, key.slot)).collect();
    assert_eq!(keys, [("day", Slot(5)), ("state", Slot(6))]);
    let functions: Vec<_> =
        bound.calls.iter().map(|call| (call.aggregation.clone(), call.slot)).collect();
    let expected = [
        (Aggregation::CountAll, Slot(7)),
        (Aggregation::Sum, Slot(8)),
        (Aggregation::Max, Slot(9)),
    ];
    assert_eq!(functions, expected);
    let outputs: Vec<(&str, Vec<Slot>)> =
        bound.outputs.iter().map(|(name, output)| (&**name, output.reads())).collect();
    let expected = [
        ("n", vec![Slot(7)]),
        ("mean", vec![Slot(7), Slot(8)]),
        ("max(id + 1)", vec![Slot(9)]),
        ("s", vec![Slot(6)]),
        ("t", vec![Slot(5), Slot(6)]),
    ];
    assert_eq!(outputs, expected);
}

#[test]
fn what_differs_within_a_group_is_no_output() {
    let check = |select: &str, message: &str, hint: &str| {
        let errors = aggregate(&["day"], &[select]).expect_err(select);
        assert_eq!((&*errors[0].message, errors[0].hint.as_deref()), (message, Some(hint)));
    };
    let hint = "group by it, or aggregate it: min(id), max(id), count(id)";
    check("id + count(*)", "`id` differs within a group", hint);
    check("day", "`day` is already there: the keys come first", "leave it out of select");
    let declare = "declare it: types = { amount = \"decimal(18,2)\" }";
    check("sum(amount)", "a number is needed here, not a text", declare);
}

//! Items of an ORDER BY.

use super::*;
use crate::record::{Direction, Nulls, Order};

fn bind(table: &Table, items: &[&str]) -> Result<Vec<OrderKey>, Vec<Diagnostic>> {
    let sqls: Vec<Sql> = items.iter().map(|item| Sql::unplaced(*item)).collect();
    let mut slots = table.slots.clone();
    bind_order(&sqls, &mut scope(&table.layout, &mut slots))
}

#[test]
fn direction_and_nulls_are_read() {
    let order = |direction, nulls| Order { direction, nulls };
    for (item, expected) in [
        ("id", order(Direction::Ascending, Nulls::Last)),
        ("id asc", order(Direction::Ascending, Nulls::Last)),
        ("id DESC", order(Direction::Descending, Nulls::Last)),
        ("id NULLS FIRST", order(Direction::Ascending, Nulls::First)),
        ("lower(status) desc nulls first", order(Direction::Descending, Nulls::First)),
        ("day DESC NULLS LAST", order(Direction::Descending, Nulls::Last)),
        ("\"unit price\" IS NULL desc", order(Direction::Descending, Nulls::Last)),
    ] {
        let keys = bind(&orders(), &[item]).expect(item);
        assert_eq!(keys[0].order, expected, "{item}");
    }
}

#[test]
fn items_that_order_nothing_are_refused() {
    let check = |table: &Table, item: &str, message: &str| {
        let problems = bind(table, &[item]).expect_err(item);
        assert_eq!(problems[0].message, message, "{item}");
    };
    check(&orders(), "1", "a constant orders nothing");
    check(&orders(), "NULL DESC", "a constant orders nothing");
    check(&orders(), "nope", "unknown column `nope` in filter");
    check(
        &orders(),
        "id sideways",
        "not an SQL expression: expected an operator or the end, found `sideways`",
    );
    check(
        &orders(),
        "id, status",
        "not an SQL expression: expected an operator or the end, found `,`",
    );
    let json = Table::json(&["1"]);
    check(&json, "v.a[0] DESC", "JSON values have no order until they have a type");
    assert!(bind(&json, &["CAST(v.a[0] AS bigint) DESC"]).is_ok());
    assert_eq!(bind(&orders(), &["nope", "id", "1"]).expect_err("two problems").len(), 2);
}

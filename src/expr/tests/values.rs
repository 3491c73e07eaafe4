//! Values: three-valued logic, faults, decimals.

use super::*;

#[test]
fn conditions_follow_three_valued_logic() {
    let table = Table::default().with("a", bigint_column(&[Some(1), None, Some(3)]));
    table.check("a > 2", &["false", "NULL", "true"]);
    table.check("a > 2 OR a IS NULL", &["false", "true", "true"]);
    table.check("NOT (a > 2 AND NULL)", &["true", "NULL", "NULL"]);
    table.check("a IN (3, NULL)", &["NULL", "NULL", "true"]);
    table.check("a NOT IN (3)", &["true", "NULL", "false"]);
    table.check("a IS DISTINCT FROM 3", &["true", "true", "false"]);
    table.check("(a > 2) IS NOT TRUE", &["true", "true", "false"]);
    table.check("a BETWEEN 1 AND 2", &["true", "NULL", "false"]);
}

#[test]
fn faults_stay_where_they_are_needed() {
    let table = Table::default()
        .with("a", bigint_column(&[Some(0), Some(1), Some(2), None]))
        .with("t", text_column(&[Some("x"), Some("7"), None, Some("")]));
    table.check("10 // a", &["!division by zero", "10", "5", "NULL"]);
    table.check("TRY(10 // a)", &["NULL", "10", "5", "NULL"]);
    table.check("a <> 0 AND 10 // a > 5", &["false", "true", "false", "NULL"]);
    table.check("a = 0 OR 10 // a > 5", &["true", "true", "false", "NULL"]);
    table.check("CASE WHEN a > 0 THEN 10 // a ELSE -1 END", &["-1", "10", "5", "-1"]);
    table.check(
        "CAST(t AS bigint) + a",
        &["!text is not a bigint", "8", "NULL", "!text is not a bigint"],
    );
    table.check("coalesce(a, CAST(t AS bigint))", &["0", "1", "2", "!text is not a bigint"]);
    table.check("a IN (0, 10 // a)", &["true", "false", "false", "NULL"]);
    table.check("(10 // a) IS NULL", &["!division by zero", "false", "false", "true"]);
    table.check(
        "9223372036854775807 + a",
        &["9223372036854775807", "!bigint overflow", "!bigint overflow", "NULL"],
    );
    table.check("concat(t, a)", &["x0", "71", "2", ""]);
}

#[test]
fn a_column_with_faults_faults_just_the_rows_that_read_it() {
    let mut column = bigint_column(&[Some(1), Some(2), Some(3)]);
    column.set_fault(1, &"text is not a bigint".into());
    let table =
        Table::default().with("a", column).with("b", bigint_column(&[Some(0), Some(0), Some(1)]));
    table.check("a", &["1", "!text is not a bigint", "3"]);
    table.check("a > 1", &["false", "!text is not a bigint", "true"]);
    table.check("b = 1 AND a > 1", &["false", "false", "true"]);
    table.check("a > 1 AND b = 1", &["false", "!text is not a bigint", "true"]);
    table.check("a IN (1)", &["true", "!text is not a bigint", "false"]);
    table.check("coalesce(a, 0)", &["1", "!text is not a bigint", "3"]);
    table.check("greatest(a, 2)", &["2", "!text is not a bigint", "3"]);
    table.check("TRY(a)", &["1", "NULL", "3"]);
}

#[test]
fn decimals_keep_their_digits() {
    let price = |units: &[Option<i128>]| {
        let numbers = units.iter().map(|units| units.unwrap_or_default()).collect();
        let values = Values::Decimal { units: numbers, precision: 6, scale: 2 };
        nullable(units, values)
    };
    let table = Table::default().with("price", price(&[Some(1999), None, Some(-5)]));
    table.check("price * 1.19", &["23.7881", "NULL", "-0.0595"]);
    table.check("price + 1", &["20.99", "NULL", "0.95"]);
    table.check("price >= 19.990", &["true", "NULL", "false"]);
    table.check("price = 20", &["false", "NULL", "false"]);
    table.check("price / 2", &["9.995", "NULL", "-0.025"]);
    table.check("round(price, 1)", &["20.0", "NULL", "-0.1"]);
    let widest = "price * 99999999999999999999999999999999.0";
    table.check(
        widest,
        &["1998999999999999999999999999999980.010", "NULL", "-4999999999999999999999999999999.950"],
    );
}

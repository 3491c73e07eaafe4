//! JSON paths and the types that their places ask for.

use super::*;

/// A value of each kind.
const RECORDS: [&str; 6] = ["\"x\"", "12.5", "true", "null", "{\"k\": [1]}", "9007199254740993"];

#[test]
fn json_takes_the_type_that_its_place_asks_for() {
    let table = Table::json(&RECORDS);
    let number = |kind| format!("!JSON {kind} where a double is needed");
    let lost = "!JSON number that a double cannot hold (declare its type)";
    table.check(
        "v.a[0] > 12",
        &[&number("string"), "true", &number("boolean"), "NULL", &number("object"), lost],
    );
    table.check("TRY(v.a[0] + 1)", &["NULL", "13.5", "NULL", "NULL", "NULL", "NULL"]);
    table.check("TRY(v.a[0] = 'x')", &["true", "NULL", "NULL", "NULL", "NULL", "NULL"]);
    table.check("TRY(v.a[0] AND true)", &["NULL", "NULL", "true", "NULL", "NULL", "NULL"]);
}

#[test]
fn json_is_passed_on_as_it_is_and_cast_as_asked() {
    let table = Table::json(&RECORDS);
    table.check("v.a[0] IS NULL", &["false", "false", "false", "true", "false", "false"]);
    table.check("v.a[0]", &["\"x\"", "12.5", "true", "NULL", "{\"k\": [1]}", "9007199254740993"]);
    table.check(
        "CAST(v.a[0] AS text)",
        &["x", "12.5", "true", "NULL", "{\"k\": [1]}", "9007199254740993"],
    );
    table.check(
        "TRY_CAST(v.a[0] AS bigint)",
        &["NULL", "12", "1", "NULL", "NULL", "9007199254740993"],
    );
    table.check("TRY(v.a[0] > 12.4999)", &["NULL", "true", "NULL", "NULL", "NULL", "true"]);
}

#[test]
fn json_beside_json_needs_a_type() {
    let table = Table::json(&["1"]);
    let message = "a JSON value beside another has no type to be compared as";
    let hint = "say how to compare: CAST(v.a[0] AS decimal(18,2)) or CAST(v.a[0] AS text), \
                or declare it: types = { \"v.a[0]\" = \"decimal(18,2)\" }";
    table.check_error("v.a[0] = v.b", [message, "v.a[0]", "this is json", hint]);
    let message = "9007199254740993 cannot be compared exactly as a double";
    let hint = "declare the type of the JSON path beside it: types = { \"path\" = \"bigint\" }";
    table.check_error("v.a[0] = 9007199254740993", [message, "9007199254740993", "", hint]);
}

#[test]
fn paths_become_slots_once() {
    let layout = Layout::json();
    let mut slots = Slots::default();
    slots.declared.push(("user.age".to_string(), DataType::Bigint));
    let mut scope = scope(&layout, &mut slots);
    let sql = Sql::unplaced(
        "user.age > 1 AND items[0].sku = user['odd key'] || 'x' AND \"user\".age < 9",
    );
    let expression = bind_predicate(&sql, &mut scope).expect("sound");
    assert_eq!(expression.reads(), [Slot(0), Slot(1), Slot(2)]);
    let names: Vec<&str> = slots.infos.iter().map(|info| &*info.name).collect();
    assert_eq!(names, ["user.age", "items[0].sku", "user.odd key"]);
    assert_eq!(slots.infos[0].data_type, DataType::Bigint);
}

#[test]
fn common_words_are_names() {
    let table = Table::json(&["1"]);
    let words = "date time timestamp interval key value values type name user index level first last \
                 row rows year month day hour position left right start status count min max json \
                 text trim floor replace map struct array offset language json default check try \
                 substring extract ceil cast current_user operator session set table view desc asc";
    for word in words.split_whitespace() {
        for sql in
            [format!("{word} = 'x'"), format!("{word}.{word} = 'x'"), format!("v.{word} = 'x'")]
        {
            assert!(table.bind(&sql).is_ok(), "{sql}: {:?}", table.bind(&sql));
        }
    }
}

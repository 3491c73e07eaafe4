//! What is said where an expression is wrong.

use super::*;

#[test]
fn unknown_names_come_with_what_was_meant() {
    let columns = "columns are: id, amount, status, day, unit price";
    orders().check_error(
        "amout > 100",
        ["unknown column `amout` in filter", "amout", columns, "did you mean `amount`?"],
    );
    orders().check_error("a.b = 1", ["unknown column `a.b` in filter", "a.b", columns, ""]);
    orders().check_error("id.x = 1", ["`id` has no parts", "id.x", "`id` is bigint", ""]);
    orders().check_error(
        "lowr(status)",
        ["unknown function `lowr` in filter", "lowr", "", "did you mean `lower`?"],
    );
}

#[test]
fn all_errors_of_an_expression_are_told_at_once() {
    let errors = orders().bind("amout > 1 AND nope = 'x' AND id = 'y'");
    assert_eq!(errors.expect_err("three errors").len(), 3);
}

#[test]
fn an_undeclared_column_used_as_a_number_names_the_line_to_add() {
    let check = |sql: &str, message: &str, place: &str, hint: &str| {
        orders().check_error(sql, [message, place, "this is text", hint]);
    };
    check(
        "amount > 100",
        "text and bigint do not go together",
        "amount",
        "declare it: types = { amount = \"bigint\" }",
    );
    check(
        "1.5 < amount",
        "decimal(2,1) and text do not go together",
        "amount",
        "declare it: types = { amount = \"decimal(18,2)\" }",
    );
    check(
        "\"unit price\" * 2 > 1",
        "a number is needed here, not a text",
        "\"unit price\"",
        "declare it: types = { \"unit price\" = \"decimal(18,2)\" }",
    );
}

#[test]
fn type_errors_name_both_types_and_the_cast() {
    let check = |sql: &str, expected| orders().check_error(sql, expected);
    check(
        "lower(id)",
        ["a text is needed here, not a bigint", "id", "this is bigint", "write CAST(id AS text)"],
    );
    check(
        "id = '5'",
        [
            "bigint and text do not go together",
            "'5'",
            "this is text",
            "write the number without quotes: 5",
        ],
    );
    check(
        "day > '2024-13-01'",
        ["'2024-13-01' is not a date", "'2024-13-01'", "", "write a date as '2024-05-17'"],
    );
    check("CAST(day AS bigint)", ["date cannot be cast to bigint", "day", "this is date", ""]);
    check(
        "sum(id) > 1",
        [
            "`sum` is an aggregate: it has no meaning in filter",
            "sum(id)",
            "",
            "write it in an aggregate step: aggregate = { by = [...], select = [...] }",
        ],
    );
}

#[test]
fn long_chains_are_bounded_and_long_conditions_are_not() {
    let sum = format!("1{}", " + 1".repeat(900));
    let message = "more than 200 operators in a row";
    assert_eq!(text_of(&sum), Err(message.to_string()));
    let condition = format!("1 = 1{}", " AND 1 = 1".repeat(400));
    assert_eq!(text_of(&condition), Ok("true".to_string()));
}

#[test]
fn what_came_from_the_environment_is_not_repeated() {
    let label = |sql: &Sql| {
        let table = orders();
        let mut slots = table.slots.clone();
        let errors = bind_scalar(sql, &mut scope(&table.layout, &mut slots)).expect_err("a flaw");
        errors[0].label.clone()
    };
    let mut sql = Sql::unplaced("regexp_matches(status, 'a(secret')");
    assert_eq!(label(&sql), "here: a(secret");
    // As if `secret` stood for `${NAME}` there: all of its bytes come from where that begins.
    sql.offsets[26..32].fill(26);
    assert_eq!(label(&sql), "");
}

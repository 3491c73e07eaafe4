//! Expressions end to end: names, types, faults, messages, and DuckDB's results.

use super::*;
use crate::error::{Diagnostic, Sql};
use crate::record::{Field, RawRecords, Rest, SlotOrigin, Text, Validity, Values};
use evaluate::cell::Cell;

/// 2024-05-17 10:11:12
const NOW: i64 = 1_715_940_672_000_000;

/// What DuckDB makes of many expressions; written by `fixtures/expressions/generate.py`.
const EXPECTATIONS: &str = include_str!("../../fixtures/expressions/expectations.tsv");

/// Expression, our result, reason.
const DIFFERENCES: &str = include_str!("../../fixtures/expressions/differences.tsv");

/// The value of an expression without columns as text; `NULL` for none; else the fault or the first message.
pub fn text_of(sql: &str) -> Result<String, String> {
    let table = Table::default();
    let expression = table
        .bind(sql)
        .map_err(|errors| errors[0].message.clone())?;
    match &*table.texts(&expression) {
        [only] => only.clone(),
        many => unreachable!("{} rows", many.len()),
    }
}

/// A small batch with its layout.
struct Table {
    layout: Layout,
    slots: Slots,
    columns: Vec<Column>,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            layout: Layout {
                fields: Vec::new(),
                rest: Rest::Closed,
            },
            slots: Slots::default(),
            columns: Vec::new(),
        }
    }
}

impl Table {
    fn with(mut self, name: &str, column: Column) -> Table {
        let origin = SlotOrigin::CsvField(self.columns.len());
        let slot = self.slots.add(name, column.data_type(), origin);
        self.layout.fields.push(Field {
            name: name.to_string(),
            data_type: column.data_type(),
            slot,
        });
        self.columns.push(column);
        self
    }

    fn bind(&self, sql: &str) -> Result<Expression, Vec<Diagnostic>> {
        let mut slots = self.slots.clone();
        let mut scope = scope(&self.layout, &mut slots);
        bind_scalar(&Sql::unplaced(sql), &mut scope)
    }

    fn texts(&self, expression: &Expression) -> Vec<Result<String, String>> {
        let rows = self.columns.first().map_or(1, Column::rows);
        let mut batch = Batch::new(RawRecords::None, rows, self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            batch.fill(Slot(index), Arc::new(column.clone()));
        }
        let column = expression.evaluate(&batch, &batch.selection);
        assert_eq!(column.data_type(), expression.data_type());
        let text = |row: &u32| match (column.faults.get(*row), Cell::of(&column, *row as usize)) {
            (Some(reason), _) => Err(reason.to_string()),
            (None, Cell::Null) => Ok("NULL".to_string()),
            (None, cell) => {
                let mut out = Vec::new();
                evaluate::write_cell(&mut out, cell);
                Ok(String::from_utf8(out).expect("texts are UTF-8"))
            }
        };
        batch.selection.iter().map(text).collect()
    }

    /// Every row's value as text, faults as `!reason`.
    fn check(&self, sql: &str, expected: &[&str]) {
        let expression = self
            .bind(sql)
            .unwrap_or_else(|errors| panic!("{sql}: {errors:?}"));
        let texts = self.texts(&expression);
        let found: Vec<String> = texts
            .into_iter()
            .map(|text| text.unwrap_or_else(|reason| format!("!{reason}")))
            .collect();
        assert_eq!(found, expected, "{sql}");
    }

    /// The first error: message, what the caret marks, label, hint.
    fn check_error(&self, sql: &str, expected: [&str; 4]) {
        let errors = self.bind(sql).expect_err(sql);
        let error = &errors[0];
        let found = [
            &*error.message,
            &sql[error.place.clone().expect("a place")],
            &*error.label,
            error.hint.as_deref().unwrap_or_default(),
        ];
        assert_eq!(found, expected, "{sql}");
    }
}

fn scope<'a>(layout: &'a Layout, slots: &'a mut Slots) -> Scope<'a> {
    Scope {
        layout,
        slots,
        now_micros: NOW,
        context: "filter",
    }
}

fn texts(values: &[Option<&str>]) -> Text {
    let mut text = Text::filled(Arc::default(), values.len());
    for (row, value) in values.iter().enumerate() {
        text.set(row, value.unwrap_or_default().as_bytes());
    }
    text
}

fn nullable<T>(values: &[Option<T>], column: Values) -> Column {
    Column {
        validity: Validity::from_flags(values.iter().map(Option::is_some).collect()),
        ..Column::new(column)
    }
}

fn text_column(values: &[Option<&str>]) -> Column {
    nullable(values, Values::Text(texts(values)))
}

fn json_column(values: &[Option<&str>]) -> Column {
    nullable(values, Values::Json(texts(values)))
}

fn bigint_column(values: &[Option<i64>]) -> Column {
    let numbers = values
        .iter()
        .map(|value| value.unwrap_or_default())
        .collect();
    nullable(values, Values::Bigint(numbers))
}

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
fn results_are_those_of_duckdb_but_for_the_listed_differences() {
    let differences: Vec<Vec<&str>> = DIFFERENCES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    let mut listed = differences
        .iter()
        .map(|fields| fields[0])
        .collect::<Vec<_>>();
    for line in EXPECTATIONS.lines().filter(|line| !line.starts_with('#')) {
        let (sql, of_duckdb) = line.split_once('\t').expect("an expression and its result");
        let found = text_of(sql).unwrap_or_else(|_| "ERROR".to_string());
        match differences.iter().find(|fields| fields[0] == sql) {
            None => assert_eq!(found, of_duckdb, "{sql}"),
            Some(fields) => {
                assert_eq!(found, fields[1], "{sql}");
                assert_ne!(found, of_duckdb, "no longer different: {sql}");
                assert!(!fields[2].is_empty(), "no reason: {sql}");
                listed.retain(|known| *known != sql);
            }
        }
    }
    assert!(listed.is_empty(), "unknown expressions: {listed:?}");
}

fn orders() -> Table {
    Table::default()
        .with("id", bigint_column(&[Some(1)]))
        .with("amount", text_column(&[Some("12.50")]))
        .with("status", text_column(&[Some("paid")]))
        .with("day", nullable(&[Some(0)], Values::Date(vec![19_000])))
        .with("unit price", text_column(&[Some("1")]))
}

#[test]
fn unknown_names_come_with_what_was_meant() {
    let columns = "columns are: id, amount, status, day, unit price";
    orders().check_error(
        "amout > 100",
        [
            "unknown column `amout` in filter",
            "amout",
            columns,
            "did you mean `amount`?",
        ],
    );
    orders().check_error(
        "a.b = 1",
        ["unknown column `a.b` in filter", "a.b", columns, ""],
    );
    orders().check_error(
        "id.x = 1",
        ["`id` has no parts", "id.x", "`id` is bigint", ""],
    );
    orders().check_error(
        "lowr(status)",
        [
            "unknown function `lowr` in filter",
            "lowr",
            "",
            "did you mean `lower`?",
        ],
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
        [
            "a text is needed here, not a bigint",
            "id",
            "this is bigint",
            "write CAST(id AS text)",
        ],
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
        [
            "'2024-13-01' is not a date",
            "'2024-13-01'",
            "",
            "write a date as '2024-05-17'",
        ],
    );
    check(
        "CAST(day AS bigint)",
        ["date cannot be cast to bigint", "day", "this is date", ""],
    );
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
fn faults_stay_where_they_are_needed() {
    let table = Table::default()
        .with("a", bigint_column(&[Some(0), Some(1), Some(2), None]))
        .with("t", text_column(&[Some("x"), Some("7"), None, Some("")]));
    table.check("10 // a", &["!division by zero", "10", "5", "NULL"]);
    table.check("TRY(10 // a)", &["NULL", "10", "5", "NULL"]);
    table.check(
        "a <> 0 AND 10 // a > 5",
        &["false", "true", "false", "NULL"],
    );
    table.check("a = 0 OR 10 // a > 5", &["true", "true", "false", "NULL"]);
    table.check(
        "CASE WHEN a > 0 THEN 10 // a ELSE -1 END",
        &["-1", "10", "5", "-1"],
    );
    table.check(
        "CAST(t AS bigint) + a",
        &[
            "!text is not a bigint",
            "8",
            "NULL",
            "!text is not a bigint",
        ],
    );
    table.check(
        "coalesce(a, CAST(t AS bigint))",
        &["0", "1", "2", "!text is not a bigint"],
    );
    table.check("a IN (0, 10 // a)", &["true", "false", "false", "NULL"]);
    table.check(
        "(10 // a) IS NULL",
        &["!division by zero", "false", "false", "true"],
    );
    table.check(
        "9223372036854775807 + a",
        &[
            "9223372036854775807",
            "!bigint overflow",
            "!bigint overflow",
            "NULL",
        ],
    );
    table.check("concat(t, a)", &["x0", "71", "2", ""]);
}

#[test]
fn a_column_with_faults_faults_just_the_rows_that_read_it() {
    let mut column = bigint_column(&[Some(1), Some(2), Some(3)]);
    column.set_fault(1, &"text is not a bigint".into());
    let table = Table::default()
        .with("a", column)
        .with("b", bigint_column(&[Some(0), Some(0), Some(1)]));
    table.check("a", &["1", "!text is not a bigint", "3"]);
    table.check("a > 1", &["false", "!text is not a bigint", "true"]);
    table.check("b = 1 AND a > 1", &["false", "false", "true"]);
    table.check(
        "a > 1 AND b = 1",
        &["false", "!text is not a bigint", "true"],
    );
    table.check("a IN (1)", &["true", "!text is not a bigint", "false"]);
    table.check("coalesce(a, 0)", &["1", "!text is not a bigint", "3"]);
    table.check("greatest(a, 2)", &["2", "!text is not a bigint", "3"]);
    table.check("TRY(a)", &["1", "NULL", "3"]);
}

#[test]
fn decimals_keep_their_digits() {
    let price = |units: &[Option<i128>]| {
        let numbers = units
            .iter()
            .map(|units| units.unwrap_or_default())
            .collect();
        let values = Values::Decimal {
            units: numbers,
            precision: 6,
            scale: 2,
        };
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
        &[
            "1998999999999999999999999999999980.010",
            "NULL",
            "-4999999999999999999999999999999.950",
        ],
    );
}

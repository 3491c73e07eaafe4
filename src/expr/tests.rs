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

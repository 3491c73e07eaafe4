//! Expressions end to end: here is a small table to evaluate them over, the tests are below by subject.

mod aggregate;

mod expectations;

mod json;

mod messages;

mod order;

mod values;

use super::*;
use crate::error::{Diagnostic, Sql};
use crate::record::{
    Field, JsonPath, PathStep, RawRecords, Rest, SlotOrigin, Text, Validity, Values,
};
use evaluate::cell::{Builder, Cell};

/// 2024-05-17 10:11:12
const NOW: i64 = 1_715_940_672_000_000;

/// The value of an expression without columns as text; `NULL` for none; else the fault or the first message.
pub fn text_of(sql: &str) -> Result<String, String> {
    let table = Table::default();
    let expression = table.bind(sql).map_err(|errors| errors[0].message.clone())?;
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
        Table { layout: Layout::closed(Vec::new()), slots: Slots::default(), columns: Vec::new() }
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

    /// JSON records `{"v": {"a": [value]}}`.
    fn json(values: &[&str]) -> Table {
        let mut table = Table::default();
        table.layout.rest = Rest::Json;
        let path = vec![
            PathStep::Key("v".to_string()),
            PathStep::Key("a".to_string()),
            PathStep::Index(0),
        ];
        table.slots.json_path(&JsonPath(path));
        let present = values.iter().map(|value| (*value != "null").then_some(*value));
        let values: Vec<Option<&str>> = present.collect();
        let values = nullable(&values, Values::Json(texts(&values)));
        table.columns.push(values);
        table
    }

    fn bind(&self, sql: &str) -> Result<Expression, Vec<Diagnostic>> {
        let mut slots = self.slots.clone();
        let mut scope = scope(&self.layout, &mut slots);
        bind_scalar(&Sql::unplaced(sql), &mut scope)
    }

    fn batch(&self) -> Batch {
        let rows = self.columns.first().map_or(1, Column::rows);
        let mut batch = Batch::new(RawRecords::None, rows, self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            batch.fill(Slot(index), Arc::new(column.clone()));
        }
        batch
    }

    fn texts(&self, expression: &Expression) -> Vec<Result<String, String>> {
        let batch = self.batch();
        texts_at(expression, &batch, &batch.selection)
    }

    /// Every row's value as text, faults as `!reason`.
    fn check(&self, sql: &str, expected: &[&str]) {
        let expression = self.bind(sql).unwrap_or_else(|errors| panic!("{sql}: {errors:?}"));
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

/// The text forms of an expression's values at some rows; `NULL` for none; faults as their reasons.
fn texts_at(expression: &Expression, batch: &Batch, rows: &[u32]) -> Vec<Result<String, String>> {
    let column = expression.evaluate(batch, rows);
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
    rows.iter().map(text).collect()
}

fn scope<'a>(layout: &'a Layout, slots: &'a mut Slots) -> Scope<'a> {
    Scope { layout, slots, now_micros: NOW, context: "filter" }
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

fn bigint_column(values: &[Option<i64>]) -> Column {
    let numbers = values.iter().map(|value| value.unwrap_or_default()).collect();
    nullable(values, Values::Bigint(numbers))
}

fn orders() -> Table {
    Table::default()
        .with("id", bigint_column(&[Some(1)]))
        .with("amount", text_column(&[Some("12.50")]))
        .with("status", text_column(&[Some("paid")]))
        .with("day", nullable(&[Some(0)], Values::Date(vec![19_000])))
        .with("unit price", text_column(&[Some("1")]))
}

//! A table of random values of every type, and expressions over it.

use onward::error::Sql;
use onward::expr::{Expression, Scope, bind_scalar};
use onward::record::{
    Batch, Column, Element, Field, Interval, Layout, RawRecords, Rest, Slot, SlotOrigin, Slots,
    Text, Validity, Values,
};
use proptest::prelude::*;
use std::sync::Arc;

/// Columns with names.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<(String, Arc<Column>)>,
}

impl Table {
    /// With one more column.
    pub fn with(mut self, name: &str, column: Column) -> Table {
        self.columns.push((name.to_string(), Arc::new(column)));
        self
    }

    fn batch(&self) -> Batch {
        let rows = self.columns.first().map_or(1, |(_, column)| column.rows());
        let mut batch = Batch::new(RawRecords::None, rows, self.columns.len());
        for (index, (_, column)) in self.columns.iter().enumerate() {
            batch.fill(Slot(index), column.clone());
        }
        batch
    }

    /// An expression over the columns.
    pub fn bind(&self, sql: &str) -> Expression {
        let mut layout = Layout { fields: Vec::new(), rest: Rest::Closed, left_out: Vec::new() };
        let mut slots = Slots::default();
        for (index, (name, column)) in self.columns.iter().enumerate() {
            let data_type = column.data_type();
            let slot = slots.add(name, data_type, SlotOrigin::CsvField(index));
            layout.fields.push(Field { name: name.clone(), data_type, slot });
        }
        let mut scope =
            Scope { layout: &layout, slots: &mut slots, now_micros: 0, context: "select" };
        bind_scalar(&Sql::unplaced(sql), &mut scope)
            .unwrap_or_else(|errors| panic!("{sql}: {errors:?}"))
    }

    /// The values of an expression at some rows: their text forms, `NULL`, or `!` and why there is none.
    pub fn texts_at(&self, sql: &str, rows: &[u32]) -> Vec<String> {
        let expression = self.bind(&format!("CAST(({sql}) AS text)"));
        let column = expression.evaluate(&self.batch(), rows);
        let Values::Text(texts) = &column.values else {
            unreachable!("the expression gives a text");
        };
        let text = |row: &u32| match (column.faults.get(*row), column.is_valid(*row as usize)) {
            (Some(reason), _) => format!("!{reason}"),
            (None, false) => "NULL".to_string(),
            (None, true) => String::from_utf8_lossy(texts.get(*row as usize)).into_owned(),
        };
        rows.iter().map(text).collect()
    }

    /// The values at all rows.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let batch = self.batch();
        self.texts_at(sql, &batch.selection)
    }
}

/// A column of some values, the flagged ones without value.
pub fn column(values: Values, is_null: &[bool]) -> Column {
    let valid = (0..values.rows()).map(|row| !is_null.get(row).copied().unwrap_or(false));
    Column { validity: Validity::from_flags(valid.collect()), ..Column::new(values) }
}

fn text_of<T: AsRef<str>>(values: &[T]) -> Text {
    let mut texts = Text::filled(Arc::default(), values.len());
    for (row, value) in values.iter().enumerate() {
        texts.set(row, value.as_ref().as_bytes());
    }
    texts
}

/// Doubles of every size, and those that are no numbers.
pub fn doubles() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<f64>(),
        4 => (-1000_i32..1000).prop_map(|value| f64::from(value) / 8.0),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

/// Values of a type by its number: one after the other, all types.
pub fn values(kind: usize, rows: usize) -> BoxedStrategy<Values> {
    // The years 1 to 9999.
    const DAYS: std::ops::Range<i32> = -719_162..2_932_896;
    const DAY: i64 = 86_400_000_000;
    let micros = (DAYS, 0..DAY).prop_map(|(day, time)| i64::from(day) * DAY + time);
    match kind {
        0 => prop::collection::vec(any::<bool>(), rows).prop_map(Values::Boolean).boxed(),
        1 => {
            let value = prop_oneof![any::<i64>(), -5_i64..5];
            prop::collection::vec(value, rows).prop_map(Values::Bigint).boxed()
        }
        2 => prop::collection::vec(-999_999_999_i128..=999_999_999, rows)
            .prop_map(|units| Values::Decimal { units, precision: 9, scale: 4 })
            .boxed(),
        3 => prop::collection::vec(doubles(), rows).prop_map(Values::Double).boxed(),
        4 => prop::collection::vec("[ab\u{e9} ,\"\\\\]{0,4}", rows)
            .prop_map(|texts| Values::Text(text_of(&texts)))
            .boxed(),
        5 => prop::collection::vec(DAYS, rows).prop_map(Values::Date).boxed(),
        6 => prop::collection::vec(0..DAY, rows).prop_map(Values::Time).boxed(),
        7 => prop::collection::vec(micros, rows).prop_map(Values::Timestamp).boxed(),
        8 => prop::collection::vec(micros, rows).prop_map(Values::Timestamptz).boxed(),
        9 => prop::collection::vec((-50_i32..50, -50_i32..50, -DAY..DAY), rows)
            .prop_map(|parts| {
                let interval = |(months, days, micros)| Interval { months, days, micros };
                Values::Interval(parts.into_iter().map(interval).collect())
            })
            .boxed(),
        _ => prop::collection::vec(prop::collection::vec(-3_i64..3, 0..3), rows)
            .prop_map(|lists| {
                let list = |list: &Vec<i64>| format!("{list:?}").replace(' ', "");
                let lists: Vec<String> = lists.iter().map(list).collect();
                Values::List(text_of(&lists), Element::Bigint)
            })
            .boxed(),
    }
}

/// How many kinds of values there are.
pub const KINDS: usize = 11;

/// A column of values of any type, some of them NULL.
pub fn any_column(rows: usize) -> impl Strategy<Value = Column> {
    (0..KINDS).prop_flat_map(move |kind| any_column_of(kind, rows))
}

/// A column of values of one type, some of them NULL.
pub fn any_column_of(kind: usize, rows: usize) -> impl Strategy<Value = Column> {
    let nulls = prop::collection::vec(prop::bool::weighted(0.2), rows);
    (values(kind, rows), nulls).prop_map(|(values, nulls)| column(values, &nulls))
}

//! `unnest`: one record for each element of a list or JSON array.
//!
//! ```toml
//! [[transform]]
//! unnest = { column = "items", as = "item", index = "position", keep_empty = true }
//! ```
//!
//! The element takes the place of the column; with `as` the column stays and the element gets that name. `index` is a
//! further column with its place in the list, counted from 1. A record whose list is empty or NULL is let go; with
//! `keep_empty = true` it stays, with NULL as element and index. Elements of a list have its type, those of a JSON array
//! are JSON: `item ->> 'sku'`, or a second `compute`, reaches into them. A JSON value that is no array is a fault.
//!
//! `column` is a column, a path of a JSON record (`order.items`, with `as`), or any other expression with `as`.

use super::binder::{Binder, Bound, check_names};
use super::multiply::{Multiplied, multiply, positions};
use super::{Action, Context, Stateless};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression};
use crate::record::list::{self, Elements};
use crate::record::{
    Batch, Column, DataType, Element, Gravity, Reason, Slot, SlotOrigin, Validity, Values,
};
use std::sync::Arc;

/// An `unnest` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What is unnested.
    pub column: Sql,
    /// The name of the element; `None` for the column's own.
    pub name: Option<Sql>,
    /// The name of the element's place in the list.
    pub index: Option<Sql>,
    /// What becomes of a record without elements.
    pub empty: Empty,
}

/// What becomes of a record of which no records are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// It is let go.
    Drop,
    /// It stays, with NULL.
    Keep,
}

#[derive(Debug)]
struct Unnest {
    list: Expression,
    element: Element,
    item: Slot,
    index: Option<Slot>,
    empty: Empty,
    /// Whether the values may be JSON, and if so, whether they were ever read as such.
    json: Json,
    not_an_array: String,
}

/// What is known of a value before it is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Json {
    /// It is a list.
    List,
    /// It is valid JSON.
    Valid,
    /// It is what stood in a CSV field.
    Unread,
}

/// Binds an `unnest`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let (name, list) = match &settings.name {
        Some(name) => {
            let list = expr::bind_scalar(&settings.column, &mut binder.scope("unnest"))?;
            (name.text.clone(), list)
        }
        None => {
            let target = binder.column(&settings.column, "unnest")?;
            (target.name, target.expression)
        }
    };
    let unplaced = Sql::unplaced(name.as_str());
    let new: Vec<&Sql> =
        settings.name.as_ref().or(Some(&unplaced)).into_iter().chain(&settings.index).collect();
    check_names(&new)?;
    let is_field = list
        .as_slot()
        .is_some_and(|slot| matches!(binder.slots.info(slot).origin, SlotOrigin::CsvField(_)));
    let (element, json) = match list.data_type() {
        DataType::List(element) => (element, Json::List),
        DataType::Json if is_field => (Element::Json, Json::Unread),
        DataType::Json => (Element::Json, Json::Valid),
        other => return Err(vec![not_a_list(&settings.column, other)]),
    };
    let item = binder.put(&name, element.data_type());
    let index = settings.index.as_ref().map(|index| binder.new_column(index, DataType::Bigint));
    let index = index.transpose()?;
    let not_an_array = format!("`{}` is not an array", settings.column.text.trim());
    let (reads, empty) = (list.reads(), settings.empty);
    let unnest = Unnest { list, element, item, index, empty, json, not_an_array };
    Ok(Bound { reads, action: Action::stateless(unnest) })
}

fn not_a_list(sql: &Sql, data_type: DataType) -> Diagnostic {
    let text = sql.text.trim();
    let message = format!("unnest needs a list or JSON, not {data_type}");
    let problem = Diagnostic::at(sql.whole(), message).with_label(format!("this is {data_type}"));
    match data_type {
        DataType::Text => problem.with_hint(format!(
            "of JSON text make JSON: `compute = [\"CAST({text} AS json) AS {text}\"]`; other text is taken apart by `split`"
        )),
        _ => problem,
    }
}

impl Stateless for Unnest {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let column = self.list.evaluate(&batch, &batch.selection);
        batch.reject_faults(context.step, &column.faults);
        let (Values::List(texts, _) | Values::Json(texts)) = &column.values else {
            unreachable!("lists and JSON are texts");
        };
        if self.json != Json::List {
            let reason: Reason = format!("{}: {}", context.step, self.not_an_array).into();
            batch.reject_where(&reason, Gravity::Reject, |row| {
                let text = texts.get(row as usize);
                let is_array = text.first() == Some(&b'[')
                    && (self.json == Json::Valid || list::is_json(text));
                column.is_valid(row as usize) && !is_array
            });
        }
        let mut counts = vec![0; batch.rows];
        for row in &batch.selection {
            let row = *row as usize;
            let count = if column.is_valid(row) { list::length(texts.get(row)) } else { 0 };
            counts[row] = match self.empty {
                Empty::Keep => count.max(1),
                Empty::Drop => count,
            };
        }
        let Multiplied { mut batch, from } = multiply(context.step, batch, &counts);
        let mut parents = from.clone();
        parents.dedup();
        let mut is_element = Vec::with_capacity(from.len());
        let mut items = Vec::with_capacity(from.len());
        for row in parents {
            let row = row as usize;
            let before = items.len();
            if column.is_valid(row) {
                items.extend(Elements::of(texts.get(row)).map(Some));
            }
            is_element.resize(items.len(), true);
            if items.len() == before {
                items.push(None);
                is_element.push(false);
            }
        }
        let items = expr::column_of_elements(self.element, batch.rows, items.into_iter());
        batch.fill(self.item, items);
        if let Some(index) = self.index {
            let mut column = Column::new(Values::Bigint(positions(&from)));
            column.validity = Validity::from_flags(is_element);
            batch.fill(index, Arc::new(column));
        }
        batch
    }
}

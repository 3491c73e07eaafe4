//! `unpivot`: one record for each of some columns, with the column's name and its value.
//!
//! ```toml
//! [[transform]]
//! unpivot = { columns = ["jan", "feb"], name = "month", value = "amount", keep_nulls = true }
//! ```
//!
//! The columns are not there any more behind it; the two new ones stand at the end. The records of one record come in the
//! order in which the columns are listed. A NULL makes no record, unless `keep_nulls = true`. All columns must have one
//! type; bigint, decimal and double meet as they do in `CASE`.

use super::binder::{Binder, Bound, Target, all, check_names, read_by};
use super::multiply::{Multiplied, multiply};
use super::unnest::Empty;
use super::{Action, Context, Stateless, groups};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Column, DataType, Slot, Text, Values};
use std::sync::Arc;

/// An `unpivot` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The columns; at least one.
    pub columns: Vec<Sql>,
    /// What the column with their names is called.
    pub name: Sql,
    /// What the column with their values is called.
    pub value: Sql,
    /// What becomes of NULL.
    pub nulls: Empty,
}

#[derive(Debug)]
struct Unpivot {
    names: Vec<String>,
    values: Vec<Expression>,
    name: Slot,
    value: Slot,
    nulls: Empty,
}

/// Binds an `unpivot`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let targets = settings.columns.iter().map(|sql| binder.column(sql, "unpivot"));
    let targets = all(targets.collect::<Vec<_>>())?;
    check_names(&settings.columns.iter().collect::<Vec<_>>())?;
    check_names(&[&settings.name, &settings.value])?;
    let data_type = common_type(&targets, &settings.columns)?;
    let as_common = |target: &Target, binder: &mut Binder<'_>| {
        let has_type = target.expression.data_type() == data_type;
        if has_type { Ok(target.expression.clone()) } else { cast(target, data_type, binder) }
    };
    let values: Vec<_> = targets.iter().map(|target| as_common(target, binder)).collect();
    let values = all(values)?;
    let mut layout = binder.layout.clone();
    for target in &targets {
        binder.take_out(&mut layout, &target.name);
    }
    binder.layout = layout;
    let name = binder.new_column(&settings.name, DataType::Text);
    let value = binder.new_column(&settings.value, data_type);
    let made = all([name, value])?;
    let (name, value) = (made[0], made[1]);
    let names = targets.into_iter().map(|target| target.name).collect();
    let (reads, nulls) = (read_by(&values), settings.nulls);
    let unpivot = Unpivot { names, values, name, value, nulls };
    Ok(Bound { reads, action: Action::stateless(unpivot) })
}

/// The type that the values of all columns have or become.
fn common_type(targets: &[Target], sqls: &[Sql]) -> Result<DataType, Vec<Diagnostic>> {
    let mut common = targets[0].expression.data_type();
    let mut problems = Vec::new();
    for (target, sql) in targets.iter().zip(sqls).skip(1) {
        let data_type = target.expression.data_type();
        match meeting(common, data_type) {
            Some(meeting) => common = meeting,
            None => {
                let name = &target.name;
                let message =
                    format!("unpivot needs columns of one type: before `{name}` they are {common}");
                let hint = "give all of them one type: `compute = [\"CAST(";
                let hint = format!("{hint}{name} AS {common}) AS {name}\"]` before it");
                let problem = Diagnostic::at(sql.whole(), message)
                    .with_label(format!("this is {data_type}"))
                    .with_hint(hint);
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() { Ok(common) } else { Err(problems) }
}

/// The type in which values of two types meet; none where they do not.
fn meeting(left: DataType, right: DataType) -> Option<DataType> {
    const BIGINT_DIGITS: u8 = 19;
    let digits = |data_type| match data_type {
        DataType::Bigint => Some((BIGINT_DIGITS, 0)),
        DataType::Decimal { precision, scale } => Some((precision - scale, scale)),
        _ => None,
    };
    if left == right {
        return Some(left);
    }
    if !left.is_numeric() || !right.is_numeric() {
        return None;
    }
    let (Some((whole, scale)), Some((other_whole, other_scale))) = (digits(left), digits(right))
    else {
        return Some(DataType::Double);
    };
    let scale = scale.max(other_scale);
    let precision = (whole.max(other_whole) + scale).min(DataType::PRECISION_MAX);
    DataType::decimal(precision, scale)
}

fn cast(
    target: &Target,
    data_type: DataType,
    binder: &mut Binder<'_>,
) -> Result<Expression, Vec<Diagnostic>> {
    let name = target.name.replace('"', "\"\"");
    let sql = Sql::unplaced(format!("CAST(\"{name}\" AS {data_type})"));
    expr::bind_scalar(&sql, &mut binder.scope("unpivot"))
}

impl Stateless for Unpivot {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let columns = groups::evaluate_all(&self.values, context.step, &mut batch);
        let is_kept = |column: &Column, row: usize| match self.nulls {
            Empty::Keep => true,
            Empty::Drop => column.is_valid(row),
        };
        let rows = batch.rows;
        let mut counts = vec![0; rows];
        for row in batch.selection.iter().map(|row| *row as usize) {
            counts[row] = columns.iter().filter(|column| is_kept(column, row)).count();
        }
        let Multiplied { mut batch, from } = multiply(context.step, batch, &counts);
        let mut parents = from;
        parents.dedup();
        // The columns one behind the other, so that every value has one number.
        let mut values = (*columns[0]).clone();
        for column in &columns[1..] {
            values = values.append(column);
        }
        let mut places = Vec::with_capacity(batch.rows);
        let mut names = Text::filled(Arc::default(), batch.rows);
        for row in parents {
            for (index, column) in columns.iter().enumerate() {
                if is_kept(column, row as usize) {
                    names.set(places.len(), self.names[index].as_bytes());
                    let place = index * rows + row as usize;
                    places
                        .push(u32::try_from(place).expect("columns of a batch are few and short"));
                }
            }
        }
        batch.fill(self.name, Arc::new(Column::new(Values::Text(names))));
        batch.fill(self.value, Arc::new(values.gather(&places)));
        batch
    }
}

//! One value at a time: what kernels without a loop of their own read and write.

use crate::expr::node::{Node, Value};
use crate::expr::numbers;
use crate::record::{Batch, Column, DataType, Element, Faults, Interval, Reason, Values};
use std::borrow::Cow;
use std::sync::Arc;

/// The most bytes that the texts of one computed column may have; far above what a chunk holds.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// The fault of a row whose text would make a column too long. It depends on the row's neighbours: whoever meets it
/// evaluates fewer rows at a time, and a row by itself never has it.
pub const TOO_MUCH_TEXT: &str = "too much text at a time";

/// One value of a column or a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Bigint(i64),
    /// A decimal: units and scale.
    Decimal(i128, u8),
    /// A double.
    Double(f64),
    /// A text.
    Text(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01 00:00:00.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Timestamptz(i64),
    /// A stretch of time.
    Interval(Interval),
    /// The source text of a JSON value.
    Json(&'a [u8]),
    /// The text of a list.
    List(&'a [u8], Element),
}

/// What a node reads from: a column that was evaluated, or a constant that need not be.
pub enum Operand<'n> {
    /// Values by row.
    Column(Arc<Column>),
    /// The same in every row.
    Constant(&'n Value),
}

/// What the computation of one row comes to.
pub enum Answer<'a> {
    /// A value.
    Cell(Cell<'a>),
    /// The text (or JSON source text, or list) that was written to the scratch buffer.
    Written,
}

/// Why a row has no value; becomes the reason of a fault.
pub type Failure = Cow<'static, str>;

/// A column in the making. Rows that are never set hold a default value.
pub struct Builder {
    column: Column,
    rows: usize,
    /// Bytes of text so far.
    text_bytes: usize,
}

impl<'a> Cell<'a> {
    /// The value of a row.
    pub fn of(column: &'a Column, row: usize) -> Cell<'a> {
        if !column.is_valid(row) {
            return Cell::Null;
        }
        match &column.values {
            Values::Boolean(values) => Cell::Boolean(values[row]),
            Values::Bigint(values) => Cell::Bigint(values[row]),
            Values::Decimal { units, scale, .. } => Cell::Decimal(units[row], *scale),
            Values::Double(values) => Cell::Double(values[row]),
            Values::Text(text) => Cell::Text(text.get(row)),
            Values::Date(values) => Cell::Date(values[row]),
            Values::Time(values) => Cell::Time(values[row]),
            Values::Timestamp(values) => Cell::Timestamp(values[row]),
            Values::Timestamptz(values) => Cell::Timestamptz(values[row]),
            Values::Interval(values) => Cell::Interval(values[row]),
            Values::Json(text) => Cell::Json(text.get(row)),
            Values::List(text, element) => Cell::List(text.get(row), *element),
        }
    }

    /// The value as one that can be kept.
    pub fn to_value(self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Boolean(value) => Value::Boolean(value),
            Cell::Bigint(value) => Value::Bigint(value),
            Cell::Decimal(units, scale) => Value::Decimal(units, scale),
            Cell::Double(value) => Value::Double(value),
            Cell::Text(bytes) => Value::Text(bytes.into()),
            Cell::Date(days) => Value::Date(days),
            Cell::Time(micros) => Value::Time(micros),
            Cell::Timestamp(micros) => Value::Timestamp(micros),
            Cell::Timestamptz(micros) => Value::Timestamptz(micros),
            Cell::Interval(interval) => Value::Interval(interval),
            Cell::Json(bytes) => Value::Json(bytes.into()),
            Cell::List(bytes, element) => Value::List(bytes.into(), element),
        }
    }
}

impl Value {
    /// The value as a cell.
    pub fn cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Boolean(value) => Cell::Boolean(*value),
            Value::Bigint(value) => Cell::Bigint(*value),
            Value::Decimal(units, scale) => Cell::Decimal(*units, *scale),
            Value::Double(value) => Cell::Double(*value),
            Value::Text(bytes) => Cell::Text(bytes),
            Value::Date(days) => Cell::Date(*days),
            Value::Time(micros) => Cell::Time(*micros),
            Value::Timestamp(micros) => Cell::Timestamp(*micros),
            Value::Timestamptz(micros) => Cell::Timestamptz(*micros),
            Value::Interval(interval) => Cell::Interval(*interval),
            Value::Json(bytes) => Cell::Json(bytes),
            Value::List(bytes, element) => Cell::List(bytes, *element),
        }
    }
}

impl<'n> Operand<'n> {
    /// Evaluates a node unless it is a constant.
    pub fn new(node: &'n Node, batch: &Batch, rows: &[u32]) -> Operand<'n> {
        match node.constant() {
            Some(value) => Operand::Constant(value),
            None => Operand::Column(super::evaluate(node, batch, rows)),
        }
    }

    /// The value of a row.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Operand::Column(column) => Cell::of(column, row),
            Operand::Constant(value) => value.cell(),
        }
    }

    /// Whether a row has a value.
    pub fn is_valid(&self, row: usize) -> bool {
        match self {
            Operand::Column(column) => column.is_valid(row),
            Operand::Constant(value) => **value != Value::Null,
        }
    }

    /// Whether every row has a value.
    pub fn all_valid(&self) -> bool {
        match self {
            Operand::Column(column) => column.validity.all_valid(),
            Operand::Constant(value) => **value != Value::Null,
        }
    }

    /// Adds the faults of `rows` to others.
    pub fn add_faults(&self, faults: &mut Faults, rows: &[u32]) {
        if let Operand::Column(column) = self {
            faults.extend_selected(&column.faults, rows);
        }
    }
}

impl Builder {
    /// A column of `rows` default values.
    pub fn new(data_type: DataType, rows: usize) -> Builder {
        let values = Values::filled(data_type, rows);
        Builder::from_values(values)
    }

    /// A column of values that are already known.
    pub fn from_values(values: Values) -> Builder {
        let rows = values.rows();
        let column = Column::new(values);
        Builder { column, rows, text_bytes: 0 }
    }

    /// The values so far.
    pub fn values(&mut self) -> &mut Values {
        &mut self.column.values
    }

    /// Makes a row NULL.
    pub fn set_null(&mut self, row: u32) {
        self.column.validity.set_null(row as usize, self.rows);
    }

    /// Makes those of `rows` NULL that have no value in an operand.
    pub fn set_nulls_of(&mut self, operand: &Operand, rows: &[u32]) {
        if !operand.all_valid() {
            for row in rows {
                if !operand.is_valid(*row as usize) {
                    self.set_null(*row);
                }
            }
        }
    }

    /// Makes a row faulty.
    pub fn set_fault(&mut self, row: u32, reason: &Reason) {
        self.column.set_fault(row, reason);
    }

    /// Makes rows faulty.
    pub fn set_faults(&mut self, faults: &Faults) {
        for (row, reason) in faults.iter() {
            self.set_fault(row, reason);
        }
    }

    /// Takes over those faults of a column that lie in `rows`.
    pub fn set_faults_of(&mut self, operand: &Operand, rows: &[u32]) {
        let mut faults = Faults::default();
        operand.add_faults(&mut faults, rows);
        self.set_faults(&faults);
    }

    /// Lets a row have a value of the column's type; a decimal may have another scale, and one that does not fit
    /// the column is a fault.
    pub fn set(&mut self, row: u32, cell: Cell) {
        let at = row as usize;
        match (&mut self.column.values, cell) {
            (Values::Boolean(values), Cell::Boolean(value)) => values[at] = value,
            (Values::Bigint(values), Cell::Bigint(value)) => values[at] = value,
            (Values::Double(values), Cell::Double(value)) => values[at] = value,
            (Values::Date(values), Cell::Date(value)) => values[at] = value,
            (Values::Time(values), Cell::Time(value))
            | (Values::Timestamp(values), Cell::Timestamp(value))
            | (Values::Timestamptz(values), Cell::Timestamptz(value)) => values[at] = value,
            (Values::Interval(values), Cell::Interval(value)) => values[at] = value,
            (Values::Text(_), Cell::Text(bytes))
            | (Values::Json(_), Cell::Json(bytes))
            | (Values::List(..), Cell::List(bytes, _)) => {
                self.set_text(row, bytes);
            }
            (Values::Decimal { units, precision, scale }, Cell::Decimal(value, from)) => {
                match numbers::rescale(value, from, *scale)
                    .and_then(|value| numbers::within(value, *precision))
                {
                    Some(value) => units[at] = value,
                    None => self.set_fault(row, &"decimal overflow".into()),
                }
            }
            (_, Cell::Null) => self.set_null(row),
            (values, cell) => unreachable!("{cell:?} in a column of {}", values.data_type()),
        }
    }

    /// Lets a row have what its computation came to.
    pub fn set_answer(&mut self, row: u32, answer: Result<Answer, Failure>, scratch: &[u8]) {
        match answer {
            Ok(Answer::Cell(cell)) => self.set(row, cell),
            Ok(Answer::Written) => self.set_text(row, scratch),
            Err(failure) => self.set_fault(row, &failure.into()),
        }
    }

    /// Copies a text; a column's texts are bounded, so that a short expression cannot take all memory.
    fn set_text(&mut self, row: u32, bytes: &[u8]) {
        self.text_bytes += bytes.len();
        if self.text_bytes > TEXT_BYTES_MAX {
            self.set_fault(row, &TOO_MUCH_TEXT.into());
            return;
        }
        match &mut self.column.values {
            Values::Text(text) | Values::Json(text) | Values::List(text, _) => {
                text.set(row as usize, bytes);
            }
            values => unreachable!("text in a column of {}", values.data_type()),
        }
    }

    /// The column.
    pub fn finish(self) -> Arc<Column> {
        Arc::new(self.column)
    }
}

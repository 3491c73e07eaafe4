//! Columns and records made of chosen rows of others: for steps that repeat, reorder or pick records.

use super::{
    Column, CsvRecords, Faults, Interval, JsonRecords, RawRecords, Span, Text, Validity, Values,
};

impl Column {
    /// The column whose row i is this one's row `rows[i]`; a row may be taken more than once. NULLs and faults come
    /// along.
    pub fn gather(&self, rows: &[u32]) -> Column {
        let validity = match self.validity.all_valid() {
            true => Validity::default(),
            false => {
                let flags = rows.iter().map(|row| self.validity.is_valid(*row as usize));
                Validity::from_flags(flags.collect())
            }
        };
        let mut faults = Faults::default();
        if !self.faults.is_empty() {
            for (to, row) in (0_u32..).zip(rows) {
                if let Some(reason) = self.faults.get(*row) {
                    faults.add(to, reason);
                }
            }
        }
        Column { values: self.values.gather(rows), validity, faults }
    }
}

impl Column {
    /// The rows of this column, then those of another one of the same type.
    pub fn append(&self, other: &Column) -> Column {
        let rows = self.rows();
        let mut values = self.values.clone();
        values.extend(&other.values);
        let validity = if self.validity.all_valid() && other.validity.all_valid() {
            Validity::default()
        } else {
            let own = (0..rows).map(|row| self.is_valid(row));
            Validity::from_flags(
                own.chain((0..other.rows()).map(|row| other.is_valid(row))).collect(),
            )
        };
        let mut faults = self.faults.clone();
        let first = u32::try_from(rows).expect("a column has less than 2^32 rows");
        for (row, reason) in other.faults.iter() {
            faults.add(first + row, reason);
        }
        Column { values, validity, faults }
    }
}

impl Values {
    /// Puts the values of the same type behind these.
    fn extend(&mut self, other: &Values) {
        match (self, other) {
            (Values::Boolean(values), Values::Boolean(more)) => values.extend_from_slice(more),
            (Values::Bigint(values), Values::Bigint(more))
            | (Values::Time(values), Values::Time(more))
            | (Values::Timestamp(values), Values::Timestamp(more))
            | (Values::Timestamptz(values), Values::Timestamptz(more)) => {
                values.extend_from_slice(more);
            }
            (Values::Decimal { units, .. }, Values::Decimal { units: more, .. }) => {
                units.extend_from_slice(more);
            }
            (Values::Double(values), Values::Double(more)) => values.extend_from_slice(more),
            (Values::Date(values), Values::Date(more)) => values.extend_from_slice(more),
            (Values::Interval(values), Values::Interval(more)) => values.extend_from_slice(more),
            (Values::Text(text), Values::Text(more))
            | (Values::Json(text), Values::Json(more))
            | (Values::List(text, _), Values::List(more, _)) => text.extend(more),
            (values, other) => {
                unreachable!("{} behind {}", other.data_type(), values.data_type())
            }
        }
    }

    /// The values whose row i is row `rows[i]` of these.
    pub fn gather(&self, rows: &[u32]) -> Values {
        match self {
            Values::Boolean(values) => Values::Boolean(pick(values, rows)),
            Values::Bigint(values) => Values::Bigint(pick(values, rows)),
            Values::Decimal { units, precision, scale } => {
                let (precision, scale) = (*precision, *scale);
                Values::Decimal { units: pick(units, rows), precision, scale }
            }
            Values::Double(values) => Values::Double(pick(values, rows)),
            Values::Text(text) => Values::Text(text.gather(rows)),
            Values::Date(values) => Values::Date(pick(values, rows)),
            Values::Time(values) => Values::Time(pick(values, rows)),
            Values::Timestamp(values) => Values::Timestamp(pick(values, rows)),
            Values::Timestamptz(values) => Values::Timestamptz(pick(values, rows)),
            Values::Interval(values) => Values::Interval(pick::<Interval>(values, rows)),
            Values::Json(text) => Values::Json(text.gather(rows)),
            Values::List(text, element) => Values::List(text.gather(rows), *element),
        }
    }
}

fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|row| values[*row as usize]).collect()
}

impl Text {
    /// Puts copies of other texts behind these.
    fn extend(&mut self, more: &Text) {
        let first = self.spans.len();
        self.spans.resize(first + more.rows(), Span::default());
        for row in 0..more.rows() {
            let bytes = more.get(row);
            if !bytes.is_empty() {
                self.set(first + row, bytes);
            }
        }
    }

    /// The texts whose row i is row `rows[i]` of these. What lies in the chunk stays there; of the heap no more is
    /// copied than is needed, and never more than all of it, however often a row is repeated.
    pub fn gather(&self, rows: &[u32]) -> Text {
        let spans: Vec<_> = rows.iter().map(|row| self.spans[*row as usize]).collect();
        let chunk_length = self.chunk.len();
        let is_own = |start: u32| start as usize >= chunk_length;
        let own = spans.iter().filter(|span| is_own(span.start));
        let needed: usize = own.map(|span| span.length as usize).sum();
        if needed >= self.heap.len() {
            return Text { chunk: self.chunk.clone(), heap: self.heap.clone(), spans };
        }
        let mut gathered =
            Text { chunk: self.chunk.clone(), heap: Vec::with_capacity(needed), spans };
        for (to, row) in rows.iter().enumerate() {
            if is_own(gathered.spans[to].start) {
                gathered.set(to, self.get(*row as usize));
            }
        }
        gathered
    }
}

impl RawRecords {
    /// Records of which the i-th is the `rows[i]`-th of these.
    pub fn gather(&self, rows: &[u32]) -> RawRecords {
        match self {
            RawRecords::None => RawRecords::None,
            RawRecords::Csv(records) => {
                let columns = records.columns;
                let fields = |row: &u32| {
                    let start = *row as usize * columns;
                    &records.ends[start..start + columns]
                };
                RawRecords::Csv(CsvRecords {
                    chunk: records.chunk.clone(),
                    dialect: records.dialect,
                    columns,
                    starts: pick(&records.starts, rows),
                    record_ends: pick(&records.record_ends, rows),
                    ends: rows.iter().flat_map(fields).copied().collect(),
                    is_uniform: records.is_uniform,
                })
            }
            RawRecords::Json(records) => RawRecords::Json(JsonRecords {
                chunk: records.chunk.clone(),
                starts: pick(&records.starts, rows),
                ends: pick(&records.ends, rows),
                values: records.values.iter().map(|values| pick(values, rows)).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Element, Reason};
    use std::sync::Arc;

    #[test]
    fn rows_come_with_their_nulls_and_faults() {
        let mut column = Column::new(Values::Bigint(vec![10, 11, 12, 13]));
        column.validity.set_null(1, 4);
        column.set_fault(3, &Reason::from("broken"));
        let gathered = column.gather(&[3, 0, 1, 3]);
        assert_eq!(gathered.rows(), 4);
        let valid: Vec<bool> = (0..4).map(|row| gathered.is_valid(row)).collect();
        assert_eq!(valid, [false, true, false, false]);
        let faulty: Vec<u32> = gathered.faults.iter().map(|(row, _)| row).collect();
        assert_eq!(faulty, [0, 3]);
        assert!(matches!(&gathered.values, Values::Bigint(values) if values[1] == 10));
        assert!(column.gather(&[0, 2]).validity.all_valid());
    }

    #[test]
    fn texts_of_chunk_and_heap_stay_what_they_were() {
        let mut text = Text::filled(Arc::new(b"chunk".to_vec()), 3);
        text.set_span(0, Span { start: 1, length: 3 });
        text.set(1, b"from the heap");
        text.set(2, b"more");
        for rows in [&[2, 0, 1, 0][..], &[2, 0], &[1, 1, 1], &[]] {
            let gathered = text.gather(rows);
            let said: Vec<&[u8]> = (0..rows.len()).map(|row| gathered.get(row)).collect();
            let wanted: Vec<&[u8]> = rows.iter().map(|row| text.get(*row as usize)).collect();
            assert_eq!(said, wanted, "{rows:?}");
        }
        let repeated = text.gather(&[1; 1_000]);
        assert_eq!(repeated.heap.len(), text.heap.len());
        let list = Values::List(text, Element::Json).gather(&[1]);
        assert_eq!(list.rows(), 1);
    }

    #[test]
    fn columns_stand_one_behind_the_other_with_their_nulls_and_faults() {
        let mut text = Text::filled(Arc::new(b"chunk".to_vec()), 2);
        text.set_span(0, Span { start: 1, length: 3 });
        text.set(1, b"own");
        let mut first = Column::new(Values::Text(text));
        let mut text = Text::filled(Arc::new(b"another".to_vec()), 3);
        text.set_span(0, Span { start: 0, length: 7 });
        let mut second = Column::new(Values::Text(text));
        second.validity.set_null(1, 3);
        second.set_fault(2, &"bad".into());
        let both = first.append(&second);
        let Values::Text(texts) = &both.values else { panic!("a text") };
        let found: Vec<&[u8]> = (0..5).map(|row| texts.get(row)).collect();
        assert_eq!(found, [&b"hun"[..], b"own", b"another", b"", b""]);
        let valid: Vec<bool> = (0..5).map(|row| both.is_valid(row)).collect();
        assert_eq!(valid, [true, true, true, false, false]);
        assert_eq!(both.faults.get(4).map(|reason| &**reason), Some("bad"));
        first.validity.set_null(0, 2);
        assert!(!first.append(&second).is_valid(0));
    }
}

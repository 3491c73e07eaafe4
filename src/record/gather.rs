//! Columns and records whose rows are chosen rows of others: what steps need that make several records of one.

use super::{Column, CsvRecords, Faults, JsonRecords, RawRecords, Text, Validity, Values};

impl Column {
    /// A column whose row i is row `rows[i]` of this one.
    pub fn gather(&self, rows: &[u32]) -> Column {
        let validity = if self.validity.all_valid() {
            Validity::default()
        } else {
            Validity::from_flags(rows.iter().map(|row| self.is_valid(*row as usize)).collect())
        };
        let mut faults = Faults::default();
        if !self.faults.is_empty() {
            for (to, from) in (0..).zip(rows) {
                if let Some(reason) = self.faults.get(*from) {
                    faults.add(to, reason);
                }
            }
        }
        Column { values: self.values.gather(rows), validity, faults }
    }
}

impl Values {
    fn gather(&self, rows: &[u32]) -> Values {
        match self {
            Values::Boolean(values) => Values::Boolean(pick(values, rows)),
            Values::Bigint(values) => Values::Bigint(pick(values, rows)),
            Values::Decimal { units, precision, scale } => {
                Values::Decimal { units: pick(units, rows), precision: *precision, scale: *scale }
            }
            Values::Double(values) => Values::Double(pick(values, rows)),
            Values::Text(text) => Values::Text(text.gather(rows)),
            Values::Date(values) => Values::Date(pick(values, rows)),
            Values::Timestamp(values) => Values::Timestamp(pick(values, rows)),
            Values::Json(text) => Values::Json(text.gather(rows)),
        }
    }
}

impl Text {
    /// Texts whose row i is row `rows[i]` of these.
    pub fn gather(&self, rows: &[u32]) -> Text {
        let (chunk, heap, spans) = self.parts();
        Text::from_parts(chunk.clone(), heap.to_vec(), pick(spans, rows))
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

fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|row| values[*row as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn rows_are_repeated_left_out_and_keep_nulls_and_faults() {
        let mut text = Text::filled(Arc::new(b"chunk".to_vec()), 3);
        text.set(0, b"a");
        text.set(2, b"c");
        let mut column = Column::new(Values::Text(text));
        column.validity.set_null(1, 3);
        column.set_fault(2, &"bad".into());
        let picked = column.gather(&[0, 0, 2, 1]);
        assert_eq!((picked.rows(), picked.is_valid(1), picked.is_valid(3)), (4, true, false));
        assert_eq!(picked.faults.get(2).map(|reason| &**reason), Some("bad"));
        assert_eq!((picked.faults.get(0), picked.faults.get(3)), (None, None));
        let Values::Text(text) = &picked.values else { panic!("a text") };
        assert_eq!((text.get(0), text.get(1), text.get(2)), (&b"a"[..], &b"a"[..], &b"c"[..]));
    }
}

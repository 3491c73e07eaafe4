//! Aggregates end to end: the examples of the documentation, and what DuckDB makes of many over one table.

use super::*;
use crate::error::Sql;
use crate::expr::aggregate::{self, EXAMPLE_FIELDS, EXAMPLE_ROWS};
use crate::expr::{Scope, bind_aggregate, bind_scalar};
use crate::record::{Field, Layout, SlotOrigin, Slots, Text, Values};
use crate::transform::groups::blocks::Numbered;
use crate::transform::keyed_tests::NoFormat;
use crate::transform::parts::{PartsReader, PartsWriter};
use crate::transform::spills::MemorySpills;
use crate::transform::{Context, Tools};
use std::collections::BTreeMap;

/// A table of records; `generate.py` is beside it.
const TABLE: &str = include_str!("../../../fixtures/expressions/aggregates/table.tsv");
/// What DuckDB makes of many aggregates over it.
const EXPECTED: &str = include_str!("../../../fixtures/expressions/aggregates/expected.tsv");
/// Where we differ.
const DIFFERENCES: &str = include_str!("../../../fixtures/expressions/aggregates/differences.tsv");

/// Rows of texts, and what they are read as.
struct Table {
    layout: Layout,
    slots: Slots,
    /// The texts of each column.
    columns: Vec<Vec<Option<String>>>,
}

/// Columns of NULL and texts are cast to their types, as in a job.
fn table<'a>(
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    rows: &[Vec<Option<&str>>],
) -> Table {
    let mut table =
        Table { layout: Layout::closed(Vec::new()), slots: Slots::default(), columns: Vec::new() };
    for (index, (name, type_name)) in fields.enumerate() {
        let data_type = DataType::parse(type_name).expect("a type");
        let slot = table.slots.add(name, data_type, SlotOrigin::CsvField(index));
        table.layout.fields.push(Field { name: name.to_owned(), data_type, slot });
        let texts = rows.iter().map(|row| row[index].map(str::to_owned));
        table.columns.push(texts.collect());
    }
    table
}

impl Table {
    /// Some rows as a batch of at least so many slots.
    fn batch(&self, rows: Range<usize>, slots: usize) -> Batch {
        let mut batch = Batch::new(RawRecords::None, rows.len(), slots);
        for (field, texts) in self.layout.fields.iter().zip(&self.columns) {
            batch.fill(field.slot, cast(&texts[rows.clone()], field.data_type));
        }
        batch
    }

    /// The keys and the result of each group as texts, from the rows in parts of a size; all groups are in memory, and
    /// then in spills, and that is the same.
    fn results(&self, by: &[&str], call: &str, part: usize) -> Result<Vec<Vec<String>>, String> {
        let results = self.results_within(None, by, &[call], part);
        assert_eq!(
            self.results_within(Some(1), by, &[call], part),
            results,
            "{call} of little memory"
        );
        results
    }

    fn results_within(
        &self,
        memory: Option<u64>,
        by: &[&str],
        calls: &[&str],
        part: usize,
    ) -> Result<Vec<Vec<String>>, String> {
        let mut slots = self.slots.clone();
        let layout = &self.layout;
        let mut scope = Scope { layout, slots: &mut slots, now_micros: 0, context: "aggregate" };
        let by: Vec<Sql> = by.iter().map(|key| Sql::unplaced(*key)).collect();
        let named = |(number, call)| Sql::unplaced(format!("{call} AS result_{number}"));
        let select: Vec<Sql> = calls.iter().enumerate().map(named).collect();
        let bound = bind_aggregate(&by, &select, None, &mut scope)
            .map_err(|errors| errors[0].message.clone())?;
        let grouping = Grouping::new(bound.keys.clone(), bound.calls);
        let (slots, spills) = (slots.infos.len(), MemorySpills::default());
        let tools = NoFormat { slots, spills, memory, gives_again: false };
        let context = Context { step: "test", tools: &tools };
        let mut groups = grouping.new_large();
        let mut from = 0;
        let rows = self.columns[0].len();
        while from < rows {
            let mut batch = self.batch(from..rows.min(from + part), slots);
            let mut taken = grouping.part_of("test", &mut batch);
            if (from / part).is_multiple_of(2) && !by.is_empty() {
                // As it would be if there were many keys.
                let (inputs, rows) =
                    (grouping.inputs_of("test", &mut batch), batch.selection.clone());
                taken = Part::Rows { keys: Keys::of_columns(&inputs.keys, &rows), inputs, rows };
            }
            let added = grouping.add_large(&mut groups, taken, memory, tools.spills());
            added.expect("memory does not fail");
            if let Some(reject) = batch.rejects.first() {
                return Err(reject.reason.to_string());
            }
            from += part;
        }
        let mut results = Vec::new();
        // A few groups at a time, as if there were many.
        let mut next = || grouping.next_of_large(&mut groups, Giving::default(), 2, context);
        while let Some(batch) = next().expect("memory does not fail") {
            let mut columns: Vec<Arc<Column>> =
                bound.keys.iter().map(|key| batch.column(key.slot).clone()).collect();
            let outputs = bound.outputs.iter();
            columns.extend(outputs.map(|(_, one)| one.evaluate(&batch, &batch.selection)));
            for row in &batch.selection {
                results.push(columns.iter().map(|column| text_of(column, *row)).collect());
            }
        }
        Ok(results)
    }
}

fn cast(texts: &[Option<String>], data_type: DataType) -> Arc<Column> {
    let mut slots = Slots::default();
    let slot = slots.add("x", DataType::Text, SlotOrigin::Computed);
    let fields = vec![Field { name: "x".to_owned(), data_type: DataType::Text, slot }];
    let layout = Layout::closed(fields);
    let mut scope =
        Scope { layout: &layout, slots: &mut slots, now_micros: 0, context: "aggregate" };
    let cast = Sql::unplaced(format!("CAST(x AS {data_type})"));
    let cast = bind_scalar(&cast, &mut scope).expect("a sound cast");
    let mut text = Text::filled(Arc::default(), texts.len());
    for (row, value) in texts.iter().enumerate() {
        text.set(row, value.as_deref().unwrap_or_default().as_bytes());
    }
    let mut column = Column::new(Values::Text(text));
    for (row, _) in texts.iter().enumerate().filter(|(_, value)| value.is_none()) {
        column.validity.set_null(row, texts.len());
    }
    let mut batch = Batch::new(RawRecords::None, texts.len(), slots.infos.len());
    batch.fill(slot, Arc::new(column));
    let column = cast.evaluate(&batch, &batch.selection);
    assert!(column.faults.is_empty(), "{:?} as {data_type}", column.faults);
    column
}

/// The text form of a row; `NULL`, or `ERROR` for a fault.
fn text_of(column: &Arc<Column>, row: u32) -> String {
    if column.faults.get(row).is_some() {
        return "ERROR".to_owned();
    }
    if !column.is_valid(row as usize) {
        return "NULL".to_owned();
    }
    let mut slots = Slots::default();
    let slot = slots.add("x", column.data_type(), SlotOrigin::Computed);
    let fields = vec![Field { name: "x".to_owned(), data_type: column.data_type(), slot }];
    let layout = Layout::closed(fields);
    let mut scope =
        Scope { layout: &layout, slots: &mut slots, now_micros: 0, context: "aggregate" };
    let cast = bind_scalar(&Sql::unplaced("CAST(x AS text)"), &mut scope).expect("a sound cast");
    let mut batch = Batch::new(RawRecords::None, column.rows(), slots.infos.len());
    batch.fill(slot, column.clone());
    let texts = cast.evaluate(&batch, &[row]);
    let Values::Text(text) = &texts.values else { panic!("a text") };
    String::from_utf8(text.get(row as usize).to_vec()).expect("texts are UTF-8")
}

/// Groups by a number, and the group of one record.
fn of_one_record(call: &str) -> (Grouping, Numbered) {
    let table = table([("n", "bigint")].into_iter(), &[vec![Some("7")]]);
    let mut slots = table.slots.clone();
    let layout = &table.layout;
    let mut scope = Scope { layout, slots: &mut slots, now_micros: 0, context: "aggregate" };
    let (by, select) = (Sql::unplaced("n"), Sql::unplaced(format!("{call} AS result")));
    let bound = bind_aggregate(&[by], &[select], None, &mut scope).expect("a sound call");
    let grouping = Grouping::new(bound.keys, bound.calls);
    let Part::Groups(groups) = grouping.part_of("test", &mut table.batch(0..1, slots.infos.len()))
    else {
        panic!("one record is one group");
    };
    (grouping, Numbered { groups, numbers: vec![0] })
}

/// Merges blocks of some of these groups; `None` where that is refused.
fn merged(grouping: &Grouping, numbered: &Numbered, blocks: &[&[u32]]) -> Option<Numbered> {
    let spills = MemorySpills::default();
    let mut out = PartsWriter::create(&spills).expect("memory does not fail");
    out.begin_part();
    for ids in blocks {
        let appended = grouping.append_groups(&numbered.groups, ids, |_| 0, &mut out);
        appended.expect("memory does not fail");
    }
    let parts = out.finish().expect("memory does not fail");
    let reader = PartsReader::open(&parts, &spills).expect("memory does not fail");
    let mut merged = grouping.none_numbered();
    grouping.take_part(&mut merged, &reader, 0).ok().map(|()| merged)
}

#[test]
fn more_records_than_can_be_counted_are_refused_as_groups_are_merged() {
    for call in
        ["count(*)", "sum(n)", "avg(n)", "avg(n::double)", "stddev(n)", "approx_quantile(n, 0.5)"]
    {
        let (grouping, mut numbered) = of_one_record(call);
        for times in 1..=61 {
            let doubled = merged(&grouping, &numbered, &[&[0], &[0]]);
            numbered = doubled.unwrap_or_else(|| panic!("{call}: 2^{times} records are refused"));
            assert_eq!(numbered.numbers.len(), 1, "{call}");
        }
        assert!(merged(&grouping, &numbered, &[&[0]]).is_some(), "{call}");
        assert!(merged(&grouping, &numbered, &[&[0], &[0]]).is_none(), "{call}: 2^62 records");
    }
}

#[test]
fn a_key_that_is_in_a_block_twice_is_refused() {
    let (grouping, numbered) = of_one_record("count(*)");
    for (ids, is_read) in [(&[0][..], true), (&[0, 0], false), (&[0, 0, 0], false)] {
        assert_eq!(merged(&grouping, &numbered, &[ids]).is_some(), is_read, "{ids:?}");
    }
}

#[test]
fn every_example_gives_its_result() {
    let value = |text: &&'static str| (!text.is_empty()).then_some(*text);
    let rows: Vec<Vec<Option<&str>>> =
        EXAMPLE_ROWS.iter().map(|row| row.iter().map(value).collect()).collect();
    let table = table(EXAMPLE_FIELDS.iter().copied(), &rows);
    let mut problems = Vec::new();
    for aggregate in aggregate::all() {
        let doc = &aggregate.doc;
        for part in [1, 3, 100] {
            let found = table.results(&[], doc.example, part);
            if found != Ok(vec![vec![doc.result.to_owned()]]) {
                problems.push(format!("{}: {found:?} and not {}", doc.example, doc.result));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Equal, or of two doubles (a last digit may differ where theirs are rounded on the way) almost so.
fn is_same(found: &str, expected: &str) -> bool {
    let numbers = found.parse::<f64>().ok().zip(expected.parse::<f64>().ok());
    match numbers {
        _ if found == expected => true,
        Some((found, expected)) if found.is_nan() => expected.is_nan(),
        Some((found, expected)) => (found - expected).abs() <= 1e-12 * expected.abs(),
        None => false,
    }
}

/// The fields of the lines of a file, without comments.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let is_data = |line: &&str| !line.starts_with('#') && !line.is_empty();
    text.lines().filter(is_data).map(|line| line.split('\t').collect())
}

#[test]
fn calls_give_together_what_each_gives_alone() {
    let table = duckdb_table();
    let calls = [
        "count(*) FILTER (WHERE a > 0)",
        "min(a)",
        "count(*)",
        "avg(d)",
        "sum(a) FILTER (WHERE a > 0)",
        "sum(a)",
        "count(a)",
        "count(*) FILTER (WHERE d > 0)",
        "count(DISTINCT a)",
        "sum(DISTINCT a)",
    ];
    for by in [&["g"][..], &[]] {
        for memory in [None, Some(1)] {
            let together = table.results_within(memory, by, &calls, 3).expect("sound calls");
            assert!(!together.is_empty());
            for (place, call) in calls.iter().enumerate() {
                let alone = table.results_within(memory, by, &[call], 3).expect("a sound call");
                let place = by.len() + place;
                let of_call = together.iter().map(|row| &row[place]);
                assert!(of_call.eq(alone.iter().map(|row| &row[by.len()])), "{call} by {by:?}");
            }
        }
    }
}

/// The table of `fixtures/expressions/aggregates`.
fn duckdb_table() -> Table {
    let mut rows = lines(TABLE);
    let fields = rows.next().expect("a line of fields");
    let fields = fields.iter().map(|field| field.split_once(' ').expect("name and type"));
    let rows: Vec<Vec<Option<&str>>> = rows
        .map(|row| row.iter().map(|field| (*field != "NULL").then_some(*field)).collect())
        .collect();
    table(fields, &rows)
}

#[test]
fn results_are_those_of_duckdb_but_for_the_listed_differences() {
    let table = duckdb_table();
    let mut differences: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for line in lines(DIFFERENCES) {
        let [call, group, ours, _reason] = line[..] else { panic!("four fields: {line:?}") };
        differences.insert((call, group), ours);
    }
    let mut problems = Vec::new();
    let mut known: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for line in lines(EXPECTED) {
        let [call, group, theirs] = line[..] else { panic!("three fields: {line:?}") };
        let results = known.entry(call).or_insert_with(|| {
            let part = call.len() % 7 + 2;
            match table.results(&["g"], call, part) {
                Ok(rows) => rows.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect(),
                Err(message) => BTreeMap::from([("ERROR".to_owned(), message)]),
            }
        });
        let found = match (results.get(group), results.get("ERROR")) {
            (Some(found), _) => found.as_str(),
            (None, Some(_)) => "ERROR",
            (None, None) => "no group",
        };
        let listed = differences.remove(&(call, group));
        match listed {
            Some(ours) if ours == theirs => {
                problems.push(format!("{call} of {group} is no difference"));
            }
            _ if is_same(found, listed.unwrap_or(theirs)) => {}
            _ => problems.push(format!("{call} of {group}: {found}, theirs {theirs}")),
        }
    }
    problems
        .extend(differences.keys().map(|(call, group)| format!("{call} of {group} is unknown")));
    assert!(known.len() > 150, "only {} aggregates", known.len());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

//! Results are those of DuckDB, but for the listed differences. `fixtures/expressions/generate.py` writes what is expected.
//!
//! Each expression is evaluated in several ways that must agree: its rows together as one batch, every other row of it,
//! and, where it has no row, as a constant, and again with the operands of its outermost part taken from columns.

use super::*;
use crate::record::list;
use std::collections::{BTreeMap, BTreeSet};

macro_rules! families {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../fixtures/expressions/expected/", $name, ".tsv")))),*]
    };
}

/// Every file of `fixtures/expressions/expected/`; the tests of the house compare the list with the folder.
const FAMILIES: &[(&str, &str)] = &families! {
    "arithmetic"
    "casts"
    "choices"
    "comparisons"
    "dates"
    "encodings"
    "formats"
    "hashes"
    "intervals"
    "json"
    "lists"
    "logic"
    "matching"
    "moments"
    "nulls"
    "numbers"
    "operators"
    "regex"
    "splits"
    "strftime"
    "text"
    "texts"
    "zones"
};

/// Expression, row, our result, reason.
const DIFFERENCES: &str = include_str!("../../../fixtures/expressions/differences.tsv");

/// An expression and the row that it is evaluated over, as they stand in the files.
type Question<'a> = (&'a str, &'a str);

/// An expression and the columns that it is evaluated over.
type Shape<'a> = (&'a str, Vec<(&'a str, String)>);

/// How often the rows of an expression stand in a batch.
const TIMES: usize = 3;

fn fields<const N: usize>(line: &'static str) -> [&'static str; N] {
    let fields: Vec<&str> = line.split('\t').collect();
    let count = fields.len();
    fields.try_into().unwrap_or_else(|_| panic!("{count} fields instead of {N}: {line}"))
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// `a bigint 5 ; b text x` as names, types and values.
fn row_of(row: &str) -> Vec<(&str, DataType, Option<String>)> {
    row.split(" ; ").filter(|part| !part.is_empty()).map(part_of).collect()
}

fn part_of(part: &str) -> (&str, DataType, Option<String>) {
    let (name, rest) = part.trim().split_once(' ').expect("a name, a type and a value");
    let long = ["timestamp with time zone", "double precision"];
    let named = long.into_iter().find(|name| rest.starts_with(name));
    let end = named.map_or_else(|| rest.find(' ').unwrap_or(rest.len()), str::len);
    let (data_type, literal) = rest.split_at(end);
    let data_type = DataType::parse(data_type).unwrap_or_else(|| panic!("type {data_type}"));
    let literal = literal.trim();
    let quoted = literal.strip_prefix('\'').and_then(|literal| literal.strip_suffix('\''));
    let value = match quoted {
        Some(quoted) => Some(quoted.replace("''", "'")),
        None => (literal != "NULL").then(|| literal.to_string()),
    };
    (name, data_type, value)
}

/// The rows of an expression, each several times, as columns.
fn table_of(rows: &[&str]) -> Table {
    let rows: Vec<_> = rows.iter().map(|row| row_of(row)).collect();
    let mut table = Table::default();
    for (index, (name, data_type, _)) in rows[0].iter().enumerate() {
        let count = rows.len() * TIMES;
        let mut builder = Builder::new(*data_type, count);
        let mut lists = Vec::new();
        for row in 0..count {
            let value = rows[row % rows.len()][index].2.as_deref().map(str::as_bytes);
            let cell = match (value, data_type) {
                (None, _) => Cell::Null,
                (Some(text), DataType::Text) => Cell::Text(text),
                (Some(text), DataType::Json) => Cell::Json(text),
                (Some(text), DataType::List(element)) => {
                    lists.clear();
                    let text = String::from_utf8_lossy(text).replace("NULL", "null");
                    list::read_json(text.as_bytes(), *element, &mut lists)
                        .unwrap_or_else(|what| panic!("{name} {what}: {text}"));
                    Cell::List(&lists, *element)
                }
                (Some(text), _) => evaluate::read_text(text, *data_type)
                    .unwrap_or_else(|reason| panic!("{name}: {reason}")),
            };
            builder.set(u32::try_from(row).expect("few rows"), cell);
        }
        table = table.with(name, Column::clone(&builder.finish()));
    }
    table
}

/// What an expression gives for each of the rows, which have the same columns.
fn answers(sql: &str, rows: &[&str]) -> Vec<String> {
    let table = table_of(rows);
    let Ok(expression) = table.bind(sql) else {
        return vec!["ERROR".to_string(); rows.len()];
    };
    let mut batch = table.batch();
    if rows == [""] {
        batch = Batch::new(RawRecords::None, TIMES, 0);
    }
    let all = plain(texts_at(&expression, &batch, &batch.selection));
    let some: Vec<u32> = batch.selection.iter().copied().filter(|row| row % 2 == 1).collect();
    let of_some: Vec<&String> = some.iter().map(|row| &all[*row as usize]).collect();
    let alone = plain(texts_at(&expression, &batch, &some));
    assert_eq!(alone.iter().collect::<Vec<_>>(), of_some, "{sql}: every other row");
    for (row, answer) in all.iter().enumerate() {
        assert_eq!(answer, &all[row % rows.len()], "{sql}: the same row again");
    }
    if rows == [""]
        && let Some(lifted) = over_columns(sql)
    {
        assert_eq!(lifted, all[0], "{sql}: its operands from columns");
    }
    all.into_iter().take(rows.len()).collect()
}

fn plain(texts: Vec<Result<String, String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.unwrap_or_else(|_| "ERROR".to_string())).collect()
}

/// The result where the constants right below the outermost part are columns; `None` where it does not bind.
fn over_columns(sql: &str) -> Option<String> {
    let (layout, mut slots) = (Table::default().layout, Slots::default());
    let mut node = bind::bind_unfolded(&Sql::unplaced(sql), &mut scope(&layout, &mut slots))?;
    let mut columns = Vec::new();
    for child in operands_of(&mut node) {
        if let Node::Constant(value, data_type) = child {
            let mut builder = Builder::new(*data_type, TIMES);
            (0..).zip([(); TIMES]).for_each(|(row, ())| builder.set(row, value.cell()));
            *child = Node::Column(Slot(columns.len()), *data_type);
            columns.push(builder.finish());
        }
    }
    let mut batch = Batch::new(RawRecords::None, TIMES, columns.len());
    for (slot, column) in columns.into_iter().enumerate() {
        batch.fill(Slot(slot), column);
    }
    let texts = plain(texts_at(&Expression::new(node), &batch, &batch.selection));
    assert!(texts.iter().all(|text| *text == texts[0]), "{sql}: {texts:?}");
    texts.into_iter().next()
}

/// The operands of a part that may be columns.
fn operands_of(node: &mut Node) -> Vec<&mut Node> {
    match node {
        Node::Compare(_, pair)
        | Node::Distinct(_, pair)
        | Node::LikeComputed(pair, ..)
        | Node::Arithmetic(_, pair, _) => pair.iter_mut().collect(),
        Node::Call(_, operands, _)
        | Node::And(operands)
        | Node::Or(operands)
        | Node::Coalesce(operands) => operands.iter_mut().collect(),
        Node::Not(operand)
        | Node::Is(_, operand)
        | Node::Like(_, operand)
        | Node::In(operand, _)
        | Node::Negate(operand)
        | Node::Cast(_, operand, _) => vec![operand],
        _ => Vec::new(),
    }
}

/// What is wrong with the results of an expression.
fn problems_of(
    sql: &str,
    asked: &[(&str, &str)],
    differences: &BTreeMap<Question, (&str, &str)>,
) -> Vec<String> {
    let rows: Vec<&str> = asked.iter().map(|(row, _)| *row).collect();
    let found = match std::panic::catch_unwind(|| answers(sql, &rows)) {
        Ok(found) => found,
        Err(_) => return vec![format!("{sql}: panics, or its ways of evaluation disagree")],
    };
    let mut problems = Vec::new();
    for ((row, of_duckdb), found) in asked.iter().zip(found) {
        let expected = match differences.get(&(sql, *row)) {
            Some((ours, _)) if ours == of_duckdb => {
                problems.push(format!("{sql}\t{row}: no longer different"));
                ours
            }
            Some((ours, _)) => ours,
            None => of_duckdb,
        };
        if found != *expected {
            problems.push(format!("{sql}\t{row}\t{found}\tinstead of {expected}"));
        }
    }
    problems
}

#[test]
fn results_are_those_of_duckdb_but_for_the_listed_differences() {
    let differences: BTreeMap<Question, (&str, &str)> = lines(DIFFERENCES)
        .map(|line| {
            let [sql, row, ours, reason] = fields(line);
            assert!(!reason.is_empty(), "no reason: {line}");
            ((sql, row), (ours, reason))
        })
        .collect();
    let mut unknown: BTreeSet<Question> = differences.keys().copied().collect();
    let mut problems = Vec::new();
    let mut count = 0;
    for (family, text) in FAMILIES {
        // The rows of one expression that have the same columns make up one batch.
        let mut batches: BTreeMap<Shape, Vec<(&str, &str)>> = BTreeMap::new();
        for line in lines(text) {
            let [sql, row, result] = fields(line);
            unknown.remove(&(sql, row));
            let parts = row_of(row);
            let columns = parts.into_iter().map(|(name, kind, _)| (name, kind.to_string()));
            batches.entry((sql, columns.collect())).or_default().push((row, result));
            count += 1;
        }
        for ((sql, _), asked) in &batches {
            let found = problems_of(sql, asked, &differences);
            problems.extend(found.into_iter().map(|problem| format!("{family}: {problem}")));
        }
    }
    problems.extend(unknown.iter().map(|(sql, row)| format!("differences: unknown {sql}\t{row}")));
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
}

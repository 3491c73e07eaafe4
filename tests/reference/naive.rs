//! What a chain of steps gives, said in the plainest way: one list of records after the other, all in memory.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A record; `None` is NULL. The columns are `id`, `name`, `value` and `note`, until groups are made.
pub type Row = Vec<Option<String>>;

const NAME: usize = 1;
const VALUE: usize = 2;

/// One step of a chain. Numbers are small, so that nothing overflows.
#[derive(Debug, Clone)]
pub enum Step {
    ValueAbove(i64),
    NameIs(&'static str),
    NoValue,
    AddToValue(i64),
    FillName,
    FillValue,
    AtMost(i64),
    Limit(usize),
    Offset(usize),
    Every { every: usize, offset: usize },
    FirstOf(&'static [usize]),
    LastOf(&'static [usize]),
    FirstMarked(&'static [usize]),
    SortByValue { is_descending: bool },
    Top(usize),
    RunningSum,
    Before(usize),
    Behind(usize),
    Numbered,
    Groups { by_key: bool },
    Frequency,
    Count,
}

impl Step {
    /// Its tables in the job file; `number` keeps names apart.
    pub fn toml(&self, number: usize) -> String {
        let names = |columns: &[usize]| {
            let name = |column: &usize| format!("\"{}\"", ["id", "name", "value", "note"][*column]);
            columns.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        // A computed column takes the place of `value`.
        let window = |item: &str| {
            format!(
                "window = {{ by = [\"name\"], compute = [\"{item} AS w\"] }}\n[[transform]]\n\
                 select = [\"id\", \"name\", \"CAST(w AS bigint) AS value\", \"note\"]"
            )
        };
        let step = match self {
            Step::ValueAbove(bound) => format!("filter = \"value > {bound}\""),
            Step::NameIs(name) => format!("filter = \"name = '{name}'\""),
            Step::NoValue => "filter = \"value IS NULL\"".to_owned(),
            Step::AddToValue(number) => format!("compute = [\"value + {number} AS value\"]"),
            Step::FillName => "fill = { columns = [\"name\"], with = \"down\" }".to_owned(),
            Step::FillValue => {
                "fill = { columns = [\"value\"], with = \"down\", by = [\"name\"] }".to_owned()
            }
            Step::AtMost(bound) => {
                format!("assert = {{ that = \"value <= {bound}\", otherwise = \"reject\" }}")
            }
            Step::Limit(count) => format!("limit = {count}"),
            Step::Offset(count) => format!("offset = {count}"),
            Step::Every { every, offset } => {
                format!("sample = {{ every = {every}, offset = {offset} }}")
            }
            Step::FirstOf(columns) => format!("dedup = {{ key = [{}] }}", names(columns)),
            Step::LastOf(columns) => {
                format!("dedup = {{ key = [{}], keep = \"last\" }}", names(columns))
            }
            Step::FirstMarked(columns) => format!(
                "dedup = {{ key = [{}], mark = \"again\" }}\n[[transform]]\nfilter = \"NOT again\"\n\
                 [[transform]]\nselect = [\"* EXCLUDE (again)\"]",
                names(columns)
            ),
            Step::SortByValue { is_descending } => {
                let order = if *is_descending { " DESC" } else { "" };
                format!("sort = {{ by = [\"value{order}\"] }}")
            }
            Step::Top(n) => {
                format!("top = {{ by = [\"name\"], order = [\"value DESC\"], n = {n} }}")
            }
            Step::RunningSum => window("sum(value)"),
            Step::Before(n) => window(&format!("lag(value, {n})")),
            Step::Behind(n) => window(&format!("lead(value, {n})")),
            Step::Numbered => window("row_number()"),
            Step::Groups { by_key } => {
                let order = if *by_key { ", order = \"key\"" } else { "" };
                format!(
                    "aggregate = {{ by = [\"name\"], select = [\"count(*) AS n\", \"sum(value) AS total\", \
                     \"min(value) AS least\", \"max(id) AS last\", \"count(DISTINCT value) AS kinds\"]{order} }}"
                )
            }
            Step::Frequency => "frequency = { by = [\"name\"] }".to_owned(),
            Step::Count => "count = true".to_owned(),
        };
        format!("[[transform]]\nname = \"step-{number}\"\n{step}\n")
    }

    /// What it makes of all records.
    pub fn apply(&self, rows: Vec<Row>) -> Vec<Row> {
        match self {
            Step::ValueAbove(bound) => kept(rows, |row| value(row).is_some_and(|v| v > *bound)),
            Step::NameIs(name) => kept(rows, |row| row[NAME].as_deref() == Some(*name)),
            Step::NoValue => kept(rows, |row| row[VALUE].is_none()),
            Step::AddToValue(number) => with_value(rows, |row| value(row).map(|v| v + number)),
            Step::FillName => filled(rows, NAME, |_| None),
            Step::FillValue => filled(rows, VALUE, |row| row[NAME].clone()),
            Step::AtMost(bound) => kept(rows, |row| value(row).is_none_or(|v| v <= *bound)),
            Step::Limit(count) => rows.into_iter().take(*count).collect(),
            Step::Offset(count) => rows.into_iter().skip(*count).collect(),
            Step::Every { every, offset } => {
                rows.into_iter().skip(*offset).step_by(*every).collect()
            }
            Step::FirstOf(columns) | Step::FirstMarked(columns) => {
                let mut seen = HashSet::new();
                kept(rows, |row| seen.insert(key(row, columns)))
            }
            Step::LastOf(columns) => {
                let mut last: HashMap<Row, usize> = HashMap::new();
                for (at, row) in rows.iter().enumerate() {
                    last.insert(key(row, columns), at);
                }
                let last: BTreeSet<usize> = last.into_values().collect();
                last.into_iter().map(|at| rows[at].clone()).collect()
            }
            Step::SortByValue { is_descending } => sorted(rows, *is_descending),
            Step::Top(n) => by_name(&rows)
                .into_iter()
                .flat_map(|some| sorted(some, true).into_iter().take(*n))
                .collect(),
            Step::RunningSum => {
                let mut sums: HashMap<Option<String>, i64> = HashMap::new();
                with_value(rows, move |row| {
                    if let Some(value) = value(row) {
                        *sums.entry(row[NAME].clone()).or_default() += value;
                    }
                    sums.get(&row[NAME]).copied()
                })
            }
            Step::Before(n) => shifted(rows, |at| at.checked_sub(*n)),
            Step::Behind(n) => shifted(rows, |at| Some(at + n)),
            Step::Numbered => {
                let mut counts: HashMap<Option<String>, i64> = HashMap::new();
                with_value(rows, move |row| {
                    let count = counts.entry(row[NAME].clone()).or_default();
                    *count += 1;
                    Some(*count)
                })
            }
            Step::Groups { by_key } => groups(&rows, *by_key),
            Step::Frequency => {
                let mut groups = by_name(&rows);
                groups.sort_by_key(|group| Reverse(group.len()));
                let row =
                    |group: Vec<Row>| vec![group[0][NAME].clone(), Some(group.len().to_string())];
                groups.into_iter().map(row).collect()
            }
            Step::Count => vec![vec![Some(rows.len().to_string())]],
        }
    }
}

fn value(row: &Row) -> Option<i64> {
    row[VALUE].as_ref().map(|value| value.parse().expect("a whole number"))
}

fn key(row: &Row, columns: &[usize]) -> Row {
    columns.iter().map(|column| row[*column].clone()).collect()
}

fn kept(mut rows: Vec<Row>, keeps: impl FnMut(&Row) -> bool) -> Vec<Row> {
    rows.retain(keeps);
    rows
}

fn with_value(mut rows: Vec<Row>, mut new: impl FnMut(&Row) -> Option<i64>) -> Vec<Row> {
    for row in &mut rows {
        row[VALUE] = new(row).map(|value| value.to_string());
    }
    rows
}

/// A column with the last value before, of the records that are of one key.
fn filled(mut rows: Vec<Row>, column: usize, key: impl Fn(&Row) -> Option<String>) -> Vec<Row> {
    let mut last: HashMap<Option<String>, String> = HashMap::new();
    for row in &mut rows {
        let key = key(row);
        match &row[column] {
            Some(value) => drop(last.insert(key, value.clone())),
            None => row[column] = last.get(&key).cloned(),
        }
    }
    rows
}

/// NULLs come last.
fn sorted(mut rows: Vec<Row>, is_descending: bool) -> Vec<Row> {
    rows.sort_by_key(|row| match value(row) {
        None => (true, 0),
        Some(value) => (false, if is_descending { -value } else { value }),
    });
    rows
}

/// The records of each name, names as they were first seen.
fn by_name(rows: &[Row]) -> Vec<Vec<Row>> {
    let mut groups: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| group[0][NAME] == row[NAME]) {
            Some(group) => group.push(row.clone()),
            None => groups.push(vec![row.clone()]),
        }
    }
    groups
}

/// Each record with the value of another one of its name.
fn shifted(rows: Vec<Row>, other: impl Fn(usize) -> Option<usize>) -> Vec<Row> {
    let groups = by_name(&rows);
    let mut places: HashMap<Option<String>, usize> = HashMap::new();
    with_value(rows, |row| {
        let place = places.entry(row[NAME].clone()).or_default();
        *place += 1;
        let group = groups.iter().find(|group| group[0][NAME] == row[NAME]).expect("its group");
        group.get(other(*place - 1)?).and_then(value)
    })
}

fn groups(rows: &[Row], by_key: bool) -> Vec<Row> {
    let mut groups = by_name(rows);
    if by_key {
        groups.sort_by_key(|group| (group[0][NAME].is_none(), group[0][NAME].clone()));
    }
    let row = |group: Vec<Row>| {
        let values: Vec<i64> = group.iter().filter_map(value).collect();
        let text = |number: i64| number.to_string();
        let total = (!values.is_empty()).then(|| text(values.iter().sum()));
        let ids = group.iter().filter_map(|row| row[0].as_ref()?.parse::<i64>().ok());
        let kinds: BTreeSet<&i64> = values.iter().collect();
        vec![
            group[0][NAME].clone(),
            Some(group.len().to_string()),
            total,
            values.iter().min().map(|least| text(*least)),
            ids.max().map(text),
            Some(kinds.len().to_string()),
        ]
    };
    groups.into_iter().map(row).collect()
}

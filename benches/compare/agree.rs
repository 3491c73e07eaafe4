//! Whether two outputs hold the same records, whatever their order and however their values are written.
//!
//! Each record gets a normal form: columns by name, CSV fields without their quotes, numbers as numbers. The hashes of
//! the normal forms are added up, in as many sums as there are buckets, so that memory is bounded and order does not
//! matter, but repeats do. Doubles are no part of the hash: two ways to add differ in the last digits. For them the
//! sum of value times a weight is compared, where the weight is made of the rest of the record. Where the sums of a
//! bucket differ both files are read again, and what is only in one of them is told.

use crate::workload::{Kind, Workload};
use csv::ByteRecord;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use xxhash_rust::xxh64::xxh64;

/// Enough that a bucket of the largest output has a few hundred records.
const BUCKETS: usize = 1 << 16;

/// How far doubles may be apart, as a share of their size.
const TOLERANCE: f64 = 1e-9;

/// Stands between the fields of a normal form.
const SEPARATOR: u8 = 0x1F;

/// The most characters of a record that are told.
const SHOWN_MAX: usize = 160;

/// What an output holds.
#[derive(Debug)]
pub struct Contents {
    columns: String,
    records: u64,
    buckets: Vec<u64>,
    doubles: Vec<Weighed>,
}

/// A column of doubles.
#[derive(Debug, Clone, Copy, Default)]
struct Weighed {
    /// Values times weights.
    sum: f64,
    /// The same without signs.
    size: f64,
}

/// A record in its normal form.
struct Normal {
    text: Vec<u8>,
    doubles: Vec<f64>,
}

impl Normal {
    fn hash(&self) -> u64 {
        xxh64(&self.text, 0)
    }
}

/// Reads an output of a workload.
pub fn read(path: &Path, workload: Workload) -> Result<Contents, String> {
    let mut records = 0;
    let mut buckets = vec![0_u64; BUCKETS];
    let kinds = workload.numbers().iter().filter(|(_, kind)| *kind == Kind::Double);
    let mut doubles = vec![Weighed::default(); kinds.count()];
    let columns = each_record(path, workload, |record| {
        let hash = record.hash();
        let bucket = &mut buckets[bucket(hash)];
        *bucket = bucket.wrapping_add(hash);
        records += 1;
        let weight = 1.0 + (hash >> 32) as f64 / f64::from(u32::MAX);
        for (column, value) in doubles.iter_mut().zip(&record.doubles) {
            column.sum += value * weight;
            column.size += value.abs() * weight;
        }
    })?;
    Ok(Contents { columns, records, buckets, doubles })
}

/// Says how two outputs of a workload differ; `None` where they agree.
pub fn difference(
    workload: Workload,
    (contents, path): (&Contents, &Path),
    (expected, expected_path): (&Contents, &Path),
) -> Result<Option<String>, String> {
    if contents.columns != expected.columns {
        let (found, wanted) = (&contents.columns, &expected.columns);
        return Ok(Some(format!("has the columns {found}, not {wanted}")));
    }
    let mut buckets = contents.buckets.iter().zip(&expected.buckets);
    let Some(differing) = buckets.position(|(one, other)| one != other) else {
        let columns = contents.doubles.iter().zip(&expected.doubles);
        let is_off = |(one, other): &(&Weighed, &Weighed)| {
            // What is not a number is off, too.
            let is_near = (one.sum - other.sum).abs() <= TOLERANCE * other.size;
            !is_near
        };
        let off = columns.filter(is_off).count();
        return Ok((off > 0).then(|| format!("differs in {off} columns of doubles")));
    };
    let mut found = in_bucket(path, workload, differing)?;
    let mut wanted = in_bucket(expected_path, workload, differing)?;
    let mut problem = format!("{} records for {}", contents.records, expected.records);
    let common = found.clone();
    remove_common(&mut found, &wanted);
    remove_common(&mut wanted, &common);
    for (what, records) in [("has", found), ("lacks", wanted)] {
        if let Some(record) = records.first() {
            let text = String::from_utf8_lossy(record).replace(char::from(SEPARATOR), "|");
            let text: String = text.trim_end_matches('|').chars().take(SHOWN_MAX).collect();
            problem.push_str(&format!("; {what} `{}`", text.escape_debug()));
        }
    }
    Ok(Some(problem))
}

/// The records of one bucket, sorted.
fn in_bucket(path: &Path, workload: Workload, wanted: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut records = Vec::new();
    each_record(path, workload, |record| {
        if bucket(record.hash()) == wanted {
            records.push(record.text.clone());
        }
    })?;
    records.sort();
    Ok(records)
}

/// Takes out of a sorted list what another one has, too, as often as it has it.
fn remove_common(records: &mut Vec<Vec<u8>>, others: &[Vec<u8>]) {
    let mut others = others.iter().peekable();
    records.retain(|record| {
        while others.next_if(|other| *other < record).is_some() {}
        others.next_if(|other| *other == record).is_none()
    });
}

fn bucket(hash: u64) -> usize {
    usize::try_from(hash % BUCKETS as u64).expect("an index")
}

/// Visits all records of an output; the names of its columns, sorted, or nothing where each record has its own.
fn each_record(
    path: &Path,
    workload: Workload,
    mut visit: impl FnMut(&Normal),
) -> Result<String, String> {
    let fail = |cause: io::Error| format!("cannot read `{}`: {cause}", path.display());
    let file = BufReader::with_capacity(1 << 20, File::open(path).map_err(fail)?);
    if workload.extension() == "jsonl" {
        each_line(file, &mut visit).map_err(fail)?;
        return Ok(String::new());
    }
    each_row(file, workload, &mut visit).map_err(|cause| fail(cause.into()))
}

fn each_line(mut file: impl BufRead, visit: &mut dyn FnMut(&Normal)) -> io::Result<()> {
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        // A map is sorted by its keys.
        let mut record: Map<String, Value> = serde_json::from_slice(&line)?;
        record.retain(|_, value| !value.is_null());
        visit(&Normal { text: serde_json::to_vec(&record)?, doubles: Vec::new() });
        line.clear();
    }
    Ok(())
}

fn each_row(
    file: impl BufRead,
    workload: Workload,
    visit: &mut dyn FnMut(&Normal),
) -> csv::Result<String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(file);
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let kind = |name: &String| {
        let number = workload.numbers().iter().find(|(number, _)| number == name);
        number.map_or(Kind::Text, |(_, kind)| *kind)
    };
    let mut columns: Vec<(usize, Kind)> = names.iter().map(kind).enumerate().collect();
    columns.sort_by_key(|(index, _)| &names[*index]);
    let mut row = ByteRecord::new();
    let mut record = Normal { text: Vec::new(), doubles: Vec::new() };
    while reader.read_byte_record(&mut row)? {
        record.text.clear();
        record.doubles.clear();
        for (index, kind) in &columns {
            add_field(&mut record, row.get(*index).unwrap_or_default(), *kind);
        }
        visit(&record);
    }
    let sorted: Vec<&str> = columns.iter().map(|(index, _)| names[*index].as_str()).collect();
    Ok(sorted.join(", "))
}

fn add_field(record: &mut Normal, field: &[u8], kind: Kind) {
    let number = || std::str::from_utf8(field).ok()?.parse::<f64>().ok();
    match (kind, number) {
        (Kind::Text, _) => record.text.extend_from_slice(field),
        (Kind::Double, number) => record.doubles.push(number().unwrap_or(f64::NAN)),
        (Kind::Decimal(digits), number) => match number().and_then(|value| exact(value, digits)) {
            Some(units) => record.text.extend_from_slice(units.to_string().as_bytes()),
            None => record.text.extend_from_slice(field),
        },
    }
    record.text.push(SEPARATOR);
}

/// A number in units of its last digit; `None` where it has more digits.
fn exact(value: f64, digits: u32) -> Option<f64> {
    let scaled = value * 10_f64.powi(i32::try_from(digits).ok()?);
    let units = scaled.round();
    ((scaled - units).abs() <= TOLERANCE * units.abs().max(1.0)).then_some(units)
}

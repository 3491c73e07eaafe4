//! Which records go to which sink and partition, and their bytes there.
//!
//! Invariants:
//! - a record goes to all sinks that want it, or, where it is bad for one of them, to none;
//! - the parts of one sink or partition hold its records in the order of the batch;
//! - the partition of a record depends on the text of its values alone.

use super::plan::{Plan, unknown_column};
use crate::encode::settings::SinkFormat;
use crate::encode::{Encoder, write_bare};
use crate::error::Diagnostic;
use crate::expr::{self, Expression, Scope};
use crate::job::{Job, SinkSettings, Wanted};
use crate::record::{Batch, Column, Field, JsonPath, Layout, Rest, Slot, Slots, Values};
use crate::sink::PartitionName;
use crate::sink::settings::Target;
use crate::transform::Tools;
use crc32fast::Hasher;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// All sinks of a job, bound.
#[derive(Debug)]
pub struct Routes {
    sinks: Vec<Route>,
}

/// A sink, bound.
#[derive(Debug)]
struct Route {
    name: String,
    wanted: Want,
    partition_by: Vec<Slot>,
    encoder: Encoder,
    /// The columns of CSV output.
    columns: Option<Vec<String>>,
    /// What must be decoded before records are taken apart and written.
    reads: Vec<Slot>,
}

/// Which records a sink takes.
#[derive(Debug)]
enum Want {
    All,
    Where(Expression, Vec<Slot>),
    Otherwise,
}

/// The bytes of some records for one output.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The sink, by its place in the job.
    pub sink: usize,
    /// The partition, where the sink has such.
    pub partition: Option<PartitionName>,
    /// The records.
    pub bytes: Vec<u8>,
    /// The CRC-32 of the bytes.
    pub digest: Hasher,
    /// How many records they are.
    pub records: u64,
}

/// What sinks are bound to.
pub struct Binding<'a> {
    /// The job.
    pub job: &'a Job,
    /// All slots of the plan.
    pub slots: &'a mut Slots,
    /// The job's first start.
    pub now_micros: i64,
}

/// The rows of one output.
struct Group {
    sink: usize,
    partition: Option<PartitionName>,
    rows: Vec<u32>,
}

impl Routes {
    /// Binds the sinks of a job: `layout` is what comes out of the chain, `closed` the same with the columns that CSV
    /// output has.
    pub fn bind(
        binding: &mut Binding<'_>,
        layout: &Layout,
        closed: &Layout,
    ) -> Result<Routes, Vec<Diagnostic>> {
        let (mut sinks, mut problems) = (Vec::new(), Vec::new());
        for sink in &binding.job.sinks {
            match binding.route(sink, layout, closed) {
                Ok(route) => sinks.push(route),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(Routes { sinks }) } else { Err(problems) }
    }

    /// What stands before the first record in the files of each sink.
    pub fn headers(&self) -> Vec<Vec<u8>> {
        self.sinks.iter().map(|sink| sink.encoder.header()).collect()
    }

    /// The columns of each sink that writes CSV.
    pub fn columns(&self) -> Vec<Option<Vec<String>>> {
        self.sinks.iter().map(|sink| sink.columns.clone()).collect()
    }

    /// Writes the selected records of a batch. Those that cannot be written become rejects, those that no sink wants are
    /// let go.
    pub fn encode(&self, plan: &Plan, batch: &mut Batch) -> Vec<Part> {
        if batch.selection.is_empty() {
            return Vec::new();
        }
        if let [sink] = self.sinks.as_slice()
            && matches!(sink.wanted, Want::All)
            && sink.partition_by.is_empty()
        {
            plan.fill(batch, &sink.reads);
            let mut bytes = Vec::new();
            sink.encoder.encode(batch, &mut bytes);
            let records = batch.selection.len() as u64;
            return vec![Part::new(0, None, bytes, records)];
        }
        let mut rows = self.wanted(plan, batch);
        for (sink, rows) in self.sinks.iter().zip(&rows) {
            if !rows.is_empty() {
                plan.fill(batch, &sink.reads);
            }
        }
        self.reject_without_partition(&mut rows, batch);
        let mut groups = Vec::new();
        for (index, (sink, rows)) in self.sinks.iter().zip(rows).enumerate() {
            groups.extend(sink.groups(index, rows, batch));
        }
        self.write(groups, batch)
    }

    /// The rows that each sink takes.
    fn wanted(&self, plan: &Plan, batch: &mut Batch) -> Vec<Vec<u32>> {
        let mut columns = Vec::new();
        for sink in &self.sinks {
            let Want::Where(predicate, reads) = &sink.wanted else {
                columns.push(None);
                continue;
            };
            plan.fill(batch, reads);
            let column = predicate.evaluate(batch, &batch.selection);
            batch.reject_faults(&sink.name, &column.faults);
            columns.push(Some(column));
        }
        let mut is_taken = vec![false; batch.rows];
        let mut rows: Vec<Vec<u32>> = Vec::new();
        for column in columns {
            let holds = |row: &u32| column.as_deref().is_some_and(|column| is_true(column, *row));
            rows.push(batch.selection.iter().copied().filter(holds).collect());
            for row in rows.last().into_iter().flatten() {
                is_taken[*row as usize] = true;
            }
        }
        let is_left = |row: &u32| !is_taken[*row as usize];
        let left: Vec<u32> = batch.selection.iter().copied().filter(is_left).collect();
        for (sink, rows) in self.sinks.iter().zip(&mut rows) {
            match sink.wanted {
                Want::All => rows.clone_from(&batch.selection),
                Want::Otherwise => rows.clone_from(&left),
                Want::Where(..) => {}
            }
        }
        if self.sinks.iter().all(|sink| matches!(sink.wanted, Want::Where(..))) {
            batch.retain(|row| is_taken[row as usize]);
        }
        rows
    }

    /// Rejects the rows whose partition is not known because something is wrong with the value.
    fn reject_without_partition(&self, rows: &mut [Vec<u32>], batch: &mut Batch) {
        let mut bad = Vec::new();
        for (sink, rows) in self.sinks.iter().zip(rows.iter()) {
            if rows.is_empty() || sink.partition_by.is_empty() {
                continue;
            }
            let all = std::mem::replace(&mut batch.selection, without(rows, &bad));
            let before = batch.selection.clone();
            for slot in &sink.partition_by {
                let column = Arc::clone(batch.column(*slot));
                batch.reject_faults(&sink.name, &column.faults);
            }
            let good = std::mem::replace(&mut batch.selection, all);
            bad.extend(without(&before, &good));
            bad.sort_unstable();
        }
        if !bad.is_empty() {
            batch.selection = without(&batch.selection, &bad);
            rows.iter_mut().for_each(|rows| *rows = without(rows, &bad));
        }
    }

    /// Writes groups of rows; a row that cannot be written in one is written in none.
    fn write(&self, mut groups: Vec<Group>, batch: &mut Batch) -> Vec<Part> {
        loop {
            let mut parts = Vec::with_capacity(groups.len());
            let all = std::mem::take(&mut batch.selection);
            let mut bad = Vec::new();
            for Group { sink, partition, rows } in &groups {
                batch.selection = without(rows, &bad);
                let expected = batch.selection.len();
                let mut bytes = Vec::new();
                self.sinks[*sink].encoder.encode(batch, &mut bytes);
                let written = std::mem::take(&mut batch.selection);
                let records = written.len() as u64;
                if written.len() < expected {
                    bad.extend(without(&without(rows, &bad), &written));
                    bad.sort_unstable();
                }
                parts.push(Part::new(*sink, partition.clone(), bytes, records));
            }
            batch.selection = all;
            if bad.is_empty() {
                return parts;
            }
            batch.selection = without(&batch.selection, &bad);
            groups.iter_mut().for_each(|group| group.rows = without(&group.rows, &bad));
            groups.retain(|group| !group.rows.is_empty());
        }
    }
}

/// Whether a predicate holds for a row; NULL is not true.
fn is_true(column: &Column, row: u32) -> bool {
    let Values::Boolean(values) = &column.values else { unreachable!("predicates are boolean") };
    values[row as usize] && column.is_valid(row as usize)
}

/// Those of some rows that are not among others; both rise.
fn without(rows: &[u32], others: &[u32]) -> Vec<u32> {
    let is_other = |row: &u32| others.binary_search(row).is_ok();
    if others.is_empty() {
        return rows.to_vec();
    }
    rows.iter().copied().filter(|row| !is_other(row)).collect()
}

impl Route {
    /// The rows of each output of this sink, in the order in which the outputs are met. Rows with a faulty partition are
    /// left to the encoder, or rejected here.
    fn groups(&self, sink: usize, rows: Vec<u32>, batch: &mut Batch) -> Vec<Group> {
        if rows.is_empty() {
            return Vec::new();
        }
        if self.partition_by.is_empty() {
            return vec![Group { sink, partition: None, rows }];
        }
        let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut key = Vec::new();
        for row in rows {
            self.write_key(&mut key, batch, row as usize);
            let number = match numbers.get(&key) {
                Some(number) => *number,
                None => {
                    numbers.insert(key.clone(), groups.len());
                    let partition = Some(self.partition(batch, row as usize));
                    groups.push(Group { sink, partition, rows: Vec::new() });
                    groups.len() - 1
                }
            };
            groups[number].rows.push(row);
        }
        groups
    }

    /// The texts of the partition columns, such that different texts give different bytes.
    fn write_key(&self, key: &mut Vec<u8>, batch: &Batch, row: usize) {
        key.clear();
        for slot in &self.partition_by {
            let column = batch.column(*slot);
            let start = key.len();
            key.extend_from_slice(&[0; 8]);
            if column.is_valid(row) {
                write_bare(key, column, row);
                let length = (key.len() - start - 8) as u64 + 1;
                key[start..start + 8].copy_from_slice(&length.to_le_bytes());
            }
        }
    }

    fn partition(&self, batch: &Batch, row: usize) -> PartitionName {
        let text = |slot: &Slot| {
            let column = batch.column(*slot);
            column.is_valid(row).then(|| {
                let mut text = Vec::new();
                write_bare(&mut text, column, row);
                text
            })
        };
        let texts: Vec<Option<Vec<u8>>> = self.partition_by.iter().map(text).collect();
        PartitionName::new(texts.iter().map(Option::as_deref))
    }
}

impl Part {
    fn new(sink: usize, partition: Option<PartitionName>, bytes: Vec<u8>, records: u64) -> Part {
        let mut digest = Hasher::new();
        digest.update(&bytes);
        Part { sink, partition, bytes, digest, records }
    }

    /// Puts another part of the same output behind this.
    pub fn absorb(&mut self, other: &Part) {
        self.bytes.extend_from_slice(&other.bytes);
        self.digest.combine(&other.digest);
        self.records += other.records;
    }

    /// Whether another part belongs to the same output.
    pub fn is_beside(&self, other: &Part) -> bool {
        (self.sink, &self.partition) == (other.sink, &other.partition)
    }
}

impl Binding<'_> {
    fn route(
        &mut self,
        sink: &SinkSettings,
        layout: &Layout,
        closed: &Layout,
    ) -> Result<Route, Vec<Diagnostic>> {
        let wanted = match &sink.wanted {
            Wanted::All => Want::All,
            Wanted::Otherwise => Want::Otherwise,
            Wanted::Where(sql) => {
                let (slots, now_micros) = (&mut *self.slots, self.now_micros);
                let context = sink.name.as_str();
                let mut scope = Scope { layout, slots, now_micros, context };
                let predicate = expr::bind_predicate(sql, &mut scope)?;
                let reads = predicate.reads();
                Want::Where(predicate, reads)
            }
        };
        let by = match &sink.target {
            Target::Partitions(partitions) => partitions.by.as_slice(),
            Target::File(_) | Target::Stdout => &[],
        };
        let partition_by: Vec<Slot> =
            self.fields(&sink.name, by, layout)?.iter().map(|field| field.slot).collect();
        let written = match (&sink.columns, sink.format) {
            (Some(columns), _) => Layout::closed(self.fields(&sink.name, columns, layout)?),
            (None, SinkFormat::Csv(_)) => closed.clone(),
            (None, SinkFormat::Jsonl) => layout.clone(),
        };
        let names = || written.fields.iter().map(|field| field.name.clone()).collect();
        let columns = matches!(sink.format, SinkFormat::Csv(_)).then(names);
        let source = Some(&self.job.source.format);
        let encoder = Encoder::new(sink.format, &written, self.slots, source).named(&sink.name);
        let mut reads = encoder.reads();
        reads.extend(&partition_by);
        reads.sort_unstable();
        reads.dedup();
        Ok(Route { name: sink.name.clone(), wanted, partition_by, encoder, columns, reads })
    }

    /// The fields that some names mean.
    fn fields(
        &mut self,
        sink: &str,
        names: &[(String, Range<usize>)],
        layout: &Layout,
    ) -> Result<Vec<Field>, Vec<Diagnostic>> {
        let (mut fields, mut problems) = (Vec::new(), Vec::new());
        for (name, place) in names {
            match layout.find(name) {
                Some(field) => fields.push(field.clone()),
                None if layout.rest == Rest::Json && !layout.is_left_out(name) => {
                    let slot = self.slots.json_path(&JsonPath::key(name.clone()));
                    let data_type = self.slots.info(slot).data_type;
                    fields.push(Field { name: name.clone(), data_type, slot });
                }
                None => {
                    let columns: Vec<String> =
                        layout.fields.iter().map(|field| field.name.clone()).collect();
                    let message = format!("unknown column `{name}` in {sink}");
                    let problem = unknown_column(name, place.clone(), &columns);
                    problems.push(Diagnostic { message, ..problem });
                }
            }
        }
        if problems.is_empty() { Ok(fields) } else { Err(problems) }
    }
}

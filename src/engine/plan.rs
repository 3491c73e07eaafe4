//! The bound job: the columns of its inputs, its steps, and how its records are decoded and encoded.

use super::inputs::Inputs;
use super::routes::{Binding, Routes};
use crate::decode::{CutOutcome, Decoder, Start};
use crate::encode::settings::SinkFormat;
use crate::error::Diagnostic;
use crate::expr::{self, Expression, Scope};
use crate::job::{self, Job, SinkSettings};
use crate::record::{
    Batch, DataType, Field, Filtered, JsonPath, Layout, RawRecords, Reading, Rest, Slot,
    SlotOrigin, Slots,
};
use crate::source::settings::SourceFormat;
use crate::transform::spills::{MemorySpills, Spills};
use crate::transform::{Chain, Step, Tools};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// What a job is bound for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A run: a JSON record with a key that CSV output has no column for is rejected.
    Run,
    /// A look at some records: further keys are not shown.
    Preview,
}

/// The version of what the same job makes of the same inputs. It changes when an output byte of any job would.
pub const SEMANTICS_VERSION: u32 = 1;

/// A job bound to its inputs.
#[derive(Debug)]
pub struct Plan {
    /// What each slot of a batch holds.
    pub slots: Slots,
    /// The steps.
    pub chain: Chain,
    /// From bytes to batches.
    pub decoder: Decoder,
    /// Reads what steps write anew.
    pub rewriter: Decoder,
    /// Which records go where, and how they are written.
    pub routes: Routes,
    /// Where states put what they have no room for; in memory, unless a run says otherwise.
    pub spills: Arc<dyn Spills>,
    /// Whether a record that the end of an input leaves open is not read: the input may still grow.
    pub leaves_open: bool,
    /// How many bytes each state that spills holds in memory at most.
    pub memory: Option<u64>,
    /// The predicate of `checkpoint.when` and the slots that it reads.
    pub when: Option<(Expression, Vec<Slot>)>,
}

impl Plan {
    /// Binds a job; all problems that can be found are returned together.
    pub fn bind(
        job: &Job,
        inputs: &Inputs,
        now_micros: i64,
        purpose: Purpose,
    ) -> Result<Plan, Vec<Diagnostic>> {
        let mut slots = Slots::default();
        let mut problems = Vec::new();
        let layout = match &job.source.format {
            SourceFormat::Csv(_) => csv_layout(job, inputs, &mut slots, &mut problems),
            SourceFormat::Jsonl => {
                slots.declared.clone_from(&job.source.types);
                slots.readings.clone_from(&job.source.readings);
                Layout::json()
            }
        };
        let when = bind_when(job, &layout, &mut slots, now_micros).unwrap_or_else(|more| {
            problems.extend(more);
            None
        });
        let chain = {
            let references = inputs.references();
            Chain::bind(&job.transforms, layout, &mut slots, now_micros, &references)
        };
        let mut chain = match chain {
            Ok(chain) if problems.is_empty() => chain,
            chain => {
                problems.extend(chain.err().unwrap_or_default());
                // As they stand in the job file.
                problems.sort_by_key(|problem| problem.place.as_ref().map(|place| place.start));
                return Err(problems);
            }
        };
        check_columns(job, &chain.layout, &slots, purpose)?;
        let open_layout = chain.layout.clone();
        let known_keys = close_layout(job, inputs, &mut chain.layout, &mut slots);
        let mut binding = Binding { job, slots: &mut slots, now_micros };
        let routes = Routes::bind(&mut binding, &open_layout, &chain.layout)?;
        let columns = inputs.names.len();
        let mut decoder = Decoder::new(&job.source.format, columns, &slots);
        if let Some(keys) = &known_keys
            && purpose == Purpose::Run
        {
            decoder = decoder.with_known_keys(keys);
        }
        if job.is_incremental() {
            decoder = decoder.leaving_open();
        }
        chain.gives_from = job.gives_from();
        let leaves_open = job.is_incremental();
        let rewriter = Decoder::new(&SourceFormat::Jsonl, 0, &slots);
        let spills = Arc::new(MemorySpills::default());
        let memory = share_of_memory(job, &chain);
        Ok(Plan { slots, chain, decoder, rewriter, routes, spills, leaves_open, memory, when })
    }

    /// Nothing let go yet; where the chain can end the run early, what is let go is remembered row by row.
    pub fn filtered(&self) -> Filtered {
        let can_end = self.chain.steps.iter().any(|step| step.kind == "limit");
        if can_end { Filtered::by_row() } else { Filtered::default() }
    }
}

impl Tools for Plan {
    fn fill(&self, batch: &mut Batch, slots: &[Slot]) {
        self.decoder.fill(batch, slots);
    }

    fn recut(&self, records: Vec<u8>) -> RawRecords {
        recut(&self.decoder, records)
    }

    fn rewritten(&self, records: Vec<u8>) -> RawRecords {
        recut(&self.rewriter, records)
    }

    fn spills(&self) -> &dyn Spills {
        &*self.spills
    }

    fn gives_again(&self) -> bool {
        self.leaves_open
    }

    fn memory(&self) -> Option<u64> {
        self.memory
    }

    fn slots(&self) -> usize {
        self.slots.infos.len()
    }
}

/// What each of the states that spill has of the job's memory for states: half of its share, since a checkpoint that is
/// being saved may take as much again.
fn share_of_memory(job: &Job, chain: &Chain) -> Option<u64> {
    let stateful = chain.steps.iter().filter_map(Step::stateful);
    let steps = stateful.filter(|step| step.spills_more()).count() as u64;
    job.state.memory.map(|memory| memory / 2 / steps.max(1))
}

fn recut(decoder: &Decoder, records: Vec<u8>) -> RawRecords {
    let window = Arc::new(records);
    match decoder.cut(&window, Start::Exact(0), window.len(), true) {
        CutOutcome::Cut(cut) => cut.batch.raw,
        CutOutcome::NeedMore | CutOutcome::Unknown | CutOutcome::Oversize { .. } => {
            RawRecords::None
        }
    }
}

/// Records that a step writes anew have whatever keys come, and CSV output needs to know its columns.
fn check_columns(
    job: &Job,
    layout: &Layout,
    slots: &Slots,
    purpose: Purpose,
) -> Result<(), Vec<Diagnostic>> {
    let needs_them = job.sinks.iter().any(needs_columns);
    if purpose == Purpose::Preview || !needs_them || !slots.is_rewritten || !layout.is_open() {
        return Ok(());
    }
    let message = "the records have whatever keys come, and CSV needs its columns beforehand";
    let (place, label) = (None, String::new());
    let problem = Diagnostic { message: message.to_owned(), place, label, hint: None };
    let hint =
        "name them in a last step: `select = [\"id\", \"\\\"user.name\\\"\"]`, or write JSONL";
    Err(vec![problem.with_hint(hint)])
}

fn csv_layout(
    job: &Job,
    inputs: &Inputs,
    slots: &mut Slots,
    problems: &mut Vec<Diagnostic>,
) -> Layout {
    let mut fields = Vec::new();
    for (index, name) in inputs.names.iter().enumerate() {
        let declared = job.source.types.iter().find(|(declared, _)| declared == name);
        let data_type = declared.map_or(DataType::Text, |(_, data_type)| *data_type);
        let slot = slots.add(name, data_type, SlotOrigin::CsvField(index));
        let reading = job.source.readings.iter().find(|(declared, _)| declared == name);
        slots.set_reading(slot, reading.map_or(Reading::Usual, |(_, reading)| reading.clone()));
        fields.push(Field { name: name.clone(), data_type, slot });
    }
    for (index, (name, _)) in job.source.types.iter().enumerate() {
        if !inputs.names.contains(name) {
            problems.push(unknown_column(name, job.places.types[index].clone(), &inputs.names));
        }
    }
    Layout::closed(fields)
}

pub(super) fn unknown_column(name: &str, place: Range<usize>, columns: &[String]) -> Diagnostic {
    const SHOWN_MAX: usize = 8;
    let mut shown = columns.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    if columns.len() > SHOWN_MAX {
        shown.push_str(", ...");
    }
    let mut problem = Diagnostic::at(place, format!("the inputs have no column `{name}`"))
        .with_label(format!("columns are: {shown}"));
    if let Some(closest) = job::closest(name, columns.iter().map(String::as_str)) {
        problem = problem.with_hint(format!("did you mean `{closest}`?"));
    }
    problem
}

fn bind_when(
    job: &Job,
    layout: &Layout,
    slots: &mut Slots,
    now_micros: i64,
) -> Result<Option<(Expression, Vec<Slot>)>, Vec<Diagnostic>> {
    let Some(sql) = &job.checkpoint.when else { return Ok(None) };
    let mut scope = Scope { layout, slots, now_micros, context: "checkpoint.when" };
    let predicate = expr::bind_predicate(sql, &mut scope)?;
    let reads = predicate.reads();
    Ok(Some((predicate, reads)))
}

/// Whether the columns of the last layout are those of a sink in CSV.
fn needs_columns(sink: &SinkSettings) -> bool {
    matches!(sink.format, SinkFormat::Csv(_)) && sink.columns.is_none()
}

/// CSV needs its columns beforehand: those of JSON records come from the declared types, or else from the first record.
/// Returns the keys that records may have then.
fn close_layout(
    job: &Job,
    inputs: &Inputs,
    layout: &mut Layout,
    slots: &mut Slots,
) -> Option<Vec<String>> {
    if layout.rest == Rest::Closed || !job.sinks.iter().any(needs_columns) {
        return None;
    }
    let declared = top_level_keys(&job.source.types);
    let keys = if declared.is_empty() { inputs.names.clone() } else { declared };
    let computed = std::mem::take(&mut layout.fields);
    layout.rest = Rest::Closed;
    for key in keys.iter().filter(|key| {
        let is_field = computed.iter().any(|field| field.name == **key);
        is_field || !layout.left_out.contains(key)
    }) {
        let field = computed.iter().find(|field| field.name == *key).cloned();
        layout.fields.push(field.unwrap_or_else(|| {
            let slot = slots.json_path(&JsonPath::key(key.clone()));
            let data_type = slots.info(slot).data_type;
            Field { name: key.clone(), data_type, slot }
        }));
    }
    let known: HashSet<&String> = keys.iter().collect();
    layout.fields.extend(computed.into_iter().filter(|field| !known.contains(&field.name)));
    Some(keys)
}

/// The first steps of the declared paths, in order, each once.
fn top_level_keys(types: &[(String, DataType)]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (path, _) in types {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let key = path[..end].to_owned();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

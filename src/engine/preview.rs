//! The first records that come out of the chain, without outputs, checkpoints and threads.

use super::inputs::Inputs;
use super::plan::{Plan, Purpose};
use super::queue::{Queue, Start};
use super::rejected::Rejected;
use super::worker::{Encoded, Product, Worker, encode_all};
use super::world::World;
use crate::encode::settings::{CsvSink, LineEnd, SinkFormat};
use crate::error::{Error, Result};
use crate::job::{Job, SinkSettings, Wanted};
use crate::record::{CsvDialect, DataType, Position};
use crate::sink::settings::Target;
use crate::source::chunks::Chunks;
use crate::source::settings::Mode;
use crate::transform::{Flow, States};

/// The first records, as text.
#[derive(Debug, Default)]
pub struct Preview {
    /// Names and types of the columns.
    pub columns: Vec<(String, DataType)>,
    /// The records' fields as CSV lines.
    pub csv: Vec<u8>,
    /// Records in `csv`.
    pub records: u64,
    /// Records read for it.
    pub records_read: u64,
    /// Bad records among them, with their places.
    pub rejects: Vec<String>,
    /// Whether all input was read.
    pub is_whole: bool,
}

/// What a preview writes: comma, double quotes, no header.
const FORMAT: SinkFormat = SinkFormat::Csv(CsvSink {
    dialect: CsvDialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None },
    header: false,
    line_end: LineEnd::Lf,
});

/// Where a preview stops looking for records that get through, and what an aggregate is previewed on.
const BYTES_MAX: u64 = 16 << 20;

/// Runs the first records through the chain until `records` have come out, or `BYTES_MAX` were read.
pub fn preview(job: &Job, records: u64, world: &World) -> Result<Preview> {
    let mut job = job.clone();
    job.sinks = vec![SinkSettings {
        name: "sink".to_owned(),
        wanted: Wanted::All,
        columns: None,
        target: Target::Stdout,
        per_run: false,
        format: FORMAT,
        overwrite: false,
    }];
    // All inputs, and what steps hold at the end, too.
    job.source.mode = Mode::Batch;
    let storage = &*world.storage;
    let paths = Inputs::discover(&job, storage)?;
    let inputs = Inputs::open(&job, storage, &paths)?;
    let now = world.clock.wall_micros();
    let plan = Plan::bind(&job, &inputs, now, Purpose::Preview).map_err(Error::job_file)?;
    let mut taking = Taking {
        plan: &plan,
        inputs: &inputs,
        states: plan.chain.new_states(),
        position: inputs.start_of(0),
        wanted: records,
        preview: Preview::default(),
    };
    let fields = plan.chain.layout.fields.iter();
    taking.preview.columns = fields.map(|field| (field.name.clone(), field.data_type)).collect();
    let chunks = Chunks::default();
    let mut worker = Worker::new(&plan, &inputs, storage, chunks);
    taking.read(&mut worker, chunks)?;
    taking.drain()?;
    Ok(taking.preview)
}

/// A preview in the making.
struct Taking<'a> {
    plan: &'a Plan,
    inputs: &'a Inputs,
    states: States,
    position: Position,
    wanted: u64,
    preview: Preview,
}

impl Taking<'_> {
    fn read(&mut self, worker: &mut Worker<'_>, chunks: Chunks) -> Result<()> {
        let queue = Queue::new(self.inputs, self.position, chunks, u64::MAX);
        let mut bytes = 0;
        while let Some(task) = queue.claim() {
            if self.preview.records >= self.wanted || bytes >= BYTES_MAX {
                return Ok(());
            }
            if self.position.source < task.source {
                self.position = self.inputs.start_of(task.source.0 as usize);
            }
            let chunk = match task.start {
                Start::Exact(start) => worker.process_exact(task, start)?,
                Start::Guess => worker.process_exact(task, self.position.offset)?,
            };
            bytes += chunks.size();
            for piece in chunk.pieces {
                self.preview.records_read += piece.records;
                let (encoded, flow) = match piece.product {
                    Product::Encoded(encoded) => (encoded, Flow::Open),
                    Product::Staged(staged) => {
                        let states = &mut self.states;
                        let output = self.plan.chain.run_ordered(*staged, states, self.plan)?;
                        let flow = output.flow;
                        (encode_all(self.plan, output, Some(piece.extent)), flow)
                    }
                };
                self.take(&encoded);
                self.position.offset = piece.end;
                self.position.lines += piece.lines;
                if flow != Flow::Open {
                    return Ok(());
                }
            }
        }
        self.preview.is_whole = true;
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        while self.preview.records < self.wanted {
            let rows = usize::try_from(self.wanted).unwrap_or(usize::MAX);
            let Some(output) = self.plan.chain.drain(&mut self.states, rows, self.plan)? else {
                break;
            };
            self.take(&encode_all(self.plan, output, None));
        }
        Ok(())
    }

    fn take(&mut self, encoded: &Encoded) {
        for part in &encoded.parts {
            self.preview.csv.extend_from_slice(&part.bytes);
        }
        self.preview.records += encoded.written;
        let lines = encoded.rejects.iter().map(|reject| self.line_of(reject));
        let lines: Vec<String> = lines.collect();
        self.preview.rejects.extend(lines);
    }

    fn line_of(&self, reject: &Rejected) -> String {
        let input = self.inputs.files.get(self.position.source.0 as usize);
        match (&reject.origin, input) {
            (Some(origin), Some(input)) => {
                let line = self.position.lines + origin.line + 1;
                format!("`{}` line {line}: {}", input.name.display(), reject.reason)
            }
            _ => reject.reason.to_string(),
        }
    }
}

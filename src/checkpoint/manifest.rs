//! What a checkpoint says about the job, its inputs and its outputs: the JSON section.
//!
//! Evolves without a new format version: unknown fields are passed over, and fields that came later
//! have a default. What must not be passed over by an older program needs an incompatible feature
//! bit in the header instead.

use crate::checkpoint::id::{RunId, hex_bytes};
use crate::checkpoint::spill::SpillEntry;
use crate::record::{Fingerprint, Place, Position};
use serde::{Deserialize, Serialize};

/// Further than anything is ever counted: what is added to less does not overflow.
const COUNT_MAX: u64 = 1 << 62;

/// Everything about a barrier but the state of the transforms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of what expressions and transforms mean.
    pub semantics: u32,
    /// The program that wrote the checkpoint; for messages.
    #[serde(default)]
    pub onward_version: String,
    /// The job's name.
    pub job_name: String,
    /// The effective job, as it was run.
    pub job: serde_json::Value,
    /// The job's first start: the same in all checkpoints until it starts over.
    pub instance: RunId,
    /// The process that took the checkpoint.
    pub run: RunId,
    /// When that process started, in microseconds since 1970; for messages.
    #[serde(default)]
    pub run_started_at_micros: i64,
    /// When the job first started: its `now()`.
    pub first_started_at_micros: i64,
    /// When the checkpoint was taken; for messages.
    #[serde(default)]
    pub taken_at_micros: i64,
    /// Why it was taken; for messages.
    pub trigger: Trigger,
    /// How far the job is.
    pub phase: Phase,
    /// Everything before it was processed, nothing after it.
    pub position: Position,
    /// The inputs in the order in which they are read.
    pub inputs: Vec<InputEntry>,
    /// The files that steps look things up in, in the order of the job.
    #[serde(default)]
    pub references: Vec<ReferenceEntry>,
    /// The steps that keep state, in the order of the job.
    #[serde(default)]
    pub steps: Vec<StepEntry>,
    /// The outputs.
    pub outputs: Vec<OutputEntry>,
    /// The spills that the states refer to.
    #[serde(default)]
    pub spills: Vec<SpillEntry>,
    /// The largest number that a spill had so far.
    #[serde(default)]
    pub spills_made: u64,
    /// Starts of other jobs whose state this one took over: spills may be theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<RunId>,
    /// Partitions that an earlier start of the job published and this one has not met yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierOutput>,
    /// What was counted since the first start.
    #[serde(default)]
    pub counters: Counters,
    /// The columns that were found at the first start, where the format has them.
    #[serde(default)]
    pub header: Option<Vec<String>>,
    /// Of an incremental job, which round it is in, and what was there when that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
}

/// What an incremental job does from one change of its inputs to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Round {
    /// Its number, from 1 on.
    pub number: u64,
    /// When it began: its `now()`.
    pub started_at_micros: i64,
    /// What was counted before it.
    #[serde(default)]
    pub before: Counters,
    /// The inputs of earlier rounds that this one reads nothing of, in the order in which they were read.
    #[serde(default)]
    pub settled: Vec<InputEntry>,
}

/// Why a checkpoint was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The job has just begun.
    Start,
    /// The interval was over.
    Time,
    /// So many records.
    Records,
    /// So many input bytes.
    Bytes,
    /// An input ended.
    FileEnd,
    /// The job's predicate held for a record.
    Predicate,
    /// Somebody asked for it.
    Manual,
    /// A signal asked the run to stop.
    Interrupt,
    /// The job is at a step of its end: input finished, outputs published.
    Final,
    /// The time given to the run was over, or there was no more room.
    StopEarly,
    /// The user went back to an older checkpoint, which this one restates.
    Rollback,
    /// The job began with an exported checkpoint.
    Import,
    /// The job began with a checkpoint of another one.
    Fork,
    /// A reason that only a later version knows.
    #[serde(other)]
    Unknown,
}

impl Trigger {
    /// Its name in messages; the same as in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Trigger::Start => "start",
            Trigger::Time => "time",
            Trigger::Records => "records",
            Trigger::Bytes => "bytes",
            Trigger::FileEnd => "file-end",
            Trigger::Predicate => "predicate",
            Trigger::Manual => "manual",
            Trigger::Interrupt => "interrupt",
            Trigger::Final => "final",
            Trigger::StopEarly => "stop-early",
            Trigger::Rollback => "rollback",
            Trigger::Import => "import",
            Trigger::Fork => "fork",
            Trigger::Unknown => "unknown",
        }
    }
}

impl Manifest {
    /// The starts whose spills the states may refer to.
    pub fn starts(&self) -> Vec<RunId> {
        std::iter::once(self.instance).chain(self.origins.iter().copied()).collect()
    }

    /// Whether all that is counted on from here can be counted on.
    pub fn has_sound_numbers(&self) -> bool {
        let Position { source: _, offset, records, lines } = self.position;
        let counted = [offset, records, lines, self.spills_made];
        let outputs = self.outputs.iter().flat_map(|output| [output.length, output.records]);
        let round = self
            .round
            .iter()
            .flat_map(|round| [round.number].into_iter().chain(round.before.numbers()));
        let parts = self.inputs.iter().filter_map(|input| input.part);
        let parts = parts.flat_map(|InputPart { from, to, length }| {
            [from.offset, from.records, from.lines, to.offset, to.records, to.lines, length]
        });
        let all = counted.into_iter().chain(self.counters.numbers());
        let mut all = all.chain(outputs).chain(round).chain(parts);
        all.all(|number| number < COUNT_MAX)
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// There is input left.
    Reading,
    /// The input is finished; what the steps still hold is being emitted.
    Draining,
    /// The outputs are complete and get their final names.
    Publishing,
    /// Everything has its final name.
    Done,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputEntry {
    /// As the job found it; never opened from here.
    pub path: String,
    /// What its content was.
    pub fingerprint: Fingerprint,
    /// Of an incremental job, which part of it the round reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<InputPart>,
}

/// Which part of an input a round reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPart {
    /// Where the round begins with it.
    pub from: Place,
    /// What was read before it stands before this place, too.
    pub to: Place,
    /// The file's length when the round began; what stands behind the last whole line is left for the next one.
    pub length: u64,
}

/// One file that a step looks things up in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceEntry {
    /// As the job names it; never opened from here.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// CRC-32 of all of them.
    pub crc: u32,
}

/// One step that keeps state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEntry {
    /// Its stable name: the name of its section.
    pub name: String,
    /// The kind of the transform.
    pub kind: String,
    /// The version of its section's layout.
    pub state_version: u32,
    /// Whether its section holds everything or what changed since the parent.
    pub form: Form,
}

/// Whether something holds everything or only what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Everything.
    Base,
    /// What changed since the parent checkpoint.
    Delta,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputEntry {
    /// The sink's name (`sink`, where there is only one), with the name of the partition behind a slash where it has such;
    /// or `rejects`.
    pub name: String,
    /// The path that the job gives; for messages, never opened from here.
    pub target: String,
    /// Bytes that are durable.
    pub length: u64,
    /// CRC-32 of those bytes.
    pub crc: u32,
    /// The bytes after the last multiple of 4096, to repair a torn block; of a partition they are in a section of their own.
    #[serde(with = "hex_bytes")]
    pub tail: Vec<u8>,
    /// How many records the output holds.
    #[serde(default)]
    pub records: u64,
    /// Whether publishing may replace a file of the final name: it was ours when the job first started, or the user
    /// wants it.
    #[serde(default)]
    pub replaces: bool,
    /// The output of an earlier start of the job that stood at the final name when this one began.
    #[serde(default)]
    pub ours: Option<Standing>,
    /// What the round before published under the final name, where this output begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<Standing>,
}

/// What an earlier start of the job published under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierOutput {
    /// As in [`OutputEntry`].
    pub name: String,
    /// Bytes.
    pub length: u64,
    /// CRC-32 of all bytes.
    pub crc: u32,
}

/// A whole output, by size and checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Bytes.
    pub length: u64,
    /// CRC-32 of all bytes.
    pub crc: u32,
}

/// What was counted since the job's first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Records read from inputs.
    pub records_read: u64,
    /// Records that a step dropped.
    pub records_filtered: u64,
    /// Records appended to the sink.
    pub records_written: u64,
    /// Records kept aside as bad.
    pub records_rejected: u64,
    /// Input bytes processed.
    pub bytes_read: u64,
    /// Output bytes appended to the sink.
    pub bytes_written: u64,
    /// Checkpoints saved, this one included.
    pub checkpoints: u64,
    /// How often the job was resumed.
    pub resumes: u64,
    /// Milliseconds that processes worked on the job.
    pub active_millis: u64,
}

impl Counters {
    fn numbers(&self) -> [u64; 9] {
        [
            self.records_read,
            self.records_filtered,
            self.records_written,
            self.records_rejected,
            self.bytes_read,
            self.bytes_written,
            self.checkpoints,
            self.resumes,
            self.active_millis,
        ]
    }

    /// What was counted since some earlier moment of the same job.
    pub fn since(&self, before: &Counters) -> Counters {
        let less = u64::saturating_sub;
        Counters {
            records_read: less(self.records_read, before.records_read),
            records_filtered: less(self.records_filtered, before.records_filtered),
            records_written: less(self.records_written, before.records_written),
            records_rejected: less(self.records_rejected, before.records_rejected),
            bytes_read: less(self.bytes_read, before.bytes_read),
            bytes_written: less(self.bytes_written, before.bytes_written),
            checkpoints: less(self.checkpoints, before.checkpoints),
            resumes: less(self.resumes, before.resumes),
            active_millis: less(self.active_millis, before.active_millis),
        }
    }
}

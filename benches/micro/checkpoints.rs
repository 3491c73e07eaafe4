//! Checkpoints of large states: what they take in memory, how long the barrier is, what everything and what changes come
//! to in bytes, and how long it takes to have them back.

use crate::chunk::Chunk;
use crate::keyed_state;
use onward::checkpoint::format::{self, Limits};
use onward::checkpoint::{
    Checkpoint, CheckpointId, Digest, Form, Manifest, RunId, Section, Sequence,
};
use onward::engine::Plan;
use onward::state::Writer;
use onward::transform::{NARROW, Snapshot, State, States};
use serde_json::json;
use std::fs;
use std::process::Command;
use std::time::Instant;

const KEYS: [u64; 2] = [1_000_000, 10_000_000];

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// One of so many keys changes.
const CHANGED: usize = 100;

/// Prints what states take.
pub fn run() {
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  bytes of memory a key; ms of the barrier, until a file is made, MB of it, of everything; the barrier and MB, of 1 % changed; s to load both",
        "memory", "barrier", "file", "MB", "barrier", "MB", "load"
    );
    // Each in a process of its own: memory that was used before would hide what is used now.
    let program = std::env::current_exe().expect("this program");
    for step in 0..keyed_state::STEPS.len() {
        for keys in KEYS {
            let row = format!("{ROW}{step}:{keys}");
            let status = Command::new(&program).arg(row).status().expect("it can be started");
            assert!(status.success(), "the row of {keys} keys failed");
        }
    }
}

/// What begins the argument of a process that makes one row.
const ROW: &str = "row:";

/// Makes one row of the table, where the argument asks for it.
pub fn is_row(argument: &str) -> bool {
    let Some((step, keys)) = argument.strip_prefix(ROW).and_then(|row| row.split_once(':')) else {
        return false;
    };
    let (step, keys) = (step.parse::<usize>().expect("a number"), keys.parse().expect("a number"));
    let (name, step) = keyed_state::STEPS[step];
    run_one(name, step, keys);
    true
}

fn run_one(name: &str, step: &str, keys: u64) {
    let job = Chunk::new(&keyed_state::job(step), "csv", b"user_id,amount\n".to_vec());
    let plan = &job.bound.plan;
    let before = resident_bytes();
    let mut states = plan.chain.new_states();
    keyed_state::pass(&job.bound, &mut states, 0..keys, KEY_BYTES);
    let memory = resident_bytes().saturating_sub(before) as f64 / keys as f64;

    let whole = Frozen::of(plan, &mut states, true);
    // Known keys for what counts, new ones for what only knows whether a key was seen.
    let again = (0..keys).step_by(CHANGED);
    keyed_state::pass(&job.bound, &mut states, again.clone(), KEY_BYTES);
    let new = again.map(|key| u64::from(u32::MAX) - key);
    if name == "dedup" {
        keyed_state::pass(&job.bound, &mut states, new, KEY_BYTES);
    }
    let changes = Frozen::of(plan, &mut states, false);
    drop(states);

    let start = Instant::now();
    let (base, delta) = (whole.section(), changes.section());
    let mut state =
        plan.chain.read_state(0, &base.bytes, base.version, plan).expect("it was just made");
    plan.chain
        .extend_state(0, &mut state, &delta.bytes, delta.version, plan)
        .expect("it was just made");
    let load = start.elapsed().as_secs_f64();

    println!(
        "{memory:>8.1} {:>8.2} {:>8.0} {:>8.1} {:>8.2} {:>8.2} {load:>8.2}  {name}, {keys} keys",
        whole.barrier * 1e3,
        whole.to_file * 1e3,
        whole.file.len() as f64 / 1e6,
        changes.barrier * 1e3,
        changes.file.len() as f64 / 1e6,
    );
}

/// What became of a state at a barrier.
struct Frozen {
    /// Seconds during which the run waits.
    barrier: f64,
    /// Seconds until the file was made, in another thread.
    to_file: f64,
    file: Vec<u8>,
}

impl Frozen {
    fn of(plan: &Plan, states: &mut States, is_all: bool) -> Frozen {
        let state: &mut State = states[0].as_mut().expect("the step has a state");
        let start = Instant::now();
        let snapshot = plan.chain.freeze_state(0, state, is_all, plan).expect("it is in memory");
        let barrier = start.elapsed().as_secs_f64();
        let (form, content) = match snapshot {
            Snapshot::Whole(content) => (Form::Base, content),
            Snapshot::Changes(content) => (Form::Delta, content),
        };
        assert_eq!(form == Form::Base, is_all, "the first one is everything, the second is not");
        let start = Instant::now();
        let mut out = Writer::narrow();
        content.write(&mut out);
        drop(content);
        let section =
            Section { name: "step".to_owned(), form, version: NARROW | 1, bytes: out.bytes };
        let (file, _) = format::encode(&checkpoint(section), Sequence(2)).expect("it is sound");
        Frozen { barrier, to_file: start.elapsed().as_secs_f64(), file }
    }

    fn section(&self) -> Section {
        let decoded = format::decode(&self.file, &Limits::default()).expect("it was just made");
        decoded.checkpoint.sections.into_iter().next().expect("it has a state")
    }
}

/// A checkpoint with one state, and a manifest that says nothing.
fn checkpoint(section: Section) -> Checkpoint {
    let id = RunId([7; 16]);
    let manifest = json!({
        "semantics": 1,
        "job_name": "micro",
        "job": {},
        "instance": id,
        "run": id,
        "first_started_at_micros": 0,
        "trigger": "time",
        "phase": "reading",
        "position": { "source": 0, "offset": 0, "records": 0, "lines": 0 },
        "inputs": [],
        "outputs": [],
    });
    let manifest: Manifest = serde_json::from_value(manifest).expect("all that must be there");
    let parent = CheckpointId { sequence: Sequence(1), digest: Digest(7) };
    let parent = (section.form == Form::Delta).then_some(parent);
    Checkpoint { manifest, sections: vec![section], parent }
}

/// Memory of this process, as Linux says; 0 elsewhere.
fn resident_bytes() -> u64 {
    const PAGE: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

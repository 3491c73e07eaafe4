//! Checkpoints: a state as bytes, these as a file, and back.

use crate::chunk::Chunk;
use crate::keyed_state;
use onward::checkpoint::format::{self, Limits};
use onward::checkpoint::{Checkpoint, Form, Manifest, RunId, Section, Sequence};
use serde_json::json;
use std::time::Instant;

const KEYS: u64 = 1_000_000;

/// Prints what a state of many groups takes.
pub fn run() {
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  ns per group; MB of state and of file; MB/s of state into a file",
        "state", "file", "check", "load", "MB", "MB", "MB/s"
    );
    for (name, step) in keyed_state::STEPS {
        let job = Chunk::new(&keyed_state::job(step), "csv", b"user_id,amount\n".to_vec());
        let plan = &job.bound.plan;
        let mut states = plan.chain.new_states();
        keyed_state::pass(&job.bound, &mut states, KEYS);
        let state = states[0].as_mut().expect("the step has a state");

        let (to_bytes, bytes) = timed(|| plan.chain.write_state(0, state, plan));
        let bytes = bytes.expect("a state can be written");
        let raw = bytes.len() as f64;
        let checkpoint = checkpoint(bytes);
        let (to_file, file) = timed(|| format::encode(&checkpoint, Sequence(1)));
        let (file, _) = file.expect("it is sound");
        let (checked, decoded) = timed(|| format::decode(&file, &Limits::default()));
        let decoded = decoded.expect("it was just made").checkpoint;
        assert_eq!(decoded.sections, checkpoint.sections, "what was written is read");
        let (loaded, state) = timed(|| plan.chain.read_state(0, &decoded.sections[0].bytes, plan));
        state.expect("it was just made");

        let [state, encode, check, load] =
            [to_bytes, to_file, checked, loaded].map(|seconds| seconds * 1e9 / KEYS as f64);
        let (raw, stored) = (raw / 1e6, file.len() as f64 / 1e6);
        println!(
            "{state:>8.1} {encode:>8.1} {check:>8.1} {load:>8.1} {raw:>8.1} {stored:>8.1} {:>8.0}  {name}, {KEYS} keys",
            raw / (to_bytes + to_file)
        );
    }
}

fn timed<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// A checkpoint with one state, and a manifest that says nothing.
fn checkpoint(bytes: Vec<u8>) -> Checkpoint {
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
    let name = "step".to_owned();
    let section = Section { name, form: Form::Base, version: 1, bytes };
    Checkpoint { manifest, sections: vec![section], parent: None }
}

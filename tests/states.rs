//! States of any size are saved, as a whole and as what changed, and had back.
//!
//! `ONWARD_STATE_KEYS=10000000` also runs with so many keys; that takes up to half an hour and 4 GB of disk.

use crate::support::folder;
use crate::support::program::onward;
use std::fmt::Write as _;
use std::fs;
use tempfile::TempDir;

/// How many keys there are.
const KEYS: [u64; 4] = [0, 1, 1_000, 1_000_000];

/// Of so many keys one comes again in each later round.
const AGAIN: usize = 100;

/// How often some keys come again.
const ROUNDS: usize = 10;

/// A run is stopped after so many barriers.
const BARRIERS: &str = "3";

/// Steps that remember each key; those in front also with many.
const STEPS: [&str; 6] = [
    r#"aggregate = { by = ["id"], select = ["count(*) AS n", "sum(amount) AS total"] }"#,
    r#"dedup = { key = ["id"] }"#,
    r#"dedup = { key = ["id"], keep = "last" }"#,
    r#"window = { by = ["id"], compute = ["sum(amount) AS total", "lag(amount) AS before"] }"#,
    r#"fill = { columns = ["note"], with = "down", by = ["id"], empty = true }"#,
    r#"top = { by = ["id"], order = ["amount DESC"], n = 2 }"#,
];

/// So many of the steps are run with so many keys.
fn steps(keys: u64) -> &'static [&'static str] {
    if keys > 1_000 { &STEPS[..2] } else { &STEPS }
}

/// A job over all keys once, and then some of them again; all checkpoints are kept.
fn job(step: &str, keys: u64) -> (TempDir, usize) {
    let scratch = folder::scratch();
    let job = format!(
        "[source]\npath = \"in.csv\"\ntypes = {{ amount = \"decimal(12,2)\" }}\n\
         [[transform]]\n{step}\n[sink]\npath = \"out.csv\"\n[checkpoint]\nkeep = 1000\n"
    );
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    let mut text = "id,amount,note\n".to_owned();
    let mut write = |key: u64, round: usize| {
        let (name, amount) = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15), key % 1_000);
        let note = if round == 0 { "first" } else { "" };
        writeln!(text, "{name:016x},{amount}.{round:02},{note}").expect("a string");
    };
    (0..keys).for_each(|key| write(key, 0));
    for round in 1..=ROUNDS {
        (0..keys).step_by(AGAIN).for_each(|key| write(key, round));
    }
    folder::write(&scratch.path().join("in.csv"), text.as_bytes());
    (scratch, text.len())
}

fn output(scratch: &TempDir) -> Vec<u8> {
    fs::read(scratch.path().join("out.csv")).expect("the output")
}

/// The bytes of all checkpoints in their order.
fn checkpoint_bytes(scratch: &TempDir) -> Vec<u64> {
    let directory = scratch.path().join(".onward/job");
    let names = folder::names(&directory).into_iter().filter(|name| name.ends_with(".onw"));
    names.map(|name| fs::metadata(directory.join(name)).expect("a file").len()).collect()
}

/// Runs a job to its end, and the same again with stops; what comes out must be the same.
fn check(step: &str, keys: u64) {
    let (undisturbed, bytes) = job(step, keys);
    let ended = onward(undisturbed.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let (scratch, _) = job(step, keys);
    // At the end of the input little changes from one barrier to the next.
    let chunk = (bytes / 44).max(1).to_string();
    let run = ["run", "job.toml", "--chunk-bytes", &*chunk, "--stop-after-barriers", BARRIERS];
    let mut largest = 0;
    let mut least_of_later = u64::MAX;
    loop {
        let ended = onward(scratch.path(), &run);
        if ended.code != Some(75) {
            assert_eq!(ended.code, Some(0), "{ended:?}");
            break;
        }
        let newest = *checkpoint_bytes(&scratch).last().expect("it was stopped at one");
        largest = largest.max(newest);
        least_of_later = if newest == largest { u64::MAX } else { least_of_later.min(newest) };
    }
    assert!(output(&scratch) == output(&undisturbed), "{step}, {keys} keys");
    if keys >= 1_000_000 {
        assert!(least_of_later < largest / 20, "{least_of_later} of {largest} bytes: {step}");
    }
}

#[test]
fn states_of_any_size_are_had_back() {
    let asked = std::env::var("ONWARD_STATE_KEYS").ok();
    let asked = asked.map(|keys| keys.parse().expect("`ONWARD_STATE_KEYS` is a number"));
    for keys in KEYS.into_iter().chain(asked) {
        steps(keys).iter().for_each(|step| check(step, keys));
    }
}

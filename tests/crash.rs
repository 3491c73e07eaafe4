//! Whole jobs on the simulated disk, whose threads take turns as a seed says: the power fails at every operation, once and
//! again during recovery; every operation fails in every way; durable bytes turn bad. The same command then ends with the
//! same bytes, or refuses; and a checkpoint that was announced is there after any cut.
//!
//! `stories` are what happens to a job, `rules` what must hold in all of them. The tests of `power` and `faults` print what
//! they looked at.

mod bad_disk;

mod contract;

mod copied;

mod faults;

mod handling;

mod invariants;

mod moving;

mod power;

mod rounds;

mod rules;

mod schedules;

mod stories;

mod teeth;

mod values;

mod windows;

use onward::checkpoint::Holder;
use onward::engine::{
    self, ChangeMode, Chunks, Outcome, Requests, RunOptions, StartMode, StopAfter, World,
};
use onward::job::{self, Job};
use onward::observe::{Event, Observer, Progress};
use onward::storage::clock::SimulatedClock;
use onward::storage::simulated::{Cut, SimulatedStorage};
use onward::storage::{FileKind, Storage};
use onward::threads;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A file's name, and what makes its content.
type Input = (&'static str, fn() -> String);

/// A job, its inputs, and its outputs.
struct Workload {
    name: &'static str,
    job: &'static str,
    inputs: &'static [Input],
    outputs: &'static [&'static str],
}

const FOLDER: &str = "/job";

static WORKLOADS: [Workload; 8] = [
    Workload {
        name: "stateless with rejects",
        job: r#"
            [source]
            path = "in.csv"
            types = { amount = "bigint" }
            [[transform]]
            filter = "amount > 3"
            [sink]
            path = "out.csv"
            [rejects]
            path = "bad.jsonl"
            limit = 100
            [checkpoint]
            every_records = 12
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.csv", "bad.jsonl"],
    },
    Workload {
        name: "dedup over two inputs",
        job: r#"
            [source]
            path = ["in.csv", "more.csv"]
            [[transform]]
            dedup = { key = ["name"] }
            [sink]
            path = "out.jsonl"
            [checkpoint]
            every_records = 15
            at_file_end = true
            keep = 1
        "#,
        inputs: &[("in.csv", orders), ("more.csv", orders)],
        outputs: &["out.jsonl"],
    },
    Workload {
        name: "aggregate with a predicate",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[transform]]
            aggregate = { by = ["name"], select = ["count(*) AS n", "sum(id) AS ids"] }
            [sink]
            path = "out.csv"
            [checkpoint]
            when = "id % 17 = 0"
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.csv"],
    },
    Workload {
        name: "sort with spills",
        job: r#"
            [source]
            path = "in.csv"
            [[transform]]
            sort = { by = ["name DESC", "amount"], memory = "1KiB" }
            [[transform]]
            name = "again"
            sort = { by = ["amount"], memory = "1KiB" }
            [sink]
            path = "out.csv"
            [checkpoint]
            every_records = 20
            keep = 2
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.csv"],
    },
    Workload {
        name: "window before a sort",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[transform]]
            window = { by = ["name"], compute = ["sum(id) AS ids", "lag(amount) AS before"] }
            [[transform]]
            sort = { by = ["amount", "ids"], memory = "1KiB" }
            [sink]
            path = "out.csv"
            [checkpoint]
            every_records = 20
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.csv"],
    },
    Workload {
        name: "two sinks",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[sink]]
            name = "odd"
            path = "odd.csv"
            where = "id % 2 = 1"
            [[sink]]
            name = "even"
            path = "even.jsonl"
            otherwise = true
            [checkpoint]
            every_records = 20
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["odd.csv", "even.jsonl"],
    },
    Workload {
        name: "partitions",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[transform]]
            compute = ["id // 25 AS part"]
            [sink]
            path = "out/part={part}/{part}.csv"
            partition_by = ["part"]
            [checkpoint]
            every_records = 20
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out/part=0/0.csv", "out/part=1/1.csv", "out/part=2/2.csv"],
    },
    Workload {
        name: "nothing to read",
        job: "[source]\npath = \"in.csv\"\n[sink]\npath = \"out.csv\"\n",
        inputs: &[("in.csv", || "id,name\n".to_owned())],
        outputs: &["out.csv"],
    },
];

fn orders() -> String {
    let mut text = String::from("id,name,amount\n");
    for id in 0..60 {
        let amount = if id % 20 == 9 { "none".to_owned() } else { (id % 7).to_string() };
        text += &format!("{id},\"name {}\",{amount}\n", id % 11);
    }
    text
}

/// Remembers the newest announced checkpoint, and the one that was resumed.
#[derive(Default)]
struct Watcher {
    saved: AtomicU64,
    resumed: AtomicU64,
}

impl Observer for Watcher {
    fn event(&self, event: Event) {
        match event {
            Event::Saved { sequence, .. } => {
                self.saved.fetch_max(sequence, Ordering::SeqCst);
            }
            Event::Resumed { sequence, .. } => self.resumed.store(sequence, Ordering::SeqCst),
            Event::Note(_) | Event::Refused { .. } | Event::SaveFailed { .. } => {}
        }
    }
}

/// The job, as it stands in a folder.
fn load(workload: &Workload, folder: &str) -> Job {
    let file = Path::new(folder).join("job.toml");
    job::load(workload.job, &file, &|_| None, &[]).expect("a sound job")
}

fn world(disk: &SimulatedStorage, seed: u64, observer: Arc<dyn Observer>) -> World {
    World {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(SimulatedClock::new(seed)),
        requests: Arc::new(Requests::default()),
        progress: Arc::new(Progress::default()),
        observer,
        stdout: Arc::new(Mutex::new(Vec::new())),
        pause: |_| (),
        holder: Holder { pid: 1, host: "here".to_owned(), since_micros: 0 },
    }
}

fn options(stop_after_barriers: Option<u64>) -> RunOptions {
    RunOptions {
        threads: 1,
        chunks: Chunks::new(64),
        start: StartMode::Resume,
        changes: ChangeMode::Refuse,
        overwrite: false,
        unsafe_directory: false,
        stop: StopAfter { barriers: stop_after_barriers, ..StopAfter::default() },
    }
}

/// Runs a job on a disk; answers the newest checkpoint that it announced.
fn run(
    workload: &Workload,
    disk: &SimulatedStorage,
    seed: u64,
) -> (u64, u64, Result<Outcome, String>) {
    let job = load(workload, FOLDER);
    let watcher = Arc::new(Watcher::default());
    let world = world(disk, seed, watcher.clone());
    let options = options(None);
    let outcome =
        threads::seeded(seed, || engine::run(&job, "onward run job.toml", &options, &world));
    let number = |number: &AtomicU64| number.load(Ordering::SeqCst);
    (
        number(&watcher.saved),
        number(&watcher.resumed),
        outcome.map_err(|error| format!("{:?}: {error}", error.kind)),
    )
}

fn fresh(workload: &Workload) -> SimulatedStorage {
    let disk = SimulatedStorage::new();
    disk.put_directory(FOLDER, 0o755);
    for (name, text) in workload.inputs {
        disk.put_file(Path::new(FOLDER).join(name), text().as_bytes());
    }
    disk
}

/// The staged files below a folder.
fn staged(disk: &SimulatedStorage, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in disk.list(folder).expect("a readable folder") {
        let path = folder.join(name);
        match disk.metadata(&path).expect("what is listed is there").kind {
            FileKind::Directory => found.extend(staged(disk, &path)),
            _ if path.to_string_lossy().ends_with(".partial") => found.push(path),
            _ => {}
        }
    }
    found
}

fn outputs(workload: &Workload, disk: &SimulatedStorage) -> Vec<Option<Vec<u8>>> {
    workload.outputs.iter().map(|name| disk.file(Path::new(FOLDER).join(name))).collect()
}

/// The job goes on after whatever happened, and its outputs are those of an undisturbed run.
fn check(workload: &Workload, disk: &SimulatedStorage, announced: u64, place: &str) {
    let (_, resumed, outcome) = run(workload, disk, 99);
    let name = workload.name;
    match outcome {
        Ok(Outcome::AlreadyFinished(_)) => {}
        Ok(Outcome::Finished(_)) => {
            assert!(
                resumed >= announced,
                "{name}, {place}: {announced} was announced, {resumed} found"
            );
        }
        other => panic!("{name}, {place}: {other:?}"),
    }
    assert_eq!(staged(disk, Path::new(FOLDER)), Vec::<PathBuf>::new(), "{name}, {place}");
    let undisturbed = fresh(workload);
    run(workload, &undisturbed, 1).2.expect("an undisturbed run");
    assert!(outputs(workload, &undisturbed).iter().all(Option::is_some), "{name}");
    assert_eq!(outputs(workload, disk), outputs(workload, &undisturbed), "{name}, {place}");
    let left = disk.list(&Path::new(FOLDER).join(".onward/job")).expect("the job's folder");
    let is_spill = |name: &OsString| name.to_string_lossy().starts_with("spill-");
    assert!(!left.iter().any(is_spill), "{name}, {place}: {left:?}");
}

fn cuts(disk: &SimulatedStorage, seed: u64) -> Vec<Cut> {
    let pending = disk.pending();
    let mut cuts = vec![Cut::Prefix(0), Cut::Prefix(pending / 2), Cut::Prefix(pending)];
    if pending <= 3 {
        cuts.extend((0..1 << pending).map(Cut::Chosen));
    }
    cuts.extend((0..4).map(|draw| Cut::Seeded(seed * 100 + draw)));
    cuts
}

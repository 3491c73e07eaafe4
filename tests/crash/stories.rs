//! Stories: a job in the middle of something, on a disk as an earlier run left it, and the run that is to be struck.

use super::{FOLDER, WORKLOADS, Workload, fresh, load, options, outputs, world};
use onward::checkpoint::SavepointName;
use onward::engine::{self, ChangeMode, Chunks, Outcome, RunOptions};
use onward::error::Kind;
use onward::job::{self, Job};
use onward::observe::{Event, Observer};
use onward::storage::Storage;
use onward::storage::simulated::{Cut, Operation, SimulatedStorage};
use onward::threads;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is to be struck.
pub struct Story {
    pub name: &'static str,
    pub workload: &'static Workload,
    pub before: Before,
    /// Of the run that is struck.
    pub threads: usize,
    /// The job as it is when the run begins that is struck, where it was changed.
    pub changed: Option<&'static str>,
    /// How many bytes there is room for while it runs; `u64::MAX` where that does not matter.
    pub capacity: u64,
}

/// What happened before.
#[derive(Clone, Copy)]
pub enum Before {
    Nothing,
    /// A run was stopped after so many barriers, twice.
    Stopped(u64),
    /// A run was stopped right before its outputs got their names.
    Publishing,
    /// A round ended, and the inputs are these now.
    Round(&'static [super::Input]),
    /// Somebody wants a savepoint.
    SavepointAsked,
    /// A run was stopped before the first record; the columns of the output are others now.
    Renamed,
}

/// A run that has ended.
pub struct Ran {
    pub outcome: Result<Outcome, (Kind, String)>,
    /// The checkpoints that it announced, and how many operations there had been then.
    pub announced: Vec<(usize, u64)>,
    /// The checkpoint that it went on from.
    pub resumed: Option<u64>,
    /// The checkpoint files that it refused.
    pub refused: Vec<String>,
    /// The numbers of the checkpoint files that stood in the job's folder before.
    pub used: Vec<u64>,
    /// Those that stood in the folder of copies, with their bytes.
    pub copied: BTreeMap<u64, Vec<u8>>,
    /// Of the same numbers, those that stand in the job's folder now.
    pub taken: BTreeMap<u64, Vec<u8>>,
    /// What it did on the disk.
    pub operations: Vec<Operation>,
}

const CHAIN: Workload = Workload {
    name: "chain",
    job: r#"
        [source]
        path = "in.csv"
        types = { id = "bigint" }
        [[transform]]
        dedup = { key = ["id", "amount"] }
        [sink]
        path = "out.csv"
        [checkpoint]
        every_records = 3
        keep = 2
    "#,
    inputs: &[("in.csv", many_orders)],
    outputs: &["out.csv"],
};

fn many_orders() -> String {
    let rows = (60..110).map(|id| format!("{id},\"name {}\",{}\n", id % 9, id % 5));
    super::orders() + &rows.collect::<String>()
}

const COPIED: Workload = Workload {
    name: "copied",
    job: r#"
        [source]
        path = "in.csv"
        [[transform]]
        dedup = { key = ["name"] }
        [sink]
        path = "out.csv"
        [checkpoint]
        every_records = 20
        copies = ["copy"]
        require_copies = true
    "#,
    inputs: &[("in.csv", super::orders)],
    outputs: &["out.csv"],
};

const RENAMED: Workload = Workload {
    name: "renamed",
    job: r#"
        [source]
        path = "in.csv"
        types = { id = "bigint" }
        [[transform]]
        aggregate = { by = ["name"], select = ["count(*) AS n"] }
        [sink]
        path = "out.csv"
        [checkpoint]
        every_records = 20
    "#,
    inputs: &[("in.csv", super::orders)],
    outputs: &["out.csv"],
};

const RENAMED_JOB: &str = r#"
        [source]
        path = "in.csv"
        types = { id = "bigint" }
        [[transform]]
        aggregate = { by = ["name"], select = ["count(*) AS many"] }
        [sink]
        path = "out.csv"
        [checkpoint]
        every_records = 20
    "#;

fn of(name: &str) -> &'static Workload {
    let found = WORKLOADS.iter().find(|workload| workload.name == name);
    found.unwrap_or_else(|| panic!("a workload called {name}"))
}

fn story(name: &'static str, workload: &'static Workload, before: Before) -> Story {
    Story { name, workload, before, threads: 1, changed: None, capacity: u64::MAX }
}

/// All stories.
pub fn stories() -> Vec<Story> {
    super::teeth::make_mistake();
    let growing = |place: usize| {
        let growing = &super::rounds::GROWING[place];
        (&growing.workload, Before::Round(growing.later))
    };
    let round = |name, place| {
        let (workload, before) = growing(place);
        story(name, workload, before)
    };
    let threads = |threads, story: Story| Story { threads, ..story };
    let all = vec![
        story("fresh, with rejects", of("stateless with rejects"), Before::Nothing),
        threads(2, story("two inputs", of("dedup over two inputs"), Before::Nothing)),
        story("resumed", of("dedup over two inputs"), Before::Stopped(4)),
        threads(3, story("predicate", of("aggregate with a predicate"), Before::Nothing)),
        story("chain of deltas", &CHAIN, Before::Nothing),
        threads(2, story("chain of deltas, resumed", &CHAIN, Before::Stopped(8))),
        story("spills", of("sort with spills"), Before::Nothing),
        threads(2, story("spills, resumed", of("sort with spills"), Before::Stopped(6))),
        story("window before a sort", of("window before a sort"), Before::Stopped(5)),
        threads(2, story("two sinks", of("two sinks"), Before::Nothing)),
        story("publishing", of("two sinks"), Before::Publishing),
        threads(3, story("partitions", of("partitions"), Before::Nothing)),
        story("partitions, resumed", of("partitions"), Before::Stopped(5)),
        story("savepoint", of("stateless with rejects"), Before::SavepointAsked),
        story("nothing to read", of("nothing to read"), Before::Nothing),
        Story {
            capacity: 9_000,
            ..story("full disk", of("stateless with rejects"), Before::Nothing)
        },
        threads(2, story("copies", &COPIED, Before::Nothing)),
        story("copies, resumed", &COPIED, Before::Stopped(4)),
        round("round, appended", 0),
        round("round, parts", 1),
        threads(2, round("round, replaced, with spills", 2)),
        round("round without output", 3),
        Story { changed: Some(RENAMED_JOB), ..story("other columns", &RENAMED, Before::Renamed) },
    ];
    all.into_iter().filter(|story| !is_quick() || QUICK.contains(&story.name)).collect()
}

/// Whether only so much is to be looked at as finds a mistake that is really there.
pub fn is_quick() -> bool {
    std::env::var_os("ONWARD_MUTANT").is_some()
}

/// The stories that are enough for that.
const QUICK: [&str; 6] = [
    "fresh, with rejects",
    "resumed",
    "chain of deltas",
    "chain of deltas, resumed",
    "two sinks",
    "publishing",
];

/// Takes note of what a run says, and when.
struct Listener {
    disk: SimulatedStorage,
    heard: Mutex<Vec<(usize, Event)>>,
}

impl Observer for Listener {
    fn event(&self, event: Event) {
        let place = self.disk.operations_count();
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push((place, event));
    }
}

impl Story {
    /// The job that the struck run and those after it do.
    pub fn job(&self) -> Job {
        self.job_in(FOLDER)
    }

    pub fn job_in(&self, folder: &str) -> Job {
        let text = self.changed.unwrap_or(self.workload.job);
        let file = Path::new(folder).join("job.toml");
        job::load(text, &file, &|_| None, &[]).expect("a sound job")
    }

    fn options(&self) -> RunOptions {
        let changes = if self.changed.is_some() { ChangeMode::Accept } else { ChangeMode::Refuse };
        RunOptions { threads: self.threads, changes, ..options(None) }
    }

    /// The disk before the run that is struck: all of it durable, nothing counted.
    pub fn disk(&self) -> SimulatedStorage {
        let disk = fresh(self.workload);
        let stopped = |barriers| {
            for seed in [5, 6] {
                let options = RunOptions { ..options(Some(barriers)) };
                let ran = run(&load(self.workload, FOLDER), &options, &disk, seed);
                assert!(matches!(ran.outcome, Ok(Outcome::Stopped(..))), "{}", self.name);
            }
        };
        match self.before {
            Before::Nothing => {}
            Before::Stopped(barriers) => stopped(barriers),
            Before::Publishing => return self.publishing(),
            Before::Renamed => stopped(1),
            Before::Round(later) => {
                let ran = run(&load(self.workload, FOLDER), &options(None), &disk, 5);
                assert!(matches!(ran.outcome, Ok(Outcome::Finished(_))), "{}", self.name);
                for (name, text) in later {
                    disk.put_file(Path::new(FOLDER).join(name), text().as_bytes());
                }
            }
            Before::SavepointAsked => {
                stopped(2);
                let world = world(&disk, 5, Arc::new(super::Watcher::default()));
                let folder = engine::folder(&self.job(), &world, self.options().trust());
                let folder = folder.expect("a folder").expect("made");
                let name = SavepointName::parse("wanted").expect("a name");
                folder.request_savepoint(&name).expect("asked for");
            }
        }
        disk.power_cut(Cut::Prefix(usize::MAX))
    }

    /// A disk on which the last operation before the outputs get their names was done.
    fn publishing(&self) -> SimulatedStorage {
        let disk = fresh(self.workload);
        disk.keep_moments();
        let ran = run(&load(self.workload, FOLDER), &options(None), &disk, 5);
        let is_output = |path: &Path| self.workload.outputs.iter().any(|name| path.ends_with(name));
        let first = ran.operations.iter().position(|one| {
            one.call == onward::storage::simulated::Call::Rename && is_output(&one.path)
        });
        let first = first.expect("outputs get their names");
        disk.moments()[first].after_kill().power_cut(Cut::Prefix(usize::MAX))
    }

    /// Does the run that is to be struck, with the threads of the story.
    pub fn run(&self, disk: &SimulatedStorage, seed: u64) -> Ran {
        run(&self.job(), &self.options(), disk, seed)
    }

    /// The same command again, after whatever happened.
    pub fn run_again(&self, disk: &SimulatedStorage, seed: u64) -> Ran {
        run(&self.job(), &RunOptions { threads: 1, ..self.options() }, disk, seed)
    }

    /// What must come out: what the job writes that is never stopped, takes no checkpoints and reads everything at once.
    pub fn expected(&self) -> Vec<Option<Vec<u8>>> {
        let disk = fresh(self.workload);
        let without_checkpoints = |text: &str| {
            let keys = ["every_records", "when", "at_file_end", "keep", "copies", "require_copies"];
            let is_kept =
                |line: &&str| !keys.iter().any(|key| line.trim().starts_with(&format!("{key} =")));
            text.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
        };
        let text = without_checkpoints(self.changed.unwrap_or(self.workload.job));
        let file = Path::new(FOLDER).join("job.toml");
        let job = job::load(&text, &file, &|_| None, &[]).expect("a sound job");
        let options = RunOptions { chunks: Chunks::new(1 << 20), ..options(None) };
        let finish = || {
            let ran = run(&job, &options, &disk, 1);
            assert!(matches!(ran.outcome, Ok(Outcome::Finished(_))), "{}", self.name);
        };
        finish();
        if let Before::Round(later) = self.before {
            for (name, text) in later {
                disk.put_file(Path::new(FOLDER).join(name), text().as_bytes());
            }
            finish();
        }
        let expected = outputs(self.workload, &disk);
        assert!(expected.iter().all(Option::is_some), "{}", self.name);
        expected
    }
}

/// Runs a job on a disk, with threads that take turns.
pub fn run(job: &Job, options: &RunOptions, disk: &SimulatedStorage, seed: u64) -> Ran {
    let heard = Mutex::default();
    let listener = Arc::new(Listener { disk: disk.clone(), heard });
    let world = world(disk, seed, listener.clone());
    let used = checkpoints(disk, ".onward/job").into_iter().map(|(number, _)| number).collect();
    let copied = contents(disk, "copy");
    let before = disk.operations_count();
    let outcome =
        threads::seeded(seed, || engine::run(job, "onward run job.toml", options, &world));
    let heard = std::mem::take(&mut *listener.heard.lock().unwrap_or_else(PoisonError::into_inner));
    let mut taken = BTreeMap::new();
    if !copied.is_empty() {
        taken = contents(disk, ".onward/job");
        taken.retain(|number, _| copied.contains_key(number));
    }
    let mut ran = Ran {
        outcome: outcome.map_err(|error| (error.kind, error.to_string())),
        announced: Vec::new(),
        resumed: None,
        refused: Vec::new(),
        used,
        copied,
        taken,
        operations: disk.operations()[before..].to_vec(),
    };
    for (place, event) in heard {
        match event {
            Event::Saved { sequence, .. } => ran.announced.push((place - before, sequence)),
            Event::Resumed { sequence, .. } => ran.resumed = Some(sequence),
            Event::Refused { file, .. } => ran.refused.push(file.display().to_string()),
            Event::Note(_) | Event::SaveFailed { .. } => {}
        }
    }
    ran
}

/// The checkpoint files in a folder with their numbers; whoever asks leaves no trace in the operations.
fn checkpoints(disk: &SimulatedStorage, folder: &str) -> Vec<(u64, PathBuf)> {
    let folder = Path::new(FOLDER).join(folder);
    let listed = disk.after_kill().list(&folder).unwrap_or_default();
    let paths = listed.iter().map(|name| folder.join(name));
    let names = paths.filter(|path| path.extension().is_some_and(|end| end == "onw"));
    let is_checkpoint = |path: &PathBuf| path.to_string_lossy().contains("/ckpt-");
    names.filter(is_checkpoint).map(|path| (super::rules::number(&path), path)).collect()
}

/// The same with their bytes.
fn contents(disk: &SimulatedStorage, folder: &str) -> BTreeMap<u64, Vec<u8>> {
    let found = checkpoints(disk, folder).into_iter();
    found.filter_map(|(number, path)| Some((number, disk.file(&path)?))).collect()
}

/// What stands in the job's folder.
pub fn names(disk: &SimulatedStorage) -> Vec<String> {
    let listed = disk.list(&Path::new(FOLDER).join(".onward/job")).unwrap_or_default();
    listed.iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

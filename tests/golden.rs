//! Jobs that earlier versions stopped in the middle are gone on with, and end as if this version had run them from the start.
//!
//! `fixtures/checkpoints/<set>/<job>/` holds `job.toml`, the files that a stopped run left (`left/`), and the outputs of a
//! run that was not stopped (`expected/`); `in.csv` and `in.jsonl` of the set are the inputs. A set is never changed.
//! `ONWARD_GOLDEN=<new set>` makes one with the present version (`strace` is needed for the job that was publishing).

mod jobs;

use crate::support::folder::{self, Files};
use crate::support::program::{Ended, onward, onward_ends};
use jobs::{Golden, JOBS, Stop};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/checkpoints");

/// All sets together stay small.
const BYTES_MAX: u64 = 600_000;

fn sets() -> Vec<PathBuf> {
    let paths = folder::names(Path::new(SETS)).into_iter().map(|name| Path::new(SETS).join(name));
    paths.filter(|path| path.is_dir()).collect()
}

/// The jobs of a set.
fn jobs_of(set: &Path) -> Vec<PathBuf> {
    let paths = folder::names(set).into_iter().map(|name| set.join(name));
    paths.filter(|path| path.is_dir()).collect()
}

/// Makes a folder as the stopped run left it. The modes of checkpoints are not kept by everything that copies files.
fn stage(set: &Path, job: &Path, scratch: &Path) {
    for name in ["in.csv", "in.jsonl"] {
        folder::write(&scratch.join(name), &fs::read(set.join(name)).expect("an input"));
    }
    folder::write(&scratch.join("job.toml"), &fs::read(job.join("job.toml")).expect("a job"));
    for path in folder::paths(&job.join("left")) {
        let target = scratch.join(&path);
        folder::write(&target, &fs::read(job.join("left").join(&path)).expect("a file"));
        if path.starts_with("checkpoints/") {
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
    }
    let checkpoints = scratch.join("checkpoints");
    fs::set_permissions(&checkpoints, fs::Permissions::from_mode(0o700)).expect("a mode");
}

/// The outputs in a folder.
fn outputs(scratch: &Path) -> Files {
    let is_output = |path: &String| {
        !path.starts_with("checkpoints/")
            && !["in.csv", "in.jsonl", "job.toml"].contains(&path.as_str())
    };
    folder::files(scratch).into_iter().filter(|(path, _)| is_output(path)).collect()
}

/// Goes on with a stopped job, and says what is not as it must be.
fn check(set: &Path, job: &Path) -> String {
    let scratch = folder::scratch_in_memory();
    stage(set, job, scratch.path());
    let ended = onward(scratch.path(), &["run", "job.toml"]);
    let mut text =
        folder::difference(&folder::files(&job.join("expected")), &outputs(scratch.path()));
    let goes_on = ["resuming from checkpoint", "finished already"];
    if !matches!(ended.code, Some(0 | 3)) || !goes_on.iter().any(|one| ended.stderr.contains(one)) {
        writeln!(text, "{ended:?}").expect("a string takes everything");
    }
    text
}

#[test]
fn jobs_stopped_by_every_earlier_version_are_gone_on_with() {
    let mut differences = String::new();
    let mut count = 0;
    for set in sets() {
        for job in jobs_of(&set) {
            let difference = check(&set, &job);
            if !difference.is_empty() {
                writeln!(differences, "== {}\n{difference}", job.display()).expect("a string");
            }
            count += 1;
        }
    }
    assert!(count >= JOBS.len(), "only {count} jobs");
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn the_sets_are_small() {
    let bytes: u64 = folder::files(Path::new(SETS)).values().map(|file| file.len() as u64).sum();
    assert!(bytes < BYTES_MAX, "{bytes} bytes");
}

#[test]
fn a_new_set_is_made_where_it_is_asked_for() {
    let Some(name) = std::env::var_os("ONWARD_GOLDEN") else {
        // Without that the jobs of which sets are made must still run as they are.
        let golden = JOBS.iter().find(|one| one.stop == Stop::Draining).expect("a job that drains");
        let (stopped, ended) = golden.stopped();
        let scratch = folder::scratch_in_memory();
        golden.stage(scratch.path());
        onward_ends(scratch.path(), &["run", "job.toml"], golden.exit);
        assert_eq!(ended.code, Some(75), "{ended:?}");
        onward_ends(stopped.path(), &["run", "job.toml"], golden.exit);
        assert_eq!(outputs(stopped.path()), outputs(scratch.path()));
        return;
    };
    let set = Path::new(SETS).join(name);
    assert!(!set.exists(), "a set is never changed");
    for golden in JOBS {
        golden.make(&set);
    }
}

impl Golden {
    /// Makes its folder in a set.
    fn make(&self, set: &Path) {
        let job = set.join(self.name);
        let whole = folder::scratch_in_memory();
        self.stage(whole.path());
        for name in ["in.csv", "in.jsonl"] {
            folder::write(&set.join(name), &fs::read(whole.path().join(name)).expect("an input"));
        }
        onward_ends(whole.path(), &["run", "job.toml"], self.exit);
        for (path, bytes) in outputs(whole.path()) {
            folder::write(&job.join("expected").join(path), &bytes);
        }
        let (stopped, _) = self.stopped();
        folder::write(&job.join("job.toml"), self.text().as_bytes());
        for (path, bytes) in folder::files(stopped.path()) {
            let is_left = !["in.csv", "in.jsonl", "job.toml"].contains(&path.as_str())
                && !path.starts_with("checkpoints/LOCK");
            if is_left {
                folder::write(&job.join("left").join(path), &bytes);
            }
        }
        let difference = check(set, &job);
        assert!(difference.is_empty(), "{}: {difference}", self.name);
    }

    /// Runs it until it is where it is to be stopped.
    fn stopped(&self) -> (tempfile::TempDir, Ended) {
        for barriers in 1..1000_u32 {
            let scratch = folder::scratch_in_memory();
            self.stage(scratch.path());
            let ended = self.stopped_after(scratch.path(), barriers);
            let phase = phase(scratch.path());
            let is_there = match self.stop {
                Stop::After(records) => phase.1 >= records,
                Stop::Draining => phase.0 == "draining",
                Stop::Publishing => phase.0 == "publishing",
                Stop::Done => phase.0 == "done",
            };
            if is_there {
                return (scratch, ended);
            }
        }
        panic!("{} never comes to {:?}", self.name, self.stop);
    }

    fn stopped_after(&self, scratch: &Path, barriers: u32) -> Ended {
        let barriers = barriers.to_string();
        let run = ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"];
        match self.stop {
            Stop::Done => onward_ends(scratch, &run, self.exit),
            Stop::Publishing => killed_before_naming(scratch, &run),
            Stop::After(_) | Stop::Draining => {
                onward(scratch, &[&run[..], &["--stop-after-barriers", &barriers]].concat())
            }
        }
    }
}

/// Kills a run at the third file that it renames: the first checkpoint, the one before publishing, the output.
fn killed_before_naming(scratch: &Path, run: &[&str]) -> Ended {
    let killed = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=renameat2"])
        .args(["-e", "inject=renameat2:error=EIO:signal=KILL:when=3"])
        .arg(env!("CARGO_BIN_EXE_onward"))
        .args(run)
        .current_dir(scratch)
        .stdin(Stdio::null())
        .output()
        .expect("strace");
    let stderr = String::from_utf8_lossy(&killed.stderr).into_owned();
    Ended { code: killed.status.code(), signal: None, stdout: killed.stdout, stderr }
}

/// What the newest checkpoint says: the phase, and how many records were read.
fn phase(scratch: &Path) -> (String, u64) {
    let ended = onward_ends(scratch, &["checkpoint", "show", "job.toml", "--json"], 0);
    let shown: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    let manifest = &shown["manifest"];
    let records = manifest["counters"]["records_read"].as_u64().expect("a number");
    (manifest["phase"].as_str().expect("a phase").to_owned(), records)
}

//! Cases as data: `fixtures/cases/<area>-<what>/` holds a job, its inputs, and what must come of it.
//!
//! | file | what |
//! |---|---|
//! | `job.toml` | the job |
//! | `args` | further arguments, one a line |
//! | `data` | files of `fixtures/data` that are inputs, one a line |
//! | `out.*`, files below `out/`, `rejects.jsonl`, `stdout` | what must come out, byte for byte, and nothing else |
//! | `exit` | the exit code, where it is not 0 |
//! | `stderr` | the messages, with `TIME` for times, `COUNT` for checkpoints, `INSTANCE` for ids; where there is none, they are not looked at |
//! | all others | inputs |

use super::folder::{self, Files};
use super::program::{Ended, onward};
use std::fs;
use std::path::{Path, PathBuf};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cases");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/data");

/// Files of a case that are no inputs, besides the outputs.
const SPECIAL: &[&str] = &["args", "data", "exit", "stderr", "stdout"];

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// `<area>-<what>`
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
    /// Further arguments of the command.
    pub arguments: Vec<String>,
    /// Real data that it reads.
    pub data: Vec<String>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Result {
    /// The exit code.
    pub exit: i32,
    /// Outputs, and `stdout` where something was written there.
    pub files: Files,
    /// Messages, without times.
    pub stderr: String,
}

/// All cases, sorted by name.
pub fn all() -> Vec<Case> {
    folder::names(Path::new(CASES)).iter().map(|name| Case::read(name)).collect()
}

fn is_output(path: &str) -> bool {
    path.starts_with("out.")
        || path.starts_with("out/")
        || path == "rejects.jsonl"
        || path == "stdout"
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

impl Case {
    fn read(name: &str) -> Case {
        let folder = Path::new(CASES).join(name);
        let (arguments, data) = (lines(&folder.join("args")), lines(&folder.join("data")));
        Case { name: name.to_owned(), folder, arguments, data }
    }

    /// Whether it reads real data, of which there is much.
    pub fn is_big(&self) -> bool {
        !self.data.is_empty()
    }

    /// Bytes of its inputs.
    pub fn input_bytes(&self) -> u64 {
        let scratch = folder::scratch_in_memory();
        self.stage(scratch.path());
        let files = folder::files(scratch.path());
        let inputs = files.iter().filter(|(path, _)| *path != "job.toml");
        inputs.map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Whether its output can be gone on with: standard output cannot.
    pub fn is_resumable(&self) -> bool {
        !fs::read_to_string(self.folder.join("job.toml")).expect("a job").contains("path = \"-\"")
    }

    /// Copies the job and its inputs.
    pub fn stage(&self, scratch: &Path) {
        for path in folder::paths(&self.folder) {
            if !is_output(&path) && !SPECIAL.contains(&path.as_str()) {
                let bytes = fs::read(self.folder.join(&path)).expect("a readable file");
                folder::write(&scratch.join(&path), &bytes);
            }
        }
        for name in &self.data {
            let from = Path::new(DATA).join(name);
            fs::copy(&from, scratch.join(name)).expect("real data");
        }
    }

    /// Runs it in a folder where it was staged.
    pub fn run(&self, scratch: &Path, more: &[&str]) -> Ended {
        let mut arguments = vec!["run", "job.toml"];
        arguments.extend(self.arguments.iter().map(String::as_str));
        arguments.extend(more);
        onward(scratch, &arguments)
    }

    /// Stages and runs it, and collects what came of it.
    pub fn result(&self, scratch: &tempfile::TempDir, more: &[&str]) -> Result {
        self.stage(scratch.path());
        let ended = self.run(scratch.path(), more);
        self.collect(scratch.path(), &ended)
    }

    /// What came of a run.
    pub fn collect(&self, scratch: &Path, ended: &Ended) -> Result {
        let exit = ended.code.unwrap_or_else(|| panic!("{}: {ended:?}", self.name));
        let mut files = folder::files(scratch);
        for path in folder::paths(&self.folder).iter().chain(&self.data) {
            if !is_output(path) {
                files.remove(path);
            }
        }
        // A stopped job keeps what it goes on with.
        if !matches!(exit, 0 | 3) {
            files.retain(|path, _| !path.ends_with(".partial"));
        }
        if !ended.stdout.is_empty() {
            files.insert("stdout".to_owned(), ended.stdout.clone());
        }
        Result { exit, files, stderr: without_times(&ended.stderr) }
    }

    /// What must come of it. Without a `stderr` file the messages are `found`.
    pub fn expected(&self, found: &str) -> Result {
        let exit = fs::read_to_string(self.folder.join("exit"));
        let exit = exit.map_or(0, |text| text.trim().parse().expect("an exit code"));
        let mut files = folder::files(&self.folder);
        files.retain(|path, _| is_output(path));
        let stderr = fs::read_to_string(self.folder.join("stderr"));
        Result { exit, files, stderr: stderr.unwrap_or_else(|_| found.to_owned()) }
    }

    /// Makes what came of it what must come of it.
    pub fn bless(&self, result: &Result) {
        for path in folder::paths(&self.folder).iter().filter(|path| is_output(path)) {
            fs::remove_file(self.folder.join(path)).expect("an old expectation");
        }
        for (path, bytes) in &result.files {
            folder::write(&self.folder.join(path), bytes);
        }
        let (exit, stderr) = (self.folder.join("exit"), self.folder.join("stderr"));
        if stderr.exists() || result.exit != 0 {
            folder::write(&stderr, result.stderr.as_bytes());
        }
        if result.exit != 0 {
            folder::write(&exit, format!("{}\n", result.exit).as_bytes());
        } else if exit.exists() {
            fs::remove_file(exit).expect("an old exit code");
        }
    }
}

impl Result {
    /// The same without the line of counts, in which `limit` shows how much was read in vain.
    pub fn without_counts(mut self) -> Result {
        let lines = self.stderr.lines().filter(|line| !line.starts_with("onward: finished"));
        self.stderr = lines.map(|line| format!("{line}\n")).collect();
        self
    }

    /// The same without any messages.
    pub fn without_messages(mut self) -> Result {
        self.stderr.clear();
        self
    }

    /// What is different, in words; empty where nothing is.
    pub fn difference(&self, found: &Result) -> String {
        let mut text = folder::difference(&self.files, &found.files);
        if self.exit != found.exit {
            text += &format!("exit code {}, expected {}\n", found.exit, self.exit);
        }
        if self.stderr != found.stderr {
            text += &format!("--- expected stderr\n{}--- found\n{}", self.stderr, found.stderr);
        } else if !text.is_empty() {
            text += &found.stderr;
        }
        text
    }
}

/// A line with `INSTANCE` for the id in the name of a staged file.
fn without_instance(line: &str) -> String {
    let Some((before, rest)) = line.split_once(".onward-") else { return line.to_owned() };
    let (_, after) = rest.split_once(".partial").expect("a staged file's name");
    format!("{before}.onward-INSTANCE.partial{after}")
}

/// Messages with `TIME` for how long the run took, and `COUNT` for its checkpoints, of which there are fewer where saving is slow.
fn without_times(stderr: &str) -> String {
    let without = |line: &str| {
        let Some(rest) = line.strip_prefix("onward: finished `") else {
            return format!("{}\n", without_instance(line));
        };
        let (name, rest) = rest.split_once("` in ").expect("the job's name");
        let (_, counts) = rest.split_once(": ").expect("how long it took");
        let (counts, _) = counts.rsplit_once(", ").expect("the number of checkpoints");
        format!("onward: finished `{name}` in TIME: {counts}, COUNT checkpoints\n")
    };
    // Where the tests are run says nothing about the program.
    let is_about_us = |line: &&str| !line.contains(": the job survives a crash of the process");
    stderr.lines().filter(is_about_us).map(without).collect()
}

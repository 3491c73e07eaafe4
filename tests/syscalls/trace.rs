//! What `strace` saw, call by call.

use crate::support::program::{Ended, by_default, can_trace, mistakes, path, start};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A call of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The thread.
    pub thread: String,
    /// Its name.
    pub name: String,
    /// What it was called with, descriptors with the paths of their files.
    pub arguments: String,
    /// What it returned; empty where that was not seen.
    pub result: String,
    /// When it began and when it had returned: lines of the trace.
    pub began: usize,
    /// See `began`.
    pub ended: usize,
}

impl Call {
    /// Whether it did what it should.
    pub fn is_done(&self) -> bool {
        !self.result.starts_with(['-', '?']) && !self.result.is_empty()
    }

    /// The path of the file that its first argument, a descriptor, stands for.
    pub fn file(&self) -> &str {
        let descriptor = self.arguments.split(", ").next().unwrap_or_default();
        descriptor.split_once('<').map_or("", |(_, path)| path.trim_end_matches('>'))
    }

    /// The paths that stand between quotes in its arguments.
    pub fn paths(&self) -> Vec<&str> {
        self.arguments.split('"').skip(1).step_by(2).collect()
    }

    /// Whether it writes into a file.
    pub fn is_write(&self) -> bool {
        matches!(self.name.as_str(), "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2")
    }

    /// Whether it makes bytes or names durable.
    pub fn is_sync(&self) -> bool {
        const SYNCS: [&str; 5] = ["fsync", "fdatasync", "sync", "syncfs", "sync_file_range"];
        SYNCS.contains(&self.name.as_str())
    }

    /// Whether it opens a file.
    pub fn is_open(&self) -> bool {
        matches!(self.name.as_str(), "open" | "openat" | "openat2" | "creat")
    }

    /// Whether it gives a file another name.
    pub fn is_rename(&self) -> bool {
        matches!(self.name.as_str(), "rename" | "renameat" | "renameat2")
    }

    /// Whether it takes a name away.
    pub fn is_unlink(&self) -> bool {
        matches!(self.name.as_str(), "unlink" | "unlinkat")
    }
}

/// Runs the program under `strace` in a folder; `None` where that cannot be done.
pub fn traced(folder: &Path, options: &[&str], arguments: &[&str]) -> Option<(Ended, Vec<Call>)> {
    let file = folder.with_extension("trace");
    if !can_trace() {
        return None;
    }
    let mut command = by_default("strace");
    command.args(["-f", "-y", "-s", "1000", "--quiet=attach", "-o"]).arg(&file).args(options);
    command.arg(path()).args(arguments).current_dir(folder).env_clear().envs(mistakes());
    let ended = start(&mut command).end();
    let text = fs::read_to_string(&file).unwrap_or_default();
    _ = fs::remove_file(&file);
    assert!(text.contains("+++ "), "nothing was traced: {ended:?}");
    Some((ended, calls(&text)))
}

/// Understands a trace.
fn calls(text: &str) -> Vec<Call> {
    const UNFINISHED: &str = " <unfinished ...>";
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: BTreeMap<String, usize> = BTreeMap::new();
    for (line_number, line) in text.lines().enumerate() {
        let Some((thread, line)) = line.split_once(' ') else { continue };
        let line = line.trim_start();
        if let Some((_, rest)) = line.strip_prefix("<... ").and_then(|rest| rest.split_once('>')) {
            if let Some(index) = unfinished.remove(thread) {
                let (arguments, result) = split_result(rest);
                let call = &mut calls[index];
                call.arguments.push_str(arguments.trim_start_matches(" resumed"));
                (call.result, call.ended) = (result.to_owned(), line_number);
            }
            continue;
        }
        let Some((name, rest)) = line.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let is_unfinished = rest.ends_with(UNFINISHED);
        let (arguments, result) = match rest.strip_suffix(UNFINISHED) {
            Some(arguments) => (arguments, ""),
            None => split_result(rest),
        };
        if is_unfinished {
            unfinished.insert(thread.to_owned(), calls.len());
        }
        calls.push(Call {
            thread: thread.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            result: result.to_owned(),
            began: line_number,
            ended: if is_unfinished { usize::MAX } else { line_number },
        });
    }
    calls
}

fn split_result(rest: &str) -> (&str, &str) {
    match rest.rsplit_once(" = ") {
        Some((arguments, result)) => (arguments.trim_end().trim_end_matches(')'), result.trim()),
        None => (rest, ""),
    }
}

#[test]
fn a_trace_is_understood_call_by_call() {
    let text = concat!(
        "7 open(\"a\", O_RDONLY|O_CLOEXEC) = 3</x/a>\n",
        "7 fsync(3</x/a> <unfinished ...>\n",
        "8 pwrite64(4</x/b = c>, \"d\\n\", 2, 0) = 2\n",
        "7 <... fsync resumed>)      = -1 EIO (Input/output error) (INJECTED)\n",
        "8 +++ exited with 0 +++\n",
    );
    let calls = calls(text);
    let told: Vec<_> =
        calls.iter().map(|call| (call.name.as_str(), call.file(), call.is_done())).collect();
    assert_eq!(
        told,
        [("open", "", true), ("fsync", "/x/a", false), ("pwrite64", "/x/b = c", true)]
    );
    assert_eq!((calls[1].began, calls[1].ended), (1, 3));
    assert_eq!(calls[0].paths(), ["a"]);
}

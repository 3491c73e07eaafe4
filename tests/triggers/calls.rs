//! The system calls of a checkpoint, as `strace` sees them.
//!
//! What was synced is durable, whatever happens next; so the order of the calls is the guarantee. Where `strace` is not
//! there, the test says so and passes.

use super::{NEVER, job};
use crate::support::report;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A call that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    SyncOutput,
    /// Once, when the output was made.
    SyncOutputFolder,
    CreateCheckpoint,
    SyncCheckpoint,
    NameCheckpoint,
    SyncFolder,
    DeleteCheckpoint,
}

use Call::{
    CreateCheckpoint, DeleteCheckpoint, NameCheckpoint, SyncCheckpoint, SyncFolder, SyncOutput,
    SyncOutputFolder,
};

/// What a line of the trace is; panics where a call is not made as it must be.
fn call(line: &str) -> Option<Call> {
    let (_process, call) = line.split_once(' ')?;
    let call = call.trim_start();
    let (name, arguments) = call.split_once('(')?;
    let is_checkpoint = arguments.contains("ckpt-");
    match name {
        "open" | "openat" | "openat2" if is_checkpoint && arguments.contains("O_CREAT") => {
            for flag in ["O_EXCL", "O_NOFOLLOW", "O_CLOEXEC", "0600"] {
                assert!(arguments.contains(flag), "{flag}: {line}");
            }
            Some(CreateCheckpoint)
        }
        "fdatasync" if arguments.contains(".partial>") => Some(SyncOutput),
        "fsync" if is_checkpoint => Some(SyncCheckpoint),
        "fsync" if arguments.contains("/.onward/job>") => Some(SyncFolder),
        "renameat2" if is_checkpoint => {
            assert!(arguments.contains("RENAME_NOREPLACE"), "{line}");
            Some(NameCheckpoint)
        }
        "unlink" | "unlinkat" if is_checkpoint => Some(DeleteCheckpoint),
        "fsync" | "fdatasync" | "sync" | "syncfs" | "sync_file_range" => Some(SyncOutputFolder),
        "rename" | "renameat" if is_checkpoint => panic!("{line}"),
        _ => None,
    }
}

fn skip(why: &str) -> Option<Vec<Call>> {
    report::skip(why);
    None
}

/// The calls of the thread that saves checkpoints; none where there is no `strace`.
fn trace(folder: &Path) -> Option<Vec<Call>> {
    let calls = "trace=open,openat,openat2,fsync,fdatasync,sync,syncfs,sync_file_range,\
                 rename,renameat,renameat2,unlink,unlinkat";
    let traced = Command::new("strace")
        .args(["-f", "-y", "-s", "4096", "-e", calls, "-o", "trace"])
        .arg(env!("CARGO_BIN_EXE_onward"))
        .args(["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"])
        .args(["--stop-after-barriers", "80", "--set", "checkpoint.keep=3"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let Ok(ended) = traced else {
        return skip("strace is not there");
    };
    let text = fs::read_to_string(folder.join("trace")).unwrap_or_default();
    if !text.contains("exited with") {
        return skip("strace may not trace here");
    }
    assert_eq!(ended.status.code(), Some(75), "{ended:?}");
    let process = |line: &&str| line.split(' ').next().map(str::to_owned);
    let saves = |line: &&str| line.contains("renameat2(") && line.contains("ckpt-");
    let saver = text.lines().find(saves).and_then(|line| process(&line)).expect("a saver");
    let own = text.lines().filter(|line| process(line).as_deref() == Some(&*saver));
    Some(own.filter_map(call).collect())
}

#[test]
fn the_calls_of_a_checkpoint_come_in_the_order_of_the_protocol() {
    let scratch = job(&format!("when = \"id % 50 = 0\"\n{NEVER}"), 1000);
    let Some(calls) = trace(scratch.path()) else { return };
    let one = [CreateCheckpoint, SyncCheckpoint, NameCheckpoint, SyncFolder];
    // The first one comes before the output is made; after that, the name of the output is made durable once.
    let mut expected = one.to_vec();
    expected.extend([SyncOutput, SyncOutputFolder]);
    expected.extend(one);
    let mut checkpoints = 2;
    while expected.len() < calls.len() {
        expected.push(SyncOutput);
        expected.extend(one);
        checkpoints += 1;
        if checkpoints > 3 {
            // The oldest goes when the newest is durable.
            expected.push(DeleteCheckpoint);
        }
    }
    assert!(checkpoints > 8, "{calls:?}");
    assert_eq!(calls, expected);
}

//! What surrounds a process: umask, streams, clock, time zone, language. None of it reaches an output.

use super::{RUN, STOPPING, Stopped};
use crate::support::folder;
use crate::support::jobs::Shape;
use crate::support::program::{Ended, mistakes, onward, path, start};
use crate::support::report::{count, skip};
use serde_json::Value as Json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs the program from a shell; `$0` is the program and `$@` its arguments.
fn by_shell(script: &str, folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).arg(path()).args(arguments).current_dir(folder);
    command.env_clear().envs(mistakes());
    start(&mut command).end()
}

/// That what is private is so, whatever the umask says.
fn check_modes(folder: &Path, what: &str) {
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let own = folder.join(".onward/job");
    assert_eq!(mode(&own), 0o700, "{what}");
    for name in folder::names(&own) {
        assert_eq!(mode(&own.join(&name)), 0o600, "{what}: {name}");
    }
}

#[test]
fn whatever_the_umask_is_private_files_are_private_and_the_job_can_be_gone_on_with() {
    let mut tried = 0;
    for shape in [Shape::Sort, Shape::Partitions] {
        for umask in ["000", "022", "077", "777"] {
            let what = format!("{shape:?}, umask {umask}");
            let stopped = Stopped::new(shape);
            let scratch = folder::scratch_in_memory();
            for name in ["job.toml", "in.csv", "days.csv"] {
                let from = stopped.path().join(name);
                if from.exists() {
                    fs::copy(from, scratch.path().join(name)).expect("copied");
                }
            }
            let script = format!("umask {umask}; exec \"$0\" \"$@\"");
            let ended = by_shell(&script, scratch.path(), &STOPPING);
            assert_eq!(ended.code, Some(75), "{what}: {ended:?}");
            check_modes(scratch.path(), &what);
            let ended = by_shell(&script, scratch.path(), &RUN);
            assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
            check_modes(scratch.path(), &what);
            let difference = folder::difference(&stopped.expected, &folder::files(scratch.path()));
            assert!(difference.is_empty(), "{what}: {difference}");
            tried += 1;
        }
    }
    count(&format!("hostile: {tried} umasks"));
}

/// Another user, who is not root.
const OTHER: u32 = 65_534;
const AS_OTHER: &str = "exec setpriv --reuid=65534 --clear-groups ./program \"$@\"";

/// A job of another user, who has stopped it, in a folder with a `program` that everybody may run; `None` where nobody can
/// become that user.
fn stopped_by_other(stopped: &Stopped, umask: &str) -> Option<TempDir> {
    let scratch = tempfile::Builder::new().prefix("onward-test-").tempdir().expect("a folder");
    for name in ["job.toml", "in.csv"] {
        fs::copy(stopped.path().join(name), scratch.path().join(name)).expect("copied");
        _ = chown(scratch.path().join(name), Some(OTHER), None);
    }
    let program = scratch.path().join("program");
    fs::copy(path(), &program).expect("copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    if chown(scratch.path(), Some(OTHER), None).is_err() {
        skip("another user is become by root only");
        return None;
    }
    let ended = by_shell(&format!("{umask}{AS_OTHER}"), scratch.path(), &STOPPING);
    if ended.stderr.contains("setpriv") {
        skip("setpriv does not work here");
        return None;
    }
    assert_eq!(ended.code, Some(75), "{ended:?}");
    Some(scratch)
}

#[test]
fn what_cannot_be_read_is_told_once_and_nothing_false_with_it() {
    let stopped = Stopped::new(Shape::Partitions);
    let Some(job) = stopped_by_other(&stopped, "") else { return };
    let own = job.path().join(".onward/job");
    let newest = folder::names(&own).into_iter().filter(|name| name.starts_with("ckpt-")).max();
    let newest = own.join(newest.expect("a checkpoint"));
    for (path, mode) in [(&newest, 0o600), (&own, 0o700)] {
        let chmod = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        chmod(0).expect("changed");
        let verified =
            by_shell(AS_OTHER, job.path(), &["checkpoint", "verify", "job.toml", "--json"]);
        chmod(mode).expect("changed");
        assert_ne!(verified.code, Some(0), "{verified:?}");
        let json: Json = serde_json::from_slice(&verified.stdout).expect("JSON");
        let problems = json["problems"].as_array().expect("a list");
        let said = problems.iter().map(|one| one["problem"].as_str().expect("a text"));
        let said: Vec<&str> = said.collect();
        assert!(matches!(*said, [one] if one.contains("ermission denied")), "{said:?}");
    }
    let verified = by_shell(AS_OTHER, job.path(), &["checkpoint", "verify", "job.toml"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn a_user_who_is_not_root_goes_on_under_a_umask_that_leaves_nothing() {
    let stopped = Stopped::new(Shape::Partitions);
    let Some(scratch) = stopped_by_other(&stopped, "umask 777; ") else { return };
    let ended = by_shell(&format!("umask 777; {AS_OTHER}"), scratch.path(), &RUN);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    fs::remove_file(scratch.path().join("program")).expect("removed");
    let difference = folder::difference(&stopped.expected, &folder::files(scratch.path()));
    assert!(difference.is_empty(), "{difference}");
    let owner = fs::metadata(scratch.path().join("large.csv")).expect("an output").uid();
    assert_eq!(owner, OTHER);
}

#[test]
fn with_closed_streams_no_file_gets_their_numbers() {
    for closing in ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let stopped = Stopped::new(Shape::Sort);
        let script = format!("exec \"$0\" \"$@\" {closing}");
        let mut stop = STOPPING.to_vec();
        stop.extend(["--progress", "json"]);
        let ended = by_shell(&script, stopped.path(), &stop);
        assert_eq!(ended.code, Some(75), "{closing}: {ended:?}");
        let verified = onward(stopped.path(), &["checkpoint", "verify", "job.toml"]);
        assert_eq!(verified.code, Some(0), "{closing}: {verified:?}");
        let ended = by_shell(&script, stopped.path(), &RUN);
        assert_eq!(ended.code, Some(0), "{closing}: {ended:?}");
        let difference = folder::difference(&stopped.expected, &folder::files(stopped.path()));
        assert!(difference.is_empty(), "{closing}: {difference}");
    }
}

#[test]
fn checkpoints_and_outputs_may_be_on_different_file_systems() {
    let memory = folder::scratch_in_memory();
    let disk = folder::scratch();
    let device = |path: &Path| fs::metadata(path).expect("there").dev();
    if device(memory.path()) == device(disk.path()) {
        return skip("there is only one file system for tests");
    }
    let stopped = Stopped::new(Shape::Sort);
    for name in ["job.toml", "in.csv", "days.csv"] {
        fs::copy(stopped.path().join(name), disk.path().join(name)).expect("copied");
    }
    let directory = format!("checkpoint.directory={}/own", memory.path().display());
    let elsewhere = ["--set", &directory];
    let ended = onward(disk.path(), &[&STOPPING[..], &elsewhere].concat());
    assert_eq!(ended.code, Some(75), "{ended:?}");
    let ended = onward(disk.path(), &[&RUN[..], &elsewhere].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("resuming from checkpoint "), "{ended:?}");
    let difference = folder::difference(&stopped.expected, &folder::files(disk.path()));
    assert!(difference.is_empty(), "{difference}");
}

/// Only a run that writes elsewhere can be told the time of day.
const HERE: &str = "--redirect=.";

/// Makes the folders that such a run writes into.
fn rehearsed(folder: &Path) {
    for name in ["0", "rejects"] {
        fs::create_dir_all(folder.join("outputs").join(name)).expect("a folder");
    }
}

/// Microseconds of a year.
const YEAR_MICROS: i64 = 366 * 86_400_000_000;

#[test]
fn a_clock_that_jumps_between_two_runs_changes_nothing() {
    let job = "[source]\npath = \"in.csv\"\n[[transform]]\ncompute = [\"now() AS made\"]\n\
               [sink]\npath = \"out.csv\"\n";
    const NOW: i64 = 1_790_000_000_000_000;
    let outputs = [0, -YEAR_MICROS, YEAR_MICROS, -NOW, i64::MAX - NOW].map(|jump| {
        let stopped = Stopped::new(Shape::Plain);
        let scratch = folder::scratch_in_memory();
        fs::copy(stopped.path().join("in.csv"), scratch.path().join("in.csv")).expect("copied");
        fs::write(scratch.path().join("job.toml"), job).expect("written");
        let at = |micros: i64| format!("--wall-micros={micros}");
        let (first, then) = (at(NOW), at(NOW + jump));
        rehearsed(scratch.path());
        let ended = onward(scratch.path(), &[&STOPPING[..], &[HERE, &first]].concat());
        assert_eq!(ended.code, Some(75), "{jump}: {ended:?}");
        let ended = onward(scratch.path(), &[&STOPPING[..], &[HERE, &then]].concat());
        assert_eq!(ended.code, Some(75), "{jump}: {ended:?}");
        let ended = onward(scratch.path(), &[&RUN[..], &[HERE, &first]].concat());
        assert_eq!(ended.code, Some(0), "{jump}: {ended:?}");
        assert!(ended.stderr.contains("resuming from checkpoint 3 "), "{jump}: {ended:?}");
        fs::read(scratch.path().join("outputs/0/out.csv")).expect("an output")
    });
    assert!(outputs.iter().all(|output| *output == outputs[0]));
}

#[test]
fn time_zone_and_language_may_change_between_two_runs() {
    let job = r#"
[source]
path = "in.csv"
types = { amount = "decimal(12,2)", day = "date" }
[[transform]]
compute = ["now() AS made", "CAST(day AS timestamp) AS at", "upper(note) AS loud", "amount * 1.5 AS more"]
[[transform]]
sort = { by = ["note", "amount", "id"], memory = "16KiB" }
[sink]
path = "out.csv"
[rejects]
path = "rejects.jsonl"
limit = "100%"
"#;
    let surroundings = [
        ("UTC", "C"),
        ("Pacific/Kiritimati", "tr_TR.UTF-8"),
        ("America/St_Johns", "de_DE.UTF-8"),
        (":/nonsense", "xx_YY"),
    ];
    let outputs = surroundings.map(|(zone, language)| {
        let stopped = Stopped::new(Shape::Plain);
        let scratch = folder::scratch_in_memory();
        fs::copy(stopped.path().join("in.csv"), scratch.path().join("in.csv")).expect("copied");
        fs::write(scratch.path().join("job.toml"), job).expect("written");
        let now = "--wall-micros=1790000000000000";
        rehearsed(scratch.path());
        let ended = onward(scratch.path(), &[&STOPPING[..], &[HERE, now]].concat());
        assert_eq!(ended.code, Some(75), "{zone}: {ended:?}");
        let exported =
            format!("export TZ={zone} LANG={language} LC_ALL={language}; exec \"$0\" \"$@\"");
        let ended = by_shell(&exported, scratch.path(), &[&RUN[..], &[HERE]].concat());
        assert!(matches!(ended.code, Some(0 | 3)), "{zone}: {ended:?}");
        folder::files(&scratch.path().join("outputs"))
    });
    for output in &outputs {
        let difference = folder::difference(&outputs[0], output);
        assert!(difference.is_empty(), "{difference}");
    }
}

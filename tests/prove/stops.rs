//! Proofs that are stopped or killed: at any moment nothing false is said, no run goes on without its proof, and what is left is
//! removed by the next one, but never from under a living one.

use super::{everything, job, prove, scratch_folders, spoil, staged, under_way};
use crate::support::folder;
use crate::support::jobs::Shape;
use crate::support::program::{self, by_default, can_trace, eventually, spawn, start};
use crate::support::random::Random;
use crate::support::report::count;
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn whoever_is_interrupted_at_any_moment_says_nothing_false_and_leaves_nothing() {
    let seed = 20;
    let mut random = Random::new(seed);
    let scratch = job(Shape::Plain, 30_000);
    let before = everything(scratch.path());
    // A proof of two kills, from its first moment to its end.
    let mut started = Instant::now();
    let all = prove(scratch.path(), &["--kills", "2"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    let mut shortest = started.elapsed();
    let (mut interrupted, mut finished) = (0, 0);
    for round in 0..40 {
        started = Instant::now();
        let mut running = spawn(scratch.path(), &["prove", "job.toml", "--kills", "2"]);
        running.ends_within(shortest.mul_f64(random.below(1000) as f64 / 1000.0));
        let signal = *random.pick(&[Signal::INT, Signal::TERM, Signal::HUP]);
        running.signal(signal);
        let ended = running.end();
        let place = format!("seed {seed}, round {round}: {ended:?}");
        let is_early = ended.signal == Some(signal.as_raw());
        let code = 128 + signal.as_raw();
        assert!(is_early || ended.code == Some(0) || ended.code == Some(code), "{place}");
        assert!(!ended.stderr.contains("not identical"), "{place}");
        assert!(!String::from_utf8_lossy(&ended.stdout).contains("NO\n"), "{place}");
        let difference = folder::difference(&before, &everything(scratch.path()));
        assert!(difference.is_empty(), "{place}: {difference}");
        assert_eq!(folder::names(scratch.path()).len(), 2, "{place}");
        match ended.code {
            Some(0) => {
                finished += 1;
                shortest = shortest.min(started.elapsed());
            }
            _ => interrupted += 1,
        }
    }
    count(&format!("prove: {interrupted} proofs interrupted, {finished} over before"));
    assert!(interrupted >= 10, "{interrupted}");
}

/// The children of a process.
fn children(process: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("the processes").filter_map(Result::ok);
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| parent_and_state(name).is_some_and(|(is, _)| is == process)).collect()
}

/// The parent of a process and its state; `None` where it is over.
fn parent_and_state(process: &str) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit(") ").next()?.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// Whether a process is gone, or has only not been asked yet how it ended. As long as one of its threads lives it has its
/// files, and its locks with them.
fn is_over(process: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count);
    parent_and_state(process).is_none_or(|(_, state)| state == 'Z' && threads <= 1)
}

#[test]
fn a_proof_that_is_killed_takes_its_run_with_it_and_the_next_one_sweeps() {
    let scratch = job(Shape::Plain, 200_000);
    let before = everything(scratch.path());
    let mut running = under_way(scratch.path(), &["--kills", "50"]);
    let runs = children(running.id());
    assert_eq!(runs.len(), 1, "{runs:?}");
    running.signal(Signal::KILL);
    assert_eq!(running.end().signal, Some(9));
    assert!(eventually(|| runs.iter().all(|run| is_over(run))), "{runs:?} go on");
    let left = scratch_folders(scratch.path());
    assert_eq!(left.len(), 1, "{left:?}");
    // What has such a name but is no folder, or that of another job or host, is not touched.
    let name = left[0].file_name().and_then(|name| name.to_str()).expect("a name");
    let (begins, _) = name.rsplit_once('-').expect("digits at its end");
    let (job, host) = begins.split_once('@').expect("a host");
    let digits = "0123456789abcdef";
    let others = [format!("{job}s@{host}-{digits}"), format!("{job}@elsewhere-{digits}")];
    let others = others.map(|name| scratch.path().join(name));
    others.iter().for_each(|other| fs::create_dir(other).expect("made"));
    let mine = scratch.path().join(format!("{begins}-{digits}"));
    folder::write(&mine, b"mine");
    let said =
        format!("onward: removed `{}`: a proof that was killed had left it\n", left[0].display());
    let ended = prove(scratch.path(), &["--kills", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(&said), "{ended:?}");
    others.iter().for_each(|other| fs::remove_dir(other).expect("it is still there"));
    fs::remove_file(mine).expect("it is still there");
    let difference = folder::difference(&before, &everything(scratch.path()));
    assert!(difference.is_empty(), "{difference}");
}

#[test]
fn a_living_proof_keeps_its_folder_from_another() {
    let scratch = job(Shape::Plain, 200_000);
    let mut living = under_way(scratch.path(), &["--kills", "100000"]);
    let folders = scratch_folders(scratch.path());
    let ended = prove(scratch.path(), &["--kills", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("removed"), "{ended:?}");
    assert_eq!(scratch_folders(scratch.path()), folders);
    living.signal(Signal::INT);
    let ended = living.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(!ended.stderr.contains("error"), "{ended:?}");
    assert_eq!(scratch_folders(scratch.path()).len(), 0);
}

#[test]
fn what_was_different_is_kept_though_the_proof_was_killed() {
    let scratch = job(Shape::Plain, 200_000);
    let mut running = under_way(scratch.path(), &["--kills", "1000"]);
    spoil(scratch.path());
    let kept = scratch_folders(scratch.path());
    assert!(running.until(|| kept[0].join("kill-2").exists()));
    running.signal(Signal::KILL);
    assert_eq!(running.end().signal, Some(9));
    let ended = prove(scratch.path(), &["--kills", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(scratch_folders(scratch.path()), kept);
    let said = fs::read_to_string(kept[0].join("KEPT")).expect("a text");
    assert!(said.starts_with("after kill 1 `0/out.csv` has other bytes\n"), "{said}");
}

#[test]
fn a_run_that_somebody_else_ends_is_no_difference() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let scratch = job(Shape::Plain, 200_000);
        let before = everything(scratch.path());
        let running = under_way(scratch.path(), &["--kills", "2"]);
        for run in children(running.id()) {
            let process = rustix::process::Pid::from_raw(run.parse().expect("a number"));
            rustix::process::kill_process(process.expect("a number"), signal).expect("it runs");
        }
        let ended = running.end();
        assert_eq!(ended.code, Some(1), "{signal:?}: {ended:?}");
        let said = "the undisturbed run was stopped or killed by somebody else";
        assert!(ended.stderr.contains(said), "{signal:?}: {ended:?}");
        let difference = folder::difference(&before, &everything(scratch.path()));
        assert!(difference.is_empty(), "{signal:?}: {difference}");
    }
}

#[test]
fn a_second_interrupt_ends_a_proof_at_once() {
    let scratch = job(Shape::Plain, 200_000);
    if !can_trace() {
        return;
    }
    // Removing what was made takes seconds.
    let mut traced = by_default("strace");
    traced.args(["-D", "-f", "-q", "-o", "/dev/null", "-e", "trace=unlinkat"]);
    traced.args(["-e", "inject=unlinkat:delay_enter=3000000"]).arg(program::path());
    traced.args(["prove", "job.toml", "--kills", "50"]).current_dir(scratch.path());
    let mut running = start(&mut traced);
    assert!(running.until(|| staged(scratch.path(), 1000).is_some()), "{:?}", running.end());
    running.signal(Signal::INT);
    // What comes at once behind the first may be the same request twice.
    assert!(!running.ends_within(Duration::from_millis(1500)), "it removes what it made");
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(!ended.stderr.contains("identical"), "{ended:?}");
    assert_eq!(scratch_folders(scratch.path()).len(), 1);
    let ended = prove(scratch.path(), &["--kills", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("a proof that was killed had left it"), "{ended:?}");
    assert_eq!(scratch_folders(scratch.path()).len(), 0);
}

//! Rounds that are killed, while their inputs go on growing.

use super::{Growing, SHAPES, at_once, csv};
use crate::support::folder;
use crate::support::program::{onward_ends, spawn};
use crate::support::random::Random;
use rustix::process::Signal;
use std::fs;

/// How many checkpoints a job has taken, as the largest number of one says.
fn taken(growing: &Growing) -> u64 {
    let names = folder::names(&growing.path().join(".onward/job")).into_iter();
    let number = |name: String| {
        let digits = name.strip_prefix("ckpt-")?.strip_suffix(".onw")?.to_owned();
        u64::from_str_radix(&digits, 16).ok()
    };
    names.filter_map(number).max().unwrap_or_default()
}

/// Kills the second round at each of its checkpoints, with the file rotated while it was down, and compares.
#[test]
fn a_round_that_is_killed_at_every_checkpoint_ends_as_if_nothing_had_happened() {
    let mut random = Random::new(21);
    let mut kills = 0;
    for shape in &SHAPES {
        let job = shape.job.replace("\"in.csv\"", "\"in.csv*\"\nformat = \"csv\"");
        let job = job + "[checkpoint]\nevery_bytes = 300\n";
        let text = csv(150, &mut random);
        let growing = Growing::new(&job);
        let first = text[..text.len() / 2].rfind("\n7").expect("a record") + 1;
        growing.write("in.csv", &text.as_bytes()[..first]);
        assert!(matches!(growing.run_with(&[]).code, Some(0 | 3)), "{}", shape.name);
        growing.append("in.csv", &text.as_bytes()[first..]);
        let before = taken(&growing);
        for stop in before + 1.. {
            let arguments = ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"];
            let mut running = spawn(growing.path(), &arguments);
            let is_there = running.until(|| taken(&growing) >= stop);
            if is_there {
                running.signal(Signal::KILL);
                kills += 1;
            }
            let ended = running.end();
            if matches!(ended.code, Some(0 | 3)) {
                break;
            }
            assert_eq!(ended.signal, Some(9), "{}: {ended:?}", shape.name);
            if stop == before + 4 {
                growing.rename("in.csv", "in.csv.1");
            }
        }
        growing.run(0, &["nothing is new"]);
        let mut found = folder::files(growing.path());
        found.retain(|name, _| name != "job.toml" && !name.starts_with("in.csv"));
        let difference = folder::difference(&at_once(shape, &text), &found);
        assert!(difference.is_empty(), "{}\n{difference}", shape.name);
        let left = folder::names(&growing.path().join(".onward/job"));
        let spills = left.iter().filter(|name| name.starts_with("spill-")).count();
        assert!(spills == 0 || shape.job.starts_with("[state]"), "{left:?}");
    }
    assert!(kills > 40, "{kills} kills");
}

/// A file that grows while it is read is read as far as it was when the round began.
#[test]
fn what_is_appended_during_a_round_is_for_the_next_one() {
    let shape = &SHAPES[1];
    let growing = Growing::new(shape.job);
    let text = csv(4000, &mut Random::new(22));
    let first = text[..text.len() / 2].rfind("\n1").expect("a record") + 1;
    growing.write("in.csv", &text.as_bytes()[..first]);
    let mut running =
        spawn(growing.path(), &["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"]);
    assert!(
        running.until(|| growing.path().join(".onward/job/ckpt-0000000000000001.onw").exists())
    );
    let mut file =
        fs::File::options().append(true).open(growing.path().join("in.csv")).expect("a file");
    std::io::Write::write_all(&mut file, &text.as_bytes()[first..]).expect("appended");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    growing.run(0, &["round 2:"]);
    growing.rests();
    assert_eq!(growing.read(shape.output).as_bytes(), at_once(shape, &text)[shape.output]);
}

#[test]
fn what_rounds_published_is_not_taken_apart() {
    const JOB: &str = "[source]\npath = \"in.csv\"\n[sink]\npath = \"out.csv\"\n";
    let growing = Growing::new(JOB);
    growing.write("in.csv", csv(150, &mut Random::new(22)));
    let stop = ["run", "job.toml", "--chunk-bytes", "300", "--stop-after-barriers", "2"];
    onward_ends(growing.path(), &stop, 75);
    onward_ends(growing.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    growing.run(0, &["round 1:"]);
    let before = folder::files(growing.path());
    let is_published = "round 1 publishes its outputs, or has published them";
    let commands: [&[&str]; 2] = [&["rollback", "job.toml"], &["rollback", "job.toml", "early"]];
    for command in commands {
        let ended = onward_ends(growing.path(), &[&["checkpoint"], command].concat(), 1);
        assert!(ended.stderr.contains(is_published), "{command:?}: {}", ended.stderr);
        let difference = folder::difference(&before, &folder::files(growing.path()));
        assert!(difference.is_empty(), "{command:?}: {difference}");
    }
}

/// Until a round publishes it can go back to any of its checkpoints, and to none of an earlier round.
#[test]
fn a_round_that_is_under_way_can_be_rolled_back() {
    let mut random = Random::new(23);
    for shape in &SHAPES {
        let text = csv(150, &mut random);
        let first = text[..text.len() / 2].rfind("\n7").expect("a record") + 1;
        for target in ["first", "here", "before"] {
            let growing = Growing::new(&format!("{}[checkpoint]\nkeep = 50\n", shape.job));
            growing.write("in.csv", &text.as_bytes()[..first]);
            let stop = |barriers: &str| {
                let stop = ["run", "job.toml", "--chunk-bytes", "100", "--stop-after-barriers"];
                onward_ends(growing.path(), &[&stop[..], &[barriers]].concat(), 75);
            };
            stop("2");
            onward_ends(growing.path(), &["checkpoint", "now", "job.toml", "--name", "old"], 0);
            assert!(matches!(growing.run_with(&[]).code, Some(0 | 3)), "{}", shape.name);
            growing.append("in.csv", &text.as_bytes()[first..]);
            let first_of_round = (taken(&growing) + 1).to_string();
            stop("4");
            onward_ends(growing.path(), &["checkpoint", "now", "job.toml", "--name", "here"], 0);
            stop("3");
            let old =
                onward_ends(growing.path(), &["checkpoint", "rollback", "job.toml", "old"], 1);
            let why = "is of round 1, and round 2 has begun";
            assert!(old.stderr.contains(why), "{}: {old:?}", shape.name);
            let rollback = ["checkpoint", "rollback", "job.toml"];
            let selector: &[&str] = match target {
                "first" => &[&first_of_round],
                "here" => &["here"],
                _ => &[],
            };
            let ended = onward_ends(growing.path(), &[&rollback[..], selector].concat(), 0);
            assert!(!ended.stdout.is_empty(), "{}: {ended:?}", shape.name);
            stop("1");
            assert!(matches!(growing.run_with(&[]).code, Some(0 | 3)), "{}", shape.name);
            let mut found = folder::files(growing.path());
            found.retain(|name, _| name != "job.toml" && !name.starts_with("in.csv"));
            let difference = folder::difference(&at_once(shape, &text), &found);
            assert!(difference.is_empty(), "{}, {target}\n{difference}", shape.name);
        }
    }
}

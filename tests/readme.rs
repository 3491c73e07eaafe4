//! What the README shows is what happens: its sessions are run, its tables compared with the program, its links followed.

use crate::support::folder;
use clap::CommandFactory;
use onward::cli::args::Arguments;
use onward::cli::exit::{Exit, Signal};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program, built for the tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_onward");

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The most lines of the README.
const LINES_MAX: usize = 200;

/// Stands between the outputs of two commands.
const MARK: &str = "@@ end of output @@";

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("the README")
}

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let after = text.split(&fence).skip(1);
    after.map(|block| block.split_once("```").expect("the end of a block").0).collect()
}

/// A command of a session and what is shown below it.
struct Shown<'a> {
    command: &'a str,
    output: String,
}

impl<'a> Shown<'a> {
    /// A command whose output is not shown.
    fn nothing_of(command: &'a str) -> Shown<'a> {
        Shown { command, output: String::new() }
    }
}

fn session<'a>(block: &'a str) -> Vec<Shown<'a>> {
    let commands = block.strip_prefix("$ ").expect("a session begins with a command");
    let split = |part: &'a str| {
        let part = part.strip_suffix('\n').unwrap_or(part);
        match part.split_once('\n') {
            Some((command, output)) => Shown { command, output: format!("{output}\n") },
            None => Shown::nothing_of(part),
        }
    };
    commands.split("\n$ ").map(split).collect()
}

/// The file that `cat FILE` shows, where it is one that the session only shows and never makes.
fn given_file<'a>(shown: &Shown<'a>, folder: &Path) -> Option<&'a str> {
    let name = shown.command.strip_prefix("cat ")?;
    (!name.contains(' ') && !folder.join(name).exists()).then_some(name)
}

/// Runs the commands of one block in one shell; the output of each.
fn run(commands: &[Shown<'_>], folder: &Path) -> Vec<String> {
    let mut script = String::new();
    for shown in commands {
        writeln!(script, "{}\necho '{MARK}'", shown.command).expect("a string takes everything");
    }
    let program = Path::new(PROGRAM).parent().expect("the program's folder").display();
    let path = std::env::var("PATH").expect("a search path");
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .env("PATH", format!("{program}:{path}"))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let text = String::from_utf8(output.stdout).expect("output in UTF-8");
    text.split(&format!("{MARK}\n")).map(str::to_owned).collect()
}

/// What of an output is the same each time: no times, no counts of checkpoints, nothing of where a killed run had come,
/// no progress of a run that took longer than it usually does.
fn lasting(output: &str) -> String {
    let is_lasting = |line: &&str| {
        let is_of_a_kill = line.contains("Killed") || line.contains("resum");
        !is_of_a_kill && !line.contains(" rec/s, ") && !line.trim().is_empty()
    };
    let mut lasting = String::new();
    for line in output.lines().filter(is_lasting) {
        let summary = line.strip_prefix("onward: finished ").and_then(|rest| {
            let (name, rest) = rest.split_once(" in ")?;
            let (_, counts) = rest.split_once(": ")?;
            let (counts, _) = counts.rsplit_once(", ")?;
            Some(format!("onward: finished {name}: {counts}"))
        });
        lasting.push_str(summary.as_deref().unwrap_or(line));
        lasting.push('\n');
    }
    lasting
}

#[test]
fn the_sessions_give_what_they_show() {
    let readme = readme();
    let scratch = folder::scratch();
    let fixtures = Path::new(ROOT).join("fixtures");
    std::os::unix::fs::symlink(fixtures, scratch.path().join("fixtures")).expect("a link");
    let tour = scratch.path().join("target/tour");
    let mut folder = scratch.path();
    for block in blocks(&readme, "console") {
        let shown = session(block);
        for file in &shown {
            if let Some(name) = given_file(file, &tour) {
                folder::write(&tour.join(name), file.output.as_bytes());
            }
        }
        for (shown, found) in shown.iter().zip(run(&shown, folder)) {
            let expected = lasting(&shown.output);
            let found = lasting(&found);
            assert_eq!(found, expected, "$ {}", shown.command);
        }
        // The first session enters this folder and the others stay in it.
        folder = &tour;
    }
}

#[test]
fn the_first_two_commands_run_the_sample_job_and_the_tests() {
    let readme = readme();
    let commands: Vec<&str> = blocks(&readme, "sh")[0].lines().collect();
    let [first, second] = commands[..] else { panic!("two commands: {commands:?}") };
    let job = first.strip_prefix("cargo run --release -- run ").expect("the sample job");
    assert_eq!(second, "cargo test");

    let scratch = folder::scratch();
    let at = |path: &str| scratch.path().join(path);
    folder::write(&at(job), &fs::read(Path::new(ROOT).join(job)).expect("the sample job"));
    let data = Path::new(ROOT).join("fixtures/data/runways.csv");
    folder::write(&at("fixtures/data/runways.csv"), &fs::read(data).expect("its data"));
    let command = format!("onward run {job}");
    let output = run(&[Shown::nothing_of(&command)], scratch.path()).remove(0);
    assert!(output.contains("read 48,184 records, wrote 10,333"), "{output}");
    let written = fs::read_to_string(at("fixtures/sample/longest-runways.csv")).expect("output");
    assert_eq!(written.lines().count(), 10_334);
}

#[test]
fn the_job_file_s_reference_is_a_valid_job() {
    let readme = readme();
    let scratch = folder::scratch();
    let header = b"order_id,status,amount\n";
    folder::write(&scratch.path().join("orders/1.csv"), header);
    folder::write(&scratch.path().join("late.csv"), header);
    let jobs = blocks(&readme, "toml");
    assert_eq!(jobs.len(), 1, "other jobs belong into sessions");
    folder::write(&scratch.path().join("job.toml"), jobs[0].as_bytes());
    let command = Shown::nothing_of("onward check job.toml");
    let output = run(&[command], scratch.path()).remove(0);
    assert!(output.starts_with("job.toml: ok, 2 inputs, 1 step"), "{output}");
}

/// The first cells of the table below a heading, without its head.
fn first_cells<'a>(readme: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).expect("the section");
    let section = section.split("\n## ").next().expect("a section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    rows.skip(1).map(|row| row.split(" |").next().expect("a cell")).collect()
}

#[test]
fn all_exit_codes_are_explained() {
    let mut exits = vec![
        Exit::Finished,
        Exit::Failed,
        Exit::Usage,
        Exit::FinishedWithRejects,
        Exit::RejectLimit,
        Exit::Refused,
        Exit::Locked,
        Exit::StoppedEarly,
    ];
    exits.extend(Signal::ALL.map(Exit::Interrupted));
    let expected: Vec<String> = exits.into_iter().map(|exit| exit.code().to_string()).collect();
    let readme = readme();
    let cells = first_cells(&readme, "Exit codes");
    let found: Vec<&str> = cells.iter().flat_map(|cell| cell.split(", ")).collect();
    assert_eq!(found, expected);
}

#[test]
fn all_commands_are_explained() {
    let program = Arguments::command();
    let expected: BTreeSet<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    let readme = readme();
    let cells = first_cells(&readme, "Commands");
    let word = |cell: &&'_ str| cell.trim_matches('`').split(' ').next().expect("a word").len();
    let found: BTreeSet<&str> = cells.iter().map(|cell| &cell[1..=word(cell)]).collect();
    assert_eq!(found, expected);
    let checkpoint = program.find_subcommand("checkpoint").expect("a command");
    for command in checkpoint.get_subcommands() {
        let name = command.get_name();
        let is_named = readme.contains(&format!("`{name}`"))
            || readme.contains(&format!("`checkpoint {name} JOB`"));
        assert!(is_named, "checkpoint {name}");
    }
}

#[test]
fn links_lead_somewhere_and_to_the_tests_they_name() {
    let readme = readme();
    let mut problems = String::new();
    for link in readme.split("](").skip(1) {
        let target = link.split(')').next().expect("the end of a link");
        if !target.starts_with("https://") && !Path::new(ROOT).join(target).exists() {
            writeln!(problems, "{target} is not there").expect("a string takes everything");
        }
    }
    for named in readme.split("[`").skip(1) {
        let Some((name, target)) = named.split(')').next().and_then(|link| link.split_once("`]("))
        else {
            continue;
        };
        let text = fs::read_to_string(Path::new(ROOT).join(target)).unwrap_or_default();
        if !text.contains(&format!("fn {name}(")) {
            writeln!(problems, "{target} has no test `{name}`").expect("a string takes everything");
        }
    }
    assert_eq!(problems, "");
    assert!(readme.lines().count() <= LINES_MAX, "at most {LINES_MAX} lines");
}

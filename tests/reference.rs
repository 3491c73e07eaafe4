//! Random data, chains, chunks, threads, triggers and interruptions: the output is that of a plain reading of the steps,
//! and its bytes depend on the data and the chain alone.
//!
//! `ONWARD_REFERENCE_CASES=200000` makes that many cases, `ONWARD_REFERENCE_SEED` makes one.

mod naive;

use crate::support::machine::{self, FOLDER, How};
use crate::support::random::Random;
use crate::support::report;
use naive::{Row, Step};
use onward::engine::Outcome;
use onward::storage::simulated::{Cut, Fault, SimulatedStorage};
use std::fmt::Write as _;
use std::path::Path;

/// How many cases there are unless more are asked for.
const CASES: u64 = 2000;

/// A job is interrupted at most so often before it is left alone.
const INTERRUPTIONS_MAX: u64 = 6;

/// Names in the data; few of them, so that keys repeat.
const NAMES: [Option<&str>; 6] =
    [Some("ada"), Some("bob"), Some("c,d"), Some("e \"x\""), Some("\u{e9}"), None];

const KEYS: [&[usize]; 4] = [&[1], &[1, 2], &[2], &[0]];

/// A job, its data, and what must come out.
struct Case {
    job: String,
    inputs: Vec<(String, String)>,
    expected: Vec<Row>,
}

fn rows(random: &mut Random) -> Vec<Row> {
    let count = *random.pick(&[0_u64, 1, 3, 20, 60, 150]);
    let row = |id: u64| {
        let value = random.below(12);
        let value = (value < 10).then(|| (value * value).to_string());
        let name = random.pick(&NAMES).map(str::to_owned);
        let note = *random.pick(&["x", "a,b", "two\nlines", "\"q\"", " padded "]);
        vec![Some(id.to_string()), name, value, Some(note.to_owned())]
    };
    (0..count).map(row).collect()
}

fn columns(random: &mut Random) -> &'static [usize] {
    random.pick::<&[usize]>(&KEYS)
}

fn step(random: &mut Random) -> Step {
    let small = |random: &mut Random, end: u64| usize::try_from(random.below(end)).expect("small");
    match random.below(19) {
        0 => Step::ValueAbove(i64::try_from(random.below(60)).expect("small")),
        1 => Step::NameIs(if random.below(2) == 0 { "ada" } else { "c,d" }),
        2 => Step::NoValue,
        3 => Step::AddToValue(i64::try_from(random.below(9)).expect("small") - 4),
        4 => Step::FillName,
        5 => Step::Limit(small(random, 70)),
        6 => Step::Offset(small(random, 20)),
        7 => Step::Every { every: 1 + small(random, 4), offset: small(random, 3) },
        8 => Step::FirstOf(columns(random)),
        9 => Step::LastOf(columns(random)),
        10 => Step::SortByValue { is_descending: random.below(2) == 0 },
        11 => Step::Top(1 + small(random, 4)),
        12 => Step::RunningSum,
        13 => Step::Before(1 + small(random, 3)),
        14 => Step::Behind(1 + small(random, 3)),
        15 => Step::FillValue,
        16 => Step::AtMost(i64::try_from(random.below(80)).expect("small")),
        17 => Step::FirstMarked(columns(random)),
        _ => Step::Numbered,
    }
}

fn csv(rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["id", "name", "value", "note"]).expect("written");
    for row in rows {
        writer
            .write_record(row.iter().map(|field| field.as_deref().unwrap_or("")))
            .expect("written");
    }
    String::from_utf8(writer.into_inner().expect("written")).expect("text")
}

impl Case {
    fn new(random: &mut Random) -> Case {
        let rows = rows(random);
        let mut steps: Vec<Step> = (0..random.below(4)).map(|_| step(random)).collect();
        match random.below(9) {
            0 | 1 => steps.push(Step::Groups { by_key: random.below(2) == 0 }),
            2 => steps.push(Step::Frequency),
            3 => steps.push(Step::Count),
            _ => {}
        }
        let mut job = String::from(
            "[source]\npath = \"in-*.csv\"\ntypes = { id = \"bigint\", value = \"bigint\" }\n",
        );
        for (number, step) in steps.iter().enumerate() {
            job += &step.toml(number);
        }
        job += "[sink]\npath = \"out.csv\"\n[rejects]\npath = \"bad.jsonl\"\nlimit = 1000\n";
        job += "[checkpoint]\n";
        job += match random.below(6) {
            0 => "every_records = 1\n",
            1 => "every_records = 7\nkeep = 1\n",
            2 => "every_bytes = \"100B\"\n",
            3 => "when = \"id % 9 = 0\"\n",
            4 => "at_file_end = true\n",
            _ => "",
        };
        if random.below(2) == 0 {
            job += "[state]\nmemory = \"1KiB\"\n";
        }
        let (first, second) = rows.split_at(rows.len() / 3);
        let inputs = [first, second].into_iter().enumerate();
        let inputs = inputs.map(|(at, some)| (format!("in-{at}.csv"), csv(some))).collect();
        let expected = steps.iter().fold(rows, |rows, step| step.apply(rows));
        Case { job, inputs, expected }
    }

    fn disk(&self) -> SimulatedStorage {
        let disk = SimulatedStorage::new();
        disk.put_directory(FOLDER, 0o755);
        for (name, text) in &self.inputs {
            disk.put_file(Path::new(FOLDER).join(name), text.as_bytes());
        }
        disk
    }

    /// Runs it to its end without a disturbance, or fails. What was written and what was rejected.
    fn finish(&self, disk: &SimulatedStorage, how: How) -> [String; 2] {
        let how = How { barriers: None, ..how };
        match machine::run(&machine::load(&self.job), disk, 1, how) {
            Ok(Outcome::Finished(_) | Outcome::AlreadyFinished(_)) => {}
            other => panic!("{other:?}"),
        }
        ["out.csv", "bad.jsonl"].map(|name| {
            let bytes = disk.file(Path::new(FOLDER).join(name)).expect("an output");
            String::from_utf8(bytes).expect("text")
        })
    }

    /// Runs it with interruptions of any kind, and then to its end. How often it was interrupted.
    fn disturbed(&self, random: &mut Random) -> ([String; 2], u64) {
        let mut disk = self.disk();
        let interruptions = random.below(INTERRUPTIONS_MAX);
        let job = machine::load(&self.job);
        for _ in 0..interruptions {
            let how = how(random);
            let barriers = (random.below(2) == 0).then(|| 1 + random.below(5));
            if barriers.is_none() {
                let at = usize::try_from(random.below(300)).expect("small");
                disk.plan(&[Fault::power_loss(at)]);
            }
            let _interrupted = machine::run(&job, &disk, random.next(), How { barriers, ..how });
            disk = match random.below(2) {
                _ if barriers.is_some() => disk.after_kill(),
                0 => disk.after_kill(),
                _ => disk.power_cut(Cut::Seeded(random.next())),
            };
        }
        (self.finish(&disk, how(random)), interruptions)
    }
}

fn how(random: &mut Random) -> How {
    How {
        threads: *random.pick(&[1, 1, 2, 3]),
        chunk_bytes: *random.pick(&[1, 16, 64, 300, 1 << 20]),
        barriers: None,
    }
}

/// The records of an output.
fn records(bytes: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(bytes);
    let field = |field: &str| (!field.is_empty()).then(|| field.to_owned());
    let records =
        reader.records().map(|record| record.expect("sound CSV").iter().map(field).collect());
    records.collect()
}

/// Whether a case ends as it must; how often it was interrupted.
fn check(seed: u64) -> u64 {
    let random = &mut Random::new(seed);
    let case = Case::new(random);
    let plain = case.finish(&case.disk(), How { threads: 1, chunk_bytes: 1 << 20, barriers: None });
    let mut told = format!("seed {seed}\n{}", case.job);
    for (name, text) in &case.inputs {
        write!(told, "{name}:\n{text}").expect("a string");
    }
    assert_eq!(records(plain[0].as_bytes()), case.expected, "{told}");
    let (disturbed, interruptions) = case.disturbed(random);
    assert_eq!(disturbed, plain, "{told}");
    interruptions
}

#[test]
fn what_comes_out_is_what_the_steps_say_however_the_run_went() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match number("ONWARD_REFERENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ONWARD_REFERENCE_CASES").unwrap_or(CASES),
    };
    let count = seeds.end - seeds.start;
    let interruptions: u64 = seeds.map(check).sum();
    assert!(interruptions >= count || count == 1, "{interruptions} interruptions");
    report::count(&format!("{count} random chains, interrupted {interruptions} times"));
}

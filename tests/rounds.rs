//! Inputs that grow: a finished incremental job is run again, takes what is new, and nothing else. What all its rounds
//! write together is what one run over everything would have written.

mod inputs;

mod moving;

mod outputs;

mod stops;

use crate::support::folder;
use crate::support::program::{Ended, onward};
use crate::support::random::Random;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with an incremental job.
struct Growing {
    scratch: TempDir,
}

impl Growing {
    /// A job, with `mode = "incremental"` put into its `[source]`.
    fn new(job: &str) -> Growing {
        let scratch = folder::scratch_in_memory();
        let text = job.replace("[source]\n", "[source]\nmode = \"incremental\"\n");
        folder::write(&scratch.path().join("job.toml"), text.as_bytes());
        Growing { scratch }
    }

    fn path(&self) -> &Path {
        self.scratch.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        folder::write(&self.path().join(name), bytes.as_ref());
    }

    fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        let mut all = fs::read(&path).unwrap_or_default();
        all.extend(bytes.as_ref());
        // In place, so that it stays the same file.
        fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .expect("a file");
        fs::write(&path, all).expect("a writable file");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path().join(from), self.path().join(to)).expect("renamed");
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path().join(name));
        String::from_utf8(bytes.unwrap_or_else(|_| panic!("`{name}` is there"))).expect("text")
    }

    fn run_with(&self, more: &[&str]) -> Ended {
        let mut arguments = vec!["run", "job.toml"];
        arguments.extend(more);
        onward(self.path(), &arguments)
    }

    /// Runs it; it must end like this and say all this.
    fn run(&self, code: i32, said: &[&str]) {
        let ended = self.run_with(&[]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        for said in said {
            assert!(ended.stderr.contains(said), "`{said}` is not said: {}", ended.stderr);
        }
    }

    /// Runs it; it must find nothing new, and touch nothing.
    fn rests(&self) {
        let before = self.state();
        self.run(0, &["nothing is new for `job`"]);
        assert_eq!(before, self.state());
    }

    /// All files with their times, below the job's folder too.
    fn state(&self) -> Vec<(String, u64, std::time::SystemTime)> {
        let state = |path: String| {
            let metadata = fs::metadata(self.path().join(&path)).expect("a file");
            (path, metadata.len(), metadata.modified().expect("a time"))
        };
        let mut state: Vec<_> = folder::paths(self.path()).into_iter().map(state).collect();
        let own = fs::metadata(self.path().join(".onward/job")).expect("the job's folder");
        state.push(("the folder".to_owned(), 0, own.modified().expect("a time")));
        state
    }
}

/// A job over one file, and how its output grows.
struct Shape {
    name: &'static str,
    job: &'static str,
    output: &'static str,
}

const SHAPES: [Shape; 12] = [
    Shape {
        name: "without state",
        job: "[source]\npath = \"in.csv\"\ntypes = { amount = \"bigint\" }\n[[transform]]\nfilter = \"amount > 2\"\n[[transform]]\ncompute = [\"amount * 2 AS twice\"]\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "to jsonl, without repeats",
        job: "[source]\npath = \"in.csv\"\nverify = \"full\"\n[[transform]]\ndedup = { key = [\"name\", \"amount\"] }\n[sink]\npath = \"out.jsonl\"\n",
        output: "out.jsonl",
    },
    Shape {
        name: "with columns from records before",
        job: "[source]\npath = \"in.csv\"\ntypes = { amount = \"bigint\" }\n[[transform]]\nfill = { columns = [\"note\"], with = \"down\", by = [\"name\"], empty = true }\n[[transform]]\nwindow = { by = [\"name\"], compute = [\"row_number() AS n\", \"sum(amount) AS running\", \"lag(amount) AS before\"] }\n[[transform]]\nsample = { every = 3, offset = 2 }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "groups",
        job: "[source]\npath = \"in.csv\"\ntypes = { amount = \"bigint\" }\n[[transform]]\naggregate = { by = [\"name\"], select = [\"count(*) AS n\", \"sum(amount) AS total\", \"max(note) AS note\"] }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "groups in order",
        job: "[source]\npath = \"in.csv\"\n[[transform]]\ndedup = { key = [\"id\"] }\n[[transform]]\nfrequency = { by = [\"name\"], share = \"share\" }\n[[transform]]\nsort = { by = [\"records DESC\", \"name\"], memory = \"1KiB\" }\n[[transform]]\nlimit = 7\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "groups that are more than the memory",
        job: "[state]\nmemory = \"1KiB\"\n[source]\npath = \"in.csv\"\n[[transform]]\nfrequency = { by = [\"id\", \"note\"], top = 20 }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "keys that are more than the memory",
        job: "[state]\nmemory = \"1KiB\"\n[source]\npath = \"in.csv\"\n[[transform]]\ndedup = { key = [\"amount\", \"name\"] }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "the last of each key",
        job: "[source]\npath = \"in.csv\"\n[[transform]]\ndedup = { key = [\"name\"], keep = \"last\" }\n[sink]\npath = \"out.jsonl\"\n",
        output: "out.jsonl",
    },
    Shape {
        name: "the first of each key in some order",
        job: "[source]\npath = \"in.csv\"\ntypes = { amount = \"bigint\" }\n[[transform]]\ntop = { by = [\"name\"], order = [\"amount DESC\"], n = 2 }\n[[transform]]\nname = \"next\"\nwindow = { compute = [\"lead(id) AS next\"] }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "the last of each key, more than the memory",
        job: "[state]\nmemory = \"1KiB\"\n[source]\npath = \"in.csv\"\n[[transform]]\ndedup = { key = [\"name\", \"amount\"], keep = \"last\" }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "the first of each key in some order, more than the memory",
        job: "[state]\nmemory = \"1KiB\"\n[source]\npath = \"in.csv\"\n[[transform]]\ntop = { by = [\"name\"], order = [\"note\", \"amount\"], n = 3 }\n[sink]\npath = \"out.csv\"\n",
        output: "out.csv",
    },
    Shape {
        name: "rejects",
        job: "[source]\npath = \"in.csv\"\ntypes = { amount = \"bigint\" }\n[[transform]]\nassert = { that = \"amount < 9\", otherwise = \"reject\" }\n[sink]\npath = \"out.csv\"\n[rejects]\npath = \"rejects.jsonl\"\nlimit = 1000\n",
        output: "rejects.jsonl",
    },
];

/// Records, some of them with line ends in quotes.
fn csv(records: u64, random: &mut Random) -> String {
    let mut text = "id,name,amount,note\n".to_owned();
    for id in 0..records {
        let (name, amount) = (random.below(9), random.below(10));
        let note = *random.pick(&["plain", "\"two\nlines\"", "\"a, \"\"b\"\"\"", "", "\"\n\n\""]);
        writeln!(text, "{id},n{name},{amount},{note}").expect("a string takes everything");
    }
    text
}

/// What one run over everything writes.
fn at_once(shape: &Shape, text: &str) -> folder::Files {
    let scratch = folder::scratch_in_memory();
    folder::write(&scratch.path().join("job.toml"), shape.job.as_bytes());
    folder::write(&scratch.path().join("in.csv"), text.as_bytes());
    let ended = onward(scratch.path(), &["run", "job.toml"]);
    assert!(matches!(ended.code, Some(0 | 3)), "{}: {ended:?}", shape.name);
    let mut files = folder::files(scratch.path());
    files.retain(|name, _| !matches!(name.as_str(), "job.toml" | "in.csv"));
    assert!(files[shape.output].len() > 50, "{}", shape.name);
    files
}

/// Runs a round to its end; with `stops`, as many runs as it has barriers.
fn round(growing: &Growing, stops: bool, random: &mut Random) -> usize {
    for runs in 1.. {
        let threads = (1 + random.below(3)).to_string();
        let chunk = (1 + random.below(300)).to_string();
        let mut more = vec!["--threads", &threads, "--chunk-bytes", &chunk];
        if stops {
            more.extend(["--stop-after-barriers", "1"]);
        }
        let ended = growing.run_with(&more);
        match ended.code {
            Some(0 | 3) => return runs,
            Some(75) if stops => {}
            _ => panic!("{ended:?}"),
        }
    }
    unreachable!("there are enough numbers")
}

/// Lets a file grow to some places, with a round at each, and compares what comes of it.
fn check(shape: &Shape, text: &str, places: &[usize], stops: bool, random: &mut Random) -> usize {
    let growing = Growing::new(shape.job);
    let (mut runs, mut from) = (0, 0);
    for place in places.iter().copied().chain([text.len()]) {
        growing.append("in.csv", &text.as_bytes()[from..place]);
        from = place;
        runs += round(&growing, stops, random);
    }
    growing.rests();
    let mut found = folder::files(growing.path());
    found.retain(|name, _| !matches!(name.as_str(), "job.toml" | "in.csv"));
    let difference = folder::difference(&at_once(shape, text), &found);
    assert!(difference.is_empty(), "{} cut at {places:?}\n{difference}", shape.name);
    runs
}

/// Places of a text behind its first line, in order.
fn places(text: &str, count: u64, random: &mut Random) -> Vec<usize> {
    let header = text.find('\n').expect("a header") + 1;
    let length = (text.len() - header) as u64;
    let place = |_| header + usize::try_from(random.below(length)).expect("a place");
    let mut places: Vec<usize> = (0..count).map(place).collect();
    places.sort_unstable();
    places
}

#[test]
fn rounds_together_write_what_one_run_over_everything_writes() {
    let mut random = Random::new(11);
    for shape in &SHAPES {
        for _ in 0..4 {
            let text = csv(30 + random.below(60), &mut random);
            let places = places(&text, 5, &mut random);
            check(shape, &text, &places, false, &mut random);
        }
    }
}

#[test]
fn stopping_a_round_at_every_barrier_gives_the_same_bytes() {
    let mut random = Random::new(12);
    let mut runs = 0;
    for shape in &SHAPES {
        let text = csv(40, &mut random);
        let places = places(&text, 2, &mut random);
        runs += check(shape, &text, &places, true, &mut random);
    }
    assert!(runs > 100, "{runs} runs");
}

#[test]
fn a_file_that_grows_byte_by_byte_is_read_record_by_record() {
    let mut random = Random::new(13);
    let text = "id,name,amount,note\n1,a,3,\"x\ny\"\n2,b,4,\"\"\"\"\n3,\"c\n\",5,z\n4,d,6,\n5,e,7,long enough to be more than fifty bytes of output\n";
    let places: Vec<usize> = (20..text.len()).collect();
    check(&SHAPES[0], text, &places, false, &mut random);
}

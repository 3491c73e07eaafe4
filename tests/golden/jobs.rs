//! The jobs of a golden set: one for each kind of step that keeps a state, and for each thing that a checkpoint knows.

use crate::support::folder;
use std::fmt::Write as _;
use std::path::Path;

/// A job that is stopped.
pub struct Golden {
    /// Its folder.
    pub name: &'static str,
    /// Its steps, each after `[[transform]]`.
    steps: &'static [&'static str],
    /// Where it reads from and writes to.
    ends: Ends,
    /// Where it is stopped.
    pub stop: Stop,
    /// How it ends when it is not stopped.
    pub exit: i32,
}

/// Where a job is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At the first barrier behind so many records.
    After(u64),
    /// At the first barrier behind the input.
    Draining,
    /// Between the checkpoint that says that all is written and the first name.
    Publishing,
    /// Not at all.
    Done,
}

/// Where a job reads from and writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// CSV to CSV.
    Csv,
    /// JSONL to JSONL.
    Jsonl,
    /// CSV to JSONL.
    Across,
    /// Several sinks, one of them partitioned.
    Partitions,
    /// Bad records go to a file.
    Rejects,
}

/// The records of the inputs.
const RECORDS: u64 = 60;

const fn stopped(name: &'static str, steps: &'static [&'static str]) -> Golden {
    Golden { name, steps, ends: Ends::Csv, stop: Stop::After(RECORDS / 2), exit: 0 }
}

const MANY: &str = r#"compute = ["repeat('x,', 160) AS many"]"#;
const SPLIT: &str =
    r#"split = { column = "many", separator = ",", records = true, as = "x", index = "place" }"#;

/// All of them.
pub const JOBS: &[Golden] = &[
    stopped("plain", &[r#"filter = "amount > 5""#]),
    stopped(
        "aggregate",
        &[r#"aggregate = { by = ["key"], select = ["count(*) AS n", "count(note) AS notes",
            "sum(id) AS ids", "sum(amount) AS amount", "avg(amount) AS mean",
            "sum(weight) AS weight", "min(note) AS low", "max(at) AS high",
            "min(weight) AS light", "max(amount) FILTER (WHERE id > 20) AS most"] }"#],
    ),
    stopped(
        "aggregate-counts-beside-sums",
        &[r#"aggregate = { by = ["key"], select = ["count(*) AS n", "sum(amount) AS total",
            "avg(id) AS mean", "count(*) FILTER (WHERE id > 20) AS late",
            "sum(id * 9999999999999999999999999999.0) FILTER (WHERE id > 20) AS huge"] }"#],
    ),
    stopped(
        "aggregate-whole",
        &[r#"aggregate = { select = ["count(*) AS n", "avg(weight) AS mean"] }"#],
    ),
    stopped(
        "aggregate-distinct",
        &[r#"aggregate = { by = ["key"], select = ["count(DISTINCT note) AS notes",
            "sum(DISTINCT amount) AS amount",
            "list(DISTINCT note ORDER BY note) AS all_notes",
            "approx_count_distinct(id) AS ids"], order = "key" }"#],
    ),
    Golden {
        ends: Ends::Across,
        ..stopped(
            "aggregate-lists",
            &[r#"aggregate = { by = ["key"], select = ["list(id) AS ids",
            "list(note ORDER BY weight DESC, id) AS notes",
            "string_agg(note, ';') AS texts", "first(id) AS first",
            "last(note) AS last", "arg_max(id, weight) AS heaviest",
            "max(amount, 2) AS greatest", "mode(note) AS mode",
            "any_value(note) AS some"] }"#],
        )
    },
    Golden {
        ends: Ends::Across,
        ..stopped(
            "aggregate-quantiles",
            &[r#"aggregate = { by = ["key"], select = ["median(amount) AS median",
            "quantile_cont(weight, [0.25, 0.75]) AS quartiles",
            "quantile_disc(note, 0.5) AS note",
            "approx_quantile(id, 0.5) AS approx"] }"#],
        )
    },
    stopped(
        "aggregate-statistics",
        &[r#"aggregate = { by = ["key"], select = ["stddev(amount) AS deviation",
            "var_pop(weight) AS variance", "skewness(id) AS skewness",
            "kurtosis(id) AS kurtosis", "corr(amount, weight) AS correlation",
            "regr_slope(amount, id) AS slope", "bool_and(id > 3) AS late",
            "bit_xor(id) AS bits"] }"#],
    ),
    stopped("dedup-first", &[r#"dedup = { key = ["key", "note"] }"#]),
    Golden {
        ends: Ends::Jsonl,
        ..stopped("dedup-last", &[r#"dedup = { key = ["key"], keep = "last" }"#])
    },
    stopped("dedup-mark", &[r#"dedup = { key = ["note"], mark = "again" }"#]),
    stopped("limit-and-offset", &["offset = 7", "limit = 40"]),
    stopped("sample", &["sample = { every = 3, offset = 1 }"]),
    stopped("sample-fraction", &[r#"sample = { fraction = "0.5" }"#]),
    stopped("count", &["count = true"]),
    stopped("frequency", &[r#"frequency = { by = ["note"], share = "share" }"#]),
    stopped(
        "pivot",
        &[r#"pivot = { by = ["note"], on = "key", columns = ["k1",
            "k2"], values = ["sum(amount)", "count(*)"] }"#],
    ),
    Golden {
        ends: Ends::Jsonl,
        ..stopped("top", &[r#"top = { by = ["key"], order = ["amount DESC", "id"], n = 2 }"#])
    },
    Golden {
        ends: Ends::Jsonl,
        ..stopped("sort", &[r#"sort = { by = ["note", "amount DESC"] }"#])
    },
    stopped("sort-with-spills", &[r#"sort = { by = ["note", "amount DESC"], memory = "1KiB" }"#]),
    stopped(
        "dedup-with-spills",
        &[r#"dedup = { key = ["note", "key"], mark = "again" }

[state]
memory = "1KiB""#],
    ),
    stopped(
        "dedup-ttl-with-spills",
        &[r#"dedup = { key = ["key"], ttl = "5m", time = "at" }

[state]
memory = "1KiB""#],
    ),
    stopped(
        "window-ttl",
        &[
            r#"window = { by = ["note", "key"], ttl = "20m", time = "at", compute = ["row_number() AS n",
            "sum(amount) AS running", "lead(id) AS next"] }

[state]
memory = "1KiB""#,
        ],
    ),
    stopped(
        "fill-ttl-with-spills",
        &[
            r#"fill = { columns = ["note", "amount"], with = "down", by = ["key"], ttl = "5m", time = "at" }

[state]
memory = "1KiB""#,
        ],
    ),
    stopped(
        "aggregate-with-spills",
        &[
            r#"aggregate = { by = ["note", "key"], select = ["count(*) AS n", "sum(weight) AS w", "list(id) AS ids"] }

[state]
memory = "1KiB""#,
        ],
    ),
    stopped(
        "aggregate-values-with-spills",
        &[
            r#"aggregate = { by = ["key"], select = ["count(DISTINCT id) AS ids", "string_agg(DISTINCT note, '|') AS notes", "mode(amount) AS usual"] }

[state]
memory = "1KiB""#,
        ],
    ),
    stopped(
        "window-with-spills",
        &[
            r#"window = { by = ["note", "key"], compute = ["row_number() AS n", "sum(amount) AS total", "lag(id, 2) AS before", "min(note) AS least"] }

[state]
memory = "1KiB""#,
        ],
    ),
    stopped(
        "fill-and-sessionize-with-spills",
        &[
            r#"fill = { columns = ["note", "amount"], with = "down", by = ["key", "id"] }"#,
            r#"sessionize = { by = ["note", "key"], time = "at", gap = "6m" }

[state]
memory = "1KiB""#,
        ],
    ),
    Golden {
        stop: Stop::Draining,
        ..stopped(
            "draining-with-spills",
            &[
                r#"aggregate = { by = ["note", "key"], select = ["count(DISTINCT id) AS n"], order = "key" }

[state]
memory = "1KiB""#,
            ],
        )
    },
    stopped("fill", &[r#"fill = { columns = ["note", "amount"], with = "down", by = ["key"] }"#]),
    stopped(
        "sessionize",
        &[r#"sessionize = { by = ["key"], time = "at", gap = "6m", start = "since" }"#],
    ),
    Golden {
        exit: 3,
        ends: Ends::Rejects,
        ..stopped(
            "tumble",
            &[
                r#"tumble = { by = ["key"], time = "at", size = "10m", lateness = "4m", select = ["count(*) AS n",
            "avg(weight) AS mean"] }"#,
            ],
        )
    },
    stopped(
        "window",
        &[r#"window = { by = ["key"], compute = ["row_number() AS n", "sum(amount) AS running",
            "amount - lag(amount, 1, 0) AS change",
            "moving_avg(amount, 3) AS smooth", "first_value(note) AS first"] }"#],
    ),
    Golden {
        ends: Ends::Jsonl,
        ..stopped(
            "window-ahead",
            &[
                r#"window = { by = ["key"], compute = ["lead(id, 2) AS later", "max(amount) AS most"] }"#,
            ],
        )
    },
    stopped("assert", &[r#"assert = { that = "id < 20", otherwise = "warn" }"#]),
    stopped(
        "chain",
        &[
            r#"dedup = { key = ["id"] }"#,
            r#"window = { compute = ["sum(id) AS ids"] }"#,
            r#"name = "groups"
aggregate = { by = ["key"], select = ["max(ids) AS ids"] }"#,
            "limit = 5",
        ],
    ),
    Golden {
        exit: 3,
        ends: Ends::Rejects,
        ..stopped("rejects", &[r#"compute = ["1 / (id % 7) AS part"]"#])
    },
    Golden { ends: Ends::Partitions, ..stopped("partitions", &[r#"filter = "id <> 3""#]) },
    Golden {
        ends: Ends::Partitions,
        stop: Stop::Draining,
        ..stopped("partitions-draining", &[r#"sort = { by = ["amount", "id"] }"#])
    },
    Golden {
        stop: Stop::Draining,
        ..stopped(
            "draining-many",
            &[
                MANY,
                SPLIT,
                r#"aggregate = { by = ["id", "place"], select = ["count(*) AS n"] }"#,
                r#"filter = "place = 80""#,
            ],
        )
    },
    Golden {
        stop: Stop::Draining,
        ..stopped(
            "draining-sort",
            &[
                MANY,
                SPLIT,
                r#"select = ["id", "place"]"#,
                r#"sort = { by = ["place DESC", "id"], memory = "200KiB" }"#,
                r#"filter = "id = 17""#,
            ],
        )
    },
    Golden {
        stop: Stop::Draining,
        ..stopped(
            "draining-two",
            &[
                r#"aggregate = { by = ["note", "key"], select = ["sum(id) AS ids"] }"#,
                r#"sort = { by = ["ids"] }"#,
            ],
        )
    },
    Golden { stop: Stop::Publishing, ..stopped("publishing", &["count = true"]) },
    Golden {
        stop: Stop::Done,
        ..stopped("done", &[r#"aggregate = { by = ["key"], select = ["count(*) AS n"] }"#])
    },
];

impl Golden {
    /// The job file.
    pub fn text(&self) -> String {
        let (input, output) = match self.ends {
            Ends::Jsonl => ("in.jsonl", "out.jsonl"),
            Ends::Across => ("in.csv", "out.jsonl"),
            Ends::Csv | Ends::Partitions | Ends::Rejects => ("in.csv", "out.csv"),
        };
        let mut text = format!(
            "[source]\npath = \"{input}\"\ntypes = {{ id = \"bigint\", at = \"timestamp\", \
             note = \"text\", amount = \"decimal(8,2)\", weight = \"double\" }}\n"
        );
        for step in self.steps {
            write!(text, "\n[[transform]]\n{step}\n").expect("a string takes everything");
        }
        text += &match self.ends {
            Ends::Partitions => format!(
                "\n[[sink]]\nname = \"all\"\npath = \"{output}\"\n\n[[sink]]\nname = \"parts\"\n\
                 path = \"out/{{key}}.csv\"\npartition_by = [\"key\"]\nwhere = \"id > 5\"\n"
            ),
            _ => format!("\n[sink]\npath = \"{output}\"\n"),
        };
        if self.ends == Ends::Rejects {
            text += "\n[rejects]\npath = \"rejects.jsonl\"\nlimit = \"90%\"\n";
        }
        text + "\n[checkpoint]\ndirectory = \"checkpoints\"\nkeep = 1\n"
    }

    /// The job and its inputs.
    pub fn stage(&self, folder: &Path) {
        let write = |name: &str, text: &str| folder::write(&folder.join(name), text.as_bytes());
        write("job.toml", &self.text());
        let (mut csv, mut jsonl) = ("id,at,key,amount,weight,note\n".to_owned(), String::new());
        for id in 1..=RECORDS {
            let mixed = id * 37 % 101;
            let (hour, minute) = (9 + id * 2 / 60, (id * 2 + mixed % 9) % 60);
            let at = format!("2024-03-0{}T{hour:02}:{minute:02}:00", 1 + id / 55);
            let (key, cents, weight) = (mixed % 4, mixed % 100, (mixed * mixed) % 97);
            let (note, quoted) = match mixed % 7 {
                0 => ("", ""),
                1 => ("a \\\"b\\\"", "\"a \"\"b\"\"\""),
                2 => ("two\\nlines", "\"two\nlines\""),
                3 => ("\u{e4}\u{f6}", "\u{e4}\u{f6}"),
                _ => ("plain", "plain"),
            };
            writeln!(csv, "{id},{at},k{key},{mixed}.{cents:02},{weight}.{id}e-3,{quoted}")
                .expect("a string takes everything");
            writeln!(
                jsonl,
                "{{\"id\":{id},\"at\":\"{at}\",\"key\":\"k{key}\",\"amount\":{mixed}.{cents:02},\
                 \"weight\":{weight}.{id}e-3,\"note\":\"{note}\"}}"
            )
            .expect("a string takes everything");
        }
        write("in.csv", &csv);
        write("in.jsonl", &jsonl);
    }
}

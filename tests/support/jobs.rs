//! Jobs of several shapes with made-up data, each long enough to be stopped at many points.

use super::folder;
use super::random::Random;
use std::fmt::Write as _;
use std::path::Path;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// CSV to CSV, without state.
    Plain,
    /// JSONL to JSONL, without state.
    Jsonl,
    /// Drops repeated keys.
    Dedup,
    /// Groups and sums.
    Aggregate,
    /// Puts bad records aside.
    Rejects,
    /// Several inputs, and another format.
    Several,
    /// Dedup, limit and aggregate one after the other.
    Chain,
    /// Sorts with little memory, and looks up a day's name.
    Sort,
    /// Several sinks, one of them with more partitions than files are open.
    Partitions,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 9] = [
        Shape::Plain,
        Shape::Jsonl,
        Shape::Dedup,
        Shape::Aggregate,
        Shape::Rejects,
        Shape::Several,
        Shape::Chain,
        Shape::Sort,
        Shape::Partitions,
    ];

    /// Makes the job, with checkpoints so often, and its inputs of so many records in all.
    pub fn make(self, folder: &Path, pace: Pace, records: u64, random: &mut Random) {
        let input = |name: &str, text: String| folder::write(&folder.join(name), text.as_bytes());
        match self {
            Shape::Jsonl => input("in.jsonl", jsonl(records, random)),
            Shape::Several => {
                for name in ["in-1.csv", "in-2.csv", "in-3.csv"] {
                    input(name, csv(records / 3, Numbers::Good, random));
                }
            }
            Shape::Rejects => input("in.csv", csv(records, Numbers::SomeBad, random)),
            _ => input("in.csv", csv(records, Numbers::Good, random)),
        }
        if self == Shape::Sort {
            input("days.csv", "day,name\n2024-01-01,Monday\n2024-01-02,Tuesday\n".to_owned());
        }
        input("job.toml", self.job().to_owned() + pace.checkpoints());
    }

    fn job(self) -> &'static str {
        match self {
            Shape::Plain => PLAIN,
            Shape::Jsonl => JSONL,
            Shape::Dedup => DEDUP,
            Shape::Aggregate => AGGREGATE,
            Shape::Rejects => REJECTS,
            Shape::Several => SEVERAL,
            Shape::Chain => CHAIN,
            Shape::Sort => SORT,
            Shape::Partitions => PARTITIONS,
        }
    }
}

/// How often checkpoints are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So often that a run of a moment takes many.
    Often,
    /// At the start, at the end, and where a run is stopped.
    Never,
}

impl Pace {
    fn checkpoints(self) -> &'static str {
        match self {
            Pace::Often => "\n[checkpoint]\nevery_bytes = \"4KiB\"\nat_file_end = true\n",
            Pace::Never => "\n[checkpoint]\nevery_bytes = \"1TiB\"\n",
        }
    }
}

const PLAIN: &str = r#"
[source]
path = "in.csv"
types = { amount = "decimal(12,2)" }

[[transform]]
filter = "amount > 10"

[[transform]]
compute = ["amount * 2 AS twice", "upper(note) AS loud"]

[sink]
path = "out.csv"
"#;

const JSONL: &str = r#"
[source]
path = "in.jsonl"

[[transform]]
filter = "user.age > 20"

[[transform]]
compute = ["user.age + 1 AS next", "upper(note) AS note"]

[sink]
path = "out.jsonl"
"#;

const DEDUP: &str = r#"
[source]
path = "in.csv"

[[transform]]
dedup = { key = ["key", "day", "note"] }

[sink]
path = "out.csv"
"#;

const AGGREGATE: &str = r#"
[source]
path = "in.csv"
types = { amount = "decimal(12,2)", weight = "double" }

[[transform]]
aggregate = { by = ["key"], select = ["count(*) AS n", "sum(amount) AS total", "sum(weight) AS weight", "max(note) AS note"] }

[sink]
path = "out.csv"
"#;

const REJECTS: &str = r#"
[source]
path = "in.csv"
types = { amount = "decimal(12,2)" }

[[transform]]
filter = "amount > 10"

[sink]
path = "out.jsonl"

[rejects]
path = "rejects.jsonl"
limit = "50%"
"#;

const SEVERAL: &str = r#"
[source]
path = "in-*.csv"

[[transform]]
filter = "key <> 'k3'"

[sink]
path = "out.jsonl"
"#;

const CHAIN: &str = r#"
[source]
path = "in.csv"
types = { id = "bigint", amount = "decimal(12,2)" }

[[transform]]
dedup = { key = ["id % 900"] }

[[transform]]
limit = 700

[[transform]]
aggregate = { by = ["day", "key"], select = ["sum(amount) AS total"] }

[[transform]]
name = "largest"
filter = "total > 50"

[sink]
path = "out.tsv"
"#;

const SORT: &str = r#"
[source]
path = "in.csv"
types = { amount = "decimal(12,2)" }

[[transform]]
lookup = { from = "days.csv", on = ["day"], select = ["name AS day_name"] }

[[transform]]
sort = { by = ["day DESC", "amount", "note"], memory = "16KiB" }

[sink]
path = "out.csv"
"#;

const PARTITIONS: &str = r#"
[source]
path = "in.csv"
types = { amount = "decimal(12,2)" }

[[sink]]
name = "days"
path = "days/{day}/{key}.csv"
partition_by = ["day", "key"]
where = "key <= 'k20'"

[[sink]]
name = "large"
path = "large.csv"
where = "amount > 90"

[[sink]]
name = "rest"
path = "rest-{key}.jsonl"
partition_by = ["key"]
otherwise = true
"#;

/// Whether all amounts are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Good,
    SomeBad,
}

fn csv(records: u64, numbers: Numbers, random: &mut Random) -> String {
    let mut text = "id,key,day,amount,weight,note\n".to_owned();
    for id in 0..records {
        let (key, day) = (random.below(40), random.below(9));
        let (whole, cents) = (random.below(100), random.below(100));
        let amount = match numbers {
            Numbers::SomeBad if random.below(20) == 0 => "a lot".to_owned(),
            _ => format!("{whole}.{cents:02}"),
        };
        let weight = format!("{}e{}", random.below(100_000), random.below(30));
        let note =
            *random.pick(&["plain", "\"two\nlines\"", "\"with, comma\"", "", "\"a \"\"b\"\"\""]);
        writeln!(text, "{id},k{key},2024-01-0{day},{amount},{weight},{note}").expect("a string");
    }
    text
}

fn jsonl(records: u64, random: &mut Random) -> String {
    let mut text = String::new();
    for id in 0..records {
        let age = random.below(90);
        let note = *random.pick(&["plain", "two\\nlines", "\\u00e4", ""]);
        writeln!(text, "{{\"id\":{id},\"user\":{{\"age\":{age}}},\"note\":\"{note}\"}}")
            .expect("a string");
    }
    text
}

//! The six workloads: which data, which job, what the outputs have in common.

use crate::data::Shape;

/// A piece of work that onward and its peers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// Filter and project.
    W1,
    /// A computed column.
    W2,
    /// Few groups.
    W3,
    /// Many groups.
    W4,
    /// The first of each key.
    W5,
    /// JSON lines.
    W6,
}

/// How a column of outputs is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Byte by byte.
    Text,
    /// As an exact number: zeros at the end say nothing, and doubles count as the decimal of so many
    /// digits behind the point that they are within 1e-9 of.
    Decimal(u32),
    /// As a double, within 1e-9 of its size.
    Double,
}

impl Workload {
    /// All of them.
    pub const ALL: [Workload; 6] =
        [Workload::W1, Workload::W2, Workload::W3, Workload::W4, Workload::W5, Workload::W6];

    /// The one with a name.
    pub fn named(name: &str) -> Option<Workload> {
        Workload::ALL.into_iter().find(|workload| workload.name().eq_ignore_ascii_case(name))
    }

    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Workload::W1 => "W1",
            Workload::W2 => "W2",
            Workload::W3 => "W3",
            Workload::W4 => "W4",
            Workload::W5 => "W5",
            Workload::W6 => "W6",
        }
    }

    /// What is done, for people.
    pub fn title(self) -> &'static str {
        match self {
            Workload::W1 => "filter, 5 of 16 columns, CSV to CSV",
            Workload::W2 => "a computed decimal beside all columns, CSV to CSV",
            Workload::W3 => "group by two columns, few groups, eight columns",
            Workload::W4 => "group by a key of millions: count, sum",
            Workload::W5 => "the first record of each of millions of keys, in order",
            Workload::W6 => "filter on a nested number, 4 fields, JSON lines to JSON lines",
        }
    }

    /// The shape of its input.
    pub fn input(self) -> Shape {
        match self {
            Workload::W1 | Workload::W2 | Workload::W3 => Shape::Lineitem,
            Workload::W4 | Workload::W5 => Shape::Users,
            Workload::W6 => Shape::Events,
        }
    }

    /// The job file that has onward do it.
    pub fn job(self) -> &'static str {
        match self {
            Workload::W1 => include_str!("jobs/W1.toml"),
            Workload::W2 => include_str!("jobs/W2.toml"),
            Workload::W3 => include_str!("jobs/W3.toml"),
            Workload::W4 => include_str!("jobs/W4.toml"),
            Workload::W5 => include_str!("jobs/W5.toml"),
            Workload::W6 => include_str!("jobs/W6.toml"),
        }
    }

    /// How the names of its outputs end.
    pub fn extension(self) -> &'static str {
        match self {
            Workload::W6 => "jsonl",
            _ => "csv",
        }
    }

    /// The columns of its outputs that are numbers; all others are text.
    pub fn numbers(self) -> &'static [(&'static str, Kind)] {
        match self {
            Workload::W1 | Workload::W6 => &[],
            Workload::W2 => &[
                ("l_extendedprice", Kind::Decimal(2)),
                ("l_discount", Kind::Decimal(2)),
                ("disc_price", Kind::Decimal(4)),
            ],
            Workload::W3 => &[
                ("sum_qty", Kind::Decimal(0)),
                ("sum_price", Kind::Double),
                ("avg_disc", Kind::Double),
                ("n", Kind::Decimal(0)),
                ("min_price", Kind::Decimal(2)),
                ("max_price", Kind::Decimal(2)),
            ],
            Workload::W4 => &[("n", Kind::Decimal(0)), ("total", Kind::Decimal(2))],
            Workload::W5 => &[("amount", Kind::Decimal(2))],
        }
    }
}

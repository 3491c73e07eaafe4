//! What a proof came to, as a table and as JSON.

use super::digests::Digests;
use crate::cli::numbers::{bytes, counted, duration, thousands};
use crate::cli::table::{self, Cell};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A run that was killed, and the one that went on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// After how long it was killed.
    pub after: Duration,
    /// How many times a run was over before its moment came.
    pub missed: u32,
    /// Whether the last of them was killed at all.
    pub is_hit: bool,
    /// Records that it had read by then, as far as it had said.
    pub records_read: u64,
    /// The checkpoint that the next run went on from and the records before it; `None` where it started anew.
    pub resumed: Option<(u64, u64)>,
    /// How much longer both took than the undisturbed run.
    pub lost: Duration,
    /// What is different from the undisturbed run.
    pub difference: Option<String>,
}

impl Kill {
    fn record(&self) -> u64 {
        self.resumed.map_or(0, |(_, records)| records)
    }

    fn read_again(&self) -> u64 {
        self.records_read.saturating_sub(self.record())
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The job's name.
    pub job: String,
    /// What the moments were drawn from.
    pub seed: u64,
    /// How long the undisturbed run took.
    pub undisturbed: Duration,
    /// What came of it.
    pub outputs: Digests,
    /// The kills, in order.
    pub kills: Vec<Kill>,
}

impl Report {
    /// Kills that reached a running process.
    pub fn hits(&self) -> usize {
        self.kills.iter().filter(|kill| kill.is_hit).count()
    }

    /// The kills after which something was different, counted from 1.
    pub fn different(&self) -> Vec<(usize, &str)> {
        let numbered = (1..).zip(&self.kills);
        numbered.filter_map(|(number, kill)| Some((number, kill.difference.as_deref()?))).collect()
    }

    /// What the undisturbed run came to.
    pub fn undisturbed_text(&self) -> String {
        let total = self.outputs.values().map(|output| output.bytes).fold(0, u64::saturating_add);
        let count = counted(self.outputs.len() as u64, "output");
        format!("undisturbed: {}, {count} of {}", duration(self.undisturbed), bytes(total))
    }

    /// The table and the sentence below it.
    pub fn text(&self, width: Option<usize>) -> String {
        let header = ["kill", "after", "checkpoint", "record", "read again", "lost", "identical"];
        let rows: Vec<Vec<Cell>> = (1..).zip(&self.kills).map(row).collect();
        let mut text = table::render(&header.map(str::to_owned), &rows, width);
        if self.is_proven() {
            let hits = counted(self.hits() as u64, "kill");
            text.push_str(&format!(
                "{}: after {hits} all outputs are identical (seed {})\n",
                super::escape(&self.job),
                self.seed
            ));
        }
        text
    }

    /// Whether something was killed, and nothing is different.
    fn is_proven(&self) -> bool {
        self.hits() > 0 && self.different().is_empty()
    }

    /// The same for tools.
    pub fn json(&self) -> Json {
        let outputs = self.outputs.iter().map(|(path, digest)| {
            json!({
                "path": path.to_string_lossy(),
                "bytes": digest.bytes,
                "sha256": digest.sha256,
            })
        });
        let kills = self.kills.iter().map(|kill| {
            json!({
                "after_seconds": kill.after.as_secs_f64(),
                "killed": kill.is_hit,
                "checkpoint": kill.resumed.map(|(checkpoint, _)| checkpoint),
                "record": kill.record(),
                "records_read_again": kill.read_again(),
                "lost_seconds": kill.lost.as_secs_f64(),
                "identical": kill.difference.is_none(),
                "difference": kill.difference,
            })
        });
        json!({
            "job": self.job,
            "seed": self.seed,
            "undisturbed_seconds": self.undisturbed.as_secs_f64(),
            "outputs": outputs.collect::<Vec<_>>(),
            "kills": kills.collect::<Vec<_>>(),
            "identical": self.is_proven(),
        })
    }
}

fn row((number, kill): (u64, &Kill)) -> Vec<Cell> {
    let checkpoint = match (kill.is_hit, kill.resumed) {
        (true, Some((checkpoint, _))) => Cell::Number(checkpoint.to_string()),
        (true, None) => Cell::Text("from the start".to_owned()),
        (false, _) => Cell::Text("was over".to_owned()),
    };
    let number_of = |count: u64| Cell::Number(thousands(count));
    vec![
        Cell::Number(number.to_string()),
        Cell::Number(short(kill.after)),
        checkpoint,
        number_of(kill.record()),
        number_of(kill.read_again()),
        Cell::Number(short(kill.lost)),
        Cell::Text(if kill.difference.is_none() { "yes" } else { "NO" }.to_owned()),
    ]
}

/// Short times with more digits than elsewhere: that is what they are about here.
fn short(span: Duration) -> String {
    match span.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => duration(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::prove::digests::Digest;

    fn report() -> Report {
        let kill = Kill {
            after: Duration::from_millis(4100),
            missed: 0,
            is_hit: true,
            records_read: 1500,
            resumed: Some((4, 1200)),
            lost: Duration::from_millis(300),
            difference: None,
        };
        let unlucky = Kill { resumed: None, is_hit: false, records_read: 0, ..kill.clone() };
        let digest = Digest { bytes: 2048, sha256: "ab".to_owned() };
        Report {
            job: "daily".to_owned(),
            seed: 7,
            undisturbed: Duration::from_millis(12_400),
            outputs: [("0/out.csv".into(), digest)].into(),
            kills: vec![kill, unlucky],
        }
    }

    #[test]
    fn each_kill_has_a_line() {
        assert_eq!(report().undisturbed_text(), "undisturbed: 12.4 s, 1 output of 2.0 KiB");
        assert_eq!(
            report().text(Some(80)),
            concat!(
                "kill  after  checkpoint  record  read again    lost  identical\n",
                "----  -----  ----------  ------  ----------  ------  ---------\n",
                "   1  4.1 s           4   1,200         300  300 ms  yes\n",
                "   2  4.1 s    was over       0           0  300 ms  yes\n",
                "daily: after 1 kill all outputs are identical (seed 7)\n",
            )
        );
    }

    #[test]
    fn a_difference_is_told_and_counts() {
        let mut report = report();
        report.kills[1].difference = Some("`out.csv` is missing".to_owned());
        assert_eq!(report.different(), [(2, "`out.csv` is missing")]);
        assert!(report.text(None).ends_with("NO\n"));
        let json = report.json();
        assert_eq!(
            (&json["identical"], &json["kills"][0]["identical"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(json["kills"][0]["records_read_again"], 300);
    }

    #[test]
    fn where_nothing_was_killed_nothing_is_called_identical() {
        let mut report = report();
        report.kills.remove(0);
        assert!(report.text(None).ends_with("yes\n"));
        assert_eq!(report.json()["identical"], false);
    }
}

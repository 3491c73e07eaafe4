//! What is said at the end of a run.

use super::exit::{Exit, Signal};
use super::messages::escape;
use super::numbers::{bytes, counted, duration, percent, thousands};
use crate::engine::StartMode;
use std::path::PathBuf;
use std::time::Duration;

/// Outputs that are named; the others are counted.
const OUTPUTS_SHOWN: usize = 5;

/// What a run did, those before it included, except where it says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The job's name.
    pub job: String,
    /// Records read.
    pub records_read: u64,
    /// Records written.
    pub records_written: u64,
    /// Records that a step left out.
    pub records_filtered: u64,
    /// Records rejected.
    pub records_rejected: u64,
    /// Checkpoints saved by this run.
    pub checkpoints: u64,
    /// How long this run took.
    pub elapsed: Duration,
    /// Where this run started, unless at the beginning.
    pub resumed: Option<Resumed>,
    /// Of an incremental job, which round this was: the counts are those of the round.
    pub round: Option<Round>,
    /// What the steps have to say of the records.
    pub remarks: Vec<String>,
    /// The outputs of sinks with the records in each; none for standard output.
    pub outputs: Vec<(PathBuf, u64)>,
    /// The file with the rejects, where there is one.
    pub rejects: Option<PathBuf>,
}

/// Where a run went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The checkpoint.
    pub sequence: u64,
    /// Records before it.
    pub records: u64,
}

/// A round of an incremental job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Its number.
    pub number: u64,
    /// Input bytes that were new.
    pub bytes: u64,
}

/// A run that was stopped, and can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The checkpoint that it goes on from; `None` where none was saved.
    pub sequence: Option<u64>,
    /// Records before it.
    pub records: u64,
    /// Input bytes before it.
    pub bytes_done: u64,
    /// Input bytes in all.
    pub bytes_total: u64,
    /// How the run began.
    pub start: StartMode,
}

impl Summary {
    /// How a run that came to its end leaves the process.
    pub fn exit(&self) -> Exit {
        match self.records_rejected {
            0 => Exit::Finished,
            _ => Exit::FinishedWithRejects,
        }
    }

    /// The message of a run that came to its end.
    pub fn text(&self) -> String {
        let mut text = format!(
            "onward: finished `{}` in {}: read {}, wrote {}, filtered {}, rejected {}, {}\n",
            escape(&self.job),
            duration(self.elapsed),
            counted(self.records_read, "record"),
            thousands(self.records_written),
            thousands(self.records_filtered),
            thousands(self.records_rejected),
            counted(self.checkpoints, "checkpoint"),
        );
        if let Some(resumed) = &self.resumed {
            text += &format!(
                "   resumed from checkpoint {} at record {}\n",
                resumed.sequence,
                thousands(resumed.records)
            );
        }
        if let Some(round) = &self.round {
            let (number, count) = (round.number, bytes(round.bytes));
            text += &format!("   round {number}: {count} of input\n");
        }
        for remark in &self.remarks {
            text += &format!("   {}\n", escape(remark));
        }
        let path = |path: &PathBuf| escape(&path.display().to_string());
        if let [(output, _)] = self.outputs.as_slice() {
            text += &format!("   output: {}\n", path(output));
        } else {
            for (output, records) in self.outputs.iter().take(OUTPUTS_SHOWN) {
                let records = counted(*records, "record");
                text += &format!("   output: {} ({records})\n", path(output));
            }
            if let more @ 1.. = self.outputs.len().saturating_sub(OUTPUTS_SHOWN) {
                text += &format!("   and {} more outputs\n", thousands(more as u64));
            }
        }
        if let (1.., Some(rejects)) = (self.records_rejected, &self.rejects) {
            text += &format!("   rejects: {}\n", escape(&rejects.display().to_string()));
        }
        text
    }
}

impl Stopped {
    /// The message of a run that a signal stopped.
    pub fn interrupted(&self, signal: Signal) -> String {
        let word = match signal {
            Signal::Hangup => "hung up",
            Signal::Interrupt => "interrupted",
            Signal::Terminate => "terminated",
        };
        self.text(word)
    }

    /// The message of a run that was stopped, with the word for it.
    pub fn text(&self, word: &str) -> String {
        let again = match self.start {
            StartMode::Resume => "run the same command",
            StartMode::Fresh => "run the same command without `--fresh`",
        };
        match self.sequence {
            Some(sequence) => format!(
                "onward: {word}; checkpoint {sequence} saved at record {} ({} %)\n   \
                 {again} to go on\n",
                thousands(self.records),
                percent(self.bytes_done, self.bytes_total)
            ),
            None => format!(
                "onward: {word} before the first checkpoint\n   \
                 run the same command to start again\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_run_says_what_it_did() {
        let mut summary = Summary {
            job: "daily".to_owned(),
            records_read: 5_000_000,
            records_written: 1,
            elapsed: Duration::from_millis(12_340),
            outputs: vec![("daily.csv".into(), 1)],
            rejects: Some("rejects.jsonl".into()),
            ..Summary::default()
        };
        assert_eq!(
            summary.text(),
            "onward: finished `daily` in 12.3 s: read 5,000,000 records, wrote 1, filtered 0, \
             rejected 0, 0 checkpoints\n   output: daily.csv\n"
        );
        assert_eq!(summary.exit(), Exit::Finished);
        summary.records_rejected = 2;
        summary.checkpoints = 1;
        summary.resumed = Some(Resumed { sequence: 7, records: 2_113_408 });
        assert_eq!(
            summary.text(),
            "onward: finished `daily` in 12.3 s: read 5,000,000 records, wrote 1, filtered 0, \
             rejected 2, 1 checkpoint\n   resumed from checkpoint 7 at record 2,113,408\n   \
             output: daily.csv\n   rejects: rejects.jsonl\n"
        );
        assert_eq!(summary.exit(), Exit::FinishedWithRejects);
    }

    #[test]
    fn a_stopped_run_says_how_to_go_on() {
        let mut stopped = Stopped {
            sequence: Some(9),
            records: 5_000_000,
            bytes_done: 629,
            bytes_total: 1000,
            start: StartMode::Resume,
        };
        assert_eq!(
            stopped.interrupted(Signal::Interrupt),
            "onward: interrupted; checkpoint 9 saved at record 5,000,000 (62 %)\n   \
             run the same command to go on\n"
        );
        stopped.start = StartMode::Fresh;
        assert_eq!(
            stopped.text("stopped after 2h"),
            "onward: stopped after 2h; checkpoint 9 saved at record 5,000,000 (62 %)\n   \
             run the same command without `--fresh` to go on\n"
        );
        stopped.sequence = None;
        assert_eq!(
            stopped.interrupted(Signal::Terminate),
            "onward: terminated before the first checkpoint\n   \
             run the same command to start again\n"
        );
    }
}

//! A job that does the same with the same inputs, and writes everything elsewhere.
//!
//! What the effective job says stays as it is written, so that nothing but the paths is another.

use super::Job;
use crate::checkpoint::settings::RequireCopies;
use crate::error::{Error, Result};
use crate::sink::settings::Target;
use std::path::{Path, PathBuf};

/// The folder of the checkpoints below the one that a job is redirected to.
const CHECKPOINTS: &str = "checkpoints";

/// The folder of the outputs.
const OUTPUTS: &str = "outputs";

impl Job {
    /// The same job with its outputs, rejects and checkpoints below a folder, and without copies.
    ///
    /// # Errors
    /// Where an output is no file, or its path would lead out of the folder.
    pub fn redirected(&self, folder: &Path) -> Result<Job> {
        let mut job = self.clone();
        let outputs = folder.join(OUTPUTS);
        for (index, sink) in job.sinks.iter_mut().enumerate() {
            let home = outputs.join(index.to_string());
            match &mut sink.target {
                Target::File(path) => *path = moved(path, &home),
                Target::Partitions(partitions) => {
                    let moved = partitions.path.moved_to(&home);
                    partitions.path = moved.ok_or_else(|| climbs(&partitions.path.as_written()))?;
                }
                Target::Stdout => return Err(no_file()),
            }
        }
        if let Some(path) = &mut job.rejects.path {
            *path = moved(path, &outputs.join("rejects"));
        }
        job.checkpoint.directory = folder.join(CHECKPOINTS);
        job.checkpoint.copies = Vec::new();
        job.checkpoint.require_copies = RequireCopies::No;
        Ok(job)
    }

    /// The folders that must be there before a redirected job starts: that of all outputs first.
    pub fn redirected_folders(&self, folder: &Path) -> Vec<PathBuf> {
        let outputs = folder.join(OUTPUTS);
        let mut folders = vec![outputs.clone()];
        folders.extend((0..self.sinks.len()).map(|index| outputs.join(index.to_string())));
        folders.extend(self.rejects.path.as_ref().map(|_| outputs.join("rejects")));
        folders
    }
}

fn moved(path: &Path, folder: &Path) -> PathBuf {
    folder.join(path.file_name().unwrap_or_default())
}

fn no_file() -> Error {
    Error::usage("an output that goes to `-` cannot be compared")
        .with_hint("name a file for it: `--set sink.path=out.csv`")
}

fn climbs(path: &Path) -> Error {
    let path = path.display();
    Error::usage(format!("the path `{path}` leads back up behind a placeholder"))
        .with_hint("write it without `..` behind the first placeholder")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::load;

    const JOB: &str = r#"
[source]
path = "in.csv"

[[sink]]
name = "one"
path = "/far/away/out.csv"

[[sink]]
name = "many"
path = "days/{day}/{key}.csv"
partition_by = ["day", "key"]

[rejects]
path = "../bad.jsonl"
limit = 5

[checkpoint]
copies = ["/mnt/copies"]
require_copies = true
"#;

    fn job(text: &str) -> Job {
        load(text, Path::new("jobs/daily.toml"), &|_| None, &[]).expect("a valid job")
    }

    #[test]
    fn everything_that_is_written_is_below_the_folder_and_the_job_is_as_it_was() {
        let job = job(JOB);
        let redirected = job.redirected(Path::new("s")).expect("redirected");
        let targets: Vec<PathBuf> = redirected
            .sinks
            .iter()
            .map(|sink| match &sink.target {
                Target::File(path) => path.clone(),
                Target::Partitions(partitions) => partitions.path.as_written(),
                Target::Stdout => PathBuf::new(),
            })
            .collect();
        let expected = ["s/outputs/0/out.csv", "s/outputs/1/{day}/{key}.csv"];
        assert_eq!(targets, expected.map(PathBuf::from));
        assert_eq!(redirected.rejects.path, Some("s/outputs/rejects/bad.jsonl".into()));
        assert_eq!(redirected.checkpoint.directory, Path::new("s/checkpoints"));
        assert_eq!(redirected.checkpoint.copies, Vec::<PathBuf>::new());
        assert_eq!(redirected.checkpoint.require_copies, RequireCopies::No);
        assert_eq!((redirected.effective, redirected.source), (job.effective, job.source));
    }

    #[test]
    fn what_is_no_file_or_leads_elsewhere_is_refused() {
        let check = |sink: &str, said: &str| {
            let text = format!("[source]\npath = \"in.csv\"\n[sink]\n{sink}\n");
            let refused = job(&text).redirected(Path::new("s")).expect_err("refused");
            assert!(refused.message.contains(said), "{refused}");
        };
        check("path = \"-\"\nformat = \"csv\"", "cannot be compared");
        check("path = \"a/{day}/../../../x.csv\"\npartition_by = [\"day\"]", "leads back up");
    }
}

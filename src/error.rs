//! What failed, where, why, and what to type next.
//!
//! Every failure of the crate is an [`Error`]: a sentence, its causes, a hint, and a [`Kind`] that decides the
//! exit code. Problems of a job file are [`Diagnostic`]s: all of them are collected and reported at once.
//! How they look on a terminal is decided in `cli/messages.rs`.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;

/// The result of everything that can fail for a reason the user should read.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, told in one sentence, with its cause and a hint.
#[derive(Debug)]
pub struct Error {
    /// Decides the exit code and what the caller does.
    pub kind: Kind,
    /// What failed, in lower case and without a final period.
    pub message: String,
    /// What to type or change next.
    pub hint: Option<String>,
    /// The chain of causes below `message`.
    pub cause: Option<anyhow::Error>,
    /// The problems of the job file, where that is what failed; `message` only sums them up.
    pub problems: Vec<Diagnostic>,
}

/// What the caller has to do about a failure; one variant per exit code or branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A failed file operation, or something that cannot be done (exit code 1).
    Failed,
    /// A bug: nothing that is in memory can be trusted any more (exit code 1).
    Internal,
    /// The command line or the job file is wrong; nothing was touched (exit code 2).
    Usage,
    /// An input is not there: a mistake of the job (exit code 2), or, once it was begun, a change (exit code 5).
    NoInput,
    /// Too many records were rejected (exit code 4).
    RejectLimit,
    /// The checkpoint, the inputs and the job do not belong together (exit code 5).
    Refused,
    /// Another run holds the lock (exit code 6).
    Locked,
    /// A state may not grow further (exit code 75).
    StateLimit,
    /// No room left: the same command goes on later (exit code 75).
    StoppedEarly,
}

/// One problem of a job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in lower case and without a final period.
    pub message: String,
    /// The bytes of the job file that are meant; `None` when the problem has no place (a missing table).
    pub place: Option<Range<usize>>,
    /// A word beside the caret; empty for none.
    pub label: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A piece of SQL from the job file that still knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    /// The expression as TOML understands it.
    pub text: String,
    /// For every byte of `text` (and one past the end) its byte offset in the job file.
    pub offsets: Vec<usize>,
}

impl Error {
    /// A failure of the given kind, without cause and hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hint: None, cause: None, problems: Vec::new() }
    }

    /// A plain failure (exit code 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Error::new(Kind::Failed, message)
    }

    /// A wrong command line or job file (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Kind::Usage, message)
    }

    /// Problems of the job file (exit code 2).
    pub fn job_file(problems: Vec<Diagnostic>) -> Self {
        let message = match problems.len() {
            1 => "the job file has a problem".to_owned(),
            count => format!("the job file has {count} problems"),
        };
        Error { problems, ..Error::usage(message) }
    }

    /// A bug (exit code 1); no checkpoint is taken any more.
    pub fn internal(message: impl fmt::Display) -> Self {
        Error::new(Kind::Internal, format!("internal error: {message}"))
            .with_hint("this is a bug in onward; the last checkpoint is intact")
    }

    /// A refusal to resume (exit code 5).
    pub fn refused(message: impl Into<String>) -> Self {
        Error::new(Kind::Refused, message)
    }

    /// A failed file operation: "cannot `<verb>` `<path>`". A full disk, quota or file size limit
    /// becomes [`Kind::StoppedEarly`], everything else [`Kind::Failed`].
    pub fn io(verb: &str, path: &Path, cause: io::Error) -> Self {
        let kind = if is_out_of_room(&cause) { Kind::StoppedEarly } else { Kind::Failed };
        let message = format!("cannot {verb} `{}`", path.display());
        Error { cause: Some(cause.into()), ..Error::new(kind, message) }
    }

    /// The same failure with something to type.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with what lies below it.
    pub fn with_cause(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// Whether an operation failed because there is no room: the run can go on once there is.
pub fn is_out_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause:#}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl Diagnostic {
    /// A problem at some bytes of the job file.
    pub fn at(place: Range<usize>, message: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), place: Some(place), label: String::new(), hint: None }
    }

    /// The same problem with a word beside its caret.
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same problem with something to write instead.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Sql {
    /// SQL that stands nowhere (made by the program itself, or in a test): offsets count from 0.
    pub fn unplaced(text: impl Into<String>) -> Self {
        let text = text.into();
        let offsets = (0..=text.len()).collect();
        Sql { text, offsets }
    }

    /// Where bytes of the text stand in the job file.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        let last = self.offsets.last().copied().unwrap_or(0);
        let at = |index: usize| self.offsets.get(index).copied().unwrap_or(last);
        at(range.start)..at(range.end).max(at(range.start))
    }

    /// Where the whole text stands in the job file.
    pub fn whole(&self) -> Range<usize> {
        self.place(0..self.text.len())
    }
}
